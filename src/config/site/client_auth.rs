//! `client-auth` of a site: whose certificates are believed, and in which fields nodes are told of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};

use crate::config::certificate;
use crate::config::certificate::Finding;
use crate::config::model::{ClientAuth, Edits, FieldValue, Listener, RequestValue, Site, ValuePart};
use crate::config::text::choices::CertificateForm;
use crate::config::text::errors::Wrong;
use crate::config::text::section::Section;
use crate::config::text::value::Text;
use crate::config::text::words::quoted;
use crate::config::values::edits;
use crate::config::values::edits::Direction;

/// The name that WSO2 API Manager reads.
const OF_WSO2: &str = "X-WSO2-CLIENT-CERTIFICATE";

/// Reads the table. `listeners` are those of the site.
pub(super) fn read<'l>(
    site: &Section<'_>,
    passthrough: bool,
    mut listeners: impl Iterator<Item = &'l Listener>,
) -> Option<Arc<ClientAuth>> {
    let section = site.section("client-auth", "site.client-auth")?;
    if passthrough {
        let what = "client-auth has no effect: the TLS of this site ends at the nodes";
        site.refuse("client-auth", what, "leave it out, and let the nodes ask for certificates");
    } else if let Some(plain) = listeners.find(|listener| listener.tls.is_none()) {
        let what =
            format!("client-auth: listener {:?} does not speak TLS, so nobody shows a certificate there", plain.name);
        site.refuse("client-auth", what, "give that listener a site of its own, such as one that redirects to https");
    }
    let ca = section.required_text("ca");
    let (crl, mode) = (section.text("crl"), section.choice("mode").unwrap_or_default());
    let fields = fields(&section);
    let lists = crl.map(|file| read_file(&section, file, certificate::revocation_lists));
    let (ca, authorities) = read_file(&section, ca?, certificate::roots)?;
    let (crl, revoked) = lists.flatten().map_or((None, Vec::new()), |(file, lists)| (Some(file), lists));
    if let (Some(file), Err(why)) = (&crl, usable(&authorities, &revoked)) {
        let advice =
            "lists must be of version 2: `openssl ca -gencrl` makes such ones where its configuration has crlnumber";
        section.refuse("crl", format!("crl: {}: {why}", file.display()), advice);
    }
    Some(Arc::new(ClientAuth { ca, authorities, crl, revoked, mode, fields }))
}

/// Whether TLS can look certificates up in these lists.
fn usable(
    authorities: &[CertificateDer<'static>],
    lists: &[CertificateRevocationListDer<'static>],
) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    // Each was tried when it was read.
    let _ = roots.add_parsable_certificates(authorities.iter().cloned());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(aws_lc_rs::default_provider()));
    builder.with_crls(lists.to_vec()).build().map(drop).map_err(|error| error.to_string())
}

fn read_file<T>(
    section: &Section<'_>,
    file: Text<'_>,
    read: fn(&Path) -> Result<Vec<T>, Finding>,
) -> Option<(PathBuf, Vec<T>)> {
    let path = section.named_file(file.text);
    match read(&path) {
        Ok(found) => Some((path, found)),
        Err(finding) => {
            file.refuse(format!("{}: {}", finding.file.display(), finding.what), finding.advice);
            None
        }
    }
}

fn fields(section: &Section<'_>) -> Vec<(Arc<str>, FieldValue)> {
    let form = match section.choice("form").unwrap_or_default() {
        CertificateForm::PemUrlencoded => RequestValue::ClientCert,
        CertificateForm::PemBase64 => RequestValue::ClientCertBase64,
        CertificateForm::DerBase64 => RequestValue::ClientCertDer,
        CertificateForm::Rfc9440 => RequestValue::ClientCertSequence,
    };
    let mut fields: Vec<(Arc<str>, FieldValue)> = Vec::new();
    for (key, value, usual) in [
        ("header", form, Some(OF_WSO2)),
        ("subject-header", RequestValue::ClientSubject, None),
        ("issuer-header", RequestValue::ClientIssuer, None),
        ("serial-header", RequestValue::ClientSerial, None),
    ] {
        let written = if section.has(key) { section.parsed(key, name) } else { usual.map(Arc::from) };
        let Some(name) = written else { continue };
        if fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name)) {
            section.refuse(key, format!("{key}: {} is written twice", quoted(&name)), "give each its own name");
        }
        fields.push((name, FieldValue(vec![ValuePart::Request(value)])));
    }
    fields
}

fn name(text: &str) -> Result<Arc<str>, Wrong> {
    if text.eq_ignore_ascii_case("host") {
        return Err(Wrong::new("Host cannot hold a certificate", "write another name, such as \"X-Client-Cert\""));
    }
    edits::changeable(text, Direction::ToNode)
}

/// Has the nodes of each site told in its fields, and takes the fields of all sites out of what clients send to any: a node may
/// believe them, whichever way they came.
pub(crate) fn guard(sites: &mut [Site]) {
    let all = sites.iter().filter_map(|site| site.client_auth.as_ref()).flat_map(|auth| &auth.fields);
    let names: Vec<Arc<str>> = all.map(|(name, _)| name.to_ascii_lowercase().into()).collect();
    if names.is_empty() {
        return;
    }
    for site in sites {
        let own = site.client_auth.as_ref().map(|auth| auth.fields.clone()).unwrap_or_default();
        let of_routes = site.routes.iter_mut().map(|route| &mut route.request_headers);
        of_routes.chain([&mut site.request_headers]).for_each(|edits| tell(edits, &own, &names));
    }
}

fn tell(edits: &mut Edits, own: &[(Arc<str>, FieldValue)], names: &[Arc<str>]) {
    for (name, value) in own {
        let is_set = edits.set.iter().any(|(set, _)| set.eq_ignore_ascii_case(name));
        let is_removed = edits.remove.iter().any(|gone| gone.eq_ignore_ascii_case(name));
        if !is_set && !is_removed {
            edits.set.push((Arc::clone(name), value.clone()));
        }
    }
    let set = |edits: &Edits, name: &str| edits.set.iter().any(|(set, _)| set.eq_ignore_ascii_case(name));
    let new: Vec<_> = names.iter().filter(|name| !set(edits, name) && !edits.remove.contains(name)).cloned().collect();
    edits.remove.extend(new);
}
