//! Clients that send what they are told, byte by byte, and read what comes, strictly and bounded in time.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::tls;
use crate::harness::bytes::{Stream, find};

/// How long a client waits for the next byte.
const WAIT: Duration = Duration::from_secs(5);

/// A client's connection.
pub(crate) struct Client {
    socket: TcpStream,
    stream: Box<dyn Stream>,
    inbox: Vec<u8>,
}

/// An answer as the client read it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// The final status.
    pub(crate) status: u16,
    /// The statuses that came before it.
    pub(crate) interim: Vec<u16>,
    /// The final head, its empty line included.
    pub(crate) head: String,
    /// The body, chunks put together.
    pub(crate) body: Vec<u8>,
    /// The trailer lines.
    pub(crate) trailers: String,
    /// Whether the body ended as its framing says.
    pub(crate) whole: bool,
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        self.values(name).into_iter().next()
    }

    /// All values of a field, its name in any case.
    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        let fields = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|field| field.0.eq_ignore_ascii_case(name)).map(|field| field.1.trim().to_owned()).collect()
    }

    /// Status and word of a refusal.
    pub(crate) fn refusal(&self) -> String {
        self.text().lines().next().unwrap_or_default().split(' ').take(2).collect::<Vec<_>>().join(" ")
    }
}

impl Client {
    /// Connects, plain.
    pub(crate) fn plain(to: SocketAddr) -> io::Result<Self> {
        let socket = connect(to)?;
        Ok(Self { stream: Box::new(socket.try_clone()?), socket, inbox: Vec::new() })
    }

    /// Connects to a unix socket.
    pub(crate) fn unix(to: &Path) -> io::Result<Self> {
        // The calls that a client makes are the same for both kinds of sockets.
        let socket = TcpStream::from(OwnedFd::from(UnixStream::connect(to)?));
        socket.set_read_timeout(Some(WAIT))?;
        socket.set_write_timeout(Some(WAIT))?;
        Ok(Self { stream: Box::new(socket.try_clone()?), socket, inbox: Vec::new() })
    }

    /// Connects with TLS; believes any certificate.
    pub(crate) fn tls(to: SocketAddr, offer: &tls::Offer) -> io::Result<Self> {
        Self::tls_with(to, &Arc::new(offer.config()), &offer.name).map(|made| made.0)
    }

    /// The same, and what was agreed.
    pub(crate) fn tls_with(
        to: SocketAddr,
        config: &Arc<rustls::ClientConfig>,
        name: &str,
    ) -> io::Result<(Self, tls::Agreed)> {
        Self::tls_after(&[], to, config, name)
    }

    /// The same, after these bytes, in which no TLS is yet.
    pub(crate) fn tls_after(
        first: &[u8],
        to: SocketAddr,
        config: &Arc<rustls::ClientConfig>,
        name: &str,
    ) -> io::Result<(Self, tls::Agreed)> {
        let mut socket = connect(to)?;
        socket.write_all(first)?;
        let (stream, agreed) = tls::handshake(socket.try_clone()?, config, name)?;
        Ok((Self { socket, stream, inbox: Vec::new() }, agreed))
    }

    /// Sends bytes; a peer that closed meanwhile is no error, what it answered is read later.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).and_then(|()| self.stream.flush()).is_ok()
    }

    /// Sends a request and reads its answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        let request = request.as_ref();
        self.send(request);
        let answer = if request.starts_with(b"HEAD ") { self.answer_to_head() } else { self.answer() };
        answer.unwrap_or_else(|error| panic!("no answer to {:?}: {error}", String::from_utf8_lossy(request)))
    }

    /// Reads one answer.
    pub(crate) fn answer(&mut self) -> io::Result<Answer> {
        self.read_answer(false)
    }

    /// Reads one answer to a HEAD.
    pub(crate) fn answer_to_head(&mut self) -> io::Result<Answer> {
        self.read_answer(true)
    }

    /// Reads one head, interim or final.
    pub(crate) fn head(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.inbox, b"\r\n\r\n") {
                let head: Vec<u8> = self.inbox.drain(..end + 4).collect();
                return String::from_utf8(head).map_err(io::Error::other);
            }
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads so many bytes.
    pub(crate) fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.inbox.len() < length {
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.inbox.drain(..length).collect())
    }

    /// Reads until the peer closes; an error when it does not, or resets.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? > 0 {}
        Ok(std::mem::take(&mut self.inbox))
    }

    /// Whether the peer closes the connection, sending nothing more.
    pub(crate) fn is_closed(&mut self) -> bool {
        match self.rest() {
            Ok(rest) => rest.is_empty(),
            Err(error) => !is_timeout(&error),
        }
    }

    /// Whether nothing comes and nothing closes for a while.
    pub(crate) fn stays_silent(&mut self, how_long: Duration) -> bool {
        let _ = self.socket.set_read_timeout(Some(how_long));
        let silent = matches!(self.fill(), Err(error) if is_timeout(&error));
        let _ = self.socket.set_read_timeout(Some(WAIT));
        silent
    }

    /// Sends this again and again until nobody takes it any more.
    pub(crate) fn send_until_stuck(&mut self, piece: &[u8]) {
        let _ = self.socket.set_write_timeout(Some(Duration::from_millis(300)));
        while self.send(piece) {}
        let _ = self.socket.set_write_timeout(Some(WAIT));
    }

    /// Sends this again and again until it lies unread at the other side, which then has all of it.
    #[track_caller]
    pub(crate) fn send_until_unread(&mut self, piece: &[u8]) {
        let (own, other) = self.addresses().expect("a connected socket has addresses");
        let waits = |own, other| crate::harness::queues::queues(own, other).unwrap_or_default();
        loop {
            assert!(self.send(piece), "it is taken");
            crate::harness::eventually::eventually("what was sent arrives", || waits(own, other).0 == 0);
            if !crate::harness::eventually::within(Duration::from_millis(150), || waits(other, own).1 == 0) {
                return;
            }
        }
    }

    /// The bytes that the other side's kernel holds for this client. `None`: none, or the connection is over.
    pub(crate) fn held_for_it(&self) -> Option<u64> {
        let (own, other) = self.addresses().ok()?;
        crate::harness::queues::queues(other, own).map(|(sent, _)| sent).filter(|sent| *sent > 0)
    }

    fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.socket.local_addr()?, self.socket.peer_addr()?))
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Gives up with a reset.
    pub(crate) fn reset(self) {
        let _ = socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
    }

    /// The stream, for a library to speak on.
    pub(crate) fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }

    fn read_answer(&mut self, to_head: bool) -> io::Result<Answer> {
        let mut answer = Answer::default();
        loop {
            answer.head = self.head()?;
            answer.status = status(&answer.head)?;
            if !(100..200).contains(&answer.status) || answer.status == 101 {
                break;
            }
            answer.interim.push(answer.status);
        }
        let bodyless = to_head || matches!(answer.status, 101 | 204 | 304);
        match if bodyless { Ok(()) } else { self.read_body(&mut answer) } {
            Ok(()) => answer.whole = true,
            // A cut is for the test to judge, a silent peer is not.
            Err(error) if is_timeout(&error) => return Err(error),
            Err(_) => answer.whole = false,
        }
        Ok(answer)
    }

    fn read_body(&mut self, answer: &mut Answer) -> io::Result<()> {
        if answer.values("transfer-encoding") == ["chunked"] {
            return self.read_chunks(answer);
        }
        let Some(length) = answer.field("content-length") else {
            while self.fill()? > 0 {}
            answer.body = std::mem::take(&mut self.inbox);
            return Ok(());
        };
        let length: usize = length.parse().map_err(io::Error::other)?;
        self.read_into(length, &mut answer.body)
    }

    fn read_chunks(&mut self, answer: &mut Answer) -> io::Result<()> {
        loop {
            let line = self.line()?;
            let size = usize::from_str_radix(&line, 16).map_err(io::Error::other)?;
            if size == 0 {
                break;
            }
            self.read_into(size, &mut answer.body)?;
            if !self.line()?.is_empty() {
                return Err(io::Error::other("no CRLF after a chunk"));
            }
        }
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(());
            }
            answer.trailers.push_str(&line);
            answer.trailers.push_str("\r\n");
        }
    }

    fn read_into(&mut self, mut left: usize, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let here = left.min(self.inbox.len());
            body.extend(self.inbox.drain(..here));
            left -= here;
            if left == 0 {
                return Ok(());
            }
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.inbox, b"\r\n") {
                let line: Vec<u8> = self.inbox.drain(..end + 2).collect();
                return String::from_utf8(line[..end].to_vec()).map_err(io::Error::other);
            }
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 65_536];
        let read = match self.stream.read(&mut buffer) {
            // A TLS peer that closes without saying so closes nonetheless; only a body by length can tell.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            read => read?,
        };
        self.inbox.extend_from_slice(&buffer[..read]);
        Ok(read)
    }
}

/// Whether an error says only that nothing came in time.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&to, WAIT)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(WAIT))?;
    socket.set_write_timeout(Some(WAIT))?;
    Ok(socket)
}

fn status(head: &str) -> io::Result<u16> {
    let digits = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| io::Error::other(format!("odd answer {head:?}")))
}
