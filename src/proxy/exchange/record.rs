//! What is counted and logged of a request. It is written on the request's way, and counted and logged once, at its
//! end; it decides nothing. The line is formatted into the thread's own buffer and handed over; no I/O happens here.

use std::time::Duration;

use tokio::time::Instant;

use super::affinity::outcome::SessionOutcome;
use super::arrived::Arrived;
use super::attempt::Tries;
use super::complaint;
use super::routed::{Routed, Sited};
use super::target::Target;
use crate::config::{Action, ErrorPage};
use crate::observe::access_log::{LineFormatter, RequestEntry};
use crate::observe::metrics::{Finished, Tally};
use crate::observe::spans::{Span, SpanQueue};
use crate::proxy::client::shown::Shown;
use crate::traffic::message::client_certificate::ClientCertificate;
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::retry::Failure;
use crate::traffic::pool::why::Why;
use crate::traffic::routing::edits::FieldEdits;
use crate::traffic::routing::rules::Rules;
use crate::wire::{FieldKind, Version};

/// What is counted and logged of one request.
pub(crate) struct Record<'r> {
    arrived: &'r Arrived<'r>,
    found: Option<Found<'r>>,
    /// The node that was chosen last.
    node: Option<ChosenNode<'r>>,
    why: Why,
    /// What its tries came to, once they have ended.
    tries: Tries,
    session: SessionOutcome,
    /// How long it waited for its turn by rate.
    delayed: Duration,
    status: u16,
    body_sent: u64,
    body_received: u64,
    refusal: Option<Refusal>,
    /// What was malformed, in words for the logs.
    reason: String,
    upstream: Option<Duration>,
}

/// Where it came to.
#[derive(Clone, Copy)]
struct Found<'r> {
    site: Sited<'r>,
    /// The index of its route; `None` until one is found, and where none is.
    route: Option<usize>,
    /// The route's rules; the site's own until a route is found, and where none is.
    rules: &'r Rules,
}

struct ChosenNode<'r> {
    target: Target<'r>,
    member: usize,
}

impl ChosenNode<'_> {
    fn label(&self) -> &str {
        self.target.pool().members.get(self.member).map_or("", |member| &member.label)
    }
}

impl<'r> Record<'r> {
    /// The record of a request of which nothing is known yet but its head.
    pub(crate) fn of(arrived: &'r Arrived<'r>) -> Self {
        Self {
            arrived,
            found: None,
            node: None,
            why: Why::None,
            tries: Tries::default(),
            session: SessionOutcome::None,
            delayed: Duration::ZERO,
            status: 0,
            body_sent: 0,
            body_received: 0,
            refusal: None,
            reason: String::new(),
            upstream: None,
        }
    }

    /// Its site was found.
    pub(crate) fn site(&mut self, site: Sited<'r>) {
        self.found = Some(Found { site, route: None, rules: site.on(None).rules() });
    }

    /// Its route was found.
    pub(crate) fn route(&mut self, routed: &Routed<'r>) {
        self.found = Some(Found { site: routed.at, route: routed.route, rules: routed.rules() });
    }

    /// It was held back for its turn by rate.
    pub(crate) fn delayed(&mut self, by: Duration) {
        self.delayed = by;
    }

    /// A node was chosen.
    pub(crate) fn chosen(&mut self, target: &Target<'r>, member: usize, why: Why) {
        self.node = Some(ChosenNode { target: target.clone(), member });
        self.why = why;
    }

    /// Forgets the node that was chosen last, because the request ends for another reason than what that node did.
    pub(crate) fn no_node(&mut self) {
        self.node = None;
    }

    /// The request followed its pool into a newer generation, which may not have the node that was chosen last.
    pub(crate) fn followed(&mut self, newer: &Target<'r>) {
        self.node = self.node.take().and_then(|node| {
            let member = node.target.index_in(newer, node.member)?;
            Some(ChosenNode { target: newer.clone(), member })
        });
    }

    /// What its tries came to.
    pub(crate) fn tries(&mut self, tries: Tries) {
        self.tries = tries;
    }

    /// What became of its session.
    pub(crate) fn session(&mut self, word: SessionOutcome) {
        self.session = word;
    }

    /// The last of its nodes is done with it, so long after the first was chosen.
    pub(crate) fn upstream(&mut self, took: Option<Duration>) {
        self.upstream = took;
    }

    /// It is answered with this status.
    pub(crate) fn status(&mut self, status: u16) {
        self.status = status;
    }

    /// It was refused. Where an answer had begun, its status stays.
    pub(crate) fn refused(&mut self, refusal: Refusal, answer_begun: bool) {
        self.refusal = Some(refusal);
        self.upstream = self.upstream.or_else(|| self.tries.elapsed());
        if !answer_begun {
            self.status = refusal.answer().0;
        }
    }

    /// What was malformed.
    pub(crate) fn blame(&mut self, reason: impl Into<String>) {
        self.reason = reason.into();
    }

    /// How much body came up.
    pub(crate) fn received(&mut self, body: u64) {
        self.body_received = body;
    }

    /// How much body went down.
    pub(crate) fn sent(&mut self, body: u64) {
        self.body_sent = body;
    }

    /// What the site changes in answers of our own; before a site is found, nothing.
    pub(crate) fn edits_of_pages(&self) -> Option<&'r FieldEdits> {
        self.found.map(|found| &found.rules.response)
    }

    /// The site's page for an answer of our own with this status; before a site is found, none.
    pub(crate) fn error_page(&self, status: u16) -> Option<&'r ErrorPage> {
        self.found.and_then(|found| found.site.site().error_pages.of(status))
    }

    /// The value of `X-Weir`, where the site tells its clients why: the word, the node, how long it waited.
    pub(crate) fn explained(&self) -> Option<Vec<u8>> {
        if !self.found?.site.site().explain {
            return None;
        }
        let word = self.refusal.map_or(self.why.word(), Refusal::word);
        let word = if word.is_empty() { "answered" } else { word };
        let node = if self.node_name().is_empty() { "-" } else { self.node_name() };
        Some(format!("{word}; node={node}; queued={:.3}", self.waited().as_secs_f64()).into_bytes())
    }

    /// Counts and logs the request.
    pub(crate) fn end(self) {
        let (generation, ended) = (&self.arrived.listener_ref.generation, Instant::now());
        if let Some(spans) = &generation.spans {
            self.write_span(spans, ended);
        }
        let Some(Found { site: sited, route, .. }) = self.found else {
            generation.count_stray(self.status, self.word());
            self.write_line(ended, |entry, formatter| generation.log_request(entry, formatter));
            return;
        };
        let tally = sited.running().tally(route);
        self.count(&sited, tally, ended - self.arrived.started);
        if !self.delayed.is_zero() {
            sited.running().counters.delayed();
        }
        if let Some(refusal) = self.refusal {
            sited.running().counters.refused(refusal.word());
            tally.failed();
            if let Some(pool) = sited.running().route(self.pool(), None).pool().filter(|_| self.status >= 500) {
                pool.failed(refusal.word());
            }
            self.log_node_error(&sited, refusal);
        }
        if sited.running().access.queue.is_some() {
            self.write_line(ended, |entry, formatter| sited.running().access.request(entry, formatter));
        }
    }

    fn count(&self, sited: &Sited<'_>, route: &Tally, took: Duration) {
        let finished = Finished {
            code: self.status,
            time_taken: took,
            upstream_time: self.upstream,
            received: self.body_received,
            sent: self.body_sent,
        };
        match &self.node {
            Some(ChosenNode { target, member }) => {
                target.count((sited.running(), &sited.site().name), *member, &finished, route);
            }
            None => sited.running().route(self.pool(), None).record(&finished, route),
        }
    }

    /// The pool that its rules lead to, as an index into those of its own generation.
    fn pool(&self) -> Option<usize> {
        match self.found?.rules.action {
            Action::Pool(pool) => Some(pool),
            Action::Redirect(_) | Action::Answer(_) | Action::Deny => None,
        }
    }

    // A pool keeps its name in every generation.
    fn pool_name(&self) -> &str {
        let pools = &self.arrived.listener_ref.generation.snapshot.pools;
        self.pool().and_then(|pool| pools.get(pool)).map_or("", |pool| pool.name())
    }

    fn node_name(&self) -> &str {
        self.node.as_ref().map_or("", ChosenNode::label)
    }

    fn word(&self) -> &'static str {
        self.refusal.map_or("", Refusal::word)
    }

    fn waited(&self) -> Duration {
        self.delayed + self.tries.queued
    }

    /// What went wrong between Weir and a node deserves a line of its own. What is used up here is told once for all.
    fn log_node_error(&self, sited: &Sited<'_>, refusal: Refusal) {
        let used_up = matches!(refusal, Refusal::ClientFull | Refusal::ListenerFull | Refusal::MemoryExhausted);
        if used_up || !matches!(refusal.status(), 502..=504) {
            return;
        }
        let (cause, request) = (self.cause(refusal), complaint::named(self.arrived));
        let at = (self.pool_name(), self.node_name());
        let text = complaint::node_error_text((refusal, &cause), at, &self.tries, &request);
        complaint::write(sited, log::Level::Error, &text);
    }

    // `no-active-node` does not say how the last node failed, so the word for that is added.
    fn cause(&self, refusal: Refusal) -> String {
        if !self.reason.is_empty() {
            return format!(" ({})", self.reason);
        }
        let last = self.tries.failure.map(Failure::refusal).filter(|failure| *failure != refusal);
        last.map_or_else(String::new, |failure| format!(" ({})", failure.word()))
    }

    fn write_line(&self, ended: Instant, write: impl FnOnce(&RequestEntry<'_>, &mut LineFormatter)) {
        let Arrived { connection, head, .. } = self.arrived;
        let worker = connection.worker();
        let mut line = worker.line.borrow_mut();
        line.clear();
        let protocol = match head.version() {
            _ if connection.http2() => ("HTTP/2.0", "h2"),
            Version::Http10 => ("HTTP/1.0", "http/1.0"),
            Version::Http11 => ("HTTP/1.1", "http/1.1"),
        };
        for part in [head.method_name(), b" ", head.target(), b" ", protocol.0.as_bytes()] {
            line.extend_from_slice(part);
        }
        write(&self.entry(&line, protocol.1, ended), &mut worker.formatter.borrow_mut());
    }

    /// Where its trace is sampled, its span tells what its line tells.
    fn write_span(&self, spans: &SpanQueue, ended: Instant) {
        let Arrived { head, ids, .. } = self.arrived;
        let Some(own) = ids.span(head) else { return };
        let (target, host) = (head.target_up(), head.host());
        self.write_line(ended, |request, formatter| {
            let span = Span {
                request,
                id: own.id,
                parent: own.parent,
                method: head.method_name(),
                path: target.split(|byte| *byte == b'?').next().unwrap_or_default(),
                host: host.map_or(&b""[..], |host| host.name),
                secure: self.arrived.by_https(),
            };
            spans.add(&span, formatter);
        });
    }

    fn entry<'e>(&'e self, request_line: &'e [u8], protocol: &'e str, ended: Instant) -> RequestEntry<'e> {
        let Arrived { connection, head, .. } = self.arrived;
        let field = |kind| head.value(kind).unwrap_or_default();
        RequestEntry {
            time: connection.worker().wall(ended),
            client: self.arrived.client(),
            peer: connection.peer().ip(),
            request_line,
            status: self.status,
            body_bytes: self.body_sent,
            received: self.body_received,
            referer: field(FieldKind::Referer),
            user_agent: field(FieldKind::UserAgent),
            host: head.host().map_or(&b""[..], |host| host.raw),
            site: self.found.map_or("", |found| &found.site.site().name),
            route: self.found.map_or("", |found| &found.rules.name),
            pool: self.pool_name(),
            node: self.node_name(),
            upstream_time: self.upstream,
            time_taken: ended - self.arrived.started,
            tries: self.tries.count,
            session: self.session.word(),
            why: self.why.word(),
            queued: self.waited(),
            request_id: self.arrived.request_id().unwrap_or_default(),
            trace_id: self.arrived.ids.trace_id(head),
            session_names: &self.arrived.listener_ref.generation.session_names,
            refusal: self.word(),
            reason: &self.reason,
            subject: connection.shown().and_then(Shown::certificate).map_or("", ClientCertificate::subject),
            tls: connection.tls().map_or("", |tls| tls.version),
            key_exchange: connection.tls().map_or("", |tls| tls.group),
            protocol,
            connection: connection.number(),
            nth: self.arrived.number,
        }
    }
}
