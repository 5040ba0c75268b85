//! Signatures of RSA keys of 1024 to 2047 bits. The stock certificates of older WSO2 releases (ESB 4.9 and 5.0, EI 6.0)
//! have such keys, and webpki no longer verifies them. All inputs are public, so nothing here must run in constant
//! time.
//!
//! aws-lc-rs still offers PKCS#1 v1.5 padding for these keys. PSS, which TLS 1.3 and newer Java releases use, is done
//! here as RFC 8017 describes it.

use aws_lc_rs::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use aws_lc_rs::signature::{
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, RsaParameters,
    UnparsedPublicKey,
};
use rustls::SignatureScheme;
use x509_parser::num_bigint::BigUint;
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::{PublicKey, RSAPublicKey};

/// The smallest RSA key in bits that is verified. Smaller keys can be broken by anybody.
pub(super) const LEAST: usize = 1024;
/// The smallest RSA key in bits that webpki verifies.
pub(super) const MODERN: usize = 2048;

/// The size of an RSA key that only this file can verify with.
pub(super) fn size(certificate: &X509Certificate<'_>) -> Option<usize> {
    rsa_key(certificate).map(|key| bits(&key)).filter(|size| *size < MODERN)
}

/// Whether the key of this certificate signed the message. The caller has checked that the TLS version allows the
/// scheme.
pub(super) fn verifies(
    certificate: &X509Certificate<'_>,
    scheme: SignatureScheme,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let Some(key) = rsa_key(certificate).filter(|key| (LEAST..MODERN).contains(&bits(key))) else { return false };
    let pkcs1 = |parameters: &'static RsaParameters| {
        let key = UnparsedPublicKey::new(parameters, &certificate.public_key().subject_public_key.data);
        key.verify(message, signature).is_ok()
    };
    match scheme {
        SignatureScheme::RSA_PKCS1_SHA256 => pkcs1(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
        SignatureScheme::RSA_PKCS1_SHA512 => pkcs1(&RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
        SignatureScheme::RSA_PSS_SHA256 => pss(&key, &SHA256, message, signature).is_some(),
        SignatureScheme::RSA_PSS_SHA384 => pss(&key, &SHA384, message, signature).is_some(),
        SignatureScheme::RSA_PSS_SHA512 => pss(&key, &SHA512, message, signature).is_some(),
        _ => false,
    }
}

fn rsa_key<'a>(certificate: &'a X509Certificate<'_>) -> Option<RSAPublicKey<'a>> {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => Some(key),
        _ => None,
    }
}

/// The size of the modulus in bits.
fn bits(key: &RSAPublicKey<'_>) -> usize {
    usize::try_from(BigUint::from_bytes_be(key.modulus).bits()).unwrap_or(usize::MAX)
}

/// RSASSA-PSS-VERIFY (RFC 8017 section 8.1.2).
fn pss(key: &RSAPublicKey<'_>, hash: &'static Algorithm, message: &[u8], signature: &[u8]) -> Option<()> {
    let [modulus, exponent, number] = [key.modulus, key.exponent, signature].map(BigUint::from_bytes_be);
    let bits = bits(key);
    // Real exponents are not longer. A long one would cost much CPU time.
    let is_short = exponent.bits() <= 64;
    if !is_short || number >= modulus || signature.len() != bits.div_ceil(8) {
        return None;
    }
    let bits = bits.checked_sub(1)?;
    let written = number.modpow(&exponent, &modulus).to_bytes_be();
    let mut encoded = vec![0; bits.div_ceil(8).checked_sub(written.len())?];
    encoded.extend_from_slice(&written);
    is_encoding_of(message, &encoded, bits, hash)
}

/// EMSA-PSS-VERIFY (RFC 8017 section 9.1.2). The salt is as long as the hash, and MGF1 uses the same hash, as TLS
/// requires (RFC 8446 section 4.2.3).
fn is_encoding_of(message: &[u8], encoded: &[u8], bits: usize, hash: &'static Algorithm) -> Option<()> {
    let length = hash.output_len();
    let (masked, rest) = encoded.split_at_checked(encoded.len().checked_sub(length + 1)?)?;
    let (seen, trailer) = rest.split_at_checked(length)?;
    let top = 0xff_u8 >> (encoded.len() * 8 - bits);
    if trailer != [0xbc] || masked.first()? & !top != 0 {
        return None;
    }
    let mut block: Vec<u8> =
        masked.iter().zip(mask(seen, masked.len(), hash)).map(|(one, other)| one ^ other).collect();
    *block.first_mut()? &= top;
    let (zeros, rest) = block.split_at_checked(block.len().checked_sub(length + 1)?)?;
    let (one, salt) = rest.split_first()?;
    let again = digest(hash, &[&[0; 8], digest(hash, message).as_ref(), salt].concat());
    (zeros.iter().all(|byte| *byte == 0) && *one == 1 && again.as_ref() == seen).then_some(())
}

/// MGF1 (RFC 8017 section B.2.1).
fn mask(seed: &[u8], length: usize, hash: &'static Algorithm) -> Vec<u8> {
    let blocks = (0_u32..).map(|count| digest(hash, &[seed, &count.to_be_bytes()].concat()).as_ref().to_vec());
    blocks.flatten().take(length).collect()
}

#[cfg(test)]
mod tests {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;
    use x509_parser::parse_x509_certificate;

    use super::*;
    use crate::config::certificate::made::Room;

    const SCHEMES: [(SignatureScheme, &str, bool); 5] = [
        (SignatureScheme::RSA_PKCS1_SHA256, "sha256", false),
        (SignatureScheme::RSA_PKCS1_SHA512, "sha512", false),
        (SignatureScheme::RSA_PSS_SHA256, "sha256", true),
        (SignatureScheme::RSA_PSS_SHA384, "sha384", true),
        (SignatureScheme::RSA_PSS_SHA512, "sha512", true),
    ];

    fn certificate(room: &Room, bits: usize) -> Option<CertificateDer<'static>> {
        let kind = format!("rsa:{bits}");
        let words = ["req", "-x509", "-newkey", &kind, "-nodes", "-keyout", "a.key", "-out", "a.crt", "-subj", "/CN=a"];
        room.openssl(&words).then(|| CertificateDer::from_pem_slice(&room.read("a.crt")).unwrap())
    }

    fn signature(room: &Room, hash: &str, pss: bool) -> Vec<u8> {
        let hash = format!("-{hash}");
        let padding: &[&str] = match pss {
            true => &["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"],
            false => &[],
        };
        let words = [&["dgst", &hash, "-sign", "a.key", "-out", "a.sig"], padding, &["message"]].concat();
        assert!(room.openssl(&words));
        room.read("a.sig")
    }

    #[test]
    fn what_openssl_signs_with_a_small_key_is_verified_and_nothing_else() {
        for bits in [1024, 1025, 1031, 1032, 1536, 2047] {
            let room = Room::new();
            let Some(der) = certificate(&room, bits) else { return };
            let (_, certificate) = parse_x509_certificate(&der).unwrap();
            std::fs::write(room.as_ref().join("message"), b"what was said").unwrap();
            for (scheme, hash, pss) in SCHEMES {
                // RFC 8017 section 9.1.1: a key of 1024 bits has no space for this hash and a salt of the same length.
                if pss && hash == "sha512" && bits < 1042 {
                    continue;
                }
                let signature = signature(&room, hash, pss);
                let good = |message: &[u8], signature: &[u8]| verifies(&certificate, scheme, message, signature);
                assert!(good(b"what was said", &signature), "{bits} {scheme:?}");
                assert!(!good(b"what was not said", &signature), "{bits} {scheme:?}");
                for (other, ..) in SCHEMES.iter().filter(|(other, ..)| *other != scheme) {
                    assert!(
                        !verifies(&certificate, *other, b"what was said", &signature),
                        "{bits} {scheme:?} {other:?}"
                    );
                }
                for place in 0..signature.len() {
                    let mut damaged = signature.clone();
                    damaged[place] ^= 1 << (place % 8);
                    assert!(!good(b"what was said", &damaged), "{bits} {scheme:?} {place}");
                }
                let lengths = [signature[1..].to_vec(), [&[0][..], &signature].concat(), Vec::new(), vec![0xff; 300]];
                for odd in lengths {
                    assert!(!good(b"what was said", &odd), "{bits} {scheme:?} {}", odd.len());
                }
            }
        }
    }

    #[test]
    fn keys_that_others_verify_with_or_nobody_should_are_not_taken_here() {
        for bits in [1023, 2048] {
            let room = Room::new();
            let Some(der) = certificate(&room, bits) else { return };
            let (_, certificate) = parse_x509_certificate(&der).unwrap();
            std::fs::write(room.as_ref().join("message"), b"what was said").unwrap();
            for (scheme, hash, pss) in SCHEMES.into_iter().filter(|(_, hash, _)| *hash == "sha256") {
                assert!(!verifies(&certificate, scheme, b"what was said", &signature(&room, hash, pss)), "{bits}");
            }
            assert_eq!(size(&certificate), (bits == 1023).then_some(1023));
        }
    }
}
