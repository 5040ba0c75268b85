//! The certificates that one node shows, from its keystores.

use std::path::{Path, PathBuf};

use crate::config::certificate::{Leaf, day, key_pin_of, pin_of, pin_text, shipped_with};
use crate::config::{Pool, Verify, suggestion};
use crate::wso2::checks::KEYSTORE;
use crate::wso2::context::Context;
use crate::wso2::files::Written;
use crate::wso2::files::keystore::{self, Keystore};
use crate::wso2::reading::Reading;

/// A place that names a keystore, and the port on which it is shown.
struct Named<'a> {
    location: &'a Written,
    alias: Option<&'a Written>,
    port: Option<u16>,
}

pub(crate) fn check(context: Context<'_>, read: &Reading<'_>) {
    let mut seen: Vec<PathBuf> = Vec::new();
    for named in named(context) {
        let Some(path) = path(context, &named.location.text) else { continue };
        let Some(bytes) = read.shelf.binary(&path) else {
            missing(context, read, &named, &path);
            continue;
        };
        let Some(der) = own(context, &named, &bytes) else { continue };
        let der = der.as_slice();
        if !seen.contains(&path) {
            read.note(&path);
            judge(context, &named, der, read.now);
            seen.push(path);
        }
        let pools = context.view.pools(context.node.node).filter(|pool| Some(pool.port) == named.port);
        pools.for_each(|pool| pinned(context, &named, der, pool));
    }
}

/// Receivers and connectors first: what they show counts.
fn named<'a>(context: Context<'a>) -> Vec<Named<'a>> {
    let node = context.node;
    let alias = node.carbon.as_ref().and_then(|carbon| carbon.key_alias.as_ref());
    let receivers = node.axis2.iter().flat_map(|axis2| &axis2.receivers).filter_map(|one| {
        Some(Named {
            location: one.keystore.as_ref()?,
            alias: None,
            port: one.parameter("port").and_then(Written::port),
        })
    });
    let connectors = node.catalina.iter().flat_map(|catalina| &catalina.connectors).filter_map(|one| {
        Some(Named {
            location: one.keystore.as_ref()?,
            alias: one.key_alias.as_ref(),
            port: one.port.as_ref().and_then(Written::port),
        })
    });
    let own =
        node.carbon.iter().filter_map(|carbon| Some(Named { location: carbon.keystore.as_ref()?, alias, port: None }));
    receivers.chain(connectors).chain(own).collect()
}

/// Where a keystore is in this copy. `None`: outside of the product's home.
fn path(context: Context<'_>, location: &str) -> Option<PathBuf> {
    let inside = location.strip_prefix("${carbon.home}/").unwrap_or(location);
    let leads_out = inside.starts_with('/') || inside.contains("${") || inside.split('/').any(|part| part == "..");
    (!leads_out).then(|| context.node.tree.home(inside))
}

/// The certificate of the named key. What is not as it should be is reported.
fn own(context: Context<'_>, named: &Named<'_>, bytes: &[u8]) -> Option<Vec<u8>> {
    let say = |what: String, advice: String| context.findings.error(KEYSTORE, &named.location.at, what, advice);
    let again = || "copy it anew, with its bytes as they are".to_owned();
    let (keys, is_whole) = match keystore::read(bytes) {
        Keystore::Java { keys, is_whole } => (keys, is_whole),
        Keystore::Other => {
            let what = "this keystore is PKCS12 or JCEKS, which is not read here: its certificate is not checked";
            context.findings.warning(
                KEYSTORE,
                &named.location.at,
                what,
                "`weir cert pin HOST:PORT` tells what the node shows",
            );
            return None;
        }
        Keystore::None => {
            say("this file is no keystore, neither JKS nor PKCS12".to_owned(), again());
            return None;
        }
    };
    let wanted = named.alias.filter(|alias| alias.filled_in().is_none());
    let is_it = |alias: &str| wanted.is_none_or(|wanted| wanted.text.to_lowercase() == alias.to_lowercase());
    let aliases: Vec<String> = keys.iter().map(|(alias, _)| alias.clone()).take(100).collect();
    if let Some((_, der)) = keys.into_iter().find(|(alias, _)| is_it(alias)) {
        return Some(der);
    }
    let aliases: Vec<&str> = aliases.iter().map(String::as_str).collect();
    match wanted.filter(|_| !aliases.is_empty()) {
        _ if !is_whole => say("this keystore ends too early, or is damaged".to_owned(), again()),
        None => say("this keystore has no private key".to_owned(), "is it the one with the CAs?".to_owned()),
        Some(wanted) => {
            let what = format!("this keystore has no key {:?}", wanted.text);
            say(what, suggestion(&wanted.text, "keys there", &aliases));
        }
    }
    None
}

/// A home without the directory of its keystores is a copy of conf/ alone.
fn missing(context: Context<'_>, read: &Reading<'_>, named: &Named<'_>, path: &Path) {
    let is_home = path.parent().is_some_and(|above| read.shelf.is_directory(above));
    if is_home && !read.shelf.has(path) {
        let what = format!("there is no such keystore: {}", path.display());
        context.findings.error(KEYSTORE, &named.location.at, what, "name the keystore that is there");
    }
}

fn judge(context: Context<'_>, named: &Named<'_>, der: &[u8], now: i64) {
    let at = &named.location.at;
    if let Some(kernels) = shipped_with(pin_of(der)) {
        let what = format!("this keystore has the key that WSO2 ships ({kernels}): anybody has its private half");
        let advice = "make a key of your own: keytool -genkeypair, or weir cert create and openssl pkcs12 -export";
        context.findings.warning(KEYSTORE, at, what, advice);
    } else if let Some(leaf) = Leaf::read(der).filter(|leaf| leaf.not_after < now) {
        let what = format!("the certificate of this key expired on {}", day(leaf.not_after));
        context.findings.warning(KEYSTORE, at, what, "have a new one issued");
    }
}

fn pinned(context: Context<'_>, named: &Named<'_>, der: &[u8], pool: &Pool) {
    let Some(Verify::Pin(pins)) = pool.tls.as_ref().map(|tls| &tls.verify) else { return };
    let own = [Some(pin_of(der)), key_pin_of(der)];
    if !own.iter().flatten().any(|pin| pins.contains(pin)) {
        let what =
            format!("pool {} of weir.toml pins other certificates than this node has: it would be refused", pool.name);
        let advice = format!("add {} to the pool's pins", pin_text(pin_of(der)));
        context.findings.error(KEYSTORE, &named.location.at, what, advice);
    }
}
