//! The rules of a site: those of the first matching route, or the site's own. All of it is prepared once per
//! generation.

use std::net::IpAddr;
use std::sync::Arc;

use super::access::may_come;
use super::edits::FieldEdits;
use super::normalized_path::AmbiguousPath;
use super::path_change::PathChange;
use super::routes::{RouteScratch, Routes, Skip};
use crate::config;
use crate::config::{Access, Action, PathPattern, RouteTimeouts, Timeouts};
use crate::traffic::limits::rate::RateLimit;
use crate::wire::RequestHead;

/// A site's rules.
pub struct SiteRules {
    routes: Routes,
    by_route: Vec<Rules>,
    own: Rules,
}

/// The rules for a request.
pub struct Rules {
    /// The route's name; empty for the site's own rules.
    pub name: Arc<str>,
    /// What to do with the request.
    pub action: Action,
    /// What becomes of the path on the way to a node.
    pub path_change: Option<PathChange>,
    /// The access rules.
    access: Access,
    /// The rate limit.
    rate: Option<Arc<RateLimit>>,
    /// Whether a client must show a certificate.
    pub needs_certificate: bool,
    /// Whether these rules or the site's own need the client's address.
    asks_who: bool,
    /// Deadlines of the route.
    timeouts: RouteTimeouts,
    /// Largest request body in bytes.
    pub max_body: Option<u64>,
    /// Whether non-idempotent requests may be retried after a byte was sent.
    pub non_idempotent: bool,
    /// Edits of the request head.
    pub request: FieldEdits,
    /// Edits of the answer head.
    pub response: FieldEdits,
}

impl SiteRules {
    /// Prepares the rules of a site. Rate counters of `before` are kept if the rate is the same.
    pub fn new(site: &config::Site, before: Option<&Self>, secret: [u8; 16]) -> Self {
        let rate = |rate: &Option<config::Rate>, known: Option<&Rules>, route: &str| {
            let place = format!("site {} route {route}", site.name);
            Some(RateLimit::carried_on(rate.as_ref()?, known.and_then(|rules| rules.rate.as_ref()), secret, &place))
        };
        let asks_who = |access: &Access, rate: &Option<config::Rate>| *access != Access::default() || rate.is_some();
        let site_asks_who = asks_who(&site.access, &site.rate);
        let by_route = site.routes.iter().map(|route| {
            let known = before.and_then(|before| before.by_route.iter().find(|rules| rules.name == route.name));
            Rules {
                name: Arc::clone(&route.name),
                action: route.action.clone(),
                path_change: path_change(route),
                access: route.access.clone(),
                rate: rate(&route.rate, known, &route.name),
                needs_certificate: site.needs_certificate(Some(route)),
                asks_who: site_asks_who || asks_who(&route.access, &route.rate),
                timeouts: route.timeouts,
                max_body: route.max_body.map_or(site.max_body, |most| (most > 0).then_some(most)),
                non_idempotent: route.non_idempotent,
                request: FieldEdits::new(&route.request_headers),
                response: FieldEdits::new(&route.response_headers),
            }
        });
        Self {
            routes: Routes::new(&site.routes, before.map(|before| &before.routes)),
            by_route: by_route.collect(),
            own: Rules {
                name: "".into(),
                // A site without a pool must have a route that takes everything.
                action: site.pool.map_or(Action::Deny, Action::Pool),
                path_change: None,
                access: site.access.clone(),
                rate: rate(&site.rate, before.map(|before| &before.own), ""),
                needs_certificate: site.needs_certificate(None),
                asks_who: site_asks_who,
                timeouts: RouteTimeouts::default(),
                max_body: site.max_body,
                non_idempotent: false,
                request: FieldEdits::new(&site.request_headers),
                response: FieldEdits::new(&site.response_headers),
            },
        }
    }

    /// The route of the request; `None` if the site's own rules apply. Routes for which `skip` is true are left out. A path
    /// that the route would change, and that is unclear, is an error too.
    pub fn find(
        &self,
        head: &RequestHead,
        scratch: &mut RouteScratch,
        skip: Skip<'_>,
    ) -> Result<Option<usize>, AmbiguousPath> {
        if self.routes.is_empty() {
            return Ok(None);
        }
        let found = self.routes.find(head, scratch, skip)?;
        if let Some(change) = &self.of(found).path_change {
            change.check(head.path(), &mut scratch.path)?;
        }
        Ok(found)
    }

    /// The rules of a route, or the site's own.
    pub fn of(&self, route: Option<usize>) -> &Rules {
        route.and_then(|route| self.by_route.get(route)).unwrap_or(&self.own)
    }

    /// Whether the client has access: site and route must both allow it.
    pub fn may_come(&self, route: Option<usize>, client: IpAddr) -> bool {
        may_come(&self.own.access, client) && may_come(&self.of(route).access, client)
    }

    /// Whether the client's address is needed.
    pub fn ask_who(&self, route: Option<usize>) -> bool {
        self.of(route).asks_who
    }

    /// All rate limits of the site.
    pub fn all_rates(&self) -> impl Iterator<Item = &Arc<RateLimit>> {
        self.by_route.iter().chain([&self.own]).filter_map(|rules| rules.rate.as_ref())
    }

    /// The rate limits that apply: the site's, then the route's.
    pub fn rates(&self, route: Option<usize>) -> impl Iterator<Item = &Arc<RateLimit>> {
        let own = route.is_some().then_some(&self.own);
        own.into_iter().chain([self.of(route)]).filter_map(|rules| rules.rate.as_ref())
    }
}

/// The change of a route that has one; it replaces a prefix or a whole path.
fn path_change(route: &config::Route) -> Option<PathChange> {
    match (&route.path, &route.upstream_path) {
        (Some(PathPattern::Exact(public) | PathPattern::Prefix(public)), Some(upstream)) => {
            Some(PathChange::new(public, upstream))
        }
        _ => None,
    }
}

impl Rules {
    /// The deadlines: the route's where it has them, else the pool's.
    pub fn timeouts(&self, pool: &Timeouts) -> Timeouts {
        let own = &self.timeouts;
        Timeouts {
            connect: own.connect.unwrap_or(pool.connect),
            handshake: pool.handshake,
            read: own.read.unwrap_or(pool.read),
            send: own.send.unwrap_or(pool.send),
            tunnel: own.tunnel.unwrap_or(pool.tunnel),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::wire::HeadLimits;

    /// The rules of a site with these lines.
    fn rules(lines: &str) -> SiteRules {
        let text = format!(
            "[[listener]]\nname = \"http\"\nbind = \"127.0.0.1:8080\"\n[[node]]\nname = \"n\"\naddress = \"10.0.0.3\"\n\
             [[pool]]\nname = \"app\"\nnodes = [\"n\"]\nport = 80\n\
             [[site]]\nname = \"main\"\nlistener = \"http\"\ndefault = true\npool = \"app\"\n{lines}"
        );
        let config = config::load_text(Path::new("weir.toml"), text, &config::empty());
        let config = config.map_err(|errors| errors.to_string()).expect("a good configuration");
        SiteRules::new(&config.sites[0], None, [7; 16])
    }

    fn head(path: &str) -> RequestHead {
        let mut head = RequestHead::new();
        let text = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        head.parse(text.as_bytes(), &HeadLimits::default()).expect("a good head");
        head
    }

    fn find(rules: &SiteRules, path: &str) -> Result<Option<usize>, AmbiguousPath> {
        rules.find(&head(path), &mut RouteScratch::default(), &|_| false)
    }

    #[test]
    fn site_and_route_must_both_let_a_client_in() {
        let closed =
            "[[site.route]]\nprefix = \"/inner\"\ndeny-from = [\"10.1.0.0/16\"]\n[[site.route]]\nprefix = \"/open\"\n";
        let rules = rules(&format!("allow-from = [\"10.0.0.0/8\"]\n{closed}"));
        for (route, client, expected) in [
            (None, "10.1.0.1", true),
            (None, "11.0.0.1", false),
            (Some(0), "10.2.0.1", true),
            (Some(0), "10.1.0.1", false),
            (Some(0), "11.0.0.1", false),
            (Some(1), "10.1.0.1", true),
            (Some(1), "11.0.0.1", false),
        ] {
            let client = client.parse().expect("an address");
            assert_eq!(rules.may_come(route, client), expected, "{route:?} {client}");
            assert!(rules.ask_who(route), "{route:?}");
        }
    }

    #[test]
    fn the_client_is_asked_for_only_where_something_depends_on_it() {
        let some = rules(
            "[[site.route]]\nprefix = \"/a\"\n[[site.route]]\nprefix = \"/b\"\ndeny-from = [\"10.1.0.0/16\"]\n\
             [[site.route]]\nprefix = \"/c\"\nrate = { requests = 5 }\n",
        );
        assert_eq!([None, Some(0), Some(1), Some(2)].map(|route| some.ask_who(route)), [false, false, true, true]);
        let all = rules(
            "rate = { requests = 5 }\n[[site.route]]\nprefix = \"/a\"\n[[site.route]]\nprefix = \"/b\"\nrate = { requests = 9 }\n",
        );
        assert_eq!([None, Some(0)].map(|route| all.ask_who(route)), [true, true]);
        // The site's rate holds for its routes too, and comes first.
        let rates = |route| all.rates(route).map(Arc::as_ptr).collect::<Vec<_>>();
        assert_eq!((rates(None).len(), rates(Some(0)), rates(Some(1)).len()), (1, rates(None), 2));
        assert_eq!(rates(Some(1))[0], rates(None)[0]);
        assert_eq!(all.all_rates().count(), 2);
    }

    #[test]
    fn a_route_is_found_and_changes_the_path_where_it_says_so() {
        let rules = rules(
            "[[site.route]]\npath = \"/one\"\nupstream-path = \"/two\"\n\
             [[site.route]]\nprefix = \"/esb/\"\nupstream-path = \"/services/\"\n[[site.route]]\nprefix = \"/plain\"\n",
        );
        for (path, route, up) in [
            ("/one?x=1", Some(0), Some("/two?x=1")),
            ("/esb/Echo?wsdl", Some(1), Some("/services/Echo?wsdl")),
            ("/plain/a", Some(2), None),
            ("/elsewhere", None, None),
        ] {
            let found = find(&rules, path).expect("a clear path");
            assert_eq!(found, route, "{path}");
            let change = rules.of(found).path_change.as_ref();
            let head = head(path);
            let changed =
                change.map(|change| String::from_utf8_lossy(&change.up(head.target_up()).concat()).into_owned());
            assert_eq!(changed.as_deref(), up, "{path}");
        }
        assert_eq!(rules.of(Some(1)).action, Action::Pool(0));
        // Where it would be changed it must be clear what it means.
        assert!(find(&rules, "/esb/..%2fadmin").is_err());
    }
}
