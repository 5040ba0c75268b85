//! One look-up of one name: `/etc/hosts` and the servers of `/etc/resolv.conf` as the system's own resolver would ask
//! them, or the servers that the configuration names. It keeps no answers, and no look-up takes longer than its limit.

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

use crate::config::Dns;

/// A look-up in total, over all servers.
const LIMIT: Duration = Duration::from_secs(5);

/// After a failed look-up the next one comes this soon.
const AGAIN: Duration = Duration::from_secs(5);

/// How long an answer holds, whatever its TTL says.
const VALID: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));

/// How long what `/etc/hosts` says holds: it is read again afterwards.
const HOSTS_VALID: Duration = Duration::from_secs(30);

/// Who knows addresses.
pub(crate) struct Resolver {
    servers: Vec<Server>,
    /// Domains that are tried behind a name.
    search: Vec<Name>,
    /// A name with fewer dots is tried behind the domains first.
    dots: usize,
    hosts: Option<PathBuf>,
    limit: Duration,
    /// After a failed look-up the next one may come this soon.
    pub(super) again: Duration,
}

/// A DNS server, asked alone, so that their order is the one that was written and words can say which one failed.
struct Server {
    address: SocketAddr,
    client: TokioResolver,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DnsAnswer {
    /// Sorted, without doubles, at least one.
    pub(crate) addresses: Vec<IpAddr>,
    /// Between a second and an hour.
    pub(crate) valid_for: Duration,
    /// Addresses of one family could not be asked for: there may be more than these.
    pub(crate) missing: Option<Missing>,
}

/// The addresses of one family that nobody could tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// Those of IPv6; else those of IPv4.
    pub(crate) ipv6: bool,
    /// Why.
    pub(crate) why: String,
}

/// Addresses of one family, and how long they hold.
type Found = (Vec<IpAddr>, Duration);

/// Why there are no addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    /// A server says so.
    Unknown,
    /// The name exists, without an address of this family.
    Empty,
    /// Nobody could tell; in words.
    Unanswered(String),
}

impl Resolver {
    /// What the configuration says, else what the system says. A system without DNS servers still has its hosts file.
    pub(crate) fn new(dns: &Dns) -> Result<Self, String> {
        if dns.servers.is_empty() {
            return Self::of_system(Path::new("/etc/resolv.conf"), PathBuf::from("/etc/hosts"));
        }
        let servers = dns.servers.iter().map(|address| Server::new(*address)).collect::<Result<_, _>>()?;
        Ok(Self { servers, ..Self::of_nobody() })
    }

    /// The addresses of a name; otherwise why there are none, in words.
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

    /// A name of the hosts file is not asked for elsewhere, whichever of its families the file knows.
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

    /// The names to ask for, one after the other, as resolv.conf(5) has it.
    fn candidates(&self, name: &Name) -> Vec<Name> {
        let mut candidates: Vec<_> =
            self.search.iter().filter_map(|domain| name.clone().append_domain(domain).ok()).collect();
        let own_place = if usize::from(name.num_labels()) > self.dots { 0 } else { candidates.len() };
        candidates.insert(own_place, name.clone());
        candidates.iter_mut().for_each(|candidate| candidate.set_fqdn(true));
        candidates
    }

    /// Asks one server after the other, until one of them knows: that there is no such name is knowledge too.
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
        // Every look-up asks anew: a failure must not be remembered for as long as a zone's SOA record would have it.
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
    /// Of two faults the one that says least about the name: what nobody could tell may exist.
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

/// What both families together say.
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

fn in_order(mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    addresses.iter_mut().for_each(|address| *address = address.to_canonical());
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Servers that block a name answer with 0.0.0.0, which would be this very machine.
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
