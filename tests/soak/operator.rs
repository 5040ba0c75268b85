//! What an operator does meanwhile, one thing after the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::checked::Report;
use crate::harness::{Appliance, Pair, within};
use crate::nodes::{Mood, Nodes};

/// The pause between two things.
const PAUSE: Duration = Duration::from_millis(400);

/// How long the process stands still at a time.
const STILL: Duration = Duration::from_millis(300);

/// Whoever runs it.
pub(crate) struct Operator<'n> {
    weir: Appliance,
    nodes: &'n Nodes,
    report: Arc<Report>,
    done: usize,
}

impl<'n> Operator<'n> {
    pub(crate) fn of(weir: Appliance, nodes: &'n Nodes, report: &Arc<Report>) -> Self {
        Self { weir, nodes, report: Arc::clone(report), done: 0 }
    }

    /// Bytes that the process has in memory.
    pub(crate) fn memory(&self) -> f64 {
        self.weir.metric("process_resident_memory_bytes", &[])
    }

    /// One thing after the other.
    pub(crate) fn works_until(&mut self, end: Instant, upgrades: bool) {
        while Instant::now() < end {
            self.does_one(upgrades);
            // It is the load that is waited for, and a client that is gone shows in the report.
            within(PAUSE.min(end.saturating_duration_since(Instant::now())), || !self.report.wrong().is_empty());
            if !self.report.wrong().is_empty() {
                return;
            }
        }
    }

    fn does_one(&mut self, upgrades: bool) {
        self.done += 1;
        match self.done % 10 {
            0 | 6 => self.nodes.turns(Mood::ALL[self.done / 5 % Mood::ALL.len()]),
            1 => {
                self.weir.edit(|text| format!("{text}\n# {}", "another line"));
                self.expects("reloaded", &["reload"]);
            }
            2 => {
                Pair::of(&["esb.test"]).write(&self.weir.path(""), "esb");
                self.weir.signal(Signal::USR1);
            }
            3 => self.expects("", &["drain", "n2"]),
            4 | 7 if upgrades => self.upgrades(),
            5 => self.expects("", &["activate", "n2", "--json"]),
            8 => self.expects("esb.test", &["status"]),
            9 => self.stands_still(),
            _ => _ = self.weir.ask_admin("/metrics"),
        }
    }

    /// A node that fails is no fault of the command that asks for it.
    fn expects(&self, said: &str, words: &[&str]) {
        let told = self.weir.command(words);
        if !matches!(told.code, Some(0 | 1)) || !told.out.contains(said) {
            self.report.is_wrong(format!("{words:?}: {told:?}"));
        }
    }

    /// As a machine does that is moved, or has no memory left.
    fn stands_still(&self) {
        self.weir.signal(Signal::STOP);
        within(STILL, || false);
        self.weir.signal(Signal::CONT);
    }

    fn upgrades(&mut self) {
        let told = self.weir.command(&["upgrade", "--json"]);
        let next: Option<u64> =
            serde_json::from_str(&told.out).ok().and_then(|told: serde_json::Value| told["pid"].as_u64());
        match next.and_then(|next| u32::try_from(next).ok()) {
            Some(next) => {
                if self.weir.exit_code() != Some(0) {
                    self.report.is_wrong("the process before did not end well".to_owned());
                }
                self.weir.belongs_to(next);
            }
            None => self.report.is_wrong(format!("upgrade: {told:?}")),
        }
    }

    /// How many things were done.
    pub(crate) const fn done(&self) -> usize {
        self.done
    }

    /// All nodes are well again.
    pub(crate) fn rests(self) -> Appliance {
        self.nodes.turns(Mood::Well);
        self.weir
    }
}
