//! The way of a connection to a node: choosing one, waiting for it, connecting, and the next one where that fails. Nothing
//! was sent by then, so another node may always have it.

use std::time::Duration;

use tokio::time::Instant;

use super::passage::Passage;
use crate::proxy::exchange::attempt::{Attempt, Tries};
use crate::proxy::exchange::bodies::tunnel::Limits;
use crate::proxy::exchange::complaint;
use crate::proxy::exchange::target::Target;
use crate::proxy::exchange::trip::{reach, wait};
use crate::proxy::io::stream::TimedStream;
use crate::proxy::node;
use crate::proxy::node::Endpoint;
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::affinity;
use crate::traffic::pool::retry;
use crate::traffic::pool::retry::{ConnectFailure, Failure, Next, Progress, RetryTerms, Sent};
use crate::traffic::pool::state::Fault;
use crate::traffic::pool::why::Why;
use crate::traffic::pool::{Choice, Chosen, Criteria, Pool, Purpose, Tried};

/// A connection on its way through its tries.
pub(super) struct Way<'p> {
    passage: &'p Passage,
    pub(super) target: Target<'p>,
    pub(super) tries: Tries,
    failed: Tried,
    /// How long it waited for its turn by rate.
    pub(super) delayed: Duration,
    /// The member that was chosen last, and why.
    pub(super) node: Option<(usize, Why)>,
}

impl<'p> Way<'p> {
    /// A connection that was not tried yet.
    pub(super) fn of(passage: &'p Passage) -> Self {
        let target = Target::new(&passage.listener_ref.generation, passage.to.pool);
        Self { passage, target, tries: Tries::default(), failed: Tried::default(), delayed: Duration::ZERO, node: None }
    }

    /// How long nobody needs to speak, and how long the node may take to begin.
    pub(super) fn limits(&self) -> Limits {
        let timeouts = &self.target.pool().settings.timeouts;
        Limits { idle: timeouts.tunnel, begin: Some(timeouts.read.min(timeouts.tunnel)) }
    }

    /// Connects to a node.
    pub(super) async fn reach(&mut self) -> Result<(Attempt, TimedStream), Refusal> {
        loop {
            // The rate, or the node before, may have taken a while: what a reload took away meanwhile may be gone by now.
            if self.tries.count > 0 || !self.delayed.is_zero() {
                self.follow_pool();
            }
            let attempt = self.pick().await?;
            let opened = tokio::select! {
                opened = self.open(&attempt) => opened,
                gone = self.passage.left() => return Err(gone),
            };
            match opened {
                Ok(node) => return Ok((attempt, node)),
                Err(failure) => self.after_failure(&attempt, failure)?,
            }
        }
    }

    /// The node has begun to speak, which counts as a success of it.
    pub(super) fn answered(&self, attempt: &Attempt, took: Duration) {
        if let Some(counters) = self.target.node_counters(attempt.member) {
            counters.first_byte(took);
        }
        let now = self.passage.now();
        let change = self.target.pool().answered(attempt.member, attempt.began, || took, now);
        self.target.announce(attempt.member, change, "answered a connection", now);
    }

    /// The node had the hello and said nothing, which counts as a failure of it.
    pub(super) fn failed_silently(&mut self, attempt: &Attempt, failure: Failure, why: &str) {
        self.tries.failure = Some(failure);
        if let Some(counters) = self.target.node_counters(attempt.member) {
            counters.tally().failed();
        }
        let fault = if failure == Failure::AnswerTimeout { Fault::Timeout } else { Fault::Reset };
        let now = self.passage.now();
        let change = self.target.pool().failed(attempt.member, fault, attempt.began, now);
        self.target.announce(attempt.member, change, why, now);
    }

    /// The connection leaves its node. To be called while its permit is held, for a drain waits for that.
    pub(super) fn leave(&self, attempt: &Attempt) {
        self.note_use(attempt.member);
    }

    // Where no table knows a session, only this tells a drain when the node was used last.
    fn note_use(&self, member: usize) {
        let pool = self.target.pool();
        if let Some(member) = pool.members.get(member).filter(|_| pool.sessions.is_none()) {
            member.load.note_use(self.passage.now());
        }
    }

    async fn pick(&mut self) -> Result<Attempt, Refusal> {
        let (passage, queued_before) = (self.passage, self.tries.queued);
        let mut position = None;
        let chosen = loop {
            let wanted = match self.choose() {
                Choice::Node(chosen) => break chosen,
                Choice::SessionLost | Choice::Nobody => return Err(self.nobody_left()),
                Choice::Full(wanted) => wanted,
            };
            let (target, wants) = (self.target.clone(), self.pool().accepted_nodes(wanted, &self.failed));
            let place = (&mut position, &mut self.tries.queued);
            let waited = wait::for_permit(&target, wants, place, passage.now(), passage.left()).await;
            if waited.is_err() {
                self.count_wait(queued_before);
                // That it got no permit is not the doing of a node that failed before.
                self.node = None;
            }
            let held = waited?;
            self.follow_pool();
            let chosen = held.and_then(|held| wait::chosen_by(self.pool(), held, wanted, None, passage.now()));
            if let Some(chosen) = chosen {
                break chosen;
            }
        };
        if position.is_some() {
            self.target.running().counters.queued("served");
            self.count_wait(queued_before);
        }
        Ok(self.settle(chosen))
    }

    fn choose(&self) -> Choice {
        let connection = &self.passage.connection;
        let client = connection.peer().ip().to_canonical();
        let criteria = Criteria {
            bound: None,
            returns: false,
            prefers: None,
            tried: &self.failed,
            failure: self.tries.failure,
            pick_input: affinity::pick_input_of_client(self.pool(), client, || connection.worker().chance()),
            now: self.passage.now(),
        };
        self.pool().choose(&criteria, Purpose::Take)
    }

    fn count_wait(&self, queued_before: Duration) {
        let waited = self.tries.queued - queued_before;
        if !waited.is_zero() {
            self.target.running().counters.waited(waited);
        }
    }

    fn settle(&mut self, chosen: Chosen) -> Attempt {
        let now = self.passage.now();
        self.node = Some((chosen.member, chosen.why));
        if self.tries.count == 0 {
            let pool = self.pool();
            pool.budget.deposit(pool.settings.retry.budget);
        }
        self.note_use(chosen.member);
        if chosen.change.is_some() {
            let why = "no active node could take a connection";
            self.target.announce(chosen.member, chosen.change, why, now);
        }
        self.tries.begin_one();
        Attempt::at(chosen, now)
    }

    async fn open(&self, attempt: &Attempt) -> Result<TimedStream, Failure> {
        let pool = self.pool();
        let member = &pool.members[attempt.member];
        let introduction = node::introduction(&pool.settings, || Some(self.passage.connection.ends()));
        let endpoint = Endpoint { address: member.address, name: member.name.as_deref(), introduction: &introduction };
        let counters = self.target.node_counters(attempt.member);
        let (limits, began) = (reach::patience(&pool.settings.timeouts, attempt.why), Instant::now());
        match node::connect(endpoint, None, limits, &self.passage.connection.worker().clock).await {
            Ok(conn) => {
                counters.iter().for_each(|counters| {
                    counters.connection("opened");
                    counters.connected(began.elapsed());
                });
                Ok(conn)
            }
            Err(fault) => {
                let (failure, now) = (fault.failure(), self.passage.now());
                counters.iter().for_each(|counters| counters.connection(failure.refusal().word()));
                if let Some(held) = fault.node_fault() {
                    let change = pool.failed(attempt.member, held, attempt.began, now);
                    self.target.announce(attempt.member, change, &fault.to_string(), now);
                }
                Err(failure)
            }
        }
    }

    /// Decides whether the next node has it.
    fn after_failure(&mut self, attempt: &Attempt, failure: Failure) -> Result<(), Refusal> {
        self.tries.failure = Some(failure);
        let counters = self.target.node_counters(attempt.member);
        if failure != Failure::Connect(ConnectFailure::Exhausted) {
            counters.iter().for_each(|counters| counters.tally().failed());
        }
        let (pool, progress) = (self.pool(), self.progress(attempt));
        let terms = RetryTerms { retry: &pool.settings.retry, non_idempotent: false };
        match retry::decide(&progress, failure, &terms, || pool.budget.withdraw(pool.settings.retry.budget)) {
            Next::NextNode => {}
            Next::GiveUp | Next::Pass | Next::SameNodeFresh => return Err(self.refusal_for(failure)),
        }
        counters.iter().for_each(|counters| counters.retried(failure.word()));
        self.tell_retry(attempt.member, failure);
        self.failed.add(attempt.member);
        Ok(())
    }

    fn progress(&self, attempt: &Attempt) -> Progress {
        let mut tried = self.failed.clone();
        tried.add(attempt.member);
        Progress {
            tries_done: self.tries.count,
            elapsed: self.tries.elapsed().unwrap_or_default(),
            another: self.pool().another(None, &tried, self.passage.now()),
            sent: Sent::Nothing,
            reused: false,
            answer_begun: false,
            silent: Duration::ZERO,
            body_at_hand: true,
            idempotent: true,
        }
    }

    fn tell_retry(&self, member: usize, failure: Failure) {
        let passage = self.passage;
        let text = complaint::retry_text(&self.target, member, failure, passage.now(), || passage.named());
        let names = &passage.listener_ref.generation.session_names;
        text.iter().for_each(|text| complaint::write_line(passage.running(), names, log::Level::Warn, text));
    }

    fn nobody_left(&self) -> Refusal {
        self.tries.failure.map_or(Refusal::NoActiveNode, |failure| self.refusal_for(failure))
    }

    fn refusal_for(&self, failure: Failure) -> Refusal {
        self.pool().refusal_after(failure, self.passage.now())
    }

    fn pool(&self) -> &Pool {
        self.target.pool()
    }

    /// Moves it into the newest generation that has its pool, as a request that has no node yet.
    fn follow_pool(&mut self) {
        let Some(newest) = self.target.newest(&self.passage.connection.worker().shared) else { return };
        let index_there = |member: usize| self.target.index_in(&newest, member);
        self.failed = self.failed.moved(index_there);
        self.node = self.node.and_then(|(member, why)| Some((index_there(member)?, why)));
        self.target = newest;
    }
}
