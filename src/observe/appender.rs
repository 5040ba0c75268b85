//! Writes the lines of one queue to a file or to standard error, as the writer thread asks. When a write fails, its lines
//! are lost; they are counted and told in the journal, at most once a minute.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::queue::QueuedLines;

/// One destination: its queue, its output and what of the queue is being written.
#[derive(Debug)]
pub(super) struct Appender {
    lines: Arc<QueuedLines>,
    output: Output,
    /// Taken from `lines`; `written` bytes of it have gone out.
    buffer: Vec<u8>,
    written: usize,
    /// The file ends in half a line.
    half_line: bool,
    trouble: Option<String>,
    reported_dropped: u64,
    reported: Option<Instant>,
    checked: Option<Instant>,
    finished: bool,
}

/// A log file that is appended to, or standard error.
#[derive(Debug)]
pub(super) enum Output {
    File { path: PathBuf, file: Option<File> },
    Stderr,
}

impl Output {
    /// Opens a log file to append to it, made with mode 0640 where there is none.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = match open(path) {
            Ok(file) => Some(file),
            // A FIFO without a reader: one may come later, so this is no error of the configuration.
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => None,
            Err(error) => return Err(error),
        };
        Ok(Self::File { path: path.to_owned(), file })
    }
}

impl Appender {
    pub(super) fn new(lines: Arc<QueuedLines>, output: Output) -> Self {
        let (buffer, written, half_line, trouble, reported_dropped, reported, checked, finished) = Default::default();
        Self { lines, output, buffer, written, half_line, trouble, reported_dropped, reported, checked, finished }
    }

    /// Writes what waits, then opens the file anew where that is asked for or needed.
    pub(super) fn write_pending(&mut self, reopen: bool, now: Instant) {
        // Read before the lines are taken: once the queue is closed no more can come.
        let closed = self.lines.closed();
        self.write_queue();
        if reopen || self.must_reopen(now) {
            self.reopen();
        }
        self.finished = closed;
        self.report(now);
    }

    /// The queue is closed, and its last line is written or counted as lost.
    pub(super) fn finished(&self) -> bool {
        self.finished
    }

    fn write_queue(&mut self) {
        // Twice, so that after an older buffer at last went out the lines in the queue go too.
        for _ in 0..2 {
            if self.buffer.is_empty() {
                self.lines.take(&mut self.buffer);
            }
            match self.write_buffer() {
                Ok(()) => self.clear_buffer(),
                // The pipe is full; its reader may read again later.
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => self.lose(&error),
            }
        }
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        if self.half_line && !self.buffer.is_empty() {
            self.output.write(b"\n")?;
            self.half_line = false;
        }
        while let Some(rest) = self.buffer.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.output.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn lose(&mut self, error: &io::Error) {
        let (out, lost) = self.buffer.split_at(self.written.min(self.buffer.len()));
        self.half_line = out.last().map_or(self.half_line, |&byte| byte != b'\n');
        let lines = lost.iter().filter(|&&byte| byte == b'\n').count();
        self.lines.dropped.fetch_add(lines as u64, Relaxed);
        self.trouble = Some(error.to_string());
        self.clear_buffer();
    }

    fn clear_buffer(&mut self) {
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT);
        self.written = 0;
    }

    /// Whether the file was deleted or could not be opened so far. Looks once a second.
    fn must_reopen(&mut self, now: Instant) -> bool {
        if self.checked.is_some_and(|checked| now.duration_since(checked) < CHECK_EVERY) {
            return false;
        }
        self.checked = Some(now);
        match &self.output {
            Output::Stderr => false,
            Output::File { file: None, .. } => true,
            Output::File { file: Some(file), .. } => file.metadata().is_ok_and(|data| data.nlink() == 0),
        }
    }

    fn reopen(&mut self) {
        let Output::File { path, file } = &mut self.output else { return };
        match open(path) {
            Ok(new) => {
                *file = Some(new);
                self.half_line = false;
            }
            // The old file stays in use, so that the lines are not lost.
            Err(error) => self.trouble = Some(format!("cannot be opened again: {error}")),
        }
    }

    fn report(&mut self, now: Instant) {
        let dropped = self.lines.dropped.load(Relaxed);
        let nothing_to_report = self.trouble.is_none() && dropped == self.reported_dropped;
        let reported_lately = self.reported.is_some_and(|reported| now.duration_since(reported) < REPORT_EVERY);
        // The journal is standard error, so there is no other place to report its own trouble.
        if nothing_to_report || (reported_lately && !self.finished) || matches!(self.output, Output::Stderr) {
            return;
        }
        let trouble = self.trouble.take().unwrap_or_else(|| "it cannot keep up".to_owned());
        let lost = dropped - self.reported_dropped;
        log::warn!("log {}: {trouble}; lines lost since last told: {lost}, in all: {dropped}", self.lines.name);
        (self.reported, self.reported_dropped) = (Some(now), dropped);
    }
}

impl Output {
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

// O_NONBLOCK changes nothing for a file on a disk. With a FIFO it keeps a slow reader from blocking the writer thread,
// which other logs share.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).custom_flags(libc::O_NONBLOCK).open(path)
}

const CHECK_EVERY: Duration = Duration::from_secs(1);
const REPORT_EVERY: Duration = Duration::from_secs(60);
/// How much of the buffer stays allocated after a burst.
const BUFFER_KEPT: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;

    use super::*;
    use crate::observe::queue::{LogQueue, QueueLimits};

    fn appender(path: &Path) -> (LogQueue, Appender) {
        let limits = QueueLimits { most: 1 << 20, wake: 1 << 20 };
        let lines = Arc::new(QueuedLines::new("test".to_owned(), limits, b"", Arc::default()));
        (LogQueue::new(lines.clone()), Appender::new(lines, Output::open(path).unwrap()))
    }

    fn fresh(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("weir-appender-{}-{name}", std::process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    #[test]
    fn a_deleted_file_is_made_again_within_a_second() {
        let path = fresh("deleted");
        let (queue, mut appender) = appender(&path);
        let start = Instant::now();
        appender.write_pending(false, start);
        fs::remove_file(&path).unwrap();
        appender.write_pending(false, start + CHECK_EVERY / 2);
        assert!(!path.exists(), "a file is not looked at on every turn");
        appender.write_pending(false, start + CHECK_EVERY);
        queue.line(b"after");
        appender.write_pending(false, start + CHECK_EVERY);
        assert_eq!(fs::read_to_string(&path).unwrap(), "after\n");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn half_a_line_is_ended_before_the_next_one_and_counted_as_lost() {
        let path = fresh("torn");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let reader = || OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path).unwrap();
        let first_reader = reader();
        let (queue, mut appender) = appender(&path);
        let now = Instant::now();
        for _ in 0..1_000 {
            queue.line(&[b'x'; 99]);
        }
        appender.write_pending(false, now);
        drop(first_reader);
        appender.write_pending(false, now);
        let whole = 1_000 - queue.dropped();
        assert!(whole < 1_000, "the pipe took less than everything");

        let mut reader = reader();
        let mut seen = vec![0; 1 << 20];
        let length = reader.read(&mut seen).unwrap() as u64;
        assert_eq!(length / 100, whole);
        assert_ne!(length % 100, 0, "the pipe holds half a line");
        queue.line(b"after");
        appender.write_pending(false, now);
        let count = reader.read(&mut seen).unwrap();
        assert_eq!(String::from_utf8_lossy(&seen[..count]), "\nafter\n");
        fs::remove_file(&path).unwrap();
    }
}
