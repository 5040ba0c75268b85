//! TLS towards clients: one rustls configuration for each listener and generation, with certificates chosen by server
//! name.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::crypto::{CryptoProvider, aws_lc_rs::cipher_suite as suites};
use rustls::server::{ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedProtocolVersion, version};

use crate::config;
use crate::config::{Config, TlsVersion};
use crate::traffic::routing::sites::Sites;

/// The keys of session tickets. They are made once for the process, so that a client can resume its session after a
/// reload.
pub(crate) fn tickets() -> Result<Arc<dyn ProducesTickets>, String> {
    aws_lc_rs::Ticketer::new().map_err(|error| format!("no random numbers for TLS tickets: {error}"))
}

/// The secret for hashing session ids. It is new with every start.
pub(crate) fn secret() -> Result<[u8; 32], String> {
    let mut secret = [0; 32];
    let random = aws_lc_rs::default_provider().secure_random;
    random.fill(&mut secret).map_err(|_| "no random numbers for session keys".to_string())?;
    Ok(secret)
}

/// The cryptography for both sides. AES-128 comes before AES-256: its SHA-256 has CPU instructions and the SHA-384 of
/// AES-256 has none, which saves 17 % of a short connection.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    let rank = |suite: &rustls::SupportedCipherSuite| {
        let preferred = [
            suites::TLS13_AES_128_GCM_SHA256,
            suites::TLS13_AES_256_GCM_SHA384,
            suites::TLS13_CHACHA20_POLY1305_SHA256,
            suites::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            suites::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ];
        preferred.iter().position(|known| known == suite).unwrap_or(preferred.len())
    };
    provider.cipher_suites.sort_by_key(rank);
    Arc::new(provider)
}

/// The TLS configuration of a listener. `None` for a plain listener.
pub(crate) fn server_config(
    config: &Config,
    index: usize,
    hosts: &Sites,
    tickets: &Arc<dyn ProducesTickets>,
) -> Result<Option<Arc<ServerConfig>>, String> {
    let Some(listener) = config.listeners.get(index) else { return Ok(None) };
    let Some(tls) = &listener.tls else { return Ok(None) };
    let provider = provider();
    let keys = config.sites.iter().map(certified).collect();
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(tls.min_version))
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByServerName { hosts: hosts.clone(), keys }));
    server.alpn_protocols =
        if listener.http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    server.ignore_client_order = true;
    server.ticketer = Arc::clone(tickets);
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 1;
    Ok(Some(Arc::new(server)))
}

fn versions(min: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
    match min {
        TlsVersion::V1_2 => &BOTH,
        TlsVersion::V1_3 => &BOTH[..1],
    }
}

fn certified(site: &config::Site) -> Option<Arc<CertifiedKey>> {
    Some(Arc::clone(&site.certificate.as_ref()?.pair.certified))
}

/// Facts about a TLS client that rustls does not pass to or from a certificate resolver: the address that the client
/// connected to, and the name it asked for.
#[derive(Debug, Default)]
pub(crate) struct Hello {
    came_to: Option<IpAddr>,
    requested: RequestedName,
}

#[derive(Debug, Default)]
enum RequestedName {
    /// The ClientHello was not read.
    #[default]
    Nothing,
    NoName,
    Name(Box<str>),
    /// A name that no site has.
    Unknown(Box<str>),
}

thread_local! {
    /// The ClientHello of the handshake that this thread runs now.
    static HELLO: RefCell<Hello> = RefCell::default();
}

impl Hello {
    /// For a client that connected to this address. The address is needed only if a site is named by one.
    pub(crate) fn to(came_to: Option<IpAddr>) -> Self {
        Self { came_to, requested: RequestedName::Nothing }
    }

    /// Polls a handshake. Meanwhile the resolver can use this value and stores in it what it learns.
    pub(crate) async fn during<H: Future>(&mut self, handshake: H) -> H::Output {
        let mut handshake = pin!(handshake);
        poll_fn(|cx| {
            HELLO.replace(std::mem::take(self));
            let polled = handshake.as_mut().poll(cx);
            *self = HELLO.take();
            polled
        })
        .await
    }

    /// Why a handshake failed, for the log. The name that was asked for says more than the error.
    pub(crate) fn explain(&self, error: &str) -> String {
        match &self.requested {
            RequestedName::Nothing => too_old(error).map_or_else(|| error.to_string(), str::to_owned),
            RequestedName::NoName => format!("no server name; {error}"),
            RequestedName::Name(name) => format!("server name {name}; {error}"),
            RequestedName::Unknown(name) => format!("no site of this listener has the server name {name}"),
        }
    }
}

/// The TLS version that a client offers, when its ClientHello was refused for its version. pingora-core keeps rustls's
/// errors only as text.
fn too_old(error: &str) -> Option<&'static str> {
    if error.contains("SignatureAlgorithmsExtensionRequired") {
        // rustls looks for signature schemes before it looks at the version, and a ClientHello of TLS 1.1 has none.
        Some(
            "the client offers no signature algorithms, as TLS 1.1 and older do; 1.2 is the oldest that min-version can be",
        )
    } else if error.contains("Tls12NotOfferedOrEnabled") {
        Some("the client offers no TLS version from the listener's min-version on")
    } else if error.contains("Tls12NotOffered") {
        Some("the client offers TLS 1.1 or older; 1.2 is the oldest that min-version can be")
    } else if error.contains("SupportedVersionsExtensionRequired") {
        Some("the client offers TLS 1.2; min-version of the listener is 1.3")
    } else {
        None
    }
}

/// Chooses a certificate by the name that the client asked for. An unknown name fails the handshake.
#[derive(Debug)]
struct ByServerName {
    hosts: Sites,
    keys: Vec<Option<Arc<CertifiedKey>>>,
}

impl ResolvesServerCert for ByServerName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // As in Host, the name may end with a dot: RFC 6066 forbids it, but some clients send it.
        let name = hello.server_name().map(|name| name.strip_suffix('.').unwrap_or(name));
        HELLO.with_borrow_mut(|now| {
            let site = self.hosts.of_hello(name.map(str::as_bytes), now.came_to);
            now.requested = match (name, site) {
                (None, _) => RequestedName::NoName,
                (Some(name), Some(_)) => RequestedName::Name(name.into()),
                (Some(name), None) => RequestedName::Unknown(name.into()),
            };
            self.keys.get(site?)?.clone()
        })
    }
}
