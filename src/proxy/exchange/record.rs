//! The end of a request's way: counted and logged. The line is formatted into the thread's own buffer and handed
//! over; no I/O happens here.

use std::time::{Instant, SystemTime};

use super::trip::{Ground, Trip};
use crate::config::Action;
use crate::observe::access_log::{LineFormatter, RequestEntry, masked, write_error};
use crate::observe::metrics::Finished;
use crate::proxy::generation::SiteRun;
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::retry::Failure;
use crate::wire::{FieldKind, Version};

impl Trip<'_> {
    /// Counts and logs this request.
    pub(crate) fn end(self) {
        let generation = &self.place.generation;
        let ended = Instant::now();
        let took = ended - self.started;
        let Some(run) = self.site.and_then(|site| generation.sites.get(site)) else {
            generation.count_stray(self.status, self.word());
            self.write_line(ended, |entry, formatter| generation.log_request(entry, formatter));
            return;
        };
        let led_to_pool = self.led_to_pool();
        let finished = Finished {
            code: self.status,
            time_taken: took,
            upstream_time: self.upstream,
            received: self.body_received,
            sent: self.body_sent,
        };
        match &self.ground {
            Ground::Own(_) => run.route(led_to_pool.then_some(self.pool), self.member).record(&finished),
            Ground::Newer(newer) => {
                let site = self.site().map_or("", |site| &site.name);
                newer.route(site, self.pool, self.member).record(&finished);
            }
        }
        if let Some(refusal) = self.refusal {
            run.counters.refused(refusal.word());
            self.complain(run, refusal);
        }
        if run.access.queue.is_some() {
            self.write_line(ended, |entry, formatter| run.access.request(entry, formatter));
        }
    }

    /// Asked only where there is a site.
    fn led_to_pool(&self) -> bool {
        matches!(self.rules().action, Action::Pool(_))
    }

    fn word(&self) -> &'static str {
        self.refusal.map_or("", Refusal::word)
    }

    /// What went wrong between Weir and a node deserves a line of its own, in the site's error log or the journal.
    fn complain(&self, run: &SiteRun, refusal: Refusal) {
        if !matches!(refusal.status(), 502..=504) {
            return;
        }
        let (word, cause, request) = (refusal.word(), self.cause(refusal), self.named());
        let pool = self.pool().name();
        let spent =
            |count| format!("{} and {:.1} s", tries(count), self.tries.elapsed().unwrap_or_default().as_secs_f64());
        let text = match (self.node_name(), self.tries.count) {
            ("", 0) => format!("{word}{cause} in pool {pool}, no node was asked: {request}"),
            ("", count) => format!("{word}{cause} in pool {pool} after {}: {request}", spent(count)),
            (node, count) => format!("{word}{cause} from node {node} of pool {pool} after {}: {request}", spent(count)),
        };
        self.write_complaint(run, log::Level::Error, &text);
    }

    /// Another node may save the request, and then nobody hears of the one that failed: so it has a line too, but no more
    /// than one a second.
    pub(crate) fn tell_retry(&self, member: usize, failure: Failure) {
        let Some(run) = self.site.and_then(|site| self.place.generation.sites.get(site)) else { return };
        let second = self.now().as_millis() / 1000;
        let counters = self.ground.pools[self.pool].members.get(member);
        let Some(left_out) = counters.and_then(|counters| counters.may_log_retry(second)) else { return };
        let pool = self.pool();
        let node = pool.members.get(member).map_or("-", |member| &*member.label);
        let what = match failure {
            Failure::Status(status) => format!("{status} from"),
            failure => format!("{} from", failure.refusal().word()),
        };
        let others =
            if left_out == 0 { String::new() } else { format!(" ({left_out} more like it since the last line)") };
        let text =
            format!("{what} node {node} of pool {}, another node is asked: {}{others}", pool.name(), self.named());
        self.write_complaint(run, log::Level::Warn, &text);
    }

    fn write_complaint(&self, run: &SiteRun, level: log::Level, text: &str) {
        let names = &self.place.generation.session_names;
        let Some(sink) = &run.errors else { return log::log!(level, "{}", masked(text, names)) };
        let mut line = Vec::with_capacity(256);
        let word = if level == log::Level::Error { "error" } else { "warn" };
        write_error(&mut line, SystemTime::now(), word, text.as_bytes(), names);
        sink.line(&line);
    }

    /// Counts that it is sent again because of what that node did.
    pub(crate) fn count_retry(&self, member: usize, reason: &'static str) {
        if let Some(counters) = self.ground.pools[self.pool].members.get(member) {
            counters.retried(reason);
        }
    }

    /// Whose request it is.
    fn named(&self) -> String {
        format!(
            "{} {} for {}",
            self.head.method_name().escape_ascii(),
            without_parameters(self.head.path()).escape_ascii(),
            self.client(),
        )
    }

    // A pool without an active node says nothing yet of what the last node did.
    fn cause(&self, refusal: Refusal) -> String {
        if !self.reason.is_empty() {
            return format!(" ({})", self.reason);
        }
        let cause = self.last_failure().filter(|failure| *failure != refusal);
        cause.map_or_else(String::new, |failure| format!(" ({})", failure.word()))
    }

    fn node_name(&self) -> &str {
        self.member.and_then(|member| self.pool().members.get(member)).map_or("", |member| &member.label)
    }

    fn write_line(&self, ended: Instant, write: impl FnOnce(&RequestEntry<'_>, &mut LineFormatter)) {
        let worker = self.connection.worker();
        let mut line = worker.line.borrow_mut();
        line.clear();
        let protocol = match self.head.version() {
            _ if self.connection.http2() => ("HTTP/2.0", "h2"),
            Version::Http10 => ("HTTP/1.0", "http/1.0"),
            Version::Http11 => ("HTTP/1.1", "http/1.1"),
        };
        for part in [self.head.method_name(), b" ", self.head.target(), b" ", protocol.0.as_bytes()] {
            line.extend_from_slice(part);
        }
        write(&self.entry(&line, protocol.1, ended), &mut worker.formatter.borrow_mut());
    }

    fn entry<'e>(&'e self, request_line: &'e [u8], protocol: &'e str, ended: Instant) -> RequestEntry<'e> {
        let field = |kind| self.head.value(kind).unwrap_or_default();
        let site = self.site();
        RequestEntry {
            time: self.connection.worker().wall(ended),
            client: self.client(),
            peer: self.connection.peer().ip(),
            request_line,
            status: self.status,
            body_bytes: self.body_sent,
            received: self.body_received,
            referer: field(FieldKind::Referer),
            user_agent: field(FieldKind::UserAgent),
            host: self.head.host().map_or(&b""[..], |host| host.raw),
            site: site.map_or("", |site| &site.name),
            route: site.map_or("", |_| &self.rules().name),
            pool: site.filter(|_| self.led_to_pool()).map_or("", |_| self.pool().name()),
            node: site.map_or("", |_| self.node_name()),
            upstream_time: self.upstream,
            time_taken: ended - self.started,
            tries: self.tries.count,
            session: self.session.word(),
            why: self.why.word(),
            queued: self.waited(),
            session_names: &self.place.generation.session_names,
            refusal: self.word(),
            reason: &self.reason,
            tls: self.connection.tls().map_or("", |tls| tls.version),
            protocol,
            connection: self.connection.number(),
            nth: self.request_number,
        }
    }
}

fn tries(count: u32) -> String {
    if count == 1 { "1 try".to_string() } else { format!("{count} tries") }
}

// A path parameter may be a session id, which no log shows.
fn without_parameters(path: &[u8]) -> &[u8] {
    let end = path.iter().position(|byte| *byte == b';').unwrap_or(path.len());
    path.get(..end).unwrap_or_default()
}
