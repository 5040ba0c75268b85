//! Part of the checked configuration, for sites and routes: which clients may come, and how often.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

/// Which clients may come. A client in `deny` may not. If there is an `allow`, a client that is not in it may not
/// either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// `allow-from`
    pub allow: Option<Vec<IpNet>>,
    /// `deny-from`
    pub deny: Vec<IpNet>,
}

/// `rate = { … }`: how often a client may come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The number of requests.
    pub requests: u32,
    /// The time for that number. Default 1s.
    pub per: Duration,
    /// So many further requests may come at once. Default 0.
    pub burst: u32,
    /// Whether requests of the burst are delayed to the rate instead of passing at once. Default false.
    pub delay: bool,
    /// Which requests are counted together.
    pub by: RateBy,
    /// Most keys that are counted at one time. The key that was unused for the longest time is removed first. Default
    /// 100 000.
    pub max_keys: u32,
    /// Whether all machines with the same `[shared] servers` count together. Default false.
    pub shared: bool,
}

/// Which requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RateBy {
    /// Those of clients in one network with this many bits. Default 32 for IPv4, 64 for IPv6.
    Client {
        /// 8 to 32.
        ipv4_prefix: u8,
        /// 16 to 128.
        ipv6_prefix: u8,
    },
    /// Those with the same value of this field (its name is in lower case). Requests without the field are counted by
    /// client.
    Header(Arc<str>),
}
