//! What a CA finds when it looks whether a name is ours, while a certificate is ordered from it: a file over HTTP (http-01, RFC 8555
//! 8.3), or a certificate in a TLS handshake (tls-alpn-01, RFC 8737).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use rustls::server::ClientHello;
use rustls::sign::CertifiedKey;

/// The protocol that a CA offers in a handshake of tls-alpn-01, and no other.
pub(crate) const PROTOCOL: &[u8] = b"acme-tls/1";

/// Where a file is asked for. The token follows.
const FOLDER: &[u8] = b"/.well-known/acme-challenge/";

/// What is to be found now. Most of the time it is nothing.
#[derive(Debug, Default)]
pub(crate) struct Challenges {
    count: AtomicUsize,
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    /// By token.
    files: HashMap<Box<[u8]>, Arc<str>>,
    /// By server name.
    certificates: HashMap<Box<str>, Arc<CertifiedKey>>,
}

impl Challenges {
    /// Lets a file be found until the result is dropped.
    pub(crate) fn show_file(self: &Arc<Self>, token: &str, content: &str) -> Shown {
        let token: Box<[u8]> = token.as_bytes().into();
        self.change(|all| all.files.insert(token.clone(), content.into()));
        Shown { challenges: Arc::clone(self), key: Key::File(token) }
    }

    /// Lets a certificate be found until the result is dropped.
    pub(crate) fn show_certificate(self: &Arc<Self>, name: &str, certificate: Arc<CertifiedKey>) -> Shown {
        let name: Box<str> = name.to_ascii_lowercase().into();
        self.change(|all| all.certificates.insert(name.clone(), certificate));
        Shown { challenges: Arc::clone(self), key: Key::Certificate(name) }
    }

    /// The file that a request is for. What nobody is to find goes on to the site as any other.
    pub(crate) fn file(&self, target: &[u8]) -> Option<Arc<str>> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let token = target.strip_prefix(FOLDER)?;
        self.all.lock().files.get(token).cloned()
    }

    /// The certificate for a handshake with a server name.
    pub(super) fn certificate(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        self.all.lock().certificates.get(&*name?.to_ascii_lowercase()).cloned()
    }

    fn change<T>(&self, change: impl FnOnce(&mut All) -> T) {
        let mut all = self.all.lock();
        change(&mut all);
        self.count.store(all.files.len() + all.certificates.len(), Ordering::Relaxed);
    }
}

/// Whether a handshake is a CA's look at a name. Nothing else follows it (RFC 8737 3).
pub(super) fn is_look(hello: &ClientHello<'_>) -> bool {
    let Some(mut offered) = hello.alpn() else { return false };
    let mut found = false;
    offered.all(|protocol| {
        found |= protocol == PROTOCOL;
        protocol != b"http/1.1"
    }) && found
}

/// Something that can be found as long as this value is there.
#[derive(Debug)]
pub(crate) struct Shown {
    challenges: Arc<Challenges>,
    key: Key,
}

#[derive(Debug)]
enum Key {
    File(Box<[u8]>),
    Certificate(Box<str>),
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.challenges.change(|all| match &self.key {
            Key::File(token) => drop(all.files.remove(token)),
            Key::Certificate(name) => drop(all.certificates.remove(name)),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_token_alone_and_only_while_it_is_shown() {
        let challenges = Arc::new(Challenges::default());
        let found = |target: &str| challenges.file(target.as_bytes()).map(|file| file.to_string());
        let shown = challenges.show_file("tok-1", "tok-1.key");
        let other = challenges.show_file("tok-2", "tok-2.key");
        for (target, expected) in [
            ("/.well-known/acme-challenge/tok-1", Some("tok-1.key")),
            ("/.well-known/acme-challenge/tok-2", Some("tok-2.key")),
            ("/.well-known/acme-challenge/tok-3", None),
            ("/.well-known/acme-challenge/", None),
            ("/.well-known/acme-challenge/tok-1/", None),
            ("/.well-known/acme-challenge/../acme-challenge/tok-1", None),
            ("/tok-1", None),
        ] {
            assert_eq!(found(target).as_deref(), expected, "{target}");
        }
        drop(shown);
        assert_eq!(found("/.well-known/acme-challenge/tok-1"), None);
        assert!(found("/.well-known/acme-challenge/tok-2").is_some());
        drop(other);
        assert_eq!(challenges.count.load(Ordering::Relaxed), 0);
    }
}
