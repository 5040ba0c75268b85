//! What all checks stand on: the configuration, the doors, the running Weir, the client.

use std::net::SocketAddr;
use std::time::SystemTime;

use tokio::net::lookup_host;

use super::api::{Api, Member};
use super::client::{Answer, Client, Envelope, Question, Tls};
use super::places::Door;
use super::url::Url;
use super::ways::{CONSOLE, GET, Kind, LOGIN, Leads, Way, paths};
use crate::config::{Address, Config, Node, NodeTls, Pool};
use crate::wso2::{Members, View};

/// A port of a node that answers.
pub(super) struct Reached<'a> {
    pub(super) pool: &'a Pool,
    pub(super) node: &'a Node,
    pub(super) address: SocketAddr,
}

/// A port of a node, as its pool has it.
pub(super) struct Port<'a> {
    pub(super) pool: &'a Pool,
    pub(super) node: &'a Node,
    /// Or why it is not known where it is.
    pub(super) addresses: Result<Vec<SocketAddr>, String>,
}

/// All ports of all nodes.
pub(super) async fn ports(config: &Config) -> Vec<Port<'_>> {
    let mut ports = Vec::new();
    for (pool, member) in config.pools.iter().flat_map(|pool| pool.members.iter().map(move |member| (pool, member))) {
        let Some(node) = config.nodes.get(member.node) else { continue };
        let Some(port) = pool.port.checked_add(node.port_offset) else { continue };
        ports.push(Port { pool, node, addresses: addresses(node, port).await });
    }
    ports
}

/// The addresses of a node.
pub(super) async fn addresses(node: &Node, port: u16) -> Result<Vec<SocketAddr>, String> {
    match &node.address {
        Address::Ip(ip) => Ok(vec![SocketAddr::new(*ip, port)]),
        Address::Name(name) => {
            let found =
                lookup_host((&**name, port)).await.map_err(|error| format!("{name} does not resolve: {error}"))?;
            let all: Vec<_> = found.take(MOST_ADDRESSES).collect();
            if all.is_empty() { Err(format!("{name} has no address")) } else { Ok(all) }
        }
    }
}

const MOST_ADDRESSES: usize = 8;

/// How clients come to a pool.
pub(super) struct Entry<'g, 'a> {
    pub(super) pool: &'a Pool,
    pub(super) kind: Kind,
    /// It can be asked.
    pub(super) door: &'g Door<'a>,
    /// What is asked for there, so that a node of the pool gets it.
    pub(super) target: String,
}

impl Entry<'_, '_> {
    /// Whether a GET of this target goes to the pool too.
    pub(super) fn takes(&self, target: &str) -> bool {
        matches!(self.door.leads(GET, target), Leads::To(way, _) if way.pool.name == self.pool.name)
    }
}

/// It is made once.
pub(super) struct Ground<'a> {
    pub(super) config: &'a Config,
    pub(super) doors: Vec<Door<'a>>,
    pub(super) ports: Vec<Port<'a>>,
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
    /// The doors that lead to pools of this kind and can be asked.
    pub(super) fn open(&self, kind: Kind) -> impl Iterator<Item = &Door<'a>> {
        self.doors.iter().filter(move |door| door.has(kind) && !door.places.is_empty())
    }

    /// The pools of these kinds, each once, and how clients come to them, or why this test cannot.
    pub(super) fn entries(&self, kinds: &[Kind]) -> Vec<(&'a Pool, Result<Entry<'_, 'a>, &'static str>)> {
        let mut entries: Vec<(&Pool, Result<Entry<'_, '_>, &str>)> = Vec::new();
        for (door, way) in self.doors.iter().flat_map(|door| door.ways.iter().map(move |way| (door, *way))) {
            if !kinds.contains(&way.kind) {
                continue;
            }
            match entries.iter_mut().find(|(pool, _)| pool.name == way.pool.name) {
                Some((_, Ok(_))) => {}
                Some((_, none)) => *none = self.entry(door, way),
                None => entries.push((way.pool, self.entry(door, way))),
            }
        }
        entries
    }

    fn entry<'g>(&self, door: &'g Door<'a>, way: Way<'a>) -> Result<Entry<'g, 'a>, &'static str> {
        if door.places.is_empty() {
            return Err("the hosts of its sites do not resolve");
        }
        let general = match way.kind {
            Kind::Console => vec![CONSOLE.to_owned(), LOGIN.to_owned()],
            Kind::Services => {
                self.services.iter().map(|service| described(service)).chain([SERVICES.to_owned()]).collect()
            }
        };
        let of = |target| Entry { pool: way.pool, kind: way.kind, door, target };
        let mut all = general.into_iter().chain(paths(door.site, way)).map(of);
        all.find(|entry| entry.takes(&entry.target)).ok_or(ELSEWHERE)
    }

    /// The pools of services that clients ask for this, each once: by which door, one that can be asked if there is one,
    /// and what the nodes get.
    pub(super) fn takers(&self, method: &str, target: &str) -> Vec<(&'a Pool, &Door<'a>, String)> {
        let mut takers: Vec<(&Pool, &Door<'_>, String)> = Vec::new();
        for door in &self.doors {
            let Some((Way { pool, .. }, sent)) = door.asked(Kind::Services, method, target) else { continue };
            match takers.iter_mut().find(|(other, ..)| other.name == pool.name) {
                Some(known) if known.1.places.is_empty() => *known = (pool, door, sent),
                Some(_) => {}
                None => takers.push((pool, door, sent)),
            }
        }
        takers
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
        self.services.first().map_or_else(|| SERVICES.to_owned(), |service| described(service))
    }

    /// What is asked for where a session is wanted: a description begins none.
    pub(super) fn session_targets(&self) -> Vec<String> {
        let named = self.services.iter().take(MOST_SESSION_TARGETS).cloned();
        if self.services.is_empty() { vec![self.target()] } else { named.collect() }
    }

    /// Whether clients reach the nodes of this pool, or others of their cluster, by this URL.
    pub(super) fn is_public(&self, pool: &Pool, url: &Url) -> bool {
        let members = Members::of(self.config, pool.members.iter().map(|member| member.node));
        let all = View { config: self.config, members: &members }.services();
        all.iter().any(|public| public.has_host(&url.host) && (public.tls, public.port) == (url.tls, url.port))
    }

    /// The Host field for a node of this pool: what clients of its sites send.
    pub(super) fn authority(&self, pool: &Pool, address: SocketAddr) -> String {
        let leads = |door: &&Door<'_>| door.ways.iter().any(|way| way.pool.name == pool.name);
        self.doors.iter().find(leads).map_or_else(|| address.to_string(), Door::authority)
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

const ELSEWHERE: &str = "nothing that this test asks for leads there; --service names a path, and routes that want a method or a field are not asked";

/// What is asked for where no service is named.
const SERVICES: &str = "/services/";

/// What is asked of a service: a SOAP service for its description, anything else as it is.
pub(super) fn described(service: &str) -> String {
    if is_soap(service) { format!("{service}?wsdl") } else { service.to_owned() }
}

/// Whether the path is one of Axis2's services, which have descriptions.
pub(super) fn is_soap(service: &str) -> bool {
    service.contains("/services/") && !service.contains('?')
}
