//! Weir as the peers' tests need it: the real binary on a written configuration, ready when it says so.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio, id};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A directory of the test's own, removed with it.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("weir-peers-{}-{}", id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What failed may be looked at.
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// The ports of the nodes, the same at all their addresses.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub plain: u16,
    pub tls: u16,
    /// TLS with the wrong `proxyPort`.
    pub console: u16,
}

impl Ports {
    /// Ports that are free at 127.0.0.1 to 127.0.0.4.
    pub fn free() -> Self {
        let mut held = Vec::new();
        let addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"];
        let [plain, tls, console] = [(); 3].map(|()| port(&addresses, &mut held));
        Self { plain, tls, console }
    }
}

/// A port that is free at all of these addresses, held until `held` is dropped. It is none that a client's connection may
/// get: those ask at once for a port that nobody listens on for a while, and one of them could take it, or meet itself.
pub fn port(addresses: &[&str], held: &mut Vec<TcpListener>) -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..1000 {
        let number = id().wrapping_mul(37).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + u16::try_from(number % 20_000).unwrap();
        let here: Result<Vec<_>, _> = addresses.iter().map(|address| TcpListener::bind((*address, port))).collect();
        if let Ok(here) = here {
            held.extend(here);
            return port;
        }
    }
    panic!("no port is free at {addresses:?}");
}

/// Weir, running.
pub struct Weir {
    child: Child,
    notify: UnixDatagram,
    directory: PathBuf,
}

impl Weir {
    /// Runs it on this text and waits until it is ready.
    pub fn start(directory: &Directory, configuration: &str) -> Self {
        let directory = directory.path().to_owned();
        fs::write(directory.join("weir.toml"), configuration).unwrap();
        fs::create_dir_all(directory.join("state")).unwrap();
        let socket = directory.join("notify");
        let _ = fs::remove_file(&socket);
        let notify = UnixDatagram::bind(&socket).unwrap();
        notify.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_weir"))
            .arg("run")
            .arg("--config")
            .arg(directory.join("weir.toml"))
            .env("NOTIFY_SOCKET", &socket)
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null())
            .current_dir(&directory)
            .stderr(File::options().create(true).append(true).open(directory.join("journal")).unwrap())
            .spawn()
            .unwrap();
        let mut weir = Self { child, notify, directory };
        weir.wait_for("READY=1");
        weir
    }

    /// SIGHUP; returns when the new configuration is in use.
    pub fn reload(&mut self) {
        self.signal(Signal::HUP);
        self.wait_for("RELOADING=1");
        self.wait_for("READY=1");
    }

    /// SIGTERM; the exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.child.wait().unwrap().code()
    }

    /// What it wrote to standard error.
    pub fn journal(&self) -> String {
        fs::read_to_string(self.directory.join("journal")).unwrap_or_default()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn wait_for(&mut self, wanted: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut message = [0; 4096];
        loop {
            if let Ok(length) = self.notify.recv(&mut message) {
                let text = String::from_utf8_lossy(&message[..length]).into_owned();
                if text.lines().any(|line| line == wanted) {
                    return;
                }
            }
            assert!(self.child.try_wait().unwrap().is_none(), "Weir ended:\n{}", self.journal());
            assert!(Instant::now() < deadline, "no {wanted} in time:\n{}", self.journal());
        }
    }
}

impl Drop for Weir {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- Weir's journal:\n{}", self.journal());
        }
    }
}

/// Waits until it is so, not longer than a minute.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
