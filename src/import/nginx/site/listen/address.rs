//! The address of a `listen` line.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

use crate::import::nginx::class::Class::{Changed, Refused};
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::values;

/// The address of the line. A host name is looked up now, as nginx does at its start.
pub(super) fn bind(one: &Directive, verdicts: &Verdicts) -> Option<SocketAddr> {
    let word = one.word();
    verdicts.same(one, "[[listener]]");
    if let Ok(port) = word.parse::<u16>() {
        return Some(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port));
    }
    if word.starts_with("unix:") {
        verdicts.missing(one, "Weir listens on TCP, not on a unix socket");
        return None;
    }
    let Some((host, port)) = values::host_and_port(word).filter(|(host, _)| !host.is_empty()) else {
        verdicts.say(one, Refused, "", format!("{word} is no address"));
        return None;
    };
    let port = port.unwrap_or(80);
    if host == "*" {
        return Some(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port));
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(SocketAddr::new(address, port));
    }
    let found = address_of(&host, port);
    match found {
        Some(address) => {
            verdicts.say(one, Changed, "bind", format!("{host} is {} now, and that is written", address.ip()));
            Some(address)
        }
        None => {
            verdicts.say(one, Refused, "bind", format!("{host} has no address here: write the address"));
            None
        }
    }
}

/// `localhost` needs nobody who knows it (RFC 6761 6.3).
fn address_of(host: &str, port: u16) -> Option<SocketAddr> {
    if host.eq_ignore_ascii_case("localhost") {
        return Some((Ipv4Addr::LOCALHOST, port).into());
    }
    (host, port).to_socket_addrs().ok()?.find(SocketAddr::is_ipv4)
}
