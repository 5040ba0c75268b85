//! Why a TLS handshake with a client failed: a word for the metrics, and a sentence for the log. pingora-core keeps rustls's errors only
//! as text, so they are recognized by their words.

/// Why there was no handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoHandshake {
    /// One of [`WORDS`].
    pub(crate) word: &'static str,
    /// The same in a sentence. Empty: it tells nothing, and the log does not have it.
    pub(crate) what: String,
}

/// All words, in alphabetical order.
pub(crate) const WORDS: [&str; 15] = [
    "below-min-version",
    "certificate-not-believed",
    "client-alert",
    "client-certificate",
    "client-left",
    "malformed",
    "no-certificate",
    "no-common-cipher",
    "no-common-group",
    "no-common-signature",
    "no-tls",
    "not-ordered",
    "old-version",
    "timeout",
    "unknown-name",
];

/// What rustls's errors have in them, the word of the reason, and its sentence. The first row that is found counts.
const ROWS: [(&str, &str, &str); 18] = [
    (
        "UnsupportedCertVersion",
        "client-certificate",
        "the client's certificate is of X.509 version 1 or 2, which TLS here cannot use: have it signed anew as version 3",
    ),
    (
        "no server certificate chain resolved",
        "no-certificate",
        "the site has no certificate yet; Weir orders one: weir cert status",
    ),
    ("InvalidContentType", "no-tls", "the client spoke plain HTTP, or something else that is no TLS"),
    // rustls looks for signature schemes before it looks at the version, and a ClientHello of TLS 1.1 has none.
    (
        "SignatureAlgorithmsExtensionRequired",
        "old-version",
        "the client offers no signature algorithms, as TLS 1.1 and older do; 1.2 is the oldest that min-version can be",
    ),
    (
        "Tls12NotOfferedOrEnabled",
        "below-min-version",
        "the client offers no TLS version from the listener's min-version on",
    ),
    ("Tls12NotOffered", "old-version", "the client offers TLS 1.1 or older; 1.2 is the oldest that min-version can be"),
    (
        "SupportedVersionsExtensionRequired",
        "below-min-version",
        "the client offers TLS 1.2; min-version of the listener is 1.3",
    ),
    (
        "NoCipherSuitesInCommon",
        "no-common-cipher",
        "the client offers only cipher suites without AES-GCM and ChaCha20-Poly1305",
    ),
    (
        "NoKxGroupsInCommon",
        "no-common-group",
        "the client offers no key exchange by X25519 or the curves P-256 and P-384, as those do that only know an exchange by RSA",
    ),
    (
        "NoSignatureSchemesInCommon",
        "no-common-signature",
        "the client cannot check a signature by the kind of key that the site has: a certificate with an RSA key beside it may help",
    ),
    (
        "fatal alert: UnknownCA",
        NOT_BELIEVED,
        "the client knows no CA that signed the site's certificate, or lacks the ones between",
    ),
    (
        "fatal alert: BadCertificate",
        NOT_BELIEVED,
        "the client does not take the site's certificate: is it for this name?",
    ),
    ("fatal alert: CertificateUnknown", NOT_BELIEVED, "the client does not believe the site's certificate"),
    ("fatal alert: CertificateExpired", NOT_BELIEVED, "the client says that the site's certificate has expired"),
    ("fatal alert: CertificateRevoked", NOT_BELIEVED, "the client says that the site's certificate is revoked"),
    ("fatal alert: UnsupportedCertificate", NOT_BELIEVED, "the client cannot use the site's certificate"),
    ("tls handshake eof", LEFT, "the client left in the middle of the handshake"),
    ("os error", LEFT, "the connection broke in the middle of the handshake"),
];

const NOT_BELIEVED: &str = "certificate-not-believed";
const LEFT: &str = "client-left";

impl NoHandshake {
    /// By the error of the handshake, as pingora-core tells it.
    pub(crate) fn of(error: &str) -> Self {
        if let Some((_, word, what)) = ROWS.iter().find(|(part, ..)| error.contains(part)) {
            return Self { word, what: (*what).to_owned() };
        }
        // What stands before it is pingora-core's own.
        let own = error.rsplit_once("tls connect error: ").map_or(error, |(_, own)| own);
        let word = if own.contains("alert") {
            "client-alert"
        } else if own.contains("certificate") {
            "client-certificate"
        } else {
            "malformed"
        };
        Self { word, what: own.to_owned() }
    }

    /// The same of a connection of which no whole hello came. Health checks leave so every second, which only connect or send no more
    /// than a PROXY header.
    pub(crate) fn before_hello(self) -> Self {
        if self.word == LEFT { Self { what: String::new(), ..self } } else { self }
    }

    /// It took too long.
    pub(crate) fn timed_out() -> Self {
        Self { word: "timeout", what: "timed out".to_owned() }
    }

    /// A CA, or somebody who does as one, looked at a name that is not being ordered.
    pub(crate) fn not_ordered() -> Self {
        let what = "it asked for acme-tls/1 alone, as CAs do, and no certificate for this name is being ordered";
        Self { word: "not-ordered", what: what.to_owned() }
    }

    /// The client asked for a name that no site has.
    pub(crate) fn unknown_name(name: &str) -> Self {
        Self { word: "unknown-name", what: format!("no site of this listener has the server name {name}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_a_word_that_is_known() {
        assert!(WORDS.is_sorted());
        assert!(ROWS.iter().all(|(_, word, _)| WORDS.contains(word)));
        let before =
            " TLSHandshakeFailure context: TLS accept() failed:  TLSHandshakeFailure context: tls connect error: ";
        for (error, word, what) in [
            ("received fatal alert: InternalError", "client-alert", "received fatal alert: InternalError"),
            ("invalid peer certificate: BadSignature", "client-certificate", "invalid peer certificate: BadSignature"),
            ("received corrupt message of type Handshake", "malformed", "received corrupt message of type Handshake"),
            ("Connection reset by peer (os error 104)", LEFT, "the connection broke in the middle of the handshake"),
        ] {
            let told = NoHandshake::of(&format!("{before}{error}"));
            assert_eq!((told.word, &*told.what), (word, what), "{error}");
            assert!(WORDS.contains(&told.word));
        }
        let own = [NoHandshake::timed_out(), NoHandshake::not_ordered(), NoHandshake::unknown_name("a.test")];
        assert!(own.iter().all(|told| WORDS.contains(&told.word)));
    }
}
