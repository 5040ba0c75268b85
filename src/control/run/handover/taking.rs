//! The side of the process that takes over.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream as StdUnixStream};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;

pub(crate) use super::channel::Given;
use super::channel::{Channel, Frame, Message, PROTOCOL};
use super::{events, nodes, numbers};
use crate::control::admin_sockets::AdminGiven;
use crate::control::reload::first::Handed;
use crate::control::state::Control;
use crate::control::store::sessions;
use crate::proxy::accept::sockets::Inherited;

/// Tells a process that its standard input is a socket to the process whose work it takes over.
pub(crate) const TAKES_OVER: &str = "WEIR_TAKES_OVER";

/// How long the process before may take to say what it hands over, and until it has closed its own sockets.
const PATIENCE: Duration = Duration::from_secs(10);

/// After this time without a word the process before stands still. It speaks twice a second.
const SILENCE: Duration = Duration::from_secs(2);

/// A hand-over that this process was started for.
pub(crate) struct Taking {
    channel: Channel,
    /// The process before, and its version.
    pid: u32,
    version: String,
    /// Whether the two understand each other. If not, only sockets are taken, and what is on disk.
    same_protocol: bool,
}

/// What the process before gives at first.
pub(crate) struct Taken {
    pub(crate) listeners: Inherited,
    pub(crate) admin: AdminGiven,
    pub(crate) handed: Handed,
}

impl Taking {
    /// As the environment says. `None`: this is a start like any other.
    pub(crate) async fn from_environment() -> io::Result<Option<(Self, Taken)>> {
        if std::env::var_os(TAKES_OVER).is_none() {
            return Ok(None);
        }
        let socket = StdUnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        socket.set_nonblocking(true)?;
        let mut channel = Channel::new(UnixStream::from_std(socket)?);
        let (hello, descriptors) = match channel.next_within(PATIENCE).await? {
            Frame::Message(Message::Hello { protocol, version, pid, secret, tickets, orders, names, sockets }) => {
                let descriptors = channel.receive_descriptors(sockets.len()).await?;
                (
                    (protocol, version, pid, Handed { sessions: secret, tickets, orders, names }),
                    sockets.into_iter().zip(descriptors),
                )
            }
            _ => return Err(io::Error::other("the process before says something else than what it hands over")),
        };
        let (protocol, version, pid, handed) = hello;
        log::info!("taking over from process {pid}, weir {version}: {} sockets", descriptors.len());
        let same_protocol = protocol == PROTOCOL;
        if !same_protocol {
            log::warn!(
                "weir {version} hands over in another way (protocol {protocol}, not {PROTOCOL}): sessions and orders are read from the state directory, counters begin at 0"
            );
        }
        let taken = Taken { handed, ..Taken::of(descriptors)? };
        Ok(Some((Self { channel, pid, version, same_protocol }, taken)))
    }

    /// The process before, in words.
    pub(crate) fn from(&self) -> String {
        format!("process {}, weir {}", self.pid, self.version)
    }

    /// This process could serve. Waits until it may, and takes sessions and counters over.
    pub(crate) async fn begin(&mut self, control: &Arc<Control>) -> io::Result<()> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        self.channel.say(&Message::Ready { version, pid: std::process::id() }).await?;
        loop {
            let frame = self.channel.next_within(PATIENCE).await?;
            let may = matches!(frame, Frame::Message(Message::Go { .. }));
            self.take(control, frame);
            if may {
                return Ok(());
            }
        }
    }

    /// This process accepts. What the process before tells of its rest is taken over as it comes.
    pub(crate) fn serving(mut self, control: &Arc<Control>) {
        let control = Arc::clone(control);
        *control.before.lock() = Some((self.pid, 0));
        tokio::spawn(async move {
            if self.channel.say(&Message::Serving).await.is_ok() {
                // Its end is the end of the process before.
                while let Ok(frame) = self.hear(&control).await {
                    let are_tables = matches!(frame, Frame::Sessions(_));
                    self.take(&control, frame);
                    if are_tables && self.channel.acknowledge().await.is_err() {
                        break;
                    }
                }
            }
            *control.before.lock() = None;
            nodes::count_before(&control, &[]);
            log::info!("process {} has ended, from which this one took over", self.pid);
        });
    }

    /// What the process before says next. While it says nothing nobody knows what it runs, and nothing waits for that.
    async fn hear(&mut self, control: &Arc<Control>) -> io::Result<Frame> {
        let mut next = pin!(self.channel.next());
        if let Ok(frame) = tokio::time::timeout(SILENCE, next.as_mut()).await {
            return frame;
        }
        nodes::count_before(control, &[]);
        next.await
    }

    fn take(&self, control: &Arc<Control>, frame: Frame) {
        match frame {
            Frame::Sessions(tables) => sessions::take_over(control, &tables),
            Frame::Message(Message::Go { metrics, ejected, warming, events }) if self.same_protocol => {
                control.observer.metrics.go_on_from(&metrics);
                events::go_on(&control.observer.events, events);
                nodes::go_on(control, &ejected, &warming);
            }
            Frame::Message(Message::Running { nodes }) if self.same_protocol => nodes::count_before(control, &nodes),
            Frame::Message(Message::Numbers(handed)) if self.same_protocol => numbers::go_on(control, handed),
            Frame::Message(Message::Left { connections, metrics }) if self.same_protocol => {
                control.observer.metrics.go_on_from(&metrics);
                *control.before.lock() = Some((self.pid, connections));
            }
            Frame::Message(_) => {}
        }
    }
}

impl Taken {
    /// What systemd gives, at a start like any other.
    pub(crate) fn from_systemd() -> Self {
        Self { listeners: Inherited::from_environment(), admin: AdminGiven::default(), handed: Handed::default() }
    }

    fn of(sockets: impl Iterator<Item = (Given, OwnedFd)>) -> io::Result<Self> {
        let (mut listeners, mut admin) = (Inherited::default(), AdminGiven::default());
        for (given, socket) in sockets {
            match given {
                Given::Listener { lent, .. } => listeners.add(TcpListener::from(socket), !lent)?,
                Given::Admin => admin.tcp = Some(TcpListener::from(socket)),
                Given::Metrics => admin.metrics = Some(TcpListener::from(socket)),
                Given::AdminSocket => admin.unix = Some(UnixListener::from(socket)),
                Given::Unknown => {}
            }
        }
        Ok(Self { listeners, admin, handed: Handed::default() })
    }
}
