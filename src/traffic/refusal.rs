//! The answers that Weir gives itself: one table of status, word and sentence. The word is the same in the log, the
//! metric and the page. Writing a page allocates nothing but the room it takes in the caller's buffer.

use crate::wire::HeadFault;

/// The table: a variant, its status, its word, and what a person may read.
macro_rules! refusals {
    ($($variant:ident $status:literal $word:literal $sentence:literal)*) => {
        /// Why Weir answers itself.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Refusal {
            $(#[doc = $sentence] $variant,)*
            /// The request head could not be taken as it is.
            Head(HeadFault),
        }

        impl Refusal {
            /// Every refusal but those of request heads.
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
    ClientGone 499 "client-gone" "The client left before there was an answer."
    ConnectTimeout 504 "connect-timeout" "The server could not be reached in time."
    Exhausted 503 "exhausted" "There is no room for another connection now. Please try again."
    HeadTimeout 408 "head-timeout" "The request head did not come in time."
    NoActiveNode 503 "no-active-node" "No server can take this request now. Please try again."
    NodeCut 502 "node-cut" "The server closed the connection before the end of its answer."
    NodeMalformed 502 "node-malformed" "The server's answer could not be understood."
    NodePin 502 "node-pin" "The server did not show the certificate it is known by."
    NodeRefused 502 "node-refused" "The server takes no connections."
    NodeReset 502 "node-reset" "The server broke the connection off."
    NodeTls 502 "node-tls" "No secure connection to the server could be made."
    NodeUnreachable 502 "node-unreachable" "There is no way to the server."
    SendTimeout 504 "send-timeout" "The server did not take the request in time."
    UnknownHost 421 "unknown-host" "No site of this name is served here."
}

/// Seconds after which a 503 is worth another try.
const RETRY_AFTER: &str = "5";

/// What a site takes: every method but CONNECT and TRACE, which no list can say.
const ALLOW: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

const CONTENT_TYPE: &str = "text/plain; charset=utf-8";

/// How a page goes to an HTTP/1 client.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reply<'a> {
    /// The value of `Date`, where the caller has one.
    pub date: Option<&'a [u8]>,
    /// The value of `Connection`; none where the version's own habit holds.
    pub connection: Option<&'a str>,
    /// The request was HEAD: the body's length is told, the body is not sent.
    pub head_only: bool,
}

impl Refusal {
    /// Its word, as in logs, metrics and pages.
    pub const fn word(self) -> &'static str {
        self.answer().1
    }

    /// Its status. 499 is never sent: there is nobody to read it.
    pub const fn status(self) -> u16 {
        self.answer().0
    }

    /// Appends the whole answer for an HTTP/1 client.
    pub fn write(self, out: &mut Vec<u8>, reply: Reply<'_>) {
        let mut digits = [0; 20];
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(decimal(u64::from(self.status()), &mut digits));
        out.push(b' ');
        out.extend_from_slice(phrase(self.status()).as_bytes());
        out.extend_from_slice(b"\r\n");
        for (name, value) in self.fields() {
            field(out, name, value.as_bytes());
        }
        field(out, "Content-Length", decimal(self.body_length() as u64, &mut digits));
        for (name, value) in [("Date", reply.date), ("Connection", reply.connection.map(str::as_bytes))] {
            value.into_iter().for_each(|value| field(out, name, value));
        }
        out.extend_from_slice(b"\r\n");
        if !reply.head_only {
            self.write_body(out);
        }
    }

    /// The answer's fields, but for `Content-Length`, `Date` and what concerns the connection.
    pub fn fields(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let special = match self.status() {
            405 => Some(("Allow", ALLOW)),
            503 => Some(("Retry-After", RETRY_AFTER)),
            _ => None,
        };
        // 405 and 414 may be cached unless somebody says no (RFC 9110 15.1).
        [("Content-Type", CONTENT_TYPE), ("Cache-Control", "no-store")].into_iter().chain(special)
    }

    /// Appends the body: status, word and sentence, for people and for scripts.
    pub fn write_body(self, out: &mut Vec<u8>) {
        let (status, word) = self.answer();
        out.extend_from_slice(decimal(u64::from(status), &mut [0; 20]));
        for part in [" ", word, "\n", self.sentence(), "\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }

    /// Bytes that [`Self::write_body`] appends.
    pub const fn body_length(self) -> usize {
        "503 ".len() + self.word().len() + self.sentence().len() + "\n\n".len()
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

/// The reason phrases of RFC 9110; 499 has none there.
const fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut begin = digits.len();
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        begin = place;
        if number == 0 {
            break;
        }
    }
    digits.get(begin..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn written(refusal: Refusal, reply: Reply<'_>) -> String {
        let mut out = Vec::new();
        refusal.write(&mut out, reply);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_page_is_a_whole_answer() {
        let reply = Reply { date: Some(b"Sun, 06 Nov 1994 08:49:37 GMT"), connection: Some("close"), head_only: false };
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
            written(Refusal::Head(HeadFault::MethodRefused), Reply { head_only: true, ..Reply::default() }),
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
        ] {
            let found = Refusal::ALL.iter().find(|refusal| refusal.word() == word);
            assert_eq!(found.map(|refusal| refusal.status()), Some(status), "{word}");
        }
        let words: HashSet<_> = Refusal::ALL.iter().map(|refusal| refusal.word()).collect();
        assert_eq!((words.len(), Refusal::ALL.len()), (20, 20), "each word means one thing");
    }

    #[test]
    fn every_page_tells_its_length_word_and_reason() {
        let heads = [HeadFault::BareLf, HeadFault::HeadTooLarge, HeadFault::TargetTooLong, HeadFault::UnknownCoding];
        let faults = heads.into_iter().chain([HeadFault::BadVersion, HeadFault::ExpectationRefused]);
        for refusal in Refusal::ALL.iter().copied().chain(faults.map(Refusal::Head)) {
            let page = written(refusal, Reply::default());
            let (head, body) = page.split_once("\r\n\r\n").unwrap();
            let (status, word) = refusal.answer();
            assert!(head.starts_with(&format!("HTTP/1.1 {status} {}\r\n", phrase(status))), "{head}");
            assert_eq!(phrase(status).is_empty(), refusal == Refusal::ClientGone, "{status}");
            assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{page}");
            assert!(body.starts_with(&format!("{status} {word}\n")), "{body}");
            assert!(body.ends_with(".\n") && body.len() < 120, "{body}");
            assert_eq!(head.contains("\r\nRetry-After: "), status == 503, "{head}");
        }
    }

    #[test]
    fn numbers_are_written_as_people_do() {
        for number in [0, 7, 10, 503, 65_536, u64::MAX] {
            assert_eq!(decimal(number, &mut [0; 20]), number.to_string().as_bytes());
        }
    }
}
