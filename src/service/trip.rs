//! What has been decided about one request so far. The exchange asks, `traffic` answers, the trip keeps.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::generation::Place;
use crate::config;
use crate::traffic::headers::{Down, DownFraming, Forwarded, Up, UpFraming, write_request};
use crate::traffic::location::PublicName;
use crate::traffic::refusal::Refusal;
use crate::traffic::retry::{self, Attempt, ConnectFailure, Failure, Next, Sent};
use crate::traffic::sessions::SessionKey;
use crate::traffic::snapshot::{Pool, Tried};
use crate::traffic::tick::Tick;
use crate::wire::{AnswerFraming, AnswerHead, Framing, RequestHead, Version};

/// One request.
pub(crate) struct Trip<'r> {
    /// The connection it came on.
    pub(crate) connection: &'r Connection,
    /// Its head.
    pub(crate) head: &'r RequestHead,
    pub(super) place: Rc<Place>,
    pub(super) started: Instant,
    pub(super) site: Option<usize>,
    pub(super) member: Option<usize>,
    pub(super) tries: u32,
    pub(super) session: SessionWord,
    pub(super) status: u16,
    pub(super) body_sent: u64,
    pub(super) body_received: u64,
    pub(super) refusal: Option<Refusal>,
    pub(super) upstream: Option<Duration>,
    pub(super) reached: Option<Instant>,
    pub(super) reached_at: u64,
    pub(super) tried: Tried,
    pub(super) fresh: bool,
    pub(super) reused: bool,
    pub(super) sent: Sent,
    failure: Option<Failure>,
    pub(super) key: Option<SessionKey>,
    pub(super) bound: Option<u32>,
    pub(super) names_session: bool,
    keep_alive: bool,
    answer_begun: bool,
    awaits_continue: bool,
    heard: bool,
    pub(super) request_number: u64,
}

/// What became of a request's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionWord {
    /// It named none that is known.
    None,
    /// It went to its own node.
    Hit,
    /// Its node could not be used; it lives on another one now.
    Rebound,
    /// The node named a new one.
    Learned,
}

impl SessionWord {
    /// As the log says it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hit => "hit",
            Self::Rebound => "rebound",
            Self::Learned => "learned",
        }
    }
}

impl<'r> Trip<'r> {
    /// A request whose head was just read; it sees one generation from here to its end.
    pub(crate) fn begin(connection: &'r Connection, head: &'r RequestHead) -> Self {
        Self {
            connection,
            head,
            place: connection.place(),
            started: Instant::now(),
            site: None,
            member: None,
            tries: 0,
            session: SessionWord::None,
            status: 0,
            body_sent: 0,
            body_received: 0,
            refusal: None,
            upstream: None,
            reached: None,
            reached_at: 0,
            tried: Tried::default(),
            fresh: false,
            reused: false,
            sent: Sent::Nothing,
            failure: None,
            key: None,
            bound: None,
            names_session: false,
            keep_alive: false,
            answer_begun: false,
            awaits_continue: head.expects_continue(),
            heard: false,
            request_number: connection.count_request(),
        }
    }

    /// Finds the site by host, or refuses: never "the first site wins" by accident.
    pub(crate) fn find_site(&mut self) -> Result<(), Refusal> {
        let hosts = self.place.generation.snapshot.hosts.get(self.place.listener);
        let name = self.head.host().map_or(&b""[..], |host| host.name);
        self.site = hosts.and_then(|hosts| hosts.find(name));
        if self.site.is_some() { Ok(()) } else { Err(Refusal::UnknownHost) }
    }

    /// Refuses a body that says itself that it is too long.
    pub(crate) fn check_length(&self) -> Result<(), Refusal> {
        match (self.head.framing(), self.body_limit()) {
            (Framing::Length(length), Some(limit)) if length > limit => Err(Refusal::BodyTooLarge),
            _ => Ok(()),
        }
    }

    /// The site's body limit.
    pub(crate) fn body_limit(&self) -> Option<u64> {
        self.site().and_then(|site| site.max_body)
    }

    /// How much of the body is read before anything goes up.
    pub(crate) fn buffer_request(&self) -> u64 {
        self.pool_settings().buffer_request
    }

    /// The pool's deadlines.
    pub(crate) fn timeouts(&self) -> config::Timeouts {
        self.pool_settings().timeouts
    }

    pub(super) fn site(&self) -> Option<&config::Site> {
        self.site.and_then(|site| self.place.generation.snapshot.config.sites.get(site))
    }

    // Asked only after `find_site`; the first pool stands in before that.
    pub(super) fn pool_index(&self) -> usize {
        self.site().map_or(0, |site| site.pool)
    }

    pub(super) fn pool_settings(&self) -> &config::Pool {
        &self.place.generation.snapshot.config.pools[self.pool_index()]
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.place.generation.snapshot.pools[self.pool_index()]
    }

    pub(super) fn now(&self) -> Tick {
        Tick::from_millis(self.connection.worker().clock.now())
    }

    /// Picks the node for the next try: the session's own where it may be used, else the next in turn.
    pub(crate) fn pick(&mut self) -> Result<(), Refusal> {
        let now = self.now();
        if self.fresh && self.member.is_some() {
            return Ok(());
        }
        let own = self.bound.and_then(|number| self.pool().bound(number, &self.tried, now));
        self.session = match (self.bound, own) {
            (None, _) => SessionWord::None,
            (Some(_), Some(_)) => SessionWord::Hit,
            (Some(_), None) => SessionWord::Rebound,
        };
        self.count_lookup();
        match own.or_else(|| self.pool().next(&self.tried, now)) {
            Some(member) => {
                self.member = Some(member);
                Ok(())
            }
            None => Err(Refusal::NoActiveNode),
        }
    }

    /// Decides after a failed attempt.
    pub(crate) fn failed(&mut self, failure: Failure, body_at_hand: bool) -> Next {
        self.failure = Some(failure);
        let attempt = Attempt {
            tries_done: self.tries,
            sent: self.sent,
            reused: self.reused,
            answer_begun: self.answer_begun || self.heard,
            body_at_hand,
            idempotent: self.head.method().idempotent(),
        };
        let other_left = {
            let mut tried = self.tried.clone();
            self.member.into_iter().for_each(|member| tried.add(member));
            self.pool().has_next(&tried, self.now())
        };
        let next = retry::decide(&attempt, failure, self.pool_settings().retry.tries, other_left);
        if next != Next::GiveUp {
            self.place.generation.count_retry(self.pool_index(), failure.refusal().word());
        }
        next
    }

    /// What went wrong with the last node that was tried.
    pub(super) fn last_failure(&self) -> Option<Refusal> {
        self.failure.map(Failure::refusal)
    }

    /// What the client is told. Where nobody listens at any node any more that is the pool's state, not one node's.
    pub(crate) fn refusal_for(&self, failure: Failure) -> Refusal {
        let connect = matches!(failure, Failure::Connect(why) if why != ConnectFailure::Exhausted);
        if connect && !self.pool().has_active(self.now()) { Refusal::NoActiveNode } else { failure.refusal() }
    }

    /// The picked node is out of the running for this request.
    pub(crate) fn leave_node(&mut self) {
        self.member.into_iter().for_each(|member| self.tried.add(member));
    }

    /// The next attempt goes to the same node over a new connection.
    pub(crate) fn want_fresh(&mut self) {
        self.fresh = true;
    }

    /// Writes the head that goes up.
    pub(crate) fn write_head(&self, out: &mut Vec<u8>, framing: UpFraming) {
        let listener = self.place.listener();
        let forwarded = Forwarded {
            client: self.connection.peer_text().as_bytes(),
            secure: self.connection.secure(),
            port: listener.port,
            trust: self.connection.trust(listener),
        };
        let up = Up {
            framing,
            close: !self.pool_settings().reuse,
            via: self.site().is_some_and(|site| site.via),
            upgrade: self.wants_upgrade(),
            default_host: listener.default_host.as_bytes(),
        };
        write_request(out, self.head, &forwarded, &up);
    }

    /// Whether this request asks for an upgrade that the site allows.
    pub(crate) fn wants_upgrade(&self) -> bool {
        let allowed = |token: &[u8]| {
            self.site().is_some_and(|site| site.upgrades.iter().any(|u| u.as_bytes().eq_ignore_ascii_case(token)))
        };
        !self.connection.http2() && self.head.upgrade().is_some_and(allowed)
    }

    /// What the answer's head is written with.
    pub(crate) fn down<'d>(&'d self, answer: &AnswerHead, framing: DownFraming, keep_alive: bool) -> Down<'d> {
        Down {
            version: self.head.version(),
            framing,
            keep_alive,
            upgrade: answer.status() == 101,
            via: self.site().is_some_and(|site| site.via),
            public: PublicName {
                secure: self.connection.secure(),
                authority: self.head.host().map_or(self.place.listener().default_host.as_bytes(), |host| host.raw),
            },
            nodes: &self.place.generation.snapshot.nodes,
            extra: &[],
        }
    }

    /// How the body goes down.
    pub(crate) fn framing_down(&self, answer: &AnswerHead) -> DownFraming {
        match answer.framing() {
            AnswerFraming::None => DownFraming::None,
            AnswerFraming::Length(length) => DownFraming::Length(length),
            AnswerFraming::Chunked | AnswerFraming::UntilClose => {
                if self.head.version() == Version::Http11 {
                    DownFraming::Chunked
                } else {
                    DownFraming::UntilClose
                }
            }
        }
    }

    /// Notes that the final answer begins, and whether the connection goes on after it.
    pub(crate) fn begin_answer(&mut self, answer: &AnswerHead, uploaded: bool, framing: DownFraming) {
        self.answer_begun = true;
        self.status = answer.status();
        self.keep_alive = self.may_keep_alive(uploaded) && framing != DownFraming::UntilClose;
    }

    /// Whether the connection could go on after an answer now.
    pub(crate) fn may_keep_alive(&mut self, body_complete: bool) -> bool {
        self.keep_alive = body_complete
            && self.head.keep_alive()
            && !self.connection.closing()
            && self.request_number < self.connection.limits().max_requests;
        self.keep_alive
    }

    /// What was decided about it.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.keep_alive
    }

    /// Whether the client waits for `100 Continue`.
    pub(crate) fn awaits_continue(&self) -> bool {
        self.awaits_continue
    }

    /// A 1xx went down.
    pub(crate) fn proceeded(&mut self, status: u16) {
        if status == 100 {
            self.awaits_continue = false;
        }
    }

    /// The node has sent something: no other node may answer this request any more.
    pub(crate) fn heard(&mut self) {
        self.heard = true;
    }

    /// The connection became a tunnel.
    pub(crate) fn upgraded(&mut self) {
        self.status = 101;
        self.answer_begun = true;
        self.upstream = self.reached.map(|at| at.elapsed());
    }

    /// The tunnel ended after so many bytes up and down.
    pub(crate) fn tunnelled(&mut self, up: u64, down: u64) {
        self.body_received = up;
        self.body_sent = down;
    }

    /// Whether the final answer has begun.
    pub(crate) fn answer_begun(&self) -> bool {
        self.answer_begun
    }

    /// Notes the refusal; when an answer has begun, its status stays.
    pub(crate) fn refuse(&mut self, refusal: Refusal) {
        self.refusal = Some(refusal);
        self.upstream = self.upstream.or_else(|| self.reached.map(|at| at.elapsed()));
        if !self.answer_begun {
            self.status = refusal.answer().0;
        }
    }

    /// Notes how much body came up.
    pub(crate) fn received(&mut self, body: u64) {
        self.body_received = body;
    }

    /// Notes how much body went down.
    pub(crate) fn sent(&mut self, body: u64) {
        self.body_sent = body;
    }
}
