//! Reusable heads, lent for the time of one request. Each thread has one pool, so that an idle connection needs no
//! memory for heads.

use std::cell::RefCell;

use crate::wire::{AnswerHead, RequestHead};

/// The number of unused pairs that a thread keeps. Further pairs are freed.
const KEPT: usize = 256;

/// The heads of one request and its answer.
#[derive(Default)]
pub(crate) struct ExchangeHeads {
    pub(crate) request: RequestHead,
    pub(crate) answer: AnswerHead,
}

/// The unused heads of one thread.
#[derive(Default)]
pub(crate) struct HeadPool {
    #[allow(clippy::vec_box, reason = "a pair moves out and back with each request, and is large")]
    free: RefCell<Vec<Box<ExchangeHeads>>>,
}

impl HeadPool {
    /// Lends an empty pair. A pair that is not given back is simply freed.
    pub(crate) fn lend(&self) -> Box<ExchangeHeads> {
        self.free.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a pair back and clears it.
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
