//! Bytes on their way. A thread reads into one scratch, and a buffer takes memory only while bytes are in it: who waits,
//! for a request or for an answer, holds none.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::task::Poll;

/// As much as one read brings: a large body moves in steps of this size, and one of 64 KiB comes together with its head.
/// Three buffers are the most a request holds.
pub(crate) const SIZE: usize = 72 * 1024;

/// What most heads and answers fit in. So short a read is copied out of the scratch, which stays in the cache that way.
const SMALL: usize = 4 * 1024;

/// Pieces of memory of each size kept for reuse by one thread; more than these go back to the allocator.
const KEPT: usize = 64;

/// A thread's stock of memory for buffers.
pub(crate) struct Buffers {
    small: RefCell<Vec<Vec<u8>>>,
    large: RefCell<Vec<Vec<u8>>>,
    /// Empty between reads.
    scratch: RefCell<Vec<u8>>,
}

impl Default for Buffers {
    fn default() -> Self {
        let scratch = RefCell::new(Vec::with_capacity(SIZE));
        Self { small: RefCell::default(), large: RefCell::default(), scratch }
    }
}

impl Buffers {
    /// Lends an empty buffer.
    pub(crate) fn lend(self: &Rc<Self>) -> Buffer {
        Buffer { data: Vec::new(), start: 0, home: Rc::clone(self) }
    }

    fn memory(&self, wanted: usize) -> Vec<u8> {
        let (stock, size) = if wanted <= SMALL { (&self.small, SMALL) } else { (&self.large, SIZE) };
        stock.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(size))
    }

    fn take_back(&self, mut memory: Vec<u8>) {
        let stock = match memory.capacity() {
            SMALL => &self.small,
            SIZE => &self.large,
            // None at all, or some that an unusual head made grow.
            _ => return,
        };
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
    home: Rc<Buffers>,
}

impl Buffer {
    /// The bytes that are not used up yet.
    pub(crate) fn unread(&self) -> &[u8] {
        self.data.get(self.start..).unwrap_or_default()
    }

    /// The bytes as they lie, to append about `more` to: with room for them where the buffer was empty.
    pub(crate) fn end(&mut self, more: usize) -> &mut Vec<u8> {
        if self.data.capacity() == 0 {
            self.data = self.home.memory(more);
        }
        &mut self.data
    }

    /// Uses up everything.
    pub(crate) fn clear(&mut self) {
        self.home.take_back(std::mem::take(&mut self.data));
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
        let mut scratch = home.scratch.borrow_mut();
        let polled = read(&mut scratch);
        if !scratch.is_empty() {
            self.clear();
            self.take(&mut scratch);
        }
        polled
    }

    fn take(&mut self, scratch: &mut Vec<u8>) {
        let mut memory = self.home.memory(scratch.len());
        if scratch.len() <= SMALL {
            memory.extend_from_slice(scratch);
            scratch.clear();
        } else {
            std::mem::swap(scratch, &mut memory);
        }
        self.data = memory;
    }

    /// Moves what is unread to the front of a large piece of memory, so that the room behind it can be filled.
    fn make_room(&mut self) {
        if self.data.capacity() < SIZE {
            let mut larger = self.home.memory(SIZE);
            larger.extend_from_slice(self.unread());
            self.clear();
            self.data = larger;
        } else if self.start > 0 {
            self.data.drain(..self.start);
            self.start = 0;
        }
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
        for (first, then) in [(5, 7), (5, 60_000), (SMALL, 1), (SMALL + 1, 5), (60_000, 12_000)] {
            let mut buffer = buffers.lend();
            fill(&mut buffer, &vec![b'a'; first]);
            buffer.consume(2);
            fill(&mut buffer, &vec![b'b'; then]);
            let expected = [vec![b'a'; first - 2], vec![b'b'; then]].concat();
            assert_eq!(buffer.unread(), expected, "{first} and {then}");
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
