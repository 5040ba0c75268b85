//! `weir check`: reads everything `run` would read, and says what would run or every error at once.
//!
//! It binds nothing, connects to nothing and creates no file.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::standing;
use super::times::unix;
use super::voice::answer;
use crate::app::{BAD_CONFIG, FAILED};
use crate::config::{self, Certificate, Config, Errors, Listener, Pool, Problem, Site, TlsVersion, Verify};

/// Checks a file, prints what it found, and returns the exit code. Errors go to standard error, all else to standard output.
pub(super) fn run(path: &Path, json: bool) -> i32 {
    let now = SystemTime::now();
    let result = config::load_at(path, now);
    let heard = match &result {
        _ if json => answer(&format!("{:#}\n", as_json(&result, now))),
        Ok(config) => answer(&summary(path, config, std::io::stdout().is_terminal(), now)),
        Err(errors) => {
            eprint!("{}", errors.render(std::io::stderr().is_terminal()));
            true
        }
    };
    match (result, heard) {
        (Err(_), _) => BAD_CONFIG,
        (Ok(_), true) => 0,
        (Ok(_), false) => FAILED,
    }
}

fn summary(path: &Path, config: &Config, color: bool, now: SystemTime) -> String {
    let words = standing::section(config, unix(now));
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
    let rows = config
        .listeners
        .iter()
        .map(|listener| vec![listener.name.to_string(), listener.bind.to_string(), speaks(listener)]);
    table("listener", rows.collect())
}

fn speaks(listener: &Listener) -> String {
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
        let hosts = hosts(site).join(", ");
        let hosts = if site.default {
            format!("{hosts}{}whatever no other site takes", if hosts.is_empty() { "" } else { ", " })
        } else {
            hosts
        };
        vec![
            site.name.to_string(),
            listener_names(config, site).join(", "),
            hosts,
            format!("→ {}", pool_name(config, site)),
        ]
    });
    table("site", rows.collect())
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

fn pool_name(config: &Config, site: &Site) -> String {
    config.pools.get(site.pool).map(|pool| pool.name.to_string()).unwrap_or_default()
}

fn pools(config: &Config) -> String {
    let rows = config.pools.iter().map(|pool| {
        let members = members(config, pool).into_iter().map(|(node, address, weight)| match weight {
            1 => format!("{node} {address}"),
            _ => format!("{node} {address} (weight {weight})"),
        });
        vec![pool.name.to_string(), members.collect::<Vec<_>>().join(", "), ways(pool)]
    });
    table("pool", rows.collect())
}

fn members(config: &Config, pool: &Pool) -> Vec<(String, String, u16)> {
    let member = |member: &config::Member| {
        let node = config.nodes.get(member.node)?;
        let address = std::net::SocketAddr::new(
            node.ip().unwrap_or(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)),
            pool.port.saturating_add(node.port_offset),
        );
        Some((node.name.to_string(), address.to_string(), member.weight))
    };
    pool.members.iter().filter_map(member).collect()
}

fn ways(pool: &Pool) -> String {
    let probes = match pool.health.as_ref().map(|health| (health.probes.len(), health.interval)) {
        None => "no probes".to_owned(),
        Some((1, interval)) => format!("1 probe every {interval:?}"),
        Some((many, interval)) => format!("{many} probes every {interval:?}"),
    };
    let sticky = pool.sticky.as_ref().map(|sticky| format!("sticky by {}", sticky.cookie));
    [Some(verification(pool).to_owned()), sticky, Some(probes)].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn verification(pool: &Pool) -> &'static str {
    match pool.tls.as_ref().map(|tls| &tls.verify) {
        None => "plain",
        Some(Verify::Pin(_)) => "TLS by pin",
        Some(Verify::Full(_)) => "TLS by chain and name",
        Some(Verify::Chain(_)) => "TLS by chain",
        Some(Verify::None) => "TLS, not checked",
    }
}

fn certificates(config: &Config, now: SystemTime) -> String {
    let rows = config.sites.iter().filter_map(|site| {
        let certificate = site.certificate.as_ref()?;
        let days = days_left(certificate, now);
        let expiry = if days < 0 { format!("expired {} days ago", -days) } else { format!("expires in {days} days") };
        Some(vec![
            site.name.to_string(),
            certificate.chain.display().to_string(),
            certificate.pair.leaf.key.clone(),
            expiry,
        ])
    });
    table("certificate", rows.collect())
}

fn days_left(certificate: &Certificate, now: SystemTime) -> i64 {
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    certificate.pair.leaf.not_after.saturating_sub(now).div_euclid(24 * 3600)
}

/// Rows under a heading, in columns; nothing when there are no rows.
fn table(heading: &str, rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let lines = rows.iter().map(|row| {
        let cells: String = row.iter().zip(&widths).map(|(cell, &width)| format!("  {cell:width$}")).collect();
        format!("{}\n", cells.trim_end())
    });
    format!("{heading}s\n{}", lines.collect::<String>())
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
    let listener = |listener: &Listener| json!({ "name": *listener.name, "bind": listener.bind.to_string(), "tls": listener.tls.is_some(), "http2": listener.tls.is_some() && listener.http2 });
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
            "pool": pool_name(config, site),
            "certificate": site.certificate.as_deref().map(certificate),
        })
    };
    json!({
        "files": config.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>(),
        "admin": config.admin.bind.to_string(),
        "listeners": config.listeners.iter().map(listener).collect::<Vec<_>>(),
        "sites": config.sites.iter().map(site).collect::<Vec<_>>(),
        "pools": config.pools.iter().map(|pool| pool_json(config, pool)).collect::<Vec<_>>(),
        "operators": standing::section_json(config),
    })
}

fn pool_json(config: &Config, pool: &Pool) -> Value {
    let members = members(config, pool);
    let members =
        members.iter().map(|(node, address, weight)| json!({ "node": node, "address": address, "weight": weight }));
    json!({
        "name": *pool.name,
        "nodes": members.collect::<Vec<_>>(),
        "nodes_by": verification(pool),
        "sticky": pool.sticky.as_ref().map(|sticky| sticky.cookie.to_string()),
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
            "  workers  worker1 127.0.0.1:8280, worker2 127.0.0.1:8281  plain, no probes\n",
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
    fn a_bad_file_is_told_apart_by_its_exit_code_and_its_problems() {
        let path = file("tests/bad_configs/unknown-pool.toml");
        let json = as_json(&config::load(&path), SystemTime::now());
        assert_eq!((&json["ok"], &json["problems"][0]["line"]), (&json!(false), &json!(23)));
        assert_eq!(json["problems"][0]["what"], "pool: no pool is called \"wbe\"");
        assert_eq!(json["summary"], Value::Null);
        assert_eq!((run(&path, true), run(&file("conf/minimal.toml"), true)), (78, 0));
    }
}
