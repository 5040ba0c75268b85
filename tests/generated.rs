//! What is written from the definitions: the tables of keys, metrics and directives of nginx in docs/, the pages of man, the schema in conf/,
//! and the scripts in completions/. `make generated` runs this with `WEIR_WRITE` set, and it writes them; without it the
//! test fails where one of them is not what the definitions say.
#![allow(clippy::unwrap_used)] // clippy knows tests by their attribute, not what they call

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use weir::config::{self, Key};
use weir::import::{Class, LACKS, PROTECTS, SETTLED};
use weir::observe::metrics::DEFINITIONS;
use weir::wso2::Check;
use weir::wso2::checks::ALL;

#[path = "generated/man.rs"]
mod man;

#[test]
fn what_is_generated_is_what_the_definitions_say() {
    let writes = std::env::var_os("WEIR_WRITE").is_some();
    let mut stale = Vec::new();
    for (name, wanted) in files() {
        let path = in_repository(&name);
        let there = fs::read_to_string(&path).unwrap_or_default();
        if there != wanted && writes {
            fs::write(&path, wanted).unwrap();
        } else if there != wanted {
            stale.push(difference(&name, &there, &wanted));
        }
    }
    assert!(stale.is_empty(), "run make generated; stale:\n{}", stale.join("\n"));
}

/// The script does its work in the shell that is always there.
#[test]
fn bash_completes_commands_and_options() {
    for (words, expected) in
        [("dr", "drain"), ("drain --dea", "--deadline"), ("cert p", "pin"), ("completions z", "zsh")]
    {
        let (before, begun) = words.rsplit_once(' ').unwrap_or(("", words));
        let script = format!(
            "source completions/weir.bash; COMP_WORDS=(weir {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _weir weir {begun} \"{before}\"; echo \"${{COMPREPLY[@]}}\""
        );
        let said = Command::new("bash").args(["-c", &script]).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), expected, "{words}: {said:?}");
    }
}

/// The names come from a command, which is a function here.
#[test]
fn bash_completes_the_names_of_nodes_and_pools() {
    for (words, expected) in [
        ("drain w", "worker1 worker2"),
        ("drain --force worker1", "worker1"),
        ("weight e", "esb"),
        ("weight esb worker2", "worker2"),
        ("events --pool e", "esb"),
        ("events --node worker", "worker1 worker2"),
        ("drain --reason w", ""),
        ("drain --dea", "--deadline"),
    ] {
        let begun = words.rsplit_once(' ').map_or(words, |(_, begun)| begun);
        let script = format!(
            "source completions/weir.bash; weir() {{ [[ \"$1 $2\" == 'names nodes' ]] && echo worker1 worker2 || echo esb; }}; \
             COMP_WORDS=(weir {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _weir_with_names weir {begun} x; \
             echo \"${{COMPREPLY[@]}}\"; complete -p weir | grep -q _weir_with_names || echo unused"
        );
        let said = Command::new("bash").args(["-c", &script]).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), expected, "{words}: {said:?}");
    }
    for (shell, parts) in [
        (
            "zsh",
            &["calls it:_weir_nodes'", ":pool -- The pool:_weir_pools'", ":POOL:_weir_pools'", ":NODE:_weir_nodes'"][..],
        ),
        ("fish", &["drain maintain activate weight\" -f -a"]),
    ] {
        let script = completions(shell);
        parts.iter().for_each(|part| assert!(script.contains(part), "{shell}: {part}"));
    }
}

/// The page of a command that is no more.
#[test]
fn each_page_of_man_is_of_a_command_that_there_is() {
    let pages = man::pages().into_iter().map(|(name, _)| in_repository(&name)).collect::<Vec<_>>();
    let there = fs::read_dir(in_repository("man")).unwrap().map(|entry| entry.unwrap().path());
    let there = there.filter(|path| path.extension().is_some_and(|extension| extension == "1"));
    let lost = there.filter(|path| !pages.contains(path)).collect::<Vec<_>>();
    assert!(lost.is_empty(), "no command has these pages, remove them: {lost:?}");
}

/// Each file, whole, as it should be.
fn files() -> Vec<(String, String)> {
    let filled = |name: &str, markers, pieces: &[Piece]| (name.to_owned(), filled(name, markers, pieces));
    let mut files = vec![
        filled("docs/configuration.md", MARKDOWN, &keys()),
        filled("docs/metrics.md", MARKDOWN, &metrics()),
        filled("docs/wso2.md", MARKDOWN, &checks()),
        filled("docs/from-nginx.md", MARKDOWN, &directives()),
        filled("man/weir.8", ROFF, &man::overview()),
        filled("man/weir.toml.5", ROFF, &man::configuration()),
        ("conf/weir.schema.json".to_owned(), said(&["schema"])),
        ("completions/weir.bash".to_owned(), completions("bash")),
        ("completions/_weir".to_owned(), completions("zsh")),
        ("completions/weir.fish".to_owned(), completions("fish")),
    ];
    files.extend(man::pages());
    files
}

/// What the importer of nginx's configurations says wherever it meets a directive.
fn directives() -> Vec<Piece> {
    let listed = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let lacks: String = LACKS.iter().map(|(names, note)| format!("| {} | {note} |\n", listed(names))).collect();
    let row =
        |(names, class, note): &(&[&str], Class, &str)| format!("| {} | {} | {note} |\n", listed(names), class.word());
    let settled: String = SETTLED.iter().map(row).collect();
    vec![
        ("directives that are missing".to_owned(), format!("| nginx | Weir |\n|---|---|\n{lacks}")),
        ("directives that keep people out".to_owned(), format!("{}\n", listed(PROTECTS))),
        ("directives that need no key".to_owned(), format!("| nginx | report | |\n|---|---|---|\n{settled}")),
    ]
}

/// The lines around a piece that is generated, with `{}` for its name.
type Markers = (&'static str, &'static str);

const MARKDOWN: Markers = ("<!-- generated: {} -->", "<!-- end -->");
const ROFF: Markers = (".\\\" generated: {}", ".\\\" end");

/// A piece of a file that stands between two markers, by the name in the first.
type Piece = (String, String);

/// The file with each of these pieces as it should be; all else in it is written by hand and stays.
fn filled(name: &str, (start, end): Markers, pieces: &[Piece]) -> String {
    let text = read(name);
    let unnamed = start.split("{}").next().unwrap();
    assert_eq!(text.matches(unnamed).count(), pieces.len(), "{name}: as many markers as pieces");
    pieces.iter().fold(text, |text, (piece, body)| {
        let marker = format!("{}\n", start.replace("{}", piece));
        let (before, rest) = text.split_once(&marker).unwrap_or_else(|| panic!("{name} has no line {marker}"));
        let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("{name}: no {end} after {marker}"));
        format!("{before}{marker}{body}{end}{after}")
    })
}

fn keys() -> Vec<Piece> {
    let tables = config::reference().chunk_by(|one, next| one.table == next.table);
    tables.map(|keys| (format!("keys of {}", heading(keys[0].table)), table_of(keys))).collect()
}

fn heading(table: &str) -> String {
    if table.is_empty() { "the top level".to_owned() } else { config::heading(table) }
}

fn table_of(keys: &[Key]) -> String {
    let row = |key: &Key| format!("| `{}` | {} | {} | {} |\n", key.key, key.form, key.default, key.meaning);
    let rows: String = keys.iter().map(row).collect();
    format!("| key | takes | default | meaning |\n|---|---|---|---|\n{rows}")
}

fn metrics() -> Vec<Piece> {
    let quoted = |labels: &str| {
        let labels = labels.split(',').filter(|label| !label.is_empty());
        labels.map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ")
    };
    let rows = DEFINITIONS
        .iter()
        .map(|(name, kind, labels, meaning)| format!("| `{name}` | {kind} | {} | {meaning} |\n", quoted(labels)));
    let rows: String = rows.collect();
    vec![("metrics".to_owned(), format!("| name | kind | labels | meaning |\n|---|---|---|---|\n{rows}"))]
}

fn checks() -> Vec<Piece> {
    let file =
        |file: &str| if file.contains('.') { format!("`{}`", file.replace(", ", "`, `")) } else { file.to_owned() };
    let row = |check: &Check| format!("| {} | {} | {} |\n", file(check.file), check.name, check.holds);
    let rows: String = ALL.iter().map(row).collect();
    vec![("checks".to_owned(), format!("| file | check | what must hold |\n|---|---|---|\n{rows}"))]
}

fn completions(shell: &str) -> String {
    said(&["completions", shell])
}

fn read(name: &str) -> String {
    fs::read_to_string(in_repository(name)).unwrap()
}

fn in_repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// What a command prints.
fn said(arguments: &[&str]) -> String {
    let said = Command::new(env!("CARGO_BIN_EXE_weir")).args(arguments).output().unwrap();
    assert!(said.status.success(), "{said:?}");
    String::from_utf8(said.stdout).unwrap()
}

/// The first line in which a file is not as it should be.
fn difference(name: &str, there: &str, wanted: &str) -> String {
    let both = there.lines().zip(wanted.lines()).position(|(there, wanted)| there != wanted);
    let line = both.unwrap_or_else(|| there.lines().count().min(wanted.lines().count()));
    let at = |text: &str| text.lines().nth(line).unwrap_or("nothing more").to_owned();
    format!("{name}:{}\n  there:  {}\n  wanted: {}", line + 1, at(there), at(wanted))
}
