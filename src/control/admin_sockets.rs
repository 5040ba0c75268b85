//! Where Weir is asked and steered: the admin address, the unix socket and the metrics address. They are bound before anything else starts,
//! and stay over reloads. The socket's file is removed at the end.

use std::fs::{Metadata, Permissions};
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};

use nix::unistd::Group;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use crate::config::{Admin, AdminSocket, Config, Place, Problem};

/// The members of this group may give orders on the admin socket.
pub(crate) const GROUP: &str = "weir";

/// The owner and the group may connect. Who of them is answered is decided by their credentials.
const MODE: u32 = 0o660;

/// The sockets that admin answers on.
pub(crate) struct AdminSockets {
    /// The admin address.
    pub(crate) tcp: TcpListener,
    /// The admin socket.
    pub(crate) unix: Option<UnixListener>,
    /// The metrics address.
    pub(crate) metrics: Option<TcpListener>,
    /// They are listened on until its other end is dropped.
    pub(crate) open: watch::Receiver<()>,
}

/// Sockets that another process has bound, and gives this one.
#[derive(Default)]
pub(crate) struct AdminGiven {
    pub(crate) tcp: Option<StdTcpListener>,
    pub(crate) unix: Option<StdUnixListener>,
    pub(crate) metrics: Option<StdTcpListener>,
}

impl AdminGiven {
    /// Second descriptors of all.
    pub(crate) fn copies(&self) -> io::Result<Self> {
        Ok(Self {
            tcp: self.tcp.as_ref().map(StdTcpListener::try_clone).transpose()?,
            unix: self.unix.as_ref().map(StdUnixListener::try_clone).transpose()?,
            metrics: self.metrics.as_ref().map(StdTcpListener::try_clone).transpose()?,
        })
    }
}

impl AdminSockets {
    /// Second descriptors of all.
    pub(crate) fn copies(&self) -> io::Result<AdminGiven> {
        let tcp = |socket: &TcpListener| socket.as_fd().try_clone_to_owned().map(StdTcpListener::from);
        let unix = |socket: &UnixListener| socket.as_fd().try_clone_to_owned().map(StdUnixListener::from);
        Ok(AdminGiven {
            tcp: Some(tcp(&self.tcp)?),
            unix: self.unix.as_ref().map(unix).transpose()?,
            metrics: self.metrics.as_ref().map(tcp).transpose()?,
        })
    }
}

/// The admin sockets, and what ends with them.
pub(crate) struct BoundAdmin {
    pub(crate) sockets: AdminSockets,
    /// Dropped, nothing is accepted any more.
    pub(crate) open: watch::Sender<()>,
    /// Lives as long as the socket is to be found.
    pub(crate) file: Option<SocketFile>,
}

/// Binds what `[admin]` and `[metrics]` say, or takes what is given and has the same address.
pub(crate) fn bind_admin(config: &Config, given: AdminGiven) -> Result<BoundAdmin, Problem> {
    // The address comes first: where another Weir has it, this one must not touch the socket.
    let admin = &config.admin;
    let tcp = bind_address("admin", admin.bind, &admin.at, given.tcp)?;
    let metrics = config.metrics.as_ref();
    let metrics =
        metrics.map(|metrics| bind_address("metrics", metrics.bind, &metrics.at, given.metrics)).transpose()?;
    let (unix, file) = bind_socket(admin, given.unix)?.unzip();
    let (open, is_open) = watch::channel(());
    Ok(BoundAdmin { sockets: AdminSockets { tcp, unix, metrics, open: is_open }, open, file })
}

fn bind_address(
    which: &str,
    address: SocketAddr,
    at: &Place,
    given: Option<StdTcpListener>,
) -> Result<TcpListener, Problem> {
    let given = given.filter(|given| given.local_addr().is_ok_and(|has| has == address));
    let bound = given.map_or_else(|| StdTcpListener::bind(address), Ok).and_then(|bound| {
        bound.set_nonblocking(true)?;
        TcpListener::from_std(bound)
    });
    bound.map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("is another Weir running? `weir status` asks it; else choose another [{which}] bind")
            }
            _ => String::new(),
        };
        Problem { at: at.clone(), what: format!("cannot bind the {which} address {address}: {error}"), advice }
    })
}

fn bind_socket(admin: &Admin, given: Option<StdUnixListener>) -> Result<Option<(UnixListener, SocketFile)>, Problem> {
    let given = given.and_then(|given| {
        let path = given.local_addr().ok()?.as_pathname()?.to_owned();
        Some((SocketFile::of(&path).ok()?, given))
    });
    let Some(path) = admin.socket.path() else { return Ok(None) };
    let bound = match given {
        Some((file, given)) if file.path == path => UnixListener::from_std(given).map(|given| (given, file)),
        // The file of another path is removed here.
        _ => SocketFile::bind(path),
    };
    match (bound, &admin.socket) {
        (Ok(bound), _) => Ok(Some(bound)),
        (Err(error), AdminSocket::At(_, at)) => {
            let what = format!("cannot bind the admin socket {}: {error}", path.display());
            Err(Problem { at: at.clone(), what, advice: advice(&error, path) })
        }
        (Err(error), _) => {
            let path = path.display();
            log::warn!(
                "no admin socket {path}: {error}; orders need it or a token: name a path in [admin] socket that Weir can make, or \"off\""
            );
            Ok(None)
        }
    }
}

fn advice(error: &io::Error, path: &Path) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            let directory = path.parent().unwrap_or(path).display();
            format!("make the directory {directory}, or name another socket, or write \"off\"")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "name a path in a directory that Weir may write, such as \"/run/weir/admin.sock\"".to_owned()
        }
        io::ErrorKind::AddrInUse => "each Weir has a socket of its own: name another path".to_owned(),
        _ => "name another path, or write \"off\"".to_owned(),
    }
}

/// The file of a bound socket. Dropped, it removes the file, if that is still its own.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    made: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), made: identity(&path.symlink_metadata()?) })
    }

    /// Leaves it to another process that has the socket too.
    pub(crate) fn leave(mut self) {
        self.made = (0, 0);
    }

    fn bind(path: &Path) -> io::Result<(UnixListener, Self)> {
        let listener = match StdUnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                remove_stale(path)?;
                StdUnixListener::bind(path)?
            }
            bound => bound?,
        };
        let file = Self::of(path)?;
        // Where the group is not ours to give, only the owner and root are left.
        let group = Group::from_name(GROUP).ok().flatten();
        let given = group.is_some_and(|group| chown(path, None, Some(group.gid.as_raw())).is_ok());
        std::fs::set_permissions(path, Permissions::from_mode(if given { MODE } else { MODE & 0o600 }))?;
        listener.set_nonblocking(true)?;
        Ok((UnixListener::from_std(listener)?, file))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.path.symlink_metadata().is_ok_and(|now| identity(&now) == self.made) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(about: &Metadata) -> (u64, u64) {
    (about.dev(), about.ino())
}

/// Removes a socket that a killed process left behind.
fn remove_stale(path: &Path) -> io::Result<()> {
    let in_use = |what: &str| io::Error::new(io::ErrorKind::AddrInUse, what);
    if !path.symlink_metadata()?.file_type().is_socket() {
        return Err(in_use("there is a file that is no socket"));
    }
    match connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Ok(()) => Err(in_use("another process answers there")),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(in_use("another process has it, and lets more callers wait than it answers"))
        }
        Err(error) => Err(in_use(&format!("it cannot be told whether another process answers there: {error}"))),
    }
}

/// Connects without waiting: a process that accepts nobody must not keep this one from its start.
fn connect(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    socket.connect(&SockAddr::unix(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("weir-sockets-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        directory
    }

    #[tokio::test]
    async fn a_socket_that_nobody_answers_is_replaced_and_removed_at_the_end() {
        let directory = directory("stale");
        let path = directory.join("a.sock");
        drop(StdUnixListener::bind(&path).unwrap());
        assert!(path.exists(), "what a killed process leaves behind");
        let (listener, file) = SocketFile::bind(&path).unwrap();
        let mode = path.metadata().unwrap().mode();
        assert_eq!(mode & 0o117, 0, "{mode:o} lets others in");
        let second = SocketFile::bind(&path).unwrap_err();
        assert_eq!(second.to_string(), "another process answers there");
        connect(&path).expect("the first still answers");
        drop((listener, file));
        assert!(!path.exists());
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[tokio::test]
    async fn a_socket_whose_queue_is_full_is_in_use_and_nobody_waits_for_it() {
        let directory = directory("full");
        let path = directory.join("a.sock");
        let other = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        other.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        other.listen(0).unwrap();
        let waiting = || {
            let caller = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None).unwrap();
            caller.connect(&SockAddr::unix(&path).unwrap()).is_ok().then_some(caller)
        };
        let callers: Vec<_> = std::iter::from_fn(waiting).collect();
        assert!(!callers.is_empty());
        let refused = SocketFile::bind(&path).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        assert!(refused.to_string().starts_with("another process has it"), "{refused}");
        assert!(path.exists(), "it is the other process'");
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[tokio::test]
    async fn what_is_not_its_own_is_never_removed() {
        let directory = directory("others");
        let path = directory.join("a.sock");
        std::fs::write(&path, "precious").unwrap();
        assert_eq!(SocketFile::bind(&path).unwrap_err().to_string(), "there is a file that is no socket");
        std::os::unix::fs::symlink(&path, directory.join("link")).unwrap();
        assert!(SocketFile::bind(&directory.join("link")).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        std::fs::remove_file(&path).unwrap();
        let (_listener, file) = SocketFile::bind(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let _others = StdUnixListener::bind(&path).unwrap();
        drop(file);
        assert!(path.exists(), "another process bound this path meanwhile");
        std::fs::remove_dir_all(directory).unwrap();
    }
}
