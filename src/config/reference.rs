//! Every key there is: its table, form, default and meaning.
//!
//! The reader takes ranges and defaults from here and refuses what is not here; `docs/configuration.md` is held against it.

use std::fmt;

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
            Self::List(what) => write!(f, "list of {what}"),
            Self::Table(false) => f.write_str("table"),
            Self::Table(true) => f.write_str("list of tables"),
        }
    }
}

/// How a table is written in a file: `[pool.health]`, `[[pool]]`.
pub(super) fn heading(table: &str) -> String {
    match table {
        "" => "the top level of a file".to_owned(),
        "listener" | "node" | "pool" | "site" => format!("[[{table}]]"),
        _ => format!("[{table}]"),
    }
}

/// A size as an operator would write it.
pub(super) fn human_size(bytes: u64) -> String {
    const UNITS: [(u32, &str); 4] = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = UNITS.iter().find(|(shift, _)| bytes >= 1 << shift && bytes.trailing_zeros() >= *shift);
    unit.map_or_else(|| bytes.to_string(), |(shift, name)| format!("{}{name}", bytes >> shift))
}

pub(super) fn find(table: &str, key: &str) -> Option<&'static Key> {
    REFERENCE.iter().find(|k| k.table == table && k.key == key)
}

pub(super) fn keys_of(table: &str) -> Vec<&'static str> {
    REFERENCE.iter().filter(|k| k.table == table).map(|k| k.key).collect()
}

/// Tables that know this key: for those who wrote it into another one.
pub(super) fn tables_of(key: &str) -> Vec<&'static str> {
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

#[rustfmt::skip]
static REFERENCE: &[Key] = &[
    key("", "include", Form::List("file patterns"), "`[]`", "more files, merged in name order"),
    key("", "state-dir", Form::Text("directory"), "`\"/var/lib/weir\"`", "for what outlives a restart; nothing is kept there yet, sessions are learned anew"),
    key("", "threads", Form::Integer(1, 1024), "one per core", "threads that carry traffic; a change needs a restart"),
    key("", "stop-timeout", TIME_OR_NONE, "`\"30s\"`", "how long SIGTERM waits for running requests"),
    key("", "access-log", LOG, "`\"journal\"`", "access lines of all sites, and of what never reached a site"),
    key("", "error-log", LOG, "`\"journal\"`", "error lines of all sites, and of what never reached a site"),
    key("", "log-format", FORMATS, "`\"combined\"`", "the form of access lines"),
    key("", "admin", Form::Table(false), "see there", "metrics, status and commands"),
    key("", "listener", Form::Table(true), REQUIRED, "addresses and ports that Weir accepts on"),
    key("", "node", Form::Table(true), "`[]`", "server processes behind Weir"),
    key("", "pool", Form::Table(true), "`[]`", "nodes that share the work, and how"),
    key("", "site", Form::Table(true), "`[]`", "host names, and where their requests go"),

    key("admin", "bind", Form::Text("address:port"), "`\"127.0.0.1:9180\"`", "where metrics, status and commands are served; a change needs a restart"),

    key("listener", "name", NAME, REQUIRED, "unique among listeners"),
    key("listener", "bind", Form::Text("address:port"), REQUIRED, "`\"0.0.0.0:80\"` for all of IPv4, `\"[::]:80\"` for all of IPv6"),
    key("listener", "tls", Form::Table(false), "plain", "written, even empty: this listener speaks TLS"),
    key("listener", "http2", Form::Flag, "`true`", "offer HTTP/2 on a TLS listener"),
    key("listener", "handshake-timeout", TIME, "`\"10s\"`", "a TLS handshake in total"),
    key("listener", "head-timeout", TIME, "`\"15s\"`", "a request head in total, from its first byte"),
    key("listener", "idle-timeout", TIME, "`\"75s\"`", "a kept-alive connection between two requests"),
    key("listener", "body-timeout", TIME, "`\"60s\"`", "between two reads of a request body"),
    key("listener", "write-timeout", TIME, "`\"60s\"`", "between two writes of an answer"),
    key("listener", "max-head", Form::Size(1 << 10, 1 << 20), "`\"64KiB\"`", "largest request head"),
    key("listener", "max-fields", Form::Integer(1, 1000), "`100`", "most header fields of a request"),
    key("listener", "max-requests", Form::Integer(1, 1_000_000_000), "`10000`", "requests on one connection before it is closed"),
    key("listener", "http2-idle-timeout", TIME, "`\"120s\"`", "an HTTP/2 connection without a stream"),
    key("listener", "trusted-proxies", Form::List("addresses and networks"), "everyone", "peers whose X-Forwarded-* are believed; from all others they are dropped"),

    key("listener.tls", "min-version", Form::Choice(&["1.2", "1.3"]), "`\"1.2\"`", "the oldest TLS version that is accepted"),

    key("node", "name", NAME, REQUIRED, "unique among nodes"),
    key("node", "address", Form::Text("IP address"), REQUIRED, "where it is"),
    key("node", "port-offset", Form::Integer(0, 65534), "`0`", "the Offset of its carbon.xml, added to every port of its pools and probes"),

    key("pool", "name", NAME, REQUIRED, "unique among pools"),
    key("pool", "nodes", Form::List("node names, or `[pool.nodes]` tables"), REQUIRED, "who shares the work"),
    key("pool", "port", PORT, REQUIRED, "where the nodes are reached, before their `port-offset`"),
    key("pool", "balance", Form::Choice(&["round-robin"]), "`\"round-robin\"`", "whose turn it is"),
    key("pool", "tls", Form::Table(false), "plain", "written: the nodes are spoken to over TLS"),
    key("pool", "sticky", Form::Table(false), "off", "written: sessions stay on their node"),
    key("pool", "health", Form::Table(false), "off", "written: the nodes are probed"),
    key("pool", "timeouts", Form::Table(false), "see there", "deadlines towards the nodes"),
    key("pool", "idle-timeout", TIME, "`\"50s\"`", "idle connections are closed after this; keep it below the node's own"),
    key("pool", "reuse", Form::Flag, "`true`", "keep connections to nodes for further requests"),
    key("pool", "buffer-request", Form::Size(0, 64 << 20), "`\"0\"`", "bodies up to this size are read whole before the node gets the request; 0: never"),
    key("pool", "tries", Form::Integer(1, 100), "`3`", "nodes tried per request, never more than there are"),
    key("pool", "eject-for", TIME_OR_NONE, "`\"10s\"`", "how long a failed connect keeps a node from getting requests; 0s: not at all"),

    key("pool.nodes", "node", NAME, REQUIRED, "a node's name"),
    key("pool.nodes", "weight", Form::Integer(1, 1000), "`1`", "its share of the requests"),

    key("pool.tls", "verify", Form::Choice(&["pin", "full", "chain", "none"]), REQUIRED, "how a node proves who it is"),
    key("pool.tls", "pins", Form::List("pins"), "required with `pin`", "SHA-256 of the certificate or of its public key; `weir cert pin HOST:PORT` prints them"),
    key("pool.tls", "ca", Form::Text("PEM file"), "the system's", "with `full` and `chain`: who may sign the nodes' certificates"),
    key("pool.tls", "server-name", Form::Text("host name"), "the node's address", "the name asked for (SNI) and, with `full`, checked"),

    key("pool.sticky", "mode", Form::Choice(&["learn"]), "`\"learn\"`", "how a session finds its node: learned from the cookie the node sets"),
    key("pool.sticky", "cookie", Form::Text("cookie name"), "`\"JSESSIONID\"`", "the session cookie, compared without case"),
    key("pool.sticky", "idle", TIME, "`\"35m\"`", "an unused session is forgotten after this; a little more than the nodes' own session timeout"),
    key("pool.sticky", "max-sessions", Form::Integer(1, 100_000_000), "`1000000`", "most sessions kept; the longest idle goes first"),

    key("pool.health", "interval", TIME, "`\"5s\"`", "between two rounds of probes, give or take a tenth"),
    key("pool.health", "timeout", TIME, "`\"2s\"`", "one probe in total"),
    key("pool.health", "rise", Form::Integer(1, 1000), "`2`", "rounds passed in a row that make a node active"),
    key("pool.health", "fall", Form::Integer(1, 1000), "`3`", "rounds failed in a row that make it passive"),
    key("pool.health", "probes", Form::Table(true), REQUIRED, "what is tried; all of them must pass"),

    key("pool.health.probes", "kind", Form::Choice(&["tcp", "tls", "http", "https"]), REQUIRED, "connect, shake hands, or ask with GET"),
    key("pool.health.probes", "port", PORT, "the pool's", "where, before the node's `port-offset`"),
    key("pool.health.probes", "path", Form::Text("path"), "`\"/\"`", "http and https: what is asked"),
    key("pool.health.probes", "host", Form::Text("host name"), "address:port", "http and https: the Host field"),
    key("pool.health.probes", "status", Form::Text("status codes"), "`\"200-399\"`", "http and https: what passes, as in `\"200,301-303\"`"),
    key("pool.health.probes", "contains", Form::Text("text"), "anything", "http and https: the first 64 KiB of the body contain this"),

    key("pool.timeouts", "connect", TIME, "`\"5s\"`", "TCP, and TLS, to a node"),
    key("pool.timeouts", "read", TIME, "`\"5m\"`", "between two reads of an answer"),
    key("pool.timeouts", "send", TIME, "`\"5m\"`", "between two writes of a request"),
    key("pool.timeouts", "tunnel", TIME, "`\"1h\"`", "a tunnel (WebSocket) in which nobody speaks"),

    key("site", "name", NAME, REQUIRED, "unique among sites"),
    key("site", "listener", Form::List("listener names, or one name"), REQUIRED, "where its requests come in"),
    key("site", "hosts", Form::List("host names"), "required unless `default`", "the names it answers to: `esb.wso2.com`, `*.wso2.com`, an IP address; without a port"),
    key("site", "default", Form::Flag, "`false`", "takes what no other site of its listener takes"),
    key("site", "certificate", Form::Table(false), "required with TLS", "the certificate it shows"),
    key("site", "pool", Form::Text("pool name"), REQUIRED, "where its requests go"),
    key("site", "max-body", Form::Size(1, 1 << 50), "no limit", "largest request body"),
    key("site", "via", Form::Flag, "`false`", "add a Via field, both ways"),
    key("site", "upgrades", Form::List("protocols"), "`[\"websocket\"]`", "what may upgrade a connection and become a tunnel"),
    key("site", "access-log", LOG, "the top level's", "access lines of this site"),
    key("site", "error-log", LOG, "the top level's", "error lines of this site"),
    key("site", "log-format", FORMATS, "the top level's", "the form of this site's access lines"),

    key("site.certificate", "chain", Form::Text("PEM file"), REQUIRED, "its certificate, then those that signed it"),
    key("site.certificate", "key", Form::Text("PEM file"), REQUIRED, "its private key, not encrypted"),
];
