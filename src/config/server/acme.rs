//! `[[acme]]`: the CAs that certificates are ordered from.

use std::io;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::config::certificate;
use crate::config::hosts;
use crate::config::model::{Acme, AcmeChallenge, ExternalAccount};
use crate::config::text::errors::Wrong;
use crate::config::text::regular;
use crate::config::text::section::Section;
use crate::config::text::words::quoted;

/// Reads one table.
pub(crate) fn read(section: &Section<'_>, name: Arc<str>) -> Acme {
    let challenge = section.choice("challenge").unwrap_or_default();
    let (dns_set, dns_remove) = (program(section, "dns-set"), program(section, "dns-remove"));
    if challenge == AcmeChallenge::Dns01 {
        section.required("dns-set");
    } else {
        let advice = "leave it out, or write challenge = \"dns-01\"";
        section.no_effect(&["dns-set", "dns-remove", "dns-timeout"], "without dns-01", advice);
    }
    Acme {
        name,
        directory: section.required_parsed("directory", directory).unwrap_or_default(),
        challenge,
        contact: contact(section),
        accept_terms: section.flag("accept-terms"),
        external_account: external_account(section),
        roots: roots(section),
        profile: section.parsed("profile", word),
        dns_set,
        dns_remove,
        dns_timeout: section.duration("dns-timeout"),
        at: section.at(),
    }
}

/// RFC 8555 6.1: always over HTTPS.
fn directory(text: &str) -> Result<String, Wrong> {
    let wrong = |what: &str| Err(Wrong::new(format!("{} {what}", quoted(text)), EXAMPLE));
    if text.starts_with("http://") {
        return wrong("is http, and a CA is asked over https only");
    }
    let Some(rest) = text.strip_prefix("https://") else { return wrong("is no URL of a CA's directory") };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if hosts::field(authority).is_err() || !rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return wrong("is no URL of a CA's directory");
    }
    Ok(text.to_owned())
}

const EXAMPLE: &str = "write \"https://acme-v02.api.letsencrypt.org/directory\", or what your CA tells you";

fn contact(section: &Section<'_>) -> Vec<String> {
    let address = |text: &str| {
        let mail = text.strip_prefix("mailto:").unwrap_or(text);
        let parts = mail.split_once('@').filter(|(user, host)| !user.is_empty() && !host.is_empty());
        if parts.is_none() || !mail.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',') {
            return Err(Wrong::new(format!("{} is no mail address", quoted(text)), "write \"ops@example.com\""));
        }
        Ok(format!("mailto:{mail}"))
    };
    let written = section.texts("contact").unwrap_or_default();
    written.iter().filter_map(|text| text.parsed(address)).collect()
}

fn word(text: &str) -> Result<String, Wrong> {
    if text.is_empty() || text.len() > 1000 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Wrong::new(format!("{} is no such name", quoted(text)), "write it as the CA does"));
    }
    Ok(text.to_owned())
}

/// The program is named by its whole path: a service has no shell that would look for it.
fn program(section: &Section<'_>, key: &'static str) -> Vec<String> {
    let Some(words) = section.texts(key) else { return Vec::new() };
    let Some(first) = words.first() else {
        section.refuse(key, format!("{key}: the list is empty"), format!("write {key} = [\"/etc/weir/dns-hook\"]"));
        return Vec::new();
    };
    if !Path::new(first.text).is_absolute() {
        let what = format!("{} is no whole path", quoted(first.text));
        first.refuse(what, "write where the program is, as in \"/etc/weir/dns-hook\"");
    }
    words.iter().map(|word| word.text.to_owned()).collect()
}

fn roots(section: &Section<'_>) -> Option<Arc<[rustls_pki_types::CertificateDer<'static>]>> {
    let file = section.text("ca")?;
    let path = section.named_file(file.text);
    match certificate::roots(&path) {
        Ok(roots) => Some(roots.into()),
        Err(finding) => {
            file.refuse(format!("{}: {}", finding.file.display(), finding.what), finding.advice);
            None
        }
    }
}

fn external_account(section: &Section<'_>) -> Option<ExternalAccount> {
    let section = section.section("eab", "acme.eab")?;
    section.required("kid");
    let (key_id, file) = (section.parsed("kid", word), section.required_text("hmac-file"));
    let file = file?;
    let path = section.named_file(file.text);
    let key = file.parsed(|_| key(&path));
    Some(ExternalAccount { key_id: key_id?, key: key?.into() })
}

/// What RFC 8555 calls the MAC key. CAs give it in the base64 of URLs, some in the usual one.
fn key(file: &Path) -> Result<Vec<u8>, Wrong> {
    const LARGEST: u64 = 4096;
    let shown = file.display();
    let bytes = regular::read(file, LARGEST).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::PermissionDenied => "make it readable for the user that runs weir",
            _ => "write the key that the CA gave you into it",
        };
        Wrong::new(format!("the key {shown} cannot be read: {error}"), advice)
    })?;
    let text = bytes.trim_ascii();
    let text = text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text);
    let decoded = URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text));
    decoded.ok().filter(|key| key.len() >= SHORTEST).ok_or_else(|| {
        let what = format!("{shown} holds no key in base64 of at least {SHORTEST} bytes");
        Wrong::new(what, "write the key that the CA gave you into it, and nothing else")
    })
}

/// In bytes. Shorter ones are none of a CA's.
const SHORTEST: usize = 16;
