//! What changes from one configuration to the next, in sentences.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use super::certificate::day;
use super::explain::{Effective, explain};
use super::model::{Acme, Admin, Certificate, Config, ErrorPage, Member, NodeTls, Pool, Shared, Site, Verify};

/// How much of a value is shown.
const SHOWN: usize = 60;

/// What changes, each in a sentence. What may be a secret is told without its value.
#[derive(Debug, Default)]
pub struct Changes(Vec<String>);

impl Changes {
    /// The first sentences, at most `most` of them; where there are more, at last how many.
    pub fn first(&self, most: usize) -> Vec<String> {
        let more = self.0.len().saturating_sub(most);
        let last = (more > 0).then(|| format!("and {more} more"));
        self.0.iter().take(most).cloned().chain(last).collect()
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What changes, in the order of the new file; at last what goes.
pub fn changes(before: &Config, now: &Config) -> Changes {
    let (old, new) = (explain(before), explain(now));
    let (old, new) = (Tables::of(&old), Tables::of(&new));
    let mut changes = old.changes_to(&new);
    changes.extend(members(before, now));
    changes.extend(tls_of_pools(before, now));
    changes.extend(of_sites(before, now));
    changes.extend(of_admin(&before.admin, &now.admin));
    changes.extend(of_authorities(before, now));
    changes
        .extend(before.shared.as_ref().zip(now.shared.as_ref()).into_iter().flat_map(|(old, new)| of_shared(old, new)));
    changes.extend(new.missing_of(&old).map(|subject| format!("{subject} removed")));
    Changes(changes)
}

/// The values of a configuration by what their tables are about.
struct Tables<'a> {
    order: Vec<&'a str>,
    values: HashMap<&'a str, Vec<&'a Effective>>,
}

impl<'a> Tables<'a> {
    fn of(values: &'a [Effective]) -> Self {
        let mut tables = Self { order: Vec::new(), values: HashMap::new() };
        for value in values {
            let table = tables.values.entry(&value.subject).or_default();
            if table.is_empty() {
                tables.order.push(&value.subject);
            }
            table.push(value);
        }
        tables
    }

    fn changes_to(&self, new: &Tables<'_>) -> Vec<String> {
        let added: HashSet<&str> = self.missing_of(new).collect();
        let change = |subject: &&str| match self.values.get(*subject) {
            None if added.contains(subject) => vec![format!("{subject} added")],
            None => Vec::new(),
            Some(old) => changed_values(subject, old, &new.values[*subject]),
        };
        new.order.iter().flat_map(change).collect()
    }

    /// The tables of the other one that are not here; of those inside such a table only the outermost.
    fn missing_of<'o>(&self, other: &Tables<'o>) -> impl Iterator<Item = &'o str> {
        let mut last: Option<&str> = None;
        other.order.iter().copied().filter(move |subject| {
            let inside = last.and_then(|last| subject.strip_prefix(last)).is_some_and(|rest| rest.starts_with(", "));
            let missing = !inside && !self.values.contains_key(subject);
            if missing {
                last = Some(subject);
            }
            missing
        })
    }
}

/// Members of pools are compared by their nodes.
fn is_told_elsewhere(value: &Effective) -> bool {
    value.key == "nodes" && value.table.starts_with("[[pool]]")
}

fn changed_values(subject: &str, old: &[&Effective], new: &[&Effective]) -> Vec<String> {
    let about = if subject.is_empty() { String::new() } else { format!("{subject}: ") };
    let of = |values: &[&'_ Effective], key: &str| -> Vec<usize> {
        (0..values.len()).filter(|index| values[*index].key == key).collect()
    };
    let mut keys: Vec<&str> = Vec::new();
    for value in new.iter().chain(old).filter(|value| !is_told_elsewhere(value)) {
        if !keys.contains(&value.key) {
            keys.push(value.key);
        }
    }
    let change = |key: &str| {
        let (before, after) = (of(old, key), of(new, key));
        let same = before.len() == after.len()
            && before.iter().zip(&after).all(|(before, after)| old[*before].is_same(new[*after]));
        let what = match (before.first(), after.first()) {
            _ if same => return None,
            (Some(before), Some(after)) if old[*before].value == new[*after].value => "changed".to_owned(),
            (Some(before), Some(after)) => format!("{} → {}", shown(old[*before]), shown(new[*after])),
            (None, Some(after)) if new[*after].at.is_some() => format!("now {}", shown(new[*after])),
            (Some(before), None) if old[*before].at.is_some() => format!("no longer {}", shown(old[*before])),
            // A table that is written now, or no longer: that is told of the table.
            _ => return None,
        };
        Some(format!("{about}{key} {what}"))
    };
    keys.into_iter().filter_map(change).collect()
}

fn shown(value: &Effective) -> String {
    let text = match value.value.char_indices().nth(SHOWN) {
        None => value.value.clone(),
        Some((end, _)) => format!("{}…", &value.value[..end]),
    };
    let is_default = value.at.is_none() && !text.starts_with('(');
    if is_default { format!("{text} (default)") } else { text }
}

fn members(before: &Config, now: &Config) -> Vec<String> {
    let old: HashMap<&str, &Pool> = before.pools.iter().map(|pool| (&*pool.name, pool)).collect();
    let kept = now.pools.iter().filter_map(|pool| Some((*old.get(&*pool.name)?, pool)));
    kept.flat_map(|(old, new)| of_pool(&named(before, old), &named(now, new), &new.name)).collect()
}

fn named<'c>(config: &'c Config, pool: &'c Pool) -> Vec<(&'c str, &'c Member)> {
    let name = |member: &'c Member| Some((&*config.nodes.get(member.node)?.name, member));
    pool.members.iter().filter_map(name).collect()
}

fn of_pool(old: &[(&str, &Member)], new: &[(&str, &Member)], pool: &str) -> Vec<String> {
    let find = |all: &[(&str, &Member)], name: &str| all.iter().position(|(other, _)| *other == name);
    let mut changes = Vec::new();
    for (name, member) in new {
        match find(old, name) {
            None => changes.push(format!("pool {pool}: node {name} added")),
            Some(at) => {
                let told = of_member(old[at].1, member);
                changes.extend(told.into_iter().map(|change| format!("pool {pool}: node {name}: {change}")));
            }
        }
    }
    let gone = old.iter().filter(|(name, _)| find(new, name).is_none());
    changes.extend(gone.map(|(name, _)| format!("pool {pool}: node {name} removed")));
    changes
}

fn of_member(old: &Member, new: &Member) -> Vec<String> {
    let most = |most: Option<u32>| most.map_or_else(|| "none".to_owned(), |most| most.to_string());
    let pairs = [
        ("weight", old.weight.to_string(), new.weight.to_string()),
        ("backup", old.backup.to_string(), new.backup.to_string()),
        ("max-requests", most(old.max_requests), most(new.max_requests)),
        ("slow-start", format!("{:?}", old.slow_start), format!("{:?}", new.slow_start)),
    ];
    let changed = pairs.into_iter().filter(|(_, old, new)| old != new);
    changed.map(|(key, old, new)| format!("{key} {old} → {new}")).collect()
}

/// What of a site changes without a changed value: the order of its routes, and what its files hold.
fn of_sites(before: &Config, now: &Config) -> Vec<String> {
    let old: HashMap<&str, &Site> = before.sites.iter().map(|site| (&*site.name, site)).collect();
    let kept = now.sites.iter().filter_map(|site| Some((*old.get(&*site.name)?, site)));
    kept.flat_map(|(old, new)| {
        let one = [order_of_routes(old, new), client_auth(old, new)];
        one.into_iter().flatten().chain(certificates(old, new)).chain(error_pages(old, new))
    })
    .collect()
}

fn order_of_routes(old: &Site, new: &Site) -> Option<String> {
    fn names(site: &Site) -> Vec<&str> {
        site.routes.iter().map(|route| &*route.name).collect()
    }
    let (before, after) = (names(old), names(new));
    let left: Vec<_> = before.iter().filter(|name| after.contains(name)).collect();
    let stayed: Vec<_> = after.iter().filter(|name| before.contains(name)).collect();
    (left != stayed).then(|| format!("site {}: its routes have another order: the first that matches counts", new.name))
}

fn certificates(old: &Site, new: &Site) -> Vec<String> {
    let told = new.certificates.iter().enumerate().filter_map(|(index, now)| {
        let is_ordered = new.ordered.iter().any(|ordered| ordered.file == now.chain);
        let same_file = old.certificates.iter().find(|before| before.chain == now.chain);
        match same_file.or_else(|| old.certificates.get(index).filter(|_| !is_ordered)) {
            Some(before) => another(before, now),
            None if is_ordered => Some(format!("a certificate has come, valid until {}", day(now.pair.leaf.not_after))),
            None => None,
        }
    });
    let files = new.ordered.iter().filter_map(|now| {
        let before = old.ordered.iter().find(|before| before.file == now.file)?;
        let what = match (&before.known, &now.known) {
            (Some(_), None) => "holds no certificate any more that can be used; that of before goes on",
            (None, Some(known)) if before.shown.as_ref().is_some_and(|shown| **shown == *known.certificate) => {
                "holds its certificate again"
            }
            _ => return None,
        };
        Some(format!("{} {what}", now.file.display()))
    });
    told.chain(files).map(|what| format!("site {}: {what}", new.name)).collect()
}

fn another(before: &Certificate, after: &Certificate) -> Option<String> {
    if before.pair.certified.cert == after.pair.certified.cert {
        return None;
    }
    let [until, then] = [before, after].map(|certificate| day(certificate.pair.leaf.not_after));
    Some(format!("another certificate, valid until {then} (before: until {until})"))
}

/// What of `[shared]` changes without a changed value.
fn of_shared(old: &Shared, new: &Shared) -> Vec<String> {
    let mut changes = Vec::new();
    if old.secret != new.secret {
        changes.push("shared: its file has another secret".to_owned());
    }
    if let Some((old, new)) = old.stores.as_ref().zip(new.stores.as_ref()) {
        if old.password != new.password {
            changes.push("shared: its file has another password".to_owned());
        }
        changes.extend(
            old.tls
                .as_ref()
                .zip(new.tls.as_ref())
                .into_iter()
                .flat_map(|(old, new)| of_tls("shared", "servers", old, new)),
        );
    }
    changes
}

/// What of a pool's TLS changes without a changed value.
fn tls_of_pools(before: &Config, now: &Config) -> Vec<String> {
    let old: HashMap<&str, &Pool> = before.pools.iter().map(|pool| (&*pool.name, pool)).collect();
    let of_pool = |new: &Pool| -> Vec<String> {
        let both = old.get(&*new.name).and_then(|old| old.tls.as_ref().zip(new.tls.as_ref()));
        both.map(|(old, tls)| of_tls(&format!("pool {}", new.name), "nodes", old, tls)).unwrap_or_default()
    };
    now.pools.iter().flat_map(of_pool).collect()
}

/// `subject` is the table, `who` are asked.
fn of_tls(subject: &str, who: &str, old: &NodeTls, new: &NodeTls) -> Vec<String> {
    let shown = old.certificate.as_deref().zip(new.certificate.as_deref());
    let shown = shown.and_then(|(old, new)| another(old, new)).map(|another| format!("{who} are shown {another}"));
    let believed = (authorities(old) != authorities(new)).then(|| format!("other CAs of {who} are believed"));
    shown.into_iter().chain(believed).map(|change| format!("{subject}, tls: {change}")).collect()
}

fn authorities(tls: &NodeTls) -> &[CertificateDer<'static>] {
    match &tls.verify {
        Verify::Full(authorities) | Verify::Chain(authorities) => authorities,
        Verify::Pin(_) | Verify::None => &[],
    }
}

fn of_admin(old: &Admin, new: &Admin) -> Vec<String> {
    let mut changes = Vec::new();
    if let Some((old, new)) = old.tls.as_ref().zip(new.tls.as_ref()) {
        changes.extend(another(&old.certificate, &new.certificate).map(|another| format!("admin: {another}")));
        if old.client_ca != new.client_ca {
            changes.push("admin: other CAs of clients are believed".to_owned());
        }
    }
    let known = |name: &str| old.tokens.iter().find(|token| &*token.name == name);
    for token in &new.tokens {
        if known(&token.name).is_some_and(|old| old.digest != token.digest) {
            changes.push(format!("admin: token {} is another one", token.name));
        }
    }
    changes
}

/// What of the CAs that certificates are ordered from changes without a changed value.
fn of_authorities(before: &Config, now: &Config) -> Vec<String> {
    let old: HashMap<&str, &Acme> = before.acme.iter().map(|acme| (&*acme.name, acme)).collect();
    let kept = now.acme.iter().filter_map(|acme| Some((*old.get(&*acme.name)?, acme)));
    let of_one = |(old, new): (&Acme, &Acme)| {
        let key = |acme: &Acme| acme.external_account.as_ref().map(|account| Arc::clone(&account.key));
        let other_key = key(old).zip(key(new)).is_some_and(|(old, new)| old != new);
        let other_roots = old.roots.as_ref().zip(new.roots.as_ref()).is_some_and(|(old, new)| old != new);
        let key = other_key.then(|| format!("acme {}: another key of its account (eab)", new.name));
        let roots = other_roots.then(|| format!("acme {}: other CAs are believed of its HTTPS", new.name));
        [key, roots].into_iter().flatten()
    };
    kept.flat_map(of_one).collect()
}

fn client_auth(old: &Site, new: &Site) -> Option<String> {
    let (before, after) = (old.client_auth.as_ref()?, new.client_auth.as_ref()?);
    let same = before.authorities == after.authorities && before.revoked == after.revoked;
    (!same)
        .then(|| format!("site {}: client-auth believes other certificates: its files hold something else", new.name))
}

fn error_pages(old: &Site, new: &Site) -> Vec<String> {
    let known = |page: &ErrorPage| old.error_pages.pages.iter().find(|(_, other)| other.file == page.file);
    let pages = new.error_pages.pages.iter().map(|(_, page)| &**page);
    let changed = |page: &&ErrorPage| known(page).is_some_and(|(_, other)| other.body != page.body);
    let mut files: Vec<_> = pages.filter(changed).map(|page| page.file.display().to_string()).collect();
    files.sort();
    files.dedup();
    files.iter().map(|file| format!("site {}: error page {file} has another text", new.name)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{load, load_text};

    const BEFORE: &str = r#"threads = 2
[[listener]]
name = "http"
bind = "127.0.0.1:8080"
[[node]]
name = "a"
address = "10.0.0.3"
[[node]]
name = "b"
address = "10.0.0.4"
[[pool]]
name = "p"
nodes = ["a", "b"]
port = 80
timeouts = { read = "30s" }
[[site]]
name = "s"
listener = "http"
hosts = ["a.test"]
pool = "p"
request-headers = { set = { Authorization = "Basic b25l" } }
[[site.route]]
name = "r"
headers = [{ name = "X-Key", value = "hunter2" }]
deny = true
[[site.route]]
name = "q"
prefix = "/q"
"#;

    fn told(edits: &[(&str, &str)]) -> Vec<String> {
        let directory = std::env::temp_dir().join(format!("weir-changes-{:?}", std::thread::current().id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("weir.toml");
        std::fs::write(&path, BEFORE).unwrap();
        let before = load(&path).map_err(|errors| errors.to_string()).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        let after = edits.iter().fold(BEFORE.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        let now = load_text(Path::new(&path), after, &before).map_err(|errors| errors.to_string()).unwrap();
        changes(&before, &now).0
    }

    #[test]
    fn nothing_changes_by_comments_and_what_was_the_default_before() {
        assert_eq!(told(&[("threads = 2", "# ours\nthreads = 2\nstop-timeout = \"30s\"")]), Vec::<String>::new());
    }

    #[test]
    fn each_change_is_a_sentence() {
        for (from, to, expected) in [
            ("threads = 2", "threads = 4", "threads 2 → 4"),
            ("read = \"30s\"", "read = \"1m\"", "pool p, timeouts: read \"30s\" → \"1m\""),
            ("[\"a\", \"b\"]", "[\"a\"]", "pool p: node b removed"),
            ("[\"a\", \"b\"]", "[{ node = \"a\", weight = 3 }, \"b\"]", "pool p: node a: weight 1 → 3"),
            ("10.0.0.4", "10.0.0.5", "node b: address \"10.0.0.4\" → \"10.0.0.5\""),
            ("deny = true", "answer = { status = 403 }", "site s, route r, answer added"),
            ("port = 80", "port = 80\ntls = { verify = \"none\" }", "pool p, tls added"),
        ] {
            let told = told(&[(from, to)]);
            assert!(told.iter().any(|told| told == expected), "{expected:?} is not in {told:?}");
        }
    }

    #[test]
    fn a_table_that_comes_or_goes_is_told_without_what_is_inside() {
        let route = &BEFORE[BEFORE.find("[[site.route]]\nname = \"r\"").unwrap()
            ..BEFORE.find("[[site.route]]\nname = \"q\"").unwrap()];
        assert_eq!(told(&[(route, "")]), ["site s, route r removed"]);
        let more =
            "[[site]]\nname = \"t\"\nlistener = \"http\"\nhosts = [\"t.test\"]\npool = \"p\"\n[[site]]\nname = \"s\"";
        assert_eq!(told(&[("[[site]]\nname = \"s\"", more)]), ["site t added"]);
    }

    #[test]
    fn a_secret_is_told_as_changed_and_nothing_else() {
        let told = told(&[("b25l", "dHdv"), ("hunter2", "hunter3")]);
        assert_eq!(told, ["site s, route r, headers X-Key: value changed", "site s, request-headers: set changed"]);
    }

    #[test]
    fn the_order_of_routes_counts() {
        let moved =
            [("name = \"r\"", "name = \"x\""), ("name = \"q\"", "name = \"r\""), ("name = \"x\"", "name = \"q\"")];
        let told = told(&moved);
        assert!(told.iter().any(|told| told.contains("another order")), "{told:?}");
    }
}
