//! The clients: each asks one thing after the other, half of them within a session.

use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::judge::{Asked, Came, Seen};
use super::nodes::{body_of, field, read_head};
use super::{Dice, World};

/// No request takes longer than this: three tries of three seconds, and the wait in the queue.
const PATIENCE: Duration = Duration::from_secs(40);

/// A session: the cookie, and the node that gave it.
type Session = Option<(String, usize)>;

pub(super) async fn client(world: Rc<World>, number: usize, mut dice: Dice) {
    let (mut kept, mut session, keeps_session) = (None, None, number.is_multiple_of(2));
    for turn in 0_u64.. {
        tokio::time::sleep(dice.within(20, 400)).await;
        if world.over.get() {
            return;
        }
        if world.pause.get() {
            continue;
        }
        if keeps_session && dice.chance(2) {
            session = None;
        }
        if dice.chance(3) {
            kept = None;
        }
        let (number, posts) = (turn * 100 + number as u64, dice.chance(25));
        let (began, home) = (world.now(), session.as_ref().map(|(_, home)| *home));
        let request = request(number, posts, keeps_session, &session);
        let reused = kept.is_some();
        let came = match tokio::time::timeout(PATIENCE, ask(&world, &mut kept, &request, number, &mut session)).await {
            Ok(came) => came,
            Err(_) => Came::Late,
        };
        if !matches!(came, Came::Answer { .. }) {
            kept = None;
        }
        world.saw(Seen::Answered(Asked { number, posts, home, began, reused, came }));
    }
}

fn request(number: u64, posts: bool, keeps_session: bool, session: &Session) -> Vec<u8> {
    let (method, body) = if posts { ("POST", body_of(number)) } else { ("GET", Vec::new()) };
    let target = if keeps_session { "/session" } else { "/" };
    let cookie = session.as_ref().map(|(cookie, _)| format!("Cookie: JSESSIONID={cookie}\r\n")).unwrap_or_default();
    let length = if posts { format!("Content-Length: {}\r\n", body.len()) } else { String::new() };
    let head = format!("{method} {target} HTTP/1.1\r\nHost: esb\r\nX-Number: {number}\r\n{cookie}{length}\r\n");
    [head.into_bytes(), body].concat()
}

/// Asks on the connection that is kept, or on a new one.
async fn ask(
    world: &World,
    kept: &mut Option<BufReader<TcpStream>>,
    request: &[u8],
    number: u64,
    session: &mut Session,
) -> Came {
    let stream = match kept {
        Some(stream) => stream,
        None => match TcpStream::connect(world.listener()).await {
            Ok(stream) => kept.insert(BufReader::new(stream)),
            Err(_) => return Came::Refused,
        },
    };
    if stream.write_all(request).await.is_err() {
        return Came::Closed;
    }
    let Some(head) = read_head(stream).await else { return Came::Closed };
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let length = field(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    if stream.read_exact(&mut body).await.is_err() {
        return Came::Cut;
    }
    if field(&head, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
        *kept = None;
    }
    let node = field(&head, "x-node").map(str::to_owned);
    if status == 200 {
        let is_own = field(&head, "x-number").is_some_and(|own| own == number.to_string());
        if !is_own || body != body_of(number) {
            return Came::Other;
        }
        let new = field(&head, "set-cookie").and_then(|cookie| cookie.strip_prefix("JSESSIONID=")?.split(';').next());
        let node = node.as_ref().and_then(|node| node.parse().ok());
        if let (Some(new), Some(node)) = (new, node) {
            *session = Some((new.to_owned(), node));
        }
    }
    Came::Answer { status, node }
}
