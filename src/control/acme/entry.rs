//! What is known of one certificate that is ordered: what there is, when the next one is, and how the last order went.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls_pki_types::CertificateDer;

use super::complaint::Complaint;
use super::order::Issued;
use super::schedule::{Life, chance_of, pause};
use super::tries::{Kept, Tries};
use crate::config::certificate::{Leaf, day};
use crate::config::{Acme, HostPattern, KeyType, Known};

/// How long a certificate that was just written counts, though a configuration that was read before does not have it.
const JUST_WRITTEN: Duration = Duration::from_secs(60);

/// One certificate of a site.
pub(crate) struct Entry {
    pub(crate) site: Arc<str>,
    pub(crate) authority: Arc<str>,
    pub(crate) key_type: KeyType,
    pub(super) hosts: Vec<HostPattern>,
    pub(super) has: Option<Has>,
    /// When the CA is asked for its renewal information, in Unix seconds.
    pub(super) question_at: i64,
    /// An operator wants another one.
    pub(super) is_asked_for: bool,
    /// What is done for it now.
    pub(crate) since: Option<SystemTime>,
    /// How the last order ended.
    pub(crate) last: Option<Last>,
    /// How many orders failed since one succeeded.
    pub(crate) failures: u32,
    retry_at: i64,
    /// What failed lately, also before this start.
    tries: Tries,
    /// A certificate that could not be written.
    pub(super) unwritten: Option<Issued>,
    /// The DNS records that the operator is to make once.
    pub(crate) records: Vec<String>,
}

/// A certificate that there is.
pub(super) struct Has {
    pub(super) leaf: Leaf,
    pub(super) der: CertificateDer<'static>,
    directory: String,
    pub(super) window: Option<(i64, i64)>,
    chance: f64,
}

/// How an order ended.
pub(crate) struct Last {
    pub(crate) at: SystemTime,
    /// Why there is none.
    pub(crate) error: Option<String>,
}

/// When a certificate is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Now, and why.
    Now(String),
    /// At this time, in Unix seconds.
    At(i64),
}

impl Entry {
    /// Of which nothing is known yet.
    pub(super) fn new(site: &Arc<str>, key_type: KeyType) -> Self {
        Self {
            site: Arc::clone(site),
            authority: Arc::default(),
            key_type,
            hosts: Vec::new(),
            has: None,
            question_at: 0,
            is_asked_for: false,
            since: None,
            last: None,
            failures: 0,
            retry_at: 0,
            tries: Tries::default(),
            unwritten: None,
            records: Vec::new(),
        }
    }

    /// Takes over what a configuration says.
    pub(super) fn follow(
        &mut self,
        authority: &Arc<str>,
        hosts: &[HostPattern],
        known: Option<&Known>,
        now: SystemTime,
    ) {
        if self.authority != *authority || self.hosts != hosts {
            // What failed was another order.
            (self.failures, self.unwritten) = (0, None);
            self.try_at_once();
        }
        (self.authority, self.hosts) = (Arc::clone(authority), hosts.to_vec());
        let just_written = self.last.as_ref().is_some_and(|last| {
            last.error.is_none() && now.duration_since(last.at).is_ok_and(|since| since < JUST_WRITTEN)
        });
        match (known.and_then(Has::of), &self.has) {
            (None, _) if just_written => {}
            (Some(has), Some(own)) if has.der == own.der || own.leaf.not_before > has.leaf.not_before => {}
            (has, _) => (self.has, self.question_at) = (has, 0),
        }
    }

    /// What failed may succeed now.
    pub(super) fn try_at_once(&mut self) {
        (self.retry_at, self.tries) = (0, Tries::default());
    }

    /// What failed before this start. When it is tried again, if that is later than now.
    pub(super) fn failed_before(&mut self, kept: Kept, now: i64) -> Option<i64> {
        let at = kept.tries.last().and_then(|last| u64::try_from(last).ok()).unwrap_or_default();
        let at = UNIX_EPOCH.checked_add(Duration::from_secs(at)).unwrap_or(UNIX_EPOCH);
        self.last = Some(Last { at, error: Some(kept.error) });
        (self.failures, self.tries) = (kept.failures, kept.tries);
        Some(self.tries.next(now)).filter(|next| *next > now)
    }

    /// For the next start.
    pub(super) fn kept(&self) -> Kept {
        Kept {
            authority: self.authority.to_string(),
            hosts: self.host_names(),
            failures: self.failures,
            error: self.last.as_ref().and_then(|last| last.error.clone()).unwrap_or_default(),
            tries: self.tries.clone(),
        }
    }

    pub(super) fn host_names(&self) -> Vec<String> {
        self.hosts.iter().map(ToString::to_string).collect()
    }

    /// When it is ordered.
    pub(crate) fn due(&self, acme: &Acme, now: i64) -> Due {
        let due = self.wanted(acme, now);
        let retry_at = self.retry_at.max(self.tries.next(now));
        if !self.is_asked_for && retry_at > now {
            return match due {
                Due::At(at) => Due::At(at.max(retry_at)),
                Due::Now(_) => Due::At(retry_at),
            };
        }
        due
    }

    fn wanted(&self, acme: &Acme, now: i64) -> Due {
        if self.is_asked_for {
            return Due::Now("an operator wants another one".to_owned());
        }
        let Some(has) = &self.has else { return Due::Now("there is none yet".to_owned()) };
        if has.directory != acme.directory {
            let from = if has.directory.is_empty() { "another CA" } else { &has.directory };
            return Due::Now(format!("the one that there is comes from {from}"));
        }
        let missing: Vec<String> =
            self.hosts.iter().filter(|host| !has.leaf.covers(host)).map(ToString::to_string).collect();
        if !missing.is_empty() {
            return Due::Now(format!("the one that there is does not cover {}", missing.join(", ")));
        }
        let until = day(has.leaf.not_after);
        match has.life().renewal() {
            at if at > now => Due::At(at),
            _ if has.window.is_some() => Due::Now(format!("its CA wants it renewed; it is valid until {until}")),
            _ => Due::Now(format!("the one that there is ends on {until}")),
        }
    }

    /// A certificate was written.
    pub(super) fn succeeded(&mut self, issued: &Issued, leaf: Leaf, directory: &str, at: SystemTime) {
        self.has = issued.certificate().map(|der| Has::new(der, leaf, directory));
        (self.failures, self.question_at) = (0, 0);
        self.try_at_once();
        (self.is_asked_for, self.unwritten) = (false, None);
        self.last = Some(Last { at, error: None });
    }

    /// How long to the next try.
    pub(super) fn failed(&mut self, complaint: &Complaint, at: SystemTime) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.is_asked_for = false;
        let chance = chance_of(format!("{}{}{}", self.site, self.failures, unix(at)).as_bytes());
        let pause = pause(self.failures, complaint.retry_after, chance);
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        self.retry_at = unix(at).saturating_add(seconds(pause));
        // The pause is as long as the CA asked for, where that is more than our own.
        let asked_for = complaint.retry_after.map_or(0, |_| seconds(pause));
        self.tries.failed(unix(at), asked_for);
        self.last = Some(Last { at, error: Some(complaint.what.clone()) });
        pause
    }

    /// Until when it is valid, in Unix seconds.
    pub(crate) fn not_after(&self) -> Option<i64> {
        self.has.as_ref().map(|has| has.leaf.not_after)
    }
}

impl Has {
    fn of(known: &Known) -> Option<Self> {
        let pair = &known.certificate.pair;
        Some(Self::new(pair.certified.cert.first()?.clone(), pair.leaf.clone(), &known.directory))
    }

    fn new(der: CertificateDer<'static>, leaf: Leaf, directory: &str) -> Self {
        let chance = chance_of(&der);
        Self { leaf, der, directory: directory.to_owned(), window: None, chance }
    }

    fn life(&self) -> Life {
        let (not_before, not_after) = (self.leaf.not_before, self.leaf.not_after);
        Life { not_before, not_after, window: self.window, chance: self.chance }
    }
}

/// In Unix seconds.
pub(super) fn unix(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
