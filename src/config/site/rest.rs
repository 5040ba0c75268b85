//! `redirect` of a `[[site]]`: where requests go that no route takes.

use std::sync::Arc;

use crate::config::model::{Access, Action, Listener, Route, RouteTimeouts, Site};
use crate::config::text::section::Section;
use crate::config::values::redirect;
use crate::config::values::redirect::Origin;

/// The site's redirect as a last route, which takes all that comes to it.
pub(super) fn read(
    section: &Section<'_>,
    site: &Site,
    earlier: &[Route],
    listeners: &[Listener],
    taken: impl Fn(&str) -> bool,
) -> Option<Route> {
    let table = section.section("redirect", "site.redirect")?;
    if section.has("pool") {
        let advice = "requests that no route takes have one way: leave one of them out";
        section.refuse("redirect", "redirect stands beside pool", advice);
    }
    let origin = Origin {
        listeners: site.listeners.iter().filter_map(|index| listeners.get(*index)).collect(),
        hosts: &site.hosts,
        path: None,
        methods: &[],
        earlier,
    };
    let names = (1..).map(|number| if number == 1 { "redirect".to_owned() } else { format!("redirect{number}") });
    let free = names.map(Arc::<str>::from).find(|name| !taken(name));
    Some(Route {
        name: free.unwrap_or_default(),
        path: None,
        methods: Vec::new(),
        headers: Vec::new(),
        upstream_path: None,
        action: Action::Redirect(redirect::read(&table, &origin)),
        access: Access::default(),
        rate: None,
        timeouts: RouteTimeouts::default(),
        max_body: None,
        client_auth: None,
        non_idempotent: false,
        request_headers: site.request_headers.clone(),
        response_headers: site.response_headers.clone(),
        at: section.place_of("redirect"),
    })
}
