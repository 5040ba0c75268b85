//! What of a site is closed: routes that answer with a 5xx of Weir's own, and sites where nothing else is left.

use super::covered::takes_all;
use crate::config::model::{Action, Route, Site};

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
    /// What of it is closed. A site is closed where its last route is and takes the rest, and all routes before it are
    /// closed or deny. One that only denies or redirects is meant so.
    pub fn closed(&self) -> Closed<'_> {
        let rest = self.routes.last().filter(|last| takes_all(last)).and_then(Route::closed);
        let all = self.routes.iter().all(|route| route.closed().is_some() || route.action == Action::Deny);
        Closed {
            site: rest.filter(|_| all),
            routes: self.routes.iter().filter(|route| route.closed().is_some()).collect(),
            is_one: self.routes.iter().all(|route| route.closed() == rest),
        }
    }
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
