//! Normalizes a path as a node would, for comparing with routes only; the node gets the client's bytes.
//! Percent-encoding is decoded once, `;parameters` are cut, `//` is merged, dot segments are resolved, and a backslash
//! or an encoded slash counts as a slash. Nodes differ (Tomcat resolves `..`, PassThrough does not), so a path can have
//! several readings. A path with disguised `..` segments is refused.

use memchr::memchr_iter;

/// All readings of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readings<'a> {
    /// Tomcat's reading.
    pub plain: &'a [u8],
    /// For a path with `..`: the reading of a node that does not resolve it.
    pub unresolved: Option<&'a [u8]>,
    /// For a path that still has an escape or a semicolon after decoding: the reading of a node, or of a server behind
    /// it, that decodes twice.
    pub twice: Option<&'a [u8]>,
}

/// The path is ambiguous: it leads above the root, contains a NUL, or has `..` together with something that nodes
/// resolve in different orders (encoded dots, empty segments, encoded slashes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmbiguousPath;

/// Buffers for readings that differ from the raw path. They are reused and keep their capacity.
#[derive(Debug, Default)]
pub struct PathScratch {
    plain: Vec<u8>,
    unresolved: Vec<u8>,
    twice: Vec<u8>,
}

/// Normalizes a raw path, without its query. A usual path is its own only reading and is not copied.
pub fn read<'a>(raw: &'a [u8], scratch: &'a mut PathScratch) -> Result<Readings<'a>, AmbiguousPath> {
    if is_plain(raw) {
        return Ok(Readings { plain: raw, unresolved: None, twice: None });
    }
    let climbs = resolve(raw, ParentSegments::Resolved, &mut scratch.plain)?;
    if climbs {
        resolve(raw, ParentSegments::Kept, &mut scratch.unresolved)?;
    }
    let twice = may_be_read_again(&scratch.plain);
    if twice {
        resolve(&scratch.plain, ParentSegments::Resolved, &mut scratch.twice)?;
    }
    Ok(Readings {
        plain: &scratch.plain,
        unresolved: climbs.then_some(scratch.unresolved.as_slice()),
        twice: twice.then_some(scratch.twice.as_slice()),
    })
}

fn is_plain(raw: &[u8]) -> bool {
    !raw.iter().any(|byte| matches!(byte, b'%' | b';' | b'\\'))
        && !memchr_iter(b'/', raw).any(|at| matches!(raw.get(at + 1), Some(b'.' | b'/')))
}

/// Whether a second decoding would change the path: it has a decoded `%3b`, or a decoded `%25` that begins an escape.
fn may_be_read_again(plain: &[u8]) -> bool {
    let is_escape = |at: usize| plain.get(at + 1..).and_then(read_escape).is_some();
    memchr::memchr(b';', plain).is_some() || memchr_iter(b'%', plain).any(is_escape)
}

/// What to do with `..`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ParentSegments {
    Resolved,
    Kept,
}

/// Writes one reading; true if the path has `..`.
fn resolve(raw: &[u8], parents: ParentSegments, out: &mut Vec<u8>) -> Result<bool, AmbiguousPath> {
    out.clear();
    // `*` is no path and stays unchanged.
    let Some(mut rest) = raw.strip_prefix(b"/") else {
        out.extend_from_slice(raw);
        return Ok(false);
    };
    out.push(b'/');
    let mut reader =
        Reader { parents, out, start: 1, disguised: false, in_parameters: false, climbs: false, odd: false };
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, (byte == b'%').then(|| read_escape(after)).flatten()) {
            (b'/', _) => reader.end_segment(false)?,
            (b';', _) => reader.begin_parameters(),
            (b'\\', _) => reader.take_decoded(byte)?,
            (_, Some((decoded, after))) => {
                rest = after;
                reader.take_decoded(decoded)?;
            }
            _ => reader.take(byte),
        }
    }
    reader.end_segment(true)?;
    // Nodes that see different segments would resolve `..` from different places.
    if reader.climbs && reader.odd { Err(AmbiguousPath) } else { Ok(reader.climbs) }
}

/// The decoded byte of an escape, and the rest after it. `rest` begins after the percent sign.
pub(super) fn read_escape(rest: &[u8]) -> Option<(u8, &[u8])> {
    let [high, low, after @ ..] = rest else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(*high)? << 4 | digit(*low)?, after))
}

/// The path so far: whole segments, each with a slash, then the current segment.
struct Reader<'a> {
    parents: ParentSegments,
    out: &'a mut Vec<u8>,
    /// Where the current segment begins.
    start: usize,
    /// Whether the current segment has escapes or parameters.
    disguised: bool,
    in_parameters: bool,
    climbs: bool,
    /// Whether the path has something that nodes resolve in different orders.
    odd: bool,
}

impl Reader<'_> {
    fn take(&mut self, byte: u8) {
        if !self.in_parameters {
            self.out.push(byte);
        }
    }

    fn begin_parameters(&mut self) {
        self.disguised = true;
        self.in_parameters = true;
    }

    /// Takes a byte that was encoded, or that nodes read differently.
    fn take_decoded(&mut self, byte: u8) -> Result<(), AmbiguousPath> {
        self.disguised = true;
        match byte {
            0 => Err(AmbiguousPath),
            // Nodes differ in whether an encoded slash ends the parameters.
            b'/' | b'\\' if self.in_parameters => Err(AmbiguousPath),
            b'/' | b'\\' => {
                self.odd = true;
                self.end_segment(false)
            }
            byte => {
                self.take(byte);
                Ok(())
            }
        }
    }

    fn end_segment(&mut self, last: bool) -> Result<(), AmbiguousPath> {
        match self.out.get(self.start..).unwrap_or_default() {
            b"" => self.odd |= !last,
            b"." => {
                self.odd |= self.disguised;
                self.out.truncate(self.start);
            }
            b".." => self.climb(last)?,
            _ if !last => self.out.push(b'/'),
            _ => {}
        }
        self.start = self.out.len();
        self.disguised = false;
        self.in_parameters = false;
        Ok(())
    }

    fn climb(&mut self, last: bool) -> Result<(), AmbiguousPath> {
        self.climbs = true;
        self.odd |= self.disguised;
        match self.parents {
            ParentSegments::Kept if last => {}
            ParentSegments::Kept => self.out.push(b'/'),
            ParentSegments::Resolved => {
                self.out.truncate(self.start);
                let inner = self.out.strip_suffix(b"/").ok_or(AmbiguousPath)?;
                let parent = memchr::memrchr(b'/', inner).ok_or(AmbiguousPath)?;
                self.out.truncate(parent + 1);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::xorshift::xorshift;

    fn said(raw: &str) -> String {
        let mut scratch = PathScratch { plain: b"left".into(), unresolved: b"over".into(), twice: b"!".into() };
        let Ok(readings) = read(raw.as_bytes(), &mut scratch) else { return "unclear".into() };
        let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        let others = [("^", readings.unresolved), ("2", readings.twice)];
        let others = others.iter().filter_map(|(mark, path)| Some(format!(" {mark}{}", text((*path)?))));
        text(readings.plain) + &others.collect::<String>()
    }

    const PATHS: &[(&str, &str)] = &[
        ("/", "/"),
        ("/carbon", "/carbon"),
        ("/carbon/", "/carbon/"),
        ("/a/b.c/d..e/..f/.g", "/a/b.c/d..e/..f/.g"),
        ("/a/...", "/a/..."),
        ("*", "*"),
        ("", ""),
        // Escapes.
        ("/%63arbon", "/carbon"),
        ("/%43arbon", "/Carbon"),
        ("/c%61rb%6Fn", "/carbon"),
        ("/a%20b%2b%C3%a9", "/a b+\u{e9}"),
        ("/a%2", "/a%2"),
        ("/100%", "/100%"),
        ("/%zz/%u0041", "/%zz/%u0041"),
        ("/%+1", "/%+1"),
        ("/a%00", "unclear"),
        ("/a;x=%00", "unclear"),
        // Escapes of escapes.
        ("/a%2520b", "/a%20b 2/a b"),
        ("/%2563arbon", "/%63arbon 2/carbon"),
        ("/%%36%33arbon", "/%63arbon 2/carbon"),
        ("/100%25", "/100%"),
        ("/100%25/a", "/100%/a"),
        ("/a/%252e%252e/carbon", "unclear"),
        ("/a/%252f/carbon", "/a/%2f/carbon 2/a/carbon"),
        ("/%252500", "/%2500 2/%00"),
        // Slashes.
        ("//carbon", "/carbon"),
        ("///carbon//admin//", "/carbon/admin/"),
        ("//", "/"),
        ("/carbon%2f", "/carbon/"),
        ("/carbon%2Fadmin", "/carbon/admin"),
        ("/%2fcarbon", "/carbon"),
        ("/carbon%5cadmin", "/carbon/admin"),
        ("/%5Ccarbon", "/carbon"),
        ("/carbon\\admin", "/carbon/admin"),
        // Dots that stay where they are.
        ("/.", "/"),
        ("/./carbon", "/carbon"),
        ("/carbon/.", "/carbon/"),
        ("/%2e/carbon", "/carbon"),
        ("/.;x/carbon", "/carbon"),
        ("/.%2fcarbon", "/carbon"),
        // Parameters.
        ("/carbon;x=1", "/carbon"),
        ("/carbon;x=1/admin;y;z", "/carbon/admin"),
        ("/;x/carbon", "/carbon"),
        ("/;/carbon", "/carbon"),
        ("/carbon/;jsessionid=1.worker1", "/carbon/"),
        ("/carbon%3bx", "/carbon;x 2/carbon"),
        ("/carbon;%2e%2e", "/carbon"),
        ("/public;x%2fcarbon", "unclear"),
        ("/public;x%5ccarbon", "unclear"),
        ("/public;x\\carbon", "unclear"),
        // Climbing.
        ("/x/..", "/ ^/x/.."),
        ("/x/../carbon", "/carbon ^/x/../carbon"),
        ("/carbon/../x", "/x ^/carbon/../x"),
        ("/a/b/./../../c", "/c ^/a/b/../../c"),
        ("/a;p/../b;q", "/b ^/a/../b"),
        ("/%61/../b", "/b ^/a/../b"),
        ("/..", "unclear"),
        ("/../carbon", "unclear"),
        ("/x/../../carbon", "unclear"),
        // Climbing with encoded dots or slashes.
        ("/services/..;/carbon", "unclear"),
        ("/services/..;a=b/carbon", "unclear"),
        ("/services/%2e%2e/carbon", "unclear"),
        ("/services/.%2E/carbon", "unclear"),
        ("/services/..%2fcarbon", "unclear"),
        ("/services/x%2f..%2fcarbon", "unclear"),
        ("/services%2f../carbon", "unclear"),
        ("/services/..%5ccarbon", "unclear"),
        ("/services\\..\\carbon", "unclear"),
        ("/services//../carbon", "unclear"),
        ("/services/;x/../carbon", "unclear"),
        ("/services/%2e/../carbon", "unclear"),
        ("/services/..%3b/carbon", "unclear"),
        ("/pub/../carbon/x%2f..%2f..%2fpub", "unclear"),
    ];

    #[test]
    fn a_path_is_read_as_the_nodes_read_it() {
        for (raw, expected) in PATHS {
            assert_eq!(said(raw), *expected, "{raw}");
        }
    }

    #[test]
    fn the_usual_path_is_not_copied() {
        let mut scratch = PathScratch::default();
        let raw = b"/services/echo/a.b?".as_slice();
        let readings = read(raw, &mut scratch).expect("clear");
        assert!(std::ptr::eq(readings.plain, raw));
        assert_eq!(scratch.plain.capacity() + scratch.unresolved.capacity() + scratch.twice.capacity(), 0);
    }

    #[test]
    fn whatever_is_sent_every_reading_is_a_settled_path() {
        let pieces: [&[u8]; 18] = [
            b"/", b"/", b"a", b"bc", b".", b"..", b"/..", b";", b";x", b"%2e", b"%2f", b"%5C", b"%25", b"%3b", b"%",
            b"2f", b"\\", b"\xff",
        ];
        let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
        let (mut clear, mut scratch) = (0, PathScratch::default());
        for _ in 0..50_000 {
            let mut raw = b"/".to_vec();
            for _ in 0..xorshift(&mut chance) % 9 {
                let piece = xorshift(&mut chance) as usize % pieces.len();
                raw.extend_from_slice(pieces[piece]);
            }
            let Ok(readings) = read(&raw, &mut scratch) else { continue };
            clear += 1;
            for settled in [Some(readings.plain), readings.twice].into_iter().flatten() {
                assert!(settled.starts_with(b"/"), "{}", raw.escape_ascii());
                assert!(!settled.windows(2).any(|pair| pair == b"//"), "{}", raw.escape_ascii());
                let dots = settled.split(|&byte| byte == b'/').any(|segment| matches!(segment, b"." | b".."));
                assert!(!dots && !settled.contains(&b'\\'), "{}", raw.escape_ascii());
            }
            let climbs = |path: &[u8]| path.split(|&byte| byte == b'/').any(|segment| segment == b"..");
            assert_eq!(readings.unresolved.is_some(), climbs(&raw), "{}", raw.escape_ascii());
            assert!(readings.unresolved.is_none_or(climbs), "{}", raw.escape_ascii());
        }
        assert!((5_000..45_000).contains(&clear), "{clear}");
    }
}
