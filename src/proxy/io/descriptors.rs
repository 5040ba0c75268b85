//! Descriptors: how many there may be, and who goes without when they run short.
//!
//! The kernel gives out the lowest free number, so a new descriptor's number says how many are open, and nobody need count. Clients
//! are let wait first, then requests go without a connection to a node. What is left is for the admin address, probes,
//! look-ups of names, and files.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit to what the system allows, as HAProxy and Java do: a shell begins with 1024, and no program of ours is
/// older than poll(2).
pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // The limit that is there holds otherwise.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    look();
}

/// Reads the limit, which prlimit(1) may change at any time. To be called now and then.
pub(crate) fn look() {
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

/// Whether there are so many that a client with this one is the last for now.
pub(crate) fn clients_wait(descriptor: &impl AsRawFd) -> bool {
    descriptor.as_raw_fd() >= Bounds::of(MOST.load(Relaxed)).clients
}

/// Whether what is left is too little for a connection to a node.
pub(crate) fn nodes_wait(descriptor: &impl AsRawFd) -> bool {
    descriptor.as_raw_fd() >= Bounds::of(MOST.load(Relaxed)).nodes
}

/// Waits until clients may come again; `any` is a descriptor, which is copied to see the number of the copy.
pub(crate) async fn room(any: &impl AsFd) {
    tell(|| format!("clients wait: nearly all of {} descriptors are in use", MOST.load(Relaxed)));
    loop {
        tokio::time::sleep(PAUSE).await;
        if any.as_fd().try_clone_to_owned().is_ok_and(|copy| !clients_wait(&copy)) {
            return;
        }
    }
}

/// Warns of a shortage, at most every ten seconds.
pub(crate) fn tell(what: impl FnOnce() -> String) {
    static TOLD: Mutex<Option<Instant>> = Mutex::new(None);
    let mut told = TOLD.lock();
    if told.is_none_or(|told| told.elapsed() > AGAIN) {
        *told = Some(Instant::now());
        log::warn!("{}", what());
    }
}

static MOST: AtomicI32 = AtomicI32::new(i32::MAX);

/// How long accepting pauses when descriptors or memory are used up.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);
const AGAIN: Duration = Duration::from_secs(10);

/// Numbers of descriptors from which on somebody goes without.
#[derive(Debug, PartialEq, Eq)]
struct Bounds {
    clients: i32,
    nodes: i32,
}

impl Bounds {
    /// A client that is accepted needs a node later: an eighth is kept for that, but no more than 4096. Each thread may
    /// let one client more in for each listener.
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
