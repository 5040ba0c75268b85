//! Buffers for bytes in transit. A thread reads into one scratch buffer, and a lent buffer has memory only while bytes
//! are in it. A connection that waits for a request or an answer holds no memory.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::task::Poll;

/// The most bytes of one read. A large body moves in steps of this size, and a body of 64 KiB arrives together with its
/// head. A request holds at most three buffers.
pub(crate) const SIZE: usize = 72 * 1024;

/// The most bytes of one read for a receiver that may be slow, because the bytes are held until the receiver takes
/// them. HAProxy's buffers have this size.
const LIMITED: usize = 16 * 1024;

/// A size that most heads and answers fit in.
const SMALL: usize = 4 * 1024;

/// Reads up to this length are copied out of the scratch buffer, which so stays in the CPU cache. A client that sends a
/// head in pieces holds no more than this until its head is longer.
const COPIED: usize = 8 * 1024;

const SIZES: [usize; 4] = [SMALL, COPIED, LIMITED, SIZE];

/// The number of unused pieces of memory of each size that a thread keeps. Further ones go back to the allocator.
const KEPT: usize = 64;

/// The unused buffer memory of one thread.
pub(crate) struct Buffers {
    stocks: [RefCell<Vec<Vec<u8>>>; SIZES.len()],
    /// Empty between reads.
    scratch: RefCell<Vec<u8>>,
    limited_scratch: RefCell<Vec<u8>>,
}

impl Default for Buffers {
    fn default() -> Self {
        let scratch = |size| RefCell::new(Vec::with_capacity(size));
        Self { stocks: Default::default(), scratch: scratch(SIZE), limited_scratch: scratch(LIMITED) }
    }
}

impl Buffers {
    /// Lends an empty buffer.
    pub(crate) fn lend(self: &Rc<Self>) -> Buffer {
        Buffer { data: Vec::new(), start: 0, limited: false, home: Rc::clone(self) }
    }

    fn memory(&self, wanted: usize) -> Vec<u8> {
        let fitting = self.stocks.iter().zip(SIZES).find(|(_, size)| wanted <= *size);
        let Some((stock, size)) = fitting else { return Vec::with_capacity(wanted) };
        stock.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(size))
    }

    fn take_back(&self, mut memory: Vec<u8>) {
        let stock = self.stocks.iter().zip(SIZES).find(|(_, size)| memory.capacity() == *size);
        // The buffer has no memory, or has grown to another size for an unusual head.
        let Some((stock, _)) = stock else { return };
        let mut stock = stock.borrow_mut();
        if stock.len() < KEPT {
            memory.clear();
            stock.push(memory);
        }
    }
}

/// A lent buffer. Bytes are appended at its end and consumed from its front.
pub(crate) struct Buffer {
    data: Vec<u8>,
    start: usize,
    limited: bool,
    home: Rc<Buffers>,
}

impl Buffer {
    /// The bytes that are not consumed yet.
    pub(crate) fn unread(&self) -> &[u8] {
        self.data.get(self.start..).unwrap_or_default()
    }

    /// Limits the size of the next reads if the bytes are for a receiver that may be slow.
    pub(crate) fn limit_reads(&mut self, limited: bool) {
        self.limited = limited;
    }

    /// The underlying bytes, with space to append `more` bytes.
    pub(crate) fn end(&mut self, more: usize) -> &mut Vec<u8> {
        if self.data.capacity() == 0 || self.data.capacity() - self.data.len() < more {
            self.move_to(self.unread().len() + more);
        }
        &mut self.data
    }

    /// Consumes everything.
    pub(crate) fn clear(&mut self) {
        // Most buffers are already empty when they are dropped.
        if self.data.capacity() > 0 {
            self.home.take_back(std::mem::take(&mut self.data));
        }
        self.start = 0;
    }

    /// Consumes `count` bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start >= self.data.len() {
            self.clear();
        }
    }

    /// Appends the bytes of one `read` into spare capacity.
    pub(crate) fn poll_fill(
        &mut self,
        read: impl FnOnce(&mut Vec<u8>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if !self.unread().is_empty() {
            self.make_room();
            return read(&mut self.data);
        }
        let home = Rc::clone(&self.home);
        let scratch = if self.limited { &home.limited_scratch } else { &home.scratch };
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

    /// Makes space behind the unread bytes: the space of consumed bytes before them is used first, then memory of the
    /// next size. So bytes that arrive in pieces take no more memory than they need.
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

    /// Begins to remove parts of the unread bytes.
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

/// Goes once over the unread bytes, removes some, and moves the others together at the front.
pub(crate) struct Pass<'b> {
    buffer: &'b mut Buffer,
    /// The end of the bytes that are kept.
    kept: usize,
    /// The position of the next byte to look at.
    at: usize,
}

impl Pass<'_> {
    /// The bytes that are still to be looked at.
    pub(crate) fn rest(&self) -> &[u8] {
        self.buffer.data.get(self.at..).unwrap_or_default()
    }

    /// How many bytes are kept so far.
    pub(crate) fn kept(&self) -> usize {
        self.kept - self.buffer.start
    }

    /// Removes the next bytes.
    pub(crate) fn skip(&mut self, count: usize) {
        self.at += count;
        if self.kept() == 0 {
            self.buffer.start = self.at;
            self.kept = self.at;
        }
    }

    /// Keeps the next bytes. They are moved only if something before them was removed.
    pub(crate) fn keep(&mut self, count: usize) {
        if self.kept < self.at {
            self.buffer.data.copy_within(self.at..self.at + count, self.kept);
        }
        self.kept += count;
        self.at += count;
    }

    /// Closes the gap before the bytes that were not looked at, by moving the shorter side. Returns how many bytes are
    /// kept.
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
    fn a_limited_read_brings_no_more_than_its_share() {
        let buffers = Rc::new(Buffers::default());
        for limited in [true, false, true] {
            let mut buffer = buffers.lend();
            buffer.limit_reads(limited);
            let expected = if limited { LIMITED } else { SIZE };
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
