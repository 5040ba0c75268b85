//! Part of the checked configuration: the routes of a site.

use std::sync::Arc;
use std::time::Duration;

use super::edits::Edits;
use super::limits::{Access, Rate};
use crate::config::text::choices::ClientAuthMode;
use crate::config::text::errors::Place;

/// `[[site.route]]`: other rules for some requests of a site. Where it sets nothing, the site's rules apply.
#[derive(Clone, Debug)]
pub struct Route {
    /// The name in the log and in `weir why`. Default: its path pattern as written, or its number, as in `route3`.
    pub name: Arc<str>,
    /// The path pattern, if there is one. All conditions of a route must hold.
    pub path: Option<PathPattern>,
    /// In upper case. Empty: any method.
    pub methods: Vec<Arc<str>>,
    /// All of these must match.
    pub headers: Vec<HeaderMatch>,
    /// Replaces `path` or `prefix` on the way to the node.
    pub upstream_path: Option<Arc<str>>,
    /// What happens to the request.
    pub action: Action,
    /// Which clients may use it, in addition to the site's rules.
    pub access: Access,
    /// How often it may be used, in addition to the site's rate.
    pub rate: Option<Rate>,
    /// Replaces the mode of the site's `client-auth`, which is there then.
    pub client_auth: Option<ClientAuthMode>,
    /// Replace the pool's timeouts.
    pub timeouts: RouteTimeouts,
    /// Replaces the site's limit. `Some(0)`, written as "0", means no limit here.
    pub max_body: Option<u64>,
    /// Whether requests that may have changed something on a node may be repeated. Default false.
    pub non_idempotent: bool,
    /// The site's edits and the route's own, already merged. Each name is in it once.
    pub request_headers: Edits,
    /// The same for answers.
    pub response_headers: Edits,
    /// Its place in the file.
    pub at: Place,
}

/// Timeouts that a route sets.
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

/// A pattern for paths. Paths are compared after percent-decoding and without `;parameters` and dot segments, as a node
/// would read them. So a denied path cannot be reached by another spelling.
#[derive(Clone, Debug)]
pub enum PathPattern {
    /// `path = "/favicon.ico"`
    Exact(Arc<str>),
    /// `prefix = "/carbon"`: this path and all paths below it. A prefix without a slash at its end matches whole
    /// segments only.
    Prefix(Arc<str>),
    /// `regex = "^/services/[^/]*Admin"`: matches anywhere in the path unless it begins with `^`. Its compiled size is
    /// limited.
    Regex(regex::bytes::Regex),
    /// `target = "/services/[^/]*Admin"`: the same for path and query together, also as the client sent them. Axis2
    /// searches the whole target for the service.
    Target(regex::bytes::Regex),
}

/// One of a route's `headers`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeaderMatch {
    /// In lower case.
    pub name: Arc<str>,
    /// `None`: the field must be there. Otherwise one of its lines must have this value.
    pub value: Option<Arc<str>>,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Index into [`Config::pools`](super::Config::pools).
    Pool(usize),
    /// The client is redirected.
    Redirect(Redirect),
    /// The client gets a fixed answer.
    Answer(FixedAnswer),
    /// The client gets 403.
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

/// The target of a redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectTarget {
    /// `to = "https://…"`: always this URL, whatever was asked for.
    Fixed(Arc<str>),
    /// The request's own URL, with these parts changed: `scheme = "https"`, `host = …`, `port = …`, `path = …`.
    Changed {
        /// "http" or "https".
        scheme: Option<Arc<str>>,
        /// Without a port.
        host: Option<Arc<str>>,
        /// Left out of the URL if it is the default port of the scheme. If only the scheme is changed, the URL has that
        /// scheme's default port.
        port: Option<u16>,
        /// Replaces path and query.
        path: Option<Arc<str>>,
        /// The request's query is put behind `path`.
        keep_query: bool,
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
