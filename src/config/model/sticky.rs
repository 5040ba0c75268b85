//! Of the checked configuration: how sessions find their node.

use std::sync::Arc;
use std::time::Duration;

/// The `sticky` table of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// How a request finds its node.
    pub mode: StickyMode,
    /// learn, route: the nodes' cookie, compared without case, default JSESSIONID. cookie: Weir's own, default
    /// WEIRNODE. source: without meaning.
    pub cookie: Arc<str>,
    /// A session that nobody used for this long is forgotten, or, where there is no table, counts as gone. Default 35m.
    pub idle: Duration,
    /// Most sessions kept; the longest idle goes first. Default 1 000 000. Of learn and source.
    pub max_sessions: usize,
    /// Whether a session that had to move returns to its first node. Default stay.
    pub failback: Failback,
    /// What happens to a request whose session's node cannot serve. Default rebind.
    pub on_lost: OnLost,
}

/// How a request finds its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StickyMode {
    /// Learned from the cookie that the nodes set.
    Learn,
    /// Told by a signed cookie that Weir sets.
    Cookie(OwnCookie),
    /// Told by the jvmRoute that ends the session's id.
    Route,
    /// By the client's address, remembered.
    Source,
}

/// The attributes of Weir's own cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCookie {
    /// Default "/".
    pub path: Arc<str>,
    /// `None` (the default): where the client came over TLS.
    pub secure: Option<bool>,
    /// Default true.
    pub http_only: bool,
    /// Default lax.
    pub same_site: SameSite,
}

/// The `SameSite` attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// `Strict`
    Strict,
    /// `Lax`
    Lax,
    /// `None`; needs `Secure`
    None,
}

/// Whether a session that had to move returns to its first node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failback {
    /// Never: what it did meanwhile is where it is now.
    #[default]
    Stay,
    /// When it comes back after it was unused for this long. Written `"when-idle"`, with `failback-idle`, default 1m.
    WhenIdle(Duration),
    /// As soon as that node is active again.
    Return,
}

/// What happens to a request whose session's node cannot serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLost {
    /// Another node has the session from now on.
    #[default]
    Rebind,
    /// 503, until the node is back.
    Refuse,
}
