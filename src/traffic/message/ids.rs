//! The ids by which one request is found in every log: X-Request-Id, and the W3C trace (traceparent). An id is taken
//! from a trusted proxy or made; the random numbers come from the caller.

use std::ops::Range;

use crate::config::{RequestIds, Traces};
use crate::wire::{FieldKind, RequestHead};

/// What a listener does about ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdRules {
    /// Where X-Request-Id comes from.
    pub request_id: RequestIds,
    /// What becomes of traceparent.
    pub traceparent: Traces,
    /// Where spans are sent: of a hundred traces that begin here, how many are sampled.
    pub spans: Option<u16>,
}

/// The ids of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    request: RequestId,
    trace: Trace,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum RequestId {
    /// There is none.
    #[default]
    Off,
    /// It is the one in the head.
    Taken,
    /// It was made.
    Made([u8; REQUEST_ID]),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Trace {
    /// Weir does not look at it.
    #[default]
    Unread,
    /// The one in the head is valid and passes as it is.
    Taken,
    /// It was made, and replaces what came.
    Made([u8; TRACEPARENT]),
    /// The one in the head goes on, with a span of Weir's own as the parent of what the node does.
    Continued([u8; TRACEPARENT]),
}

/// A span of Weir's own, by its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnSpan<'a> {
    /// Its id.
    pub id: &'a [u8],
    /// The id of the span that it belongs to; empty where the trace begins here.
    pub parent: &'a [u8],
}

/// What a request's X-Request-Id would be, for who asks beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdSource {
    /// There is none.
    Off,
    /// The one of the head.
    Taken,
    /// A new one.
    Made,
}

impl Ids {
    /// The ids of the request with this head. `trusted` says whether it came from a trusted proxy, `random` draws
    /// numbers that cannot be guessed.
    pub fn of(head: &RequestHead, rules: IdRules, trusted: impl FnOnce() -> bool, random: impl Fn() -> u128) -> Self {
        let (mut request, mut first) = (RequestId::Off, None);
        match source(head, rules, trusted) {
            IdSource::Off => {}
            IdSource::Taken => request = RequestId::Taken,
            IdSource::Made => {
                let drawn = random();
                (request, first) = (RequestId::Made(hex(drawn)), Some(drawn));
            }
        }
        let trace = match (rules.traceparent, rules.spans) {
            (Traces::Pass, None) => Trace::Unread,
            _ => Trace::of(passed_trace(head), rules, first, random),
        };
        Self { request, trace }
    }

    /// X-Request-Id for the node, the client and the logs. `head` is the one that the ids are of.
    pub fn request<'a>(&'a self, head: &'a RequestHead) -> Option<&'a [u8]> {
        match &self.request {
            RequestId::Off => None,
            RequestId::Taken => told_id(head),
            RequestId::Made(id) => Some(id),
        }
    }

    /// The traceparent that replaces what came.
    pub fn traceparent(&self) -> Option<&[u8]> {
        match &self.trace {
            Trace::Made(traceparent) | Trace::Continued(traceparent) => Some(traceparent),
            Trace::Unread | Trace::Taken => None,
        }
    }

    /// Whether the trace begins here.
    pub fn begins_trace(&self) -> bool {
        matches!(self.trace, Trace::Made(_))
    }

    /// Weir's own span, where the trace is sampled and the node is told of it.
    pub fn span<'a>(&'a self, head: &'a RequestHead) -> Option<OwnSpan<'a>> {
        let (traceparent, parent) = match &self.trace {
            Trace::Made(traceparent) if is_sampled(traceparent) => (traceparent, None),
            Trace::Continued(traceparent) => (traceparent, passed_trace(head)),
            Trace::Made(_) | Trace::Unread | Trace::Taken => return None,
        };
        let parent = parent.and_then(|parent| parent.get(SPAN_ID)).unwrap_or_default();
        Some(OwnSpan { id: traceparent.get(SPAN_ID)?, parent })
    }

    /// The id of the trace, for the logs; empty where Weir does not look at traces.
    pub fn trace_id<'a>(&'a self, head: &'a RequestHead) -> &'a [u8] {
        let traceparent = match &self.trace {
            Trace::Unread => None,
            Trace::Taken => passed_trace(head),
            Trace::Made(traceparent) | Trace::Continued(traceparent) => Some(&traceparent[..]),
        };
        traceparent.and_then(|traceparent| traceparent.get(TRACE_ID)).unwrap_or_default()
    }
}

impl Trace {
    /// What becomes of the trace that came, if one did. `first` is the number that the request's id was made of.
    fn of(came: Option<&[u8]>, rules: IdRules, first: Option<u128>, random: impl Fn() -> u128) -> Self {
        match came {
            Some(came) if rules.spans.is_some() && is_sampled(came) => Self::Continued(continued(came, random())),
            Some(_) if rules.traceparent == Traces::Make => Self::Taken,
            // Where both are made they are the same digits, so one search finds the log lines and the trace.
            None if rules.traceparent == Traces::Make => {
                let (trace, parent) = (first.unwrap_or_else(&random).max(1), random());
                // Where no spans are sent, the log line is what was recorded of it, and many nodes record only what is
                // marked as sampled.
                let sampled = rules.spans.is_none_or(|percent| is_among(trace, percent));
                Self::Made(traceparent(trace, parent, sampled))
            }
            _ => Self::Unread,
        }
    }
}

/// Where the X-Request-Id of the request with this head comes from.
pub fn source(head: &RequestHead, rules: IdRules, trusted: impl FnOnce() -> bool) -> IdSource {
    match rules.request_id {
        RequestIds::Off => IdSource::Off,
        RequestIds::TakeOrMake if told_id(head).is_some() && trusted() => IdSource::Taken,
        RequestIds::TakeOrMake | RequestIds::Make => IdSource::Made,
    }
}

/// The digits of a number, as a request id.
pub fn hex(number: u128) -> [u8; REQUEST_ID] {
    let mut digits = [0; REQUEST_ID];
    for (part, to) in digits.chunks_exact_mut(8).enumerate() {
        to.copy_from_slice(&eight_digits((number >> (96 - 32 * part)) as u32).to_be_bytes());
    }
    digits
}

/// The eight digits of a number, one a byte: the digits are spread first, then all become letters at once.
const fn eight_digits(number: u32) -> u64 {
    let mut spread = number as u64;
    spread = (spread | spread << 16) & 0x0000_FFFF_0000_FFFF;
    spread = (spread | spread << 8) & 0x00FF_00FF_00FF_00FF;
    spread = (spread | spread << 4) & 0x0F0F_0F0F_0F0F_0F0F;
    let letters = ((spread + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    spread + 0x3030_3030_3030_3030 + letters * 0x27
}

/// The id that the peer told. Of several lines the last was written by our peer.
fn told_id(head: &RequestHead) -> Option<&[u8]> {
    let lines = head.of_kind(FieldKind::XRequestId).filter(|field| !field.hop && !field.name.contains(&b'_'));
    lines.last().map(|field| field.value).filter(|value| may_be_id(value))
}

/// Whether a text is short enough for an id, and stands in every log as it is.
fn may_be_id(text: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~+/=:@".contains(byte);
    (1..=LONGEST).contains(&text.len()) && text.iter().all(plain)
}

/// The traceparent of the request, if there is one and it is valid.
fn passed_trace(head: &RequestHead) -> Option<&[u8]> {
    let mut lines = head.of_kind(FieldKind::Traceparent).filter(|field| !field.hop);
    let value = lines.next()?.value;
    (lines.next().is_none() && is_traceparent(value)).then_some(value)
}

/// Whether this is a traceparent as W3C Trace Context (3.2) has it: version, trace id, parent id and flags, of which
/// version ff and ids of zeros are invalid. A later version may have more behind another dash.
fn is_traceparent(text: &[u8]) -> bool {
    let Some((known, more)) = text.split_first_chunk::<TRACEPARENT>() else { return false };
    let right = |(at, byte): (usize, &u8)| match at {
        2 | 35 | 52 => *byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    let zeros = |range: Range<usize>| known.get(range).is_none_or(|part| part.iter().all(|&b| b == b'0'));
    let ends = if known.starts_with(b"00") { more.is_empty() } else { matches!(more, [] | [b'-', ..]) };
    known.iter().enumerate().all(right) && !known.starts_with(b"ff") && !zeros(TRACE_ID) && !zeros(SPAN_ID) && ends
}

/// Whether the trace is marked as sampled.
fn is_sampled(traceparent: &[u8]) -> bool {
    // An odd number, since the mark is the lowest bit of the flags.
    traceparent
        .get(FLAGS.end - 1)
        .is_some_and(|digit| matches!(digit, b'1' | b'3' | b'5' | b'7' | b'9' | b'b' | b'd' | b'f'))
}

/// Whether a random number is among so many of a hundred.
fn is_among(number: u128, percent: u16) -> bool {
    u64::from(number as u32) * 100 < u64::from(percent) << 32
}

/// A new trace that begins here.
fn traceparent(trace: u128, span: u128, sampled: bool) -> [u8; TRACEPARENT] {
    let flags = if sampled { b"01" } else { b"00" };
    written(&hex(trace), span, flags)
}

/// The sampled trace that came, with a span of Weir's own. Of its flags those go on whose meaning is known: that it is
/// sampled, and (2, of level 2) that its id is random.
fn continued(came: &[u8], span: u128) -> [u8; TRACEPARENT] {
    let random = came.get(FLAGS.end - 1).is_some_and(|digit| matches!(digit, b'3' | b'7' | b'b' | b'f'));
    written(came.get(TRACE_ID).unwrap_or_default(), span, if random { b"03" } else { b"01" })
}

fn written(trace: &[u8], span: u128, flags: &[u8]) -> [u8; TRACEPARENT] {
    let mut text = *b"00-................................-................-..";
    let span = hex(span << 64 | 1 << 64);
    for (range, digits) in [(TRACE_ID, trace), (SPAN_ID, &span), (FLAGS, flags)] {
        let to = text.get_mut(range).unwrap_or_default();
        to.iter_mut().zip(digits).for_each(|(byte, digit)| *byte = *digit);
    }
    text
}

/// Digits of an id that was made: 128 bits, as nginx's `$request_id` has.
pub const REQUEST_ID: usize = 32;
/// The longest id that is taken.
const LONGEST: usize = 128;
const TRACEPARENT: usize = 55;
/// Where the trace id stands in a traceparent.
const TRACE_ID: Range<usize> = 3..35;
/// Where the id of the parent's span stands in it, and the flags.
const SPAN_ID: Range<usize> = 36..52;
const FLAGS: Range<usize> = 53..55;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::wire::HeadLimits;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

    fn head(fields: &str) -> RequestHead {
        let mut head = RequestHead::new();
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        head.parse(text.as_bytes(), &HeadLimits::default()).expect("a good head");
        head
    }

    fn ids(head: &RequestHead, rules: IdRules, trusted: bool) -> Ids {
        let next = Cell::new(1);
        Ids::of(head, rules, || trusted, || next.replace(next.get() + 1))
    }

    fn id_of(fields: &str, request_id: RequestIds, trusted: bool) -> Option<String> {
        let head = head(fields);
        let ids = ids(&head, IdRules { request_id, ..IdRules::default() }, trusted);
        ids.request(&head).map(|id| String::from_utf8(id.to_vec()).expect("text"))
    }

    #[test]
    fn an_id_is_taken_from_who_is_trusted_and_made_otherwise() {
        let made = Some(format!("{:032x}", 1));
        let (long, longest) = (format!("X-Request-Id: {}\r\n", "a".repeat(129)), "a".repeat(128));
        let just = format!("X-Request-Id: {longest}\r\n");
        for (fields, trusted, expected) in [
            ("", true, made.clone()),
            ("X-Request-Id: 7f-A_b.c~d+e/f=g:h@i\r\n", true, Some("7f-A_b.c~d+e/f=g:h@i".into())),
            ("X-Request-Id: theirs\r\n", false, made.clone()),
            ("x-request-id: one\r\nX-Request-ID: two\r\n", true, Some("two".into())),
            ("X-Request-Id: one\r\nX_Request_Id: two\r\n", true, Some("one".into())),
            ("X_Request_Id: two\r\n", true, made.clone()),
            ("X-Request-Id: a b\r\n", true, made.clone()),
            ("X-Request-Id: a\"b\r\n", true, made.clone()),
            ("X-Request-Id: \u{e9}\r\n", true, made.clone()),
            ("X-Request-Id:\r\n", true, made.clone()),
            (&just, true, Some(longest)),
            (&long, true, made.clone()),
        ] {
            assert_eq!(id_of(fields, RequestIds::TakeOrMake, trusted), expected, "{fields}");
            assert_eq!(id_of(fields, RequestIds::Make, trusted), made, "{fields}");
            assert_eq!(id_of(fields, RequestIds::Off, trusted), None, "{fields}");
        }
    }

    #[test]
    fn digits_are_those_of_the_number() {
        for number in [0, 1, 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210, 0x9a9a_a9a9 << 96, u128::MAX] {
            assert_eq!(hex(number).as_slice(), format!("{number:032x}").as_bytes());
        }
    }

    #[test]
    fn a_valid_trace_passes_and_another_is_begun_anew() {
        let rules = IdRules { traceparent: Traces::Make, ..IdRules::default() };
        let made = format!("00-{:032x}-{:016x}-01", 1, 3);
        let later = VALID.replacen("00", "cc", 1) + "-more";
        for (value, valid) in [
            (VALID.to_owned(), true),
            (later.clone(), true),
            (later.replace("-more", "more"), false),
            (format!("{VALID}-more"), false),
            (VALID.replacen("00", "ff", 1), false),
            (VALID.to_uppercase(), false),
            (VALID.replace("00f067aa0ba902b7", "0000000000000000"), false),
            (VALID.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)), false),
            (VALID.replace('-', "_"), false),
            ("00".to_owned(), false),
            (format!("{VALID}\r\ntraceparent: {VALID}"), false),
        ] {
            let head = head(&format!("traceparent: {value}\r\n"));
            let ids = ids(&head, rules, false);
            let expected = (!valid).then_some(made.as_bytes());
            assert_eq!((ids.traceparent(), ids.begins_trace()), (expected, !valid), "{value}");
            let id = if valid { "4bf92f3577b34da6a3ce929d0e0e4736".to_owned() } else { format!("{:032x}", 1) };
            assert_eq!(ids.trace_id(&head), id.as_bytes(), "{value}");
        }
    }

    #[test]
    fn where_nobody_looks_at_traces_the_logs_have_none() {
        let head = head(&format!("traceparent: {VALID}\r\n"));
        let ids = ids(&head, IdRules { traceparent: Traces::Pass, ..IdRules::default() }, true);
        assert_eq!((ids.traceparent(), ids.trace_id(&head)), (None, b"".as_slice()));
    }

    #[test]
    fn what_is_made_can_be_read_again() {
        for (trace, parent) in [(0, 0), (1, 1), (1, 2), (u128::MAX, u128::MAX), (7 << 64, 9 << 64)] {
            assert!(is_traceparent(&traceparent(trace.max(1), parent, true)), "{trace:x} {parent:x}");
        }
    }

    #[test]
    fn by_default_nobody_looks_at_traces() {
        let head = head(&format!("traceparent: {VALID}\r\n"));
        let ids = ids(&head, IdRules::default(), true);
        assert_eq!((ids.traceparent(), ids.trace_id(&head)), (None, &b""[..]));
    }

    #[test]
    fn a_sampled_trace_goes_on_with_a_span_of_our_own_where_spans_are_sent() {
        let sampled = format!("{}01", VALID.strip_suffix("00").expect("flags"));
        let own = format!("{:016x}", 3);
        let on = |traceparent| IdRules { traceparent, spans: Some(100), ..IdRules::default() };
        for (came, flags) in [("01", "01"), ("03", "03"), ("ff", "03"), ("09", "01")] {
            for traceparent in [Traces::Pass, Traces::Make] {
                let head = head(&format!("traceparent: {}{came}\r\n", &VALID[..53]));
                let ids = ids(&head, on(traceparent), false);
                let expected = format!("{}{own}-{flags}", &VALID[..36]);
                assert_eq!(ids.traceparent(), Some(expected.as_bytes()), "{came}");
                let span = OwnSpan { id: own.as_bytes(), parent: b"00f067aa0ba902b7" };
                assert_eq!((ids.span(&head), ids.begins_trace()), (Some(span), false));
                assert_eq!(ids.trace_id(&head), b"4bf92f3577b34da6a3ce929d0e0e4736");
            }
        }
        let without = IdRules { traceparent: Traces::Make, ..IdRules::default() };
        let (came, unsampled) =
            (head(&format!("traceparent: {sampled}\r\n")), head(&format!("traceparent: {VALID}\r\n")));
        assert_eq!(ids(&came, without, false).traceparent(), None, "nobody sends spans");
        for traceparent in [Traces::Pass, Traces::Make] {
            let ids = ids(&unsampled, on(traceparent), false);
            assert_eq!((ids.traceparent(), ids.span(&unsampled)), (None, None), "{traceparent:?}");
        }
    }

    #[test]
    fn of_the_traces_that_begin_here_a_share_is_sampled() {
        let (head, next) = (head(""), Cell::new(1_u128));
        // Numbers whose lowest 32 bits are spread evenly.
        let random = || next.replace(next.get().wrapping_add(0x9E37_79B9));
        for percent in [0, 1, 20, 100] {
            let rules = IdRules { traceparent: Traces::Make, spans: Some(percent), ..IdRules::default() };
            let made = (0..1000).map(|_| Ids::of(&head, rules, || false, random));
            let sampled: Vec<_> = made.filter(|ids| ids.span(&head).is_some()).collect();
            let count = u16::try_from(sampled.len()).expect("at most 1000");
            assert!(count.abs_diff(percent * 10) <= 10 * (percent % 100).min(1), "{percent} %: {count} of 1000");
            let marked = |ids: &Ids| ids.traceparent().is_some_and(|text| text.ends_with(b"-01"));
            assert!(sampled.iter().all(marked));
        }
    }
}
