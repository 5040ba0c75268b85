//! Part of the checked configuration: sites, their certificates, and where their log lines go.

use std::path::PathBuf;
use std::sync::Arc;

use super::client_auth::ClientAuth;
use super::edits::Edits;
use super::error_page::ErrorPages;
use super::limits::{Access, Rate};
use super::route::{Action, Route};
use crate::config::certificate::Pair;
use crate::config::hosts::HostPattern;
use crate::config::text::choices::{ClientAuthMode, KeyType, LogFormat};
use crate::config::text::errors::Place;

/// `[[site]]`: host names on a listener, and where requests for them are sent.
#[derive(Clone, Debug)]
pub struct Site {
    /// Unique among sites.
    pub name: Arc<str>,
    /// Indices into [`Config::listeners`](super::Config::listeners). `listener` may name one or several.
    pub listeners: Vec<usize>,
    /// In lower case, without port. At least one, unless the site is `default` or `nameless`.
    pub hosts: Vec<HostPattern>,
    /// Takes requests for hosts that no other site of its listener has. At most one site per listener.
    pub default: bool,
    /// Takes requests of clients that send no host name. At most one site per listener. If there is none, the default
    /// site takes them.
    pub nameless: bool,
    /// TLS is passed through to the pool's nodes: the site has a pool and no certificate, and all its listeners speak TLS.
    pub passthrough: bool,
    /// What the site shows, each with another kind of key; a client gets the first that it can use. At least one when the site is
    /// on a TLS listener, does not pass TLS through, and `ordered` has none that is still to come.
    pub certificates: Vec<Arc<Certificate>>,
    /// The certificates that Weir orders from a CA. What of them is shown is in `certificates` too.
    pub ordered: Vec<Ordered>,
    /// Clients are asked for a certificate. All listeners of the site speak TLS then.
    pub client_auth: Option<Arc<ClientAuth>>,
    /// Index into [`Config::pools`](super::Config::pools): the pool for requests that no route takes. `None` when the
    /// routes take all requests.
    pub pool: Option<usize>,
    /// The first route that matches takes the request.
    pub routes: Vec<Route>,
    /// Which clients may come.
    pub access: Access,
    /// How often.
    pub rate: Option<Rate>,
    /// Fields set or removed in requests to nodes.
    pub request_headers: Edits,
    /// Fields set or removed in answers to clients, with Weir's own answers.
    pub response_headers: Edits,
    /// Pages in place of Weir's own refusals.
    pub error_pages: ErrorPages,
    /// Whether `X-Weir` tells the client why its request went to its node. Default false.
    pub explain: bool,
    /// Largest request body in bytes; `None`: no limit.
    pub max_body: Option<u64>,
    /// Whether `Via` is added to requests and answers. Default false.
    pub via: bool,
    /// The protocols in `Upgrade` that may become tunnels, in lower case. Default `["websocket"]`.
    pub upgrades: Vec<Arc<str>>,
    /// Where its requests are logged.
    pub logs: Logs,
    /// Its place in the file.
    pub at: Place,
}

impl Site {
    /// The indices of the pools that its requests may go to. A pool that several routes name comes as often.
    pub fn pools(&self) -> impl Iterator<Item = usize> {
        let of_routes = self.routes.iter().filter_map(|route| match route.action {
            Action::Pool(pool) => Some(pool),
            _ => None,
        });
        of_routes.chain(self.pool)
    }

    /// Whether a client must show a certificate for the requests of a route, or for those that no route takes.
    pub fn needs_certificate(&self, route: Option<&Route>) -> bool {
        let own = self.client_auth.as_ref().map(|auth| auth.mode);
        own.is_some() && route.and_then(|route| route.client_auth).or(own) == Some(ClientAuthMode::Required)
    }

    /// Whether it must for all of them.
    pub fn always_needs_certificate(&self) -> bool {
        self.routes.iter().map(Some).chain([None]).all(|route| self.needs_certificate(route))
    }

    /// Of its certificates the one that ends first.
    pub fn first_to_expire(&self) -> Option<&Certificate> {
        self.certificates.iter().map(|certificate| &**certificate).min_by_key(|one| one.pair.leaf.not_after)
    }
}

/// A site's certificate and key, read and checked.
#[derive(Debug)]
pub struct Certificate {
    /// The file of the chain.
    pub chain: PathBuf,
    /// The file of the key.
    pub key: PathBuf,
    /// The content of both files.
    pub pair: Pair,
}

/// The same files with the same content.
impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        let content =
            |certificate: &Self| (certificate.pair.certified.cert.clone(), certificate.pair.key.secret_der().to_vec());
        (&self.chain, &self.key) == (&other.chain, &other.key) && content(self) == content(other)
    }
}

impl Eq for Certificate {}

/// A certificate of a site that Weir orders itself, and renews.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// Index into [`Config::acme`](super::Config::acme).
    pub authority: usize,
    /// The kind of its key.
    pub key_type: KeyType,
    /// The file in the state directory that has its chain and its key.
    pub file: PathBuf,
    /// What that file holds. `None`: nothing that can be used.
    pub known: Option<Known>,
    /// What clients get. `None`: nothing yet. It is what the file holds, or held before.
    pub shown: Option<Arc<Certificate>>,
}

/// A certificate that was ordered before.
#[derive(Clone, Debug)]
pub struct Known {
    /// The certificate and its key.
    pub certificate: Arc<Certificate>,
    /// The directory of the CA that it was ordered from, as the file says it.
    pub directory: String,
}

/// Where log lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// One line a request. Default: the journal.
    pub access: LogTarget,
    /// Problems with a request. Default: the journal.
    pub error: LogTarget,
    /// The form of access lines.
    pub format: LogFormat,
}

/// A log's destination.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogTarget {
    /// Standard error, which systemd gives to the journal.
    Journal,
    /// A file. Lines are appended, and it is reopened on SIGUSR1.
    File(PathBuf),
    /// Nowhere.
    Off,
}
