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
}

/// What a site has besides what it does with its requests.
const FACE: [&str; 6] = ["name", "listener", "hosts", "default", "nameless", "certificate"];

impl Table {
    pub(super) fn new(head: &'static str, from: &Origin) -> Self {
        Self { head, from: from.clone(), keys: Vec::new(), below: Vec::new(), guarded: false }
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

    /// A site of the same hosts on the same listeners that answers all requests itself.
    pub(super) fn shut(&mut self, answer: &str) {
        self.keys.retain(|(key, _)| FACE.contains(&key.as_str()));
        let mut route = Self::new("[[site.route]]", &self.from.beside());
        route.set("answer", answer);
        self.below = vec![route];
    }

    /// A site no longer leads to this pool: what would go there is answered so.
    pub(super) fn leave(&mut self, pool: &str, answer: &str) {
        let of_nodes = ["pool", "timeouts", "max-body", "request-headers", "upstream-path"];
        for route in self.below.iter_mut().filter(|route| route.value("pool") == Some(pool)) {
            route.keys.retain(|(key, _)| !of_nodes.contains(&key.as_str()));
            route.set("answer", answer);
        }
        if self.value("pool") == Some(pool) {
            self.keys.retain(|(key, _)| key != "pool");
            let mut route = Self::new("[[site.route]]", &self.from.beside());
            route.set("answer", answer);
            self.below.push(route);
        }
    }

    /// A default site no longer takes what no other site takes. What is said of its server.
    pub(super) fn take_less(&mut self, answer: &str) -> &'static str {
        if self.value("hosts").is_none() {
            self.shut(answer);
            return "it would take the requests of another server, whose names are not imported and which keeps people \
                    out: nobody is let in here";
        }
        let default = self.keys.iter_mut().filter(|(key, _)| key == "default");
        default.for_each(|(key, _)| "nameless".clone_into(key));
        "not default = true: it would take the requests of another server, whose names are not imported and which keeps \
         people out"
    }
}
