//! Field lines, split strictly. They are kept by their places in the head.

use memchr::memchr;

use super::grammar::{field_value_is_clean, is_token, trim};
use super::kind::FieldKind;

/// One field of a head, as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name in the sender's case.
    pub name: &'a [u8],
    /// The value without surrounding blanks.
    pub value: &'a [u8],
    /// What the name means to Weir.
    pub kind: FieldKind,
    /// Whether it ends here: hop-by-hop, named by Connection, or a misspelling of a field that Weir sets.
    pub hop: bool,
}

/// Bytes of a head by their place, so that heads own their buffer and need no lifetimes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// A place in a head. Heads are far shorter than 4 GiB; a longer one yields an empty span.
    pub(super) fn new(start: usize, end: usize) -> Self {
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) => Self { start, end },
            _ => Self::default(),
        }
    }

    /// The bytes at this place.
    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.range()).unwrap_or_default()
    }

    /// The place of `part`, which begins `skip` bytes into this one.
    pub(super) fn part(self, skip: usize, length: usize) -> Self {
        Self::new(self.start as usize + skip, self.start as usize + skip + length)
    }

    /// As a range of the head.
    pub(super) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// How many bytes.
    pub(super) fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }
}

/// A field by its places.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldSpan {
    pub(super) name: Span,
    pub(super) value: Span,
    pub(super) kind: FieldKind,
    pub(super) hop: bool,
}

impl FieldSpan {
    pub(super) fn of<'a>(&self, bytes: &'a [u8]) -> Field<'a> {
        Field { name: self.name.of(bytes), value: self.value.of(bytes), kind: self.kind, hop: self.hop }
    }
}

/// How lines may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// With CRLF only: what clients send.
    Strict,
    /// With LF alone too: what some nodes send.
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

/// Reads field lines from `at` up to the empty line, at most `most`. Returns where the head ends.
pub(super) fn read_fields(
    bytes: &[u8],
    mut at: usize,
    (lines, most): (Lines, usize),
    into: &mut Vec<FieldSpan>,
) -> Result<usize, LineFault> {
    into.clear();
    loop {
        let (span, next) = line(bytes, at, lines)?;
        at = next;
        if span.len() == 0 {
            return Ok(at);
        }
        if into.len() == most {
            return Err(LineFault::TooMany);
        }
        into.push(read_field(bytes, span).ok_or(LineFault::Bad)?);
    }
}

/// One field line. A line that begins with a blank (obs-fold) has no token before its colon and is refused.
fn read_field(bytes: &[u8], line: Span) -> Option<FieldSpan> {
    let written = line.of(bytes);
    let (name, after) = split_field(written)?;
    let value = trim(after);
    let blanks = after.iter().take_while(|&&byte| byte == b' ' || byte == b'\t').count();
    // An all-blank value trims to nothing wherever it stands; its place does not matter then.
    let skip = if value.is_empty() { name.len() + 1 } else { name.len() + 1 + blanks };
    let kind = FieldKind::of(name);
    Some(FieldSpan {
        name: line.part(0, name.len()),
        value: line.part(skip, value.len()),
        kind,
        hop: kind.is_hop_by_hop(),
    })
}

/// The name and the untrimmed value of a line, if both are clean.
pub(super) fn split_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, rest) = line.split_at_checked(memchr(b':', line)?)?;
    let value = rest.get(1..)?;
    (is_token(name) && field_value_is_clean(value)).then_some((name, value))
}
