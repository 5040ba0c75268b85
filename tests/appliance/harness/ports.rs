//! Ports that nobody else holds: below the range from which the kernel gives ports to connecting sockets.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST: u32 = 10_240;
const SPAN: u32 = 20_000;

/// A port that is free now and that this process hands out once.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = candidate();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

fn candidate() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Two runs at once start in different places.
    let start = std::process::id().wrapping_mul(7919) % SPAN;
    let step = NEXT.fetch_add(1, Ordering::Relaxed);
    u16::try_from(FIRST + (start + step) % SPAN).expect("FIRST + SPAN fits a port")
}

/// Bytes of a loopback connection that wait at the end with this port, to be taken by the other end and to be read here.
pub(crate) fn queues(own: u16, other: u16) -> Option<(u64, u64)> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    // A whole run leaves thousands of connections behind: only one line is taken apart.
    let (own, other) = (format!(":{own:04X} "), format!(":{other:04X} "));
    let ours = |line: &&str| line.find(&own).is_some_and(|at| line[at + own.len()..].find(&other) == Some(8));
    let (sent, read) = table.lines().find(ours)?.split_whitespace().nth(4)?.split_once(':')?;
    Some((u64::from_str_radix(sent, 16).ok()?, u64::from_str_radix(read, 16).ok()?))
}
