//! TLS on the admin address.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::caller::Caller;
use super::client_certificate::ClientCertificate;
use crate::config::certificate::Leaf;
use crate::proxy::generation::Generation;

/// What a handshake needs.
pub(super) struct Secure {
    config: Arc<ServerConfig>,
    client_ca: Arc<[CertificateDer<'static>]>,
}

impl Secure {
    /// As this generation has it. `None`: the address speaks no TLS.
    pub(super) fn of(generation: &Generation) -> Option<Self> {
        let client_ca = Arc::clone(&generation.snapshot.config.admin.tls.as_ref()?.client_ca);
        Some(Self { config: Arc::clone(generation.admin_tls.as_ref()?), client_ca })
    }

    /// Shakes hands. `None` where that fails; why is in the journal at the level debug, because anybody can make it fail.
    pub(super) async fn accept(
        self,
        stream: TcpStream,
        caller: &Caller,
    ) -> Option<(TlsStream<TcpStream>, Option<ClientCertificate>)> {
        let accepted = TlsAcceptor::from(self.config).accept(stream).await;
        let failed = |error: &std::io::Error| log::debug!("no TLS on the admin address with {caller:?}: {error}");
        let stream = accepted.inspect_err(failed).ok()?;
        let leaf = stream.get_ref().1.peer_certificates().and_then(|chain| Leaf::read(chain.first()?));
        Some((stream, leaf.map(|leaf| ClientCertificate { leaf, client_ca: self.client_ca })))
    }
}
