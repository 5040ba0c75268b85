//! The thread that sends the spans of one queue. A collector that is down, slow or full costs spans, which are counted
//! and told in the journal at most once a minute, and nothing else: nobody waits for this thread but the end of the
//! process, for a bounded time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::runtime::{Builder, Runtime};

use super::batch::Envelope;
use super::post::{Outcome, post};
use super::settings::Settings;
use crate::observe::metrics::SpanCounters;
use crate::observe::queue::{LogQueue, QueueLimits, QueuedLines, Wakeup};

/// A running thread, as others see it.
#[derive(Debug)]
pub(super) struct Exporter {
    settings: Settings,
    lines: Arc<QueuedLines>,
    /// Spans that were taken from the queue and of which nothing is decided.
    at_hand: AtomicUsize,
    wakeup: Arc<Wakeup>,
    turns: Mutex<Turns>,
    turned: Condvar,
    ended: AtomicBool,
}

#[derive(Debug, Default)]
struct Turns {
    flushes_asked: u64,
    flushes_done: u64,
}

impl Exporter {
    /// Starts the thread. With it comes the sending end of its queue.
    pub(super) fn start(settings: Settings, counters: SpanCounters) -> io::Result<(Arc<Self>, LogQueue)> {
        let wakeup = Arc::<Wakeup>::default();
        // A full batch need not wait, and neither must the queue be full before somebody looks at it.
        let wake = settings.batch_size.saturating_mul(USUAL_SPAN).min(settings.queue / 2);
        let limits = QueueLimits { most: settings.queue, wake };
        let lines = Arc::new(QueuedLines::new(settings.authority.clone(), limits, b"", Arc::clone(&wakeup)));
        let envelope = Envelope::of(&settings.service_name);
        let (at_hand, turns, turned, ended) = Default::default();
        let queue = Arc::clone(&lines);
        let exporter = Arc::new(Self { settings, lines: queue, at_hand, wakeup, turns, turned, ended });
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let losses = Losses { counters, failed: 0, trouble: String::new(), told: 0, told_at: None };
        let run = Run { exporter: Arc::clone(&exporter), lines: Arc::clone(&lines), envelope, runtime, losses };
        std::thread::Builder::new().name("weir-spans".to_owned()).spawn(move || run.until_closed())?;
        Ok((exporter, LogQueue::new(lines)))
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its queue was closed, and its thread is done.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Relaxed)
    }

    /// Waits until what waits now is sent or given up, at most until then. Tells how many spans are left after that.
    pub(super) fn flush(&self, deadline: Instant) -> usize {
        let mut turns = self.turns.lock();
        turns.flushes_asked += 1;
        let ticket = turns.flushes_asked;
        self.wakeup.wake();
        while turns.flushes_done < ticket && !self.has_ended() {
            if self.turned.wait_until(&mut turns, deadline).timed_out() {
                return self.at_hand.load(Relaxed) + self.lines.count();
            }
        }
        0
    }

    fn turn_is_done(&self, asked: u64, closed: bool) {
        let mut turns = self.turns.lock();
        turns.flushes_done = asked;
        // Under the lock, so that who waits for it sees it.
        self.ended.store(closed, Relaxed);
        self.turned.notify_all();
    }

    fn is_flushing(&self) -> bool {
        let turns = self.turns.lock();
        turns.flushes_asked > turns.flushes_done
    }
}

/// What the thread owns.
struct Run {
    exporter: Arc<Exporter>,
    lines: Arc<QueuedLines>,
    envelope: Envelope,
    runtime: Runtime,
    losses: Losses,
}

impl Run {
    fn until_closed(mut self) {
        let mut buffer = Vec::new();
        loop {
            // Who flushed or closed during a pause has woken that one.
            if !self.exporter.is_flushing() && !self.lines.closed() {
                self.exporter.wakeup.wait(self.exporter.settings.interval);
            }
            let asked = self.exporter.turns.lock().flushes_asked;
            // Read before the spans are taken: once the queue is closed no more can come.
            let closed = self.lines.closed();
            self.lines.take(&mut buffer);
            self.send(&buffer);
            buffer.clear();
            buffer.shrink_to(BUFFER_KEPT);
            self.losses.tell(&self.exporter, closed, Instant::now());
            self.exporter.turn_is_done(asked, closed);
            if closed {
                return;
            }
        }
    }

    fn send(&mut self, lines: &[u8]) {
        let spans: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').filter(|span| !span.is_empty()).collect();
        self.exporter.at_hand.store(spans.len(), Relaxed);
        for batch in spans.chunks(self.exporter.settings.batch_size.max(1)) {
            let body = Bytes::from(self.envelope.body(batch));
            let mut outcome = self.post(body.clone());
            if let Outcome::Later(pause, _) = outcome
                && self.pauses(pause)
            {
                outcome = self.post(body);
            }
            self.losses.count(batch.len() as u64, outcome);
            self.exporter.at_hand.fetch_sub(batch.len(), Relaxed);
        }
    }

    fn post(&self, body: Bytes) -> Outcome {
        self.runtime.block_on(post(&self.exporter.settings, body))
    }

    /// Waits so long. False where the process ends meanwhile: then there is no time for another try.
    fn pauses(&self, pause: Duration) -> bool {
        let end = Instant::now() + pause;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if self.exporter.is_flushing() {
                return false;
            }
            if left.is_zero() {
                return true;
            }
            self.exporter.wakeup.wait(left);
        }
    }
}

/// What was lost, and what of it the journal knows.
struct Losses {
    /// Those of all threads.
    counters: SpanCounters,
    /// How many this thread has lost.
    failed: u64,
    /// Why the last of them were lost.
    trouble: String,
    /// How many of its queue and its own it has told.
    told: u64,
    told_at: Option<Instant>,
}

impl Losses {
    fn count(&mut self, spans: u64, outcome: Outcome) {
        match outcome {
            Outcome::Taken { refused, why } => {
                let refused = refused.min(spans);
                self.counters.exported(spans - refused);
                self.lose(refused);
                if refused > 0 {
                    self.trouble = format!("it takes only a part: {why}");
                }
            }
            Outcome::Later(_, why) | Outcome::Lost(why) => {
                self.lose(spans);
                self.trouble = why;
            }
        }
    }

    fn lose(&mut self, spans: u64) {
        self.counters.failed(spans);
        self.failed += spans;
    }

    fn tell(&mut self, exporter: &Exporter, closed: bool, now: Instant) {
        let lost = self.failed + exporter.lines.dropped.load(Relaxed);
        let told_lately = self.told_at.is_some_and(|at| now.duration_since(at) < TELL_EVERY);
        if lost == self.told || (told_lately && !closed) {
            return;
        }
        let why = if self.trouble.is_empty() { "more come than it takes" } else { &self.trouble };
        let (authority, since, all) = (&exporter.settings.authority, lost - self.told, self.counters.lost());
        log::warn!("collector {authority}: {why}; spans lost since last told: {since}, in all: {all}");
        self.trouble.clear();
        (self.told, self.told_at) = (lost, Some(now));
    }
}

/// About as long as a span is in the queue, in bytes.
const USUAL_SPAN: usize = 1024;
/// How much of the buffer stays allocated after a burst.
const BUFFER_KEPT: usize = 64 * 1024;
const TELL_EVERY: Duration = Duration::from_secs(60);
