//! The same scrape as OpenMetrics 1.0, for those who ask for it. It differs from Prometheus' own format in three things:
//! a counter's family is named without `_total`, bounds of buckets are written as floating-point numbers, and there is an
//! end.

use super::super::definitions::DEFINITIONS;

/// A scrape in Prometheus' text format as OpenMetrics.
pub(crate) fn from_prometheus(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + END.len());
    for line in text.lines() {
        match line.strip_prefix("# ") {
            Some(comment) => family(&mut out, comment),
            None => sample(&mut out, line),
        }
        out.push('\n');
    }
    out.push_str(END);
    out
}

const END: &str = "# EOF\n";

/// A `HELP` or `TYPE` line, without its `# `.
fn family(out: &mut String, comment: &str) {
    let mut words = comment.splitn(3, ' ');
    let (what, name, rest) = (words.next(), words.next(), words.next());
    let (what, name, rest) = (what.unwrap_or_default(), name.unwrap_or_default(), rest.unwrap_or_default());
    let is_counter = DEFINITIONS.iter().any(|definition| definition.0 == name && definition.1 == "counter");
    let name = if is_counter { name.strip_suffix("_total").unwrap_or(name) } else { name };
    for part in ["# ", what, " ", name, " ", rest] {
        out.push_str(part);
    }
}

fn sample(out: &mut String, line: &str) {
    // The bound is a bucket's last label, and no value has a quotation mark.
    let bound = line.rsplit_once("le=\"").and_then(|(before, after)| Some((before, after.split_once('"')?)));
    match bound {
        Some((before, (bound, after))) if bound.bytes().all(|byte| byte.is_ascii_digit()) && after.starts_with('}') => {
            for part in [before, "le=\"", bound, ".0\"", after] {
                out.push_str(part);
            }
        }
        _ => out.push_str(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_bounds_and_the_end_are_those_of_openmetrics() {
        let text = "# HELP weir_connections_total Client connections accepted\n\
            # TYPE weir_connections_total counter\n\
            weir_connections_total{listener=\"h\"} 2\n\
            # TYPE weir_request_seconds histogram\n\
            weir_request_seconds_bucket{site=\"le=\\\"1\\\"\",le=\"1\"} 4\n\
            weir_request_seconds_bucket{site=\"a\",le=\"0.5\"} 4\n\
            weir_request_seconds_bucket{site=\"a\",le=\"+Inf\"} 5\n\
            weir_requests_total{site=\"le=\"} 5\n";
        let wanted = "# HELP weir_connections Client connections accepted\n\
            # TYPE weir_connections counter\n\
            weir_connections_total{listener=\"h\"} 2\n\
            # TYPE weir_request_seconds histogram\n\
            weir_request_seconds_bucket{site=\"le=\\\"1\\\"\",le=\"1.0\"} 4\n\
            weir_request_seconds_bucket{site=\"a\",le=\"0.5\"} 4\n\
            weir_request_seconds_bucket{site=\"a\",le=\"+Inf\"} 5\n\
            weir_requests_total{site=\"le=\"} 5\n\
            # EOF\n";
        assert_eq!(from_prometheus(text), wanted);
    }

    #[test]
    fn help_texts_need_no_escapes() {
        assert!(DEFINITIONS.iter().all(|definition| !definition.3.contains(['"', '\\', '\n'])));
    }
}
