//! The limits of connections.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use weir::traffic::limits::connections::ConnectionLimits;

use super::{in_many_orders, thread, together};

#[test]
fn no_more_come_in_than_may_and_nothing_is_left_of_those_who_went() {
    in_many_orders(|| {
        let limits = Arc::new(ConnectionLimits::new([7; 16]));
        together((0..3_u8).map(|number| {
            let limits = Arc::clone(&limits);
            thread(move || {
                let client = IpAddr::from(Ipv4Addr::new(192, 0, 2, number % 2));
                for _ in 0..2 {
                    let permit = limits.enter(client, Some(2), Some(1)).expect("there are places beyond the limits");
                    assert!(limits.open() <= 2);
                    drop(permit);
                }
            })
        }));
        let (one, other) = ([192, 0, 2, 0], [192, 0, 2, 1]);
        let enter = |client: [u8; 4]| limits.enter(IpAddr::from(client), Some(2), Some(1)).ok();
        let again = [enter(one), enter(other)];
        let within = again.iter().flatten().filter(|permit| permit.beyond().is_none()).count();
        assert_eq!((limits.open(), within), (2, 2), "both find their places");
    });
}
