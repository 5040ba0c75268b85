//! The certificate that a client showed on its connection, and what the site of a request says of it.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;

use super::tls::asking::Believed;
use crate::config::Site;
use crate::config::certificate::ends;
use crate::traffic::message::client_certificate::ClientCertificate;
use crate::traffic::message::refusal::Refusal;

/// What a client has shown in its handshake with a site that asks for certificates.
pub(crate) struct Shown {
    /// The name of that site.
    site: Arc<str>,
    /// Its own certificate first; empty where it has none.
    chain: Box<[CertificateDer<'static>]>,
    /// As nodes are told of it: made where it was believed.
    certificate: OnceCell<Option<ClientCertificate>>,
    /// What was found last, and by whom: after a reload it is judged anew, and when one of them ends.
    judged: RefCell<Option<Judged>>,
}

struct Judged {
    by: Arc<Believed>,
    found: Result<(), Refusal>,
    /// When the first of them ends.
    until: SystemTime,
}

impl Shown {
    /// In a handshake for this site. `None` where it asks for nothing.
    pub(crate) fn to(site: &Site, chain: &[CertificateDer<'static>]) -> Option<Box<Self>> {
        site.client_auth.as_ref()?;
        let (certificate, judged) = (OnceCell::new(), RefCell::default());
        Some(Box::new(Self { site: Arc::clone(&site.name), chain: chain.into(), certificate, judged }))
    }

    /// Whether it is a certificate, and not the word that there is none. Whether it is believed is another question.
    pub(crate) fn has_any(&self) -> bool {
        !self.chain.is_empty()
    }

    /// The certificate, for nodes. `None` where it was not believed, or not judged.
    pub(crate) fn certificate(&self) -> Option<&ClientCertificate> {
        self.judged.borrow().as_ref()?.found.ok()?;
        self.certificate.get_or_init(|| self.chain.first().and_then(|own| ClientCertificate::new(own))).as_ref()
    }

    /// Whether a request for this site may come, which believes these certificates.
    fn may_come(&self, site: &str, believed: &Arc<Believed>, now: SystemTime) -> Result<(), Refusal> {
        if *self.site != *site {
            return Err(Refusal::OtherServerName);
        }
        if let Some(Judged { by, found, until }) = &*self.judged.borrow()
            && Arc::ptr_eq(by, believed)
            && (found.is_err() || now < *until)
        {
            return *found;
        }
        let (found, until) = (believed.judge(&self.chain), self.until(now));
        *self.judged.borrow_mut() = Some(Judged { by: Arc::clone(believed), found, until });
        found
    }

    /// When the next of the certificates ends. One that has ended is none that was needed, or nothing is believed.
    fn until(&self, now: SystemTime) -> SystemTime {
        // It is valid to the end of that second (RFC 5280 4.1.2.5).
        let ends = self.chain.iter().filter_map(|der| u64::try_from(ends(der)?.saturating_add(1)).ok());
        let moments = ends.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(NEVER)));
        moments.filter(|moment| *moment > now).min().unwrap_or(SystemTime::UNIX_EPOCH + Duration::from_secs(NEVER))
    }
}

/// In Unix seconds: beyond every date that a certificate can have.
const NEVER: u64 = 1 << 38;

/// Whether a request for this site may come, on a connection whose client has shown this. Without a handshake for a site that asks,
/// the client has to connect anew, by the name of the site (RFC 9110 15.5.20).
pub(crate) fn may_come(
    shown: Option<&Shown>,
    site: &str,
    believed: &Arc<Believed>,
    now: SystemTime,
) -> Result<(), Refusal> {
    shown.ok_or(Refusal::OtherServerName)?.may_come(site, believed, now)
}
