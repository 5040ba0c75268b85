//! What a running Weir has on its control thread, and what it does there by itself and on request.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::admin_side::AdminSide;
use super::following::Following;
use super::reading::Reading;
use super::upgrading::Upgrading;
use crate::config::Config;
use crate::control::acme::board::Board;
use crate::control::actor::OrderedBy;
use crate::control::changes::stored::StoredOrders;
use crate::control::cluster;
use crate::control::probing::FirstRounds;
use crate::control::reload::Reloader;
use crate::control::reload::at_start::AtStart;
use crate::control::reload::first::FirstGeneration;
use crate::control::sampling::Sampling;
use crate::control::shared::board::Board as SharedBoard;
use crate::control::state::{Control, ReloadRequest, UpgradeRequest, WeightsRequest};
use crate::control::store::SLOW_DISK;
use crate::control::store::audit::{self, Change};
use crate::control::store::sessions;
use crate::control::{acme, gauges, operators};
use crate::observe::Observer;
use crate::observe::notify::Notifier;
use crate::proxy::accept::threads::Threads;
use crate::proxy::generation::Generation;
use crate::proxy::io::{descriptors, memory};
use crate::proxy::worker::Shared;
use crate::proxy::worker::sharing::Sharing;
use crate::proxy::worker::teaching::Teaching;
use crate::traffic::tick::Tick;

/// The most sessions that may be removed in one second.
const EXPIRED_A_SECOND: usize = 50_000;

/// How long the end of the process waits until sessions and orders are on disk. With `LATE_WORK` and the 2 s that
/// the threads have to close their sockets this is within what `TimeoutStopSec` of the unit has beyond `stop-timeout`.
const LAST_WRITES: Duration = Duration::from_secs(8);

/// What a running Weir has on its control thread.
pub(super) struct Running {
    pub(super) path: PathBuf,
    pub(super) control: Arc<Control>,
    pub(super) threads: Arc<Threads>,
    pub(super) reloader: Reloader,
    pub(super) reload_requests: mpsc::Receiver<ReloadRequest>,
    pub(super) weights_requests: mpsc::Receiver<WeightsRequest>,
    pub(super) upgrade_requests: mpsc::Receiver<UpgradeRequest>,
    pub(super) reading: Option<Reading>,
    pub(super) following: Following,
    pub(super) upgrading: Option<Upgrading>,
    pub(super) admin: AdminSide,
    pub(super) notifier: Arc<Notifier>,
    /// When the pools were last looked after.
    last_upkeep: Tick,
    sampling: Sampling,
    /// Whether orders changed by themselves, or came from the process before, and are to be written.
    orders_due: bool,
    state_write: Option<JoinHandle<()>>,
}

impl Running {
    /// With its first generation. Clients are not let in yet.
    pub(super) fn start(
        path: &Path,
        config: &Config,
        mut first: FirstGeneration,
        (admin, observer): (AdminSide, &Arc<Observer>),
    ) -> io::Result<(Self, FirstRounds)> {
        let kept = first.state_dir.as_ref().filter(|_| first.keeps_sessions);
        let restored = kept.map_or(Err(()), |dir| sessions::restore(dir, &first.generation));
        let shared = shared(config, &first, observer);
        let StoredOrders { orders, weights, operations, common } = std::mem::take(&mut first.stored);
        let (to_reload, reload_requests) = mpsc::channel(8);
        let (to_weigh, weights_requests) = mpsc::channel(8);
        let (to_upgrade, upgrade_requests) = mpsc::channel(1);
        let control = Arc::new(Control {
            shared,
            at_start: AtStart::of(config, first.secret),
            accepts: AtomicBool::new(false),
            changing: Mutex::default(),
            orders: Mutex::new(orders),
            weights: Mutex::new(weights),
            operations: Mutex::new(operations),
            reload_requests: to_reload,
            weights_requests: to_weigh,
            upgrade_requests: to_upgrade,
            writes_state: AtomicBool::new(false),
            before: Mutex::default(),
            reloads: Mutex::default(),
            refused_files: Mutex::default(),
            cluster: Mutex::default(),
            askers: Mutex::default(),
            acme: Mutex::new(Board::of_start(first.state_dir.as_ref())),
            shared_board: SharedBoard::with_orders(common),
            outages: Mutex::default(),
            refusals: Mutex::default(),
            names: std::mem::take(&mut first.names),
            state_dir: first.state_dir.take(),
            keeps_sessions: first.keeps_sessions,
            knows_previous: restored.is_ok(),
            previous_sessions: Mutex::new(restored.ok().flatten().map(Arc::new)),
        });
        operators::tell_of_start(&control);
        operators::apply(&control, &first.generation);
        let orders_due = first.orders_are_handed;
        let threads = Arc::new(Threads::start(config.threads, &control.shared)?);
        let notifier = Arc::new(Notifier::from_environment());
        let (reloader, first_rounds) = Reloader::begin(path, first, (&control, &threads), &notifier);
        gauges::before_each_scrape(&control);
        let running = Self {
            path: path.to_path_buf(),
            control,
            threads,
            reloader,
            reload_requests,
            weights_requests,
            upgrade_requests,
            reading: None,
            following: Following::default(),
            upgrading: None,
            admin,
            notifier,
            last_upkeep: Tick::START,
            sampling: Sampling::default(),
            orders_due,
            state_write: None,
        };
        Ok((running, first_rounds))
    }

    /// Writes a reload or an upgrade down. A disk that hangs must not stop probes, signals and the watchdog.
    pub(super) async fn record(&self, what: &'static str, by: &OrderedBy, outcome: String) -> Result<(), String> {
        let (control, by) = (Arc::clone(&self.control), by.clone());
        let record = move || {
            let change = Change { what, ..Change::default() };
            audit::record(control.state_dir.as_ref(), change, &by, &outcome)
        };
        match tokio::time::timeout(SLOW_DISK, tokio::task::spawn_blocking(record)).await {
            Ok(Ok(recorded)) => recorded,
            Ok(Err(_)) => Err("Weir is stopping".to_owned()),
            Err(_) => {
                let why = format!("the disk did not answer within {} s", SLOW_DISK.as_secs());
                log::error!("the {what} cannot be written down: {why}");
                Err(why)
            }
        }
    }

    /// What is due each second.
    pub(super) fn every_second(&mut self, watchdog: Option<Duration>) {
        let gone = self.reloader.take_unused();
        // The watchdog must act when a thread hangs, so it is told nothing then.
        if watchdog.is_some_and(|interval| self.control.all_move(interval)) {
            self.notifier.watchdog();
        }
        let generation = self.control.current.load_full();
        let now = Tick::from_millis(self.control.now());
        for sessions in generation.snapshot.pools.iter().filter_map(|pool| pool.sessions.as_ref()) {
            sessions.expire(now, EXPIRED_A_SECOND);
        }
        self.sampling.second(&self.control, &gone);
        self.control.refusals.lock().second(&generation, now);
        cluster::every_second(&self.control);
        acme::every_second(&self.control);
        self.orders_due |= operators::upkeep(&self.control);
        self.write_state();
        self.tell_of_slow_reading();
        descriptors::read_limit();
    }

    /// Writes the orders and the names' addresses, where they are due and the write before is over.
    fn write_state(&mut self) {
        let writes = self.state_write.as_ref().is_some_and(|write| !write.is_finished());
        let due = self.orders_due || self.control.names.are_due();
        if writes || !due || self.control.dir_to_write().is_none() {
            return;
        }
        let (control, orders) = (Arc::clone(&self.control), std::mem::take(&mut self.orders_due));
        self.state_write = Some(tokio::task::spawn_blocking(move || {
            if orders {
                operators::write_again(&control);
            }
            save_names(&control);
        }));
    }

    /// What is due four times a second.
    pub(super) fn upkeep(&mut self) {
        let generation = self.control.current.load_full();
        let now = Tick::from_millis(self.control.now());
        let elapsed = now.since(std::mem::replace(&mut self.last_upkeep, now));
        for pool in 0..generation.snapshot.pools.len() {
            generation.upkeep(pool, now, elapsed);
        }
        self.reloader.upkeep_of_old(now, elapsed);
        self.control.outages.lock().update(&generation, now);
        memory::look(generation.snapshot.config.max_memory, self.control.open.load(Ordering::Relaxed));
    }
}

/// What all threads share, as it is at the start.
fn shared(config: &Config, first: &FirstGeneration, observer: &Arc<Observer>) -> Arc<Shared> {
    Arc::new(Shared {
        current: ArcSwap::new(Arc::clone(&first.generation)),
        observer: Arc::clone(observer),
        start: Instant::now(),
        stopping: AtomicBool::new(false),
        teaching: Teaching::default(),
        sharing: Sharing::default(),
        challenges: Arc::clone(&first.lasting.challenges),
        open: AtomicUsize::new(0),
        connections: AtomicU64::new(0),
        idle: Mutex::new(vec![HashMap::new(); config.threads]),
        left: Mutex::default(),
        beats: (0..config.threads).map(|_| AtomicU64::new(0)).collect(),
    })
}

/// Writes what the next start is to know. A disk that hangs must not keep the process.
pub(super) async fn save(control: &Arc<Control>) {
    let saving = Arc::clone(control);
    let saved = tokio::task::spawn_blocking(move || {
        operators::save(&saving);
        save_names(&saving);
        sessions::save(&saving);
    });
    if tokio::time::timeout(LAST_WRITES, saved).await.is_err() {
        let seconds = LAST_WRITES.as_secs();
        log::error!(
            "the disk of state-dir did not answer within {seconds} s: the last sessions and orders are not on it"
        );
    }
}

fn save_names(control: &Control) {
    control.dir_to_write().iter().for_each(|dir| control.names.save(dir));
}

/// What a generation has, in numbers.
pub(super) fn summary(generation: &Generation) -> String {
    let config = &generation.snapshot.config;
    let count = |number: usize, what: &str| if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") };
    format!(
        "generation {}: {}, {}, {}, {}",
        generation.snapshot.generation,
        count(config.listeners.len(), "listener"),
        count(config.sites.len(), "site"),
        count(config.pools.len(), "pool"),
        count(config.nodes.len(), "node"),
    )
}
