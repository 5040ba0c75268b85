//! Part of the checked configuration: how the node of a session is found.

use std::sync::Arc;
use std::time::Duration;

use crate::config::text::choices::{OnLost, SameSite};

/// The `sticky` table of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// How the node of a request is found.
    pub mode: StickyMode,
    /// learn, route: the nodes' cookie, compared without case, default JSESSIONID. cookie: Weir's own, default
    /// WEIRNODE. source: not used.
    pub cookie: Arc<str>,
    /// A session that was unused for this long is forgotten. Without a table it counts as ended. Default 35m.
    pub idle: Duration,
    /// Most sessions in the table of learn and source. The one that was idle for the longest time is removed first.
    /// Default 1 000 000.
    pub max_sessions: usize,
    /// Whether a session that had to move returns to its first node. Default stay.
    pub failback: Failback,
    /// What happens to a request whose session's node cannot serve. Default rebind.
    pub on_lost: OnLost,
}

/// How the node of a request is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StickyMode {
    /// Learned from the cookie that the nodes set.
    Learn,
    /// From a signed cookie that Weir sets.
    Cookie(OwnCookie),
    /// From the jvmRoute at the end of the session id.
    Route,
    /// By the client's address, which is remembered.
    Source,
}

/// The attributes of Weir's own cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCookie {
    /// Default "/".
    pub path: Arc<str>,
    /// `None` (the default): set when the client came over TLS.
    pub secure: Option<bool>,
    /// Default true.
    pub http_only: bool,
    /// Default lax.
    pub same_site: SameSite,
}

/// Whether a session that had to move returns to its first node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failback {
    /// Never: what the session has done meanwhile is on its present node.
    #[default]
    Stay,
    /// When a request comes after the session was unused for this long. Written `"when-idle"` with `failback-idle`,
    /// default 1m.
    WhenIdle(Duration),
    /// As soon as that node is active again.
    Return,
}
