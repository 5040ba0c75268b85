//! Names by the system's own look-up, which tells no TTL: for builds without the feature `dns`, such as that of `make demo`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::time::timeout;

use super::answer::{AGAIN, DnsAnswer, LIMIT, in_order};
use crate::config::Dns;

/// How long an answer is used.
const VALID: Duration = Duration::from_secs(30);

/// Looks up addresses.
pub(crate) struct Resolver {
    /// The time from a failed look-up to the next one.
    pub(super) again: Duration,
}

impl Resolver {
    /// Uses the system's servers alone.
    pub(crate) fn new(dns: &Dns) -> Result<Self, String> {
        if dns.servers.is_empty() {
            Ok(Self { again: AGAIN })
        } else {
            Err("this Weir was built without the feature `dns`, and asks only the system's servers".to_owned())
        }
    }

    /// The addresses of a name, or why there are none.
    pub(crate) async fn look_up(&self, name: &str) -> Result<DnsAnswer, String> {
        // As with the feature, this name needs nobody who knows it (RFC 6761 6.3).
        if name.eq_ignore_ascii_case("localhost") {
            let addresses = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Ok(DnsAnswer { addresses, valid_for: VALID, missing: None });
        }
        let found = timeout(LIMIT, tokio::net::lookup_host((name, 0))).await;
        let found = found.map_err(|_| format!("no answer within {} s", LIMIT.as_secs()))?;
        let addresses: Vec<IpAddr> = found.map_err(|error| error.to_string())?.map(|found| found.ip()).collect();
        if addresses.is_empty() {
            return Err("the name has no address".to_owned());
        }
        Ok(DnsAnswer { addresses: in_order(addresses), valid_for: VALID, missing: None })
    }
}
