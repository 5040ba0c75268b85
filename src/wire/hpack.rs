//! Follows the field blocks of an HTTP/2 client (RFC 7541) beside the library that decodes them. To that library one field
//! with a wrong byte is an error of the whole connection. RFC 9113 8.1.1 makes it an error of its stream alone, and
//! targets that HTTP/1 may have are none at all.
//!
//! A block with nothing odd in it goes on as it came. Where a field is odd, the block is written anew with a harmless
//! field of the same size in its place, so that both tables stay alike, and what was odd is told beside it.

use std::collections::VecDeque;

use super::hpack_field::{Kind, judge};
use super::huffman;

/// What a table may hold: the default, which is never changed (RFC 9113 6.5.2).
const TABLE: usize = 4096;
/// What an entry costs beside its bytes (RFC 7541 4.1).
const ENTRY: usize = 32;
/// The entries that everybody has, and the lengths of their names.
const STATIC: [u8; 62] = [
    0, 10, 7, 7, 5, 5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 14, 15, 15, 13, 6, 27, 3, 5, 13, 13, 19, 16, 16, 14, 16, 13, 12, 6,
    4, 4, 6, 7, 4, 4, 8, 17, 13, 8, 19, 13, 4, 8, 12, 18, 19, 5, 7, 7, 11, 6, 10, 25, 17, 10, 4, 3, 16,
];

/// The block cannot be followed: an error of compression, which ends the connection (RFC 9113 4.3).
#[derive(Debug, PartialEq, Eq)]
pub struct Broken;

/// What was odd about a block.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Oddity {
    /// The block to decode instead.
    pub instead: Vec<u8>,
    /// What is wrong with it, for the log.
    pub fault: Option<String>,
    /// The target as it was written, where the block has another.
    pub target: Option<Vec<u8>>,
    /// The same of the authority.
    pub authority: Option<Vec<u8>>,
}

/// Follows the blocks of one connection.
#[derive(Debug, Default)]
pub struct Follower {
    table: Table,
    text: Vec<u8>,
}

impl Follower {
    /// Follows a whole block. `None`: it may be decoded as it is.
    pub fn follow(&mut self, block: &[u8], trailers: bool) -> Result<Option<Oddity>, Broken> {
        let mut walk = Walk { block, at: 0, begun: 0, seen: 0, plain: false, trailers, sizes: 0, odd: None };
        while walk.at < block.len() {
            self.field(&mut walk)?;
        }
        Ok(walk.end())
    }

    fn field(&mut self, walk: &mut Walk<'_>) -> Result<(), Broken> {
        walk.begun = walk.at;
        match walk.block.get(walk.at).ok_or(Broken)? {
            0x80.. => {
                let index = walk.number(7)?;
                walk.indexed(&self.table.get(index)?);
            }
            0x20..=0x3f => {
                let size = walk.number(5)?;
                if size > TABLE || walk.sizes != walk.begun {
                    return Err(Broken);
                }
                self.table.resize(size);
                walk.sizes = walk.at;
                walk.keep();
            }
            first => {
                let inserts = *first >= 0x40;
                let index = walk.number(if inserts { 6 } else { 4 })?;
                self.literal(walk, index, inserts)?;
            }
        }
        Ok(())
    }

    fn literal(&mut self, walk: &mut Walk<'_>, index: usize, inserts: bool) -> Result<(), Broken> {
        self.text.clear();
        if index == 0 {
            walk.string(&mut self.text)?;
        }
        let (split, prefix) = (self.text.len(), walk.at);
        walk.string(&mut self.text)?;
        let (name, value) = self.text.split_at_checked(split).ok_or(Broken)?;
        let (kind, name_length) = match index {
            0 => (Kind::of(name), split),
            _ => self.table.get(index).map(|entry| (entry.kind, entry.name))?,
        };
        let judged = judge(kind, value);
        let mut entry = Entry { size: ENTRY + name_length + value.len(), name: name_length, kind, ..Entry::default() };
        if kind.bit() == Kind::Method.bit() {
            entry.kind = if value == b"CONNECT" { Kind::Connect } else { Kind::Method };
        }
        let misplaced = walk.place(entry.kind);
        let wrong = kind.wrong().or(misplaced).or(judged.wrong);
        if wrong.is_none() && judged.instead.is_none() {
            walk.keep();
        } else {
            wrong.into_iter().for_each(|wrong| walk.blame(wrong, if index == 0 { name } else { kind.name() }));
            entry.fault = kind.wrong().or(judged.wrong);
            entry.written = judged.instead.is_some().then(|| value.to_vec());
            walk.tell(&entry);
            let value = (value, judged.instead.as_deref());
            if !inserts {
                walk.replace(prefix, value.1.unwrap_or(value.0), misplaced.is_some() || kind.must_go());
            } else if kind.must_go() {
                entry.kind = Kind::BadName;
                // An empty name is one byte long in the library's table, and its value that much shorter.
                entry.name = name_length.max(1);
                match index {
                    0 => walk.rename(name, value)?,
                    _ => walk.rename(&vec![b'x'; name_length], value)?,
                }
            } else if value.1.is_none_or(|instead| instead.len() == value.0.len()) {
                walk.replace(prefix, value.1.unwrap_or(value.0), false);
            } else {
                // Nothing that the library takes is as short, or as long: it will reset the stream for the stranger.
                entry.kind = Kind::BadName;
                walk.rename(kind.name(), (&vec![b'x'; value.0.len()], None))?;
            }
        }
        if inserts {
            self.table.insert(entry);
        }
        if self.text.capacity() > TABLE {
            self.text = Vec::new();
        }
        Ok(())
    }
}

/// One pass over a block.
struct Walk<'b> {
    block: &'b [u8],
    at: usize,
    /// Where the field begins that is being read. All before it is settled.
    begun: usize,
    /// The pseudo fields so far.
    seen: u8,
    /// Whether another field has come, so that no pseudo field may.
    plain: bool,
    trailers: bool,
    /// Where the changes of the table's size end.
    sizes: usize,
    odd: Option<Oddity>,
}

impl Walk<'_> {
    /// A number whose first byte has so many bits of it (RFC 7541 5.1).
    fn number(&mut self, bits: u32) -> Result<usize, Broken> {
        let mask = (1usize << bits) - 1;
        let first = usize::from(self.byte()?) & mask;
        if first < mask {
            return Ok(first);
        }
        let mut number = mask;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            number += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Broken)
    }

    fn byte(&mut self) -> Result<u8, Broken> {
        let byte = *self.block.get(self.at).ok_or(Broken)?;
        self.at += 1;
        Ok(byte)
    }

    /// Writes the next string behind `out`.
    fn string(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        let coded = self.block.get(self.at).ok_or(Broken)? & 0x80 != 0;
        let length = self.number(7)?;
        let bytes = self.block.get(self.at..self.at.checked_add(length).ok_or(Broken)?).ok_or(Broken)?;
        self.at += length;
        if !coded {
            out.extend_from_slice(bytes);
        } else if !huffman::decode(bytes, out) {
            return Err(Broken);
        }
        Ok(())
    }

    /// Whether the field stands where it may.
    fn place(&mut self, kind: Kind) -> Option<&'static str> {
        let bit = kind.bit();
        if bit == 0 {
            self.plain |= kind != Kind::UnknownPseudo;
            return None;
        }
        // A second head on a stream may be one that is over: what that means only the library knows.
        if self.trailers {
            return None;
        }
        let wrong = match () {
            () if self.plain => Some("a pseudo field after the others"),
            () if self.seen & bit != 0 => Some("a pseudo field that comes twice"),
            () => None,
        };
        self.seen |= bit | if kind == Kind::Connect { CONNECT } else { 0 };
        wrong
    }

    fn indexed(&mut self, entry: &Entry) {
        let misplaced = self.place(entry.kind);
        self.tell(entry);
        if let Some(wrong) = entry.kind.wrong().or(misplaced).or(entry.fault) {
            self.blame(wrong, entry.kind.name());
        }
        if misplaced.is_none() && !matches!(entry.kind, Kind::UnknownPseudo | Kind::OfOneConnection) {
            self.keep();
        }
    }

    /// The field goes on as it is.
    fn keep(&mut self) {
        if let Some(odd) = &mut self.odd {
            odd.instead.extend_from_slice(self.block.get(self.begun..self.at).unwrap_or_default());
        }
    }

    /// From this field on the block is written anew.
    fn odd(&mut self) -> &mut Oddity {
        let before = self.block.get(..self.begun).unwrap_or_default();
        self.odd.get_or_insert_with(|| Oddity { instead: before.to_vec(), ..Oddity::default() })
    }

    fn blame(&mut self, wrong: &str, name: &[u8]) {
        let fault = &mut self.odd().fault;
        if fault.is_none() {
            let name = name.get(..name.len().min(64)).unwrap_or_default();
            *fault = Some(if name.is_empty() { wrong.to_owned() } else { format!("{wrong}: {}", name.escape_ascii()) });
        }
    }

    fn tell(&mut self, entry: &Entry) {
        let Some(written) = &entry.written else { return };
        match entry.kind {
            Kind::Path => self.odd().target = Some(written.clone()),
            Kind::Authority => self.odd().authority = Some(written.clone()),
            _ => {}
        }
    }

    /// Writes the field with another value, or leaves it out. `prefix` is where its value begins.
    fn replace(&mut self, prefix: usize, value: &[u8], drop: bool) {
        let before = self.block.get(self.begun..prefix).unwrap_or_default();
        let odd = self.odd();
        if !drop {
            odd.instead.extend_from_slice(before);
            write_string(&mut odd.instead, value);
        }
    }

    /// Writes the field under a name that means nothing and is as long, so that it takes its room in the table.
    fn rename(&mut self, name: &[u8], (value, instead): (&[u8], Option<&[u8]>)) -> Result<(), Broken> {
        let mut renamed: Vec<u8> =
            name.iter().map(|&byte| if byte.is_ascii_lowercase() { byte } else { b'_' }).collect();
        let mut value = instead.unwrap_or(value);
        match renamed.first_mut() {
            Some(first) => *first = b'_',
            None => {
                renamed.push(b'_');
                value = value.split_first().ok_or(Broken)?.1;
            }
        }
        let odd = self.odd();
        odd.instead.push(0x40);
        write_string(&mut odd.instead, &renamed);
        write_string(&mut odd.instead, value);
        Ok(())
    }

    fn end(mut self) -> Option<Oddity> {
        self.begun = self.block.len();
        if self.trailers {
            if let Some(odd) = &mut self.odd {
                // Only a head says where a request goes: the library leaves pseudo fields of trailers out.
                (odd.target, odd.authority) = (None, None);
                if odd.fault.is_some() {
                    // A field that makes the library end the stream: trailers cannot be answered any more.
                    odd.instead.extend_from_slice(b"\x00\x02te\x01x");
                }
            }
            return self.odd;
        }
        let connect = self.seen & CONNECT != 0;
        let needed = if connect { Kind::Method.bit() } else { REQUIRED };
        // GET, https and / by their places in the table that everybody has.
        for (kind, stand_in) in [(Kind::Method, 0x82), (Kind::Scheme, 0x87), (Kind::Path, 0x84)] {
            if needed & kind.bit() & !self.seen != 0 {
                self.blame("a pseudo field is missing", kind.name());
                let sizes = self.sizes;
                self.odd().instead.insert(sizes, stand_in);
            }
        }
        if connect && self.seen & (Kind::Scheme.bit() | Kind::Path.bit()) != 0 {
            self.blame("CONNECT with a scheme or a path", b"");
        }
        self.odd
    }
}

/// The bit for CONNECT, which has neither a scheme nor a path.
const CONNECT: u8 = 16;
const REQUIRED: u8 = Kind::Method.bit() | Kind::Scheme.bit() | Kind::Path.bit();

fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    match u8::try_from(text.len()) {
        Ok(short @ 0..=126) => out.push(short),
        _ => {
            out.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                out.push(low_bits(rest) | 0x80);
                rest >>= 7;
            }
            out.push(low_bits(rest));
        }
    }
    out.extend_from_slice(text);
}

fn low_bits(number: usize) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or_default()
}

/// What is known of an entry.
#[derive(Clone, Debug, Default)]
struct Entry {
    size: usize,
    /// The length of its name.
    name: usize,
    kind: Kind,
    fault: Option<&'static str>,
    /// Its value, where another stands in the library's table.
    written: Option<Vec<u8>>,
}

/// The table, without the bytes (RFC 7541 2.3).
#[derive(Debug)]
struct Table {
    entries: VecDeque<Entry>,
    size: usize,
    most: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self { entries: VecDeque::new(), size: 0, most: TABLE }
    }
}

impl Table {
    fn get(&self, index: usize) -> Result<Entry, Broken> {
        match STATIC.get(index) {
            Some(0) => Err(Broken),
            Some(&name) => Ok(Entry { name: usize::from(name), kind: Kind::of_static(index), ..Entry::default() }),
            None => self.entries.get(index - STATIC.len()).cloned().ok_or(Broken),
        }
    }

    fn insert(&mut self, entry: Entry) {
        self.make_room(entry.size);
        if entry.size <= self.most {
            self.size += entry.size;
            self.entries.push_front(entry);
        }
    }

    fn resize(&mut self, most: usize) {
        self.most = most;
        self.make_room(0);
    }

    fn make_room(&mut self, wanted: usize) {
        while self.size + wanted > self.most {
            let Some(oldest) = self.entries.pop_back() else { return };
            self.size -= oldest.size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "a.test")];

    fn block(fields: &[(&str, &str)], first: u8) -> Vec<u8> {
        let mut block = Vec::new();
        for (name, value) in fields {
            block.push(first);
            write_string(&mut block, name.as_bytes());
            write_string(&mut block, value.as_bytes());
        }
        block
    }

    fn with(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
        GET.into_iter().filter(|field| field.0 != name).chain([(name, value)]).collect()
    }

    /// What the fields of a block are, where it is decoded with an empty table.
    fn sizes(block: &[u8]) -> Vec<usize> {
        let mut follower = Follower::default();
        follower.follow(block, false).expect("it can be decoded");
        follower.table.entries.iter().map(|entry| entry.size).collect()
    }

    #[test]
    fn what_is_right_goes_on_as_it_came() {
        let mut follower = Follower::default();
        let long = "y".repeat(200);
        for first in [0x00, 0x10, 0x40] {
            let fields: Vec<_> = GET.into_iter().chain([("x", ""), ("cookie", &long), ("te", "trailers")]).collect();
            assert_eq!(follower.follow(&block(&fields, first), false), Ok(None));
        }
        // By index: GET, https, /, the authority that stands in the table.
        assert_eq!(follower.follow(&[0x82, 0x87, 0x84, 0x80 | 65], false), Ok(None));
        assert_eq!(follower.follow(&[0x80 | 62], true), Ok(None));
    }

    #[test]
    fn what_is_odd_is_told_and_takes_the_same_room() {
        let rows = [
            ("X-Upper", "1"),
            ("x\ny", "1"),
            ("x", "a\nb"),
            ("x", "\0"),
            (":x", "1"),
            (":status", "200"),
            ("connection", "close"),
            ("te", "gzip"),
            ("content-length", "x"),
            (":method", "G T"),
            (":scheme", "h ttp"),
        ];
        for (name, value) in rows {
            for first in [0x00, 0x40] {
                let written = block(&with(name, value), first);
                let odd = Follower::default().follow(&written, false).unwrap().expect(name);
                assert!(odd.fault.is_some(), "{name}: {value}");
                assert_eq!(sizes(&odd.instead), sizes(&written), "{name}: {value}");
                let again = Follower::default().follow(&odd.instead, false).unwrap();
                assert!(again.is_none_or(|again| again.fault == Some(String::from("a pseudo field is missing"))));
            }
        }
    }

    #[test]
    fn a_target_keeps_its_bytes_when_it_is_named_again_by_its_place() {
        let mut follower = Follower::default();
        for target in ["/a<b>\"`", "/caf\u{e9}?q=\\", "*x", ""] {
            let odd = follower.follow(&block(&with(":path", target), 0x00), false).unwrap().expect(target);
            assert_eq!((odd.target.as_deref(), odd.fault), (Some(target.as_bytes()), None));
        }
        follower.follow(&block(&with(":path", "/<"), 0x40), false).unwrap().expect("odd");
        let odd = follower.follow(&[0x82, 0x87, 0x80 | 62], false).unwrap().expect("odd");
        assert_eq!((odd.target.as_deref(), odd.fault), (Some(b"/<".as_slice()), None));
        assert_eq!(odd.instead, [0x82, 0x87, 0x80 | 62]);
    }

    #[test]
    fn odd_trailers_end_the_stream_and_missing_pseudo_fields_are_told() {
        assert_eq!(Follower::default().follow(&block(&GET, 0), true), Ok(None), "the library leaves them out");
        let elsewhere = Follower::default().follow(&block(&[(":path", "/evil<x")], 0), true).unwrap().expect("odd");
        assert_eq!((elsewhere.target, elsewhere.fault), (None, None), "trailers lead nowhere");
        let odd = Follower::default().follow(&block(&[("x", "a\nb")], 0), true).unwrap().expect("odd");
        assert!(odd.fault.is_some() && odd.instead.ends_with(b"te\x01x"));
        let odd = Follower::default().follow(&[0x3f, 0xe1, 0x1f, 0x82, 0x87], false).unwrap().expect("odd");
        assert_eq!(odd.fault.as_deref(), Some("a pseudo field is missing: :path"));
        assert_eq!(odd.instead, [0x3f, 0xe1, 0x1f, 0x84, 0x82, 0x87]);
        assert_eq!(
            Follower::default().follow(&block(&[(":method", "CONNECT"), (":authority", "a")], 0), false),
            Ok(None)
        );
    }

    #[test]
    fn errors_of_compression_are_the_connections() {
        for block in
            [&[0x80][..], &[0xc0], &[0x40, 0x7f], &[0x00, 0x05, b'a'], &[0x82, 0x20], &[0xff; 9], &[0x3f, 0xff, 0x7f]]
        {
            assert_eq!(Follower::default().follow(block, false), Err(Broken), "{block:x?}");
        }
    }
}
