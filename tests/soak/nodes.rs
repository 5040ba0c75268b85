//! Two nodes: one that is well, and one that fails in the way that it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::checked::bytes_of;
use crate::harness::{Origin, Talk, echo_messages, ok, within};

/// How both are probed.
pub(crate) const HEALTH: &str =
    "interval = \"200ms\"\nrise = 1\nfall = 2\nprobes = [{ kind = \"http\", path = \"/probe\" }]";

/// What the second one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// Resets each connection with a request.
    Resets,
    /// Answers 500, probes too.
    Fails,
    /// Breaks each answer off in the middle.
    Cuts,
    /// Says nothing, to probes neither.
    Hangs,
}

impl Mood {
    pub(crate) const ALL: [Self; 5] = [Self::Well, Self::Resets, Self::Fails, Self::Cuts, Self::Hangs];
}

/// The nodes.
pub(crate) struct Nodes {
    well: Origin,
    moody: Origin,
    mood: Arc<AtomicU8>,
}

impl Nodes {
    pub(crate) fn start() -> Self {
        let mood = Arc::new(AtomicU8::new(0));
        let now = Arc::clone(&mood);
        let well = Origin::speaking(|talk| answer(talk, "n1", || Mood::Well));
        let moody = Origin::speaking(move |talk| {
            answer(talk, "n2", || Mood::ALL[usize::from(now.load(Ordering::Relaxed)) % Mood::ALL.len()]);
        });
        Self { well, moody, mood }
    }

    pub(crate) fn both(&self) -> [&Origin; 2] {
        [&self.well, &self.moody]
    }

    /// The second node is in this mood from here on.
    pub(crate) fn turns(&self, mood: Mood) {
        let index = Mood::ALL.iter().position(|one| *one == mood).unwrap_or_default();
        self.mood.store(u8::try_from(index).unwrap_or_default(), Ordering::Relaxed);
    }
}

/// How long a node hangs at most, in one of its moods.
const HANGS: Duration = Duration::from_secs(60);

fn answer(talk: &mut Talk, name: &str, now: impl Fn() -> Mood) {
    let (target, seen, mood) = (talk.target(), talk.seen(), now());
    if target == "/ws" && matches!(mood, Mood::Well | Mood::Cuts) {
        echo_messages(talk);
        return talk.close();
    }
    let body = talk.body();
    let number: u64 = seen.values("x-number").first().and_then(|text| text.parse().ok()).unwrap_or_default();
    match mood {
        Mood::Resets => return talk.reset(),
        Mood::Fails => return talk.send(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"),
        Mood::Hangs => {
            within(HANGS, || now() != Mood::Hangs);
            return talk.close();
        }
        Mood::Well | Mood::Cuts => {}
    }
    if target == "/probe" {
        return talk.send(&ok("well"));
    }
    if target == "/up" && body != bytes_of(number) {
        return talk
            .send(format!("HTTP/1.1 299 Another Body\r\nContent-Length: 0\r\nX-Number: {number}\r\n\r\n").as_bytes());
    }
    let session = match target.as_str() {
        "/login" => format!("Set-Cookie: JSESSIONID={number:032X}; Path=/\r\n"),
        _ => String::new(),
    };
    let bytes = bytes_of(number);
    let head = |framing: &str| {
        format!("HTTP/1.1 200 OK\r\nX-Number: {number}\r\nX-Node: {name}\r\n{session}{framing}\r\n\r\n").into_bytes()
    };
    if mood == Mood::Cuts || target == "/cut" {
        talk.send(&[&head(&format!("Content-Length: {}", bytes.len() + 1))[..], &bytes].concat());
        return if number.is_multiple_of(2) { talk.reset() } else { talk.close() };
    }
    if number.is_multiple_of(2) {
        return talk.send(&[&head(&format!("Content-Length: {}", bytes.len()))[..], &bytes].concat());
    }
    let mut chunked = head("Transfer-Encoding: chunked");
    for piece in bytes.chunks(10_000) {
        chunked.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        chunked.extend(piece);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    talk.send(&chunked);
}
