//! One request on a connection of its own, for getting ready and for looking on.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};

use super::{field, server, status, tls};
use crate::result::Result;

const PATIENCE: Duration = Duration::from_secs(2);

/// What came back.
pub(crate) struct Answer {
    /// 0 when it had none.
    pub(crate) status: u16,
    /// The head.
    pub(crate) head: String,
    /// The server's own certificate, DER; empty without TLS.
    pub(crate) certificate: Vec<u8>,
}

impl Answer {
    /// The value of a cookie that it sets.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.field("set-cookie")?.split(';').next()?.trim().strip_prefix(name)?.strip_prefix('=')
    }

    /// The value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

/// GET over HTTP.
pub(crate) fn http(port: u16, path: &str) -> Result<Answer> {
    let head = connect(port).and_then(|mut stream| talk(&mut stream, "127.0.0.1", path, ""));
    head.map(|head| Answer { status: status(&head), head, certificate: Vec::new() }).map_err(|error| error.to_string())
}

/// GET over HTTPS, asking for this host.
pub(crate) fn https(port: u16, host: &str, path: &str) -> Result<Answer> {
    Connection::open(port, host)?.ask(path, "")
}

/// A connection with TLS on which nothing was asked yet.
pub(crate) struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    host: String,
}

impl Connection {
    /// With its handshake done.
    pub(crate) fn open(port: u16, host: &str) -> Result<Self> {
        let config = Arc::new(tls(false)?);
        let connection = ClientConnection::new(config, server(host)?).map_err(|error| error.to_string())?;
        let stream = connect(port).map_err(|error| error.to_string())?;
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(|error| error.to_string())?;
        }
        Ok(Self { stream, host: host.to_owned() })
    }

    /// GET. `fields`: more of them, each with its end of line.
    pub(crate) fn ask(mut self, path: &str, fields: &str) -> Result<Answer> {
        let head = talk(&mut self.stream, &self.host, path, fields).map_err(|error| error.to_string())?;
        let chain = self.stream.conn.peer_certificates().unwrap_or_default();
        let certificate = chain.first().map(|certificate| certificate.to_vec()).unwrap_or_default();
        Ok(Answer { status: status(&head), head, certificate })
    }
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn talk(stream: &mut (impl Read + Write), host: &str, path: &str, fields: &str) -> io::Result<String> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n{fields}Connection: close\r\n\r\n")?;
    stream.flush()?;
    let mut text = Vec::new();
    let read = stream.read_to_end(&mut text);
    // Some servers close TLS without saying so: what came before that counts.
    if text.is_empty() {
        read?;
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(text.split_once("\r\n\r\n").map_or(text.clone(), |(head, _)| head.to_owned()))
}
