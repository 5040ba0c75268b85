//! Holds the floors of the house: which room may lean on which, and that no files inside a room lean on each other
//! in a circle. It reads the sources as text, so it needs no build of them, and names the file and the breach. `papers`
//! holds what is written beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

#[path = "house/advisories.rs"]
mod advisories;
#[path = "house/papers.rs"]
mod papers;
#[path = "house/source.rs"]
mod source;
#[path = "house/standards.rs"]
mod standards;

/// Top to bottom: a room may lean only on rooms below it, and of those only on the ones named here, or on the one file of
/// them that is named here.
const FLOORS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("cli", &["app", "import", "wso2", "config", "proxy::node"]),
    ("app", &["admin", "control", "config", "observe"]),
    ("import", &["config"]),
    ("wso2", &["config"]),
    ("admin", &["control", "proxy", "traffic", "config", "wire", "observe"]),
    ("control", &["proxy", "traffic", "config", "wire", "observe"]),
    ("proxy", &["traffic", "config", "wire", "observe"]),
    ("traffic", &["config", "wire"]),
    ("config", &[]),
    ("wire", &[]),
    ("observe", &[]),
];

/// The floors inside a room, top to bottom: a file leans only on its own floor and on those below it. What stands in the
/// room and on no floor stands above them all.
const STOREYS: &[(&str, &[&str])] = &[
    ("proxy", &["accept", "passthrough", "exchange", "connection", "worker", "generation", "client", "node", "io"]),
    ("traffic", &["pool", "message", "routing", "affinity", "limits", "balance", "resolved", "moment", "tick"]),
    ("config", &["load", "site", "server", "pool", "values", "model", "certificate", "text"]),
    ("wire", &["head", "hpack", "chunks", "fields", "grammar"]),
];

/// Crates that only some rooms know.
const CRATES: &[(&str, &[&str])] = &[
    ("axum", &["admin"]),
    ("clap", &["main", "cli"]),
    ("clap_complete", &["cli"]),
    ("h2", &["proxy"]),
    ("hickory_resolver", &["control"]),
    ("mimalloc", &["main"]),
    ("nginx_lint_parser", &["import"]),
    ("nix", &["admin", "cli", "control"]),
    ("pingora_core", &["proxy"]),
    ("pingora_ketama", &["traffic"]),
    ("roxmltree", &["wso2"]),
    ("prometheus", &["observe"]),
    ("similar", &["cli"]),
    ("utoipa", &["admin"]),
    ("utoipa_axum", &["admin"]),
    ("tokio", &["main", "cli", "admin", "control", "proxy", "observe"]),
    ("strum", &["config"]),
    ("toml", &["config"]),
];

/// Words that only some rooms may say: traffic and wire decide on plain values, and time comes in as an argument.
const WORDS: &[(&[&str], &[&str])] = &[
    (&["process", "exit"], &["main"]),
    (&["process", "abort"], &[]),
    (&["Instant", "now"], &["main", "cli", "app", "admin", "control", "proxy", "observe"]),
    (&["SystemTime", "now"], &["main", "cli", "app", "admin", "control", "proxy", "observe", "config"]),
    (&["std", "fs"], &["cli", "app", "import", "admin", "control", "proxy", "observe", "config"]),
    (&["log", "info"], &["cli", "app", "admin", "control", "proxy", "observe"]),
    (&["log", "warn"], &["cli", "app", "admin", "control", "proxy", "observe"]),
    (&["log", "error"], &["cli", "app", "admin", "control", "proxy", "observe"]),
];

/// What stands beside the house and is measured or tested by: each a program of its own, in which no files lean on each other
/// in a circle either.
const OUTBUILDINGS: &[&str] = &[
    "benches/rooms",
    "benches/versus",
    "tests/allocations",
    "tests/appliance",
    "tests/configuration",
    "tests/contrib",
    "tests/docs",
    "tests/peers",
];

/// Lines of a file without its tests.
const LONGEST_FILE: usize = 450;

/// Files in one folder, not counting those in the folders below it.
const LARGEST_FOLDER: usize = 16;

#[test]
fn the_table_itself_only_points_down() {
    for (floor, (room, below)) in FLOORS.iter().enumerate() {
        for other in *below {
            let theirs = FLOORS.iter().position(|(name, _)| other.split("::").next() == Some(name));
            assert!(theirs.is_some_and(|theirs| theirs > floor), "{room} → {other} does not point down");
        }
    }
}

#[test]
fn every_room_leans_only_on_rooms_below_it() {
    report(House::read(Path::new(env!("CARGO_MANIFEST_DIR"))).breaches_of_floors());
}

#[test]
fn inside_a_room_every_file_leans_only_on_its_own_floor_and_those_below() {
    report(House::read(Path::new(env!("CARGO_MANIFEST_DIR"))).breaches_of_storeys());
}

#[test]
fn no_files_lean_on_each_other_in_a_circle() {
    report(House::read(Path::new(env!("CARGO_MANIFEST_DIR"))).circles());
}

#[test]
fn nor_do_those_of_a_bench_or_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    report(OUTBUILDINGS.iter().flat_map(|tree| House::read_tree(root, tree).circles()).collect());
}

#[test]
fn crates_and_words_stay_in_their_rooms() {
    let house = House::read(Path::new(env!("CARGO_MANIFEST_DIR")));
    report(house.strangers().into_iter().chain(house.loose_words()).collect());
}

#[test]
fn every_file_says_what_it_promises_and_is_short_enough_to_read() {
    report(House::read(Path::new(env!("CARGO_MANIFEST_DIR"))).bad_shapes());
}

#[test]
fn no_folder_has_more_files_than_one_looks_over() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    report(["src", "tests", "benches"].iter().flat_map(|tree| full_folders(&House::read_tree(root, tree))).collect());
}

#[test]
fn the_map_names_every_room_and_every_dependency() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let rooms = House::read(root).files.iter().map(|file| file.room().to_string()).collect::<BTreeSet<_>>();
    let unnamed_rooms = rooms
        .iter()
        .filter(|room| !["lib"].contains(&room.as_str()) && !map.contains(&format!("`{room}")))
        .map(|room| format!("ARCHITECTURE.md does not name the room `{room}`"));
    let unnamed_crates = direct_dependencies(&fs::read_to_string(root.join("Cargo.toml")).unwrap())
        .into_iter()
        .filter(|name| !map.contains(&format!("`{name}`")))
        .map(|name| format!("ARCHITECTURE.md does not say why `{name}` is a dependency"));
    report(unnamed_rooms.chain(unnamed_crates).collect());
}

fn report(breaches: Vec<String>) {
    assert!(breaches.is_empty(), "{} breach(es) of the house:\n  {}", breaches.len(), breaches.join("\n  "));
}

/// All sources, as what they lean on.
struct House {
    files: Vec<Source>,
}

impl House {
    fn read(root: &Path) -> Self {
        Self::read_tree(root, "src")
    }

    /// The files below this folder.
    fn read_tree(root: &Path, tree: &str) -> Self {
        let mut paths = Vec::new();
        collect(&root.join(tree), &mut paths);
        paths.sort();
        Self::of(
            tree,
            paths.into_iter().map(|path| {
                let text = fs::read_to_string(&path).expect("a source is UTF-8 text");
                (path.strip_prefix(root).expect("found below it").to_path_buf(), text)
            }),
        )
    }

    fn of(tree: &str, files: impl Iterator<Item = (PathBuf, String)>) -> Self {
        Self { files: files.map(|(path, text)| Source::new(tree, path, text)).collect() }
    }

    fn breaches_of_floors(&self) -> Vec<String> {
        let mut breaches = Vec::new();
        for file in self.files.iter().filter(|file| file.room() != "lib") {
            let Some((_, allowed)) = FLOORS.iter().find(|(room, _)| *room == file.room()) else {
                breaches.push(format!(
                    "{}: the table in tests/house.rs has no room `{}`",
                    file.path.display(),
                    file.room()
                ));
                continue;
            };
            for reference in file.references(&self.children(&file.module)) {
                let Some(room) = reference.path.first() else { continue };
                let known = FLOORS.iter().any(|(name, _)| name == room);
                if known && room != file.room() && !allowed.iter().any(|below| reference.is_in(below)) {
                    let at = format!("{}:{}", file.path.display(), reference.line);
                    breaches.push(format!(
                        "{at}: `{}` may not lean on `{room}` ({})",
                        file.room(),
                        reference.path.join("::")
                    ));
                }
            }
        }
        breaches
    }

    fn breaches_of_storeys(&self) -> Vec<String> {
        let mut breaches = Vec::new();
        for file in &self.files {
            let Some((room, storeys)) = STOREYS.iter().find(|(room, _)| *room == file.room()) else { continue };
            let storey =
                |path: &[String]| path.get(1).and_then(|name| storeys.iter().position(|storey| storey == name));
            let own = storey(&file.module);
            for reference in file.references(&self.children(&file.module)) {
                let theirs =
                    storey(&reference.path).filter(|_| reference.path.first().is_some_and(|first| first == room));
                if own.zip(theirs).is_some_and(|(own, theirs)| theirs < own) {
                    let (at, path) = (file.path.display(), reference.path.join("::"));
                    breaches.push(format!("{at}:{}: does not point down inside `{room}` ({path})", reference.line));
                }
            }
        }
        breaches
    }

    /// Each circle once, told from its first file in path order.
    fn circles(&self) -> Vec<String> {
        let arrows = self.arrows();
        let mut told = BTreeSet::new();
        let mut circles = Vec::new();
        for start in arrows.keys() {
            let Some(way) = way_back(start, &arrows) else { continue };
            if told.insert(way.iter().copied().collect::<BTreeSet<_>>()) {
                circles.push(format!("a circle: {} → {}", way.join(" → "), way[0]));
            }
        }
        circles
    }

    fn arrows(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let signposts = self.signposts();
        let mut arrows = BTreeMap::<&str, BTreeSet<&str>>::new();
        for file in &self.files {
            for reference in
                file.references(&self.children(&file.module)).iter().filter(|reference| !reference.signpost)
            {
                let Some(target) = self.owner(&follow(&reference.path, &signposts)) else { continue };
                if target.module != file.module {
                    arrows.entry(file.name()).or_default().insert(target.name());
                }
            }
        }
        arrows
    }

    /// Where each re-exported name really lives: `config::Problem` → `config::errors::Problem`.
    fn signposts(&self) -> BTreeMap<Vec<String>, Vec<String>> {
        let mut signposts = BTreeMap::new();
        for file in &self.files {
            for reference in file.references(&self.children(&file.module)).into_iter().filter(|it| it.signpost) {
                if let Some(name) = reference.path.last() {
                    signposts.insert([file.module.as_slice(), std::slice::from_ref(name)].concat(), reference.path);
                }
            }
        }
        signposts
    }

    /// The file in which a path lives: the longest module that begins it.
    fn owner(&self, path: &[String]) -> Option<&Source> {
        self.files
            .iter()
            .filter(|file| file.room() != "main" && path.starts_with(&file.module))
            .max_by_key(|file| file.module.len())
    }

    fn children(&self, module: &[String]) -> BTreeSet<String> {
        let below = |file: &&Source| file.module.len() == module.len() + 1 && file.module.starts_with(module);
        self.files.iter().filter(below).filter_map(|file| file.module.last().cloned()).collect()
    }

    fn strangers(&self) -> Vec<String> {
        let mut breaches = Vec::new();
        for file in &self.files {
            let children = self.children(&file.module);
            for (line, name) in file.crates() {
                let rooms = CRATES.iter().find(|(stranger, _)| *stranger == name).map(|(_, rooms)| rooms);
                if rooms.is_some_and(|rooms| !rooms.contains(&file.room())) && !children.contains(name) {
                    breaches.push(format!(
                        "{}:{line}: `{}` does not know the crate {name}",
                        file.path.display(),
                        file.room()
                    ));
                }
            }
        }
        breaches
    }

    fn loose_words(&self) -> Vec<String> {
        let mut breaches = Vec::new();
        for file in &self.files {
            for (words, _) in WORDS.iter().filter(|(_, rooms)| !rooms.contains(&file.room())) {
                for line in file.lines_saying(words) {
                    let what = words.join("::");
                    breaches.push(format!("{}:{line}: {what} is not said in `{}`", file.path.display(), file.room()));
                }
            }
        }
        breaches
    }

    fn bad_shapes(&self) -> Vec<String> {
        let mut breaches = Vec::new();
        for file in &self.files {
            if !file.promises() {
                breaches.push(format!("{}: does not begin with what it promises (//!)", file.path.display()));
            }
            let lines = file.lines_without_tests();
            if lines > LONGEST_FILE {
                breaches.push(format!("{}: {lines} lines without tests, at most {LONGEST_FILE}", file.path.display()));
            }
        }
        breaches
    }
}

/// The folders with too many sources.
fn full_folders(house: &House) -> Vec<String> {
    let mut counts = BTreeMap::<&Path, usize>::new();
    for folder in house.files.iter().filter_map(|file| file.path.parent()) {
        *counts.entry(folder).or_default() += 1;
    }
    let full = counts.into_iter().filter(|(_, files)| *files > LARGEST_FOLDER);
    full.map(|(folder, files)| format!("{}: {files} files, at most {LARGEST_FOLDER}", folder.display())).collect()
}

fn follow(path: &[String], signposts: &BTreeMap<Vec<String>, Vec<String>>) -> Vec<String> {
    let mut path = path.to_vec();
    // Bounded, since two signposts could point at each other in a text that does not compile.
    for _ in 0..8 {
        let Some((length, real)) =
            (1..=path.len()).rev().find_map(|length| Some((length, signposts.get(&path[..length])?)))
        else {
            break;
        };
        path = [real.as_slice(), &path[length..]].concat();
    }
    path
}

/// The shortest way from `start` back to itself.
fn way_back<'a>(start: &'a str, arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in arrows.get(way[way.len() - 1]).into_iter().flatten() {
                if *next == start {
                    return Some(way);
                }
                if seen.insert(*next) {
                    longer.push([way.as_slice(), &[*next]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn direct_dependencies(manifest: &str) -> Vec<String> {
    manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('=').map(|(name, _)| name.trim().to_string()))
        .filter(|name| !name.starts_with('#'))
        .collect()
}

mod the_reader_itself {
    use super::*;

    fn house(files: &[(&str, &str)]) -> House {
        tree("src", files)
    }

    fn tree(tree: &str, files: &[(&str, &str)]) -> House {
        House::of(tree, files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_string())))
    }

    #[test]
    fn an_upward_arrow_is_found_however_it_is_written() {
        for text in [
            "use crate::proxy::exchange;",
            "use crate::{config::Config, proxy::Exchange};",
            "pub use crate::proxy::Exchange;",
            "fn f() -> crate::proxy::Exchange { made() }",
            "use super::proxy;",
            "use super::super::crate_name; fn f() { super::proxy::go() }",
        ] {
            let breaches = house(&[("src/traffic/mod.rs", text)]).breaches_of_floors();
            assert_eq!(breaches.len(), 1, "{text}: {breaches:?}");
            assert!(breaches[0].starts_with("src/traffic/mod.rs:1: `traffic` may not lean on `proxy`"), "{breaches:?}");
        }
    }

    #[test]
    fn one_file_of_a_room_may_be_allowed_alone() {
        let verify = "use crate::proxy::node::verify::{NodeVerifier, explain};";
        assert_eq!(house(&[("src/cli/mod.rs", verify)]).breaches_of_floors(), Vec::<String>::new());
        for text in ["use crate::proxy;", "use crate::proxy::{exchange, node};", "use crate::proxy::node_all;"] {
            assert_eq!(house(&[("src/cli/mod.rs", text)]).breaches_of_floors().len(), 1, "{text}");
        }
    }

    #[test]
    fn what_is_no_arrow_is_none() {
        for text in [
            "use crate::config::Config;",
            "// use crate::proxy::Exchange;",
            "/* /* */ use crate::proxy::Exchange; */",
            "const A: &str = \"use crate::proxy::X; \\\" crate::proxy::Y\";",
            "const A: &str = r#\"\" crate::proxy::X \"#;",
            "const A: char = '\"'; use crate::config::Config; const B: char = '\"';",
            "const A: char = '\\''; fn f<'a>(x: &'a str) {}",
            "#[cfg(test)]\nmod tests { use crate::proxy::X; fn f() { if true {} } }",
            "#[cfg(test)]\nuse crate::proxy::X;",
            "use other::proxy::X;",
        ] {
            assert_eq!(house(&[("src/traffic/mod.rs", text)]).breaches_of_floors(), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn code_after_tests_and_strings_is_still_read() {
        let text = "#[cfg(test)]\nmod tests { }\nconst A: &str = \"\\\\\";\nuse crate::proxy::X;";
        let breaches = house(&[("src/wire/head.rs", text)]).breaches_of_floors();
        assert_eq!(breaches, ["src/wire/head.rs:4: `wire` may not lean on `proxy` (proxy::X)"]);
    }

    #[test]
    fn a_room_that_the_table_does_not_know_is_a_breach() {
        assert_eq!(house(&[("src/attic/mod.rs", "")]).breaches_of_floors().len(), 1);
    }

    #[test]
    fn main_reaches_the_library_by_its_name() {
        assert_eq!(house(&[("src/main.rs", "use weir::cli;")]).breaches_of_floors(), Vec::<String>::new());
        assert_eq!(house(&[("src/main.rs", "use weir::proxy::X;")]).breaches_of_floors().len(), 1);
    }

    #[test]
    fn a_circle_inside_a_room_is_told_once() {
        let circles = house(&[
            ("src/config/mod.rs", "mod a; mod b; mod c;"),
            ("src/config/a.rs", "use super::b::B;"),
            ("src/config/b.rs", "fn f() { crate::config::c::go() }"),
            ("src/config/c.rs", "use super::{a::{A, self}, a as other};"),
        ])
        .circles();
        assert_eq!(circles, ["a circle: src/config/a.rs → src/config/b.rs → src/config/c.rs → src/config/a.rs"]);
    }

    #[test]
    fn a_parent_and_its_child_can_make_a_circle_too() {
        let circles = house(&[
            ("src/wire/mod.rs", "mod a; pub struct Limits; fn f() { a::go(); }"),
            ("src/wire/a.rs", "use super::Limits;"),
        ])
        .circles();
        assert_eq!(circles.len(), 1, "{circles:?}");
    }

    #[test]
    fn the_main_file_of_a_bench_is_its_root() {
        let circles = tree(
            "benches/race",
            &[
                ("benches/race/main.rs", "mod a; mod b; use a::A; struct Told;"),
                ("benches/race/a.rs", "use crate::b::B;"),
                ("benches/race/b.rs", "use crate::Told;"),
            ],
        )
        .circles();
        assert_eq!(
            circles,
            ["a circle: benches/race/a.rs → benches/race/b.rs → benches/race/main.rs → benches/race/a.rs"]
        );
    }

    #[test]
    fn a_signpost_is_no_arrow_and_is_followed() {
        let circles = house(&[
            ("src/wire/mod.rs", "mod a; mod b; pub use a::{A, Other as Renamed}; pub(crate) use b::B;"),
            ("src/wire/a.rs", "use super::B;"),
            ("src/wire/b.rs", "const C: u8 = 1;"),
        ])
        .circles();
        assert_eq!(circles, Vec::<String>::new());
        let circles = house(&[
            ("src/wire/mod.rs", "mod a; mod b; pub use a::A; pub use b::B;"),
            ("src/wire/a.rs", "use super::B;"),
            ("src/wire/b.rs", "use crate::wire::A;"),
        ])
        .circles();
        assert_eq!(circles, ["a circle: src/wire/a.rs → src/wire/b.rs → src/wire/a.rs"]);
    }

    #[test]
    fn a_crate_or_a_word_outside_its_room_is_found() {
        let found = |path, text| {
            let house = house(&[(path, text)]);
            house.strangers().len() + house.loose_words().len()
        };
        assert_eq!(found("src/traffic/mod.rs", "use pingora_core::Error;"), 1);
        assert_eq!(found("src/cli/mod.rs", "fn f() { h2::server::handshake(x) }"), 1);
        assert_eq!(found("src/proxy/mod.rs", "use pingora_core::Error; use h2::server;"), 0);
        assert_eq!(found("src/wire/mod.rs", "fn f() { std::time::Instant::now(); }"), 1);
        assert_eq!(found("src/wire/mod.rs", "fn now(instant: Instant) {}"), 0);
        assert_eq!(found("src/cli/mod.rs", "fn f() { std::process::exit(1) }"), 1);
        assert_eq!(found("src/main.rs", "fn f() { std::process::exit(1) }"), 0);
    }

    #[test]
    fn shape_is_told() {
        let long = format!("//! Promise.\n{}", "const A: u8 = 1;\n".repeat(LONGEST_FILE));
        assert_eq!(house(&[("src/wire/mod.rs", &long)]).bad_shapes().len(), 1);
        let tested = format!("//! Promise.\n#[cfg(test)]\n{}", "const A: u8 = 1;\n".repeat(LONGEST_FILE));
        assert_eq!(house(&[("src/wire/mod.rs", &tested)]).bad_shapes(), Vec::<String>::new());
        assert_eq!(house(&[("src/wire/mod.rs", "use std::fmt;\n")]).bad_shapes().len(), 1);
    }

    #[test]
    fn a_folder_with_too_many_files_is_found() {
        let paths: Vec<String> = (0..=LARGEST_FOLDER).map(|file| format!("src/cli/f{file}.rs")).collect();
        let mut files: Vec<_> = paths.iter().map(|path| (path.as_str(), "")).collect();
        assert_eq!(full_folders(&house(&files)), ["src/cli: 17 files, at most 16"]);
        files[0].0 = "src/cli/below/f0.rs";
        assert_eq!(full_folders(&house(&files)), Vec::<String>::new());
    }

    #[test]
    fn dependencies_are_read_from_the_manifest() {
        let manifest = "[package]\nname = \"x\"\n\n[dependencies]\n# why\na-b = \"1\"\nc = { version = \"1\" }\n\n[profile.dev]\nd = 1\n";
        assert_eq!(direct_dependencies(manifest), ["a-b", "c"]);
    }
}
