//! What one traffic thread owns, and what all threads share.

pub(crate) mod future_pool;
pub(crate) mod head_pool;
mod random_ids;
pub(crate) mod sharing;
pub(crate) mod task_pool;
pub(crate) mod teaching;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::future_pool::FuturePool;
use self::head_pool::HeadPool;
use self::random_ids::RandomIds;
use self::sharing::Sharing;
use self::task_pool::TaskPool;
use self::teaching::Teaching;
use super::client::challenges::Challenges;
use super::generation::Generation;
use super::io::buffers::Buffers;
use super::io::clock::{Clock, TICK};
use super::node::IdleConnections;
use crate::observe::Observer;
use crate::observe::access_log::LineFormatter;
use crate::observe::dates::{DateCache, HTTP_DATE};
use crate::traffic::pool::member::WaitQueue;
use crate::traffic::routing::routes::RouteScratch;

/// What all threads share.
pub(crate) struct Shared {
    /// The generation that new requests see.
    pub(crate) current: ArcSwap<Generation>,
    /// Metrics, events and logs.
    pub(crate) observer: Arc<Observer>,
    /// Older generations that requests may still use.
    pub(crate) left: Mutex<Vec<Arc<Generation>>>,
    /// The start of the process. `now` is in milliseconds since then.
    pub(crate) start: Instant,
    /// SIGTERM was received.
    pub(crate) stopping: AtomicBool,
    /// What CAs find that look whether a name is ours.
    pub(crate) challenges: Arc<Challenges>,
    /// The number of open client connections.
    pub(crate) open: AtomicUsize,
    /// What another process has to know that takes over.
    pub(crate) teaching: Teaching,
    /// What other machines have to know, and may know.
    pub(crate) sharing: Sharing,
    /// Idle node connections by link, as each traffic thread counted them last.
    pub(crate) idle: Mutex<Vec<HashMap<u64, usize>>>,
    /// The number of client connections since the start.
    pub(crate) connections: AtomicU64,
    /// For each traffic thread, the last second since `start` in which it was seen running.
    pub(crate) beats: Vec<AtomicU64>,
}

impl Shared {
    /// Milliseconds since the start of the process, from the exact clock.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The newest generation that has the pool with this queue, and the pool's index there.
    pub(crate) fn newest_with(&self, queue: &Arc<WaitQueue>) -> Option<(Arc<Generation>, usize)> {
        let has = |generation: &Arc<Generation>| {
            let pool = generation.snapshot.pools.iter().position(|pool| Arc::ptr_eq(&pool.waiting, queue))?;
            Some((Arc::clone(generation), pool))
        };
        has(&self.current.load()).or_else(|| self.left.lock().iter().rev().find_map(has))
    }

    /// The number of idle connections to a node on all threads. It may be one second old.
    pub(crate) fn idle_on(&self, link: u64) -> usize {
        self.idle.lock().iter().filter_map(|counts| counts.get(&link)).sum()
    }

    /// A number for a new client connection.
    pub(crate) fn number_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Whether every traffic thread was seen running within the last `limit`.
    pub(crate) fn all_move(&self, limit: Duration) -> bool {
        let oldest = self.start.elapsed().saturating_sub(limit).as_secs();
        self.beats.iter().all(|beat| beat.load(Ordering::Relaxed) >= oldest)
    }
}

/// What one thread owns.
pub(crate) struct Worker {
    /// What all threads share.
    pub(crate) shared: Arc<Shared>,
    /// The coarse clock.
    pub(crate) clock: Rc<Clock>,
    /// Buffers that are lent.
    pub(crate) buffers: Rc<Buffers>,
    /// Heads that are lent to requests.
    pub(crate) heads: HeadPool,
    /// Futures of HTTP/1 exchanges that are lent to connections.
    pub(crate) exchanges: FuturePool,
    /// Tasks that wait for the next connection.
    pub(crate) connection_tasks: TaskPool,
    /// Tasks that wait for the next HTTP/2 stream.
    pub(crate) stream_tasks: TaskPool,
    /// Idle connections to nodes.
    pub(crate) idle: IdleConnections,
    /// Formats log lines.
    pub(crate) formatter: RefCell<LineFormatter>,
    date: RefCell<DateCache>,
    wall: Cell<(Instant, SystemTime)>,
    /// A buffer in which request lines for the log are built.
    pub(crate) line: RefCell<Vec<u8>>,
    /// Buffers for the search of a route.
    pub(crate) route_scratch: RefCell<RouteScratch>,
    chance: Cell<u64>,
    /// Numbers for the ids of requests.
    pub(crate) random_ids: RandomIds,
    number: usize,
    open: Cell<usize>,
    empty: Notify,
}

impl Worker {
    /// What a new thread owns.
    pub(crate) fn new(shared: Arc<Shared>, number: usize) -> Rc<Self> {
        Rc::new(Self {
            clock: Clock::new(shared.start),
            shared,
            buffers: Rc::default(),
            heads: HeadPool::default(),
            exchanges: FuturePool::default(),
            connection_tasks: TaskPool::default(),
            stream_tasks: TaskPool::default(),
            idle: IdleConnections::default(),
            formatter: RefCell::default(),
            line: RefCell::default(),
            date: RefCell::default(),
            wall: Cell::new((Instant::now(), SystemTime::now())),
            route_scratch: RefCell::default(),
            // Any number but zero is fine: the choices made with it need not be secret.
            chance: Cell::new(0x9E37_79B9_7F4A_7C15 ^ (number as u64 + 1)),
            random_ids: RandomIds::new(),
            number,
            open: Cell::new(0),
            empty: Notify::new(),
        })
    }

    /// Counts one more open client connection of this thread until the guard is dropped.
    pub(crate) fn open_one(self: &Rc<Self>) -> OpenConnection {
        self.open.set(self.open.get() + 1);
        self.shared.open.fetch_add(1, Ordering::Relaxed);
        OpenConnection(Rc::clone(self))
    }

    /// The current time as the Date field has it.
    pub(crate) fn date(&self) -> [u8; HTTP_DATE] {
        self.date.borrow_mut().http(SystemTime::now())
    }

    /// The wall clock's time. `now` must be the current time. The wall clock is read once a tick, and the time since
    /// then is added, which costs a tenth of reading it. When somebody sets the clock, Weir notices one tick later.
    pub(crate) fn wall(&self, now: Instant) -> SystemTime {
        let (read_at, time) = self.wall.get();
        match now.checked_duration_since(read_at) {
            Some(since) if since < TICK => time + since,
            _ => {
                let time = SystemTime::now();
                self.wall.set((now, time));
                time
            }
        }
    }

    /// A random number (xorshift). It is good enough to choose nodes with.
    pub(crate) fn chance(&self) -> u64 {
        let mut chance = self.chance.get();
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        self.chance.set(chance);
        chance
    }

    /// Waits until the last client connection is closed.
    pub(crate) async fn drained(&self) {
        while self.open.get() > 0 {
            self.empty.notified().await;
        }
    }

    /// Closes node connections that were idle for too long. Runs for ever.
    pub(crate) async fn sweep(self: Rc<Self>) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tick.tick().await;
            if let Some(beat) = self.shared.beats.get(self.number) {
                beat.store(self.shared.start.elapsed().as_secs(), Ordering::Relaxed);
            }
            let generation = self.shared.current.load();
            self.idle.sweep(self.clock.now(), |link| generation.links.contains(&link));
            if let Some(counts) = self.shared.idle.lock().get_mut(self.number) {
                *counts = self.idle.counts();
            }
        }
    }
}

/// Counts an open client connection while it exists.
pub(crate) struct OpenConnection(Rc<Worker>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        if self.0.open.get() == 0 {
            self.0.empty.notify_one();
        }
        self.0.shared.open.fetch_sub(1, Ordering::Relaxed);
    }
}
