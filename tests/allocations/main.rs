//! How much memory a request asks for: allocations counted in a Weir that runs in this process, for one client that
//! sends request after request. Needs no quiet machine, and fails where a change asks for more.
//!
//! The client and the node are children of this test, so that nothing but Weir's own is counted. What its control thread
//! allocates meanwhile is spread over many requests.

mod child;
mod roles;
mod tls;

use std::alloc::System;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use child::Child;

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The clients, and how many allocations a request of each may cost: on a kept plain connection; over TLS on both sides
/// with a session; on a plain connection of its own; as one stream after the other of an HTTP/2 connection.
const BOUNDS: [(&str, f64); 4] =
    [("client", 0.0), ("secure-client", 5.0), ("client-by-client", 5.0), ("http2-client", 13.0)];

/// What the control thread may add meanwhile. A request's own come whole.
const NOISE: f64 = 0.2;

#[test]
fn what_a_request_allocates_is_bounded() {
    let dir = std::env::temp_dir().join(format!("weir-allocations-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("a directory of its own");
    tls::write_certificate(&dir);
    let (plain_node, secure_node) = (Child::start("node", &dir, None), Child::start("secure-node", &dir, None));
    let ports = [(); 3].map(|()| free_port());
    fs::write(dir.join("weir.toml"), configuration(ports, plain_node.port, secure_node.port)).expect("written");
    let config = dir.join("weir.toml");
    std::thread::spawn(move || weir::app::run(&config));
    let [http, https, _] = ports;
    [http, https].into_iter().for_each(wait_for);
    let costs = BOUNDS.map(|(role, bound)| {
        let port = if matches!(role, "secure-client" | "http2-client") { https } else { http };
        (role, cost_of(role, &dir, port), bound)
    });
    fs::remove_dir_all(&dir).expect("removed");
    let above = costs.iter().filter(|(_, each, bound)| *each > bound + NOISE);
    let above: Vec<_> = above.map(|(role, each, bound)| format!("{role}: {each:.2}, meant are {bound}")).collect();
    assert!(above.is_empty(), "allocations a request: {}", above.join("; "));
}

/// Allocations that a request of this client costs, after as many that warm up.
fn cost_of(role: &str, dir: &Path, port: u16) -> f64 {
    let mut client = Child::start(role, dir, Some(port));
    client.turn();
    let region = Region::new(COUNTED);
    client.turn();
    let change = region.change();
    let requests = roles::REQUESTS as f64;
    let each = (change.allocations + change.reallocations) as f64 / requests;
    println!("{role}: {each:.2} allocations a request, {:.0} bytes", change.bytes_allocated as f64 / requests);
    each
}

fn configuration([http, https, admin]: [u16; 3], plain: u16, secure: u16) -> String {
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
         certificate = {{ chain = \"site.crt\", key = \"site.key\" }}\n\
         [[site]]\nname = \"http2\"\nlistener = \"https\"\nhosts = [\"http2.test\"]\npool = \"plain\"\n\
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

/// No test: what a child of the one above does. By itself it does nothing.
#[test]
fn another_role() {
    let Ok(role) = std::env::var(child::ROLE) else { return };
    let dir = PathBuf::from(std::env::var(child::DIR).expect("told"));
    let port = std::env::var(child::PORT).ok().map(|port| port.parse().expect("a port"));
    roles::play(&role, &dir, port);
}
