//! Numbers over time: the last ten minutes by seconds, the last day by minutes.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{RawQuery, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::handler::{Answer, Weir};
use super::problem::ApiProblem;
use crate::admin::numbers::milliseconds;
use crate::admin::query;
use crate::control::notice::Notice;
use crate::control::operators::remaining::all_members;
use crate::control::state::Control;
use crate::observe::dates::rfc3339;
use crate::observe::history::{Percentiles, Point, Stretch, Subject};

/// Numbers of equal steps of time. The last step of each list ends at `until`. Lists begin with the subject's first
/// request, and all have the same length.
#[derive(Serialize, ToSchema)]
pub(super) struct SeriesView {
    /// As it was asked for.
    of: String,
    until: String,
    step_seconds: u64,
    requests: Vec<u64>,
    /// Answers with a status of 5xx.
    errors: Vec<u64>,
    /// Requests that Weir refused or could not finish; of a node, tries that failed there.
    failures: Vec<u64>,
    request_bytes: Vec<u64>,
    answer_bytes: Vec<u64>,
    in_flight: Vec<u64>,
    /// Percentiles of how long requests took; absent in steps without requests.
    p50_milliseconds: Vec<Option<f64>>,
    p95_milliseconds: Vec<Option<f64>>,
    p99_milliseconds: Vec<Option<f64>>,
}

/// Numbers of one subject over time.
#[utoipa::path(get, path = "/api/v1/series", params(
    ("of" = Option<String>, Query, description = "`all` (default), `site:SITE`, `route:SITE/ROUTE`, `pool:POOL`, `node:NODE` or \
        `node:POOL/NODE`"),
    ("last" = Option<String>, Query, description = "`10m` at most for steps of a second (default), `24h` at most, in steps of a minute"),
), responses(
    (status = 200, body = SeriesView),
    (status = 400, body = ApiProblem, content_type = "application/problem+json"),
    (status = 404, body = ApiProblem, content_type = "application/problem+json"),
))]
pub(super) async fn series(State(control): Weir, RawQuery(query): RawQuery) -> Answer<SeriesView> {
    let (mut of, mut last) = ("all".to_owned(), TEN_MINUTES);
    for (name, value) in query::pairs(query.as_deref().unwrap_or_default()).map_err(ApiProblem::bad_request)? {
        match &*name {
            "of" => of = value,
            "last" => last = span(&value).map_err(ApiProblem::bad_request)?,
            _ => {
                let what = format!("{name:?} is no parameter of this path");
                return Err(ApiProblem::bad_request(Notice::new(what, "there are of and last")));
            }
        }
    }
    let subject =
        subject(&of).ok_or_else(|| ApiProblem::bad_request(Notice::new(format!("of={of:?} is not understood"), OF)))?;
    if !configured(&control, &subject) {
        return Err(ApiProblem::not_found(format!("there is no {of}"), "GET /api/v1/status names what there is"));
    }
    let steps = |of: Duration| usize::try_from(last.as_secs().div_ceil(of.as_secs())).unwrap_or(usize::MAX);
    let stretch = if last <= TEN_MINUTES {
        control.observer.history.seconds(&subject, steps(Duration::from_secs(1)))
    } else {
        control.observer.history.minutes(&subject, steps(Duration::from_secs(60)))
    };
    Ok(Json(SeriesView::new(of, &stretch)))
}

const TEN_MINUTES: Duration = Duration::from_secs(600);

const OF: &str = "write all, site:SITE, route:SITE/ROUTE, pool:POOL, node:NODE or node:POOL/NODE";

fn subject(of: &str) -> Option<Subject> {
    let pair = |names: &str| names.split_once('/').map(|(of, name)| (Arc::from(of), Arc::from(name)));
    let (kind, name) = of.split_once(':').unwrap_or((of, ""));
    match kind {
        "all" if name.is_empty() => Some(Subject::All),
        "site" => Some(Subject::Site(name.into())),
        "route" => pair(name).map(|(site, route)| Subject::Route(site, route)),
        "pool" => Some(Subject::Pool(name.into())),
        "node" => Some(match pair(name) {
            Some((pool, node)) => Subject::Member(pool, node),
            None => Subject::Node(name.into()),
        }),
        _ => None,
    }
}

/// `90s`, `10m` or `24h`.
fn span(text: &str) -> Result<Duration, Notice> {
    let wrong = || Notice::new(format!("last={text:?} is no time"), "write 90s, 10m or 24h");
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        _ => return Err(wrong()),
    };
    let count: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    if count == 0 { Err(wrong()) } else { Ok(Duration::from_secs(u64::from(count) * unit)) }
}

/// Whether the configuration has what the numbers are about.
fn configured(control: &Control, subject: &Subject) -> bool {
    let generation = control.current.load_full();
    let (sites, pools) = (&generation.snapshot.config.sites, &generation.snapshot.pools);
    match subject {
        Subject::All => true,
        Subject::Site(site) => sites.iter().any(|known| known.name == *site),
        Subject::Route(site, route) => sites.iter().any(|known| {
            known.name == *site && (route.is_empty() || known.routes.iter().any(|known| known.name == *route))
        }),
        Subject::Pool(pool) => pools.iter().any(|known| known.name() == pool),
        Subject::Node(node) => generation.snapshot.config.nodes.iter().any(|known| known.name == *node),
        Subject::Member(pool, node) => {
            all_members(&generation).any(|(known, member)| known.name() == pool && member.label == *node)
        }
    }
}

impl SeriesView {
    fn new(of: String, stretch: &Stretch) -> Self {
        let points = &stretch.points;
        let each = |value: fn(&Point) -> u64| points.iter().map(value).collect();
        let times = |value: fn(Percentiles) -> Duration| {
            points.iter().map(|point| point.times.map(|times| milliseconds(value(times)))).collect()
        };
        Self {
            of,
            until: rfc3339(stretch.until),
            step_seconds: stretch.step.as_secs(),
            requests: each(Point::requests),
            errors: each(|point| point.classes[4]),
            failures: each(|point| point.failures),
            request_bytes: each(|point| point.received),
            answer_bytes: each(|point| point.sent),
            in_flight: each(|point| point.in_flight),
            p50_milliseconds: times(|times| times.p50),
            p95_milliseconds: times(|times| times.p95),
            p99_milliseconds: times(|times| times.p99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_and_times_are_read_or_refused() {
        let of = |text: &str| subject(text).map(|subject| subject.to_string());
        for good in
            ["all", "site:esb.http", "route:esb/services", "route:esb/", "pool:esb", "node:worker1", "node:esb/worker1"]
        {
            assert_eq!(of(good).as_deref(), Some(good));
        }
        for bad in ["", "all:x", "route:esb", "sites:esb", "worker1"] {
            assert_eq!(of(bad), None, "{bad}");
        }
        let seconds = |text| span(text).ok().map(|span| span.as_secs());
        assert_eq!(["90s", "10m", "24h"].map(seconds), [Some(90), Some(600), Some(86_400)]);
        assert_eq!(["", "10", "0s", "-1s", "1d", "m", "1.5h", "99999999999h", "1µ"].map(seconds), [None; 9]);
    }
}
