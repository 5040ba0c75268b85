//! How far the response to the client is, and whether its connection goes on after it.

use super::arrived::Arrived;

/// What the client was told so far.
pub(crate) struct Response<'r> {
    /// The request that it answers.
    pub(crate) arrived: &'r Arrived<'r>,
    begun: bool,
    keep_alive: bool,
    awaits_continue: bool,
}

impl<'r> Response<'r> {
    /// The response to this request, of which nothing was sent.
    pub(crate) fn to(arrived: &'r Arrived<'r>) -> Self {
        let awaits_continue = arrived.head.expects_continue();
        Self { arrived, begun: false, keep_alive: false, awaits_continue }
    }

    /// The final answer of a node begins. `clean`: its request was taken whole, and its end can be told.
    pub(crate) fn begin(&mut self, clean: bool) {
        self.begun = true;
        self.decide_keep_alive(clean);
    }

    /// Whether it has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Decides whether the connection goes on after an answer that begins now.
    pub(crate) fn decide_keep_alive(&mut self, body_complete: bool) -> bool {
        let Arrived { connection, head, number, .. } = self.arrived;
        self.keep_alive =
            body_complete && head.keep_alive() && !connection.closing() && *number < connection.limits().max_requests;
        self.keep_alive
    }

    /// What was decided about it.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.keep_alive
    }

    //= rfc9110#10.1.1 expect
    /// Whether the client waits for `100 Continue`.
    pub(crate) fn awaits_continue(&self) -> bool {
        self.awaits_continue
    }

    /// A 1xx went down.
    pub(crate) fn proceeded(&mut self, status: u16) {
        if status == 100 {
            self.awaits_continue = false;
        }
    }
}
