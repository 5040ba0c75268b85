//! Weir in front of stubs: the same executable, run as a child process with a configuration that was made for it.
//!
//! It is a process of its own, so that signals, readiness and the journal work as in a service.

use std::fs::File;
use std::io::{BufRead, BufReader, Error, Result};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram as StdDatagram};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio, id};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::UnixDatagram;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::cli::output::print_line;

/// Where its journal goes.
#[derive(Debug)]
pub(crate) enum Journal {
    /// On standard output, between the command's own lines.
    Shown,
    File(PathBuf),
}

/// The running Weir. If it is dropped, it is killed.
#[derive(Debug)]
pub(crate) struct WeirProcess {
    pid: Pid,
    ended: oneshot::Receiver<Result<ExitStatus>>,
    /// How it ended, once that is known. From then on another process may have the pid.
    status: Option<String>,
}

impl WeirProcess {
    /// Starts Weir and waits until it reports that it is ready.
    pub(crate) async fn start(configuration: &Path, journal: &Journal) -> Result<Self> {
        let name = format!("weir-child-{}", id());
        let notify = StdDatagram::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
        notify.set_nonblocking(true)?;
        let notify = UnixDatagram::from_std(notify)?;
        let mut front = Self::spawn(configuration, &format!("@{name}"), journal)?;
        tokio::select! {
            outcome = timeout(PATIENCE, ready(&notify)) => outcome.map_err(|_| Error::other("weir did not get ready in time"))??,
            status = front.ended() => return Err(Error::other(format!("weir ended before it was ready: {status}"))),
        }
        // Weir goes on sending its status. It must never wait for room in this socket, so the socket is read.
        tokio::spawn(async move { while notify.recv(&mut [0; 4096]).await.is_ok() {} });
        Ok(front)
    }

    /// Waits until Weir ends, and returns how it ended.
    pub(crate) async fn ended(&mut self) -> String {
        if let Some(status) = &self.status {
            return status.clone();
        }
        let status = match (&mut self.ended).await {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it was lost sight of".to_owned(),
        };
        self.status.insert(status).clone()
    }

    /// Asks Weir to stop and waits. If it does not stop, kills it. Returns how it ended.
    pub(crate) async fn stop(mut self) -> String {
        self.signal(Signal::TERM);
        if let Ok(status) = timeout(PATIENCE, self.ended()).await {
            return status;
        }
        self.signal(Signal::KILL);
        self.ended().await
    }

    fn signal(&self, signal: Signal) {
        if self.status.is_none() {
            let _ = kill_process(self.pid, signal);
        }
    }

    fn spawn(configuration: &Path, notify: &str, journal: &Journal) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([Path::new("run"), Path::new("--config"), configuration])
            .env("NOTIFY_SOCKET", notify)
            // Without JOURNAL_STREAM the lines have no level prefixes, which are for systemd and not for a terminal.
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null())
            .stderr(match journal {
                Journal::Shown => Stdio::piped(),
                Journal::File(path) => File::create(path)?.into(),
            })
            // Ctrl-C must reach only the command, which then stops Weir in order.
            .process_group(0)
            .spawn()?;
        let pid = Pid::from_child(&child);
        pass_on(&mut child);
        let (tell, ended) = oneshot::channel();
        thread::spawn(move || tell.send(child.wait()));
        Ok(Self { pid, ended, status: None })
    }
}

/// Where nobody has stopped it, after an error or a panic.
impl Drop for WeirProcess {
    fn drop(&mut self) {
        if self.status.is_none() && self.ended.try_recv().is_err() {
            self.signal(Signal::KILL);
        }
    }
}

/// Weir's journal, line by line, between the command's own lines.
fn pass_on(child: &mut Child) {
    if let Some(stderr) = child.stderr.take() {
        thread::spawn(move || {
            BufReader::new(stderr).split(b'\n').map_while(Result::ok).for_each(|line| {
                print_line(format_args!("weir | {}", String::from_utf8_lossy(&line)));
            });
        });
    }
}

async fn ready(notify: &UnixDatagram) -> Result<()> {
    let mut message = [0; 4096];
    loop {
        let length = notify.recv(&mut message).await?;
        let text = String::from_utf8_lossy(message.get(..length).unwrap_or_default());
        if text.lines().any(|line| line == "READY=1") {
            return Ok(());
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(35);
