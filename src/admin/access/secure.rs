//! TLS on the admin address.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::caller::Caller;
use super::client_certificate::ClientCertificate;
use crate::config::certificate::Leaf;
use crate::observe::log_rate_limit::LogRateLimit;
use crate::proxy::worker::Shared;

/// What a handshake needs.
pub(super) struct Secure {
    config: Arc<ServerConfig>,
    client_ca: Arc<[CertificateDer<'static>]>,
    /// The start of the process.
    start: Instant,
}

impl Secure {
    /// As the running generation has it. `None`: the address speaks no TLS.
    pub(super) fn of(shared: &Shared) -> Option<Self> {
        let generation = shared.current.load();
        let client_ca = Arc::clone(&generation.snapshot.config.admin.tls.as_ref()?.client_ca);
        Some(Self { config: Arc::clone(generation.admin_tls.as_ref()?), client_ca, start: shared.start })
    }

    /// Shakes hands. `None` where that fails. A client certificate that is not believed is in the journal; what else was
    /// wrong is there at the level debug only, because every scan of ports makes it fail.
    pub(super) async fn accept(
        self,
        stream: TcpStream,
        caller: &Caller,
    ) -> Option<(TlsStream<TcpStream>, Option<ClientCertificate>)> {
        let accepted = TlsAcceptor::from(self.config).accept(stream).await;
        let stream = accepted.inspect_err(|error| tell_of_failure(error, caller, self.start)).ok()?;
        let leaf = stream.get_ref().1.peer_certificates().and_then(|chain| Leaf::read(chain.first()?));
        Some((stream, leaf.map(|leaf| ClientCertificate { leaf, client_ca: self.client_ca })))
    }
}

/// Of certificates that are not believed one line a second, so that nobody can fill the disk.
fn tell_of_failure(error: &io::Error, caller: &Caller, start: Instant) {
    static LIMIT: LogRateLimit = LogRateLimit::new();
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let (Some(rustls::Error::InvalidCertificate(why)), Caller::Tcp { peer, .. }) = (cause, caller) else {
        return log::debug!("no TLS on the admin address with {caller:?}: {error}");
    };
    if let Some(left_out) = LIMIT.allow(start.elapsed().as_secs()) {
        let more = if left_out == 0 { String::new() } else { format!("; {left_out} more since the line before") };
        log::warn!("the admin address refused the client certificate of {peer}: {why}{more}");
    }
}
