//! The log files of all sites. A path is opened once and shared, reopened for logrotate (SIGUSR1), and closed when no site
//! names it any more. Requests only add to the queues, so trouble with a file never reaches them.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::appender::{Appender, Output, stderr_is_journal};
use super::queue::{QueueLimits, QueuedLines};
use super::writer::Writer;

pub use super::queue::LogQueue;

/// Where a log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A file, appended to.
    File(PathBuf),
    /// The journal, by standard error.
    Journal,
    /// Nowhere.
    Off,
}

/// All destinations of access and error logs.
#[derive(Debug)]
pub struct Logs {
    limits: QueueLimits,
    files: Writer,
    /// A thread of its own, started at the first use, so that a journal that blocks does not delay the files.
    journal: Mutex<Option<Writer>>,
    open: Mutex<Vec<Weak<LogQueue>>>,
}

impl Logs {
    /// Starts the thread that writes them.
    pub fn start() -> io::Result<Self> {
        Self::with_limits(QueueLimits { most: 4 * 1024 * 1024, wake: 64 * 1024 })
    }

    /// The queue of a destination, the same one for the same path as long as somebody holds it; none for `Off`.
    /// Opens the file at once, so that one that cannot be opened is an error of the configuration.
    pub fn open(&self, destination: &Destination) -> io::Result<Option<Arc<LogQueue>>> {
        let name = match destination {
            Destination::File(path) => path.to_string_lossy().into_owned(),
            Destination::Journal => "journal".to_owned(),
            Destination::Off => return Ok(None),
        };
        let mut open = self.open.lock();
        open.retain(|queue| queue.strong_count() > 0);
        if let Some(queue) = open.iter().filter_map(Weak::upgrade).find(|queue| queue.name() == name) {
            return Ok(Some(queue));
        }
        let queue = Arc::new(match destination {
            Destination::File(path) => Self::on(&self.files, name, self.limits, Output::open(path)?),
            _ => self.on_journal(name)?,
        });
        open.push(Arc::downgrade(&queue));
        Ok(Some(queue))
    }

    /// Opens every file anew, after what waits has gone to the old one (SIGUSR1).
    pub fn reopen(&self) {
        self.files.reopen();
    }

    /// Waits until what waits now is written; false if `within` was not enough.
    pub fn flush(&self, within: Duration) -> bool {
        let files = self.files.flush(within);
        self.journal.lock().as_ref().is_none_or(|journal| journal.flush(within)) && files
    }

    /// The lines lost so far, by destination.
    pub fn dropped(&self) -> Vec<(String, u64)> {
        let open = self.open.lock();
        open.iter().filter_map(Weak::upgrade).map(|queue| (queue.name().to_owned(), queue.dropped())).collect()
    }

    fn with_limits(limits: QueueLimits) -> io::Result<Self> {
        Ok(Self {
            limits,
            files: Writer::start("weir-logs", PAUSE)?,
            journal: Mutex::default(),
            open: Mutex::default(),
        })
    }

    fn on_journal(&self, name: String) -> io::Result<LogQueue> {
        let mut journal = self.journal.lock();
        let writer = match journal.as_ref() {
            Some(writer) => writer,
            None => journal.insert(Writer::start("weir-logs-err", PAUSE)?),
        };
        Ok(Self::on(writer, name, self.limits, Output::Stderr))
    }

    fn on(writer: &Writer, name: String, limits: QueueLimits, output: Output) -> LogQueue {
        let prefix: &[u8] = if matches!(output, Output::Stderr) && stderr_is_journal() { b"<6>" } else { b"" };
        let lines = Arc::new(QueuedLines::new(name, limits, prefix, writer.wakeup()));
        writer.add(Appender::new(lines.clone(), output));
        LogQueue::new(lines)
    }
}

const PAUSE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    use std::path::Path;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// A directory that goes away with the test.
    struct TempDir(PathBuf);

    impl TempDir {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("weir-logs-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for TempDir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn queue(logs: &Logs, path: &Path) -> Arc<LogQueue> {
        logs.open(&Destination::File(path.to_owned())).unwrap().unwrap()
    }

    #[test]
    fn lines_are_appended_to_a_file_only_its_group_may_read() {
        let dir = TempDir::new("append");
        let path = dir.file("access.log");
        fs::write(&path, "old\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let logs = Logs::start().unwrap();
        queue(&logs, &path).line(b"new");
        let other = queue(&logs, &dir.file("other.log"));
        other.line(b"x");
        assert!(logs.flush(SOON));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\nnew\n");
        let mode = fs::metadata(dir.file("other.log")).unwrap().permissions().mode();
        assert_eq!(mode & 0o137, 0, "{mode:o}");
    }

    #[test]
    fn a_path_is_shared_as_long_as_a_site_names_it_then_closed() {
        let dir = TempDir::new("share");
        let logs = Logs::start().unwrap();
        let path = dir.file("a.log");
        let (first, second) = (queue(&logs, &path), queue(&logs, &path));
        assert!(Arc::ptr_eq(&first, &second));
        second.line(b"the last line is not lost");
        drop((first, second));
        assert!(logs.flush(SOON));
        assert_eq!(fs::read_to_string(&path).unwrap(), "the last line is not lost\n");
        let held = fs::read_dir("/proc/self/fd").unwrap();
        let held = held.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).any(|target| target == path);
        assert!(!held, "the file is closed");
        assert!(logs.dropped().is_empty());
        assert!(logs.open(&Destination::Off).unwrap().is_none());
    }

    #[test]
    fn what_cannot_be_opened_is_said_at_once() {
        let dir = TempDir::new("cannot");
        let logs = Logs::start().unwrap();
        let missing = logs.open(&Destination::File(dir.file("no/such/dir.log"))).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let directory = logs.open(&Destination::File(dir.0.clone())).unwrap_err();
        assert_eq!(directory.kind(), io::ErrorKind::IsADirectory);
    }

    #[test]
    fn after_a_rename_lines_go_to_the_old_file_until_it_is_reopened() {
        let dir = TempDir::new("rename");
        let (path, old) = (dir.file("a.log"), dir.file("a.log.1"));
        let logs = Logs::start().unwrap();
        let queue = queue(&logs, &path);
        queue.line(b"1");
        assert!(logs.flush(SOON));
        fs::rename(&path, &old).unwrap();
        queue.line(b"2");
        logs.reopen();
        assert!(logs.flush(SOON));
        queue.line(b"3");
        assert!(logs.flush(SOON));
        assert_eq!(fs::read_to_string(&old).unwrap(), "1\n2\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "3\n");
        assert_eq!(queue.dropped(), 0);
    }

    #[test]
    fn a_full_disk_costs_lines_which_are_counted_and_nothing_else() {
        let dir = TempDir::new("full");
        let logs = Logs::start().unwrap();
        let full = queue(&logs, Path::new("/dev/full"));
        let good = queue(&logs, &dir.file("good.log"));
        for _ in 0..100 {
            full.line(b"lost");
            good.line(b"kept");
        }
        assert!(logs.flush(SOON));
        assert_eq!(full.dropped(), 100);
        assert_eq!(fs::read_to_string(dir.file("good.log")).unwrap().lines().count(), 100);
        let mut dropped = logs.dropped();
        dropped.sort();
        let good = dir.file("good.log").to_string_lossy().into_owned();
        let mut want = vec![("/dev/full".to_owned(), 100), (good, 0)];
        want.sort();
        assert_eq!(dropped, want);
    }

    #[test]
    fn a_directory_that_vanishes_and_comes_back_costs_no_later_line() {
        let dir = TempDir::new("vanish");
        let folder = dir.file("logs");
        fs::create_dir(&folder).unwrap();
        let logs = Logs::start().unwrap();
        let queue = queue(&logs, &folder.join("a.log"));
        queue.line(b"before");
        assert!(logs.flush(SOON));
        fs::remove_dir_all(&folder).unwrap();
        logs.reopen();
        queue.line(b"meanwhile");
        assert!(logs.flush(SOON), "the writer goes on");
        fs::create_dir(&folder).unwrap();
        logs.reopen();
        assert!(logs.flush(SOON));
        queue.line(b"after");
        assert!(logs.flush(SOON));
        assert_eq!(fs::read_to_string(folder.join("a.log")).unwrap(), "after\n");
    }

    #[test]
    fn a_reader_that_stops_holds_up_neither_traffic_nor_other_logs() {
        let dir = TempDir::new("fifo");
        let fifo = dir.file("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let logs = Logs::with_limits(QueueLimits { most: 100_000, wake: 10_000 }).unwrap();
        let early = queue(&logs, &fifo);
        early.line(b"nobody reads yet");
        assert!(logs.flush(SOON));
        assert_eq!(early.dropped(), 1);

        let nonblocking = libc::O_NONBLOCK;
        let mut reader = fs::OpenOptions::new().read(true).custom_flags(nonblocking).open(&fifo).unwrap();
        logs.reopen();
        let good = queue(&logs, &dir.file("good.log"));
        assert!(logs.flush(SOON));
        for _ in 0..4_000 {
            early.line(&[b'x'; 99]);
        }
        good.line(b"good");
        assert!(logs.flush(SOON), "a stuck reader does not stop the writer");
        assert_eq!(fs::read_to_string(dir.file("good.log")).unwrap(), "good\n");
        let lost = early.dropped();
        assert!((1_000..4_000).contains(&lost), "{lost}");

        let mut whole = Vec::new();
        let mut piece = [0; 65_536];
        // A line that was cut by the full pipe goes on where it was cut.
        for _ in 0..20 {
            while let Ok(count @ 1..) = reader.read(&mut piece) {
                whole.extend_from_slice(&piece[..count]);
            }
            assert!(logs.flush(SOON));
        }
        assert_eq!(whole.len() % 100, 0);
        assert!(whole.chunks(100).all(|line| line[..99] == [b'x'; 99] && line[99] == b'\n'));
        assert_eq!(whole.len() as u64 / 100 + early.dropped() - 1, 4_000, "every line is written or counted");
    }
}
