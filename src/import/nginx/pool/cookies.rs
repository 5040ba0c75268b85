//! `proxy_cookie_domain`, `proxy_cookie_path` and `proxy_cookie_flags`: what changes in the cookies of nodes.

use std::collections::HashSet;

use crate::config::rules;
use crate::import::nginx::class::Class::{Changed, Ignored, Refused, Same};
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;
use crate::import::nginx::values;

/// The table `cookies` of the pool, where the place says something of them.
pub(super) fn read(scope: &Scope<'_>, verdicts: &Verdicts) -> Option<String> {
    let mut table = Vec::new();
    let domains = domains(scope, verdicts);
    if !domains.is_empty() {
        table.push(("domain".to_owned(), format!("[{}]", domains.join(", "))));
    }
    let paths = paths(scope, verdicts);
    if !paths.is_empty() {
        table.push(("path".to_owned(), format!("[{}]", paths.join(", "))));
    }
    let (mut named, mut all) = (Vec::new(), None);
    for one in scope.all("proxy_cookie_flags") {
        match flags(one, verdicts) {
            Some(_) if all.is_some() => verdicts.say(one, Ignored, "", "an earlier line takes every cookie"),
            Some((None, pairs)) => all = Some(pairs),
            Some((Some(name), _)) if is_named(&named, &name) => {
                verdicts.say(one, Ignored, "", "an earlier line takes this cookie");
            }
            Some((Some(name), pairs)) => named.push((name, pairs)),
            None => {}
        }
    }
    // A path with attributes behind it is how flags were added before nginx 1.19.3.
    let paths = scope.all("proxy_cookie_path").into_iter().filter_map(|one| flags_of_path(one, verdicts)).last();
    if let Some(pairs) = all.or(paths) {
        table.extend(pairs);
    }
    if !named.is_empty() {
        let one = |(name, pairs): &(String, Vec<_>)| {
            values::inline(&[&[("name".to_owned(), values::text(name))], pairs.as_slice()].concat())
        };
        table.push(("named".to_owned(), format!("[{}]", named.iter().map(one).collect::<Vec<_>>().join(", "))));
    }
    (!table.is_empty()).then(|| values::inline(&table))
}

fn is_named(named: &[(String, Pairs)], name: &str) -> bool {
    named.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// Pairs of `proxy_cookie_domain`. Of two for one Domain nginx takes the first.
fn domains(scope: &Scope<'_>, verdicts: &Verdicts) -> Vec<String> {
    let (mut written, mut taken) = (Vec::new(), HashSet::new());
    for one in scope.all("proxy_cookie_domain") {
        let Some((from, to)) = domain(one, verdicts) else { continue };
        let pair = [("from".to_owned(), values::text(&from)), ("to".to_owned(), values::text(&to))];
        if taken.insert(from) {
            verdicts.same(one, "cookies.domain");
            written.push(values::inline(&pair));
        } else {
            verdicts.say(one, Ignored, "", "an earlier line takes this Domain");
        }
    }
    written
}

/// Pairs of `proxy_cookie_path`, but for what `upstream-path` does anyway.
fn paths(scope: &Scope<'_>, verdicts: &Verdicts) -> Vec<String> {
    let fits = |text: &str| rules::is_path_of_cookie(text);
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    // What the lines so far take, and whether one of them has no counterpart.
    let (mut taken, mut lost): (Vec<&str>, bool) = (Vec::new(), false);
    for one in scope.all("proxy_cookie_path") {
        match one.words.as_slice() {
            [from, ..] if verdicts.is_upstream_path(one) || flags_of_path(one, verdicts).is_some() => taken.push(from),
            [off] if off == "off" => verdicts.say(one, Same, "", "cookies keep their Path"),
            [from, to] if fits(from) && fits(to) => {
                if taken.iter().any(|known| from.starts_with(known)) {
                    verdicts.say(one, Ignored, "", "an earlier line takes these paths");
                    continue;
                }
                verdicts.same(one, "cookies.path");
                if lost {
                    let note = "an earlier line, which is missing, takes some of these paths in nginx";
                    verdicts.say(one, Changed, "cookies.path", note);
                }
                taken.push(from);
                pairs.push((from, to));
            }
            _ => lost = true,
        }
    }
    let written = |(from, to): &(&str, &str)| {
        values::inline(&[("from".to_owned(), values::text(from)), ("to".to_owned(), values::text(to))])
    };
    pairs.iter().map(written).collect()
}

/// The Domain and what stands for it.
fn domain(one: &Directive, verdicts: &Verdicts) -> Option<(String, String)> {
    let is_host = |text: &str| matches!(text, "$host" | "$http_host" | "${host}");
    let new = |text: &str| if is_host(text) { Some("$host".to_owned()) } else { rules::domain_of_cookie(text) };
    match one.words.as_slice() {
        [off] if off == "off" => {
            verdicts.say(one, Same, "", "cookies keep their Domain");
            None
        }
        [from, to] if rules::domain_of_cookie(from).is_some() && new(to).is_some() => {
            rules::domain_of_cookie(from).zip(new(to))
        }
        _ => {
            verdicts.missing(one, "the whole Domain, and a name or $host for it; no regular expressions");
            None
        }
    }
}

type Pairs = Vec<(String, String)>;

/// The cookie, or none for all, and the keys for its flags.
fn flags(one: &Directive, verdicts: &Verdicts) -> Option<(Option<String>, Pairs)> {
    let (cookie, flags) = one.words.split_first()?;
    if cookie == "off" {
        verdicts.say(one, Same, "", "cookies keep their flags");
        return None;
    }
    let Some(pairs) = flags_of(flags.iter().map(String::as_str)) else {
        verdicts.say(
            one,
            Refused,
            "cookies",
            "flags are secure, httponly, samesite=strict|lax|none, and these with no before them",
        );
        return None;
    };
    let says = |key: &str, value: &str| pairs.iter().any(|(own, said)| own == key && said == value);
    if says("secure", "false") && says("same-site", "\"none\"") {
        verdicts.missing(one, "samesite=none needs secure: browsers drop such a cookie");
        return None;
    }
    match cookie.as_str() {
        "~" | "~.*" | "~." | "~^" => {
            verdicts.same(one, "cookies");
            Some((None, pairs))
        }
        name if rules::is_cookie_name(name) && !name.contains(['~', '$']) => {
            verdicts.same(one, "cookies.named");
            Some((Some(name.to_owned()), pairs))
        }
        _ => {
            verdicts.missing(one, "names of cookies, or ~ for all; no regular expressions");
            None
        }
    }
}

/// The keys for these flags, each with its last value. Nothing where one is none.
fn flags_of<'a>(flags: impl Iterator<Item = &'a str>) -> Option<Pairs> {
    let mut pairs = Pairs::new();
    for flag in flags {
        let (key, value) = pair(flag)?;
        values::put(&mut pairs, &key, Some(value));
    }
    Some(pairs)
}

fn pair(flag: &str) -> Option<(String, String)> {
    let lower = flag.to_ascii_lowercase();
    let (key, value) = match lower.as_str() {
        "secure" => ("secure", "true"),
        "nosecure" => ("secure", "false"),
        "httponly" => ("http-only", "true"),
        "nohttponly" => ("http-only", "false"),
        "samesite=strict" => ("same-site", "\"strict\""),
        "samesite=lax" => ("same-site", "\"lax\""),
        "samesite=none" => ("same-site", "\"none\""),
        "nosamesite" => ("same-site", "\"off\""),
        _ => return None,
    };
    Some((key.to_owned(), value.to_owned()))
}

/// The flags of `proxy_cookie_path / "/; Secure; HttpOnly"`.
fn flags_of_path(one: &Directive, verdicts: &Verdicts) -> Option<Pairs> {
    let [from, to] = one.words.as_slice() else { return None };
    let flags = to.strip_prefix(from.as_str())?.strip_prefix(';')?;
    let flags = flags.split(';').map(str::trim).filter(|flag| !flag.is_empty());
    let pairs = flags_of(flags).filter(|pairs| pairs.iter().all(|(_, value)| value != "false"))?;
    verdicts.say(one, Changed, "cookies", "the flags of every cookie, whatever its Path");
    Some(pairs)
}
