//! What has been decided about one request so far. The exchange asks, `traffic` answers, the trip keeps.

use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempt::{Attempt, Tries};
use crate::config;
use crate::proxy::connection::Connection;
use crate::proxy::generation::{Generation, ListenerRef};
use crate::traffic::message::headers::{Down, DownFraming, Forwarded, Trust, Up, UpFraming, write_request};
use crate::traffic::message::location::{PublicName, PublicNameSource};
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::Pool;
use crate::traffic::pool::affinity::Affinity;
use crate::traffic::pool::why::Why;
use crate::traffic::routing::edits::FieldEdits;
use crate::traffic::routing::rules::{Rules, SiteRules};
use crate::traffic::tick::Tick;
use crate::wire::{AnswerFraming, AnswerHead, RequestHead, Version};

/// One request.
pub(crate) struct Trip<'r> {
    /// The connection it came on.
    pub(crate) connection: &'r Connection,
    /// Its head.
    pub(crate) head: &'r RequestHead,
    pub(crate) place: Rc<ListenerRef>,
    /// The generation of its pool.
    pub(crate) ground: Ground,
    pub(crate) started: Instant,
    pub(crate) site: Option<usize>,
    pub(crate) route: Option<usize>,
    /// Index of the pool; the first one stands in before the route is known.
    pub(crate) pool: usize,
    /// The node that was chosen last, which is the one that the answer and the log name.
    pub(crate) member: Option<usize>,
    pub(crate) why: Why,
    pub(crate) tries: Tries,
    /// How long the request waited for its turn by rate.
    pub(crate) delayed: Duration,
    /// How long it waited for places at nodes.
    pub(crate) queued: Duration,
    /// Seconds after which another try is worth it, where a rate was exceeded.
    pub(crate) retry_after: Option<u32>,
    pub(crate) session: SessionWord,
    pub(crate) status: u16,
    pub(crate) body_sent: u64,
    pub(crate) body_received: u64,
    pub(crate) refusal: Option<Refusal>,
    /// What was malformed, in words for the logs.
    pub(crate) reason: String,
    pub(crate) upstream: Option<Duration>,
    pub(crate) belongs: Affinity,
    keep_alive: bool,
    answer_begun: bool,
    awaits_continue: bool,
    pub(crate) request_number: u64,
}

/// The generation whose pool a request uses. All else that holds for the request is of the one it began with.
#[derive(Clone)]
pub(crate) enum Ground {
    /// The one it began with.
    Own(Rc<ListenerRef>),
    /// A newer one: while it waited came a reload, or a node's name moved.
    Newer(Arc<Generation>),
}

impl Deref for Ground {
    type Target = Generation;

    fn deref(&self) -> &Generation {
        match self {
            Self::Own(place) => &place.generation,
            Self::Newer(generation) => generation,
        }
    }
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
    /// Its node failed once and is active: another one helps this request out.
    Away,
    /// The node named a new one.
    Learned,
}

impl SessionWord {
    /// As the log says it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hit => "hit",
            Self::Rebound | Self::Away => "rebound",
            Self::Learned => "learned",
        }
    }
}

impl<'r> Trip<'r> {
    /// A request whose head was just read; it sees one generation from here to its end. Only where it waits, or a
    /// node failed it, does it follow its pool into the next one.
    pub(crate) fn begin(connection: &'r Connection, head: &'r RequestHead) -> Self {
        let place = connection.place();
        Self {
            connection,
            head,
            ground: Ground::Own(Rc::clone(&place)),
            place,
            started: Instant::now(),
            site: None,
            route: None,
            pool: 0,
            member: None,
            why: Why::None,
            tries: Tries::default(),
            delayed: Duration::ZERO,
            queued: Duration::ZERO,
            retry_after: None,
            session: SessionWord::None,
            status: 0,
            body_sent: 0,
            body_received: 0,
            refusal: None,
            reason: String::new(),
            upstream: None,
            belongs: Affinity::default(),
            keep_alive: false,
            answer_begun: false,
            awaits_continue: head.expects_continue(),
            request_number: connection.count_request(),
        }
    }

    /// How much of the body is read before anything goes up.
    pub(crate) fn buffer_request(&self) -> u64 {
        self.pool().settings.buffer_request
    }

    /// The largest head that a node may answer with.
    pub(crate) fn max_answer_head(&self) -> usize {
        self.pool().settings.max_answer_head
    }

    /// The route's deadlines, or the pool's.
    pub(crate) fn timeouts(&self) -> config::Timeouts {
        self.rules().timeouts(&self.pool().settings.timeouts)
    }

    pub(crate) fn site(&self) -> Option<&config::Site> {
        self.site.and_then(|site| self.place.generation.snapshot.config.sites.get(site))
    }

    pub(crate) fn site_rules(&self) -> Option<&SiteRules> {
        self.place.generation.snapshot.sites.get(self.site?)
    }

    /// What holds for this request. PublicNameSource only after `find_site`; the first site stands in before that.
    pub(crate) fn rules(&self) -> &Rules {
        self.place.generation.snapshot.sites[self.site.unwrap_or(0)].of(self.route)
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.ground.snapshot.pools[self.pool]
    }

    pub(crate) fn now(&self) -> Tick {
        Tick::from_millis(self.connection.worker().clock.now())
    }

    /// Whether the client came by https, as far as anybody whom we may believe knows.
    pub(crate) fn by_https(&self) -> bool {
        self.forwarded().secure(self.head)
    }

    pub(crate) fn forwarded(&self) -> Forwarded<'_> {
        let connection = self.connection;
        self.place.listener().forwarded(connection.peer().ip(), connection.peer_text(), connection.secure())
    }

    /// Writes the head that goes up.
    pub(crate) fn write_head(&self, out: &mut Vec<u8>, framing: UpFraming, expect: bool) {
        let listener = self.place.listener();
        let up = Up {
            framing,
            close: !self.pool().settings.reuse,
            via: self.site().is_some_and(|site| site.via),
            upgrade: self.wants_upgrade(),
            expect,
            default_host: listener.default_host.as_bytes(),
            default_authority: listener.default_authority.as_bytes(),
            edits: Some(&self.rules().request),
        };
        let from = self.forwarded();
        let real = (from.trust == Trust::Known).then(|| self.client());
        write_request(out, self.head, &Forwarded { real, ..from }, &up);
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
            public: self,
            reverse_map: &self.ground.snapshot.reverse_map,
            edits: Some(&self.rules().response),
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

    /// The connection became a tunnel.
    pub(crate) fn upgraded(&mut self, attempt: &Attempt, answer: &AnswerHead) {
        self.answered(attempt, answer.status());
        self.learn(answer);
        self.status = 101;
        self.answer_begun = true;
        self.upstream = self.tries.elapsed();
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
        self.upstream = self.upstream.or_else(|| self.tries.elapsed());
        if !self.answer_begun {
            self.status = refusal.answer().0;
        }
    }

    /// Notes what was malformed.
    pub(crate) fn blame(&mut self, reason: impl Into<String>) {
        self.reason = reason.into();
    }

    /// Weir answers for a route, with this status.
    pub(crate) fn answers(&mut self, status: u16) {
        self.status = status;
    }

    /// What the site changes in answers of our own; before a site is found, nothing.
    pub(crate) fn edits_of_pages(&self) -> Option<&FieldEdits> {
        self.site.map(|_| &self.rules().response)
    }

    /// The value of `X-Weir`, where the site tells its clients why: the word, the node, how long it waited.
    pub(crate) fn explained(&self) -> Option<Vec<u8>> {
        if !self.site().is_some_and(|site| site.explain) {
            return None;
        }
        let word = self.refusal.map_or(self.why.word(), Refusal::word);
        let node = self.member.and_then(|member| self.pool().members.get(member)).map_or("-", |member| &member.label);
        let word = if word.is_empty() { "answered" } else { word };
        Some(format!("{word}; node={node}; queued={:.3}", self.waited().as_secs_f64()).into_bytes())
    }

    /// How long it was held back here, for its turn and for places.
    pub(crate) fn waited(&self) -> Duration {
        self.delayed + self.queued
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

impl PublicNameSource for Trip<'_> {
    fn public_name(&self) -> PublicName<'_> {
        let (from, listener) = (self.forwarded(), self.place.listener());
        let host = from
            .host_of_ours(self.head, self.place.generation.snapshot.hosts.get(self.place.listener).map(Arc::as_ref));
        let (secure, port) = from.origin(self.head, host);
        // Of a scheme that a proxy speaks for us our own port says nothing.
        let unnamed = if secure == from.secure { &listener.default_authority } else { &listener.default_host };
        PublicName {
            secure,
            authority: host.map_or(unnamed.as_bytes(), |host| host.raw),
            target: self.head.target_up(),
            pool: self.pool,
            translated: port != listener.port,
        }
    }
}
