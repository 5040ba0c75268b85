//! What the tests of sessions share: nodes that open sessions on demand, and clients that have one.

use serde_json::Value;

use crate::harness::{Answer, Appliance, Origin, Plan, Seen, eventually, ok_with};

/// Sessions are learned from JSESSIONID.
pub(crate) const LEARN: &str = "sticky = { mode = \"learn\" }";

/// A session of its own may say only who answered; /login/ID opens one, /fault/STATUS answers with that status,
/// /fault/STATUS/ID does both.
pub(crate) fn node(name: &str) -> Origin {
    let name = name.to_owned();
    Origin::answering(move |seen| answer(&name, seen))
}

/// What such a node answers.
pub(crate) fn answer(name: &str, seen: &Seen) -> Vec<u8> {
    let target = seen.target();
    let mut parts = target.split('/').skip(1);
    let cookie = |id: Option<&str>| {
        id.map_or_else(String::new, |id| format!("Set-Cookie: JSESSIONID={id}; Path=/; Secure; HttpOnly\r\n"))
    };
    match parts.next() {
        Some("login") => ok_with(&cookie(parts.next()), name),
        Some("fault") => {
            let status = parts.next().unwrap_or_default();
            let fields = cookie(parts.next());
            format!("HTTP/1.1 {status} Fault\r\n{fields}Content-Length: {}\r\n\r\n{name}", name.len()).into_bytes()
        }
        _ => ok_with("", name),
    }
}

/// Nodes n1, n2, … that answer with their names, and a Weir in front of them.
pub(crate) struct World {
    pub(crate) nodes: Vec<Origin>,
    pub(crate) weir: Appliance,
}

impl World {
    /// So many nodes, and a plan for the rest.
    #[track_caller]
    pub(crate) fn of(nodes: usize, plan: impl FnOnce(Plan) -> Plan) -> Self {
        let nodes: Vec<Origin> = (1..=nodes).map(|number| node(&format!("n{number}"))).collect();
        let weir = plan(Plan::before(&nodes.iter().collect::<Vec<_>>())).start();
        Self { nodes, weir }
    }

    /// The node of that name.
    pub(crate) fn node(&self, name: &str) -> &Origin {
        let number: usize = name.trim_start_matches('n').parse().expect("a node's name is n1, n2, …");
        &self.nodes[number - 1]
    }

    /// Opens a session; the answer is the node that opened it.
    #[track_caller]
    pub(crate) fn login(&self, id: &str) -> String {
        self.weir.get(&format!("/login/{id}")).text()
    }

    /// Opens sessions until one is on this node; the answer is its id.
    #[track_caller]
    pub(crate) fn login_on(&self, node: &str, name: &str) -> String {
        let ids = (0..50).map(|number| format!("{name}{number}"));
        ids.into_iter().find(|id| self.login(id) == node).unwrap_or_else(|| panic!("no login went to {node}"))
    }

    /// Which node serves this session.
    #[track_caller]
    pub(crate) fn of_session(&self, id: &str) -> String {
        self.with_cookie(&format!("JSESSIONID={id}")).text()
    }

    /// GET / with these cookies.
    #[track_caller]
    pub(crate) fn with_cookie(&self, cookies: &str) -> Answer {
        self.ask("/", cookies)
    }

    /// GET with these cookies.
    #[track_caller]
    pub(crate) fn ask(&self, target: &str, cookies: &str) -> Answer {
        self.weir.client().ask(format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\nCookie: {cookies}\r\n\r\n"))
    }

    /// The session is served by that node, and by no other, however often it asks.
    #[track_caller]
    pub(crate) fn stays(&self, id: &str, node: &str) {
        for _ in 0..6 {
            assert_eq!(self.of_session(id), node, "session {id}");
        }
    }

    /// Sessions that the pool knows.
    #[track_caller]
    pub(crate) fn known(&self) -> f64 {
        self.weir.metric("weir_sessions", &[("pool", "app")])
    }

    /// Stops a node and waits until real traffic has made it passive.
    #[track_caller]
    pub(crate) fn lose(&self, name: &str) {
        self.node(name).stop();
        eventually("the node is passive", || {
            self.weir.get("/");
            self.weir.state("app", name) != "active"
        });
    }

    /// Starts a stopped node and waits until it serves again.
    #[track_caller]
    pub(crate) fn regain(&self, name: &str) {
        self.node(name).resume();
        eventually("the node is active again", || {
            self.weir.get("/");
            self.weir.state("app", name) == "active"
        });
    }
}

/// A pool `other` of the same nodes as `app`, for other.test.
fn second_pool(sticky: &str) -> String {
    format!(
        "[[pool]]\nname = \"other\"\nnodes = [\"n1\", \"n2\"]\nport = $port\n{sticky}\n\
         [[site]]\nname = \"other\"\nlistener = \"http\"\nhosts = [\"other.test\"]\npool = \"other\"\n"
    )
}

/// The pools `app` and `other` of the same two nodes.
#[track_caller]
pub(crate) fn two_pools(sticky: &str) -> World {
    World::of(2, |plan| plan.pool(sticky).more(&second_pool(sticky)))
}

/// The row of a node in a pool.
#[track_caller]
pub(crate) fn row(weir: &Appliance, pool: &str, node: &str) -> Value {
    let all: Value = serde_json::from_str(&weir.ask_admin("/api/nodes").text()).expect("it is JSON");
    let rows = all.as_array().cloned().unwrap_or_default();
    rows.into_iter().find(|row| row["pool"] == pool && row["node"] == node).expect("the pool has the node")
}
