//! Whether sites that send all their clients elsewhere do so.

use crate::cli::wso2::test::ground::Ground;
use crate::cli::wso2::test::places::Door;
use crate::cli::wso2::test::report::{Report, Subject};
use crate::cli::wso2::test::url::{Url, located};
use crate::cli::wso2::test::ways::{GET, takes_all, taking};
use crate::config::{Action, Redirect, RedirectTarget};

/// One line for each door of such a site.
pub(super) async fn check(ground: &Ground<'_>, report: &mut Report) {
    let mut any = false;
    for door in &ground.doors {
        let Some(redirect) = of_all(door) else { continue };
        any = true;
        let subject = Subject::new("redirect", door.about());
        if door.places.is_empty() {
            report.skipped(subject, "its host does not resolve");
            continue;
        }
        let verdict = leads(ground, door, redirect).await;
        report.judged(subject, verdict);
    }
    if !any {
        report.skipped(Subject::new("redirect", "no site"), "no site of weir.toml redirects all of its requests");
    }
}

/// The redirect that takes what no other route takes, where it takes what is asked for here.
fn of_all<'a>(door: &'a Door<'_>) -> Option<&'a Redirect> {
    let route = taking(door.site, GET, TARGET).filter(|route| takes_all(route))?;
    match &route.action {
        Action::Redirect(redirect) => Some(redirect),
        _ => None,
    }
}

async fn leads(ground: &Ground<'_>, door: &Door<'_>, redirect: &Redirect) -> Result<String, (String, String)> {
    let advice = || format!("`weir diff` tells whether {} runs; is another server at this address?", ground.file());
    let answer = ground.get(door, TARGET).await.map_err(|why| (why, advice()))?;
    let Some(location) = answer.field("Location").filter(|_| answer.status == redirect.status) else {
        return Err((format!("answers {} and not {}", answer.status, redirect.status), advice()));
    };
    let base = Url { tls: door.tls, host: door.host.clone(), port: door.port, target: TARGET.to_owned() };
    let got = located(&base, location);
    match wanted(&base, &redirect.target) {
        Some(wanted) if wanted != got => Err((format!("leads to {location}"), advice())),
        _ => Ok(format!("{} {location}", answer.status)),
    }
}

fn wanted(base: &Url, target: &RedirectTarget) -> Option<Url> {
    match target {
        RedirectTarget::Fixed(to) => Url::parse(to),
        RedirectTarget::Changed { scheme, host, port, path, keep_query } => {
            let tls = scheme.as_ref().map_or(base.tls, |scheme| **scheme == *"https");
            let default = if tls { 443 } else { 80 };
            let kept = if scheme.is_some() { default } else { base.port };
            let query = base.target.split_once('?').map_or("", |(_, query)| query);
            let target = match path {
                Some(path) if *keep_query => format!("{path}?{query}"),
                Some(path) => path.to_string(),
                None => base.target.clone(),
            };
            let host = host.as_ref().map_or_else(|| base.host.clone(), ToString::to_string);
            Some(Url { tls, host, port: port.unwrap_or(kept), target })
        }
    }
}

const TARGET: &str = "/services/weir-wso2-test?a=b";
