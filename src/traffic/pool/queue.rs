//! The queue of requests that wait for a node. It is bounded, and first come, first served among those for whom there
//! is a permit: a session that waits for its own busy node does not delay others. The queue wakes no waiter; the caller
//! of [`Queue::next`] does.

use std::collections::BTreeMap;

use crate::traffic::sync::Mutex;
use crate::traffic::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// The waiters of one pool, shared by all threads.
///
/// No permit stays free while a request waits for it, if two rules are kept: a thread that frees a permit does so
/// before it calls [`Queue::len`], and a thread that joins calls [`Queue::next`] once afterwards. Then at least one of
/// the two sees the other.
#[derive(Debug)]
pub struct Queue<F, W> {
    waiters: Mutex<Waiters<F, W>>,
    /// The number of waiters, readable without the lock.
    count: AtomicUsize,
}

/// All waiters. Those that accept the same nodes are one group.
#[derive(Debug)]
struct Waiters<F, W> {
    size: usize,
    last_ticket: u64,
    groups: BTreeMap<F, BTreeMap<u64, W>>,
    /// The first ticket of each group, in the order of tickets.
    firsts: BTreeMap<u64, F>,
}

impl<F: Ord + Clone, W> Queue<F, W> {
    /// A queue for at most `size` waiters.
    pub const fn new(size: usize) -> Self {
        let waiters = Waiters { size, last_ticket: 0, groups: BTreeMap::new(), firsts: BTreeMap::new() };
        Self { waiters: Mutex::new(waiters), count: AtomicUsize::new(0) }
    }

    /// Sets the size. Present waiters stay.
    pub fn resize(&self, size: usize) {
        self.waiters.lock().size = size;
    }

    /// The number of waiters.
    pub fn len(&self) -> usize {
        self.count.load(SeqCst)
    }

    /// The number of waiters that accept exactly these nodes.
    pub fn len_for(&self, accepted: &F) -> usize {
        if self.is_empty() { 0 } else { self.waiters.lock().groups.get(accepted).map_or(0, BTreeMap::len) }
    }

    /// Whether one who came now would find no place.
    pub fn is_full(&self) -> bool {
        self.len() >= self.waiters.lock().size
    }

    /// Whether there is no waiter.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a waiter. Returns its ticket for [`Queue::leave`]; a full queue returns the waiter.
    pub fn join(&self, accepted: F, waiter: W) -> Result<u64, W> {
        let mut waiters = self.waiters.lock();
        if self.count.load(SeqCst) >= waiters.size {
            return Err(waiter);
        }
        self.count.fetch_add(1, SeqCst);
        Ok(waiters.push(accepted, waiter))
    }

    /// Puts a waiter back in its old position: one that was called but could not use the permit.
    pub fn rejoin(&self, ticket: u64, accepted: F, waiter: W) {
        let mut waiters = self.waiters.lock();
        self.count.fetch_add(1, SeqCst);
        waiters.insert(ticket, accepted, waiter);
    }

    /// Removes a waiter. False if it was called meanwhile or has left before.
    pub fn leave(&self, ticket: u64) -> bool {
        let left = {
            let mut waiters = self.waiters.lock();
            let left = waiters.remove(ticket);
            self.count_out(left.is_some());
            left
        };
        // The waiter is dropped here, outside the lock, because dropping it may take time.
        left.is_some()
    }

    /// Removes the first waiter for which `fit` returns a permit. `fit` is called once for each group, in the order of
    /// their first waiters, until it returns one. It must be quick and must not use this queue.
    pub fn next<S>(&self, mut fit: impl FnMut(&F) -> Option<S>) -> Option<(W, S)> {
        if self.is_empty() {
            return None;
        }
        let mut waiters = self.waiters.lock();
        let (ticket, permit) = waiters.firsts.iter().find_map(|(ticket, accepted)| Some((*ticket, fit(accepted)?)))?;
        let waiter = waiters.remove(ticket);
        self.count_out(waiter.is_some());
        Some((waiter?, permit))
    }

    /// Must be called with the lock held.
    fn count_out(&self, one: bool) {
        self.count.fetch_sub(usize::from(one), SeqCst);
    }
}

impl<F: Ord + Clone, W> Waiters<F, W> {
    fn push(&mut self, accepted: F, waiter: W) -> u64 {
        self.last_ticket += 1;
        self.insert(self.last_ticket, accepted, waiter);
        self.last_ticket
    }

    fn insert(&mut self, ticket: u64, accepted: F, waiter: W) {
        let group = self.groups.entry(accepted.clone()).or_default();
        let first = group.keys().next().copied();
        if first.is_none_or(|first| ticket < first) {
            if let Some(first) = first {
                self.firsts.remove(&first);
            }
            self.firsts.insert(ticket, accepted);
        }
        group.insert(ticket, waiter);
    }

    fn remove(&mut self, ticket: u64) -> Option<W> {
        let accepted = self.accepted(ticket)?;
        let group = self.groups.get_mut(&accepted)?;
        let waiter = group.remove(&ticket)?;
        let next = group.keys().next().copied();
        if next.is_none() {
            // Empty groups are removed, because nodes change over time.
            self.groups.remove(&accepted);
        }
        if self.firsts.remove(&ticket).is_some() {
            self.firsts.extend(next.map(|next| (next, accepted)));
        }
        Some(waiter)
    }

    fn accepted(&self, ticket: u64) -> Option<F> {
        // The ticket is behind an earlier first one. There are few groups, so a search is cheap.
        let behind = || self.firsts.range(..ticket).map(|(_, accepted)| accepted);
        let is_in = |accepted: &&F| self.groups.get(*accepted).is_some_and(|group| group.contains_key(&ticket));
        self.firsts.get(&ticket).or_else(|| behind().find(is_in)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, AtomicU64};
    use std::sync::mpsc::{SyncSender, sync_channel};
    use std::time::Duration;

    use super::*;
    use crate::traffic::xorshift::xorshift;

    fn any(_: &Option<u32>) -> Option<()> {
        Some(())
    }

    fn called<W>(queue: &Queue<Option<u32>, W>, fit: impl FnMut(&Option<u32>) -> Option<()>) -> Option<W> {
        queue.next(fit).map(|(waiter, ())| waiter)
    }

    #[test]
    fn first_come_first_served_among_those_who_fit() {
        let queue = Queue::new(9);
        for (accepted, waiter) in [(Some(1), 'a'), (None, 'b'), (Some(1), 'c'), (Some(2), 'd'), (None, 'e')] {
            queue.join(accepted, waiter).unwrap();
        }
        for (free, expected) in [
            (&[3][..], Some('b')),
            (&[2], Some('d')),
            (&[1, 2], Some('a')),
            (&[], None),
            (&[1], Some('c')),
            (&[1], Some('e')),
        ] {
            let fit = |accepted: &Option<u32>| match accepted {
                None => (!free.is_empty()).then_some(()),
                Some(own) => free.contains(own).then_some(()),
            };
            assert_eq!(called(&queue, fit), expected, "{free:?} free");
        }
        assert_eq!((queue.len(), called(&queue, any)), (0, None));
    }

    #[test]
    fn the_bound_is_kept_and_may_change() {
        let queue = Queue::new(2);
        assert_eq!([queue.join(None, 'a').is_ok(), queue.join(Some(7), 'b').is_ok()], [true, true]);
        assert_eq!((queue.is_full(), queue.join(None, 'c')), (true, Err('c')));
        queue.resize(3);
        assert!(!queue.is_full());
        assert!(queue.join(None, 'c').is_ok());
        queue.resize(1);
        assert_eq!((queue.len(), queue.join(None, 'd')), (3, Err('d')), "those who wait stay");
        assert_eq!([called(&queue, any), called(&queue, any)], [Some('a'), Some('b')]);
        assert_eq!(queue.join(None, 'd'), Err('d'));
        assert_eq!(called(&queue, any), Some('c'));
        assert!(queue.join(None, 'd').is_ok());
        assert_eq!(Queue::new(0).join(None::<u32>, 'a'), Err('a'));
    }

    #[test]
    fn who_leaves_is_not_called_and_who_was_called_cannot_leave() {
        let queue = Queue::new(9);
        let tickets = ['a', 'b', 'c', 'd'].map(|waiter| queue.join(Some(1), waiter).unwrap());
        assert_eq!([queue.leave(tickets[1]), queue.leave(tickets[1]), queue.leave(999)], [true, false, false]);
        assert_eq!(called(&queue, any), Some('a'));
        assert_eq!([queue.leave(tickets[0]), queue.leave(tickets[2])], [false, true], "the first of a line, too");
        assert_eq!((called(&queue, any), queue.len(), called(&queue, any)), (Some('d'), 0, None));
        assert!(queue.waiters.lock().groups.is_empty() && queue.waiters.lock().firsts.is_empty(), "nothing is kept");
    }

    #[test]
    fn who_comes_back_stands_where_he_stood_though_the_queue_is_full() {
        let queue = Queue::new(3);
        let [first, ..] = ['a', 'b', 'c'].map(|waiter| queue.join(None, waiter).unwrap());
        assert_eq!(called(&queue, any), Some('a'));
        assert!(queue.join(Some(1), 'd').is_ok());
        queue.rejoin(first, None, 'a');
        assert_eq!((queue.len(), queue.join(None, 'e')), (4, Err('e')));
        let order: Vec<_> = std::iter::from_fn(|| called(&queue, any)).collect();
        assert_eq!(order, ['a', 'b', 'c', 'd']);
    }

    #[test]
    fn what_leaves_is_dropped_outside_the_lock() {
        struct Nosy(Arc<Queue<Option<u32>, Self>>, Arc<AtomicUsize>);
        impl Drop for Nosy {
            fn drop(&mut self) {
                self.0.resize(1);
                self.1.fetch_add(1, SeqCst);
            }
        }
        let (queue, drops) = (Arc::new(Queue::new(1)), Arc::new(AtomicUsize::new(0)));
        let ticket = queue.join(None, Nosy(queue.clone(), drops.clone())).ok().unwrap();
        assert!(queue.leave(ticket));
        assert_eq!(drops.load(SeqCst), 1);
    }

    #[test]
    fn thousands_who_wait_for_a_busy_node_cost_one_question() {
        let queue = Queue::new(20_000);
        (0..10_000).for_each(|waiter| assert!(queue.join(Some(waiter % 3), waiter).is_ok()));
        (0..10_000).for_each(|waiter| assert!(queue.join(None, waiter).is_ok()));
        let mut questions = 0;
        for turn in 0..10_000 {
            let waiter = called(&queue, |accepted| {
                questions += 1;
                accepted.is_none().then_some(())
            });
            assert_eq!(waiter, Some(turn));
        }
        assert_eq!(questions, 4 * 10_000, "three nodes are busy, the fourth question is for anyone");
    }

    #[test]
    fn it_does_as_a_plain_list_would() {
        let mut chance = 88_172_645_463_325_252_u64;
        let mut draw = move |below: u64| (xorshift(&mut chance) >> 20) % below;
        let (queue, mut list, mut tickets) = (Queue::new(40), Vec::<(u64, Option<u32>, u32)>::new(), vec![0]);
        for waiter in 0..200_000_u32 {
            match draw(6) {
                5 => {
                    // A waiter that left or was called returns to its old position.
                    let ticket = tickets[tickets.len().saturating_sub(1 + draw(60) as usize)];
                    if ticket > 0 && list.iter().all(|(its, ..)| *its != ticket) && list.len() < 40 {
                        let accepted = (draw(3) > 0).then(|| draw(5) as u32);
                        queue.rejoin(ticket, accepted, waiter);
                        list.push((ticket, accepted, waiter));
                        list.sort_by_key(|(ticket, ..)| *ticket);
                    }
                }
                0 | 1 => {
                    let accepted = (draw(3) > 0).then(|| draw(5) as u32);
                    match queue.join(accepted, waiter) {
                        Ok(ticket) => {
                            assert!(list.len() < 40 && ticket > *tickets.last().unwrap());
                            list.push((ticket, accepted, waiter));
                            tickets.push(ticket);
                        }
                        Err(back) => assert_eq!((list.len(), back), (40, waiter)),
                    }
                }
                2 => {
                    let ticket = tickets[tickets.len().saturating_sub(1 + draw(60) as usize)];
                    let index = list.iter().position(|(its, ..)| *its == ticket);
                    assert_eq!(queue.leave(ticket), index.map(|index| list.remove(index)).is_some());
                }
                _ => {
                    let free = draw(64);
                    let fit = |accepted: &Option<u32>| (free >> accepted.unwrap_or(5) & 1 == 1).then_some(*accepted);
                    let index = list.iter().position(|(_, accepted, _)| fit(accepted).is_some());
                    let expected =
                        index.map(|index| list.remove(index)).map(|(_, accepted, waiter)| (waiter, accepted));
                    assert_eq!(queue.next(fit), expected);
                }
            }
            assert_eq!(queue.len(), list.len());
        }
    }

    /// Two nodes with two permits each, as in a pool.
    struct FreePermits([AtomicI64; 2]);

    impl FreePermits {
        fn take(&self, accepted: Option<u32>) -> Option<usize> {
            let nodes = accepted.map_or(0..2, |own| own as usize..own as usize + 1);
            nodes
                .into_iter()
                .find(|node| self.0[*node].fetch_update(SeqCst, SeqCst, |free| (free > 0).then(|| free - 1)).is_ok())
        }
    }

    fn call_all(queue: &Queue<Option<u32>, SyncSender<usize>>, permits: &FreePermits) {
        while let Some((waiter, node)) = queue.next(|accepted| permits.take(*accepted)) {
            waiter.send(node).unwrap();
        }
    }

    #[test]
    fn threads_at_once_leave_no_place_free_while_somebody_waits() {
        let queue = Queue::new(1000);
        let permits = FreePermits([AtomicI64::new(2), AtomicI64::new(2)]);
        let waited = AtomicU64::new(0);
        let work = |thread: u32| {
            for turn in 0..3000 {
                let accepted = (turn % 3 > 0).then_some((turn + thread) % 2);
                let node = permits.take(accepted).unwrap_or_else(|| {
                    waited.fetch_add(1, SeqCst);
                    let (waiter, called) = sync_channel(1);
                    queue.join(accepted, waiter).unwrap();
                    call_all(&queue, &permits);
                    called.recv_timeout(Duration::from_secs(20)).expect("nobody is forgotten")
                });
                assert!(accepted.is_none_or(|own| own as usize == node), "everyone has a permit at their own node");
                std::thread::yield_now();
                permits.0[node].fetch_add(1, SeqCst);
                call_all(&queue, &permits);
            }
        };
        std::thread::scope(|scope| (0..8).for_each(|thread| drop(scope.spawn(move || work(thread)))));
        assert_eq!((queue.len(), permits.0.map(AtomicI64::into_inner)), (0, [2, 2]));
        assert!(waited.into_inner() > 0, "somebody had to wait");
    }
}
