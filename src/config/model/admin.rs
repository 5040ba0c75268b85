//! `[admin]`: where a running Weir is asked and steered, and by whom.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;

use super::site::Certificate;
use crate::config::certificate::Leaf;
use crate::config::text::choices::{Right, TlsVersion};
use crate::config::text::errors::Place;

/// Where the admin socket is unless the file says otherwise.
pub const ADMIN_SOCKET: &str = "/run/weir/admin.sock";
/// The longest path of a unix socket: `sun_path` has 108 bytes, the last of which is zero.
pub const LONGEST_SOCKET: usize = 107;

/// `[admin]`: metrics, status, orders.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Default 127.0.0.1:9180.
    pub bind: SocketAddr,
    /// The unix socket.
    pub socket: AdminSocket,
    /// Names under which the admin address may be called, besides IP addresses and localhost.
    pub hosts: Vec<Arc<str>>,
    /// Who may use the address with a token.
    pub tokens: Vec<AdminToken>,
    /// `Some`: the address speaks TLS.
    pub tls: Option<AdminTls>,
    /// Who may use the address with a client certificate.
    pub certificates: Vec<AdminCertificate>,
    /// Its place in the file.
    pub at: Place,
}

impl Admin {
    /// The configured token that is the same as this one. How long that takes says nothing of it.
    pub fn token(&self, token: &[u8]) -> Option<&AdminToken> {
        let shown = digest(&SHA256, token);
        let is = |known: &AdminToken| {
            known.digest.is_some_and(|known| verify_slices_are_equal(&known, shown.as_ref()).is_ok())
        };
        // All are compared, so that it cannot be told which one came close.
        self.tokens.iter().fold(None, |found, known| if is(known) { Some(known) } else { found })
    }
}

impl Admin {
    /// Whether both let the same in, for the same, and in the same way. Whoever was let in by one need not be judged again.
    pub fn lets_in_like(&self, other: &Self) -> bool {
        let said = |admin: &Self| admin.tls.as_ref().map(|tls| Arc::clone(&tls.client_ca));
        let tokens = |admin: &Self| admin.tokens.iter().map(|token| (token.may, token.digest)).collect::<Vec<_>>();
        tokens(self) == tokens(other) && self.certificates == other.certificates && said(self) == said(other)
    }
}

/// `[admin.tls]`: with what the address speaks TLS.
#[derive(Clone, Debug)]
pub struct AdminTls {
    /// What it shows.
    pub certificate: Arc<Certificate>,
    /// The oldest TLS version. Default 1.2.
    pub min_version: TlsVersion,
    /// Who signs client certificates. Empty: none are asked for.
    pub client_ca: Arc<[CertificateDer<'static>]>,
}

/// `[[admin.certificate]]`: who has this client certificate, and what that one may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminCertificate {
    /// Its common name, or one of its alternative names. Unique among certificates.
    pub name: Arc<str>,
    /// What it lets its owner do.
    pub may: Right,
}

impl AdminCertificate {
    /// Whether it is this one.
    pub fn is(&self, leaf: &Leaf) -> bool {
        *leaf.common_name == *self.name || leaf.names.iter().any(|name| name.eq_ignore_ascii_case(&self.name))
    }
}

/// `[[admin.token]]`: who knows this token, and what that one may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminToken {
    /// Unique among tokens.
    pub name: Arc<str>,
    /// What it lets its bearer do.
    pub may: Right,
    /// Where it was read.
    pub file: Option<PathBuf>,
    /// Its SHA-256; the token itself is not kept. `None` where it is a credential and there are none.
    pub digest: Option<[u8; 32]>,
    /// Its place in the file.
    pub at: Place,
}

/// `[metrics]`: an address that only tells how Weir is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsAddress {
    /// Where it is.
    pub bind: SocketAddr,
    /// Its place in the file.
    pub at: Place,
}

/// The unix socket beside the admin address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AdminSocket {
    /// The file names none: [`ADMIN_SOCKET`], where it can be made.
    #[default]
    Default,
    /// The file names this one, which must be made.
    At(PathBuf, Place),
    /// There is none.
    Off,
}

impl AdminSocket {
    /// Its path, if there is to be one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Default => Some(Path::new(ADMIN_SOCKET)),
            Self::At(path, _) => Some(path),
            Self::Off => None,
        }
    }
}
