//! Certificates that Weir orders from CAs by itself, and renews (ACME, RFC 8555).
//!
//! An order ends with a file in the state directory: it is there before anything uses it. The files of a configuration are followed,
//! these too, so what is written here is used a few seconds later, by this process or by the one that took over.
//!
//! Of each CA one certificate is ordered at a time. Only the process that writes the state directory orders.

mod account;
pub(crate) mod board;
mod complaint;
mod disk;
pub(crate) mod entry;
mod order;
mod program;
mod proof;
mod question;
mod schedule;
mod transport;
mod tries;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use self::board::Task;
use self::complaint::Complaint;
use self::entry::Entry;
use self::order::{Issued, NotKept, Wanted, keep};
use super::state::Control;
use crate::config::certificate::{Leaf, day};

/// How long a whole order may take.
const LONGEST_ORDER: Duration = Duration::from_secs(30 * 60);

/// Begins what is due. Called each second.
pub(crate) fn every_second(control: &Arc<Control>) {
    let generation = control.current.load_full();
    let config = &generation.snapshot.config;
    let mut board = control.acme.lock();
    if config.acme.is_empty() && board.entries.is_empty() {
        return;
    }
    let now = SystemTime::now();
    board.follow(config, now);
    let may_order = control.accepts.load(Ordering::Relaxed)
        && control.writes_state.load(Ordering::Relaxed)
        && !control.stopping.load(Ordering::Relaxed);
    if !may_order {
        return board.stop();
    }
    for acme in &config.acme {
        if !board.is_free(&acme.name) {
            continue;
        }
        if let Some((file, task)) = board.next(acme, config, now) {
            let done = tokio::spawn(run(Arc::clone(control), file, task));
            board.running.insert(Arc::clone(&acme.name), done);
        }
    }
}

/// Has the certificates of a site ordered anew. How many there are.
pub(crate) fn renew(control: &Control, site: &str) -> usize {
    let mut board = control.acme.lock();
    let of_site = board.entries.values_mut().filter(|entry| &*entry.site == site);
    of_site.map(|entry| entry.is_asked_for = true).count()
}

async fn run(control: Arc<Control>, file: PathBuf, task: Task) {
    match task {
        Task::Order { wanted, unwritten } => run_order(&control, &file, wanted, unwritten).await,
        Task::Question(question) => {
            let answer = question::ask(&question).await;
            let mut board = control.acme.lock();
            if let Some(entry) = board.entries.get_mut(&file) {
                question::note(entry, &question, answer, SystemTime::now());
            }
        }
    }
}

async fn run_order(control: &Arc<Control>, file: &Path, wanted: Wanted, unwritten: Option<Issued>) {
    let (issued, records) = match unwritten {
        Some(issued) => (Ok(issued), None),
        None => {
            let placed = tokio::time::timeout(LONGEST_ORDER, order::place(&wanted, &control.challenges)).await;
            match placed {
                Ok(ended) => (ended.outcome, Some(ended.records)),
                Err(_) => (Err(Complaint::own("the order was not over after half an hour".to_owned())), None),
            }
        }
    };
    let directory = wanted.acme.directory.clone();
    let written = match issued {
        Ok(issued) => write(wanted, issued).await,
        Err(complaint) => Err((complaint, None)),
    };
    note(control, file, (written, records), &directory);
    let (control, tries) = (Arc::clone(control), control.acme.lock().tries());
    let keeping = tokio::task::spawn_blocking(move || control.dir_to_write().iter().for_each(|dir| tries.write(dir)));
    // It fails only when the runtime ends.
    let _ = keeping.await;
}

/// How an order ended, and the records of DNS that it would need.
type OrderEnd = (Result<(Issued, Leaf), (Complaint, Option<Issued>)>, Option<Vec<String>>);

fn note(control: &Control, file: &Path, (written, records): OrderEnd, directory: &str) {
    let now = SystemTime::now();
    let mut board = control.acme.lock();
    let Some(entry) = board.entries.get_mut(file) else { return };
    entry.since = None;
    // One that failed earlier than at its proofs says nothing of them.
    if let Some(records) = records.filter(|records| !records.is_empty()) {
        entry.records = records;
    }
    match written {
        Ok((issued, leaf)) => {
            let text = format!("ordered from {}, valid until {}", entry.authority, day(leaf.not_after));
            log::info!("the certificate of {} was {text}; it is in {}", entry.site, file.display());
            tell(control, entry, &text, true);
            entry.succeeded(&issued, leaf, directory, now);
        }
        Err((complaint, unwritten)) => {
            let pause = entry.failed(&complaint, now);
            entry.unwritten = unwritten;
            let why = &complaint.what;
            let what = format!("cannot be ordered from {}: {why}", entry.authority);
            log::error!("the certificate of {} {what}; next try in {}", entry.site, in_words(pause));
            for record in &entry.records {
                log::error!("the certificate of {} needs this DNS record: {record}", entry.site);
            }
            tell(control, entry, &what, false);
        }
    }
}

fn tell(control: &Control, entry: &Entry, text: &str, given: bool) {
    control.observer.events.push(SystemTime::now(), "certificate", &entry.site, text);
    control.observer.metrics.ordered(&entry.site, given);
}

fn in_words(pause: Duration) -> String {
    match pause.as_secs() {
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

/// Writes it. What could not be written for the disk's sake is given back.
async fn write(wanted: Wanted, issued: Issued) -> Result<(Issued, Leaf), (Complaint, Option<Issued>)> {
    let writing = tokio::task::spawn_blocking(move || {
        let kept = keep(&wanted.file, &issued, &wanted.hosts);
        (kept, issued)
    });
    match writing.await {
        Ok((Ok(leaf), issued)) => Ok((issued, leaf)),
        Ok((Err(NotKept::Disk(why)), issued)) => {
            Err((Complaint::own(format!("it was given, and cannot be written: {why}")), Some(issued)))
        }
        Ok((Err(NotKept::Unusable(why)), _)) => Err((Complaint::own(why), None)),
        Err(error) => Err((Complaint::own(error.to_string()), None)),
    }
}
