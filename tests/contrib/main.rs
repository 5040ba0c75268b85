//! Rules and dashboard in contrib/ ask only for metrics that Weir has, by labels that they have, and the documents name each
//! alert. What Prometheus itself makes of them is in the script beside this file, for `make acceptance`.
#![allow(clippy::unwrap_used)] // clippy knows tests by their attribute, not what they call

mod query;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use query::{Known, Query};
use rules::Rule;

const RULES: &str = "contrib/prometheus/weir.rules.yml";
const RULE_TESTS: &str = "contrib/prometheus/weir.rules.test.yml";
const DASHBOARD: &str = "contrib/grafana/weir.json";

#[test]
fn every_rule_asks_for_metrics_and_labels_that_are_there() {
    let rules = rules();
    let mut known = Known::metrics();
    let mut faults = Vec::new();
    for rule in &rules {
        let query = Query::read(&rule.expr);
        faults.extend(query.faults(&known).into_iter().map(|fault| format!("{}: {fault}", rule.name)));
        if !rule.is_alert() {
            known.add_recorded(&rule.name, query.grouped_by());
        }
    }
    report(faults);
}

#[test]
fn every_query_of_the_dashboard_asks_for_metrics_and_labels_that_are_there() {
    let dashboard = dashboard();
    let known = Known::metrics();
    let mut faults = Vec::new();
    for panel in panels(&dashboard) {
        let title = &panel["title"];
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = Query::read(text(&target["expr"]));
            let labels = query.labels_in(text(&target["legendFormat"]));
            faults.extend(query.faults(&known).into_iter().chain(labels).map(|fault| format!("{title}: {fault}")));
        }
    }
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    for variable in variables.iter().filter(|variable| variable["type"] == "query") {
        let fault = query::fault_of_variable(text(&variable["query"]["query"]), &known);
        faults.extend(fault.map(|fault| format!("variable {}: {fault}", variable["name"])));
    }
    report(faults);
}

#[test]
fn every_panel_has_an_id_of_its_own_a_unit_and_a_description() {
    let dashboard = dashboard();
    let mut ids = BTreeSet::new();
    let mut faults = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = &panel["title"];
        if !ids.insert(panel["id"].as_u64().unwrap()) {
            faults.push(format!("{title}: its id is another panel's"));
        }
        if panel["type"] == "row" {
            continue;
        }
        if panel["datasource"]["uid"] != "${datasource}" {
            faults.push(format!("{title}: its data source is not the variable"));
        }
        if text(&panel["fieldConfig"]["defaults"]["unit"]).is_empty() || text(&panel["description"]).is_empty() {
            faults.push(format!("{title}: no unit, or no description"));
        }
        if panel["targets"].as_array().is_none_or(Vec::is_empty) {
            faults.push(format!("{title}: no query"));
        }
    }
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let variables: Vec<_> = variables.iter().map(|variable| text(&variable["name"])).collect();
    assert_eq!(variables, ["datasource", "instance", "site", "pool"]);
    report(faults);
}

/// And no others, each with its severity and with what to do; the rule names the place, and promtool tries the rule.
#[test]
fn the_documents_have_every_alert() {
    let page = file("docs/alerts.md");
    let parts = page.split("\n## ").skip(1).filter_map(|part| part.split_once("\n\n**"));
    let documented: BTreeMap<_, _> =
        parts.map(|(name, rest)| (name.to_owned(), rest.split("**").next().unwrap_or_default().to_owned())).collect();
    let rules: Vec<_> = rules().into_iter().filter(Rule::is_alert).collect();
    let alerts: BTreeMap<_, _> = rules.iter().map(|rule| (rule.name.clone(), rule.severity.clone())).collect();
    assert_eq!(documented, alerts, "docs/alerts.md on the left, {RULES} on the right");
    let tests = file(RULE_TESTS);
    let tried = |name: &String| tests.contains(&format!("alertname: {name}\n        exp_alerts:\n"));
    report(alerts.keys().filter(|name| !tried(name)).map(|name| format!("{RULE_TESTS} never raises {name}")).collect());
    let place = |rule: &Rule| format!("/usr/share/doc/weir/alerts.md#{}", rule.name.to_lowercase());
    let lost = rules.iter().filter(|rule| rule.runbook != place(rule));
    report(
        lost.map(|rule| format!("{}: its runbook is \"{}\", not {}", rule.name, rule.runbook, place(rule))).collect(),
    );
}

fn rules() -> Vec<Rule> {
    let rules = Rule::all(&file(RULES));
    assert!(rules.len() > 15, "{} rules read", rules.len());
    rules
}

fn dashboard() -> Value {
    serde_json::from_str(&file(DASHBOARD)).unwrap()
}

/// Those with queries, and what marks reloads in all of them.
fn panels(dashboard: &Value) -> Vec<Value> {
    let panels = dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row").cloned();
    let marks = dashboard["annotations"]["list"].as_array().unwrap().iter().filter(|mark| mark["expr"].is_string());
    let marks = marks.map(|mark| {
        let target = serde_json::json!({ "expr": mark["expr"], "legendFormat": mark["textFormat"] });
        serde_json::json!({ "title": mark["name"], "targets": [target] })
    });
    panels.chain(marks).collect()
}

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn report(faults: Vec<String>) {
    assert!(faults.is_empty(), "{} fault(s):\n  {}", faults.len(), faults.join("\n  "));
}
