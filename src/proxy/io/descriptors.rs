//! Descriptors: how many there may be, and what waits when few are left.
//!
//! The kernel gives out the lowest free number, so the number of a new descriptor shows how many are open, and nobody
//! needs to count them. When few are left, new clients wait first, then requests get no new connection to a node. The
//! remaining ones are for the admin address, probes, DNS look-ups and files.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit to what the system allows, as HAProxy and Java do. A shell starts with 1024 only because of
/// select(2), which nothing in Weir uses.
pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // If this fails, the current limit stays.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    read_limit();
}

/// Reads the limit again, because prlimit(1) may change it at any time. To be called now and then.
pub(crate) fn read_limit() {
    let most = getrlimit(Resource::Nofile).current.and_then(|most| i32::try_from(most).ok()).unwrap_or(i32::MAX);
    if MOST.swap(most, Relaxed) != most {
        let bounds = Bounds::of(most);
        log::info!(
            "descriptors: at most {most} (RLIMIT_NOFILE); from {} on clients wait, from {} on requests find no node",
            bounds.clients,
            bounds.nodes
        );
    }
}

/// Whether so few descriptors are left that no further client may be accepted after the one with this descriptor.
pub(crate) fn clients_wait(descriptor: &impl AsRawFd) -> bool {
    descriptor.as_raw_fd() >= Bounds::of(MOST.load(Relaxed)).clients
}

/// Whether too few descriptors are left for a new connection to a node.
pub(crate) fn nodes_wait(descriptor: &impl AsRawFd) -> bool {
    descriptor.as_raw_fd() >= Bounds::of(MOST.load(Relaxed)).nodes
}

/// Waits until clients may be accepted again. `any` is copied, to see the number of the new descriptor.
pub(crate) async fn wait_for_room(any: &impl AsFd) {
    warn(|| format!("clients wait: nearly all of {} descriptors are in use", MOST.load(Relaxed)));
    loop {
        tokio::time::sleep(PAUSE).await;
        if any.as_fd().try_clone_to_owned().is_ok_and(|copy| !clients_wait(&copy)) {
            return;
        }
    }
}

/// Warns of a shortage, at most every ten seconds.
pub(crate) fn warn(what: impl FnOnce() -> String) {
    static TOLD: Mutex<Option<Instant>> = Mutex::new(None);
    let mut told = TOLD.lock();
    if told.is_none_or(|told| told.elapsed() > AGAIN) {
        *told = Some(Instant::now());
        log::warn!("{}", what());
    }
}

static MOST: AtomicI32 = AtomicI32::new(i32::MAX);

/// How long accepting pauses when there are no descriptors or no memory.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);
const AGAIN: Duration = Duration::from_secs(10);

/// Descriptor numbers from which on something must wait.
#[derive(Debug, PartialEq, Eq)]
struct Bounds {
    clients: i32,
    nodes: i32,
}

impl Bounds {
    /// An accepted client needs a node connection later, so an eighth is kept for those, but at most 4096. Each thread
    /// may accept one client more for each listener.
    const fn of(most: i32) -> Self {
        let kept = most / 8;
        let for_nodes = if kept > 4096 { 4096 } else { kept };
        let for_us = if most < 128 { most / 4 } else { 32 };
        Self { clients: most - for_nodes - for_us, nodes: most - for_us }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_go_without_before_nodes_do() {
        for (most, clients, nodes) in [
            (64, 40, 48),
            (256, 192, 224),
            (1024, 864, 992),
            (524_288, 520_160, 524_256),
            (i32::MAX, i32::MAX - 4128, i32::MAX - 32),
        ] {
            assert_eq!(Bounds::of(most), Bounds { clients, nodes }, "{most}");
        }
    }
}
