//! HTTPS to a CA: one connection for each request, everything bounded.

use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use parking_lot::Mutex;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::disk::on_disk;
use crate::config::{Acme, certificate};
use crate::proxy::client::tls;
use crate::proxy::io::dial::dial;
use crate::proxy::node::verify;

/// How long a CA may take to connect, and for one answer.
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(60);

/// The most bytes of an answer. A chain has a few thousand.
const LARGEST: usize = 1 << 20;

/// How much of an answer that is no problem document is told.
const SHOWN: usize = 300;

/// Asks one CA.
#[derive(Clone)]
pub(super) struct Transport(Arc<Inner>);

struct Inner {
    connector: TlsConnector,
    seen: Mutex<Seen>,
}

/// What the answers told that the library does not hand on.
#[derive(Default)]
struct Seen {
    /// How long not to come again, as the last refusal said it.
    retry_after: Option<Duration>,
    /// Whom records for dns-persist-01 name.
    issuers: Vec<String>,
}

impl Transport {
    /// Believes the CAs of this one's configuration, or else those of the system.
    pub(super) async fn to(acme: &Acme) -> Result<Self, String> {
        let roots = match &acme.roots {
            Some(roots) => verify::anchors(roots)?,
            None => {
                let roots = on_disk(|| Ok(certificate::system_roots())).await.map_err(in_full)?;
                verify::anchors(&roots)
                    .map_err(|why| format!("{why}: install ca-certificates, or name a file as ca"))?
            }
        };
        let config = ClientConfig::builder_with_provider(tls::provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Self(Arc::new(Inner { connector, seen: Mutex::default() })))
    }

    /// How long the CA does not want to be asked, by its last refusal.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.0.seen.lock().retry_after
    }

    /// Whom a record for dns-persist-01 may name.
    pub(super) fn issuers(&self) -> Vec<String> {
        self.0.seen.lock().issuers.clone()
    }
}

impl HttpClient for Transport {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let url = request.uri().clone();
            inner.ask(request).await.map_err(|why| Error::Other(format!("{url}: {why}").into()))
        })
    }
}

impl Inner {
    async fn ask(&self, mut request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, String> {
        let place = Place::of(request.uri())?;
        let agent = HeaderValue::from_static(concat!("weir/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(USER_AGENT, agent);
        let host = HeaderValue::try_from(place.authority.as_str()).map_err(|_| "it has no host".to_owned())?;
        request.headers_mut().insert(HOST, host);
        *request.uri_mut() = place.target;
        let stream = self.connect(&place.host, place.port).await?;
        let answer = async {
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(in_full)?;
            let (answer, _) = tokio::join!(
                async {
                    let answer = sender.send_request(request).await.map_err(in_full)?;
                    let (parts, body) = answer.into_parts();
                    let body = Limited::new(body, LARGEST).collect().await.map_err(|error| in_full(&*error))?;
                    // The connection ends when nobody can send on it any more.
                    drop(sender);
                    Ok::<_, String>((parts, body.to_bytes()))
                },
                connection
            );
            answer
        };
        let (parts, body) = tokio::time::timeout(ANSWER, answer)
            .await
            .map_err(|_| format!("no answer within {} s", ANSWER.as_secs()))??;
        self.note(parts.status, parts.headers.get(RETRY_AFTER), &body);
        if let Some(why) = no_problem_document(parts.headers.get(CONTENT_TYPE), parts.status, &body) {
            return Err(why);
        }
        Ok(BytesResponse::from(Response::from_parts(parts, http_body_util::Full::new(body))))
    }

    async fn connect(&self, host: &str, port: u16) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|error| error.to_string())?;
        let stream = dial(host, port, CONNECT).await?;
        let shaken = tokio::time::timeout(CONNECT, self.connector.connect(name, stream)).await;
        shaken
            .map_err(|_| format!("no TLS handshake within {} s", CONNECT.as_secs()))?
            .map_err(|error| format!("TLS: {error}; a CA of your own house needs its root as ca"))
    }

    fn note(&self, status: StatusCode, retry_after: Option<&HeaderValue>, body: &[u8]) {
        let mut seen = self.seen.lock();
        if status.is_client_error() || status.is_server_error() {
            seen.retry_after = retry_after.and_then(|value| value.to_str().ok()).and_then(until);
            return;
        }
        let Ok(authorization) = serde_json::from_slice::<Authorization>(body) else { return };
        if let Some(persisting) =
            authorization.challenges.into_iter().find(|challenge| !challenge.issuer_domain_names.is_empty())
        {
            seen.issuers = persisting.issuer_domain_names;
        }
    }
}

/// What of an authorization the library does not read (draft-ietf-acme-dns-persist).
#[derive(Deserialize)]
struct Authorization {
    challenges: Vec<Challenge>,
}

#[derive(Deserialize)]
struct Challenge {
    #[serde(default, rename = "issuer-domain-names")]
    issuer_domain_names: Vec<String>,
}

struct Place {
    host: String,
    port: u16,
    authority: String,
    target: Uri,
}

impl Place {
    fn of(url: &Uri) -> Result<Self, String> {
        if url.scheme_str() != Some("https") {
            return Err("the CA names a URL that is not https".to_owned());
        }
        let authority = url.authority().ok_or("the CA names a URL without a host")?;
        let target = url.path_and_query().map_or("/", |target| target.as_str());
        Ok(Self {
            host: authority.host().to_owned(),
            port: authority.port_u16().unwrap_or(443),
            authority: authority.as_str().to_owned(),
            target: target.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?,
        })
    }
}

/// Why an answer that refuses cannot be read as the CA's complaint: something between may have answered.
fn no_problem_document(kind: Option<&HeaderValue>, status: StatusCode, body: &[u8]) -> Option<String> {
    let refused = status.is_client_error() || status.is_server_error();
    if !refused || serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body).is_ok() {
        return None;
    }
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("no media type");
    let text: String = String::from_utf8_lossy(body).chars().take(SHOWN).collect();
    Some(format!("it answered {status} with {kind}, which is no complaint of a CA: {}", in_one_line(&text)))
}

/// On one line, and without what could move a terminal's cursor.
pub(super) fn in_one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// Retry-After, in seconds or as a date (RFC 9110 10.2.3).
fn until(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text.trim()).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// An error and what caused it.
fn in_full(error: impl StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
