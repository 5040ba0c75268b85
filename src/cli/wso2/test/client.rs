//! The test's own client: a connection for each request, a bound on how many there are, and a pause between them.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::places::Door;
use crate::cli::rig::asking::converse;
use crate::config::{NodeTls, Verify};
use crate::proxy::node::verify::{client_config, explain};

/// How TLS is spoken with somebody.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) to: SocketAddr,
    pub(super) tls: Option<Tls>,
    /// The Host field.
    pub(super) authority: String,
    pub(super) target: String,
    /// `name=value`, as in the Cookie field.
    pub(super) cookie: Option<String>,
    /// More fields, each with its end of line.
    pub(super) forwarded: String,
    /// What is posted; without it, the request is a GET.
    pub(super) post: Option<Envelope>,
}

/// A SOAP request.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    /// What it is sent as: fields, each with its end of line.
    pub(super) fields: &'static str,
    pub(super) text: Arc<[u8]>,
}

/// An answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// For who keeps many answers and reads their heads alone.
    pub(super) fn without_body(self) -> Self {
        Self { body: Vec::new(), ..self }
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(super) fn field<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// The value of the cookie that it sets, if it sets one.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        self.session(name, true)
    }

    /// The same, if a client sends it again: one that is Secure only goes over TLS.
    pub(super) fn session(&self, name: &str, tls: bool) -> Option<&str> {
        let secure = |line: &str| line.split(';').any(|part| part.trim().eq_ignore_ascii_case("secure"));
        let lines = self.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case("Set-Cookie"));
        lines.map(|(_, line)| line.as_str()).filter(|line| tls || !secure(line)).find_map(|line| {
            let (key, value) = line.split(';').next()?.split_once('=')?;
            (key.trim().eq_ignore_ascii_case(name) && !value.trim().is_empty()).then_some(value.trim())
        })
    }
}

/// Asks, with a pause between two requests and so many at most.
pub(super) struct Client {
    provider: Arc<CryptoProvider>,
    anyone: Arc<ClientConfig>,
    next: Cell<Instant>,
    asked: Cell<u32>,
    most: Cell<u32>,
    /// Between the beginnings of two requests.
    pause: Duration,
}

impl Client {
    pub(super) fn new(per_second: u32) -> Result<Self, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let anyone = client_config(&NodeTls { verify: Verify::None, server_name: None, certificate: None }, &provider)?;
        let (next, pause) = (Cell::new(Instant::now()), Duration::from_secs(1) / per_second.max(1));
        Ok(Self { provider, anyone, next, asked: Cell::new(0), most: Cell::new(0), pause })
    }

    /// Allows so many requests in total.
    pub(super) fn allow(&self, most: u32) {
        self.most.set(most);
    }

    /// TLS with whoever is there, by this name.
    pub(super) fn anyone(&self, name: &str) -> Result<Tls, String> {
        Ok(Tls { config: Arc::clone(&self.anyone), name: server_name(name)? })
    }

    /// TLS with a node, which must be the one that its pool expects.
    pub(super) fn node(&self, tls: &NodeTls, address: &str) -> Result<Tls, String> {
        let name = tls.server_name.as_deref().unwrap_or(address);
        Ok(Tls { config: client_config(tls, &self.provider)?, name: server_name(name)? })
    }

    /// A GET through the balancer.
    pub(super) fn through(&self, door: &Door<'_>, target: &str) -> Result<Question, String> {
        let to = *door.places.first().ok_or("its host does not resolve")?;
        let tls = if door.tls { Some(self.anyone(&door.host)?) } else { None };
        Ok(Question {
            to,
            tls,
            authority: door.authority(),
            target: target.to_owned(),
            cookie: None,
            forwarded: String::new(),
            post: None,
        })
    }

    /// Sends a request and reads the answer.
    pub(super) async fn ask(&self, question: &Question) -> Result<Answer, String> {
        if self.asked.get() >= self.most.get() {
            return Err(format!("not asked: {} requests were sent, and that is the limit", self.asked.get()));
        }
        self.asked.set(self.asked.get() + 1);
        sleep_until(self.next.get()).await;
        self.next.set(Instant::now() + self.pause);
        let exchange = async {
            let stream = connect(question.to).await?;
            match &question.tls {
                None => answered(stream, question).await,
                Some(tls) => answered(shake_hands(tls, stream).await?, question).await,
            }
        };
        timeout(PATIENCE, exchange).await.unwrap_or_else(|_| Err(format!("no answer in {} s", PATIENCE.as_secs())))
    }

    /// Only connects.
    pub(super) async fn connects(&self, to: SocketAddr) -> Result<(), String> {
        timeout(SHORT, connect(to)).await.unwrap_or_else(|_| Err(too_late("connection"))).map(drop)
    }

    /// Only shakes hands. Returns the certificates that were shown.
    pub(super) async fn certificates(&self, to: SocketAddr, tls: &Tls) -> Result<Vec<CertificateDer<'static>>, String> {
        let stream = timeout(SHORT, connect(to)).await.unwrap_or_else(|_| Err(too_late("connection")))?;
        let stream =
            timeout(SHORT, shake_hands(tls, stream)).await.unwrap_or_else(|_| Err(too_late("TLS handshake")))?;
        let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
        Ok(shown.iter().map(|der| der.clone().into_owned()).collect())
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, String> {
    let bare = name.trim_start_matches('[').trim_end_matches(']').to_owned();
    ServerName::try_from(bare).map_err(|_| format!("{name} cannot be a name in TLS"))
}

async fn connect(to: SocketAddr) -> Result<TcpStream, String> {
    TcpStream::connect(to).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused: nothing listens there".to_owned(),
        _ => format!("no connection: {error}"),
    })
}

async fn shake_hands(tls: &Tls, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
    let done = TlsConnector::from(Arc::clone(&tls.config)).connect(tls.name.clone(), stream).await;
    done.map_err(|error| {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        inner.map_or_else(|| format!("no TLS handshake: {error}"), explain)
    })
}

async fn answered(stream: impl AsyncRead + AsyncWrite + Unpin, question: &Question) -> Result<Answer, String> {
    let answer = converse(stream, &question.bytes(), false).await.map_err(|error| error.to_string())?;
    let (status, head, body) = answer;
    Ok(Answer { status, fields: head.fields().to_vec(), body })
}

impl Question {
    fn bytes(&self) -> Vec<u8> {
        let Self { target, authority, forwarded, .. } = self;
        let cookie = self.cookie.as_ref().map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
        let (method, text) = self.post.as_ref().map_or(("GET", &b""[..]), |post| ("POST", &post.text));
        let posted = self.post.as_ref().map(|post| format!("{}Content-Length: {}\r\n", post.fields, text.len()));
        let head = format!("{method} {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {AGENT}\r\nAccept: */*\r\n");
        let head = format!("{head}{forwarded}{cookie}{}Connection: close\r\n\r\n", posted.unwrap_or_default());
        [head.as_bytes(), text].concat()
    }
}

fn too_late(what: &str) -> String {
    format!("no {what} in {} s: the process hangs, or a firewall drops packets", SHORT.as_secs())
}

/// So operators find these requests in the logs of nodes.
const AGENT: &str = "weir-wso2-test";
const PATIENCE: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_secs(5);
