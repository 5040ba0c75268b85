//! The configuration of a test's appliance: a plain one by default, and room to add lines to each table.
//! `$http`, `$https`, `$admin`, `$port` (the pool's) and `$dir` stand for what is known only when it starts.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::certificates::{self, Pair};
use super::node::origin::Origin;
use super::ports::free_port;

/// A configuration on its way.
#[derive(Clone, Default)]
pub(crate) struct Plan {
    ports: Vec<u16>,
    weights: Vec<u16>,
    members: BTreeMap<usize, String>,
    threads: Option<u16>,
    secure: bool,
    state_dir: Option<String>,
    added: BTreeMap<&'static str, String>,
    whole: Option<String>,
    admin_ip: Option<&'static str>,
    tokens: Vec<(&'static str, &'static str)>,
    certificate: Option<Pair>,
}

/// The ports that an appliance listens on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    /// The plain listener.
    pub(crate) http: u16,
    /// The TLS listener.
    pub(crate) https: u16,
    /// Metrics and API.
    pub(crate) admin: u16,
}

impl Ports {
    pub(super) fn free() -> Self {
        Self { http: free_port(), https: free_port(), admin: free_port() }
    }
}

impl Plan {
    /// One pool `app` of these origins (nodes `n1`, `n2`, …), one plain listener `http`, one site `main` for esb.test.
    pub(crate) fn before(origins: &[&Origin]) -> Self {
        Self { ports: origins.iter().map(|origin| origin.port()).collect(), ..Self::default() }
    }

    /// Exactly this text.
    pub(crate) fn text(whole: impl Into<String>) -> Self {
        Self { whole: Some(whole.into()), ..Self::default() }
    }

    /// A TLS listener `https` as well, with the site `secure` for esb.test before the same pool.
    pub(crate) fn secure(mut self) -> Self {
        self.secure = true;
        self
    }

    /// Another certificate of the sites than the one that tests share.
    pub(crate) fn certificate(mut self, pair: Pair) -> Self {
        self.certificate = Some(pair);
        self
    }

    /// Another state directory than the test's own.
    pub(crate) fn state_dir(mut self, path: &str) -> Self {
        self.state_dir = Some(path.to_owned());
        self
    }

    /// Weights of the nodes, in their order.
    pub(crate) fn weights(mut self, weights: &[u16]) -> Self {
        self.weights = weights.to_vec();
        self
    }

    /// More about the nth member of the pool, from 1, such as `backup = true`.
    pub(crate) fn member(mut self, nth: usize, more: &str) -> Self {
        self.members.insert(nth, more.to_owned());
        self
    }

    /// Threads that carry traffic, instead of one.
    pub(crate) fn threads(mut self, threads: u16) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Lines at the top of the file.
    pub(crate) fn top(self, lines: &str) -> Self {
        self.add("top", lines)
    }

    /// Lines for `[admin]`.
    pub(crate) fn admin(self, lines: &str) -> Self {
        self.add("admin", lines)
    }

    /// Another IP address for `[admin]` than loopback.
    pub(crate) fn admin_ip(mut self, ip: &'static str) -> Self {
        self.admin_ip = Some(ip);
        self
    }

    /// A token of the admin address: its name, which is what it may, and its text.
    pub(crate) fn token(mut self, may: &'static str, token: &'static str) -> Self {
        self.tokens.push((may, token));
        self.admin(&format!("[[admin.token]]\nname = \"{may}\"\nmay = \"{may}\"\nfile = \"$dir/{may}.token\""))
    }

    /// Lines for both listeners.
    pub(crate) fn listener(self, lines: &str) -> Self {
        self.add("listener", lines)
    }

    /// Lines for the pool.
    pub(crate) fn pool(self, lines: &str) -> Self {
        self.add("pool", lines)
    }

    /// Lines for `[pool.health]`.
    pub(crate) fn health(self, lines: &str) -> Self {
        self.add("health", lines)
    }

    /// Lines for both sites.
    pub(crate) fn site(self, lines: &str) -> Self {
        self.add("site", lines)
    }

    /// More tables at the end.
    pub(crate) fn more(self, lines: &str) -> Self {
        self.add("more", lines)
    }

    fn add(mut self, table: &'static str, lines: &str) -> Self {
        let text = self.added.entry(table).or_default();
        text.push_str(lines);
        text.push('\n');
        self
    }

    /// The file's text.
    pub(super) fn write(&self, ports: Ports, dir: &Path) -> String {
        let text = with_socket(self.whole.clone().unwrap_or_else(|| self.compose()));
        let numbers = [("$https", ports.https), ("$http", ports.http), ("$admin", ports.admin)];
        let text = numbers.iter().fold(text, |text, (name, port)| text.replace(name, &port.to_string()));
        let text = text.replace("$port", &self.base().to_string());
        self.certificate.as_ref().unwrap_or_else(|| certificates::shared()).write(dir, "esb");
        for (name, token) in &self.tokens {
            let file = dir.join(format!("{name}.token"));
            fs::write(&file, token).expect("the test's directory is there");
            fs::set_permissions(file, Permissions::from_mode(0o600)).expect("the file is ours");
        }
        text.replace("$dir", &dir.display().to_string())
    }

    fn compose(&self) -> String {
        let added = |table: &str| self.added.get(table).cloned().unwrap_or_default();
        let base = self.base();
        let state_dir = self.state_dir.as_deref().unwrap_or("$dir");
        let threads = self.threads.unwrap_or(1);
        let ip = self.admin_ip.unwrap_or("127.0.0.1");
        let mut text = format!("state-dir = \"{state_dir}\"\nthreads = {threads}\n{}", added("top"));
        text += &format!("[admin]\nbind = \"{ip}:$admin\"\n{}", added("admin"));
        text += &format!("[[listener]]\nname = \"http\"\nbind = \"127.0.0.1:$http\"\n{}", added("listener"));
        if self.secure {
            text += &format!(
                "[[listener]]\nname = \"https\"\nbind = \"127.0.0.1:$https\"\ntls = {{ min-version = \"1.2\" }}\n{}",
                added("listener")
            );
        }
        for (place, port) in self.ports.iter().enumerate() {
            let name = place + 1;
            text += &format!("[[node]]\nname = \"n{name}\"\naddress = \"127.0.0.1\"\nport-offset = {}\n", port - base);
        }
        text += &format!("[[pool]]\nname = \"app\"\nnodes = [{}]\nport = {base}\n{}", self.members(), added("pool"));
        if self.added.contains_key("health") {
            text += &format!("[pool.health]\n{}", added("health"));
        }
        text += &self.site_table("main", "http", "");
        if self.secure {
            text += &self.site_table(
                "secure",
                "https",
                "certificate = { chain = \"$dir/esb.crt\", key = \"$dir/esb.key\" }\n",
            );
        }
        text + &added("more")
    }

    fn base(&self) -> u16 {
        self.ports.iter().min().copied().unwrap_or(1)
    }

    fn members(&self) -> String {
        let member = |place: usize| {
            let weight = self.weights.get(place).map(|weight| format!(", weight = {weight}")).unwrap_or_default();
            let more = self.members.get(&(place + 1)).map(|more| format!(", {more}")).unwrap_or_default();
            format!("{{ node = \"n{}\"{weight}{more} }}", place + 1)
        };
        (0..self.ports.len()).map(member).collect::<Vec<_>>().join(", ")
    }

    fn site_table(&self, name: &str, listener: &str, certificate: &str) -> String {
        let added = self.added.get("site").cloned().unwrap_or_default();
        format!(
            "[[site]]\nname = \"{name}\"\nlistener = \"{listener}\"\nhosts = [\"esb.test\"]\npool = \"app\"\n{certificate}{added}"
        )
    }
}

/// Every appliance has an admin socket of its own, unless its text says otherwise.
fn with_socket(text: String) -> String {
    if text.contains("\nsocket = ") {
        return text;
    }
    text.replacen(":$admin\"\n", ":$admin\"\nsocket = \"$dir/admin.sock\"\n", 1)
}
