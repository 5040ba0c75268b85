//! A running Weir until its end: what it waits for, and what comes of it.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use super::following::next_look;
use super::handover::taking::Taking;
use super::reading::next_read;
use super::restart;
use super::running::{Running, save, summary};
use super::signals::{Signalled, Signals};
use super::upgrading::next_step;
use crate::config::Problem;
use crate::control::actor::{Actor, OrderedBy};
use crate::control::names::naming::NewAddresses;
use crate::control::probing::FirstRounds;
use crate::control::shared;
use crate::control::state::{Control, ReloadRequest, Unrecorded, UpgradeRequest, WeightsRequest};
use crate::control::store::sessions;
use crate::proxy::generation::Generation;
use crate::traffic::pool::Pool;
use crate::traffic::pool::member::Member;
use crate::traffic::pool::state::{Reason, State};

/// How often pools are looked after. This is also how soon slow start goes up a step and a standby is activated.
const UPKEEP_EVERY: Duration = Duration::from_millis(250);

/// What a start waits for before it lets clients in.
type Able = io::Result<ReadyToServe>;

struct ReadyToServe {
    /// Each node with probes had its first round.
    probed: bool,
    /// A server of `[shared]` can be asked, or none can.
    reached: bool,
    /// The hand-over that this process was started for.
    taking: Option<Taking>,
}

/// Waits for the first round of all probes and for a server of `[shared]`, within `start-timeout`, and then for the process before to
/// make room.
async fn able(control: Arc<Control>, first_rounds: FirstRounds, mut taking: Option<Taking>) -> Able {
    let limit = control.current.load().snapshot.config.start_timeout;
    let probed = tokio::time::timeout(limit, first_rounds.over());
    let reached = tokio::time::timeout(limit, shared::reached(&control));
    let (probed, reached) = tokio::join!(probed, reached);
    if let Some(taking) = &mut taking {
        taking.begin(&control).await?;
    }
    Ok(ReadyToServe { probed: probed.is_ok(), reached: reached.is_ok(), taking })
}

impl Running {
    /// Until a signal ends it, or another process serves in its place and the last request is answered. Problems: it could not
    /// let clients in.
    pub(super) async fn until_ended(
        mut self,
        (first_rounds, taking): (FirstRounds, Option<Taking>),
        mut address_changes: mpsc::Receiver<NewAddresses>,
        mut signals: Signals,
    ) -> Result<(), Vec<Problem>> {
        if taking.is_none() {
            self.control.writes_state.store(true, Ordering::Relaxed);
            self.admin.open(&self.control, &self.control.reload_requests);
        }
        let mut second = tokio::time::interval(Duration::from_secs(1));
        let mut upkeep_timer = tokio::time::interval(UPKEEP_EVERY);
        upkeep_timer.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let beat = self.notifier.watchdog_interval();
        let mut able = pin!(able(Arc::clone(&self.control), first_rounds, taking));
        let mut ready = false;
        loop {
            let free = ready && self.reading.is_none() && self.upgrading.is_none();
            tokio::select! {
                taken = &mut able, if !ready => {
                    self.let_clients_in(taken)?;
                    ready = true;
                }
                signalled = signals.next() => match signalled {
                    Signalled::Reload => self.ask_for_reload(Actor::signal("SIGHUP")),
                    Signalled::Upgrade => self.ask_for_upgrade(),
                    Signalled::Reopen => self.reopen_logs(),
                    Signalled::Stop(signal) if self.has_handed_over() => {
                        self.end_with_the_last_request(signal);
                    }
                    Signalled::Stop(signal) => {
                        self.stop(signal, &mut signals).await;
                        return Ok(());
                    }
                    Signalled::End => {
                        self.end_at_once().await;
                        return Ok(());
                    }
                },
                Some(request) = self.reload_requests.recv(), if free || self.has_handed_over() => self.begin_reload(request).await,
                read = next_read(&mut self.reading) => self.end_reload(read).await,
                looked = next_look(&mut self.following), if free => self.looked_at_files(looked),
                Some(request) = self.upgrade_requests.recv(), if ready && self.reading.is_none() => {
                    self.begin_upgrade(request).await;
                }
                step = next_step(&mut self.upgrading) => self.upgrade_step(step).await,
                Some(request) = self.weights_requests.recv() => self.weights_changed(request),
                _ = second.tick() => {
                    self.every_second(beat);
                    if free {
                        self.follow_files();
                    }
                }
                _ = upkeep_timer.tick() => {
                    if self.is_done() {
                        self.leave().await;
                        return Ok(());
                    }
                    self.upkeep();
                }
                Some(new) = address_changes.recv() => self.reloader.addresses_changed(new),
            }
        }
    }

    /// Lets clients in for the first time.
    fn let_clients_in(&mut self, able: Able) -> Result<(), Vec<Problem>> {
        let generation = self.control.current.load_full();
        let at = generation.snapshot.config.admin.at.clone();
        let ReadyToServe { probed, reached, taking } = able.map_err(|error| {
            let what = format!("the process before did not hand over: {error}");
            vec![Problem { at, what, advice: "it goes on; its journal says why".to_owned() }]
        })?;
        if !probed {
            log::warn!("clients are let in before every node was probed (start-timeout): {}", unprobed(&generation));
        }
        if !reached {
            log::warn!(
                "clients are let in before a server of [shared] was reached (start-timeout): a session that only another machine knows may come to a node that does not"
            );
        }
        self.control.writes_state.store(true, Ordering::Relaxed);
        self.reloader.accept()?;
        self.control.accepts.store(true, Ordering::Relaxed);
        if let Some(taking) = taking {
            self.admin.open(&self.control, &self.control.reload_requests);
            let text = format!("took over from {}", taking.from());
            log::info!("{text}");
            self.control.observer.events.push(SystemTime::now(), "upgrade", "weir", &text);
            taking.serving(&self.control);
        }
        tokio::spawn(sessions::write_regularly(Arc::clone(&self.control)));
        let text = summary(&generation);
        log::info!("weir {} runs {}: {text}", env!("CARGO_PKG_VERSION"), self.path.display());
        self.notifier.ready(&text);
        Ok(())
    }

    /// It waits where Weir starts or hands over; where reloads wait already, one more would change nothing.
    pub(super) fn ask_for_reload(&self, actor: Actor) {
        let (by, answer) = (OrderedBy::without_reason(actor), oneshot::channel().0);
        let _ = self.control.reload_requests.try_send(ReloadRequest { by, unrecorded: Unrecorded::GoesOn, answer });
    }

    /// SIGUSR2.
    fn ask_for_upgrade(&self) {
        let (by, answer) = (OrderedBy::without_reason(Actor::signal("SIGUSR2")), oneshot::channel().0);
        let _ = self.control.upgrade_requests.try_send(UpgradeRequest { by, answer });
    }

    fn weights_changed(&mut self, request: WeightsRequest) {
        // The caller may have gone away in the meantime.
        let _ = request.send(self.reloader.weights_changed());
    }

    fn reopen_logs(&self) {
        self.control.observer.logs.reopen();
        log::info!("log files are opened again");
    }

    async fn end_at_once(&mut self) {
        log::info!("stopping at once (SIGINT)");
        if self.has_handed_over() {
            self.admin.leave_file();
        } else {
            self.notifier.stopping();
            save(&self.control).await;
        }
    }

    async fn stop(self, signal: &str, signals: &mut Signals) {
        let sockets = self.reloader.kept_sockets();
        let restarts = restart::comes(sockets).await;
        // Callers that want a reload or another weight, now or later, learn from this that Weir stops.
        drop((self.reload_requests, self.weights_requests, self.upgrade_requests));
        let limit = self.control.current.load().snapshot.config.stop_timeout;
        self.control.stopping.store(true, Ordering::Relaxed);
        // A process that was about to take over is not what systemd supervises.
        if self.control.accepts.load(Ordering::Relaxed) {
            self.notifier.stopping();
        }
        let open = self.control.open.load(Ordering::Relaxed);
        let after = if restarts { "; systemd starts it again, and new clients wait for that" } else { "" };
        log::info!("stopping ({signal}): {open} connections open, at most {limit:?}{after}");
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
            () = signals.interrupt() => log::warn!("stopping at once (SIGINT)"),
        }
        self.reloader.finish_sharing(!restarts).await;
        save(&self.control).await;
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
