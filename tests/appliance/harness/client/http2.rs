//! An HTTP/2 client by a library, for what is done right. Each client has a runtime of its own, so that tests stay
//! plain functions.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

use super::tls::Offer;

/// How long any one thing may take.
const WAIT: Duration = Duration::from_secs(30);

/// After so long what is not taken is not going to be.
const STUCK: Duration = Duration::from_millis(500);

/// A connection.
pub(crate) struct H2Client {
    runtime: tokio::runtime::Runtime,
    requests: SendRequest<Bytes>,
}

/// An answer and how it ended.
#[derive(Debug)]
pub(crate) struct H2Answer {
    /// Its status.
    pub(crate) status: u16,
    /// Its fields.
    pub(crate) fields: HeaderMap,
    /// What came of the body.
    pub(crate) body: Vec<u8>,
    /// The trailers.
    pub(crate) trailers: HeaderMap,
    /// Why the body ended early.
    pub(crate) broken: Option<h2::Error>,
}

impl H2Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl H2Client {
    /// Connects as esb.test.
    #[track_caller]
    pub(crate) fn connect(to: SocketAddr) -> Self {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        let requests = runtime.block_on(async {
            let socket = TcpStream::connect(to).await.expect("the listener accepts");
            // As every real client: else each wait for room costs a delayed acknowledgement.
            socket.set_nodelay(true).expect("a socket");
            let config = Arc::new(Offer::http2("esb.test").config());
            let name = ServerName::try_from("esb.test").expect("a name");
            let tls = tokio_rustls::TlsConnector::from(config).connect(name, socket).await.expect("a handshake");
            let (requests, connection) = h2::client::handshake(tls).await.expect("a preface");
            tokio::spawn(connection);
            requests
        });
        Self { runtime, requests }
    }

    /// GET with these fields.
    #[track_caller]
    pub(crate) fn get(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<H2Answer, h2::Error> {
        self.ask("GET", path, fields, &[], None)
    }

    /// A request with a body in these pieces, and trailers.
    #[track_caller]
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        pieces: &[Bytes],
        trailers: Option<HeaderMap>,
    ) -> Result<H2Answer, h2::Error> {
        let request = request(method, path, fields);
        let requests = self.requests.clone();
        let end = pieces.is_empty() && trailers.is_none();
        let talk = async move {
            let (answer, mut up) = requests.ready().await?.send_request(request, end)?;
            let upload = async {
                // An answer may come before the body is up; that the rest is refused then is no error.
                for (place, piece) in pieces.iter().enumerate() {
                    let last = place + 1 == pieces.len() && trailers.is_none();
                    if send(&mut up, piece.clone(), last).await.is_err() {
                        return;
                    }
                }
                if let Some(trailers) = trailers {
                    let _ = up.send_trailers(trailers);
                }
            };
            let (answer, ()) = tokio::join!(read(answer), upload);
            answer
        };
        self.runtime.block_on(async { tokio::time::timeout(WAIT, talk).await }).expect("an answer in time")
    }

    /// A POST whose client sends the whole body first and reads afterwards.
    #[track_caller]
    pub(crate) fn send_then_read(&mut self, path: &str, body: &[u8]) -> Result<H2Answer, h2::Error> {
        let length = body.len().to_string();
        let (request, requests) = (request("POST", path, &[("content-length", &length)]), self.requests.clone());
        let talk = async move {
            let (answer, mut up) = requests.ready().await?.send_request(request, false)?;
            send(&mut up, Bytes::copy_from_slice(body), true).await?;
            read(answer).await
        };
        self.runtime.block_on(async { tokio::time::timeout(WAIT, talk).await }).expect("an answer in time")
    }

    /// Begins so many POSTs whose bodies are longer than what is taken ahead, and goes on sending them in the background.
    #[track_caller]
    pub(crate) fn begin_uploads(&mut self, path: &str, count: usize, body: &Bytes) {
        for _ in 0..count {
            let (request, requests, body) = (request("POST", path, &[]), self.requests.clone(), body.clone());
            let begun = async { requests.ready().await?.send_request(request, false) };
            let (answer, mut up) = self.runtime.block_on(begun).expect("a stream");
            self.runtime.spawn(async move {
                // A stream that nobody holds any more is taken back.
                let _ = send(&mut up, body, true).await;
                let _ = answer.await;
            });
        }
    }

    /// The sizes of the pieces that an answer's body came in.
    #[track_caller]
    pub(crate) fn pieces(&mut self, path: &str) -> Vec<usize> {
        let (request, requests) = (request("GET", path, &[]), self.requests.clone());
        let talk = async move {
            let (answer, _) = requests.ready().await?.send_request(request, true)?;
            let mut down = answer.await?.into_body();
            let mut sizes = Vec::new();
            while let Some(data) = down.data().await {
                let size = data?.len();
                down.flow_control().release_capacity(size)?;
                sizes.push(size);
            }
            Ok::<_, h2::Error>(sizes)
        };
        self.runtime.block_on(async { tokio::time::timeout(WAIT, talk).await }).expect("in time").expect("an answer")
    }

    /// Many GETs at once; what comes back is each path with its body.
    #[track_caller]
    pub(crate) fn get_all(&mut self, paths: &[String]) -> Vec<(String, String)> {
        let requests = self.requests.clone();
        let all = async move {
            let mut running = tokio::task::JoinSet::new();
            for path in paths.iter().cloned() {
                let requests = requests.clone();
                running.spawn(async move {
                    let (answer, _) = requests.ready().await?.send_request(request("GET", &path, &[]), true)?;
                    read(answer).await.map(|answer| (path, answer.text()))
                });
            }
            running.join_all().await
        };
        let answers = self.runtime.block_on(async { tokio::time::timeout(WAIT, all).await }).expect("answers in time");
        answers.into_iter().map(|answer| answer.expect("each stream is answered")).collect()
    }

    /// Sends a body for as long as it is taken, and then resets the stream.
    #[track_caller]
    pub(crate) fn upload_until_stuck_and_reset(&mut self, path: &str) {
        let requests = self.requests.clone();
        let talk = async move {
            let (_answer, mut up) = requests.clone().ready().await?.send_request(request("POST", path, &[]), false)?;
            let piece = Bytes::from(vec![b'x'; 16 * 1024]);
            while let Ok(sent) = tokio::time::timeout(STUCK, send(&mut up, piece.clone(), false)).await {
                sent?;
            }
            up.send_reset(h2::Reason::CANCEL);
            // Frames keep their order: what is answered was sent behind the reset.
            let (answer, _) = requests.ready().await?.send_request(request("GET", "/behind", &[]), true)?;
            answer.await.map(drop)
        };
        self.runtime.block_on(async { tokio::time::timeout(WAIT, talk).await }).expect("in time").expect("a stream");
    }

    /// Sends a request, reads the head of its answer, and resets the stream.
    #[track_caller]
    pub(crate) fn begin_and_reset(&mut self, path: &str) -> u16 {
        let requests = self.requests.clone();
        let talk = async move {
            let (answer, mut up) = requests.ready().await?.send_request(request("GET", path, &[]), true)?;
            let status = answer.await?.status().as_u16();
            up.send_reset(h2::Reason::CANCEL);
            // The reset goes out when the connection is next driven.
            tokio::task::yield_now().await;
            Ok::<_, h2::Error>(status)
        };
        self.runtime.block_on(async { tokio::time::timeout(WAIT, talk).await }).expect("in time").expect("an answer")
    }
}

fn request(method: &str, path: &str, fields: &[(&str, &str)]) -> Request<()> {
    let start = Request::builder().method(method).uri(format!("https://esb.test{path}"));
    let with = fields.iter().fold(start, |request, (name, value)| request.header(*name, *value));
    with.body(()).expect("a test's request is well-formed")
}

async fn send(up: &mut h2::SendStream<Bytes>, mut piece: Bytes, last: bool) -> Result<(), h2::Error> {
    while !piece.is_empty() {
        up.reserve_capacity(piece.len());
        let room = std::future::poll_fn(|cx| up.poll_capacity(cx)).await.unwrap_or(Ok(0))?;
        let now = piece.split_to(room.min(piece.len()));
        let end = last && piece.is_empty();
        up.send_data(now, end)?;
    }
    Ok(())
}

async fn read(answer: h2::client::ResponseFuture) -> Result<H2Answer, h2::Error> {
    let (head, mut down) = answer.await?.into_parts();
    let (mut body, mut broken) = (Vec::new(), None);
    while let Some(data) = down.data().await {
        match data {
            Ok(data) => {
                down.flow_control().release_capacity(data.len())?;
                body.extend_from_slice(&data);
            }
            Err(error) => {
                // The library says the same for ever.
                broken = Some(error);
                break;
            }
        }
    }
    let trailers = if broken.is_none() { down.trailers().await?.unwrap_or_default() } else { HeaderMap::new() };
    Ok(H2Answer { status: head.status.as_u16(), fields: head.headers, body, trailers, broken })
}
