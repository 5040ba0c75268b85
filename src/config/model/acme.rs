//! Part of the checked configuration: the CAs that Weir orders certificates from (ACME, RFC 8555).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::CertificateDer;

use crate::config::text::choices::AcmeChallenge;
use crate::config::text::errors::Place;

/// `[[acme]]`: a CA that Weir orders certificates from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// Unique among CAs.
    pub name: Arc<str>,
    /// The URL of its directory. It begins with `https://`.
    pub directory: String,
    /// How Weir proves that the names are its own.
    pub challenge: AcmeChallenge,
    /// Where the CA may write to, as URIs (`mailto:…`).
    pub contact: Vec<String>,
    /// Whether the operator agrees to the CA's terms of service.
    pub accept_terms: bool,
    /// The account that the operator has with the CA in another way.
    pub external_account: Option<ExternalAccount>,
    /// The CAs that may have signed the certificate of its HTTPS. `None`: those of the system.
    pub roots: Option<Arc<[CertificateDer<'static>]>>,
    /// The kind of certificate, of those that the CA offers. `None`: its default.
    pub profile: Option<String>,
    /// With dns-01: the program that makes a record, and its arguments.
    pub dns_set: Vec<String>,
    /// With dns-01: the one that removes it again. Empty: none.
    pub dns_remove: Vec<String>,
    /// How long one of them may run.
    pub dns_timeout: Duration,
    /// Its place in the file.
    pub at: Place,
}

impl Acme {
    /// Whether the other one says the same, at whatever place.
    pub fn is_same(&self, other: &Self) -> bool {
        Self { at: other.at.clone(), ..self.clone() } == *other
    }
}

/// An account that the operator has with a CA in another way (external account binding, RFC 8555 7.3.4).
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalAccount {
    /// The name of its key.
    pub key_id: String,
    /// The key itself.
    pub key: Arc<[u8]>,
}

impl fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalAccount").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}
