//! What the process before this one counted, where this one took its clients over. Its counters go on in every scrape, so that no
//! rate and no total has a gap.

use std::collections::HashMap;
use std::fmt::Write;

/// The counters and histograms of a scrape in Prometheus' text format, by family.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    families: Vec<Family>,
}

#[derive(Debug, Default)]
struct Family {
    name: String,
    /// Its lines HELP and TYPE.
    head: String,
    /// Each series with its labels, and its value, in the order of the scrape.
    series: Vec<(String, f64)>,
}

impl Earlier {
    /// What `scrape` counted. Gauges say how things are, so those of an earlier process say nothing, and what is counted of the
    /// process itself (`process_`) begins anew with each.
    pub(crate) fn read(scrape: &str) -> Self {
        let mut families = families(scrape);
        families.retain(|family| !family.head.ends_with(" gauge\n") && !family.name.starts_with("process_"));
        Self { families }
    }

    /// A scrape with all of that added.
    pub(crate) fn add_to(&self, scrape: &str) -> String {
        let mut now = families(scrape);
        for earlier in &self.families {
            match now.iter_mut().find(|family| family.name == earlier.name) {
                Some(family) => family.add(earlier),
                None => now.push(Family {
                    name: earlier.name.clone(),
                    head: earlier.head.clone(),
                    series: earlier.series.clone(),
                }),
            }
        }
        let mut out = String::with_capacity(scrape.len() * 2);
        for Family { head, series, .. } in &now {
            out.push_str(head);
            // Writing into a string cannot fail.
            series.iter().for_each(|(labels, value)| _ = writeln!(out, "{labels} {value}"));
        }
        out
    }
}

impl Family {
    fn add(&mut self, earlier: &Self) {
        let places: HashMap<&str, usize> =
            self.series.iter().enumerate().map(|(place, (labels, _))| (labels.as_str(), place)).collect();
        let known: Vec<_> = earlier.series.iter().map(|(labels, _)| places.get(labels.as_str()).copied()).collect();
        for ((labels, value), place) in earlier.series.iter().zip(known) {
            match place.and_then(|place| self.series.get_mut(place)) {
                Some((_, now)) => *now += value,
                None => self.series.push((labels.clone(), *value)),
            }
        }
    }
}

fn families(scrape: &str) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for line in scrape.lines() {
        let comment = line.strip_prefix("# ").and_then(|comment| comment.split(' ').nth(1));
        if let Some(name) = comment
            && families.last().is_none_or(|family| family.name != name)
        {
            families.push(Family { name: name.to_owned(), ..Family::default() });
        }
        let Some(family) = families.last_mut() else { continue };
        match (comment, line.rsplit_once(' ')) {
            (Some(_), _) => {
                family.head.push_str(line);
                family.head.push('\n');
            }
            (None, Some((labels, value))) => {
                family.series.push((labels.to_owned(), value.parse().unwrap_or_default()));
            }
            (None, None) => {}
        }
    }
    families
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_histograms_go_on_and_gauges_do_not() {
        let before = "# HELP a_total A\n# TYPE a_total counter\na_total{site=\"x y\"} 7\na_total{site=\"gone\"} 2\n\
            # HELP g G\n# TYPE g gauge\ng 5\n\
            # HELP h H\n# TYPE h histogram\nh_bucket{le=\"0.5\"} 1\nh_bucket{le=\"+Inf\"} 3\nh_sum 1.5\nh_count 3\n\
            # HELP old_total O\n# TYPE old_total counter\nold_total 1\n\
            # HELP process_cpu_seconds_total C\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 9\n";
        let now = "# HELP a_total A\n# TYPE a_total counter\na_total{site=\"new\"} 1\na_total{site=\"x y\"} 1\n\
            # HELP g G\n# TYPE g gauge\ng 6\n\
            # HELP h H\n# TYPE h histogram\nh_bucket{le=\"0.5\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 0.25\nh_count 1\n\
            # HELP process_cpu_seconds_total C\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 1\n";
        let both = "# HELP a_total A\n# TYPE a_total counter\na_total{site=\"new\"} 1\na_total{site=\"x y\"} 8\na_total{site=\"gone\"} 2\n\
            # HELP g G\n# TYPE g gauge\ng 6\n\
            # HELP h H\n# TYPE h histogram\nh_bucket{le=\"0.5\"} 2\nh_bucket{le=\"+Inf\"} 4\nh_sum 1.75\nh_count 4\n\
            # HELP process_cpu_seconds_total C\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 1\n\
            # HELP old_total O\n# TYPE old_total counter\nold_total 1\n";
        let earlier = Earlier::read(before);
        assert_eq!(earlier.add_to(now), both);
        assert_eq!(Earlier::read(&earlier.add_to(now)).add_to(""), Earlier::read(both).add_to(""), "a third process");
        assert_eq!(Earlier::default().add_to(now), now);
        Earlier::read("no # scrape\n\n# \n# x").add_to("nor\nthis");
    }
}
