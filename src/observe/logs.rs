//! The log files of all sites: opened once a path, shared, reopened when logrotate asks, closed when nobody names them any
//! more. Traffic never notices what happens to them.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::desk::{Desk, Target, stderr_is_journal};
use super::sink::{Limits, Lines};
use super::writer::Writer;

pub use super::sink::LogQueue;

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
    limits: Limits,
    files: Writer,
    /// A writer of its own, from the first use on: a journal that hangs holds no file up.
    journal: Mutex<Option<Writer>>,
    open: Mutex<Vec<Weak<LogQueue>>>,
}

impl Logs {
    /// Starts the thread that writes them.
    pub fn start() -> io::Result<Self> {
        Self::with_limits(Limits { most: 4 * 1024 * 1024, wake: 64 * 1024 })
    }

    /// The sink of a destination, the same one for the same path as long as somebody holds it; none for `Off`.
    /// A file that cannot be opened is an error now, while the configuration is checked.
    pub fn open(&self, destination: &Destination) -> io::Result<Option<Arc<LogQueue>>> {
        let name = match destination {
            Destination::File(path) => path.to_string_lossy().into_owned(),
            Destination::Journal => "journal".to_owned(),
            Destination::Off => return Ok(None),
        };
        let mut open = self.open.lock();
        open.retain(|sink| sink.strong_count() > 0);
        if let Some(sink) = open.iter().filter_map(Weak::upgrade).find(|sink| sink.name() == name) {
            return Ok(Some(sink));
        }
        let sink = Arc::new(match destination {
            Destination::File(path) => Self::on(&self.files, name, self.limits, Target::open(path)?),
            _ => self.on_journal(name)?,
        });
        open.push(Arc::downgrade(&sink));
        Ok(Some(sink))
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
        open.iter().filter_map(Weak::upgrade).map(|sink| (sink.name().to_owned(), sink.dropped())).collect()
    }

    fn with_limits(limits: Limits) -> io::Result<Self> {
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
        Ok(Self::on(writer, name, self.limits, Target::Stderr))
    }

    fn on(writer: &Writer, name: String, limits: Limits, target: Target) -> LogQueue {
        let prefix: &[u8] = if matches!(target, Target::Stderr) && stderr_is_journal() { b"<6>" } else { b"" };
        let lines = Arc::new(Lines::new(name, limits, prefix, writer.bell()));
        writer.add(Desk::new(lines.clone(), target));
        LogQueue::on(lines)
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
    struct Place(PathBuf);

    impl Place {
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

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn sink(logs: &Logs, path: &Path) -> Arc<LogQueue> {
        logs.open(&Destination::File(path.to_owned())).unwrap().unwrap()
    }

    #[test]
    fn lines_are_appended_to_a_file_only_its_group_may_read() {
        let place = Place::new("append");
        let path = place.file("access.log");
        fs::write(&path, "old\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let logs = Logs::start().unwrap();
        sink(&logs, &path).line(b"new");
        let other = sink(&logs, &place.file("other.log"));
        other.line(b"x");
        assert!(logs.flush(SOON));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\nnew\n");
        let mode = fs::metadata(place.file("other.log")).unwrap().permissions().mode();
        assert_eq!(mode & 0o137, 0, "{mode:o}");
    }

    #[test]
    fn a_path_is_shared_as_long_as_a_site_names_it_then_closed() {
        let place = Place::new("share");
        let logs = Logs::start().unwrap();
        let path = place.file("a.log");
        let (first, second) = (sink(&logs, &path), sink(&logs, &path));
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
        let place = Place::new("cannot");
        let logs = Logs::start().unwrap();
        let missing = logs.open(&Destination::File(place.file("no/such/dir.log"))).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let directory = logs.open(&Destination::File(place.0.clone())).unwrap_err();
        assert_eq!(directory.kind(), io::ErrorKind::IsADirectory);
    }

    #[test]
    fn after_a_rename_lines_go_to_the_old_file_until_it_is_reopened() {
        let place = Place::new("rename");
        let (path, old) = (place.file("a.log"), place.file("a.log.1"));
        let logs = Logs::start().unwrap();
        let sink = sink(&logs, &path);
        sink.line(b"1");
        assert!(logs.flush(SOON));
        fs::rename(&path, &old).unwrap();
        sink.line(b"2");
        logs.reopen();
        assert!(logs.flush(SOON));
        sink.line(b"3");
        assert!(logs.flush(SOON));
        assert_eq!(fs::read_to_string(&old).unwrap(), "1\n2\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "3\n");
        assert_eq!(sink.dropped(), 0);
    }

    #[test]
    fn a_full_disk_costs_lines_which_are_counted_and_nothing_else() {
        let place = Place::new("full");
        let logs = Logs::start().unwrap();
        let full = sink(&logs, Path::new("/dev/full"));
        let good = sink(&logs, &place.file("good.log"));
        for _ in 0..100 {
            full.line(b"lost");
            good.line(b"kept");
        }
        assert!(logs.flush(SOON));
        assert_eq!(full.dropped(), 100);
        assert_eq!(fs::read_to_string(place.file("good.log")).unwrap().lines().count(), 100);
        let mut dropped = logs.dropped();
        dropped.sort();
        let good = place.file("good.log").to_string_lossy().into_owned();
        let mut want = vec![("/dev/full".to_owned(), 100), (good, 0)];
        want.sort();
        assert_eq!(dropped, want);
    }

    #[test]
    fn a_directory_that_vanishes_and_comes_back_costs_no_later_line() {
        let place = Place::new("vanish");
        let folder = place.file("logs");
        fs::create_dir(&folder).unwrap();
        let logs = Logs::start().unwrap();
        let sink = sink(&logs, &folder.join("a.log"));
        sink.line(b"before");
        assert!(logs.flush(SOON));
        fs::remove_dir_all(&folder).unwrap();
        logs.reopen();
        sink.line(b"meanwhile");
        assert!(logs.flush(SOON), "the writer goes on");
        fs::create_dir(&folder).unwrap();
        logs.reopen();
        assert!(logs.flush(SOON));
        sink.line(b"after");
        assert!(logs.flush(SOON));
        assert_eq!(fs::read_to_string(folder.join("a.log")).unwrap(), "after\n");
    }

    #[test]
    fn a_reader_that_stops_holds_up_neither_traffic_nor_other_logs() {
        let place = Place::new("fifo");
        let fifo = place.file("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let logs = Logs::with_limits(Limits { most: 100_000, wake: 10_000 }).unwrap();
        let early = sink(&logs, &fifo);
        early.line(b"nobody reads yet");
        assert!(logs.flush(SOON));
        assert_eq!(early.dropped(), 1);

        let nonblocking = libc::O_NONBLOCK;
        let mut reader = fs::OpenOptions::new().read(true).custom_flags(nonblocking).open(&fifo).unwrap();
        logs.reopen();
        let good = sink(&logs, &place.file("good.log"));
        assert!(logs.flush(SOON));
        for _ in 0..4_000 {
            early.line(&[b'x'; 99]);
        }
        good.line(b"good");
        assert!(logs.flush(SOON), "a stuck reader does not stop the writer");
        assert_eq!(fs::read_to_string(place.file("good.log")).unwrap(), "good\n");
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
