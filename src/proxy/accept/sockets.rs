//! Listening sockets: bound, or taken over from who started this process. Each thread has its own for every listener
//! (SO_REUSEPORT), so the kernel spreads the connections and no thread waits for another.

use std::collections::{HashMap, HashSet};
use std::env;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;

use listenfd::ListenFd;
use socket2::{Domain, SockFilter, SockRef, Socket, Type};

use crate::config::Listener;

/// The number of connections that the kernel queues for a socket before Weir accepts them.
const BACKLOG: i32 = 4096;

/// The number of bytes that the kernel takes for a client ahead of what it could send (TCP_NOTSENT_LOWAT in tcp(7)). By its own
/// default that is the send buffer, 4 MiB for each client that reads a large answer slowly.
const UNSENT: u32 = 128 * 1024;

/// A filter of packets (classic BPF) that drops those with the flag SYN, in byte 13 of TCP's header.
const WITHOUT_SYN: [SockFilter; 4] = [
    // Load the byte; without the flag skip one line; drop; keep the whole packet.
    SockFilter::new(0x30, 0, 0, 13),
    SockFilter::new(0x45, 0, 1, 0x02),
    SockFilter::new(0x06, 0, 0, 0),
    SockFilter::new(0x06, 0, 0, u32::MAX),
];

/// Where sockets listen.
pub(crate) type Addresses = HashSet<SocketAddr>;

/// Listening sockets for one thread. It may have several of one address.
pub(crate) type ThreadSockets = HashMap<SocketAddr, Vec<TcpListener>>;

/// The sockets of one listener.
pub(crate) struct Opened {
    pub(crate) address: SocketAddr,
    /// At least as many as threads.
    pub(crate) sockets: Vec<TcpListener>,
    /// Whether this Weir listens on the same port of another address.
    beside: bool,
    /// Whether this machine need not have the address.
    free: bool,
}

/// How systemd names the sockets that Weir gives it to keep. It goes before the address.
const KEPT: &str = "listener-";

/// Listening sockets that this process was started with, by address (sd_listen_fds(3)): those that systemd kept since the
/// process before, or those of a socket unit.
#[derive(Default)]
pub(crate) struct Inherited {
    sockets: ThreadSockets,
    /// Those of a socket unit, which systemd holds also while Weir does not run.
    pub(crate) lent: Addresses,
}

impl Inherited {
    /// As the environment says: LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES.
    pub(crate) fn from_environment() -> Self {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let (mut given, mut inherited) = (ListenFd::from_env(), Self::default());
        for index in 0..given.len() {
            let kept = names.next().is_some_and(|name| name.starts_with(KEPT));
            let taken = given
                .take_tcp_listener(index)
                .and_then(|socket| socket.map_or(Ok(()), |socket| inherited.add(socket, kept)));
            if let Err(error) = taken {
                log::warn!("a socket of LISTEN_FDS cannot be used: {error}");
            }
        }
        inherited
    }

    /// One more. `kept`: Weir bound it, and not a socket unit.
    pub(crate) fn add(&mut self, socket: TcpListener, kept: bool) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        // The process before may have told the kernel to let nobody in. There is nothing to take off where it has not.
        let _ = SockRef::from(&socket).detach_filter();
        bound_unsent(&socket);
        if !kept {
            self.lent.insert(address);
        }
        self.sockets.entry(address).or_default().push(socket);
        Ok(())
    }

    /// The sockets of this address, at least one for each thread. `None` where none was inherited.
    fn take(&mut self, listener: &Listener, threads: usize) -> Option<io::Result<Vec<TcpListener>>> {
        let mut sockets = self.sockets.remove(&listener.bind)?;
        let more = (sockets.len()..threads).map(|number| {
            // Another thread's own socket, as at a start. Where who made the first does not allow it, threads share one.
            bound(listener.bind, true, listener.free_bind).or_else(|_| sockets[number % sockets.len()].try_clone())
        });
        let more: io::Result<Vec<_>> = more.collect();
        Some(more.map(|more| {
            sockets.extend(more);
            sockets
        }))
    }

    /// The addresses that nobody has taken. Their sockets are closed when this is dropped.
    pub(crate) fn left(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.keys().copied()
    }
}

/// The name by which systemd keeps the sockets of this address. A name may have no colon.
pub(crate) fn kept_name(address: SocketAddr) -> String {
    format!("{KEPT}{address}").replace(':', "_")
}

impl Opened {
    /// Those that listen already.
    pub(crate) const fn listening(address: SocketAddr, sockets: Vec<TcpListener>) -> Self {
        Self { address, sockets, beside: true, free: false }
    }

    /// Binds a socket for each thread, which does not listen yet, or takes those that were inherited: they listen already.
    ///
    /// An address that any process listens on is refused, also when that process is a second Weir. With `beside` this check
    /// is left out: this Weir then has the same port of another address.
    pub(crate) fn bind(
        listener: &Listener,
        threads: usize,
        beside: bool,
        inherited: &mut Inherited,
    ) -> io::Result<Self> {
        let (address, free) = (listener.bind, listener.free_bind);
        if let Some(sockets) = inherited.take(listener, threads) {
            return Ok(Self { address, sockets: sockets?, beside, free });
        }
        if !beside {
            refuse_shared(address, free)?;
        }
        let sockets: io::Result<_> = (0..threads).map(|_| bound(address, true, free)).collect();
        Ok(Self { address, sockets: sockets?, beside, free })
    }

    /// Lets clients connect. They wait until a thread accepts. Fails where another process has begun to listen there since
    /// [`Self::bind`].
    pub(crate) fn listen(&self) -> io::Result<()> {
        let listens = |socket: &TcpListener| SockRef::from(socket).is_listener().unwrap_or(false);
        if !self.beside && !self.sockets.iter().any(listens) {
            refuse_shared(self.address, self.free)?;
        }
        self.sockets.iter().try_for_each(|socket| SockRef::from(socket).listen(BACKLOG))
    }
}

/// Tells the kernel to drop the first packet of new connections. [`Inherited`] takes that back.
pub(super) fn let_nobody_in(socket: &impl AsFd) -> io::Result<()> {
    SockRef::from(socket).attach_filter(&WITHOUT_SYN)
}

/// With SO_REUSEPORT alone two Weirs of one user would share a port without an error.
fn refuse_shared(address: SocketAddr, free: bool) -> io::Result<()> {
    bound(address, false, free).map(drop)
}

fn bound(address: SocketAddr, shared: bool, free: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    // Accepted sockets inherit this, which saves a system call for each connection.
    socket.set_tcp_nodelay(true)?;
    bound_unsent(&socket);
    if address.is_ipv6() {
        // As nginx does by default: [::]:80 and 0.0.0.0:80 are two listeners.
        socket.set_only_v6(true)?;
    }
    if free {
        // ip(7), IP_FREEBIND: packets come once the machine has the address.
        if address.is_ipv6() { socket.set_freebind_v6(true)? } else { socket.set_freebind_v4(true)? }
    }
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// For the sockets that this one will accept: they inherit it. Where the machine's owner has set `net.ipv4.tcp_notsent_lowat`, that
/// holds; so it does where that cannot be read, as in the service: the settings that are installed with it bound it. A kernel
/// without the option goes without the bound.
fn bound_unsent(socket: &impl AsFd) {
    let set = fs::read_to_string("/proc/sys/net/ipv4/tcp_notsent_lowat");
    if set.is_ok_and(|set| set.trim().parse() == Ok(u32::MAX)) {
        let _ = SockRef::from(socket).set_tcp_notsent_lowat(UNSENT);
    }
}
