//! A pool in one line for `weir check`: always how nodes are verified and probed, and of the other settings those that are
//! not the default.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::{Address, Balance, Config, Failback, HashOn, Member, OnLost, Pool, StickyMode, Verify, WhenNone};

/// A node of the pool as it is printed.
pub(super) struct MemberSummary {
    pub(super) node: String,
    pub(super) address: String,
    pub(super) weight: u16,
    pub(super) backup: bool,
}

/// The pool's nodes and their addresses.
pub(super) fn members(config: &Config, pool: &Pool) -> Vec<MemberSummary> {
    let member = |member: &Member| {
        let node = config.nodes.get(member.node)?;
        let port = pool.port.saturating_add(node.port_offset);
        let address = match &node.address {
            Address::Ip(address) => SocketAddr::new(*address, port).to_string(),
            Address::Name(name) => format!("{name}:{port}"),
        };
        Some(MemberSummary { node: node.name.to_string(), address, weight: member.weight, backup: member.backup })
    };
    pool.members.iter().filter_map(member).collect()
}

impl std::fmt::Display for MemberSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.node, self.address)?;
        match (self.weight, self.backup) {
            (1, false) => Ok(()),
            (1, true) => f.write_str(" (backup)"),
            (weight, false) => write!(f, " (weight {weight})"),
            (weight, true) => write!(f, " (backup, weight {weight})"),
        }
    }
}

/// What is always printed.
pub(super) fn summary(pool: &Pool) -> String {
    let probes = match pool.health.as_ref().map(|health| (health.probes.len(), span(health.interval))) {
        None => "no probes".to_owned(),
        Some((1, interval)) => format!("1 probe every {interval}"),
        Some((many, interval)) => format!("{many} probes every {interval}"),
    };
    [Some(verification(pool).to_owned()), sticky(pool), Some(probes)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

/// The settings that are not the default.
pub(super) fn non_defaults(pool: &Pool) -> Vec<String> {
    let parts =
        [balance(pool), active(pool), limit(pool), queue(pool), slow_start(pool), sessions(pool), failures(pool)];
    parts.into_iter().flatten().collect()
}

/// How nodes are verified.
pub(super) fn verification(pool: &Pool) -> &'static str {
    match pool.tls.as_ref().map(|tls| &tls.verify) {
        None => "plain",
        Some(Verify::Pin(_)) => "TLS by pin",
        Some(Verify::Full(_)) => "TLS by chain and name",
        Some(Verify::Chain(_)) => "TLS by chain",
        Some(Verify::None) => "TLS, not checked",
    }
}

/// How a request finds its session's node.
pub(super) fn sticky(pool: &Pool) -> Option<String> {
    pool.sticky.as_ref().map(|sticky| match sticky.mode {
        StickyMode::Learn => format!("sticky by {}", sticky.cookie),
        StickyMode::Cookie(_) => format!("sticky by Weir's own {}", sticky.cookie),
        StickyMode::Route => format!("sticky by the route in {}", sticky.cookie),
        StickyMode::Source => "sticky by client address".to_owned(),
    })
}

/// The balancing method, as the configuration calls it.
pub(super) fn method(pool: &Pool) -> &'static str {
    match pool.balance {
        Balance::RoundRobin => "round-robin",
        Balance::LeastRequests => "least-requests",
        Balance::LeastTime => "least-time",
        Balance::RandomTwo => "random-two",
        Balance::Hash(_) | Balance::Ring(_) => "hash",
    }
}

fn balance(pool: &Pool) -> Option<String> {
    match &pool.balance {
        Balance::RoundRobin => None,
        Balance::Hash(on) => Some(format!("hash on {}", hashed(on))),
        Balance::Ring(on) => Some(format!("hash on {}, by nginx's ring", hashed(on))),
        _ => Some(method(pool).to_owned()),
    }
}

fn hashed(on: &HashOn) -> String {
    match on {
        HashOn::Client => "client".to_owned(),
        HashOn::Path => "path".to_owned(),
        HashOn::Header(name) => format!("header {name}"),
        HashOn::Cookie(name) => format!("cookie {name}"),
    }
}

fn active(pool: &Pool) -> Option<String> {
    pool.active.map(|active| match active.max {
        u32::MAX => format!("{} or more active", active.start),
        max if max == active.start => format!("{max} active"),
        max => format!("{} to {max} active", active.start),
    })
}

fn limit(pool: &Pool) -> Option<String> {
    let limits: Vec<u32> = pool.members.iter().filter_map(|member| member.max_requests).collect();
    match (limits.iter().min(), limits.iter().max()) {
        (Some(least), Some(most)) if least == most && limits.len() == pool.members.len() => {
            Some(format!("{most} requests a node"))
        }
        (Some(_), Some(_)) => Some("requests limited on some nodes".to_owned()),
        _ => None,
    }
}

fn queue(pool: &Pool) -> Option<String> {
    pool.queue.map(|queue| format!("queue of {} for {}", queue.size, span(queue.wait)))
}

fn slow_start(pool: &Pool) -> Option<String> {
    let longest = pool.members.iter().map(|member| member.slow_start).max().unwrap_or_default();
    (!longest.is_zero()).then(|| format!("slow start {}", span(longest)))
}

fn sessions(pool: &Pool) -> Option<String> {
    let sticky = pool.sticky.as_ref()?;
    let failback = match sticky.failback {
        Failback::Stay => None,
        Failback::WhenIdle(pause) => Some(format!("sessions return after {} idle", span(pause))),
        Failback::Return => Some("sessions return".to_owned()),
    };
    let lost = (sticky.on_lost == OnLost::Refuse).then(|| "lost sessions are refused".to_owned());
    joined([failback, lost])
}

fn failures(pool: &Pool) -> Option<String> {
    let one_try = pool.retry.tries == 1 && pool.members.len() > 1;
    let never = pool.eject.failures == 0 || pool.eject.first.is_zero();
    joined([
        one_try.then(|| "one try".to_owned()),
        statuses(&pool.retry.on_status).map(|codes| format!("retries {codes}")),
        never.then(|| "nothing ejects".to_owned()),
        statuses(&pool.eject.statuses).map(|codes| format!("{codes} ejects")),
        (pool.when_none == WhenNone::All).then(|| "all are tried when probes fail everywhere".to_owned()),
    ])
}

fn joined<const N: usize>(parts: [Option<String>; N]) -> Option<String> {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn statuses(ranges: &[RangeInclusive<u16>]) -> Option<String> {
    let one = |range: &RangeInclusive<u16>| match range.start() == range.end() {
        true => range.start().to_string(),
        false => format!("{}-{}", range.start(), range.end()),
    };
    (!ranges.is_empty()).then(|| ranges.iter().map(one).collect::<Vec<_>>().join(","))
}

/// A duration as the configuration writes it: one whole number and one unit.
pub(super) fn span(time: Duration) -> String {
    let milliseconds = time.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let fits = units.iter().find(|(unit, _)| milliseconds > 0 && milliseconds.is_multiple_of(*unit));
    fits.map_or_else(|| format!("{milliseconds}ms"), |(unit, name)| format!("{}{name}", milliseconds / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_as_in_a_file() {
        for (milliseconds, expected) in [
            (0, "0ms"),
            (500, "500ms"),
            (1500, "1500ms"),
            (5000, "5s"),
            (90_000, "90s"),
            (300_000, "5m"),
            (172_800_000, "2d"),
        ] {
            assert_eq!(span(Duration::from_millis(milliseconds)), expected);
        }
    }
}
