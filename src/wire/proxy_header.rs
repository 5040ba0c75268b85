//! The PROXY header, with which a proxy that carries TCP tells who its client is (the PROXY protocol of HAProxy, versions 1 and
//! 2, as of 2020-03-05). It is the first that comes on a connection. It says nothing of HTTP, and who sends it must be trusted.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header that is read. Version 1 has at most 107 bytes; version 2 rarely more than a few hundred.
pub const LONGEST: usize = 4096;

/// The longest line of version 1, with its end.
const LONGEST_LINE: usize = 107;
/// What version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The bytes of version 2 before the addresses: the signature, version and command, family, and the length of the rest.
const FIXED: usize = 16;
/// The type of the checksum among the values of version 2.
const CRC32C: u8 = 3;

/// Who a connection is from, and where its client connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The client.
    pub source: SocketAddr,
    /// The address that it connected to.
    pub destination: SocketAddr,
}

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// More must come before that is known.
    Partial,
    /// A header of so many bytes. Without ends the proxy speaks for itself, as in its own health checks.
    Whole(usize, Option<Ends>),
    /// No header that can be read, and why.
    Wrong(&'static str),
}

/// The versions in which Weir tells its own clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// Reads the header at the beginning of what has come so far.
pub fn read_proxy_header(came: &[u8]) -> ProxyHeader {
    match came.first() {
        None => ProxyHeader::Partial,
        Some(b'P') => line(came),
        Some(b'\r') => binary(came),
        Some(_) => ProxyHeader::Wrong(MISSING),
    }
}

const MISSING: &str = "no PROXY header stands at the beginning";

fn line(came: &[u8]) -> ProxyHeader {
    let word = b"PROXY ";
    if !came.iter().zip(word).all(|(byte, expected)| byte == expected) {
        return ProxyHeader::Wrong(MISSING);
    }
    let within = came.get(..LONGEST_LINE).unwrap_or(came);
    let Some(end) = memchr::memmem::find(within, b"\r\n") else {
        return if came.len() < LONGEST_LINE {
            ProxyHeader::Partial
        } else {
            ProxyHeader::Wrong("its line is too long")
        };
    };
    let rest = within.get(word.len()..end).unwrap_or_default();
    let Ok(rest) = std::str::from_utf8(rest) else { return ProxyHeader::Wrong("its line is not ASCII") };
    match of_line(rest) {
        Ok(ends) => ProxyHeader::Whole(end + 2, ends),
        Err(why) => ProxyHeader::Wrong(why),
    }
}

fn of_line(rest: &str) -> Result<Option<Ends>, &'static str> {
    let mut words = rest.split(' ');
    let family = words.next().unwrap_or_default();
    // What stands behind UNKNOWN means nothing.
    if family == "UNKNOWN" {
        return Ok(None);
    }
    let mut address = || match (family, words.next().unwrap_or_default()) {
        ("TCP4", text) => text.parse().map(IpAddr::V4).map_err(|_| "an address of its line is no IPv4 address"),
        ("TCP6", text) => text.parse().map(IpAddr::V6).map_err(|_| "an address of its line is no IPv6 address"),
        _ => Err("its line is for neither TCP4, TCP6 nor UNKNOWN"),
    };
    let (source, destination) = (address()?, address()?);
    let mut port = || {
        let text = words.next().unwrap_or_default();
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        text.parse::<u16>().ok().filter(|_| is_plain).ok_or("a port of its line is no number from 0 to 65535")
    };
    let (from, to) = (port()?, port()?);
    if words.next().is_some() {
        return Err("its line has too many words");
    }
    Ok(Some(Ends { source: SocketAddr::new(source, from), destination: SocketAddr::new(destination, to) }))
}

fn binary(came: &[u8]) -> ProxyHeader {
    if !came.iter().zip(SIGNATURE).all(|(byte, expected)| byte == expected) {
        return ProxyHeader::Wrong(MISSING);
    }
    let Some((head, rest)) = came.split_first_chunk::<FIXED>() else { return ProxyHeader::Partial };
    let [.., command, family, high, low] = *head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if FIXED + length > LONGEST {
        return ProxyHeader::Wrong("it is longer than 4096 bytes");
    }
    if command >> 4 != 2 {
        return ProxyHeader::Wrong("its version is neither 1 nor 2");
    }
    if command & 15 > 1 {
        return ProxyHeader::Wrong("its command is neither LOCAL nor PROXY");
    }
    let Some(rest) = rest.get(..length) else { return ProxyHeader::Partial };
    let whole = came.get(..FIXED + length).unwrap_or_default();
    match of_binary(family, rest).and_then(|(ends, values)| check(values, whole).map(|()| ends)) {
        Ok(ends) => ProxyHeader::Whole(whole.len(), ends.filter(|_| command & 15 == 1)),
        Err(why) => ProxyHeader::Wrong(why),
    }
}

/// The ends, and what stands behind them. A family without IP addresses, such as of unix sockets, tells nothing.
fn of_binary(family: u8, rest: &[u8]) -> Result<(Option<Ends>, &[u8]), &'static str> {
    const SHORT: &str = "it is too short for its addresses";
    let mut rest = rest;
    let mut take = |count: usize| {
        let (taken, more) = rest.split_at_checked(count).ok_or(SHORT)?;
        rest = more;
        Ok::<_, &str>(taken)
    };
    let ends = match family {
        0x00 => None,
        0x11 => Some([ipv4(take(4)?), ipv4(take(4)?)]),
        0x21 => Some([ipv6(take(16)?), ipv6(take(16)?)]),
        0x31 => {
            take(216)?;
            None
        }
        _ => return Err("its family is neither TCP over IPv4 or IPv6, nor a unix stream"),
    };
    let ends = match ends {
        Some([source, destination]) => {
            let (from, to) = (port(take(2)?), port(take(2)?));
            Some(Ends { source: SocketAddr::new(source, from), destination: SocketAddr::new(destination, to) })
        }
        None => None,
    };
    // Of the unspecified family it is not known where its addresses end.
    Ok((ends, if family == 0 { &[] } else { rest }))
}

fn ipv4(bytes: &[u8]) -> IpAddr {
    Ipv4Addr::from(<[u8; 4]>::try_from(bytes).unwrap_or_default()).into()
}

fn ipv6(bytes: &[u8]) -> IpAddr {
    Ipv6Addr::from(<[u8; 16]>::try_from(bytes).unwrap_or_default()).into()
}

fn port(bytes: &[u8]) -> u16 {
    u16::from_be_bytes(<[u8; 2]>::try_from(bytes).unwrap_or_default())
}

/// Checks the values behind the addresses: their lengths, and the checksum if there is one. Nothing else of them is used.
fn check(values: &[u8], whole: &[u8]) -> Result<(), &'static str> {
    const CUT: &str = "a value behind its addresses is cut off";
    let mut rest = values;
    while !rest.is_empty() {
        let ([kind, high, low], more) = rest.split_first_chunk().ok_or(CUT)?;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, more) = more.split_at_checked(length).ok_or(CUT)?;
        if *kind == CRC32C {
            let sum = <[u8; 4]>::try_from(value).map_err(|_| "its checksum has not four bytes")?;
            // It was made with zeros in its own place.
            let (before, after) = (whole.len() - more.len() - sum.len(), whole.len() - more.len());
            let zeroed =
                whole.iter().enumerate().map(|(at, byte)| if (before..after).contains(&at) { 0 } else { *byte });
            if crc32c(zeroed) != u32::from_be_bytes(sum) {
                return Err("its checksum is wrong");
            }
        }
        rest = more;
    }
    Ok(())
}

/// CRC-32C (RFC 9260, appendix A), bit by bit: a header is short, and few have one.
fn crc32c(bytes: impl Iterator<Item = u8>) -> u32 {
    let step = |sum: u32, _| (sum >> 1) ^ (0x82F6_3B78 & (sum & 1).wrapping_neg());
    !bytes.fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(byte), step))
}

/// Writes a header. Without ends, or where they are of two families, Weir speaks for itself.
pub fn write_proxy_header(version: ProxyVersion, ends: Option<Ends>, out: &mut Vec<u8>) {
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let ends = ends.map(|ends| (canonical(ends.source), canonical(ends.destination)));
    let ends = ends.filter(|(source, destination)| source.is_ipv4() == destination.is_ipv4());
    match version {
        ProxyVersion::V1 => write_line(ends, out),
        ProxyVersion::V2 => write_binary(ends, out),
    }
}

fn write_line(ends: Option<(SocketAddr, SocketAddr)>, out: &mut Vec<u8>) {
    // Writing into memory does not fail.
    let _ = match ends {
        None => write!(out, "PROXY UNKNOWN\r\n"),
        Some((source, destination)) => {
            let family = if source.is_ipv4() { 4 } else { 6 };
            let (from, to) = (source.port(), destination.port());
            write!(out, "PROXY TCP{family} {} {} {from} {to}\r\n", source.ip(), destination.ip())
        }
    };
}

fn write_binary(ends: Option<(SocketAddr, SocketAddr)>, out: &mut Vec<u8>) {
    out.extend_from_slice(SIGNATURE);
    let Some((source, destination)) = ends else { return out.extend_from_slice(&[0x20, 0, 0, 0]) };
    out.extend_from_slice(if source.is_ipv4() { &[0x21, 0x11, 0, 12] } else { &[0x21, 0x21, 0, 36] });
    for address in [source, destination] {
        match address.ip() {
            IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
        }
    }
    out.extend_from_slice(&source.port().to_be_bytes());
    out.extend_from_slice(&destination.port().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(source: &str, destination: &str) -> Ends {
        Ends { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    const IPV4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 4, 1, 0xbb];

    #[test]
    fn a_header_is_known_with_its_last_byte_and_what_follows_stays() {
        let four = ends("192.0.2.1:56324", "198.51.100.2:443");
        let six = ends("[2001:db8::1]:1", "[2001:db8::2]:65535");
        let six_bytes =
            [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1], &[0x20, 1, 0xd, 0xb8], &[0; 11], &[2, 0, 1, 255, 255]];
        let rows: [(Vec<u8>, Option<Ends>); 10] = [
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n".into(), Some(four)),
            (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n".into(), Some(six)),
            (b"PROXY UNKNOWN\r\n".into(), None),
            (b"PROXY UNKNOWN ffff::1 whatever 1 2\r\n".into(), None),
            (v2(0x21, 0x11, &IPV4), Some(four)),
            (v2(0x21, 0x21, &six_bytes.concat()), Some(six)),
            (v2(0x20, 0x11, &IPV4), None),
            (v2(0x20, 0, &[]), None),
            (v2(0x21, 0x31, &[7; 216]), None),
            (v2(0x21, 0x11, &[&IPV4[..], &[4, 0, 2, 9, 9], &[0xE2, 0, 0]].concat()), Some(four)),
        ];
        for (header, expected) in rows {
            for end in 0..header.len() {
                assert_eq!(read_proxy_header(&header[..end]), ProxyHeader::Partial, "{end} of {header:?}");
            }
            let more = [&header[..], b"GET / HTTP/1.1\r\n\r\n"].concat();
            assert_eq!(read_proxy_header(&more), ProxyHeader::Whole(header.len(), expected), "{header:?}");
        }
    }

    #[test]
    fn what_is_no_header_is_told_apart() {
        let line = |rest: &str| format!("PROXY {rest}\r\n").into_bytes();
        let rows: [(Vec<u8>, &str); 20] = [
            (b"GET / HTTP/1.1\r\n".into(), MISSING),
            (b"PUT / HTTP/1.1\r\n".into(), MISSING),
            (b"\x16\x03\x01".into(), MISSING),
            (b"\r\nGET".into(), MISSING),
            (line("TCP4 1.2.3.4 5.6.7.8 1"), "a port of its line"),
            (line("TCP4 1.2.3.4 5.6.7.8 1 65536"), "a port of its line"),
            (line("TCP4 1.2.3.4 5.6.7.8 01 2"), "a port of its line"),
            (line("TCP4 1.2.3.4 5.6.7.8 +1 2"), "a port of its line"),
            (line("TCP4 1.2.3.4 5.6.7.8 1 2 3"), "too many words"),
            (line("TCP4  1.2.3.4 5.6.7.8 1 2"), "no IPv4 address"),
            (line("TCP4 ::1 ::1 1 2"), "no IPv4 address"),
            (line("TCP6 1.2.3.4 5.6.7.8 1 2"), "no IPv6 address"),
            (line("UDP4 1.2.3.4 5.6.7.8 1 2"), "neither TCP4"),
            (line(&"x".repeat(200)), "too long"),
            (v2(0x31, 0x11, &IPV4), "neither 1 nor 2"),
            (v2(0x22, 0x11, &IPV4), "neither LOCAL nor PROXY"),
            (v2(0x21, 0x12, &IPV4), "its family"),
            (v2(0x21, 0x11, &IPV4[..11]), "too short"),
            (v2(0x21, 0x11, &[&IPV4[..], &[4, 0, 9, 9]].concat()), "cut off"),
            (v2(0x21, 0x11, &[0; LONGEST]), "longer than 4096"),
        ];
        for (header, why) in rows {
            let ProxyHeader::Wrong(told) = read_proxy_header(&header) else { panic!("{header:?}") };
            assert!(told.contains(why), "{told} of {header:?}");
        }
    }

    #[test]
    fn a_checksum_is_checked_where_there_is_one() {
        assert_eq!(crc32c(b"123456789".iter().copied()), 0xE306_9283);
        let without = v2(0x21, 0x11, &[&IPV4[..], &[CRC32C, 0, 4, 0, 0, 0, 0], &[4, 0, 1, 0]].concat());
        let sum = crc32c(without.iter().copied()).to_be_bytes();
        let at = FIXED + IPV4.len() + 3;
        let mut with = without.clone();
        with[at..at + 4].copy_from_slice(&sum);
        assert!(matches!(read_proxy_header(&with), ProxyHeader::Whole(_, Some(_))));
        assert_eq!(read_proxy_header(&without), ProxyHeader::Wrong("its checksum is wrong"));
        with[FIXED] ^= 1;
        assert_eq!(read_proxy_header(&with), ProxyHeader::Wrong("its checksum is wrong"));
    }

    #[test]
    fn what_is_written_is_read_as_it_was_meant() {
        let mapped = ends("[::ffff:192.0.2.1]:5", "198.51.100.2:443");
        let rows = [
            (Some(ends("192.0.2.1:5", "198.51.100.2:443")), Some(ends("192.0.2.1:5", "198.51.100.2:443"))),
            (Some(ends("[2001:db8::1]:5", "[2001:db8::2]:443")), Some(ends("[2001:db8::1]:5", "[2001:db8::2]:443"))),
            (Some(mapped), Some(ends("192.0.2.1:5", "198.51.100.2:443"))),
            (Some(ends("192.0.2.1:5", "[2001:db8::2]:443")), None),
            (None, None),
        ];
        for version in [ProxyVersion::V1, ProxyVersion::V2] {
            for (told, read) in rows {
                let mut out = Vec::new();
                write_proxy_header(version, told, &mut out);
                assert_eq!(read_proxy_header(&out), ProxyHeader::Whole(out.len(), read), "{told:?}");
            }
        }
    }
}
