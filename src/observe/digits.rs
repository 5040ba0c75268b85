//! Writes numbers, times and addresses for logs. Faster than `write!`, since most of them are short.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Adds leading zeros where there are fewer digits than `least`.
pub(super) fn write_number(out: &mut Vec<u8>, number: u64, least: usize) {
    match (number, least) {
        (0..10, ..=1) => out.push(digit(number)),
        (10..100, ..=2) => out.extend_from_slice(&[digit(number / 10), digit(number)]),
        (0..1000, 3) | (100..1000, ..3) => out.extend_from_slice(&three_digits(number)),
        _ => write_long(out, number, least),
    }
}

/// Seconds with three digits behind the point, cut as nginx cuts them.
pub(super) fn write_seconds(out: &mut Vec<u8>, time: Duration) {
    write_number(out, time.as_secs(), 1);
    let [tenths, hundredths, thousandths] = three_digits(time.subsec_millis().into());
    out.extend_from_slice(&[b'.', tenths, hundredths, thousandths]);
}

/// A listener on `[::]` sees IPv4 clients as `::ffff:a.b.c.d`; they are written as `a.b.c.d`.
pub fn write_peer(out: &mut Vec<u8>, peer: IpAddr) {
    match peer.to_canonical() {
        IpAddr::V4(address) => write_ipv4(out, address),
        // Writing to a Vec cannot fail.
        IpAddr::V6(address) => drop(write!(out, "{address}")),
    }
}

fn write_ipv4(out: &mut Vec<u8>, address: Ipv4Addr) {
    let [first, rest @ ..] = address.octets();
    write_number(out, first.into(), 1);
    for octet in rest {
        out.push(b'.');
        write_number(out, octet.into(), 1);
    }
}

fn write_long(out: &mut Vec<u8>, number: u64, least: usize) {
    let start = out.len();
    let mut rest = number;
    while rest > 0 || out.len() - start < least {
        out.push(digit(rest));
        rest /= 10;
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

fn three_digits(number: u64) -> [u8; 3] {
    [digit(number / 100), digit(number / 10), digit(number)]
}

/// The last digit of a number.
fn digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_full() {
        let numbers = (0..1_100).chain([9_999, 10_000, 4_294_967_296, u64::MAX]);
        for number in numbers {
            for (least, want) in [(1, format!("x{number}")), (2, format!("x{number:02}")), (3, format!("x{number:03}"))]
            {
                let mut out = b"x".to_vec();
                write_number(&mut out, number, least);
                assert_eq!(String::from_utf8(out).unwrap(), want);
            }
        }
    }

    #[test]
    fn seconds_are_cut_after_three_digits() {
        for (microseconds, want) in [(0, "0.000"), (12_999, "0.012"), (9_100_000, "9.100"), (75_013_000, "75.013")] {
            let mut out = Vec::new();
            write_seconds(&mut out, Duration::from_micros(microseconds));
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    #[test]
    fn addresses_read_as_everybody_writes_them() {
        for address in ["0.0.0.0", "10.0.99.100", "255.255.255.255", "2001:db8::1"] {
            let mut out = Vec::new();
            write_peer(&mut out, address.parse().unwrap());
            assert_eq!(String::from_utf8(out).unwrap(), address);
        }
        let mut out = Vec::new();
        write_peer(&mut out, "::ffff:10.0.0.9".parse().unwrap());
        assert_eq!(out, b"10.0.0.9");
    }
}
