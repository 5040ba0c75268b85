//! The orders that this machine has in common with others (`[shared] servers`): the last one about each node, and about each weight. That
//! an order was taken back is one too, so that no machine that was away brings it back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::operations::Operation;
use crate::config::orders_file::{self, CommonOrder, Holds, WrittenWeight};
use crate::control::shared::clock::{HybridClock, Version};
use crate::traffic::moment::Moment;
use crate::traffic::pool::operators::Order;

/// An order that was taken back is kept for so long: a machine that was away for longer could bring it back.
const LONG_AWAY: Duration = Duration::from_secs(30 * 24 * 3600);

/// What there is in common, and who waits for more.
#[derive(Default)]
pub(crate) struct CommonOrders {
    /// Where the room's `orders`, `weights` or `operations` are locked too, they are locked first.
    known: Mutex<Known>,
    /// Told when this machine has an order for the others.
    pub(crate) given: Notify,
    /// Makes the versions of all that machines have in common.
    pub(crate) clock: Arc<HybridClock>,
}

#[derive(Default)]
struct Known {
    /// How the others call this machine; `None`: it has no orders in common.
    machine: Option<Arc<str>>,
    by_subject: BTreeMap<String, CommonOrder>,
}

impl Known {
    fn is_news(&self, order: &CommonOrder) -> bool {
        self.by_subject.get(&order.holds.subject()).is_none_or(|known| order.beats(known))
    }
}

impl CommonOrders {
    /// With those that were known before the start.
    pub(crate) fn restored(by_subject: BTreeMap<String, CommonOrder>) -> Self {
        let restored = Self::default();
        restored.take(by_subject);
        restored
    }

    /// Knows these, and no others.
    pub(crate) fn take(&self, by_subject: BTreeMap<String, CommonOrder>) {
        by_subject.values().for_each(|order| self.clock.see(Version::from_number(order.version)));
        self.known.lock().by_subject = by_subject;
    }

    /// All of them, by subject.
    pub(crate) fn all(&self) -> BTreeMap<String, CommonOrder> {
        self.known.lock().by_subject.clone()
    }

    /// The version of the last order about a node.
    pub(crate) fn version_of_node(&self, node: &str) -> Option<u64> {
        self.known.lock().by_subject.get(&orders_file::subject_of_node(node)).map(|order| order.version)
    }

    /// From now on orders are in common with others, who call this machine so; or they are not.
    pub(crate) fn share(&self, machine: Option<Arc<str>>) {
        self.known.lock().machine = machine;
    }

    /// How the others call this machine; `None`: no orders are in common.
    pub(crate) fn machine(&self) -> Option<Arc<str>> {
        self.known.lock().machine.clone()
    }

    /// Notes what was ordered here. Who has had orders in common goes on while there is nobody to tell: others are told later.
    pub(crate) fn give(&self, holds: Holds) {
        let mut known = self.known.lock();
        let subject = holds.subject();
        if known.machine.is_none() && known.by_subject.is_empty() {
            return;
        }
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let order = CommonOrder { version: self.clock.next(unix).number(), holds };
        known.by_subject.insert(subject, order);
        drop(known);
        self.given.notify_waiters();
    }

    /// Notes what holds here while the others were never told: any order with a version beats it.
    pub(crate) fn adopt(&self, holds: Holds) {
        let (subject, version) = (holds.subject(), Version::RESTORED.number());
        self.known.lock().by_subject.entry(subject).or_insert(CommonOrder { version, holds });
    }

    /// Forgets what no machine needs to know any more.
    pub(crate) fn forget_old(&self, unix: Duration) {
        self.known.lock().by_subject.retain(|_, order| !is_over(order, unix));
    }

    /// Whether it holds in place of what is known.
    pub(crate) fn is_news(&self, order: &CommonOrder) -> bool {
        self.known.lock().is_news(order)
    }

    /// Notes an order of another machine. False: the one that is known holds.
    pub(crate) fn follow(&self, order: &CommonOrder) -> bool {
        let mut known = self.known.lock();
        let is_news = known.is_news(order);
        if is_news {
            self.clock.see(Version::from_number(order.version));
            known.by_subject.insert(order.holds.subject(), order.clone());
        }
        is_news
    }
}

/// Whether it was taken back so long ago that no machine can be away since.
pub(crate) fn is_over(order: &CommonOrder, unix: Duration) -> bool {
    order.holds.is_taken_back() && Version::from_number(order.version).age(unix) > LONG_AWAY
}

/// The order that a node is under since this operation, as this machine tells the others.
pub(crate) fn of_node(machine: &str, order: Option<&Order>, operation: &Operation, now: Moment) -> Holds {
    let mut told = operation.told.clone();
    told.machine.get_or_insert_with(|| machine.to_owned());
    Holds::Node { node: operation.node.clone(), order: order.map(|order| order.for_others(now)), operation: told }
}

/// The weight that a node has in a pool since this order; `weight`: none for that of the file.
pub(crate) fn of_weight(
    machine: &str,
    (pool, node): (&str, &str),
    weight: Option<u16>,
    ordered: &WrittenWeight,
) -> Holds {
    Holds::Weight {
        pool: pool.to_owned(),
        node: node.to_owned(),
        weight,
        since: ordered.since,
        actor: ordered.actor.clone(),
        machine: machine.to_owned(),
        reason: ordered.reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(weight: u16) -> Holds {
        let ordered = WrittenWeight { weight, since: 5, actor: "anna".to_owned(), reason: None };
        of_weight("lb1", ("esb", "worker1"), Some(weight), &ordered)
    }

    fn version(orders: &CommonOrders) -> Option<u64> {
        orders.all().get("weight:esb:worker1").map(|order| order.version)
    }

    #[test]
    fn the_later_order_holds_wherever_it_was_given() {
        let (one, two) = (CommonOrders::default(), CommonOrders::default());
        one.share(Some("lb1".into()));
        two.share(Some("lb2".into()));
        one.give(weight(3));
        let first = one.all()["weight:esb:worker1"].clone();
        assert!(two.follow(&first));
        assert!(!two.follow(&first), "it is known by now");
        two.give(weight(4));
        let second = two.all()["weight:esb:worker1"].clone();
        assert!(second.version > first.version && one.follow(&second));
        assert!(!one.follow(&first));
        assert_eq!(one.all(), two.all());
        let again = CommonOrders::restored(one.all());
        again.give(weight(5));
        assert!(version(&again) > version(&one), "versions grow over a restart");
    }

    #[test]
    fn what_held_before_orders_were_shared_gives_way_to_any_order() {
        let alone = CommonOrders::default();
        alone.give(weight(3));
        assert_eq!(version(&alone), None, "nobody was ever there to tell");
        let other = CommonOrders::default();
        alone.adopt(weight(3));
        other.adopt(weight(4));
        assert_eq!(version(&alone), version(&other));
        all_choose_one(&alone, &other);
        let given = CommonOrders::default();
        given.share(Some("lb2".into()));
        given.give(weight(9));
        assert!(alone.follow(&given.all()["weight:esb:worker1"]) && other.follow(&given.all()["weight:esb:worker1"]));
    }

    fn all_choose_one(one: &CommonOrders, two: &CommonOrders) {
        let of = |orders: &CommonOrders| orders.all()["weight:esb:worker1"].clone();
        let (first, second) = (of(one), of(two));
        assert_ne!(one.follow(&second), two.follow(&first), "one of them gives way");
        assert_eq!(of(one), of(two));
        assert!(!one.follow(&first) && !two.follow(&second), "and that is all");
    }

    #[test]
    fn of_two_orders_with_one_version_all_choose_the_same() {
        // A third machine, whose clock is ahead, was heard of by both; then they were cut apart.
        let ahead = weight(1);
        let order = CommonOrder { version: u64::MAX / 2, holds: ahead };
        let (one, two) = (CommonOrders::default(), CommonOrders::default());
        for (orders, name, ordered) in [(&one, "lb1", 7), (&two, "lb2", 6)] {
            orders.share(Some(name.into()));
            assert!(orders.follow(&order));
            orders.give(weight(ordered));
        }
        assert_eq!(version(&one), version(&two));
        all_choose_one(&one, &two);
    }

    #[test]
    fn what_was_taken_back_long_ago_is_forgotten_and_what_holds_is_not() {
        let orders = CommonOrders::default();
        orders.share(Some("lb1".into()));
        let ordered = WrittenWeight { weight: 0, since: 5, actor: "anna".to_owned(), reason: None };
        orders.give(of_weight("lb1", ("esb", "worker2"), None, &ordered));
        orders.give(weight(3));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        orders.forget_old(now + LONG_AWAY - Duration::from_secs(60));
        assert_eq!(orders.all().len(), 2);
        orders.forget_old(now + LONG_AWAY + Duration::from_secs(60));
        assert_eq!(orders.all().into_keys().collect::<Vec<_>>(), ["weight:esb:worker1"]);
    }

    #[test]
    fn who_has_shared_goes_on_with_nobody_to_tell() {
        let orders = CommonOrders::default();
        orders.share(Some("lb1".into()));
        orders.give(weight(3));
        let shared = version(&orders);
        orders.share(None);
        orders.give(weight(4));
        assert!(version(&orders) > shared);
    }
}
