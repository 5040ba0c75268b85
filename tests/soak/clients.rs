//! Clients of several kinds. Each of them asks until it is over, and checks what it gets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::thread::JoinHandle;

use bytes::Bytes;
use tungstenite::{HandshakeError, Message};

use crate::checked::{Report, bytes_of};
use crate::harness::{Answer, Client, H2Answer, H2Client, Offer};

/// All of them.
pub(crate) struct Clients(Vec<JoinHandle<()>>);

impl Clients {
    pub(crate) fn begin(plain: SocketAddr, secure: SocketAddr, report: &Arc<Report>, over: &Arc<AtomicBool>) -> Self {
        let begin = |(work, to): (Work, SocketAddr)| {
            let asking = Asking { report: Arc::clone(report), over: Arc::clone(over) };
            thread::spawn(move || work(&asking, to))
        };
        let kinds: [(Work, SocketAddr); 10] = [
            (keeps_its_connection, plain),
            (keeps_its_connection, plain),
            (keeps_its_connection, plain),
            (connects_anew, plain),
            (speaks_tls, secure),
            (speaks_http2, secure),
            (speaks_http2, secure),
            (leaves, plain),
            (sends_messages, plain),
            (sends_messages_secretly, secure),
        ];
        Self(kinds.into_iter().map(begin).collect())
    }

    /// Lets them end, and waits for that.
    pub(crate) fn end(self, over: &AtomicBool) {
        over.store(true, Ordering::Relaxed);
        self.0.into_iter().for_each(|client| client.join().expect("a client does not panic"));
    }
}

/// What one kind of client does, at this address.
type Work = fn(&Asking, SocketAddr);

/// What a client works with.
struct Asking {
    report: Arc<Report>,
    over: Arc<AtomicBool>,
}

/// A request: its number, path, and the session that it belongs to.
struct Request<'s> {
    number: u64,
    path: &'static str,
    session: Option<&'s Session>,
}

/// A session, and the node that it is bound to.
struct Session {
    cookie: String,
    node: String,
}

/// An answer, whatever protocol it came by.
struct Got {
    status: u16,
    number: String,
    node: String,
    cookie: Option<String>,
    body: Vec<u8>,
    whole: bool,
}

impl Asking {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    /// The next request: mostly a GET, sometimes an upload, a new session, or an answer that its node cuts.
    fn next<'s>(&self, session: Option<&'s Session>) -> Request<'s> {
        let number = self.report.number();
        let path = match number % 20 {
            0 => "/cut",
            1..=5 => "/up",
            6 => "/login",
            _ if session.is_none() => "/login",
            _ => "/get",
        };
        Request { number, path, session: session.filter(|_| path != "/login") }
    }

    /// Checks an answer. Gives the session that it begins.
    fn check(&self, request: &Request<'_>, got: Got) -> Option<Session> {
        let Request { number, path, session } = request;
        let wrong = |what: &str| self.report.is_wrong(format!("{path} {number}: {what}"));
        match got.status {
            // Those of Weir, and the node's own while it fails.
            500 | 502..=504 if got.number.is_empty() => {
                self.report.is_refused();
                return None;
            }
            200 => {}
            other => {
                wrong(&format!("status {other}"));
                return None;
            }
        }
        if got.number != number.to_string() {
            wrong(&format!("the head is that of {:?}", got.number));
        }
        let expected = bytes_of(*number);
        if !got.whole && expected.starts_with(&got.body) {
            self.report.is_cut();
            return None;
        }
        if got.body != expected || *path == "/cut" {
            wrong(&format!("{} bytes came as a whole, and it has {}", got.body.len(), expected.len()));
        }
        // The other node fails, so its sessions move.
        if session.is_some_and(|session| session.node == "n1" && got.node != "n1") {
            wrong("its session was at n1, and it came to n2");
        }
        self.report.is_answered();
        got.cookie.map(|cookie| Session { cookie, node: got.node })
    }
}

impl Request<'_> {
    fn text(&self, more: &str) -> Vec<u8> {
        let body = if self.path == "/up" { bytes_of(self.number) } else { Vec::new() };
        let cookie = self.session.map(|session| format!("Cookie: {}\r\n", session.cookie)).unwrap_or_default();
        let (method, length) = match self.path {
            "/up" => ("POST", format!("Content-Length: {}\r\n", body.len())),
            _ => ("GET", String::new()),
        };
        let head = format!(
            "{method} {} HTTP/1.1\r\nHost: esb.test\r\nX-Number: {}\r\n{cookie}{length}{more}\r\n",
            self.path, self.number
        );
        [head.into_bytes(), body].concat()
    }
}

fn got(answer: Answer) -> Got {
    let field = |name: &str| answer.field(name).unwrap_or_default();
    Got {
        status: answer.status,
        number: field("x-number"),
        node: field("x-node"),
        cookie: answer.field("set-cookie").map(|line| cookie(&line)),
        whole: answer.whole,
        body: answer.body,
    }
}

fn got_by_http2(answer: H2Answer) -> Got {
    let field =
        |name: &str| answer.fields.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    Got {
        status: answer.status,
        number: field("x-number"),
        node: field("x-node"),
        cookie: answer.fields.get("set-cookie").and_then(|value| value.to_str().ok()).map(cookie),
        whole: answer.broken.is_none(),
        body: answer.body,
    }
}

fn cookie(line: &str) -> String {
    line.split(';').next().unwrap_or_default().to_owned()
}

/// Asks on one connection for as long as that lives.
fn on(asking: &Asking, client: &mut Client, session: &mut Option<Session>, more: &str) {
    while asking.goes_on() {
        let request = asking.next(session.as_ref());
        client.send(request.text(more));
        let answer = match client.answer() {
            Ok(answer) => answer,
            Err(error) => return asking.report.is_wrong(format!("{} {}: {error}", request.path, request.number)),
        };
        let ends = !answer.whole || answer.field("connection").as_deref() == Some("close");
        let begun = asking.check(&request, got(answer));
        if begun.is_some() {
            *session = begun;
        }
        if ends {
            return;
        }
    }
}

fn keeps_its_connection(asking: &Asking, to: SocketAddr) {
    speaks_plainly(asking, to, "");
}

fn connects_anew(asking: &Asking, to: SocketAddr) {
    speaks_plainly(asking, to, "Connection: close\r\n");
}

fn speaks_plainly(asking: &Asking, to: SocketAddr, more: &str) {
    let mut session = None;
    while asking.goes_on() {
        match Client::plain(to) {
            Ok(mut client) => on(asking, &mut client, &mut session, more),
            Err(error) => asking.report.is_wrong(format!("connect: {error}")),
        }
    }
}

fn speaks_tls(asking: &Asking, to: SocketAddr) {
    let (config, mut session) = (Arc::new(Offer::http1("esb.test").config()), None);
    while asking.goes_on() {
        match Client::tls_with(to, &config, "esb.test") {
            Ok((mut client, _)) => on(asking, &mut client, &mut session, ""),
            Err(error) => asking.report.is_wrong(format!("TLS: {error}")),
        }
    }
}

fn speaks_http2(asking: &Asking, to: SocketAddr) {
    let mut session: Option<Session> = None;
    while asking.goes_on() {
        let mut client = H2Client::connect(to);
        while asking.goes_on() {
            let request = asking.next(session.as_ref());
            let number = request.number.to_string();
            let mut fields = vec![("x-number", &*number)];
            fields.extend(request.session.map(|session| ("cookie", &*session.cookie)));
            let body = if request.path == "/up" { vec![Bytes::from(bytes_of(request.number))] } else { Vec::new() };
            let method = if request.path == "/up" { "POST" } else { "GET" };
            match client.ask(method, request.path, &fields, &body, None) {
                Ok(answer) => {
                    let begun = asking.check(&request, got_by_http2(answer));
                    if begun.is_some() {
                        session = begun;
                    }
                }
                // Its stream was reset before the client looked at the head.
                Err(error) if error.reason() == Some(h2::Reason::INTERNAL_ERROR) => asking.report.is_cut(),
                // Weir takes leave of the connection; the request was not begun.
                Err(error) if error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM) => break,
                Err(error) => {
                    asking.report.is_wrong(format!("{} {number} by HTTP/2: {error}", request.path));
                    break;
                }
            }
        }
    }
}

/// Leaves in the middle of a head, of a body, or of the answer.
fn leaves(asking: &Asking, to: SocketAddr) {
    while asking.goes_on() {
        let number = asking.report.number();
        let request = Request { number, path: if number.is_multiple_of(3) { "/up" } else { "/get" }, session: None };
        let text = request.text("");
        let Ok(mut client) = Client::plain(to) else { continue };
        let part = if number % 3 == 2 { text.len() } else { text.len() / 2 };
        client.send(&text[..part]);
        if part == text.len() {
            let _ = client.exactly(20);
        }
        asking.report.has_left();
        if number.is_multiple_of(2) {
            client.reset();
        }
    }
}

/// Sends messages over WebSockets, and gets each of them back.
fn sends_messages(asking: &Asking, to: SocketAddr) {
    while asking.goes_on() {
        match Client::plain(to) {
            Ok(client) => over_a_websocket(asking, client),
            Err(error) => asking.report.is_wrong(format!("connect: {error}")),
        }
    }
}

fn sends_messages_secretly(asking: &Asking, to: SocketAddr) {
    let config = Arc::new(Offer::http1("esb.test").config());
    while asking.goes_on() {
        match Client::tls_with(to, &config, "esb.test") {
            Ok((client, _)) => over_a_websocket(asking, client),
            Err(error) => asking.report.is_wrong(format!("TLS: {error}")),
        }
    }
}

/// So many that a WebSocket ends by itself well before an upgrade cuts it.
const MESSAGES: usize = 100;

fn over_a_websocket(asking: &Asking, client: Client) {
    let mut socket = match tungstenite::client("ws://esb.test/ws", client.into_stream()) {
        Ok((socket, _)) => socket,
        Err(HandshakeError::Failure(tungstenite::Error::Http(answer))) if answer.status().is_server_error() => {
            return asking.report.is_refused();
        }
        Err(error) => return asking.report.is_wrong(format!("WebSocket: {error}")),
    };
    for _ in 0..MESSAGES {
        let number = asking.report.number();
        let message = Message::binary(bytes_of(number));
        match socket.send(message.clone()).and_then(|()| socket.read()) {
            Ok(back) if back == message => asking.report.is_answered(),
            Ok(_) => return asking.report.is_wrong(format!("message {number} came back changed")),
            Err(error) => return asking.report.is_wrong(format!("message {number}: {error}")),
        }
        if !asking.goes_on() {
            break;
        }
    }
    match socket.close(None).and_then(|()| socket.read()) {
        Ok(message) if message.is_close() => {}
        other => asking.report.is_wrong(format!("the end of a WebSocket: {other:?}")),
    }
}
