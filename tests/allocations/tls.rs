//! The certificate that Weir and the secure node have, and that clients trust.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Writes it for Weir and for the children.
pub(crate) fn write_certificate(dir: &Path) {
    let pair = rcgen::generate_simple_self_signed(["esb.test".to_owned(), "http2.test".to_owned()]);
    let pair = pair.expect("a certificate");
    fs::write(dir.join("site.crt"), pair.cert.pem()).expect("written");
    fs::write(dir.join("site.key"), pair.signing_key.serialize_pem()).expect("written");
    fs::write(dir.join("site.der"), pair.cert.der()).expect("written");
    fs::write(dir.join("key.der"), pair.signing_key.serialize_der()).expect("written");
}

fn certificate(dir: &Path) -> CertificateDer<'static> {
    CertificateDer::from(fs::read(dir.join("site.der")).expect("written before"))
}

/// The node's side.
pub(crate) fn server_config(dir: &Path) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(fs::read(dir.join("key.der")).expect("written before")));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth().with_single_cert(vec![certificate(dir)], key);
    Arc::new(config.expect("key and certificate fit"))
}

/// A client's side, which offers one protocol.
pub(crate) fn client_config(dir: &Path, protocol: &[u8]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(dir)).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = config.expect("versions").with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    Arc::new(config)
}
