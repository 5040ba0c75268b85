//! Limits the open connections of a listener, in total and per client. The table holds connected clients only, so the
//! limit of connections bounds it too. New connections are refused; accepted ones are never closed. A few of those that are
//! refused may stay until they were told why.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

use siphasher::sip::SipHasher13;

use super::client_key::ClientKey;
use crate::traffic::sync::Mutex;
use crate::traffic::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Parts of the table of clients: a power of two.
const PARTS: usize = 16;

/// An empty part with more capacity than this frees its memory.
const KEPT: usize = 256;

/// One client is an IPv4 address or an IPv6 /64, because a host can use every address of its /64.
const ONE_CLIENT: (u8, u8) = (32, 64);

/// So many connections beyond the limits may be open at once on a listener, to be told so.
const SPARE: u32 = 64;

/// The open connections of a listener.
#[derive(Debug)]
pub struct ConnectionLimits {
    open: AtomicU32,
    beyond: AtomicU32,
    secret: Secret,
    parts: [Part; PARTS],
}

/// Open connections by client. Each part has its own cache lines, so that threads in different parts do not slow each
/// other.
#[derive(Debug)]
#[repr(align(128))]
struct Part(Mutex<HashMap<ClientKey, u32, Secret>>);

/// The permit of an accepted connection. The connection is counted until this is dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    limits: Arc<ConnectionLimits>,
    client: Option<ClientKey>,
    beyond: Option<Full>,
}

/// Why a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The listener is at its limit.
    Listener,
    /// The client is at its limit.
    Client,
}

impl ConnectionLimits {
    /// No connection is open yet. `secret` must be random.
    pub fn new(secret: [u8; 16]) -> Self {
        let secret = Secret(secret);
        let parts = std::array::from_fn(|_| Part(Mutex::new(HashMap::with_hasher(secret))));
        Self { open: AtomicU32::new(0), beyond: AtomicU32::new(0), secret, parts }
    }

    /// Open connections within the limits.
    pub fn open(&self) -> u32 {
        self.open.load(Relaxed)
    }

    /// Counts one more connection if listener and client are below their limits. `None` is no limit. Clients are
    /// counted only while there is a limit per client, so connections opened before it was set do not count.
    ///
    /// A connection beyond the limits gets a permit to be told so, see [`ConnectionPermit::beyond`], unless too many others have one.
    pub fn enter(
        self: &Arc<Self>,
        client: IpAddr,
        max: Option<u32>,
        per_client: Option<u32>,
    ) -> Result<ConnectionPermit, Full> {
        let beyond = match () {
            () if count_below(&self.open, max.unwrap_or(u32::MAX)) => None,
            () if count_below(&self.beyond, SPARE) => Some(Full::Listener),
            () => return Err(Full::Listener),
        };
        let mut permit = ConnectionPermit { limits: Arc::clone(self), client: None, beyond };
        permit.belongs_to(client, per_client)?;
        Ok(permit)
    }

    fn count(&self, key: ClientKey, max: u32) -> bool {
        let mut clients = self.part(&key).0.lock();
        let open = clients.get(&key).copied().unwrap_or(0);
        if open < max {
            clients.insert(key, open + 1);
        }
        open < max
    }

    fn count_down(&self, key: &ClientKey) {
        let mut clients = self.part(key).0.lock();
        match clients.get_mut(key) {
            Some(open) if *open > 1 => *open -= 1,
            _ => {
                clients.remove(key);
                if clients.is_empty() && clients.capacity() > KEPT {
                    *clients = HashMap::with_hasher(self.secret);
                }
            }
        }
    }

    fn part(&self, key: &ClientKey) -> &Part {
        // Uses other bits of the hash than the part's own table.
        &self.parts[(self.secret.hash_one(key) >> 48) as usize % PARTS]
    }
}

/// Whether the count was below the limit, and is one more now.
fn count_below(count: &AtomicU32, limit: u32) -> bool {
    count.fetch_update(Relaxed, Relaxed, |open| (open < limit).then(|| open + 1)).is_ok()
}

impl ConnectionPermit {
    /// Counts the connection as one of this client, if that is below its limit. Whose it is may be known later than that it came.
    pub fn belongs_to(&mut self, client: IpAddr, per_client: Option<u32>) -> Result<(), Full> {
        let is_open = self.client.is_none() && self.beyond.is_none();
        let Some(per_client) = per_client.filter(|_| is_open) else { return Ok(()) };
        let (ipv4_prefix, ipv6_prefix) = ONE_CLIENT;
        let key = ClientKey::of(client, ipv4_prefix, ipv6_prefix);
        if self.limits.count(key, per_client) {
            self.client = Some(key);
            return Ok(());
        }
        if !count_below(&self.limits.beyond, SPARE) {
            return Err(Full::Client);
        }
        self.limits.open.fetch_sub(1, Relaxed);
        self.beyond = Some(Full::Client);
        Ok(())
    }

    /// The limit that the connection is beyond. It takes no place within, and is to end when its client knows.
    pub fn beyond(&self) -> Option<Full> {
        self.beyond
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        if let Some(client) = &self.client {
            self.limits.count_down(client);
        }
        let count = if self.beyond.is_some() { &self.limits.beyond } else { &self.limits.open };
        count.fetch_sub(1, Relaxed);
    }
}

/// A hasher with a secret key.
#[derive(Clone, Copy)]
struct Secret([u8; 16]);

impl BuildHasher for Secret {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.0)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::xorshift::xorshift;

    fn limits() -> Arc<ConnectionLimits> {
        Arc::new(ConnectionLimits::new([9; 16]))
    }

    fn client(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Comes, and leaves at once where that is beyond a limit.
    fn enter(
        limits: &Arc<ConnectionLimits>,
        who: IpAddr,
        max: Option<u32>,
        one: Option<u32>,
    ) -> Result<ConnectionPermit, Full> {
        limits.enter(who, max, one).and_then(|permit| permit.beyond().map_or(Ok(permit), Err))
    }

    fn clients_held(limits: &ConnectionLimits) -> usize {
        limits.parts.iter().map(|part| part.0.lock().len()).sum()
    }

    #[test]
    fn a_client_has_no_more_than_its_share_and_a_listener_no_more_than_it_may() {
        // Connections that come one after the other and stay open.
        type Coming = (&'static str, Result<(), Full>);
        let table: &[(Option<u32>, Option<u32>, &[Coming])] = &[
            (None, None, &[("192.0.2.1", Ok(())), ("192.0.2.1", Ok(())), ("192.0.2.1", Ok(()))]),
            (Some(2), None, &[("192.0.2.1", Ok(())), ("192.0.2.1", Ok(())), ("192.0.2.2", Err(Full::Listener))]),
            (Some(0), Some(1), &[("192.0.2.1", Err(Full::Listener))]),
            (None, Some(0), &[("192.0.2.1", Err(Full::Client))]),
            (
                Some(3),
                Some(1),
                &[
                    ("192.0.2.1", Ok(())),
                    ("192.0.2.1", Err(Full::Client)),
                    ("192.0.2.2", Ok(())),
                    ("::ffff:192.0.2.2", Err(Full::Client)),
                    ("2001:db8::1", Ok(())),
                    ("2001:db8::2", Err(Full::Listener)),
                ],
            ),
            (
                None,
                Some(2),
                &[
                    ("2001:db8::1", Ok(())),
                    ("2001:db8::ffff", Ok(())),
                    ("2001:db8::2", Err(Full::Client)),
                    ("2001:db8:0:1::1", Ok(())),
                ],
            ),
        ];
        for (number, (max, per_client, coming)) in table.iter().enumerate() {
            let (limits, mut inside) = (limits(), Vec::new());
            for (step, (who, expected)) in coming.iter().enumerate() {
                let entered = enter(&limits, client(who), *max, *per_client);
                assert_eq!(entered.as_ref().map(|_| ()).map_err(|full| *full), *expected, "row {number}, step {step}");
                inside.extend(entered);
                assert_eq!(limits.open() as usize, inside.len());
            }
            assert!(per_client.is_some() || clients_held(&limits) == 0);
            drop(inside);
            assert_eq!((limits.open(), clients_held(&limits)), (0, 0));
        }
    }

    #[test]
    fn a_limit_that_comes_or_goes_with_a_reload_loses_no_count() {
        let limits = limits();
        let one = client("192.0.2.1");
        let before = limits.enter(one, None, None).unwrap();
        let counted = limits.enter(one, None, Some(1)).unwrap();
        assert_eq!(enter(&limits, one, None, Some(1)).unwrap_err(), Full::Client);
        drop(before);
        assert_eq!(enter(&limits, one, None, Some(1)).unwrap_err(), Full::Client);
        let after = limits.enter(one, None, None).unwrap();
        drop(counted);
        drop(limits.enter(one, None, Some(1)).unwrap());
        drop(after);
        assert_eq!((limits.open(), clients_held(&limits)), (0, 0));
    }

    #[test]
    fn counts_are_those_of_a_list_of_everybody_inside() {
        let (limits, mut inside) = (limits(), Vec::<(u32, ConnectionPermit)>::new());
        let mut chance = 0x9E37_79B9_97F4_A7C1_u64;
        let mut seen = [0; 3];
        for _ in 0..50_000 {
            let who = (xorshift(&mut chance) >> 8) as u32 % 40;
            if chance.is_multiple_of(5) && !inside.is_empty() {
                inside.swap_remove((chance >> 32) as usize % inside.len());
                continue;
            }
            let theirs = inside.iter().filter(|(other, _)| *other == who).count();
            let expected = match () {
                () if inside.len() >= 100 => Some(Full::Listener),
                () if theirs >= 4 => Some(Full::Client),
                () => None,
            };
            let entered = enter(&limits, IpAddr::from(who.to_be_bytes()), Some(100), Some(4));
            assert_eq!(entered.as_ref().err().copied(), expected);
            seen[expected.map_or(0, |full| 1 + full as usize)] += 1;
            inside.extend(entered.map(|pass| (who, pass)));
            let clients = inside.iter().map(|(who, _)| who).collect::<std::collections::HashSet<_>>().len();
            assert_eq!((limits.open() as usize, clients_held(&limits)), (inside.len(), clients));
        }
        assert!(seen.iter().all(|count| *count > 1_000), "{seen:?}");
    }

    #[test]
    fn a_few_beyond_the_limits_are_told_so_and_take_nobodys_place() {
        let limits = limits();
        let (one, other) = (client("192.0.2.1"), client("192.0.2.2"));
        let enter = |who| limits.enter(who, Some(2), Some(1));
        let first = enter(one).unwrap();
        let too_many: Vec<_> = (0..SPARE).map(|_| enter(one).unwrap()).collect();
        assert!(too_many.iter().all(|permit| permit.beyond() == Some(Full::Client)));
        assert_eq!(enter(one).unwrap_err(), Full::Client);
        let second = enter(other).unwrap();
        assert_eq!((first.beyond(), second.beyond(), limits.open()), (None, None, 2));
        assert_eq!(enter(client("192.0.2.3")).unwrap_err(), Full::Listener);
        drop(too_many);
        let third = enter(client("192.0.2.3")).unwrap();
        assert_eq!((third.beyond(), limits.open()), (Some(Full::Listener), 2));
        drop((first, second, third));
        assert_eq!((limits.open(), limits.beyond.load(Relaxed), clients_held(&limits)), (0, 0, 0));
    }

    #[test]
    fn threads_never_let_in_more_than_fit_and_leave_nothing_behind() {
        let limits = limits();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for who in 0..5_000_u32 {
                        let pass = limits.enter(IpAddr::from((who % 3).to_be_bytes()), Some(3), Some(2));
                        assert!(limits.open() <= 3);
                        drop(pass);
                    }
                });
            }
        });
        assert_eq!((limits.open(), clients_held(&limits)), (0, 0));
    }

    #[test]
    fn an_emptied_table_gives_its_memory_back() {
        let limits = limits();
        let inside: Vec<_> =
            (0..100_000_u32).map(|who| limits.enter(IpAddr::from(who.to_be_bytes()), None, Some(1)).unwrap()).collect();
        assert_eq!(clients_held(&limits), inside.len());
        drop(inside);
        assert!(limits.parts.iter().all(|part| part.0.lock().capacity() <= KEPT));
    }
}
