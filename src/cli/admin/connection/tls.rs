//! TLS to an admin address: whom the command believes, and the certificate that it shows.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::{certificate, regular};
use crate::proxy::node::verify::anchors;

/// The most bytes of a file with certificates or a key.
const LARGEST: u64 = 1 << 20;

/// The options for an admin address that speaks TLS.
#[derive(clap::Args)]
pub(super) struct TlsArgs {
    /// For https: the CA certificates to believe [default: the system's]
    #[arg(long, value_name = "FILE", env = "WEIR_CA", value_parser = path)]
    ca: Option<PathBuf>,
    /// For https: the client certificate to show
    #[arg(long, value_name = "FILE", env = "WEIR_CERT", value_parser = path)]
    cert: Option<PathBuf>,
    /// For https: the key of the client certificate
    #[arg(long, value_name = "FILE", env = "WEIR_KEY", value_parser = path)]
    key: Option<PathBuf>,
}

/// A path; an empty one, as of `WEIR_CA=` in the service's environment, is none.
pub(super) fn path(text: &str) -> Result<PathBuf, std::convert::Infallible> {
    Ok(PathBuf::from(text))
}

/// The path, if it is one.
pub(super) fn named(path: Option<&PathBuf>) -> Option<&Path> {
    path.map(PathBuf::as_path).filter(|path| !path.as_os_str().is_empty())
}

impl TlsArgs {
    /// Whether they say who asks.
    pub(super) fn shows_certificate(&self) -> bool {
        named(self.cert.as_ref()).is_some()
    }

    /// What they come to, or which file cannot be used.
    pub(super) fn connector(&self) -> Result<TlsConnector, String> {
        let roots = match named(self.ca.as_ref()) {
            Some(file) => certificate::roots(file)
                .map_err(|finding| format!("{}: {}; {}", finding.file.display(), finding.what, finding.advice))?,
            None => certificate::system_roots(),
        };
        let roots = anchors(&roots).map_err(|why| format!("{why}; --ca names a file"))?;
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let config = match (named(self.cert.as_ref()), named(self.key.as_ref())) {
            (None, None) => builder.with_no_client_auth(),
            (Some(cert), Some(key)) => builder
                .with_client_auth_cert(chain(cert)?, private_key(key)?)
                .map_err(|error| format!("{} and {} are no pair: {error}", cert.display(), key.display()))?,
            (None, Some(_)) => return Err("--key stands without --cert".to_owned()),
            (Some(_), None) => return Err("--cert stands without --key".to_owned()),
        };
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// Shakes hands with the host.
pub(super) async fn shake_hands(
    connector: &TlsConnector,
    host: &str,
    stream: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| io::Error::other("it is no host name"))?;
    connector.connect(name, stream).await
}

/// What TLS said of a connection, if it broke for that.
pub(super) fn trouble(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    // The source of an io::Error is that of its content, and not its content.
    let content = |cause: &'_ (dyn std::error::Error + 'static)| match cause.downcast_ref::<io::Error>() {
        Some(outer) => outer.get_ref()?.downcast_ref::<rustls::Error>().cloned(),
        None => cause.downcast_ref::<rustls::Error>().cloned(),
    };
    match causes.find_map(content)? {
        rustls::Error::InvalidMessage(_) => Some("it does not speak TLS".to_owned()),
        rustls::Error::AlertReceived(alert) => Some(format!("it refused the connection (TLS alert {alert:?})")),
        rustls::Error::InvalidCertificate(why) => Some(format!("its certificate is not believed: {why}")),
        other => Some(other.to_string()),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    regular::read(file, LARGEST).map_err(|error| format!("{} cannot be read: {error}", file.display()))
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(file)?).collect();
    let chain = read.map_err(|error| format!("{} holds no certificate: {error}", file.display()))?;
    if chain.is_empty() { Err(format!("{} holds no certificate in PEM", file.display())) } else { Ok(chain) }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(&read(file)?)
        .map_err(|error| format!("{} holds no private key in PEM: {error}", file.display()))
}
