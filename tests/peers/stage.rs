//! Weir before two Tomcats for one hard time: pools as the test writes them, each with a site of its own name, and
//! forwarders between, where nodes must vanish and keep their sessions.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Output};

use crate::browser::Browser;
use crate::crowd::{Crowd, Users};
use crate::forwarder::Forwarder;
use crate::harness::{Directory, Ports, Weir, eventually, port};
use crate::tomcat::{self, Tomcat};

/// What a test wants. In the pools' text PLAIN and TLS stand for the nodes' ports, PIN for their certificate's.
pub struct Plan {
    pub what: &'static str,
    /// What ends the Tomcats' session ids.
    pub routes: [&'static str; 2],
    /// Whether Weir reaches the Tomcats through forwarders.
    pub forwarded: bool,
    /// Names, and what stands in their tables.
    pub pools: &'static [(&'static str, &'static str)],
}

/// All of it, running. Fields drop in this order: Weir first, the directory last.
pub struct Stage {
    weir: Option<Weir>,
    pub forwarders: Vec<Forwarder>,
    pub tomcats: [Tomcat; 2],
    pub ports: Ports,
    what: &'static str,
    http: SocketAddr,
    admin: SocketAddr,
    configuration: String,
    directory: Directory,
    /// How long the journal was when all nodes were active.
    started: usize,
}

impl Plan {
    /// Starts all of it and waits until every node is active; `None`, and a loud line, where there is no Tomcat.
    pub fn start(self) -> Option<Stage> {
        if let Some(why) = tomcat::missing() {
            // Not by eprintln: the test runner would keep it to itself.
            let _ = writeln!(std::io::stderr(), "SKIPPED: not tested: {}: {why}", self.what);
            return None;
        }
        let (directory, ports) = (Directory::new(), Ports::free());
        let tomcats = Tomcat::start(&directory, ports, [(NODES[0], self.routes[0]), (NODES[1], self.routes[1])]);
        let forwarders = if self.forwarded { forwarders(ports) } else { Vec::new() };
        let [http, admin] = {
            let mut held = Vec::new();
            [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], port(&["127.0.0.1"], &mut held))))
        };
        let configuration = self.configuration(http, admin, ports);
        let weir = Some(Weir::start(&directory, &configuration));
        let mut stage = Stage {
            weir,
            forwarders,
            tomcats,
            ports,
            what: self.what,
            http,
            admin,
            configuration,
            directory,
            started: 0,
        };
        eventually("all nodes are active", || stage.nodes().iter().all(|node| node["state"] == "active"));
        stage.started = stage.weir.as_ref().map_or(0, |weir| weir.journal().len());
        Some(stage)
    }

    fn configuration(&self, http: SocketAddr, admin: SocketAddr, ports: Ports) -> String {
        let [first, second] = if self.forwarded { FORWARDED } else { NODES };
        let pools = self.pools.iter().map(|(name, text)| {
            format!(
                "[[site]]\nname = \"{name}\"\nlistener = \"http\"\nhosts = [\"{name}.example\"]\npool = \"{name}\"\n\n\
                 [[pool]]\nname = \"{name}\"\nnodes = [\"worker1\", \"worker2\"]\n{text}\n\n"
            )
        });
        let text = format!(
            "state-dir = \"state\"\naccess-log = \"access.log\"\n\n[admin]\nbind = \"{admin}\"\nsocket = \"admin.sock\"\n\n\
             [[listener]]\nname = \"http\"\nbind = \"{http}\"\n\n\
             [[node]]\nname = \"worker1\"\naddress = \"{first}\"\n\n[[node]]\nname = \"worker2\"\naddress = \"{second}\"\n\n{}",
            pools.collect::<String>()
        );
        let (plain, tls) = (ports.plain.to_string(), ports.tls.to_string());
        text.replace("PLAIN", &plain).replace("TLS", &tls).replace("PIN", tomcat::pin())
    }
}

impl Stage {
    /// Users of this pool.
    pub fn crowd(&self, kind: Users, size: usize, pool: &str) -> Crowd {
        Crowd::come(kind, size, &format!("{pool}.example"), self.http)
    }

    /// A browser that asks this pool.
    pub fn browser(&self, pool: &str) -> Browser {
        Browser::plain(&format!("{pool}.example"), self.http)
    }

    /// The command line of Weir, run to its end.
    pub fn command(&self, words: &[&str]) -> Output {
        let socket = self.directory.path().join("admin.sock");
        Command::new(env!("CARGO_BIN_EXE_weir")).args(words).arg("--admin").arg(socket).output().unwrap()
    }

    /// All nodes of all pools, as the admin API tells them.
    pub fn nodes(&self) -> Vec<serde_json::Value> {
        let page = Browser::plain(&self.admin.to_string(), self.admin).get("/api/nodes");
        serde_json::from_str(&page.body).unwrap()
    }

    /// Waits until a node of a pool is in this state.
    pub fn await_state(&self, pool: &str, node: &str, state: &str) {
        eventually(&format!("{node} of {pool} is {state}"), || {
            self.nodes().iter().any(|now| now["pool"] == pool && now["node"] == node && now["state"] == state)
        });
    }

    /// The journal's lines about states since all nodes were active.
    pub fn changes(&self) -> Vec<String> {
        let journal = self.weir.as_ref().map(Weir::journal).unwrap_or_default();
        let since = journal.get(self.started..).unwrap_or_default().lines();
        since.filter(|line| line.contains(" of pool ")).map(str::to_owned).collect()
    }

    /// SIGTERM, and a new start as soon as it ended.
    pub fn restart_weir(&mut self) {
        assert_eq!(self.weir.take().and_then(Weir::stop), Some(0));
        self.weir = Some(Weir::start(&self.directory, &self.configuration));
    }

    /// SIGKILL, and a new start.
    pub fn kill_weir(&mut self) {
        drop(self.weir.take());
        self.weir = Some(Weir::start(&self.directory, &self.configuration));
    }

    /// Figures for whoever runs the tests, also when they pass.
    pub fn tell(&self, phase: &str, told: impl std::fmt::Display) {
        let _ = writeln!(std::io::stderr(), "{}: {phase}: {told}", self.what);
    }
}

fn forwarders(ports: Ports) -> Vec<Forwarder> {
    let address = |host: &str| SocketAddr::new(host.parse().unwrap(), ports.plain);
    FORWARDED.iter().zip(NODES).map(|(at, to)| Forwarder::open(address(at), address(to))).collect()
}

/// Where the Tomcats are; a page of them names it.
pub const NODES: [&str; 2] = ["127.0.0.1", "127.0.0.2"];
const FORWARDED: [&str; 2] = ["127.0.0.3", "127.0.0.4"];
