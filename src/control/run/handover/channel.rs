//! The socket between the process that runs and the one that takes over from it: messages, each with its length before it, and
//! the descriptors of listening sockets.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;

use super::events::Told;
use super::nodes::{Ejected, Running, Warming};
use crate::observe::history::HandedNumbers;

/// Grows with every change after which another version would misread what it gets. New kinds of messages and new fields are
/// no such change: who does not know them passes over them.
pub(super) const PROTOCOL: u32 = 1;

/// How many descriptors go with one byte. The kernel takes 253.
const AT_ONCE: usize = 200;
/// The longest message: some ten million sessions.
const LONGEST: u32 = 256 * 1024 * 1024;
/// How long the other process may take for a message.
const PATIENCE: Duration = Duration::from_secs(10);

/// What both processes say.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub(super) enum Message {
    /// The process that runs is this. After it come so many descriptors.
    Hello {
        protocol: u32,
        version: String,
        pid: u32,
        secret: String,
        /// The keys of TLS tickets. Earlier versions give none.
        #[serde(default)]
        tickets: String,
        /// Operators' orders and the addresses of the nodes' names, each in the form of its file. Earlier versions give none:
        /// what is on disk holds.
        #[serde(default)]
        orders: String,
        #[serde(default)]
        names: String,
        sockets: Vec<Given>,
    },
    /// The new process could serve.
    Ready { version: String, pid: u32 },
    /// The process before accepts no more: the new one may. What it counted so far, in Prometheus' text format, the nodes that
    /// it ejected, how far those are that start slowly, and its last events; earlier versions say nothing of nodes and events.
    Go {
        metrics: String,
        #[serde(default)]
        ejected: Vec<Ejected>,
        #[serde(default)]
        warming: Vec<Warming>,
        #[serde(default)]
        events: Told,
    },
    /// The requests that run at nodes with a limit of them: all of them, whenever that changes. Earlier versions do not say it.
    Running { nodes: Vec<Running> },
    /// The new process accepts.
    Serving,
    /// The numbers of a subject up to now. Earlier versions do not say them.
    Numbers(HandedNumbers),
    /// What the process before has still to do, and what it counted.
    Left { connections: usize, metrics: String },
    /// Of a later version.
    #[serde(other)]
    Unknown,
}

/// A socket that is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Given {
    /// Of a listener; `lent`: it belongs to a socket unit of systemd.
    Listener { address: SocketAddr, lent: bool },
    /// The admin address.
    Admin,
    /// The metrics address.
    Metrics,
    /// The admin socket.
    AdminSocket,
    /// Of a later version.
    #[serde(other)]
    Unknown,
}

/// What came.
pub(super) enum Frame {
    Message(Message),
    /// Session tables, in the form of their file.
    Sessions(Vec<u8>),
}

const MESSAGE: u8 = b'm';
const SESSIONS: u8 = b's';
/// All that the process that serves says to the one before.
const KNOWN: u8 = b'k';

/// One end of the socket.
pub(super) struct Channel(UnixStream);

impl Channel {
    pub(super) const fn new(socket: UnixStream) -> Self {
        Self(socket)
    }

    pub(super) async fn say(&mut self, message: &Message) -> io::Result<()> {
        self.send(MESSAGE, &serde_json::to_vec(message)?).await
    }

    pub(super) async fn send_sessions(&mut self, tables: &[u8]) -> io::Result<()> {
        self.send(SESSIONS, tables).await
    }

    async fn send(&mut self, kind: u8, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= LONGEST);
        let length = length.ok_or_else(|| io::Error::other("a message is too long"))?;
        let all = async {
            self.0.write_u8(kind).await?;
            self.0.write_u32_le(length).await?;
            self.0.write_all(bytes).await
        };
        tokio::time::timeout(PATIENCE, all).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Waits for the next frame; a frame that has begun must come to its end in time. Not to be dropped in between.
    pub(super) async fn next(&mut self) -> io::Result<Frame> {
        loop {
            let kind = self.0.read_u8().await?;
            let rest = async {
                let length = self.0.read_u32_le().await?;
                if length > LONGEST {
                    return Err(io::Error::other("a message is too long"));
                }
                let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
                self.0.read_exact(&mut bytes).await.map(|_| bytes)
            };
            let bytes =
                tokio::time::timeout(PATIENCE, rest).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            match kind {
                MESSAGE => return Ok(Frame::Message(serde_json::from_slice(&bytes)?)),
                SESSIONS => return Ok(Frame::Sessions(bytes)),
                _ => {}
            }
        }
    }

    /// Waits for the next frame, within this time.
    pub(super) async fn next_within(&mut self, limit: Duration) -> io::Result<Frame> {
        tokio::time::timeout(limit, self.next()).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// The tables that came last are known here now.
    pub(super) async fn acknowledge(&mut self) -> io::Result<()> {
        self.0.write_u8(KNOWN).await
    }

    /// Waits for words of the process that serves: how many tables it knows since the last call. An error: it is gone. May be
    /// dropped: none is lost.
    pub(super) async fn acknowledged(&self) -> io::Result<usize> {
        loop {
            self.0.readable().await?;
            match self.0.try_read(&mut [0; 64]) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                Ok(known) => return Ok(known),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) async fn send_descriptors(&self, all: &[BorrowedFd<'_>]) -> io::Result<()> {
        for some in all.chunks(AT_ONCE) {
            let send = || {
                let mut space = vec![MaybeUninit::uninit(); SendAncillaryMessage::ScmRights(some).size()];
                let mut rights = SendAncillaryBuffer::new(&mut space);
                rights.push(SendAncillaryMessage::ScmRights(some));
                Ok(sendmsg(&self.0, &[IoSlice::new(b"f")], &mut rights, SendFlags::empty())?)
            };
            self.0.async_io(Interest::WRITABLE, send).await?;
        }
        Ok(())
    }

    pub(super) async fn receive_descriptors(&self, count: usize) -> io::Result<Vec<OwnedFd>> {
        let mut all = Vec::with_capacity(count.min(AT_ONCE));
        while all.len() < count {
            let receive = || {
                let (mut byte, mut space) = ([0], vec![MaybeUninit::uninit(); 8 * AT_ONCE]);
                let mut rights = RecvAncillaryBuffer::new(&mut space);
                recvmsg(self.0.as_fd(), &mut [IoSliceMut::new(&mut byte)], &mut rights, RecvFlags::CMSG_CLOEXEC)?;
                let given = rights.drain().filter_map(|message| match message {
                    RecvAncillaryMessage::ScmRights(given) => Some(given),
                    _ => None,
                });
                Ok(given.flatten().collect::<Vec<_>>())
            };
            let some = tokio::time::timeout(PATIENCE, self.0.async_io(Interest::READABLE, receive)).await;
            let some = some.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            if some.is_empty() {
                return Err(io::Error::other("sockets are missing"));
            }
            all.extend(some);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn messages_and_sockets_arrive_as_they_were_sent() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut ours, mut theirs) = (Channel::new(ours), Channel::new(theirs));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sockets = vec![Given::Listener { address, lent: true }, Given::Admin];
        let hello = Message::Hello {
            protocol: 1,
            version: "0".into(),
            pid: 7,
            secret: String::new(),
            tickets: String::new(),
            orders: String::new(),
            names: String::new(),
            sockets,
        };
        ours.say(&hello).await.unwrap();
        ours.send_descriptors(&vec![listener.as_fd(); AT_ONCE + 3]).await.unwrap();
        ours.send_sessions(b"tables").await.unwrap();
        let Ok(Frame::Message(Message::Hello { pid: 7, sockets, .. })) = theirs.next().await else {
            panic!("no hello")
        };
        assert_eq!(sockets, [Given::Listener { address, lent: true }, Given::Admin]);
        let given = theirs.receive_descriptors(AT_ONCE + 3).await.unwrap();
        assert_eq!(given.len(), AT_ONCE + 3);
        given.into_iter().for_each(|given| assert_eq!(TcpListener::from(given).local_addr().unwrap(), address));
        assert!(matches!(theirs.next().await, Ok(Frame::Sessions(bytes)) if bytes == b"tables"));
    }

    #[tokio::test]
    async fn what_a_later_version_says_is_passed_over_and_nonsense_is_an_error() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut ours, mut theirs) = (Channel::new(ours), Channel::new(theirs));
        ours.send(b'x', b"a kind that nobody knows").await.unwrap();
        ours.send(MESSAGE, br#"{"is":"song","words":[1]}"#).await.unwrap();
        ours.send(MESSAGE, br#"{"is":"ready","version":"9","pid":3,"more":{}}"#).await.unwrap();
        ours.send(MESSAGE, b"no JSON").await.unwrap();
        assert!(matches!(theirs.next().await, Ok(Frame::Message(Message::Unknown))));
        assert!(matches!(theirs.next().await, Ok(Frame::Message(Message::Ready { pid: 3, .. }))));
        assert!(theirs.next().await.is_err());
        ours.0.write_all(b"m\xff\xff\xff\xff").await.unwrap();
        assert!(theirs.next().await.is_err());
        drop(ours);
        assert!(theirs.next().await.is_err());
    }
}
