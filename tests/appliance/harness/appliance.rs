//! The real binary in a directory of its own on ports of its own. It is ready when it says so to systemd, and it is
//! ended by its process id when the test is over. On failure its journal is shown.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid};

use super::client::http1::{Answer, Client};
use super::client::tls::Offer;
use super::eventually::{PATIENCE, within};
use super::node::origin::Origin;
use super::plan::{Plan, Ports};

/// How long the binary may take to say that it is ready.
const START: Duration = Duration::from_secs(20);

/// A running Weir.
pub(crate) struct Appliance {
    child: Child,
    /// The process that took over from the child.
    next: Option<Pid>,
    dir: PathBuf,
    ports: Ports,
    notices: UnixDatagram,
    ended: Option<ExitStatus>,
}

impl Plan {
    /// Starts the appliance and waits until it says that it is ready. Ports can be taken between finding and using them, so
    /// a failed start is tried again.
    #[track_caller]
    pub(crate) fn start(self) -> Appliance {
        Appliance::raise_own_descriptors();
        for _ in 0..2 {
            if let Ok(appliance) = Appliance::try_start(&self) {
                return appliance;
            }
        }
        Appliance::try_start(&self).unwrap_or_else(|why| panic!("weir does not start: {why}"))
    }

    /// Starts the appliance, and does not wait until it is ready.
    #[track_caller]
    pub(crate) fn begin(self) -> Appliance {
        Appliance::raise_own_descriptors();
        Appliance::try_begin(&self).unwrap_or_else(|error| panic!("weir cannot be started: {error}"))
    }
}

impl Appliance {
    /// In front of these origins, with nothing special.
    #[track_caller]
    pub(crate) fn in_front_of(origins: &[&Origin]) -> Self {
        Plan::before(origins).start()
    }

    fn try_start(plan: &Plan) -> Result<Self, String> {
        let mut appliance = Self::try_begin(plan).map_err(|error| error.to_string())?;
        if appliance.wait_for_notice("READY=1", START).is_some() {
            return Ok(appliance);
        }
        Err(format!("not ready; its journal:\n{}", appliance.journal()))
    }

    fn try_begin(plan: &Plan) -> io::Result<Self> {
        let (dir, ports) = (fresh_dir(), Ports::free());
        fs::write(dir.join("weir.toml"), plan.write(ports, &dir))?;
        let notices = UnixDatagram::bind(dir.join("notify"))?;
        let child = weir_in(&dir)?.spawn()?;
        Ok(Self { child, next: None, dir, ports, notices, ended: None })
    }

    /// After its end: once more, in the same directory, on the same ports. Its journal begins anew.
    #[track_caller]
    pub(crate) fn start_again(&mut self) {
        let command = weir_in(&self.dir).expect("its directory can be written");
        self.start_again_as(command);
    }

    /// The same as a service manager that has a listening socket does it (sd_listen_fds(3)).
    #[track_caller]
    pub(crate) fn start_again_with(&mut self, socket: &TcpListener, name: &str) {
        let weir = weir_in(&self.dir).expect("its directory can be written");
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$@\" 3<&0 < /dev/null", "sh"]).arg(weir.get_program()).args(weir.get_args());
        shell.envs(weir.get_envs().filter_map(|(key, value)| Some((key, value?))));
        shell.envs([("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", name)]).current_dir(&self.dir).env_remove("JOURNAL_STREAM");
        shell.stdin(OwnedFd::from(socket.try_clone().expect("a descriptor is left")));
        let journal = File::create(self.path("journal")).expect("its directory can be written");
        shell.stdout(journal.try_clone().expect("a descriptor is left")).stderr(journal);
        self.start_again_as(shell);
    }

    /// The same with this program.
    #[track_caller]
    pub(crate) fn start_again_from(&mut self, program: &Path) {
        let weir = weir_in(&self.dir).expect("its directory can be written");
        let mut command = Command::new(program);
        command.args(weir.get_args()).envs(weir.get_envs().filter_map(|(key, value)| Some((key, value?))));
        let journal = File::create(self.path("journal")).expect("its directory can be written");
        command.current_dir(&self.dir).env_remove("JOURNAL_STREAM");
        command.stdout(journal.try_clone().expect("a descriptor is left")).stderr(journal);
        self.start_again_as(command);
    }

    /// SIGKILL for a process that took over.
    pub(crate) fn kill_process(&self, id: u32) {
        self.signal_process(id, Signal::KILL);
    }

    /// Sends a signal to one of two processes.
    pub(crate) fn signal_process(&self, id: u32, signal: Signal) {
        let id = i32::try_from(id).ok().and_then(Pid::from_raw);
        kill_process(id.expect("a process has an id"), signal).expect("the process is ours");
    }

    #[track_caller]
    fn start_again_as(&mut self, mut command: Command) {
        assert!(self.has_ended(), "it still runs");
        self.forget_notices();
        (self.child, self.next) = (command.spawn().expect("the binary runs"), None);
        self.ended = None;
        let ready = self.wait_for_notice("READY=1", START).is_some();
        assert!(ready, "weir does not start again; its journal:\n{}", self.journal());
    }

    /// The plain listener.
    pub(crate) fn http(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.http).into()
    }

    /// The TLS listener.
    pub(crate) fn https(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.https).into()
    }

    /// Metrics and API.
    pub(crate) fn admin(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.admin).into()
    }

    /// Where it takes orders.
    pub(crate) fn admin_socket(&self) -> PathBuf {
        self.path("admin.sock")
    }

    /// A file of the test's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A file's text; empty when it is not there.
    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(name)).unwrap_or_default()).into_owned()
    }

    /// What it wrote to standard error.
    pub(crate) fn journal(&self) -> String {
        self.read("journal")
    }

    /// Waits until the journal has these words: a thread of its own writes them, after what they tell of.
    #[track_caller]
    pub(crate) fn tells(&self, words: &str) {
        let told = within(PATIENCE, || self.journal().contains(words));
        assert!(told, "{words:?} is not in the journal:\n{}", self.journal());
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.next.map_or(self.child.id(), |next| next.as_raw_nonzero().get().unsigned_abs())
    }

    /// After the end of a process that has handed over: this one is meant from now on.
    #[track_caller]
    pub(crate) fn belongs_to(&mut self, id: u32) {
        assert!(self.has_ended(), "the process before still runs");
        self.next = i32::try_from(id).ok().and_then(Pid::from_raw);
        self.ended = None;
        assert!(!self.has_ended(), "the next process does not run; the journal:\n{}", self.journal());
    }

    /// A client on the plain listener.
    #[track_caller]
    pub(crate) fn client(&self) -> Client {
        Client::plain(self.http()).expect("the plain listener accepts")
    }

    /// A client on the TLS listener that asks for esb.test.
    #[track_caller]
    pub(crate) fn secure_client(&self) -> Client {
        Client::tls(self.https(), &Offer::http1("esb.test")).expect("the TLS listener shakes hands")
    }

    /// GET on a connection of its own, from esb.test.
    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Answer {
        self.client().ask(format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\n\r\n"))
    }

    /// POST on a connection of its own, to esb.test.
    #[track_caller]
    pub(crate) fn post(&self, target: &str, body: &str) -> Answer {
        let length = body.len();
        let head = format!("POST {target} HTTP/1.1\r\nHost: esb.test\r\nContent-Length: {length}\r\n\r\n");
        self.client().ask(head + body)
    }

    /// A client on the admin socket, who may give orders.
    #[track_caller]
    pub(crate) fn operator(&self) -> Client {
        Client::unix(&self.admin_socket()).expect("the admin socket accepts")
    }

    /// GET on the admin address.
    #[track_caller]
    pub(crate) fn ask_admin(&self, path: &str) -> Answer {
        let mut client = Client::plain(self.admin()).expect("the admin address accepts");
        client.ask(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    }

    /// State and reason of a node in a pool, such as `active` or `passive ejected`.
    #[track_caller]
    pub(crate) fn state(&self, pool: &str, node: &str) -> String {
        let text = self.ask_admin("/api/nodes").text();
        let all: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let rows = all.as_array().cloned().unwrap_or_default();
        let row = rows.iter().find(|row| row["pool"] == pool && row["node"] == node);
        let row = row.unwrap_or_else(|| panic!("no {node} of {pool} in {text}"));
        let word = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        format!("{} {}", word("state"), word("reason")).trim().to_owned()
    }

    /// The sum of the samples of a metric whose labels contain all of these.
    #[track_caller]
    pub(crate) fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let text = self.ask_admin("/metrics").text();
        let of_name = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        let fits = |line: &&str| labels.iter().all(|(key, value)| line.contains(&format!("{key}=\"{value}\"")));
        let samples = text.lines().filter(of_name).filter(fits);
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Changes the configuration file; a change that changes nothing is a mistake of the test.
    #[track_caller]
    pub(crate) fn edit(&self, change: impl FnOnce(String) -> String) {
        let before = self.read("weir.toml");
        let text = change(before.clone());
        assert_ne!(text, before, "this changes nothing");
        fs::write(self.path("weir.toml"), text).expect("the test's directory is there");
    }

    /// SIGHUP, and waits until it says that it is done; what comes back is all that it told systemd.
    #[track_caller]
    pub(crate) fn reload(&mut self) -> String {
        self.forget_notices();
        self.signal(Signal::HUP);
        self.wait_for_notice("READY=1", START).unwrap_or_else(|| panic!("no word of the reload: {}", self.journal()))
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.signal_process(self.id(), signal);
    }

    /// SIGTERM, and waits for the end.
    #[track_caller]
    pub(crate) fn stop(&mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.exit_code()
    }

    /// SIGKILL, and waits for the end.
    #[track_caller]
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.exit_code();
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let ended = within(START, || self.has_ended());
        assert!(ended, "weir does not end; its journal:\n{}", self.journal());
        self.ended.and_then(|status| status.code())
    }

    /// Whether the process is over.
    pub(crate) fn has_ended(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = match self.next {
                None => self.child.try_wait().ok().flatten(),
                Some(next) => {
                    let ended = waitpid(Some(next), WaitOptions::NOHANG).ok().flatten();
                    ended.map(|(_, status)| ExitStatus::from_raw(status.as_raw()))
                }
            };
        }
        self.ended.is_some()
    }

    /// Waits for a notice to systemd that holds this; what comes back is all notices up to it.
    pub(crate) fn wait_for_notice(&mut self, wanted: &str, limit: Duration) -> Option<String> {
        let (end, mut told, mut buffer) = (Instant::now() + limit, String::new(), [0; 4096]);
        let _ = self.notices.set_read_timeout(Some(Duration::from_millis(50)));
        while Instant::now() < end {
            if let Ok(length) = self.notices.recv(&mut buffer) {
                told.push_str(&String::from_utf8_lossy(&buffer[..length]));
                told.push('\n');
                if told.contains(wanted) {
                    return Some(told);
                }
            } else if self.has_ended() {
                return None;
            }
        }
        None
    }

    /// Ends processes that took over and that a test which failed never heard of. The configuration's path is theirs alone.
    fn end_unknown(&self) {
        let config = self.path("weir.toml").display().to_string();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let id = entry.file_name().to_string_lossy().parse().ok().and_then(Pid::from_raw);
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if let Some(id) = id.filter(|_| words.split(|byte| *byte == 0).any(|word| word == config.as_bytes())) {
                let _ = kill_process(id, Signal::KILL);
                let _ = waitpid(Some(id), WaitOptions::empty());
            }
        }
    }

    fn forget_notices(&self) {
        let _ = self.notices.set_nonblocking(true);
        while self.notices.recv(&mut [0; 4096]).is_ok() {}
        let _ = self.notices.set_nonblocking(false);
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        if !self.has_ended() {
            match self.next {
                None => {
                    let _ = self.child.kill();
                    let _ = self.child.wait();
                }
                Some(next) => {
                    let _ = kill_process(next, Signal::KILL);
                    let _ = waitpid(Some(next), WaitOptions::empty());
                }
            }
        }
        self.end_unknown();
        if std::thread::panicking() {
            let journal = self.journal();
            let lines: Vec<&str> = journal.lines().collect();
            let tail = lines[lines.len().saturating_sub(60)..].join("\n");
            eprintln!("--- the end of weir's journal ---\n{tail}\n--- more in {} ---", self.dir.display());
        } else {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

fn weir_in(dir: &Path) -> io::Result<Command> {
    // A process that takes over is the test's child when the one before has ended.
    set_child_subreaper(Some(getpid()))?;
    let journal = File::create(dir.join("journal"))?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command
        .args(["run", "--config"])
        .arg(dir.join("weir.toml"))
        .env("NOTIFY_SOCKET", dir.join("notify"))
        // A huge page counts as resident by its first byte: what tests measure would be rounded up to 2 MiB many times.
        .env("MIMALLOC_ALLOW_THP", "0")
        .env_remove("JOURNAL_STREAM")
        .current_dir(dir)
        .stdout(journal.try_clone()?)
        .stderr(journal);
    Ok(command)
}

/// Runs a command of the binary to its end.
pub(crate) fn weir(arguments: &[&str]) -> io::Result<std::process::Output> {
    // Whoever runs the tests with sudo does not want to be in the reasons of their orders.
    Command::new(env!("CARGO_BIN_EXE_weir")).args(arguments).env_remove("SUDO_USER").output()
}

/// An empty directory with a short name: the path of a socket has little room.
pub(crate) fn fresh_dir() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("weir-{}-{number}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("the system's temporary directory can be written");
    dir
}
