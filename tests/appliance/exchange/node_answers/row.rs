//! One row: what is asked, what the node answers, and what the client gets.

/// What the node does after its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    Stay,
    Close,
    Reset,
}

/// What the client gets.
#[derive(Clone, Debug)]
pub(super) enum Gets {
    /// This head (its framing lines last, in alphabetical order) and body, whole.
    Exactly(&'static str, &'static str),
    /// This status, whole, with a body that contains the text.
    Status(u16, &'static str),
    /// An answer that begins and is cut.
    Cut(u16),
    /// These interim statuses, then a 200.
    Interim(Vec<u16>),
}

/// One row of the table.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) request: &'static str,
    pub(super) node: String,
    pub(super) then: Then,
    pub(super) gets: Gets,
    pub(super) reused: bool,
}

pub(super) const GET: &str = "GET /row HTTP/1.1\r\nHost: esb.test\r\n\r\n";
pub(super) const HEAD: &str = "HEAD /row HTTP/1.1\r\nHost: esb.test\r\n\r\n";
pub(super) const OLD: &str = "GET /row HTTP/1.0\r\nHost: esb.test\r\n\r\n";
pub(super) const WITH_TRAILERS: &str = "GET /row HTTP/1.1\r\nHost: esb.test\r\nTE: trailers\r\n\r\n";
pub(super) const MALFORMED: Gets = Gets::Status(502, "502 node-malformed");

/// The node stays and its connection is used again.
pub(super) fn fine(name: &'static str, node: &str, head: &'static str, body: &'static str) -> Row {
    Row { name, request: GET, node: node.to_owned(), then: Then::Stay, gets: Gets::Exactly(head, body), reused: true }
}

/// Told apart as a node's fault.
pub(super) fn malformed(name: &'static str, node: &str) -> Row {
    Row { name, request: GET, node: node.to_owned(), then: Then::Close, gets: MALFORMED, reused: false }
}

impl Row {
    pub(super) fn asked(self, request: &'static str) -> Self {
        Self { request, ..self }
    }

    pub(super) fn then(self, then: Then) -> Self {
        Self { then, reused: false, ..self }
    }

    pub(super) fn gets(self, gets: Gets) -> Self {
        Self { gets, ..self }
    }

    pub(super) fn not_reused(self) -> Self {
        Self { reused: false, ..self }
    }
}
