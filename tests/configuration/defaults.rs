//! The defaults of the reference, which the documentation shows: a key that is absent means the same as one that says so.

use weir::config::{self, Config};

use super::{Directory, MINIMAL, with_key};

/// Defaults in words, such as "the pool's", cannot be written; all others stand between backquotes.
#[test]
fn a_default_that_is_written_changes_nothing() {
    let directory = Directory::new("defaults");
    directory.certificate("site", &["esb.wso2.com"]);
    directory.write("shared.secret", "3d9e1c77f3b64b0f8e5a2b1d0c9f8e7a");
    let mut seen = 0;
    for key in config::reference() {
        let Some(default) = key.default.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) else { continue };
        let text = |line: &str| around(key.table, key.key, line);
        let [absent, written] = [String::new(), format!("{} = {default}", key.key)].map(|line| {
            let config = directory.load(&text(&line)).map_err(|errors| format!("{}\n{errors}", text(&line)));
            what_it_says(config.unwrap())
        });
        assert_eq!(absent, written, "{} of [{}] is not {default} where it is absent", key.key, key.table);
        seen += 1;
    }
    assert!(seen > 80, "only {seen} defaults were written");
}

/// A table in which only a key stands that nobody knows.
#[test]
fn a_key_is_missed_where_it_is_required_and_nowhere_else() {
    let directory = Directory::new("required");
    for key in config::reference().iter().filter(|key| !key.default.starts_with("required ")) {
        let text = with_key(key.table, "qqqq", "1", false).replace("verify = \"full\"\n", "");
        let said = directory.load(&text).unwrap_err().to_string();
        let who = if key.table.is_empty() { "there is".to_owned() } else { config::heading(key.table) + " has" };
        let missed = said.contains(&format!("{who} no {};", key.key));
        assert_eq!(missed, key.default == "required", "{} of [{}]:\n{said}", key.key, key.table);
    }
}

/// A file that needs nothing else, with this line in this table.
fn around(table: &str, key: &str, line: &str) -> String {
    let file = MINIMAL.replace("default = true", "hosts = [\"esb.wso2.com\"]");
    let after = |place: &str, lines: &str| file.replace(place, &format!("{place}{lines}"));
    let in_pool = |lines: &str| after("port = 80\n", &format!("{lines}\n"));
    match table {
        "" if ["acme", "node", "pool", "site"].contains(&key) => {
            format!("{line}\n[[listener]]\nname = \"http\"\nbind = \"127.0.0.1:8080\"\n")
        }
        "" => format!("{line}\n{file}"),
        "cluster.members" => format!("[cluster]\nmembers = [{{ node = \"n\", {line} }}]\n{file}"),
        "admin" | "cluster" | "dns" | "metrics" => format!("[{table}]\n{}\n{line}\n{file}", beside(table, key)),
        "shared" | "shared.tls" => in_shared(table, key, line) + &file,
        "tracing" => format!("[tracing]\nendpoint = \"http://127.0.0.1:4318\"\n{line}\n{file}"),
        "admin.token" => format!("[[{table}]]\nname = \"ops\"\ncredential = \"ops\"\n{line}\n{file}"),
        "admin.tls" => format!("[{table}]\nchain = \"site.crt\"\nkey = \"site.key\"\n{line}\n{file}"),
        "admin.certificate" => {
            let tls = "[admin.tls]\nchain = \"site.crt\"\nkey = \"site.key\"\nclient-ca = \"site.crt\"\n";
            format!("{tls}[[{table}]]\nname = \"anna\"\n{line}\n{file}")
        }
        "acme" => format!(
            "[[acme]]\nname = \"ca\"\ndirectory = \"https://ca.test/dir\"\n{}\n{line}\n{file}",
            beside(table, key)
        ),
        "site.certificate" => {
            let acme = "[[acme]]\nname = \"ca\"\ndirectory = \"https://ca.test/dir\"\nchallenge = \"tls-alpn-01\"\n";
            let file = after("bind = \"127.0.0.1:8080\"\n", "tls = {}\n");
            format!("{acme}{file}[{table}]\nacme = \"ca\"\n{line}\n")
        }
        "listener" => after("bind = \"127.0.0.1:8080\"\n", &format!("{line}\n")),
        "listener.tls" => {
            let file = after("bind = \"127.0.0.1:8080\"\n", &format!("[listener.tls]\n{line}\n"));
            format!("{file}certificate = {{ chain = \"site.crt\", key = \"site.key\" }}\n")
        }
        "site.client-auth" => {
            let file = after("bind = \"127.0.0.1:8080\"\n", "tls = {}\n");
            let certificate = "certificate = { chain = \"site.crt\", key = \"site.key\" }";
            format!("{file}{certificate}\n[{table}]\nca = \"site.crt\"\n{line}\n")
        }
        "node" => after("address = \"10.0.0.3\"\n", &format!("{line}\n")),
        "pool" => in_pool(line),
        "pool.nodes" => file
            .replace("nodes = [\"n\"]\n", "")
            .replace("port = 80\n", &format!("port = 80\n[[pool.nodes]]\nnode = \"n\"\n{line}\n")),
        "pool.active" => {
            let two = in_pool(&format!("[pool.active]\n{line}")).replace("[\"n\"]", "[\"n\", \"m\"]");
            format!("{two}[[node]]\nname = \"m\"\naddress = \"10.0.0.4\"\n")
        }
        "pool.hash" => in_pool(&format!("balance = \"hash\"\n[pool.hash]\non = \"client\"\n{line}")),
        "pool.queue" => in_pool(&format!("max-requests = 5\n[pool.queue]\n{line}")),
        "pool.health.probes" => in_pool(&format!("[[pool.health.probes]]\nkind = \"http\"\n{line}")),
        "site" => format!("{file}{line}\n"),
        "site.route" => format!("{file}[[site.route]]\npath = \"/x\"\n{line}\n"),
        _ if table.starts_with("site.route.") => {
            format!("{file}[[site.route]]\npath = \"/x\"\n[{table}]\n{}\n{line}\n", beside(table, key))
        }
        "site.redirect" => {
            format!("{file}[[site.route]]\npath = \"/x\"\n[site.route.redirect]\nscheme = \"https\"\n{line}\n")
        }
        _ if table.starts_with("site.") => format!("{file}[{table}]\n{}\n{line}\n", beside(table, key)),
        _ => in_pool(&format!("[{table}]\n{}\n{line}", beside(table, key))),
    }
}

/// `[shared]` with servers, and this line in it or in the table of its TLS.
fn in_shared(table: &str, key: &str, line: &str) -> String {
    let tls = if table == "shared" { "" } else { "\n[shared.tls]\nverify = \"full\"" };
    format!("[shared]\n{}{tls}\n{line}\n", beside("shared", key))
}

/// What a table must say beside this key.
fn beside(table: &str, key: &str) -> &'static str {
    match (table, key) {
        ("acme", "dns-timeout") => "challenge = \"dns-01\"\ndns-set = [\"/bin/true\"]",
        ("cluster", "members-interval") => "members-from = [\"http://10.0.0.3:4200\"]",
        ("pool.sticky", "path" | "http-only" | "same-site") => "mode = \"cookie\"",
        ("pool.sticky", "failback-idle") => "failback = \"when-idle\"",
        ("pool.health", _) => "probes = [{ kind = \"tcp\" }]",
        ("shared", _) => "secret = \"shared.secret\"\nservers = [\"10.0.0.11\"]",
        ("site.rate", _) => "requests = 1",
        ("site.request-headers" | "site.response-headers", _) => "set = { \"X-Tenant\" = \"gold\" }",
        ("site.route.answer", _) => "body = \"closed\"",
        _ => "",
    }
}

/// All of it but the places of its keys, and what is only advice.
fn what_it_says(mut config: Config) -> String {
    config.warnings.clear();
    regex::Regex::new(r"Place \{[^}]*\}").unwrap().replace_all(&format!("{config:#?}"), "").into_owned()
}
