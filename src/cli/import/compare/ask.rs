//! One request, that is sent to the old and to the new.

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) method: String,
    /// Which listener of the import is asked.
    pub(super) door: usize,
    pub(super) secure: bool,
    /// The Host field.
    pub(super) host: String,
    /// Path and query, as they are sent.
    pub(super) target: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: Option<Vec<u8>>,
}

impl Ask {
    /// A GET of this target.
    pub(super) fn get(door: usize, secure: bool, host: &str, target: &str) -> Self {
        let (host, target) = (host.to_owned(), target.to_owned());
        Self { method: "GET".to_owned(), door, secure, host, target, fields: Vec::new(), body: None }
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn by(mut self, method: &str, body: Option<Vec<u8>>) -> Self {
        (self.method, self.body) = (method.to_owned(), body);
        self
    }

    /// As it is shown: method and URL, and what else makes it another request.
    pub(super) fn said(&self) -> String {
        let fields: Vec<_> = self.fields.iter().map(|(name, _)| name.as_str()).collect();
        let fields = if fields.is_empty() { String::new() } else { format!(" with {}", fields.join(", ")) };
        let body = self.body.as_ref().map(|body| format!(" and {} bytes", body.len())).unwrap_or_default();
        format!("{} {}{}{fields}{body}", self.method, self.origin(), self.target)
    }

    /// The beginning of its URL: scheme and host.
    pub(super) fn origin(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.host)
    }

    /// The name that TLS asks for.
    pub(super) fn name(&self) -> &str {
        let name = match self.host.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() => name,
            _ => &self.host,
        };
        name.trim_matches(['[', ']'])
    }

    /// The bytes that are sent.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let upgrades = self.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("Upgrade"));
        let connection = if upgrades { "Upgrade" } else { "close" };
        let Self { method, target, host, .. } = self;
        let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: {connection}\r\n");
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        [text.as_bytes(), b"\r\n", self.body.as_deref().unwrap_or_default()].concat()
    }
}
