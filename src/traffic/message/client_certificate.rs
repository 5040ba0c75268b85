//! What nodes are told of the certificate that a client has shown.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::config::RequestValue;
use crate::config::certificate::Identity;

/// A certificate that is believed, as it stands in fields of requests.
#[derive(Debug)]
pub struct ClientCertificate {
    der: Box<[u8]>,
    /// PEM, with what has a meaning in a URL escaped.
    escaped: Box<[u8]>,
    identity: Identity,
}

impl ClientCertificate {
    /// Of this certificate in DER. `None` where it is none.
    pub fn new(der: &[u8]) -> Option<Self> {
        let identity = Identity::read(der)?;
        let mut escaped = Vec::new();
        pem(der).bytes().for_each(|byte| escape(byte, &mut escaped));
        Some(Self { der: der.into(), escaped: escaped.into(), identity })
    }

    /// Its subject (RFC 4514).
    pub fn subject(&self) -> &str {
        &self.identity.subject
    }

    /// Writes one of the values that a certificate has. All are visible ASCII.
    pub fn write(&self, value: RequestValue, out: &mut Vec<u8>) {
        match value {
            RequestValue::ClientCert => out.extend_from_slice(&self.escaped),
            RequestValue::ClientCertBase64 => out.extend_from_slice(STANDARD.encode(pem(&self.der)).as_bytes()),
            RequestValue::ClientCertDer => out.extend_from_slice(STANDARD.encode(&self.der).as_bytes()),
            RequestValue::ClientCertSequence => {
                out.push(b':');
                out.extend_from_slice(STANDARD.encode(&self.der).as_bytes());
                out.push(b':');
            }
            RequestValue::ClientSubject => out.extend_from_slice(self.identity.subject.as_bytes()),
            RequestValue::ClientIssuer => out.extend_from_slice(self.identity.issuer.as_bytes()),
            RequestValue::ClientSerial => out.extend_from_slice(self.identity.serial.as_bytes()),
            RequestValue::Client
            | RequestValue::Host
            | RequestValue::Scheme
            | RequestValue::Port
            | RequestValue::RequestId => {}
        }
    }
}

/// In PEM, as openssl writes it (RFC 7468).
fn pem(der: &[u8]) -> String {
    let digits = STANDARD.encode(der);
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in digits.as_bytes().chunks(64) {
        text.extend(line.iter().map(|digit| char::from(*digit)));
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}

/// As nginx escapes `$ssl_client_escaped_cert`: all but what RFC 3986 2.3 calls unreserved.
fn escape(byte: u8, out: &mut Vec<u8>) {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        out.push(byte);
    } else {
        let digit =
            |four: u8| char::from_digit(u32::from(four), 16).map_or(b'0', |digit| digit.to_ascii_uppercase() as u8);
        out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    #[test]
    fn a_certificate_has_four_forms() {
        let mut parameters = CertificateParams::new(["partner.test".to_owned()]).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, "partner, inc");
        let made = parameters.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let shown = ClientCertificate::new(made.der()).unwrap();
        let told = |value| {
            let mut out = Vec::new();
            shown.write(value, &mut out);
            assert!(out.iter().all(u8::is_ascii_graphic) || value == RequestValue::ClientSubject);
            String::from_utf8(out).unwrap()
        };
        // rcgen ends lines as Windows does.
        let pem = made.pem().replace('\r', "");
        let unescaped = told(RequestValue::ClientCert).replace("%0A", "\n").replace("%20", " ");
        let unescaped = unescaped.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
        assert_eq!(unescaped, pem);
        assert_eq!(STANDARD.decode(told(RequestValue::ClientCertBase64)).unwrap(), pem.as_bytes());
        assert_eq!(STANDARD.decode(told(RequestValue::ClientCertDer)).unwrap(), made.der().as_ref());
        assert_eq!(told(RequestValue::ClientCertSequence), format!(":{}:", told(RequestValue::ClientCertDer)));
        assert_eq!(told(RequestValue::ClientSubject), "CN=partner\\, inc");
        assert_eq!(shown.subject(), "CN=partner\\, inc");
        assert!(ClientCertificate::new(b"none").is_none());
    }
}
