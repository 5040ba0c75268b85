//! The SHA-256 fingerprints by which nodes are recognized.

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use x509_parser::certificate::X509Certificate;
use x509_parser::parse_x509_certificate;

/// SHA-256 of the whole certificate, as `openssl x509 -fingerprint -sha256` and keytool print it.
pub fn pin_of(der: &[u8]) -> [u8; 32] {
    let mut pin = [0; SHA256_OUTPUT_LEN];
    pin.copy_from_slice(digest(&SHA256, der).as_ref());
    pin
}

/// SHA-256 of the certificate's SubjectPublicKeyInfo. It stays the same when the certificate is renewed with the same
/// key. `None` when the bytes are no certificate.
pub fn key_pin_of(der: &[u8]) -> Option<[u8; 32]> {
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    Some(key_pin(&certificate))
}

/// The same of a certificate that was parsed.
pub fn key_pin(certificate: &X509Certificate<'_>) -> [u8; 32] {
    pin_of(certificate.public_key().raw)
}

/// The pin as the configuration has it: `sha256:` and 64 hex digits.
pub fn pin_text(pin: [u8; 32]) -> String {
    let hex: String = pin.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_written_as_the_configuration_reads_it() {
        // FIPS 180-2, appendix B.1
        let expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(pin_text(pin_of(b"abc")), expected);
    }

    #[test]
    fn what_is_no_certificate_has_no_key_to_pin() {
        assert_eq!(key_pin_of(b"abc"), None);
    }
}
