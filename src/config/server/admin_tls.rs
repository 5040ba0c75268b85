//! Reads `[admin.tls]`, and `[[admin.certificate]]`: whose client certificates may do what.

use std::collections::HashSet;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use crate::config::HostPattern;
use crate::config::certificate;
use crate::config::model::{AdminCertificate, AdminTls};
use crate::config::text::errors::Wrong;
use crate::config::text::section::Section;
use crate::config::text::words::quoted;
use crate::config::values::pairs;
use crate::config::values::pairs::Judging;

/// The longest name: a common name has at most 64 characters, a host name 253.
const LONGEST: usize = 253;

/// Reads `tls`. The certificate must be for all these hosts.
pub(super) fn read(admin: &Section<'_>, hosts: &[Arc<str>], judging: Judging<'_>) -> Option<AdminTls> {
    let section = admin.section("tls", "admin.tls");
    check_fit(admin, section.as_ref());
    let section = section?;
    let hosts: Vec<_> = hosts.iter().map(|host| HostPattern::Exact(Arc::clone(host))).collect();
    let min_version = section.choice("min-version").unwrap_or_default();
    let client_ca = authorities(&section);
    Some(AdminTls { certificate: pairs::read(&section, &hosts, judging)?, min_version, client_ca: client_ca.into() })
}

fn authorities(section: &Section<'_>) -> Vec<CertificateDer<'static>> {
    let Some(file) = section.text("client-ca") else { return Vec::new() };
    certificate::roots(&section.named_file(file.text)).unwrap_or_else(|finding| {
        file.refuse(format!("{}: {}", finding.file.display(), finding.what), finding.advice);
        Vec::new()
    })
}

/// Reads all `[[admin.certificate]]`.
pub(super) fn certificates(admin: &Section<'_>) -> Vec<AdminCertificate> {
    let mut known = HashSet::new();
    let sections = admin.sections("certificate", "admin.certificate");
    sections.iter().map(|section| one(section, &mut known)).collect()
}

fn one(section: &Section<'_>, known: &mut HashSet<Arc<str>>) -> AdminCertificate {
    let name = section.required_parsed("name", name).unwrap_or_default();
    if !name.is_empty() && !known.insert(Arc::clone(&name)) {
        section.refuse("name", format!("name: there is another {}", quoted(&name)), "leave one of them out");
    }
    AdminCertificate { name, may: section.choice("may").unwrap_or_default() }
}

fn name(text: &str) -> Result<Arc<str>, Wrong> {
    if text.is_empty() || text.len() > LONGEST || text.chars().any(char::is_control) {
        let what = format!("{} is no name of a certificate", quoted(text));
        return Err(Wrong::new(what, "write its common name or one of its alternative names, as in \"anna\""));
    }
    Ok(text.into())
}

/// Reports certificates that are named and never asked for, and the other way round.
fn check_fit(admin: &Section<'_>, tls: Option<&Section<'_>>) {
    let named = admin.has("certificate") && !admin.is_empty_list("certificate");
    match (named, tls.filter(|tls| tls.has("client-ca"))) {
        (true, None) => {
            let advice = "write client-ca into tls of [admin], or leave it out";
            admin.refuse("certificate", "[[admin.certificate]] has no effect without client-ca", advice);
        }
        (false, Some(tls)) => {
            let advice = "write [[admin.certificate]] with name and may for each who may come";
            tls.refuse("client-ca", "client-ca has no effect: no certificate is named", advice);
        }
        _ => {}
    }
}
