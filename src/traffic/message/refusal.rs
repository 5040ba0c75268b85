//! Refusals: the reasons for which Weir answers itself. One table has status, word and sentence. The word is the same
//! in the log, the metric and the body.

use super::decimal::Decimal;
use super::local_reply::{LocalReply, ReplyBody};
use crate::wire::HeadFault;

/// The table: variant, status, word, and the sentence for people.
macro_rules! refusals {
    ($($variant:ident $status:literal $word:literal $sentence:literal)*) => {
        /// Why Weir answers itself.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Refusal {
            $(#[doc = $sentence] $variant,)*
            /// The request head was not accepted.
            Head(HeadFault),
        }

        impl Refusal {
            /// All refusals except those of request heads.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its status and its word.
            pub const fn answer(self) -> (u16, &'static str) {
                match self {
                    $(Self::$variant => ($status, $word),)*
                    Self::Head(fault) => fault.answer(),
                }
            }

            const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$variant => $sentence,)*
                    Self::Head(fault) => head_sentence(fault.answer().0),
                }
            }
        }
    };
}

refusals! {
    AnswerBodyTimeout 504 "answer-body-timeout" "The server stopped in the middle of its answer."
    AnswerTimeout 504 "answer-timeout" "The server did not answer in time."
    BadChunk 400 "bad-chunk" "The chunked request body is malformed."
    BadTrailer 400 "bad-trailer" "The trailer of the request body is malformed."
    BodyTimeout 408 "body-timeout" "The request body did not come in time."
    BodyTooLarge 413 "body-too-large" "The request body is larger than this site takes."
    CertificateBad 400 "certificate-bad" "The certificate that you showed cannot be used here."
    CertificateExpired 400 "certificate-expired" "The certificate that you showed is not valid at this time."
    CertificateMissing 400 "certificate-missing" "You must show a certificate here, and none came."
    CertificatePurpose 400 "certificate-purpose" "The certificate that you showed is not for clients."
    CertificateRevoked 400 "certificate-revoked" "The certificate that you showed was taken back by its CA."
    CertificateUnchecked 400 "certificate-unchecked" "Nobody can tell whether the certificate that you showed was taken back."
    CertificateUnknown 400 "certificate-unknown" "The certificate that you showed is of no CA that is believed here."
    ClientFull 503 "client-full" "You have too many connections open. Please close some."
    ClientGone 499 "client-gone" "The client left before there was an answer."
    ConnectTimeout 504 "connect-timeout" "The server could not be reached in time."
    Denied 403 "denied" "You may not come here."
    Exhausted 503 "exhausted" "There is no room for another connection now. Please try again."
    Flood 429 "http2-flood" "Too many frames or requests taken back came over this HTTP/2 connection."
    HeadTimeout 408 "head-timeout" "The request head did not come in time."
    ListenerFull 503 "listener-full" "Too many connections are open now. Please try again."
    MemoryExhausted 503 "memory-exhausted" "There is no memory for more now. Please try again."
    NoActiveNode 503 "no-active-node" "No server can take this request now. Please try again."
    NodeCut 502 "node-cut" "The server closed the connection before the end of its answer."
    NodeMalformed 502 "node-malformed" "The server's answer could not be understood."
    NodePin 502 "node-pin" "The server did not show the certificate it is known by."
    NodeRefused 502 "node-refused" "The server takes no connections."
    NodeReset 502 "node-reset" "The server broke the connection off."
    NodeTls 502 "node-tls" "No secure connection to the server could be made."
    NodeUnreachable 502 "node-unreachable" "There is no way to the server."
    NodesBusy 503 "nodes-busy" "Every server is busy now. Please try again."
    OtherServerName 421 "other-server-name" "This site asks for a certificate, and this connection was made for another name."
    PathUnclear 400 "path-unclear" "The path can be read in more than one way."
    QueueFull 503 "queue-full" "Too many others wait for a server now. Please try again."
    QueueTimeout 503 "queue-timeout" "No server became free in time. Please try again."
    RateLimited 429 "rate-limited" "You come too often. Please wait a little."
    RedirectLoop 421 "redirect-loop" "All that is here is a redirect to the place that you asked for."
    SendTimeout 504 "send-timeout" "The server did not take the request in time."
    SessionLost 503 "session-lost" "The server that has your session cannot answer now. Please try again."
    UnknownHost 421 "unknown-host" "No site of this name is served here."
}

/// Retry-After of a 503, in seconds, if no better value is known.
const RETRY_AFTER: u32 = 5;

//= rfc9110#10.2.1 allow
/// The allowed methods. Sites take every method except CONNECT and TRACE, but Allow can only list known ones.
const ALLOW: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

const CONTENT_TYPE: &str = "text/plain; charset=utf-8";

impl Refusal {
    /// Its word, as in logs, metrics and bodies.
    pub const fn word(self) -> &'static str {
        self.answer().1
    }

    /// Its status. 499 is only logged, since the client has left.
    pub const fn status(self) -> u16 {
        self.answer().0
    }

    /// The local reply for the client. A 429 or 503 has a Retry-After of `retry_after` seconds, or else a default.
    pub fn reply(self, retry_after: Option<u32>) -> LocalReply<'static> {
        let (status, word) = self.answer();
        let wait = matches!(status, 429 | 503).then(|| retry_after.unwrap_or(RETRY_AFTER).max(1));
        LocalReply {
            status,
            content_type: Some(CONTENT_TYPE),
            // 405 and 414 may be cached unless this is set (RFC 9110 15.1).
            no_store: true,
            allow: (status == 405).then_some(ALLOW),
            location: None,
            retry_after: wait.map(|seconds| Decimal::of(u64::from(seconds))),
            body: ReplyBody::Reason(word, self.sentence()),
        }
    }
}

const fn head_sentence(status: u16) -> &'static str {
    match status {
        405 => "This method is not taken here.",
        414 => "The request target is too long.",
        417 => "The expectation cannot be met.",
        431 => "The request head is too large.",
        501 => "The transfer coding of the request is not known.",
        505 => "This version of HTTP is not spoken here.",
        _ => "The request is malformed.",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::traffic::message::local_reply::{ReplyOptions, phrase};

    fn written(refusal: Refusal, reply: ReplyOptions<'_>) -> String {
        let mut out = Vec::new();
        refusal.reply(None).write(&mut out, &reply);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_page_is_a_whole_answer() {
        let reply = ReplyOptions {
            date: Some(b"Sun, 06 Nov 1994 08:49:37 GMT"),
            connection: Some("close"),
            ..ReplyOptions::default()
        };
        assert_eq!(
            written(Refusal::NoActiveNode, reply),
            "HTTP/1.1 503 Service Unavailable\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Cache-Control: no-store\r\n\
             Retry-After: 5\r\n\
             Content-Length: 74\r\n\
             Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
             Connection: close\r\n\
             \r\n\
             503 no-active-node\nNo server can take this request now. Please try again.\n"
        );
        assert_eq!(
            written(
                Refusal::Head(HeadFault::MethodRefused),
                ReplyOptions { head_only: true, ..ReplyOptions::default() }
            ),
            "HTTP/1.1 405 Method Not Allowed\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Cache-Control: no-store\r\n\
             Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n\
             Content-Length: 50\r\n\
             \r\n"
        );
    }

    #[test]
    fn the_table_is_that_of_the_documents() {
        for (word, status) in [
            ("unknown-host", 421),
            ("redirect-loop", 421),
            ("no-active-node", 503),
            ("body-too-large", 413),
            ("head-timeout", 408),
            ("body-timeout", 408),
            ("client-gone", 499),
            ("bad-chunk", 400),
            ("bad-trailer", 400),
            ("node-refused", 502),
            ("node-unreachable", 502),
            ("node-reset", 502),
            ("node-cut", 502),
            ("node-malformed", 502),
            ("node-tls", 502),
            ("node-pin", 502),
            ("connect-timeout", 504),
            ("answer-timeout", 504),
            ("answer-body-timeout", 504),
            ("send-timeout", 504),
            ("exhausted", 503),
            ("client-full", 503),
            ("listener-full", 503),
            ("memory-exhausted", 503),
            ("denied", 403),
            ("path-unclear", 400),
            ("rate-limited", 429),
            ("queue-full", 503),
            ("queue-timeout", 503),
            ("nodes-busy", 503),
            ("session-lost", 503),
            ("http2-flood", 429),
            ("certificate-bad", 400),
            ("certificate-expired", 400),
            ("certificate-missing", 400),
            ("certificate-purpose", 400),
            ("certificate-revoked", 400),
            ("certificate-unchecked", 400),
            ("certificate-unknown", 400),
            ("other-server-name", 421),
        ] {
            let found = Refusal::ALL.iter().find(|refusal| refusal.word() == word);
            assert_eq!(found.map(|refusal| refusal.status()), Some(status), "{word}");
        }
        let words: HashSet<_> = Refusal::ALL.iter().map(|refusal| refusal.word()).collect();
        assert_eq!((words.len(), Refusal::ALL.len()), (40, 40), "each word means one thing");
    }

    #[test]
    fn every_page_tells_its_length_word_and_reason() {
        let heads = [HeadFault::BareLf, HeadFault::HeadTooLarge, HeadFault::TargetTooLong, HeadFault::UnknownCoding];
        let faults = heads.into_iter().chain([HeadFault::BadVersion, HeadFault::ExpectationRefused]);
        for refusal in Refusal::ALL.iter().copied().chain(faults.map(Refusal::Head)) {
            let page = written(refusal, ReplyOptions::default());
            let (head, body) = page.split_once("\r\n\r\n").unwrap();
            let (status, word) = refusal.answer();
            assert!(head.starts_with(&format!("HTTP/1.1 {status} {}\r\n", phrase(status))), "{head}");
            assert_eq!(phrase(status).is_empty(), refusal == Refusal::ClientGone, "{status}");
            assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{page}");
            assert!(body.starts_with(&format!("{status} {word}\n")), "{body}");
            assert!(body.ends_with(".\n") && body.len() < 120, "{body}");
            assert_eq!(head.contains("\r\nRetry-After: "), matches!(status, 429 | 503), "{head}");
        }
    }

    #[test]
    fn who_knows_how_long_to_wait_says_so() {
        let wait = |refusal: Refusal, seconds| {
            let mut out = Vec::new();
            refusal.reply(seconds).write(&mut out, &ReplyOptions::default());
            let page = String::from_utf8(out).unwrap();
            page.split_once("\r\nRetry-After: ").map(|(_, rest)| rest.split_once("\r\n").unwrap().0.to_owned())
        };
        for (refusal, seconds, expected) in [
            (Refusal::RateLimited, Some(12), Some("12")),
            (Refusal::RateLimited, None, Some("5")),
            (Refusal::QueueFull, Some(0), Some("1")),
            (Refusal::QueueTimeout, Some(u32::MAX), Some("4294967295")),
            (Refusal::Denied, Some(12), None),
        ] {
            assert_eq!(wait(refusal, seconds).as_deref(), expected, "{refusal:?}");
        }
    }
}
