//! The keys of session tickets (RFC 5077, RFC 8446 4.6.1): in memory alone, a new one every six hours. Those of the last six hours still
//! open tickets. They are random, and in an upgrade the next process gets them, so clients resume their sessions there; or they
//! follow from a secret that several machines have, and from the time, so clients resume at all of them.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest;
use aws_lc_rs::digest::SHA256;
use aws_lc_rs::rand;
use parking_lot::RwLock;
use rustls::server::ProducesTickets;

use super::digits::{from_digits, to_digits};

/// How long a key makes tickets, and how long a ticket may be used.
const LIFETIME: Duration = Duration::from_secs(6 * 60 * 60);

/// A ticket begins with the name of its key, so that one of another process is told apart without trying.
const NAME: usize = 16;

/// The keys.
pub(crate) struct TicketKeys {
    /// What they follow from; `None`: they are random.
    shared: Option<[u8; 32]>,
    keys: RwLock<Keys>,
}

struct Keys {
    current: Key,
    /// Those that only open: the one before, and where keys follow from the time that of a machine whose clock is ahead.
    others: Vec<Key>,
}

impl Keys {
    /// Those of this secret at a time since 1970.
    fn of_time(shared: &[u8; 32], unix: Duration) -> Option<Self> {
        let (period, into) = (unix.as_secs() / LIFETIME.as_secs(), unix.as_secs() % LIFETIME.as_secs());
        let key = |period: u64, age: u64| {
            let made = digest::digest(&SHA256, &[&b"weir ticket key"[..], shared, &period.to_be_bytes()].concat());
            Key::of(made.as_ref().try_into().ok()?, Duration::from_secs(age))
        };
        let current = key(period, into)?;
        let before = key(period.checked_sub(1)?, into + LIFETIME.as_secs())?;
        Some(Self { current, others: vec![before, key(period + 1, 0)?] })
    }
}

struct Key {
    name: [u8; NAME],
    secret: [u8; 32],
    sealing: RandomizedNonceKey,
    since: Instant,
}

impl Key {
    fn random() -> Option<Self> {
        let mut secret = [0; 32];
        rand::fill(&mut secret).ok()?;
        Self::of(secret, Duration::ZERO)
    }

    fn of(secret: [u8; 32], age: Duration) -> Option<Self> {
        let told = digest::digest(&SHA256, &[&b"weir ticket"[..], &secret].concat());
        let name = told.as_ref().first_chunk().copied()?;
        let since = Instant::now().checked_sub(age)?;
        Some(Self { name, secret, sealing: RandomizedNonceKey::new(&AES_256_GCM, &secret).ok()?, since })
    }

    fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Name, nonce, and the session sealed.
    fn seal(&self, session: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = session.to_vec();
        let nonce = self.sealing.seal_in_place_append_tag(Aad::from(self.name), &mut sealed).ok()?;
        Some([&self.name[..], nonce.as_ref(), &sealed].concat())
    }

    fn open(&self, nonce: &[u8; NONCE_LEN], sealed: &[u8]) -> Option<Vec<u8>> {
        let mut session = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.sealing.open_in_place(nonce, Aad::from(self.name), &mut session).ok()?.len();
        session.truncate(length);
        Some(session)
    }
}

impl TicketKeys {
    /// New ones.
    pub(crate) fn random() -> Result<Self, String> {
        let current = Key::random().ok_or("no random numbers for TLS tickets")?;
        Ok(Self { shared: None, keys: RwLock::new(Keys { current, others: Vec::new() }) })
    }

    /// Those that follow from this secret. `None`: they cannot be made.
    pub(crate) fn shared(secret: [u8; 32]) -> Option<Self> {
        let keys = Keys::of_time(&secret, unix())?;
        Some(Self { shared: Some(secret), keys: RwLock::new(keys) })
    }

    /// Those that another process gave. `None`: it gave none that can be read, or only old ones.
    pub(crate) fn given(text: &str) -> Option<Self> {
        let key = |text: &str| {
            let (age, digits) = text.split_once(':')?;
            Key::of(from_digits(digits)?, Duration::from_secs(age.parse().ok()?))
        };
        let mut keys = text.split(' ').map(key);
        let current = keys.next()??;
        Some(Self { shared: None, keys: RwLock::new(Keys { current, others: keys.flatten().take(1).collect() }) })
    }

    /// The keys for the next process, each with its age in seconds. A secret.
    pub(crate) fn to_give(&self) -> String {
        let keys = self.keys.read();
        let told = |key: &Key| format!("{}:{}", key.age().as_secs(), to_digits(&key.secret));
        std::iter::once(&keys.current).chain(&keys.others).map(told).collect::<Vec<_>>().join(" ")
    }

    /// Makes a new key where that is due. Where it cannot be made, the old one stays.
    fn change(&self) {
        let mut keys = self.keys.write();
        if keys.current.age() < LIFETIME {
            return;
        }
        let next = match &self.shared {
            Some(secret) => Keys::of_time(secret, unix()),
            None => Key::random().map(|current| Keys { current, others: Vec::new() }),
        };
        let Some(next) = next else { return };
        let before = std::mem::replace(&mut *keys, next);
        if self.shared.is_none() {
            keys.others.push(before.current);
        }
    }
}

/// The wall clock: that of other machines is another one, and they must agree.
fn unix() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Nothing of the keys.
impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKeys")
    }
}

impl ProducesTickets for TicketKeys {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(LIFETIME.as_secs()).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        if self.keys.read().current.age() >= LIFETIME {
            self.change();
        }
        self.keys.read().current.seal(session)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME>()?;
        let (nonce, sealed) = rest.split_first_chunk()?;
        let keys = self.keys.read();
        let usable = |key: &&Key| key.name == *name && key.age() < 2 * LIFETIME;
        std::iter::once(&keys.current).chain(&keys.others).find(usable)?.open(nonce, sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn older(keys: &TicketKeys, by: Duration) {
        let mut keys = keys.keys.write();
        keys.current.since = keys.current.since.checked_sub(by).expect("the machine runs for longer");
    }

    #[test]
    fn a_ticket_is_opened_by_whoever_has_its_key_and_by_nobody_else() {
        let keys = TicketKeys::random().unwrap();
        let ticket = keys.encrypt(b"session").unwrap();
        assert_eq!(keys.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_ne!(ticket, keys.encrypt(b"session").unwrap(), "no two are the same");
        assert_eq!(TicketKeys::random().unwrap().decrypt(&ticket), None);
        for end in 0..ticket.len() {
            assert_eq!(keys.decrypt(&ticket[..end]), None, "{end}");
        }
        for place in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[place] ^= 1;
            assert_eq!(keys.decrypt(&changed), None, "{place}");
        }
        let next = TicketKeys::given(&keys.to_give()).unwrap();
        assert_eq!(next.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(keys.decrypt(&next.encrypt(b"later").unwrap()).as_deref(), Some(&b"later"[..]));
        assert!(!format!("{keys:?}").contains(':'));
    }

    #[test]
    fn keys_change_and_those_of_the_time_before_still_open() {
        let keys = TicketKeys::random().unwrap();
        let first = keys.encrypt(b"first").unwrap();
        older(&keys, LIFETIME);
        let second = keys.encrypt(b"second").unwrap();
        assert_ne!(first[..NAME], second[..NAME]);
        for ticket in [&first, &second] {
            assert!(keys.decrypt(ticket).is_some());
            assert!(TicketKeys::given(&keys.to_give()).unwrap().decrypt(ticket).is_some());
        }
        older(&keys, LIFETIME);
        assert!(keys.encrypt(b"third").is_some());
        assert_eq!((keys.decrypt(&first), keys.decrypt(&second).is_some()), (None, true));
    }

    #[test]
    fn machines_with_one_secret_open_the_tickets_of_each_other_though_their_clocks_differ() {
        let at = |seconds: u64| {
            let keys = Keys::of_time(&[3; 32], Duration::from_secs(seconds)).unwrap();
            TicketKeys { shared: Some([3; 32]), keys: RwLock::new(keys) }
        };
        let (six_hours, noon) = (LIFETIME.as_secs(), 80_000 * LIFETIME.as_secs());
        let opens =
            |seals: u64, opens: u64| at(opens).decrypt(&at(seals).keys.read().current.seal(b"session").unwrap());
        for (seals, opened, known) in [
            (noon, noon, true),
            (noon, noon + six_hours - 1, true),
            (noon - 60, noon + 60, true),
            (noon + 60, noon - 60, true),
            (noon, noon + six_hours + 60, true),
            (noon, noon + 2 * six_hours, false),
            (noon + 2 * six_hours, noon, false),
        ] {
            assert_eq!(opens(seals, opened).is_some(), known, "made at {seals}, opened at {opened}");
        }
        let (one, other) = (TicketKeys::shared([3; 32]).unwrap(), TicketKeys::shared([4; 32]).unwrap());
        assert_eq!(other.decrypt(&one.encrypt(b"session").unwrap()), None, "another secret");
        let next = TicketKeys::shared([3; 32]).unwrap();
        assert!(next.decrypt(&one.encrypt(b"session").unwrap()).is_some(), "after a restart");
    }

    #[test]
    fn keys_of_the_time_go_on_with_it() {
        let keys = TicketKeys::shared([3; 32]).unwrap();
        let first = keys.encrypt(b"first").unwrap();
        older(&keys, LIFETIME);
        // They are made anew, for the time that it is.
        assert!(keys.encrypt(b"second").is_some() && keys.decrypt(&first).is_some());
        assert!(keys.keys.read().current.age() < LIFETIME);
    }

    #[test]
    fn what_is_no_key_is_not_believed() {
        let good = format!("5:{}", "0a".repeat(32));
        assert!(TicketKeys::given(&good).is_some());
        for bad in ["", "5", ":", "5:0a", &good[1..], &format!("{good}0a"), &good.replace("0a", "0g"), "x:00"] {
            assert!(TicketKeys::given(bad).is_none(), "{bad:?}");
        }
        assert!(TicketKeys::given(&format!("{good} rubbish")).is_some(), "the older one is not needed");
    }
}
