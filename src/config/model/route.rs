//! Of the checked configuration: the routes of a site.

use std::sync::Arc;
use std::time::Duration;

use super::limits::{Access, Edits, Rate};
use crate::config::text::errors::Place;

/// `[[site.route]]`: what some requests of a site do instead. What it does not say is as in its site.
#[derive(Clone, Debug)]
pub struct Route {
    /// As the log and `weir why` call it. Default: its path pattern as written, or its number, `route3`.
    pub name: Arc<str>,
    /// All of these must hold.
    pub path: Option<PathPattern>,
    /// Upper-case; empty: any.
    pub methods: Vec<Arc<str>>,
    /// All of these must hold.
    pub headers: Vec<HeaderMatch>,
    /// What becomes of the request.
    pub action: Action,
    /// Who may come, beside what the site says.
    pub access: Access,
    /// How often, beside what the site says.
    pub rate: Option<Rate>,
    /// Instead of the pool's.
    pub timeouts: RouteTimeouts,
    /// Instead of the site's: `Some(0)` written as "0" means no limit here.
    pub max_body: Option<u64>,
    /// Whether requests that may have changed something may be repeated all the same. Default false.
    pub non_idempotent: bool,
    /// The site's edits, then the route's own: already merged, a name is in it once.
    pub request_headers: Edits,
    /// The same for answers.
    pub response_headers: Edits,
    /// Where the file says so.
    pub at: Place,
}

/// Deadlines that a route sets for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteTimeouts {
    /// As [`Timeouts::connect`](super::Timeouts::connect).
    pub connect: Option<Duration>,
    /// As [`Timeouts::read`](super::Timeouts::read).
    pub read: Option<Duration>,
    /// As [`Timeouts::send`](super::Timeouts::send).
    pub send: Option<Duration>,
    /// As [`Timeouts::tunnel`](super::Timeouts::tunnel).
    pub tunnel: Option<Duration>,
}

/// What a path must be like. Paths are compared after percent-decoding and without `;parameters` and dot segments, as
/// a node would read them, so that no other spelling of a denied path slips through.
#[derive(Clone, Debug)]
pub enum PathPattern {
    /// `path = "/favicon.ico"`
    Exact(Arc<str>),
    /// `prefix = "/carbon"`: this path and all below it; a prefix that ends in no slash matches whole segments only.
    Prefix(Arc<str>),
    /// `regex = "^/services/[^/]*Admin"`: anywhere in the path unless it says `^`; compiled and bounded in size.
    Regex(regex::bytes::Regex),
    /// `target = "/services/[^/]*Admin"`: the same for path and query together, as they were sent too: Axis2 finds its
    /// service in all of the target.
    Target(regex::bytes::Regex),
}

/// One of a route's `headers`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeaderMatch {
    /// Lower-case.
    pub name: Arc<str>,
    /// `None`: there must be such a field. Else one of its lines is this.
    pub value: Option<Arc<str>>,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Index into [`Config::pools`](super::Config::pools).
    Pool(usize),
    /// It is told to go elsewhere.
    Redirect(Redirect),
    /// It is answered.
    Answer(FixedAnswer),
    /// 403.
    Deny,
}

/// `redirect = { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308. Default 308.
    pub status: u16,
    /// Where to.
    pub target: RedirectTarget,
}

/// Where a redirect leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectTarget {
    /// `to = "https://…"`: there, whatever was asked for.
    Fixed(Arc<str>),
    /// The request's own URL with these parts changed: `scheme = "https"`, `host = …`, `port = …`, `path = …`.
    Changed {
        /// "http" or "https".
        scheme: Option<Arc<str>>,
        /// Without a port.
        host: Option<Arc<str>>,
        /// Left out of the URL where it is the scheme's own. Without it a changed scheme means that scheme's own port.
        port: Option<u16>,
        /// Instead of path and query.
        path: Option<Arc<str>>,
    },
}

/// `answer = { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedAnswer {
    /// 200 to 599. Default 200.
    pub status: u16,
    /// Default "text/plain; charset=utf-8".
    pub content_type: Arc<str>,
    /// Default empty.
    pub body: Arc<str>,
}
