//! How TLS ends: with an alert in both directions, whoever closes and why (RFC 9112 section 9.8). Without one the other side must
//! think that somebody cut the connection, and Java's nodes log that.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use crate::harness::{Appliance, Offer, Origin, Pair, Plan, eventually, ok};

type Connection = StreamOwned<ClientConnection, TcpStream>;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n";
/// The preface and an empty SETTINGS frame.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn connect(weir: &Appliance, offer: &Offer) -> Connection {
    let name = ServerName::try_from(offer.name.clone()).expect("a name");
    let session = ClientConnection::new(Arc::new(offer.config()), name).expect("a session");
    let socket = TcpStream::connect(weir.https()).expect("Weir listens");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a time");
    StreamOwned::new(session, socket)
}

/// A connection on which this was sent, and something has come back.
fn spoken(weir: &Appliance, offer: &Offer, said: &[u8]) -> Connection {
    let mut connection = connect(weir, offer);
    connection.write_all(said).expect("it is sent");
    assert!(connection.read(&mut [0; 4096]).expect("an answer") > 0);
    connection
}

/// Reads to the end, which fails where no alert came.
fn end(mut connection: Connection) -> io::Result<()> {
    connection.read_to_end(&mut Vec::new()).map(drop)
}

//= rfc9112#9.8 closure-alert
#[test]
fn clients_are_told_that_their_connection_ends() {
    let origin = Origin::named("n");
    let mut weir = Plan::before(&[&origin]).secure().listener("idle-timeout = \"1s\"").start();
    let (http1, http2) = (Offer::http1("esb.test"), Offer::http2("esb.test"));
    let rows: [(&str, &[u8]); 5] = [
        ("asked for", b"GET / HTTP/1.1\r\nHost: esb.test\r\nConnection: close\r\n\r\n"),
        ("HTTP/1.0", b"GET / HTTP/1.0\r\nHost: esb.test\r\n\r\n"),
        ("refused", b"no request\r\n\r\n"),
        ("a body that nobody wants", b"POST / HTTP/1.1\r\nHost: no.test\r\nContent-Length: 900000\r\n\r\nx"),
        ("idle", GET),
    ];
    for (name, said) in rows {
        end(spoken(&weir, &http1, said)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let wrong = [HTTP2, b"\0\0\x05\0\0\0\0\0\0xxxxx"].concat();
    end(spoken(&weir, &http2, &wrong)).expect("an alert after an error of HTTP/2");
    let (one, two) = (spoken(&weir, &http1, GET), spoken(&weir, &http2, HTTP2));
    assert_eq!(weir.stop(), Some(0));
    end(one).expect("an alert when Weir stops");
    end(two).expect("an alert when Weir stops, over HTTP/2");
}

//= rfc9112#9.8 closure-alert
#[test]
fn nodes_are_told_that_their_connection_ends() {
    let ends = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&ends);
    let node = Origin::speaking_tls(&Pair::of_a_stock_node(), move |talk| {
        let target = talk.target();
        talk.send(&ok("ok"));
        let clean = talk.closes_cleanly();
        told.lock().unwrap().push((target, clean));
    });
    let pool = "tls = { verify = \"none\" }\n[pool.health]\ninterval = \"200ms\"\nprobes = [{ kind = \"https\", path = \"/probe\" }]";
    let mut weir = Plan::before(&[&node]).pool(pool).start();
    assert_eq!(weir.get("/kept").text(), "ok");
    eventually("probes have come and gone", || ends.lock().unwrap().len() > 1);
    assert_eq!(weir.stop(), Some(0));
    eventually("the kept connection ends", || ends.lock().unwrap().iter().any(|(target, _)| target == "/kept"));
    let ends = ends.lock().unwrap();
    assert!(ends.iter().all(|(_, clean)| *clean), "{ends:?}");
}
