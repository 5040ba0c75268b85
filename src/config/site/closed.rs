//! What of a site is closed: routes that answer with a 5xx of Weir's own, and sites where nothing else is left.

use super::covered::takes_all;
use crate::config::model::{Action, PathPattern, Route, Site};

/// How many routes are named.
const NAMED: usize = 3;

/// What of a site is closed.
pub struct Closed<'s> {
    /// The status for whoever asks, where the whole site is closed.
    pub site: Option<u16>,
    /// The closed routes.
    routes: Vec<&'s Route>,
    /// Whether each request gets the same.
    is_one: bool,
}

impl Route {
    /// The status of a route that answers with a 5xx.
    pub fn closed(&self) -> Option<u16> {
        match &self.action {
            Action::Answer(answer) if answer.status >= 500 => Some(answer.status),
            _ => None,
        }
    }
}

impl Site {
    /// What of it is closed. A site is closed where a closed route takes the rest, and all routes before it are closed or
    /// deny. One that only denies or redirects is meant so.
    pub fn closed(&self) -> Closed<'_> {
        let last = self.routes.iter().position(takes_rest);
        let rest = last.and_then(|last| self.routes.get(last)?.closed());
        let reached = || self.routes.iter().take(last.map_or(usize::MAX, |last| last.saturating_add(1)));
        Closed {
            site: rest.filter(|_| reached().all(|route| route.closed().is_some() || route.action == Action::Deny)),
            routes: reached().filter(|route| route.closed().is_some()).collect(),
            is_one: reached().all(|route| route.closed() == rest),
        }
    }
}

/// Whether no request comes past the route. One that closes a site for a while stands before others, where only a regex
/// that every path matches may stand.
fn takes_rest(route: &Route) -> bool {
    let every = |regex: &str| matches!(regex, "" | "." | ".*" | "/" | "^" | "^.*" | "^.*$" | "^/" | "^/.*" | "^/.*$");
    let is_every = matches!(&route.path, Some(PathPattern::Regex(regex)) if every(regex.as_str()));
    takes_all(route) || is_every && route.methods.is_empty() && route.headers.is_empty()
}

impl Closed<'_> {
    /// For people: `site shop is closed: every request is answered 503`; `None` where nothing is closed.
    pub fn sentence(&self, site: &str) -> Option<String> {
        Some(match (self.site, &self.routes[..]) {
            (Some(status), _) if self.is_one => format!("site {site} is closed: every request is answered {status}"),
            (Some(status), _) => {
                format!("site {site} is closed: no request reaches a node, most are answered {status}")
            }
            (None, []) => return None,
            (None, [one]) => {
                let whom = if one.methods.is_empty() && one.headers.is_empty() { "all" } else { "what it matches" };
                format!("site {site}: route {} answers {} to {whom}", one.name, one.closed()?)
            }
            (None, [first, others @ ..]) => {
                let status = first.closed().filter(|status| others.iter().all(|other| other.closed() == Some(*status)));
                let status = status.map_or_else(|| "5xx".to_owned(), |status| status.to_string());
                let named: Vec<&str> = self.routes.iter().take(NAMED).map(|route| &*route.name).collect();
                let more = self.routes.len() - named.len();
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("site {site}: routes {}{more} answer {status}", named.join(", "))
            }
        })
    }
}
