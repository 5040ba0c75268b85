//! One look-up of one name, with `/etc/hosts` and the servers of `/etc/resolv.conf` as the system's own resolver uses
//! them, or with the servers from the configuration. It caches no answers, and every look-up has a time limit.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver, system_conf};

use super::answer::{AGAIN, DnsAnswer, LIMIT, Missing, in_order};
use crate::config::Dns;

/// The shortest and the longest time that an answer is used, whatever its TTL is.
const VALID: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));

/// How long an answer from `/etc/hosts` is used. The file is read again afterwards.
const HOSTS_VALID: Duration = Duration::from_secs(30);

/// Looks up addresses.
pub(crate) struct Resolver {
    servers: Vec<Server>,
    /// The search domains, which are tried as endings of a name.
    search: Vec<Name>,
    /// A name with fewer dots than this is tried with the search domains first (`ndots` in resolv.conf(5)).
    dots: usize,
    hosts: Option<PathBuf>,
    limit: Duration,
    /// The time from a failed look-up to the next one.
    pub(super) again: Duration,
}

/// A DNS server. Each server is asked separately, so that the written order is kept and an error can name the server.
struct Server {
    address: SocketAddr,
    client: TokioResolver,
}

/// Addresses of one family, and how long they may be used.
type Found = (Vec<IpAddr>, Duration);

/// Why there are no addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    /// A server says that the name does not exist.
    Unknown,
    /// The name exists, but has no address of this family.
    Empty,
    /// No server gave an answer. The text says why.
    Unanswered(String),
}

impl Resolver {
    /// Uses the servers of the configuration, otherwise those of the system. A system without DNS servers still has its
    /// hosts file.
    pub(crate) fn new(dns: &Dns) -> Result<Self, String> {
        if dns.servers.is_empty() {
            return Self::of_system(Path::new("/etc/resolv.conf"), PathBuf::from("/etc/hosts"));
        }
        let servers = dns.servers.iter().map(|address| Server::new(*address)).collect::<Result<_, _>>()?;
        Ok(Self { servers, ..Self::of_nobody() })
    }

    /// The addresses of a name, or why there are none.
    pub(crate) async fn look_up(&self, name: &str) -> Result<DnsAnswer, String> {
        let name = Name::from_ascii(name).map_err(|error| format!("`{name}` is no DNS name: {error}"))?;
        match self.by_hosts(&name) {
            Some(answer) => Ok(answer),
            None => self.by_servers(&name).await,
        }
    }

    pub(super) fn of_system(resolv_conf: &Path, hosts: PathBuf) -> Result<Self, String> {
        let in_words = |error: &dyn std::fmt::Display| format!("cannot use {}: {error}", resolv_conf.display());
        let text = match fs::read(resolv_conf) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(in_words(&error)),
        };
        let mut resolver = Self { hosts: Some(hosts), ..Self::of_nobody() };
        if !names_a_server(&text) {
            return Ok(resolver);
        }
        let (config, options) = system_conf::parse_resolv_conf(&text).map_err(|error| in_words(&error))?;
        for server in config.name_servers() {
            let port = server.connections.first().map_or(53, |connection| connection.port);
            resolver.servers.push(Server::new(SocketAddr::new(server.ip, port))?);
        }
        resolver.search = config.search().to_vec();
        resolver.search.extend(config.domain().filter(|_| config.search().is_empty()).cloned());
        resolver.dots = options.ndots;
        Ok(resolver)
    }

    const fn of_nobody() -> Self {
        Self { servers: Vec::new(), search: Vec::new(), dots: 1, hosts: None, limit: LIMIT, again: AGAIN }
    }

    /// The addresses of the hosts file. A name that is in it is not asked for elsewhere, even if the file has only one
    /// of its families.
    fn by_hosts(&self, name: &Name) -> Option<DnsAnswer> {
        let mut hosts = Hosts::default();
        hosts.read_hosts_conf(fs::File::open(self.hosts.as_ref()?).ok()?).ok()?;
        let found = [RecordType::A, RecordType::AAAA]
            .into_iter()
            .filter_map(|family| hosts.lookup_static_host(&Query::query(name.clone(), family)))
            .flat_map(|lookup| lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect::<Vec<_>>());
        let addresses = in_order(found.collect());
        (!addresses.is_empty()).then_some(DnsAnswer { addresses, valid_for: HOSTS_VALID, missing: None })
    }

    async fn by_servers(&self, name: &Name) -> Result<DnsAnswer, String> {
        if self.servers.is_empty() {
            return Err("the hosts file does not know it, and no DNS server is configured".to_string());
        }
        let deadline = Instant::now() + self.limit;
        let mut worst = Fault::Unknown;
        for candidate in self.candidates(name) {
            let (ipv4, ipv6) = tokio::join!(
                self.ask(&candidate, RecordType::A, deadline),
                self.ask(&candidate, RecordType::AAAA, deadline)
            );
            match both(ipv4, ipv6) {
                Ok(answer) => return Ok(answer),
                Err(fault) => worst = worst.or(fault),
            }
        }
        Err(worst.in_words())
    }

    /// The names to ask for, one after the other, as resolv.conf(5) describes it.
    fn candidates(&self, name: &Name) -> Vec<Name> {
        let mut candidates: Vec<_> =
            self.search.iter().filter_map(|domain| name.clone().append_domain(domain).ok()).collect();
        let own_place = if usize::from(name.num_labels()) > self.dots { 0 } else { candidates.len() };
        candidates.insert(own_place, name.clone());
        candidates.iter_mut().for_each(|candidate| candidate.set_fqdn(true));
        candidates
    }

    /// Asks the servers in turn until one gives an answer. "There is no such name" is an answer too.
    async fn ask(&self, name: &Name, family: RecordType, deadline: Instant) -> Result<Found, Fault> {
        let mut faults = Vec::new();
        for (number, server) in self.servers.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let patience = left / (self.servers.len() - number) as u32;
            match server.ask(name, family, patience).await {
                Err(Fault::Unanswered(why)) => faults.push(why),
                known => return known,
            }
        }
        Err(Fault::Unanswered(faults.join("; ")))
    }
}

#[cfg(test)]
impl Resolver {
    pub(super) fn hasty(self, limit: Duration, again: Duration) -> Self {
        Self { limit, again, ..self }
    }

    pub(super) fn at(self, server: SocketAddr) -> Self {
        Self { servers: vec![Server::new(server).unwrap()], ..self }
    }
}

impl Server {
    fn new(address: SocketAddr) -> Result<Self, String> {
        let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
        connections.iter_mut().for_each(|connection| connection.port = address.port());
        let server = NameServerConfig::new(address.ip(), true, connections);
        let config = ResolverConfig::from_name_servers(vec![server]);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let options = builder.options_mut();
        options.use_hosts_file = ResolveHosts::Never;
        options.timeout = LIMIT;
        // Every look-up asks the server. A cache would keep a failure for as long as the zone's SOA record says.
        options.cache_size = 0;
        let client = builder.build().map_err(|error| format!("cannot ask the DNS server {address}: {error}"))?;
        Ok(Self { address, client })
    }

    async fn ask(&self, name: &Name, family: RecordType, patience: Duration) -> Result<Found, Fault> {
        let begin = Instant::now();
        let lookup = match tokio::time::timeout(patience, self.client.lookup(name.clone(), family)).await {
            Ok(Ok(lookup)) => lookup,
            Ok(Err(error)) => return Err(self.fault(&error, begin.elapsed())),
            Err(_) => return Err(self.fault(&NetError::Timeout, patience)),
        };
        let found = lookup.answers().iter().filter_map(|record| record.data.ip_addr());
        let addresses: Vec<_> = found.filter(|address| is_of_one_machine(*address)).collect();
        if addresses.is_empty() {
            return Err(Fault::Empty);
        }
        Ok((addresses, lookup.valid_until().saturating_duration_since(Instant::now())))
    }

    fn fault(&self, error: &NetError, waited: Duration) -> Fault {
        let address = self.address;
        match error {
            NetError::Dns(DnsError::NoRecordsFound(none)) if none.response_code == ResponseCode::NXDomain => {
                Fault::Unknown
            }
            NetError::Dns(DnsError::NoRecordsFound(none)) if none.response_code == ResponseCode::NoError => {
                Fault::Empty
            }
            NetError::Dns(DnsError::ResponseCode(code)) => Fault::Unanswered(format!("{address} says: {code}")),
            NetError::Timeout => Fault::Unanswered(format!("no answer within {} from {address}", seconds(waited))),
            NetError::Io(error) => Fault::Unanswered(format!("cannot ask {address}: {error}")),
            error => Fault::Unanswered(format!("no use in what {address} says: {error}")),
        }
    }
}

impl Fault {
    /// Of two faults the one that leaves open whether the name exists. A name that no server could answer for may
    /// exist.
    fn or(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Unanswered(_), _) | (Self::Empty, Self::Unknown) => self,
            _ => other,
        }
    }

    fn in_words(self) -> String {
        match self {
            Self::Unknown => "no such name".to_string(),
            Self::Empty => "the name has no address".to_string(),
            Self::Unanswered(why) => why,
        }
    }
}

/// Joins the results of both families.
fn both(ipv4: Result<Found, Fault>, ipv6: Result<Found, Fault>) -> Result<DnsAnswer, Fault> {
    let (addresses, valid_for, missing) = match (ipv4, ipv6) {
        (Ok((mut addresses, valid)), Ok((more, also_valid))) => {
            addresses.extend(more);
            (addresses, valid.min(also_valid), None)
        }
        (Ok((addresses, valid)), Err(fault)) => (addresses, valid, fault.missing(true)),
        (Err(fault), Ok((addresses, valid))) => (addresses, valid, fault.missing(false)),
        (Err(fault), Err(other)) => return Err(fault.or(other)),
    };
    Ok(DnsAnswer { addresses: in_order(addresses), valid_for: valid_for.clamp(VALID.0, VALID.1), missing })
}

impl Fault {
    fn missing(self, ipv6: bool) -> Option<Missing> {
        match self {
            Self::Unanswered(why) => Some(Missing { ipv6, why }),
            Self::Unknown | Self::Empty => None,
        }
    }
}

/// Servers that block a name answer with 0.0.0.0, which would mean this machine itself.
fn is_of_one_machine(address: IpAddr) -> bool {
    let address = address.to_canonical();
    !address.is_unspecified() && !address.is_multicast() && address != IpAddr::V4(std::net::Ipv4Addr::BROADCAST)
}

fn names_a_server(resolv_conf: &[u8]) -> bool {
    resolv_conf.split(|byte| *byte == b'\n').any(|line| line.trim_ascii_start().starts_with(b"nameserver"))
}

fn seconds(duration: Duration) -> String {
    format!("{} s", (duration.as_secs_f64() * 10.0).round() / 10.0)
}
