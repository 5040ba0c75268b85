//! Whether one route of a site takes everything that a later one could take.

use super::model::{HeaderMatch, PathPattern, Route};
use super::paths;

/// Whether whatever `later` matches, `earlier` matches too. Where only a trial of all paths could tell, it does not.
pub(super) fn covers(earlier: &Route, later: &Route) -> bool {
    path_covers(earlier.path.as_ref(), later.path.as_ref())
        && methods_cover(earlier, later)
        && earlier.headers.iter().all(|wanted| later.headers.iter().any(|own| implies(own, wanted)))
}

/// Whether it takes every request there is.
pub(super) fn takes_all(route: &Route) -> bool {
    takes_all_paths(route.path.as_ref()) && route.methods.is_empty() && route.headers.is_empty()
}

fn takes_all_paths(path: Option<&PathPattern>) -> bool {
    match path {
        None => true,
        Some(PathPattern::Prefix(prefix)) => **prefix == *"/",
        Some(PathPattern::Exact(_) | PathPattern::Regex(_)) => false,
    }
}

fn path_covers(earlier: Option<&PathPattern>, later: Option<&PathPattern>) -> bool {
    match (earlier, later) {
        (earlier, _) if takes_all_paths(earlier) => true,
        (Some(earlier), Some(PathPattern::Exact(path))) => paths::takes(earlier, path),
        (Some(earlier @ PathPattern::Prefix(_)), Some(PathPattern::Prefix(path))) => paths::takes(earlier, path),
        (Some(PathPattern::Regex(earlier)), Some(PathPattern::Regex(later))) => earlier.as_str() == later.as_str(),
        _ => false,
    }
}

fn methods_cover(earlier: &Route, later: &Route) -> bool {
    let within = || !later.methods.is_empty() && later.methods.iter().all(|method| earlier.methods.contains(method));
    earlier.methods.is_empty() || within()
}

fn implies(own: &HeaderMatch, wanted: &HeaderMatch) -> bool {
    own.name == wanted.name && (wanted.value.is_none() || own.value == wanted.value)
}
