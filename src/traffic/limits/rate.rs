//! Request rates with a burst, counted as nginx's limit_req does. The table is shared by all threads and bounded. The
//! key that was unused for longest is evicted first: exactly in a table below 4096 keys, and within each of 16 parts in
//! a larger one. The table holds keyed hashes. An evicted key starts with a full burst again. Machines that share a rate tell each other
//! what passed, and count it as if it had passed here.

mod bucket;
mod shard;

use std::hash::Hasher;
use std::net::IpAddr;
use std::sync::Arc;

use siphasher::sip::SipHasher24;

pub use self::bucket::RateDecision;
use self::bucket::RateTerms;
use self::shard::{HashedKey, Shard};
use super::client_key::ClientKey;
use crate::config::{Rate, RateBy};
use crate::traffic::sync::Mutex;
use crate::traffic::tick::Tick;

/// Parts of a large table: a power of two.
const PARTS: u32 = 16;

/// Smaller tables have one part, so that their order of eviction is exact.
const EXACT_BELOW: u32 = 4096;

/// Used where the request lacks the header field and the client is counted instead.
const ONE_CLIENT: (u8, u8) = (32, 64);

/// The rate limit of a site or a route, with its counters.
#[derive(Debug)]
pub struct RateLimit {
    rate: Rate,
    terms: RateTerms,
    secret: [u8; 16],
    parts: Box<[Part]>,
    /// Where machines share it: which one it is.
    shared: Option<u64>,
}

/// On its own cache lines, so that threads in different parts do not slow each other.
#[derive(Debug)]
#[repr(align(128))]
struct Part(Mutex<Shard>);

impl RateLimit {
    /// A limit with empty counters. `secret` must be random. `place`: where it holds, in words that are the same on all machines.
    pub fn new(rate: &Rate, secret: [u8; 16], place: &str) -> Self {
        let count = if rate.max_keys < EXACT_BELOW { 1 } else { PARTS };
        let part = |_| Part(Mutex::new(Shard::new(rate.max_keys / count, rate.shared)));
        let shared = rate.shared.then(|| {
            let mut hasher = SipHasher24::new_with_key(&secret);
            hasher.write(place.as_bytes());
            hasher.finish()
        });
        Self { rate: rate.clone(), terms: RateTerms::of(rate), secret, parts: (0..count).map(part).collect(), shared }
    }

    /// The limit in a new generation: with the counters of the one before it, if that has the same rate.
    pub fn carried_on(rate: &Rate, before: Option<&Arc<Self>>, secret: [u8; 16], place: &str) -> Arc<Self> {
        let known = before.filter(|before| before.same_as(rate));
        known.map_or_else(|| Arc::new(Self::new(rate, secret, place)), Arc::clone)
    }

    fn same_as(&self, rate: &Rate) -> bool {
        self.rate == *rate
    }

    /// The header field whose values are counted, in lower case; `None` if clients are counted.
    pub fn field(&self) -> Option<&str> {
        match &self.rate.by {
            RateBy::Header(name) => Some(name),
            RateBy::Client { .. } => None,
        }
    }

    /// Counts one request of this client. `value` is the request's value of [`Self::field`].
    pub fn ask_for(&self, client: IpAddr, value: Option<&[u8]>, now: Tick) -> RateDecision {
        let (ipv4_prefix, ipv6_prefix) = match (&self.rate.by, value) {
            (RateBy::Header(_), Some(value)) => return self.ask(value, now),
            (RateBy::Header(_), None) => ONE_CLIENT,
            (RateBy::Client { ipv4_prefix, ipv6_prefix }, _) => (*ipv4_prefix, *ipv6_prefix),
        };
        self.ask(ClientKey::of(client, ipv4_prefix, ipv6_prefix).as_bytes(), now)
    }

    /// Counts one request of this key.
    pub fn ask(&self, key: &[u8], now: Tick) -> RateDecision {
        let who = HashedKey::of(key, &self.secret);
        self.part(who).lock().ask(who, &self.terms, now)
    }

    fn part(&self, who: HashedKey) -> &Mutex<Shard> {
        &self.parts[who.part(self.parts.len())].0
    }

    /// Which of the limits that machines share it is; `None`: this machine counts for itself. Machines with the same secret know it,
    /// and its keys, by the same numbers.
    pub fn shared(&self) -> Option<u64> {
        self.shared
    }

    /// How many requests passed since the last call, by key. At most 4096 keys of each part are noted, and nothing where the limit is not
    /// shared.
    pub fn take_passed(&self) -> Vec<(u128, u32)> {
        let taken = self.parts.iter().flat_map(|part| part.0.lock().take_passed());
        taken.map(|(who, requests)| (who.number(), requests)).collect()
    }

    /// Counts requests of a key that passed at another machine.
    pub fn charge(&self, key: u128, requests: u32, now: Tick) {
        let who = HashedKey::from_number(key);
        self.part(who).lock().charge(who, requests, &self.terms, now);
    }

    /// Keys in the table.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.0.lock().len()).sum()
    }

    /// Whether the table is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::traffic::xorshift::xorshift;

    fn rate(requests: u32, burst: u32, max_keys: u32, by: RateBy) -> Rate {
        Rate { requests, per: Duration::from_secs(1), burst, delay: false, by, max_keys, shared: false }
    }

    fn by_client() -> RateBy {
        RateBy::Client { ipv4_prefix: 24, ipv6_prefix: 64 }
    }

    const REFUSED: RateDecision = RateDecision::Refuse { retry_after: 1 };

    /// The naive model keeps the moment when the last accepted request is worked off. Times are in fractions of a
    /// millisecond: multiplied by `requests`.
    #[derive(Default)]
    struct Naive(HashMap<u64, Vec<u64>>);

    impl Naive {
        fn ask(&mut self, rate: &Rate, key: u64, now: u64) -> RateDecision {
            let (requests, cost) = (u128::from(rate.requests), rate.per.as_millis());
            let passed = self.0.entry(key).or_default();
            let worked_off = passed.iter().fold(0, |end: u128, at| end.max(u128::from(*at) * requests) + cost);
            let ahead = worked_off.saturating_sub(u128::from(now) * requests);
            let spare = u128::from(rate.burst) * cost;
            if ahead > spare {
                let seconds = (ahead - spare).div_ceil(requests).div_ceil(1000) as u32;
                return RateDecision::Refuse { retry_after: seconds.max(1) };
            }
            passed.push(now);
            match rate.delay && ahead > 0 {
                true => RateDecision::Delay(Duration::from_millis(ahead.div_ceil(requests) as u64)),
                false => RateDecision::Pass,
            }
        }
    }

    #[test]
    fn everybody_is_judged_as_if_every_moment_were_kept() {
        let mut chance = 0x9E37_79B9_97F4_A7C1;
        let (mut passed, mut delayed, mut refused) = (0, 0, 0);
        for round in 0..60 {
            let rate = Rate {
                requests: 1 + (xorshift(&mut chance) % 20) as u32,
                per: Duration::from_millis(1 + xorshift(&mut chance) % 3000),
                burst: (xorshift(&mut chance) % 6) as u32,
                delay: round % 2 == 0,
                by: by_client(),
                max_keys: if round % 3 == 0 { 5000 } else { 100 },
                shared: false,
            };
            let (limit, mut naive, mut now) = (RateLimit::new(&rate, [3; 16], "site a"), Naive::default(), 0);
            for _ in 0..2_000 {
                now += xorshift(&mut chance) % 60;
                let key = xorshift(&mut chance) % 12;
                let verdict = limit.ask(&key.to_le_bytes(), Tick::from_millis(now));
                assert_eq!(verdict, naive.ask(&rate, key, now), "{rate:?} at {now} ms");
                match verdict {
                    RateDecision::Pass => passed += 1,
                    RateDecision::Delay(_) => delayed += 1,
                    RateDecision::Refuse { .. } => refused += 1,
                }
            }
        }
        assert!(passed > 5_000 && delayed > 2_000 && refused > 5_000, "{passed}, {delayed}, {refused}");
    }

    #[test]
    fn a_million_come_and_the_table_stays_as_large_as_it_may() {
        for (max_keys, come) in [(1000, 1_000_000_u32), (5000, 100_000)] {
            let limit = RateLimit::new(&rate(1, 0, max_keys, by_client()), [1; 16], "site a");
            for key in 0..come {
                assert_eq!(limit.ask(&key.to_le_bytes(), Tick::START), RateDecision::Pass);
            }
            assert!(limit.len() <= max_keys as usize);
            assert!(limit.len() > max_keys as usize * 9 / 10);
            let last = come - max_keys / 2..come;
            let known = last.filter(|key| limit.ask(&key.to_le_bytes(), Tick::START) == REFUSED).count();
            assert_eq!(known, max_keys as usize / 2, "the latest half of the table is remembered");
        }
    }

    #[test]
    fn no_limit_lets_more_through_than_its_rate_when_threads_share_it() {
        let limit = RateLimit::new(&rate(100, 9, 1000, by_client()), [2; 16], "site a");
        let passed: usize = std::thread::scope(|scope| {
            let ask =
                || (0..2_000).filter(|at| limit.ask(b"one", Tick::from_millis(*at)) == RateDecision::Pass).count();
            let threads = [scope.spawn(ask), scope.spawn(ask)];
            threads.map(|thread| thread.join().unwrap()).into_iter().sum()
        });
        assert!((200..=210).contains(&passed), "{passed} of 2 seconds at 100 with a burst of 9");
    }

    #[test]
    fn who_is_counted_as_one_is_what_the_file_says() {
        let [near, far, same] = ["192.0.2.1", "192.0.3.1", "192.0.2.99"].map(|client| client.parse().unwrap());
        let limit = RateLimit::new(&rate(1, 0, 10, by_client()), [0; 16], "site a");
        assert_eq!(limit.field(), None);
        assert_eq!(limit.ask_for(near, None, Tick::START), RateDecision::Pass);
        assert_eq!(limit.ask_for(same, Some(b"ignored"), Tick::START), REFUSED);
        assert_eq!(limit.ask_for(far, None, Tick::START), RateDecision::Pass);
        assert_eq!(limit.len(), 2);

        let limit = RateLimit::new(&rate(1, 0, 10, RateBy::Header(Arc::from("x-api-key"))), [0; 16], "site a");
        assert_eq!(limit.field(), Some("x-api-key"));
        assert_eq!(limit.ask_for(near, Some(b"k1"), Tick::START), RateDecision::Pass);
        assert_eq!(limit.ask_for(far, Some(b"k1"), Tick::START), REFUSED);
        assert_eq!(limit.ask_for(near, Some(b"k2"), Tick::START), RateDecision::Pass);
        assert_eq!(limit.ask_for(near, None, Tick::START), RateDecision::Pass);
        assert_eq!(limit.ask_for(near, None, Tick::START), REFUSED);
        assert_eq!(limit.ask_for(same, None, Tick::START), RateDecision::Pass, "without the field, by address");
    }

    #[test]
    fn machines_that_share_a_rate_let_through_together_what_it_says() {
        let shared = Rate { shared: true, ..rate(10, 3, 5000, by_client()) };
        let machines = [0, 1, 2].map(|_| RateLimit::new(&shared, [7; 16], "site a"));
        let (mut passed, mut chance) = (0, 0x9E37_79B9_97F4_A7C1);
        for at in 0..10_000 {
            let now = Tick::from_millis(at);
            let machine = &machines[(xorshift(&mut chance) % 3) as usize];
            passed += usize::from(machine.ask(b"one", now) == RateDecision::Pass);
            if at % 100 == 0 {
                let told = machines.each_ref().map(RateLimit::take_passed);
                for (from, told) in told.iter().enumerate() {
                    let others = machines.iter().enumerate().filter(|(to, _)| *to != from);
                    others.for_each(|(_, other)| told.iter().for_each(|(key, count)| other.charge(*key, *count, now)));
                }
            }
        }
        // In the first tenth of a second each lets its own burst through, before it hears of the others.
        assert!((100..=112).contains(&passed), "{passed} of 10 seconds at 10 with a burst of 3 at each");
        assert!(machines.iter().all(|machine| machine.shared() == machines[0].shared() && machine.len() == 1));
        assert_ne!(RateLimit::new(&shared, [7; 16], "site b").shared(), machines[0].shared());
        let alone = RateLimit::new(&rate(10, 3, 5000, by_client()), [7; 16], "site a");
        alone.ask(b"one", Tick::START);
        assert_eq!((alone.shared(), alone.take_passed()), (None, Vec::new()));
    }

    #[test]
    fn what_nobody_takes_is_noted_of_few_keys_alone() {
        let limit = RateLimit::new(&Rate { shared: true, ..rate(5, 5, 10_000_000, by_client()) }, [7; 16], "site a");
        for key in 0..200_000_u32 {
            limit.ask(&key.to_le_bytes(), Tick::START);
            limit.ask(&0_u32.to_le_bytes(), Tick::START);
        }
        let taken = limit.take_passed();
        assert_eq!(taken.len(), 16 * 4096);
        assert_eq!(taken.iter().map(|(_, count)| *count).max(), Some(6), "what was refused is not told");
        assert!(limit.take_passed().is_empty());
    }

    #[test]
    fn a_reload_keeps_only_what_says_the_same() {
        let limit = RateLimit::new(&rate(5, 2, 10, by_client()), [0; 16], "site a");
        assert!(limit.is_empty() && limit.same_as(&rate(5, 2, 10, by_client())));
        for other in [rate(6, 2, 10, by_client()), rate(5, 3, 10, by_client()), rate(5, 2, 11, by_client())] {
            assert!(!limit.same_as(&other));
        }
        assert!(!limit.same_as(&rate(5, 2, 10, RateBy::Header(Arc::from("x")))));
    }
}
