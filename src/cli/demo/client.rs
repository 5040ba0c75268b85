//! The demo's own client. It opens one connection for each request, plain or TLS, and keeps one cookie for each host.

use std::collections::HashMap;
use std::io::{Error, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::cli::rig::message::{Head, WithoutLength, body};

/// A request and where it goes.
#[derive(Clone, Debug)]
pub(super) struct ClientRequest {
    pub(super) address: SocketAddr,
    /// The Host field. Without its port it is also the server name in TLS.
    pub(super) host: String,
    pub(super) secure: bool,
    pub(super) path: &'static str,
    /// The body of a POST; `None` for a GET.
    pub(super) body: Option<&'static str>,
    /// `name=value`
    pub(super) cookie: Option<String>,
}

/// The answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: Head,
    pub(super) body: String,
}

/// Trusts the demo's authority and nobody else.
#[derive(Clone, Debug)]
pub(super) struct Client {
    tls: Arc<ClientConfig>,
    jar: HashMap<String, String>,
}

impl Client {
    pub(super) fn new(authority: CertificateDer<'static>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(authority).map_err(Error::other)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let tls = tls.map_err(Error::other)?.with_root_certificates(roots).with_no_client_auth();
        Ok(Self { tls: Arc::new(tls), jar: HashMap::new() })
    }

    /// Sends a request and reads the answer, in ten seconds at most.
    pub(super) async fn ask(&self, ask: &ClientRequest) -> Result<Reply> {
        timeout(PATIENCE, self.ask_patiently(ask)).await?
    }

    /// Sends the cookie that this host has set last, and keeps a new one.
    pub(super) async fn ask_with_jar(&mut self, ask: &ClientRequest) -> Result<Reply> {
        let reply = self.ask(&ClientRequest { cookie: self.jar.get(&ask.host).cloned(), ..ask.clone() }).await?;
        if let Some(cookie) = reply.cookie() {
            self.jar.insert(ask.host.clone(), cookie.to_owned());
        }
        Ok(reply)
    }

    async fn ask_patiently(&self, ask: &ClientRequest) -> Result<Reply> {
        let stream = TcpStream::connect(ask.address).await?;
        if !ask.secure {
            return exchange(stream, ask).await;
        }
        let name = ask.host.rsplit_once(':').map_or(ask.host.as_str(), |(name, _)| name);
        let name = ServerName::try_from(name.to_owned()).map_err(Error::other)?;
        exchange(TlsConnector::from(self.tls.clone()).connect(name, stream).await?, ask).await
    }
}

impl ClientRequest {
    fn text(&self) -> String {
        let Self { host, path, .. } = self;
        let method = if self.body.is_some() { "POST" } else { "GET" };
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        if let Some(cookie) = &self.cookie {
            text.push_str(&format!("Cookie: {cookie}\r\n"));
        }
        if let Some(body) = self.body {
            text.push_str(&format!("Content-Type: text/xml\r\nContent-Length: {}\r\n", body.len()));
        }
        format!("{text}\r\n{}", self.body.unwrap_or_default())
    }
}

impl Reply {
    /// The `name=value` of the first Set-Cookie.
    pub(super) fn cookie(&self) -> Option<&str> {
        self.head.field("Set-Cookie").and_then(|line| line.split(';').next())
    }

    /// The text between `<name>` and `</name>`.
    pub(super) fn element(&self, name: &str) -> Option<&str> {
        let rest = self.body.split_once(&format!("<{name}>"))?.1;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    }
}

async fn exchange(stream: impl AsyncRead + AsyncWrite + Unpin, ask: &ClientRequest) -> Result<Reply> {
    let mut stream = BufReader::new(stream);
    stream.write_all(ask.text().as_bytes()).await?;
    stream.flush().await?;
    let head = Head::read(&mut stream).await?.ok_or_else(|| Error::other("closed without an answer"))?;
    let status = head.first.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| Error::other(format!("no status in {:?}", head.first)))?;
    let body = body(&mut stream, &head, WithoutLength::UntilClose).await?;
    Ok(Reply { status, head, body: String::from_utf8_lossy(&body).into_owned() })
}

const PATIENCE: Duration = Duration::from_secs(10);
