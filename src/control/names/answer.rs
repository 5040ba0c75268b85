//! What comes of a look-up, whoever does it.

use std::net::IpAddr;
use std::time::Duration;

/// The time for a whole look-up, over all servers.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

/// The time from a failed look-up to the next one.
pub(super) const AGAIN: Duration = Duration::from_secs(5);

/// The addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DnsAnswer {
    /// Sorted, without duplicates, at least one.
    pub(crate) addresses: Vec<IpAddr>,
    /// Between a second and an hour.
    pub(crate) valid_for: Duration,
    /// Set when the addresses of one family could not be looked up. There may be more addresses than these.
    pub(crate) missing: Option<Missing>,
}

/// The family whose addresses could not be looked up.
#[cfg_attr(not(feature = "dns"), allow(dead_code, reason = "the system tells of both families at once"))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// True for IPv6, false for IPv4.
    pub(crate) ipv6: bool,
    /// Why the look-up failed.
    pub(crate) why: String,
}

pub(super) fn in_order(mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    addresses.iter_mut().for_each(|address| *address = address.to_canonical());
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}
