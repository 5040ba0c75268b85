//! Of the checked configuration: who may come and how often, and what is changed about their heads; of sites and routes.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

/// Which clients may come: who is in `deny` may not; where there is an `allow`, who is not in it may not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// `allow-from`
    pub allow: Option<Vec<IpNet>>,
    /// `deny-from`
    pub deny: Vec<IpNet>,
}

/// `rate = { … }`: how often somebody may come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests.
    pub requests: u32,
    /// In this time. Default 1s.
    pub per: Duration,
    /// More of them at once. Default 0.
    pub burst: u32,
    /// Whether those of the burst are delayed to the rate rather than let through at once. Default false.
    pub delay: bool,
    /// Who is counted as one.
    pub by: RateBy,
    /// Most counted at once; the longest quiet is forgotten first. Default 100 000.
    pub max_keys: u32,
}

/// Who is counted as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RateBy {
    /// Clients of one network of this many bits; default 32 of IPv4, 64 of IPv6.
    Client {
        /// 8 to 32.
        ipv4_prefix: u8,
        /// 16 to 128.
        ipv6_prefix: u8,
    },
    /// Requests with the same value of this field (lower-case); those without it are counted by client.
    Header(Arc<str>),
}

/// Fields set or removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// Name as written, and value; instead of every line of that name.
    pub set: Vec<(Arc<str>, Arc<str>)>,
    /// Name as written, and value; beside the lines of that name.
    pub add: Vec<(Arc<str>, Arc<str>)>,
    /// Lower-case names.
    pub remove: Vec<Arc<str>>,
}
