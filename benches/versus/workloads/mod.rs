//! The workloads, by importance. Each gives the figures of one round of one column; one of them is what ratios are of.

mod connections;
mod crowds;
mod reloads;
mod round;
mod scale;
mod steady;
mod two;

pub(crate) use round::Round;

use crate::figures::{CPU, Figures};
use crate::origins::MANY;
use crate::proxies::{Running, Shape};
use crate::result::Result;

/// One of them.
#[derive(Clone, Copy)]
pub(crate) struct Workload {
    /// Its name in tables and in WORKLOADS.
    pub(crate) name: &'static str,
    /// What it does, in one line.
    pub(crate) what: &'static str,
    /// The figure that ratios are made of; less is better.
    pub(crate) by: &'static str,
    /// What the proxies are set up for.
    pub(crate) shape: Shape,
    /// Whether it can be done without a proxy, and is worth doing with an access log.
    pub(crate) floor: bool,
    pub(crate) logged: bool,
    /// One round of one column.
    pub(crate) sample: fn(&mut Running<'_>, &Round) -> Result<Figures>,
}

impl Workload {
    const fn new(
        name: &'static str,
        what: &'static str,
        sample: fn(&mut Running<'_>, &Round) -> Result<Figures>,
    ) -> Self {
        Self { name, what, by: CPU, shape: Shape::Usual, floor: true, logged: false, sample }
    }

    const fn logged(self) -> Self {
        Self { logged: true, ..self }
    }

    const fn without_floor(self) -> Self {
        Self { floor: false, ..self }
    }

    const fn by(self, by: &'static str) -> Self {
        Self { by, ..self }
    }

    const fn shaped(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }
}

/// Sites of the workload that has many of them.
const SITES: usize = 5000;

/// All of them, in the order in which they are run.
const ALL: &[Workload] = &[
    Workload::new("small-http", "70-byte answers on 32 kept connections", steady::small_http).logged(),
    Workload::new("small-tls", "the same over TLS on both sides, 32 sticky sessions", steady::small_tls).logged(),
    Workload::new("conn-http", "a connection for each request, 32 at once", steady::conn_http),
    Workload::new("conn-tls-full", "a full TLS 1.3 handshake for each request, 32 at once", connections::full),
    Workload::new("conn-tls-resumed", "a resumed TLS 1.3 handshake for each request, 32 at once", connections::resumed),
    Workload::new("h2-small", "70-byte answers over HTTP/2, 8 connections of 32 streams", steady::h2_small).logged(),
    Workload::new("post-64k", "64 KiB posted on 16 kept connections; the node reads it all", steady::post),
    Workload::new("big-1m-http", "1 MiB answers on 8 kept connections", steady::big_http),
    Workload::new("big-1m-tls", "the same over TLS on both sides", steady::big_tls),
    Workload::new("idle", "8000 idle HTTP connections", crowds::idle).by(crowds::EACH).without_floor(),
    Workload::new("idle-tls", "8000 idle HTTPS connections", crowds::idle_tls).by(crowds::EACH).without_floor(),
    Workload::new("upload-100m", "100 MiB uploads on 2 connections; CPU for each", steady::upload),
    Workload::new("slow", "small-http beside 1000 clients that read 1 KB/s of 256 KiB", crowds::slow).without_floor(),
    Workload::new("reload", "small-http while reloading every 200 ms", reloads::often).without_floor(),
    Workload::new("websocket", "echoes of 64 bytes in 1000 tunnels; CPU for each", crowds::websocket),
    Workload::new("sessions", "small-tls while a million sessions are learned", scale::sessions).without_floor(),
    Workload::new("two", "2000 logins a second at one of two that have their sessions in common", two::logins)
        .shaped(Shape::Two)
        .without_floor(),
    Workload::new("nodes", "small-http with 1000 nodes in the pool", scale::nodes)
        .shaped(Shape::Nodes(MANY))
        .without_floor(),
    Workload::new("sites", "5000 sites with certificates: small-http with one reload meanwhile", reloads::sites)
        .by(reloads::RELOAD)
        .shaped(Shape::Sites(SITES))
        .without_floor(),
];

/// The ones that a list names, or all.
pub(crate) fn chosen(list: &str) -> Result<Vec<Workload>> {
    let named = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    let chosen = named
        .map(|name| {
            let known = || ALL.iter().map(|workload| workload.name).collect::<Vec<_>>().join(", ");
            let found = ALL.iter().find(|workload| workload.name == name).copied();
            found.ok_or_else(|| format!("WORKLOADS knows {}, not {name}", known()))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(if chosen.is_empty() { ALL.to_vec() } else { chosen })
}
