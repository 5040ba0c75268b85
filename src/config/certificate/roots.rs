//! The CAs that nodes' certificates are checked with: from the operator's bundle or the system's. They are only read,
//! never downloaded.

use std::path::Path;

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::finding::Finding;
use super::leaf::subject_of;
use super::pem;
use crate::config::regular;

/// Every certificate of a CA bundle. A certificate that cannot be a trust anchor is an error, because the operator
/// wants it to count.
///
/// # Errors
/// The finding names the file, and which of its certificates cannot be used.
pub fn roots(file: &Path) -> Result<Vec<CertificateDer<'static>>, Finding> {
    let roots = pem::certificates(file, "CA certificate")?;
    for (index, root) in roots.iter().enumerate() {
        if let Err(error) = RootCertStore::empty().add(root.clone()) {
            let name = subject_of(root).unwrap_or_else(|| "unreadable".into());
            return Err(Finding::fatal(
                file,
                format!("certificate {} of the file ({name}) cannot be a trust anchor: {error}", index + 1),
                "leave it out, or ask the CA for its certificate in PEM",
            ));
        }
    }
    Ok(roots)
}

/// The CAs that this system trusts. Empty when no known bundle exists. A certificate that cannot be used is skipped,
/// because the operator did not choose it.
pub fn system_roots() -> Vec<CertificateDer<'static>> {
    let mut bundles = SYSTEM_BUNDLES.iter().map(|file| regular::read(Path::new(file), pem::LARGEST_FILE));
    let Some(bundle) = bundles.find_map(Result::ok) else { return Vec::new() };
    CertificateDer::pem_slice_iter(&bundle)
        .flatten()
        .filter(|root| RootCertStore::empty().add(root.clone()).is_ok())
        .collect()
}

/// The paths on Debian and Ubuntu; Fedora and RHEL; openSUSE; Alpine.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
