//! The certificate of a stock WSO2 server: expired, self-signed, CN=localhost, no SAN.

use std::io::{Error, Result};
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// A new one.
#[derive(Debug)]
pub(crate) struct StockCertificate {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) pem: String,
    /// The TLS settings of a server that shows it.
    pub(crate) tls: Arc<ServerConfig>,
}

impl StockCertificate {
    pub(crate) fn create() -> Result<Self> {
        let key = KeyPair::generate().map_err(Error::other)?;
        let mut parameters = CertificateParams::new(Vec::new()).map_err(Error::other)?;
        parameters.distinguished_name.push(DnType::CommonName, "localhost");
        parameters.not_before = rcgen::date_time_ymd(2007, 2, 19);
        parameters.not_after = rcgen::date_time_ymd(2017, 2, 18);
        let certificate = parameters.self_signed(&key).map_err(Error::other)?;
        let der = certificate.der().clone();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(Error::other)?.with_no_client_auth();
        let config = config.with_single_cert(vec![der.clone()], key).map_err(Error::other)?;
        Ok(Self { der, pem: certificate.pem(), tls: Arc::new(config) })
    }
}
