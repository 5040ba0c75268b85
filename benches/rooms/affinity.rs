//! The node of a request by its session, and what an answer changes of that.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use weir::traffic::affinity::session_id::set_cookie;
use weir::traffic::affinity::sessions::{BindKind, BindResult, Sessions, source_key};
use weir::traffic::pool::Purpose;
use weir::traffic::pool::affinity::{Affinity, AffinityInput};
use weir::traffic::tick::Tick;

use crate::configured::pool;
use crate::heads::request_with;
use crate::measure::{Criterion, measure};

const SESSIONS: usize = 100_000;
const NOW: Tick = Tick::from_millis(1_000);

/// The node of a session's id, the hash of it included.
pub(crate) fn session(criterion: &mut Criterion) {
    let sessions = Sessions::new(SESSIONS, Duration::from_secs(1800), [7; 16]);
    let ids: Vec<_> = (0..SESSIONS).map(|number| format!("{number:032X}")).collect();
    for id in &ids {
        sessions.bind(sessions.key(id.as_bytes()), 1, NOW, BindKind::Learned);
    }
    assert_eq!(sessions.len(), SESSIONS);
    let find = |id: &[u8]| sessions.find(sessions.key(id), NOW);
    let mut known = ids.iter().cycle();
    measure(criterion, "session/known", 0, || known.next().map(|id| find(id.as_bytes())));
    measure(criterion, "session/unknown", 0, || find(black_box(b"of nobody")));
}

/// The node of a request, by each way in which a pool keeps sessions.
pub(crate) fn find_node(criterion: &mut Criterion) {
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for mode in ["learn", "source", "cookie", "route"] {
        let pool = pool(mode, 2, &format!("sticky = {{ mode = \"{mode}\" }}"));
        let second = &pool.members[1];
        let token = pool.tokens.as_ref().map_or("", |tokens| std::str::from_utf8(tokens.token(1)).expect("digits"));
        let head = request_with(&format!("lang=en; WEIRNODE={token}; JSESSIONID=0123456789ABCDEF.w1"));
        if let Some(sessions) = &pool.sessions {
            for id in [&b"0123456789ABCDEF.w1"[..], &source_key(client)] {
                sessions.bind(sessions.key(id), second.number, NOW, BindKind::Learned);
            }
        }
        let of =
            || Affinity::of(&pool, &AffinityInput { head: black_box(&head), client, now: NOW, purpose: Purpose::Take });
        assert_eq!(of().bound, Some(second.number), "{mode}");
        measure(criterion, &format!("find-node/{mode}"), 0, of);
    }
}

/// The session that a Set-Cookie names: one that lives there already, and every time a new one in a full table.
pub(crate) fn learn(criterion: &mut Criterion) {
    let sessions = Sessions::new(SESSIONS, Duration::from_secs(1800), [7; 16]);
    let cookie = |number| format!("JSESSIONID={number:032X}; Path=/; Secure; HttpOnly");
    // By the time one comes again it is forgotten.
    let fields: Vec<_> = (0..SESSIONS * 2).map(cookie).collect();
    let learn = |field: &str| {
        let id = set_cookie(field.as_bytes(), b"JSESSIONID").expect("a session");
        sessions.bind(sessions.key(id), 1, NOW, BindKind::Learned)
    };
    let mut new = fields.iter().cycle();
    let mut learn_new = || new.next().map(|field| learn(field));
    for number in 0..fields.len() {
        assert_eq!(learn_new().map(|binding| binding.bound), Some(BindResult::New), "session {number}");
    }
    assert_eq!(sessions.len(), SESSIONS);
    measure(criterion, "learn/new", 0, learn_new);
    learn(&fields[0]);
    measure(criterion, "learn/known", 0, || learn(black_box(&fields[0])));
    assert_eq!(learn(&fields[0]).bound, BindResult::Same);
}
