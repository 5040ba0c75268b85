//! Access rules by network. Only compares addresses; the client's address was determined before.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::config::Access;

/// Whether this client has access: it is in no `deny` network, and in an `allow` network if there are any.
pub fn may_come(access: &Access, client: IpAddr) -> bool {
    (access.deny.is_empty() || !holds(&access.deny, client))
        && access.allow.as_ref().is_none_or(|allow| holds(allow, client))
}

/// Whether one of these networks contains the address. `::ffff:10.0.0.1` counts as 10.0.0.1 in both.
pub fn holds(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address) || holds_mapped(network, address))
}

/// Matches IPv4 addresses with networks of mapped addresses. Wider networks, such as `::/0`, are for IPv6 only.
fn holds_mapped(network: &IpNet, address: IpAddr) -> bool {
    match (network, address) {
        (IpNet::V6(network), IpAddr::V4(address)) if network.prefix_len() >= 96 => {
            network.contains(&address.to_ipv6_mapped())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(written: &str) -> Vec<IpNet> {
        let network = |text: &str| text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        written.split_whitespace().map(|text| network(text).expect("a network")).collect()
    }

    #[test]
    fn who_is_denied_may_not_and_who_is_not_allowed_may_not() {
        // allow (`*`: not written), deny, client, may come
        let cases = [
            ("*", "", "192.0.2.1", true),
            ("*", "", "2001:db8::1", true),
            ("", "", "192.0.2.1", false),
            ("10.0.0.0/8", "", "10.1.2.3", true),
            ("10.0.0.0/8", "", "11.1.2.3", false),
            ("10.0.0.0/8 192.0.2.1", "", "192.0.2.1", true),
            ("10.0.0.0/8 192.0.2.1", "", "192.0.2.2", false),
            ("*", "192.0.2.0/24", "192.0.2.9", false),
            ("*", "192.0.2.0/24", "192.0.3.9", true),
            ("10.0.0.0/8", "10.9.0.0/16", "10.9.0.1", false),
            ("10.0.0.0/8", "10.9.0.0/16", "10.8.0.1", true),
            ("10.9.0.1", "10.0.0.0/8", "10.9.0.1", false),
            ("10.0.0.0/8", "", "::ffff:10.1.2.3", true),
            ("*", "10.0.0.0/8", "::ffff:10.1.2.3", false),
            ("::ffff:10.0.0.0/104", "", "10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "", "::ffff:10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "", "11.1.2.3", false),
            ("*", "::/0", "10.1.2.3", true),
            ("*", "::/0", "2001:db8::1", false),
            ("*", "0.0.0.0/0", "10.1.2.3", false),
            ("*", "0.0.0.0/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:1::/48", "2001:db8:2::1", true),
            ("2001:db8::/32", "2001:db8:1::/48", "2001:db8:1::1", false),
            ("127.0.0.1 ::1", "", "::1", true),
            ("127.0.0.1", "", "::1", false),
        ];
        for (allow, deny, client, expected) in cases {
            let access = Access { allow: (allow != "*").then(|| networks(allow)), deny: networks(deny) };
            let client = client.parse().expect("an address");
            assert_eq!(may_come(&access, client), expected, "{allow:?} {deny:?} {client}");
        }
    }
}
