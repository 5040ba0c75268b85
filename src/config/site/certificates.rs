//! `certificate` of a site: files, or a CA that it is ordered from, each with another kind of key.

use std::sync::Arc;

use rustls::SignatureAlgorithm;

use super::ordered;
use super::ordered::CertificateContext;
use crate::config::HostPattern;
use crate::config::model::{Certificate, KeyType, Listener, Ordered};
use crate::config::text::section::Section;
use crate::config::values::pairs;

/// Reads `certificate`: those whose files are named, and those that are ordered; what of these is there already is among the first.
pub(super) fn read(
    section: &Section<'_>,
    passthrough: bool,
    (on, hosts): (&[usize], &[HostPattern]),
    (name, context): (&str, &CertificateContext<'_>),
) -> (Vec<Arc<Certificate>>, Vec<Ordered>) {
    if passthrough {
        return Default::default();
    }
    let listeners: Vec<&Listener> = on.iter().filter_map(|index| context.listeners.get(*index)).collect();
    let secure = listeners.iter().find(|listener| listener.tls.is_some());
    let written = section.one_or_more("certificate", "site.certificate");
    let is_missing = !section.has("certificate") || section.is_empty_list("certificate");
    if let Some(listener) = secure.filter(|_| is_missing) {
        let what = format!("the site is on the TLS listener {:?} and has no certificate", listener.name);
        section.refuse(
            "listener",
            what,
            "write certificate = { chain = \"../certs/site.crt\", key = \"../certs/site.key\" }",
        );
    }
    if let (None, Some(plain)) = (secure, listeners.first().filter(|_| !written.is_empty())) {
        let what = format!("certificate has no effect: listener {:?} does not speak TLS", plain.name);
        section.refuse("certificate", what, "leave it out, or write tls = {} at the listener");
    }
    let (mut certificates, mut all_ordered) = (Vec::new(), Vec::new());
    let mut kinds = Vec::new();
    for one in written {
        let (key, shown, kind) = if one.has("acme") {
            let Some(ordered) = ordered::read(&one, hosts, (name, context)) else { continue };
            certificates.extend(ordered.shown.clone());
            let (shown, kind) = (ordered.file.display().to_string(), algorithm(ordered.key_type));
            all_ordered.push(ordered);
            ("acme", shown, kind)
        } else {
            one.no_effect(&["key-type"], "without acme", "leave it out: the key is what its file holds");
            let _not_used: Option<KeyType> = one.choice("key-type");
            let Some(read) = pairs::read(&one, hosts, context.judging) else { continue };
            let (shown, kind) = (read.chain.display().to_string(), read.pair.certified.key.algorithm());
            certificates.push(read);
            ("chain", shown, kind)
        };
        if kinds.contains(&kind) {
            let what = format!("{shown}: no client gets it: one before it has the same kind of key");
            one.refuse(key, what, "leave one out: of ECDSA, RSA and Ed25519 a site has at most one each");
        }
        kinds.push(kind);
    }
    (certificates, all_ordered)
}

const fn algorithm(key_type: KeyType) -> SignatureAlgorithm {
    match key_type {
        KeyType::EcdsaP256 | KeyType::EcdsaP384 => SignatureAlgorithm::ECDSA,
        KeyType::Rsa2048 | KeyType::Rsa3072 | KeyType::Rsa4096 => SignatureAlgorithm::RSA,
    }
}
