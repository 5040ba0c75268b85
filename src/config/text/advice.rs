//! Advice for wrong keys and values: what to write instead.

use super::reference;
use super::reference::Key;
use super::words::{list, nearest, quoted};

/// Words of nginx and HAProxy, and ours.
const ELSEWHERE: [(&str, &str); 6] = [
    ("least_conn", "least-requests"),
    ("least-conn", "least-requests"),
    ("leastconn", "least-requests"),
    ("ip_hash", "hash"),
    ("random", "random-two"),
    ("roundrobin", "round-robin"),
];

/// Which words a key takes, for one that it does not.
pub(super) fn choices(wrong: &str, words: &[&str]) -> String {
    let words_here = format!("one of: {}", list(words));
    let ours = ELSEWHERE.iter().find(|(theirs, ours)| *theirs == wrong && words.contains(ours)).map(|(_, ours)| *ours);
    match ours.or_else(|| nearest(wrong, words.iter().copied())) {
        Some(near) if words.len() > 1 => format!("did you mean {near:?}? {words_here}"),
        _ if words.len() == 1 => format!("this version knows only {:?}", list(words)),
        _ => words_here,
    }
}

/// What is wrong with a key that its table does not have, and what to write instead.
pub(super) fn unknown_key(table: &str, key: &str) -> (String, String) {
    let heading = reference::heading(table);
    let known = reference::keys_of(table);
    let elsewhere = reference::tables_of(key);
    let advice = match (nearest(key, known.iter().copied()), elsewhere.first()) {
        (Some(near), _) if table.is_empty() && keyed_tables(near) => {
            format!("did you mean {}?", reference::heading(near))
        }
        (Some(near), _) => format!("did you mean {near:?}?"),
        (None, Some(_)) => {
            let places: Vec<_> = elsewhere.iter().map(|table| reference::heading(table)).collect();
            format!("it belongs in {}", places.join(" or "))
        }
        (None, None) => format!("keys here: {}", list(&known)),
    };
    let place = if table.is_empty() { "at" } else { "in" };
    (format!("unknown key {} {place} {heading}", quoted(key)), advice)
}

fn keyed_tables(key: &str) -> bool {
    reference::find("", key).is_some_and(|key| key.form.is_table())
}

/// An example of the value of a required key; empty if there is none.
pub(super) fn example(key: &Key) -> &'static str {
    match (key.table, key.key) {
        ("admin.token", "file") => "\"/etc/weir/ops.token\"",
        ("admin.tls", "chain") => "\"../certs/admin.crt\"",
        ("admin.tls", "key") => "\"../certs/admin.key\"",
        ("admin.certificate", "name") => "\"anna\"",
        ("cluster.members", "node") => "\"worker1\"",
        ("cluster.database", "url") => "\"jdbc:mysql://db.example.com:3306/registry\"",
        ("metrics", "bind") => "\"0.0.0.0:9181\"",
        ("shared.tls", "verify") => "\"pin\" (and pins), \"full\", \"chain\" or \"none\"",
        ("shared.tls.certificate", "chain") => "\"../certs/weir.crt\"",
        ("shared.tls.certificate", "key") => "\"../certs/weir.key\"",
        ("shared", "secret") => "\"/etc/weir/shared.secret\"",
        ("tracing", "endpoint") => "\"http://127.0.0.1:4318\"",
        ("acme", "directory") => "\"https://acme-v02.api.letsencrypt.org/directory\"",
        ("acme", "dns-set") => "[\"/etc/weir/dns-hook\", \"set\"]",
        ("acme.eab", "kid") => "\"the-key-s-name\"",
        ("acme.eab", "hmac-file") => "\"/etc/weir/eab.key\"",
        ("listener", "bind") => "\"0.0.0.0:80\"",
        ("node", "address") => "\"10.0.0.3\"",
        ("pool", "port") => "8280",
        ("pool", "nodes") => "[\"worker1\", \"worker2\"]",
        ("pool.health", "probes") => "[{ kind = \"tcp\" }]",
        ("pool.health.probes", "kind") => "\"tcp\"",
        ("pool.tls", "verify") => "\"pin\" (and pins), \"full\", \"chain\" or \"none\"",
        ("pool.redirects", "from") => "\"http://localhost:8280/\"",
        ("pool.redirects", "to") => "\"https://esb.wso2.com/\"",
        ("pool.cookies.domain", "from") => "\"internal.local\"",
        ("pool.cookies.domain", "to") => "\"esb.wso2.com\"",
        ("pool.cookies.path", "from") => "\"/carbon\"",
        ("pool.cookies.path", "to") => "\"/\"",
        ("pool.cookies.named", "name") => "\"JSESSIONID\"",
        ("pool.nodes", "node") => "\"worker1\"",
        ("pool.hash", "on") => "\"client\", \"header\", \"cookie\" or \"path\"",
        ("site.rate", "requests") => "100",
        ("site.route.headers", "name") => "\"X-Tenant\"",
        ("site", "listener") => "\"http\"",
        ("site.client-auth", "ca") => "\"../certs/partners.pem\"",
        ("pool.tls.certificate", "chain") => "\"../certs/weir.crt\"",
        ("pool.tls.certificate", "key") => "\"../certs/weir.key\"",
        ("site.certificate", "chain") => "\"../certs/site.crt\"",
        ("site.certificate", "key") => "\"../certs/site.key\"",
        (_, "name") => "\"a-name\"",
        _ => "",
    }
}

/// How to write a table, where the key has another value.
pub(super) fn as_table(key: &str, table: &str) -> String {
    match table {
        // Sites and routes both have this table, so a heading would not show which of them it belongs to.
        "site.request-headers" | "site.response-headers" => {
            format!("write {key} = {{ set = {{ \"X-Tenant\" = \"gold\" }} }}")
        }
        "site.rate" => "write rate = { requests = 100 }".to_owned(),
        _ => format!("write {key} = {{ … }} or a table of its own: {}", reference::heading(table)),
    }
}

/// How to write a list of tables, where the key has another value.
pub(super) fn as_list(key: &str, table: &str) -> String {
    let element = match table {
        "site.route.headers" => "name = \"X-Tenant\", value = \"gold\"",
        "cluster.members" => "node = \"worker1\", port = 4200",
        "pool.health.probes" => "kind = \"tcp\"",
        "pool.redirects" => "from = \"http://localhost:8280/\", to = \"https://esb.wso2.com/\"",
        "pool.cookies.domain" => "from = \"internal.local\", to = \"esb.wso2.com\"",
        "pool.cookies.path" => "from = \"/carbon\", to = \"/\"",
        "pool.cookies.named" => "name = \"JSESSIONID\", secure = true",
        _ => return format!("write [[{table}]], with two brackets, for each"),
    };
    format!("write {key} = [{{ {element} }}]")
}
