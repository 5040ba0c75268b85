//! Follows the field blocks of an HTTP/2 client (RFC 7541) before the h2 library decodes them. The library treats one
//! field with a wrong byte as an error of the whole connection. By RFC 9113 section 8.1.1 it is an error of its stream
//! alone. The library also refuses targets that are valid in HTTP/1.
//!
//! A block with nothing odd in it passes unchanged. A block with an odd field is rewritten: a harmless field of the
//! same size takes its place, so that the dynamic tables on both sides stay equal. What was odd is reported separately.

mod field;
mod huffman;
mod table;

use self::Unfollowed::{Broken, TooLong};

use self::field::{Kind, judge};
use self::table::{Entry, TABLE, Table, same_room};
use super::fault::HeadFault;
use super::grammar::digits;

/// Names and values longer than this are replaced in the rewritten block. The library does not accept longer ones, and
/// any field of more than the table's size empties the table in the same way.
const LONG: usize = 2 * TABLE;
/// The library ends a connection when a decoded block has more than so many times the agreed size.
const ENDURED: usize = 4;

/// Why a block cannot be followed and the connection must end.
#[derive(Debug, PartialEq, Eq)]
pub enum Unfollowed {
    /// A compression error (RFC 9113 section 4.3).
    Broken,
    /// The decoded block would be longer than was agreed.
    TooLong,
}

/// What is known of a block from its frames.
#[derive(Clone, Copy, Debug, Default)]
pub struct Block {
    /// The block comes after a body.
    pub trailers: bool,
    /// The stream ends with the block.
    pub ended: bool,
    /// What is wrong with the frames themselves.
    pub fault: Option<&'static str>,
}

/// What was odd about a block.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Oddity {
    /// The block that the library must decode instead.
    pub instead: Vec<u8>,
    /// The fault of the block, and its text for the log.
    pub fault: Option<(HeadFault, String)>,
    /// The target as the client wrote it, if the new block has another.
    pub target: Option<Vec<u8>>,
    /// The authority as the client wrote it, if the new block has another.
    pub authority: Option<Vec<u8>>,
}

/// Follows the field blocks of one connection.
#[derive(Debug)]
pub struct Follower {
    table: Table,
    text: Vec<u8>,
    max_head: usize,
}

impl Follower {
    /// The fields of a block may have `max_head` bytes, counted as in an HPACK table.
    pub fn new(max_head: usize) -> Self {
        Self { table: Table::default(), text: Vec::new(), max_head }
    }

    /// Follows a whole block. `None`: it can be decoded unchanged.
    pub fn follow(&mut self, fields: &[u8], of: Block) -> Result<Option<Box<Oddity>>, Unfollowed> {
        let mut walk = Walk::through(fields, of.trailers, self.max_head.saturating_mul(ENDURED));
        if let Some(fault) = of.fault {
            walk.blame(fault, b"");
        }
        while walk.at < fields.len() {
            self.field(&mut walk)?;
        }
        walk.begun = fields.len();
        let taken = self.max_head.saturating_mul(ENDURED) - walk.left;
        if taken >= self.max_head && !of.trailers {
            // The library answers 431 for this.
            walk.fault(HeadFault::HeadTooLarge, || format!("more than {} bytes, max-head", self.max_head));
        }
        Ok(walk.end(of.ended))
    }

    fn field(&mut self, walk: &mut Walk<'_>) -> Result<(), Unfollowed> {
        walk.begun = walk.at;
        match walk.block.get(walk.at).ok_or(Broken)? {
            0x80.. => {
                let index = walk.number(7)?;
                walk.indexed(self.table.get(index).ok_or(Broken)?)?;
            }
            0x20..=0x3f => {
                let size = walk.number(5)?;
                if size > TABLE || walk.sizes != walk.begun {
                    return Err(Broken);
                }
                self.table.resize(size);
                walk.sizes = walk.at;
                walk.pass();
            }
            first => {
                let inserts = *first >= 0x40;
                let index = walk.number(if inserts { 6 } else { 4 })?;
                self.literal(walk, index, inserts)?;
            }
        }
        Ok(())
    }

    fn literal(&mut self, walk: &mut Walk<'_>, index: usize, inserts: bool) -> Result<(), Unfollowed> {
        self.text.clear();
        if index == 0 {
            walk.string(&mut self.text)?;
        }
        let (split, prefix) = (self.text.len(), walk.at);
        walk.string(&mut self.text)?;
        let (name, value) = self.text.split_at_checked(split).ok_or(Broken)?;
        let (kind, name_length, strange) = match index {
            0 => (Kind::of(name), split, false),
            _ => self.table.get(index).map(|named| (named.kind, named.name, named.strange)).ok_or(Broken)?,
        };
        let mut entry = Entry { name: name_length, value: value.len(), kind: kind.with(value), ..Entry::default() };
        entry.length = if kind == Kind::Length { digits(value) } else { None };
        let misplaced = walk.place(&entry)?;
        let judged = judge(kind, value);
        let fits = !inserts || judged.instead.as_ref().is_none_or(|instead| same_room(instead.len(), value.len()));
        entry.fault = kind.wrong().or(judged.wrong).or(if fits { None } else { Some("a pseudo field that is empty") });
        let wrong = kind.wrong().or(misplaced).or(entry.fault);
        wrong.into_iter().for_each(|wrong| walk.blame(wrong, if index == 0 { name } else { kind.name() }));
        let is_odd = wrong.is_some() || judged.instead.is_some();
        let stand_in = judged.instead.as_deref().unwrap_or(value);
        // If the library's table has another name at this index, the true name is written.
        let named = strange.then(|| kind.name());
        if !is_odd && !strange {
            walk.pass();
        } else if inserts && is_odd && (kind.must_go() || !fits) {
            entry.strange = true;
            walk.put_stranger(name_length, value.len())?;
        } else if inserts || !is_odd || (misplaced.is_none() && !kind.must_go()) {
            walk.replace(prefix, (inserts, named), stand_in);
        } else {
            walk.odd();
        }
        entry.written = judged.instead.is_some().then(|| value.into());
        if misplaced.is_none() {
            walk.report(&entry);
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
    /// Where the current field begins. Everything before it is settled.
    begun: usize,
    /// The pseudo fields so far, as bits.
    seen: u8,
    /// Whether a normal field was seen. After it no pseudo field is allowed.
    plain: bool,
    trailers: bool,
    /// Where the changes of the table size end.
    sizes: usize,
    /// How many bytes the remaining fields may have.
    left: usize,
    /// The length in its Content-Length field.
    length: Option<u64>,
    /// Boxed, because nearly no block has one.
    odd: Option<Box<Oddity>>,
}

impl<'b> Walk<'b> {
    fn through(block: &'b [u8], trailers: bool, left: usize) -> Self {
        Self { block, at: 0, begun: 0, seen: 0, plain: false, trailers, sizes: 0, left, length: None, odd: None }
    }

    /// An integer whose first byte has this many bits for it (RFC 7541 section 5.1).
    #[inline]
    fn number(&mut self, bits: u32) -> Result<usize, Unfollowed> {
        let mask = (1usize << bits) - 1;
        let first = usize::from(self.byte()?) & mask;
        if first < mask { Ok(first) } else { self.long_number(mask) }
    }

    fn long_number(&mut self, mask: usize) -> Result<usize, Unfollowed> {
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

    #[inline]
    fn byte(&mut self) -> Result<u8, Unfollowed> {
        let byte = *self.block.get(self.at).ok_or(Broken)?;
        self.at += 1;
        Ok(byte)
    }

    /// Writes the next string behind `out`.
    fn string(&mut self, out: &mut Vec<u8>) -> Result<(), Unfollowed> {
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

    //= rfc9113#8.3 pseudo
    /// Counts a field, and checks whether it may be at this position.
    #[inline]
    fn place(&mut self, entry: &Entry) -> Result<Option<&'static str>, Unfollowed> {
        self.left = self.left.checked_sub(entry.size()).ok_or(TooLong)?;
        // A second head on a stream is reported as trailers, but the stream may already be closed. Only the library
        // knows.
        if self.trailers {
            return Ok(None);
        }
        let bit = entry.kind.bit();
        if bit == 0 {
            self.plain |= entry.kind != Kind::UnknownPseudo;
            return Ok(self.other_length(entry.length));
        }
        let wrong = match () {
            () if self.plain => Some("a pseudo field after the others"),
            () if self.seen & bit != 0 => Some("a pseudo field that comes twice"),
            () => None,
        };
        self.seen |= bit | if entry.kind == Kind::Connect { CONNECT } else { 0 };
        Ok(wrong)
    }

    fn other_length(&mut self, length: Option<u64>) -> Option<&'static str> {
        let differs = length.is_some() && self.length.is_some() && length != self.length;
        self.length = self.length.or(length);
        differs.then_some("lengths that differ")
    }

    #[inline]
    fn indexed(&mut self, entry: &Entry) -> Result<(), Unfollowed> {
        let misplaced = self.place(entry)?;
        // Most fields of most requests end here.
        if misplaced.is_none() && entry.is_ordinary() {
            self.pass();
            return Ok(());
        }
        if let Some(wrong) = entry.kind.wrong().or(misplaced).or(entry.fault) {
            self.blame(wrong, entry.kind.name());
        }
        if misplaced.is_some() {
            return Ok(());
        }
        self.report(entry);
        if entry.strange || entry.kind.wrong().is_none() {
            self.pass();
        }
        Ok(())
    }

    /// The field passes unchanged.
    #[inline]
    fn pass(&mut self) {
        if let Some(odd) = &mut self.odd {
            odd.instead.extend_from_slice(self.block.get(self.begun..self.at).unwrap_or_default());
        }
    }

    /// The block is rewritten from this field on.
    fn odd(&mut self) -> &mut Oddity {
        let before = self.block.get(..self.begun).unwrap_or_default();
        self.odd.get_or_insert_with(|| Box::new(Oddity { instead: before.to_vec(), ..Oddity::default() }))
    }

    fn blame(&mut self, wrong: &str, name: &[u8]) {
        let name = name.get(..name.len().min(64)).unwrap_or_default();
        let named = || if name.is_empty() { wrong.to_owned() } else { format!("{wrong}: {}", name.escape_ascii()) };
        self.fault(HeadFault::BadField, named);
    }

    fn fault(&mut self, fault: HeadFault, reason: impl FnOnce() -> String) {
        self.odd().fault.get_or_insert_with(|| (fault, reason()));
    }

    fn report(&mut self, entry: &Entry) {
        let Some(written) = &entry.written else { return };
        match entry.kind {
            Kind::Path => self.odd().target = Some(written.to_vec()),
            Kind::Authority => self.odd().authority = Some(written.to_vec()),
            _ => {}
        }
    }

    /// Writes the field with this value. `prefix` is where the field's own value begins. `name` is written if the
    /// library's table has another one.
    fn replace(&mut self, prefix: usize, (inserts, name): (bool, Option<&[u8]>), value: &[u8]) {
        let before = self.block.get(self.begun..prefix).unwrap_or_default();
        let out = &mut self.odd().instead;
        match name {
            Some(name) => {
                out.push(if inserts { 0x40 } else { 0 });
                write_string(out, name);
            }
            None => out.extend_from_slice(before),
        }
        write_string(out, value);
    }

    /// Writes a field without a meaning that takes the same space in the table.
    fn put_stranger(&mut self, name: usize, value: usize) -> Result<(), Unfollowed> {
        // A name must not be empty.
        let (name, value) = if name > 0 { (name, value) } else { (1, value.checked_sub(1).ok_or(Broken)?) };
        let out = &mut self.odd().instead;
        out.push(0x40);
        write_string(out, &vec![b'_'; name.min(LONG)]);
        write_string(out, &vec![b'_'; value.min(LONG)]);
        Ok(())
    }

    fn end(mut self, ended: bool) -> Option<Box<Oddity>> {
        if self.trailers {
            if let Some(odd) = &mut self.odd {
                // Only a head tells where a request goes. The library ignores pseudo fields in trailers.
                (odd.target, odd.authority) = (None, None);
                if odd.fault.is_some() {
                    // This field makes the library end the stream, because trailers can no longer be answered.
                    odd.instead.extend_from_slice(b"\x00\x02te\x01x");
                }
            }
            return self.odd;
        }
        if ended && self.length.is_some_and(|length| length > 0) {
            // The library ends the stream for this.
            self.blame("a length without a body", b"");
        }
        let connect = self.seen & CONNECT != 0;
        let needed = if connect { Kind::Method.bit() } else { REQUIRED };
        // GET, https and /, by their indices in the static table.
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

#[cfg(test)]
mod tests {
    use super::*;

    const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "a.test")];

    const HEAD: Block = Block { trailers: false, ended: false, fault: None };
    const TRAILERS: Block = Block { trailers: true, ..HEAD };

    fn follower() -> Follower {
        Follower::new(16 * 1024)
    }

    fn reason(odd: &Oddity) -> Option<&str> {
        odd.fault.as_ref().map(|(_, reason)| reason.as_str())
    }

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

    /// The fields of a block as it is decoded with an empty table.
    fn sizes(block: &[u8]) -> Vec<usize> {
        let mut follower = follower();
        follower.follow(block, HEAD).expect("it can be decoded");
        follower.table.entries.iter().map(Entry::size).collect()
    }

    #[test]
    fn what_is_right_goes_on_as_it_came() {
        let mut follower = follower();
        let long = "y".repeat(200);
        for first in [0x00, 0x10, 0x40] {
            let fields: Vec<_> = GET.into_iter().chain([("x", ""), ("cookie", &long), ("te", "trailers")]).collect();
            assert_eq!(follower.follow(&block(&fields, first), HEAD), Ok(None));
        }
        // By index: GET, https, /, and the authority in the table.
        assert_eq!(follower.follow(&[0x82, 0x87, 0x84, 0x80 | 65], HEAD), Ok(None));
        assert_eq!(follower.follow(&[0x80 | 62], TRAILERS), Ok(None));
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
                let odd = follower().follow(&written, HEAD).unwrap().expect(name);
                assert!(odd.fault.is_some(), "{name}: {value}");
                assert_eq!(sizes(&odd.instead), sizes(&written), "{name}: {value}");
                let again = follower().follow(&odd.instead, HEAD).unwrap();
                assert!(again.is_none_or(|again| reason(&again) == Some("a pseudo field is missing")));
            }
        }
    }

    #[test]
    fn a_target_keeps_its_bytes_when_it_is_named_again_by_its_place() {
        let mut follower = follower();
        for target in ["/a<b>\"`", "/caf\u{e9}?q=\\", "*x", ""] {
            let odd = follower.follow(&block(&with(":path", target), 0x00), HEAD).unwrap().expect(target);
            assert_eq!((odd.target.as_deref(), odd.fault), (Some(target.as_bytes()), None));
        }
        follower.follow(&block(&with(":path", "/<"), 0x40), HEAD).unwrap().expect("odd");
        let odd = follower.follow(&[0x82, 0x87, 0x80 | 62], HEAD).unwrap().expect("odd");
        assert_eq!((odd.target.as_deref(), odd.fault), (Some(b"/<".as_slice()), None));
        assert_eq!(odd.instead, [0x82, 0x87, 0x80 | 62]);
    }

    #[test]
    fn odd_trailers_end_the_stream_and_missing_pseudo_fields_are_told() {
        assert_eq!(follower().follow(&block(&GET, 0), TRAILERS), Ok(None), "the library leaves them out");
        let elsewhere = follower().follow(&block(&[(":path", "/evil<x")], 0), TRAILERS).unwrap().expect("odd");
        assert_eq!((elsewhere.target, elsewhere.fault), (None, None), "trailers lead nowhere");
        let odd = follower().follow(&block(&[("x", "a\nb")], 0), TRAILERS).unwrap().expect("odd");
        assert!(odd.fault.is_some() && odd.instead.ends_with(b"te\x01x"));
        let odd = follower().follow(&[0x3f, 0xe1, 0x1f, 0x82, 0x87], HEAD).unwrap().expect("odd");
        assert_eq!(reason(&odd), Some("a pseudo field is missing: :path"));
        assert_eq!(odd.instead, [0x3f, 0xe1, 0x1f, 0x84, 0x82, 0x87]);
        assert_eq!(follower().follow(&block(&[(":method", "CONNECT"), (":authority", "a")], 0), HEAD), Ok(None));
    }

    #[test]
    fn fields_at_the_wrong_place_are_told() {
        let odd_of = |fields: &[(&str, &str)]| {
            let odd = follower().follow(&block(fields, 0), HEAD).unwrap();
            odd.and_then(|odd| reason(&odd).map(str::to_owned))
        };
        assert_eq!(odd_of(&GET), None);
        for (more, told) in [
            (&[(":method", "GET")][..], "a pseudo field that comes twice"),
            (&[(":scheme", "https")], "a pseudo field that comes twice"),
            (&[(":authority", "b.test")], "a pseudo field that comes twice"),
            (&[("x", "1"), (":path", "/")], "a pseudo field after the others"),
            (&[("content-length", "1"), ("content-length", "2")], "lengths that differ"),
        ] {
            let found = odd_of(&[&GET[..], more].concat()).unwrap_or_default();
            assert!(found.starts_with(told), "{more:?}: {found}");
        }
        assert_eq!(odd_of(&[&GET[..], &[("content-length", "1"), ("content-length", "1")]].concat()), None);
    }

    #[test]
    fn a_name_that_came_with_a_bad_value_is_itself_again_with_a_good_one() {
        for (name, bad, good) in [("te", "gzip", "trailers"), (":path", "", "/a"), (":authority", "", "b.test")] {
            let mut follower = follower();
            let first = follower.follow(&block(&with(name, bad), 0x40), HEAD).unwrap().expect("odd");
            assert!(first.fault.is_some());
            let rest: Vec<_> = GET.into_iter().filter(|field| field.0 != name).collect();
            let by_name = [&block(&rest, 0x00)[..], &[0x7e]].concat();
            let again = [&by_name[..], &block(&[("", good)], 0)[2..]].concat();
            // The field is at index 62 and is referred to at the position of a pseudo field, before other fields.
            let odd = follower.follow(&again, HEAD).unwrap().expect("the library has another name there");
            assert_eq!(odd.fault, None, "{name}");
            assert!(odd.instead.ends_with(&block(&[(name, good)], 0x40)), "{name}: {:x?}", odd.instead);
            assert_eq!(follower.follow(&[&by_name[..], &block(&[("", good)], 0)[2..]].concat(), HEAD), Ok(None));
        }
    }

    #[test]
    fn bytes_that_stand_for_many_do_not_grow_without_bound() {
        let (long, name) = (format!("/<{}", "y".repeat(4000)).leak(), "X".repeat(4000).leak());
        let mut follower = follower();
        let bad_path = block(&with(":path", long), 0x40);
        follower.follow(&bad_path, HEAD).unwrap().expect("odd");
        assert_eq!(follower.follow(&[0xbe; 100], HEAD), Err(TooLong));
        follower.follow(&block(&with(name, ""), 0x40), HEAD).unwrap().expect("odd");
        assert_eq!(follower.follow(&[0x7e, 0].repeat(100), HEAD), Err(TooLong), "by its name alone");
    }

    #[test]
    fn fields_that_the_library_finds_too_large_are_told() {
        let long = "y".repeat(17_000).leak();
        let written = block(&with("x", long), 0x40);
        let odd = follower().follow(&written, HEAD).unwrap().expect("odd");
        assert_eq!(odd.instead, written, "what it keeps of them is kept by both");
        assert_eq!(odd.fault, Some((HeadFault::HeadTooLarge, String::from("more than 16384 bytes, max-head"))));
    }

    #[test]
    fn targets_may_be_longer_than_the_library_takes() {
        let long = format!("/{}", "y".repeat(70_000)).leak();
        for first in [0x00, 0x40] {
            let mut follower = Follower::new(1 << 20);
            follower.follow(&block(&GET, 0x40), HEAD).unwrap();
            let odd = follower.follow(&block(&with(":path", long), first), HEAD).unwrap().expect("odd");
            assert_eq!((odd.target.as_deref(), odd.fault), (Some(long.as_bytes()), None));
            assert!(odd.instead.len() < 10_000);
            // A field of this length, if it is added to the table, empties the table.
            assert_eq!(follower.table.entries.len(), if first == 0x40 { 0 } else { 4 });
            assert_eq!(sizes(&odd.instead), [0; 0], "nor does the library keep anything");
        }
    }

    #[test]
    fn lengths_that_the_library_ends_a_stream_for_are_told() {
        let ended = Block { ended: true, ..HEAD };
        let length = |value: &'static str| block(&with("content-length", value), 0x40);
        let fault = |block: &[u8], of| follower().follow(block, of).unwrap().and_then(|odd| Some(odd.fault?.1));
        assert_eq!(fault(&length("5"), HEAD), None);
        assert_eq!(fault(&length("0"), ended), None);
        assert_eq!(fault(&length("5"), ended).as_deref(), Some("a length without a body"));
        let two = [&length("5")[..], &block(&[("content-length", "6")], 0)].concat();
        assert_eq!(fault(&two, HEAD).as_deref(), Some("lengths that differ: content-length"));
        let mut follower = follower();
        follower.follow(&length("5"), HEAD).unwrap();
        let again = follower.follow(&[0x82, 0x87, 0x84, 0xbe], ended).unwrap().expect("by its place, too");
        assert!(again.fault.is_some());
        let itself = Block { fault: Some("a stream that depends on itself"), ..HEAD };
        assert_eq!(fault(&block(&GET, 0), itself).as_deref(), itself.fault);
    }

    #[test]
    fn errors_of_compression_are_the_connections() {
        for block in
            [&[0x80][..], &[0xc0], &[0x40, 0x7f], &[0x00, 0x05, b'a'], &[0x82, 0x20], &[0xff; 9], &[0x3f, 0xff, 0x7f]]
        {
            assert_eq!(follower().follow(block, HEAD), Err(Broken), "{block:x?}");
        }
    }
}
