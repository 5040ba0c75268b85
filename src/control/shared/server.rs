//! One server that machines share: its connection, and how it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, RedisError};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::queue::Queue;
use crate::config::Stores;
use crate::proxy::io::dial::{dial, in_seconds};

/// After so many answers that came too late no request waits for the server, until it answers in time again.
const MOST_LATE: u32 = 5;

/// A server.
pub(crate) struct Server {
    /// `HOST:PORT`.
    pub(crate) name: Arc<str>,
    pub(super) queue: Queue,
    /// None while it cannot be used.
    link: Mutex<Option<MultiplexedConnection>>,
    late: AtomicU32,
    state: Mutex<State>,
    /// Whether it was tried: it is known if it can be used.
    tried: watch::Sender<bool>,
    /// The last move that was read.
    pub(super) last_move: Mutex<Option<String>>,
    /// Whether it has all that others have.
    pub(super) is_filled: AtomicBool,
    /// The run of the server that was told all of the tables here.
    pub(super) knows_tables: Mutex<Option<String>>,
    /// Sessions that it was told of.
    told: AtomicU64,
    /// Whether this machine has said its last word to it. Who speaks for the machine holds it, so nothing is said after that.
    pub(super) has_last_word: tokio::sync::Mutex<bool>,
}

/// How it is.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// Since when it is as it is.
    pub(crate) since: Instant,
    /// Why it cannot be used, or takes nothing; none: all is well, or nothing is known yet.
    pub(crate) fault: Option<String>,
    /// How long the last question took.
    pub(crate) lag: Option<Duration>,
}

impl Server {
    pub(super) fn new(name: &Arc<str>) -> Arc<Self> {
        let state = State { since: Instant::now(), fault: None, lag: None };
        Arc::new(Self {
            name: Arc::clone(name),
            queue: Queue::default(),
            link: Mutex::default(),
            late: AtomicU32::new(0),
            state: Mutex::new(state),
            tried: watch::Sender::new(false),
            last_move: Mutex::default(),
            is_filled: AtomicBool::new(false),
            knows_tables: Mutex::default(),
            told: AtomicU64::new(0),
            has_last_word: tokio::sync::Mutex::default(),
        })
    }

    /// Whether there is a connection.
    pub(crate) fn is_up(&self) -> bool {
        self.link.lock().is_some()
    }

    /// Whether it can be used and takes what it is told.
    pub(crate) fn is_well(&self) -> bool {
        self.is_up() && self.state.lock().fault.is_none()
    }

    /// How it is.
    pub(crate) fn state(&self) -> State {
        self.state.lock().clone()
    }

    /// Sessions that wait to be told, and those that were.
    pub(crate) fn waiting_and_told(&self) -> (usize, u64) {
        (self.queue.len(), self.told.load(Relaxed))
    }

    pub(super) fn link(&self) -> Option<MultiplexedConnection> {
        self.link.lock().clone()
    }

    /// The connection, where requests may wait for an answer on it.
    pub(super) fn answering(&self) -> Option<MultiplexedConnection> {
        if self.late.load(Relaxed) >= MOST_LATE { None } else { self.link() }
    }

    /// Until it was tried once; then the connection, where requests may wait for an answer on it.
    pub(super) async fn once_tried(&self) -> Option<MultiplexedConnection> {
        // It fails when the sender is gone, which this server has.
        let _ = self.tried.subscribe().wait_for(|tried| *tried).await;
        self.answering()
    }

    /// Whether it was tried. Before that it may prove to be well at any moment.
    pub(super) fn is_tried(&self) -> bool {
        *self.tried.borrow()
    }

    /// Whether requests may wait for what it answers.
    pub(super) fn may_answer(&self) -> bool {
        !self.is_tried() || self.answering().is_some()
    }

    /// Whether answers may wait until it was told.
    pub(super) fn may_confirm(&self) -> bool {
        !self.is_tried() || (self.answering().is_some() && self.is_well())
    }

    pub(super) fn set_link(&self, link: Option<MultiplexedConnection>) {
        *self.link.lock() = link;
    }

    pub(super) fn was_late(&self) {
        self.late.fetch_add(1, Relaxed);
    }

    pub(super) fn answered(&self, lag: Duration, limit: Duration) {
        self.state.lock().lag = Some(lag);
        if lag <= limit {
            self.late.store(0, Relaxed);
        }
    }

    pub(super) fn in_time(&self) {
        self.late.store(0, Relaxed);
    }

    pub(super) fn count_told(&self, sessions: usize) {
        self.told.fetch_add(sessions as u64, Relaxed);
    }

    /// It is as this says now. True: that is news.
    pub(super) fn becomes(&self, fault: Option<&str>) -> bool {
        let mut state = self.state.lock();
        let is_news = !self.is_tried() || state.fault.as_deref() != fault;
        if is_news {
            let lag = state.lag.filter(|_| fault.is_none());
            *state = State { since: Instant::now(), fault: fault.map(str::to_owned), lag };
        }
        self.tried.send_replace(true);
        is_news
    }
}

/// A connection, which ends when this is dropped.
pub(super) struct Connection {
    pub(super) redis: MultiplexedConnection,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Connects and logs in. `patience`: how long an answer may take.
    pub(super) async fn open(
        name: &str,
        stores: &Stores,
        tls: Option<&TlsConnector>,
        patience: Duration,
    ) -> Result<Self, String> {
        let (host, port) = name.rsplit_once(':').ok_or("it has no port")?;
        let port = port.parse().map_err(|_| "it has no port")?;
        let limit = stores.connect_timeout;
        let stream = dial(host, port, limit).await?;
        // If this fails, only Nagle's delay remains.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else { return Self::over(stream, stores, patience).await };
        let named = stores.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
        let server = ServerName::try_from(named.unwrap_or(host.trim_matches(['[', ']'])).to_owned());
        let server = server.map_err(|error| error.to_string())?;
        let shaken = tokio::time::timeout(limit, tls.connect(server, stream)).await;
        let stream = shaken
            .map_err(|_| format!("no TLS handshake within {}", in_seconds(limit)))?
            .map_err(|error| format!("TLS: {error}"))?;
        Self::over(stream, stores, patience).await
    }

    async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        stores: &Stores,
        patience: Duration,
    ) -> Result<Self, String> {
        let mut info = RedisConnectionInfo::default().set_db(stores.database);
        info = info.set_lib_name("weir", env!("CARGO_PKG_VERSION"));
        if let Some(password) = &stores.password {
            info = info.set_password(&password.0);
        }
        if let Some(user) = &stores.user {
            info = info.set_username(user);
        }
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(patience));
        let limit = stores.connect_timeout;
        let opened = MultiplexedConnection::new_with_config(&info, stream, config);
        let opened = tokio::time::timeout(limit, opened).await.map_err(|_| no_answer(limit))?;
        let (redis, driver) = opened.map_err(|error| in_words(&error))?;
        Ok(Self { redis, driver: tokio::spawn(driver) })
    }
}

fn no_answer(limit: Duration) -> String {
    format!("no answer within {}", in_seconds(limit))
}

/// The code and the words of the server itself, of the first command that failed; `None`: it said nothing.
fn said(error: &RedisError) -> Option<(String, String)> {
    let errors = error.clone().into_server_errors()?;
    let (_, first) = errors.first()?;
    Some((first.code().to_owned(), first.details().unwrap_or_default().to_owned()))
}

/// What an error of the library means to an operator.
pub(super) fn in_words(error: &RedisError) -> String {
    let Some((code, words)) = said(error) else {
        return match error.kind() {
            ErrorKind::AuthenticationFailed => {
                "it refuses user and password; one that has no password refuses any".to_owned()
            }
            ErrorKind::Parse => "it does not speak as Valkey and Redis do".to_owned(),
            _ if error.is_timeout() => "it answers too late".to_owned(),
            _ if error.is_io_error() => format!("the connection was lost ({error})"),
            _ => error.to_string(),
        };
    };
    let advice = match &*code {
        "NOAUTH" => "it wants a password: name the file with it as password",
        "NOPERM" => return format!("its ACL does not let this user ({words}): two-balancers.md has what Weir needs"),
        "READONLY" => "it is a replica, and each server stands alone here: name the primary, or REPLICAOF NO ONE",
        "OOM" => "its memory is full: raise maxmemory, or set maxmemory-policy volatile-ttl",
        "WRONGTYPE" => "something else stands under the prefix of [shared]: write another prefix",
        "MISCONF" => "it cannot write to its own disk",
        "LOADING" => "it still reads from its own disk",
        "MOVED" | "ASK" | "CROSSSLOT" | "CLUSTERDOWN" => "it is part of a cluster, and each server stands alone here",
        _ => return format!("{code} {words}"),
    };
    // Its own words differ from command to command.
    advice.to_owned()
}

/// Whether the server refuses what it is told, and may answer questions all the same.
pub(super) fn takes_nothing(error: &RedisError) -> bool {
    said(error).is_some_and(|(code, _)| ["OOM", "MISCONF", "READONLY"].contains(&&*code))
}
