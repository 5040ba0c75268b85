//! What changed files mean for the process that runs. [`super::following`] looks at them.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::following::{LOOK_EVERY, Look, Looked, Seen, stamps};
use super::running::Running;
use crate::config::Problem;
use crate::control::reload::Candidate;
use crate::control::store::SLOW_DISK;

impl Running {
    /// Looks at the files, when that is due.
    pub(super) fn follow_files(&mut self) {
        let config = Arc::clone(&self.control.current.load().snapshot.config);
        if !self.following.config.as_ref().is_some_and(|known| Arc::ptr_eq(known, &config)) {
            // Whatever was wrong with the files, this configuration could read them.
            (self.following.config, self.following.seen) = (Some(Arc::clone(&config)), Seen::by(&config));
            self.files_are_good();
        }
        let following = &mut self.following;
        if let Some(look) = &mut following.look {
            if !look.told && look.since.elapsed() >= SLOW_DISK {
                look.told = true;
                let seconds = SLOW_DISK.as_secs();
                log::warn!(
                    "files of the configuration (certificates and others) are still being looked at after {seconds} s"
                );
            }
            return;
        }
        if following.looked.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return;
        }
        following.looked = Some(Instant::now());
        let (seen, read) = (following.seen.clone(), self.reloader.reading_again());
        let look = move || {
            let stamps = stamps(&config);
            let read = seen.asks_for(&stamps).then(read);
            Looked { config, stamps, read }
        };
        let task = tokio::task::spawn_blocking(look);
        following.look = Some(Look { task, since: Instant::now(), told: false });
    }

    /// Uses what was read.
    pub(super) fn looked_at_files(&mut self, looked: Option<Looked>) {
        let Some(Looked { config, stamps, read }) = looked else { return };
        // A reload has read all of them since.
        if !Arc::ptr_eq(&config, &self.control.current.load().snapshot.config) {
            return;
        }
        let Some(read) = read else {
            self.following.seen.last = stamps;
            return;
        };
        let refused = read.is_err();
        self.following.seen = Seen { last: stamps.clone(), read: Some((stamps, Instant::now())), refused };
        match read {
            Ok(Some(candidate)) => self.use_files(candidate),
            Ok(None) if self.following.wrong.is_empty() => {}
            Ok(None) => log::info!("the files of the configuration hold again what is used"),
            Err(problems) => return self.refuse_files(problems),
        }
        self.files_are_good();
    }

    /// Nothing is complained of.
    fn files_are_good(&mut self) {
        self.following.wrong.clear();
        *self.control.refused_files.lock() = None;
        self.control.observer.metrics.files_are_used(true);
    }

    fn use_files(&mut self, candidate: Candidate) {
        let changes = self.reloader.files_changed(candidate);
        changes.iter().for_each(|change| log::info!("files have changed, and are used now: {change}"));
        self.control.observer.metrics.files_changed(true);
        self.control.observer.events.push(SystemTime::now(), "files", "weir", &changes.join("; "));
    }

    /// Tells what is wrong with them, once.
    fn refuse_files(&mut self, problems: Vec<Problem>) {
        let wrong: Vec<String> = problems.iter().map(ToString::to_string).collect();
        if wrong == self.following.wrong {
            return;
        }
        for problem in &wrong {
            log::error!("files have changed, and cannot be used; what was read before is kept: {problem}");
        }
        let first = wrong.first().cloned().unwrap_or_default();
        self.control.observer.metrics.files_changed(false);
        self.control.observer.metrics.files_are_used(false);
        self.control.observer.events.push(SystemTime::now(), "files", "weir", &format!("refused: {first}"));
        *self.control.refused_files.lock() = Some(first);
        self.following.wrong = wrong;
    }
}
