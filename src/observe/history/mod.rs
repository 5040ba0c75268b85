//! The numbers of the last minute, the last ten minutes and the last day: of everything, of sites and their routes, of
//! pools and their nodes. The control thread reads the tallies once a second; traffic threads know nothing of it.

mod point;
mod track;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

pub use self::point::{Percentiles, Point};
pub(crate) use self::track::HandedTrack;
use self::track::{MINUTES, SECONDS, Track, covered};
use super::metrics::Counts;

/// What numbers are about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// All requests.
    All,
    /// A site.
    Site(Arc<str>),
    /// A route of a site.
    Route(Arc<str>, Arc<str>),
    /// A pool.
    Pool(Arc<str>),
    /// A node, in all its pools.
    Node(Arc<str>),
    /// A node in one pool: the pool, then the node.
    Member(Arc<str>, Arc<str>),
}

/// The numbers of all subjects.
#[derive(Debug)]
pub struct History(Mutex<Tracks>);

#[derive(Debug)]
struct Tracks {
    /// How many seconds were read.
    seconds: u64,
    /// When the last one was.
    at: SystemTime,
    /// What was counted of everything since the start.
    total: Counts,
    tracks: HashMap<Subject, Track>,
}

/// The numbers of a subject, as one process tells them to the next.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedNumbers {
    /// The subject, as it is shown.
    pub(crate) of: String,
    /// When the last second ended, since 1970.
    at_ms: u64,
    /// How many seconds were read.
    seconds: u64,
    track: HandedTrack,
}

/// What one second brings.
pub(crate) struct Second<'a> {
    total: &'a mut Counts,
    tracks: &'a mut HashMap<Subject, Track>,
}

/// Numbers of equal steps of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// When the last step ended.
    pub until: SystemTime,
    /// How long a step is.
    pub step: Duration,
    /// The oldest first. Steps before the subject's first request are left out; nothing happened in them.
    pub points: Vec<Point>,
}

/// The numbers of the last minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastMinute {
    /// What was counted.
    pub point: Point,
    /// In how many seconds: up to 60, less after a start.
    pub seconds: u64,
}

impl History {
    /// Nothing has happened yet.
    pub fn new(now: SystemTime) -> Self {
        Self(Mutex::new(Tracks { seconds: 0, at: now, total: Counts::default(), tracks: HashMap::new() }))
    }

    /// A second is over: `read` tells what it brought.
    pub(crate) fn second(&self, now: SystemTime, read: impl FnOnce(&mut Second<'_>)) {
        let mut state = self.0.lock();
        let Tracks { seconds, at, total, tracks } = &mut *state;
        read(&mut Second { total, tracks });
        tracks.values_mut().for_each(|track| track.close(*seconds));
        *seconds += 1;
        *at = now;
    }

    /// Forgets the subjects that the configuration has no longer.
    pub(crate) fn retain(&self, known: impl Fn(&Subject) -> bool) {
        self.0.lock().tracks.retain(|subject, _| known(subject));
    }

    /// How many seconds were read.
    pub(crate) fn seconds_read(&self) -> u64 {
        self.0.lock().seconds
    }

    /// All numbers, subject by subject.
    pub(crate) fn hand_over(&self) -> Vec<HandedNumbers> {
        let state = self.0.lock();
        let at_ms = since_1970(state.at).as_millis().try_into().unwrap_or(u64::MAX);
        let handed = |(subject, track): (&Subject, &Track)| HandedNumbers {
            of: subject.to_string(),
            at_ms,
            seconds: state.seconds,
            track: track.hand_over(),
        };
        state.tracks.iter().map(handed).collect()
    }

    /// Goes on from the numbers that a subject had in the process before.
    pub(crate) fn go_on_from(&self, subject: &Subject, handed: HandedNumbers) {
        let mut state = self.0.lock();
        let Tracks { seconds, at, total, tracks } = &mut *state;
        let later = since_1970(*at).saturating_sub(Duration::from_millis(handed.at_ms)).as_millis();
        // With the one in which the process before still counted and this one began to. So graphs shift by a second or two, and lose nothing.
        let own = usize::try_from(later.div_ceil(1_000)).map_or(OWN_SECONDS, |seconds| OWN_SECONDS.min(seconds + 1));
        if let Some(track) = (Second { total, tracks }).track(subject) {
            track.go_on_from(handed.track, handed.seconds, own);
            // So that minutes end when they would have.
            *seconds = handed.seconds + own as u64;
        }
    }

    /// What was counted of everything since the start, up to the last second. No reload takes anything from it.
    pub(crate) fn total(&self) -> Counts {
        self.0.lock().total.clone()
    }

    /// The last minute of a subject.
    pub fn last_minute(&self, subject: &Subject) -> LastMinute {
        let state = self.0.lock();
        let point = state.tracks.get(subject).map_or_else(Point::default, Track::last_minute);
        LastMinute { point, seconds: covered(state.seconds) }
    }

    /// The last seconds of a subject, at most ten minutes of them.
    pub fn seconds(&self, subject: &Subject, most: usize) -> Stretch {
        let state = self.0.lock();
        let points = state.tracks.get(subject).map_or_else(Vec::new, |track| track.seconds(most.min(SECONDS)));
        Stretch { until: state.at, step: Duration::from_secs(1), points }
    }

    /// The last whole minutes of a subject, at most a day of them.
    pub fn minutes(&self, subject: &Subject, most: usize) -> Stretch {
        let state = self.0.lock();
        let points = state.tracks.get(subject).map_or_else(Vec::new, |track| track.minutes(most.min(MINUTES)));
        let until = state.at - Duration::from_secs(state.seconds % 60);
        Stretch { until, step: Duration::from_secs(60), points }
    }
}

impl Second<'_> {
    /// A subject had these requests.
    pub(crate) fn add(&mut self, subject: &Subject, counts: &Counts) {
        if *subject == Subject::All {
            self.total.add(counts);
        }
        if let Some(track) = self.track(subject) {
            track.second.get_or_insert_default().add(counts);
        }
    }

    /// So many requests of a subject are being worked on now, in addition to those told before in this second.
    pub(crate) fn in_flight(&mut self, subject: &Subject, count: u64) {
        if count > 0
            && let Some(track) = self.track(subject)
        {
            track.in_flight += count;
        }
    }

    /// A subject gets its numbers with its first request, while there is room, or one gives way that matters less.
    fn track(&mut self, subject: &Subject) -> Option<&mut Track> {
        if !self.tracks.contains_key(subject) {
            if self.tracks.len() >= MOST_SUBJECTS {
                let least = self.tracks.keys().max_by_key(|subject| subject.rank())?;
                if least.rank() <= subject.rank() {
                    return None;
                }
                let least = least.clone();
                self.tracks.remove(&least);
            }
            self.tracks.insert(subject.clone(), Track::new());
        }
        self.tracks.get_mut(subject)
    }
}

impl Subject {
    /// Where there are too many subjects, those of a lower rank have numbers: there are few pools, and a page about a node
    /// without its numbers is no help, while there may be thousands of routes.
    const fn rank(&self) -> u8 {
        match self {
            Self::All | Self::Pool(_) => 0,
            Self::Node(_) => 1,
            Self::Member(..) => 2,
            Self::Site(_) => 3,
            Self::Route(..) => 4,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Site(site) => write!(f, "site:{site}"),
            Self::Route(site, route) => write!(f, "route:{site}/{route}"),
            Self::Pool(pool) => write!(f, "pool:{pool}"),
            Self::Node(node) => write!(f, "node:{node}"),
            Self::Member(pool, node) => write!(f, "node:{pool}/{node}"),
        }
    }
}

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// How many seconds a process may have read before it hears of those before it. Where a clock jumped meanwhile, no more are believed.
const OWN_SECONDS: usize = 60;

/// How many subjects have numbers at most: 30 MiB when all have had a day of traffic.
const MOST_SUBJECTS: usize = 512;

#[cfg(test)]
mod tests;
