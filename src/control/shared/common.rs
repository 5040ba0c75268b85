//! What everything has at hand that speaks to the servers.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use tokio_rustls::TlsConnector;

use super::board::Counts;
use super::clock::{HybridClock, Version};
use super::places::Places;
use super::rates::passed::Rates;
use super::record::{NoRecord, Record, Seal};
use super::server::Server;
use super::table::{self, Living};
use crate::config::Stores;
use crate::control::state::Control;
use crate::proxy::worker::sharing::SessionPlace;

/// How far another machine's clock may be ahead before that is told.
const AHEAD: Duration = Duration::from_secs(10);

pub(super) struct Common {
    pub(super) control: Arc<Control>,
    pub(super) settings: Stores,
    pub(super) tls: Option<TlsConnector>,
    pub(super) places: Places,
    pub(super) seal: Seal,
    pub(super) clock: Arc<HybridClock>,
    pub(super) servers: Vec<Arc<Server>>,
    pub(super) counts: Arc<Counts>,
    /// A number that no other process has.
    pub(super) process: u64,
    pub(super) rates: Rates,
    /// Held while orders of other machines are carried out.
    pub(super) following: Arc<tokio::sync::Mutex<()>>,
}

pub(super) fn count(counter: &AtomicU64) {
    count_more(counter, 1);
}

pub(super) fn count_more(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Relaxed);
}

impl Common {
    /// A version for what was bound now.
    pub(super) fn next_version(&self) -> Version {
        self.clock.next(unix_now())
    }

    /// Reads what stands in a place. What is not believed is counted, and said once.
    pub(super) fn read(&self, text: &[u8], place: &str, server: &Server) -> Result<Record, NoRecord> {
        match Record::of_text(text, place, self.seal) {
            Ok(record) => {
                self.clock.see(record.version);
                self.tell_of_clock(record.version);
                Ok(record)
            }
            Err(why) => {
                self.disbelieve(why, place, server);
                Err(why)
            }
        }
    }

    /// Counts what stands in a place and is not believed, and says so once.
    pub(super) fn disbelieve(&self, why: NoRecord, place: &str, server: &Server) {
        let (counter, what) = match why {
            NoRecord::Later => (&self.counts.later, "was written by a later Weir, which this one cannot read"),
            NoRecord::Foreign => (
                &self.counts.foreign,
                "was written with another secret or by something else, or is damaged; it is not believed",
            ),
        };
        if counter.fetch_add(1, Relaxed) == 0 {
            let text = format!("what stands at {place} {what}; others are only counted");
            self.tell(log::Level::Warn, server, &text);
        }
    }

    fn tell_of_clock(&self, version: Version) {
        let ahead = version.ahead_of(unix_now());
        if ahead > AHEAD && self.clock.tell_once() {
            log::warn!(
                "the clock of another machine with Weir is {} s ahead of this one: sessions follow it and nothing is lost, but look at NTP",
                ahead.as_secs()
            );
        }
    }

    /// Follows what another machine bound later than this one.
    pub(super) fn follow(&self, place: &SessionPlace, record: &Record) {
        let waiting = self.servers.iter().filter_map(|server| server.queue.waiting(place)).max();
        let is_older = match waiting.map(|own| own.cmp(&record.version)) {
            Some(Ordering::Greater) => true,
            Some(Ordering::Equal) => self.own_holds(place, record),
            Some(Ordering::Less) | None => false,
        };
        if !is_older && table::follow(&self.control, place, record) {
            count(&self.counts.followed);
        }
    }

    /// Whether the servers will keep what was bound here, of two bindings with one version.
    fn own_holds(&self, place: &SessionPlace, record: &Record) -> bool {
        let Some(Living { node, home, .. }) = table::living(&self.control, place) else { return false };
        let (own, key) = (Record { version: record.version, node, home }, self.places.session(place));
        own.rank(&key, self.seal) > record.rank(&key, self.seal)
    }

    /// Whether requests may wait for a server.
    pub(super) fn look(&self) {
        self.control.sharing.answers(self.servers.iter().any(|server| server.may_answer()));
    }

    /// How a server is now. What is news is told.
    pub(super) fn becomes(&self, server: &Server, fault: Option<&str>) {
        if server.becomes(fault) {
            match fault {
                Some(fault) => self.tell(log::Level::Error, server, &format!("cannot be used: {fault}")),
                None => self.tell(log::Level::Info, server, "is used"),
            }
        }
        self.look();
    }

    /// In the journal and among the events.
    pub(super) fn tell(&self, level: log::Level, server: &Server, text: &str) {
        log::log!(level, "shared: {}: {text}", server.name);
        self.control.observer.events.push(SystemTime::now(), "shared", &server.name, text);
    }
}

pub(super) fn unix_now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
