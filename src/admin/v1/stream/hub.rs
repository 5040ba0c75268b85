//! What all viewers share: their places, and one snapshot a second, made once for all of them, and only while somebody
//! looks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::{Semaphore, watch};
use tokio::time::MissedTickBehavior;

use super::super::cluster::ClusterView;
use super::super::nodes::NodeView;
use super::super::operations::OperationView;
use super::super::pools::PoolView;
use super::super::sites::SiteView;
use super::super::status::StatusView;
use super::super::{cluster, nodes, operations, pools, sites, status};
use crate::control::state::Control;

/// How many viewers there are at most.
pub(super) const MOST: usize = 32;

/// What all viewers share.
pub(crate) struct Hub {
    /// A place for each viewer.
    pub(super) places: Arc<Semaphore>,
    snapshots: watch::Sender<Option<Bytes>>,
    /// Whether snapshots are made.
    making: Mutex<bool>,
}

/// The whole on one look.
#[derive(Serialize)]
struct Snapshot {
    status: StatusView,
    nodes: Vec<NodeView>,
    pools: Vec<PoolView>,
    sites: Vec<SiteView>,
    operations: Vec<OperationView>,
    /// Absent where nobody is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<ClusterView>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(MOST)), snapshots: watch::Sender::default(), making: Mutex::default() }
    }
}

impl Hub {
    /// The snapshots from now on, in the form of the stream.
    pub(super) fn snapshots(self: &Arc<Self>, control: &Arc<Control>) -> watch::Receiver<Option<Bytes>> {
        let mut making = self.making.lock();
        let mut snapshots = self.snapshots.subscribe();
        // The last one is less than a second old.
        snapshots.mark_changed();
        if !*making {
            *making = true;
            tokio::spawn(Arc::clone(self).make_snapshots(Arc::clone(control)));
        }
        snapshots
    }

    async fn make_snapshots(self: Arc<Self>, control: Arc<Control>) {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            second.tick().await;
            if self.rests() {
                return;
            }
            self.snapshots.send_replace(Some(snapshot(&control)));
        }
    }

    /// Whether nobody looks any more.
    fn rests(&self) -> bool {
        let mut making = self.making.lock();
        *making = self.snapshots.receiver_count() > 0;
        if !*making {
            self.snapshots.send_replace(None);
        }
        !*making
    }
}

fn snapshot(control: &Control) -> Bytes {
    let snapshot = Snapshot {
        status: status::view(control),
        nodes: nodes::views(control),
        pools: pools::views(control),
        sites: sites::views(control),
        operations: operations::recent(control),
        cluster: cluster::view(control),
    };
    format!("event: snapshot\ndata: {}\n\n", serde_json::to_string(&snapshot).unwrap_or_default()).into()
}
