//! Whether the console and the admin services are closed on the workers' sites, and open on the console's.

use crate::cli::wso2::test::client::Answer;
use crate::cli::wso2::test::ground::Ground;
use crate::cli::wso2::test::places::Door;
use crate::cli::wso2::test::report::{Report, Subject, Verdict};
use crate::cli::wso2::test::url::Url;
use crate::cli::wso2::test::ways::{GET, Kind, Leads};
use crate::config::Pool;

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

/// One of the manager's own.
const ADMIN: &str = "/services/AuthenticationAdmin";

/// What is asked for at a door of workers: what the file leads to the console's pool is not theirs.
fn forbidden(door: &Door<'_>) -> Vec<&'static str> {
    let of_console = |target: &str| matches!(door.leads(GET, target), Leads::To(way, _) if way.kind == Kind::Console);
    FORBIDDEN.into_iter().filter(|target| door.has(Kind::Services) && !of_console(target)).collect()
}

/// How many requests it sends at a door.
pub(super) fn requests(door: &Door<'_>) -> u32 {
    forbidden(door).len() as u32 + u32::from(door.has(Kind::Console))
}

/// One line for each door.
pub(super) async fn check(ground: &Ground<'_>, report: &mut Report) {
    for door in ground.open(Kind::Services) {
        let (subject, targets) = (Subject::new("closed", door.about()), forbidden(door));
        if targets.is_empty() {
            continue;
        }
        match closed(ground, door, &targets).await {
            Ok(verdict) => report.judged(subject, verdict),
            Err(untold) => report.skipped(subject, format!("it could not be told of {untold}")),
        }
    }
    for door in ground.open(Kind::Console) {
        let Some((way, _)) = door.asked(Kind::Console, GET, ADMIN) else { continue };
        let subject = Subject::new("admin", door.about());
        match ground.get(door, ADMIN).await {
            Err(why) => report.failed(subject, why, "`weir nodes` tells how the manager is"),
            Ok(answer) => manager_only(ground, way.pool, &answer, subject, report),
        }
    }
}

/// An error says where it could not be told.
async fn closed(ground: &Ground<'_>, door: &Door<'_>, targets: &[&str]) -> Result<Verdict, String> {
    let (mut open, mut untold) = (Vec::new(), Vec::new());
    for target in targets {
        let answer = match ground.get(door, target).await {
            Ok(answer) => answer,
            Err(why) => return Ok(Err((format!("{target}: {why}"), String::new()))),
        };
        let told = format!("{target} ({})", answer.status);
        match answer.status {
            _ if is_refused(ground, door, &answer) => {}
            // No node answered, or too much was asked.
            429 | 502..=504 => untold.push(told),
            _ => open.push(told),
        }
    }
    if open.is_empty() && untold.is_empty() {
        return Ok(Ok(format!("{} paths of the console and of admin services are refused", targets.len())));
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
fn is_refused(ground: &Ground<'_>, door: &Door<'_>, answer: &Answer) -> bool {
    let is_secure = |url: &Url| {
        let here = |other: &Door<'_>| other.tls && other.host == url.host && other.port == url.port;
        url.tls && url.host == door.host && (url.port == 443 || ground.doors.iter().any(here))
    };
    let moved = || !door.tls && answer.field("Location").and_then(Url::parse).is_some_and(|url| is_secure(&url));
    matches!(answer.status, 403 | 404 | 410 | 421) || (matches!(answer.status, 301..=308) && moved())
}

fn manager_only(ground: &Ground<'_>, pool: &Pool, answer: &Answer, subject: Subject, report: &mut Report) {
    let nodes: Vec<&str> = ground.nodes(pool).map(|node| &*node.name).collect();
    let reached = nodes.join(", ");
    let port = || {
        format!("the console's pool wants the manager's own port, 9443 + Offset: pool {} has {}", pool.name, pool.port)
    };
    match answer.status {
        502..=504 => {
            let what = format!("admin services of {reached} answer {}", answer.status);
            report.failed(subject, what, "`weir nodes` tells how the manager is");
        }
        202 if answer.body.is_empty() => {
            let what =
                format!("{reached} answers 202 with an empty body, as PassThrough does to any path: no admin service");
            report.failed(subject, what, &port());
        }
        status @ (404 | 410) => {
            report.failed(subject, format!("{reached} answers {status}: it has no admin services"), &port());
        }
        status @ 301..=308 => {
            let to = answer.field("Location").unwrap_or("nowhere");
            report.skipped(subject, format!("{reached} answers {status} to {to}, and no admin service has answered"));
        }
        429 => report.skipped(subject, "429: the site's rate refused it, so no admin service was asked"),
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
