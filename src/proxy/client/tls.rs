//! TLS towards clients: one rustls configuration for each listener and generation, with certificates chosen by server
//! name; and one for the admin address.

pub(crate) mod asking;
pub(crate) mod digits;
mod listed;
mod site_tickets;
pub(crate) mod ticket_keys;

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::crypto::{CryptoProvider, aws_lc_rs::cipher_suite as suites};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, SupportedProtocolVersion, version};

use self::asking::{Asking, Believed};
use self::listed::Listed;
use self::site_tickets::SiteTickets;
use self::ticket_keys::TicketKeys;
use super::challenges;
use super::challenges::Challenges;
use super::hello::{self, Hello};
use crate::config;
use crate::config::{AcmeChallenge, AdminTls, Config, TlsVersion};
use crate::traffic::routing::sites::Sites;

/// What handshakes of all generations share.
#[derive(Clone)]
pub(crate) struct Lasting {
    pub(crate) tickets: Arc<TicketKeys>,
    pub(crate) challenges: Arc<Challenges>,
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
    (Lasting { tickets, challenges }, believed): (&Lasting, &[Option<Arc<Believed>>]),
) -> Result<Option<Arc<ServerConfig>>, String> {
    let Some(listener) = config.listeners.get(index) else { return Ok(None) };
    let Some(tls) = &listener.tls else { return Ok(None) };
    let provider = Arc::new(CryptoProvider { kx_groups: hello::noting_groups(), ..(*provider()).clone() });
    let keys = config.sites.iter().map(Keys::of).collect();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions(tls.min_version))
        .map_err(|error| error.to_string())?;
    let asks = config.sites.iter().any(|site| site.client_auth.is_some() && site.listeners.contains(&index));
    let builder = match asks {
        true => builder.with_client_cert_verifier(Arc::new(Asking::new(believed.to_vec(), provider))),
        false => builder.with_no_client_auth(),
    };
    let is_looked_at = config.acme.iter().any(|acme| acme.challenge == AcmeChallenge::TlsAlpn01);
    let challenges = is_looked_at.then(|| Arc::clone(challenges));
    let mut server = builder.with_cert_resolver(Arc::new(ByServerName { hosts: hosts.clone(), keys, challenges }));
    let protocols: [(bool, &[u8]); 3] =
        [(listener.http2, b"h2"), (true, b"http/1.1"), (is_looked_at, challenges::PROTOCOL)];
    server.alpn_protocols =
        protocols.into_iter().filter(|(offered, _)| *offered).map(|(_, name)| name.to_vec()).collect();
    server.ignore_client_order = true;
    server.ticketer = match asks {
        true => Arc::new(SiteTickets::new(Arc::clone(tickets), believed.to_vec())),
        false => tickets.clone(),
    };
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 1;
    Ok(Some(Arc::new(server)))
}

/// The TLS configuration of the admin address. Sessions are not resumed: a resumed one would keep a client certificate that
/// is no longer believed. A client without a certificate may have a token.
pub(crate) fn admin_config(tls: &AdminTls) -> Result<Arc<ServerConfig>, String> {
    let provider = provider();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions(tls.min_version))
        .map_err(|error| error.to_string())?;
    let builder = if tls.client_ca.is_empty() {
        builder.with_no_client_auth()
    } else {
        builder.with_client_cert_verifier(Arc::new(Listed::new(&tls.client_ca, &provider)?))
    };
    let pair = CertifiedKey::clone(&tls.certificate.pair.certified);
    let mut server = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    Ok(Arc::new(server))
}

fn versions(min: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
    match min {
        TlsVersion::V1_2 => &BOTH,
        TlsVersion::V1_3 => &BOTH[..1],
    }
}

/// The certificates of a site, the preferred one first.
#[derive(Debug)]
struct Keys(Vec<Keyed>);

/// A certificate, and the same one whose key notes that it was asked to sign.
#[derive(Debug)]
struct Keyed {
    plain: Arc<CertifiedKey>,
    noting: Arc<CertifiedKey>,
}

impl Keys {
    fn of(site: &config::Site) -> Self {
        let certified = site.certificates.iter().map(|certificate| &certificate.pair.certified);
        Self(certified.map(|plain| Keyed { plain: Arc::clone(plain), noting: hello::noting(plain) }).collect())
    }

    /// The first that the client can use; the first of all for one that can use none, whose handshake fails.
    fn fit_for(&self, hello: &ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let fits = |keyed: &&Keyed| keyed.plain.key.choose_scheme(hello.signature_schemes()).is_some();
        let fit = if self.0.len() > 1 { self.0.iter().find(fits) } else { None };
        fit.or(self.0.first()).map(|keyed| Arc::clone(&keyed.noting))
    }
}

/// Chooses a certificate by the name that the client asked for. An unknown name fails the handshake.
#[derive(Debug)]
struct ByServerName {
    hosts: Sites,
    keys: Vec<Keys>,
    /// `Some`: CAs may look whether a name is ours.
    challenges: Option<Arc<Challenges>>,
}

impl ResolvesServerCert for ByServerName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // As in Host, the name may end with a dot: RFC 6066 forbids it, but some clients send it.
        let name = hello.server_name().map(|name| name.strip_suffix('.').unwrap_or(name));
        if let Some(challenges) = self.challenges.as_ref().filter(|_| challenges::is_look(&hello)) {
            Hello::looked_at();
            return challenges.certificate(name);
        }
        let site = Hello::requested(name, |came_to| self.hosts.of_hello(name.map(str::as_bytes), came_to));
        self.keys.get(site?)?.fit_for(&hello)
    }
}
