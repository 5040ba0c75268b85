//! Nodes: each once, with its pools inside.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::cluster;
use super::cluster::InClusterView;
use super::handler::{Answer, Name, Weir};
use super::problem::ApiProblem;
use crate::admin::elsewhere::ElsewhereView;
use crate::admin::numbers::{Minute, Total};
use crate::config::Address;
use crate::control::operators::GONE;
use crate::control::operators::remaining::{all_members, remains, removed_nodes};
use crate::control::state::Control;
use crate::control::store::moments;
use crate::observe::dates::rfc3339_of_unix;
use crate::observe::history::Subject;
use crate::proxy::generation::Generation;
use crate::traffic::pool::Pool;
use crate::traffic::pool::member::{AcceptedNodes, Member};
use crate::traffic::pool::operators::Order;
use crate::traffic::pool::state::Reason;
use crate::traffic::tick::Tick;

/// A node, in all its pools.
#[derive(Serialize, ToSchema)]
pub(super) struct NodeView {
    node: String,
    address: String,
    /// The worst of its pools: `active`, or why it is passive in one (`unhealthy`, `ejected`, `checking`, `maintenance`,
    /// `draining`, `standby`). A node that is active somewhere and standby elsewhere is `active`; one that no pool has is
    /// `unused`.
    verdict: &'static str,
    /// What an operator ordered.
    order: Option<OrderView>,
    /// An operator took it out, and no request runs there any more, on the ports that Weir knows, of no machine that shares orders. Of
    /// messages and tasks that did not come through Weir it knows nothing.
    safe_to_stop: bool,
    /// What other machines that share orders still have of it; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    elsewhere: Vec<ElsewhereView>,
    in_flight: u32,
    /// Its sessions in tables; absent where none of its pools keeps a table.
    sessions: Option<usize>,
    last_minute: Minute,
    total: Total,
    /// What the members of the nodes' own cluster say of it; absent where nobody is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<InClusterView>,
    pools: Vec<MemberView>,
}

/// An operator's order.
#[derive(Serialize, ToSchema)]
pub(super) struct OrderView {
    /// `drain` or `maintain`.
    order: &'static str,
    since: Option<String>,
    /// When the drain ends at the latest.
    deadline: Option<String>,
    /// Who ordered it, and where, if not here: `uid:0 (root) at lb1`.
    actor: Option<String>,
    /// Why, in the operator's words.
    reason: Option<String>,
    /// The number of the operation.
    operation: Option<u64>,
}

/// A node in one pool.
#[derive(Serialize, ToSchema)]
pub(super) struct MemberView {
    pool: String,
    /// The node's name, with its address where the name has several.
    member: String,
    address: String,
    /// `active` or `passive`.
    state: &'static str,
    /// Why it is passive. `gone`: a reload took it out, and older requests still run there.
    reason: Option<&'static str>,
    /// What was seen of a node that is `unhealthy` or `ejected`, or `checking` after a failed probe, as `tcp 8280: connection refused`.
    seen: Option<String>,
    /// Whether the pool has probes. Without them a node is active until requests fail there.
    probed: bool,
    /// Why its last probe failed; absent where it passed or there was none.
    probe_failure: Option<String>,
    /// How long it has this state; absent for a node that a reload took out.
    since_seconds: Option<u64>,
    /// An operator's, or else that of the file.
    weight: u16,
    /// That of the file.
    file_weight: u16,
    backup: bool,
    max_requests: Option<u32>,
    in_flight: u32,
    sessions: Option<usize>,
    /// The part of its share that it gets while it warms up.
    warmth_percent: u16,
    /// Requests that wait for this node because of their session.
    queued: usize,
    idle_connections: usize,
    /// Absent for a node that a reload took out.
    last_minute: Option<Minute>,
    /// Only in the answer to a change: what the operator should know, for example that a restart would forget it.
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<Vec<String>>,
}

/// All nodes of the configuration, and those that a reload took out and that still work on requests.
#[utoipa::path(get, path = "/api/v1/nodes", responses((status = 200, body = Vec<NodeView>)))]
pub(super) async fn nodes(State(control): Weir) -> Json<Vec<NodeView>> {
    Json(views(&control))
}

pub(super) fn views(control: &Control) -> Vec<NodeView> {
    let generation = control.current.load_full();
    let named = generation.snapshot.config.nodes.iter().map(|node| Arc::clone(&node.name));
    let mut names: Vec<Arc<str>> = named.collect();
    for removed in removed_nodes(control, &generation, |_| true) {
        if !names.contains(&removed.node) {
            names.push(removed.node);
        }
    }
    names.iter().filter_map(|name| view(control, &generation, name)).collect()
}

/// One node.
#[utoipa::path(get, path = "/api/v1/nodes/{node}", params(("node" = String, Path, description = "Its name")), responses(
    (status = 200, body = NodeView),
    (status = 404, body = ApiProblem, content_type = "application/problem+json"),
))]
pub(super) async fn node(State(control): Weir, Name(node): Name) -> Answer<NodeView> {
    let generation = control.current.load_full();
    view(&control, &generation, &node).map(Json).ok_or_else(|| {
        let known: Vec<&str> = generation.snapshot.config.nodes.iter().map(|node| &*node.name).collect();
        ApiProblem::unknown("node", &node, &known)
    })
}

fn view(control: &Control, generation: &Generation, name: &str) -> Option<NodeView> {
    let now = Tick::from_millis(control.now());
    let of_node = || all_members(generation).filter(|(_, member)| &*member.node == name);
    let removed = removed_nodes(control, generation, |other| other == name);
    let configured = generation.snapshot.config.nodes.iter().find(|node| &*node.name == name);
    if configured.is_none() && removed.is_empty() {
        return None;
    }
    let mut pools: Vec<MemberView> =
        of_node().map(|(pool, member)| MemberView::of(control, pool, member, now)).collect();
    pools.extend(removed.into_iter().map(|removed| MemberView {
        pool: removed.pool,
        member: removed.label.to_string(),
        address: removed.address,
        state: "passive",
        reason: Some(GONE),
        seen: None,
        probed: false,
        probe_failure: None,
        since_seconds: None,
        weight: removed.weight,
        file_weight: removed.weight,
        backup: false,
        max_requests: None,
        in_flight: removed.in_flight,
        sessions: None,
        warmth_percent: 0,
        queued: 0,
        idle_connections: 0,
        last_minute: None,
        warnings: None,
    }));
    let order = control.orders.lock().of(name).copied();
    let in_flight = pools.iter().map(|pool| pool.in_flight).sum();
    let remains = order.map(|_| remains(control, name));
    let counters = generation.snapshot.pools.iter().zip(&generation.pools).flat_map(|(pool, running)| {
        let counted = pool.members.iter().zip(&running.members).filter(|(member, _)| &*member.node == name);
        counted.map(|(_, counters)| counters.tally())
    });
    Some(NodeView {
        node: name.to_owned(),
        address: configured.map_or_else(
            || pools[0].address.clone(),
            |node| match &node.address {
                Address::Ip(address) => address.to_string(),
                Address::Name(name) => name.to_string(),
            },
        ),
        verdict: worst(of_node().map(|(_, member)| member.state.state().reason())),
        order: order.map(|order| OrderView::of(control, name, order)),
        safe_to_stop: remains.as_ref().is_some_and(|remains| remains.safe_to_stop),
        elsewhere: remains.into_iter().flat_map(|remains| remains.elsewhere).map(ElsewhereView::of).collect(),
        in_flight,
        sessions: pools.iter().filter_map(|pool| pool.sessions).reduce(|sum, more| sum + more),
        last_minute: Minute::of(control, &Subject::Node(name.into())),
        total: Total::of(counters),
        cluster: cluster::of_node(control, name),
        pools,
    })
}

/// A node in a pool; of one with several addresses the first.
pub(super) fn member_view(control: &Control, pool: &str, node: &str) -> Option<MemberView> {
    let generation = control.current.load_full();
    let pool = generation.snapshot.pool(pool)?;
    let member = pool.members.iter().find(|member| &*member.node == node)?;
    Some(MemberView::of(control, pool, member, Tick::from_millis(control.now())))
}

impl OrderView {
    fn of(control: &Control, node: &str, order: Order) -> Self {
        let operation = control.operations.lock().of_order(node).map(|operation| operation.told.clone());
        Self {
            order: order.kind.word(),
            since: rfc3339_of_unix(order.since),
            deadline: order.kind.ends(moments::now()).and_then(rfc3339_of_unix),
            operation: operation.as_ref().map(|operation| operation.id),
            reason: operation.as_ref().and_then(|operation| operation.reason.clone()),
            actor: operation.map(|operation| operation.by()),
        }
    }
}

impl MemberView {
    fn of(control: &Control, pool: &Pool, member: &Member, now: Tick) -> Self {
        let state = member.state.state();
        Self {
            pool: pool.name().to_string(),
            member: member.label.to_string(),
            address: member.address.to_string(),
            state: state.word(),
            reason: state.reason().map(Reason::word),
            seen: state.reason().and_then(|reason| member.seen(reason)).map(|seen| seen.to_string()),
            probed: pool.settings.health.is_some(),
            probe_failure: member.state.probe_failure().map(|failure| failure.to_string()),
            since_seconds: Some(member.load.unchanged_for(now).as_secs()),
            weight: member.weight,
            file_weight: member.file_weight,
            backup: member.backup,
            max_requests: member.most,
            in_flight: member.load.in_flight(),
            sessions: pool.sessions.as_ref().map(|sessions| sessions.count_of(member.number)),
            warmth_percent: member.load.warmth() / 10,
            queued: pool.waiting.len_for(&AcceptedNodes::Only(member.number)),
            idle_connections: control.idle_on(member.link),
            last_minute: Some(Minute::of(
                control,
                &Subject::Member(Arc::clone(pool.name()), Arc::clone(&member.label)),
            )),
            warnings: None,
        }
    }

    /// As the answer to a change.
    pub(super) fn with_warnings(self, warnings: Vec<String>) -> Self {
        Self { warnings: Some(warnings), ..self }
    }
}

/// The worst of a node's states.
fn worst(reasons: impl Iterator<Item = Option<Reason>>) -> &'static str {
    const WORST_FIRST: [Reason; 5] =
        [Reason::Unhealthy, Reason::Ejected, Reason::Checking, Reason::Maintenance, Reason::Draining];
    let reasons: Vec<Option<Reason>> = reasons.collect();
    let found = WORST_FIRST.into_iter().find(|reason| reasons.contains(&Some(*reason)));
    match found {
        Some(reason) => reason.word(),
        None if reasons.contains(&None) => "active",
        None if reasons.is_empty() => "unused",
        None => "standby",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_as_well_as_in_its_worst_pool() {
        for (reasons, expected) in [
            (&[None, None][..], "active"),
            (&[None, Some(Reason::Standby)], "active"),
            (&[Some(Reason::Standby)], "standby"),
            (&[None, Some(Reason::Unhealthy), Some(Reason::Draining)], "unhealthy"),
            (&[Some(Reason::Draining), Some(Reason::Maintenance)], "maintenance"),
            (&[], "unused"),
        ] {
            assert_eq!(worst(reasons.iter().copied()), expected, "{reasons:?}");
        }
    }
}
