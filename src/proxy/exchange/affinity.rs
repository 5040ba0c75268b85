//! A request's session: looked up before a node is picked, learned from what the node answers.

pub(crate) mod outcome;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use self::outcome::SessionOutcome;
use super::attempt::Attempt;
use super::in_pool::InPool;
use super::routed::Routed;
use super::target::Target;
use crate::config::{Failback, Sticky, StickyMode};
use crate::proxy::worker::sharing::SessionPlace;
use crate::traffic::affinity::own_cookie;
use crate::traffic::affinity::session_id;
use crate::traffic::affinity::sessions;
use crate::traffic::affinity::sessions::{BindKind, SessionKey, Sessions};
use crate::traffic::pool::affinity::{self, Affinity, AffinityInput};
use crate::traffic::pool::{Purpose, Tried};
use crate::wire::{AnswerHead, FieldKind};

/// A request that took at least so long is noted as a use of its session when it ends, too.
const LONG: Duration = Duration::from_secs(1);

/// When so many eighths of the table are full, an id that no node named is not bound any more. A client could make up
/// such ids and fill the table.
const CROWDED: usize = 6;

impl<'r> Routed<'r> {
    /// Looks the session up, in the way that its pool keeps sessions.
    pub(crate) fn find_session(self, target: Target<'r>) -> InPool<'r> {
        let sticky = target.pool().settings.sticky.as_ref();
        let belongs =
            sticky.map_or_else(Affinity::default, |sticky| Affinity::of(target.pool(), &self.affinity_input(sticky)));
        InPool { routed: self, target, belongs, session: SessionOutcome::None, has_bound: Cell::new(false) }
    }

    fn affinity_input(&self, sticky: &Sticky) -> AffinityInput<'r> {
        let arrived = self.arrived();
        // Only one mode asks who the client is, which behind a proxy takes a moment.
        let by_client = sticky.mode == StickyMode::Source;
        let client = if by_client { arrived.client() } else { arrived.connection.peer().ip() };
        AffinityInput { head: arrived.head, client, now: arrived.now(), purpose: Purpose::Take }
    }
}

impl InPool<'_> {
    /// Whether it names a session that the table here does not have, and there are servers that may.
    pub(crate) fn may_be_known_elsewhere(&self) -> bool {
        self.belongs.named
            && self.belongs.lives.is_none()
            && self.belongs.key.is_some()
            && self.arrived().connection.worker().shared.sharing.is_on()
    }

    /// Asks the servers that machines share, and looks the session up again. Where they know nothing, or take too long, it is as
    /// before.
    pub(crate) async fn ask_elsewhere(&mut self) {
        let pool = self.target.pool();
        let Some(sticky) = &pool.settings.sticky else { return };
        let input = self.routed.affinity_input(sticky);
        let place = |key| SessionPlace { pool: Arc::clone(pool.name()), key };
        let places = affinity::keys(pool, &input).into_iter().map(place).collect();
        self.arrived().connection.worker().shared.sharing.ask(places).await;
        self.belongs = Affinity::of(pool, &input);
    }

    /// Counts what came of the look-up.
    pub(crate) fn count_lookup(&self) {
        if self.pool().settings.sticky.is_none() {
            return;
        }
        let result = match self.session {
            SessionOutcome::None if self.belongs.named => "unknown",
            word => word.word(),
        };
        self.target.running().counters.session(result);
    }

    /// Whether the session's node failed this request, but is still active. Then the session stays there, because one
    /// reset is no reason to move it. If the node was passive and therefore not asked, the session moves, even if the
    /// node is active again by now.
    pub(crate) fn is_helped_out(&self, bound: u32, failed: &Tried) -> bool {
        let pool = self.pool();
        pool.member_of(bound).is_some_and(|member| failed.has(member)) && pool.serves_sessions(bound, self.now())
    }

    /// Whether it lives where it did, though another node answers.
    fn is_away(&self, failed: &Tried) -> bool {
        self.session == SessionOutcome::Away
            && self.belongs.bound.is_some_and(|bound| self.is_helped_out(bound, failed))
    }

    /// Binds sessions to the node that answered: the one that the node named, and the one that the request came with if
    /// it had to move. Also one that the table does not know, if the node answered with success and named no other: so
    /// a table that was lost fills again.
    pub(crate) fn learn(&mut self, attempt: &Attempt, answer: &AnswerHead, failed: &Tried) {
        let target = self.target.clone();
        let pool = target.pool();
        let (Some(sessions), Some(sticky)) = (&pool.sessions, &pool.settings.sticky) else { return };
        let Some(number) = pool.members.get(attempt.member).map(|member| member.number) else { return };
        let by_client = sticky.mode == StickyMode::Source;
        let named = if by_client { None } else { self.learn_named(sessions, sticky, number, answer) };
        let binds = match self.belongs.bound {
            // It lives here already, and the look-up has noted its use.
            Some(_) if self.belongs.lives == Some(number) => false,
            Some(_) => !self.is_away(failed),
            // The table does not know it. If the node named another id, it did not accept this one. Clients can make up
            // ids, but not addresses, so an address is always bound.
            None => by_client || !(named.is_some() || answer.status() >= 400 || is_crowded(sessions, sticky)),
        };
        let came = self.belongs.key.filter(|_| binds);
        let bound = came.filter(|key| self.bind(sessions, *key, number, BindKind::Moved).is_some());
        if let Some(key) = named.or(bound) {
            // The session that the request is a use of from here on.
            self.belongs = Affinity { key: Some(key), lives: Some(number), used: self.now(), ..self.belongs };
        }
    }

    /// The request leaves its node. One that took long is a use of its session to its end, so that idle time counts
    /// from the end of a download or a tunnel. To be called while its permit is held, for a drain waits for that.
    pub(crate) fn end_try(&self, attempt: &Attempt) {
        let (pool, now) = (self.pool(), self.now());
        let Some(node) = pool.members.get(attempt.member) else { return };
        let Some(sessions) = &pool.sessions else { return node.load.note_use(now) };
        let lives_there = self.belongs.lives == Some(node.number) && now.since(self.belongs.used) >= LONG;
        if let Some(key) = self.belongs.key.filter(|_| lives_there) {
            self.bind(sessions, key, node.number, BindKind::Moved);
        }
    }

    /// The session that the node named, the last one where there are several.
    fn learn_named(
        &mut self,
        sessions: &Sessions,
        sticky: &Sticky,
        number: u32,
        answer: &AnswerHead,
    ) -> Option<SessionKey> {
        let mut named = None;
        for field in answer.fields().filter(|field| field.kind == FieldKind::SetCookie) {
            if let Some(id) = session_id::set_cookie(field.value, sticky.cookie.as_bytes()) {
                let key = sessions.key(id);
                named = Some(key);
                let bound = self.bind(sessions, key, number, BindKind::Learned);
                if bound == Some(sessions::BindResult::New) {
                    self.target.running().counters.learned();
                }
                let is_news = bound.is_some_and(|bound| bound != sessions::BindResult::Same);
                if is_news && !matches!(self.session, SessionOutcome::Rebound | SessionOutcome::Away) {
                    self.session = SessionOutcome::Learned;
                }
            }
        }
        named
    }

    /// Binds a session. The one that this request came with only where it lives as it did then: while this answer was
    /// waited for another request may have moved it.
    fn bind(&self, sessions: &Sessions, key: SessionKey, number: u32, kind: BindKind) -> Option<sessions::BindResult> {
        let binding = if self.belongs.key == Some(key) {
            sessions.bind_from(self.belongs.lives, key, number, self.now(), kind)?
        } else {
            sessions.bind(key, number, self.now(), kind)
        };
        self.target.running().counters.evicted(u64::from(binding.evicted));
        if binding.bound != sessions::BindResult::Same {
            self.has_bound.set(true);
            let moved = matches!(binding.bound, sessions::BindResult::Moved(_));
            self.arrived().connection.worker().shared.sharing.bound(self.pool().name(), key, moved);
        }
        Some(binding.bound)
    }

    /// The value of Set-Cookie with which Weir tells the client its node, where that is news.
    pub(crate) fn own_cookie(&self, attempt: &Attempt, failed: &Tried) -> Option<Vec<u8>> {
        let pool = self.pool();
        let sticky = pool.settings.sticky.as_ref()?;
        let (StickyMode::Cookie(attributes), Some(tokens)) = (&sticky.mode, &pool.tokens) else { return None };
        let member = attempt.member;
        let here = self.belongs.bound == pool.members.get(member).map(|member| member.number);
        let will_return = self.belongs.bound.is_some() && sticky.failback == Failback::Return;
        if here || will_return || self.is_away(failed) {
            return None;
        }
        let mut value = Vec::with_capacity(128);
        own_cookie::set_cookie(&mut value, &sticky.cookie, tokens.token(member), attributes, self.arrived().by_https());
        Some(value)
    }
}

fn is_crowded(sessions: &Sessions, sticky: &Sticky) -> bool {
    sessions.len().saturating_mul(8) >= sticky.max_sessions.saturating_mul(CROWDED)
}
