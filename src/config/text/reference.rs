//! Every key there is: its table, form, default and meaning.
//!
//! The reader takes ranges and defaults from here and refuses what is not here; `make generated` writes the tables of
//! `docs/configuration.md` from it.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

/// Every key, table by table, in the order of the documentation.
pub fn reference() -> &'static [Key] {
    REFERENCE
}

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The table it stands in, as in `pool.health`; empty for the top level.
    pub table: &'static str,
    /// How it is spelled.
    pub key: &'static str,
    /// What it takes.
    pub form: Form,
    /// What holds when it is not written, as it would be written, or in words.
    pub default: &'static str,
    /// What it is for, in one line.
    pub meaning: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// true or false.
    Flag,
    /// A string of its own kind, named in words.
    Text(&'static str),
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// A whole number in this range.
    Integer(u64, u64),
    /// A number with a unit; true where zero has a meaning.
    Duration(bool),
    /// A number of bytes in this range.
    Size(u64, u64),
    /// From none to all, with a percent sign.
    Percent,
    /// A list, of what is named in words.
    List(&'static str),
    /// A table, or a list of tables where true.
    Table(bool),
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("`true` or `false`"),
            Self::Text(what) => f.write_str(what),
            Self::Choice(words) => {
                f.write_str(&words.iter().map(|w| format!("`\"{w}\"`")).collect::<Vec<_>>().join(", "))
            }
            Self::Integer(from, to) => write!(f, "number, {from} to {to}"),
            Self::Duration(_) => f.write_str("duration"),
            Self::Size(0, to) => write!(f, "size, up to {}", human_size(*to)),
            Self::Size(from, to) => write!(f, "size, {} to {}", human_size(*from), human_size(*to)),
            Self::Percent => f.write_str("share, `\"0%\"` to `\"100%\"`"),
            Self::List(what) => write!(f, "list of {what}"),
            Self::Table(false) => f.write_str("table"),
            Self::Table(true) => f.write_str("list of tables"),
        }
    }
}

/// How a table is written in a file: `[pool.health]`, `[[pool]]`.
pub fn heading(table: &str) -> String {
    match table {
        "" => "the top level of a file".to_owned(),
        "listener" | "node" | "pool" | "site" | "site.route" => format!("[[{table}]]"),
        _ => format!("[{table}]"),
    }
}

/// A size as an operator would write it.
pub(crate) fn human_size(bytes: u64) -> String {
    const UNITS: [(u32, &str); 4] = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = UNITS.iter().find(|(shift, _)| bytes >= 1 << shift && bytes.trailing_zeros() >= *shift);
    unit.map_or_else(|| bytes.to_string(), |(shift, name)| format!("{}{name}", bytes >> shift))
}

pub(crate) fn find(table: &str, key: &str) -> Option<&'static Key> {
    static BY_NAME: LazyLock<HashMap<(&str, &str), &Key>> =
        LazyLock::new(|| REFERENCE.iter().map(|key| ((key.table, key.key), key)).collect());
    BY_NAME.get(&(table, key)).copied()
}

pub(crate) fn keys_of(table: &str) -> Vec<&'static str> {
    REFERENCE.iter().filter(|k| k.table == table).map(|k| k.key).collect()
}

/// Tables that know this key: for those who wrote it into another one.
pub(crate) fn tables_of(key: &str) -> Vec<&'static str> {
    REFERENCE.iter().filter(|k| k.key == key).map(|k| k.table).collect()
}

const fn key(table: &'static str, key: &'static str, form: Form, default: &'static str, meaning: &'static str) -> Key {
    Key { table, key, form, default, meaning }
}

const REQUIRED: &str = "required";
const PORT: Form = Form::Integer(1, 65535);
const LOG: Form = Form::Text("`\"journal\"`, `\"off\"` or a file");
const FORMATS: Form = Form::Choice(&["combined", "json"]);
const NAME: Form = Form::Text("name");
const TIME: Form = Form::Duration(false);
const TIME_OR_NONE: Form = Form::Duration(true);
const ADDRESSES: Form = Form::List("addresses and networks");
const STATUSES: Form = Form::Text("status codes");

#[rustfmt::skip]
static REFERENCE: &[Key] = &[
    key("", "include", Form::List("file patterns"), "`[]`", "more files, merged in name order"),
    key("", "state-dir", Form::Text("directory"), "`\"/var/lib/weir\"`", "what outlives a restart: sessions, operators' node states, a secret; a change needs a restart"),
    key("", "threads", Form::Integer(1, 1024), "one per core", "threads that carry traffic; a change needs a restart"),
    key("", "stop-timeout", TIME_OR_NONE, "`\"30s\"`", "how long SIGTERM waits for running requests"),
    key("", "access-log", LOG, "`\"journal\"`", "access lines of all sites, and of what never reached a site"),
    key("", "error-log", LOG, "`\"journal\"`", "error lines of all sites, and of what never reached a site"),
    key("", "log-format", FORMATS, "`\"combined\"`", "the form of access lines"),
    key("", "admin", Form::Table(false), "see there", "metrics, status and commands"),
    key("", "dns", Form::Table(false), "see there", "who resolves the nodes' names"),
    key("", "listener", Form::Table(true), REQUIRED, "addresses and ports that Weir accepts on"),
    key("", "node", Form::Table(true), "`[]`", "server processes behind Weir"),
    key("", "pool", Form::Table(true), "`[]`", "nodes that share the work, and how"),
    key("", "site", Form::Table(true), "`[]`", "host names, and where their requests go"),

    key("admin", "bind", Form::Text("address:port"), "`\"127.0.0.1:9180\"`", "where metrics, status and commands are served; a change needs a restart"),
    key("admin", "hosts", Form::List("host names"), "none", "names of this machine by which commands may come to the admin address, beside localhost and IP addresses; what a web page sends under any other name is refused"),

    key("dns", "servers", Form::List("addresses, with or without a port"), "the system's", "asked in order, on port 53 unless they say otherwise; else `/etc/resolv.conf` and `/etc/hosts` are used"),

    key("listener", "name", NAME, REQUIRED, "unique among listeners"),
    key("listener", "bind", Form::Text("address:port"), REQUIRED, "`\"0.0.0.0:80\"` for all of IPv4, `\"[::]:80\"` for all of IPv6"),
    key("listener", "tls", Form::Table(false), "plain", "written, even empty: this listener speaks TLS"),
    key("listener", "http2", Form::Flag, "`true`", "offer HTTP/2 on a TLS listener"),
    key("listener", "handshake-timeout", TIME, "`\"10s\"`", "a TLS handshake in total"),
    key("listener", "head-timeout", TIME, "`\"15s\"`", "a request head in total, from its first byte"),
    key("listener", "idle-timeout", TIME, "`\"75s\"`", "a kept-alive connection between two requests"),
    key("listener", "body-timeout", TIME, "`\"60s\"`", "between two reads of a request body"),
    key("listener", "write-timeout", TIME, "`\"60s\"`", "between two writes of an answer"),
    key("listener", "max-head", Form::Size(1 << 10, 1 << 20), "`\"64KiB\"`", "largest request head; its target may fill it"),
    key("listener", "max-fields", Form::Integer(1, 1000), "`100`", "most header fields of a request"),
    key("listener", "max-requests", Form::Integer(1, 1_000_000_000), "`10000`", "requests on one connection before it is closed"),
    key("listener", "http2-idle-timeout", TIME, "`\"120s\"`", "an HTTP/2 connection without a stream"),
    key("listener", "trusted-proxies", ADDRESSES, "everyone", "peers whose X-Forwarded-* are believed, and whose Forwarded is passed on; from all others they are dropped"),
    key("listener", "public-port", PORT, "the scheme's own", "the port that clients reach it by, where their Host names none"),
    key("listener", "max-connections", Form::Integer(1, 10_000_000), "no limit", "most open client connections; more are closed as they come"),
    key("listener", "max-connections-per-client", Form::Integer(1, 10_000_000), "no limit", "most open connections of one client: an IPv4 address, or an IPv6 network of 64 bits"),

    key("listener.tls", "min-version", Form::Choice(&["1.2", "1.3"]), "`\"1.2\"`", "the oldest TLS version that is accepted"),

    key("node", "name", NAME, REQUIRED, "unique among nodes"),
    key("node", "address", Form::Text("IP address or host name"), REQUIRED, "where it is; each address of a name is a member of its pools"),
    key("node", "route", Form::Text("jvmRoute"), "its name", "what follows the dot in the session ids that it makes; for `sticky = { mode = \"route\" }`"),
    key("node", "port-offset", Form::Integer(0, 65534), "`0`", "the Offset of its carbon.xml, added to every port of its pools and probes"),

    key("pool", "name", NAME, REQUIRED, "unique among pools"),
    key("pool", "nodes", Form::List("node names, or `[pool.nodes]` tables"), REQUIRED, "who shares the work"),
    key("pool", "port", PORT, REQUIRED, "where the nodes are reached, before their `port-offset`"),
    key("pool", "balance", Form::Choice(&["round-robin", "least-requests", "least-time", "random-two", "hash"]), "`\"round-robin\"`", "whose turn it is"),
    key("pool", "hash", Form::Table(false), "required with `hash`", "with `balance = \"hash\"`: what a request is hashed by"),
    key("pool", "active", Form::Table(false), "off", "written: as many nodes as needed are active, the others stand by"),
    key("pool", "max-requests", Form::Integer(1, 1_000_000), "no limit", "most requests that each node runs at once for this pool"),
    key("pool", "queue", Form::Table(false), "off", "written: requests wait where every node has its `max-requests`"),
    key("pool", "slow-start", TIME_OR_NONE, "`\"0s\"`", "how long a node's share climbs once it is active; 0s: all of it at once"),
    key("pool", "tls", Form::Table(false), "plain", "written: the nodes are spoken to over TLS"),
    key("pool", "sticky", Form::Table(false), "off", "written: sessions stay on their node"),
    key("pool", "health", Form::Table(false), "off", "written: the nodes are probed"),
    key("pool", "timeouts", Form::Table(false), "see there", "deadlines towards the nodes"),
    key("pool", "idle-timeout", TIME, "`\"50s\"`", "idle connections are closed after this; keep it below the node's own"),
    key("pool", "reuse", Form::Flag, "`true`", "keep connections to nodes for further requests"),
    key("pool", "max-answer-head", Form::Size(1 << 10, 1 << 20), "`\"64KiB\"`", "largest head of a node's answer; with a larger one the client gets 502"),
    key("pool", "buffer-request", Form::Size(0, 64 << 20), "`\"0\"`", "bodies up to this size are read whole before the node gets the request, both at once; of larger ones as much; 0: never"),
    key("pool", "tries", Form::Integer(1, 100), "`3`", "nodes tried per request, never more than there are"),
    key("pool", "retry-time", TIME, "`\"30s\"`", "no further node is tried this long after the first"),
    key("pool", "retry-budget", Form::Percent, "`\"20%\"`", "repeated requests, of all requests, so that a storm cannot start"),
    key("pool", "retry-on", Form::List("`connect`, `reset`, `timeout` and status codes"), "`[\"connect\", \"reset\", \"timeout\"]`", "what another node is tried after"),
    key("pool", "eject", Form::Table(false), "see there", "when failed requests make a node passive for a while"),
    key("pool", "when-none", Form::Choice(&["fail", "all"]), "`\"fail\"`", "while probes fail at every node: answer 503, or try them all"),
    key("pool", "redirects", Form::Text("`\"off\"` or list of tables"), "nodes become sites", "what becomes of Location, Content-Location and Refresh that a node writes"),

    key("pool.nodes", "node", NAME, REQUIRED, "a node's name"),
    key("pool.nodes", "weight", Form::Integer(1, 1000), "`1`", "its share of the requests"),

    key("pool.nodes", "backup", Form::Flag, "`false`", "serves only while no other can"),
    key("pool.nodes", "max-requests", Form::Integer(1, 1_000_000), "the pool's", "most requests that it runs at once for this pool"),
    key("pool.nodes", "slow-start", TIME_OR_NONE, "the pool's", "how long its share climbs once it is active"),

    key("pool.hash", "on", Form::Choice(&["client", "header", "cookie", "path"]), REQUIRED, "the client's address, a header's or cookie's value, or the path without its query; the address where the request lacks it"),
    key("pool.hash", "name", Form::Text("name of a header or cookie"), "required with those", "which header or cookie"),

    key("pool.active", "with", NAME, "alone", "the pool of the same nodes whose active ones are active here too, instead of the other keys"),
    key("pool.active", "start", Form::Integer(1, 10_000), "`1`", "nodes active without need"),
    key("pool.active", "max", Form::Integer(1, 10_000), "all", "most active nodes, of those without `backup`"),
    key("pool.active", "in-flight-per-node", Form::Integer(1, 1_000_000), "`100`", "running requests per active node above which one more is activated"),
    key("pool.active", "for", TIME, "`\"30s\"`", "how long it must be above"),
    key("pool.active", "cool-down", TIME, "`\"5m\"`", "how long one fewer must be enough before one goes back, by draining"),

    key("pool.queue", "size", Form::Integer(1, 1_000_000), "`100`", "most requests that wait"),
    key("pool.queue", "wait", TIME, "`\"10s\"`", "how long one waits"),

    key("pool.redirects", "from", Form::Text("URL or path"), REQUIRED, "what a Location begins with"),
    key("pool.redirects", "to", Form::Text("URL or path"), REQUIRED, "what it begins with instead"),

    key("pool.eject", "failures", Form::Integer(0, 1000), "`3`", "failures within `within` that eject; 0: nothing ejects"),
    key("pool.eject", "within", TIME, "`\"10s\"`", "the time in which failures add up"),
    key("pool.eject", "for", TIME_OR_NONE, "`\"10s\"`", "how long the first ejection lasts, each one after it twice as long; 0s: nothing ejects"),
    key("pool.eject", "max-for", TIME, "`\"5m\"`", "the longest ejection"),
    key("pool.eject", "statuses", STATUSES, "none", "answers that count as failures, as in `\"502-504\"`; a SOAP fault is a 500"),
    key("pool.eject", "max-ejected", Form::Percent, "`\"50%\"`", "of the pool's nodes, how many may be ejected at once; one always may"),

    key("pool.tls", "verify", Form::Choice(&["pin", "full", "chain", "none"]), REQUIRED, "how a node proves who it is"),
    key("pool.tls", "pins", Form::List("pins"), "required with `pin`", "SHA-256 of the certificate or of its public key; `weir cert pin HOST:PORT` prints them"),
    key("pool.tls", "ca", Form::Text("PEM file"), "the system's", "with `full` and `chain`: who may sign the nodes' certificates"),
    key("pool.tls", "server-name", Form::Text("host name"), "the node's address", "the name asked for (SNI) and, with `full`, checked"),

    key("pool.sticky", "mode", Form::Choice(&["learn", "cookie", "route", "source"]), "`\"learn\"`", "how a request finds its node"),
    key("pool.sticky", "cookie", Form::Text("cookie name"), "`\"JSESSIONID\"`", "learn and route: the session cookie, compared without case; cookie: Weir's own, `\"WEIRNODE\"` by default"),
    key("pool.sticky", "path", Form::Text("path"), "`\"/\"`", "cookie: the Path of Weir's own"),
    key("pool.sticky", "secure", Form::Flag, "where the client came over TLS", "cookie: whether Weir's own is Secure"),
    key("pool.sticky", "http-only", Form::Flag, "`true`", "cookie: whether Weir's own is HttpOnly"),
    key("pool.sticky", "same-site", Form::Choice(&["strict", "lax", "none"]), "`\"lax\"`", "cookie: the SameSite of Weir's own"),
    key("pool.sticky", "idle", TIME, "`\"35m\"`", "an unused session is forgotten after this; a little more than the nodes' own session timeout"),
    key("pool.sticky", "max-sessions", Form::Integer(1, 100_000_000), "`1000000`", "learn and source: most sessions kept; the longest idle goes first"),
    key("pool.sticky", "failback", Form::Choice(&["stay", "when-idle", "return"]), "`\"stay\"`", "whether a session that had to move returns once its first node is active again: never, after a pause, or at once"),
    key("pool.sticky", "failback-idle", TIME, "`\"1m\"`", "with `when-idle`: how long the pause must be"),
    key("pool.sticky", "on-lost", Form::Choice(&["rebind", "refuse"]), "`\"rebind\"`", "while a session's node cannot serve: another node gets it, or it is answered 503"),

    key("pool.health", "interval", TIME, "`\"5s\"`", "between two rounds of probes, give or take a tenth"),
    key("pool.health", "timeout", TIME, "`\"2s\"`", "one probe in total"),
    key("pool.health", "rise", Form::Integer(1, 1000), "`2`", "rounds passed in a row that make a node active"),
    key("pool.health", "fall", Form::Integer(1, 1000), "`3`", "rounds failed in a row that make it passive"),
    key("pool.health", "patience", TIME_OR_NONE, "`\"15s\"`", "a probe that runs out of time does not count while a request was answered within this long: a garbage collection; 0s: it always counts"),
    key("pool.health", "mandatory", Form::Flag, "`false`", "a node gets nothing before its first round has passed, even where no node of the pool is known to be good"),
    key("pool.health", "probes", Form::Table(true), REQUIRED, "what is tried; all of them must pass"),

    key("pool.health.probes", "kind", Form::Choice(&["tcp", "tls", "http", "https"]), REQUIRED, "connect, shake hands, or ask with GET"),
    key("pool.health.probes", "port", PORT, "the pool's", "where, before the node's `port-offset`"),
    key("pool.health.probes", "path", Form::Text("path"), "`\"/\"`", "http and https: what is asked"),
    key("pool.health.probes", "host", Form::Text("host name"), "address:port", "http and https: the Host field"),
    key("pool.health.probes", "status", STATUSES, "`\"200-399\"`", "http and https: what passes, as in `\"200,301-303\"`"),
    key("pool.health.probes", "contains", Form::Text("text"), "anything", "http and https: the first 64 KiB of the body contain this"),

    key("pool.timeouts", "connect", TIME, "`\"5s\"`", "TCP to a node"),
    key("pool.timeouts", "handshake", TIME, "`\"15s\"`", "TLS with a node that accepted; longer than most garbage collections"),
    key("pool.timeouts", "read", TIME, "`\"5m\"`", "between two reads of an answer"),
    key("pool.timeouts", "send", TIME, "`\"5m\"`", "between two writes of a request"),
    key("pool.timeouts", "tunnel", TIME, "`\"1h\"`", "a tunnel (WebSocket) in which nobody speaks"),

    key("site", "name", NAME, REQUIRED, "unique among sites"),
    key("site", "listener", Form::List("listener names, or one name"), REQUIRED, "where its requests come in"),
    key("site", "hosts", Form::List("host names"), "required unless `default` or `nameless`", "the names it answers to: `esb.wso2.com`, `*.wso2.com`, an IP address; without a port"),
    key("site", "default", Form::Flag, "`false`", "takes what no other site of its listener takes"),
    key("site", "nameless", Form::Flag, "`false`", "takes clients of its listener that give no name: TLS without a server name, an IP address for a host, HTTP/1.0 without one"),
    key("site", "certificate", Form::Table(false), "required with TLS", "the certificate it shows"),
    key("site", "pool", Form::Text("pool name"), "required unless a route takes all", "where its requests go that no route takes"),
    key("site", "route", Form::Table(true), "`[]`", "what some of its requests do instead; the first that matches takes the request"),
    key("site", "allow-from", ADDRESSES, "everyone", "who may come; all others get 403"),
    key("site", "deny-from", ADDRESSES, "`[]`", "who may not come, even if allowed"),
    key("site", "rate", Form::Table(false), "no limit", "how often one client may come"),
    key("site", "request-headers", Form::Table(false), "as they come", "fields set or removed on the way to the node"),
    key("site", "response-headers", Form::Table(false), "as they come", "fields set or removed on the way to the client, in Weir's own answers too"),
    key("site", "explain", Form::Flag, "`false`", "tell the client in `X-Weir` why its request went to its node"),
    key("site", "max-body", Form::Size(1, 1 << 50), "no limit", "largest request body"),
    key("site", "via", Form::Flag, "`false`", "add a Via field, both ways"),
    key("site", "upgrades", Form::List("protocols"), "`[\"websocket\"]`", "what may upgrade a connection and become a tunnel"),
    key("site", "access-log", LOG, "the top level's", "access lines of this site"),
    key("site", "error-log", LOG, "the top level's", "error lines of this site"),
    key("site", "log-format", FORMATS, "the top level's", "the form of this site's access lines"),

    key("site.certificate", "chain", Form::Text("PEM file"), REQUIRED, "its certificate, then those that signed it"),
    key("site.certificate", "key", Form::Text("PEM file"), REQUIRED, "its private key, not encrypted"),

    key("site.rate", "requests", Form::Integer(1, 1_000_000), REQUIRED, "this many"),
    key("site.rate", "per", TIME, "`\"1s\"`", "in this time"),
    key("site.rate", "burst", Form::Integer(0, 1_000_000), "`0`", "this many more at once"),
    key("site.rate", "excess", Form::Choice(&["refuse", "delay"]), "`\"refuse\"`", "`delay`: those of the burst wait for their turn; whatever is beyond it gets 429"),
    key("site.rate", "by", Form::Choice(&["client", "header"]), "`\"client\"`", "who is counted as one"),
    key("site.rate", "header", Form::Text("header name"), "required with `header`", "requests with the same value are one; those without it are counted by client"),
    key("site.rate", "ipv4-prefix", Form::Integer(8, 32), "`32`", "by client: bits of an IPv4 address that make one client"),
    key("site.rate", "ipv6-prefix", Form::Integer(16, 128), "`64`", "by client: bits of an IPv6 address that make one client"),
    key("site.rate", "max-keys", Form::Integer(1, 10_000_000), "`100000`", "most that are counted at once; the longest quiet is forgotten first"),

    key("site.request-headers", "set", Form::Table(false), "none", "names and values; each instead of every line of that name"),
    key("site.request-headers", "remove", Form::List("header names"), "`[]`", "left out"),

    key("site.response-headers", "set", Form::Table(false), "none", "names and values; each instead of every line of that name"),
    key("site.response-headers", "add", Form::Table(false), "none", "names and values; beside the lines of that name"),
    key("site.response-headers", "remove", Form::List("header names"), "`[]`", "left out"),

    key("site.route", "name", NAME, "its path, or its number", "as the log and `weir why` call it"),
    key("site.route", "path", Form::Text("path"), "any", "this path alone"),
    key("site.route", "prefix", Form::Text("path"), "any", "this path and all below it"),
    key("site.route", "regex", Form::Text("regular expression"), "any", "paths in which it is found; `^` and `$` bind it to their ends"),
    key("site.route", "target", Form::Text("regular expression"), "any", "paths with their queries in which it is found, in whatever spelling"),
    key("site.route", "methods", Form::List("methods"), "any", "one of these"),
    key("site.route", "headers", Form::Table(true), "any", "all of these fields"),
    key("site.route", "pool", Form::Text("pool name"), "the site's", "its requests go there"),
    key("site.route", "redirect", Form::Table(false), "no", "they are told to go elsewhere"),
    key("site.route", "answer", Form::Table(false), "no", "Weir answers them"),
    key("site.route", "deny", Form::Flag, "`false`", "they get 403"),
    key("site.route", "allow-from", ADDRESSES, "everyone", "who may come, beside what the site says"),
    key("site.route", "deny-from", ADDRESSES, "`[]`", "who may not come, beside what the site says"),
    key("site.route", "rate", Form::Table(false), "no limit", "how often, beside what the site says; as `[site.rate]`"),
    key("site.route", "timeouts", Form::Table(false), "the pool's", "deadlines of its own"),
    key("site.route", "max-body", Form::Size(0, 1 << 50), "the site's", "largest request body; 0: no limit here"),
    key("site.route", "non-idempotent", Form::Flag, "`false`", "requests that may have changed something, such as a POST, may be repeated as well"),
    key("site.route", "request-headers", Form::Table(false), "the site's", "beside the site's, and stronger; as `[site.request-headers]`"),
    key("site.route", "response-headers", Form::Table(false), "the site's", "beside the site's, and stronger; as `[site.response-headers]`"),

    key("site.route.headers", "name", Form::Text("header name"), REQUIRED, "compared without case"),
    key("site.route.headers", "value", Form::Text("text"), "any", "the whole value of one of its lines"),

    key("site.route.redirect", "to", Form::Text("URL"), "its own", "there, whatever was asked for"),
    key("site.route.redirect", "scheme", Form::Choice(&["http", "https"]), "its own", "the request's own URL with another scheme"),
    key("site.route.redirect", "host", Form::Text("host name"), "its own", "with another host"),
    key("site.route.redirect", "port", PORT, "the scheme's, if that is written; else its own", "with another port"),
    key("site.route.redirect", "path", Form::Text("path"), "its own", "with another path and query"),
    key("site.route.redirect", "status", Form::Integer(301, 308), "`308`", "301, 302, 303, 307 or 308; 307 and 308 keep the method"),

    key("site.route.answer", "status", Form::Integer(200, 599), "`200`", "the answer's status"),
    key("site.route.answer", "content-type", Form::Text("media type"), "`\"text/plain; charset=utf-8\"`", "its Content-Type"),
    key("site.route.answer", "body", Form::Text("text"), "empty", "its body"),

    key("site.route.timeouts", "connect", TIME, "the pool's", "TCP to a node"),
    key("site.route.timeouts", "read", TIME, "the pool's", "between two reads of an answer"),
    key("site.route.timeouts", "send", TIME, "the pool's", "between two writes of a request"),
    key("site.route.timeouts", "tunnel", TIME, "the pool's", "a tunnel (WebSocket) in which nobody speaks"),
];
