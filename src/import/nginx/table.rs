//! What is written: tables of weir.toml with the place that each comes from.

use super::parse::Origin;
use super::values;

/// One table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Such as `[[pool]]`.
    pub(super) head: &'static str,
    pub(super) from: Origin,
    pub(super) keys: Vec<(String, String)>,
    /// Tables that belong to it.
    pub(super) below: Vec<Self>,
    /// Of a site: nginx keeps people out of it.
    pub(super) guarded: bool,
    /// Of a site: it stands for a server that is lost, so that no other site takes its requests.
    pub(super) stands_in: bool,
}

/// The answer to requests that a gap would have taken: they reach no node.
pub(super) const GAP: &str = "{ status = 501, body = \"not imported from nginx\" }";

/// The networks of all clients.
const EVERYBODY: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// What a site has besides what it does with its requests.
const FACE: [&str; 6] = ["name", "listener", "hosts", "default", "nameless", "certificate"];

impl Table {
    pub(super) fn new(head: &'static str, from: &Origin) -> Self {
        Self { head, from: from.clone(), keys: Vec::new(), below: Vec::new(), guarded: false, stands_in: false }
    }

    pub(super) fn set(&mut self, key: &str, value: impl Into<String>) {
        match self.keys.iter_mut().find(|(written, _)| written == key) {
            Some((_, old)) => *old = value.into(),
            None => self.keys.push((key.to_owned(), value.into())),
        }
    }

    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.keys.iter().find(|(written, _)| written == key).map(|(_, value)| value.as_str())
    }

    /// Whether a site listens there, by the name of a listener.
    pub(super) fn listens(&self, listener: &str) -> bool {
        let written = self.value("listener").unwrap_or_default();
        written.contains(&values::text(listener))
    }

    /// The names of a site's listeners.
    pub(super) fn listeners(&self) -> impl Iterator<Item = &str> {
        self.value("listener").unwrap_or_default().split('"').skip(1).step_by(2)
    }

    /// A site's hosts, as they are written.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &str> {
        self.value("hosts").unwrap_or_default().split('"').skip(1).step_by(2)
    }

    /// Whether it is a site whose TLS goes on to the nodes.
    pub(super) fn passes(&self) -> bool {
        self.value("passthrough").is_some()
    }

    /// Whether it is a site that takes the requests for this name of a server, where no other site has it.
    pub(super) fn takes(&self, name: &str) -> bool {
        self.value("default").is_some() || self.has_over(name)
    }

    /// Whether one of its wildcards is over this name. nginx asks expressions and stars at the end of a name after those.
    pub(super) fn has_over(&self, name: &str) -> bool {
        let over = |end: &str| name.contains('$') || name.len() > end.len() && name.ends_with(end);
        !name.starts_with('~') && self.hosts().filter_map(|host| host.strip_prefix('*')).any(over)
    }

    /// A site of the same hosts on the same listeners that answers all requests itself, or closes all connections.
    pub(super) fn shut(&mut self) {
        let passes = self.passes();
        let kept = |key: &str| FACE.contains(&key) || passes && matches!(key, "passthrough" | "pool");
        self.keys.retain(|(key, _)| kept(key));
        self.below.clear();
        if passes {
            self.set("deny-from", values::texts(EVERYBODY));
        } else {
            let mut route = Self::new("[[site.route]]", &self.from.beside());
            route.set("answer", GAP);
            self.below.push(route);
        }
    }

    /// A site no longer leads to this pool: what would go there is answered so.
    pub(super) fn leave(&mut self, pool: &str) {
        let of_nodes = ["pool", "timeouts", "max-body", "request-headers", "upstream-path"];
        for route in self.below.iter_mut().filter(|route| route.value("pool") == Some(pool)) {
            route.keys.retain(|(key, _)| !of_nodes.contains(&key.as_str()));
            route.set("answer", GAP);
        }
        if self.value("pool") == Some(pool) {
            self.keys.retain(|(key, _)| key != "pool");
            let mut route = Self::new("[[site.route]]", &self.from.beside());
            route.set("answer", GAP);
            self.below.push(route);
        }
    }

    /// It no longer takes what a wildcard of it, or nothing but its `default`, would lead to it. What is said of its server.
    pub(super) fn take_less(&mut self, wildcards: bool) -> &'static str {
        if wildcards || self.value("hosts").is_none() {
            self.shut();
            return "it would take the requests of another server, whose names are not imported and which keeps people \
                    out: nobody is let in here";
        }
        let default = self.keys.iter_mut().filter(|(key, _)| key == "default");
        default.for_each(|(key, _)| "nameless".clone_into(key));
        "not default = true: it would take the requests of another server, whose names are not imported and which keeps \
         people out"
    }
}
