//! Walks over the frames of an HTTP/2 client before the h2 library reads them. It counts frames, follows their field
//! blocks ([`crate::wire::Follower`]), and rewrites a block with something odd in it.

use std::rc::Rc;

use super::budget::Budget;
use super::notes::Notes;
use crate::wire::{Block, Follower, Unfollowed};

/// The length of the client's preface (RFC 9113 section 3.4), which comes before its first frame.
const PREFACE: usize = 24;
/// The length of a frame's head (RFC 9113 section 4.1), and the most that may follow it.
const HEAD: usize = 9;
pub(super) const LARGEST: usize = 16 * 1024;
/// What the library gets instead of a block that must end the connection: a frame that it answers with PROTOCOL_ERROR,
/// and the head of a frame that it answers with FRAME_SIZE_ERROR.
const OUT_OF_PLACE: [u8; HEAD] = [0, 0, 0, CONTINUATION, 0, 0, 0, 0, 1];
const TOO_LONG: [u8; HEAD] = [0xff, 0xff, 0xff, HEADERS, 0, 0, 0, 0, 1];
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PUSH_PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// The position in the sequence of frames.
pub(super) struct Frames {
    follower: Follower,
    skip: usize,
    /// The stream that began last.
    last: u32,
    /// The largest size of a block together with its frame heads.
    most: usize,
    /// How many bytes of the frames of an incomplete block were already looked at.
    looked: usize,
    /// The library is about to end the connection. It gets nothing more.
    lost: bool,
    budget: Rc<Budget>,
    notes: Rc<Notes>,
}

/// How many bytes are settled, and what is to be read instead of them.
#[derive(Default)]
pub(super) struct Walked {
    pub(super) done: usize,
    pub(super) instead: Option<Vec<u8>>,
}

impl Walked {
    fn pass(&mut self, bytes: &[u8], count: usize) {
        let end = self.done + count;
        if let Some(instead) = &mut self.instead {
            instead.extend_from_slice(bytes.get(self.done..end).unwrap_or_default());
        }
        self.done = end;
    }

    fn replace(&mut self, bytes: &[u8], count: usize) -> &mut Vec<u8> {
        let before = bytes.get(..self.done).unwrap_or_default();
        self.done += count;
        self.instead.get_or_insert_with(|| before.to_vec())
    }
}

/// A frame's head.
#[derive(Clone, Copy)]
struct Head {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Head {
    fn of(bytes: &[u8]) -> Option<Self> {
        let [high, middle, low, kind, flags, stream @ ..] = *bytes.first_chunk::<HEAD>()?;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        Some(Self { length, kind, flags, stream: u32::from_be_bytes(stream) & 0x7fff_ffff })
    }

    fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

impl Frames {
    pub(super) fn new(max_head: usize, budget: &Rc<Budget>, notes: &Rc<Notes>) -> Self {
        let (budget, notes) = (Rc::clone(budget), Rc::clone(notes));
        let (follower, most) = (Follower::new(max_head), max_head.saturating_mul(4));
        Self { follower, skip: PREFACE, last: 0, most, looked: 0, lost: false, budget, notes }
    }

    /// Follows the frames in `bytes` as far as they are complete.
    pub(super) fn walk(&mut self, bytes: &[u8]) -> Walked {
        let mut walked = Walked::default();
        if self.lost {
            // The library got a frame for which it should have ended the connection, but it reads on.
            self.budget.overdraw_for_good();
            walked.replace(bytes, bytes.len());
            return walked;
        }
        loop {
            let rest = bytes.get(walked.done..).unwrap_or_default();
            let passes = self.skip.min(rest.len());
            if passes > 0 {
                self.skip -= passes;
                walked.pass(bytes, passes);
                continue;
            }
            let Some(head) = Head::of(rest) else { return walked };
            match head.kind {
                HEADERS => {
                    let followed = self.end_of_block(rest).and_then(|end| self.block(head, bytes, end, &mut walked));
                    match followed {
                        Ok(()) => {}
                        Err(Stop::Unfinished) => return walked,
                        Err(Stop::Lost(frame)) => {
                            self.lost = true;
                            walked.replace(bytes, rest.len()).extend_from_slice(&frame);
                            return walked;
                        }
                    }
                }
                // No client may send this frame (RFC 9113 section 8.4), and the library would read its fields without
                // Weir following them.
                PUSH_PROMISE => {
                    self.budget.overdraw_for_good();
                    return walked;
                }
                // An empty DATA frame is dropped: it says nothing, and the library accepts only a hundred of them per
                // connection.
                DATA if head.length == 0 && !head.has(END_STREAM) && (1..=self.last).contains(&head.stream) => {
                    self.budget.idle_frame();
                    walked.replace(bytes, HEAD);
                }
                _ => {
                    self.charge(head);
                    self.skip = head.length;
                    walked.pass(bytes, HEAD);
                }
            }
        }
    }

    fn charge(&self, head: Head) {
        match head.kind {
            DATA if head.length > 0 => self.budget.moved(head.length),
            3 => self.budget.reset_frame(),
            // Empty DATA, PRIORITY, SETTINGS, PING.
            0 | 2 | 4 | 6 => self.budget.idle_frame(),
            _ => {}
        }
    }

    /// Where the block of fields ends whose first frame begins `bytes`.
    fn end_of_block(&mut self, bytes: &[u8]) -> Result<usize, Stop> {
        let stream = Head::of(bytes).ok_or(Stop::Unfinished)?.stream;
        loop {
            let head = bytes.get(self.looked..).and_then(Head::of).ok_or(Stop::Unfinished)?;
            let next = self.looked + HEAD + head.length;
            if self.looked > 0 && (head.kind != CONTINUATION || head.stream != stream) {
                return Err(Stop::Lost(OUT_OF_PLACE));
            }
            if head.length > LARGEST {
                return Err(Stop::Lost(TOO_LONG));
            }
            if next > self.most.max(LARGEST + HEAD) {
                return Err(self.too_much());
            }
            if bytes.len() < next {
                return Err(Stop::Unfinished);
            }
            if self.looked > 0 {
                self.budget.idle_frame();
            }
            if head.has(END_HEADERS) {
                self.looked = 0;
                return Ok(next);
            }
            self.looked = next;
        }
    }

    //= rfc9113#10.5.1 large-block
    fn too_much(&self) -> Stop {
        self.budget.overdraw_for_good();
        Stop::Unfinished
    }

    //= rfc9113#8.1 headers-twice
    fn block(&mut self, head: Head, bytes: &[u8], end: usize, walked: &mut Walked) -> Result<(), Stop> {
        let frames = bytes.get(walked.done..walked.done + end).unwrap_or_default();
        let payload = frames.get(HEAD..HEAD + head.length).unwrap_or_default();
        let first = fragment(payload, head).ok_or(Stop::Lost(OUT_OF_PLACE))?;
        let joined = if head.has(END_HEADERS) { None } else { Some(joined(first, frames, HEAD + head.length)) };
        let depends_on_itself = head.has(PRIORITY) && depends_on(payload, head) == Some(head.stream);
        let of = Block {
            trailers: head.stream <= self.last,
            ended: head.has(END_STREAM),
            fault: depends_on_itself.then_some("a stream that depends on itself"),
        };
        self.last = self.last.max(head.stream);
        let followed = self.follower.follow(joined.as_deref().unwrap_or(first), of);
        let followed = followed.map_err(|why| match why {
            Unfollowed::Broken => Stop::Lost(OUT_OF_PLACE),
            Unfollowed::TooLong => self.too_much(),
        })?;
        match (followed, joined) {
            (None, None) => walked.pass(bytes, end),
            // The library accepts only a limited number of frames in one block, however short they are.
            (None, Some(joined)) => write_block(walked.replace(bytes, end), head, &joined),
            (Some(mut odd), _) => {
                write_block(walked.replace(bytes, end), head, &std::mem::take(&mut odd.instead));
                if !self.notes.add(head.stream, odd) {
                    self.budget.overdraw_for_good();
                }
            }
        }
        Ok(())
    }
}

/// Why a block cannot be completed.
enum Stop {
    /// More of the block must arrive first.
    Unfinished,
    /// The library must end the connection. This frame makes it do so.
    Lost([u8; HEAD]),
}

fn depends_on(payload: &[u8], head: Head) -> Option<u32> {
    let at = usize::from(head.has(PADDED));
    payload.get(at..)?.first_chunk().map(|stream| u32::from_be_bytes(*stream) & 0x7fff_ffff)
}

/// The fields in a HEADERS frame (RFC 9113 section 6.2).
fn fragment(payload: &[u8], head: Head) -> Option<&[u8]> {
    let (padding, rest) =
        if head.has(PADDED) { payload.split_first().map(|(p, rest)| (usize::from(*p), rest))? } else { (0, payload) };
    let rest = if head.has(PRIORITY) { rest.get(5..)? } else { rest };
    rest.get(..rest.len().checked_sub(padding)?)
}

/// The fields of a block of several frames, joined. The second frame begins at `at`.
fn joined(first: &[u8], frames: &[u8], mut at: usize) -> Vec<u8> {
    let mut all = first.to_vec();
    while let Some(head) = frames.get(at..).and_then(Head::of) {
        all.extend_from_slice(frames.get(at + HEAD..at + HEAD + head.length).unwrap_or_default());
        at += HEAD + head.length;
    }
    all
}

/// Writes the frames of a block. Padding and priority of its first frame are left out: nobody needs them.
fn write_block(out: &mut Vec<u8>, head: Head, block: &[u8]) {
    let last = block.len().saturating_sub(1) / LARGEST;
    for number in 0..=last {
        let piece = block.get(number * LARGEST..block.len().min((number + 1) * LARGEST)).unwrap_or_default();
        let kind = if number == 0 { HEADERS } else { CONTINUATION };
        let flags =
            if number == 0 { head.flags & END_STREAM } else { 0 } | if number == last { END_HEADERS } else { 0 };
        let [_, length @ ..] = u32::try_from(piece.len()).unwrap_or_default().to_be_bytes();
        out.extend_from_slice(&length);
        out.extend_from_slice(&[kind, flags]);
        out.extend_from_slice(&head.stream.to_be_bytes());
        out.extend_from_slice(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::io::clock::Clock;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    fn frames() -> Frames {
        let budget = Budget::full(&Clock::new(tokio::time::Instant::now()));
        let mut frames = Frames::new(16 * 1024, &budget, &Rc::default());
        assert_eq!(frames.walk(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").done, PREFACE);
        frames
    }

    /// What comes out when the bytes arrive in pieces of this size.
    fn passed(frames: &mut Frames, bytes: &[u8], cut: usize) -> Vec<u8> {
        let (mut held, mut out) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(cut) {
            held.extend_from_slice(piece);
            let walked = frames.walk(&held);
            out.extend(walked.instead.unwrap_or_else(|| held[..walked.done].to_vec()));
            held.drain(..walked.done);
        }
        assert!(held.is_empty());
        out
    }

    /// A request with GET, https, /, and a field of this name.
    fn get(name: &str) -> Vec<u8> {
        let length = u8::try_from(name.len()).unwrap();
        [&[0x82, 0x87, 0x84, 0x00, length], name.as_bytes(), &[1, b'v']].concat()
    }

    #[test]
    fn frames_go_on_as_they_came_however_they_are_cut() {
        let padded = [&[3, 0, 0, 0, 0, 16], &get("x")[..], &[0; 3]].concat();
        let bytes = [
            frame(4, 0, 0, &[0; 12]),
            frame(HEADERS, END_HEADERS, 1, &get("x")),
            frame(DATA, 0, 1, &[7; 300]),
            frame(HEADERS, END_HEADERS | PADDED | PRIORITY, 3, &padded),
            frame(DATA, END_STREAM, 3, b""),
        ]
        .concat();
        for cut in [1, 2, 7, 9, 10, 64, 4096] {
            assert_eq!(passed(&mut frames(), &bytes, cut), bytes, "pieces of {cut}");
        }
    }

    #[test]
    fn an_odd_block_is_written_anew_and_noted() {
        for cut in [1, 8, 4096] {
            let mut frames = frames();
            let bytes = [
                frame(HEADERS, END_STREAM, 1, &get("Bad")[..6]),
                frame(CONTINUATION, END_HEADERS, 1, &get("Bad")[6..]),
                frame(6, 0, 0, &[1; 8]),
            ]
            .concat();
            let expected = [frame(HEADERS, END_STREAM | END_HEADERS, 1, &[0x82, 0x87, 0x84]), frame(6, 0, 0, &[1; 8])];
            assert_eq!(passed(&mut frames, &bytes, cut), expected.concat(), "pieces of {cut}");
            let mut told = Vec::new();
            frames.notes.report(|_, reason| {
                told.push(reason.to_owned());
                None
            });
            frames.notes.report(|_, _| unreachable!("once"));
            assert_eq!(told, ["a field name with a byte that it must not have: Bad"]);
            assert!(frames.notes.take(1).is_some() && frames.notes.take(1).is_none());
        }
    }

    #[test]
    fn trailers_neither_lead_a_request_elsewhere_nor_make_its_head_a_good_one() {
        let mut frames = frames();
        let trailers = [&[0x00, 5][..], b":path", &[7], b"/evil<x"].concat();
        let bytes = [
            frame(HEADERS, END_HEADERS, 1, &get("Bad")),
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &trailers),
            frame(HEADERS, END_HEADERS, 3, &get("x")),
            frame(HEADERS, END_HEADERS | END_STREAM, 3, &trailers),
        ];
        frames.walk(&bytes.concat());
        let note = frames.notes.take(1).expect("a note");
        assert_eq!((note.odd.fault.is_some(), note.odd.target), (true, None));
        assert!(frames.notes.take(3).is_none_or(|note| note.odd.fault.is_none() && note.odd.target.is_none()));
    }

    #[test]
    fn no_note_is_forgotten_for_another() {
        let mut frames = frames();
        let mut stream = 1;
        while !frames.budget.is_overdrawn() {
            frames.walk(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &get("Bad")));
            stream += 2;
            assert!(stream < 3_000, "notes are bounded");
        }
        assert!(frames.budget.is_for_good());
        assert!(frames.notes.take(1).is_some_and(|note| note.odd.fault.is_some()), "the first is still there");
    }

    #[test]
    fn what_follows_a_block_that_cannot_be_followed_is_not_handed_on() {
        let ping = frame(6, 0, 0, &[0; 8]);
        let broken = frame(HEADERS, END_HEADERS, 1, &[0x80]);
        let in_between = [frame(HEADERS, 0, 1, &get("x")), ping.clone()].concat();
        let long = [&[0, 0x40, 1, HEADERS, END_HEADERS, 0, 0, 0, 1][..], &[0x82; 0x4001]].concat();
        for (bytes, end) in [(broken, OUT_OF_PLACE), (in_between, OUT_OF_PLACE), (long, TOO_LONG)] {
            let mut frames = frames();
            let behind = frame(HEADERS, END_HEADERS, 3, &get("Bad"));
            let expected = [&ping[..], &end].concat();
            assert_eq!(passed(&mut frames, &[&ping[..], &bytes, &behind].concat(), 100_000), expected);
            assert!(frames.notes.take(3).is_none() && !frames.budget.is_overdrawn());
            assert_eq!(passed(&mut frames, &ping, 100), b"");
            assert!(frames.budget.is_for_good());
        }
    }

    #[test]
    fn many_short_frames_of_a_block_become_one() {
        let block = get("x");
        let mut bytes = frame(HEADERS, END_STREAM, 1, &[]);
        block.iter().for_each(|byte| bytes.extend(frame(CONTINUATION, 0, 1, &[*byte])));
        bytes.extend(frame(CONTINUATION, END_HEADERS, 1, &[]));
        for cut in [1, 4096] {
            let whole = frame(HEADERS, END_STREAM | END_HEADERS, 1, &block);
            assert_eq!(passed(&mut frames(), &bytes, cut), whole, "pieces of {cut}");
        }
    }

    #[test]
    fn a_stream_that_depends_on_itself_is_told_and_its_fields_are_kept() {
        let mut frames = frames();
        let kept = [&get("x")[..], &[0x40, 1, b'k', 1, b'v']].concat();
        let itself = [&[0, 0, 0, 1, 16], &kept[..]].concat();
        let bytes = frame(HEADERS, END_HEADERS | PRIORITY, 1, &itself);
        assert_eq!(passed(&mut frames, &bytes, 4096), frame(HEADERS, END_HEADERS, 1, &kept));
        assert!(frames.notes.take(1).is_some_and(|note| note.odd.fault.is_some()));
        let again = frame(HEADERS, END_HEADERS, 3, &[0x82, 0x87, 0x84, 0xbe]);
        assert_eq!(passed(&mut frames, &again, 4096), again);
    }

    #[test]
    fn a_client_that_promises_or_that_the_library_does_not_end_is_put_out() {
        for block in [frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82]), frame(HEADERS, END_HEADERS, 1, &[0x80])]
        {
            let mut frames = frames();
            frames.walk(&block);
            frames.walk(&frame(6, 0, 0, &[0; 8]));
            assert!(frames.budget.is_for_good());
        }
    }

    #[test]
    fn empty_data_is_left_out_and_counted() {
        let mut frames = frames();
        frames.walk(&frame(HEADERS, END_HEADERS, 1, &get("x")));
        let data = frame(DATA, 0, 1, b"x");
        assert_eq!(passed(&mut frames, &[frame(DATA, 0, 1, b"").repeat(9_000), data.clone()].concat(), 4096), data);
        assert!(!frames.budget.is_overdrawn());
        frames.walk(&frame(6, 0, 0, &[0; 8]).repeat(1_100));
        assert!(frames.budget.is_overdrawn());
    }

    #[test]
    fn a_block_without_an_end_is_not_held_for_ever() {
        let mut frames = frames();
        let mut held = frame(HEADERS, 0, 1, &get("x"));
        while !frames.budget.is_overdrawn() {
            held.extend(frame(CONTINUATION, 0, 1, &[0; 1000]));
            assert_eq!(frames.walk(&held).done, 0);
            assert!(held.len() < 70 * 1024, "{} bytes are held", held.len());
        }
        assert!(frames.budget.is_for_good());
    }
}
