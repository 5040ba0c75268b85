//! Holds what is written beside the sources: links lead to files, each decision stands on the map and has its four parts,
//! and no dependency asks for a newer Rust than the manifest promises.

use std::collections::BTreeSet;
use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const DECISIONS: &str = "docs/decisions";

/// The parts of a decision, in their order.
const PARTS: [&str; 4] = ["## Context", "## Options", "## Choice", "## What would change our mind"];

/// And to a heading in it, where they name one.
#[test]
fn every_link_in_the_documents_leads_to_its_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut lost = Vec::new();
    for file in [root.to_owned()].into_iter().chain(folders(&root.join("docs"))).flat_map(|folder| markdown(&folder)) {
        for link in links(&read(&file)) {
            let (path, place) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { file.clone() } else { file.with_file_name(path) };
            let is_there = target.exists() && (place.is_empty() || places(&read(&target)).contains(place));
            if !is_there {
                lost.push(format!("{}: {link} is not there", file.display()));
            }
        }
    }
    super::report(lost);
}

#[test]
fn the_map_names_every_decision_and_each_has_its_parts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let linked = links(&read(&root.join("ARCHITECTURE.md"))).into_iter().collect::<BTreeSet<_>>();
    let mut numbers = BTreeSet::new();
    let mut breaches = Vec::new();
    for file in markdown(&root.join(DECISIONS)).into_iter().filter(|file| !file.ends_with("README.md")) {
        let name = file.file_name().expect("a file has a name").to_string_lossy();
        if !linked.contains(&format!("{DECISIONS}/{name}")) {
            breaches.push(format!("ARCHITECTURE.md has no line with a link to {DECISIONS}/{name}"));
        }
        let number = name.split_once('-').map_or("", |(number, _)| number);
        if number.len() != 4
            || !number.bytes().all(|digit| digit.is_ascii_digit())
            || !numbers.insert(number.to_owned())
        {
            breaches.push(format!("{DECISIONS}/{name}: does not begin with a number of its own, such as 0007-"));
        }
        let text = read(&file);
        if text.lines().filter(|line| line.starts_with("## ")).ne(PARTS) {
            breaches.push(format!("{DECISIONS}/{name}: its parts are not {}", PARTS.join(", ")));
        }
    }
    super::report(breaches);
}

#[test]
fn no_dependency_asks_for_a_newer_rust_than_the_manifest() {
    let platform = format!("{ARCH}-unknown-linux-gnu");
    let said = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", &platform])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs this test");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let tree = serde_json::from_slice::<serde_json::Value>(&said.stdout).expect("cargo writes JSON");
    let asked = tree["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .filter_map(|package| Some((package["name"].as_str()?, version(package["rust_version"].as_str()?))));
    let asked = asked.collect::<Vec<_>>();
    let ours = asked.iter().find(|(name, _)| *name == "weir").expect("Cargo.toml has rust-version").1.clone();
    let newer = asked.iter().filter(|(_, theirs)| *theirs > ours);
    super::report(
        newer.map(|(name, theirs)| format!("{name} asks for Rust {theirs:?}, Cargo.toml for {ours:?}")).collect(),
    );
}

/// As numbers, three of them: 1.88 is 1.88.0.
fn version(text: &str) -> Vec<u32> {
    let mut parts = text.split('.').map(|part| part.parse().expect("a number")).collect::<Vec<_>>();
    parts.resize(3, 0);
    parts
}

/// A folder and those in it.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder can be listed");
    let inside = entries.map(|entry| entry.expect("a folder can be listed").path()).filter(|path| path.is_dir());
    inside.chain([folder.to_owned()]).collect()
}

fn markdown(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder can be listed");
    let mut files = entries
        .map(|entry| entry.expect("a folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect::<Vec<_>>();
    files.sort();
    files
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
}

/// Where the links of a text lead, but those to other sites. What stands between backticks is code.
fn links(text: &str) -> Vec<String> {
    let prose = text.split('`').step_by(2).collect::<Vec<_>>().join("`");
    prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(link, _)| link))
        .filter(|link| !link.contains("://"))
        .map(str::to_owned)
        .collect()
}

/// The names by which links reach the headings of a text, as GitHub makes them: small letters, no signs, dashes for blanks.
fn places(text: &str) -> BTreeSet<String> {
    let prose = text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n");
    let mut places = BTreeSet::new();
    for heading in prose.lines().filter_map(|line| line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')) {
        let kept = heading.to_lowercase().replace(' ', "-");
        let name = kept.chars().filter(|letter| letter.is_alphanumeric() || "-_".contains(*letter)).collect::<String>();
        let again = (1..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(again).find(|name| !places.contains(name));
        places.extend(free);
    }
    places
}

#[test]
fn links_are_found_in_a_text() {
    let text = "See [a](docs/a.md#b), [c](https://x.org/c.md), [d](#d) [`e`](e.rs), ![f](f.svg) `[g](g.md)`\n```\n[h](h.md)\n```";
    assert_eq!(links(text), ["docs/a.md#b", "#d", "e.rs", "f.svg"]);
}

#[test]
fn headings_are_found_by_the_names_that_links_use() {
    let text = "# The `[pool.health]` table\n```\n# no heading\n```\n## Why did it go?\n## Twice\n### Twice\n";
    assert!(places(text).iter().eq(["the-poolhealth-table", "twice", "twice-1", "why-did-it-go"]));
}
