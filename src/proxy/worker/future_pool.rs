//! Futures that are reused for further work of the same kind. Each thread has one pool.
//!
//! The future of an HTTP/1 exchange takes kilobytes, and a new box for each request would need a copy of them. A pooled
//! future stays in its box and handles one request after the other. A connection that waits for a request holds no such
//! future.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

/// The number of idle futures that a thread keeps. Further futures are freed.
const KEPT: usize = 64;

/// The idle futures of one thread.
#[derive(Default)]
pub(crate) struct FuturePool {
    /// Futures of any kind of work: only rooms above know the kinds.
    idle: RefCell<Vec<Box<dyn Any>>>,
}

impl FuturePool {
    /// Lends a future for this kind of work. If none is idle, `make` makes a new one.
    pub(crate) fn lend<W: 'static, D: 'static, F>(
        &self,
        make: impl FnOnce(Rc<WorkCell<W, D>>) -> F,
    ) -> Box<PooledFuture<W, D>>
    where
        F: Future<Output = Infallible> + 'static,
    {
        let known = self.idle.borrow_mut().pop().and_then(|future| future.downcast().ok());
        known.unwrap_or_else(|| {
            let cell = Rc::new(WorkCell { work: Cell::new(None), done: Cell::new(None) });
            Box::new(PooledFuture { worker: Box::pin(make(Rc::clone(&cell))), cell })
        })
    }

    /// Takes a future back. If its work was cancelled before the end, the future is dropped.
    pub(crate) fn take_back<W: 'static, D: 'static>(&self, future: Box<PooledFuture<W, D>>) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < KEPT {
            idle.push(future);
        }
    }
}

/// A future that does one piece of work after the other.
pub(crate) struct PooledFuture<W, D> {
    cell: Rc<WorkCell<W, D>>,
    worker: Pin<Box<dyn Future<Output = Infallible>>>,
}

impl<W, D> PooledFuture<W, D> {
    /// Does this work. The work is moved into the pooled future at once, so that the future that waits for the result
    /// does not hold it as well.
    pub(crate) fn run(&mut self, work: W) -> impl Future<Output = D> {
        self.cell.work.set(Some(work));
        poll_fn(|cx| match self.worker.as_mut().poll(cx) {
            Poll::Ready(never) => match never {},
            Poll::Pending => self.cell.done.take().map_or(Poll::Pending, Poll::Ready),
        })
    }
}

/// Carries work into a pooled future and its result out.
pub(crate) struct WorkCell<W, D> {
    work: Cell<Option<W>>,
    done: Cell<Option<D>>,
}

impl<W, D> WorkCell<W, D> {
    /// Takes the next work. The caller that stores the work polls this future next, so no waker is needed.
    pub(crate) async fn next(&self) -> W {
        poll_fn(|_| self.work.take().map_or(Poll::Pending, Poll::Ready)).await
    }

    /// Stores the result of the work.
    pub(crate) fn leave(&self, done: D) {
        self.done.set(Some(done));
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    async fn doubled(cell: Rc<WorkCell<(u32, bool), u32>>) -> Infallible {
        loop {
            let (number, waits) = cell.next().await;
            let mut waits = waits;
            poll_fn(|_| if std::mem::take(&mut waits) { Poll::Pending } else { Poll::Ready(()) }).await;
            cell.leave(number * 2);
        }
    }

    #[test]
    fn a_future_does_one_work_after_the_other_and_what_was_given_up_is_no_part_of_the_next() {
        let pool = FuturePool::default();
        let cx = &mut Context::from_waker(Waker::noop());
        let mut future = pool.lend(doubled);
        assert_eq!(pin!(future.run((1, false))).poll(cx), Poll::Ready(2));
        {
            let mut waiting = pin!(future.run((2, true)));
            assert_eq!(waiting.as_mut().poll(cx), Poll::Pending);
            assert_eq!(waiting.poll(cx), Poll::Ready(4));
        }
        let first = Rc::as_ptr(&future.cell);
        pool.take_back(future);
        let mut again = pool.lend(doubled);
        assert_eq!(Rc::as_ptr(&again.cell), first, "it was idle");
        assert_eq!(pin!(again.run((3, true))).poll(cx), Poll::Pending);
        drop(again);
        let mut new = pool.lend(doubled);
        assert_eq!(pin!(new.run((4, false))).poll(cx), Poll::Ready(8));
    }

    #[test]
    fn only_so_many_are_kept() {
        let pool = FuturePool::default();
        let all: Vec<_> = (0..=KEPT).map(|_| pool.lend(doubled)).collect();
        all.into_iter().for_each(|future| pool.take_back(future));
        assert_eq!(pool.idle.borrow().len(), KEPT);
    }
}
