//! The nodes: small HTTP servers with sessions, each in some mood.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, spawn_local};

use super::World;
use super::judge::Seen;

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    /// Nobody listens, and what was open is closed.
    Refuses,
    /// Takes connections and requests, probes too, and says nothing.
    Silent,
    /// Answers 503, probes too.
    Fails,
    /// Closes each connection with a request. Probes pass.
    Resets,
    /// Breaks its answers off. Probes pass.
    Cuts,
    /// Takes up to two seconds. Probes pass.
    Slow,
}

impl Mood {
    pub(super) const BAD: [Self; 6] = [Self::Refuses, Self::Silent, Self::Fails, Self::Resets, Self::Cuts, Self::Slow];

    /// Whether probes notice.
    pub(super) const fn is_noticed(self) -> bool {
        matches!(self, Self::Refuses | Self::Silent | Self::Fails)
    }
}

pub(super) struct Node {
    number: usize,
    world: Weak<World>,
    mood: Cell<Mood>,
    sessions: RefCell<HashSet<String>>,
    listening: RefCell<Option<JoinHandle<()>>>,
    connections: RefCell<Vec<JoinHandle<()>>>,
}

impl Node {
    pub(super) fn new(number: usize, world: Weak<World>) -> Rc<Self> {
        let (sessions, listening, connections) = Default::default();
        Rc::new(Self { number, world, mood: Cell::new(Mood::Well), sessions, listening, connections })
    }

    pub(super) fn mood(&self) -> Mood {
        self.mood.get()
    }

    pub(super) fn turns(self: &Rc<Self>, mood: Mood) {
        let Some(world) = self.world.upgrade() else { return };
        world.saw(Seen::Mood(self.number, mood));
        match (self.mood.replace(mood), mood) {
            (_, Mood::Refuses) => self.end(),
            (Mood::Refuses, _) => self.listen(),
            _ => {}
        }
    }

    pub(super) fn listen(self: &Rc<Self>) {
        let Some(world) = self.world.upgrade() else { return };
        let listener = std::net::TcpListener::bind(world.of_node(self.number)).expect("an address of its own");
        listener.set_nonblocking(true).expect("a socket");
        let (listener, node) = (TcpListener::from_std(listener).expect("a socket"), Rc::clone(self));
        let accepting = spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = spawn_local(Rc::clone(&node).serve(stream));
                let mut connections = node.connections.borrow_mut();
                connections.retain(|connection| !connection.is_finished());
                connections.push(connection);
            }
        });
        *self.listening.borrow_mut() = Some(accepting);
    }

    /// Nobody listens any more.
    pub(super) fn end(&self) {
        self.listening.take().into_iter().chain(self.connections.take()).for_each(|task| task.abort());
    }

    async fn serve(self: Rc<Self>, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some(request) = Request::read(&mut stream).await {
            let Some(answer) = self.answer(&request).await else { return };
            if stream.write_all(&answer.bytes).await.is_err() || !answer.goes_on {
                return;
            }
        }
    }

    async fn answer(&self, request: &Request) -> Option<Answer> {
        let (world, mood) = (self.world.upgrade()?, self.mood());
        if !request.is_probe {
            world.saw(Seen::Asked { node: self.number, mood, number: request.number });
        }
        match mood {
            Mood::Silent => {
                drop(world);
                std::future::pending::<()>().await;
            }
            Mood::Fails => {
                return Some(Answer::whole(b"HTTP/1.1 503 Busy\r\nX-Node: fails\r\nContent-Length: 0\r\n\r\n"));
            }
            Mood::Resets if !request.is_probe => return None,
            Mood::Slow if !request.is_probe => {
                tokio::time::sleep(Duration::from_millis(500 + request.number * 7919 % 1500)).await;
            }
            _ => tokio::time::sleep(Duration::from_millis(1 + request.number * 7919 % 40)).await,
        }
        let session = match &request.session {
            Some(session) if self.sessions.borrow().contains(session) => String::new(),
            _ if !request.wants_session => String::new(),
            _ => {
                let session = format!("{:X}N{}", request.number, self.number);
                self.sessions.borrow_mut().insert(session.clone());
                format!("Set-Cookie: JSESSIONID={session}; Path=/\r\n")
            }
        };
        let body = body_of(request.number);
        let length = body.len();
        let (number, node) = (request.number, self.number);
        let head = format!(
            "HTTP/1.1 200 OK\r\nX-Number: {number}\r\nX-Node: {node}\r\n{session}Content-Length: {length}\r\n\r\n"
        );
        let cut = if mood == Mood::Cuts && !request.is_probe { 1 } else { 0 };
        let bytes = [head.as_bytes(), &body[..length - cut]].concat();
        Some(Answer { bytes, goes_on: cut == 0 })
    }
}

/// What belongs to a request of this number.
pub(super) fn body_of(number: u64) -> Vec<u8> {
    let length = 1 + number * 104_729 % 5000;
    (0..length).map(|at| b'a' + ((number + at) % 26) as u8).collect()
}

struct Answer {
    bytes: Vec<u8>,
    goes_on: bool,
}

impl Answer {
    fn whole(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), goes_on: true }
    }
}

struct Request {
    is_probe: bool,
    wants_session: bool,
    number: u64,
    session: Option<String>,
}

impl Request {
    /// `None`: the other side has left.
    async fn read(stream: &mut BufReader<TcpStream>) -> Option<Self> {
        let head = read_head(stream).await?;
        let length = field(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let target = head.split(' ').nth(1)?.to_owned();
        let number = field(&head, "x-number").and_then(|number| number.parse().ok()).unwrap_or_default();
        assert!(length == 0 || body == body_of(number), "the body of request {number} came changed");
        let session = field(&head, "cookie").and_then(|cookie| Some(cookie.split_once("JSESSIONID=")?.1.to_owned()));
        Some(Self { is_probe: target == "/probe", wants_session: target == "/session", number, session })
    }
}

/// The lines of a head. `None`: the other side has left before its end.
pub(super) async fn read_head(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

/// The value of a field.
pub(super) fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (field, value) = line.split_once(": ")?;
        field.eq_ignore_ascii_case(name).then_some(value)
    })
}
