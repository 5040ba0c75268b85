//! The certificates that Weir shows: whose, by whom, and for how long.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::handler::Weir;
use crate::config::Certificate;
use crate::config::certificate::{pin_of, pin_text, subject_of};
use crate::control::store::moments;
use crate::observe::dates::rfc3339_of_unix;

/// The certificate of a site, or of the admin address.
#[derive(Serialize, ToSchema)]
pub(super) struct CertificateView {
    /// The site that shows it; `[admin]` for that of the admin address.
    site: String,
    subject: String,
    issuer: String,
    not_before: Option<String>,
    not_after: Option<String>,
    /// Whole days until it expires; negative afterwards.
    days_left: i64,
    /// The kind of its key, as `ECDSA P-256`.
    key: String,
    /// The hosts that it is for.
    names: Vec<String>,
    /// The SHA-256 of the certificate.
    sha256: String,
    /// The file of its chain.
    file: String,
}

/// The certificates of all sites that have one, and that of the admin address; the first to expire comes first.
#[utoipa::path(get, path = "/api/v1/certificates", responses((status = 200, body = Vec<CertificateView>)))]
pub(super) async fn certificates(State(control): Weir) -> Json<Vec<CertificateView>> {
    let generation = control.current.load_full();
    let now = i64::try_from(moments::now().unix / 1000).unwrap_or(i64::MAX);
    let all = generation.snapshot.config.certificates();
    let mut views: Vec<_> = all.map(|(site, certificate)| view(site, certificate, now)).collect();
    views.sort_by_key(|view| view.days_left);
    Json(views)
}

fn view(site: &str, certificate: &Certificate, now: i64) -> CertificateView {
    let leaf = &certificate.pair.leaf;
    let der = certificate.pair.certified.cert.first().map(|der| &**der).unwrap_or_default();
    let time = |unix: i64| u64::try_from(unix).ok().and_then(rfc3339_of_unix);
    CertificateView {
        site: site.to_owned(),
        subject: subject_of(der).unwrap_or_default(),
        issuer: leaf.issuer.clone(),
        not_before: time(leaf.not_before),
        not_after: time(leaf.not_after),
        days_left: leaf.not_after.saturating_sub(now).div_euclid(24 * 3600),
        key: leaf.key.clone(),
        names: leaf.names.clone(),
        sha256: pin_text(pin_of(der)).trim_start_matches("sha256:").to_owned(),
        file: certificate.chain.display().to_string(),
    }
}
