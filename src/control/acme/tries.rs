//! The orders that failed lately, over restarts and upgrades. Public CAs take five failures an hour for a name and then nothing for an
//! hour, and may say that they do not want to be asked for a while. A Weir that is started again and again keeps to that too.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::control::store::state_dir::StateDir;

/// Its name in the state directory.
const FILE: &str = "orders.json";

/// The version that is written, and the only one that is read.
const VERSION: u64 = 1;

/// So many may fail within [`WITHIN`] seconds.
const ALLOWED: usize = 5;
const WITHIN: i64 = 3600;

/// A CA says for a day at most that it does not want to be asked.
const LONGEST_ASKED_FOR: i64 = 24 * 3600;

/// When orders of a certificate failed, and when the next may be, in Unix seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tries {
    /// The last that failed, the newest at the end.
    failed: Vec<i64>,
    /// The CA does not want to be asked before.
    not_before: i64,
}

impl Tries {
    /// One more has failed. `asked_for`: how long the CA does not want to be asked.
    pub(super) fn failed(&mut self, at: i64, asked_for: i64) {
        if self.failed.len() == ALLOWED {
            self.failed.remove(0);
        }
        self.failed.push(at);
        self.not_before = at.saturating_add(asked_for);
    }

    /// When the next may be. A clock that was set back since makes nothing wait longer.
    pub(super) fn next(&self, now: i64) -> i64 {
        let begins = self.failed.len().checked_sub(ALLOWED).and_then(|at| self.failed.get(at));
        let too_many = begins.filter(|at| **at <= now).map_or(0, |at| at.saturating_add(WITHIN));
        let asked_for = if self.not_before <= now.saturating_add(LONGEST_ASKED_FOR) { self.not_before } else { 0 };
        too_many.max(asked_for)
    }

    /// When the last one failed.
    pub(super) fn last(&self) -> Option<i64> {
        self.failed.last().copied()
    }
}

/// What is kept of a certificate whose last order failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) authority: String,
    pub(super) hosts: Vec<String>,
    /// How many failed since one succeeded.
    pub(super) failures: u32,
    /// Why the last one failed.
    pub(super) error: String,
    pub(super) tries: Tries,
}

/// Of each certificate, by the name of its file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptTries {
    version: u64,
    certificates: BTreeMap<String, Kept>,
}

impl KeptTries {
    /// Those of before. Nothing, where the file cannot be used: it is set aside.
    pub(super) fn read(dir: &StateDir) -> Self {
        dir.read_as(FILE, Self::parse).unwrap_or_else(|why| {
            log::warn!("it is not known which orders of certificates failed lately: {why}");
            Self::default()
        })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let file: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if file.version == VERSION { Ok(file) } else { Err(format!("it has version {}", file.version)) }
    }

    /// Of these certificates, as far as orders failed.
    pub(super) fn of<'a>(all: impl Iterator<Item = (&'a Path, Kept)>) -> Self {
        let failed = all.filter(|(_, kept)| kept.tries.last().is_some());
        Self { version: VERSION, certificates: failed.map(|(file, kept)| (name(file), kept)).collect() }
    }

    /// What was kept of a certificate, if it was the same order.
    pub(super) fn take(&mut self, file: &Path, authority: &str, hosts: &[String]) -> Option<Kept> {
        self.certificates.remove(&name(file)).filter(|kept| kept.authority == authority && kept.hosts == hosts)
    }

    /// Writes them. Where this fails, the next start may ask the CA too early.
    pub(super) fn write(&self, dir: &StateDir) {
        if let Err(error) = dir.replace(FILE, |out| Ok(serde_json::to_writer(out, self)?)) {
            log::warn!("the next start will not know which orders of certificates failed lately: {error}");
        }
    }
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn failed_at(moments: &[i64]) -> Tries {
        let mut tries = Tries::default();
        moments.iter().for_each(|at| tries.failed(NOW + at, 0));
        tries
    }

    #[test]
    fn a_sixth_try_within_an_hour_waits() {
        assert_eq!(Tries::default().next(NOW), 0);
        assert!(failed_at(&[-50, -40, -30, -20]).next(NOW) <= NOW);
        assert_eq!(failed_at(&[-50, -40, -30, -20, -10]).next(NOW), NOW - 50 + 3600);
        assert_eq!(failed_at(&[-60, -50, -40, -30, -20, -10]).next(NOW), NOW - 50 + 3600, "only the last five count");
        assert!(failed_at(&[-3600, -40, -30, -20, -10]).next(NOW) <= NOW);
        assert!(failed_at(&[50, 60, 70, 80, 90]).next(NOW) <= NOW + 90, "the clock was set back");
    }

    #[test]
    fn a_ca_that_wants_to_be_left_alone_is() {
        let mut tries = Tries::default();
        tries.failed(NOW - 10, 7200);
        assert_eq!(tries.next(NOW), NOW - 10 + 7200);
        assert_eq!(tries.next(NOW - 50 * 3600), 0, "the clock was set back");
        tries.failed(NOW, 0);
        assert!(tries.next(NOW) <= NOW);
    }

    #[test]
    fn what_was_kept_counts_for_the_same_order_only() {
        let (file, hosts) = (Path::new("/x/certificates/esb.ecdsa-p256.pem"), ["esb.test".to_owned()]);
        let (authority, error) = ("house".to_owned(), "badNonce".to_owned());
        let kept = Kept { authority, hosts: hosts.to_vec(), failures: 7, error, tries: failed_at(&[-1]) };
        let never = Kept { tries: Tries::default(), ..kept.clone() };
        let all = KeptTries::of([(file, kept.clone()), (Path::new("/x/certificates/mgt.pem"), never)].into_iter());
        let text = serde_json::to_vec(&all).unwrap();
        let read = KeptTries::parse(&text).expect("good");
        assert_eq!((&read, read.certificates.len()), (&all, 1));
        assert_eq!(read.clone().take(Path::new("/y/esb.ecdsa-p256.pem"), "house", &hosts), Some(kept));
        assert_eq!(read.clone().take(file, "other", &hosts), None);
        assert_eq!(read.clone().take(file, "house", &[]), None);
        assert!(KeptTries::parse(br#"{"version":2,"certificates":{}}"#).expect_err("later").contains("version 2"));
        assert!(KeptTries::parse(b"").is_err());
    }
}
