//! Checks that a node is the one it should be: by pins, by a certificate chain, or not at all.
//!
//! In every mode the node must prove that it holds the key of its certificate. A certificate that cannot be parsed is
//! refused, because the libraries below cannot handle it. Pins ignore names, dates and the X.509 version: the
//! certificate that WSO2 ships expired in 2017, and webpki accepts neither v1 certificates nor CA certificates for a
//! server. With a pin or without verification, RSA keys of 1024 bits are accepted with a warning: the stock
//! certificates of older WSO2 releases have them.

mod explain;
mod legacy;

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, PeerMisbehaved, RootCertStore,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use x509_parser::asn1_rs::{Any, FromDer};
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::X509Certificate;

use self::explain::{PinMismatch, WeakKey};
pub(crate) use self::explain::{explain, pin_mismatch, small_key};
use crate::config::certificate::{key_pin, pin_of};
use crate::config::{NodeTls, Verify};

//= rfc9110#4.3.4 node-identity
/// The TLS client configuration for the nodes of a pool: TLS 1.2 and 1.3, no ALPN. Sessions are resumed only between
/// connections of the same configuration.
///
/// Changed pins or roots need a new configuration. Otherwise a session could be resumed after its certificate has lost
/// trust.
///
/// # Errors
/// In words, when nothing could ever pass: no pins, no roots.
pub(crate) fn client_config(tls: &NodeTls, provider: &Arc<CryptoProvider>) -> Result<Arc<ClientConfig>, String> {
    let verifier = NodeVerifier::new(&tls.verify, provider)?;
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &tls.certificate {
        Some(own) => {
            let own = SingleCertAndKey::from(CertifiedKey::clone(&own.pair.certified));
            builder.with_client_cert_resolver(Arc::new(own))
        }
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(Arc::new(config))
}

/// Verifies the certificate that a node shows.
#[derive(Debug)]
pub(crate) struct NodeVerifier {
    rule: Rule,
    algorithms: WebPkiSupportedAlgorithms,
    /// Whether the warning about a small key was already logged. One warning for each pool is enough.
    warned: AtomicBool,
}

impl NodeVerifier {
    /// A verifier for one pool.
    ///
    /// # Errors
    /// In words, when nothing could ever pass: no pins, no roots.
    pub(crate) fn new(verify: &Verify, provider: &CryptoProvider) -> Result<Arc<Self>, String> {
        let rule = match verify {
            Verify::Pin(pins) if pins.is_empty() => return Err("there is no pin to verify nodes with".into()),
            Verify::Pin(pins) => Rule::Pin(pins.clone()),
            Verify::Full(roots) => Rule::Full(anchors(roots)?),
            Verify::Chain(roots) => Rule::Chain(anchors(roots)?),
            Verify::None => Rule::None,
        };
        let algorithms = provider.signature_verification_algorithms;
        Ok(Arc::new(Self { rule, algorithms, warned: AtomicBool::new(false) }))
    }

    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let parsed = parsed(leaf)?;
        self.refuse_weak(&parsed)?;
        match &self.rule {
            Rule::None => Ok(()),
            Rule::Pin(pins) => pinned(pins, leaf, &parsed),
            Rule::Chain(roots) => self.chained(leaf, others, roots, now).map(|_| ()),
            Rule::Full(roots) => verify_server_name(&self.chained(leaf, others, roots, now)?, name),
        }
    }

    /// Refuses a weak key with a clear message. Without this check the handshake would only report a bad signature.
    fn refuse_weak(&self, certificate: &X509Certificate<'_>) -> Result<(), Error> {
        let Some(bits) = legacy::size(certificate) else { return Ok(()) };
        let by_chain = matches!(self.rule, Rule::Full(_) | Rule::Chain(_));
        if by_chain || bits < legacy::LEAST { Err(refused(WeakKey { bits, by_chain })) } else { Ok(()) }
    }

    fn warn_of_weak(&self, certificate: &X509Certificate<'_>, name: &ServerName<'_>) {
        if let Some(bits) = legacy::size(certificate)
            && !self.warned.swap(true, Relaxed)
        {
            log::warn!("the node {} has {}", name.to_str(), small_key(bits));
        }
    }

    /// Whether the certificate's key signed this handshake message, by the legacy rules.
    fn legacy(certificate: &X509Certificate<'_>, message: &[u8], dss: &DigitallySignedStruct) -> Verified {
        match legacy::verifies(certificate, dss.scheme, message, dss.signature()) {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => Err(CertificateError::BadSignature.into()),
        }
    }

    fn chained<'a>(
        &self,
        leaf: &'a CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        roots: &RootCertStore,
        now: UnixTime,
    ) -> Result<ParsedCertificate<'a>, Error> {
        let leaf = ParsedCertificate::try_from(leaf)?;
        verify_server_cert_signed_by_trust_anchor(&leaf, roots, others, now, self.algorithms.all)?;
        Ok(leaf)
    }
}

impl ServerCertVerifier for NodeVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(end_entity, intermediates, server_name, now)?;
        self.warn_of_weak(&parsed(end_entity)?, server_name);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = parsed(cert)?;
        if legacy::size(&certificate).is_some() {
            return Self::legacy(&certificate, message, dss);
        }
        let algorithm = key_algorithm(&certificate)?;
        let key = &certificate.public_key().subject_public_key.data;
        let offered = self.algorithms.mapping.iter().filter(|(scheme, _)| *scheme == dss.scheme);
        // In TLS 1.2 a scheme fixes the hash but not the curve. The certificate's key tells which algorithm is meant.
        let mut fitting =
            offered.flat_map(|(_, all)| all.iter()).filter(|one| one.public_key_alg_id().as_ref() == algorithm);
        let Some(verification) = fitting.next() else {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        };
        match verification.verify_signature(key, message, dss.signature()) {
            Ok(()) => Ok(HandshakeSignatureValid::assertion()),
            Err(_) => Err(CertificateError::BadSignature.into()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // Verifies with the bare key, because webpki does not parse v1 certificates.
        let certificate = parsed(cert)?;
        // RFC 8446 section 4.4.3: an RSA key may sign there only with PSS.
        if legacy::size(&certificate).is_some() && is_pss(dss.scheme) {
            return Self::legacy(&certificate, message, dss);
        }
        let key = SubjectPublicKeyInfoDer::from(certificate.public_key().raw);
        verify_tls13_signature_with_raw_key(message, &key, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

type Verified = Result<HandshakeSignatureValid, Error>;

#[derive(Debug)]
enum Rule {
    Pin(Vec<[u8; 32]>),
    Full(RootCertStore),
    Chain(RootCertStore),
    None,
}

fn pinned(pins: &[[u8; 32]], leaf: &CertificateDer<'_>, parsed: &X509Certificate<'_>) -> Result<(), Error> {
    let seen = pin_of(leaf);
    if pins.contains(&seen) || pins.contains(&key_pin(parsed)) { Ok(()) } else { Err(refused(PinMismatch { seen })) }
}

/// The size of a certificate's RSA key, when it is smaller than it should be.
pub(crate) fn small_key_of(der: &CertificateDer<'_>) -> Option<usize> {
    legacy::size(&parsed(der).ok()?)
}

fn is_pss(scheme: SignatureScheme) -> bool {
    use SignatureScheme as Scheme;
    matches!(scheme, Scheme::RSA_PSS_SHA256 | Scheme::RSA_PSS_SHA384 | Scheme::RSA_PSS_SHA512)
}

fn parsed<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    match parse_x509_certificate(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(CertificateError::BadEncoding.into()),
    }
}

/// The content of the key's AlgorithmIdentifier (RFC 5280 section 4.1.2.7). webpki's algorithms identify themselves by
/// it.
fn key_algorithm<'a>(certificate: &'a X509Certificate<'_>) -> Result<&'a [u8], Error> {
    let inner = || -> Option<&'a [u8]> {
        let (_, key) = Any::from_der(certificate.public_key().raw).ok()?;
        let (_, algorithm) = Any::from_der(key.data).ok()?;
        Some(algorithm.data)
    };
    inner().ok_or_else(|| CertificateError::BadEncoding.into())
}

/// Roots as rustls takes them.
pub(crate) fn anchors(roots: &[CertificateDer<'static>]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).map_err(|error| format!("a root certificate cannot be used: {error}"))?;
    }
    if store.is_empty() { Err("there is no root certificate to verify with".into()) } else { Ok(store) }
}

fn refused(cause: impl StdError + Send + Sync + 'static) -> Error {
    CertificateError::Other(OtherError(Arc::new(cause))).into()
}

/// Twice as many sessions as a pool of many nodes keeps at once.
const SESSIONS: usize = 256;

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::time::{Duration, SystemTime};

    use rustls::crypto::aws_lc_rs;
    use rustls::crypto::aws_lc_rs::sign::any_supported_type;
    use rustls::sign::{CertifiedKey, SingleCertAndKey};
    use rustls::version::{TLS12, TLS13};
    use rustls::{ClientConnection, HandshakeKind, ServerConfig, ServerConnection, SupportedProtocolVersion};
    use rustls_pki_types::PrivateKeyDer;
    use rustls_pki_types::pem::PemObject;

    use super::*;
    use crate::config::certificate::made::{Room, damages, signed_by, simple};
    use crate::config::certificate::{key_pin_of, pin_text};

    const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];
    const OTHER_PIN: [u8; 32] = [7; 32];

    #[test]
    fn the_certificate_that_wso2_ships_works_with_its_pin_and_with_nothing_else() {
        let stock = Node::stock();
        let (pin, key_pin) = (stock.pin(), stock.key_pin());
        for version in VERSIONS {
            assert_eq!(stock.meets(&Verify::Pin(vec![pin]), version), Ok(()));
            assert_eq!(stock.meets(&Verify::Pin(vec![OTHER_PIN, key_pin]), version), Ok(()));
            assert_eq!(stock.meets(&Verify::None, version), Ok(()));

            let refused = stock.meets(&Verify::Pin(vec![OTHER_PIN]), version).unwrap_err();
            assert_eq!(pin_mismatch(&refused), Some(pin));
            assert_eq!(
                explain(&refused),
                format!("the node shows the certificate {}, which no pin names", pin_text(pin))
            );

            for verify in [Verify::Full(vec![stock.leaf()]), Verify::Chain(vec![stock.leaf()])] {
                let refused = stock.meets(&verify, version).unwrap_err();
                assert_eq!(explain(&refused), "the node's certificate is expired");
                assert_eq!(pin_mismatch(&refused), None);
            }
        }
    }

    #[test]
    fn certificates_that_webpki_does_not_take_work_with_a_pin() {
        let room = Room::new();
        let mut nodes = vec![("it says that it is a CA", Node::of(&rcgen_ca()))];
        if room.openssl(&["genrsa", "-out", "a.key", "2048"])
            && room.openssl(&["req", "-new", "-key", "a.key", "-out", "a.csr", "-subj", "/CN=localhost"])
            && room.openssl(&["x509", "-req", "-days", "9", "-in", "a.csr", "-signkey", "a.key", "-out", "a.crt"])
        {
            let text = |name| String::from_utf8(room.read(name)).unwrap();
            nodes.push(("it is not X.509 v3", Node::of(&(text("a.crt"), text("a.key")))));
        }
        for (why, node) in nodes {
            for version in VERSIONS {
                assert_eq!(node.meets(&Verify::Pin(vec![node.pin()]), version), Ok(()), "{why}");
                assert_eq!(node.meets(&Verify::Pin(vec![node.key_pin()]), version), Ok(()), "{why}");
                assert!(node.meets(&Verify::Pin(vec![OTHER_PIN]), version).is_err(), "{why}");
                let refused = node.meets(&Verify::Full(vec![node.leaf()]), version).unwrap_err();
                assert_eq!(
                    explain(&refused),
                    format!("the node's certificate is of a kind that only a pin can accept: {why}")
                );
            }
        }
    }

    #[test]
    fn full_and_chain_differ_in_the_name_alone() {
        let (ca, leaf, key) = signed_by(&["worker.wso2.com"]);
        let (other_ca, ..) = signed_by(&["worker.wso2.com"]);
        let node = Node::of(&(leaf, key));
        let (ours, other) = (vec![der(&ca)], vec![der(&other_ca)]);
        let cases = [
            (Verify::Full(ours.clone()), "worker.wso2.com", None),
            (Verify::Full(ours.clone()), "10.0.0.3", Some("the node's certificate is for another name")),
            (Verify::Full(ours.clone()), "localhost", Some("the node's certificate is for another name")),
            (Verify::Chain(ours.clone()), "worker.wso2.com", None),
            (Verify::Chain(ours), "10.0.0.3", None),
            (
                Verify::Full(other.clone()),
                "worker.wso2.com",
                Some("the node's certificate was issued by none of the known CAs"),
            ),
            (
                Verify::Chain(other),
                "worker.wso2.com",
                Some("the node's certificate was issued by none of the known CAs"),
            ),
        ];
        for (verify, name, expected) in cases {
            for version in VERSIONS {
                let met = node.meets_as(&verify, name, version).map_err(|error| explain(&error));
                assert_eq!(met.err().as_deref(), expected, "{verify:?} as {name}");
            }
        }
    }

    #[test]
    fn who_does_not_hold_the_certificate_s_key_is_refused_in_every_mode() {
        let (ca, leaf, _) = signed_by(&["localhost"]);
        let (_, other_key) = simple(&["localhost"]);
        let forged = Node::of(&(leaf, other_key));
        let stock = Node::stock();
        let forged_stock = Node { chain: stock.chain.clone(), key: rsa_key() };
        for (node, roots) in [(forged, vec![der(&ca)]), (forged_stock, vec![])] {
            let mut modes = vec![Verify::Pin(vec![node.pin()]), Verify::Pin(vec![node.key_pin()]), Verify::None];
            if !roots.is_empty() {
                modes.extend([Verify::Full(roots.clone()), Verify::Chain(roots)]);
            }
            for (verify, version) in modes.iter().flat_map(|verify| VERSIONS.map(|version| (verify, version))) {
                let refused = node.meets(verify, version).unwrap_err();
                assert!(explain(&refused).contains("does not hold its certificate's key"), "{verify:?}: {refused}");
            }
        }
    }

    #[test]
    fn a_certificate_that_cannot_be_parsed_is_refused_in_every_mode() {
        let (ca, leaf, key) = signed_by(&["localhost"]);
        let whole = der(&leaf);
        let garbage = [b"garbage".to_vec(), whole[..whole.len() - 1].to_vec(), [&whole[..], b"more"].concat()];
        for bytes in garbage {
            let node = Node { chain: vec![CertificateDer::from(bytes)], key: key_of(&key) };
            let roots = vec![der(&ca)];
            for verify in
                [Verify::Pin(vec![node.pin()]), Verify::None, Verify::Full(roots.clone()), Verify::Chain(roots)]
            {
                for version in VERSIONS {
                    let refused = node.meets(&verify, version).unwrap_err();
                    assert_eq!(explain(&refused), "the node's certificate cannot be parsed", "{verify:?}");
                }
            }
        }
    }

    #[test]
    fn a_key_of_1024_bits_is_for_pins_and_smaller_ones_for_nobody() {
        for (bits, pinned, chained) in [
            (1024, None, "is accepted by verify = \"pin\" alone"),
            (1023, Some("less than 1024 is not accepted"), "less than 1024 is not accepted"),
        ] {
            let room = Room::new();
            let kind = format!("rsa:{bits}");
            let files = ["-keyout", "a.key", "-out", "a.crt", "-subj", "/CN=localhost"];
            if !room.openssl(&[&["req", "-x509", "-newkey", &kind, "-nodes"][..], &files].concat()) {
                return;
            }
            let leaf = der(&String::from_utf8(room.read("a.crt")).unwrap());
            let name = ServerName::try_from("localhost").unwrap();
            let judged = |verify: Verify| {
                let verifier = NodeVerifier::new(&verify, &provider()).unwrap();
                let judged = verifier.verify_server_cert(&leaf, &[], &name, &[], UnixTime::now());
                judged.err().map(|refused| explain(&refused))
            };
            for verify in [Verify::Pin(vec![pin_of(&leaf)]), Verify::None] {
                let said = judged(verify);
                assert_eq!(said.is_some(), pinned.is_some(), "{said:?}");
                assert!(said.unwrap_or_default().contains(pinned.unwrap_or_default()));
            }
            let other = Verify::Pin(vec![OTHER_PIN]);
            assert!(judged(other).is_some());
            for verify in [Verify::Full(vec![leaf.clone()]), Verify::Chain(vec![leaf.clone()])] {
                let said = judged(verify).unwrap();
                assert!(said.starts_with(&format!("the node's key is RSA of {bits} bits")), "{said}");
                assert!(said.ends_with(chained), "{said}");
            }
        }
    }

    #[test]
    fn no_damaged_certificate_panics_or_passes_for_another() {
        let (ca, leaf, _) = signed_by(&["localhost"]);
        let (whole, name) = (der(&leaf), ServerName::try_from("localhost").unwrap());
        let modes = [Verify::Pin(vec![pin_of(&whole)]), Verify::Full(vec![der(&ca)]), Verify::Chain(vec![der(&ca)])];
        for verify in modes {
            let verifier = NodeVerifier::new(&verify, &provider()).unwrap();
            for damaged in damages(&whole, 400) {
                let same = damaged == whole.as_ref();
                let judged =
                    verifier.verify_server_cert(&CertificateDer::from(damaged), &[], &name, &[], UnixTime::now());
                assert!(same || judged.is_err(), "{verify:?}");
            }
        }
    }

    #[test]
    fn sessions_are_resumed_with_the_same_configuration_only() {
        let node = Node::stock();
        let verify = Verify::Pin(vec![node.pin()]);
        for version in VERSIONS {
            let server = node.serving(version);
            let (one, two) = (client(&verify), client(&verify));
            assert_eq!(handshake(&one, &server, "10.0.0.3").unwrap().0, HandshakeKind::Full);
            assert_eq!(handshake(&one, &server, "10.0.0.3").unwrap().0, HandshakeKind::Resumed);
            assert_eq!(handshake(&two, &server, "10.0.0.3").unwrap().0, HandshakeKind::Full);
        }
    }

    #[test]
    fn a_name_is_asked_for_and_an_address_is_not() {
        let node = Node::stock();
        let server = node.serving(&TLS13);
        let verify = Verify::None;
        let seen = |name: &str| handshake(&client(&verify), &server, name).unwrap().1;
        assert_eq!(seen("esb.wso2.com").as_deref(), Some("esb.wso2.com"));
        assert_eq!((seen("10.0.0.3"), seen("::1")), (None, None));
    }

    #[test]
    fn what_could_never_pass_is_refused_when_it_is_built() {
        for verify in [Verify::Pin(vec![]), Verify::Full(vec![]), Verify::Chain(vec![])] {
            let tls = NodeTls { verify, server_name: None, certificate: None };
            assert!(client_config(&tls, &Arc::new(provider())).is_err(), "{tls:?}");
        }
    }

    /// A node's certificate and key.
    struct Node {
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    }

    impl Node {
        /// As WSO2 EI 6.1.1 ships it: CN=localhost, self-signed, no SAN, valid in spring 2017 only.
        fn stock() -> Self {
            let at = |unix| SystemTime::UNIX_EPOCH + Duration::from_secs(unix);
            let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
            let mut params = rcgen::CertificateParams::default();
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(rcgen::DnType::CommonName, "localhost");
            (params.not_before, params.not_after) = (at(1_490_054_400).into(), at(1_497_830_400).into());
            let certificate = params.self_signed(&key).unwrap();
            Self::of(&(certificate.pem(), key.serialize_pem()))
        }

        fn of((chain, key): &(String, String)) -> Self {
            Self { chain: vec![der(chain)], key: key_of(key) }
        }

        fn leaf(&self) -> CertificateDer<'static> {
            self.chain[0].clone()
        }

        fn pin(&self) -> [u8; 32] {
            pin_of(&self.chain[0])
        }

        fn key_pin(&self) -> [u8; 32] {
            key_pin_of(&self.chain[0]).unwrap()
        }

        fn serving(&self, version: &'static SupportedProtocolVersion) -> Arc<ServerConfig> {
            // Skips the checks that a server would make of its own certificate and key.
            let pair = CertifiedKey::new(self.chain.clone(), any_supported_type(&self.key).unwrap());
            let config = ServerConfig::builder_with_provider(Arc::new(provider()))
                .with_protocol_versions(&[version])
                .unwrap()
                .with_no_client_auth()
                .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
            Arc::new(config)
        }

        fn meets(&self, verify: &Verify, version: &'static SupportedProtocolVersion) -> Result<(), Error> {
            self.meets_as(verify, "localhost", version)
        }

        fn meets_as(
            &self,
            verify: &Verify,
            name: &str,
            version: &'static SupportedProtocolVersion,
        ) -> Result<(), Error> {
            handshake(&client(verify), &self.serving(version), name).map(drop)
        }
    }

    fn client(verify: &Verify) -> Arc<ClientConfig> {
        let tls = NodeTls { verify: verify.clone(), server_name: None, certificate: None };
        client_config(&tls, &Arc::new(provider())).unwrap()
    }

    /// Runs a handshake in memory. The result is the client's.
    fn handshake(
        client: &Arc<ClientConfig>,
        server: &Arc<ServerConfig>,
        name: &str,
    ) -> Result<(HandshakeKind, Option<String>), Error> {
        let mut client = ClientConnection::new(client.clone(), ServerName::try_from(name.to_string()).unwrap())?;
        let mut server = ServerConnection::new(server.clone())?;
        for _ in 0..10 {
            let mut wire = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut wire).unwrap();
            }
            let mut rest = &wire[..];
            while !rest.is_empty() {
                server.read_tls(&mut rest).unwrap();
                server.process_new_packets()?;
            }
            wire.clear();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            let mut rest = &wire[..];
            while !rest.is_empty() {
                client.read_tls(&mut rest).unwrap();
                client.process_new_packets()?;
            }
        }
        assert!(client.alpn_protocol().is_none());
        // The client processes the session tickets of TLS 1.3 when it reads.
        let _ = client.reader().read(&mut [0]);
        assert!(!client.is_handshaking(), "both sides are done");
        Ok((client.handshake_kind().unwrap(), server.server_name().map(Into::into)))
    }

    fn rcgen_ca() -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn rsa_key() -> PrivateKeyDer<'static> {
        let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        key_of(&key.serialize_pem())
    }

    fn der(pem: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
    }

    fn key_of(pem: &str) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap()
    }

    fn provider() -> CryptoProvider {
        aws_lc_rs::default_provider()
    }
}
