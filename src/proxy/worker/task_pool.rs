//! Tasks that are kept for the next work of their kind. A new task costs room for the state of a whole exchange, and moving
//! the state there; who has many short works a second gives them to tasks that have done one before.

use std::any::Any;
use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Idle carriers kept by one thread; more than these end.
const KEPT: usize = 256;

/// The idle carriers of one thread.
#[derive(Default)]
pub(crate) struct Carriers {
    /// Of any kind of work, because who knows the work stands above who owns the thread's things.
    idle: RefCell<Vec<Rc<dyn Any>>>,
}

impl Carriers {
    /// Gives the work to an idle carrier. Where none is idle it comes back, on a desk for a new one.
    pub(crate) fn give<W: 'static>(&self, work: W) -> Option<Rc<Desk<W>>> {
        let known = self.idle.borrow_mut().pop().and_then(|desk| desk.downcast::<Desk<W>>().ok());
        let is_new = known.is_none();
        let desk = known.unwrap_or_else(Desk::new);
        desk.put(work);
        is_new.then_some(desk)
    }

    /// A carrier has nothing to do; whether it is kept.
    pub(crate) fn keep<W: 'static>(&self, desk: &Rc<Desk<W>>) -> bool {
        let mut idle = self.idle.borrow_mut();
        let keeps = idle.len() < KEPT;
        if keeps {
            idle.push(Rc::clone(desk) as Rc<dyn Any>);
        }
        keeps
    }
}

/// Where a carrier finds its work.
pub(crate) struct Desk<W> {
    work: RefCell<Option<W>>,
    carrier: RefCell<Option<Waker>>,
}

impl<W> Desk<W> {
    fn new() -> Rc<Self> {
        Rc::new(Self { work: RefCell::new(None), carrier: RefCell::new(None) })
    }

    fn put(&self, work: W) {
        *self.work.borrow_mut() = Some(work);
        if let Some(carrier) = &*self.carrier.borrow() {
            carrier.wake_by_ref();
        }
    }

    /// Waits for the next work.
    pub(crate) async fn next(&self) -> W {
        poll_fn(|cx| match self.work.borrow_mut().take() {
            Some(work) => Poll::Ready(work),
            None => {
                // It is always the same task that waits here.
                self.carrier.borrow_mut().get_or_insert_with(|| cx.waker().clone());
                Poll::Pending
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Context;

    use super::*;

    #[test]
    fn who_is_idle_gets_the_next_work_before_anybody_new() {
        let carriers = Carriers::default();
        let desk = carriers.give(1).expect("nobody is idle yet");
        let cx = &mut Context::from_waker(Waker::noop());
        assert_eq!(pin!(desk.next()).poll(cx), Poll::Ready(1));
        assert!(carriers.give(2).is_some(), "it is at work");
        assert!(carriers.keep(&desk));
        let mut next = pin!(desk.next());
        assert_eq!(next.as_mut().poll(cx), Poll::Pending);
        assert!(carriers.give(3).is_none(), "one is idle");
        assert_eq!(next.poll(cx), Poll::Ready(3));
        assert!(carriers.give(4).is_some(), "it is at work again");
    }

    #[test]
    fn only_so_many_are_kept() {
        let carriers = Carriers::default();
        let desks: Vec<_> = (0..=KEPT).filter_map(|work| carriers.give(work)).collect();
        assert_eq!(desks.iter().filter(|desk| carriers.keep(desk)).count(), KEPT);
    }
}
