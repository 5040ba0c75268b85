//! Keys: their kind and strength, and whether a private key belongs to a public one.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::{any_ecdsa_type, any_supported_type};
use rustls::sign::SigningKey;
use rustls_pki_types::PrivateKeyDer;
use x509_parser::asn1_rs::{Any, FromDer, Oid, oid};
use x509_parser::oid_registry as registry;
use x509_parser::prelude::SubjectPublicKeyInfo;
use x509_parser::public_key::PublicKey;

/// The kind of a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKind {
    Ecdsa(&'static str),
    Ed25519,
    Rsa(usize),
    Unsupported(String),
}

impl PublicKind {
    pub(super) fn of(key: &SubjectPublicKeyInfo<'_>) -> Self {
        let algorithm = &key.algorithm.algorithm;
        if *algorithm == registry::OID_PKCS1_RSAENCRYPTION {
            return match key.parsed() {
                Ok(PublicKey::RSA(rsa)) => Self::Rsa(bits(rsa.modulus)),
                _ => Self::Unsupported("damaged RSA".into()),
            };
        }
        if *algorithm == registry::OID_KEY_TYPE_EC_PUBLIC_KEY {
            let curve = key.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
            return curve
                .map_or_else(|| Self::Unsupported("ECDSA on a curve of its own".into()), |oid| curve_kind(&oid));
        }
        if *algorithm == registry::OID_SIG_ED25519 {
            return Self::Ed25519;
        }
        Self::Unsupported(other_kind(algorithm))
    }

    pub(super) fn words(&self) -> String {
        match self {
            Self::Ecdsa(curve) => format!("ECDSA {curve}"),
            Self::Ed25519 => "Ed25519".into(),
            Self::Rsa(bits) => format!("RSA {bits}"),
            Self::Unsupported(name) => name.clone(),
        }
    }
}

/// The signing key for a private key. Each look at a key also checks it, which is most of the work for a site at start.
/// Therefore the right kind is used at once: the library would first parse every key as RSA.
pub(super) fn signer(private: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, rustls::Error> {
    let ecdsa = if rsa_modulus(private).is_none() { any_ecdsa_type(private).ok() } else { None };
    ecdsa.map_or_else(|| any_supported_type(private), Ok)
}

/// Whether the private key (with its signing key) belongs to this public key. `None` when it cannot be read.
pub(super) fn belongs(
    private: &PrivateKeyDer<'_>,
    signer: Option<&dyn SigningKey>,
    public: &SubjectPublicKeyInfo<'_>,
) -> Option<bool> {
    // RSA keys are compared by their modulus, because the library refuses RSA below 2048 bits and the operator should
    // learn about all problems at once.
    if let Some(modulus) = rsa_modulus(private) {
        let theirs = match public.parsed() {
            Ok(PublicKey::RSA(rsa)) => rsa.modulus,
            _ => return Some(false),
        };
        return Some(significant(modulus) == significant(theirs));
    }
    Some(signer?.public_key()?.as_ref() == public.raw)
}

/// The size of an RSA private key in bits. `None` for other keys.
pub(super) fn rsa_bits(private: &PrivateKeyDer<'_>) -> Option<usize> {
    rsa_modulus(private).map(bits)
}

fn rsa_modulus<'a>(private: &'a PrivateKeyDer<'_>) -> Option<&'a [u8]> {
    match private {
        PrivateKeyDer::Pkcs1(key) => pkcs1_modulus(key.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(key) => {
            // RFC 5958 section 2: version, algorithm, and the key of that algorithm as an octet string.
            let mut fields = fields(key.secret_pkcs8_der())?;
            let algorithm = fields.nth(1)?;
            let (_, algorithm) = Oid::from_der(algorithm.data).ok()?;
            if algorithm == registry::OID_PKCS1_RSAENCRYPTION { pkcs1_modulus(fields.next()?.data) } else { None }
        }
        _ => None,
    }
}

/// RFC 8017 appendix A.1.2: version, modulus, …
fn pkcs1_modulus(der: &[u8]) -> Option<&[u8]> {
    Some(fields(der)?.nth(1)?.data)
}

/// The fields of a DER SEQUENCE.
fn fields(der: &[u8]) -> Option<impl Iterator<Item = Any<'_>>> {
    let (_, sequence) = Any::from_der(der).ok()?;
    let mut rest = sequence.data;
    Some(std::iter::from_fn(move || {
        let (next, field) = Any::from_der(rest).ok()?;
        rest = next;
        Some(field)
    }))
}

fn bits(integer: &[u8]) -> usize {
    let integer = significant(integer);
    integer.first().map_or(0, |first| integer.len() * 8 - first.leading_zeros() as usize)
}

fn significant(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|&&byte| byte == 0).count();
    integer.get(zeros..).unwrap_or_default()
}

fn curve_kind(curve: &Oid<'_>) -> PublicKind {
    let supported = [
        (registry::OID_EC_P256, "P-256"),
        (registry::OID_NIST_EC_P384, "P-384"),
        (registry::OID_NIST_EC_P521, "P-521"),
    ];
    let found = supported.iter().find(|(oid, _)| oid == curve);
    found.map_or_else(
        || PublicKind::Unsupported(format!("ECDSA on the curve {curve}")),
        |(_, name)| PublicKind::Ecdsa(name),
    )
}

fn other_kind(algorithm: &Oid<'_>) -> String {
    let known = [
        (oid!(1.2.840.10040.4.1), "DSA"),
        (oid!(1.2.840.113549.1.1.10), "RSA restricted to PSS"),
        (oid!(1.3.101.113), "Ed448"),
        (oid!(1.2.840.113549.1.3.1), "Diffie-Hellman"),
    ];
    known
        .iter()
        .find(|(oid, _)| oid == algorithm)
        .map_or_else(|| format!("type {algorithm}"), |(_, name)| (*name).into())
}
