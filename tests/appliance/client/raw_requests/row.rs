//! A row of the table, and the short spellings it is written in: `$H` is the Host line of esb.test, `$F` the lines that
//! Weir adds for it, `$P` the port that the client sees, `$[hex]` a byte.

/// What a client sends and what must come of it.
pub(super) struct Row {
    /// What the row is about.
    pub(super) name: String,
    /// What is sent, before its short spellings are put in.
    pub(super) send: String,
    /// Into writes of how many bytes it is cut; `None` sends it at once.
    pub(super) piece: Option<usize>,
    /// The final answers, in order.
    pub(super) answers: Vec<Want>,
    /// The whole requests that reach the node, a chunked body as one chunk.
    pub(super) reaches: Vec<String>,
    /// What becomes of the connection.
    pub(super) ends: Ends,
    /// Whether the client shuts its side after sending.
    pub(super) finished: bool,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Want {
    /// Its status, or several of which one is right.
    pub(super) statuses: Vec<u16>,
    /// The word of a refusal; empty accepts any.
    pub(super) word: String,
}

/// What becomes of the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// It could carry another request.
    Open,
    /// Weir closes it.
    Closed,
    /// Weir closes it, and what had begun towards the node is broken off.
    Cut,
    /// The client is gone: only what reaches the node matters.
    Abandoned,
}

impl Row {
    /// The row and why it fails, for a reader.
    pub(super) fn tell(&self, why: &str) -> String {
        format!("* {}\n   sent {:?}\n   {why}", self.name, shorten(&self.send))
    }

    /// The refusal was no doubt about the bytes: the connection stays.
    pub(super) fn and_stays(mut self) -> Self {
        self.ends = Ends::Open;
        self
    }

    /// Weir closes the connection after the answer.
    pub(super) fn and_closes(mut self) -> Self {
        self.ends = Ends::Closed;
        self
    }

    /// The client shuts its side after sending.
    pub(super) fn finished(mut self) -> Self {
        self.finished = true;
        self
    }

    /// The same in several writes.
    pub(super) fn in_pieces(mut self, length: usize) -> Self {
        self.piece = Some(length);
        self
    }
}

/// Goes up as `up`, is answered 200, and the connection stays.
pub(super) fn passes(name: &str, send: &str, up: &str) -> Row {
    pipelined(name, send, &["200"], &[up])
}

/// Several requests at once.
pub(super) fn pipelined(name: &str, send: &str, answers: &[&str], reaches: &[&str]) -> Row {
    let refused = answers.last().is_some_and(|last| *last != "200");
    Row {
        name: name.to_owned(),
        send: send.to_owned(),
        piece: None,
        answers: answers.iter().map(|text| want(text)).collect(),
        reaches: reaches.iter().map(|text| (*text).to_owned()).collect(),
        ends: if refused { Ends::Closed } else { Ends::Open },
        finished: false,
    }
}

/// Is refused with `STATUS WORD`, `STATUS` or `STATUS|STATUS`; the connection closes; nothing reaches the node.
pub(super) fn refused(name: &str, send: &str, answer: &str) -> Row {
    pipelined(name, send, &[answer], &[])
}

/// Is refused while its body comes: the head may be up already, the request never gets whole.
pub(super) fn cut(name: &str, send: &str, answer: &str) -> Row {
    Row { ends: Ends::Cut, ..refused(name, send, answer) }
}

/// The client leaves in the middle: whatever it is told, the request never gets whole.
pub(super) fn abandoned(name: &str, send: &str) -> Row {
    Row { ends: Ends::Abandoned, finished: true, ..pipelined(name, send, &[], &[]) }
}

/// The connection closes without a word.
pub(super) fn silence(name: &str, send: &str) -> Row {
    Row { ends: Ends::Closed, ..pipelined(name, send, &[], &[]) }
}

/// The bytes of a piece.
pub(super) fn expand(text: &str) -> Vec<u8> {
    const FORWARDED: &str = "X-Forwarded-Host: esb.test\r\nX-Forwarded-Server: esb.test\r\n\
        X-Forwarded-For: 127.0.0.1\r\n$R";
    const REST: &str = "X-Forwarded-Proto: http\r\nX-Forwarded-Port: $P\r\nX-Real-IP: 127.0.0.1\r\n\
        X-Request-Id: ID\r\n";
    let text = text.replace("$F", FORWARDED).replace("$R", REST);
    let text = text
        .replace("$H", "Host: esb.test\r\n")
        .replace("$P", if text.contains("esb.test:8443\r\n") { "8443" } else { "80" });
    let mut parts = text.split("$[");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_once(']').expect("$[ has its ]");
        bytes.push(u8::from_str_radix(hex, 16).expect("hex stands between $[ and ]"));
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}

fn want(text: &str) -> Want {
    let (statuses, word) = text.split_once(' ').unwrap_or((text, ""));
    let statuses = statuses.split('|').map(|status| status.parse().expect("STATUS, STATUS WORD or STATUS|STATUS"));
    Want { statuses: statuses.collect(), word: word.to_owned() }
}

fn shorten(text: &str) -> String {
    if text.len() <= 400 {
        return text.to_owned();
    }
    let head: String = text.chars().take(200).collect();
    format!("{head}… ({} bytes)", text.len())
}
