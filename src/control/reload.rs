//! From the file to the running generation: read, check, prepare, bind, and only then swap. When any step fails, the
//! running generation, its sockets and its files stay as they were.

pub(crate) mod at_start;
mod binding;
pub(crate) mod first;

use std::collections::{HashMap, HashSet};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use self::binding::{bind_new, listen};
use self::first::{FirstGeneration, Handed};
use super::actor::OrderedBy;
use super::cluster::Watching;
use super::names::naming::{Naming, NewAddresses};
use super::operators;
use super::probing::{FirstRounds, Probing};
use super::shared::Sharing;
use super::state::Control;
use super::store::sessions;
use crate::config;
use crate::config::{Changes, Problem};
use crate::observe::notify::Notifier;
use crate::proxy::accept::sockets::{Addresses, Inherited, Opened, kept_name};
use crate::proxy::accept::threads::Threads;
use crate::proxy::client::tls::Lasting;
use crate::proxy::client::tls::digits::to_digits;
use crate::proxy::generation::{Generation, Prepared};
use crate::traffic::generations;
use crate::traffic::resolved::Resolved;
use crate::traffic::snapshot::{BuildInput, Secrets};
use crate::traffic::tick::Tick;

/// The running configuration, and how it is replaced.
pub(crate) struct Reloader {
    path: PathBuf,
    control: Arc<Control>,
    threads: Arc<Threads>,
    lasting: Lasting,
    secret: [u8; 32],
    bound: HashSet<SocketAddr>,
    /// Those of `bound` whose sockets are of a socket unit of systemd.
    lent: Arc<Addresses>,
    /// The sockets on which nothing is accepted yet, while Weir starts.
    waiting: Option<Vec<Opened>>,
    /// It keeps the sockets over a crash or a restart.
    notifier: Arc<Notifier>,
    probing: Probing,
    watching: Watching,
    sharing: Sharing,
    naming: Naming,
}

/// A configuration that was read again. Until it runs, the one that runs may get other addresses and weights, and no other
/// settings.
pub(crate) struct Candidate {
    prepared: Prepared,
    changes: Changes,
}

/// How a reload ended.
pub(crate) struct Reloaded {
    /// The generation that runs now and what changed, or what is wrong with the configuration.
    pub(crate) outcome: Result<(Arc<Generation>, Vec<String>), Vec<Problem>>,
    /// The same in one line.
    pub(crate) text: String,
}

/// How many changes of a reload are kept, and how many its event names.
const KEPT: usize = 100;
const NAMED: usize = 3;

impl Reloader {
    /// Runs the first generation. Nothing is accepted until [`Self::accept`].
    pub(crate) fn begin(
        path: &Path,
        first: FirstGeneration,
        (control, threads): (&Arc<Control>, &Arc<Threads>),
        notifier: &Arc<Notifier>,
    ) -> (Self, FirstRounds) {
        let (probing, first_rounds) = Probing::begin();
        let mut reloader = Self {
            path: path.to_path_buf(),
            control: Arc::clone(control),
            threads: Arc::clone(threads),
            lasting: first.lasting,
            secret: first.secret,
            bound: HashSet::new(),
            lent: Arc::new(first.inherited.lent.clone()),
            waiting: Some(Vec::new()),
            notifier: Arc::clone(notifier),
            probing,
            watching: Watching::default(),
            sharing: Sharing::default(),
            naming: first.naming,
        };
        log_warnings(control, &first.generation);
        reloader.leave(first.inherited);
        reloader.run(first.generation, first.opened);
        reloader.probing.all_began();
        (reloader, first_rounds)
    }

    /// Closes sockets that no listener of the configuration has.
    fn leave(&self, inherited: Inherited) {
        for address in inherited.left() {
            if self.lent.contains(&address) {
                log::warn!(
                    "no listener has {address}, where the socket unit of systemd listens: nobody is served there"
                );
            } else {
                log::info!("no listener has {address} any more: the socket of the process before is closed");
                self.notifier.forget(&kept_name(address));
            }
        }
    }

    /// Lets clients in, after the start. Fails where another process has taken an address in the meantime.
    pub(crate) fn accept(&mut self) -> Result<(), Vec<Problem>> {
        let Some(opened) = self.waiting.take() else { return Ok(()) };
        let generation = self.control.current.load_full();
        listen(&generation.snapshot.config, &opened)?;
        self.let_in(&generation, opened);
        Ok(())
    }

    /// Has the threads accept on these sockets, and systemd keep them.
    fn let_in(&self, generation: &Arc<Generation>, opened: Vec<Opened>) {
        for Opened { address, sockets, .. } in opened.iter().filter(|opened| !self.lent.contains(&opened.address)) {
            self.notifier.keep(&kept_name(*address), sockets);
        }
        self.threads.follow(generation, opened, &self.lent);
    }

    /// How many sockets systemd is given to keep.
    pub(crate) fn kept_sockets(&self) -> usize {
        self.threads.count() * self.bound.difference(&self.lent).count()
    }

    /// Stops to accept, while another process has all sockets. What is open goes on.
    pub(crate) fn pause(&self) {
        self.threads.close(&Arc::new(self.bound.clone()));
    }

    /// Accepts again after [`Self::pause`], on these descriptors of the same sockets.
    pub(crate) fn accept_again(&self, sockets: Vec<(SocketAddr, TcpListener)>) {
        let mut by_address: HashMap<SocketAddr, Vec<TcpListener>> = HashMap::new();
        sockets.into_iter().for_each(|(address, socket)| by_address.entry(address).or_default().push(socket));
        let opened = by_address.into_iter().map(|(address, sockets)| Opened::listening(address, sockets)).collect();
        self.threads.follow(&self.control.current.load_full(), opened, &self.lent);
    }

    /// At how many addresses it listens.
    pub(crate) fn addresses(&self) -> usize {
        self.bound.len()
    }

    /// Whether a socket unit of systemd has the sockets of this address.
    pub(crate) fn is_lent(&self, address: SocketAddr) -> bool {
        self.lent.contains(&address)
    }

    /// What the next process needs to go on.
    pub(crate) fn to_give(&self) -> Handed {
        let (sessions, tickets) = (to_digits(&self.secret), self.lasting.tickets.to_give());
        Handed { sessions, tickets, orders: operators::to_text(&self.control), names: self.control.names.to_give() }
    }

    /// Stops to accept. `kept`: who waits is served by the next process, which gets the sockets from systemd; otherwise only
    /// a socket unit keeps its own.
    pub(crate) fn close(&self, kept: bool) {
        let mut held = Arc::clone(&self.lent);
        if kept {
            held = Arc::new(self.bound.clone());
        } else {
            self.bound.difference(&self.lent).for_each(|address| self.notifier.forget(&kept_name(*address)));
        }
        self.threads.drain(&held);
    }

    /// Tells the servers of `[shared]` what they do not know yet. `for_good`: nobody serves in place of this process.
    pub(crate) async fn finish_sharing(&self, for_good: bool) {
        self.sharing.finish(for_good).await;
    }

    /// Reads the files again, and prepares what they say. It may take as long as the disk does.
    pub(crate) fn reading(&self) -> impl FnOnce() -> Result<Candidate, Vec<Problem>> + Send + use<> {
        let (path, control, lasting) = (self.path.clone(), Arc::clone(&self.control), self.lasting.clone());
        move || {
            let before = control.current.load_full();
            let running = &before.snapshot.config;
            let mut config = config::load_after(&path, running).map_err(|errors| errors.0)?;
            config.warnings.extend(control.at_start.needs_restart(&config));
            let changes = config::changes(running, &config);
            let prepared = Prepared::new(Arc::new(config), Some(&before), &lasting, &control.observer)?;
            Ok(Candidate { prepared, changes })
        }
    }

    /// Reads the files again that the running configuration names, and prepares what they change; nothing, where they hold what
    /// runs. It may take as long as the disk does.
    pub(crate) fn reading_again(&self) -> impl FnOnce() -> Result<Option<Candidate>, Vec<Problem>> + Send + use<> {
        let (control, lasting) = (Arc::clone(&self.control), self.lasting.clone());
        move || {
            let before = control.current.load_full();
            let running = &before.snapshot.config;
            let mut config = config::load_again(running).map_err(|errors| errors.0)?;
            config.warnings.extend(control.at_start.needs_restart(&config));
            let changes = config::changes(running, &config);
            if changes.is_empty() {
                return Ok(None);
            }
            let prepared = Prepared::new(Arc::new(config), Some(&before), &lasting, &control.observer)?;
            Ok(Some(Candidate { prepared, changes }))
        }
    }

    /// Runs what was read. When something is wrong with it, nothing changes.
    pub(crate) async fn reload(&mut self, read: Result<Candidate, Vec<Problem>>, by: &OrderedBy) -> Reloaded {
        let tried = match read {
            Ok(candidate) => self.try_reload(candidate).await,
            Err(problems) => Err(problems),
        };
        let (outcome, text) = match tried.map_err(config::first_of) {
            Ok((generation, changes)) => {
                let text = in_words(generation.snapshot.generation, &changes);
                (Ok((generation, changes.first(KEPT))), text)
            }
            Err(problems) => {
                let text = format!("refused: {}", problems.first().map_or_else(String::new, ToString::to_string));
                (Err(problems), text)
            }
        };
        let observer = &self.control.observer;
        observer.metrics.reloaded(SystemTime::now(), outcome.is_ok());
        observer.events.push_about(SystemTime::now(), "reload", &self.path.display().to_string(), &text, by.about());
        Reloaded { outcome, text }
    }

    async fn try_reload(&mut self, candidate: Candidate) -> Result<(Arc<Generation>, Changes), Vec<Problem>> {
        let Candidate { prepared, changes } = candidate;
        let config = prepared.config();
        let opened = bind_new(config, &self.bound, self.threads.count(), &mut Inherited::default())?;
        listen(config, &opened)?;
        let refused = |what| vec![Problem { at: config.admin.at.clone(), what, advice: String::new() }];
        self.naming.prepare(config, &Resolved::default()).await.map_err(refused)?;
        // From here on nothing can fail.
        let before = self.control.current.load_full();
        let number = before.snapshot.generation + 1;
        let generation = self.swap(prepared, number, &before, opened);
        log_warnings(&self.control, &generation);
        Ok((generation, changes))
    }

    /// Called when files that the configuration names hold something else: the same configuration runs with that. What has
    /// changed.
    pub(crate) fn files_changed(&mut self, Candidate { prepared, changes }: Candidate) -> Vec<String> {
        let before = self.control.current.load_full();
        let generation = self.swap(prepared, before.snapshot.generation, &before, Vec::new());
        let known = &before.snapshot.config.warnings;
        let new = generation.snapshot.config.warnings.iter().filter(|warning| !known.contains(warning));
        new.for_each(|warning| log::warn!("{warning}"));
        changes.first(KEPT)
    }

    /// Called when the addresses of a node's name have changed: the same configuration runs with the new ones.
    pub(crate) fn addresses_changed(&mut self, new: NewAddresses) {
        let (name, list) = (Arc::clone(&new.0), new.1.iter().map(ToString::to_string).collect::<Vec<_>>());
        if !self.naming.learn(new) {
            return;
        }
        let before = self.control.current.load_full();
        let config = Arc::clone(&before.snapshot.config);
        match Prepared::new(config, Some(&before), &self.lasting, &self.control.observer) {
            Ok(prepared) => {
                self.swap(prepared, before.snapshot.generation, &before, Vec::new());
                log::info!("the name {name} leads to {} now", list.join(", "));
            }
            Err(problems) => {
                let why = problems.first().map_or_else(String::new, ToString::to_string);
                log::error!("the name {name} leads to {} now, which cannot be followed: {why}", list.join(", "));
            }
        }
    }

    /// Called when an operator has ordered a weight: the same configuration runs with it.
    pub(crate) fn weights_changed(&mut self) -> Result<(), String> {
        let before = self.control.current.load_full();
        let config = Arc::clone(&before.snapshot.config);
        let prepared = Prepared::new(config, Some(&before), &self.lasting, &self.control.observer);
        let prepared = prepared.map_err(|problems| problems.first().map_or_else(String::new, ToString::to_string))?;
        self.swap(prepared, before.snapshot.generation, &before, Vec::new());
        Ok(())
    }

    fn swap(&mut self, prepared: Prepared, number: u64, before: &Generation, opened: Vec<Opened>) -> Arc<Generation> {
        self.probing.end_others(prepared.config());
        let (previous, resolved) = (Some(&before.snapshot), self.naming.resolved());
        let weights = &self.control.weights.lock().clone();
        let input = BuildInput { generation: number, previous, resolved, secrets: Secrets::of(self.secret), weights };
        let generation = prepared.run(&input, &self.control.observer);
        self.run(Arc::clone(&generation), opened);
        generation
    }

    /// Takes out the generations that nobody uses any more. Freeing thousands of sites takes milliseconds, so no traffic
    /// thread should do it.
    pub(crate) fn take_unused(&mut self) -> Vec<Arc<Generation>> {
        let unused =
            |left: &mut Arc<Generation>| Arc::strong_count(left) == 1 && !generations::has_waiters(&left.snapshot);
        let gone: Vec<_> = self.control.left.lock().extract_if(.., unused).collect();
        if !gone.is_empty() {
            self.mark_superseded();
        }
        gone
    }

    /// Decides anew which generation looks after which pool.
    fn mark_superseded(&self) {
        let (current, left) = (self.control.current.load(), self.control.left.lock());
        generations::mark_superseded(
            std::iter::once(&**current).chain(left.iter().rev().map(|left| &**left)).map(|g| &g.snapshot),
        );
    }

    /// Looks after pools that only older generations have, while requests still wait there.
    pub(crate) fn upkeep_of_old(&self, now: Tick, elapsed: Duration) {
        let left = self.control.left.lock().clone();
        left.iter().for_each(|left| left.upkeep_of_waiting(now, elapsed));
    }

    // The swap: nothing in here can fail.
    fn run(&mut self, generation: Arc<Generation>, opened: Vec<Opened>) {
        // Orders apply to new nodes before a request sees them.
        operators::apply(&self.control, &generation);
        sessions::restore_more(&self.control, &generation);
        let bound = generation.snapshot.config.listeners.iter().map(|listener| listener.bind).collect();
        let bound_before = std::mem::replace(&mut self.bound, bound);
        let before = self.control.current.swap(Arc::clone(&generation));
        self.probing.follow(&self.control, &generation);
        *self.control.askers.lock() = self.probing.askers();
        self.watching.follow(&self.control, &generation.snapshot.config);
        self.sharing.follow(&self.control, &generation.snapshot.config);
        // The first generation is already the current one here, and has none before it.
        if !Arc::ptr_eq(&before, &generation) {
            generation.take_over(&before);
            self.control.left.lock().push(before);
            self.mark_superseded();
            // Requests may wait for a node that is gone, or for any node while one is new. This serves them now instead
            // of at the next regular turn.
            let now = Tick::from_millis(self.control.now());
            generation.report_changes(now);
            (0..generation.pools.len()).for_each(|pool| generation.upkeep(pool, now, Duration::ZERO));
        }
        self.control.observer.metrics.generation(generation.snapshot.generation);
        match &mut self.waiting {
            Some(waiting) => {
                waiting.extend(opened);
                self.threads.follow(&generation, Vec::new(), &self.lent);
            }
            None => self.let_in(&generation, opened),
        }
        let closed = bound_before.difference(&self.bound).filter(|address| !self.lent.contains(address));
        closed.for_each(|address| self.notifier.forget(&kept_name(*address)));
        generation.snapshot.apply_lower_limits();
        generation.set_state_gauges();
        // An order that an operator gave while this generation was built was applied to the generation before.
        operators::apply(&self.control, &generation);
        self.naming.follow(&generation.snapshot.config);
        self.control.names.note(self.naming.resolved());
    }
}

/// For example `generation 8 runs: pool esb-https: port 8243 → 8244; site esb.https, route closed added`.
fn in_words(generation: u64, changes: &Changes) -> String {
    match &*changes.first(NAMED) {
        [] => format!("generation {generation} runs: no setting has changed"),
        named => format!("generation {generation} runs: {}", named.join("; ")),
    }
}

/// Logs the warnings of a configuration. Not called when only the addresses of a name have changed.
fn log_warnings(control: &Control, generation: &Generation) {
    for warning in generation.snapshot.config.warnings.iter().chain(&operators::warnings(control, generation)) {
        log::warn!("{warning}");
    }
}
