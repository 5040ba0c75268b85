//! Room for the state of a whole exchange, kept from one HTTP/1 request to the next. A future that is boxed anew for each
//! of them is built beside its box and then copied there: kilobytes, of which a few words are set yet. One that goes on
//! from work to work stays where it is; and a connection that waits for a request holds none.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

/// Idle seats kept by one thread; more than these are freed.
const KEPT: usize = 64;

/// The idle seats of one thread.
#[derive(Default)]
pub(crate) struct Seats {
    /// For any kind of work, because who knows the work stands above who owns the thread's things.
    idle: RefCell<Vec<Box<dyn Any>>>,
}

impl Seats {
    /// A seat for this kind of work. Where none is idle `carry` begins on a new one.
    pub(crate) fn lend<W: 'static, D: 'static, F>(&self, carry: impl FnOnce(Rc<Table<W, D>>) -> F) -> Box<Seat<W, D>>
    where
        F: Future<Output = Infallible> + 'static,
    {
        let known = self.idle.borrow_mut().pop().and_then(|seat| seat.downcast().ok());
        known.unwrap_or_else(|| {
            let table = Rc::new(Table { work: Cell::new(None), done: Cell::new(None) });
            Box::new(Seat { carrier: Box::pin(carry(Rc::clone(&table))), table })
        })
    }

    /// Takes a seat back whose work is done. One whose work was given up is dropped with it.
    pub(crate) fn take_back<W: 'static, D: 'static>(&self, seat: Box<Seat<W, D>>) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < KEPT {
            idle.push(seat);
        }
    }
}

/// Where one work is done after the other.
pub(crate) struct Seat<W, D> {
    table: Rc<Table<W, D>>,
    carrier: Pin<Box<dyn Future<Output = Infallible>>>,
}

impl<W, D> Seat<W, D> {
    /// Does this work. The work is given at once, so that who waits for its end does not hold it as well.
    pub(crate) fn carry(&mut self, work: W) -> impl Future<Output = D> {
        self.table.work.set(Some(work));
        poll_fn(|cx| match self.carrier.as_mut().poll(cx) {
            Poll::Ready(never) => match never {},
            Poll::Pending => self.table.done.take().map_or(Poll::Pending, Poll::Ready),
        })
    }
}

/// Where a carrier finds its work, and leaves what came of it.
pub(crate) struct Table<W, D> {
    work: Cell<Option<W>>,
    done: Cell<Option<D>>,
}

impl<W, D> Table<W, D> {
    /// The next work. Who brings it asks for it at once, so nobody need be woken.
    pub(crate) async fn next(&self) -> W {
        poll_fn(|_| self.work.take().map_or(Poll::Pending, Poll::Ready)).await
    }

    /// What came of it.
    pub(crate) fn leave(&self, done: D) {
        self.done.set(Some(done));
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    async fn doubled(table: Rc<Table<(u32, bool), u32>>) -> Infallible {
        loop {
            let (number, waits) = table.next().await;
            let mut waits = waits;
            poll_fn(|_| if std::mem::take(&mut waits) { Poll::Pending } else { Poll::Ready(()) }).await;
            table.leave(number * 2);
        }
    }

    #[test]
    fn a_seat_does_one_work_after_the_other_and_what_was_given_up_is_no_part_of_the_next() {
        let seats = Seats::default();
        let cx = &mut Context::from_waker(Waker::noop());
        let mut seat = seats.lend(doubled);
        assert_eq!(pin!(seat.carry((1, false))).poll(cx), Poll::Ready(2));
        {
            let mut waiting = pin!(seat.carry((2, true)));
            assert_eq!(waiting.as_mut().poll(cx), Poll::Pending);
            assert_eq!(waiting.poll(cx), Poll::Ready(4));
        }
        let first = Rc::as_ptr(&seat.table);
        seats.take_back(seat);
        let mut again = seats.lend(doubled);
        assert_eq!(Rc::as_ptr(&again.table), first, "it was idle");
        assert_eq!(pin!(again.carry((3, true))).poll(cx), Poll::Pending);
        drop(again);
        let mut new = seats.lend(doubled);
        assert_eq!(pin!(new.carry((4, false))).poll(cx), Poll::Ready(8));
    }

    #[test]
    fn only_so_many_are_kept() {
        let seats = Seats::default();
        let all: Vec<_> = (0..=KEPT).map(|_| seats.lend(doubled)).collect();
        all.into_iter().for_each(|seat| seats.take_back(seat));
        assert_eq!(seats.idle.borrow().len(), KEPT);
    }
}
