//! The certificates that Weir orders from CAs: what there is, when the next one is, and what a CA complained of.

use std::path::Path;
use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::handler::Weir;
use crate::control::acme::entry::{Due, Entry};
use crate::control::state::Control;
use crate::observe::dates::{rfc3339, rfc3339_of_unix};

/// A certificate of a site that Weir orders from a CA.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrderView {
    /// The site.
    site: String,
    /// The CA, as the configuration calls it.
    acme: String,
    /// The kind of its key, as `ecdsa-p256`.
    key_type: &'static str,
    /// The file in the state directory.
    file: String,
    /// Since when it is being ordered, if it is.
    ordering_since: Option<String>,
    /// Until when the one is valid that there is.
    not_after: Option<String>,
    /// When it is ordered next; none while that is due.
    next: Option<String>,
    /// Why it is due.
    due: Option<String>,
    /// How many orders failed since one succeeded.
    failures: u32,
    /// When the last order ended.
    last: Option<String>,
    /// Why it failed, with all that the CA said.
    error: Option<String>,
    /// The DNS records that the CA looks for and that you make, with dns-persist-01.
    records: Vec<String>,
}

/// The certificates that Weir orders.
#[utoipa::path(get, path = "/api/v1/certificates/orders", responses((status = 200, body = Vec<OrderView>)))]
pub(super) async fn orders(State(control): Weir) -> Json<Vec<OrderView>> {
    Json(orders_of(&control, None))
}

/// Those of one site, or of all.
pub(crate) fn orders_of(control: &Control, site: Option<&str>) -> Vec<OrderView> {
    let board = control.acme.lock();
    let all = board.all(SystemTime::now());
    all.filter(|(_, entry, _)| site.is_none_or(|site| &*entry.site == site)).map(view).collect()
}

fn view((file, entry, due): (&Path, &Entry, Option<Due>)) -> OrderView {
    let time = |unix: i64| u64::try_from(unix).ok().and_then(rfc3339_of_unix);
    let (next, why) = match due {
        Some(Due::At(at)) => (time(at), None),
        Some(Due::Now(why)) => (None, Some(why)),
        None => (None, None),
    };
    OrderView {
        site: entry.site.to_string(),
        acme: entry.authority.to_string(),
        key_type: entry.key_type.into(),
        file: file.display().to_string(),
        ordering_since: entry.since.map(rfc3339),
        not_after: entry.not_after().and_then(time),
        next,
        due: why,
        failures: entry.failures,
        last: entry.last.as_ref().map(|last| rfc3339(last.at)),
        error: entry.last.as_ref().and_then(|last| last.error.clone()),
        records: entry.records.clone(),
    }
}
