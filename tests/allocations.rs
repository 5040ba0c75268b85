//! How much memory a request asks for: allocations counted in a Weir that runs in this process, for one client that
//! sends request after request on one connection. Needs no quiet machine, and fails where a change asks for more.
//!
//! The client and the node are children of this test, so that nothing but Weir's own is counted. What its control thread
//! allocates meanwhile is spread over many requests.

use std::alloc::System;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Requests over which allocations are counted, after as many to warm up.
const REQUESTS: usize = 4000;

/// Says what a child is for.
const ROLE: &str = "WEIR_TEST_ROLE";

/// Allocations that a request may cost on a reused plain connection, and over TLS on both sides with a session.
const PLAIN_BOUND: f64 = 1.0;
const TLS_BOUND: f64 = 5.0;

const HEAD: &str = "Host: esb.test\r\nUser-Agent: axis2\r\nAccept: */*\r\nCookie: JSESSIONID=0123456789ABCDEF\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\n\r\nhello";
const LOGIN: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: JSESSIONID=0123456789ABCDEF; Path=/\r\n\r\nhello";

#[test]
fn what_a_request_allocates_is_bounded() {
    let dir = std::env::temp_dir().join(format!("weir-allocations-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("a directory of its own");
    let pair = rcgen::generate_simple_self_signed(["esb.test".to_owned()]).expect("a certificate");
    fs::write(dir.join("site.crt"), pair.cert.pem()).expect("written");
    fs::write(dir.join("site.key"), pair.signing_key.serialize_pem()).expect("written");
    fs::write(dir.join("site.der"), pair.cert.der()).expect("written");
    fs::write(dir.join("key.der"), pair.signing_key.serialize_der()).expect("written");
    let (plain_node, secure_node) = (Other::start("node", &dir, &[]), Other::start("secure-node", &dir, &[]));
    let ports: Vec<u16> = (0..3).map(|_| free_port()).collect();
    fs::write(dir.join("weir.toml"), configuration(&ports, plain_node.port, secure_node.port)).expect("written");
    let config = dir.join("weir.toml");
    std::thread::spawn(move || weir::app::run(&config));
    let mut told = Vec::new();
    for (role, port, bound) in [("client", ports[0], PLAIN_BOUND), ("secure-client", ports[1], TLS_BOUND)] {
        wait_for(port);
        let mut client = Other::start(role, &dir, &[port]);
        client.turn();
        let region = Region::new(COUNTED);
        client.turn();
        let change = region.change();
        let each = (change.allocations + change.reallocations) as f64 / REQUESTS as f64;
        println!(
            "{role}: {each:.2} allocations a request, {:.0} bytes",
            change.bytes_allocated as f64 / REQUESTS as f64
        );
        told.push((role, each, bound));
    }
    fs::remove_dir_all(&dir).expect("removed");
    for (role, each, bound) in told {
        assert!(each <= bound + 0.05, "{role}: {each:.2} allocations a request, at most {bound} are meant to be");
    }
}

fn configuration(ports: &[u16], plain: u16, secure: u16) -> String {
    let [http, https, admin] = ports else { panic!("three ports") };
    format!(
        "state-dir = \"state\"\nthreads = 1\naccess-log = \"off\"\n\
         [admin]\nbind = \"127.0.0.1:{admin}\"\n\
         [[listener]]\nname = \"http\"\nbind = \"127.0.0.1:{http}\"\nmax-requests = 1000000\n\
         [[listener]]\nname = \"https\"\nbind = \"127.0.0.1:{https}\"\nmax-requests = 1000000\ntls = {{}}\n\
         [[node]]\nname = \"worker1\"\naddress = \"127.0.0.1\"\n\
         [[pool]]\nname = \"plain\"\nnodes = [\"worker1\"]\nport = {plain}\n\
         [[pool]]\nname = \"secure\"\nnodes = [\"worker1\"]\nport = {secure}\ntls = {{ verify = \"none\" }}\n\
         sticky = {{ mode = \"learn\" }}\n\
         [[site]]\nname = \"plain\"\nlistener = \"http\"\nhosts = [\"esb.test\"]\npool = \"plain\"\n\
         [[site]]\nname = \"secure\"\nlistener = \"https\"\nhosts = [\"esb.test\"]\npool = \"secure\"\n\
         certificate = {{ chain = \"site.crt\", key = \"site.key\" }}\n"
    )
}

fn free_port() -> u16 {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    socket.local_addr().expect("its number").port()
}

fn wait_for(port: u16) {
    let until = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(Instant::now() < until, "Weir does not listen on {port}");
        std::thread::yield_now();
    }
}

/// A child of this test, which is this same program.
struct Other {
    child: Child,
    port: u16,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Other {
    fn start(role: &str, dir: &Path, ports: &[u16]) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "another_role", "--nocapture"])
            .env(ROLE, role)
            .env("WEIR_TEST_DIR", dir)
            .env("WEIR_TEST_PORT", ports.first().map_or_else(String::new, ToString::to_string))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let (to, from) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let mut other = Self { child, port: 0, to, from: BufReader::new(from) };
        other.port = other.hear();
        other
    }

    /// The next number that it says; what the test harness says around it is passed over.
    fn hear(&mut self) -> u16 {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.from.read_line(&mut line).expect("readable") > 0, "a child ended early");
            if let Some(number) = line.trim().strip_prefix("says ").and_then(|text| text.parse().ok()) {
                return number;
            }
        }
    }

    /// Lets it send its requests once more, and waits until all are answered.
    fn turn(&mut self) {
        self.to.write_all(b"go\n").expect("told");
        self.hear();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// No test: what a child of the one above does. By itself it does nothing.
#[test]
fn another_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let dir = PathBuf::from(std::env::var("WEIR_TEST_DIR").expect("told"));
    let port = || std::env::var("WEIR_TEST_PORT").expect("told").parse().expect("a port");
    match role.as_str() {
        "node" => node(answer),
        "secure-node" => {
            let config = server_config(&dir);
            node(move |stream| {
                let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
                answer(StreamOwned::new(session, stream));
            });
        }
        "client" => ask(connect(port())),
        "secure-client" => {
            let name = ServerName::try_from("esb.test").expect("a name");
            let session = ClientConnection::new(client_config(&dir), name).expect("a session");
            ask(StreamOwned::new(session, connect(port())));
        }
        other => panic!("no role is called {other}"),
    }
}

fn node(serve: impl Fn(TcpStream) + Send + Sync + 'static) {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    println!("says {}", socket.local_addr().expect("its number").port());
    let serve = Arc::new(serve);
    for stream in socket.incoming().map_while(Result::ok) {
        let serve = Arc::clone(&serve);
        stream.set_nodelay(true).expect("set");
        std::thread::spawn(move || serve(stream));
    }
}

/// Answers every head until the connection ends.
fn answer(mut stream: impl Read + Write) {
    let (mut buffer, mut filled) = ([0; 4096], 0);
    loop {
        let Ok(count @ 1..) = stream.read(&mut buffer[filled..]) else { return };
        filled += count;
        if buffer[..filled].ends_with(b"\r\n\r\n") {
            let text = if buffer.starts_with(b"GET /login") { LOGIN } else { ANSWER };
            if stream.write_all(text).and_then(|()| stream.flush()).is_err() {
                return;
            }
            filled = 0;
        }
    }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).expect("connected");
    stream.set_nodelay(true).expect("set");
    stream
}

/// Sends a round of requests each time it is told to.
fn ask(mut stream: impl Read + Write) {
    println!("says 0");
    one(&mut stream, "/login");
    let mut line = String::new();
    while std::io::stdin().read_line(&mut line).is_ok_and(|count| count > 0) {
        (0..REQUESTS).for_each(|_| one(&mut stream, "/services/echo"));
        println!("says 1");
        line.clear();
    }
}

fn one(stream: &mut (impl Read + Write), path: &str) {
    stream.write_all(format!("GET {path} HTTP/1.1\r\n{HEAD}").as_bytes()).expect("sent");
    stream.flush().expect("sent");
    let (mut buffer, mut filled) = ([0; 4096], 0);
    while !buffer[..filled].ends_with(b"hello") {
        let count = stream.read(&mut buffer[filled..]).expect("an answer");
        assert!(count > 0, "the connection ended: {}", String::from_utf8_lossy(&buffer[..filled]));
        filled += count;
    }
    assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..filled]));
}

fn certificate(dir: &Path) -> CertificateDer<'static> {
    CertificateDer::from(fs::read(dir.join("site.der")).expect("written before"))
}

fn server_config(dir: &Path) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(fs::read(dir.join("key.der")).expect("written before")));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth().with_single_cert(vec![certificate(dir)], key);
    Arc::new(config.expect("key and certificate fit"))
}

fn client_config(dir: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(dir)).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Arc::new(config.expect("versions").with_root_certificates(roots).with_no_client_auth())
}
