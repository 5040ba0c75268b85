//! The key of a client in tables: its address, or the network around it. Bytes on the stack, made without allocation.

use std::net::IpAddr;

/// Address family, and the counted bits of the address. The first byte is 4 or 6; no header value can begin with these
/// bytes, so keys of clients and keys of header values never collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientKey {
    bytes: [u8; 17],
    length: u8,
}

impl ClientKey {
    /// The client's network with this prefix length. A prefix longer than the address means the whole address. An IPv4
    /// client on an IPv6 socket counts as IPv4.
    pub fn of(client: IpAddr, ipv4_prefix: u8, ipv6_prefix: u8) -> Self {
        let mut key = Self { bytes: [0; 17], length: 0 };
        match client.to_canonical() {
            IpAddr::V4(address) => key.fill(4, &masked(u128::from(address.to_bits()) << 96, ipv4_prefix)[..4]),
            IpAddr::V6(address) => key.fill(6, &masked(address.to_bits(), ipv6_prefix)),
        }
        key
    }

    /// The family, then the address; uncounted bits are zero.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    fn fill(&mut self, family: u8, address: &[u8]) {
        self.bytes[0] = family;
        self.bytes[1..=address.len()].copy_from_slice(address);
        self.length = address.len() as u8 + 1;
    }
}

/// The first `prefix` bits.
fn masked(bits: u128, prefix: u8) -> [u8; 16] {
    let beyond = u128::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
    (bits & !beyond).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_one_network_are_one() {
        for (one, other, ipv4_prefix, ipv6_prefix, same) in [
            ("192.0.2.1", "192.0.2.1", 32, 64, true),
            ("192.0.2.1", "192.0.2.2", 32, 64, false),
            ("192.0.2.1", "192.0.2.200", 24, 64, true),
            ("192.0.2.1", "192.0.3.1", 24, 64, false),
            ("192.0.2.1", "192.0.3.1", 23, 64, true),
            ("10.1.2.3", "10.200.2.3", 8, 64, true),
            ("10.1.2.3", "11.1.2.3", 8, 64, false),
            ("10.1.2.3", "11.1.2.3", 0, 64, true),
            ("192.0.2.1", "192.0.2.2", 255, 255, false),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", 32, 64, true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", 32, 64, false),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", 32, 48, true),
            ("2001:db8::1", "2001:db8::2", 32, 128, false),
            ("2001:db8::1", "2001:db8::2", 32, 127, false),
            ("2001:db8::2", "2001:db8::3", 32, 127, true),
            ("::ffff:192.0.2.1", "192.0.2.1", 32, 64, true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", 32, 64, false),
            ("0.0.0.0", "::", 0, 0, false),
        ] {
            let key = |client: &str| ClientKey::of(client.parse().unwrap(), ipv4_prefix, ipv6_prefix);
            assert_eq!(key(one) == key(other), same, "{one} and {other} by /{ipv4_prefix} and /{ipv6_prefix}");
            assert_eq!(key(one).as_bytes() == key(other).as_bytes(), same);
        }
    }

    #[test]
    fn a_key_says_its_family_first() {
        assert_eq!(ClientKey::of("192.0.2.129".parse().unwrap(), 25, 64).as_bytes(), [4, 192, 0, 2, 128]);
        let ipv6 = ClientKey::of("2001:db8:1:2:3::1".parse().unwrap(), 32, 64);
        assert_eq!(ipv6.as_bytes(), [6, 0x20, 1, 0xd, 0xb8, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
