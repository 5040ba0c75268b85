//! Finds the node of a request's session, by the pool's sticky mode. Also makes the input of the balancing method.

use std::io::Write;
use std::net::IpAddr;

use super::{Pool, Purpose};
use crate::config::{Balance, HashOn, Sticky, StickyMode};
use crate::traffic::affinity::session_id;
use crate::traffic::affinity::sessions;
use crate::traffic::affinity::sessions::{FoundSession, SessionKey, Sessions, source_key};
use crate::traffic::balance::PickInput;
use crate::traffic::tick::Tick;
use crate::wire::RequestHead;

/// What is known of a request's session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Affinity {
    /// Its key in the session table. If no id of the request is in the table, the key of the first id.
    pub key: Option<SessionKey>,
    /// The number of the node for this request: where the session lives, or where it returns.
    pub bound: Option<u32>,
    /// The number of the node whose route is in the id, if the table does not have the session.
    pub prefers: Option<u32>,
    /// The number of the node in the session table.
    pub lives: Option<u32>,
    /// When the table last noted a use.
    pub used: Tick,
    /// Whether the request has a session id.
    pub named: bool,
}

impl Affinity {
    /// Whether the session returns from another node to its home.
    pub fn returns(&self) -> bool {
        self.lives.is_some() && self.lives != self.bound
    }
}

/// The input for [`Affinity::of`].
#[derive(Clone, Copy)]
pub struct AffinityInput<'a> {
    /// The request.
    pub head: &'a RequestHead,
    /// The client's address.
    pub client: IpAddr,
    /// Now.
    pub now: Tick,
    /// Whether looking up the session counts as a use.
    pub purpose: Purpose,
}

impl Affinity {
    /// Finds the session of a request in this pool.
    pub fn of(pool: &Pool, input: &AffinityInput<'_>) -> Self {
        let Some(sticky) = &pool.settings.sticky else { return Self::default() };
        match (&sticky.mode, &pool.sessions) {
            (StickyMode::Learn, Some(sessions)) => learned(pool, sticky, sessions, input),
            (StickyMode::Source, Some(sessions)) => {
                let key = sessions.key(&source_key(input.client));
                let nothing = Self { key: Some(key), named: true, ..Self::default() };
                known(pool, sticky, sessions, key, input).unwrap_or(nothing)
            }
            (StickyMode::Cookie(_), _) => by_cookie(pool, sticky, input),
            (StickyMode::Route, _) => by_route(pool, sticky, input),
            (StickyMode::Learn | StickyMode::Source, None) => Self::default(),
        }
    }
}

/// The most ids of one request that are asked for elsewhere. Clients of WSO2 send two where two paths have a cookie of that name.
const MOST_IDS: usize = 4;

/// The keys under which the session of a request may be known: those of its first ids.
pub fn keys(pool: &Pool, input: &AffinityInput<'_>) -> Vec<SessionKey> {
    match (&pool.settings.sticky, &pool.sessions) {
        (Some(sticky), Some(sessions)) if sticky.mode == StickyMode::Source => {
            vec![sessions.key(&source_key(input.client))]
        }
        (Some(sticky), Some(sessions)) => ids(sticky, input.head).take(MOST_IDS).map(|id| sessions.key(id)).collect(),
        _ => Vec::new(),
    }
}

/// Tries every value of the cookie, then the path. If no id is in the table, the route in an id counts.
fn learned(pool: &Pool, sticky: &Sticky, sessions: &Sessions, input: &AffinityInput<'_>) -> Affinity {
    let (mut first, mut best) = (None, None);
    for id in ids(sticky, input.head) {
        let key = sessions.key(id);
        first.get_or_insert(key);
        let Some(found) = known(pool, sticky, sessions, key, input) else { continue };
        // The first known session counts, unless its node cannot serve and that of a later one can.
        let at_home = found.bound.is_some_and(|number| pool.serves_sessions(number, input.now));
        if best.is_none() || at_home {
            best = Some(found);
        }
        if at_home {
            break;
        }
    }
    // The table may have lost this id, or the client may have invented it.
    let unknown =
        || Affinity { key: first, prefers: routed(pool, sticky, input), named: first.is_some(), ..Affinity::default() };
    best.unwrap_or_else(unknown)
}

fn known(
    pool: &Pool,
    sticky: &Sticky,
    sessions: &Sessions,
    key: SessionKey,
    input: &AffinityInput<'_>,
) -> Option<Affinity> {
    let found: FoundSession = match input.purpose {
        Purpose::Take => sessions.find(key, input.now)?,
        Purpose::Peek => sessions.peek(key, input.now)?,
    };
    // A node that is draining keeps the sessions that it has and gets none back; a standby does not serve.
    let home = pool.member_of(found.home);
    let takes_back = home.is_some_and(|home| pool.members[home].state.takes_any(input.now, true));
    let number = sessions::failback(sticky.failback, &found, takes_back);
    let (bound, lives) = (Some(number), Some(found.node));
    Some(Affinity { key: Some(key), bound, lives, used: input.now, named: true, ..Affinity::default() })
}

/// For Weir's own cookie. Unknown values are ignored.
fn by_cookie(pool: &Pool, sticky: &Sticky, input: &AffinityInput<'_>) -> Affinity {
    let mut values = session_id::values(input.head, sticky.cookie.as_bytes()).peekable();
    let named = values.peek().is_some();
    let member = pool.tokens.as_ref().and_then(|tokens| values.find_map(|value| tokens.find(value)));
    let bound = member.and_then(|member| pool.members.get(member)).map(|member| member.number);
    Affinity { bound, named, ..Affinity::default() }
}

fn by_route(pool: &Pool, sticky: &Sticky, input: &AffinityInput<'_>) -> Affinity {
    let named = ids(sticky, input.head).next().is_some();
    Affinity { bound: routed(pool, sticky, input), named, ..Affinity::default() }
}

fn routed(pool: &Pool, sticky: &Sticky, input: &AffinityInput<'_>) -> Option<u32> {
    ids(sticky, input.head).find_map(|id| pool.routed(id))
}

fn ids<'a>(sticky: &'a Sticky, head: &'a RequestHead) -> impl Iterator<Item = &'a [u8]> {
    let name = sticky.cookie.as_bytes();
    session_id::values(head, name).chain(session_id::path_parameter(head.path(), name))
}

/// Makes the input of the balancing method for a connection of which only the client's address is known.
pub fn pick_input_of_client(pool: &Pool, client: IpAddr, random: impl FnOnce() -> u64) -> PickInput {
    match &pool.settings.balance {
        Balance::Hash(_) | Balance::Ring(_) => PickInput { key: client_key(pool, client), ..PickInput::default() },
        Balance::RandomTwo | Balance::LeastRequests | Balance::LeastTime => {
            PickInput { random: random(), ..PickInput::default() }
        }
        Balance::RoundRobin => PickInput::default(),
    }
}

/// Makes the input of the balancing method. `client` and `random` are called only if the method needs them.
pub fn pick_input(
    pool: &Pool,
    head: &RequestHead,
    client: impl FnOnce() -> IpAddr,
    random: impl FnOnce() -> u64,
) -> PickInput {
    let on = match &pool.settings.balance {
        Balance::Hash(on) | Balance::Ring(on) => on,
        // The last two use random numbers only while a node is in slow start.
        Balance::RandomTwo | Balance::LeastRequests | Balance::LeastTime => {
            return PickInput { random: random(), ..PickInput::default() };
        }
        Balance::RoundRobin => return PickInput::default(),
    };
    let found = match on {
        HashOn::Client => None,
        HashOn::Header(name) => head.field(name.as_bytes()),
        HashOn::Cookie(name) => session_id::values(head, name.as_bytes()).next(),
        HashOn::Path => head.path().split(|byte| *byte == b';').next(),
    };
    let key = found.map_or_else(|| client_key(pool, client()), |bytes| pool.balancer.key(bytes));
    PickInput { key, ..PickInput::default() }
}

/// The key of a client. nginx hashes the address as it is written.
fn client_key(pool: &Pool, client: IpAddr) -> u64 {
    if !matches!(pool.settings.balance, Balance::Ring(_)) {
        return pool.balancer.key(&source_key(client));
    }
    let mut room = [0; LONGEST_ADDRESS];
    let mut rest = &mut room[..];
    // No address is longer than the room.
    let _ = write!(rest, "{client}");
    let left = rest.len();
    pool.balancer.key(room.get(..LONGEST_ADDRESS - left).unwrap_or_default())
}

/// An IPv6 address that holds an IPv4 address, with all digits.
const LONGEST_ADDRESS: usize = 45;
