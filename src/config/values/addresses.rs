//! IP addresses, ports and networks. Common mistakes are explained.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use crate::config::hosts;
use crate::config::model::Address;
use crate::config::text::errors::Wrong;
use crate::config::text::words::quoted;

/// An address and port to listen on.
pub(crate) fn bind(text: &str) -> Result<SocketAddr, Wrong> {
    let wrong = |advice: String| Wrong::new(format!("{} is not an address and a port", quoted(text)), advice);
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => {
            Err(wrong("port 0 would be another one at each start: name one".to_owned()))
        }
        Ok(address) => Ok(address),
        Err(_) => Err(wrong(bind_advice(text))),
    }
}

// nginx also accepts `80`, `*:80` and host names.
fn bind_advice(text: &str) -> String {
    if let Some((address, flags)) = text.trim().split_once(char::is_whitespace) {
        return format!("{}{}", bind_advice_of_one(address), instead_of(flags));
    }
    bind_advice_of_one(text)
}

/// Keys that replace the flags after the address in nginx's `listen`.
fn instead_of(flags: &str) -> String {
    let known = flags.split_whitespace().filter_map(|flag| match flag {
        "ssl" => Some(", and tls = {} for ssl"),
        "http2" => Some(", and http2 = true beside tls for http2"),
        "default" | "default_server" => Some(", and default = true at a site for default_server"),
        _ => None,
    });
    known.collect()
}

fn bind_advice_of_one(text: &str) -> String {
    if text.parse::<SocketAddr>().is_ok_and(|address| address.port() > 0) {
        return format!("write \"{text}\"");
    }
    if let Some((address, port)) = port_without_brackets(text) {
        return format!("write \"[{address}]:{port}\": an IPv6 address stands in brackets");
    }
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(_)) => return format!("write \"[{text}]:80\": an IPv6 address in brackets, and a port"),
        Ok(IpAddr::V4(_)) => return format!("write \"{text}:80\": the port is missing"),
        Err(_) => {}
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    match port.parse::<u16>() {
        Ok(port) if port > 0 && matches!(host, "" | "*") => {
            format!("write \"0.0.0.0:{port}\" for all of IPv4, \"[::]:{port}\" for all of IPv6")
        }
        Ok(port) if port > 0 => "write the IP address itself; names are not looked up".to_owned(),
        _ => "write \"0.0.0.0:80\" for all of IPv4, \"[::]:80\" for all of IPv6".to_owned(),
    }
}

/// `::1:80` is also a valid address, but somebody who writes it for a listener means port 80.
fn port_without_brackets(text: &str) -> Option<(Ipv6Addr, u16)> {
    let (address, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    Some((address.parse().ok()?, port))
}

/// The address of a node: an IP address or a name, without a port.
pub(crate) fn node(text: &str) -> Result<Address, Wrong> {
    if let Some(name) = dns_name(text) {
        return Ok(Address::Name(name.into()));
    }
    let wrong =
        |advice: String| Wrong::new(format!("{} is neither an IP address nor a DNS name", quoted(text)), advice);
    let address: IpAddr = text.parse().map_err(|_| wrong(node_advice(text)))?;
    if address.is_unspecified() || address.is_multicast() {
        return Err(Wrong::new(
            format!("{} is no single server's address", quoted(text)),
            "write the address of the node",
        ));
    }
    Ok(Address::Ip(address))
}

/// A DNS name in lower case and without the dot at its end that marks it as complete.
fn dns_name(text: &str) -> Option<String> {
    let lower = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    (hosts::is_name(&lower) && lower.parse::<IpAddr>().is_err()).then_some(lower)
}

fn node_advice(text: &str) -> String {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return format!("write \"{}\" here; the port belongs to the pool: port = {}", address.ip(), address.port());
    }
    if let Some((name, port)) = text.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok())
        && let Some(name) = dns_name(name)
    {
        return format!("write \"{name}\" here; the port belongs to the pool: port = {port}");
    }
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) if inner.parse::<IpAddr>().is_ok() => format!("write \"{inner}\", without brackets"),
        _ => "write \"10.0.0.3\" or \"worker1.example.com\"".to_owned(),
    }
}

/// The address of a DNS server, on port 53 unless a port is given.
pub(crate) fn name_server(text: &str) -> Result<SocketAddr, Wrong> {
    let address = text.parse::<SocketAddr>().or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53)));
    address.ok().filter(|address| address.port() != 0 && !address.ip().is_unspecified()).ok_or_else(|| {
        Wrong::new(
            format!("{} is no address of a name server", quoted(text)),
            "write \"10.0.0.53\", \"10.0.0.53:5353\" or \"[fd00::53]:53\"",
        )
    })
}

/// A network, or one address.
pub(crate) fn network(text: &str) -> Result<IpNet, Wrong> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network = network.map_err(|_| {
        Wrong::new(
            format!("{} is neither an address nor a network", quoted(text)),
            "write \"10.0.0.1\" or \"10.0.0.0/8\"",
        )
    })?;
    if network.trunc() == network {
        return Ok(network);
    }
    let what = format!("{} has bits set beyond its length", quoted(text));
    Err(Wrong::new(
        what,
        format!("write \"{}\" for the network, \"{}\" for the one address", network.trunc(), network.addr()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds_with_advice_for_nginx_habits() {
        for good in ["0.0.0.0:80", "[::]:443", "127.0.0.1:9180"] {
            assert!(bind(good).is_ok(), "{good}");
        }
        for (bad, advice) in [
            ("80", "\"0.0.0.0:80\""),
            (":80", "\"[::]:80\""),
            ("*:8080", "\"0.0.0.0:8080\""),
            ("localhost:80", "not looked up"),
            ("10.0.0.1", "\"10.0.0.1:80\""),
            ("::1", "\"[::1]:80\""),
            ("::1:80", "\"[::1]:80\""),
            ("fd00::5:8443", "\"[fd00::5]:8443\""),
            ("fd00::5:ff", "\"[fd00::5:ff]:80\""),
            ("10.0.0.1:0", "port 0"),
            ("10.0.0.1:65536", "write"),
            ("", "write"),
            ("443 ssl", "write \"0.0.0.0:443\" for all of IPv4, \"[::]:443\" for all of IPv6, and tls = {} for ssl"),
            ("10.0.0.1:443 ssl http2", "write \"10.0.0.1:443\", and tls = {} for ssl, and http2 = true beside tls"),
            ("80 default_server", ", and default = true at a site"),
        ] {
            assert!(bind(bad).unwrap_err().advice.contains(advice), "{bad}: {:?}", bind(bad));
        }
    }

    #[test]
    fn nodes_are_addresses_or_names_without_port() {
        for good in ["10.0.0.3", "::1", "fe80::1"] {
            assert_eq!(node(good), Ok(Address::Ip(good.parse().unwrap())), "{good}");
        }
        for (text, name) in [
            ("worker1.local", "worker1.local"),
            ("Worker1.Example.COM.", "worker1.example.com"),
            ("localhost", "localhost"),
            ("esb_worker-1", "esb_worker-1"),
            ("10.0.0.3.in-addr.arpa", "10.0.0.3.in-addr.arpa"),
        ] {
            assert_eq!(node(text), Ok(Address::Name(name.into())), "{text}");
        }
        for (bad, advice) in [
            ("10.0.0.3:8280", "port = 8280"),
            ("worker1.local:8280", "\"worker1.local\" here; the port belongs to the pool: port = 8280"),
            ("[::1]", "\"::1\""),
            ("[::1]:80", "\"::1\""),
            ("0.0.0.0", "the address of the node"),
            ("10.0.0.300", "write"),
            ("10.0.0", "write"),
            ("10.0.0.3.", "write"),
            ("http://worker1", "write"),
            ("worker one", "write"),
            ("-worker", "write"),
            ("worker1..", "write"),
            ("*.local", "write"),
            ("", "write"),
        ] {
            assert!(node(bad).unwrap_err().advice.contains(advice), "{bad}: {:?}", node(bad));
        }
    }

    #[test]
    fn name_servers_have_a_port_of_their_own() {
        for (text, expected) in [
            ("10.0.0.53", Some("10.0.0.53:53")),
            ("10.0.0.53:5353", Some("10.0.0.53:5353")),
            ("fd00::53", Some("[fd00::53]:53")),
            ("[fd00::53]:54", Some("[fd00::53]:54")),
            ("10.0.0.53:0", None),
            ("0.0.0.0", None),
            ("dns.local", None),
            ("", None),
        ] {
            assert_eq!(name_server(text).ok().map(|address| address.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn networks() {
        for (text, expected) in [("10.0.0.0/8", "10.0.0.0/8"), ("10.0.0.1", "10.0.0.1/32"), ("::1", "::1/128")] {
            assert_eq!(network(text).unwrap().to_string(), expected);
        }
        for bad in ["10.0.0.1/8", "10.0.0.0/33", "here", ""] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }
}
