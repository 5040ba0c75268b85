//! The client's address, from the connection or from X-Forwarded-For of trusted proxies, as nginx's realip module does.
//! For access, rates and hashing.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::{self, FromStr};

use ipnet::IpNet;

use super::access::holds;

/// The peer's address. If the peer is a trusted proxy: the right-most address in X-Forwarded-For that is not a trusted
/// proxy. Several field lines are one list. A malformed element ends the search, and the last good address counts.
pub fn client_of<'a>(
    peer: IpAddr,
    trusted: Option<&[IpNet]>,
    x_forwarded_for: impl Iterator<Item = &'a [u8]>,
) -> IpAddr {
    let peer = peer.to_canonical();
    let Some(trusted) = trusted.filter(|trusted| holds(trusted, peer)) else { return peer };
    let mut client = None;
    for line in x_forwarded_for {
        client = match walk(line, trusted) {
            Walk::Ended(found) => found,
            Walk::Open(found) => client.or(found),
        };
    }
    client.unwrap_or(peer)
}

/// The result of walking one line from right to left.
enum Walk {
    /// The search ended in this line with this address. `None`: the address from the lines to the right counts.
    Ended(Option<IpAddr>),
    /// All addresses in the line are trusted proxies: the search goes on to the left, and this is the last one.
    Open(Option<IpAddr>),
}

fn walk(line: &[u8], trusted: &[IpNet]) -> Walk {
    let mut last = None;
    for element in line.rsplit(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty()) {
        match read_address(element) {
            None => return Walk::Ended(last),
            Some(address) if !holds(trusted, address) => return Walk::Ended(Some(address)),
            address => last = address,
        }
    }
    Walk::Open(last)
}

/// `10.0.0.1`, `10.0.0.1:80`, `::1`, `[::1]` or `[::1]:80`.
fn read_address(element: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(element).ok()?;
    let bracketed = || Ipv6Addr::from_str(text.strip_prefix('[')?.strip_suffix(']')?).ok().map(IpAddr::V6);
    let with_port = || SocketAddr::from_str(text).ok().map(|address| address.ip());
    let address = IpAddr::from_str(text).ok().or_else(bracketed).or_else(with_port)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::xorshift::xorshift;

    fn found(peer: &str, trusted: Option<&str>, lines: &[&str]) -> String {
        let trusted: Option<Vec<IpNet>> =
            trusted.map(|all| all.split_whitespace().map(|net| net.parse().expect("a network")).collect());
        let lines = lines.iter().map(|line| line.as_bytes());
        client_of(peer.parse().expect("an address"), trusted.as_deref(), lines).to_string()
    }

    #[test]
    fn nobody_is_believed_who_is_not_named() {
        let lines = &["192.0.2.1"][..];
        for (peer, trusted, expected) in [
            ("10.0.0.9", None, "10.0.0.9"),
            ("10.0.0.9", Some(""), "10.0.0.9"),
            ("10.0.0.9", Some("10.0.0.1/32"), "10.0.0.9"),
            ("10.0.0.9", Some("10.0.0.0/8"), "192.0.2.1"),
            ("::ffff:10.0.0.9", Some("10.0.0.0/8"), "192.0.2.1"),
            ("::ffff:10.0.0.9", None, "10.0.0.9"),
        ] {
            assert_eq!(found(peer, trusted, lines), expected, "{peer} {trusted:?}");
        }
    }

    #[test]
    fn a_named_proxy_tells_who_the_client_is() {
        let cases: [(&[&str], &str); 31] = [
            (&[], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&[" , ,"], "10.0.0.1"),
            (&["192.0.2.1"], "192.0.2.1"),
            (&["6.6.6.6, 192.0.2.1"], "192.0.2.1"),
            (&["6.6.6.6,192.0.2.1,10.0.0.7"], "192.0.2.1"),
            (&["6.6.6.6, 192.0.2.1 , 10.0.0.7,\t10.0.0.8 "], "192.0.2.1"),
            (&["192.0.2.1, , 10.0.0.7"], "192.0.2.1"),
            // Several lines are one list.
            (&["6.6.6.6", "192.0.2.1"], "192.0.2.1"),
            (&["6.6.6.6, 192.0.2.1", "10.0.0.7"], "192.0.2.1"),
            (&["192.0.2.1", "10.0.0.7", "", "10.0.0.8"], "192.0.2.1"),
            (&["10.0.0.6", "10.0.0.7"], "10.0.0.6"),
            // All are proxies: the left-most one is the client.
            (&["10.0.0.6, 10.0.0.7"], "10.0.0.6"),
            // Junk ends the search.
            (&["junk"], "10.0.0.1"),
            (&["192.0.2.1, junk"], "10.0.0.1"),
            (&["192.0.2.1, junk, 10.0.0.7"], "10.0.0.7"),
            (&["192.0.2.1", "junk", "10.0.0.7"], "10.0.0.7"),
            (&["192.0.2.1", "junk"], "10.0.0.1"),
            (&["junk, 192.0.2.1, 10.0.0.7"], "192.0.2.1"),
            (&["192.0.2.1, unknown", "10.0.0.7, 10.0.0.8"], "10.0.0.7"),
            (&["192.0.2.1, _hidden"], "10.0.0.1"),
            (&["192.0.2.1, \u{e9}"], "10.0.0.1"),
            (&["192.0.2.256"], "10.0.0.1"),
            // Spellings.
            (&["192.0.2.1:4711"], "192.0.2.1"),
            (&["192.0.2.1:99999"], "10.0.0.1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["[2001:DB8:0::1]:4711, [fd00::2]:80"], "2001:db8::1"),
            (&["[2001:db8::1"], "10.0.0.1"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
            (&["192.0.2.1, ::ffff:10.0.0.7"], "192.0.2.1"),
        ];
        for (lines, expected) in cases {
            assert_eq!(found("10.0.0.1", Some("10.0.0.0/8 fd00::/8"), lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn however_a_list_is_cut_into_lines_the_walk_is_the_same() {
        let elements = ["192.0.2.1", "192.0.2.2", "10.0.0.5", "10.0.0.6", "10.0.0.7", "junk"];
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().expect("a network")];
        let peer: IpAddr = "10.0.0.1".parse().expect("an address");
        let mut chance = 0x2545_f491_4f6c_dd1d_u64;
        let mut draw = |below: usize| xorshift(&mut chance) as usize % below;
        for _ in 0..20_000 {
            let list: Vec<&str> = (0..draw(7)).map(|_| elements[draw(elements.len())]).collect();
            let mut lines = vec![String::new()];
            for element in &list {
                if draw(2) == 0 {
                    lines.push(String::new());
                }
                let line = lines.last_mut().expect("one");
                *line = if line.is_empty() { (*element).into() } else { format!("{line}, {element}") };
            }
            let mut expected = peer;
            for element in list.iter().rev() {
                let Ok(address) = element.parse() else { break };
                expected = address;
                if !holds(&trusted, address) {
                    break;
                }
            }
            let lines = lines.iter().map(String::as_bytes);
            assert_eq!(client_of(peer, Some(&trusted), lines), expected, "{list:?}");
        }
    }
}
