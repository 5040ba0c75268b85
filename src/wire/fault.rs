//! Every reason to refuse bytes, each with its word. The word is the same in the log, the metric and the answer page.

/// Why the head of a request is refused. No part of such a request has reached a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeadFault {
    /// The target is absolute, and its scheme or authority cannot be served here or contradicts Host.
    BadAbsoluteTarget,
    /// Connection is malformed, or names a field that must not be dropped.
    BadConnection,
    /// A field line that a strict reader refuses.
    BadField,
    /// Host is malformed, given twice, or contradicts the authority.
    BadHost,
    /// Content-Length is not one plain number.
    BadLength,
    /// The request line is not method, target and version with single spaces between them.
    BadRequestLine,
    /// The target has a byte or a form that is not allowed.
    BadTarget,
    /// Transfer-Encoding is given twice, in the wrong place or malformed.
    BadTransferEncoding,
    /// A version of HTTP that Weir does not support.
    BadVersion,
    /// A carriage return without a line feed.
    BareCr,
    /// A line feed without a carriage return.
    BareLf,
    /// An expectation other than 100-continue.
    ExpectationRefused,
    /// The head is longer than the listener allows.
    HeadTooLarge,
    /// Content-Length and Transfer-Encoding together.
    LengthAndChunked,
    /// CONNECT and TRACE are not served.
    MethodRefused,
    /// HTTP/1.1 without Host.
    NoHost,
    /// The target is longer than the limit.
    TargetTooLong,
    /// A TLS hello on a plain listener.
    TlsOnPlain,
    /// More fields than the listener allows.
    TooManyFields,
    /// A transfer coding that Weir does not know.
    UnknownCoding,
}

impl HeadFault {
    /// All of them, for tables of metrics.
    pub const ALL: [Self; 20] = [
        Self::BadAbsoluteTarget,
        Self::BadConnection,
        Self::BadField,
        Self::BadHost,
        Self::BadLength,
        Self::BadRequestLine,
        Self::BadTarget,
        Self::BadTransferEncoding,
        Self::BadVersion,
        Self::BareCr,
        Self::BareLf,
        Self::ExpectationRefused,
        Self::HeadTooLarge,
        Self::LengthAndChunked,
        Self::MethodRefused,
        Self::NoHost,
        Self::TargetTooLong,
        Self::TlsOnPlain,
        Self::TooManyFields,
        Self::UnknownCoding,
    ];

    /// The status of the answer, and the word for the reason.
    pub const fn answer(self) -> (u16, &'static str) {
        match self {
            Self::BadAbsoluteTarget => (400, "bad-absolute-target"),
            Self::BadConnection => (400, "bad-connection"),
            Self::BadField => (400, "bad-field"),
            Self::BadHost => (400, "bad-host"),
            Self::BadLength => (400, "bad-length"),
            Self::BadRequestLine => (400, "bad-request-line"),
            Self::BadTarget => (400, "bad-target"),
            Self::BadTransferEncoding => (400, "bad-transfer-encoding"),
            Self::BadVersion => (505, "bad-version"),
            Self::BareCr => (400, "bare-cr"),
            Self::BareLf => (400, "bare-lf"),
            Self::ExpectationRefused => (417, "expectation-refused"),
            Self::HeadTooLarge => (431, "head-too-large"),
            Self::LengthAndChunked => (400, "length-and-chunked"),
            Self::MethodRefused => (405, "method-refused"),
            Self::NoHost => (400, "no-host"),
            Self::TargetTooLong => (414, "target-too-long"),
            Self::TlsOnPlain => (400, "tls-on-plain"),
            Self::TooManyFields => (431, "too-many-fields"),
            Self::UnknownCoding => (501, "unknown-coding"),
        }
    }
}

/// Why a node's answer cannot be passed on. The client gets 502, and the node's connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnswerFault {
    /// Connection is malformed.
    BadConnection,
    /// A field line that a strict reader refuses.
    BadField,
    /// Content-Length is no number, or gives different numbers.
    BadLength,
    /// The first line is no status line of HTTP/1.0 or 1.1.
    BadStatusLine,
    /// Transfer-Encoding in HTTP/1.0, or given twice.
    BadTransferEncoding,
    /// A carriage return without a line feed.
    BareCr,
    /// The head is longer than the limit.
    HeadTooLarge,
    /// More fields than a node may send.
    TooManyFields,
    /// A transfer coding other than chunked.
    UnknownCoding,
}

impl AnswerFault {
    /// The word for the log: what was malformed.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BadConnection => "bad-connection",
            Self::BadField => "bad-field",
            Self::BadLength => "bad-length",
            Self::BadStatusLine => "bad-status-line",
            Self::BadTransferEncoding => "bad-transfer-encoding",
            Self::BareCr => "bare-cr",
            Self::HeadTooLarge => "head-too-large",
            Self::TooManyFields => "too-many-fields",
            Self::UnknownCoding => "unknown-coding",
        }
    }
}

/// Why a chunked body is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChunkFault {
    /// An invalid extension (RFC 9112 section 7.1.1).
    BadExtension,
    /// A line or a chunk that does not end with CRLF.
    BadLineEnd,
    /// A size that is not 1 to 16 hexadecimal digits.
    BadSize,
    /// A trailer line that a strict reader refuses.
    BadTrailer,
    /// An extension over 256 bytes, or too many bytes of extensions in one body.
    ExtensionTooLong,
    /// Trailers over 8 KiB.
    TrailersTooLarge,
}

impl ChunkFault {
    /// The word for the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BadExtension => "bad-chunk-extension",
            Self::BadLineEnd => "bad-chunk-line-end",
            Self::BadSize => "bad-chunk-size",
            Self::BadTrailer => "bad-trailer",
            Self::ExtensionTooLong => "chunk-extension-too-long",
            Self::TrailersTooLarge => "trailers-too-large",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_refusal_has_its_own_word_and_an_error_status() {
        let words: HashSet<&str> = HeadFault::ALL.iter().map(|fault| fault.answer().1).collect();
        assert_eq!(words.len(), HeadFault::ALL.len());
        for fault in HeadFault::ALL {
            let (status, word) = fault.answer();
            assert!((400..=505).contains(&status), "{word}");
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{word}");
        }
    }
}
