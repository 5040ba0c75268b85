//! What is known of WSO2's servers by their usual ports. A node's port offset is added to these.

use std::time::Duration;

use crate::config::text::section::Section;

/// A page of the management console.
pub(crate) const CONSOLE: &str = "/carbon/admin/login.jsp";
/// The admin service that logs in.
pub(crate) const LOGIN_SERVICE: &str = "/services/AuthenticationAdmin";

/// Whether the PassThrough transport of workers listens on this port.
pub(crate) const fn is_pass_through(port: u16) -> bool {
    matches!(port, 8280 | 8243)
}

/// Whether the management console and the admin services are on this port.
pub(crate) const fn is_carbon(port: u16) -> bool {
    matches!(port, 9443 | 9763)
}

/// Warns of a written `read` of a `timeouts` table that is longer than the nodes' own limit. The default is not warned of.
pub(crate) fn warn_of_read(timeouts: &Section<'_>, port: u16) {
    let written = timeouts.optional_duration("read");
    if is_pass_through(port) && written.is_some_and(|read| read > PASS_THROUGH_SILENCE) {
        let what =
            "read is above the 180 s after which WSO2's PassThrough transport closes a connection that is silent";
        let advice = "write \"180s\" or less, or raise http.socket.timeout in the workers' passthru-http.properties as well: \
                      a worker that closes first makes this 502";
        timeouts.problems.warning(timeouts.place_of("read"), what, advice);
    }
}

/// `http.socket.timeout` in passthru-http.properties: a request that a worker has not answered by then gets no answer.
const PASS_THROUGH_SILENCE: Duration = Duration::from_secs(180);
