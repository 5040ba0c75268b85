//! What a reload means for the process that runs. [`super::reading`] has its files read.

use std::time::{Instant, SystemTime};

use super::reading::{Done, Reading};
use super::running::{Running, summary};
use crate::control::reload::Reloaded;
use crate::control::state::{LastReload, ReloadRefusal, ReloadRequest, Unrecorded};
use crate::control::store::SLOW_DISK;
use crate::observe::notify::monotonic_microseconds;

impl Running {
    /// Writes down that a reload is ordered, and has its files read; by the process that serves, if that is another one.
    pub(super) async fn begin_reload(&mut self, request: ReloadRequest) {
        if self.has_handed_over() {
            return self.pass_on(request);
        }
        let ReloadRequest { by, unrecorded, answer } = request;
        let recorded = self.record("reload", &by, "asked".to_owned()).await;
        if let (Err(why), Unrecorded::Refused) = (recorded, unrecorded) {
            // The caller may have gone away in the meantime.
            let _ = answer.send(Err(ReloadRefusal::Unrecorded(why)));
            return;
        }
        self.notifier.reloading(monotonic_microseconds());
        log::info!("a reload is ordered by {by}");
        let task = tokio::task::spawn_blocking(self.reloader.reading());
        self.reading = Some(Reading { task, by, answer, since: Instant::now(), told: false });
    }

    /// Runs what was read, or tells why not.
    pub(super) async fn end_reload(&mut self, read: Done) {
        let Some(Reading { by, answer, .. }) = self.reading.take() else { return };
        let Reloaded { outcome, text } = self.reloader.reload(read, &by).await;
        // Where this fails, the journal has it, and the line before says that it was asked for.
        let _ = self.record("reload", &by, text).await;
        let problems = outcome.as_ref().err().cloned().unwrap_or_default();
        let changes = outcome.as_ref().map_or_else(|_| Vec::new(), |(_, changes)| changes.clone());
        let generation = self.control.current.load().snapshot.generation;
        self.control.note_reload(LastReload { at: SystemTime::now(), by, generation, problems, changes });
        let outcome = match outcome {
            Ok((generation, changes)) => {
                let text = summary(&generation);
                log::info!("reloaded {}: {text}", self.path.display());
                changes.iter().for_each(|change| log::info!("changed: {change}"));
                self.notifier.ready(&text);
                Ok(generation.snapshot.generation)
            }
            Err(problems) => {
                let kept = self.control.current.load().snapshot.generation;
                for problem in &problems {
                    log::error!("reload refused, generation {kept} keeps running: {problem}");
                }
                let first = problems.first().map_or_else(String::new, ToString::to_string);
                self.notifier.ready(&format!("reload refused, generation {kept} keeps running: {first}"));
                Err(ReloadRefusal::Problems(problems))
            }
        };
        // The caller may have gone away in the meantime. The journal and systemd's status report what was wrong.
        let _ = answer.send(outcome);
    }

    /// Says once of a reload that its files take long.
    pub(super) fn tell_of_slow_reading(&mut self) {
        let Some(reading) = self.reading.as_mut().filter(|one| !one.told && one.since.elapsed() >= SLOW_DISK) else {
            return;
        };
        reading.told = true;
        let seconds = SLOW_DISK.as_secs();
        log::warn!("reload: the files are still being read after {seconds} s; what runs goes on, other reloads wait");
    }
}
