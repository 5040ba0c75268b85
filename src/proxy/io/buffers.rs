//! Bytes on their way. A thread reads into one scratch, and a buffer takes memory only while bytes are in it: who waits,
//! for a request or for an answer, holds none.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::task::Poll;

/// As much as one read brings: a large body moves in steps of this size, and one of 64 KiB comes together with its head.
/// Three buffers are the most a request holds.
pub(crate) const SIZE: usize = 72 * 1024;

/// As much as a read brings for someone who may be slow to take it: it is held until he has. As HAProxy's buffers.
const NARROW: usize = 16 * 1024;

/// What most heads and answers fit in.
const SMALL: usize = 4 * 1024;

/// So short a read is copied out of the scratch, which stays in the cache that way; and who sends a head by pieces holds no
/// more than this before it is longer.
const COPIED: usize = 8 * 1024;

const SIZES: [usize; 4] = [SMALL, COPIED, NARROW, SIZE];

/// Pieces of memory of each size kept for reuse by one thread; more than these go back to the allocator.
const KEPT: usize = 64;

/// A thread's stock of memory for buffers.
pub(crate) struct Buffers {
    stocks: [RefCell<Vec<Vec<u8>>>; SIZES.len()],
    /// Empty between reads.
    scratch: RefCell<Vec<u8>>,
    narrow_scratch: RefCell<Vec<u8>>,
}

impl Default for Buffers {
    fn default() -> Self {
        let scratch = |size| RefCell::new(Vec::with_capacity(size));
        Self { stocks: Default::default(), scratch: scratch(SIZE), narrow_scratch: scratch(NARROW) }
    }
}

impl Buffers {
    /// Lends an empty buffer.
    pub(crate) fn lend(self: &Rc<Self>) -> Buffer {
        Buffer { data: Vec::new(), start: 0, narrow: false, home: Rc::clone(self) }
    }

    fn memory(&self, wanted: usize) -> Vec<u8> {
        let fitting = self.stocks.iter().zip(SIZES).find(|(_, size)| wanted <= *size);
        let Some((stock, size)) = fitting else { return Vec::with_capacity(wanted) };
        stock.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(size))
    }

    fn take_back(&self, mut memory: Vec<u8>) {
        let stock = self.stocks.iter().zip(SIZES).find(|(_, size)| memory.capacity() == *size);
        // None at all, or some that an unusual head made grow.
        let Some((stock, _)) = stock else { return };
        let mut stock = stock.borrow_mut();
        if stock.len() < KEPT {
            memory.clear();
            stock.push(memory);
        }
    }
}

/// A lent buffer: bytes are appended at its end and used up from its front.
pub(crate) struct Buffer {
    data: Vec<u8>,
    start: usize,
    narrow: bool,
    home: Rc<Buffers>,
}

impl Buffer {
    /// The bytes that are not used up yet.
    pub(crate) fn unread(&self) -> &[u8] {
        self.data.get(self.start..).unwrap_or_default()
    }

    /// The next reads bring little where this is for someone who may be slow to take it, else as much as comes.
    pub(crate) fn set_narrow(&mut self, narrow: bool) {
        self.narrow = narrow;
    }

    /// The bytes as they lie, with room to append `more` to.
    pub(crate) fn end(&mut self, more: usize) -> &mut Vec<u8> {
        if self.data.capacity() == 0 || self.data.capacity() - self.data.len() < more {
            self.move_to(self.unread().len() + more);
        }
        &mut self.data
    }

    /// Uses up everything.
    pub(crate) fn clear(&mut self) {
        // Most are empty already when they are dropped.
        if self.data.capacity() > 0 {
            self.home.take_back(std::mem::take(&mut self.data));
        }
        self.start = 0;
    }

    /// Uses up `count` bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start >= self.data.len() {
            self.clear();
        }
    }

    /// Appends what one `read` into spare capacity brings.
    pub(crate) fn poll_fill(
        &mut self,
        read: impl FnOnce(&mut Vec<u8>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if !self.unread().is_empty() {
            self.make_room();
            return read(&mut self.data);
        }
        let home = Rc::clone(&self.home);
        let scratch = if self.narrow { &home.narrow_scratch } else { &home.scratch };
        let mut scratch = scratch.borrow_mut();
        let polled = read(&mut scratch);
        if !scratch.is_empty() {
            self.clear();
            self.take(&mut scratch);
        }
        polled
    }

    fn take(&mut self, scratch: &mut Vec<u8>) {
        if scratch.len() <= COPIED {
            self.data = self.home.memory(scratch.len());
            self.data.extend_from_slice(scratch);
            scratch.clear();
        } else {
            self.data = std::mem::replace(scratch, self.home.memory(scratch.capacity()));
        }
    }

    /// Makes room behind what is unread: what was used up before it, else memory of the next size. What comes in pieces
    /// takes so no more than it needs.
    fn make_room(&mut self) {
        if self.start > 0 {
            self.data.drain(..self.start);
            self.start = 0;
        }
        if self.data.len() == self.data.capacity() {
            let larger = SIZES.into_iter().find(|size| *size > self.data.len());
            larger.into_iter().for_each(|size| self.move_to(size));
        }
    }

    /// Begins to take some of what is unread out.
    pub(crate) fn pass(&mut self) -> Pass<'_> {
        let start = self.start;
        Pass { buffer: self, kept: start, at: start }
    }

    fn move_to(&mut self, size: usize) {
        let mut memory = self.home.memory(size);
        memory.extend_from_slice(self.unread());
        self.clear();
        self.data = memory;
    }
}

/// A pass over what is unread that takes some of it out and brings the rest together at the front.
pub(crate) struct Pass<'b> {
    buffer: &'b mut Buffer,
    /// Where what is kept ends.
    kept: usize,
    /// Where it goes on.
    at: usize,
}

impl Pass<'_> {
    /// What it has not come to yet.
    pub(crate) fn rest(&self) -> &[u8] {
        self.buffer.data.get(self.at..).unwrap_or_default()
    }

    /// How much is kept so far.
    pub(crate) fn kept(&self) -> usize {
        self.kept - self.buffer.start
    }

    /// Takes the next bytes out.
    pub(crate) fn skip(&mut self, count: usize) {
        self.at += count;
        if self.kept() == 0 {
            self.buffer.start = self.at;
            self.kept = self.at;
        }
    }

    /// Keeps the next bytes: they are moved only when something before them was taken out.
    pub(crate) fn keep(&mut self, count: usize) {
        if self.kept < self.at {
            self.buffer.data.copy_within(self.at..self.at + count, self.kept);
        }
        self.kept += count;
        self.at += count;
    }

    /// Closes the gap before what it has not come to, by moving the shorter side, and tells how much is kept.
    pub(crate) fn end(self) -> usize {
        let (kept, rest, gap) = (self.kept(), self.rest().len(), self.at - self.kept);
        let Self { buffer, kept: kept_end, at } = self;
        if gap > 0 && rest <= kept {
            buffer.data.copy_within(at.., kept_end);
            buffer.data.truncate(kept_end + rest);
        } else if gap > 0 {
            buffer.data.copy_within(buffer.start..kept_end, buffer.start + gap);
            buffer.start += gap;
        }
        if buffer.unread().is_empty() {
            buffer.clear();
        }
        kept
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(buffer: &mut Buffer, bytes: &[u8]) {
        let polled = buffer.poll_fill(|data| {
            assert!(data.capacity() - data.len() >= bytes.len(), "room for {}", bytes.len());
            data.extend_from_slice(bytes);
            Poll::Ready(Ok(bytes.len()))
        });
        assert!(matches!(polled, Poll::Ready(Ok(count)) if count == bytes.len()));
    }

    #[test]
    fn what_is_read_in_pieces_lies_together() {
        let buffers = Rc::new(Buffers::default());
        for (first, then) in [(5, 7), (5, 4000), (SMALL, 1), (SMALL + 1, 5), (COPIED, 1), (60_000, 12_000)] {
            let mut buffer = buffers.lend();
            fill(&mut buffer, &vec![b'a'; first]);
            buffer.consume(2);
            fill(&mut buffer, &vec![b'b'; then]);
            let expected = [vec![b'a'; first - 2], vec![b'b'; then]].concat();
            assert_eq!(buffer.unread(), expected, "{first} and {then}");
        }
    }

    #[test]
    fn what_comes_byte_by_byte_holds_little_more_than_it_is() {
        let buffers = Rc::new(Buffers::default());
        let mut buffer = buffers.lend();
        for length in 1..=SIZE {
            fill(&mut buffer, b"a");
            let fits = SIZES.into_iter().find(|size| *size >= length);
            assert_eq!((buffer.unread().len(), Some(buffer.data.capacity())), (length, fits));
        }
    }

    #[test]
    fn a_narrow_read_brings_no_more_than_its_share() {
        let buffers = Rc::new(Buffers::default());
        for narrow in [true, false, true] {
            let mut buffer = buffers.lend();
            buffer.set_narrow(narrow);
            let expected = if narrow { NARROW } else { SIZE };
            let polled = buffer.poll_fill(|data| {
                data.resize(data.capacity(), b'a');
                Poll::Ready(Ok(data.len()))
            });
            assert!(matches!(polled, Poll::Ready(Ok(count)) if count == expected));
            assert_eq!(buffer.data.capacity(), expected);
        }
    }

    #[test]
    fn memory_comes_back_with_the_last_byte_and_is_lent_again() {
        let buffers = Rc::new(Buffers::default());
        for length in [10, SIZE] {
            let mut first = buffers.lend();
            fill(&mut first, &vec![b'a'; length]);
            let place = first.unread().as_ptr();
            first.consume(length);
            assert_eq!(first.data.capacity(), 0, "nothing is held");
            let mut again = buffers.lend();
            again.end(length).push(b'b');
            assert_eq!((again.unread(), again.unread().as_ptr()), (&b"b"[..], place));
        }
    }

    #[test]
    fn a_read_that_brought_nothing_takes_nothing() {
        let buffers = Rc::new(Buffers::default());
        let mut buffer = buffers.lend();
        assert!(buffer.poll_fill(|_| Poll::Pending).is_pending());
        assert!(matches!(buffer.poll_fill(|_| Poll::Ready(Ok(0))), Poll::Ready(Ok(0))));
        assert_eq!(buffer.data.capacity(), 0);
    }
}
