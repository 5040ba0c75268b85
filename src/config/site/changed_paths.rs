//! Routes with `upstream-path`: by which paths clients reach a path of the nodes, and whether that goes round a denial.

use crate::config::model::{Action, PathPattern, Route, Site};
use crate::config::text::section::Section;
use crate::config::values::paths;
use crate::config::values::wso2::{CONSOLE, LOGIN_SERVICE};

/// The most denials, and the most changed paths, that are looked at, because files written by programs have tens of
/// thousands of routes. With more of them a way round may not be reported.
const ENOUGH: usize = 20;

/// The paths by which clients reach this path of the nodes, and the route that takes each; none is the site itself.
pub(super) fn public_paths<'s>(site: &'s Site, path: &str) -> Vec<(String, Option<&'s Route>)> {
    let changed = site.routes.iter().filter_map(|route| public_path(route, path)).take(ENOUGH);
    let all = std::iter::once(path.to_owned()).chain(changed);
    let taken = |public: String| {
        let route = site.routes.iter().find(|route| takes(route, &public));
        // By this path the nodes are asked for another one.
        let is_asked = route.is_none_or(|route| match route.upstream_path {
            None => public == path,
            Some(_) => public_path(route, path).is_some_and(|own| own == public),
        });
        is_asked.then_some((public, route))
    };
    all.filter_map(taken).collect()
}

/// By what path a route's clients ask for this path of the nodes, where the route changes paths.
fn public_path(route: &Route, path: &str) -> Option<String> {
    let upstream = route.upstream_path.as_deref()?;
    match route.path.as_ref()? {
        PathPattern::Exact(public) => (path == upstream).then(|| public.to_string()),
        PathPattern::Prefix(public) => {
            let rest = path.strip_prefix(upstream.trim_end_matches('/'))?;
            rest.starts_with('/').then(|| format!("{}{rest}", public.trim_end_matches('/')))
        }
        PathPattern::Regex(_) | PathPattern::Target(_) => None,
    }
}

fn takes(route: &Route, path: &str) -> bool {
    match &route.path {
        None => true,
        Some(PathPattern::Target(regex)) => regex.is_match(path.as_bytes()),
        Some(pattern) => paths::takes(pattern, path),
    }
}

/// Warns where a route denies a path of the nodes and another one leads there under another path. The denial is of what
/// clients ask for.
pub(super) fn warn(section: &Section<'_>, site: &Site) {
    if site.routes.iter().all(|route| route.upstream_path.is_none()) {
        return;
    }
    let denials = site.routes.iter().filter(|route| route.action == Action::Deny && is_for_all(route));
    for denial in denials.take(ENOUGH) {
        let denied = denied_paths(denial);
        let around = denied.iter().find_map(|path| Some((path, way_around(site, path)?)));
        let Some((path, (public, way))) = around else { continue };
        let what = format!("route {:?} leads to {path} of the nodes, which route {:?} denies", way.name, denial.name);
        let advice = format!("deny prefix = {public:?} too, in a route before it, if nobody may come there");
        section.problems.warning(way.at.clone(), what, advice);
    }
}

/// A denial of some methods or of some clients is not meant for the path.
fn is_for_all(route: &Route) -> bool {
    route.path.is_some() && route.methods.is_empty() && route.headers.is_empty()
}

/// What a denial keeps from clients: what it says itself, or those of what must not be open that its expression finds.
fn denied_paths(denial: &Route) -> Vec<&str> {
    match &denial.path {
        Some(PathPattern::Exact(path) | PathPattern::Prefix(path)) => vec![&**path],
        _ => [CONSOLE, LOGIN_SERVICE].into_iter().filter(|path| takes(denial, path)).collect(),
    }
}

/// A path other than this one by which clients reach it, with the route that leads there. A path below that route's own
/// prefix is meant as clients ask for it.
fn way_around<'s>(site: &'s Site, path: &str) -> Option<(String, &'s Route)> {
    public_paths(site, path).into_iter().find_map(|(public, route)| {
        let route = route.filter(|route| matches!(route.action, Action::Pool(_)) && !takes(route, path))?;
        (public != path).then_some((public, route))
    })
}
