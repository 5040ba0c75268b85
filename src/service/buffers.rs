//! Buffers that are lent out and come back: one size, kept per thread, so that an idle connection holds none.

use std::cell::RefCell;
use std::rc::Rc;

/// Room in every buffer: a large body moves in reads of this size, and one of 64 KiB comes together with its head.
/// Three of them are the most a request holds.
pub(crate) const SIZE: usize = 72 * 1024;

/// Buffers kept for reuse by one thread; more than these go back to the allocator.
const KEPT: usize = 64;

/// A thread's stock of buffers.
#[derive(Default)]
pub(crate) struct Buffers {
    free: RefCell<Vec<Vec<u8>>>,
}

impl Buffers {
    /// Lends an empty buffer.
    pub(crate) fn lend(self: &Rc<Self>) -> Buffer {
        let data = self.free.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(SIZE));
        Buffer { data, start: 0, home: Rc::clone(self) }
    }

    fn take_back(&self, mut data: Vec<u8>) {
        let mut free = self.free.borrow_mut();
        // A buffer that an unusually long head made grow is not kept.
        if free.len() < KEPT && (SIZE..=2 * SIZE).contains(&data.capacity()) {
            data.clear();
            free.push(data);
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

    /// The bytes as they lie, to append to.
    pub(crate) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }

    /// Uses up everything.
    pub(crate) fn clear(&mut self) {
        self.data.clear();
        self.start = 0;
    }

    /// Uses up `count` bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start >= self.data.len() {
            self.data.clear();
            self.start = 0;
        }
    }

    /// Moves what is unread to the front, so that the room behind it can be filled.
    pub(crate) fn compact(&mut self) {
        if self.start > 0 {
            self.data.drain(..self.start);
            self.start = 0;
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.home.take_back(std::mem::take(&mut self.data));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_and_is_lent_again() {
        let buffers = Rc::new(Buffers::default());
        let mut first = buffers.lend();
        first.end().extend_from_slice(b"hello");
        first.consume(2);
        assert_eq!(first.unread(), b"llo");
        first.compact();
        assert_eq!(first.end(), b"llo");
        let place = first.unread().as_ptr();
        drop(first);
        let again = buffers.lend();
        assert_eq!(again.unread().as_ptr(), place);
        assert!(again.unread().is_empty());
    }
}
