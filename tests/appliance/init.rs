//! `weir init`: from addresses to a cluster that answers, with flags and with answers to questions, and what mistakes lead to.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::harness::{Origin, Pair, Plan, eventually, free_port, fresh_dir, ok_with, weir};

/// The servers of the guide on loopback addresses, each with its three ports.
struct Cluster {
    offset: u16,
    pair: Pair,
    _origins: Vec<Origin>,
}

const WORKERS: [&str; 2] = ["127.0.0.1", "127.0.0.2"];
const MANAGER: &str = "127.0.0.3";

impl Cluster {
    fn start() -> Self {
        let pair = Pair::of_a_stock_node();
        let (offset, sockets) = (0..50).find_map(|_| bound()).expect("an offset whose ports are free");
        let serve = |(socket, address, usual): Bound| {
            let pair = (usual != 8280).then_some(&pair);
            Origin::at(socket, pair, move |talk| {
                talk.body();
                let answer = format!("{address} {usual} {}", talk.target());
                talk.send(&ok_with("Server: WSO2-PassThrough-HTTP\r\n", &answer));
            })
        };
        let origins = sockets.into_iter().map(serve).collect();
        Self { offset, pair, _origins: origins }
    }

    fn of(&self, address: &str) -> String {
        format!("{address}+{}", self.offset)
    }

    fn flags(&self) -> Vec<String> {
        let [one, two] = WORKERS.map(|address| self.of(address));
        let manager = self.of(MANAGER);
        ["--worker", &one, "--worker", &two, "--manager", &manager].map(str::to_owned).to_vec()
    }
}

/// A socket, its address, and its port without the offset.
type Bound = (TcpListener, &'static str, u16);

/// Sockets on all ports of an offset.
fn bound() -> Option<(u16, Vec<Bound>)> {
    let offset = free_port().checked_sub(8280)?;
    let mut sockets = Vec::new();
    for address in [WORKERS[0], WORKERS[1], MANAGER] {
        for usual in [8280, 8243, 9443] {
            sockets.push((TcpListener::bind((address, usual + offset)).ok()?, address, usual));
        }
    }
    Some((offset, sockets))
}

fn init(file: &Path, more: &[&str]) -> Output {
    let file = file.display().to_string();
    let state = Path::new(&file).with_file_name("state").display().to_string();
    weir(&[&["init", "--config", &file, "--state-dir", &state], more].concat()).expect("it runs")
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A pipe has nobody who writes: to read it would take for ever.
#[test]
fn a_pipe_in_the_place_of_the_file_is_refused_at_once() {
    let directory = fresh_dir();
    let pipe = directory.join("weir.toml");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let refused = init(&pipe, &["--worker", "127.0.0.1", "--manager", "127.0.0.3"]);
    assert!(!refused.status.success() && words(&refused.stderr).contains("this is a pipe"), "{refused:?}");
}

/// `weir init` that asks, as one process.
fn begin(file: &Path, more: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.arg("init").arg("--config").arg(file).args(more);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
}

#[test]
fn with_flags_a_cluster_answers_by_its_pins() {
    let (cluster, dir) = (Cluster::start(), fresh_dir());
    let file = dir.join("weir.toml");
    let flags = cluster.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let said = init(&file, &[&["--yes"], &flags[..]].concat());
    let (out, err) = (words(&said.stdout), words(&said.stderr));
    assert_eq!((said.status.code(), err.as_str()), (Some(0), ""), "{out}");
    let seen = format!("worker1 port {}: HTTP, WSO2-PassThrough-HTTP", 8280 + cluster.offset);
    let status = format!("  weir status --config {}\n", file.display());
    for part in [&*seen, &cluster.pair.pin(), &status, "esb.wso2.com mgt.esb.wso2.com"] {
        assert!(out.contains(part), "no {part} in {out}");
    }
    // What is left to decide: certificates that browsers know, and who may manage.
    let checked = words(&weir(&["check", "--config", &file.display().to_string()]).expect("it runs").stdout);
    let warnings = checked.lines().filter(|line| line.starts_with("Warning: "));
    let decided = ["is self-signed", "leads to the management console"];
    let known = |line: &str| decided.iter().any(|known| line.contains(known));
    assert!(warnings.clone().count() == 3 && warnings.clone().all(known), "{checked}");
    let mode = |name: &str| fs::metadata(dir.join(name)).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode("weir.toml"), mode("certs/wrk.key"), mode("certs/mgt.key")), (0o644, 0o600, 0o600));
    let text = fs::read_to_string(&file).expect("it is there");
    assert!(text.starts_with("#:schema "), "{text}");
    let listening = [
        ("0.0.0.0:80", "127.0.0.1:$http"),
        ("0.0.0.0:443", "127.0.0.1:$https"),
        ("127.0.0.1:9180", "127.0.0.1:$admin"),
    ];
    let text =
        listening.iter().fold(text, |text, (from, to)| text.replace(&format!("\"{from}\""), &format!("\"{to}\"")));
    let weir = Plan::text(text).start();
    let answered = weir.client().ask("GET /services/Echo HTTP/1.1\r\nHost: esb.wso2.com\r\n\r\n");
    assert!(answered.text().ends_with(" 8280 /services/Echo"), "{}", answered.text());
    for (host, end) in [("esb.wso2.com", " 8243 /a"), ("mgt.esb.wso2.com", "127.0.0.3 9443 /a")] {
        let request = format!("GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let answered =
            crate::harness::Client::tls(weir.https(), &crate::harness::Offer::http1(host)).expect("TLS").ask(request);
        assert!(answered.text().ends_with(end), "{host}: {}", answered.text());
    }
    assert_eq!(weir.client().ask("GET /carbon/ HTTP/1.1\r\nHost: esb.wso2.com\r\n\r\n").status, 403);
    // Where no service makes /run/weir, orders are possible all the same.
    let running = weir.path("weir.toml").display().to_string();
    let ordered = crate::harness::weir(&["maintain", "worker1", "--config", &running]).expect("it runs");
    assert_eq!(ordered.status.code(), Some(0), "{}", words(&ordered.stderr));
}

#[test]
fn questions_are_asked_again_after_a_mistake() {
    let (cluster, dir) = (Cluster::start(), fresh_dir());
    let file = dir.join("weir.toml");
    let mut asking = begin(&file, &[]);
    let answers = format!(
        "https://esb.test/\nesb.test\n\n{}:8280\n{} {}\n{}\n\nno-file.crt\n\nyes\n",
        WORKERS[0],
        cluster.of(WORKERS[0]),
        cluster.of(WORKERS[1]),
        cluster.of(MANAGER)
    );
    asking.stdin.take().expect("a pipe").write_all(answers.as_bytes()).expect("it reads");
    let said = asking.wait_with_output().expect("it ends");
    let out = words(&said.stdout);
    assert_eq!(said.status.code(), Some(0), "{out}{}", words(&said.stderr));
    for part in ["without scheme and path: esb.test", "without a port: 127.0.0.1", "there is no file no-file.crt"] {
        assert!(out.contains(part), "no {part} in {out}");
    }
    let text = fs::read_to_string(&file).expect("it is there");
    assert!(text.contains("hosts = [\"esb.test\"]") && text.contains(&cluster.pair.pin()), "{text}");
}

#[test]
fn who_is_interrupted_or_stops_answering_has_written_nothing() {
    let dir = fresh_dir();
    let mut asking = begin(&dir.join("weir.toml"), &[]);
    let mut first = [0; 4];
    asking.stdout.as_mut().expect("a pipe").read_exact(&mut first).expect("the first question");
    rustix::process::kill_process(rustix::process::Pid::from_child(&asking), rustix::process::Signal::TERM)
        .expect("it runs");
    assert_eq!(asking.wait().expect("it ends").signal(), Some(15));
    let mut asking = begin(&dir.join("weir.toml"), &[]);
    asking.stdin.take().expect("a pipe").write_all(b"esb.test\n").expect("it reads");
    let said = asking.wait_with_output().expect("it ends");
    assert_eq!(said.status.code(), Some(1));
    assert!(words(&said.stderr).contains("the answers ended; nothing was written"), "{}", words(&said.stderr));
    let answers = "esb.test\nmgt.test\n10.0.0.3\n10.0.0.2\nnew\nnew\nno\n";
    let mut asking = begin(&dir.join("weir.toml"), &["--no-look"]);
    asking.stdin.take().expect("a pipe").write_all(answers.as_bytes()).expect("it reads");
    let said = asking.wait_with_output().expect("it ends");
    assert!(said.status.code() == Some(1) && words(&said.stderr).contains("nothing was written"));
    assert_eq!(fs::read_dir(&dir).expect("a directory").count(), 0);
}

#[test]
fn nodes_that_nobody_answers_for_are_warned_of_and_not_pinned() {
    let dir = fresh_dir();
    // Nobody listens on these addresses.
    let more = ["--yes", "--worker", "127.9.9.1", "--worker", "127.9.9.2", "--manager", "127.9.9.3"];
    let said = init(&dir.join("weir.toml"), &more);
    let err = words(&said.stderr);
    assert_eq!(said.status.code(), Some(0), "{err}");
    assert!(err.contains("warning: worker1 port 8280: nobody answers"), "{err}");
    let text = fs::read_to_string(dir.join("weir.toml")).expect("it is there");
    assert!(text.contains("verify = \"none\"") && !text.contains("verify = \"pin\", pins"), "{text}");
}

#[test]
fn what_is_there_is_kept_and_mistakes_write_nothing() {
    let dir = fresh_dir();
    let file = dir.join("weir.toml");
    let good = ["--yes", "--no-look", "--worker", "10.0.0.3", "--manager", "10.0.0.2"];
    for (file, more, expected) in [
        (&file, &["--yes", "--no-look", "--worker", "10.0.0.3"][..], "--manager 10.0.0.2"),
        (&file, &["--yes", "--no-look", "--manager", "10.0.0.3"], "--worker 10.0.0.3"),
        (&file, &["--yes", "--no-look", "--worker", "10.0.0.3", "--manager", "10.0.0.3"], "are the same server"),
        (&file, &["--yes", "--esb-host", "https://esb.test"], "without scheme and path: esb.test"),
        (&file, &["--yes", "--worker", "10.0.0.3:8280"], "without a port: 10.0.0.3"),
    ] {
        let said = init(file, more);
        let err = words(&said.stderr);
        assert!(said.status.code() != Some(0) && err.contains(expected), "{more:?}: {err}");
        assert_eq!(fs::read_dir(&dir).expect("a directory").count(), 0, "{more:?}");
    }
    fs::write(&file, "# what a package brings\n").expect("written");
    assert_eq!(init(&file, &good).status.code(), Some(0));
    let first = fs::read_to_string(&file).expect("it is there");
    assert!(first.contains("10.0.0.3"));
    let other = ["--yes", "--no-look", "--worker", "10.0.0.4", "--manager", "10.0.0.2"];
    let said = init(&file, &other);
    assert!(said.status.code() == Some(1) && words(&said.stderr).contains("--force"), "{}", words(&said.stderr));
    assert_eq!(fs::read_to_string(&file).expect("it is there"), first);
    // The certificates of the first time are used again.
    let key = fs::read(dir.join("certs/wrk.key")).expect("it is there");
    assert_eq!(init(&file, &[&other[..], &["--force"]].concat()).status.code(), Some(0));
    assert!(fs::read_to_string(&file).expect("it is there").contains("10.0.0.4"));
    assert_eq!(fs::read(dir.join("certs/wrk.key")).expect("it is there"), key);
    // A certificate without its key is neither used nor replaced, and a directory is no file.
    let (kept, away) = (dir.join("certs/wrk.key"), dir.join("away.key"));
    fs::rename(&kept, &away).expect("it is there");
    let said = words(&init(&file, &[&good[..], &["--force"]].concat()).stderr);
    assert!(said.contains("wrk.crt is there, and") && said.contains("wrk.key that belongs to it is not"), "{said}");
    fs::rename(&away, &kept).expect("it is there");
    let said = words(&init(&dir, &good).stderr);
    assert!(said.contains("is a directory; --config") && said.contains("weir.toml names a file in it"), "{said}");
    // A pair that does not cover the host: the checks refuse it, and the file stays.
    let chain = dir.join("certs/wrk.crt").display().to_string();
    let pair = dir.join("certs/wrk.key").display().to_string();
    let wrong = ["--mgt-chain", &chain, "--mgt-key", &pair, "--force"];
    let said = init(&file, &[&good[..], &wrong].concat());
    assert!(
        said.status.code() == Some(78) && words(&said.stderr).contains("does not cover"),
        "{}",
        words(&said.stderr)
    );
    assert!(fs::read_to_string(&file).expect("it is there").contains("10.0.0.4"));
}

#[test]
fn the_lines_that_it_ends_with_lead_to_answers() {
    let (cluster, dir) = (Cluster::start(), fresh_dir());
    let file = dir.join("not/there yet/weir.toml");
    let [http, https, admin] = [(); 3].map(|()| format!("127.0.0.1:{}", free_port()));
    let socket = dir.join("admin.sock").display().to_string();
    let places = ["--http", &http, "--https", &https, "--admin", &admin, "--socket", &socket];
    let flags = cluster.flags();
    let flags: Vec<&str> = places.into_iter().chain(flags.iter().map(String::as_str)).collect();
    let said = init(&file, &[&["--yes"], &flags[..]].concat());
    let (out, err) = (words(&said.stdout), words(&said.stderr));
    assert_eq!((said.status.code(), err.as_str()), (Some(0), ""), "{out}");
    let (_, next) = out.split_once("\nnext:\n").expect("what is next");
    let lines: Vec<&str> = next.lines().take_while(|line| line.starts_with("  ")).collect();
    let [run, status, services, console] = lines[..] else { panic!("{lines:?}") };
    let _running = Running(shell(&format!("exec {run}")).stderr(Stdio::null()).spawn().expect("a shell"));
    eventually("the line answers that asks how it is", || {
        shell(status).output().is_ok_and(|said| said.status.success())
    });
    for (line, end) in [(services, " 8243 /services/"), (console, "127.0.0.3 9443 /carbon/")] {
        let answered = shell(line).output().expect("a shell");
        assert!(words(&answered.stdout).ends_with(end), "{line}: {}", words(&answered.stdout));
    }
}

/// A line as somebody types it, with this Weir on the path.
fn shell(line: &str) -> Command {
    let weir = Path::new(env!("CARGO_BIN_EXE_weir")).parent().expect("a directory").display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command.args(["-c", line]).env("PATH", format!("{weir}:{path}")).stdin(Stdio::null());
    command
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
