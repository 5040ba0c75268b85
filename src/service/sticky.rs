//! A request's session: looked up before a node is picked, learned from what the node answers.

use std::rc::Rc;

use super::trip::{SessionWord, Trip};
use crate::traffic::cookies;
use crate::traffic::sessions::Bound;
use crate::traffic::snapshot::Tried;
use crate::wire::{AnswerHead, FieldKind};

impl Trip<'_> {
    /// The name of the cookie whose values no log may show.
    pub(super) fn session_cookie(&self) -> &str {
        self.site().and_then(|_| self.pool_settings().sticky.as_ref()).map_or("", |sticky| &sticky.cookie)
    }

    /// Looks the session up: every value of the cookie, then the path, then a route suffix.
    pub(crate) fn find_session(&mut self) {
        let place = Rc::clone(&self.place);
        let index = self.pool_index();
        let (pool, settings) =
            (&place.generation.snapshot.pools[index], &place.generation.snapshot.config.pools[index]);
        let (Some(sessions), Some(sticky)) = (&pool.sessions, &settings.sticky) else { return };
        let now = self.now();
        let name = sticky.cookie.as_bytes();
        let ids = || cookies::values(self.head, name).chain(cookies::path_parameter(self.head.path(), name));
        let mut first = None;
        let mut found = None;
        for id in ids() {
            let key = sessions.key(id);
            first.get_or_insert(key);
            if let Some(number) = sessions.find(key, now) {
                found.get_or_insert((key, number));
                if pool.bound(number, &self.tried, now).is_some() {
                    found = Some((key, number));
                    break;
                }
            }
        }
        let by_route = || ids().filter_map(cookies::route).find_map(|route| pool.routed(route));
        let bound = found.map(|(_, number)| number).or_else(by_route);
        self.names_session = first.is_some();
        self.key = found.map(|(key, _)| key).or(first.filter(|_| bound.is_some()));
        self.bound = bound;
    }

    /// Counts what came of the look-up, once a request.
    pub(super) fn count_lookup(&self) {
        if self.tries > 0 || self.pool().sessions.is_none() {
            return;
        }
        let result = match self.session {
            SessionWord::None if self.names_session => "unknown",
            word => word.word(),
        };
        self.place.generation.pools[self.pool_index()].counters.session(result);
    }

    /// Learns the session that the node named, or binds the one that had to move.
    pub(crate) fn learn(&mut self, answer: &AnswerHead) {
        let place = Rc::clone(&self.place);
        let index = self.pool_index();
        let pool = &place.generation.snapshot.pools[index];
        let settings = &place.generation.snapshot.config.pools[index];
        let (Some(sessions), Some(sticky)) = (&pool.sessions, &settings.sticky) else { return };
        let Some(member) = self.member.and_then(|member| pool.members.get(member)) else { return };
        let now = self.now();
        // One reset is no reason to move: the session still lives where its node is active.
        let at_home = |number| pool.bound(number, &Tried::default(), now).is_some();
        let away = self.session == SessionWord::Rebound && self.bound.is_some_and(at_home);
        if let Some(key) = self.key.filter(|_| self.bound.is_some() && !away) {
            sessions.bind(key, member.number, now);
        }
        for field in answer.fields().filter(|field| field.kind == FieldKind::SetCookie) {
            if let Some(id) = cookies::set_cookie(field.value, sticky.cookie.as_bytes()) {
                let binding = sessions.bind(sessions.key(id), member.number, now);
                let bound = binding.bound;
                place.generation.pools[index].counters.evicted(u64::from(binding.evicted));
                if bound == Bound::New {
                    place.generation.pools[index].counters.learned();
                }
                if bound != Bound::Same && self.session != SessionWord::Rebound {
                    self.session = SessionWord::Learned;
                }
            }
        }
    }
}
