//! `redirect` of a `[[site.route]]`: where it leads, and whether it leads back to itself.

use std::sync::Arc;

use super::paths;
use crate::config::hosts;
use crate::config::hosts::HostPattern;
use crate::config::model::{Listener, PathPattern, Redirect, RedirectTarget, Route};
use crate::config::text::choices::Scheme;
use crate::config::text::errors::Wrong;
use crate::config::text::section::Section;
use crate::config::text::words;
use crate::config::text::words::quoted;

/// The requests that the redirect applies to.
pub(crate) struct Origin<'a> {
    pub(crate) listeners: Vec<&'a Listener>,
    pub(crate) hosts: &'a [HostPattern],
    pub(crate) path: Option<&'a PathPattern>,
    pub(crate) methods: &'a [Arc<str>],
    /// The routes before it.
    pub(crate) earlier: &'a [Route],
}

impl Origin<'_> {
    /// Whether a route before it takes every request of this path.
    fn is_taken(&self, path: &str) -> bool {
        let takes = |route: &Route| route.path.as_ref().is_none_or(|pattern| paths::takes(pattern, path));
        let all = |route: &&Route| route.methods.is_empty() && route.headers.is_empty();
        self.earlier.iter().filter(all).any(takes)
    }
}

/// Reads the table. A redirect that a client could follow without end is refused.
pub(crate) fn read(section: &Section<'_>, origin: &Origin<'_>) -> Redirect {
    let fixed = section.parsed("to", url);
    let scheme = section.choice("scheme").map(|scheme: Scheme| <&str>::from(scheme).into());
    let host = section.parsed("host", hosts::authority);
    let port = section.optional_integer("port");
    let path = section.parsed("path", |text| variable(text).map_or_else(|| paths::in_a_request(text), Err));
    let status = status(section);
    let keep_query = section.flag("keep-query");
    if section.has("to") {
        section.no_effect(
            &["scheme", "host", "port", "path", "keep-query"],
            "beside to",
            "write to alone, or those alone",
        );
    } else if !["scheme", "host", "port", "path"].iter().any(|key| section.has(key)) {
        let what = "redirect leads to where the request came from";
        section.problems.error(section.at(), what, "write to = \"https://…\", or scheme, host, port or path");
    }
    if keep_query && !section.has("path") && !section.has("to") {
        section.no_effect(&["keep-query"], "without path", "leave it out: the query stays anyway");
    }
    let target = fixed.map_or(RedirectTarget::Changed { scheme, host, port, path, keep_query }, RedirectTarget::Fixed);
    let redirect = Redirect { status, target };
    if let Some(listener) = origin.listeners.iter().find(|listener| leads_back(&redirect, origin, listener)) {
        let what = format!("redirect leads back to itself on listener {:?}, for ever", listener.name);
        section.problems.error(section.at(), what, "lead elsewhere, or give that listener a site of its own");
    }
    redirect
}

fn status(section: &Section<'_>) -> u16 {
    let status = section.integer("status");
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        section.refuse("status", format!("status: {status} is no redirect"), "write 301, 302, 303, 307 or 308");
    }
    status
}

/// Whether the same route certainly takes the request that follows the redirect.
fn leads_back(redirect: &Redirect, origin: &Origin<'_>, listener: &Listener) -> bool {
    let (scheme, host, port, path) = parts(&redirect.target);
    let own_scheme = if listener.tls.is_some() { "https" } else { "http" };
    // After these statuses a client repeats the request with GET (RFC 9110 section 15.4).
    let other_method = matches!(redirect.status, 301..=303) && !origin.methods.is_empty();
    let method = !other_method || origin.methods.iter().any(|method| &**method == "GET");
    let same_host = |host: &str| origin.hosts.iter().any(|own| answers_to(own, host));
    let same_path = |path: &str| {
        let bare = path.split(['?', ';', '#']).next().unwrap_or_default();
        origin.path.is_none_or(|pattern| paths::takes(pattern, bare)) && !origin.is_taken(bare)
    };
    let written = !matches!((scheme, host, port, path), (None, None, None, None));
    written
        && method
        && scheme.is_none_or(|scheme| scheme == own_scheme)
        && port.is_none_or(|port| port == listener.bind.port())
        && host.is_none_or(same_host)
        && path.is_none_or(same_path)
}

fn answers_to(pattern: &HostPattern, host: &str) -> bool {
    match pattern {
        HostPattern::Exact(own) => **own == *host,
        HostPattern::Wildcard(suffix) => host.strip_suffix(&**suffix).is_some_and(|rest| rest.ends_with('.')),
    }
}

type Parts<'a> = (Option<&'a str>, Option<&'a str>, Option<u16>, Option<&'a str>);

fn parts(target: &RedirectTarget) -> Parts<'_> {
    match target {
        RedirectTarget::Changed { scheme, host, port, path, .. } => {
            (scheme.as_deref(), host.as_deref(), *port, path.as_deref())
        }
        RedirectTarget::Fixed(url) => {
            let (scheme, rest) = url.split_once("://").unwrap_or_default();
            let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            let (host, port) = split_port(authority);
            let path = if path.starts_with('/') { path } else { "/" };
            let usual = if scheme == "https" { 443 } else { 80 };
            (Some(scheme), Some(host), Some(port.unwrap_or(usual)), Some(path))
        }
    }
}

fn split_port(authority: &str) -> (&str, Option<u16>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
        _ => (authority, None),
    }
}

/// `https://esb.wso2.com/x?y`, in lower case up to its path.
pub(crate) fn url(text: &str) -> Result<Arc<str>, Wrong> {
    let wrong = |advice: &str| Wrong::new(format!("{} is not a URL to go to", quoted(text)), advice);
    if let Some(wrong) = variable(text) {
        return Err(wrong);
    }
    let how = "write \"https://esb.wso2.com/\"";
    let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong(how))?;
    let scheme = scheme.to_ascii_lowercase();
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if !matches!(scheme.as_str(), "http" | "https") {
        return Err(wrong(how));
    }
    if !path.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(wrong("spaces and what is not ASCII are written as %20 and the like"));
    }
    let authority = hosts::field(&authority.to_ascii_lowercase()).map_err(|_| wrong(how))?;
    Ok(format!("{scheme}://{authority}{path}").into())
}

/// What a Location begins with, or must begin with: a URL or a path.
pub(crate) fn beginning(text: &str) -> Result<Arc<str>, Wrong> {
    let absolute =
        text.split_once("://").is_some_and(|(scheme, rest)| matches!(scheme, "http" | "https") && !rest.is_empty());
    if let Some(name) = words::variable(text) {
        let what = format!("{name} would be sent as it stands: there are no variables");
        return Err(Wrong::new(what, "write the text itself"));
    }
    match (absolute || text.starts_with('/')) && text.bytes().all(|b| b.is_ascii_graphic()) {
        true => Ok(text.into()),
        false => Err(Wrong::new(
            format!("{} is not how a Location begins", quoted(text)),
            "write a URL or a path, as in \"http://localhost:8280/\" or \"/old/\"",
        )),
    }
}

/// Refuses a variable of nginx, because it would be sent as text.
fn variable(text: &str) -> Option<Wrong> {
    let name = words::variable(text)?;
    let what = format!("{name} would be sent as it stands: there are no variables");
    Some(Wrong::new(
        what,
        "write scheme, host, port or path: what is not written is the request's own, path and query too",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (text, expected) in [
            ("https://ESB.wso2.com/Path?q#f", Some("https://esb.wso2.com/Path?q#f")),
            ("HTTP://10.0.0.1:8080", Some("http://10.0.0.1:8080")),
            ("https://[::1]:8443/", Some("https://[::1]:8443/")),
            ("/path", None),
            ("esb.wso2.com", None),
            ("ftp://esb.wso2.com/", None),
            ("https://", None),
            ("https://user@esb.wso2.com/", None),
            ("https://esb.wso2.com/a b", None),
            ("https://esb.wso2.com/\r\nX: y", None),
            ("javascript:alert(1)", None),
            ("https://esb.wso2.com$request_uri", None),
            ("https://esb.wso2.com/a?price=5$", Some("https://esb.wso2.com/a?price=5$")),
        ] {
            assert_eq!(url(text).ok().as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_url_has_parts() {
        for (text, expected) in [
            ("https://a.b/c?d", (Some("https"), Some("a.b"), Some(443), Some("/c?d"))),
            ("http://a.b", (Some("http"), Some("a.b"), Some(80), Some("/"))),
            ("http://[::1]:81?x", (Some("http"), Some("[::1]"), Some(81), Some("/"))),
            ("http://[::1]/", (Some("http"), Some("[::1]"), Some(80), Some("/"))),
        ] {
            assert_eq!(parts(&RedirectTarget::Fixed(text.into())), expected, "{text}");
        }
    }
}
