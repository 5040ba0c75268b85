//! The certificates of the demo: an authority with a pair for each site, and for the nodes one like that of a stock
//! WSO2 server (expired, self-signed, CN=localhost, no SAN). They are in the demo's directory and useless elsewhere.

use std::fs;
use std::io::{Error, Result, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;

use crate::cli::rig::stock_certificate::StockCertificate;

/// The new certificates.
#[derive(Debug)]
pub(super) struct Certificates {
    /// The authority's certificate, for `curl --cacert`.
    pub(super) authority: PathBuf,
    pub(super) authority_der: CertificateDer<'static>,
    /// The nodes' certificate, which can be verified only by a pin.
    pub(super) node: CertificateDer<'static>,
    /// The TLS settings of the nodes.
    pub(super) node_tls: Arc<ServerConfig>,
}

/// Makes all of them in `directory`: `ca.crt`, `wrk.*`, `mgt.*` and `node.crt`.
pub(super) fn create(directory: &Path, now: SystemTime) -> Result<Certificates> {
    fs::create_dir_all(directory)?;
    let key = KeyPair::generate().map_err(Error::other)?;
    let parameters = authority(now).map_err(Error::other)?;
    let certificate = parameters.self_signed(&key).map_err(Error::other)?;
    let authority = directory.join("ca.crt");
    let authority_pem = certificate.pem();
    write(&authority, &authority_pem, 0o644)?;
    let authority_der = certificate.der().clone();
    let issuer = Issuer::new(parameters, key);
    for (name, host) in [("wrk", "esb.wso2.com"), ("mgt", "mgt.esb.wso2.com")] {
        let (leaf, key) = site(host, &issuer, now).map_err(Error::other)?;
        write(&directory.join(format!("{name}.crt")), &format!("{leaf}{authority_pem}"), 0o644)?;
        write(&directory.join(format!("{name}.key")), &key, 0o600)?;
    }
    let node = StockCertificate::create()?;
    write(&directory.join("node.crt"), &node.pem, 0o644)?;
    Ok(Certificates { authority, authority_der, node: node.der, node_tls: node.tls })
}

fn authority(now: SystemTime) -> std::result::Result<CertificateParams, rcgen::Error> {
    let mut parameters = dated(CertificateParams::new(Vec::new())?, now);
    parameters.distinguished_name.push(DnType::CommonName, "Weir demo authority");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(parameters)
}

/// Certificate and key of a site, as PEM.
fn site(
    host: &str,
    issuer: &Issuer<'_, KeyPair>,
    now: SystemTime,
) -> std::result::Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut parameters = dated(CertificateParams::new(vec![host.to_owned()])?, now);
    parameters.distinguished_name.push(DnType::CommonName, host);
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.use_authority_key_identifier_extension = true;
    Ok((parameters.signed_by(&key, issuer)?.pem(), key.serialize_pem()))
}

fn dated(mut parameters: CertificateParams, now: SystemTime) -> CertificateParams {
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let today = rcgen::date_time_ymd(1970, 1, 1) + seconds;
    (parameters.not_before, parameters.not_after) = (today - HOUR, today + MONTH);
    parameters
}

fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())
}

const HOUR: Duration = Duration::from_secs(3600);
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);
