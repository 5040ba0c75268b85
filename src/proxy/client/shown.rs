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
        // At one and the same time: this clock may be ahead of the system's by as long as the request took to come here, and one that
        // still held by the system's would be taken for one that never ends.
        let (found, until) = (believed.judge(&self.chain, now), self.until(now));
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

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    use super::*;
    use crate::config::{ClientAuth, ClientAuthMode};
    use crate::proxy::client::tls;

    /// What a client has shown whose certificate ends then, and who believes it.
    fn shown(ends: SystemTime) -> (Shown, Arc<Believed>) {
        let (own, issuing) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = authority.self_signed(&issuing).unwrap().der().clone();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.not_after = ends.into();
        let leaf = params.signed_by(&own, &Issuer::new(authority, issuing)).unwrap().der().clone();
        let auth = ClientAuth {
            ca: "ca.pem".into(),
            authorities: vec![root],
            crl: None,
            revoked: Vec::new(),
            mode: ClientAuthMode::Required,
            fields: Vec::new(),
        };
        let believed = Believed::new(&auth, true, &tls::provider()).unwrap();
        let (certificate, judged) = (OnceCell::new(), RefCell::default());
        (Shown { site: "esb".into(), chain: vec![leaf].into(), certificate, judged }, Arc::new(believed))
    }

    #[test]
    fn a_certificate_is_believed_until_its_end_by_the_clock_of_requests_whatever_the_systems_says() {
        let second = Duration::from_secs(1);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let ends = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs() + 3_600);
        let may_come = |shown: &Shown, believed: &Arc<Believed>, now| shown.may_come("esb", believed, now);
        for is_asked_before in [false, true] {
            let (shown, believed) = shown(ends);
            if is_asked_before {
                assert_eq!(may_come(&shown, &believed, ends - second), Ok(()));
            }
            assert_eq!(may_come(&shown, &believed, ends + second / 2), Ok(()), "to the end of its last second");
            for later in [second, 2 * second, 3_600 * second] {
                assert_eq!(may_come(&shown, &believed, ends + later), Err(Refusal::CertificateExpired), "{later:?}");
            }
        }
    }
}
