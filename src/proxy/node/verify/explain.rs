//! Why a node's certificate was refused, in words.

use std::error::Error as StdError;
use std::fmt;

use rustls::{AlertDescription, CertificateError, Error, OtherError};

use super::legacy;
use crate::config::certificate::pin_text;

/// The node showed a certificate that matches no pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PinMismatch {
    /// SHA-256 of the certificate that it showed.
    pub seen: [u8; 32],
}

impl fmt::Display for PinMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the node shows the certificate {}, which no pin names", pin_text(self.seen))
    }
}

impl StdError for PinMismatch {}

/// The node's key is too weak to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WeakKey {
    /// The size of its RSA key in bits.
    pub bits: usize,
    /// Whether the pool verifies by a chain. With a pin the key could be accepted.
    pub by_chain: bool,
}

impl fmt::Display for WeakKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bits, by_chain } = self;
        match by_chain {
            true if *bits >= legacy::LEAST => write!(
                f,
                "the node's key is RSA of {bits} bits, and less than {} is accepted by verify = \"pin\" alone",
                legacy::MODERN
            ),
            _ => write!(f, "the node's key is RSA of {bits} bits, and less than {} is not accepted", legacy::LEAST),
        }
    }
}

impl StdError for WeakKey {}

/// The SHA-256 of the certificate that was shown, when a handshake failed because of the pin.
pub(crate) fn pin_mismatch(error: &Error) -> Option<[u8; 32]> {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else { return None };
    other.0.downcast_ref::<PinMismatch>().map(|mismatch| mismatch.seen)
}

/// A failed handshake with a node as a text for the journal and the probe's report.
pub(crate) fn explain(error: &Error) -> String {
    use CertificateError as Refused;
    let refused = match error {
        Error::InvalidCertificate(refused) => refused,
        Error::InvalidMessage(_) => return "the node does not speak TLS on this port".into(),
        Error::AlertReceived(AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure)
        | Error::PeerIncompatible(_) => {
            return "the node offers no TLS version and cipher that Weir speaks (TLS 1.3, or TLS 1.2 with ECDHE and \
                    AES-GCM or ChaCha20; no CBC)"
                .into();
        }
        Error::AlertReceived(alert) => return format!("the node refused the handshake ({alert:?})"),
        other => return other.to_string(),
    };
    match refused {
        Refused::Expired | Refused::ExpiredContext { .. } => "the node's certificate is expired".into(),
        Refused::NotValidYet | Refused::NotValidYetContext { .. } => "the node's certificate is not valid yet".into(),
        Refused::UnknownIssuer => "the node's certificate was issued by none of the known CAs".into(),
        Refused::NotValidForName | Refused::NotValidForNameContext { .. } => {
            "the node's certificate is for another name".into()
        }
        Refused::BadEncoding => "the node's certificate cannot be parsed".into(),
        Refused::BadSignature => "the node does not hold its certificate's key, or the certificate is forged".into(),
        Refused::Other(other) if other.0.is::<PinMismatch>() || other.0.is::<WeakKey>() => other.0.to_string(),
        Refused::Other(other) => {
            format!("the node's certificate is of a kind that only a pin can accept: {}", webpki_word(other))
        }
        refused => format!("the node's certificate is refused: {refused}"),
    }
}

/// The warning about a node whose key has so many bits.
pub(crate) fn small_key(bits: usize) -> String {
    format!(
        "an RSA key of {bits} bits: whoever can afford to break it can pretend to be this node; give it one of 2048"
    )
}

fn webpki_word(other: &OtherError) -> String {
    match other.0.to_string().as_str() {
        "CaUsedAsEndEntity" => "it says that it is a CA".into(),
        "UnsupportedCertVersion" => "it is not X.509 v3".into(),
        word => word.into(),
    }
}
