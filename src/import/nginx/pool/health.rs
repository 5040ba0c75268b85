//! `health_check` of NGINX Plus, and the `match` that it names: `[pool.health]` with one probe.

use std::collections::BTreeMap;

use super::target::Target;
use crate::config::rules;
use crate::import::nginx::class::Class::{Changed, Refused, Same};
use crate::import::nginx::numbers;
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::values;

type Pairs = Vec<(String, String)>;

/// The table `health`. Nothing, with a verdict, where Weir cannot probe so.
pub(super) fn read(
    one: &Directive,
    target: &Target<'_>,
    matches: &BTreeMap<&str, &Directive>,
    verdicts: &Verdicts,
) -> Option<String> {
    let kind = if target.tls { "\"https\"" } else { "\"http\"" };
    let mut probe: Pairs = vec![("kind".to_owned(), kind.to_owned())];
    let (mut interval, mut rise, mut fall) = ("\"5s\"".to_owned(), "1".to_owned(), "1".to_owned());
    let mut mandatory = false;
    let count =
        |value: &str, key| numbers::number(value, ("pool.health", key), one, verdicts).filter(|_| !is_zero(value));
    for word in &one.words {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let taken = match name {
            "interval" => values::time(value).map(|time| interval = time),
            "passes" => count(value, "rise").map(|number| rise = number),
            "fails" => count(value, "fall").map(|number| fall = number),
            "uri" => path(value).map(|path| values::put(&mut probe, "path", Some(path))),
            "port" => port(value).map(|port| values::put(&mut probe, "port", Some(port))),
            "match" => match matches.get(value) {
                Some(block) => {
                    let asked = conditions(block, verdicts)?;
                    // The last match counts, with all that it says.
                    ["status", "contains"].into_iter().for_each(|key| values::put(&mut probe, key, None));
                    probe.extend(asked);
                    Some(())
                }
                None => {
                    verdicts.say(one, Refused, "pool.health", format!("no match has the name {value}"));
                    return None;
                }
            },
            "mandatory" => {
                mandatory = true;
                Some(())
            }
            "persistent" | "keepalive_time" => Some(()),
            "jitter" => {
                verdicts.say(one, Changed, "pool.health", "jitter: rounds vary by a tenth of the interval");
                Some(())
            }
            _ => {
                verdicts.missing(one, format!("{word}: probes are http, https, tls or tcp"));
                return None;
            }
        };
        if taken.is_none() {
            verdicts.say(one, Refused, "pool.health", format!("{word} is no value of {name}"));
            return None;
        }
    }
    let note = "a probe has 2 s, and one that takes longer does not count while the node answers requests; a node's port-offset is added to the port";
    verdicts.say(one, Changed, "pool.health", note);
    let mut pairs = vec![("interval".to_owned(), interval), ("rise".to_owned(), rise), ("fall".to_owned(), fall)];
    if mandatory {
        pairs.push(("mandatory".to_owned(), "true".to_owned()));
    }
    pairs.push(("probes".to_owned(), format!("[{}]", values::inline(&probe))));
    Some(values::inline(&pairs))
}

fn is_zero(value: &str) -> bool {
    values::number(value) == Some(0)
}

fn path(value: &str) -> Option<String> {
    (rules::is_path(value) && !value.contains(['$', '\\'])).then(|| values::text(value))
}

fn port(value: &str) -> Option<String> {
    value.parse::<u16>().ok().filter(|port| *port > 0).map(|port| port.to_string())
}

/// What an answer must be. Nothing, with a verdict, where the block asks for something else.
fn conditions(block: &Directive, verdicts: &Verdicts) -> Option<Pairs> {
    let mut pairs = Pairs::new();
    for line in block.values() {
        let words: Vec<&str> = line.words.iter().map(String::as_str).collect();
        let pair = match (line.name.as_str(), words.as_slice()) {
            ("status", codes) if !codes.is_empty() && codes.iter().all(|code| is_status(code)) => {
                ("status", values::text(&codes.join(",")))
            }
            ("body", ["~", text]) if is_plain(text) => ("contains", values::text(text)),
            _ => {
                let note =
                    format!("{} {}: a probe looks at the status, and for a text in the body", line.name, line.said());
                verdicts.missing(block, note);
                return None;
            }
        };
        if pairs.iter().any(|(key, _)| key == pair.0) {
            verdicts.missing(block, format!("{} is written twice: a probe has one", line.name));
            return None;
        }
        pairs.push((pair.0.to_owned(), pair.1));
    }
    verdicts.say(block, Same, "pool.health.probes", "");
    Some(pairs)
}

fn is_status(code: &str) -> bool {
    rules::are_statuses(code) && !code.contains([',', ' '])
}

/// A regular expression that is a text.
fn is_plain(text: &str) -> bool {
    (1..=1000).contains(&text.len()) && regex::escape(text) == text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_texts_that_a_probe_can_ask_for() {
        for (code, fits) in
            [("200", true), ("200-399", true), ("!", false), ("399-200", false), ("99", false), ("x", false)]
        {
            assert_eq!(is_status(code), fits, "{code}");
        }
        for (text, fits) in [("Welcome to WSO2", true), ("a.*b", false), ("", false)] {
            assert_eq!(is_plain(text), fits, "{text}");
        }
    }
}
