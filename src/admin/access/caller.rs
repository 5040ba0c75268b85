//! Who is at the other end of a connection, as far as the system tells.

use std::ffi::CString;
use std::net::SocketAddr;
use std::sync::Arc;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use tokio::net::UnixStream;

use super::client_certificate::ClientCertificate;
use crate::control::admin_sockets::GROUP;

/// Who is at the other end.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// On the admin socket: who may give orders.
    Member(Arc<str>),
    /// On the admin socket: somebody else.
    Stranger(Arc<str>),
    /// On the admin address.
    Tcp {
        peer: SocketAddr,
        /// Whether the address that Weir is bound to is reached from this machine only.
        loopback: bool,
        /// What it showed in the handshake.
        certificate: Option<Arc<ClientCertificate>>,
    },
}

impl Caller {
    /// On the admin address, which is bound to `own`.
    pub(super) fn on_address(peer: SocketAddr, own: Option<SocketAddr>) -> Self {
        Self::Tcp { peer, loopback: own.is_some_and(|own| own.ip().to_canonical().is_loopback()), certificate: None }
    }

    /// The same, with what was shown in the TLS handshake.
    pub(super) fn showing(self, shown: Option<ClientCertificate>) -> Self {
        match self {
            Self::Tcp { peer, loopback, .. } => Self::Tcp { peer, loopback, certificate: shown.map(Arc::new) },
            other => other,
        }
    }

    /// On the admin socket. The kernel vouches for the credentials; they are those of the moment of connecting.
    pub(super) async fn on_socket(stream: &UnixStream) -> Self {
        let nobody = || Self::Stranger("somebody".into());
        let Ok(credentials) = stream.peer_cred() else { return nobody() };
        // Users and groups may come from a directory service, which may be slow.
        let asked = tokio::task::spawn_blocking(move || Self::of_credentials(credentials.uid(), credentials.gid()));
        asked.await.unwrap_or_else(|_| nobody())
    }

    fn of_credentials(uid: u32, gid: u32) -> Self {
        let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        let name = match &user {
            Some(user) => format!("uid:{uid} ({})", user.name).into(),
            None => format!("uid:{uid}").into(),
        };
        let own = rustix::process::geteuid().as_raw();
        if uid == 0 || uid == own || is_member(user.as_ref(), gid) { Self::Member(name) } else { Self::Stranger(name) }
    }
}

fn is_member(user: Option<&User>, gid: u32) -> bool {
    let Ok(Some(group)) = Group::from_name(GROUP) else { return false };
    let of_user = || {
        let user = user?;
        let name = CString::new(user.name.as_bytes()).ok()?;
        getgrouplist(&name, user.gid).ok()
    };
    group.gid == Gid::from_raw(gid) || of_user().is_some_and(|groups| groups.contains(&group.gid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_the_own_user_may_give_orders_and_others_may_not() {
        let own = rustix::process::geteuid().as_raw();
        for uid in [0, own] {
            assert!(matches!(Caller::of_credentials(uid, 12_345), Caller::Member(_)), "{uid}");
        }
        let stranger = Caller::of_credentials(54_321, 54_321);
        assert!(matches!(&stranger, Caller::Stranger(name) if &**name == "uid:54321"), "{stranger:?}");
        let Caller::Member(name) = Caller::of_credentials(0, 0) else { panic!("root") };
        assert_eq!(&*name, "uid:0 (root)");
    }

    #[test]
    fn only_an_address_of_this_machine_is_loopback() {
        let peer: SocketAddr = "10.0.0.9:4000".parse().unwrap();
        for (own, expected) in [
            ("127.0.0.1:9180", true),
            ("127.8.0.1:9180", true),
            ("[::1]:9180", true),
            ("[::ffff:127.0.0.1]:9180", true),
            ("10.0.0.1:9180", false),
            ("0.0.0.0:9180", false),
            ("[::]:9180", false),
            ("[::ffff:10.0.0.1]:9180", false),
        ] {
            let caller = Caller::on_address(peer, own.parse().ok());
            assert!(matches!(caller, Caller::Tcp { loopback, .. } if loopback == expected), "{own}");
        }
        assert!(matches!(Caller::on_address(peer, None), Caller::Tcp { loopback: false, .. }));
    }
}
