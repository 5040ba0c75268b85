//! Part of the checked configuration: sites that ask clients for a certificate.

use std::path::PathBuf;
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};

use super::edits::FieldValue;
use crate::config::text::choices::ClientAuthMode;

/// The `client-auth` table of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuth {
    /// The file of the CAs.
    pub ca: PathBuf,
    /// The CAs whose certificates are believed; at least one.
    pub authorities: Vec<CertificateDer<'static>>,
    /// The file of the lists.
    pub crl: Option<PathBuf>,
    /// What CAs have taken back.
    pub revoked: Vec<CertificateRevocationListDer<'static>>,
    /// Whether a certificate must be shown, where a route says nothing else.
    pub mode: ClientAuthMode,
    /// The fields in which the node is told of it. No client may send one of these names to any site.
    pub fields: Vec<(Arc<str>, FieldValue)>,
}

impl ClientAuth {
    /// Of a request, behind the site or the route that it came to.
    pub fn told(is_needed: bool) -> &'static str {
        if is_needed {
            "; a client certificate must be shown, which is not asked here"
        } else {
            "; a client certificate may be shown, and is judged then"
        }
    }
}
