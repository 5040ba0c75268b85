//! The side of the process that runs.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use super::channel::{Channel, Frame, Given, Message, PROTOCOL};
use super::numbers::Numbers;
use super::taking::TAKES_OVER;
use super::{events, nodes};
use crate::control::reload::first::Handed;
use crate::control::state::Control;
use crate::control::store::sessions;
use crate::proxy::worker::teaching::Waiting;

/// How long the new process may take until it could serve, beside the first round of its probes.
const START: Duration = Duration::from_secs(30);
/// How long it may take until it accepts, when it may.
const SERVING: Duration = Duration::from_secs(10);
/// How often it is told of sessions that no answer waits for, and, so many times as rarely, of all else.
const TELL: Duration = Duration::from_millis(100);
const TELL_ALL: u32 = 5;
/// How often it is looked whether a request has ended at a node with a limit: others may wait for it there.
const LOOK: Duration = Duration::from_millis(5);

/// What is to be done in the process that runs.
pub(crate) enum Step {
    /// Accept nothing more, and drop the sender when that is done.
    StopAccepting(oneshot::Sender<()>),
    /// The new process serves.
    Served { pid: u32, version: String },
    /// The new process is gone: all goes on here.
    TakenBack(String),
}

/// What is handed over, and to whom.
pub(crate) struct Terms {
    /// The configuration.
    pub(crate) path: PathBuf,
    pub(crate) handed: Handed,
    pub(crate) sockets: Vec<(Given, OwnedFd)>,
    pub(crate) control: Arc<Control>,
}

/// A hand-over that has begun.
pub(crate) struct Giving {
    pub(crate) steps: mpsc::Receiver<Step>,
    /// Dropped when the last request is answered.
    pub(crate) last: oneshot::Sender<()>,
    /// Ends when the new process was told the last.
    pub(crate) told: oneshot::Receiver<()>,
}

impl Giving {
    pub(crate) fn begin(terms: Terms) -> Self {
        let ((steps_to, steps), (last, ended), (telling, told)) =
            (mpsc::channel(1), oneshot::channel(), oneshot::channel());
        tokio::spawn(async move {
            if let Err(why) = give(terms, &steps_to, ended).await {
                // Where nobody listens any more, the process ends.
                let _ = steps_to.send(Step::TakenBack(why)).await;
            }
            drop(telling);
        });
        Self { steps, last, told }
    }
}

/// The new process. Dropped before it serves, it is ended: until then nothing needs it.
struct NewProcess {
    child: Child,
    serves: bool,
}

impl NewProcess {
    /// Starts the program anew, with one end of a socket as its standard input.
    fn start(program: &Path, config: &Path) -> io::Result<(Self, Channel)> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(program);
        command.args(["run", "--config"]).arg(config).env(TAKES_OVER, "1").stdin(Stdio::from(OwnedFd::from(theirs)));
        // They are for this process alone.
        ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID"]
            .iter()
            .for_each(|name| _ = command.env_remove(name));
        let child = command.spawn()?;
        Ok((Self { child, serves: false }, Channel::new(UnixStream::from_std(ours)?)))
    }

    /// How it ended, which it has done or does soon.
    fn end(&mut self) -> String {
        let _ = self.child.kill();
        match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for NewProcess {
    fn drop(&mut self) {
        if !self.serves {
            self.end();
        }
    }
}

/// Where this process' program is: after an upgrade of the package another file has its name.
fn program() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    let text = path.to_string_lossy();
    Ok(text.strip_suffix(" (deleted)").map_or_else(|| path.clone(), PathBuf::from))
}

/// What the new program says of the configuration: nothing has happened yet, so nothing is at stake.
async fn check(program: PathBuf, config: PathBuf) -> Result<(), String> {
    let name = program.display().to_string();
    let run = move || Command::new(&program).args(["check", "--config"]).arg(&config).stdin(Stdio::null()).output();
    let checked = tokio::time::timeout(START, tokio::task::spawn_blocking(run)).await;
    let Ok(Ok(checked)) = checked else {
        return Err(format!("{name} does not say whether it can use the configuration"));
    };
    let checked = checked.map_err(|error| format!("{name} cannot be started: {error}"))?;
    if checked.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&[checked.stderr, checked.stdout].concat()).trim().to_owned();
    Err(format!("{name} cannot use the configuration ({}): {said}", checked.status))
}

async fn give(terms: Terms, steps: &mpsc::Sender<Step>, last: oneshot::Receiver<()>) -> Result<(), String> {
    let program = program().map_err(|error| format!("the program of this process is not known: {error}"))?;
    check(program.clone(), terms.path.clone()).await?;
    let started = NewProcess::start(&program, &terms.path);
    let (mut new, mut channel) =
        started.map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
    let given = prepare(&terms, &mut channel).await;
    let (pid, version) = match given {
        Ok(ready) => ready,
        Err(error) => return Err(format!("the new process was not ready: {error}; it ended with {}", new.end())),
    };
    let (accepts_nothing, closed) = oneshot::channel();
    let gone = || "this process stops".to_owned();
    steps.send(Step::StopAccepting(accepts_nothing)).await.map_err(|_| gone())?;
    // The sender is dropped without a word.
    let _ = closed.await;
    if let Err(error) = let_serve(&terms.control, &mut channel).await {
        return Err(format!("the new process did not begin to serve: {error}; it ended with {}", new.end()));
    }
    new.serves = true;
    steps.send(Step::Served { pid, version }).await.map_err(|_| gone())?;
    match tell(&terms.control, &mut channel, last).await {
        Ok(()) => Ok(()),
        Err(error) => Err(format!("the new process is gone ({error}); it ended with {}", new.end())),
    }
}

/// Gives the sockets, and waits until the new process could serve.
async fn prepare(terms: &Terms, channel: &mut Channel) -> io::Result<(u32, String)> {
    let (sockets, descriptors): (Vec<_>, Vec<_>) =
        terms.sockets.iter().map(|(given, socket)| (*given, socket.as_fd())).unzip();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let Handed { sessions: secret, tickets, orders, names } = terms.handed.clone();
    let pid = std::process::id();
    channel.say(&Message::Hello { protocol: PROTOCOL, version, pid, secret, tickets, orders, names, sockets }).await?;
    channel.send_descriptors(&descriptors).await?;
    let limit = START + terms.control.current.load().snapshot.config.start_timeout;
    loop {
        if let Frame::Message(Message::Ready { pid, version }) = channel.next_within(limit).await? {
            return Ok((pid, version));
        }
    }
}

/// Lets the new process accept, and waits until it does.
async fn let_serve(control: &Arc<Control>, channel: &mut Channel) -> io::Result<()> {
    // What is bound from here on is told as it comes.
    control.teaching.switch(true);
    channel.send_sessions(&sessions(control).await?).await?;
    channel.say(&Message::Running { nodes: nodes::running(control) }).await?;
    let metrics = control.observer.metrics.text();
    let (ejected, warming) = (nodes::ejected(control), nodes::warming(control));
    let events = events::told(&control.observer.events);
    channel.say(&Message::Go { metrics, ejected, warming, events }).await?;
    loop {
        if let Frame::Message(Message::Serving) = channel.next_within(SERVING).await? {
            return Ok(());
        }
    }
}

async fn sessions(control: &Arc<Control>) -> io::Result<Vec<u8>> {
    let control = Arc::clone(control);
    tokio::task::spawn_blocking(move || sessions::tables(&control)).await.map_err(io::Error::other)
}

/// Tells the new process of sessions and of what is counted, until the last request is answered. An error: it is gone.
async fn tell(control: &Arc<Control>, channel: &mut Channel, mut last: oneshot::Receiver<()>) -> io::Result<()> {
    let (mut tick, mut ticks) = (tokio::time::interval(TELL), TELL_ALL - 1);
    let (mut look, mut running) = (tokio::time::interval(LOOK), Vec::new());
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut numbers = Numbers::of(control);
    // What was sent and is not known there yet, with the answers that wait for it.
    let mut sent: VecDeque<Vec<Waiting>> = VecDeque::new();
    loop {
        let (mut ended, mut only_looks) = (false, false);
        tokio::select! {
            _ = &mut last => ended = true,
            known = channel.acknowledged() => drop(sent.drain(..known?.min(sent.len()))),
            () = control.teaching.wanted() => {}
            _ = tick.tick() => ticks = ticks.wrapping_add(1),
            _ = look.tick(), if !running.is_empty() => only_looks = true,
            () = std::future::ready(()), if numbers.are_ready() => only_looks = true,
        };
        if let Some(next) = numbers.next(control) {
            channel.say(&Message::Numbers(next)).await?;
        }
        let all = ended || ticks.is_multiple_of(TELL_ALL) && !only_looks;
        let now = nodes::running(control);
        if all || now != running {
            running.clone_from(&now);
            channel.say(&Message::Running { nodes: now }).await?;
        }
        if only_looks {
            continue;
        }
        let waiting = control.teaching.take_waiting();
        if !waiting.is_empty() || (sent.is_empty() && sessions::are_new(control)) {
            channel.send_sessions(&sessions(control).await?).await?;
            sent.push_back(waiting);
        }
        if all {
            ticks = ticks.wrapping_add(1);
            let connections = control.open.load(Ordering::Relaxed);
            channel.say(&Message::Left { connections, metrics: control.observer.metrics.text() }).await?;
        }
        if ended {
            return Ok(());
        }
    }
}
