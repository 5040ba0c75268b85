//! `rewrite`: nginx carries those of a server out in their order, before it chooses a location. One that redirects becomes a
//! route before all others. One that changes the path has no counterpart: its requests get 501, and the rest of the server is
//! as it would be.

use regex::bytes::Regex;

use super::expressions::{expression, regex_text};
use super::redirects::redirect;
use crate::config::rules;
use crate::import::nginx::class::Class;
use crate::import::nginx::class::Class::{Better, Changed, Ignored, Refused, Same};
use crate::import::nginx::known;
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;
use crate::import::nginx::values;

/// What a `rewrite` does, and with which requests.
pub(super) struct Rewrite {
    pub(super) requests: Requests,
    /// The table `redirect`. Nothing, with a verdict, where it does something else.
    pub(super) redirect: Option<String>,
}

/// Which requests a `rewrite` takes.
pub(super) enum Requests {
    All,
    /// No path fits.
    None,
    /// Those whose path fits.
    Some(Regex),
    /// Weir cannot tell.
    Unclear,
}

/// Expressions that every path fits.
const ALL: [&str; 10] = ["^/(.*)", "^/(.*)$", "^(.*)$", "^(.*)", "^/(.*)?", "(.*)", "^", "/", ".*", "^.*$"];

/// Reads the line.
pub(super) fn read(one: &Directive, verdicts: &Verdicts) -> Rewrite {
    let [from, to, flags @ ..] = one.words.as_slice() else {
        verdicts.say(one, Refused, "", "write a regular expression and what replaces the path");
        return Rewrite { requests: Requests::Unclear, redirect: None };
    };
    let requests = match expression(from) {
        _ if ALL.contains(&from.as_str()) => Requests::All,
        _ if rules::fits_no_path(from) => {
            let note = "never reached: paths begin with a slash, and this expression does not let them";
            verdicts.say(one, Ignored, "", note);
            return Rewrite { requests: Requests::None, redirect: None };
        }
        Ok(paths) => Requests::Some(paths),
        Err(_) => {
            verdicts.missing(one, "this regular expression has no counterpart, so all requests of this place get 501");
            return Rewrite { requests: Requests::Unclear, redirect: None };
        }
    };
    let leads_away = ["http://", "https://", "$scheme"].iter().any(|scheme| to.starts_with(scheme));
    let status = match flags.first().map(String::as_str) {
        Some("permanent") => Some(301),
        Some("redirect") => Some(302),
        _ => leads_away.then_some(302),
    };
    let found = status.and_then(|status| target(to, matches!(requests, Requests::All), status));
    match &found {
        Some((_, class, note)) => verdicts.say(one, *class, "redirect", *note),
        None => verdicts.missing(one, format!("{}; these requests get 501", known::lacks("rewrite"))),
    }
    Rewrite { requests, redirect: found.map(|(table, ..)| table) }
}

/// The lines of this place that some path fits.
pub(super) fn that_fit<'a>(scope: &Scope<'a>, verdicts: &Verdicts) -> Vec<&'a Directive> {
    let (never, others): (Vec<_>, Vec<_>) =
        scope.own("rewrite").into_iter().partition(|one| rules::fits_no_path(one.word()));
    never.into_iter().for_each(|one| drop(read(one, verdicts)));
    others
}

/// Whether the line redirects every request.
pub(super) fn leads_all_away(one: &Directive) -> bool {
    let rewrite = read(one, &Verdicts::default());
    matches!(rewrite.requests, Requests::All) && rewrite.redirect.is_some()
}

/// The table `redirect` for this replacement. nginx puts the query behind it, unless it ends with a question mark.
fn target(to: &str, all: bool, status: u16) -> Option<(String, Class, &'static str)> {
    let (to, keeps) = to.strip_suffix('?').map_or((to, true), |to| (to, false));
    let to = &decoded(to)?;
    if to.contains("$request_uri") {
        let (class, note) = if keeps { (Better, "nginx would send a query twice") } else { (Same, "") };
        return Some((redirect(to, status, false)?, class, note));
    }
    if let Some(base) = to.strip_suffix("/$1").or_else(|| to.strip_suffix("$1")).filter(|_| all) {
        let (class, note) = if keeps { (Same, "") } else { (Changed, "the query stays") };
        return Some((redirect(&format!("{base}$request_uri"), status, false)?, class, note));
    }
    Some((redirect(to, status, keeps)?, Same, ""))
}

/// What nginx makes of escapes in where a `rewrite` leads: it decodes those of visible letters above `%`. Nothing where that makes
/// a query of it, behind which nginx puts that of the request wrongly.
fn decoded(to: &str) -> Option<String> {
    let mut parts = to.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).map(char::from);
        match (code, part.get(2..)) {
            (Some('?'), _) => return None,
            (Some(letter), Some(rest)) if letter > '%' && letter.is_ascii_graphic() => {
                text.push(letter);
                text.push_str(rest);
            }
            _ => {
                text.push('%');
                text.push_str(part);
            }
        }
    }
    Some(text)
}

/// The key of a route for these requests, and its value.
pub(super) fn condition(paths: &Regex) -> (&'static str, String) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
    let whole = paths.as_str().strip_prefix('^').and_then(|rest| rest.strip_suffix('$'));
    match whole.filter(|path| rules::is_compared(path) && path.bytes().all(plain)) {
        Some(path) => ("path", values::text(path)),
        None => ("regex", regex_text(paths.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_replaces_a_path_is_where_the_redirect_leads() {
        let cases = [
            ("https://$host/$1", true, Some("{ scheme = \"https\", status = 301 }"), Same),
            ("https://$host$request_uri?", false, Some("{ scheme = \"https\", status = 301 }"), Same),
            ("https://$host$request_uri", true, Some("{ scheme = \"https\", status = 301 }"), Better),
            ("/y", false, Some("{ path = \"/y\", keep-query = true, status = 301 }"), Same),
            ("/y?", false, Some("{ path = \"/y\", status = 301 }"), Same),
            (
                "https://b.c/y",
                false,
                Some("{ scheme = \"https\", host = \"b.c\", path = \"/y\", keep-query = true, status = 301 }"),
                Same,
            ),
            ("https://b.c/y?", false, Some("{ to = \"https://b.c/y\", status = 301 }"), Same),
            ("/new/$1", false, None, Same),
            ("https://$host/$1", false, None, Same),
            ("/%41%20%25%2fx?", false, Some("{ path = \"/A%20%25/x\", status = 301 }"), Same),
            ("/a%3Fb", false, None, Same),
        ];
        for (to, all, table, class) in cases {
            let found = target(to, all, 301);
            assert_eq!(found.as_ref().map(|(table, ..)| table.as_str()), table, "{to}");
            assert_eq!(found.map_or(Same, |(_, class, _)| class), class, "{to}");
        }
    }

    #[test]
    fn a_whole_path_is_no_expression() {
        let of = |text| condition(&expression(text).unwrap());
        assert_eq!(of("^/x-1$"), ("path", "\"/x-1\"".to_owned()));
        assert_eq!(of("^/x.y$"), ("regex", "'^/x.y$'".to_owned()));
        assert_eq!(of("^/x"), ("regex", "'^/x'".to_owned()));
    }
}
