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
