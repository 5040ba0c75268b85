//! Notifications to systemd (sd_notify(3)): ready, reloading, stopping, a status, the watchdog's ping. Without systemd
//! nothing is sent, and a message that cannot be sent is no error.

use std::ffi::OsStr;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// How many sockets go with one message. The kernel takes 253.
const AT_ONCE: usize = 200;

/// The socket to the service manager, if there is one.
#[derive(Debug)]
pub struct Notifier {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// As the environment says: NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    pub fn from_environment() -> Self {
        let text = |name| std::env::var(name).ok();
        let watchdog = interval(text("WATCHDOG_USEC").as_deref(), text("WATCHDOG_PID").as_deref(), std::process::id());
        Self { watchdog, ..Self::to(std::env::var_os("NOTIFY_SOCKET").as_deref()) }
    }

    /// To a socket: a path, or `@name` for an abstract one.
    pub fn to(address: Option<&OsStr>) -> Self {
        let socket = address.filter(|address| !address.is_empty()).and_then(|address| {
            connect(address).inspect_err(|error| log::warn!("NOTIFY_SOCKET cannot be used: {error}")).ok()
        });
        Self { socket, watchdog: None }
    }

    /// Requests are being answered: after start, and after each reload.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={}\n", one_line(status)));
    }

    /// A reload begins; `monotonic_microseconds` is the clock's reading at its start. [`Self::ready`] ends it.
    pub fn reloading(&self, monotonic_microseconds: u64) {
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={monotonic_microseconds}\n"));
    }

    /// The unit's main process is this one from now on, and requests are being answered.
    pub fn main_is(&self, pid: u32, status: &str) {
        self.send(&format!("MAINPID={pid}\nREADY=1\nSTATUS={}\n", one_line(status)));
    }

    /// A line for `systemctl status`.
    pub fn status(&self, text: &str) {
        self.send(&format!("STATUS={}\n", one_line(text)));
    }

    /// The process begins to stop.
    pub fn stopping(&self) {
        self.send("STOPPING=1\n");
    }

    /// The watchdog's ping.
    pub fn watchdog(&self) {
        self.send("WATCHDOG=1\n");
    }

    /// These sockets are to be kept while the process is away, by this name, which has no colon: the next process gets them
    /// (`FDSTORE=1`). A socket that is kept already is not kept twice.
    pub fn keep(&self, name: &str, sockets: &[impl AsFd]) {
        let Some(notify) = &self.socket else { return };
        let message = format!("FDSTORE=1\nFDNAME={name}\n");
        let all: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
        for some in all.chunks(AT_ONCE) {
            let mut space = vec![MaybeUninit::uninit(); SendAncillaryMessage::ScmRights(some).size()];
            let mut rights = SendAncillaryBuffer::new(&mut space);
            rights.push(SendAncillaryMessage::ScmRights(some));
            if let Err(error) = sendmsg(notify, &[IoSlice::new(message.as_bytes())], &mut rights, SendFlags::empty()) {
                log::debug!("systemd was not given {name}: {error}");
            }
        }
    }

    /// The sockets of this name are not to be kept any more.
    pub fn forget(&self, name: &str) {
        self.send(&format!("FDSTOREREMOVE=1\nFDNAME={name}\n"));
    }

    /// How often [`Self::watchdog`] must be called: half the time that systemd waits. None if it does not.
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog
    }

    fn send(&self, message: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.send(message.as_bytes()) {
            log::debug!("systemd was not told {message:?}: {error}");
        }
    }
}

/// CLOCK_MONOTONIC, as [`Notifier::reloading`] wants it.
pub fn monotonic_microseconds() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000 + now.tv_nsec / 1_000).unwrap_or_default()
}

fn connect(address: &OsStr) -> std::io::Result<UnixDatagram> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(address)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    // A manager that does not read must not block a reload.
    socket.set_write_timeout(Some(Duration::from_secs(1)))?;
    Ok(socket)
}

/// A line break in a status would be a message of its own.
fn one_line(text: &str) -> String {
    text.split(|character: char| character.is_control()).collect::<Vec<_>>().join(" ")
}

fn interval(microseconds: Option<&str>, pid: Option<&str>, own_pid: u32) -> Option<Duration> {
    // The variables may be inherited from our parent and meant for it.
    if pid.is_some_and(|pid| pid.parse() != Ok(own_pid)) {
        return None;
    }
    let microseconds = microseconds?.parse::<u64>().ok().filter(|&microseconds| microseconds > 0)?;
    Some(Duration::from_micros(microseconds) / 2)
}

#[cfg(test)]
mod tests {
    use std::io::IoSliceMut;
    use std::path::PathBuf;

    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut message = [0; 1024];
        let length = socket.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    }

    fn says_everything(notifier: &Notifier, socket: &UnixDatagram) {
        notifier.ready("3 sites\nREADY=0");
        assert_eq!(heard(socket), "READY=1\nSTATUS=3 sites READY=0\n");
        notifier.reloading(42);
        assert_eq!(heard(socket), "RELOADING=1\nMONOTONIC_USEC=42\n");
        notifier.status("generation 2");
        assert_eq!(heard(socket), "STATUS=generation 2\n");
        notifier.watchdog();
        assert_eq!(heard(socket), "WATCHDOG=1\n");
        notifier.stopping();
        assert_eq!(heard(socket), "STOPPING=1\n");
    }

    #[test]
    fn systemd_is_given_each_socket_with_its_name() {
        let path: PathBuf = std::env::temp_dir().join(format!("weir-notify-keep-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::to(Some(path.as_os_str()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let sockets: Vec<_> = (0..AT_ONCE + 1).map(|_| listener.try_clone().unwrap()).collect();
        notifier.keep("listener-127.0.0.1_80", &sockets);
        for count in [AT_ONCE, 1] {
            let (mut text, mut space) = ([0; 1024], vec![MaybeUninit::uninit(); 4096]);
            let mut rights = RecvAncillaryBuffer::new(&mut space);
            let into = &mut [IoSliceMut::new(&mut text)];
            let length = recvmsg(&socket, into, &mut rights, RecvFlags::empty()).unwrap().bytes;
            let given = rights.drain().flat_map(|message| match message {
                RecvAncillaryMessage::ScmRights(given) => given.collect::<Vec<_>>(),
                _ => Vec::new(),
            });
            let given: Vec<_> = given.map(std::net::TcpListener::from).collect();
            assert_eq!(String::from_utf8_lossy(&text[..length]), "FDSTORE=1\nFDNAME=listener-127.0.0.1_80\n");
            assert_eq!(given.len(), count);
            given.iter().for_each(|given| assert_eq!(given.local_addr().unwrap(), listener.local_addr().unwrap()));
        }
        notifier.forget("listener-127.0.0.1_80");
        assert_eq!(heard(&socket), "FDSTOREREMOVE=1\nFDNAME=listener-127.0.0.1_80\n");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn systemd_hears_every_word_by_a_path() {
        let path: PathBuf = std::env::temp_dir().join(format!("weir-notify-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::to(Some(path.as_os_str()));
        says_everything(&notifier, &socket);
        drop(socket);
        std::fs::remove_file(&path).unwrap();
        notifier.ready("nobody listens any more");
    }

    #[test]
    fn systemd_hears_every_word_by_an_abstract_name() {
        let name = format!("weir-notify-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        says_everything(&Notifier::to(Some(OsStr::new(&format!("@{name}")))), &socket);
    }

    #[test]
    fn without_systemd_nothing_happens() {
        for address in [None, Some(""), Some("/nowhere/at/all"), Some("vsock:2:1234")] {
            let notifier = Notifier::to(address.map(OsStr::new));
            notifier.ready("");
            assert_eq!(notifier.watchdog_interval(), None);
        }
    }

    #[test]
    fn the_watchdog_is_fed_twice_as_often_as_it_bites() {
        let cases = [
            (Some("30000000"), None, Some(15_000)),
            (Some("30000000"), Some("7"), Some(15_000)),
            (Some("30000000"), Some("8"), None),
            (Some("30000000"), Some("x"), None),
            (Some("0"), None, None),
            (Some("soon"), None, None),
            (None, Some("7"), None),
        ];
        for (microseconds, pid, want) in cases {
            assert_eq!(interval(microseconds, pid, 7), want.map(Duration::from_millis), "{microseconds:?} {pid:?}");
        }
    }

    #[test]
    fn the_monotonic_clock_runs() {
        let first = monotonic_microseconds();
        assert!(first > 0 && monotonic_microseconds() >= first);
    }
}
