//! TLS that is passed through to the nodes: who gets it, how it flows, and what goes wrong.

mod choosing;
mod flowing;
mod trouble;

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;

use crate::harness::{Appliance, Client, Offer, Origin, Pair, Plan, Talk, ok};

pub(crate) const GET: &str = "GET /a HTTP/1.1\r\nHost: pass.test\r\n\r\n";

/// A node with a certificate of its own, which tells its name.
pub(crate) fn node(pair: &Pair, name: &'static str) -> Origin {
    Origin::speaking_tls(pair, move |talk| answer(talk, name))
}

pub(crate) fn answer(talk: &mut Talk, name: &str) {
    talk.body();
    talk.send(&ok(name));
}

/// A pool of these nodes, `t1`, `t2`, …, with these lines in its table.
pub(crate) fn pool(name: &str, ports: &[u16], lines: &str) -> String {
    let base = ports.iter().min().expect("a pool has nodes") - 1;
    let node = |(place, port): (usize, &u16)| {
        let nth = place + 1;
        format!("[[node]]\nname = \"{name}{nth}\"\naddress = \"127.0.0.1\"\nport-offset = {}\n", port - base)
    };
    let nodes: String = ports.iter().enumerate().map(node).collect();
    let names: Vec<String> = (1..=ports.len()).map(|nth| format!("\"{name}{nth}\"")).collect();
    format!("{nodes}[[pool]]\nname = \"{name}\"\nnodes = [{}]\nport = {base}\n{lines}\n", names.join(", "))
}

/// A site that passes TLS through.
pub(crate) fn site(name: &str, hosts: &str, pool: &str, lines: &str) -> String {
    format!(
        "[[site]]\nname = \"{name}\"\nlistener = \"https\"\nhosts = [{hosts}]\npassthrough = true\npool = \"{pool}\"\n{lines}\n"
    )
}

/// Weir that ends TLS for esb.test before `plain`, and passes it through for pass.test to the pool `t` of these ports.
pub(crate) fn plan(plain: &Origin, ports: &[u16], lines: &str) -> Plan {
    let more = format!("{}{}", pool("t", ports, lines), site("pass", "\"pass.test\"", "t", ""));
    Plan::before(&[plain]).secure().listener("handshake-timeout = \"1s\"").more(&more)
}

/// A client that shook hands with whoever answers to this name, and the certificate that it was shown.
pub(crate) fn greet(weir: &Appliance, name: &str) -> std::io::Result<(Client, Vec<u8>)> {
    let config = Arc::new(Offer::http1(name).config());
    Client::tls_with(weir.https(), &config, name).map(|(client, agreed)| (client, agreed.certificate))
}

#[track_caller]
pub(crate) fn client(weir: &Appliance) -> Client {
    greet(weir, "pass.test").expect("the node shakes hands").0
}

/// The hello of a client that asks for this name, and the rest of its session.
pub(crate) fn hello(name: &str) -> (Vec<u8>, rustls::ClientConnection) {
    let config = Arc::new(Offer::http1(name).config());
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut session = rustls::ClientConnection::new(config, name).expect("a session");
    let mut hello = Vec::new();
    session.write_tls(&mut hello).expect("a buffer takes it");
    (hello, session)
}

/// A socket to the TLS listener on which these bytes were sent.
pub(crate) fn sent(weir: &Appliance, bytes: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(weir.https()).expect("the listener accepts");
    socket.set_nodelay(true).expect("a socket can be set");
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout can be set");
    socket.write_all(bytes).expect("the listener reads");
    socket
}
