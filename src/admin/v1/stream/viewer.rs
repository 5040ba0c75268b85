//! One viewer, from its question to its end.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::channel::Sender;
use tokio::sync::watch;

use super::super::events::EventView;
use super::hub::Hub;
use super::wanted::Wanted;
use crate::config::Config;
use crate::control::state::Control;

/// How long nothing is sent at most, so that both ends notice when the other one is gone.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long a viewer may take nothing.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many events come first when the viewer does not say which it had last.
const FIRST: u64 = 50;
/// How many events are sent at once.
const AT_ONCE: usize = 50;

/// One viewer.
pub(super) struct Viewer {
    control: Arc<Control>,
    /// Sends the snapshots for as long as it is held.
    _hub: Arc<Hub>,
    /// The configuration by which the viewer was let in.
    let_in_by: Arc<Config>,
    sender: Sender<Bytes>,
    events: watch::Receiver<()>,
    snapshots: Option<watch::Receiver<Option<Bytes>>>,
    /// The event that was sent last.
    last: u64,
}

impl Viewer {
    pub(super) fn new(control: &Arc<Control>, hub: &Arc<Hub>, sender: Sender<Bytes>, wanted: &Wanted) -> Self {
        let events = &control.observer.events;
        let newest = || events.recent(1).first().map_or(0, |event| event.number);
        Self {
            control: Arc::clone(control),
            _hub: Arc::clone(hub),
            let_in_by: Arc::clone(&control.current.load().snapshot.config),
            sender,
            events: events.changes(),
            snapshots: wanted.snapshots.then(|| hub.snapshots(control)),
            // A number that is to come is one of another process.
            last: wanted.since.filter(|since| *since <= newest()).unwrap_or_else(|| newest().saturating_sub(FIRST)),
        }
    }

    /// Sends what happens until the viewer goes or takes nothing, Weir stops, or a reload changes who may come: then the
    /// viewer asks again, and is judged anew.
    pub(super) async fn show(mut self) {
        // Who is cut off asks again after this time, and before the first event came too it knows where to go on.
        let mut due = Some(Bytes::from(format!("retry: 1000\nid: {}\n\n", self.control.observer.events.id(self.last))));
        while self.may_stay() {
            if let Some(bytes) = due.take()
                && !self.send(bytes).await
            {
                return;
            }
            if !self.send_events().await || self.control.stopping.load(Ordering::Relaxed) {
                return;
            }
            due = tokio::select! {
                _ = self.events.changed() => None,
                snapshot = next(&mut self.snapshots) => snapshot,
                () = tokio::time::sleep(HEARTBEAT) => Some(Bytes::from_static(b":\n\n")),
            };
        }
    }

    fn may_stay(&self) -> bool {
        let current = self.control.current.load();
        let config = &current.snapshot.config;
        Arc::ptr_eq(config, &self.let_in_by) || config.admin.lets_in_like(&self.let_in_by.admin)
    }

    /// Sends the events that came. False when the viewer is gone.
    async fn send_events(&mut self) -> bool {
        loop {
            let events = self.control.observer.events.after(self.last);
            let (Some(first), Some(last)) = (events.first(), events.iter().take(AT_ONCE).next_back()) else {
                return true;
            };
            let mut text = String::new();
            let missed = first.number - self.last - 1;
            if missed > 0 {
                // Writing into a text cannot fail, here and below.
                let _ = write!(text, "event: missed\ndata: {{\"events\":{missed}}}\n\n");
            }
            self.last = last.number;
            for event in events.iter().take(AT_ONCE) {
                let data = serde_json::to_string(&EventView::of(event)).unwrap_or_default();
                let _ = write!(
                    text,
                    "event: event\nid: {}\ndata: {data}\n\n",
                    self.control.observer.events.id(event.number)
                );
            }
            if !self.send(text.into()).await {
                return false;
            }
        }
    }

    async fn send(&mut self, bytes: Bytes) -> bool {
        matches!(tokio::time::timeout(PATIENCE, self.sender.send_data(bytes)).await, Ok(Ok(())))
    }
}

/// The next snapshot; never comes for a viewer that wants none.
async fn next(snapshots: &mut Option<watch::Receiver<Option<Bytes>>>) -> Option<Bytes> {
    let Some(snapshots) = snapshots else { return std::future::pending().await };
    // The sender lives as long as the hub, which the viewer holds.
    let _ = snapshots.changed().await;
    snapshots.borrow_and_update().clone()
}
