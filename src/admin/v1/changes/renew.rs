//! Ordering a certificate anew, before it is due.

use std::time::SystemTime;

use axum::extract::State;
use axum::{Extension, Json};

use super::super::handler::{Answer, Name, Weir};
use super::super::problem::ApiProblem;
use super::super::running::{OrderView, orders_of};
use super::super::specification::{OfChange, OfNamed};
use super::change::{Body, blocking, ordered_by};
use super::orders::PlainOrder;
use crate::control::acme;
use crate::control::actor::{Actor, OrderedBy};
use crate::control::state::Control;
use crate::control::store::audit::{self, Change};

/// Has the certificates of a site ordered from their CA now, and an order that waits after a failure tried again. It has begun when
/// this answers; `/api/v1/certificates/orders` tells how it ends.
#[utoipa::path(post, path = "/api/v1/certificates/{site}/renew", params(
    ("site" = String, Path, description = "The site"),
), request_body = PlainOrder, responses(
    (status = 200, body = Vec<OrderView>),
    OfChange,
    OfNamed,
))]
pub(super) async fn renew(
    State(control): Weir,
    Extension(actor): Extension<Actor>,
    Name(site): Name,
    Body(PlainOrder { reason }): Body<PlainOrder>,
) -> Answer<Vec<OrderView>> {
    let by = ordered_by(actor, reason)?;
    let known: Vec<String> = control.acme.lock().entries().map(|entry| entry.site.to_string()).collect();
    if !known.contains(&site) {
        let shown: String = site.chars().take(80).collect();
        let what = format!("no certificate of a site {shown:?} is ordered from a CA");
        let advice = match known.is_empty() {
            true => "certificate = { acme = \"…\" } of a site has it ordered".to_owned(),
            false => format!("such sites: {}", known.join(", ")),
        };
        return Err(ApiProblem::not_found(what, advice));
    }
    let (recording, of_site) = (control.clone(), site.clone());
    blocking(move || record(&recording, &of_site, &by)).await??;
    acme::renew(&control, &site);
    Ok(Json(orders_of(&control, Some(&site))))
}

fn record(control: &Control, site: &str, by: &OrderedBy) -> Result<(), ApiProblem> {
    let what = format!("renew the certificate of {site}");
    let change = Change { what: &what, ..Change::default() };
    let recorded = audit::record(control.state_dir.as_ref(), change, by, "ordered");
    recorded.map_err(|why| ApiProblem::unrecorded(audit::unrecorded(&why)))?;
    log::info!("{what}, ordered by {by}");
    control.observer.events.push_about(SystemTime::now(), "operator", site, &what, by.about());
    Ok(())
}
