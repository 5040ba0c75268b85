//! Whether each site's listener shows a certificate that its clients accept.

use std::net::SocketAddr;
use std::path::Path;

use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::aws_lc_rs;
use rustls::server::ParsedCertificate;
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::cli::wso2::test::ground::Ground;
use crate::cli::wso2::test::places::Door;
use crate::cli::wso2::test::report::{Report, Subject};
use crate::config::HostPattern;
use crate::config::certificate::{day, inspect_shown, pin_of, system_roots};

/// One line for each door at each of its addresses, of a plain one whether somebody listens; and one for what is asked of
/// the first address alone.
pub(super) async fn check(ground: &Ground<'_>, report: &mut Report) {
    let roots = system_roots();
    for door in &ground.doors {
        for place in &door.places {
            let subject = Subject::new("certificate", format!("{} {}", door.about(), door.host));
            if door.tls {
                secure(ground, door, *place, &roots, subject, report).await;
                continue;
            }
            let verdict = match ground.client.connects(*place).await {
                Ok(()) => Ok(format!("{place} takes connections")),
                Err(why) => Err((format!("{place}: {why}"), LISTENS.to_owned())),
            };
            report.judged(Subject::new("listener", door.about()), verdict);
        }
        if let [first, others @ ..] = door.places.as_slice()
            && !others.is_empty()
        {
            let others: Vec<_> = others.iter().map(ToString::to_string).collect();
            let what = format!("requests go to {first} alone: of {} only the listener is looked at", others.join(", "));
            report.skipped(Subject::new("listener", format!("{} {}", door.about(), door.host)), what);
        }
    }
}

async fn secure(
    ground: &Ground<'_>,
    door: &Door<'_>,
    place: SocketAddr,
    roots: &[CertificateDer<'_>],
    subject: Subject,
    report: &mut Report,
) {
    let shown = match ground.client.anyone(&door.host) {
        Ok(tls) => ground.client.certificates(place, &tls).await,
        Err(why) => Err(why),
    };
    let shown = match shown {
        Ok(shown) => shown,
        Err(why) => return report.failed(subject, format!("{place}: {why}"), LISTENS),
    };
    if door.site.passthrough {
        return report.passed(subject, "TLS is passed through: the certificate is its nodes'");
    }
    let file = door.site.certificates.first().map_or(Path::new(""), |certificate| &certificate.chain);
    let hosts = [HostPattern::Exact(door.host.as_str().into())];
    let seen = inspect_shown(file, &shown, &hosts, ground.now);
    let is_known = chains_to(&shown, roots);
    let mut warnings = Vec::new();
    for finding in seen.findings {
        let dead = finding.fatal || finding.what.contains("EXPIRED") || finding.what.contains("NOT YET VALID");
        if dead || finding.what.starts_with("the chain is broken") {
            let advice = format!("{}: {}; then `weir reload`", file.display(), finding.advice);
            return report.failed(subject, format!("{place}: {}", finding.what), &advice);
        }
        if !(is_known && finding.what.starts_with("the chain is incomplete")) {
            warnings.push(finding.what);
        }
    }
    let until = seen.leaf.map(|leaf| day(leaf.not_after)).unwrap_or_default();
    if is_another(door, &shown) {
        warnings.push(format!("it is not the one in {}: `weir reload` takes that over", file.display()));
    }
    let what = format!("covers {}, until {until}", door.host);
    match warnings.is_empty() {
        true => report.passed(subject, what),
        false => report.warning(subject, format!("{what}; {}", warnings.join("; ")), ""),
    }
}

/// Whether the running Weir shows another certificate than the file has now.
fn is_another(door: &Door<'_>, shown: &[CertificateDer<'_>]) -> bool {
    let files = door.site.certificates.iter().filter_map(|certificate| certificate.pair.certified.cert.first());
    let pins: Vec<_> = files.map(|file| pin_of(file)).collect();
    shown.first().is_some_and(|shown| !pins.is_empty() && !pins.contains(&pin_of(shown)))
}

/// Whether this machine's CAs signed it.
fn chains_to(shown: &[CertificateDer<'_>], roots: &[CertificateDer<'_>]) -> bool {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.iter().map(|root| root.clone().into_owned()));
    let Some((leaf, others)) = shown.split_first() else { return false };
    let Ok(leaf) = ParsedCertificate::try_from(leaf) else { return false };
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(&leaf, &store, others, UnixTime::now(), algorithms).is_ok()
}

const LISTENS: &str = "is Weir started, and does it listen there? `weir status`; --through HOST says where else it is";
