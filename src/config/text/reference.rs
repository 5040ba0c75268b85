//! Every configuration key with its table, form, default and meaning.
//!
//! The reader takes ranges and defaults from here and refuses keys that are not here. `make generated` writes the
//! tables of `docs/configuration.md` from it.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use strum::VariantNames;

use super::choices;

/// Every key, table by table, in the order of the documentation.
pub fn reference() -> &'static [Key] {
    REFERENCE
}

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The table that it belongs to, such as `pool.health`. Empty for the top level.
    pub table: &'static str,
    /// The name of the key.
    pub key: &'static str,
    /// The values that it takes.
    pub form: Form,
    /// The value when the key is not written: as it would be written, or in words.
    pub default: &'static str,
    /// What it is for, in one line.
    pub meaning: &'static str,
}

/// The values that a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// true or false.
    Flag,
    /// A string of a special form, which this text describes.
    Text(&'static str),
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// A whole number in this range.
    Integer(u64, u64),
    /// A number with a unit. True when zero is allowed and has a meaning.
    Duration(bool),
    /// A number of bytes in this range.
    Size(u64, u64),
    /// A number with a percent sign, from 0 to 100.
    Percent,
    /// A list of what this text describes.
    List(&'static str),
    /// A table. True: a list of tables.
    Table(bool),
    /// A table, or a list of such tables.
    OneOrMore,
}

impl Form {
    /// Whether it has tables.
    pub(crate) const fn is_table(self) -> bool {
        matches!(self, Self::Table(_) | Self::OneOrMore)
    }
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
            Self::OneOrMore => f.write_str("table, or list of tables"),
        }
    }
}

/// A table's heading in a file: `[pool.health]`, `[[pool]]`.
pub fn heading(table: &str) -> String {
    match table {
        "" => "the top level of a file".to_owned(),
        "admin.certificate" | "admin.token" | "listener" | "node" | "pool" | "site" | "site.route" => {
            format!("[[{table}]]")
        }
        _ => format!("[{table}]"),
    }
}

/// The table that stands below another one under this key. `None` where the names in it are the operator's own.
pub fn table_below(table: &str, key: &str) -> Option<&'static str> {
    let own = if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
    // A route and a listener have some tables in the form of a site's.
    let of_site = own.replacen("site.route.", "site.", 1).replacen("listener.rate", "site.rate", 1);
    let named = |name: &str| REFERENCE.iter().find(|k| k.table == name).map(|k| k.table);
    named(&own).or_else(|| named(&of_site))
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

/// The tables that have this key, to help an operator who wrote it into another one.
pub(crate) fn tables_of(key: &str) -> Vec<&'static str> {
    REFERENCE.iter().filter(|k| k.key == key).map(|k| k.table).collect()
}

const fn key(table: &'static str, key: &'static str, form: Form, default: &'static str, meaning: &'static str) -> Key {
    Key { table, key, form, default, meaning }
}

const REQUIRED: &str = "required";
const PORT: Form = Form::Integer(1, 65535);
const LOG: Form = Form::Text("`\"journal\"`, `\"off\"` or a file");
const FORMATS: Form = Form::Choice(choices::LogFormat::VARIANTS);
const NAME: Form = Form::Text("name");
const TIME: Form = Form::Duration(false);
const TIME_OR_NONE: Form = Form::Duration(true);
const ADDRESSES: Form = Form::List("addresses and networks");
const STATUSES: Form = Form::Text("status codes");

#[rustfmt::skip]
static REFERENCE: &[Key] = &[
    key("", "include", Form::List("file patterns"), "`[]`", "more files, merged in name order"),
    key("", "state-dir", Form::Text("directory"), "`\"/var/lib/weir\"`", "where Weir keeps what outlives a restart: sessions, operators' orders for nodes, a secret; a change needs a restart"),
    key("", "threads", Form::Integer(1, 1024), "one per core", "threads that carry traffic; a change needs a restart"),
    key("", "start-timeout", TIME_OR_NONE, "`\"5s\"`", "how long a start waits for the first round of all probes before it lets clients in; 0s: not at all"),
    key("", "stop-timeout", TIME_OR_NONE, "`\"30s\"`", "how long SIGTERM waits for running requests"),
    key("", "access-log", LOG, "`\"journal\"`", "where access lines go unless the site says otherwise, and those of requests that reach no site"),
    key("", "error-log", LOG, "`\"journal\"`", "where error lines go unless the site says otherwise, and those of requests that reach no site"),
    key("", "log-format", FORMATS, "`\"combined\"`", "the form of access lines"),
    key("", "admin", Form::Table(false), "see there", "the address that serves metrics, status and commands"),
    key("", "metrics", Form::Table(false), "off", "an address of its own for metrics"),
    key("", "dns", Form::Table(false), "see there", "which servers resolve the nodes' names"),
    key("", "tracing", Form::Table(false), "off", "where the spans of requests go"),
    key("", "listener", Form::Table(true), REQUIRED, "addresses and ports that Weir accepts on"),
    key("", "node", Form::Table(true), "`[]`", "server processes behind Weir"),
    key("", "pool", Form::Table(true), "`[]`", "nodes that share the work, and how"),
    key("", "site", Form::Table(true), "`[]`", "host names, and where their requests go"),
    key("", "cluster", Form::Table(false), "not compared", "what the nodes' own files should say of their cluster, for `weir wso2`, and where the nodes tell of each other"),

    key("admin", "bind", Form::Text("address:port"), "`\"127.0.0.1:9180\"`", "where metrics and status are read; a change needs a restart. An address beyond loopback needs `[[admin.token]]` or `[[admin.certificate]]`"),
    key("admin", "socket", Form::Text("path, or `\"off\"`"), "`\"/run/weir/admin.sock\"`, where it can be made", "the unix socket for orders: root, the user that Weir runs as, and the group weir may use it. One that is written must be made, or Weir does not start; a change needs a restart"),
    key("admin", "hosts", Form::List("host names"), "none", "names by which the admin address may be called, besides localhost and IP addresses. A request under any other name is refused, because a web page may have sent it; `/metrics`, `/livez` and `/readyz` are read under any"),
    key("admin", "token", Form::Table(true), "`[]`", "who may use the admin address with a token"),
    key("admin", "tls", Form::Table(false), "plain", "if written, the admin address speaks TLS"),
    key("admin", "certificate", Form::Table(true), "`[]`", "who may use the admin address with a client certificate; only with `client-ca`"),

    key("admin.token", "name", NAME, REQUIRED, "who it is; shown beside what was done with it"),
    key("admin.token", "may", Form::Choice(choices::Right::VARIANTS), "`\"read\"`", "see everything, or give orders too"),
    key("admin.token", "file", Form::Text("file"), "required without `credential`", "holds the token: 16 to 1000 visible characters without blanks; read again when it changes"),
    key("admin.token", "credential", Form::Text("name"), "none", "instead of `file`: a credential that systemd gives the service (`LoadCredential=`)"),

    key("admin.tls", "chain", Form::Text("PEM file"), REQUIRED, "the certificate and its intermediates, for all of `hosts`; read again when it changes"),
    key("admin.tls", "key", Form::Text("PEM file"), REQUIRED, "its private key"),
    key("admin.tls", "min-version", Form::Choice(choices::TlsVersion::VARIANTS), "`\"1.2\"`", "the oldest TLS version that is accepted"),
    key("admin.tls", "client-ca", Form::Text("PEM file"), "no client certificates", "the CAs whose client certificates are believed; a certificate that is its own CA may stand here itself"),

    key("admin.certificate", "name", Form::Text("text"), REQUIRED, "the certificate's common name, or one of its alternative names; shown as `cert:NAME` beside what was done with it"),
    key("admin.certificate", "may", Form::Choice(choices::Right::VARIANTS), "`\"read\"`", "see everything, or give orders too"),

    key("metrics", "bind", Form::Text("address:port"), REQUIRED, "where `/metrics`, `/livez` and `/readyz` are read without a token, and nothing else; a change needs a restart"),

    key("dns", "servers", Form::List("addresses, with or without a port"), "the system's", "name servers, asked in order, on port 53 unless another is written; without this key `/etc/resolv.conf` and `/etc/hosts` are used"),
    key("tracing", "endpoint", Form::Text("`\"http://HOST:PORT\"`"), REQUIRED, "the OpenTelemetry collector that gets a span of each request whose trace is sampled, by OTLP over HTTP in JSON; `/v1/traces` is added"),
    key("tracing", "service-name", Form::Text("name"), "`\"weir\"`", "what the spans say they come from, `service.name`"),
    key("tracing", "sample", Form::Percent, "`\"100%\"`", "of the traces that Weir begins (`traceparent = \"make\"` of a listener), the share that is marked as sampled; a trace that came keeps its mark"),
    key("tracing", "interval", TIME, "`\"5s\"`", "how long a span waits at most before it is sent"),
    key("tracing", "timeout", TIME, "`\"10s\"`", "how long the collector may take for one batch"),
    key("tracing", "batch-size", Form::Integer(1, 10_000), "`512`", "the most spans in one batch"),
    key("tracing", "queue", Form::Size(16 << 10, 1 << 30), "`\"4MiB\"`", "how many bytes of spans may wait; a span that finds no room is lost, and counted"),

    key("listener", "name", NAME, REQUIRED, "unique among listeners"),
    key("listener", "bind", Form::Text("address:port"), REQUIRED, "`\"0.0.0.0:80\"` for all of IPv4, `\"[::]:80\"` for all of IPv6"),
    key("listener", "tls", Form::Table(false), "plain", "if this table is written, even empty, the listener speaks TLS"),
    key("listener", "http2", Form::Flag, "`true`", "offer HTTP/2 on a TLS listener"),
    key("listener", "handshake-timeout", TIME, "`\"10s\"`", "limit for a whole TLS handshake"),
    key("listener", "head-timeout", TIME, "`\"15s\"`", "limit for a whole request head, from its first byte"),
    key("listener", "idle-timeout", TIME, "`\"75s\"`", "how long a connection may wait for its next request"),
    key("listener", "body-timeout", TIME, "`\"60s\"`", "limit between two reads of a request body"),
    key("listener", "write-timeout", TIME, "`\"60s\"`", "limit between two writes of an answer"),
    key("listener", "max-head", Form::Size(1 << 10, 1 << 20), "`\"64KiB\"`", "largest request head; the target may be as long as this"),
    key("listener", "max-fields", Form::Integer(1, 1000), "`100`", "most header fields of a request"),
    key("listener", "max-requests", Form::Integer(1, 1_000_000_000), "`10000`", "requests on one connection before it is closed"),
    key("listener", "http2-idle-timeout", TIME, "`\"120s\"`", "how long an HTTP/2 connection may have no stream"),
    key("listener", "trusted-proxies", ADDRESSES, "none; X-Forwarded-For is kept", "proxies whose X-Forwarded-* fields are believed and whose Forwarded is passed on; those of all other peers are dropped"),
    key("listener", "request-id", Form::Choice(choices::RequestIds::VARIANTS), "`\"take-or-make\"`", "the id of each request, for logs, nodes and clients (X-Request-Id): `take-or-make` believes the one that a proxy of `trusted-proxies` sends and makes all others; `make` makes all; with `off` there is none, and the field passes like any other"),
    key("listener", "traceparent", Form::Choice(choices::Traces::VARIANTS), "`\"pass\"`", "the W3C trace of a request: with `pass` the field passes like any other; `make` passes a valid one too, makes one where there is none, and logs the trace; with `[tracing]` the node is told Weir's own span in it, where the trace is sampled"),
    key("listener", "public-port", PORT, "the scheme's own", "the port that clients use to reach this listener; used when Host has no port"),
    key("listener", "max-connections", Form::Integer(1, 10_000_000), "no limit", "most open client connections; further ones are closed when they arrive"),
    key("listener", "max-connections-per-client", Form::Integer(1, 10_000_000), "no limit", "most open connections of one client: an IPv4 address, or an IPv6 network of 64 bits"),
    key("listener", "allow-from", ADDRESSES, "everyone", "who may connect; connections of all others are closed when they arrive. It is the peer's address that counts: behind a proxy the proxy's"),
    key("listener", "deny-from", ADDRESSES, "`[]`", "whose connections are closed when they arrive, even if `allow-from` has them"),
    key("listener", "rate", Form::Table(false), "no limit", "how often one client may come, over all sites of the listener, besides their own rates; written as `[site.rate]`"),

    key("listener.tls", "min-version", Form::Choice(choices::TlsVersion::VARIANTS), "`\"1.2\"`", "the oldest TLS version that is accepted"),

    key("node", "name", NAME, REQUIRED, "unique among nodes"),
    key("node", "address", Form::Text("IP address or host name"), REQUIRED, "where the node is; each address of a host name becomes a member of the pools"),
    key("node", "route", Form::Text("jvmRoute"), "its name", "the text after the dot in the session ids that the node makes; for `sticky = { mode = \"route\" }`"),
    key("node", "port-offset", Form::Integer(0, 65534), "`0`", "the Offset of the node's carbon.xml, added to every port of its pools and probes"),

    key("pool", "name", NAME, REQUIRED, "unique among pools"),
    key("pool", "nodes", Form::List("node names, or `[pool.nodes]` tables"), REQUIRED, "the nodes that share the work"),
    key("pool", "port", PORT, REQUIRED, "the port of the nodes; each node's `port-offset` is added"),
    key("pool", "balance", Form::Choice(choices::Balance::VARIANTS), "`\"round-robin\"`", "how a node is chosen for a request without a session"),
    key("pool", "hash", Form::Table(false), "required with `hash`", "with `balance = \"hash\"`: which part of the request chooses the node"),
    key("pool", "active", Form::Table(false), "off", "if written, only as many nodes are active as the load needs; the others stand by"),
    key("pool", "max-requests", Form::Integer(1, 1_000_000), "no limit", "most requests that each node of the pool runs at once"),
    key("pool", "queue", Form::Table(false), "off", "if written, requests wait while every node runs `max-requests`"),
    key("pool", "slow-start", TIME_OR_NONE, "`\"0s\"`", "how long a node's share grows after it became active; 0s: the whole share at once"),
    key("pool", "tls", Form::Table(false), "plain", "if written, Weir speaks TLS to the nodes"),
    key("pool", "sticky", Form::Table(false), "off", "if written, sessions stay on their node"),
    key("pool", "health", Form::Table(false), "off", "if written, the nodes are probed"),
    key("pool", "timeouts", Form::Table(false), "see there", "time limits towards the nodes"),
    key("pool", "idle-timeout", TIME, "`\"50s\"`", "idle connections to nodes are closed after this time; make it shorter than the nodes' own keep-alive"),
    key("pool", "reuse", Form::Flag, "`true`", "keep connections to nodes for further requests"),
    key("pool", "max-answer-head", Form::Size(1 << 10, 1 << 20), "`\"64KiB\"`", "largest head of a node's answer; for a larger one the client gets 502"),
    key("pool", "buffer-request", Form::Size(0, 64 << 20), "`\"0\"`", "how much of a body is read before the node gets the request; a smaller body is read whole, and sent together with the head. 0: nothing is held back"),
    key("pool", "tries", Form::Integer(1, 100), "`3`", "how many nodes are tried per request, at most all of them"),
    key("pool", "retry-time", TIME, "`\"30s\"`", "after this time, counted from the first try, no further node is tried"),
    key("pool", "retry-budget", Form::Percent, "`\"20%\"`", "largest share of requests that may be sent again, so that retries cannot overload the nodes"),
    key("pool", "retry-on", Form::List("`connect`, `reset`, `timeout` and status codes"), "`[\"connect\", \"reset\", \"timeout\"]`", "after which failures another node is tried"),
    key("pool", "eject", Form::Table(false), "see there", "after how many failed requests a node is passive for a while"),
    key("pool", "when-none", Form::Choice(choices::WhenNone::VARIANTS), "`\"fail\"`", "what Weir does while no node is active. Both first try a node that is only ejected; then `fail` answers 503, and `all` tries every node that no operator took out"),
    key("pool", "redirects", Form::Text("`\"off\"` or list of tables"), "nodes become sites", "how Location, Content-Location and Refresh of the nodes are changed"),
    key("pool", "cookies", Form::Table(false), "as they come", "if written, the nodes' cookies are changed: Domain, Path, Secure, HttpOnly, SameSite"),

    key("pool.nodes", "node", NAME, REQUIRED, "a node's name"),
    key("pool.nodes", "weight", Form::Integer(1, 1000), "`1`", "the node's share of the requests, in relation to the others'"),

    key("pool.nodes", "backup", Form::Flag, "`false`", "the node serves only while no other can"),
    key("pool.nodes", "max-requests", Form::Integer(1, 1_000_000), "the pool's", "most requests that the node runs at once for this pool"),
    key("pool.nodes", "slow-start", TIME_OR_NONE, "the pool's", "how long the node's share grows after it became active"),

    key("pool.hash", "on", Form::Choice(choices::HashOn::VARIANTS), REQUIRED, "what is hashed: the client's address, the value of a header or cookie, or the path without its query. A request without that header or cookie is hashed by address"),
    key("pool.hash", "ring", Form::Choice(choices::Ring::VARIANTS), "`\"rendezvous\"`", "how keys are given to nodes. `rendezvous`: most evenly. `ketama`: as nginx's `hash … consistent` does it, so that each key stays on its node when Weir takes nginx's place"),
    key("pool.hash", "name", Form::Text("name of a header or cookie"), "required with those", "the header or cookie to hash"),

    key("pool.active", "with", NAME, "alone", "a pool of the same nodes: its active nodes are active here too. Then no other key is written here"),
    key("pool.active", "start", Form::Integer(1, 10_000), "`1`", "nodes that are active without any load"),
    key("pool.active", "max", Form::Integer(1, 10_000), "all", "most active nodes; `backup` nodes do not count"),
    key("pool.active", "in-flight-per-node", Form::Integer(1, 1_000_000), "`100`", "one more node is activated above this many running requests per active node"),
    key("pool.active", "for", TIME, "`\"30s\"`", "how long the requests must be above that number first"),
    key("pool.active", "cool-down", TIME, "`\"5m\"`", "how long one node fewer must be enough before a node is drained and stands by"),

    key("pool.queue", "size", Form::Integer(1, 1_000_000), "`100`", "most requests that wait at once"),
    key("pool.queue", "wait", TIME, "`\"10s\"`", "how long a request waits at most"),

    key("pool.redirects", "from", Form::Text("URL or path"), REQUIRED, "the beginning of a node's Location"),
    key("pool.redirects", "to", Form::Text("URL or path"), REQUIRED, "the beginning that replaces it"),

    key("pool.cookies", "domain", Form::Table(true), "`[]`", "a cookie whose Domain is `from` gets the Domain `to`"),
    key("pool.cookies", "path", Form::Table(true), "`[]`", "a cookie whose Path begins with `from` gets one that begins with `to`"),
    key("pool.cookies", "secure", Form::Flag, "as the node writes it", "true: every cookie is Secure; false: none is"),
    key("pool.cookies", "http-only", Form::Flag, "as the node writes it", "the same for HttpOnly"),
    key("pool.cookies", "same-site", Form::Choice(choices::CookieSameSite::VARIANTS), "as the node writes it", "the SameSite of every cookie; `off` removes it"),
    key("pool.cookies", "named", Form::Table(true), "`[]`", "cookies with flags of their own; those of the table do not hold for them"),

    key("pool.cookies.domain", "from", Form::Text("host name"), REQUIRED, "the whole Domain; case and a dot in front do not count"),
    key("pool.cookies.domain", "to", Form::Text("host name, or `\"$host\"`"), REQUIRED, "the new one; `$host` is the host that the client asked for"),

    key("pool.cookies.path", "from", Form::Text("path"), REQUIRED, "the beginning of a Path, as the node writes it"),
    key("pool.cookies.path", "to", Form::Text("path"), REQUIRED, "the beginning that replaces it"),

    key("pool.cookies.named", "name", Form::Text("cookie name"), REQUIRED, "the cookie, compared without case"),
    key("pool.cookies.named", "secure", Form::Flag, "as the node writes it", "whether this cookie is Secure"),
    key("pool.cookies.named", "http-only", Form::Flag, "as the node writes it", "whether it is HttpOnly"),
    key("pool.cookies.named", "same-site", Form::Choice(choices::CookieSameSite::VARIANTS), "as the node writes it", "its SameSite; `off` removes it"),

    key("pool.eject", "failures", Form::Integer(0, 1000), "`3`", "how many failures within `within` eject a node; 0: never"),
    key("pool.eject", "within", TIME, "`\"10s\"`", "the time in which these failures are counted"),
    key("pool.eject", "for", TIME_OR_NONE, "`\"10s\"`", "how long the first ejection lasts; each further one lasts twice as long. 0s: no node is ejected"),
    key("pool.eject", "max-for", TIME, "`\"5m\"`", "the longest ejection"),
    key("pool.eject", "statuses", STATUSES, "none", "statuses of answers that count as failures, such as `\"502-504\"`; remember that a SOAP fault is a 500"),
    key("pool.eject", "max-ejected", Form::Percent, "`\"50%\"`", "largest share of the pool's nodes that may be ejected at once. One node may always be ejected, but the last one that can serve only if it refuses connections"),

    key("pool.tls", "verify", Form::Choice(choices::Verify::VARIANTS), REQUIRED, "how a node proves who it is"),
    key("pool.tls", "pins", Form::List("pins"), "required with `pin`", "SHA-256 of the certificate or of its public key; `weir cert pin HOST:PORT` prints them"),
    key("pool.tls", "ca", Form::Text("PEM file"), "the system's", "with `full` and `chain`: the CA certificates that may have signed the nodes' certificates"),
    key("pool.tls", "certificate", Form::Table(false), "none", "the certificate that nodes are shown when they ask for one"),
    key("pool.tls", "server-name", Form::Text("host name"), "the node's address", "the name sent to the node (SNI); with `full` also the name that its certificate must have"),

    key("pool.tls.certificate", "chain", Form::Text("PEM file"), REQUIRED, "the certificate, followed by those that signed it"),
    key("pool.tls.certificate", "key", Form::Text("PEM file"), REQUIRED, "its private key, not encrypted"),

    key("pool.sticky", "mode", Form::Choice(choices::StickyMode::VARIANTS), "`\"learn\"`", "how a request finds its node"),
    key("pool.sticky", "cookie", Form::Text("cookie name"), "`\"JSESSIONID\"`", "learn and route: the name of the session cookie, compared without case. cookie: the name of Weir's own cookie, by default `\"WEIRNODE\"`"),
    key("pool.sticky", "path", Form::Text("path"), "`\"/\"`", "cookie: the Path of Weir's own cookie"),
    key("pool.sticky", "secure", Form::Flag, "where the client came over TLS", "cookie: whether Weir's own cookie is Secure"),
    key("pool.sticky", "http-only", Form::Flag, "`true`", "cookie: whether Weir's own cookie is HttpOnly"),
    key("pool.sticky", "same-site", Form::Choice(choices::SameSite::VARIANTS), "`\"lax\"`", "cookie: the SameSite of Weir's own cookie"),
    key("pool.sticky", "idle", TIME, "`\"35m\"`", "an unused session is forgotten after this time; make it a little longer than the nodes' own session timeout"),
    key("pool.sticky", "max-sessions", Form::Integer(1, 100_000_000), "`1000000`", "learn and source: most sessions kept; when there are more, the session that was idle longest is forgotten"),
    key("pool.sticky", "failback", Form::Choice(choices::Failback::VARIANTS), "`\"stay\"`", "when a session that had to move goes back to its first node, once that is active again: never, after a pause, or at once"),
    key("pool.sticky", "failback-idle", TIME, "`\"1m\"`", "with `when-idle`: how long the pause must be"),
    key("pool.sticky", "on-lost", Form::Choice(choices::OnLost::VARIANTS), "`\"rebind\"`", "what happens to a session whose node cannot serve: another node gets it, or its requests get 503"),

    key("pool.health", "interval", TIME, "`\"5s\"`", "time between two rounds of probes, varied by up to a tenth"),
    key("pool.health", "timeout", TIME, "`\"2s\"`", "limit for one whole probe"),
    key("pool.health", "rise", Form::Integer(1, 1000), "`2`", "rounds passed in a row that make a node active"),
    key("pool.health", "fall", Form::Integer(1, 1000), "`3`", "rounds failed in a row that make it passive"),
    key("pool.health", "patience", TIME_OR_NONE, "`\"15s\"`", "a probe that times out does not count if the node answered a request within this time, because the node is only slow (a garbage collection); 0s: it always counts"),
    key("pool.health", "mandatory", Form::Flag, "`false`", "`true`: a node gets no request before its first round has passed, even when no node of the pool is known to be good"),
    key("pool.health", "probes", Form::Table(true), REQUIRED, "the probes of one round; all of them must pass"),

    key("pool.health.probes", "kind", Form::Choice(choices::ProbeKind::VARIANTS), REQUIRED, "connect (tcp), do a TLS handshake (tls), or send a GET (http, https)"),
    key("pool.health.probes", "port", PORT, "the pool's", "the port to probe; the node's `port-offset` is added"),
    key("pool.health.probes", "path", Form::Text("path"), "`\"/\"`", "http and https: the path to ask for"),
    key("pool.health.probes", "host", Form::Text("host name"), "address:port", "http and https: the Host field to send"),
    key("pool.health.probes", "status", STATUSES, "`\"200-399\"`", "http and https: the statuses that pass, such as `\"200,301-303\"`"),
    key("pool.health.probes", "contains", Form::Text("text"), "anything", "http and https: a text that the first 64 KiB of the body must contain"),

    key("pool.timeouts", "connect", TIME, "`\"5s\"`", "limit for a TCP connection to a node"),
    key("pool.timeouts", "handshake", TIME, "`\"15s\"`", "limit for the TLS handshake after TCP has connected; longer than most garbage collections"),
    key("pool.timeouts", "read", TIME, "`\"5m\"`", "limit between two reads of an answer"),
    key("pool.timeouts", "send", TIME, "`\"5m\"`", "limit between two writes of a request"),
    key("pool.timeouts", "tunnel", TIME, "`\"1h\"`", "how long a tunnel (WebSocket) may be silent"),

    key("site", "name", NAME, REQUIRED, "unique among sites"),
    key("site", "listener", Form::List("listener names, or one name"), REQUIRED, "the listeners that its requests come in by"),
    key("site", "hosts", Form::List("host names"), "required unless `default` or `nameless`", "the names it answers to: `esb.wso2.com`, `*.wso2.com`, an IP address; without a port"),
    key("site", "default", Form::Flag, "`false`", "this site takes every host that no other site of its listener has"),
    key("site", "nameless", Form::Flag, "`false`", "this site takes clients that give no name: TLS without a server name, an IP address as Host, HTTP/1.0 without Host"),
    key("site", "passthrough", Form::Flag, "`false`", "TLS is passed through to the pool's nodes as it comes, chosen by the server name that the client asks for: no certificate, no HTTP"),
    key("site", "certificate", Form::OneOrMore, "required with TLS, unless `passthrough`", "the certificate that the site shows; of several, each with another kind of key, a client gets the first that it can use"),
    key("site", "client-auth", Form::Table(false), "no", "clients are asked for a certificate; only where all listeners of the site speak TLS"),
    key("site", "pool", Form::Text("pool name"), "required without `redirect`, or a route that takes all", "the pool for requests that no route takes"),
    key("site", "redirect", Form::Table(false), "no", "requests that no route takes are redirected; a site that only redirects needs no pool"),
    key("site", "route", Form::Table(true), "`[]`", "rules for some of its requests; the first route that matches takes the request"),
    key("site", "allow-from", ADDRESSES, "everyone", "the clients that may come; all others get 403"),
    key("site", "deny-from", ADDRESSES, "`[]`", "clients that get 403, even if `allow-from` has them"),
    key("site", "rate", Form::Table(false), "no limit", "how often one client may come"),
    key("site", "request-headers", Form::Table(false), "as they come", "fields set or removed on the way to the node"),
    key("site", "response-headers", Form::Table(false), "as they come", "fields set, added or removed on the way to the client, in Weir's own answers too"),
    key("site", "error-pages", Form::Table(false), "Weir's own words", "statuses, and the files that clients get when Weir itself answers with one: `503`, `\"502-504\"`, or `5xx` for all that have no page of their own. At most 64 KiB each; .html, .json, .txt or .xml; read again when it changes"),
    key("site", "intercept-errors", Form::Flag, "`false`", "nodes' answers with such a status get the page too"),
    key("site", "explain", Form::Flag, "`false`", "tell the client in `X-Weir` why its request went to that node"),
    key("site", "max-body", Form::Size(1, 1 << 50), "no limit", "largest request body"),
    key("site", "via", Form::Flag, "`false`", "add a Via field to requests and answers"),
    key("site", "upgrades", Form::List("protocols"), "`[\"websocket\"]`", "protocols to which a client may upgrade its connection, which then becomes a tunnel"),
    key("site", "access-log", LOG, "the top level's", "where access lines of this site go"),
    key("site", "error-log", LOG, "the top level's", "where error lines of this site go"),
    key("site", "log-format", FORMATS, "the top level's", "the form of this site's access lines"),

    key("site.certificate", "chain", Form::Text("PEM file"), REQUIRED, "the site's certificate, followed by those that signed it"),
    key("site.certificate", "key", Form::Text("PEM file"), REQUIRED, "the private key of the certificate, not encrypted"),

    key("site.client-auth", "ca", Form::Text("PEM file"), REQUIRED, "the CAs whose client certificates are believed"),
    key("site.client-auth", "mode", Form::Choice(choices::ClientAuthMode::VARIANTS), "`\"required\"`", "whether a client must show one; one that is not believed is refused either way, with 400 and the reason"),
    key("site.client-auth", "crl", Form::Text("PEM file"), "none", "lists of the certificates that the CAs have taken back; one whose CA has no list here is refused then. A list is used beyond its next update"),
    key("site.client-auth", "header", Form::Text("header name"), "`\"X-WSO2-CLIENT-CERTIFICATE\"`", "the field in which nodes get the certificate; taken out of what clients send, to every site"),
    key("site.client-auth", "form", Form::Choice(choices::CertificateForm::VARIANTS), "`\"pem-urlencoded\"`", "how it is written there"),
    key("site.client-auth", "subject-header", Form::Text("header name"), "none", "a field for its subject, as in RFC 4514; taken out of what clients send too, as the next two"),
    key("site.client-auth", "issuer-header", Form::Text("header name"), "none", "a field for who signed it"),
    key("site.client-auth", "serial-header", Form::Text("header name"), "none", "a field for its serial number, in hexadecimal digits"),

    key("site.redirect", "to", Form::Text("URL"), "its own", "the target of every redirect, whatever the request was"),
    key("site.redirect", "scheme", Form::Choice(choices::Scheme::VARIANTS), "its own", "the scheme of the new URL"),
    key("site.redirect", "host", Form::Text("host name"), "its own", "the host of the new URL"),
    key("site.redirect", "port", PORT, "the scheme's, if that is written; else its own", "the port of the new URL"),
    key("site.redirect", "path", Form::Text("path"), "its own", "the path and query of the new URL"),
    key("site.redirect", "keep-query", Form::Flag, "`false`", "`true`: the query of the request stands behind `path`"),
    key("site.redirect", "status", Form::Integer(301, 308), "`308`", "the answer's status: 301, 302, 303, 307 or 308; 307 and 308 keep the method"),

    key("site.rate", "requests", Form::Integer(1, 1_000_000), REQUIRED, "how many requests a client may send"),
    key("site.rate", "per", TIME, "`\"1s\"`", "in which time"),
    key("site.rate", "burst", Form::Integer(0, 1_000_000), "`0`", "how many more may come at once"),
    key("site.rate", "excess", Form::Choice(choices::Excess::VARIANTS), "`\"refuse\"`", "`refuse`: the burst passes at once. `delay`: requests of the burst wait for their turn. Requests beyond the burst get 429 with both"),
    key("site.rate", "by", Form::Choice(choices::RateBy::VARIANTS), "`\"client\"`", "what counts as one client: an address, or the value of a header"),
    key("site.rate", "header", Form::Text("header name"), "required with `header`", "the header; requests with the same value count as one client, requests without the header count by address"),
    key("site.rate", "ipv4-prefix", Form::Integer(8, 32), "`32`", "with `by = \"client\"`: how many leading bits of an IPv4 address make one client"),
    key("site.rate", "ipv6-prefix", Form::Integer(16, 128), "`64`", "with `by = \"client\"`: how many leading bits of an IPv6 address make one client"),
    key("site.rate", "max-keys", Form::Integer(1, 10_000_000), "`100000`", "most clients that are counted at once; the one that was quiet longest is forgotten first"),

    key("site.request-headers", "set", Form::Table(false), "none", "names and values; each replaces all lines of that name. `$client`, `$host`, `$scheme`, `$port` and `$request-id` stand for the request's"),
    key("site.request-headers", "remove", Form::List("header names"), "`[]`", "names of fields to remove"),

    key("site.response-headers", "set", Form::Table(false), "none", "names and values, which may take the same from the request; each replaces all lines of that name"),
    key("site.response-headers", "add", Form::Table(false), "none", "names and values, likewise; each is one more line beside those of that name"),
    key("site.response-headers", "remove", Form::List("header names"), "`[]`", "names of fields to remove"),

    key("site.route", "name", NAME, "its path, or its number", "the route's name in the log and in `weir why`"),
    key("site.route", "path", Form::Text("path"), "any", "only this path"),
    key("site.route", "prefix", Form::Text("path"), "any", "this path and all below it"),
    key("site.route", "regex", Form::Text("regular expression"), "any", "a match anywhere in the path; `^` and `$` stand for its beginning and end"),
    key("site.route", "target", Form::Text("regular expression"), "any", "a match anywhere in path and query, in every way that a node may read them"),
    key("site.route", "methods", Form::List("methods"), "any", "the request's method is one of these"),
    key("site.route", "headers", Form::Table(true), "any", "the request has all of these fields"),
    key("site.route", "pool", Form::Text("pool name"), "the site's", "the pool for its requests"),
    key("site.route", "upstream-path", Form::Text("path"), "the client's", "what the node is asked for in place of `prefix` or `path`; what follows, and the query, stay"),
    key("site.route", "redirect", Form::Table(false), "no", "its requests are redirected; written as `[site.redirect]`"),
    key("site.route", "answer", Form::Table(false), "no", "Weir answers its requests itself"),
    key("site.route", "deny", Form::Flag, "`false`", "its requests get 403"),
    key("site.route", "allow-from", ADDRESSES, "everyone", "the clients that may come; the site's rule must hold as well"),
    key("site.route", "deny-from", ADDRESSES, "`[]`", "clients that get 403, besides those of the site"),
    key("site.route", "rate", Form::Table(false), "no limit", "how often one client may come, besides the site's `rate`; written as `[site.rate]`"),
    key("site.route", "timeouts", Form::Table(false), "the pool's", "time limits for its requests"),
    key("site.route", "max-body", Form::Size(0, 1 << 50), "the site's", "largest request body; 0: no limit for this route"),
    key("site.route", "non-idempotent", Form::Flag, "`false`", "requests that may change something, such as a POST, may also be sent again"),
    key("site.route", "request-headers", Form::Table(false), "the site's", "in addition to the site's, and stronger; written as `[site.request-headers]`"),
    key("site.route", "response-headers", Form::Table(false), "the site's", "in addition to the site's, and stronger; written as `[site.response-headers]`"),

    key("site.route.headers", "name", Form::Text("header name"), REQUIRED, "the field's name, compared without case"),
    key("site.route.headers", "value", Form::Text("text"), "any", "the whole value of one of the field's lines"),

    key("site.route.answer", "status", Form::Integer(200, 599), "`200`", "the answer's status"),
    key("site.route.answer", "content-type", Form::Text("media type"), "`\"text/plain; charset=utf-8\"`", "the answer's Content-Type"),
    key("site.route.answer", "body", Form::Text("text"), "empty", "the answer's body"),

    key("site.route.timeouts", "connect", TIME, "the pool's", "limit for a TCP connection to a node"),
    key("site.route.timeouts", "read", TIME, "the pool's", "limit between two reads of an answer"),
    key("site.route.timeouts", "send", TIME, "the pool's", "limit between two writes of a request"),
    key("site.route.timeouts", "tunnel", TIME, "the pool's", "how long a tunnel (WebSocket) may be silent"),

    key("cluster", "domain", Form::Text("name"), "the same on all nodes", "`domain` in each node's axis2.xml"),
    key("cluster", "membership", Form::Choice(choices::Membership::VARIANTS), "`\"wka\"`", "`membershipScheme` in each node's axis2.xml"),
    key("cluster", "manager", Form::Text("node name"), "the node of the console's pool", "the node that has the management console; all others are workers"),
    key("cluster", "members", Form::Table(true), "`[]`", "the nodes' ports for messages of the cluster, `localMemberPort` in axis2.xml"),
    key("cluster", "deployment", Form::Choice(choices::Deployment::VARIANTS), "what the nodes say", "how artifacts come from the manager to the workers: the deployment synchronizer with Subversion (`svn`), a directory that all nodes mount (`shared`), or neither (`none`)"),
    key("cluster", "svn-url", Form::Text("URL"), "the same on all nodes", "with `svn`: `SvnUrl` in each node's carbon.xml"),
    key("cluster", "console", Form::Text("site name"), "the sites that lead to port 9443 or 9763", "the site of the management console, whose host is `MgtHostName` in carbon.xml"),
    key("cluster", "services", Form::List("paths"), "`[]`", "services that answer on every worker, such as `\"/services/echo\"`: `weir wso2 test` asks each worker for them"),
    key("cluster", "database", Form::Table(false), "the same on all nodes", "the database in which the nodes share their registry"),
    key("cluster", "members-from", Form::List("URLs"), "`[]`", "where members are asked who is in the cluster: Hazelcast's REST, on the port for messages of the cluster. It is shown and told, and changes nothing for requests"),
    key("cluster", "members-log", Form::Table(false), "`{}`", "nodes, and their wso2carbon.log on this machine or mounted: what they log of members is shown too"),
    key("cluster", "members-interval", TIME, "`\"5s\"`", "how often members are asked and logs are read; an answer may take twice as long, and a split brain is told when it has lasted six times as long"),

    key("cluster.members", "node", Form::Text("node name"), REQUIRED, "the node"),
    key("cluster.members", "port", PORT, "`4000`", "its `localMemberPort`, to which no offset is added"),

    key("cluster.database", "url", Form::Text("JDBC URL"), REQUIRED, "the `url` of the shared datasource in master-datasources.xml"),
    key("cluster.database", "user", Form::Text("text"), "the same on all nodes", "its `username`"),
    key("cluster.database", "password-alias", Form::Text("name"), "left to the operator", "the alias of its password in the nodes' secure vault (`svns:secretAlias`), for a datasource that `weir wso2 write` makes; the password itself is never here"),
];
