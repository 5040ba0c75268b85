//! A certificate that Weir orders itself: what of it is in the state directory already.
//!
//! Chain and key are one file, which is replaced as a whole. Whatever is wrong with it, the configuration stands: another one is
//! ordered.

use std::path::Path;
use std::sync::Arc;

use crate::config::HostPattern;
use crate::config::certificate;
use crate::config::model::{Acme, AcmeChallenge, Certificate, KeyType, Known, Listener, Ordered};
use crate::config::text::regular;
use crate::config::text::section::Section;
use crate::config::values::names::Names;
use crate::config::values::pairs::Judging;

/// What reading certificates needs.
pub(crate) struct CertificateContext<'a> {
    pub(crate) listeners: &'a [Listener],
    pub(crate) acme: &'a [Acme],
    pub(crate) acme_names: &'a Names,
    pub(crate) state_dir: &'a Path,
    pub(crate) judging: Judging<'a>,
}

/// The folder in the state directory.
const FOLDER: &str = "certificates";

/// What stands before the URL of the CA's directory, in the first line of a file.
const FROM: &str = "Ordered by Weir from ";

const ANOTHER: &str = "Weir orders another one: weir cert status";

/// The first line of a file with a certificate of this CA.
pub(crate) fn first_line(directory: &str) -> String {
    format!("{FROM}{directory}")
}

/// Reads a `certificate` that names a CA in place of files.
pub(super) fn read(
    section: &Section<'_>,
    hosts: &[HostPattern],
    (site, context): (&str, &CertificateContext<'_>),
) -> Option<Ordered> {
    section.no_effect(&["chain", "key"], "where a CA is named: Weir makes both", "leave it out, or leave acme out");
    let _not_read = (section.value("chain"), section.value("key"));
    let key_type: KeyType = section.choice("key-type").unwrap_or_default();
    let authority = context.acme_names.find(&section.text("acme")?)?;
    let acme = context.acme.get(authority)?;
    check(section, hosts, acme, context.listeners);
    let word: &'static str = key_type.into();
    let file = context.state_dir.join(FOLDER).join(format!("{site}.{word}.pem"));
    section.problems.note_file(&file);
    let known = known(section, &file, hosts, context);
    let shown = known.as_ref().map(|known| Arc::clone(&known.certificate)).or_else(|| {
        // What a file has lost is not lost as long as Weir runs.
        let pair = context.judging.known.of_file(&file)?.clone();
        Some(Arc::new(Certificate { chain: file.clone(), key: file.clone(), pair }))
    });
    Some(Ordered { authority, key_type, file, known, shown })
}

/// Whether the CA can be shown that these names are ours.
fn check(section: &Section<'_>, hosts: &[HostPattern], acme: &Acme, listeners: &[Listener]) {
    let refuse = |what: String, advice: &str| section.refuse("acme", what, advice);
    let by_dns = matches!(acme.challenge, AcmeChallenge::Dns01 | AcmeChallenge::DnsPersist01);
    let word: &'static str = acme.challenge.into();
    if hosts.is_empty() {
        refuse("acme: the site has no hosts, and a certificate is ordered for names".to_owned(), "write hosts");
    }
    for host in hosts {
        match host {
            HostPattern::Wildcard(_) if !by_dns => refuse(
                format!("acme: a certificate for {host} cannot be ordered with {word}"),
                "a CA gives certificates for wildcards only with dns-01 and dns-persist-01",
            ),
            HostPattern::Exact(_) if by_dns && host.address().is_some() => refuse(
                format!("acme: a certificate for the address {host} cannot be ordered with {word}"),
                "an address has no DNS records: write challenge = \"http-01\" or \"tls-alpn-01\"",
            ),
            _ => {}
        }
    }
    if acme.challenge == AcmeChallenge::Http01 && listeners.iter().all(|listener| listener.tls.is_some()) {
        refuse(
            format!("acme: {:?} asks over plain HTTP (http-01), and every listener speaks TLS", acme.name),
            "add a [[listener]] with bind = \"0.0.0.0:80\", or write challenge = \"tls-alpn-01\"",
        );
    }
}

/// What the file holds, with what is to be said of it.
fn known(section: &Section<'_>, file: &Path, hosts: &[HostPattern], context: &CertificateContext<'_>) -> Option<Known> {
    if !file.try_exists().unwrap_or(true) {
        return None;
    }
    let before = context.judging.known.of_file(file);
    let inspection = certificate::inspect(file, file, &[], context.judging.now, before);
    let at = || section.place_of("acme");
    let warn = |what: &str, advice: &str| {
        section.problems.warning(at(), format!("{}: {what}", file.display()), advice.to_owned());
    };
    for finding in &inspection.findings {
        warn(&finding.what, if finding.fatal { ANOTHER } else { &finding.advice });
    }
    if let Some(pair) = &inspection.pair {
        let missing: Vec<String> =
            hosts.iter().filter(|host| !pair.leaf.covers(host)).map(ToString::to_string).collect();
        if !missing.is_empty() {
            warn(&format!("it does not cover {} yet", missing.join(", ")), ANOTHER);
        }
    }
    let certificate = Certificate { chain: file.to_owned(), key: file.to_owned(), pair: inspection.pair? };
    let directory = directory_of(file)?;
    Some(Known { certificate: Arc::new(certificate), directory })
}

/// Which CA the first line names.
fn directory_of(file: &Path) -> Option<String> {
    let bytes = regular::read(file, certificate::LARGEST_FILE).ok()?;
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    Some(line.strip_prefix(FROM).unwrap_or_default().trim().to_owned())
}
