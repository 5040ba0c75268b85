//! What a TLS handshake is known by. rustls tells some of it only to those that it calls during the handshake: to the one
//! that chooses the certificate, to the key that signs, to the key exchange. They note it here.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::kx_group;
use rustls::crypto::{ActiveKeyExchange, CompletedKeyExchange, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{Error, NamedGroup, ProtocolVersion, SignatureAlgorithm, SignatureScheme};

use super::no_handshake::NoHandshake;

/// A handshake with a client.
#[derive(Debug, Default)]
pub(crate) struct Hello {
    came_to: Option<IpAddr>,
    requested: RequestedName,
    /// The site that it is for: its index.
    site: Option<usize>,
    /// The group of the key exchange.
    group: Option<&'static str>,
    /// Whether the certificate that the client has shown is believed; none where it has shown none.
    believed: Option<bool>,
    /// Whether the key of the certificate was asked to sign, which every handshake does that resumes no session.
    signed: bool,
}

#[derive(Debug, Default)]
enum RequestedName {
    /// The ClientHello was not read.
    #[default]
    Nothing,
    /// None: a CA looks whether a name is ours.
    Look,
    NoName,
    Name(Box<str>),
    /// A name that no site has.
    Unknown(Box<str>),
}

thread_local! {
    /// The handshake that this thread runs now.
    static HELLO: RefCell<Hello> = RefCell::default();
}

impl Hello {
    /// For a client that connected to this address. The address is needed only if a site is named by one.
    pub(crate) fn to(came_to: Option<IpAddr>) -> Self {
        Self { came_to, ..Self::default() }
    }

    /// Polls a handshake. Meanwhile what rustls calls can use this value and stores in it what it learns.
    pub(crate) async fn during<H: Future>(&mut self, handshake: H) -> H::Output {
        let mut handshake = pin!(handshake);
        poll_fn(|cx| {
            HELLO.replace(std::mem::take(self));
            let polled = handshake.as_mut().poll(cx);
            *self = HELLO.take();
            polled
        })
        .await
    }

    /// Notes the name that the client asked for, and whether a site has it. `find` looks it up, by the address that the
    /// client connected to where it asked for none.
    pub(super) fn requested(name: Option<&str>, find: impl FnOnce(Option<IpAddr>) -> Option<usize>) -> Option<usize> {
        HELLO.with_borrow_mut(|now| {
            let site = find(now.came_to);
            now.site = site;
            now.requested = match (name, &site) {
                (None, _) => RequestedName::NoName,
                (Some(name), Some(_)) => RequestedName::Name(name.into()),
                (Some(name), None) => RequestedName::Unknown(name.into()),
            };
            site
        })
    }

    /// Notes of the handshake that this thread runs now that it is a CA's look at a name.
    pub(super) fn looked_at() {
        HELLO.with_borrow_mut(|now| now.requested = RequestedName::Look);
    }

    /// Whether it is a CA's look at a name. It has ended then.
    pub(crate) const fn is_look(&self) -> bool {
        matches!(self.requested, RequestedName::Look)
    }

    /// The site of the handshake that this thread runs now, or none; nothing before its ClientHello was read.
    pub(super) fn site_now() -> Option<Option<usize>> {
        HELLO.with_borrow(|now| match now.requested {
            RequestedName::Nothing => None,
            _ => Some(now.site),
        })
    }

    /// Notes of the handshake that this thread runs now whether the client's certificate is believed.
    pub(super) fn note_believed(believed: bool) {
        HELLO.with_borrow_mut(|now| now.believed = Some(believed));
    }

    /// The same, as it was noted.
    pub(super) fn was_believed() -> Option<bool> {
        HELLO.with_borrow(|now| now.believed)
    }

    /// The site that it is for: its index in the generation of the handshake.
    pub(crate) const fn site(&self) -> Option<usize> {
        self.site
    }

    /// Whether the handshake that has succeeded resumed a session.
    pub(crate) const fn resumed(&self) -> bool {
        !self.signed
    }

    /// The group of the key exchange; none where TLS 1.2 resumed a session.
    pub(crate) const fn group(&self) -> Option<&'static str> {
        self.group
    }

    /// Why this handshake failed. The name that was asked for says more than the error; where that tells all, the name does
    /// not matter.
    pub(crate) fn explain(&self, why: NoHandshake) -> NoHandshake {
        match &self.requested {
            RequestedName::Nothing => why.before_hello(),
            RequestedName::NoName => NoHandshake { what: format!("no server name; {}", why.what), ..why },
            RequestedName::Name(name) => NoHandshake { what: format!("server name {name}; {}", why.what), ..why },
            RequestedName::Unknown(name) => NoHandshake::unknown_name(name),
            RequestedName::Look => NoHandshake::not_ordered(),
        }
    }
}

/// A certificate whose key notes that it was asked to sign.
pub(super) fn noting(certified: &CertifiedKey) -> Arc<CertifiedKey> {
    let key = Arc::new(NotingKey(Arc::clone(&certified.key)));
    Arc::new(CertifiedKey { cert: certified.cert.clone(), key, ocsp: certified.ocsp.clone() })
}

#[derive(Debug)]
struct NotingKey(Arc<dyn SigningKey>);

impl SigningKey for NotingKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        HELLO.with_borrow_mut(|now| now.signed = true);
        self.0.choose_scheme(offered)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.0.public_key()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }
}

/// The key exchanges that clients may choose, the preferred one first. Each notes that it was chosen.
pub(super) fn noting_groups() -> Vec<&'static dyn SupportedKxGroup> {
    GROUPS.iter().map(|group| group as &dyn SupportedKxGroup).collect()
}

/// The names of all of them, as RFC 8446 and its successors write them.
pub(crate) fn group_names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(NotingGroup::word)
}

/// Those that the library offers by default, in its order.
static GROUPS: [NotingGroup; 4] = [
    NotingGroup(kx_group::X25519),
    NotingGroup(kx_group::SECP256R1),
    NotingGroup(kx_group::SECP384R1),
    NotingGroup(kx_group::X25519MLKEM768),
];

#[derive(Debug)]
struct NotingGroup(&'static dyn SupportedKxGroup);

impl NotingGroup {
    fn word(&self) -> &'static str {
        match self.0.name() {
            NamedGroup::X25519 => "X25519",
            NamedGroup::secp256r1 => "secp256r1",
            NamedGroup::secp384r1 => "secp384r1",
            NamedGroup::X25519MLKEM768 => "X25519MLKEM768",
            _ => "other",
        }
    }

    fn note(&self) {
        HELLO.with_borrow_mut(|now| now.group = Some(self.word()));
    }
}

impl SupportedKxGroup for NotingGroup {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        self.note();
        self.0.start()
    }

    fn start_and_complete(&self, peer_pub_key: &[u8]) -> Result<CompletedKeyExchange, Error> {
        self.note();
        self.0.start_and_complete(peer_pub_key)
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        self.0.ffdhe_group()
    }

    fn name(&self) -> NamedGroup {
        self.0.name()
    }

    fn fips(&self) -> bool {
        self.0.fips()
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        self.0.usable_for_version(version)
    }
}

#[cfg(test)]
mod tests {
    use rustls::crypto::aws_lc_rs::DEFAULT_KX_GROUPS;

    use super::*;

    #[test]
    fn clients_are_offered_what_the_library_would_offer_them() {
        let names =
            |groups: &[&'static dyn SupportedKxGroup]| groups.iter().map(|group| group.name()).collect::<Vec<_>>();
        assert_eq!(names(&noting_groups()), names(DEFAULT_KX_GROUPS));
        assert!(group_names().all(|name| name != "other"));
    }
}
