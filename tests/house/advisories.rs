//! Known faults of crates: what RustSec's database said of each crate in Cargo.lock, recorded in `advisories.toml`. `make advisories`
//! writes it anew from a clone of the database. So each machine asks the same, without a network.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use semver::{Version, VersionReq};
use toml::de::{DeTable, DeValue};

const RECORDED: &str = "tests/house/advisories.toml";

/// An advisory: its number, the crate, what kind it is of, and which versions do not have the fault.
struct Advisory {
    id: String,
    name: String,
    kind: String,
    good: Vec<String>,
}

/// What deny.toml puts up with says why, and is there no longer than the fault.
#[test]
fn no_crate_has_a_known_fault_but_those_that_deny_toml_names() {
    if let Some(database) = std::env::var_os("WEIR_ADVISORY_DB") {
        fs::write(RECORDED, recorded(Path::new(&database))).expect("it can be written");
    }
    let known = read(RECORDED);
    let looked_at: BTreeSet<&str> = texts(known["crates"].get_ref()).into_iter().collect();
    let advisories = list(known["advisories"].get_ref()).map(|line| {
        let [id, name, kind, good @ ..] = &texts(line)[..] else { panic!("{RECORDED}: {line:?}") };
        let good = good.iter().map(|versions| (*versions).to_owned()).collect();
        Advisory { id: (*id).to_owned(), name: (*name).to_owned(), kind: (*kind).to_owned(), good }
    });
    let (locked, deny) = (locked(), read("deny.toml"));
    let new: Vec<&String> = locked.keys().filter(|name| !looked_at.contains(name.as_str())).collect();
    assert!(new.is_empty(), "nobody has asked what is known of {new:?}: run make advisories");
    let ignored = list(deny["advisories"].get_ref()["ignore"].get_ref());
    let ignored = ignored.map(|one| one["id"].get_ref().as_str().expect("an id"));
    let found: Vec<Advisory> = advisories.filter(|advisory| advisory.concerns(&locked)).collect();
    let ids: BTreeSet<&str> = found.iter().map(|advisory| &*advisory.id).collect();
    let told: Vec<String> =
        found.iter().map(|Advisory { id, name, kind, good }| format!("{name}: {kind}, {id}; good: {good:?}")).collect();
    assert_eq!(ids, ignored.collect(), "found, and what deny.toml names: {told:#?}");
}

impl Advisory {
    fn concerns(&self, locked: &BTreeMap<String, Vec<Version>>) -> bool {
        let is_good = |version: &Version| {
            let matches = |versions: &String| VersionReq::parse(versions).expect("versions").matches(version);
            self.good.iter().any(matches)
        };
        locked.get(&self.name).is_some_and(|versions| !versions.iter().all(is_good))
    }
}

fn read(file: &str) -> DeValue<'static> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    table(text.leak()).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn table(text: &str) -> Result<DeValue<'_>, toml::de::Error> {
    DeTable::parse(text).map(|table| DeValue::Table(table.into_inner()))
}

fn list<'v>(list: &'v DeValue<'_>) -> impl Iterator<Item = &'v DeValue<'v>> {
    list.as_array().into_iter().flat_map(|items| items.iter()).map(toml::Spanned::get_ref)
}

fn texts<'v>(of: &'v DeValue<'_>) -> Vec<&'v str> {
    list(of).filter_map(DeValue::as_str).collect()
}

/// All crates with their versions.
fn locked() -> BTreeMap<String, Vec<Version>> {
    let mut locked: BTreeMap<String, Vec<Version>> = BTreeMap::new();
    for package in list(read("Cargo.lock")["package"].get_ref()) {
        let text = |key: &str| package[key].get_ref().as_str().expect("a text").to_owned();
        let (name, version) = (text("name"), text("version").parse().ok());
        locked.entry(name).or_default().push(version.expect("a version"));
    }
    locked
}

/// What the database says of the crates that are locked.
fn recorded(database: &Path) -> String {
    let git = |what: &str| {
        let said =
            Command::new("git").arg("-C").arg(database).args(["log", "-1", &format!("--format={what}")]).output();
        String::from_utf8(said.expect("git is there").stdout).expect("text").trim().to_owned()
    };
    let (commit, date, locked) = (git("%H"), git("%cs"), locked());
    let crates: Vec<String> = locked.keys().map(|name| format!("{name:?}")).collect();
    let mut text = format!(
        "# What RustSec's database (github.com/rustsec/advisory-db) said on {date}, in commit\n# {commit}. `make advisories` writes it anew.\n\n\
         # The crates that it was asked about: all in Cargo.lock.\ncrates = [{}]\n\n\
         # Number, crate, kind, and which versions do not have the fault.\nadvisories = [\n",
        crates.join(", ")
    );
    for name in locked.keys() {
        let files = fs::read_dir(database.join("crates").join(name)).into_iter().flatten().flatten();
        let mut of_crate: Vec<_> = files.map(|file| fs::read_to_string(file.path()).expect("text")).collect();
        of_crate.sort();
        for advisory in of_crate.iter().filter_map(|text| parsed(text)) {
            let parts = [&advisory.id, &advisory.name, &advisory.kind].into_iter().chain(&advisory.good);
            let parts: Vec<String> = parts.map(|part| format!("{part:?}")).collect();
            writeln!(text, "    [{}],", parts.join(", ")).expect("a text takes all");
        }
    }
    text + "]\n"
}

/// One file of the database: TOML between two lines of three backticks, and words. None where it was withdrawn.
fn parsed(text: &str) -> Option<Advisory> {
    let (_, rest) = text.split_once("```toml\n").expect("an advisory");
    let table = table(rest.split_once("\n```").expect("an end").0).expect("TOML");
    let about = table["advisory"].get_ref();
    if about.get("withdrawn").is_some() {
        return None;
    }
    let versions =
        |which: &str| table["versions"].get_ref().get(which).map(|list| texts(list.get_ref())).unwrap_or_default();
    let good = [versions("patched"), versions("unaffected")].concat().into_iter().map(str::to_owned).collect();
    let text = |key: &str| about.get(key).and_then(|text| text.get_ref().as_str()).map(str::to_owned);
    let kind = text("informational").unwrap_or_else(|| "vulnerability".to_owned());
    Some(Advisory { id: text("id")?, name: text("package")?, kind, good })
}
