//! The weight of a node in a pool.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::super::handler::{Answer, Names, Weir};
use super::super::nodes::{MemberView, member_view};
use super::super::problem::ApiProblem;
use super::super::specification::{OfChange, OfNamed};
use super::change::{Body, blocking, ordered_by};
use crate::config::orders_file::WEIGHTS;
use crate::control::actor::Actor;
use crate::control::changes::weights::{self, WeightError};
use crate::control::notice::Notice;
use crate::control::state::Control;
use crate::control::store::audit;

/// Another weight.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WeightOrder {
    /// 1 to 1000; `null` goes back to the file's.
    #[serde(deserialize_with = "given")]
    #[schema(required)]
    weight: Option<u16>,
    /// Why, for events and the audit file: one line of at most 200 characters.
    reason: Option<String>,
}

/// A weight that is left out is no `null`.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    Option::deserialize(from)
}

/// Orders a weight. It holds over reloads and restarts until it is `null` again. Sessions stay where they are.
#[utoipa::path(patch, path = "/api/v1/pools/{pool}/nodes/{node}", params(
    ("pool" = String, Path, description = "The pool"),
    ("node" = String, Path, description = "The node; one with a DNS name has one weight for all its addresses"),
), request_body = WeightOrder, responses(
    (status = 200, body = MemberView),
    OfChange,
    OfNamed,
))]
pub(super) async fn weight(
    State(control): Weir,
    Extension(actor): Extension<Actor>,
    Names(pool, node): Names,
    Body(WeightOrder { weight, reason }): Body<WeightOrder>,
) -> Answer<MemberView> {
    if let Some(weight) = weight.filter(|weight| !WEIGHTS.contains(weight)) {
        let what = format!("{weight} is no weight");
        let advice = "write 1 to 1000, or null for the file's; a node that is to get nothing drains or rests";
        return Err(ApiProblem::unprocessable(what, advice));
    }
    let by = ordered_by(actor, reason)?;
    let (ordering, of_pool, of_node) = (Arc::clone(&control), pool.clone(), node.clone());
    let ordered = blocking(move || weights::order(&ordering, &of_pool, &of_node, weight, &by)).await?;
    let warnings = ordered.map_err(|error| refused(error, &control, &pool, &node))?;
    weights::follow(&control).await.map_err(|why| {
        ApiProblem::unavailable(format!("the weight is written down, and followed by the next reload only: {why}"), "")
    })?;
    let gone = || ApiProblem::not_found("the weight is forgotten; the node is not in the pool", "");
    let member = member_view(&control, &pool, &node).ok_or_else(gone)?;
    Ok(Json(member.with_warnings(warnings.into_iter().map(Notice::in_one).collect())))
}

fn refused(error: WeightError, control: &Control, pool: &str, node: &str) -> ApiProblem {
    let generation = control.current.load_full();
    match error {
        WeightError::Unrecorded(why) => ApiProblem::unrecorded(audit::unrecorded(&why)),
        WeightError::UnknownPool => {
            let known: Vec<&str> = generation.snapshot.pools.iter().map(|pool| &**pool.name()).collect();
            ApiProblem::unknown("pool", pool, &known)
        }
        WeightError::UnknownNode => {
            let members = generation.snapshot.pool(pool).into_iter().flat_map(|pool| &pool.members);
            ApiProblem::unknown("node", node, &members.map(|member| &*member.node).collect::<Vec<_>>())
        }
    }
}
