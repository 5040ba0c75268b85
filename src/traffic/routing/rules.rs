//! What a site does with its requests: the first route that matches, or the site's own rules. Everything that can be
//! made ready is, when the configuration is read.

use std::net::IpAddr;
use std::sync::Arc;

use super::access::may_come;
use super::edits::FieldEdits;
use super::normalized_path::{PathScratch, Unclear};
use super::routes::{Routes, Skip};
use crate::config;
use crate::config::{Access, Action, RouteTimeouts, Timeouts};
use crate::traffic::limits::rate::RateLimit;
use crate::wire::RequestHead;

/// A site's rules.
pub struct SiteRules {
    routes: Routes,
    by_route: Vec<Rules>,
    own: Rules,
}

/// What holds for a request.
pub struct Rules {
    /// The route's name; empty for the site's own.
    pub name: Arc<str>,
    /// What becomes of it.
    pub action: Action,
    /// Who may come.
    access: Access,
    /// How often.
    rate: Option<Arc<RateLimit>>,
    /// Whether any of it, or of what the site says itself, depends on who the client is.
    asks_who: bool,
    /// Deadlines of its own.
    timeouts: RouteTimeouts,
    /// Largest request body in bytes.
    pub max_body: Option<u64>,
    /// Whether a request that may have changed something may be repeated.
    pub non_idempotent: bool,
    /// What is changed on the way up.
    pub request: FieldEdits,
    /// What is changed on the way down.
    pub response: FieldEdits,
}

impl SiteRules {
    /// The rules of a site. Counts of `before` go on where the rate is the same.
    pub fn new(site: &config::Site, before: Option<&Self>, secret: [u8; 16]) -> Self {
        let rate = |rate: &Option<config::Rate>, known: Option<&Rules>| {
            let rate = rate.as_ref()?;
            let known = known.and_then(|rules| rules.rate.as_ref()).filter(|known| known.same_as(rate));
            Some(known.map_or_else(|| Arc::new(RateLimit::new(rate, secret)), Arc::clone))
        };
        let asks_who = |access: &Access, rate: &Option<config::Rate>| *access != Access::default() || rate.is_some();
        let site_asks_who = asks_who(&site.access, &site.rate);
        let by_route = site.routes.iter().map(|route| {
            let known = before.and_then(|before| before.by_route.iter().find(|rules| rules.name == route.name));
            Rules {
                name: Arc::clone(&route.name),
                action: route.action.clone(),
                access: route.access.clone(),
                rate: rate(&route.rate, known),
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
                // Without a pool a route takes everything.
                action: site.pool.map_or(Action::Deny, Action::Pool),
                access: site.access.clone(),
                rate: rate(&site.rate, before.map(|before| &before.own)),
                asks_who: site_asks_who,
                timeouts: RouteTimeouts::default(),
                max_body: site.max_body,
                non_idempotent: false,
                request: FieldEdits::new(&site.request_headers),
                response: FieldEdits::new(&site.response_headers),
            },
        }
    }

    /// The route that takes the request; none where the site itself does. Those of which `skip` says so are left out.
    pub fn find(&self, head: &RequestHead, room: &mut PathScratch, skip: Skip<'_>) -> Result<Option<usize>, Unclear> {
        if self.routes.is_empty() { Ok(None) } else { self.routes.find(head, room, skip) }
    }

    /// What holds on that route, or without one.
    pub fn of(&self, route: Option<usize>) -> &Rules {
        route.and_then(|route| self.by_route.get(route)).unwrap_or(&self.own)
    }

    /// Whether the client may come: site and route must both let it.
    pub fn may_come(&self, route: Option<usize>, client: IpAddr) -> bool {
        may_come(&self.own.access, client) && may_come(&self.of(route).access, client)
    }

    /// Whether anything depends on who the client is.
    pub fn ask_who(&self, route: Option<usize>) -> bool {
        self.of(route).asks_who
    }

    /// The rates that hold: the site's, then the route's.
    pub fn rates(&self, route: Option<usize>) -> impl Iterator<Item = &Arc<RateLimit>> {
        let own = route.is_some().then_some(&self.own);
        own.into_iter().chain([self.of(route)]).filter_map(|rules| rules.rate.as_ref())
    }
}

impl Rules {
    /// The route's deadlines over the pool's.
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
