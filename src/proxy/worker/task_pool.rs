//! Tasks that are reused for further work of the same kind. Each thread has one pool.
//!
//! A new task allocates memory for the state of a whole exchange, and that state must be moved there. Connections and
//! HTTP/2 streams are many and short, so they are given to tasks that already exist.

use std::any::Any;
use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// The number of idle tasks that a thread keeps. Further tasks end.
const KEPT: usize = 256;

/// The idle tasks of one thread.
#[derive(Default)]
pub(crate) struct TaskPool {
    /// Inboxes of any kind of work: only rooms above know the kinds.
    idle: RefCell<Vec<Rc<dyn Any>>>,
}

impl TaskPool {
    /// Gives the work to an idle task. If no task is idle, it returns the work in an inbox for a new task.
    pub(crate) fn give<W: 'static>(&self, work: W) -> Option<Rc<Inbox<W>>> {
        let known = self.idle.borrow_mut().pop().and_then(|inbox| inbox.downcast::<Inbox<W>>().ok());
        let is_new = known.is_none();
        let inbox = known.unwrap_or_else(Inbox::new);
        inbox.put(work);
        is_new.then_some(inbox)
    }

    /// Adds a task that has finished its work to the idle ones. False when there are enough; the task then ends.
    pub(crate) fn take_back<W: 'static>(&self, inbox: &Rc<Inbox<W>>) -> bool {
        let mut idle = self.idle.borrow_mut();
        let keeps = idle.len() < KEPT;
        if keeps {
            idle.push(Rc::clone(inbox) as Rc<dyn Any>);
        }
        keeps
    }
}

/// The inbox of a task: its next work is put here.
pub(crate) struct Inbox<W> {
    work: RefCell<Option<W>>,
    task: RefCell<Option<Waker>>,
}

impl<W> Inbox<W> {
    fn new() -> Rc<Self> {
        Rc::new(Self { work: RefCell::new(None), task: RefCell::new(None) })
    }

    fn put(&self, work: W) {
        *self.work.borrow_mut() = Some(work);
        if let Some(task) = &*self.task.borrow() {
            task.wake_by_ref();
        }
    }

    /// Waits for the next work.
    pub(crate) async fn next(&self) -> W {
        poll_fn(|cx| match self.work.borrow_mut().take() {
            Some(work) => Poll::Ready(work),
            None => {
                // Always the same task waits here, so its waker is stored only once.
                self.task.borrow_mut().get_or_insert_with(|| cx.waker().clone());
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
        let pool = TaskPool::default();
        let inbox = pool.give(1).expect("nobody is idle yet");
        let cx = &mut Context::from_waker(Waker::noop());
        assert_eq!(pin!(inbox.next()).poll(cx), Poll::Ready(1));
        assert!(pool.give(2).is_some(), "it is at work");
        assert!(pool.take_back(&inbox));
        let mut next = pin!(inbox.next());
        assert_eq!(next.as_mut().poll(cx), Poll::Pending);
        assert!(pool.give(3).is_none(), "one is idle");
        assert_eq!(next.poll(cx), Poll::Ready(3));
        assert!(pool.give(4).is_some(), "it is at work again");
    }

    #[test]
    fn only_so_many_are_kept() {
        let pool = TaskPool::default();
        let inboxes: Vec<_> = (0..=KEPT).filter_map(|work| pool.give(work)).collect();
        assert_eq!(inboxes.iter().filter(|inbox| pool.take_back(inbox)).count(), KEPT);
    }
}
