//! Whose client certificates the admin address believes: what a CA of the file signed, and certificates that stand in the
//! file themselves.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::config::certificate::Leaf;
use crate::proxy::node::verify;

/// Believes the certificates of `client-ca`. webpki takes every certificate of a root store as a CA, whatever it says of
/// itself: the owner of a listed one could sign another with anybody's name. So one that is no CA speaks for itself alone.
#[derive(Debug)]
pub(super) struct Listed {
    listed: Arc<[CertificateDer<'static>]>,
    /// Takes all of the file as CAs.
    all: Arc<dyn ClientCertVerifier>,
    /// Takes those that are CAs; none where there are none.
    authorities: Option<Arc<dyn ClientCertVerifier>>,
}

impl Listed {
    pub(super) fn new(listed: &Arc<[CertificateDer<'static>]>, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let by = |roots: &[CertificateDer<'static>]| {
            let roots = Arc::new(verify::anchors(roots)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
            verifier.allow_unauthenticated().build().map_err(|error| error.to_string())
        };
        let is_authority = |der: &&CertificateDer<'static>| Leaf::read(der).is_some_and(|read| read.is_authority);
        let authorities: Vec<_> = listed.iter().filter(is_authority).cloned().collect();
        let authorities = if authorities.is_empty() { None } else { Some(by(&authorities)?) };
        Ok(Self { listed: Arc::clone(listed), all: by(listed)?, authorities })
    }
}

impl ClientCertVerifier for Listed {
    fn client_auth_mandatory(&self) -> bool {
        self.all.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.all.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.listed.iter().any(|listed| listed == shown) {
            return self.all.verify_client_cert(shown, &[], now);
        }
        match &self.authorities {
            Some(authorities) => authorities.verify_client_cert(shown, intermediates, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.all.verify_tls12_signature(message, shown, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.all.verify_tls13_signature(message, shown, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.all.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

    use super::*;
    use crate::proxy::client::tls::provider;

    fn parameters(name: &str, is_ca: IsCa) -> CertificateParams {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        parameters.is_ca = is_ca;
        parameters
    }

    /// A certificate that signed itself, and what signs with its key.
    fn own(name: &str, is_ca: IsCa) -> (CertificateDer<'static>, Issuer<'static, KeyPair>) {
        let (key, parameters) = (KeyPair::generate().unwrap(), parameters(name, is_ca));
        let made = parameters.self_signed(&key).unwrap();
        (made.der().clone(), Issuer::new(parameters, key))
    }

    fn signed(name: &str, by: &Issuer<'static, KeyPair>) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        parameters(name, IsCa::ExplicitNoCa).signed_by(&key, by).unwrap().der().clone()
    }

    #[test]
    fn a_listed_certificate_that_is_no_ca_speaks_for_itself_alone() {
        let (anna, by_anna) = own("anna", IsCa::ExplicitNoCa);
        let (bob, _) = own("bob", IsCa::NoCa);
        let (ca, by_ca) = own("operators", IsCa::Ca(BasicConstraints::Unconstrained));
        let believes = |listed: &[&CertificateDer<'static>], shown: &CertificateDer<'static>| {
            let listed: Arc<[_]> = listed.iter().map(|der| (*der).clone()).collect();
            let verifier = Listed::new(&listed, &provider()).unwrap();
            verifier.verify_client_cert(shown, std::slice::from_ref(&anna), UnixTime::now()).is_ok()
        };
        let forged = signed("bob", &by_anna);
        for listed in [&[&anna, &bob][..], &[&anna, &bob, &ca]] {
            assert!(believes(listed, &anna) && believes(listed, &bob));
            assert!(!believes(listed, &forged), "anna's key signs for nobody");
        }
        let carl = signed("carl", &by_ca);
        assert!(believes(&[&anna, &ca], &carl) && !believes(&[&anna, &bob], &carl));
        assert!(!believes(&[&bob], &anna));
    }
}
