//! A query in Prometheus' language, as far as names go: which series it asks for, by which labels.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use weir::observe::metrics::DEFINITIONS;

/// What Prometheus adds to each series.
const ADDED: [&str; 2] = ["instance", "job"];

/// The series there are, with their labels.
pub(super) struct Known(BTreeMap<String, BTreeSet<String>>);

impl Known {
    /// Weir's own, but for those that go with the next release.
    pub(super) fn metrics() -> Self {
        let mut known = Self(BTreeMap::new());
        known.add("up", []);
        for (name, kind, labels, meaning) in DEFINITIONS {
            let labels = labels.split(',').filter(|label| !label.is_empty());
            if meaning.contains("older name of") {
                continue;
            } else if *kind == "histogram" {
                known.add(&format!("{name}_bucket"), labels.clone().chain(["le"]));
                known.add(&format!("{name}_sum"), labels.clone());
                known.add(&format!("{name}_count"), labels);
            } else {
                known.add(name, labels);
            }
        }
        known
    }

    /// What a rule records has the labels that it groups by.
    pub(super) fn add_recorded<'l>(&mut self, name: &str, labels: impl IntoIterator<Item = &'l str>) {
        self.add(name, labels);
    }

    fn add<'l>(&mut self, name: &str, labels: impl IntoIterator<Item = &'l str>) {
        let labels = labels.into_iter().chain(ADDED).map(str::to_owned).collect();
        self.0.insert(name.to_owned(), labels);
    }
}

/// The names in a query.
pub(super) struct Query {
    /// Each series with the labels it is chosen by.
    series: Vec<(String, Vec<String>)>,
    /// What stands in brackets after `by` or `on`.
    grouped_by: BTreeSet<String>,
}

impl Query {
    pub(super) fn read(expr: &str) -> Self {
        let bare = pattern(r#""[^"]*""#).replace_all(expr, "''").into_owned();
        let groups = pattern(r"(?-u:\b)(by|on|group_right|group_left) *\(([^)]*)\)");
        let grouped_by = groups.captures_iter(&bare).flat_map(|group| words(&group[2])).collect();
        let bare = groups.replace_all(&bare, "").into_owned();
        let names = pattern(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^}]*\})?( *\()?");
        let series = names.captures_iter(&bare).filter(|found| found.get(3).is_none() && !is_word(&found[1]));
        let series =
            series.map(|found| (found[1].to_owned(), chosen_by(found.get(2).map_or("", |found| found.as_str()))));
        Self { series: series.collect(), grouped_by }
    }

    /// What is asked for and is not there.
    pub(super) fn faults(&self, known: &Known) -> Vec<String> {
        let mut faults = Vec::new();
        if self.series.is_empty() {
            faults.push("it asks for no series".to_owned());
        }
        for (name, labels) in &self.series {
            match known.0.get(name) {
                None => faults.push(format!("there is no {name}")),
                Some(has) => {
                    let lacks = labels.iter().chain(&self.grouped_by).filter(|label| !has.contains(*label));
                    faults.extend(lacks.map(|label| format!("{name} has no label {label}")));
                }
            }
        }
        faults
    }

    pub(super) fn grouped_by(&self) -> impl Iterator<Item = &str> {
        self.grouped_by.iter().map(String::as_str)
    }

    /// Labels that a legend shows and the answer does not have. A query that groups nothing is taken to keep the instance.
    pub(super) fn labels_in(&self, legend: &str) -> Vec<String> {
        let variables = pattern(r"\{\{([a-z_]+)\}\}");
        let shown = variables.captures_iter(legend).map(|label| label[1].to_owned());
        let lacks = shown.filter(|label| !self.grouped_by.contains(label) && !ADDED.contains(&label.as_str()));
        lacks.map(|label| format!("the legend shows {label}, by which nothing is grouped")).collect()
    }
}

/// What is wrong with the query of a variable: `label_values(series, label)`.
pub(super) fn fault_of_variable(query: &str, known: &Known) -> Option<String> {
    let form = pattern(r"^label_values\((.*), ([a-z_]+)\)$");
    let Some(parts) = form.captures(query) else { return Some(format!("{query} is not label_values(series, label)")) };
    let mut asked = Query::read(&parts[1]);
    asked.grouped_by.insert(parts[2].to_owned());
    asked.faults(known).pop()
}

/// Whether it is a word of the language.
fn is_word(word: &str) -> bool {
    // The `d`, `m` and `s` of durations follow a digit; `__rate_interval` and the like are Grafana's.
    ["and", "or", "unless", "bool", "offset"].contains(&word) || word.len() == 1 || word.starts_with("__")
}

fn chosen_by(selector: &str) -> Vec<String> {
    pattern(r"([a-z_]+) *(=~|!~|!=|=)").captures_iter(selector).map(|label| label[1].to_owned()).collect()
}

fn words(list: &str) -> Vec<String> {
    list.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

#[test]
fn what_is_not_there_is_found() {
    let known = Known::metrics();
    for (expr, fault) in [
        ("sum by (site) (rate(weir_requests_total[5m])) > 0", None),
        ("weir_requests_total{site=~\"weir_x\", code!=\"2\"} and up == 1", None),
        ("histogram_quantile(0.9, sum by (le) (rate(weir_request_seconds_bucket[$__rate_interval])))", None),
        ("sum(weir_request_total)", Some("there is no weir_request_total")),
        ("weir_request_seconds", Some("there is no weir_request_seconds")),
        ("weir_threads", Some("there is no weir_threads")),
        ("sum by (le) (weir_sessions)", Some("weir_sessions has no label le")),
        ("weir_sessions{site=\"a\"}", Some("weir_sessions has no label site")),
        ("site:weir_requests:rate5m", Some("there is no site:weir_requests:rate5m")),
        ("vector(0)", Some("it asks for no series")),
    ] {
        assert_eq!(Query::read(expr).faults(&known).first().map(String::as_str), fault, "{expr}");
    }
}
