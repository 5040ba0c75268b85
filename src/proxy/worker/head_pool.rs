//! Room for heads, lent for a request and given back. One pool a thread, so that an idle connection has no such room.

use std::cell::RefCell;

use crate::wire::{AnswerHead, RequestHead};

/// Pairs kept for reuse by one thread; more than these are freed.
const KEPT: usize = 256;

/// What one request needs: its head and its answer's.
#[derive(Default)]
pub(crate) struct ExchangeHeads {
    pub(crate) request: RequestHead,
    pub(crate) answer: AnswerHead,
}

/// A thread's stock of heads.
#[derive(Default)]
pub(crate) struct HeadPool {
    #[allow(clippy::vec_box, reason = "a pair moves out and back with each request, and is large")]
    free: RefCell<Vec<Box<ExchangeHeads>>>,
}

impl HeadPool {
    /// Lends an empty pair. One that is not given back is only freed.
    pub(crate) fn lend(&self) -> Box<ExchangeHeads> {
        self.free.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a pair back; nothing of its request is kept.
    pub(crate) fn take_back(&self, mut pair: Box<ExchangeHeads>) {
        let mut free = self.free.borrow_mut();
        if free.len() < KEPT {
            pair.request.shrink();
            pair.answer.shrink();
            free.push(pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::HeadLimits;

    #[test]
    fn a_head_comes_back_empty() {
        let heads = HeadPool::default();
        let mut pair = heads.lend();
        let text = b"GET /secret HTTP/1.1\r\nHost: a\r\nCookie: b=c\r\n\r\n";
        pair.request.parse(text, &HeadLimits::default()).unwrap();
        assert_eq!(pair.request.path(), b"/secret");
        heads.take_back(pair);
        let again = heads.lend();
        assert_eq!(again.request.path(), b"");
        assert_eq!(again.request.fields().count(), 0);
    }
}
