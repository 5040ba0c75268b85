//! One destination in the writer's hands: a file or standard error. Errors cost lines, which are counted and told once a
//! minute in the journal; they never cost more than that.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::sink::Lines;

/// What waits for one destination, and where it goes.
#[derive(Debug)]
pub(super) struct Desk {
    lines: Arc<Lines>,
    target: Target,
    /// Taken from `lines`; `written` bytes of it have gone out.
    hands: Vec<u8>,
    written: usize,
    /// The last thing in the file is half a line.
    torn: bool,
    trouble: Option<String>,
    told_dropped: u64,
    told: Option<Instant>,
    looked: Option<Instant>,
    finished: bool,
}

/// Where lines go.
#[derive(Debug)]
pub(super) enum Target {
    File { path: PathBuf, file: Option<File> },
    Stderr,
}

impl Target {
    /// Opens a log file to append to it, made with mode 0640 where there is none.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = match open(path) {
            Ok(file) => Some(file),
            // A FIFO that nobody reads yet is not a mistake of the configuration.
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => None,
            Err(error) => return Err(error),
        };
        Ok(Self::File { path: path.to_owned(), file })
    }
}

impl Desk {
    pub(super) fn new(lines: Arc<Lines>, target: Target) -> Self {
        let (hands, written, torn, trouble, told_dropped, told, looked, finished) = Default::default();
        Self { lines, target, hands, written, torn, trouble, told_dropped, told, looked, finished }
    }

    /// One turn: what waits goes out, then the file is opened anew where that is asked for or needed.
    pub(super) fn turn(&mut self, reopen: bool, now: Instant) {
        // Asked before the lines are taken: no line can come after the answer is yes.
        let closed = self.lines.closed();
        self.write_out();
        if reopen || self.is_due_and_gone(now) {
            self.reopen();
        }
        self.finished = closed;
        self.tell(now);
    }

    /// All its handles are dropped and the last line is dealt with.
    pub(super) fn finished(&self) -> bool {
        self.finished
    }

    fn write_out(&mut self) {
        // Two rounds, so that lines do not wait longer because older ones were stuck.
        for _ in 0..2 {
            if self.hands.is_empty() {
                self.lines.take(&mut self.hands);
            }
            match self.write_hands() {
                Ok(()) => self.empty_hands(),
                // A full pipe: its reader may come back.
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => self.lose(&error),
            }
        }
    }

    fn write_hands(&mut self) -> io::Result<()> {
        if self.torn && !self.hands.is_empty() {
            self.target.write(b"\n")?;
            self.torn = false;
        }
        while let Some(rest) = self.hands.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.target.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn lose(&mut self, error: &io::Error) {
        let (out, lost) = self.hands.split_at(self.written.min(self.hands.len()));
        self.torn = out.last().map_or(self.torn, |&byte| byte != b'\n');
        let lines = lost.iter().filter(|&&byte| byte == b'\n').count();
        self.lines.dropped.fetch_add(lines as u64, Relaxed);
        self.trouble = Some(error.to_string());
        self.empty_hands();
    }

    fn empty_hands(&mut self) {
        self.hands.clear();
        self.hands.shrink_to(KEPT);
        self.written = 0;
    }

    /// Once a second: a file that somebody deleted, or never could be opened, is worth another try.
    fn is_due_and_gone(&mut self, now: Instant) -> bool {
        if self.looked.is_some_and(|looked| now.duration_since(looked) < LOOK) {
            return false;
        }
        self.looked = Some(now);
        match &self.target {
            Target::Stderr => false,
            Target::File { file: None, .. } => true,
            Target::File { file: Some(file), .. } => file.metadata().is_ok_and(|data| data.nlink() == 0),
        }
    }

    fn reopen(&mut self) {
        let Target::File { path, file } = &mut self.target else { return };
        match open(path) {
            Ok(new) => {
                *file = Some(new);
                self.torn = false;
            }
            // The old file stays in use: better lines in the wrong place than none.
            Err(error) => self.trouble = Some(format!("cannot be opened again: {error}")),
        }
    }

    fn tell(&mut self, now: Instant) {
        let dropped = self.lines.dropped.load(Relaxed);
        let nothing_to_tell = self.trouble.is_none() && dropped == self.told_dropped;
        let told_lately = self.told.is_some_and(|told| now.duration_since(told) < TELL);
        // Standard error's own troubles have nowhere to be told.
        if nothing_to_tell || (told_lately && !self.finished) || matches!(self.target, Target::Stderr) {
            return;
        }
        let trouble = self.trouble.take().unwrap_or_else(|| "it cannot keep up".to_owned());
        let lost = dropped - self.told_dropped;
        log::warn!("log {}: {trouble}; lines lost since last told: {lost}, in all: {dropped}", self.lines.name);
        (self.told, self.told_dropped) = (Some(now), dropped);
    }
}

impl Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File { file: Some(file), .. } => file.write(bytes),
            Self::File { file: None, .. } => Err(io::Error::from_raw_os_error(libc::ENXIO)),
            Self::Stderr => io::stderr().lock().write(bytes),
        }
    }
}

/// Whether standard error is the journal's stream, as systemd says in JOURNAL_STREAM; then lines carry `<N>` levels.
pub(super) fn stderr_is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    rustix::fs::fstat(io::stderr()).is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

// O_NONBLOCK means nothing to a file on a disk, and keeps a FIFO's reader from holding the other logs up.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).custom_flags(libc::O_NONBLOCK).open(path)
}

const LOOK: Duration = Duration::from_secs(1);
const TELL: Duration = Duration::from_secs(60);
/// How much of a buffer is kept for the next lines once a burst is over.
const KEPT: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;

    use super::*;
    use crate::observe::sink::{Limits, LogQueue};

    fn desk(path: &Path) -> (LogQueue, Desk) {
        let limits = Limits { most: 1 << 20, wake: 1 << 20 };
        let lines = Arc::new(Lines::new("test".to_owned(), limits, b"", Arc::default()));
        (LogQueue::on(lines.clone()), Desk::new(lines, Target::open(path).unwrap()))
    }

    fn fresh(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("weir-desk-{}-{name}", std::process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    #[test]
    fn a_deleted_file_is_made_again_within_a_second() {
        let path = fresh("deleted");
        let (sink, mut desk) = desk(&path);
        let start = Instant::now();
        desk.turn(false, start);
        fs::remove_file(&path).unwrap();
        desk.turn(false, start + LOOK / 2);
        assert!(!path.exists(), "a file is not looked at on every turn");
        desk.turn(false, start + LOOK);
        sink.line(b"after");
        desk.turn(false, start + LOOK);
        assert_eq!(fs::read_to_string(&path).unwrap(), "after\n");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn half_a_line_is_ended_before_the_next_one_and_counted_as_lost() {
        let path = fresh("torn");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let reader = || OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path).unwrap();
        let first_reader = reader();
        let (sink, mut desk) = desk(&path);
        let now = Instant::now();
        for _ in 0..1_000 {
            sink.line(&[b'x'; 99]);
        }
        desk.turn(false, now);
        drop(first_reader);
        desk.turn(false, now);
        let whole = 1_000 - sink.dropped();
        assert!(whole < 1_000, "the pipe took less than everything");

        let mut reader = reader();
        let mut seen = vec![0; 1 << 20];
        let length = reader.read(&mut seen).unwrap() as u64;
        assert_eq!(length / 100, whole);
        assert_ne!(length % 100, 0, "the pipe holds half a line");
        sink.line(b"after");
        desk.turn(false, now);
        let count = reader.read(&mut seen).unwrap();
        assert_eq!(String::from_utf8_lossy(&seen[..count]), "\nafter\n");
        fs::remove_file(&path).unwrap();
    }
}
