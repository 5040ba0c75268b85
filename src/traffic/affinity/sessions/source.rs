//! The session id made of a client's address: the whole address for IPv4, the /64 network for IPv6, since clients
//! change their address within it. IPv4 and mapped IPv6 addresses give the same id.

use std::net::IpAddr;

/// The id to pass to [`Sessions::key`](super::Sessions::key) for sessions by client address.
pub fn source_key(address: IpAddr) -> [u8; 9] {
    let mut key = [0; 9];
    // A socket for both families shows an IPv4 client as ::ffff:a.b.c.d.
    match address.to_canonical() {
        IpAddr::V4(address) => {
            key[0] = 4;
            key[1..5].copy_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            key[0] = 6;
            key[1..9].copy_from_slice(&address.octets()[..8]);
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> [u8; 9] {
        source_key(address.parse().expect("an address"))
    }

    #[test]
    fn one_client_is_one_id() {
        let cases = [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.1", "::10.0.0.1", false),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("2001:db8::1", "2001:db9::1", false),
            ("0.0.0.0", "::", false),
        ];
        for (one, other, same) in cases {
            assert_eq!(key(one) == key(other), same, "{one} and {other}");
        }
    }
}
