//! One connection of an origin, as its script sees it: the request that came, and every way to answer it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use super::seen::{Notes, Seen};
use super::strict::{self, Framing};
use crate::harness::bytes::{Stream, find};

/// Most of a body that is kept for the test.
const KEPT: usize = 1 << 20;

/// A connection with the request that came last.
pub(crate) struct Talk {
    connection: u64,
    control: TcpStream,
    stream: Box<dyn Stream>,
    inbox: Vec<u8>,
    place: usize,
    framing: Framing,
    open: bool,
    notes: Arc<Notes>,
}

/// Why a body did not arrive whole.
enum Broken {
    /// The peer is gone.
    Gone,
    /// A strict reader refuses it.
    Doubtful(String),
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl Talk {
    pub(super) fn new(connection: u64, control: TcpStream, stream: Box<dyn Stream>, notes: Arc<Notes>) -> Self {
        let (inbox, framing) = (Vec::new(), Framing::None);
        Self { connection, control, stream, inbox, place: 0, framing, open: true, notes }
    }

    /// The request as far as it was read.
    pub(crate) fn seen(&self) -> Seen {
        self.notes.noted(self.place)
    }

    /// The request's target.
    pub(crate) fn target(&self) -> String {
        self.seen().target()
    }

    /// Reads the rest of the body and gives it back; chunks are put together.
    pub(crate) fn body(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        self.read_body(|piece| body.extend_from_slice(piece));
        body
    }

    /// Reads the rest of the body and says only how long it was.
    pub(crate) fn body_length(&mut self) -> u64 {
        let mut length = 0;
        self.read_body(|piece| length += piece.len() as u64);
        length
    }

    /// Sends bytes as they are. A peer that is gone is no error: the script goes on.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let sent = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
        self.open &= sent.is_ok();
    }

    /// Whether all that was sent could be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Reads what comes, raw; empty when the peer closed.
    pub(crate) fn read_raw(&mut self) -> Vec<u8> {
        if self.inbox.is_empty() {
            let _ = self.fill();
        }
        std::mem::take(&mut self.inbox)
    }

    /// Whether something came, or the peer closed, without waiting for either.
    pub(crate) fn something_came(&mut self) -> bool {
        let _ = self.control.set_nonblocking(true);
        let came = !matches!(self.control.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        let _ = self.control.set_nonblocking(false);
        came || !self.inbox.is_empty()
    }

    /// Ends the connection after what was sent.
    pub(crate) fn close(&mut self) {
        let _ = self.control.shutdown(Shutdown::Write);
        self.open = false;
    }

    /// Ends the connection with a reset, now.
    pub(crate) fn reset(&mut self) {
        let _ = socket2::SockRef::from(&self.control).set_linger(Some(std::time::Duration::ZERO));
        self.open = false;
    }

    /// Waits until the peer has closed the connection; says whether it did.
    pub(crate) fn wait_for_close(&mut self) -> bool {
        self.closes_cleanly();
        true
    }

    /// Waits until the peer has closed the connection; says whether it did so with the end of its stream: no reset, and over TLS
    /// no end without an alert.
    pub(crate) fn closes_cleanly(&mut self) -> bool {
        loop {
            match self.fill() {
                Ok(0) => return true,
                Err(_) => return false,
                Ok(_) => self.inbox.clear(),
            }
        }
    }

    pub(super) fn next_head(&mut self) -> bool {
        loop {
            if let Some(end) = find(&self.inbox, b"\r\n\r\n") {
                let head: Vec<u8> = self.inbox.drain(..end + 4).collect();
                return self.note(head);
            }
            match self.fill() {
                Ok(1..) => {}
                _ => return self.note_rest(),
            }
        }
    }

    /// Reads what the script left of the body; says whether another request may follow.
    pub(super) fn end_of_request(&mut self) -> bool {
        if self.open {
            self.read_body(|_| ());
        }
        self.open && self.seen().complete
    }

    pub(super) fn hang_up(self) {
        let linger = socket2::SockRef::from(&self.control).linger();
        if matches!(linger, Ok(None)) {
            let _ = self.control.shutdown(Shutdown::Both);
        }
    }

    fn note(&mut self, head: Vec<u8>) -> bool {
        let judged = strict::head(&head);
        self.framing = *judged.as_ref().unwrap_or(&Framing::None);
        let complete = self.framing == Framing::None;
        let doubtful = judged.err();
        self.place = self.notes.note(Seen { connection: self.connection, bytes: head, complete, doubtful });
        true
    }

    /// Bytes without the end of a head are worth a note too: nothing may reach a node by half.
    fn note_rest(&mut self) -> bool {
        let bytes = std::mem::take(&mut self.inbox);
        if !bytes.is_empty() {
            self.notes.note(Seen { connection: self.connection, bytes, complete: false, doubtful: None });
        }
        false
    }

    fn read_body(&mut self, mut take: impl FnMut(&[u8])) {
        let mut kept = Vec::new();
        let mut keep = |piece: &[u8]| {
            let room = KEPT - kept.len().min(KEPT);
            kept.extend_from_slice(&piece[..piece.len().min(room)]);
            take(piece);
        };
        let chunked = self.framing == Framing::Chunked;
        let end = match self.framing {
            Framing::None => return,
            Framing::Length(length) => self.read_length(length, &mut keep).map(|()| Vec::new()),
            Framing::Chunked => self.read_chunks(&mut keep),
        };
        self.framing = Framing::None;
        self.notes.update(self.place, |seen| {
            let spelled = if chunked { one_chunk(&kept, end.as_deref().ok()) } else { kept };
            seen.bytes.extend_from_slice(&spelled);
            seen.complete = end.is_ok();
            if let Err(Broken::Doubtful(why)) = end {
                seen.doubtful = Some(why);
            }
        });
    }

    fn read_length(&mut self, length: u64, take: &mut impl FnMut(&[u8])) -> Result<(), Broken> {
        let mut left = length;
        while left > 0 {
            if self.inbox.is_empty() && self.fill()? == 0 {
                return Err(Broken::Gone);
            }
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(self.inbox.len());
            take(&self.inbox[..here]);
            self.inbox.drain(..here);
            left -= here as u64;
        }
        Ok(())
    }

    /// Reads chunks and the trailer section; what comes back is the trailer section.
    fn read_chunks(&mut self, take: &mut impl FnMut(&[u8])) -> Result<Vec<u8>, Broken> {
        loop {
            let line = self.line()?;
            let size = strict::chunk_size(&line).map_err(Broken::Doubtful)?;
            if size == 0 {
                return self.trailers();
            }
            self.read_length(size, take)?;
            if !self.line()?.is_empty() {
                return Err(Broken::Doubtful("no CRLF after a chunk".to_owned()));
            }
        }
    }

    fn trailers(&mut self) -> Result<Vec<u8>, Broken> {
        let mut all = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(all);
            }
            all.extend_from_slice(&line);
            all.extend_from_slice(b"\r\n");
        }
    }

    fn line(&mut self) -> Result<Vec<u8>, Broken> {
        loop {
            if let Some(end) = find(&self.inbox, b"\r\n") {
                let mut line: Vec<u8> = self.inbox.drain(..end + 2).collect();
                line.truncate(end);
                return if line.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
                    Err(Broken::Doubtful("a bare CR or LF between chunks".to_owned()))
                } else {
                    Ok(line)
                };
            }
            if self.fill()? == 0 {
                return Err(Broken::Gone);
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 65_536];
        let read = self.stream.read(&mut buffer)?;
        self.inbox.extend_from_slice(&buffer[..read]);
        Ok(read)
    }
}

/// One spelling for every way to cut a body into chunks.
fn one_chunk(body: &[u8], trailers: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    if !body.is_empty() {
        out.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
        out.extend_from_slice(body);
        out.extend_from_slice(b"\r\n");
    }
    if let Some(trailers) = trailers {
        out.extend_from_slice(b"0\r\n");
        out.extend_from_slice(trailers);
        out.extend_from_slice(b"\r\n");
    }
    out
}
