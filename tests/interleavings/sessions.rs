//! The table of sessions.

use std::sync::Arc;
use std::time::Duration;

use shuttle::sync::Mutex;
use weir::traffic::affinity::sessions::{BindKind, Sessions};
use weir::traffic::tick::Tick;

use super::{in_many_orders, thread, together};

const NOW: Tick = Tick::from_millis(1_000_000);
const IDLE: Duration = Duration::from_secs(60);

/// Small: it is made anew for each order.
fn table(max: usize) -> Arc<Sessions> {
    Arc::new(Sessions::new(max, IDLE, [7; 16]))
}

#[test]
fn requests_of_one_new_session_agree_on_its_node() {
    in_many_orders(|| {
        let (sessions, chosen) = (table(8), Arc::new(Mutex::new(Vec::new())));
        together((1..=3).map(|node| {
            let (sessions, chosen) = (Arc::clone(&sessions), Arc::clone(&chosen));
            thread(move || {
                let key = sessions.key(b"one");
                let bound = sessions.bind_from(None, key, node, NOW, BindKind::Learned);
                let found = sessions.find(key, NOW).expect("somebody has bound it");
                assert!(bound.is_none() || found.node == node);
                chosen.lock().expect("it is not poisoned").push(found.node);
            })
        }));
        let chosen = chosen.lock().expect("it is not poisoned");
        assert!(chosen.iter().all(|node| *node == chosen[0]), "{chosen:?}");
        assert_eq!(sessions.len(), 1);
    });
}

#[test]
fn what_is_counted_is_there_whatever_expires_is_bound_or_dropped_meanwhile() {
    in_many_orders(|| {
        let sessions = table(2);
        let old = sessions.key(b"old");
        sessions.bind(old, 1, Tick::from_millis(1), BindKind::Learned);
        let [binds, binds_others, expires] = [(); 3].map(|()| Arc::clone(&sessions));
        together([
            thread(move || _ = binds.bind(binds.key(b"old"), 2, NOW, BindKind::Learned)),
            thread(move || {
                for id in [b"a", b"b"] {
                    binds_others.bind(binds_others.key(id), 3, NOW, BindKind::Learned);
                }
            }),
            thread(move || _ = expires.expire(NOW, 100)),
        ]);
        let ids: [&[u8]; 3] = [b"old", b"a", b"b"];
        let there = ids.iter().filter(|id| sessions.peek(sessions.key(id), NOW).is_some()).count();
        assert_eq!(sessions.len(), there);
        assert!(there <= 2, "{there} of 2");
    });
}

#[test]
fn a_table_that_grows_in_a_reload_loses_nobody() {
    in_many_orders(|| {
        let sessions = table(8);
        sessions.bind(sessions.key(b"before"), 1, NOW, BindKind::Learned);
        let [binds, finds, grows] = [(); 3].map(|()| Arc::clone(&sessions));
        together([
            thread(move || _ = binds.bind(binds.key(b"meanwhile"), 2, NOW, BindKind::Learned)),
            thread(move || {
                let found = finds.find(finds.key(b"before"), NOW);
                assert_eq!(found.map(|found| found.node), Some(1));
            }),
            thread(move || _ = grows.resize(1_000_000, IDLE)),
        ]);
        for (id, node) in [(&b"before"[..], 1), (b"meanwhile", 2)] {
            assert_eq!(sessions.find(sessions.key(id), NOW).map(|found| found.node), Some(node));
        }
        assert_eq!(sessions.len(), 2);
    });
}
