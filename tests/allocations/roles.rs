//! What the children do: nodes that answer, clients that ask.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConnection, StreamOwned};
use tokio::runtime::{Builder, Runtime};

use crate::tls::{client_config, server_config};

/// Requests that a client sends when it is its turn.
pub(crate) const REQUESTS: usize = 2000;

const HEAD: &str = "Host: esb.test\r\nUser-Agent: axis2\r\nAccept: */*\r\nCookie: JSESSIONID=0123456789ABCDEF\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\n\r\nhello";
const LOGIN: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: JSESSIONID=0123456789ABCDEF; Path=/\r\n\r\nhello";

/// Plays a role until the parent ends it.
pub(crate) fn play(role: &str, dir: &Path, port: Option<u16>) {
    let connect = || connect(port.expect("a port to ask"));
    match role {
        "node" => node(answer),
        "secure-node" => {
            let config = server_config(dir);
            node(move |stream| {
                let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
                answer(StreamOwned::new(session, stream));
            });
        }
        "client" => {
            let mut stream = connect();
            take_turns(|path| ask(&mut stream, path, ""));
        }
        "client-by-client" => take_turns(|path| ask(&mut connect(), path, "Connection: close\r\n")),
        "secure-client" => {
            let name = ServerName::try_from("esb.test").expect("a name");
            let session = ClientConnection::new(client_config(dir, b"http/1.1"), name).expect("a session");
            let mut stream = StreamOwned::new(session, connect());
            take_turns(|path| ask(&mut stream, path, ""));
        }
        "http2-client" => {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            let mut requests = begin_http2(&runtime, dir, connect());
            take_turns(|path| runtime.block_on(ask_http2(&mut requests, path)));
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

/// Logs in, and then sends a round of requests each time it is told to.
fn take_turns(mut ask: impl FnMut(&str)) {
    println!("says 0");
    ask("/login");
    let mut line = String::new();
    while std::io::stdin().read_line(&mut line).is_ok_and(|count| count > 0) {
        (0..REQUESTS).for_each(|_| ask("/services/echo"));
        println!("says 1");
        line.clear();
    }
}

fn ask(stream: &mut (impl Read + Write), path: &str, more: &str) {
    stream.write_all(format!("GET {path} HTTP/1.1\r\n{HEAD}{more}\r\n").as_bytes()).expect("sent");
    stream.flush().expect("sent");
    let (mut buffer, mut filled) = ([0; 4096], 0);
    while !buffer[..filled].ends_with(b"hello") {
        let count = stream.read(&mut buffer[filled..]).expect("an answer");
        assert!(count > 0, "the connection ended: {}", String::from_utf8_lossy(&buffer[..filled]));
        filled += count;
    }
    assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..filled]));
}

fn begin_http2(runtime: &Runtime, dir: &Path, stream: TcpStream) -> SendRequest<Bytes> {
    runtime.block_on(async {
        stream.set_nonblocking(true).expect("set");
        let stream = tokio::net::TcpStream::from_std(stream).expect("registered");
        let name = ServerName::try_from("http2.test").expect("a name");
        let connector = tokio_rustls::TlsConnector::from(client_config(dir, b"h2"));
        let stream = connector.connect(name, stream).await.expect("a handshake");
        let (requests, connection) = h2::client::handshake(stream).await.expect("a preface");
        tokio::spawn(connection);
        requests
    })
}

async fn ask_http2(requests: &mut SendRequest<Bytes>, path: &str) {
    let request =
        Request::get(format!("https://http2.test{path}")).header("user-agent", "axis2").header("accept", "*/*");
    let request = request.header("cookie", "JSESSIONID=0123456789ABCDEF").body(()).expect("a good request");
    let (answer, _) = requests.send_request(request, true).expect("sent");
    let mut body = answer.await.expect("an answer").into_body();
    let piece = body.data().await.expect("a body").expect("a whole one");
    assert_eq!(&piece[..], b"hello");
    body.flow_control().release_capacity(piece.len()).expect("given back");
    assert!(body.data().await.is_none(), "nothing follows");
}
