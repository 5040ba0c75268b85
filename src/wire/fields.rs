//! Field lines, split strictly. They are stored as positions in the head.

use memchr::memchr;

use super::grammar::{field_value_is_clean, is_token, token_end};
use super::kind::{FieldKind, Kinds};
use super::words;

/// One field of a head, as it was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name as the sender wrote it.
    pub name: &'a [u8],
    /// The value without blanks around it.
    pub value: &'a [u8],
    /// What the name means to Weir.
    pub kind: FieldKind,
    /// Whether the field is not forwarded: it is hop-by-hop, named by Connection, or a misspelled name of a field that
    /// Weir sets.
    pub hop: bool,
    /// The position of its line, if that is written as Weir would write it; otherwise empty.
    pub(super) line: Span,
}

/// A range of bytes in a head. Positions instead of references, so that heads own their buffer and need no lifetimes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// A range in a head. Heads are much shorter than 4 GiB; a longer one gives an empty span.
    pub(super) fn new(start: usize, end: usize) -> Self {
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) => Self { start, end },
            _ => Self::default(),
        }
    }

    /// The same for a head whose length was checked before.
    #[inline(always)]
    fn within(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The bytes of this range.
    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.range()).unwrap_or_default()
    }

    /// The range of `length` bytes that begins `skip` bytes into this one.
    pub(super) fn part(self, skip: usize, length: usize) -> Self {
        Self::new(self.start as usize + skip, self.start as usize + skip + length)
    }

    /// As a `Range` of the head.
    pub(super) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The number of bytes.
    pub(super) fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// This range together with the one directly behind it.
    pub(super) fn and(self, next: Self) -> Option<Self> {
        (self.end == next.start).then_some(Self { start: self.start, end: next.end })
    }
}

/// A field as positions in the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FieldSpan {
    pub(super) name: Span,
    pub(super) value: Span,
    pub(super) kind: FieldKind,
    pub(super) hop: bool,
    /// The name has only letters and dashes.
    pub(super) plain: bool,
    /// The line is written as Weir would write it: one blank before the value, CRLF directly behind it.
    stands: bool,
}

impl FieldSpan {
    pub(super) fn of<'a>(&self, bytes: &'a [u8]) -> Field<'a> {
        let line = Span { start: self.name.start, end: self.value.end + if self.stands { 2 } else { 0 } };
        Field {
            name: self.name.of(bytes),
            value: self.value.of(bytes),
            kind: self.kind,
            hop: self.hop,
            line: if self.stands { line } else { Span::default() },
        }
    }
}

/// The fields of a head, and which kinds are among them.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) spans: Vec<FieldSpan>,
    pub(super) kinds: Kinds,
    /// A name has other bytes than letters and dashes.
    pub(super) odd: bool,
}

impl Fields {
    /// No fields, with space for the usual number.
    pub(super) fn new() -> Self {
        Self { spans: Vec::with_capacity(24), kinds: Kinds::default(), odd: false }
    }

    /// Removes all fields.
    pub(super) fn clear(&mut self) {
        self.spans.clear();
        (self.kinds, self.odd) = (Kinds::default(), false);
    }

    /// Reads field lines from `at` to the empty line, at most `most`. Returns where the head ends.
    pub(super) fn read(&mut self, bytes: &[u8], mut at: usize, (lines, most): Rules) -> Result<usize, LineFault> {
        self.clear();
        if u32::try_from(bytes.len()).is_err() {
            return Err(LineFault::Bad);
        }
        loop {
            if let Some(end) = line_end(bytes, at, lines) {
                return Ok(end);
            }
            match read_field(bytes, at, lines) {
                Some((field, next)) if self.spans.len() < most => {
                    self.kinds.add(field.kind);
                    self.odd |= !field.plain;
                    self.spans.push(field);
                    at = next;
                }
                _ => return Err(self.fault(bytes, at, (lines, most))),
            }
        }
    }

    #[cold]
    fn fault(&self, bytes: &[u8], at: usize, (lines, most): Rules) -> LineFault {
        match line(bytes, at, lines) {
            Err(fault) => fault,
            Ok(_) if self.spans.len() == most => LineFault::TooMany,
            Ok(_) => LineFault::Bad,
        }
    }

    /// All fields of this kind. If there are none, no field is looked at.
    pub(super) fn of_kind(&self, kind: FieldKind) -> impl Iterator<Item = &FieldSpan> {
        let spans = if self.kinds.has(kind) { self.spans.as_slice() } else { &[] };
        spans.iter().filter(move |field| field.kind == kind)
    }

    /// The value of the first field of this kind. Empty if there is none.
    pub(super) fn value<'a>(&self, bytes: &'a [u8], kind: FieldKind) -> &'a [u8] {
        self.of_kind(kind).next().map_or(b"", |field| field.value.of(bytes))
    }
}

/// How lines may end, and how many there may be.
type Rules = (Lines, usize);

/// How lines may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// With CRLF only, as clients must send them.
    Strict,
    /// With LF alone too, as some nodes send them.
    LfToo,
}

/// What is wrong with the field lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineFault {
    Bad,
    BareLf,
    TooMany,
}

/// The line that begins at `at`, without its end, and where the next one begins.
pub(super) fn line(bytes: &[u8], at: usize, lines: Lines) -> Result<(Span, usize), LineFault> {
    let rest = bytes.get(at..).unwrap_or_default();
    let feed = memchr(b'\n', rest).ok_or(LineFault::Bad)?;
    let written = rest.get(..feed).unwrap_or_default();
    let content = match (written, lines) {
        ([content @ .., b'\r'], _) => content.len(),
        (_, Lines::LfToo) => feed,
        (_, Lines::Strict) => return Err(LineFault::BareLf),
    };
    Ok((Span::new(at, at + content), at + feed + 1))
}

/// Where the next line begins, if the line that contains `at` ends there.
#[inline(always)]
pub(super) fn line_end(bytes: &[u8], at: usize, lines: Lines) -> Option<usize> {
    match (bytes.get(at)?, lines) {
        (b'\r', _) if bytes.get(at + 1) == Some(&b'\n') => Some(at + 2),
        (b'\n', Lines::LfToo) => Some(at + 1),
        _ => None,
    }
}

//= rfc9112#5.2 fold
//= rfc9112#5.1 colon
//= rfc9112#2.2 blank-line
/// One field line, and where the next one begins. A line that begins with a blank (obs-fold) has no token before its
/// colon and is therefore refused.
#[inline(always)]
fn read_field(bytes: &[u8], at: usize, lines: Lines) -> Option<(FieldSpan, usize)> {
    let letters = words::no_letter(bytes, at);
    let colon = if bytes.get(letters) == Some(&b':') { letters } else { token_end(bytes, letters) };
    if colon == at || bytes.get(colon) != Some(&b':') {
        return None;
    }
    let mut start = colon + 1;
    while is_blank(bytes.get(start)) {
        start += 1;
    }
    let stop = words::control(bytes, start);
    let next = line_end(bytes, stop, lines)?;
    let mut end = stop;
    while end > start && is_blank(bytes.get(end - 1)) {
        end -= 1;
    }
    let kind = FieldKind::of(bytes.get(at..colon)?);
    let field = FieldSpan {
        name: Span::within(at, colon),
        value: Span::within(start, end),
        kind,
        hop: kind.is_hop_by_hop(),
        plain: letters == colon,
        stands: start == colon + 2 && bytes.get(colon + 1) == Some(&b' ') && stop == end && next == end + 2,
    };
    Some((field, next))
}

#[inline(always)]
fn is_blank(byte: Option<&u8>) -> bool {
    matches!(byte, Some(b' ' | b'\t'))
}

/// The name and the untrimmed value of a line, if both are clean.
pub(super) fn split_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, rest) = line.split_at_checked(memchr(b':', line)?)?;
    let value = rest.get(1..)?;
    (is_token(name) && field_value_is_clean(value)).then_some((name, value))
}
