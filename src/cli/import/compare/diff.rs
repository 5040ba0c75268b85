//! What differs between two outcomes, apart from what always differs between two servers.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::Hasher;
use std::net::SocketAddr;

use super::ask::Ask;
use super::exchange::{Answer, NO_HANDSHAKE, Outcome};
use super::stubs::Seen;

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Such as `status`, or `node saw Host`.
    pub(super) what: String,
    pub(super) old: String,
    pub(super) new: String,
}

/// An outcome with what the nodes got to see.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) outcome: Outcome,
    pub(super) seen: Vec<Seen>,
}

/// What is known of the nodes.
pub(super) struct Judge {
    /// The nodes' addresses, pool by pool.
    pub(super) pools: Vec<HashSet<SocketAddr>>,
    /// The nodes are stubs, which always answer the same.
    pub(super) stubs: bool,
}

/// What is not compared, for people.
pub(super) const ALWAYS: &str = "Date, Server, X-Request-Id, Connection, Keep-Alive and the framing of bodies; the text of pages that \
    a proxy makes itself; Location whole or from its path on, and one that names a node, which Weir leads to the site; at the nodes \
    HTTP/1.0 or 1.1, the order of fields, the X-Forwarded and X-Real-IP lines that Weir always writes, and Upgrade, which it lets \
    through";

impl Judge {
    pub(super) fn differences(&self, ask: &Ask, old: &Round, new: &Round) -> Vec<Difference> {
        let mut all = Differences::default();
        match (&old.outcome, &new.outcome) {
            (Outcome::Answer(one), Outcome::Answer(other)) => {
                let own = self.stubs && old.seen.is_empty() && new.seen.is_empty();
                self.answers(ask, [one, other], own, &mut all);
            }
            // With which alert a handshake is refused is told to nobody.
            (Outcome::Nothing(one), Outcome::Nothing(other)) if [one, other].iter().all(|why| is_refused(why)) => {}
            (one, other) => all.add("answer", said(one), said(other)),
        }
        if self.stubs {
            self.nodes(ask, &old.seen, &new.seen, &mut all);
        }
        all.0
    }

    /// `own`: the answers are known to come from no node.
    fn answers(&self, ask: &Ask, [old, new]: [&Answer; 2], own: bool, all: &mut Differences) {
        let short =
            |pin: &Option<String>| pin.as_deref().map_or("none".to_owned(), |pin| pin.chars().take(23).collect());
        all.add("certificate", short(&old.certificate), short(&new.certificate));
        let to_node =
            old.fields.iter().any(|(name, value)| name.eq_ignore_ascii_case("location") && self.is_node(value));
        let value = |name: &str, value: &str| match name {
            "set-cookie" if !self.stubs => without_its_value(value),
            "location" if value.starts_with('/') && !value.starts_with("//") => format!("{}{value}", ask.origin()),
            _ => value.to_owned(),
        };
        if old.status != new.status {
            all.add("status", old.status.to_string(), new.status.to_string());
            let location = |answer: &Answer| grouped(&answer.fields, &|name| name != "location", &value);
            return all.fields("", &location(old), &location(new));
        }
        let page = is_nginx_page(&old.body) || own && old.status >= 300;
        let skip = |name: &str| {
            ALWAYS_IN_ANSWERS.contains(&name)
                || (page || own) && OF_PAGES.contains(&name)
                || to_node && name == "location"
        };
        all.fields("", &grouped(&old.fields, &skip, &value), &grouped(&new.fields, &skip, &value));
        if !page {
            all.bodies("body", &old.body, &new.body);
        }
    }

    /// Whether this URL names a node, which no client should get to see.
    fn is_node(&self, url: &str) -> bool {
        let authority = url.split_once("://").and_then(|(_, rest)| rest.split('/').next());
        let address = authority.and_then(|authority| authority.parse::<SocketAddr>().ok());
        address.is_some_and(|address| self.pools.iter().any(|pool| pool.contains(&address)))
    }

    fn nodes(&self, ask: &Ask, old: &[Seen], new: &[Seen], all: &mut Differences) {
        all.add("requests at nodes", old.len().to_string(), new.len().to_string());
        let (Some(old), Some(new)) = (old.last(), new.last()) else { return };
        let together = old.node.zip(new.node).is_none_or(|(old, new)| {
            old == new || self.pools.iter().any(|pool| pool.contains(&old) && pool.contains(&new))
        });
        if !together {
            let name = |seen: &Seen| seen.node.map_or_else(String::new, |node| node.to_string());
            all.add("node", name(old), name(new));
        }
        all.add("node saw method", old.method.clone(), new.method.clone());
        all.add("node saw target", old.target.clone(), new.target.clone());
        // What the old one added nothing to, it would have passed as the client wrote it.
        let untouched = |name: &str| values(&old.fields, name) == values(&ask.fields, name);
        let skip = |name: &str| {
            let old_has_it = old.fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
            ALWAYS_AT_NODES.contains(&name)
                || ADDED_AT_NODES.contains(&name) && (!old_has_it || untouched(name))
                || name == "upgrade" && !old_has_it
        };
        let whole = |_: &str, value: &str| value.to_owned();
        all.fields("node saw ", &grouped(&old.fields, &skip, &whole), &grouped(&new.fields, &skip, &whole));
        all.bodies("node saw body", &old.body, &new.body);
    }
}

fn values<'a>(fields: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    fields.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
}

#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn add(&mut self, what: impl Into<String>, old: String, new: String) {
        if old != new {
            self.0.push(Difference { what: what.into(), old, new });
        }
    }

    fn fields(&mut self, before: &str, old: &Fields, new: &Fields) {
        let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        let value =
            |fields: &Fields, name| fields.get(name).map_or("none".to_owned(), |(_, values)| values.join(" | "));
        for name in names {
            let said = old.get(name).or_else(|| new.get(name)).map_or(name.as_str(), |(said, _)| said);
            self.add(format!("{before}{said}"), value(old, name), value(new, name));
        }
    }

    /// Their lengths, or the first line that differs.
    fn bodies(&mut self, what: &str, old: &[u8], new: &[u8]) {
        if old.len() != new.len() {
            return self.add(what, format!("{} bytes", old.len()), format!("{} bytes", new.len()));
        }
        let lines = |body: &[u8]| String::from_utf8_lossy(body).lines().map(str::to_owned).collect::<Vec<_>>();
        let first = lines(old).into_iter().zip(lines(new)).find(|(one, other)| one != other);
        match first {
            Some((one, other)) => self.add(what, clipped(&one), clipped(&other)),
            None => self.add(what, hash(old), hash(new)),
        }
    }
}

/// By names in lower case: the name as it is written, and the values in their order.
type Fields = BTreeMap<String, (String, Vec<String>)>;

/// The fields that are not skipped, with what `value` makes of each.
fn grouped(fields: &[(String, String)], skip: &dyn Fn(&str) -> bool, value: &dyn Fn(&str, &str) -> String) -> Fields {
    let mut all = Fields::new();
    for (name, text) in fields {
        let key = name.to_ascii_lowercase();
        if !skip(&key) {
            let text = value(&key, text);
            all.entry(key).or_insert_with(|| (name.clone(), Vec::new())).1.push(text);
        }
    }
    all
}

/// A cookie of a live node has another value each time.
fn without_its_value(cookie: &str) -> String {
    let (pair, rest) = cookie.split_once(';').unwrap_or((cookie, ""));
    format!("{}=…;{rest}", pair.split('=').next().unwrap_or_default())
}

fn is_nginx_page(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    text.contains("<hr><center>nginx") && text.contains("<center><h1>")
}

fn is_refused(why: &str) -> bool {
    why.starts_with(NO_HANDSHAKE)
}

fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answer(answer) => answer.status.to_string(),
        Outcome::Nothing(why) => why.clone(),
    }
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Enough to see that two are not the same.
fn hash(body: &[u8]) -> String {
    let mut hasher = siphasher::sip::SipHasher13::new();
    hasher.write(body);
    format!("{} bytes, hash {:016x}", body.len(), hasher.finish())
}

const ALWAYS_IN_ANSWERS: [&str; 8] =
    ["date", "server", "x-request-id", "connection", "keep-alive", "content-length", "transfer-encoding", "x-weir"];
const OF_PAGES: [&str; 2] = ["content-type", "cache-control"];
const ALWAYS_AT_NODES: [&str; 7] =
    ["connection", "keep-alive", "x-request-id", "content-length", "transfer-encoding", "te", "expect"];
const ADDED_AT_NODES: [&str; 8] = [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-server",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-real-ip",
    "via",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn round(status: u16, fields: &[(&str, &str)], body: &str, seen: &[(&str, &str)]) -> Round {
        let answer = Answer { status, fields: pairs(fields), body: body.into(), certificate: None };
        let seen = Seen { method: "GET".to_owned(), target: "/".to_owned(), fields: pairs(seen), ..Seen::default() };
        Round { outcome: Outcome::Answer(answer), seen: vec![seen] }
    }

    fn ask() -> Ask {
        Ask::get(0, false, "site.test", "/").with("X-Real-IP", "6.6.6.6")
    }

    fn found(stubs: bool, old: &Round, new: &Round) -> Vec<String> {
        let judge = Judge { pools: Vec::new(), stubs };
        let told = |one: Difference| format!("{}: {} / {}", one.what, one.old, one.new);
        judge.differences(&ask(), old, new).into_iter().map(told).collect()
    }

    #[test]
    fn what_two_servers_never_share_does_not_count() {
        let page = "<center><h1>404 Not Found</h1></center><hr><center>nginx/1.22.1</center>";
        let old = round(
            404,
            &[("Server", "nginx"), ("Content-Type", "text/html")],
            page,
            &[("Host", "a"), ("Connection", "close")],
        );
        let new = round(
            404,
            &[("Date", "today"), ("Content-Type", "text/plain")],
            "no",
            &[("X-Forwarded-Proto", "http"), ("host", "a")],
        );
        assert!(found(true, &old, &new).is_empty(), "{:?}", found(true, &old, &new));
    }

    #[test]
    fn what_differs_is_found_and_nothing_else() {
        let old = || {
            round(
                200,
                &[("X-A", "1"), ("Set-Cookie", "S=1; Path=/")],
                "one\ntwo",
                &[("Host", "pool"), ("X-Forwarded-For", "10.0.0.9")],
            )
        };
        let rows = [
            (
                round(302, &[("Location", "/x")], "", &[("Host", "pool"), ("X-Forwarded-For", "10.0.0.9")]),
                vec!["status: 200 / 302", "Location: none / http://site.test/x"],
            ),
            (
                round(200, &[("x-a", "2"), ("Set-Cookie", "S=1; Path=/a")], "one\nTWO", &[("Host", "b")]),
                vec![
                    "Set-Cookie: S=1; Path=/ / S=1; Path=/a",
                    "X-A: 1 / 2",
                    "body: two / TWO",
                    "node saw Host: pool / b",
                    "node saw X-Forwarded-For: 10.0.0.9 / none",
                ],
            ),
            (
                Round { outcome: Outcome::Nothing("no handshake".to_owned()), seen: Vec::new() },
                vec!["answer: 200 / no handshake", "requests at nodes: 1 / 0"],
            ),
        ];
        for (new, expected) in rows {
            assert_eq!(found(true, &old(), &new), expected);
        }
        assert!(found(true, &old(), &old()).is_empty());
        let nothing = |why: &str| Round { outcome: Outcome::Nothing(why.to_owned()), seen: Vec::new() };
        let (one, other) = (nothing("no handshake: UnrecognisedName"), nothing("no handshake: AccessDenied"));
        assert!(found(true, &one, &other).is_empty());
        assert_eq!(found(true, &one, &nothing("no answer in 10 s")).len(), 1);
    }

    #[test]
    fn what_weir_always_does_for_nodes_and_redirects_does_not_count() {
        let judge = Judge { pools: vec![[SocketAddr::from(([10, 0, 0, 3], 8280))].into()], stubs: true };
        let rows = [
            ("http://10.0.0.3:8280/x", "http://site.test/x", true),
            ("http://site.test/x", "/x", true),
            ("http://10.0.0.9:8280/x", "http://site.test/x", false),
        ];
        for (old, new, same) in rows {
            let [old, new] = [old, new].map(|to| round(302, &[("Location", to)], "", &[]));
            assert_eq!(judge.differences(&ask(), &old, &new).is_empty(), same);
        }
        let old = |value| round(200, &[], "", &[("X-Real-IP", value)]);
        let new = round(200, &[], "", &[("X-Real-IP", "10.0.0.9"), ("Upgrade", "websocket")]);
        assert!(judge.differences(&ask(), &old("6.6.6.6"), &new).is_empty(), "as the client wrote it");
        assert_eq!(judge.differences(&ask(), &old("10.0.0.1"), &new)[0].what, "node saw X-Real-IP");
    }

    #[test]
    fn cookies_of_live_nodes_have_their_own_values() {
        let old = round(200, &[("Set-Cookie", "S=1; Path=/")], "", &[]);
        assert!(found(false, &old, &round(200, &[("Set-Cookie", "S=2; Path=/")], "", &[])).is_empty());
        assert_eq!(found(false, &old, &round(200, &[("Set-Cookie", "S=2; Path=/b")], "", &[])).len(), 1);
    }

    #[test]
    fn another_node_of_the_same_pool_is_no_difference() {
        let at = |last| Some(SocketAddr::from(([10, 0, 0, last], 80)));
        let judge = Judge { pools: vec![[at(1), at(2)].into_iter().flatten().collect()], stubs: true };
        let by = |last| {
            let mut round = round(200, &[], "", &[]);
            round.seen[0].node = at(last);
            round
        };
        assert!(judge.differences(&ask(), &by(1), &by(2)).is_empty());
        assert_eq!(judge.differences(&ask(), &by(1), &by(3))[0].what, "node");
    }
}
