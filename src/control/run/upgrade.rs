//! What an upgrade means for the process that runs. [`super::handover`] talks to the new one.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process};

use super::handover::giving::{Giving, Step, Terms};
use super::handover::taking::Given;
use super::running::{Running, save};
use super::upgrading::{Stage, Upgrading};
use crate::control::actor::{Actor, OrderedBy};
use crate::control::admin_sockets::AdminGiven;
use crate::control::changes::stored::{self, StoredOrders};
use crate::control::operators;
use crate::control::state::{ReloadRefusal, ReloadRequest, UpgradeRequest};
use crate::control::store::{SLOW_DISK, sessions};

/// How long the new process may take to hear the last.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long this process stays where nothing is left to do for it, to take back from a new one that dies soon.
const PROBATION: Duration = Duration::from_secs(5);

impl Running {
    /// Starts the program that is installed now, beside this process.
    pub(super) async fn begin_upgrade(&mut self, UpgradeRequest { by, answer }: UpgradeRequest) {
        if let Err(why) = self.try_upgrade(by).await {
            log::error!("upgrade refused: {why}");
            // Who asked may have gone.
            let _ = answer.send(Err(why));
        } else if let Some(upgrading) = &mut self.upgrading {
            upgrading.answer = Some(answer);
        }
    }

    async fn try_upgrade(&mut self, by: OrderedBy) -> Result<(), String> {
        if self.upgrading.is_some() {
            return Err("an upgrade is under way already".to_owned());
        }
        if let Some((pid, _)) = self.control.process_before() {
            return Err(format!(
                "process {pid}, from which this one took over, is still there: it answers its last requests, and for {PROBATION:?} it would take back if this one failed; ask again when it has ended"
            ));
        }
        self.record("upgrade", &by, "asked".to_owned()).await?;
        log::info!("an upgrade is ordered by {by}");
        let listeners = self.threads.sockets();
        if listeners.len() < self.threads.count() * self.reloader.addresses() {
            return Err("a traffic thread does not answer, so its sockets cannot be handed over".to_owned());
        }
        let copied = |error: std::io::Error| format!("the sockets cannot be handed over: {error}");
        let (admin, given) = (self.admin.copies().map_err(copied)?, self.admin.copies().map_err(copied)?);
        let mut sockets: Vec<(Given, OwnedFd)> = Vec::new();
        for (address, socket) in &listeners {
            let (address, lent) = (*address, self.reloader.is_lent(*address));
            sockets.push((Given::Listener { address, lent }, socket.try_clone().map_err(copied)?.into()));
        }
        sockets.extend(given.tcp.map(|socket| (Given::Admin, socket.into())));
        sockets.extend(given.metrics.map(|socket| (Given::Metrics, socket.into())));
        sockets.extend(given.unix.map(|socket| (Given::AdminSocket, socket.into())));
        self.leave_state_dir().await;
        let handed = self.reloader.to_give();
        let terms = Terms { path: self.path.clone(), handed, sockets, control: self.control.clone() };
        let giving = Giving::begin(terms);
        self.upgrading =
            Some(Upgrading { giving, by, answer: None, listeners, admin, stage: Stage::Starts, ends: false });
        Ok(())
    }

    /// Writes what the new process is to know. From then on the state directory does not change until it is there.
    async fn leave_state_dir(&self) {
        save(&self.control).await;
        let control = self.control.clone();
        let left = tokio::task::spawn_blocking(move || {
            // An order that is being written comes first.
            let _turn = control.changing.try_lock_for(SLOW_DISK);
            control.writes_state.store(false, Ordering::Relaxed);
        });
        // It fails only when the runtime ends.
        let _ = left.await;
    }

    /// Does what the hand-over is at.
    pub(super) async fn upgrade_step(&mut self, step: Step) {
        let Some(mut upgrading) = self.upgrading.take() else { return };
        match step {
            Step::StopAccepting(done) => {
                upgrading.stage = Stage::Between;
                self.reloader.pause();
                self.admin.close();
                drop(done);
                self.upgrading = Some(upgrading);
            }
            Step::Served { pid, version } => {
                upgrading.stage = Stage::Served(Instant::now(), pid);
                // Who follows the events ends, and comes to the new process.
                self.control.stopping.store(true, Ordering::Relaxed);
                self.threads.end_connections();
                let open = self.control.open.load(Ordering::Relaxed);
                let text = format!("process {pid}, weir {version}, serves now; {open} connections end here");
                log::info!("{text}");
                self.notifier.main_is(pid, &text);
                let _ = self.record("upgrade", &upgrading.by, text).await;
                if let Some(answer) = upgrading.answer.take() {
                    let _ = answer.send(Ok((pid, version)));
                }
                self.upgrading = Some(upgrading);
            }
            Step::TakenBack(_) if upgrading.ends => self.upgrading = Some(upgrading),
            Step::TakenBack(why) => self.take_back(upgrading, &why).await,
        }
    }

    async fn take_back(&mut self, upgrading: Upgrading, why: &str) {
        let Upgrading { by, answer, listeners, admin, stage, .. } = upgrading;
        self.control.writes_state.store(true, Ordering::Relaxed);
        self.control.teaching.switch(false);
        if let Stage::Served(..) = stage {
            // What the new process learned is in the file, as far as it was written.
            sessions::take_over_from_file(&self.control);
            self.take_orders_from_file();
        }
        if stage != Stage::Starts {
            self.reloader.accept_again(listeners);
            self.control.stopping.store(false, Ordering::Relaxed);
            let config = &self.control.current.load_full().snapshot.config;
            self.admin.open_again(config, admin, (&self.control, &self.control.reload_requests));
        }
        let text = format!("upgrade undone, this process goes on: {why}");
        log::error!("{text}");
        self.control.observer.events.push_about(SystemTime::now(), "upgrade", "weir", &text, by.about());
        if let Stage::Served(..) = stage {
            // What it was told to read meanwhile holds here too.
            self.ask_for_reload(Actor { name: "weir".into(), from: "the upgrade that was undone".into() });
        }
        self.notifier.main_is(std::process::id(), &text);
        let _ = self.record("upgrade", &by, text.clone()).await;
        if let Some(answer) = answer {
            let _ = answer.send(Err(why.to_owned()));
        }
    }

    /// Orders that the new process took are on disk, and hold here too.
    fn take_orders_from_file(&mut self) {
        let path = self.control.current.load().snapshot.config.state_dir.clone();
        match stored::load(&path, self.control.state_dir.as_ref()) {
            Ok(StoredOrders { orders, weights, operations, common }) => {
                self.control.shared_board.orders.take(common);
                *self.control.orders.lock() = orders;
                *self.control.weights.lock() = weights;
                *self.control.operations.lock() = operations;
            }
            Err((why, _)) => return log::error!("{why}; those that were known before the upgrade hold"),
        }
        if let Err(why) = self.reloader.weights_changed() {
            log::error!("the weights that operators ordered after the upgrade do not hold: {why}");
        }
        operators::apply(&self.control, &self.control.current.load_full());
    }

    /// A reload that was asked for after the new process had read the configuration: that one is to read it again. Who waits for the
    /// answer asks it himself.
    pub(super) fn pass_on(&self, ReloadRequest { by, answer, .. }: ReloadRequest) {
        let Some(Upgrading { stage: Stage::Served(_, pid), .. }) = self.upgrading else { return };
        if answer.send(Err(ReloadRefusal::HandedOver(pid))).is_ok() {
            return;
        }
        log::info!("the reload ordered by {by} goes to process {pid}, which serves now");
        let told = i32::try_from(pid).ok().and_then(Pid::from_raw).map(|pid| kill_process(pid, Signal::HUP));
        if let Some(Err(error)) = told {
            log::error!("process {pid} cannot be told to reload: {error}");
        }
    }

    /// Whether another process serves.
    pub(super) fn has_handed_over(&self) -> bool {
        self.upgrading.as_ref().is_some_and(|upgrading| matches!(upgrading.stage, Stage::Served(..)))
    }

    /// A signal to stop, when another process serves. That one is told too: its end is no reason to take back, and who connects now
    /// must not wait at a socket that is held here.
    pub(super) fn end_with_the_last_request(&mut self, signal: &str) {
        log::info!("{signal}: another process serves; this one ends with its last request");
        if let Some(upgrading) = &mut self.upgrading {
            upgrading.ends = true;
            upgrading.listeners.clear();
            upgrading.admin = AdminGiven::default();
        }
    }

    /// Whether another process serves, and nothing is left to do here, or the time for it is over.
    pub(super) fn is_done(&self) -> bool {
        let Some(Upgrading { stage: Stage::Served(since, _), ends, .. }) = &self.upgrading else { return false };
        let limit = self.control.current.load().snapshot.config.stop_timeout;
        let is_idle = self.control.open.load(Ordering::Relaxed) == 0;
        (is_idle && (*ends || since.elapsed() >= PROBATION)) || since.elapsed() >= limit
    }

    /// The end of a process that has handed over.
    pub(super) async fn leave(mut self) {
        let left = self.control.open.load(Ordering::Relaxed);
        if left == 0 {
            log::info!("ended: every request was answered");
        } else {
            log::warn!("ended with {left} connections still open");
        }
        if let Some(Upgrading { giving: Giving { last, told, .. }, .. }) = self.upgrading.take() {
            drop(last);
            let _ = tokio::time::timeout(LAST_WORDS, told).await;
        }
        self.reloader.finish_sharing(false).await;
        self.admin.leave_file();
    }
}
