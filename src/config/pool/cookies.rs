//! `cookies` of a `[[pool]]`: what changes in the cookies that the nodes set.

use std::sync::Arc;

use super::sticky::cookie_name;
use crate::config::hosts;
use crate::config::model::{CookieFlags, CookieSameSite, Cookies, NewDomain};
use crate::config::text::errors::Wrong;
use crate::config::text::section::Section;
use crate::config::text::words::quoted;

/// Reads the table.
pub(crate) fn read(section: &Section<'_>) -> Cookies {
    let cookies =
        Cookies { domains: domains(section), paths: paths(section), all: flags(section), named: named(section) };
    if cookies == Cookies::default() {
        let advice = "write domain, path, secure, http-only or same-site, or leave it out";
        section.problems.warning(section.at(), "cookies changes nothing", advice);
    }
    cookies
}

fn domains(section: &Section<'_>) -> Vec<(Arc<str>, NewDomain)> {
    let mut domains: Vec<(Arc<str>, NewDomain)> = Vec::new();
    for pair in section.sections("domain", "pool.cookies.domain") {
        let (from, to) = (pair.required_parsed("from", domain), pair.required_parsed("to", new_domain));
        let (Some(from), Some(to)) = (from, to) else { continue };
        if domains.iter().any(|(known, _)| *known == from) {
            pair.refuse("from", format!("from: {} is written twice", quoted(&from)), "the first one would count");
        }
        domains.push((from, to));
    }
    domains
}

fn paths(section: &Section<'_>) -> Vec<(Arc<str>, Arc<str>)> {
    let mut paths: Vec<(Arc<str>, Arc<str>)> = Vec::new();
    for pair in section.sections("path", "pool.cookies.path") {
        let (from, to) = (pair.required_parsed("from", path), pair.required_parsed("to", path));
        let (Some(from), Some(to)) = (from, to) else { continue };
        if let Some((known, _)) = paths.iter().find(|(known, _)| from.starts_with(&**known)) {
            let what = format!("from: {} is never reached: {} comes before it", quoted(&from), quoted(known));
            pair.refuse("from", what, "the first that fits counts: move it up, or leave it out");
        }
        paths.push((from, to));
    }
    paths
}

fn named(section: &Section<'_>) -> Vec<(Arc<str>, CookieFlags)> {
    let mut named: Vec<(Arc<str>, CookieFlags)> = Vec::new();
    for cookie in section.sections("named", "pool.cookies.named") {
        let (name, flags) = (cookie.required_parsed("name", cookie_name), flags(&cookie));
        let Some(name) = name else { continue };
        if named.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            cookie.refuse("name", format!("name: {} is written twice", quoted(&name)), "once is enough");
        }
        named.push((name, flags));
    }
    named
}

fn flags(section: &Section<'_>) -> CookieFlags {
    let flags = CookieFlags {
        secure: section.optional_flag("secure"),
        http_only: section.optional_flag("http-only"),
        same_site: section.choice("same-site"),
    };
    if flags.same_site == Some(CookieSameSite::None) && flags.secure == Some(false) {
        let what = "same-site = \"none\" needs Secure: browsers drop such a cookie";
        section.refuse("same-site", what, "leave secure = false out, or write same-site = \"lax\"");
    }
    flags
}

/// A Path of a cookie: what cannot end the attribute.
pub(crate) fn path(text: &str) -> Result<Arc<str>, Wrong> {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b';' && byte != b'$';
    match text.starts_with('/') && text.bytes().all(fits) {
        true => Ok(text.into()),
        false => Err(Wrong::new(
            format!("{} is not the Path of a cookie", quoted(text)),
            "write a path as in \"/carbon\", without blanks, ; and $",
        )),
    }
}

/// In lower case, and without a dot in front, which browsers ignore too (RFC 6265 section 5.2.3).
pub(crate) fn domain(text: &str) -> Result<Arc<str>, Wrong> {
    let lower = text.to_ascii_lowercase();
    let bare = lower.strip_prefix('.').unwrap_or(&lower);
    match hosts::is_name(bare) {
        true => Ok(bare.into()),
        false => Err(Wrong::new(
            format!("{} is not the Domain of a cookie", quoted(text)),
            "write a name as in \"internal.local\"",
        )),
    }
}

fn new_domain(text: &str) -> Result<NewDomain, Wrong> {
    match text {
        "$host" | "${host}" => Ok(NewDomain::Host),
        _ if text.contains('$') => Err(Wrong::new(
            format!("{} is not the Domain of a cookie", quoted(text)),
            "write a name, or \"$host\" alone for the host that the client asked for",
        )),
        _ => domain(text).map(NewDomain::Name),
    }
}
