//! Whether the console and the admin services are closed on the workers' sites, and open on the console's.

use crate::cli::wso2::test::client::Answer;
use crate::cli::wso2::test::ground::Ground;
use crate::cli::wso2::test::places::{Door, Kind};
use crate::cli::wso2::test::report::{Report, Subject, Verdict};

/// What no client of the workers may reach.
const FORBIDDEN: [&str; 11] = [
    "/carbon",
    "/carbon/admin/login.jsp",
    "/t/example.com/carbon/",
    "/%63arbon/",
    "/services/AuthenticationAdmin",
    "/services/AuthenticationAdmin?wsdl",
    "/services/ServerAdmin",
    "/services/UserAdmin",
    "/services/RemoteUserStoreManagerService",
    "/services/RemoteAuthorizationManagerService",
    "/services/t/example.com/ProxyServiceAdmin",
];

/// How many requests it sends at a door of each kind.
pub(super) const fn requests(kind: Kind) -> u32 {
    match kind {
        Kind::Services => FORBIDDEN.len() as u32,
        Kind::Console => 1,
        Kind::Neither => 0,
    }
}

/// One line for each door.
pub(super) async fn check(ground: &Ground<'_>, report: &mut Report) {
    for door in ground.open(Kind::Services) {
        let subject = Subject::new("closed", door.about());
        match closed(ground, door).await {
            Ok(verdict) => report.judged(subject, verdict),
            Err(untold) => report.skipped(subject, format!("it could not be told of {untold}")),
        }
    }
    for door in ground.open(Kind::Console) {
        let subject = Subject::new("admin", door.about());
        match ground.get(door, "/services/AuthenticationAdmin").await {
            Err(why) => report.failed(subject, why, "`weir nodes` tells how the manager is"),
            Ok(answer) => manager_only(ground, door, &answer, subject, report),
        }
    }
}

/// An error says where it could not be told.
async fn closed(ground: &Ground<'_>, door: &Door<'_>) -> Result<Verdict, String> {
    let (mut open, mut untold) = (Vec::new(), Vec::new());
    for target in FORBIDDEN {
        let answer = match ground.get(door, target).await {
            Ok(answer) => answer,
            Err(why) => return Ok(Err((format!("{target}: {why}"), String::new()))),
        };
        let told = format!("{target} ({})", answer.status);
        match answer.status {
            _ if is_refused(&answer, door) => {}
            // No node answered, or too much was asked.
            429 | 502..=504 => untold.push(told),
            _ => open.push(told),
        }
    }
    if open.is_empty() && untold.is_empty() {
        return Ok(Ok(format!("{} paths of the console and of admin services are refused", FORBIDDEN.len())));
    }
    if open.is_empty() {
        return Err(untold.join(", "));
    }
    let advice = format!(
        "{}: give site {} the route `management` of /usr/share/doc/weir/examples/weir.toml (deny = true), then `weir reload`",
        ground.file(),
        door.site.name
    );
    Ok(Err((format!("a node is reached by {}", open.join(", ")), advice)))
}

/// By Weir, or by a node that does not have it. A plain site may send all its clients to https, where it is asked again.
fn is_refused(answer: &Answer, door: &Door<'_>) -> bool {
    let secure = format!("https://{}", door.host);
    let moved = || !door.tls && answer.field("Location").is_some_and(|location| location.starts_with(&secure));
    matches!(answer.status, 403 | 404 | 410 | 421) || (matches!(answer.status, 301..=308) && moved())
}

fn manager_only(ground: &Ground<'_>, door: &Door<'_>, answer: &Answer, subject: Subject, report: &mut Report) {
    let pool = ground.pool(door);
    let nodes: Vec<&str> = pool.into_iter().flat_map(|pool| ground.nodes(pool)).map(|node| &*node.name).collect();
    let reached = nodes.join(", ");
    match answer.status {
        502..=504 => {
            let what = format!("admin services of {reached} answer {}", answer.status);
            report.failed(subject, what, "`weir nodes` tells how the manager is");
        }
        403 if answer.field("Server").is_none() => {
            report
                .skipped(subject, "403: this machine may not come to the console (allow-from, or a route that denies)");
        }
        status if nodes.len() > 1 => {
            let advice = "the manager writes, the others only read: leave it alone in the console's pool";
            report.warning(subject, format!("admin services answer {status} on {reached}"), advice);
        }
        status => report.passed(subject, format!("admin services answer {status}, on {reached} alone")),
    }
}
