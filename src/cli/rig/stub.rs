//! A small HTTP/1.1 server, plain or TLS, that can also give wrong answers on purpose.
//!
//! It reads a limited amount of everything. When it is dropped, its ports and its connections are closed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::message::{Head, WithoutLength, body};

/// Makes the answer to a request.
pub(crate) type Service = Arc<dyn Fn(&Request) -> StubAnswer + Send + Sync>;

/// A whole request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    /// The stub's own address on this connection.
    pub(crate) local: SocketAddr,
    pub(crate) secure: bool,
}

/// An answer and the way it is sent.
#[derive(Debug, Default)]
pub(crate) struct StubAnswer {
    /// Code and reason.
    pub(crate) status: &'static str,
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// With Content-Length; in chunks otherwise.
    pub(crate) sized: bool,
    /// How long the stub waits first.
    pub(crate) after: Duration,
    /// The quirk of HEAD on `?wsdl`: the body comes although it must not.
    pub(crate) body_on_head: bool,
    pub(crate) close: bool,
}

/// A running stub. If it is dropped, it stops a moment later.
#[derive(Debug)]
pub(crate) struct Stub(JoinSet<()>);

impl Stub {
    /// Answers on these listeners, over TLS if there is a `ServerConfig`.
    pub(crate) fn start(listeners: Vec<(TcpListener, Option<Arc<ServerConfig>>)>, service: &Service) -> Self {
        Self(listeners.into_iter().map(|(listener, tls)| accept(listener, tls, service.clone())).collect())
    }

    /// Closes the ports and the connections. When this returns, new connections are refused.
    pub(crate) async fn stop(mut self) {
        self.0.shutdown().await;
    }
}

/// The connections belong to this task, so when the task ends they break, as with a killed server.
async fn accept(listener: TcpListener, tls: Option<Arc<ServerConfig>>, service: Service) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (tls, service) = (tls.clone(), service.clone());
        connections.spawn(async move {
            // Errors of a connection, such as a malformed request, end that connection alone.
            let _ = converse(stream, tls, service).await;
            drop(permit);
        });
    }
}

async fn converse(stream: TcpStream, tls: Option<Arc<ServerConfig>>, service: Service) -> std::io::Result<()> {
    let local = stream.local_addr()?;
    stream.set_nodelay(true)?;
    match tls {
        None => answer_all(stream, local, false, service).await,
        Some(config) => {
            let stream = timeout(PATIENCE, TlsAcceptor::from(config).accept(stream)).await??;
            answer_all(stream, local, true, service).await
        }
    }
}

async fn answer_all<S>(stream: S, local: SocketAddr, secure: bool, service: Service) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::new(stream);
    while let Some(head) = timeout(IDLE, Head::read(&mut stream)).await?? {
        if head.says("Expect", "100-continue") {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let body = timeout(PATIENCE, body(&mut stream, &head, WithoutLength::Nothing)).await??;
        let request = Request::new(head, body, local, secure);
        let answer = service(&request);
        sleep(answer.after).await;
        let close = answer.close || request.wants_close();
        stream.write_all(&answer.bytes(&request.method, close)).await?;
        stream.flush().await?;
        if close {
            break;
        }
    }
    stream.shutdown().await
}

impl Request {
    fn new(head: Head, body: Vec<u8>, local: SocketAddr, secure: bool) -> Self {
        let mut words = head.first.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self { method, path: path.to_owned(), query: query.to_owned(), head, body, local, secure }
    }

    /// The value of this cookie that came first.
    pub(crate) fn cookie<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let pairs = self.head.all("Cookie").flat_map(|line| line.split(';'));
        pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    fn wants_close(&self) -> bool {
        self.head.says("Connection", "close") || !self.head.first.ends_with("HTTP/1.1")
    }
}

impl StubAnswer {
    /// A text with a status.
    pub(crate) fn text(status: &'static str, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, fields: vec![("Content-Type", kind.to_owned())], body: body.into(), ..Self::default() }
    }

    /// The same answer with one more field.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    fn bytes(&self, method: &str, close: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\n", self.status);
        for (name, value) in &self.fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if close {
            head.push_str("Connection: Close\r\n");
        }
        let body = method != "HEAD" || self.body_on_head;
        let mut bytes = if self.sized {
            format!("{head}Content-Length: {}\r\n\r\n", self.body.len()).into_bytes()
        } else {
            format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes()
        };
        match (body, self.sized) {
            (false, _) => {}
            (true, true) => bytes.extend_from_slice(&self.body),
            (true, false) => chunked(&self.body, &mut bytes),
        }
        bytes
    }
}

fn chunked(body: &[u8], bytes: &mut Vec<u8>) {
    if !body.is_empty() {
        bytes.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
}

const MOST_CONNECTIONS: usize = 1024;
const PATIENCE: Duration = Duration::from_secs(30);
/// PassThrough closes an idle connection after 180 s, Tomcat after 60 s; Weir must close it earlier.
const IDLE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_quirk_sends_a_body_after_head() {
        let answer = |body_on_head| StubAnswer { body_on_head, ..StubAnswer::text("200 OK", "text/xml", "<a/>") };
        let cases = [
            ("GET", false, "chunked\r\n\r\n4\r\n<a/>\r\n0\r\n\r\n"),
            ("HEAD", false, "chunked\r\n\r\n"),
            ("HEAD", true, "chunked\r\n\r\n4\r\n<a/>\r\n0\r\n\r\n"),
        ];
        for (method, quirk, end) in cases {
            let text = String::from_utf8(answer(quirk).bytes(method, false)).unwrap();
            assert!(text.ends_with(end), "{method}, {quirk}: {text:?}");
        }
    }
}
