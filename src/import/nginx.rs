//! `nginx.conf` → `weir.toml`. Read (`source`, `parse`), looked at place by place (`scope`, `site`, `pool`), checked as
//! `weir check` would, and written (`render`). Each directive gets a line in the report, whatever becomes of it.

pub(super) mod class;
mod kept;
pub(super) mod known;
mod numbers;
mod parse;
mod pool;
mod render;
pub(super) mod report;
mod scope;
mod site;
pub(super) mod source;
mod stream;
mod table;
mod trial;
mod values;
mod variables;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::SystemTime;

use self::class::Class::{Changed, Refused, Same};
use self::kept::Kept;
use self::parse::{Directive, Tree};
use self::pool::Pools;
use self::render::Draft;
use self::report::{Report, Verdicts};
use self::scope::Scope;
use self::site::access::{Zones, logs};
use self::site::listen::Listeners;
use self::site::{Answered, Sites, lost};
use self::source::Input;
use self::table::Table;
use crate::config;
use crate::config::{Errors, Problem};

/// What came of it.
pub struct Imported {
    /// What becomes of each directive.
    pub report: Report,
    /// The text of weir.toml; nothing where it would not pass the checks.
    pub text: Result<String, Errors>,
    /// Warnings of the checks.
    pub warnings: usize,
    draft: Draft,
}

impl Imported {
    /// Whether something is listened on. Without that there is nothing to write.
    pub fn listens(&self) -> bool {
        self.draft.tables.iter().any(|table| table.head == "[[listener]]")
    }
}

/// Imports what `input` has. `out` is where the file will be; nothing is written here.
///
/// # Errors
/// Where a text cannot be read, or has nothing to import.
pub fn import(input: Input, out: &Path, now: SystemTime) -> Result<Imported, String> {
    let (texts, first) = input.open()?;
    let tree = parse::read(&texts, &first)?;
    let verdicts = Verdicts::of_absent(&tree.absent);
    let prefix = texts.prefix();
    let http = http(&tree);
    let (draft, mut report) = (looked_at(&http, &tree, &prefix, &verdicts)?, verdicts.report(&tree.top));
    (report.read, report.nodes) = (told(&tree, &http), draft.nodes);
    let mut draft = Draft { top: draft.top, tables: draft.tables, left_out: Vec::new() };
    let (text, warnings) = checked(&mut draft, &mut report, out, now);
    Ok(Imported { report, text, warnings, draft })
}

/// What is in `http`. Files of a conf.d begin inside it.
fn http(tree: &Tree) -> Vec<&Directive> {
    let blocks = tree.top.iter().filter(|one| one.name == "http").flat_map(Directive::inside);
    let bare = tree.top.iter().filter(|one| one.name != "http");
    blocks.chain(bare).collect()
}

struct LookedAt {
    top: Table,
    tables: Vec<Table>,
    nodes: String,
}

fn looked_at(http: &[&Directive], tree: &Tree, prefix: &Path, verdicts: &Verdicts) -> Result<LookedAt, String> {
    let scope = Scope::new(http, prefix);
    let servers = scope.own("server");
    let streams = || tree.top.iter().filter(|one| one.name == "stream" && stream::passes(one));
    let Some(first) = servers.first().copied().or_else(|| streams().next()) else {
        return Err("there is no server block in http, so there is nothing to import".to_owned());
    };
    let mut top = Table::new("", &first.at);
    logs(&mut top, &[scope.own("access_log"), scope.own("error_log")].concat(), &scope, verdicts);
    let mut sites = Sites {
        listeners: Listeners::default(),
        pools: Pools::new(&scope, verdicts),
        zones: Zones::of(&scope, verdicts),
        upgrades: upgrades(&scope, verdicts),
        verdicts,
        tables: Vec::new(),
        pages: HashSet::new(),
        taken: HashSet::new(),
        names: values::Names::default(),
        kept: Vec::new(),
        own_rates: false,
        answered: Answered::default(),
    };
    sites.listeners.expect(&servers, &scope);
    servers.iter().for_each(|server| sites.add(server, &scope));
    streams().for_each(|block| stream::read(block, prefix, &mut sites));
    sites.keep(&servers);
    let (pools, nodes) = sites.pools.finish(verdicts);
    tree.top.iter().for_each(|one| lost_below(one, verdicts));
    twice(&tree.top, verdicts);
    let listeners = sites.listeners.finish();
    let tables = listeners.into_iter().chain(nodes.tables).chain(pools).chain(sites.tables).collect();
    Ok(LookedAt { top, tables, nodes: nodes.told })
}

/// The idiom `map $http_upgrade $connection_upgrade`, which Weir does by itself.
fn upgrades(scope: &Scope<'_>, verdicts: &Verdicts) -> Vec<String> {
    let maps = scope.own("map").into_iter().filter(|one| one.word() == "$http_upgrade" && one.values().len() <= 3);
    let name = |one: &Directive| {
        verdicts.say(one, Same, "upgrades", "Weir writes Connection and Upgrade itself");
        one.words.get(1).cloned()
    };
    maps.filter_map(name).collect()
}

/// Lines with which nginx does not start, since the same directive stands before them in their block.
fn twice(block: &[Directive], verdicts: &Verdicts) {
    let mut seen = HashSet::new();
    for one in block {
        if known::stands_once(&one.name) && !seen.insert(one.name.as_str()) {
            verdicts.say(one, Refused, "", "it stands twice in this block, and nginx does not start with that");
        }
        twice(one.inside(), verdicts);
    }
}

/// Lines that nothing has used on the levels above locations: nginx loses them.
fn lost_below(one: &Directive, verdicts: &Verdicts) {
    if matches!(one.name.as_str(), "http" | "server") {
        one.inside().iter().for_each(|inner| {
            if inner.name == "proxy_set_header" && !verdicts.has(inner) {
                lost(inner, verdicts);
            }
            lost_below(inner, verdicts);
        });
    }
}

fn told(tree: &Tree, http: &[&Directive]) -> String {
    let of = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let named = |name: &str| http.iter().filter(|one| one.name == name).count();
    let all = tree.top.iter().map(count).sum();
    [of(tree.files, "file"), of(named("server"), "server"), of(named("upstream"), "upstream"), of(all, "directive")]
        .join(", ")
}

fn count(one: &Directive) -> usize {
    1 + one.reported().map(count).sum::<usize>()
}

/// The text, after the checks of `weir check`. A site that they refuse keeps its hosts and answers 501, so that no other site
/// takes their requests; where that is refused too, for its certificate in most cases, it is left out. So is a pool or a
/// node, and what leads to it answers 501. Its directive is refused with their words.
fn checked(draft: &mut Draft, report: &mut Report, out: &Path, now: SystemTime) -> (Result<String, Errors>, usize) {
    let mut shut = HashMap::new();
    loop {
        let written = draft.write(report);
        let errors = match config::load_draft(out, written.text.clone(), now) {
            Ok(config) => return (Ok(written.text), config.warnings.len()),
            Err(errors) => errors,
        };
        let mut seen = HashSet::new();
        for problem in &errors.0 {
            let inside = |(first, last, _): &&(usize, usize, usize)| (*first..=*last).contains(&problem.at.line);
            let Some((.., at)) = written.lines.iter().find(inside) else { continue };
            if !draft.left_out.iter().any(|(other, _)| other == at) && seen.insert(*at) {
                refuse(draft, &mut shut, *at, problem, report);
            }
        }
        // Each round closes a table or leaves one out, so this ends.
        let closable = |at: &usize| draft.tables.get(*at).is_some_and(|table| table.head != "[[listener]]");
        if !seen.iter().any(closable) {
            return (Err(errors), 0);
        }
    }
}

/// Closes this table where it is a site, and refuses its directive; leaves it out where it is closed already, or is no site.
fn refuse(draft: &mut Draft, shut: &mut HashMap<usize, Table>, at: usize, problem: &Problem, report: &mut Report) {
    if draft.tables.get(at).is_some_and(|table| matches!(table.head, "[[pool]]" | "[[node]]")) {
        return leave_out(draft, at, problem, report);
    }
    let Some(site) = draft.tables.get_mut(at).filter(|table| table.head == "[[site]]") else { return };
    match shut.remove(&at) {
        Some(whole) => *site = whole,
        None if site.stands_in => {}
        None => {
            let certificate = ["ssl_certificate_key", "ssl_certificate"].into_iter().find(|name| {
                report.lines.iter().any(|line| {
                    line.directive == *name && site.from.holds(&line.at) && problem.what.contains(&line.args)
                })
            });
            report.change(&site.from, certificate.unwrap_or("server"), Refused, &said(problem));
            shut.insert(at, site.clone());
            return site.shut();
        }
    }
    draft.left_out.push((at, said(problem)));
    keep(draft, at, report);
}

/// Where a site that is left out keeps people out, no other one takes its requests.
fn keep(draft: &mut Draft, at: usize, report: &mut Report) {
    let Draft { tables, left_out, .. } = draft;
    let Some(site) = tables.get(at).filter(|site| site.guarded || site.passes()).cloned() else { return };
    let mut names: Vec<String> = site.hosts().map(str::to_owned).collect();
    let nameless = site.passes() && site.value("nameless").is_some();
    if names.is_empty() && !nameless {
        // Its requests are those that no other site has.
        names.push(String::new());
    }
    for listener in site.listeners().map(str::to_owned) {
        let kept = Kept { listener, names: names.clone(), nameless, from: site.from.clone() };
        let there = |at| !left_out.iter().any(|(other, _)| *other == at);
        for change in kept::keep(tables, &kept, site.stands_in, there) {
            report.change(&change.from, "server", Changed, change.note);
        }
    }
}

/// Leaves out a pool or a node. What leads to the pool answers itself; pools with the node are refused next.
fn leave_out(draft: &mut Draft, at: usize, problem: &Problem, report: &mut Report) {
    let Some(table) = draft.tables.get(at) else { return };
    let (is_pool, from, name) = (table.head == "[[pool]]", table.from.clone(), table.value("name").map(str::to_owned));
    let block = if is_pool { "upstream" } else { "server" };
    [block, "proxy_pass"].iter().for_each(|directive| report.change(&from, directive, Refused, &said(problem)));
    draft.left_out.push((at, said(problem)));
    let Some(pool) = name.filter(|_| is_pool) else { return };
    let mut gone = Vec::new();
    for (at, site) in draft.tables.iter_mut().enumerate().filter(|(_, table)| table.head == "[[site]]") {
        if !site.passes() {
            site.leave(&pool);
        } else if site.value("pool") == Some(&pool) && !draft.left_out.iter().any(|(other, _)| *other == at) {
            gone.push(at);
        }
    }
    draft.left_out.extend(gone.iter().map(|at| (*at, said(problem))));
    gone.into_iter().for_each(|at| keep(draft, at, report));
}

fn said(problem: &Problem) -> String {
    if problem.advice.is_empty() { problem.what.clone() } else { format!("{}: {}", problem.what, problem.advice) }
}
