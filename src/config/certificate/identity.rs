//! Whose a certificate is, as nodes are told: names as in RFC 4514, in visible ASCII.

use std::fmt::Write;

use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::parse_x509_certificate;
use x509_parser::x509::X509Name;

/// Whose a certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its subject (RFC 4514), with bytes beyond ASCII as `\C3\A9`: as openssl's form `RFC2253`, and nginx' `$ssl_client_s_dn`.
    pub subject: Box<str>,
    /// Who signed it, in the same form.
    pub issuer: Box<str>,
    /// Its serial number, in hexadecimal digits.
    pub serial: Box<str>,
}

/// When a certificate in DER ends, in Unix seconds. `None` where it is none.
pub fn ends(der: &[u8]) -> Option<i64> {
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

impl Identity {
    /// Of this certificate in DER. `None` where it is none.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = parse_x509_certificate(der).ok()?;
        let serial = certificate.raw_serial();
        // A number that would seem to be negative has a zero in front.
        let serial = match serial {
            [0, rest @ ..] if !rest.is_empty() => rest,
            all => all,
        };
        Some(Self {
            subject: distinguished(certificate.subject()),
            issuer: distinguished(certificate.issuer()),
            serial: serial.iter().map(|byte| format!("{byte:02X}")).collect(),
        })
    }
}

/// The last part of the name comes first (RFC 4514 2.1).
fn distinguished(name: &X509Name<'_>) -> Box<str> {
    let mut parts: Vec<String> = Vec::new();
    for part in name.iter() {
        let attributes = part.iter().map(|attribute| {
            let kind = attribute.attr_type();
            let word = oid2abbrev(kind, oid_registry()).map_or_else(|_| kind.to_id_string(), str::to_owned);
            format!("{word}={}", escaped(attribute.as_slice()))
        });
        parts.push(attributes.collect::<Vec<_>>().join("+"));
    }
    parts.reverse();
    parts.join(",").into()
}

/// A value with what has a meaning in a name escaped (RFC 4514 2.4).
fn escaped(value: &[u8]) -> String {
    let mut text = String::new();
    let last = value.len().saturating_sub(1);
    for (at, byte) in value.iter().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => text.extend(['\\', char::from(*byte)]),
            b'#' if at == 0 => text.push_str("\\#"),
            b' ' if at == 0 || at == last => text.push_str("\\ "),
            b' '..=b'~' => text.push(char::from(*byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(text, "\\{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SerialNumber};

    use super::*;

    #[test]
    fn a_name_is_written_from_its_end_and_cannot_leave_its_field() {
        let mut parameters = CertificateParams::default();
        let mut name = DistinguishedName::new();
        name.push(DnType::CountryName, "DE");
        name.push(DnType::OrganizationName, "Müller, \"Sons\" + Co\r\nX-Evil: 1");
        name.push(DnType::CommonName, " #partner ");
        parameters.distinguished_name = name;
        parameters.serial_number = Some(SerialNumber::from(vec![0x00, 0xab, 0x01]));
        let made = parameters.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let identity = Identity::read(made.der()).unwrap();
        let subject = "CN=\\ #partner\\ ,O=M\\C3\\BCller\\, \\\"Sons\\\" \\+ Co\\0D\\0AX-Evil: 1,C=DE";
        assert_eq!(&*identity.subject, subject);
        assert_eq!(identity.issuer, identity.subject);
        assert_eq!(&*identity.serial, "AB01");
        assert_eq!(Identity::read(b""), None);
    }
}
