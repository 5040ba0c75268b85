//! The client certificate of a connection, and who of the configuration it is.

use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use crate::config::certificate::Leaf;
use crate::config::{Admin, AdminCertificate};

/// A client certificate. The handshake proved that its owner holds the key, and that one of these CAs signed it.
#[derive(Debug)]
pub(super) struct ClientCertificate {
    pub(super) leaf: Leaf,
    pub(super) client_ca: Arc<[CertificateDer<'static>]>,
}

impl ClientCertificate {
    /// The `[[admin.certificate]]` that it is. `None` too where its CA is no longer believed.
    pub(super) fn known<'a>(&self, admin: &'a Admin) -> Option<&'a AdminCertificate> {
        let believed = admin.tls.as_ref().is_some_and(|tls| tls.client_ca == self.client_ca);
        admin.certificates.iter().find(|known| believed && known.is(&self.leaf))
    }

    /// Its common name, or else its first alternative name.
    pub(super) fn name(&self) -> &str {
        let other = || self.leaf.names.first().map_or("", String::as_str);
        Some(&*self.leaf.common_name).filter(|name| !name.is_empty()).unwrap_or_else(other)
    }
}
