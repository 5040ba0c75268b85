//! Which node the session of a request has, by what the request shows; and by what a request without one is balanced.

use std::net::IpAddr;

use super::super::affinity::{Affinity, AffinityInput, keys, pick_input, pick_input_of_client};
use super::*;
use crate::config::{Failback, OwnCookie, SameSite, Sticky, StickyMode};
use crate::traffic::affinity::sessions::{BindKind, SessionKey};
use crate::wire::{HeadLimits, RequestHead};

const CLIENT: &str = "10.1.2.3";

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn head(path: &str, fields: &str) -> RequestHead {
    let mut head = RequestHead::new();
    let text = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    head.parse(text.as_bytes(), &HeadLimits::default()).expect("a good head");
    head
}

/// A pool of three nodes whose sessions are kept in this way.
fn keeping(mode: StickyMode, failback: Failback) -> Pool {
    pool(3, |pool| pool.sticky = Some(Sticky { mode, failback, ..sticky(OnLost::Rebind) }))
}

fn input(head: &RequestHead) -> AffinityInput<'_> {
    AffinityInput { head, client: address(CLIENT), now: at(2), purpose: Purpose::Take }
}

/// What is known of the session of a request with this path and this Cookie.
fn of(pool: &Pool, path: &str, cookie: &str) -> Affinity {
    let field = if cookie.is_empty() { String::new() } else { format!("Cookie: {cookie}\r\n") };
    let head = head(path, &field);
    let found = Affinity::of(pool, &input(&head));
    let peeked = Affinity::of(pool, &AffinityInput { purpose: Purpose::Peek, ..input(&head) });
    let seen = |one: &Affinity| (one.key, one.bound, one.prefers, one.lives, one.named);
    assert_eq!(seen(&found), seen(&peeked), "who only asks sees the same");
    found
}

fn number(pool: &Pool, member: usize) -> Option<u32> {
    Some(pool.members[member].number)
}

fn key(pool: &Pool, id: &str) -> SessionKey {
    pool.sessions.as_ref().expect("a table").key(id.as_bytes())
}

fn lives(pool: &Pool, key: SessionKey, member: usize, kind: BindKind) {
    pool.sessions.as_ref().expect("a table").bind(key, pool.members[member].number, at(1), kind);
}

#[test]
fn a_learned_session_is_where_the_table_has_it_and_else_where_its_id_says() {
    let pool = keeping(StickyMode::Learn, Failback::Stay);
    lives(&pool, key(&pool, "known"), 1, BindKind::Learned);
    lives(&pool, key(&pool, "later.n0"), 2, BindKind::Learned);
    // Path, Cookie; the node it has, the one that its id names, and the id that it goes by.
    let rows = [
        ("/", "JSESSIONID=known", Some(1), None, Some("known")),
        ("/a;jsessionid=known", "", Some(1), None, Some("known")),
        ("/a;jsessionid=later.n0", "JSESSIONID=nobody", Some(2), None, Some("later.n0")),
        ("/", "JSESSIONID=known; JSESSIONID=later.n0", Some(1), None, Some("known")),
        ("/", "JSESSIONID=nobody; JSESSIONID=later.n0", Some(2), None, Some("later.n0")),
        ("/", "JSESSIONID=nobody; JSESSIONID=lost.n2", None, Some(2), Some("nobody")),
        ("/", "JSESSIONID=lost.n9", None, None, Some("lost.n9")),
        ("/", "other=known", None, None, None),
    ];
    for (path, cookie, bound, prefers, id) in rows {
        let found = of(&pool, path, cookie);
        let expected = bound.and_then(|member| number(&pool, member));
        assert_eq!((found.bound, found.lives), (expected, expected), "{path} {cookie}");
        assert_eq!(found.prefers, prefers.and_then(|member| number(&pool, member)), "{path} {cookie}");
        assert_eq!((found.key, found.named), (id.map(|id| key(&pool, id)), id.is_some()), "{path} {cookie}");
        assert!(!found.returns(), "{path} {cookie}");
        assert_eq!(found.used, if bound.is_some() { at(2) } else { at(0) }, "{path} {cookie}");
    }
}

#[test]
fn of_two_sessions_the_one_counts_whose_node_can_serve() {
    let pool = keeping(StickyMode::Learn, Failback::Stay);
    lives(&pool, key(&pool, "a"), 0, BindKind::Learned);
    lives(&pool, key(&pool, "b"), 1, BindKind::Learned);
    let both = "JSESSIONID=a; JSESSIONID=b";
    assert_eq!(of(&pool, "/", both).bound, number(&pool, 0));
    pool.members[0].state.set_operator(Operator::Maintenance, at(1));
    assert_eq!(of(&pool, "/", both).bound, number(&pool, 1));
    pool.members[1].state.set_operator(Operator::Maintenance, at(1));
    assert_eq!(of(&pool, "/", both).bound, number(&pool, 0), "where none can, it is the first");
}

#[test]
fn a_session_that_had_to_move_returns_where_its_pool_says_so() {
    for (failback, returns) in [(Failback::Stay, false), (Failback::Return, true)] {
        let pool = keeping(StickyMode::Learn, failback);
        lives(&pool, key(&pool, "a"), 0, BindKind::Learned);
        lives(&pool, key(&pool, "a"), 1, BindKind::Moved);
        let found = of(&pool, "/", "JSESSIONID=a");
        let node = number(&pool, if returns { 0 } else { 1 });
        assert_eq!((found.bound, found.lives, found.returns()), (node, number(&pool, 1), returns));
        // A home that drains gets none back.
        pool.members[0].state.set_operator(Operator::Draining, at(1));
        let found = of(&pool, "/", "JSESSIONID=a");
        assert_eq!((found.bound, found.returns()), (number(&pool, 1), false));
    }
}

#[test]
fn other_machines_are_asked_for_the_first_ids_of_a_request() {
    let pool = keeping(StickyMode::Learn, Failback::Stay);
    let cookie = "Cookie: JSESSIONID=a; x=1; JSESSIONID=b; JSESSIONID=c\r\nCookie: JSESSIONID=d; JSESSIONID=e\r\n";
    let of = |pool: &Pool, fields: &str| keys(pool, &input(&head("/", fields)));
    assert_eq!(of(&pool, cookie), ["a", "b", "c", "d"].map(|id| key(&pool, id)));
    assert_eq!(of(&pool, ""), []);
    // Addresses are known by one key, whatever the request shows.
    let pool = keeping(StickyMode::Source, Failback::Stay);
    let found = of(&pool, cookie);
    assert_eq!(found, [Affinity::of(&pool, &input(&head("/", ""))).key.expect("that of the address")]);
    assert_eq!(of(&keeping(StickyMode::Route, Failback::Stay), cookie), []);
}

#[test]
fn a_client_is_known_by_its_address() {
    let pool = keeping(StickyMode::Source, Failback::Stay);
    let first = of(&pool, "/", "JSESSIONID=a");
    assert_eq!((first.bound, first.named), (None, true));
    lives(&pool, first.key.expect("a key"), 2, BindKind::Learned);
    assert_eq!(of(&pool, "/", "").bound, number(&pool, 2));
    let head = head("/", "");
    let other = Affinity::of(&pool, &AffinityInput { client: address("10.1.2.4"), ..input(&head) });
    assert_eq!((other.bound, other.named), (None, true));
    assert_ne!(other.key, first.key);
}

#[test]
fn weirs_own_cookie_and_the_route_in_an_id_name_a_node() {
    let own = OwnCookie { path: "/".into(), secure: None, http_only: true, same_site: SameSite::Lax };
    let pool = keeping(StickyMode::Cookie(own), Failback::Stay);
    let token = String::from_utf8_lossy(pool.tokens.as_ref().expect("tokens").token(1)).into_owned();
    for (cookie, bound, named) in [
        (format!("JSESSIONID={token}"), Some(1), true),
        (format!("JSESSIONID=old; JSESSIONID={token}"), Some(1), true),
        ("JSESSIONID=invented".to_owned(), None, true),
        (format!("other={token}"), None, false),
    ] {
        let found = of(&pool, "/", &cookie);
        assert_eq!((found.bound, found.named), (bound.and_then(|member| number(&pool, member)), named), "{cookie}");
        assert_eq!((found.key, found.lives), (None, None));
    }
    let pool = keeping(StickyMode::Route, Failback::Stay);
    for (cookie, bound, named) in [
        ("JSESSIONID=a.n2", Some(2), true),
        ("JSESSIONID=a.n9", None, true),
        ("JSESSIONID=a; JSESSIONID=b.n0", Some(0), true),
        ("x=a.n2", None, false),
    ] {
        let found = of(&pool, "/", cookie);
        assert_eq!((found.bound, found.named), (bound.and_then(|member| number(&pool, member)), named), "{cookie}");
    }
}

/// By what a request is balanced: the key, and the random number.
fn balanced(balance: Balance, path: &str, fields: &str, client: &str) -> (u64, u64) {
    let pool = pool(3, |pool| pool.balance = balance);
    let input = pick_input(&pool, &head(path, fields), || address(client), || 7);
    (input.key, input.random)
}

#[test]
fn a_request_is_balanced_by_what_the_pool_says() {
    let hash = |on: &HashOn| Balance::Hash(on.clone());
    let ring = |on: &HashOn| Balance::Ring(on.clone());
    let rows = [
        (HashOn::Header("X-Tenant".into()), "/", "X-Tenant: gold\r\n", "gold"),
        (HashOn::Cookie("tenant".into()), "/", "Cookie: tenant=gold\r\n", "gold"),
        (HashOn::Path, "/a/b;v=1?x", "", "/a/b"),
    ];
    for balance in [&hash as &dyn Fn(&HashOn) -> Balance, &ring] {
        for (on, path, fields, by) in &rows {
            let expected = pool(3, |pool| pool.balance = balance(on)).balancer.key(by.as_bytes());
            assert_eq!(balanced(balance(on), path, fields, CLIENT), (expected, 0), "{on:?}");
        }
        // Who does not show it is balanced by the address, as all are where that is asked for.
        let of_client = balanced(balance(&HashOn::Client), "/", "X-Tenant: gold\r\n", CLIENT);
        for (on, ..) in &rows[..2] {
            assert_eq!(balanced(balance(on), "/", "", CLIENT), of_client, "{on:?}");
        }
        assert_ne!(balanced(balance(&HashOn::Client), "/", "", "10.1.2.4"), of_client);
        let alone =
            pick_input_of_client(&pool(3, |pool| pool.balance = balance(&HashOn::Client)), address(CLIENT), || 7);
        assert_eq!((alone.key, alone.random), of_client, "by a connection whose TLS is passed through, too");
    }
    // nginx hashes the address as it is written.
    let written = pool(3, |pool| pool.balance = Balance::Ring(HashOn::Client)).balancer.key(CLIENT.as_bytes());
    assert_eq!(balanced(Balance::Ring(HashOn::Client), "/", "", CLIENT), (written, 0));
    for (balance, random) in
        [(Balance::RoundRobin, 0), (Balance::RandomTwo, 7), (Balance::LeastRequests, 7), (Balance::LeastTime, 7)]
    {
        assert_eq!(balanced(balance.clone(), "/", "", CLIENT), (0, random), "{balance:?}");
        let pool = pool(3, |pool| pool.balance = balance.clone());
        let alone = pick_input_of_client(&pool, address(CLIENT), || 7);
        assert_eq!((alone.key, alone.random), (0, random), "{balance:?}");
    }
}
