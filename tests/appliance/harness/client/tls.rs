//! The client's side of TLS: offers what a test asks for and believes any certificate.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ConfigBuilder, DigitallySignedStruct, HandshakeKind, ProtocolVersion, SignatureScheme};

use crate::harness::bytes::Stream;
use crate::harness::certificates::Pair;

/// What a client asks for.
pub(crate) struct Offer {
    /// The server name; an address sends none.
    pub(crate) name: String,
    /// By ALPN, best first; empty sends no such extension.
    pub(crate) protocols: Vec<&'static str>,
    /// The versions offered.
    pub(crate) versions: Vec<&'static rustls::SupportedProtocolVersion>,
    /// The signatures that the client can verify; none: all that the library knows.
    pub(crate) signatures: Vec<SignatureScheme>,
    /// The only key exchange that the client knows; none: all that the library knows.
    pub(crate) group: Option<&'static dyn SupportedKxGroup>,
}

impl Offer {
    /// HTTP/1.1 under this name.
    pub(crate) fn http1(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            protocols: vec!["http/1.1"],
            versions: vec![&rustls::version::TLS13, &rustls::version::TLS12],
            signatures: Vec::new(),
            group: None,
        }
    }

    /// HTTP/2 under this name.
    pub(crate) fn http2(name: &str) -> Self {
        Self { protocols: vec!["h2"], ..Self::http1(name) }
    }

    /// The rustls form of it.
    pub(crate) fn config(&self) -> ClientConfig {
        self.with_protocols(self.builder().with_no_client_auth())
    }

    /// The same for a client that shows this certificate when it is asked for one.
    pub(crate) fn config_showing(&self, pair: &Pair) -> ClientConfig {
        let (chain, key) = pair.chain_and_key();
        let config = self.builder().with_client_auth_cert(chain, key);
        self.with_protocols(config.expect("the key fits the certificate"))
    }

    fn builder(&self) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        let mut provider = default_provider();
        provider.kx_groups = self.group.map_or(provider.kx_groups, |group| vec![group]);
        ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&self.versions)
            .expect("the provider knows TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trusting { signatures: self.signatures.clone() }))
    }

    fn with_protocols(&self, mut config: ClientConfig) -> ClientConfig {
        config.alpn_protocols = self.protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }
}

/// What a handshake came to.
#[derive(Debug)]
pub(crate) struct Agreed {
    /// The protocol by ALPN.
    pub(crate) protocol: Option<String>,
    /// The version of TLS.
    pub(crate) version: Option<ProtocolVersion>,
    /// Whether a ticket was used.
    pub(crate) resumed: bool,
    /// The server's certificate.
    pub(crate) certificate: Vec<u8>,
}

/// Shakes hands on a connected socket.
pub(crate) fn handshake(
    mut socket: TcpStream,
    config: &Arc<ClientConfig>,
    name: &str,
) -> io::Result<(Box<dyn Stream>, Agreed)> {
    let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    let mut session = rustls::ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
    while session.is_handshaking() {
        session.complete_io(&mut socket)?;
    }
    let agreed = Agreed {
        protocol: session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
        version: session.protocol_version(),
        resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
        certificate: session.peer_certificates().and_then(<[_]>::first).map(|der| der.to_vec()).unwrap_or_default(),
    };
    Ok((Box::new(rustls::StreamOwned::new(session, socket)), agreed))
}

#[derive(Debug)]
struct Trusting {
    signatures: Vec<SignatureScheme>,
}

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        match self.signatures.as_slice() {
            [] => default_provider().signature_verification_algorithms.supported_schemes(),
            some => some.to_vec(),
        }
    }
}
