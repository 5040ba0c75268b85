//! The way from a path to a configuration: read, parse, include, read the tables, resolve the names.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::model::Config;
use super::pool::active;
use super::pool::members::Nodes;
use super::server::listeners::Binds;
use super::server::{acme, admin, cluster, dns, listeners, logs, nodes, shared, state_dir, tracing};
use super::site::ordered::CertificateContext;
use super::site::{SiteContext, UsedHosts};
use super::text::errors::{Errors, Problem, Problems};
use super::text::section;
use super::text::section::Section;
use super::text::source::{Source, Texts};
use super::text::{include, syntax, variables};
use super::values::names::Names;
use super::values::pairs::{Judging, KnownCertificates};
use super::{pool, site, unused};

/// The configuration in a file, or everything that is wrong with it. Certificates are judged by the current time.
pub fn load(path: &Path) -> Result<Config, Errors> {
    load_at(path, SystemTime::now())
}

/// [`load`] for a Weir that runs `before`. Certificates and keys whose files have not changed are reused.
pub fn load_after(path: &Path, before: &Config) -> Result<Config, Errors> {
    load_judging(main_file(path)?, None, Judging { now: SystemTime::now(), known: &KnownCertificates::of(before) })
}

/// [`load_after`], of the texts that `before` was read from. Only what the files that they name hold may be another.
pub fn load_again(before: &Config) -> Result<Config, Errors> {
    let mut texts = before.texts.sources().iter().cloned();
    let main = texts.next().unwrap_or_else(|| Source::new(Arc::default(), String::new()));
    let judging = Judging { now: SystemTime::now(), known: &KnownCertificates::of(before) };
    load_judging(main, Some(texts.collect()), judging)
}

/// [`load_after`], with this text in place of what the main file holds.
pub fn load_text(path: &Path, text: String, before: &Config) -> Result<Config, Errors> {
    let main = Source::new(Arc::new(path.to_path_buf()), text);
    load_judging(main, None, Judging { now: SystemTime::now(), known: &KnownCertificates::of(before) })
}

/// [`load_at`] of a file that is not there yet, with this text.
pub fn load_draft(path: &Path, text: String, now: SystemTime) -> Result<Config, Errors> {
    let main = Source::new(Arc::new(path.to_path_buf()), text);
    load_judging(main, None, Judging { now, known: &KnownCertificates::default() })
}

/// [`load`], with certificates judged by the given time.
pub fn load_at(path: &Path, now: SystemTime) -> Result<Config, Errors> {
    load_judging(main_file(path)?, None, Judging { now, known: &KnownCertificates::default() })
}

fn main_file(path: &Path) -> Result<Source, Errors> {
    Source::read(path).map_err(|problem| Errors(vec![or_another(problem)]))
}

/// `included`: the texts in place of what the files that the main one includes hold.
fn load_judging(main: Source, included: Option<Vec<Source>>, judging: Judging<'_>) -> Result<Config, Errors> {
    let problems = Problems::default();
    let main_table = syntax::parse(&main, &problems);
    problems.check(&[main.file.to_path_buf()])?;
    let included = included.unwrap_or_else(|| {
        section::peek("include", &main_table, &main, &problems).map(|value| include::read(&value)).unwrap_or_default()
    });
    let files: Vec<PathBuf> = [&main].into_iter().chain(&included).map(|source| source.file.to_path_buf()).collect();
    let tables: Vec<_> = included.iter().map(|source| syntax::parse(source, &problems)).collect();
    // If an included file cannot be read, everything in it would be reported as missing. So its error is reported
    // alone.
    problems.check(&files)?;
    let read: Vec<_> = [(&main_table, &main)].into_iter().chain(tables.iter().zip(&included)).collect();
    read.iter().for_each(|(table, source)| variables::warn(table.get_ref(), source, &problems));
    let sections: Vec<Section<'_>> =
        read.into_iter().map(|(table, source)| section::root(table, source, &problems)).collect();
    let mut config = assemble(&sections, judging);
    drop(sections);
    problems.check(&files)?;
    config.warnings = problems.warnings(&files);
    config.named_files = problems.named_files();
    config.files = files;
    drop((main_table, tables));
    config.texts = Texts::new([main].into_iter().chain(included).collect());
    Ok(config)
}

/// Adds advice to an error about the main file that has none: another file can be named.
fn or_another(problem: Problem) -> Problem {
    if problem.advice.is_empty() {
        Problem { advice: "--config FILE names another one".to_owned(), ..problem }
    } else {
        problem
    }
}

/// Reads the tables of whole files. The first is the main one. If something is wrong, a problem is reported and the
/// result must not be used.
fn assemble(files: &[Section<'_>], judging: Judging<'_>) -> Config {
    let all = |key, name| files.iter().flat_map(|file| file.sections(key, name)).collect::<Vec<_>>();
    let (listeners, nodes) = (all("listener", "listener"), all("node", "node"));
    let (pools, sites, authorities) = (all("pool", "pool"), all("site", "site"), all("acme", "acme"));
    let mut config = main_keys(files, judging.now);
    let mut binds = Binds::default();
    if let Some(main) = files.first() {
        config.admin = admin::read(main, &mut binds, judging);
        config.metrics = admin::read_metrics(main, &mut binds);
        if files.iter().all(|file| !file.has("listener") || file.is_empty_list("listener")) {
            main.problems.error(
                main.whole(),
                "there is no listener",
                "write [[listener]] with name = \"http\" and bind = \"0.0.0.0:80\"",
            );
        }
    }
    let listener_names = Names::of("listener", &listeners);
    let shares = config.shared.as_ref().is_some_and(|shared| shared.stores.is_some());
    config.listeners =
        each(&listeners, |i, section| listeners::read(section, listener_names.name(i), &mut binds, shares));
    let (node_names, mut servers) = (Names::of("node", &nodes), nodes::Servers::default());
    config.nodes = each(&nodes, |i, section| nodes::read(section, node_names.name(i), &mut servers));
    nodes::bound(&nodes);
    let pool_names = Names::of("pool", &pools);
    let known = Nodes { names: &node_names, nodes: &config.nodes };
    let mut withs = Vec::new();
    for (index, section) in pools.iter().enumerate() {
        let mut with = None;
        config.pools.push(pool::read(section, pool_names.name(index), (&known, judging.now), &mut with));
        withs.extend(with.map(|with| (index, with)));
    }
    active::share(&mut config.pools, &withs, &pool_names, &known);
    let site_names = Names::of("site", &sites);
    let acme_names = Names::of("CA", &authorities);
    config.acme = each(&authorities, |i, section| acme::read(section, acme_names.name(i)));
    let (listener_names, pool_names) = (&listener_names, &pool_names);
    let context = SiteContext {
        listeners: &config.listeners,
        listener_names,
        pools: &config.pools,
        pool_names,
        logs: &config.logs,
        shares,
        certificates: CertificateContext {
            listeners: &config.listeners,
            acme: &config.acme,
            acme_names: &acme_names,
            state_dir: &config.state_dir,
            judging,
        },
    };
    let mut used = UsedHosts::default();
    config.sites = each(&sites, |i, section| site::read(section, site_names.name(i), &context, &mut used));
    site::client_auth::guard(&mut config.sites);
    if let Some(main) = files.first() {
        config.cluster = cluster::read(main, (&node_names, &config.nodes), &site_names);
        unused::warn(&config, main.problems);
    }
    config
}

fn each<T>(sections: &[Section<'_>], mut read: impl FnMut(usize, &Section<'_>) -> T) -> Vec<T> {
    sections.iter().enumerate().map(|(index, section)| read(index, section)).collect()
}

fn main_keys(files: &[Section<'_>], now: SystemTime) -> Config {
    let mut config = empty();
    let Some((main, included)) = files.split_first() else { return config };
    for file in included {
        file.belongs_to_main(&[
            "include",
            "admin",
            "metrics",
            "dns",
            "tracing",
            "shared",
            "cluster",
            "state-dir",
            "threads",
            "max-memory",
            "start-timeout",
            "stop-timeout",
            "access-log",
            "error-log",
            "log-format",
        ]);
    }
    let _read_before = main.value("include");
    config.state_dir =
        main.parsed("state-dir", |text| state_dir::check(main.source.resolve(text))).unwrap_or(config.state_dir);
    config.threads = main.optional_integer("threads").unwrap_or(config.threads);
    config.max_memory = main.optional_size("max-memory");
    config.start_timeout = main.duration("start-timeout");
    config.stop_timeout = main.duration("stop-timeout");
    config.dns = dns::read(main);
    config.tracing = tracing::read(main);
    config.shared = shared::read(main, now);
    config.logs = logs::read(main, &logs::DEFAULT);
    config
}

/// What a file that says nothing would mean, if it were allowed.
pub(crate) fn empty() -> Config {
    Config {
        files: Vec::new(),
        texts: Texts::default(),
        named_files: Vec::new(),
        state_dir: PathBuf::from("/var/lib/weir"),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        max_memory: None,
        start_timeout: std::time::Duration::ZERO,
        stop_timeout: std::time::Duration::ZERO,
        admin: admin::default(),
        metrics: None,
        dns: super::model::Dns::default(),
        tracing: None,
        shared: None,
        cluster: None,
        acme: Vec::new(),
        listeners: Vec::new(),
        nodes: Vec::new(),
        pools: Vec::new(),
        sites: Vec::new(),
        logs: logs::DEFAULT,
        warnings: Vec::new(),
    }
}
