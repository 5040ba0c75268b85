//! Heads of requests and answers, read.

use std::hint::black_box;

use weir::wire::{AnswerHead, HeadLimits, Method, RequestHead, Scan, scan_answer, scan_head};

use crate::heads::{ANSWER, HEAD};
use crate::measure::{Criterion, measure};

/// From the buffer to what is known of a head.
pub(crate) fn read(criterion: &mut Criterion) {
    let limits = HeadLimits { secure: true, ..HeadLimits::default() };
    let mut head = RequestHead::new();
    assert_eq!(scan_head(HEAD, 0, &limits), Scan::End(HEAD.len()));
    measure(criterion, "request/take", 0, || head.take(black_box(HEAD), 0, &limits));
    measure(criterion, "request/scan", 0, || scan_head(black_box(HEAD), 0, &limits));
    measure(criterion, "request/parse", 0, || head.parse(black_box(HEAD), &limits));
    assert_eq!(head.fields().count(), 8);
    let mut answer = AnswerHead::new();
    measure(criterion, "answer/take", 0, || answer.take(black_box(ANSWER), 0, 32 * 1024, Method::Post));
    measure(criterion, "answer/scan", 0, || scan_answer(black_box(ANSWER), 0, 32 * 1024));
    measure(criterion, "answer/parse", 0, || answer.parse(black_box(ANSWER), Method::Post));
    assert_eq!((answer.status(), answer.fields().count()), (200, 8));
}
