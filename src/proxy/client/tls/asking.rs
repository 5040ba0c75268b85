//! Client certificates on a listener with sites that ask for them. Which site a handshake is for decides whether a certificate is
//! asked for, and of which CAs. During the handshake the client only proves that it has the key. Whether its certificate is
//! believed is judged afterwards, since a session that is resumed shows none anew, and the client then reads the reason.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::config::ClientAuth;
use crate::proxy::client::hello::Hello;
use crate::proxy::node::verify;
use crate::traffic::message::refusal::Refusal;

/// What a site believes of client certificates.
#[derive(Debug)]
pub(crate) struct Believed {
    /// By all requests of the site.
    required: bool,
    by: Arc<dyn ClientCertVerifier>,
    /// Tells it from another one, within this process.
    mark: u64,
}

impl Believed {
    /// `required`: whether all requests of the site need a certificate.
    pub(crate) fn new(auth: &ClientAuth, required: bool, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let roots = Arc::new(verify::anchors(&auth.authorities)?);
        let builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
        let builder = match auth.revoked.as_slice() {
            [] => builder,
            // A CA's own certificate is revoked by taking it out of the file of CAs.
            lists => builder.with_crls(lists.to_vec()).only_check_end_entity_revocation(),
        };
        let by = builder.build().map_err(|error| format!("client-auth: {error}"))?;
        let mut hasher = DefaultHasher::new();
        auth.authorities.iter().for_each(|der| der.hash(&mut hasher));
        auth.revoked.iter().for_each(|der| der.as_ref().hash(&mut hasher));
        Ok(Self { required, by, mark: hasher.finish() })
    }

    /// Of these sites, what the one of the handshake that this thread runs now believes.
    pub(super) fn now(sites: &[Option<Arc<Self>>]) -> Option<&Self> {
        sites.get(Hello::site_now()??)?.as_deref()
    }

    /// What tells it from another one, within this process.
    pub(super) const fn mark(&self) -> [u8; 8] {
        self.mark.to_be_bytes()
    }

    /// Whether a client that has shown this comes in: no certificate, or one that is believed or not.
    pub(super) fn takes(&self, shown: Option<bool>) -> bool {
        shown.unwrap_or(!self.required)
    }

    /// Judges what a client has shown at this time: its certificate, and those that lead from it to a CA.
    pub(crate) fn judge(&self, chain: &[CertificateDer<'static>], now: SystemTime) -> Result<(), Refusal> {
        let Some((own, others)) = chain.split_first() else {
            return if self.required { Err(Refusal::CertificateMissing) } else { Ok(()) };
        };
        let now = UnixTime::since_unix_epoch(now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
        self.by.verify_client_cert(own, others, now).map(drop).map_err(|error| reason(&error))
    }
}

fn reason(error: &Error) -> Refusal {
    let Error::InvalidCertificate(error) = error else { return Refusal::CertificateBad };
    match error {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Refusal::CertificateExpired,
        CertificateError::Revoked => Refusal::CertificateRevoked,
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Refusal::CertificateUnknown,
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            Refusal::CertificatePurpose
        }
        CertificateError::UnknownRevocationStatus => Refusal::CertificateUnchecked,
        _ => Refusal::CertificateBad,
    }
}

/// Asks for the certificates that the site of a handshake wants.
#[derive(Debug)]
pub(super) struct Asking {
    /// By the index of the site.
    sites: Vec<Option<Arc<Believed>>>,
    provider: Arc<CryptoProvider>,
}

impl Asking {
    pub(super) fn new(sites: Vec<Option<Arc<Believed>>>, provider: Arc<CryptoProvider>) -> Self {
        Self { sites, provider }
    }

    fn now(&self) -> Option<&Believed> {
        Believed::now(&self.sites)
    }
}

impl ClientCertVerifier for Asking {
    fn offer_client_auth(&self) -> bool {
        // Before it knows who is asked for, rustls asks whether it has to keep what TLS 1.2 signs at the end.
        Hello::site_now().is_none() || self.now().is_some()
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.now().map_or(&[], |believed| believed.by.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let is_good = |believed: &Believed| believed.by.verify_client_cert(shown, intermediates, now).is_ok();
        Hello::note_believed(self.now().is_some_and(is_good));
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, shown, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, shown, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
