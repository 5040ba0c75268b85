//! Requests made from the import: for each site, host and listener the paths that its locations tell apart, and what is
//! asked of every site.

use std::collections::{BTreeSet, HashSet};

use super::ask::Ask;
use super::example;
use super::places::Door;
use crate::config::{Config, HostPattern, Site};
use crate::import::Imported;

/// Which requests may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nodes {
    /// The nodes are at work: only GET and HEAD.
    Live,
    /// Nobody is harmed by a POST.
    Stubs,
}

/// The requests, and whether there would be more.
pub(super) fn requests(imported: &Imported, config: &Config, doors: &[Door], nodes: Nodes) -> (Vec<Ask>, bool) {
    let mut all = Vec::new();
    for site in &config.sites {
        let locations = imported.locations(&site.name);
        for (number, door) in site.listeners.iter().filter_map(|at| Some((*at, doors.get(*at)?))) {
            if door.old.is_some() {
                of_door(site, &locations, (number, door), nodes, &mut all);
            }
        }
    }
    let lost = lost(imported, config);
    for (number, door) in doors.iter().enumerate().filter(|(_, door)| door.old.is_some()) {
        let hosts = lost.iter().map(String::as_str).chain([NOBODY]);
        all.extend(hosts.map(|host| Ask::get(number, door.secure, &authority(host, door), "/")));
    }
    let mut seen = HashSet::new();
    all.retain(|ask| seen.insert((ask.door, ask.said())));
    let more = all.len() > MOST;
    all.truncate(MOST);
    (all, more)
}

/// Names of servers that no site has, as clients would write them.
fn lost(imported: &Imported, config: &Config) -> Vec<String> {
    let takes = |name: &str| {
        config.sites.iter().flat_map(|site| &*site.hosts).any(|host| match host {
            HostPattern::Exact(own) => **own == *name,
            HostPattern::Wildcard(end) => name.strip_suffix(&**end).is_some_and(|rest| rest.ends_with('.')),
        })
    };
    let written = |word: &str| match word {
        word if word.starts_with('~') => example::name(&word[1..]),
        word if word.starts_with("*.") => Some(format!("compared{}", &word[1..])),
        word if word.ends_with(".*") => Some(word.replace('*', "invalid")),
        word => Some(word.trim_start_matches('.').to_owned()),
    };
    let names = imported.server_names().into_iter().filter_map(|word| written(&word.to_ascii_lowercase()));
    let fits = |name: &String| name.parse::<http::uri::Authority>().is_ok() && name.contains('.') && !takes(name);
    let names: BTreeSet<String> = names.filter(fits).collect();
    names.into_iter().take(MOST_LOST).collect()
}

fn of_door(site: &Site, locations: &[String], (number, door): (usize, &Door), nodes: Nodes, all: &mut Vec<Ask>) {
    let hosts = site.hosts.iter().take(MOST_HOSTS).map(|host| match host {
        HostPattern::Exact(name) => name.to_string(),
        HostPattern::Wildcard(name) => format!("compared.{name}"),
    });
    // A default site without names takes what nobody else has.
    let nobody = (site.default && site.hosts.is_empty()).then(|| NOBODY.to_owned());
    for (at, host) in hosts.chain(nobody).enumerate() {
        let host = authority(&host, door);
        let get = |target: &str| Ask::get(number, door.secure, &host, target);
        let paths = locations.iter().map(|words| paths(words)).filter(|paths| !paths.is_empty());
        if at > 0 {
            // The same site under another name.
            all.push(get("/"));
            all.extend(paths.take(MOST_PATHS).filter_map(|paths| paths.first().map(|path| get(path))));
            continue;
        }
        let paths: Vec<_> = paths.flatten().take(MOST_PATHS).collect();
        all.extend(paths.iter().map(|path| get(path)));
        all.extend(below_others(locations).iter().map(|path| get(path)));
        all.extend(USUAL.iter().map(|path| get(path)));
        all.extend(unusual(&get));
        if nodes == Nodes::Stubs {
            all.extend(at_stubs(&get, &paths));
        }
    }
}

/// A name that no site has.
const NOBODY: &str = "nobody.invalid";

/// A port that is not the scheme's own stands in Host.
fn authority(host: &str, door: &Door) -> String {
    let own = if door.secure { 443 } else { 80 };
    if door.bind.port() == own { host.to_owned() } else { format!("{host}:{}", door.bind.port()) }
}

/// Paths at the borders of a location.
fn paths(words: &str) -> Vec<String> {
    let (kind, path) = words.split_once(' ').unwrap_or(("", words));
    match kind {
        "=" => vec![path.to_owned(), format!("{path}/"), format!("{path}?q=1")],
        "~" | "~*" => example::path(path, kind == "~*")
            .into_iter()
            .flat_map(|path| [path.clone(), format!("{path}?q=1")])
            .collect(),
        "" | "^~" if path == "/" || !path.starts_with('/') => Vec::new(),
        _ => match path.strip_suffix('/') {
            Some(short) => {
                vec![path.to_owned(), short.to_owned(), format!("{path}deeper/page?q=1"), format!("{short}x")]
            }
            None => vec![path.to_owned(), format!("{path}/"), format!("{path}/deeper/page?q=1"), format!("{path}x")],
        },
    }
}

/// What regular expressions take below other locations.
fn below_others(locations: &[String]) -> Vec<String> {
    let kind = |words: &str| words.split_once(' ').map(|(kind, rest)| (kind.to_owned(), rest.to_owned()));
    let expressions = locations.iter().filter_map(|words| kind(words)).filter(|(kind, _)| kind.starts_with('~'));
    let prefixes = locations.iter().filter_map(|words| match kind(words) {
        None => words.starts_with('/').then(|| words.clone()),
        Some((kind, path)) => (kind == "^~").then_some(path),
    });
    let prefixes: Vec<_> = prefixes.filter(|path| path != "/").collect();
    let found = expressions.flat_map(|(kind, expression)| {
        let below = move |prefix: &String| example::below(prefix, &expression, kind == "~*");
        prefixes.iter().filter_map(below).collect::<Vec<_>>()
    });
    found.take(MOST_PATHS).collect()
}

/// What stubs answer in a way of their own, or what nodes or proxies may read in different ways.
const USUAL: [&str; 11] = [
    "/",
    "/services/Version?wsdl",
    "/carbon/admin/login.jsp",
    "/nobody/named/this.html",
    "/services/echo;jsessionid=0123456789ABCDEF.node1?x=1",
    "/%73ervices/a%20b?x=%2F&y=a+b",
    "/services//echo",
    "/services/./a/../echo",
    "/services/%2e%2e/carbon/",
    "/carbon;x/admin/",
    "/?q=1",
];

/// Other methods and fields.
fn unusual(get: &impl Fn(&str) -> Ask) -> Vec<Ask> {
    let spoofed = "203.0.113.66";
    vec![
        get("/").by("HEAD", None),
        get("/carbon/").with("Cookie", "JSESSIONID=0123456789ABCDEF.node1; other=1"),
        get("/").with("X-Forwarded-For", spoofed).with("X-Real-IP", spoofed).with("X-Forwarded-Proto", "https"),
        get("/services/socket")
            .with("Upgrade", "websocket")
            .with("Sec-WebSocket-Version", "13")
            .with("Sec-WebSocket-Key", "MDEyMzQ1Njc4OWFiY2RlZg=="),
    ]
}

fn at_stubs(get: &impl Fn(&str) -> Ask, paths: &[String]) -> Vec<Ask> {
    let post = |path: &str, body: &[u8]| get(path).with("Content-Type", "text/xml").by("POST", Some(body.to_vec()));
    let mut all = vec![
        get("/services/to-node"),
        get("/services/to-host"),
        get("/services/to-path"),
        get("/services/answer-500"),
        get("/services/answer-404"),
        post("/services/echo", SOAP),
        post("/services/large", &vec![b'x'; (1 << 20) + 1]),
        get("/services/echo").by("DELETE", None),
        get("/services/echo").by("PUT", Some(SOAP.to_vec())),
    ];
    let below = paths.iter().filter(|path| path.ends_with('/')).take(4);
    for path in below {
        all.extend(["to-node", "to-host", "to-path"].map(|end| get(&format!("{path}{end}"))));
        all.push(post(path, SOAP));
    }
    all
}

const SOAP: &[u8] = b"<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"/>";
const MOST: usize = 2000;
const MOST_HOSTS: usize = 4;
const MOST_LOST: usize = 20;
const MOST_PATHS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lie_on_both_sides_of_a_locations_border() {
        assert_eq!(paths("/carbon"), ["/carbon", "/carbon/", "/carbon/deeper/page?q=1", "/carbonx"]);
        assert_eq!(paths("^~ /static/"), ["/static/", "/static", "/static/deeper/page?q=1", "/staticx"]);
        assert_eq!(paths("= /health"), ["/health", "/health/", "/health?q=1"]);
        assert_eq!(paths(r"~* \.php$").len(), 2);
        assert!(paths("/").is_empty() && paths("@fallback").is_empty());
    }

    #[test]
    fn expressions_are_asked_below_other_locations_too() {
        let locations = ["/", "^~ /static/", "/carbon", "= /x", r"~ \.jsp$", "~ ^/t/"].map(str::to_owned);
        assert_eq!(below_others(&locations), ["/static/.jsp", "/carbon/.jsp"]);
    }
}
