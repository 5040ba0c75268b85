//! A request whose head was just read: what is known of it before anything is decided.

use std::net::IpAddr;
use std::rc::Rc;

use tokio::time::Instant;

use crate::proxy::client::shown::Shown;
use crate::proxy::connection::Connection;
use crate::proxy::generation::ListenerRef;
use crate::traffic::message::headers::{Forwarded, Trust};
use crate::traffic::message::ids::Ids;
use crate::traffic::message::request_values::RequestValues;
use crate::traffic::routing::client_address::client_of;
use crate::traffic::tick::Tick;
use crate::wire::{FieldKind, RequestHead};

/// One request, as it came.
pub(crate) struct Arrived<'c> {
    /// The connection it came on.
    pub(crate) connection: &'c Connection,
    pub(crate) head: &'c RequestHead,
    /// The generation that it sees from here to its end, and the listener in it.
    pub(crate) listener_ref: Rc<ListenerRef>,
    /// When its head had been read.
    pub(crate) started: Instant,
    /// By what it is found in the logs.
    pub(crate) ids: Ids,
    /// Which one it is on its connection, from 1.
    pub(crate) number: u64,
}

impl<'c> Arrived<'c> {
    /// A request whose head was just read.
    pub(crate) fn new(connection: &'c Connection, head: &'c RequestHead) -> Self {
        let (listener_ref, started) = (connection.current_listener(), Instant::now());
        let listener = listener_ref.listener();
        let trusted = || Trust::of(connection.peer().ip(), listener.trusted_proxies.as_deref()) == Trust::Trusted;
        let ids = Ids::of(head, listener.id_rules, trusted, || connection.worker().random_ids.next());
        Self { connection, head, listener_ref, started, ids, number: connection.count_request() }
    }

    /// X-Request-Id, as nodes, clients and logs are told.
    pub(crate) fn request_id(&self) -> Option<&[u8]> {
        self.ids.request(self.head)
    }

    pub(crate) fn now(&self) -> Tick {
        Tick::from_millis(self.connection.worker().clock.now())
    }

    /// Who the client is: behind a trusted proxy, whoever that one says.
    pub(crate) fn client(&self) -> IpAddr {
        let trusted = self.listener_ref.listener().trusted_proxies.as_deref();
        let peer = self.connection.peer().ip();
        if trusted.is_none() {
            return peer.to_canonical();
        }
        let lines = self.head.fields().filter(|field| field.kind == FieldKind::XForwardedFor).map(|field| field.value);
        client_of(peer, trusted, lines)
    }

    /// Whether the client came by https. Where a trusted proxy stands before Weir, that one says so.
    pub(crate) fn by_https(&self) -> bool {
        self.forwarded().secure(self.head)
    }

    /// Where it came from, with the client that a trusted proxy names.
    #[inline]
    pub(crate) fn forwarded_client(&self) -> Forwarded<'_> {
        let from = self.forwarded();
        Forwarded { real: (from.trust == Trust::Trusted).then(|| self.client()), ..from }
    }

    /// What fields that an operator sets take from it.
    pub(crate) fn values(&self) -> RequestValues<'_> {
        RequestValues {
            head: self.head,
            from: self.forwarded_client(),
            default_host: self.listener_ref.listener().default_host.as_bytes(),
            request_id: self.request_id(),
        }
    }

    pub(crate) fn forwarded(&self) -> Forwarded<'_> {
        let connection = self.connection;
        let from =
            self.listener_ref.listener().forwarded(connection.peer().ip(), connection.peer_text(), connection.secure());
        Forwarded { certificate: connection.shown().and_then(Shown::certificate), ..from }
    }
}
