//! Runs the binary's other commands against a running appliance: to their end, or while the test goes on.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};

use super::appliance::Appliance;
use super::eventually::{PATIENCE, within};

/// What a command wrote, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CommandOutput {
    /// Its exit code; none where a signal ended it.
    pub(crate) code: Option<i32>,
    /// Its standard output.
    pub(crate) out: String,
    /// Its standard error.
    pub(crate) err: String,
}

/// A command that is running.
pub(crate) struct RunningCommand {
    child: Child,
    out: OutputReader,
    err: OutputReader,
}

/// One of its streams, as far as it was read.
struct OutputReader {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Appliance {
    /// Runs a command that asks this Weir, to its end.
    #[track_caller]
    pub(crate) fn command(&self, words: &[&str]) -> CommandOutput {
        self.begin_command(words).end()
    }

    /// Begins a command that asks this Weir.
    #[track_caller]
    pub(crate) fn begin_command(&self, words: &[&str]) -> RunningCommand {
        let mut child = Command::new(env!("CARGO_BIN_EXE_weir"))
            .args(words)
            .env("WEIR_ADMIN", self.admin_socket())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let (out, err) = (OutputReader::of(child.stdout.take()), OutputReader::of(child.stderr.take()));
        RunningCommand { child, out, err }
    }
}

impl RunningCommand {
    /// What it has written to standard output so far.
    pub(crate) fn out(&self) -> String {
        lock(&self.out.text).clone()
    }

    /// The same of standard error.
    pub(crate) fn errors(&self) -> String {
        lock(&self.err.text).clone()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(id.expect("a child has an id"), signal).expect("the child is ours");
    }

    /// Whether it still runs.
    pub(crate) fn still_runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> CommandOutput {
        let ended = within(2 * PATIENCE, || !self.still_runs());
        assert!(ended, "the command does not end; so far it wrote: {}", self.out());
        let code = self.child.wait().ok().and_then(|status| status.code());
        CommandOutput { code, out: self.out.all(), err: self.err.all() }
    }
}

impl Drop for RunningCommand {
    fn drop(&mut self) {
        if self.still_runs() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl OutputReader {
    fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&text);
        let reader = stream.map(|stream| {
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    *lock(&heard) += &(line + "\n");
                }
            })
        });
        Self { text, reader }
    }

    fn all(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        lock(&self.text).clone()
    }
}

fn lock(text: &Mutex<String>) -> MutexGuard<'_, String> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}
