//! `[[site]]`: host names on listeners, and where requests for them are sent.

mod certificates;
mod changed_paths;
pub(crate) mod client_auth;
mod closed;
mod covered;
mod error_pages;
mod open_console;
pub(crate) mod ordered;
pub(crate) mod passthrough;
mod rest;
mod routes;

use std::collections::HashMap;
use std::sync::Arc;

use super::hosts;
use super::hosts::HostPattern;
use super::model::{Listener, Logs, Pool, Site};
use super::server::logs;
use super::text::errors::{Place, Wrong};
use super::text::section::Section;
use super::text::value::Text;
use super::text::words::{is_token, quoted};
use super::values::edits;
use super::values::edits::{Direction, Lacks};
use super::values::limits;
use super::values::names::Names;

use self::ordered::CertificateContext;

pub(crate) use self::error_pages::page as error_page;

/// What reading a site needs: the things that a site may refer to, and how its certificate is judged.
pub(crate) struct SiteContext<'a> {
    pub(crate) listeners: &'a [Listener],
    pub(crate) listener_names: &'a Names,
    pub(crate) pools: &'a [Pool],
    pub(crate) pool_names: &'a Names,
    pub(crate) logs: &'a Logs,
    /// Whether there are servers that other machines have, too.
    pub(crate) shares: bool,
    pub(crate) certificates: CertificateContext<'a>,
}

/// Reads one site.
pub(crate) fn read(section: &Section<'_>, name: Arc<str>, context: &SiteContext<'_>, used: &mut UsedHosts) -> Site {
    let listeners = listeners(section, context);
    let hosts = read_hosts(section);
    let (default, nameless) = (section.flag("default"), section.flag("nameless"));
    let passthrough = section.flag("passthrough");
    used.add(section, &listeners, &hosts, context);
    if default {
        used.default(section, &listeners, context);
    }
    if nameless {
        used.nameless(section, &listeners, context);
    }
    let hosts: Vec<HostPattern> = hosts.into_iter().map(|(host, _)| host).collect();
    let on = || listeners.iter().filter_map(|index| context.listeners.get(*index));
    let client_auth = client_auth::read(section, passthrough, on());
    let lacks = Lacks { ids: edits::without_ids(on()), certificates: client_auth.is_none() };
    let (certificates, ordered) =
        certificates::read(section, passthrough, (&listeners, &hosts), (&name, &context.certificates));
    let mut site = Site {
        certificates,
        ordered,
        passthrough,
        client_auth,
        pool: section.text("pool").map(|pool| context.pool_names.find(&pool).unwrap_or(0)),
        routes: Vec::new(),
        access: limits::access(section),
        rate: limits::rate(section, context.shares),
        request_headers: edits::read(section, Direction::ToNode, lacks),
        response_headers: edits::read(section, Direction::ToClient, lacks),
        error_pages: error_pages::read(section),
        explain: section.flag("explain"),
        max_body: section.optional_size("max-body"),
        via: section.flag("via"),
        upgrades: upgrades(section),
        logs: logs::read(section, context.logs),
        at: section.at(),
        name,
        listeners,
        hosts,
        default,
        nameless,
    };
    let SiteContext { listeners, pools, pool_names, shares, .. } = *context;
    site.routes = routes::read(section, &site, &routes::RouteContext { listeners, pools, pool_names, shares });
    open_console::warn(section, &site, context.listeners, context.pools);
    changed_paths::warn(section, &site);
    if passthrough {
        let _not_read = section.value("certificate");
        passthrough::check(section, &site, context.listeners, context.pools);
        return site;
    }
    if !section.has("pool") && !site.routes.iter().any(covered::takes_all) {
        let pool = context.pools.first().map(|pool| format!("pool = {:?}, or ", pool.name)).unwrap_or_default();
        let advice = format!(
            "write {pool}redirect = {{ scheme = \"https\" }}, or a last route without conditions that redirects, answers or denies"
        );
        section.problems.error(section.at(), "[[site]] has no pool", advice);
    }
    site
}

fn listeners(section: &Section<'_>, context: &SiteContext<'_>) -> Vec<usize> {
    section.required("listener");
    let Some(value) = section.value("listener") else { return Vec::new() };
    let names = match value.value {
        toml::de::DeValue::Array(_) => value.texts("list of listener names").unwrap_or_default(),
        _ => value.text("the name of a listener, or a list of them").into_iter().collect(),
    };
    if section.is_empty_list("listener") {
        section.refuse("listener", "listener: the list is empty", "name at least one");
    }
    let mut found = Vec::new();
    for name in names {
        match context.listener_names.find(&name) {
            Some(index) if found.contains(&index) => {
                name.refuse(format!("{:?} is named twice", name.text), "once is enough");
            }
            Some(index) => found.push(index),
            None => {}
        }
    }
    found
}

fn read_hosts<'a>(section: &Section<'a>) -> Vec<(HostPattern, Text<'a>)> {
    let written = section.texts("hosts").unwrap_or_default();
    let says = |key: &'static str| matches!(section.value(key).and_then(|value| value.flag()), Some(true));
    if (!section.has("hosts") || section.is_empty_list("hosts")) && !says("default") && !says("nameless") {
        section.refuse(
            "hosts",
            "the site answers to no host",
            "write hosts = [\"esb.wso2.com\"], or default = true for whatever no other site takes",
        );
    }
    written.into_iter().filter_map(|text| Some((text.parsed(hosts::pattern)?, text))).collect()
}

fn upgrades(section: &Section<'_>) -> Vec<Arc<str>> {
    let protocol =
        |text: &str| match is_token(text.split('/').next().unwrap_or_default()) && text.split('/').count() <= 2 {
            true => Ok(Arc::from(text.to_ascii_lowercase())),
            false => Err(Wrong::new(format!("{} is no protocol", quoted(text)), "write \"websocket\"")),
        };
    match section.texts("upgrades") {
        Some(written) => written.iter().filter_map(|text| text.parsed(protocol)).collect(),
        None => vec!["websocket".into()],
    }
}

/// The hosts and defaults of each listener that already have a site, to find one that is used twice.
#[derive(Default)]
pub(crate) struct UsedHosts {
    hosts: HashMap<(usize, HostPattern), Place>,
    defaults: HashMap<usize, Place>,
    nameless: HashMap<usize, Place>,
}

impl UsedHosts {
    fn add(
        &mut self,
        section: &Section<'_>,
        listeners: &[usize],
        hosts: &[(HostPattern, Text<'_>)],
        context: &SiteContext<'_>,
    ) {
        for &listener in listeners {
            let name = context.listener_names.name(listener);
            for (host, text) in hosts {
                match self.hosts.insert((listener, host.clone()), text.at.clone()) {
                    Some(other) if section.holds("hosts", &other) => {
                        text.refuse(format!("{} is written twice", quoted(text.text)), "once is enough");
                    }
                    Some(other) => {
                        let what = format!("{} on listener {name:?} has a site already: {other}", quoted(text.text));
                        text.refuse(what, "a host belongs to one site of a listener");
                    }
                    None => {}
                }
            }
        }
    }

    fn default(&mut self, section: &Section<'_>, listeners: &[usize], context: &SiteContext<'_>) {
        for &listener in listeners {
            if let Some(other) = self.defaults.insert(listener, section.place_of("default")) {
                let name = context.listener_names.name(listener);
                section.refuse(
                    "default",
                    format!("listener {name:?} has a default already: {other}"),
                    "only one site of a listener takes what no other takes",
                );
            }
        }
    }

    fn nameless(&mut self, section: &Section<'_>, listeners: &[usize], context: &SiteContext<'_>) {
        for &listener in listeners {
            if let Some(other) = self.nameless.insert(listener, section.place_of("nameless")) {
                let name = context.listener_names.name(listener);
                section.refuse(
                    "nameless",
                    format!("listener {name:?} has a site for nameless clients already: {other}"),
                    "only one site of a listener takes them",
                );
            }
        }
    }
}
