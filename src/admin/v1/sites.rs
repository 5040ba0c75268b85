//! Sites and their routes: how much comes, how it ends, and how long the certificate lasts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::handler::{Answer, Name, Weir};
use super::problem::ApiProblem;
use crate::admin::numbers::{Minute, Total};
use crate::control::state::Control;
use crate::observe::dates::rfc3339_of_unix;
use crate::observe::history::Subject;
use crate::proxy::generation::Generation;

/// A site.
#[derive(Serialize, ToSchema)]
pub(super) struct SiteView {
    site: String,
    hosts: Vec<String>,
    /// Whether its TLS is passed through to the nodes: each connection counts like one request, when it ends.
    passthrough: bool,
    /// The pool of requests that no route matches.
    pool: Option<String>,
    /// The 5xx that whoever asks gets from Weir itself, where the whole site is closed.
    closed: Option<u16>,
    /// What of it is closed, for people.
    closed_sentence: Option<String>,
    /// When its certificate expires.
    certificate_expires: Option<String>,
    last_minute: Minute,
    total: Total,
    routes: Vec<RouteView>,
}

/// A route of a site.
#[derive(Serialize, ToSchema)]
pub(super) struct RouteView {
    /// Its name; empty for requests that no route matches.
    route: String,
    /// The 5xx that the route answers with, where it is closed.
    closed: Option<u16>,
    last_minute: Minute,
    total: Total,
}

/// All sites.
#[utoipa::path(get, path = "/api/v1/sites", responses((status = 200, body = Vec<SiteView>)))]
pub(super) async fn sites(State(control): Weir) -> Json<Vec<SiteView>> {
    Json(views(&control))
}

pub(super) fn views(control: &Control) -> Vec<SiteView> {
    let generation = control.current.load_full();
    (0..generation.sites.len()).filter_map(|index| view(control, &generation, index)).collect()
}

/// One site.
#[utoipa::path(get, path = "/api/v1/sites/{site}", params(("site" = String, Path, description = "Its name")), responses(
    (status = 200, body = SiteView),
    (status = 404, body = ApiProblem, content_type = "application/problem+json"),
))]
pub(super) async fn site(State(control): Weir, Name(site): Name) -> Answer<SiteView> {
    let generation = control.current.load_full();
    let sites = &generation.snapshot.config.sites;
    let index = sites.iter().position(|known| *known.name == *site);
    index.and_then(|index| view(&control, &generation, index)).map(Json).ok_or_else(|| {
        let known: Vec<&str> = sites.iter().map(|site| &*site.name).collect();
        ApiProblem::unknown("site", &site, &known)
    })
}

fn view(control: &Control, generation: &Generation, index: usize) -> Option<SiteView> {
    let config = &generation.snapshot.config;
    let (site, running) = (config.sites.get(index)?, generation.sites.get(index)?);
    let tallies = || running.by_route.iter().chain([&running.without_route]);
    let named = site.routes.iter().map(|route| (Arc::clone(&route.name), route.closed())).chain([("".into(), None)]);
    let routes = named.zip(tallies()).map(|((name, closed), tally)| RouteView {
        route: name.to_string(),
        closed,
        last_minute: Minute::of(control, &Subject::Route(Arc::clone(&site.name), name)),
        total: Total::of([&**tally].into_iter()),
    });
    let expires = |unix: i64| rfc3339_of_unix(u64::try_from(unix).unwrap_or_default());
    let closed = site.closed();
    Some(SiteView {
        site: site.name.to_string(),
        hosts: site.hosts.iter().map(ToString::to_string).collect(),
        passthrough: site.passthrough,
        pool: site.pool.and_then(|pool| config.pools.get(pool)).map(|pool| pool.name.to_string()),
        closed: closed.site,
        closed_sentence: closed.sentence(&site.name),
        certificate_expires: site.first_to_expire().and_then(|certificate| expires(certificate.pair.leaf.not_after)),
        last_minute: Minute::of(control, &Subject::Site(Arc::clone(&site.name))),
        total: Total::of(tallies().map(|tally| &**tally)),
        routes: routes.collect(),
    })
}
