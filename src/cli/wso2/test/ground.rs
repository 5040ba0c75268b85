//! What all checks stand on: the configuration, the doors, the running Weir, the client.

use std::net::SocketAddr;
use std::time::SystemTime;

use super::api::{Api, Member};
use super::client::{Answer, Client, Envelope, Question, Tls};
use super::places::{Door, Kind, kind};
use super::url::Url;
use crate::config::{Address, Config, Node, NodeTls, Pool};
use crate::wso2::has_host;

/// A port of a node that answers.
pub(super) struct Reached<'a> {
    pub(super) pool: &'a Pool,
    pub(super) node: &'a Node,
    pub(super) address: SocketAddr,
}

/// It is made once.
pub(super) struct Ground<'a> {
    pub(super) config: &'a Config,
    pub(super) doors: Vec<Door<'a>>,
    pub(super) api: Api<'a>,
    pub(super) client: Client,
    /// Paths of services that should answer.
    pub(super) services: Vec<String>,
    /// SOAP requests, each with the path of its service.
    pub(super) envelopes: Vec<(String, Envelope)>,
    /// What Weir said of its nodes at the beginning; empty where it did not answer.
    pub(super) members: Vec<Member>,
    pub(super) now: SystemTime,
}

impl<'a> Ground<'a> {
    /// The doors of this kind that can be asked.
    pub(super) fn open(&self, kind: Kind) -> impl Iterator<Item = &Door<'a>> {
        self.doors.iter().filter(move |door| door.kind == kind && !door.places.is_empty())
    }

    /// The pool of a door's site.
    pub(super) fn pool(&self, door: &Door<'_>) -> Option<&'a Pool> {
        door.site.pool.and_then(|pool| self.config.pools.get(pool))
    }

    /// The pools to which doors of these kinds lead, each once, with the first such door that can be asked.
    pub(super) fn pools(&self, kinds: &[Kind]) -> Vec<(&'a Pool, Option<&Door<'a>>)> {
        let mut pools: Vec<(&Pool, Option<&Door<'_>>)> = Vec::new();
        for door in self.doors.iter().filter(|door| kinds.contains(&door.kind)) {
            let Some(pool) = self.pool(door) else { continue };
            let open = (!door.places.is_empty()).then_some(door);
            match pools.iter_mut().find(|(other, _)| other.name == pool.name) {
                Some((_, known)) => *known = known.or(open),
                None => pools.push((pool, open)),
            }
        }
        pools
    }

    /// The nodes of a pool.
    pub(super) fn nodes(&self, pool: &'a Pool) -> impl Iterator<Item = &'a Node> {
        pool.members.iter().filter_map(move |member| self.config.nodes.get(member.node))
    }

    /// What Weir says of the pool's members.
    pub(super) fn members<'m>(&'m self, pool: &'m Pool) -> impl Iterator<Item = &'m Member> {
        self.members.iter().filter(|member| *member.pool == *pool.name)
    }

    /// What is asked for where any path will do.
    pub(super) fn target(&self) -> String {
        self.services.first().map_or_else(|| "/services/".to_owned(), |service| described(service))
    }

    /// What is asked for where a session is wanted: a description begins none.
    pub(super) fn session_targets(&self) -> Vec<String> {
        let named = self.services.iter().take(MOST_SESSION_TARGETS).cloned();
        if self.services.is_empty() { vec![self.target()] } else { named.collect() }
    }

    /// Whether clients reach the workers by this URL.
    pub(super) fn is_public(&self, url: &Url) -> bool {
        self.config.sites.iter().enumerate().any(|(index, site)| {
            let mut listeners = site.listeners.iter().filter_map(|listener| self.config.listeners.get(*listener));
            kind(self.config, index, site) != Kind::Console
                && has_host(&site.hosts, &url.host)
                && listeners.any(|listener| {
                    let port = listener.public_port.unwrap_or(listener.bind.port());
                    (listener.tls.is_some(), port) == (url.tls, url.port)
                })
        })
    }

    /// The Host field for a node of this pool: what clients of its sites send.
    pub(super) fn authority(&self, pool: &Pool, address: SocketAddr) -> String {
        let door = self.doors.iter().find(|door| self.pool(door).is_some_and(|other| other.name == pool.name));
        door.map_or_else(|| address.to_string(), Door::authority)
    }

    /// TLS with a node, as its pool says.
    pub(super) fn as_weir_does(&self, node: &Reached<'_>, tls: &NodeTls) -> Result<Tls, String> {
        let name = match &node.node.address {
            Address::Ip(ip) => ip.to_string(),
            Address::Name(name) => name.to_string(),
        };
        self.client.node(tls, &name)
    }

    /// A GET to a node itself, with what Weir would add for a client of the door.
    pub(super) fn direct(&self, node: &Reached<'_>, door: Option<&Door<'_>>, target: &str) -> Result<Question, String> {
        let Reached { pool, address, .. } = node;
        let tls = pool.tls.as_ref().map(|tls| self.as_weir_does(node, tls)).transpose()?;
        let forwarded = door.map(|door| {
            let (scheme, host, port) = (door.scheme(), &door.host, door.port);
            format!("X-Forwarded-Proto: {scheme}\r\nX-Forwarded-Host: {host}\r\nX-Forwarded-Port: {port}\r\n")
        });
        let authority = door.map_or_else(|| self.authority(pool, *address), Door::authority);
        let (to, target) = (*address, target.to_owned());
        Ok(Question { to, tls, authority, target, cookie: None, forwarded: forwarded.unwrap_or_default(), post: None })
    }

    /// A GET through a door.
    pub(super) async fn get(&self, door: &Door<'_>, target: &str) -> Result<Answer, String> {
        self.client.ask(&self.client.through(door, target)?).await
    }

    /// For advice.
    pub(super) fn file(&self) -> String {
        self.config.files.first().map(|file| file.display().to_string()).unwrap_or_default()
    }
}

/// How many services are asked for a session.
pub(super) const MOST_SESSION_TARGETS: usize = 4;

/// What is asked of a service: a SOAP service for its description, anything else as it is.
pub(super) fn described(service: &str) -> String {
    if is_soap(service) { format!("{service}?wsdl") } else { service.to_owned() }
}

/// Whether the path is one of Axis2's services, which have descriptions.
pub(super) fn is_soap(service: &str) -> bool {
    service.contains("/services/") && !service.contains('?')
}
