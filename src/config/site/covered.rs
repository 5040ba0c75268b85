//! Whether one route of a site takes everything that a later one could take.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::model::{HeaderMatch, PathPattern, Route};
use crate::config::values::paths;

/// Earlier routes by their conditions. A later route is compared only with those that could take its requests, because
/// files written by programs have tens of thousands of routes.
#[derive(Default)]
pub(crate) struct Earlier {
    by_conditions: HashMap<(Shape, Option<HeaderMatch>), Vec<usize>>,
}

/// The most routes with the same conditions, and the most parts of a path, that are compared. With more of them, a
/// route that can never be reached may not be reported.
const ENOUGH: usize = 100;

impl Earlier {
    /// Adds the route at this index. It comes before all routes that are asked about later.
    pub(crate) fn add(&mut self, index: usize, route: &Route) {
        let key = (Shape::of(route.path.as_ref()), route.headers.first().cloned());
        self.by_conditions.entry(key).or_default().push(index);
    }

    /// The first of the added `routes` that takes all requests of `later`.
    pub(crate) fn covering<'r>(&self, routes: &'r [Route], later: &Route) -> Option<&'r Route> {
        let headers: Vec<Option<HeaderMatch>> =
            later.headers.iter().flat_map(implied).map(Some).chain([None]).collect();
        let keys = Shape::above(later.path.as_ref()).into_iter();
        let keys = keys.flat_map(|shape| headers.iter().map(move |header| (shape.clone(), header.clone())));
        let noted = keys.filter_map(|key| self.by_conditions.get(&key));
        let indices = noted.flat_map(|indices| indices.iter().take(ENOUGH));
        let covering = indices.filter(|index| routes.get(**index).is_some_and(|earlier| covers(earlier, later)));
        covering.min().and_then(|index| routes.get(*index))
    }
}

/// A header condition, and the weaker condition that only the name must be there.
fn implied(own: &HeaderMatch) -> [HeaderMatch; 2] {
    [own.clone(), HeaderMatch { name: Arc::clone(&own.name), value: None }]
}

/// The path condition of a route, as far as it can be looked up.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Shape {
    All,
    Exact(Arc<str>),
    Prefix(Arc<str>),
    /// Patterns that cannot be looked up.
    Other,
}

impl Shape {
    fn of(path: Option<&PathPattern>) -> Self {
        match path {
            path if takes_all_paths(path) => Self::All,
            Some(PathPattern::Exact(path)) => Self::Exact(Arc::clone(path)),
            Some(PathPattern::Prefix(path)) => Self::Prefix(Arc::clone(path)),
            _ => Self::Other,
        }
    }

    /// Every shape that may take all paths that this one takes.
    fn above(path: Option<&PathPattern>) -> Vec<Self> {
        let mut shapes = vec![Self::All, Self::Other];
        if let Some(PathPattern::Exact(path) | PathPattern::Prefix(path)) = path {
            shapes.push(Self::Exact(Arc::clone(path)));
            shapes.push(Self::Prefix(Arc::clone(path)));
            for (slash, _) in path.match_indices('/').take(ENOUGH) {
                shapes.extend([&path[..slash], &path[..=slash]].map(|part| Self::Prefix(part.into())));
            }
        }
        shapes
    }
}

/// Whether `earlier` matches everything that `later` matches. False when this cannot be decided without trying all
/// paths.
pub(crate) fn covers(earlier: &Route, later: &Route) -> bool {
    path_covers(earlier.path.as_ref(), later.path.as_ref())
        && methods_cover(earlier, later)
        && earlier.headers.iter().all(|wanted| later.headers.iter().any(|own| implies(own, wanted)))
}

/// Whether the route takes every request.
pub(crate) fn takes_all(route: &Route) -> bool {
    takes_all_paths(route.path.as_ref()) && route.methods.is_empty() && route.headers.is_empty()
}

fn takes_all_paths(path: Option<&PathPattern>) -> bool {
    match path {
        None => true,
        Some(PathPattern::Prefix(prefix)) => **prefix == *"/",
        Some(PathPattern::Exact(_) | PathPattern::Regex(_) | PathPattern::Target(_)) => false,
    }
}

fn path_covers(earlier: Option<&PathPattern>, later: Option<&PathPattern>) -> bool {
    match (earlier, later) {
        (earlier, _) if takes_all_paths(earlier) => true,
        (Some(earlier), Some(PathPattern::Exact(path))) => paths::takes(earlier, path),
        (Some(earlier @ PathPattern::Prefix(_)), Some(PathPattern::Prefix(path))) => paths::takes(earlier, path),
        (Some(PathPattern::Regex(earlier)), Some(PathPattern::Regex(later)))
        | (Some(PathPattern::Target(earlier)), Some(PathPattern::Target(later))) => earlier.as_str() == later.as_str(),
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
