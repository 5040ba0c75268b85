//! `weir check`: reads everything `run` would read, and says what would run or every error at once.
//!
//! It binds nothing, connects to nothing and creates no file.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use self::pool_summary::{members, non_defaults, span, verification};
use super::output::print;
use super::times::unix;
use crate::app::{BAD_CONFIG, FAILED, shows_color};
use crate::config::{
    self, Action, Certificate, Config, Effective, Errors, Listener, Ordered, Pool, Problem, Route, Site, TlsVersion,
};

mod explain;
pub(super) mod operator_orders;
mod pool_summary;
mod readable;
mod unprobed;
mod without_sni;

pub(super) use self::readable::{service_user, warnings as unreadable};

/// What is printed of a good configuration.
#[derive(Clone, Copy, clap::Args)]
pub(super) struct Output {
    /// Print each value and where it comes from, a line of a file or the default; values of header fields are left out
    #[arg(long)]
    explain: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Checks a file, prints what it found, and returns the exit code. Errors go to standard error, all else to standard output.
pub(super) fn run(path: &Path, output: Output) -> i32 {
    let now = SystemTime::now();
    let mut result = config::load_at(path, now);
    // The configuration is good, and a start would be refused all the same.
    let refused = result.as_ref().ok().and_then(operator_orders::refusal);
    let code = if refused.is_some() { FAILED } else { BAD_CONFIG };
    if let Ok(config) = &mut result {
        config.warnings.extend(operator_orders::warnings(config));
        config.warnings.extend(readable::warnings(config));
        config.warnings.extend(unprobed::warning(config));
    }
    let result = refused.map_or(result, |problem| Err(Errors(vec![problem])));
    let values = result.as_ref().ok().filter(|_| output.explain).map(config::explain);
    let heard = match &result {
        _ if output.json => print(&format!("{:#}\n", with_values(as_json(&result, now), values.as_deref()))),
        Ok(_) if values.is_some() => print(&explain::text(path, &values.unwrap_or_default())),
        Ok(config) => print(&summary(path, config, shows_color(&std::io::stdout()), now)),
        Err(errors) => {
            eprint!("{}", errors.render(shows_color(&std::io::stderr())));
            true
        }
    };
    match (result, heard) {
        (Err(_), _) => code,
        (Ok(_), true) => 0,
        (Ok(_), false) => FAILED,
    }
}

fn with_values(mut said: Value, values: Option<&[Effective]>) -> Value {
    if let Some(values) = values {
        said["values"] = explain::json(values);
    }
    said
}

fn summary(path: &Path, config: &Config, color: bool, now: SystemTime) -> String {
    let words = operator_orders::section(config, unix(now));
    let tables = [listeners(config), sites(config), pools(config), certificates(config, now), words];
    let tables: Vec<String> = tables.into_iter().filter(|table| !table.is_empty()).collect();
    let warnings = match config.warnings.len() {
        0 => String::new(),
        1 => ", with 1 warning".to_owned(),
        many => format!(", with {many} warnings"),
    };
    let drawn = config::render_warnings(&config.warnings, color);
    format!("{drawn}{}\n{} is good{warnings}\n", tables.join("\n"), path.display())
}

fn listeners(config: &Config) -> String {
    let rows = config.listeners.iter().enumerate().map(|(index, listener)| {
        let cells = vec![listener.name.to_string(), listener.bind.to_string(), protocols(listener)];
        (cells, without_sni::words(config, index))
    });
    table("listener", rows.collect())
}

fn protocols(listener: &Listener) -> String {
    match &listener.tls {
        None => "plain".to_owned(),
        Some(tls) => {
            let version = if tls.min_version == TlsVersion::V1_3 { "TLS 1.3" } else { "TLS 1.2 and 1.3" };
            format!("{version}{}", if listener.http2 { ", HTTP/2" } else { "" })
        }
    }
}

fn sites(config: &Config) -> String {
    let rows = config.sites.iter().map(|site| {
        let takes = [(site.nameless, "clients without a name"), (site.default, "whatever no other site takes")];
        let takes = takes.iter().filter(|(is_so, _)| *is_so).map(|(_, what)| (*what).to_owned());
        let hosts = Some(shown(&hosts(site))).filter(|hosts| !hosts.is_empty());
        let hosts = hosts.into_iter().chain(takes).collect::<Vec<_>>().join(", ");
        let row = vec![site.name.to_string(), shown(&listener_names(config, site)), hosts, to_pool(config, site)];
        (row, folded(&site_settings(site)))
    });
    table("site", rows.collect())
}

/// The first ones of a list, on one line.
fn shown(names: &[String]) -> String {
    const MOST: usize = 12;
    let first = names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{first} and {} more", names.len() - MOST) } else { first }
}

fn to_pool(config: &Config, site: &Site) -> String {
    let routes = match site.routes.len() {
        0 => String::new(),
        1 => ", 1 route".to_owned(),
        many => format!(", {many} routes"),
    };
    match site.pool {
        Some(pool) if site.passthrough => format!("→ {}, TLS passed through", pool_name(config, pool)),
        Some(pool) => format!("→ {}{routes}", pool_name(config, pool)),
        None => format!("→ no pool{routes}"),
    }
}

fn site_settings(site: &Site) -> Vec<String> {
    let access = site.access.allow.as_ref().map(|allow| format!("allows {}", networks(allow)));
    let denied = (!site.access.deny.is_empty()).then(|| format!("denies {}", networks(&site.access.deny)));
    let rate = site.rate.as_ref().map(|rate| {
        let together = if rate.shared { ", all machines together" } else { "" };
        format!("{} requests in {}{together}", rate.requests, span(rate.per))
    });
    [access, denied, rate].into_iter().flatten().collect()
}

fn networks(networks: &[ipnet::IpNet]) -> String {
    match networks {
        [one] => one.to_string(),
        many => format!("{} networks", many.len()),
    }
}

fn hosts(site: &Site) -> Vec<String> {
    site.hosts.iter().map(ToString::to_string).collect()
}

fn listener_names(config: &Config, site: &Site) -> Vec<String> {
    site.listeners
        .iter()
        .filter_map(|index| config.listeners.get(*index))
        .map(|listener| listener.name.to_string())
        .collect()
}

fn pool_name(config: &Config, pool: usize) -> String {
    config.pools.get(pool).map(|pool| pool.name.to_string()).unwrap_or_default()
}

fn pools(config: &Config) -> String {
    let rows = config.pools.iter().map(|pool| {
        let members: Vec<String> = members(config, pool).iter().map(ToString::to_string).collect();
        let mut lines = folded(&members).into_iter();
        let cells = vec![pool.name.to_string(), lines.next().unwrap_or_default()];
        (cells, lines.chain([pool_summary::summary(pool)]).chain(folded(&non_defaults(pool))).collect())
    });
    table("pool", rows.collect())
}

fn certificates(config: &Config, now: SystemTime) -> String {
    let all = config.sites.iter().flat_map(|site| site.certificates.iter().map(move |certificate| (site, certificate)));
    let rows = all.map(|(site, certificate)| {
        let days = days_left(certificate, now);
        let expiry = if days < 0 { format!("expired {} days ago", -days) } else { format!("expires in {days} days") };
        let chain = certificate.chain.display().to_string();
        let ordered = site.ordered.iter().find(|ordered| ordered.file == certificate.chain);
        let from = ordered.map(|ordered| format!("ordered from {}", authority(config, ordered)));
        (vec![site.name.to_string(), chain, certificate.pair.leaf.key.clone(), expiry], from.into_iter().collect())
    });
    let to_come = config.sites.iter().flat_map(|site| {
        let missing = site.ordered.iter().filter(|ordered| ordered.shown.is_none());
        missing.map(move |ordered| {
            let expected = format!("is ordered from {}", authority(config, ordered));
            let file = ordered.file.display().to_string();
            (vec![site.name.to_string(), file, ordered.key_type.words().to_owned(), expected], Vec::new())
        })
    });
    table("certificate", rows.chain(to_come).collect())
}

fn authority<'c>(config: &'c Config, ordered: &Ordered) -> &'c str {
    config.acme.get(ordered.authority).map_or("", |acme| &acme.name)
}

fn days_left(certificate: &Certificate, now: SystemTime) -> i64 {
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    certificate.pair.leaf.not_after.saturating_sub(now).div_euclid(24 * 3600)
}

/// The cells of a row, and the lines under it.
type Row = (Vec<String>, Vec<String>);

/// A heading and rows in columns; empty when there are no rows.
fn table(heading: &str, rows: Vec<Row>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let columns = rows.iter().map(|(cells, _)| cells.len()).max().unwrap_or(0);
    // A cell that is longer than a line does not widen its column.
    const WIDEST: usize = 160;
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|(cells, _)| cells.get(column));
        cells.map(|cell| cell.chars().count()).filter(|width| *width <= WIDEST).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let indent = " ".repeat(4 + widths.first().copied().unwrap_or(0));
    let lines = rows.iter().map(|(cells, below)| {
        let cells: String = cells.iter().zip(&widths).map(|(cell, &width)| format!("  {cell:width$}")).collect();
        let below: String = below.iter().map(|line| format!("{indent}{line}\n")).collect();
        format!("{}\n{below}", cells.trim_end())
    });
    format!("{heading}s\n{}", lines.collect::<String>())
}

/// Parts, folded into lines of readable length.
fn folded(parts: &[String]) -> Vec<String> {
    const WIDE: usize = 76;
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut().filter(|line| line.len() + part.len() + 2 <= WIDE) {
            Some(line) => *line = format!("{line}, {part}"),
            None => lines.push(part.clone()),
        }
    }
    lines
}

fn as_json(result: &Result<Config, Errors>, now: SystemTime) -> Value {
    let (problems, warnings, summary) = match result {
        Ok(config) => (Vec::new(), config.warnings.as_slice(), summary_json(config, now)),
        Err(errors) => (errors.0.iter().map(problem).collect(), &[][..], Value::Null),
    };
    json!({ "ok": result.is_ok(), "problems": problems, "warnings": warnings.iter().map(problem).collect::<Vec<_>>(), "summary": summary })
}

fn problem(problem: &Problem) -> Value {
    json!({ "file": problem.at.file.display().to_string(), "line": problem.at.line, "what": problem.what, "advice": problem.advice })
}

fn summary_json(config: &Config, now: SystemTime) -> Value {
    let listener = |(index, listener): (usize, &Listener)| {
        json!({
            "name": *listener.name,
            "bind": listener.bind.to_string(),
            "tls": listener.tls.is_some(),
            "http2": listener.tls.is_some() && listener.http2,
            "nameless": without_sni::site(config, index).map(|site| &*site.name),
        })
    };
    let certificate = |certificate: &Certificate| {
        json!({
            "chain": certificate.chain.display().to_string(),
            "key": certificate.key.display().to_string(),
            "names": certificate.pair.leaf.names,
            "not_after": certificate.pair.leaf.not_after,
            "days_left": days_left(certificate, now),
        })
    };
    let site = |site: &Site| {
        json!({
            "name": *site.name,
            "listeners": listener_names(config, site),
            "hosts": hosts(site),
            "default": site.default,
            "nameless": site.nameless,
            "passthrough": site.passthrough,
            "pool": site.pool.map(|pool| pool_name(config, pool)),
            "routes": site.routes.iter().map(|route| route_json(config, route)).collect::<Vec<_>>(),
            "certificate": site.certificates.first().map(|one| certificate(one)),
            "certificates": site.certificates.iter().map(|one| certificate(one)).collect::<Vec<_>>(),
            "ordered": site.ordered.iter().map(|ordered| ordered_json(config, ordered)).collect::<Vec<_>>(),
        })
    };
    json!({
        "files": config.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>(),
        "admin": config.admin.bind.to_string(),
        "listeners": config.listeners.iter().enumerate().map(listener).collect::<Vec<_>>(),
        "sites": config.sites.iter().map(site).collect::<Vec<_>>(),
        "pools": config.pools.iter().map(|pool| pool_json(config, pool)).collect::<Vec<_>>(),
        "operators": operator_orders::section_json(config),
    })
}

fn ordered_json(config: &Config, ordered: &Ordered) -> Value {
    json!({
        "acme": authority(config, ordered),
        "file": ordered.file.display().to_string(),
        "key_type": <&str>::from(ordered.key_type),
        "is_there": ordered.known.is_some(),
    })
}

fn route_json(config: &Config, route: &Route) -> Value {
    let (action, pool) = match &route.action {
        Action::Pool(pool) => ("pool", Some(pool_name(config, *pool))),
        Action::Redirect(_) => ("redirect", None),
        Action::Answer(_) => ("answer", None),
        Action::Deny => ("deny", None),
    };
    json!({ "name": *route.name, "action": action, "pool": pool })
}

fn pool_json(config: &Config, pool: &Pool) -> Value {
    let members = members(config, pool);
    let member = |member: &pool_summary::MemberSummary| json!({ "node": member.node, "address": member.address, "weight": member.weight, "backup": member.backup });
    json!({
        "name": *pool.name,
        "balance": pool_summary::method(pool),
        "nodes": members.iter().map(member).collect::<Vec<_>>(),
        "nodes_by": verification(pool),
        "sticky": pool.sticky.as_ref().map(|sticky| sticky.cookie.to_string()),
        "sticky_by": pool_summary::sticky(pool),
        "probes": pool.health.as_ref().map_or(0, |health| health.probes.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
    }

    #[test]
    fn a_good_file_is_summed_up() {
        let path = file("conf/minimal.toml");
        let config = config::load(&path).unwrap();
        let said = summary(&path, &config, false, SystemTime::now());
        for part in [
            "  http  127.0.0.1:8080  plain\n",
            "  all  http  whatever no other site takes  → workers\n",
            "  workers  worker1 127.0.0.1:8280, worker2 127.0.0.1:8281\n           plain, no probes\n",
            "conf/minimal.toml is good\n",
        ] {
            assert!(said.contains(part), "{part:?} is missing in\n{said}");
        }
        assert!(!said.contains("certificates"), "{said}");
        let json = as_json(&Ok(config), SystemTime::now());
        assert_eq!(json["ok"], true);
        assert_eq!(json["summary"]["pools"][0]["nodes"][1]["address"], "127.0.0.1:8281");
    }

    #[test]
    fn what_is_not_as_by_default_is_said_in_lines_that_can_be_read() {
        let path = std::env::temp_dir().join(format!("weir-check-{}.toml", std::process::id()));
        std::fs::write(&path, UNUSUAL).unwrap();
        let config = config::load(&path);
        std::fs::remove_file(&path).unwrap();
        let config = config.map_err(|errors| errors.to_string()).unwrap();
        let said = summary(&path, &config, false, SystemTime::now());
        for part in [
            "  all  http  whatever no other site takes  → web, 2 routes\n",
            "       allows 10.0.0.0/8, 20 requests in 1s\n",
            "  web     a 10.0.0.3:80, b b.local:80 (weight 2), c [fd00::5]:80 (backup)\n",
            "          plain, sticky by Weir's own WEIRNODE, no probes\n",
            "          least-requests, 1 or more active, 200 requests a node, queue of 50 for 10s\n",
            "          slow start 1m, sessions return, lost sessions are refused\n",
            "          retries 502-504, 503 ejects\n",
            "  hashed  a 10.0.0.3:80\n          plain, no probes\n          hash on header X-A\n",
        ] {
            assert!(said.contains(part), "{part:?} is missing in\n{said}");
        }
        let json = as_json(&Ok(config), SystemTime::now());
        assert_eq!(json["summary"]["pools"][0]["nodes"][1]["address"], "b.local:80");
        assert_eq!(json["summary"]["sites"][0]["routes"][0], json!({ "name": "/a", "action": "deny", "pool": null }));
        assert_eq!(json["summary"]["sites"][0]["routes"][1]["pool"], "hashed");
    }

    #[test]
    fn thousands_of_hosts_are_counted() {
        let hosts: Vec<String> = (0..50_000).map(|number| format!("h{number}.test")).collect();
        let rows = vec![(vec!["site".to_owned(), shown(&hosts)], Vec::new()), (vec!["x".repeat(100_000)], Vec::new())];
        let said = table("site", rows);
        assert!(said.contains("  site  h0.test, h1.test") && said.contains("h11.test and 49988 more\n"), "{said}");
    }

    #[test]
    fn a_bad_file_is_told_apart_by_its_exit_code_and_its_problems() {
        let path = file("tests/bad_configs/unknown-pool.toml");
        let json = as_json(&config::load(&path), SystemTime::now());
        assert_eq!((&json["ok"], &json["problems"][0]["line"]), (&json!(false), &json!(23)));
        assert_eq!(json["problems"][0]["what"], "pool: no pool is called \"wbe\"");
        assert_eq!(json["summary"], Value::Null);
        let json = Output { explain: false, json: true };
        assert_eq!((run(&path, json), run(&file("conf/minimal.toml"), json)), (78, 0));
    }

    const UNUSUAL: &str = r#"
[[listener]]
name = "http"
bind = "127.0.0.1:8080"
[[node]]
name = "a"
address = "10.0.0.3"
[[node]]
name = "b"
address = "b.local"
[[node]]
name = "c"
address = "fd00::5"
[[pool]]
name = "web"
nodes = ["a", { node = "b", weight = 2 }, { node = "c", backup = true }]
port = 80
balance = "least-requests"
active = {}
max-requests = 200
queue = { size = 50 }
slow-start = "60s"
sticky = { mode = "cookie", failback = "return", on-lost = "refuse" }
retry-on = ["connect", "502-504"]
eject = { statuses = "503" }
[[pool]]
name = "hashed"
nodes = ["a"]
port = 80
balance = "hash"
hash = { on = "header", name = "X-A" }
[[site]]
name = "all"
listener = "http"
default = true
pool = "web"
allow-from = ["10.0.0.0/8"]
rate = { requests = 20 }
[[site.route]]
prefix = "/a"
deny = true
[[site.route]]
prefix = "/b"
pool = "hashed"
"#;
}
