//! A program under measurement and all its children: started in the foreground, ended by its id, with the CPU time and
//! memory that the operating system counts for it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::result::Result;

/// How long a program may take to end before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends when dropped.
pub(crate) struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts it with both outputs in files of this directory.
    pub(crate) fn start(name: &str, command: &mut Command, dir: &Path) -> Result<Self> {
        let log = dir.join("stderr.log");
        let create = |path: &Path| File::create(path).map_err(|error| format!("{}: {error}", path.display()));
        command.stdin(Stdio::null()).stdout(create(&dir.join("stdout.log"))?).stderr(create(&log)?);
        let child = command.spawn().map_err(|error| format!("{name} does not start: {error}"))?;
        Ok(Self { child, name: name.to_owned(), log })
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Says what it wrote last, when it has ended though nobody asked it to.
    pub(crate) fn alive(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            _ => Err(format!("{} has ended; {}", self.name, self.last_words())),
        }
    }

    /// The end of what it wrote to standard error.
    pub(crate) fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines = text.lines().rev().take(5).collect::<Vec<_>>();
        let last = lines.into_iter().rev().collect::<Vec<_>>().join(" | ");
        format!("{} ends with: {last}", self.log.display())
    }

    /// Sends a signal to it alone, not to its children.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        signal_to(self.id(), signal).map_err(|error| format!("{} takes no signal: {error}", self.name))
    }

    /// User and system time so far, of itself, its children and those that have ended.
    pub(crate) fn cpu(&self) -> Duration {
        self.family().into_iter().map(|id| ticks(id).unwrap_or(0)).map(from_ticks).sum()
    }

    /// Its share of the physical memory in KiB: pages that several of its processes have count once.
    pub(crate) fn memory(&self) -> f64 {
        self.family().into_iter().filter_map(proportional).sum()
    }

    fn family(&self) -> Vec<u32> {
        let mut family = vec![self.id()];
        let mut at = 0;
        while let Some(id) = family.get(at) {
            family.extend(children(*id));
            at += 1;
        }
        family
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let family = self.family();
        let _ = self.signal(Signal::TERM);
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(5));
        }
        // A child that its parent left behind holds ports; its id cannot be another's while it still runs our program.
        for id in family.into_iter().skip(1).filter(|id| parent(*id) == Some(self.id())) {
            let _ = signal_to(id, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal_to(id: u32, signal: Signal) -> Result<()> {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw).ok_or("it has no id")?;
    kill_process(id, signal).map_err(|error| error.to_string())
}

fn children(id: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Fields of /proc/ID/stat after the name, which may itself hold spaces and brackets; the first of them is the state.
fn stat(id: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

fn parent(id: u32) -> Option<u32> {
    stat(id)?.get(1)?.parse().ok()
}

/// utime, stime, cutime and cstime.
fn ticks(id: u32) -> Option<u64> {
    stat(id)?.get(11..15)?.iter().map(|field| field.parse::<u64>().ok()).sum()
}

fn from_ticks(ticks: u64) -> Duration {
    static A_SECOND: OnceLock<u64> = OnceLock::new();
    let of = A_SECOND.get_or_init(|| {
        let output = Command::new("getconf").arg("CLK_TCK").output().ok();
        output.and_then(|output| String::from_utf8(output.stdout).ok()?.trim().parse().ok()).unwrap_or(100)
    });
    Duration::from_secs(ticks) / u32::try_from(*of).unwrap_or(100)
}

fn proportional(id: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Pss:"))?.split_whitespace().next()?.parse().ok()
}
