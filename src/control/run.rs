//! A running Weir from its first generation to its last request: signals, reloads, the watchdog and stopping.

mod restart;
mod signals;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use self::signals::Signals;
use super::actor::{Actor, OrderedBy};
use super::admin_sockets::{AdminSockets, bind_admin};
use super::changes::stored::StoredOrders;
use super::cluster;
use super::names::naming::{Naming, NewAddresses};
use super::probing::FirstRounds;
use super::reload::at_start::AtStart;
use super::reload::{FirstGeneration, Reloaded, Reloader, StartError};
use super::sampling::Sampling;
use super::state::{Control, LastReload, ReloadRefusal, ReloadRequest, WeightsRequest};
use super::store::SLOW_DISK;
use super::store::audit::{self, Change};
use super::store::sessions;
use super::{gauges, operators};
use crate::config::{Config, Problem};
use crate::observe::Observer;
use crate::observe::notify::{Notifier, monotonic_microseconds};
use crate::proxy::accept::threads::Threads;
use crate::proxy::generation::Generation;
use crate::proxy::io::descriptors;
use crate::proxy::worker::Shared;
use crate::traffic::pool::Pool;
use crate::traffic::pool::member::Member;
use crate::traffic::pool::state::{Reason, State};
use crate::traffic::tick::Tick;

/// How often pools are looked after. This is also how soon slow start goes up a step and a standby is activated.
const UPKEEP_EVERY: Duration = Duration::from_millis(250);

/// The most sessions that may be removed in one second.
const EXPIRED_A_SECOND: usize = 50_000;

/// What to do with a reload that cannot be written to the audit file.
enum Unrecorded {
    /// Nobody waits for the answer to a signal, and what it is sent for may not wait for room on the disk: a renewed
    /// certificate, a blocked client. The journal has it.
    GoesOn,
    /// Who asked over the API is told, and can ask again.
    Refused,
}

/// Why Weir did not run.
#[derive(Debug)]
pub(crate) enum RunError {
    /// The configuration cannot be used.
    Config(Vec<Problem>),
    /// The system prevents the start: an address is in use, or no thread can be started.
    System(Vec<Problem>),
}

/// How long the end of the process waits until sessions and orders are on disk. With `LATE_WORK` and the 2 s that
/// the threads have to close their sockets this is within what `TimeoutStopSec` of the unit has beyond `stop-timeout`.
const LAST_WRITES: Duration = Duration::from_secs(8);

/// How long the end of the process waits for an answer of the admin address that is still being made.
const LATE_WORK: Duration = Duration::from_secs(2);

/// Starts to answer on the admin address and socket. The caller passes this function in, because this room must not know the room
/// above it.
pub(crate) type StartAdmin = fn(AdminSockets, Arc<Control>, mpsc::Sender<ReloadRequest>);

/// Runs `config`, which was read from `path`, until a signal ends it.
pub(crate) fn run(
    path: &Path,
    config: Config,
    observer: &Arc<Observer>,
    start_admin: StartAdmin,
) -> Result<(), RunError> {
    let config = Arc::new(config);
    let system = |error: &io::Error| {
        let (at, what) = (config.admin.at.clone(), format!("cannot start: {error}"));
        RunError::System(vec![Problem { at, what, advice: String::new() }])
    };
    let control = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("control")
        .enable_all()
        .build()
        .map_err(|error| system(&error))?;
    let ended: Result<(), RunError> = control.block_on(async {
        // This must come first: until a signal has its handler, every signal ends the process, whatever it means.
        let mut signals = Signals::new().map_err(|error| system(&error))?;
        descriptors::raise();
        // The file of the socket is removed when this function ends.
        let (admin, _file) = bind_admin(&config).map_err(|problem| RunError::System(vec![problem]))?;
        let (naming, address_changes) = Naming::new(observer);
        let first = tokio::select! {
            first = FirstGeneration::prepare(Arc::clone(&config), naming, observer) => first,
            () = signals.end() => return Ok(()),
        };
        let first = first.map_err(|fault| match fault {
            StartError::Config(problems) => RunError::Config(problems),
            StartError::Bind(problems) | StartError::State(problems) => RunError::System(problems),
        })?;
        let (running, first_rounds) = Running::start(path, &config, first, observer).map_err(|error| system(&error))?;
        running
            .until_stopped(
                first_rounds,
                |control, reload_request| start_admin(admin, control, reload_request),
                address_changes,
                signals,
            )
            .await
            .map_err(RunError::System)
    });
    // What was promised is done. What still waits for a slow disk or name service must not keep the process.
    control.shutdown_timeout(LATE_WORK);
    ended
}

struct Running {
    path: PathBuf,
    control: Arc<Control>,
    threads: Arc<Threads>,
    reloader: Reloader,
    reload_requests: mpsc::Receiver<ReloadRequest>,
    weights_requests: mpsc::Receiver<WeightsRequest>,
    notifier: Arc<Notifier>,
    /// When the pools were last looked after.
    last_upkeep: Tick,
    sampling: Sampling,
    /// Whether orders changed by themselves and are to be written.
    orders_due: bool,
    orders_write: Option<JoinHandle<()>>,
}

impl Running {
    fn start(
        path: &Path,
        config: &Config,
        mut first: FirstGeneration,
        observer: &Arc<Observer>,
    ) -> io::Result<(Self, FirstRounds)> {
        let kept = first.state_dir.as_ref().filter(|_| first.keeps_sessions);
        let restored = kept.map_or(Err(()), |dir| sessions::restore(dir, &first.generation));
        let shared = Arc::new(Shared {
            current: ArcSwap::new(Arc::clone(&first.generation)),
            observer: Arc::clone(observer),
            start: Instant::now(),
            stopping: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            connections: AtomicU64::new(0),
            idle: Mutex::new(vec![HashMap::new(); config.threads]),
            left: Mutex::default(),
            beats: (0..config.threads).map(|_| AtomicU64::new(0)).collect(),
        });
        let StoredOrders { orders, weights, operations } = std::mem::take(&mut first.stored);
        let (to_reload, reload_requests) = mpsc::channel(8);
        let (to_weigh, weights_requests) = mpsc::channel(8);
        let control = Arc::new(Control {
            shared,
            at_start: AtStart::of(config),
            accepts: AtomicBool::new(false),
            changing: Mutex::default(),
            orders: Mutex::new(orders),
            weights: Mutex::new(weights),
            operations: Mutex::new(operations),
            reload_requests: to_reload,
            weights_requests: to_weigh,
            reloads: Mutex::default(),
            cluster: Mutex::default(),
            askers: Mutex::default(),
            outages: Mutex::default(),
            refusals: Mutex::default(),
            state_dir: first.state_dir.take(),
            keeps_sessions: first.keeps_sessions,
            knows_previous: restored.is_ok(),
            previous_sessions: Mutex::new(restored.ok().flatten().map(Arc::new)),
        });
        operators::tell_of_start(&control);
        operators::apply(&control, &first.generation);
        let threads = Arc::new(Threads::start(config.threads, &control.shared)?);
        let notifier = Arc::new(Notifier::from_environment());
        let (reloader, first_rounds) = Reloader::begin(path, first, (&control, &threads), &notifier);
        let scraped = Arc::downgrade(&control);
        observer.metrics.before_scrape(move |_| {
            scraped.upgrade().iter().for_each(|control| gauges::refresh(control));
        });
        let running = Self {
            path: path.to_path_buf(),
            control,
            threads,
            reloader,
            reload_requests,
            weights_requests,
            notifier,
            last_upkeep: Tick::START,
            sampling: Sampling::default(),
            orders_due: false,
            orders_write: None,
        };
        Ok((running, first_rounds))
    }

    async fn until_stopped(
        mut self,
        first_rounds: FirstRounds,
        start_admin: impl FnOnce(Arc<Control>, mpsc::Sender<ReloadRequest>),
        mut address_changes: mpsc::Receiver<NewAddresses>,
        mut signals: Signals,
    ) -> Result<(), Vec<Problem>> {
        start_admin(Arc::clone(&self.control), self.control.reload_requests.clone());
        let mut second = tokio::time::interval(Duration::from_secs(1));
        let mut upkeep_timer = tokio::time::interval(UPKEEP_EVERY);
        upkeep_timer.set_missed_tick_behavior(MissedTickBehavior::Skip);
        tokio::spawn(sessions::write_regularly(Arc::clone(&self.control)));
        let beat = self.notifier.watchdog_interval();
        let start_timeout = self.control.current.load().snapshot.config.start_timeout;
        let mut able = pin!(tokio::time::timeout(start_timeout, first_rounds.over()));
        let mut ready = false;
        let signal = loop {
            tokio::select! {
                in_time = &mut able, if !ready => {
                    self.let_clients_in(in_time.is_ok())?;
                    ready = true;
                }
                _ = signals.hang_up.recv(), if ready => {
                    // The journal and systemd's status report what was wrong with it.
                    let _ = self.reload(OrderedBy::without_reason(Actor::hang_up()), Unrecorded::GoesOn).await;
                }
                Some(request) = self.reload_requests.recv(), if ready => {
                    // The caller may have gone away in the meantime.
                    let _ = request.answer.send(self.reload(request.by, Unrecorded::Refused).await);
                }
                Some(answer) = self.weights_requests.recv() => {
                    // The caller may have gone away in the meantime.
                    let _ = answer.send(self.reloader.weights_changed());
                }
                _ = signals.reopen.recv() => {
                    self.control.observer.logs.reopen();
                    log::info!("log files are opened again");
                }
                _ = signals.upgrade.recv() => {
                    log::warn!("SIGUSR2: this version cannot hand over to a new binary; `systemctl restart weir` does it");
                }
                _ = signals.terminate.recv() => break "SIGTERM",
                // As in nginx, SIGQUIT is the graceful stop.
                _ = signals.quit.recv() => break "SIGQUIT",
                _ = signals.interrupt.recv() => {
                    log::info!("stopping at once (SIGINT)");
                    self.notifier.stopping();
                    save(&self.control).await;
                    return Ok(());
                }
                _ = second.tick() => {
                    let gone = self.reloader.take_unused();
                    self.every_second(beat, &gone);
                }
                _ = upkeep_timer.tick() => self.upkeep(),
                Some(new) = address_changes.recv() => self.reloader.addresses_changed(new),
            }
        };
        self.stop(signal, &mut signals).await;
        Ok(())
    }

    /// Lets clients in for the first time. `probed`: each node with probes had its first round.
    fn let_clients_in(&mut self, probed: bool) -> Result<(), Vec<Problem>> {
        let generation = self.control.current.load_full();
        if !probed {
            log::warn!("clients are let in before every node was probed (start-timeout): {}", unprobed(&generation));
        }
        self.reloader.accept()?;
        self.control.accepts.store(true, Ordering::Relaxed);
        let text = summary(&generation);
        log::info!("weir {} runs {}: {text}", env!("CARGO_PKG_VERSION"), self.path.display());
        self.notifier.ready(&text);
        Ok(())
    }

    async fn reload(&mut self, by: OrderedBy, unrecorded: Unrecorded) -> Result<u64, ReloadRefusal> {
        let recorded = self.record_reload(&by, "asked".to_owned()).await;
        if let (Err(why), Unrecorded::Refused) = (recorded, unrecorded) {
            return Err(ReloadRefusal::Unrecorded(why));
        }
        self.notifier.reloading(monotonic_microseconds());
        log::info!("a reload is ordered by {by}");
        let Reloaded { outcome, text } = self.reloader.reload(&by).await;
        // Where this fails, the journal has it, and the line before says that it was asked for.
        let _ = self.record_reload(&by, text).await;
        let problems = outcome.as_ref().err().cloned().unwrap_or_default();
        let changes = outcome.as_ref().map_or_else(|_| Vec::new(), |(_, changes)| changes.clone());
        let generation = self.control.current.load().snapshot.generation;
        self.control.note_reload(LastReload { at: SystemTime::now(), by, generation, problems, changes });
        match outcome {
            Ok((generation, changes)) => {
                let text = summary(&generation);
                log::info!("reloaded {}: {text}", self.path.display());
                changes.iter().for_each(|change| log::info!("changed: {change}"));
                self.notifier.ready(&text);
                Ok(generation.snapshot.generation)
            }
            Err(problems) => {
                let kept = self.control.current.load().snapshot.generation;
                for problem in &problems {
                    log::error!("reload refused, generation {kept} keeps running: {problem}");
                }
                let first = problems.first().map_or_else(String::new, ToString::to_string);
                self.notifier.ready(&format!("reload refused, generation {kept} keeps running: {first}"));
                Err(ReloadRefusal::Problems(problems))
            }
        }
    }

    /// Writes a reload down. A disk that hangs must not stop probes, signals and the watchdog.
    async fn record_reload(&self, by: &OrderedBy, outcome: String) -> Result<(), String> {
        let (control, by) = (Arc::clone(&self.control), by.clone());
        let record = move || {
            let change = Change { what: "reload", ..Change::default() };
            audit::record(control.state_dir.as_ref(), change, &by, &outcome)
        };
        match tokio::time::timeout(SLOW_DISK, tokio::task::spawn_blocking(record)).await {
            Ok(Ok(recorded)) => recorded,
            Ok(Err(_)) => Err("Weir is stopping".to_owned()),
            Err(_) => {
                let why = format!("the disk did not answer within {} s", SLOW_DISK.as_secs());
                log::error!("the reload cannot be written down: {why}");
                Err(why)
            }
        }
    }

    fn every_second(&mut self, watchdog: Option<Duration>, gone: &[Arc<Generation>]) {
        // The watchdog must act when a thread hangs, so it is told nothing then.
        if watchdog.is_some_and(|interval| self.control.all_move(interval)) {
            self.notifier.watchdog();
        }
        let generation = self.control.current.load_full();
        let now = Tick::from_millis(self.control.now());
        for sessions in generation.snapshot.pools.iter().filter_map(|pool| pool.sessions.as_ref()) {
            sessions.expire(now, EXPIRED_A_SECOND);
        }
        self.sampling.second(&self.control, gone);
        self.control.refusals.lock().second(&generation, now);
        cluster::every_second(&self.control);
        self.orders_due |= operators::upkeep(&self.control);
        self.write_orders();
        descriptors::read_limit();
    }

    /// Writes the orders, where that is due and the write before is over.
    fn write_orders(&mut self) {
        let writes = self.orders_write.as_ref().is_some_and(|write| !write.is_finished());
        if writes || !std::mem::take(&mut self.orders_due) {
            return;
        }
        let control = Arc::clone(&self.control);
        self.orders_write = Some(tokio::task::spawn_blocking(move || operators::write_again(&control)));
    }

    fn upkeep(&mut self) {
        let generation = self.control.current.load_full();
        let now = Tick::from_millis(self.control.now());
        let elapsed = now.since(std::mem::replace(&mut self.last_upkeep, now));
        for pool in 0..generation.snapshot.pools.len() {
            generation.upkeep(pool, now, elapsed);
        }
        self.reloader.upkeep_of_old(now, elapsed);
        self.control.outages.lock().update(&generation, now);
    }

    async fn stop(self, signal: &str, signals: &mut Signals) {
        let sockets = self.reloader.kept_sockets();
        let restarts = restart::comes(sockets).await;
        // Callers that want a reload or another weight, now or later, learn from this that Weir stops.
        drop((self.reload_requests, self.weights_requests));
        let limit = self.control.current.load().snapshot.config.stop_timeout;
        self.control.stopping.store(true, Ordering::Relaxed);
        self.notifier.stopping();
        let open = self.control.open.load(Ordering::Relaxed);
        log::info!("stopping ({signal}): {open} connections open, at most {limit:?}");
        // Who follows the events learns of it, and ends.
        let text = format!("stopping ({signal}): {open} connections open");
        self.control.observer.events.push(SystemTime::now(), "stop", "weir", &text);
        self.reloader.close(restarts);
        tokio::select! {
            () = self.threads.ended() => log::info!("stopped: every request was answered"),
            () = tokio::time::sleep(limit) => {
                let left = self.control.open.load(Ordering::Relaxed);
                log::warn!("stopped after {limit:?} with {left} connections still open");
            }
            _ = signals.interrupt.recv() => log::warn!("stopping at once (SIGINT)"),
        }
        save(&self.control).await;
    }
}

/// Writes what the next start is to know. A disk that hangs must not keep the process.
async fn save(control: &Arc<Control>) {
    let saving = Arc::clone(control);
    let saved = tokio::task::spawn_blocking(move || {
        operators::save(&saving);
        sessions::save(&saving);
    });
    if tokio::time::timeout(LAST_WRITES, saved).await.is_err() {
        let seconds = LAST_WRITES.as_secs();
        log::error!(
            "the disk of state-dir did not answer within {seconds} s: the last sessions and orders are not on it"
        );
    }
}

/// The nodes whose first round of probes is not over: `pool esb-https: worker1, worker2; pool …`.
fn unprobed(generation: &Generation) -> String {
    let of_pool = |pool: &Pool| {
        let checked = |member: &&Member| member.state.state() == State::Passive(Reason::Checking);
        let nodes: Vec<&str> = pool.members.iter().filter(checked).map(|member| &*member.label).collect();
        (!nodes.is_empty()).then(|| format!("pool {}: {}", pool.name(), nodes.join(", ")))
    };
    generation.snapshot.pools.iter().filter_map(of_pool).collect::<Vec<_>>().join("; ")
}

fn summary(generation: &Generation) -> String {
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
