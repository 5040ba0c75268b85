//! Sends a request to one of the two, and reads what comes back.

use std::io::{Error, Result};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::ask::Ask;
use crate::cli::rig::asking::converse;
use crate::config::Verify;
use crate::config::certificate::{pin_of, pin_text};
use crate::proxy::node::verify::NodeVerifier;

/// What came back.
#[derive(Debug)]
pub(super) enum Outcome {
    Answer(Answer),
    /// Why there is no answer.
    Nothing(String),
}

/// An answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// The pin of the certificate that was shown.
    pub(super) certificate: Option<String>,
}

impl Outcome {
    pub(super) fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::Nothing(_) => None,
        }
    }
}

/// Asks by one connection for each request, and takes any certificate, since it is compared and not believed.
pub(super) struct Client(Arc<ClientConfig>);

impl Client {
    pub(super) fn new() -> std::result::Result<Self, String> {
        let provider = aws_lc_rs::default_provider();
        let verifier = NodeVerifier::new(&Verify::None, &provider)?;
        let tls = ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions();
        let tls = tls.map_err(|error| error.to_string())?;
        let tls = tls.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        Ok(Self(Arc::new(tls)))
    }

    /// What comes back from there, and the address from which it was asked. Rules for addresses must see the same client at
    /// both, so the second one is asked `from` where the first one was asked from.
    pub(super) async fn ask(&self, ask: &Ask, to: SocketAddr, from: Option<IpAddr>) -> (Outcome, Option<IpAddr>) {
        let mut own = None;
        let outcome = match timeout(PATIENCE, self.exchange(ask, to, from, &mut own)).await {
            Ok(Ok(answer)) => Outcome::Answer(answer),
            Ok(Err(error)) => Outcome::Nothing(error.to_string()),
            Err(_) => Outcome::Nothing(format!("no answer in {} s", PATIENCE.as_secs())),
        };
        (outcome, own)
    }

    async fn exchange(
        &self,
        ask: &Ask,
        to: SocketAddr,
        from: Option<IpAddr>,
        own: &mut Option<IpAddr>,
    ) -> Result<Answer> {
        let stream = connect(to, from).await?;
        *own = Some(stream.local_addr()?.ip());
        if !ask.secure {
            return answered(stream, ask).await;
        }
        let name = ServerName::try_from(ask.name().to_owned()).map_err(Error::other)?;
        let handshake = TlsConnector::from(self.0.clone()).connect(name, stream).await;
        let stream = handshake.map_err(|error| Error::other(format!("{NO_HANDSHAKE}: {error}")))?;
        let shown = stream.get_ref().1.peer_certificates().and_then(|all| all.first());
        let certificate = shown.map(|der| pin_text(pin_of(der)));
        Ok(Answer { certificate, ..answered(stream, ask).await? })
    }
}

async fn connect(to: SocketAddr, from: Option<IpAddr>) -> Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(from) = from.filter(|from| from.is_ipv4() == to.is_ipv4()) {
        // An address of another machine's network is none to ask from.
        let _ = socket.bind(SocketAddr::new(from, 0));
    }
    socket.connect(to).await
}

async fn answered(stream: impl AsyncRead + AsyncWrite + Unpin, ask: &Ask) -> Result<Answer> {
    let (status, head, body) = converse(stream, &ask.bytes(), ask.method == "HEAD").await?;
    Ok(Answer { status, fields: head.fields().to_vec(), body, certificate: None })
}

/// How what is said of a connection without a handshake begins.
pub(super) const NO_HANDSHAKE: &str = "no handshake";

const PATIENCE: Duration = Duration::from_secs(10);
