//! What pools and nodes say arrives, and what they do not say is as the reference says.

use std::time::Duration;

use weir::config::{
    ActiveNodes, Address, Balance, Failback, HashOn, Member, OnLost, OwnCookie, Pool, Queue, SameSite, StickyMode,
    WhenNone,
};

use super::Directory;

/// Three nodes, the last one by name, and a pool of them with this text in it.
fn pool(name: &str, text: &str) -> Pool {
    let directory = Directory::new(&format!("pool-{name}"));
    let nodes = if text.contains("nodes = ") { "" } else { "nodes = [\"a\", \"b\"]" };
    let file = format!("{NODES}\n[[pool]]\nname = \"web\"\nport = 8281\n{nodes}\n{text}\n{SITE}");
    let config = directory.load(&file).map_err(|errors| errors.to_string()).unwrap();
    config.pools.into_iter().next().unwrap()
}

fn warnings(name: &str, text: &str) -> Vec<String> {
    let directory = Directory::new(&format!("warned-{name}"));
    let file = format!("{NODES}\n[[pool]]\nname = \"web\"\nport = 8281\n{text}\n{SITE}");
    let config = directory.load(&file).map_err(|errors| errors.to_string()).unwrap();
    let warnings = config.warnings.into_iter().map(|warning| warning.what);
    warnings.filter(|what| !what.ends_with("is in no pool")).collect()
}

const NODES: &str = r#"
[[listener]]
name = "http"
bind = "127.0.0.1:8080"
[[node]]
name = "a"
address = "10.0.0.3"
[[node]]
name = "b"
address = "10.0.0.4"
route = "node.2"
[[node]]
name = "c"
address = "C.example.COM."
"#;

const SITE: &str = r#"
[[site]]
name = "all"
listener = "http"
default = true
pool = "web"
"#;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_pool_that_says_nothing_has_these_defaults() {
    let pool = pool("defaults", "sticky = {}\nhealth = { probes = [{ kind = \"tcp\" }] }");
    let member = |node| Member { node, weight: 1, backup: false, max_requests: None, slow_start: Duration::ZERO };
    assert_eq!(pool.members, [member(0), member(1)]);
    assert_eq!((&pool.balance, pool.active, pool.queue), (&Balance::RoundRobin, None, None));
    let (retry, eject) = (&pool.retry, &pool.eject);
    assert_eq!((retry.tries, retry.time, retry.budget), (2, seconds(30), 20));
    assert_eq!((retry.on_connect, retry.on_reset, retry.on_timeout, retry.on_status.len()), (true, true, true, 0));
    assert_eq!((eject.failures, eject.within, eject.first, eject.most), (3, seconds(10), seconds(10), seconds(300)));
    assert_eq!((eject.statuses.len(), eject.max_ejected, pool.when_none), (0, 50, WhenNone::Fail));
    assert_eq!(pool.health.unwrap().patience, seconds(15));
    assert_eq!(pool.timeouts.handshake, seconds(15));
    let sticky = pool.sticky.unwrap();
    assert_eq!((&sticky.mode, &*sticky.cookie, sticky.idle), (&StickyMode::Learn, "JSESSIONID", seconds(35 * 60)));
    assert_eq!((sticky.max_sessions, sticky.failback, sticky.on_lost), (1_000_000, Failback::Stay, OnLost::Rebind));
}

#[test]
fn methods() {
    for (text, expected) in [
        ("balance = \"round-robin\"", Balance::RoundRobin),
        ("balance = \"least-requests\"", Balance::LeastRequests),
        ("balance = \"least-time\"", Balance::LeastTime),
        ("balance = \"random-two\"", Balance::RandomTwo),
        ("balance = \"hash\"\nhash = { on = \"client\" }", Balance::Hash(HashOn::Client)),
        ("balance = \"hash\"\nhash = { on = \"client\", ring = \"ketama\" }", Balance::Ring(HashOn::Client)),
        ("balance = \"hash\"\nhash = { on = \"client\", ring = \"rendezvous\" }", Balance::Hash(HashOn::Client)),
        ("balance = \"hash\"\nhash = { on = \"path\" }", Balance::Hash(HashOn::Path)),
        (
            "balance = \"hash\"\nhash = { on = \"header\", name = \"X-Tenant\" }",
            Balance::Hash(HashOn::Header("X-Tenant".into())),
        ),
        ("balance = \"hash\"\nhash = { on = \"cookie\", name = \"SID\" }", Balance::Hash(HashOn::Cookie("SID".into()))),
        (
            "balance = \"hash\"\nhash = { on = \"client\" }\nnodes = [\"a\", { node = \"b\", backup = true }]",
            Balance::Hash(HashOn::Client),
        ),
        ("balance = \"hash\"\nhash = { on = \"client\" }\nactive = {}", Balance::Hash(HashOn::Client)),
    ] {
        assert_eq!(pool("methods", text).balance, expected, "{text}");
    }
}

#[test]
fn members_say_what_the_pool_says_unless_they_say_otherwise() {
    let pool = pool(
        "members",
        "nodes = [\"a\", { node = \"b\", weight = 3, backup = true, max-requests = 5, slow-start = \"0s\" }]\n\
         max-requests = 200\nslow-start = \"60s\"",
    );
    let member = |node, weight, backup, max, slow| Member {
        node,
        weight,
        backup,
        max_requests: Some(max),
        slow_start: seconds(slow),
    };
    assert_eq!(pool.members, [member(0, 1, false, 200, 60), member(1, 3, true, 5, 0)]);
}

#[test]
fn active_nodes_and_the_queue() {
    let active = |start, max, in_flight_per_node, above_for, cool_down| {
        let (above_for, cool_down) = (seconds(above_for), seconds(cool_down));
        Some(ActiveNodes { start, max, in_flight_per_node, above_for, cool_down })
    };
    assert_eq!(pool("active", "active = {}").active, active(1, 2, 100, 30, 300));
    let written = "active = { start = 1, max = 2, in-flight-per-node = 7, for = \"5s\", cool-down = \"1m\" }";
    assert_eq!(pool("active", written).active, active(1, 2, 7, 5, 60));
    // One of two at all times, the other stands by for it.
    assert_eq!(pool("active", "active = { start = 1, max = 1 }").active, active(1, 1, 100, 30, 300));
    // How many nodes a name is, only the name knows.
    assert_eq!(pool("active", "nodes = [\"c\"]\nactive = { start = 2 }").active, active(2, u32::MAX, 100, 30, 300));
    assert_eq!(pool("active", "nodes = [\"c\"]\nactive = { start = 2, max = 9 }").active, active(2, 9, 100, 30, 300));

    let queue = |size, wait| Some(Queue { size, wait: seconds(wait) });
    assert_eq!(pool("queue", "max-requests = 10\nqueue = {}").queue, queue(100, 10));
    assert_eq!(pool("queue", "max-requests = 10\nqueue = { size = 5, wait = \"1s\" }").queue, queue(5, 1));
    let one_limit = "nodes = [\"a\", { node = \"b\", max-requests = 3 }]\nqueue = {}";
    assert_eq!(pool("queue", one_limit).queue, queue(100, 10));
}

#[test]
fn retries_ejection_and_what_is_tried_when_none_passes() {
    let pool = pool(
        "failures",
        "tries = 2\nretry-time = \"5s\"\nretry-budget = \"100%\"\nretry-on = [\"reset\", \"429,502-504\", \"500\"]\n\
         eject = { failures = 5, within = \"1m\", for = \"2s\", max-for = \"4s\", statuses = \"500-599\", max-ejected = \"0%\" }\n\
         when-none = \"all\"\nhealth = { probes = [{ kind = \"tcp\" }], patience = \"0s\" }\n\
         timeouts = { handshake = \"3s\" }",
    );
    let (retry, eject) = (&pool.retry, &pool.eject);
    assert_eq!((retry.tries, retry.time, retry.budget), (2, seconds(5), 100));
    assert_eq!((retry.on_connect, retry.on_reset, retry.on_timeout), (false, true, false));
    assert_eq!(retry.on_status, [429..=429, 502..=504, 500..=500]);
    assert_eq!((eject.failures, eject.within, eject.first, eject.most), (5, seconds(60), seconds(2), seconds(4)));
    assert_eq!((&eject.statuses[..], eject.max_ejected), (&[500..=599][..], 0));
    assert_eq!((pool.when_none, pool.health.unwrap().patience), (WhenNone::All, Duration::ZERO));
    assert_eq!(pool.timeouts.handshake, seconds(3));
}

#[test]
fn a_first_ejection_longer_than_the_usual_longest_is_the_longest() {
    let eject = pool("eject", "eject = { for = \"10m\" }").eject;
    assert_eq!((eject.first, eject.most), (seconds(600), seconds(600)));
    assert_eq!(pool("eject", "eject = { failures = 0 }").eject.failures, 0);
    assert_eq!(pool("eject", "eject = { for = \"0s\" }").eject.first, Duration::ZERO);
}

#[test]
fn more_tries_than_nodes_are_as_many_as_there_are_unless_one_has_a_name() {
    assert_eq!(pool("tries", "tries = 9").retry.tries, 2);
    assert_eq!(pool("tries", "nodes = [\"a\"]").retry.tries, 1);
    assert_eq!(pool("tries", "nodes = [\"c\"]\ntries = 9").retry.tries, 9);
}

#[test]
fn sticky_modes() {
    let sticky = |text: &str| pool("sticky", &format!("sticky = {{ {text} }}")).sticky.unwrap();
    let own = sticky("mode = \"cookie\"");
    let usual = OwnCookie { path: "/".into(), secure: None, http_only: true, same_site: SameSite::Lax };
    assert_eq!((own.mode, &*own.cookie), (StickyMode::Cookie(usual), "WEIRNODE"));
    let own = sticky(
        "mode = \"cookie\", cookie = \"NODE\", path = \"/services\", secure = false, http-only = false, same-site = \"strict\", failback = \"return\"",
    );
    let written =
        OwnCookie { path: "/services".into(), secure: Some(false), http_only: false, same_site: SameSite::Strict };
    assert_eq!((own.mode, &*own.cookie, own.failback), (StickyMode::Cookie(written), "NODE", Failback::Return));
    let route = sticky("mode = \"route\", on-lost = \"refuse\", idle = \"1h\"");
    assert_eq!((route.mode, &*route.cookie, route.on_lost), (StickyMode::Route, "JSESSIONID", OnLost::Refuse));
    assert_eq!(route.idle, seconds(3600));
    let source = sticky("mode = \"source\", max-sessions = 10, failback = \"when-idle\"");
    assert_eq!((source.mode, source.max_sessions), (StickyMode::Source, 10));
    assert_eq!(source.failback, Failback::WhenIdle(seconds(60)));
    let learn = sticky("failback = \"when-idle\", failback-idle = \"5m\"");
    assert_eq!((learn.mode, learn.failback), (StickyMode::Learn, Failback::WhenIdle(seconds(300))));
    let none = sticky("mode = \"cookie\", same-site = \"none\", secure = true");
    assert!(
        matches!(none.mode, StickyMode::Cookie(own) if own.same_site == SameSite::None && own.secure == Some(true))
    );
}

#[test]
fn nodes_have_an_address_or_a_name_and_a_route() {
    let directory = Directory::new("nodes");
    let text = format!("[dns]\nservers = [\"10.0.0.53\", \"[fd00::53]:5353\"]\n{NODES}");
    let config = directory.load(&text).unwrap();
    assert_eq!(config.nodes[0].address, Address::Ip("10.0.0.3".parse().unwrap()));
    assert_eq!(config.nodes[2].address, Address::Name("c.example.com".into()));
    let routes: Vec<&str> = config.nodes.iter().map(|node| &*node.route).collect();
    assert_eq!(routes, ["a", "node.2", "c"]);
    assert_eq!(config.dns.servers, ["10.0.0.53:53".parse().unwrap(), "[fd00::53]:5353".parse().unwrap()]);
    assert_eq!(directory.load(NODES).unwrap().dns.servers, []);
}

#[test]
fn listeners_bound_their_connections() {
    let directory = Directory::new("connections");
    let listener = |text: &str| {
        let config = directory.load(&format!("[[listener]]\nname = \"a\"\nbind = \"[::1]:80\"\n{text}")).unwrap();
        (config.listeners[0].max_connections, config.listeners[0].max_connections_per_client)
    };
    assert_eq!(listener(""), (None, None));
    assert_eq!(listener("max-connections = 10\nmax-connections-per-client = 10"), (Some(10), Some(10)));
    assert_eq!(listener("max-connections-per-client = 5"), (None, Some(5)));
}

#[test]
fn slow_start_of_one_node_is_warned_of() {
    let what = "slow-start has no effect in a pool of one node: it gets everything";
    assert_eq!(warnings("one", "nodes = [\"a\"]\nslow-start = \"60s\""), [what]);
    assert_eq!(warnings("one", "nodes = [{ node = \"a\", slow-start = \"60s\" }]"), [what]);
    assert_eq!(warnings("one", "nodes = [\"c\"]\nslow-start = \"60s\""), [""; 0]);
    assert_eq!(warnings("one", "nodes = [\"a\", \"b\"]\nslow-start = \"60s\""), [""; 0]);
}

#[test]
fn more_nodes_than_sessions_can_tell_apart_are_refused() {
    let node = |nth: usize| format!("[[node]]\nname = \"m{nth}\"\naddress = \"10.{}.{}.1\"\n", nth / 256, nth % 256);
    let many: String = (0..65_533).map(node).collect();
    let directory = Directory::new("many-nodes");
    let pool = "[[pool]]\nname = \"web\"\nport = 8281\nnodes = [\"a\", \"b\"]\n";
    let errors = directory.load(&format!("{NODES}\n{many}{pool}{SITE}")).map_err(|errors| errors.to_string());
    let said = errors.expect_err("it is refused");
    assert!(said.contains("there are 65536 nodes, at most 65535"), "{said}");
}

#[test]
fn a_key_of_an_earlier_version_is_read_as_what_it_is_now_and_warned_of() {
    let (old, now) = (pool("former", "eject-for = \"30s\"").eject, pool("now", "eject = { for = \"30s\" }").eject);
    assert_eq!((old.first, old), (seconds(30), now));
    let beside = pool("beside", "eject-for = \"30s\"\neject = { failures = 7 }").eject;
    assert_eq!((beside.first, beside.failures), (seconds(30), 7));
    let told = warnings("former", "nodes = [\"a\", \"b\"]\neject-for = \"30s\"");
    assert_eq!(told, ["eject-for in [[pool]] is now eject.for, and is read as that"]);
    let wrong = Directory::new("former-wrong");
    let file = format!("{NODES}\n[[pool]]\nname = \"web\"\nport = 8281\nnodes = [\"a\"]\neject-for = 30\n{SITE}");
    let errors = wrong.load(&file).expect_err("it is no duration").to_string();
    assert!(errors.contains(":20: for must be a duration"), "{errors}");
}
