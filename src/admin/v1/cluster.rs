//! What the members of the nodes' own cluster say of each other. It is shown, and changes nothing.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::handler::Weir;
use crate::control::cluster::strangers;
use crate::control::cluster::view::{NodeInCluster, SourceState};
use crate::control::state::Control;

/// What the members say.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct ClusterView {
    /// Who is asked, and which logs are read. Empty without `members-from` and `members-log`: then nothing is known.
    sources: Vec<SourceView>,
    /// Who sees whom, in words, while the members disagree about that.
    split: Option<String>,
    /// Members that are no node of the configuration, as `10.0.0.9:4000`.
    strangers: Vec<String>,
}

/// A member that is asked, or a log.
#[derive(Serialize, ToSchema)]
pub(super) struct SourceView {
    /// Its URL or file.
    source: String,
    /// The node whose log it is; absent for a member that is asked.
    log_of: Option<String>,
    /// Whether it says something now.
    answers: bool,
    /// How long ago it last said something; absent where it never did.
    answered_seconds: Option<u64>,
    /// The members that it names now, as `10.0.0.3:4200`, in the order in which they joined.
    members: Vec<String>,
    /// Why it says nothing, and what would be right.
    problem: Option<String>,
}

/// A node's place in the cluster.
#[derive(Serialize, ToSchema)]
pub(super) struct InClusterView {
    /// `member`: all who say something name it. `left`: it was a member, and nobody names it any more. `absent`: it is among
    /// `[cluster] members`, and was none since the start. `outside`: it is not among them, and was none. `split`: some name
    /// it, and others do not. `unknown`: nobody says anything.
    membership: &'static str,
    since_seconds: u64,
    /// Where this and its probes say the opposite, as `left the cluster 12.0 s ago but answers its probes`.
    remark: Option<String>,
}

/// What the members of the nodes' own cluster say of each other.
#[utoipa::path(get, path = "/api/v1/cluster", responses((status = 200, body = ClusterView)))]
pub(super) async fn cluster(State(control): Weir) -> Json<ClusterView> {
    Json(view(&control).unwrap_or_default())
}

/// `None` where nobody is asked.
pub(super) fn view(control: &Control) -> Option<ClusterView> {
    let strangers = strangers(control)?;
    let (state, now) = (control.cluster.lock(), Instant::now());
    let state = state.as_ref()?;
    Some(ClusterView {
        sources: state.sources().iter().map(|source| SourceView::of(source, now)).collect(),
        split: state.split().map(str::to_owned),
        strangers,
    })
}

/// A node's place; `None` where nothing is known of it.
pub(super) fn of_node(control: &Control, node: &str) -> Option<InClusterView> {
    let NodeInCluster { membership, since, remark, .. } =
        control.cluster.lock().as_ref()?.node(node, Instant::now())?;
    Some(InClusterView { membership: membership.word(), since_seconds: since.as_secs(), remark })
}

impl SourceView {
    fn of(source: &SourceState, now: Instant) -> Self {
        let members = source.members();
        Self {
            source: source.name.to_string(),
            log_of: source.log_of.as_ref().map(ToString::to_string),
            answers: members.is_some(),
            answered_seconds: source.answered_for(now).map(|ago| ago.as_secs()),
            members: members.unwrap_or_default().iter().map(ToString::to_string).collect(),
            problem: source.problem(),
        }
    }
}
