//! Of the checked configuration: sites, their certificates, and where their lines go.

use std::path::PathBuf;
use std::sync::Arc;

use super::limits::{Access, Edits, Rate};
use super::route::Route;
use crate::config::certificate::Pair;
use crate::config::hosts::HostPattern;
use crate::config::text::errors::Place;

/// `[[site]]`: host names on a listener, and where their requests go.
#[derive(Clone, Debug)]
pub struct Site {
    /// Unique among sites.
    pub name: Arc<str>,
    /// Indices into [`Config::listeners`](super::Config::listeners); `listener` may name one or several.
    pub listeners: Vec<usize>,
    /// Lower-case, without port; at least one unless `default` or `nameless`.
    pub hosts: Vec<HostPattern>,
    /// Takes what no other site of its listener takes. At most one per listener.
    pub default: bool,
    /// Takes the clients of its listener that give no name. At most one per listener; without one the default does.
    pub nameless: bool,
    /// Present exactly when the site is on a TLS listener.
    pub certificate: Option<Arc<Certificate>>,
    /// Index into [`Config::pools`](super::Config::pools): where what no route takes goes. `None`: a route takes
    /// everything, and none leads to the site's own pool.
    pub pool: Option<usize>,
    /// The first that matches takes the request.
    pub routes: Vec<Route>,
    /// Who may come.
    pub access: Access,
    /// How often.
    pub rate: Option<Rate>,
    /// Fields of requests set or removed on the way up.
    pub request_headers: Edits,
    /// Fields of answers set or removed on the way down, Weir's own answers included.
    pub response_headers: Edits,
    /// Whether `X-Weir` tells the client why the request went where it went. Default false.
    pub explain: bool,
    /// Largest request body in bytes; `None`: no limit.
    pub max_body: Option<u64>,
    /// Whether `Via` is added both ways. Default false.
    pub via: bool,
    /// The fields of `Upgrade` that become tunnels. Default `["websocket"]`, lower-case.
    pub upgrades: Vec<Arc<str>>,
    /// Where its requests are logged.
    pub logs: Logs,
    /// Where the file says so.
    pub at: Place,
}

/// A site's certificate and key, read and checked.
#[derive(Debug)]
pub struct Certificate {
    /// The chain's file.
    pub chain: PathBuf,
    /// The key's file.
    pub key: PathBuf,
    /// What they hold.
    pub pair: Pair,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// One line a request. Default: the journal.
    pub access: LogTarget,
    /// What went wrong on the way of a request. Default: the journal.
    pub error: LogTarget,
    /// The form of access lines.
    pub format: LogFormat,
}

/// A log's destination.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogTarget {
    /// Standard error, which systemd gives to the journal.
    Journal,
    /// A file, appended to, reopened on SIGUSR1.
    File(PathBuf),
    /// Nowhere.
    Off,
}

/// The form of access lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// nginx's combined form, then `key=value` pairs.
    Combined,
    /// One JSON object a line.
    Json,
}
