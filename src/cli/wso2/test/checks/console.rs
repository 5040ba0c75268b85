//! Whether the console can be reached, and leads nobody away from its public address.

use crate::cli::wso2::test::client::{Answer, Question};
use crate::cli::wso2::test::ground::{Ground, Reached};
use crate::cli::wso2::test::places::Door;
use crate::cli::wso2::test::report::{Report, Subject};
use crate::cli::wso2::test::url::{Url, located};
use crate::cli::wso2::test::ways::{CONSOLE as START, GET, Kind};

/// Most requests that one of its walks sends.
pub(super) const MOST_HOPS: u32 = 8;

/// Two lines for each site of the console: through Weir, and what the manager itself writes.
pub(super) async fn check(ground: &Ground<'_>, reached: &[Reached<'_>], report: &mut Report) {
    let asked = |door| Some((door, Door::asked(door, Kind::Console, GET, START)?));
    let doors: Vec<_> = ground.doors.iter().filter_map(asked).collect();
    if doors.is_empty() {
        let why = "no site leads to a console: its pool has port 9443 or 9763, or [cluster] console names the site";
        report.skipped(Subject::new("console", "no site"), why);
    }
    for (door, (way, start)) in doors.into_iter().filter(|(door, _)| !door.places.is_empty()) {
        through(ground, door, report).await;
        for node in reached.iter().filter(|reached| reached.pool.name == way.pool.name) {
            let subject = Subject::new("proxy-port", node.node.name.to_string());
            let walk = match ground.direct(node, Some(door), &start) {
                Ok(question) => walk(ground, door, question).await,
                Err(why) => Err(Strayed::Broken(why)),
            };
            match walk {
                Ok(Walked { named: true, .. }) => report.passed(subject, format!("redirects to {}", door.origin())),
                Ok(walked) => report.skipped(subject, unnamed(&walked)),
                Err(Strayed::Away(to)) => {
                    let what =
                        format!("redirects to {to}; Weir corrects Location, but pages of the console have it too");
                    report.failed(subject, what, &away(door, &node.node.name));
                }
                Err(Strayed::Broken(why)) => report.failed(subject, why, LOOK),
            }
        }
    }
}

async fn through(ground: &Ground<'_>, door: &Door<'_>, report: &mut Report) {
    let subject = Subject::new("console", door.about());
    let walked = match ground.client.through(door, START) {
        Ok(question) => walk(ground, door, question).await,
        Err(why) => Err(Strayed::Broken(why)),
    };
    match walked {
        Err(Strayed::Away(to)) => report.failed(subject, format!("{START} leads to {to}"), &away(door, "the manager")),
        Err(Strayed::Broken(why)) => report.failed(subject, why, LOOK),
        Ok(Walked { last, .. }) if last.status == 403 => {
            report.skipped(subject, "403: this machine may not come to it (allow-from of the site)");
        }
        Ok(Walked { naked: true, .. }) if door.tls => {
            report.failed(subject, "its cookie JSESSIONID is not Secure", SECURE);
        }
        Ok(Walked { last, hops, .. }) => {
            let (status, origin) = (last.status, door.origin());
            let way = match hops {
                0 => "without a redirect".to_owned(),
                1 => format!("after 1 redirect, to {origin}"),
                _ => format!("after {hops} redirects, all to {origin}"),
            };
            report.passed(subject, format!("{START} answers {status} {way}"));
        }
    }
}

struct Walked {
    last: Answer,
    hops: u32,
    /// Whether a redirect named the public address: a Location of a path alone names none.
    named: bool,
    /// Whether a session's cookie was set without the attribute Secure.
    naked: bool,
}

enum Strayed {
    /// To another address than the public one.
    Away(String),
    Broken(String),
}

/// Follows redirects as a browser does, as long as they stay.
async fn walk(ground: &Ground<'_>, door: &Door<'_>, mut question: Question) -> Result<Walked, Strayed> {
    let mut base = Url { tls: door.tls, host: door.host.clone(), port: door.port, target: START.to_owned() };
    let (mut seen, mut naked, mut named) = (Vec::new(), false, false);
    for hops in 0..MOST_HOPS {
        let answer = ground.client.ask(&question).await.map_err(Strayed::Broken)?;
        if let Some(session) = answer.cookie("JSESSIONID") {
            question.cookie = Some(format!("JSESSIONID={session}"));
        }
        naked |= answer.session("JSESSIONID", false).is_some();
        let Some(location) = answer.field("Location").filter(|_| matches!(answer.status, 301 | 302 | 303 | 307 | 308))
        else {
            return match answer.status {
                200..=299 | 401 | 403 => Ok(Walked { last: answer, hops, named, naked }),
                status => Err(Strayed::Broken(format!("{} answers {status}", base.target))),
            };
        };
        let next = located(&base, location);
        if (next.tls, &*next.host, next.port) != (door.tls, &*door.host, door.port) {
            return Err(Strayed::Away(location.to_owned()));
        }
        named |= Url::parse(location).is_some();
        seen.push(base.target.clone());
        if seen.contains(&next.target) && answer.cookie("JSESSIONID").is_none() {
            return Err(Strayed::Broken(format!(
                "{} redirects to {} again: an endless loop",
                base.target, next.target
            )));
        }
        question.target.clone_from(&next.target);
        base = next;
    }
    Err(Strayed::Broken(format!("{START} redirects {MOST_HOPS} times and comes to no page")))
}

/// Why it is not known which address the manager has for the public one.
fn unnamed(walked: &Walked) -> String {
    let status = walked.last.status;
    match walked.hops {
        0 => {
            format!("answers {status} without a redirect, so it names no address: see proxyPort in catalina-server.xml")
        }
        _ => format!("its redirects to {status} are paths without an address: see proxyPort in catalina-server.xml"),
    }
}

fn away(door: &Door<'_>, node: &str) -> String {
    format!(
        "{node}: proxyPort=\"{}\" as an attribute of the connectors in catalina-server.xml, MgtHostName {} in carbon.xml",
        door.port, door.host
    )
}

const SECURE: &str = "the manager's connector: secure=\"true\" scheme=\"https\" in catalina-server.xml; or cookies = { secure = true } of the pool";
const LOOK: &str = "`weir nodes` tells how the manager is; `weir why` of this URL says where it goes";
