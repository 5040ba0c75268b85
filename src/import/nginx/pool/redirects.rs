//! `proxy_redirect`: pairs of texts. `$host`, `$scheme` and the like are those of the server around, where it says them.

use crate::config::rules;
use crate::import::nginx::class::Class::{Changed, Same};
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;
use crate::import::nginx::values;

/// The value of `redirects`, where the place says something of them.
pub(super) fn read(scope: &Scope<'_>, verdicts: &Verdicts) -> Option<String> {
    let (mut pairs, mut off) = (Vec::new(), false);
    for one in scope.all("proxy_redirect") {
        match one.words.as_slice() {
            [only] if only == "default" => {
                verdicts.say(one, Same, "", "Location of a node leads to the site that has the node");
            }
            [only] if only == "off" => {
                off = true;
                verdicts.same(one, "redirects = \"off\"");
            }
            [from, to] => pairs.extend(pair(one, from, to, scope, verdicts)),
            _ => verdicts.missing(one, LACKS),
        }
    }
    match (off, pairs.is_empty()) {
        (true, _) => Some("\"off\"".to_owned()),
        (false, true) => None,
        (false, false) => {
            let all: Vec<String> = pairs.iter().map(|(from, to)| written(from, to)).collect();
            Some(format!("[{}]", all.join(", ")))
        }
    }
}

const LACKS: &str =
    "pairs of fixed texts alone: no regular expressions, and no variables but $scheme and the server's name";

fn written(from: &str, to: &str) -> String {
    values::inline(&[("from".to_owned(), values::text(from)), ("to".to_owned(), values::text(to))])
}

/// The pairs that a line comes to, one for each name of the server where it has none of its own.
fn pair(one: &Directive, from: &str, to: &str, scope: &Scope<'_>, verdicts: &Verdicts) -> Vec<(String, String)> {
    if is_plain(from) && is_plain(to) {
        verdicts.same(one, "redirects");
        return vec![(from.to_owned(), to.to_owned())];
    }
    let pairs: Option<Vec<_>> =
        of_each_name(from, to, scope).into_iter().map(|(from, to)| fits(&from, &to).then_some((from, to))).collect();
    match pairs.filter(|pairs| !pairs.is_empty()) {
        Some(mut pairs) => {
            pairs.retain(|(from, to)| from != to);
            verdicts.say(one, Changed, "redirects", "for the names of the server");
            pairs
        }
        None => {
            verdicts.missing(one, LACKS);
            Vec::new()
        }
    }
}

fn fits(from: &str, to: &str) -> bool {
    is_plain(from) && is_plain(to)
}

/// `http://` and `https://` alone are those of each name, and so are `http://$host/` and `https://$host/`.
fn of_each_name(from: &str, to: &str, scope: &Scope<'_>) -> Vec<(String, String)> {
    let scheme = if scope.speaks_tls() == Some(true) { "https" } else { "http" };
    let bare = |text: &str| matches!(text, "http://" | "https://");
    let [from, to] = [from, to]
        .map(|text| if scope.speaks_tls().is_some() { text.replace("$scheme", scheme) } else { text.to_owned() });
    let both = bare(&from) && bare(&to);
    let named = |text: &str, name: &str| match both {
        true => format!("{text}{name}/"),
        false => HOSTS.iter().fold(text.to_owned(), |text, variable| text.replace(variable, name)),
    };
    scope.names().into_iter().map(|name| (named(&from, name), named(&to, name))).collect()
}

/// Longer names come first.
const HOSTS: [&str; 3] = ["$http_host", "$server_name", "$host"];

/// A URL or path, without anything that nginx would replace.
fn is_plain(text: &str) -> bool {
    rules::is_beginning(text) && !text.contains('$')
}
