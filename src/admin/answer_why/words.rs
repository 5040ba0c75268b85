//! What is said of nodes, sessions and ways to choose.

use crate::config::Balance;
use crate::traffic::pool::Pool;
use crate::traffic::pool::affinity::Affinity;
use crate::traffic::pool::member::Member;
use crate::traffic::pool::state::Reason;

/// How a pool chooses a node for a connection.
pub(super) fn method(balance: &Balance) -> &'static str {
    match balance {
        Balance::RoundRobin => "turns",
        Balance::LeastRequests => "who has the fewest requests and connections",
        Balance::LeastTime => "who answers soonest",
        Balance::RandomTwo => "who has less to do of two",
        Balance::Hash(_) | Balance::Ring(_) => "a hash of the client's address",
    }
}

/// Why a node is passive: the reason, and what was seen.
pub(super) fn passive(member: &Member, reason: Reason) -> String {
    let seen = member.seen(reason).map(|seen| format!(": {seen}")).unwrap_or_default();
    format!("it is passive ({}){seen}", reason.word())
}

/// `asks_others`: servers that machines share would be asked for one that is not known.
pub(super) fn session_in_words(pool: &Pool, session: &Affinity, asks_others: bool) -> String {
    if pool.settings.sticky.is_none() {
        return format!("pool {}: keeps no sessions", pool.name());
    }
    let node = |number| pool.member_of(number).and_then(|member| pool.members.get(member)).map(|member| &member.label);
    match session.bound {
        Some(number) => match node(number) {
            Some(label) if session.returns() => format!("session: returns to {label}, where it began"),
            Some(label) => format!("session: lives on {label}"),
            None => "session: its node is in this pool no longer".to_owned(),
        },
        None if session.named => match session.prefers.and_then(node) {
            _ if asks_others && session.lives.is_none() && session.key.is_some() => {
                "session: not known here; the servers of [shared] would be asked, and what follows holds where they do not know it either".to_owned()
            }
            Some(label) => format!("session: not known here; its id names {label}, which gets it if it takes new ones"),
            None => "session: not known here".to_owned(),
        },
        None => "session: none is named".to_owned(),
    }
}
