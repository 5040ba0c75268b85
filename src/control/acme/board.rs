//! All certificates that are ordered, and what is to be done for them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::task::JoinHandle;

use super::complaint::Complaint;
use super::entry::{Due, Entry, unix};
use super::order::{Issued, Wanted};
use super::question::Question;
use super::tries::KeptTries;
use crate::config::{Acme, Config};
use crate::control::store::state_dir::StateDir;

/// All certificates that are ordered.
#[derive(Default)]
pub(crate) struct Board {
    config: Option<Arc<Config>>,
    /// By their files.
    pub(super) entries: BTreeMap<PathBuf, Entry>,
    /// What is done now, by CA.
    pub(super) running: HashMap<Arc<str>, JoinHandle<()>>,
    /// What failed before this start, until it is known what is ordered.
    before: KeptTries,
}

/// What is done for a certificate.
pub(super) enum Task {
    Order {
        wanted: Wanted,
        unwritten: Option<Issued>,
    },
    /// Asks the CA when to renew it.
    Question(Question),
}

impl Board {
    /// At a start, with what the state directory tells.
    pub(crate) fn of_start(dir: Option<&StateDir>) -> Self {
        Self { before: dir.map(KeptTries::read).unwrap_or_default(), ..Self::default() }
    }

    /// What failed lately, for the next start.
    pub(super) fn tries(&self) -> KeptTries {
        KeptTries::of(self.entries.iter().map(|(file, entry)| (file.as_path(), entry.kept())))
    }

    /// How many orders failed since one succeeded, by site.
    pub(crate) fn failures(&self) -> BTreeMap<Arc<str>, u32> {
        let mut by_site = BTreeMap::new();
        for entry in self.entries.values() {
            let failures: &mut u32 = by_site.entry(Arc::clone(&entry.site)).or_default();
            *failures = entry.failures.max(*failures);
        }
        by_site
    }

    /// Every certificate that is ordered.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Every certificate that is ordered, its file, and when the next order is.
    pub(crate) fn all(&self, now: SystemTime) -> impl Iterator<Item = (&Path, &Entry, Option<Due>)> {
        self.entries.iter().map(move |(file, entry)| {
            let acme = self.config.iter().flat_map(|config| &config.acme).find(|acme| acme.name == entry.authority);
            (file.as_path(), entry, acme.map(|acme| entry.due(acme, unix(now))))
        })
    }

    /// Takes over what a new configuration orders.
    pub(super) fn follow(&mut self, config: &Arc<Config>, now: SystemTime) {
        if self.config.as_ref().is_some_and(|known| Arc::ptr_eq(known, config)) {
            return;
        }
        let (mut before, mut kept) = (std::mem::take(&mut self.entries), std::mem::take(&mut self.before));
        for site in &config.sites {
            for ordered in &site.ordered {
                let known = before.remove(&ordered.file);
                let mut entry = known.unwrap_or_else(|| Entry::new(&site.name, ordered.key_type));
                if let Some(acme) = config.acme.get(ordered.authority) {
                    if self.has_changed(acme) {
                        entry.try_at_once();
                    }
                    entry.follow(&acme.name, &site.hosts, ordered.known.as_ref(), now);
                    recall(&mut entry, &mut kept, &ordered.file, unix(now));
                    self.entries.insert(ordered.file.clone(), entry);
                }
            }
        }
        self.config = Some(Arc::clone(config));
    }

    /// Whether an operator has changed what is said of a CA.
    fn has_changed(&self, acme: &Acme) -> bool {
        let before = self.config.iter().flat_map(|config| &config.acme).find(|before| before.name == acme.name);
        before.is_none_or(|before| !before.is_same(acme))
    }

    /// Ends what is done: another process does it, or none.
    pub(super) fn stop(&mut self) {
        self.running.drain().for_each(|(_, task)| task.abort());
        self.entries.values_mut().for_each(|entry| entry.since = None);
    }

    pub(super) fn is_free(&mut self, authority: &str) -> bool {
        if self.running.get(authority).is_some_and(|task| !task.is_finished()) {
            return false;
        }
        if self.running.remove(authority).is_some() {
            // It has told how it ended, unless it panicked.
            self.entries.values_mut().filter(|entry| &*entry.authority == authority).for_each(|entry| {
                if entry.since.take().is_some() {
                    entry.failed(&Complaint::own("the order broke off".to_owned()), SystemTime::now());
                }
            });
        }
        true
    }

    /// What is due of this CA: an order, or else a question.
    pub(super) fn next(&mut self, acme: &Acme, config: &Config, now: SystemTime) -> Option<(PathBuf, Task)> {
        // One that is being ordered from the CA that its site named before is not begun a second time.
        let of_ca = |entry: &Entry| entry.authority == acme.name && entry.since.is_none();
        let due = self.entries.iter_mut().filter(|(_, entry)| of_ca(entry)).find_map(|(file, entry)| {
            let Due::Now(why) = entry.due(acme, unix(now)) else { return None };
            Some((file, entry, why))
        });
        if let Some((file, entry, why)) = due {
            entry.since = Some(now);
            log::info!("the certificate of {} is ordered from {}: {why}", entry.site, acme.name);
            let wanted = Wanted {
                acme: acme.clone(),
                hosts: entry.hosts.clone(),
                key_type: entry.key_type,
                file: file.clone(),
                state_dir: config.state_dir.clone(),
                replaces: entry.has.as_ref().map(|has| has.der.clone()),
            };
            return Some((file.clone(), Task::Order { wanted, unwritten: entry.unwritten.take() }));
        }
        let is_due = |entry: &Entry| entry.has.is_some() && entry.question_at <= unix(now);
        let (file, entry) = self.entries.iter().find(|(_, entry)| of_ca(entry) && is_due(entry))?;
        let der = entry.has.as_ref()?.der.clone();
        let state_dir = config.state_dir.clone();
        Some((file.clone(), Task::Question(Question { acme: acme.clone(), der, state_dir })))
    }
}

/// What failed before this start counts, where the same was ordered.
fn recall(entry: &mut Entry, kept: &mut KeptTries, file: &Path, now: i64) {
    let Some(kept) = kept.take(file, &entry.authority, &entry.host_names()) else { return };
    if let Some(next) = entry.failed_before(kept, now) {
        log::warn!(
            "orders of the certificate of {} failed before this start, and {} is not asked again for {} min, as CAs want it; `weir cert renew {}` asks at once",
            entry.site,
            entry.authority,
            (next - now) / 60 + 1,
            entry.site
        );
    }
}
