//! What is written from the definitions: the tables of keys and metrics in docs/, the commands in man/weir.8, the
//! schema in conf/, and the scripts in completions/. `make generated` runs this with `WEIR_WRITE` set, and it writes them; without it the test
//! fails where one of them is not what the definitions say.
#![allow(clippy::unwrap_used)] // clippy knows tests by their attribute, not what they call

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use clap_mangen::Man;
use weir::config::{self, Key};
use weir::observe::metrics::DEFINITIONS;

#[test]
fn what_is_generated_is_what_the_definitions_say() {
    let writes = std::env::var_os("WEIR_WRITE").is_some();
    let mut stale = Vec::new();
    for (name, wanted) in files() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let there = fs::read_to_string(&path).unwrap_or_default();
        if there != wanted && writes {
            fs::write(&path, wanted).unwrap();
        } else if there != wanted {
            stale.push(difference(name, &there, &wanted));
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

/// Each file, whole, as it should be.
fn files() -> Vec<(&'static str, String)> {
    vec![
        ("docs/configuration.md", filled("docs/configuration.md", MARKDOWN, &keys())),
        ("docs/metrics.md", filled("docs/metrics.md", MARKDOWN, &metrics())),
        ("man/weir.8", filled("man/weir.8", ROFF, &commands())),
        ("conf/weir.schema.json", said(&["schema"])),
        ("completions/weir.bash", completions("bash")),
        ("completions/_weir", completions("zsh")),
        ("completions/weir.fish", completions("fish")),
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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = fs::read_to_string(path).unwrap();
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

fn commands() -> Vec<Piece> {
    let mut weir = weir::cli::command().disable_help_flag(true).disable_help_subcommand(true);
    weir.build();
    let commands: String = leaves(&weir).into_iter().map(section).collect();
    vec![("commands".to_owned(), commands)]
}

/// The commands that do something: `weir check`, `weir cert pin`.
fn leaves(command: &clap::Command) -> Vec<&clap::Command> {
    if command.has_subcommands() { command.get_subcommands().flat_map(leaves).collect() } else { vec![command] }
}

/// One command: how it is written, what it is for, its options, and what else its help says.
fn section(command: &clap::Command) -> String {
    let page = Man::new(command.clone());
    let name = command.get_bin_name().unwrap();
    let synopsis = part(|out| page.render_synopsis_section(out));
    let about = part(|out| page.render_description_section(out));
    let options = part(|out| page.render_options_section(out));
    let extra = part(|out| page.render_extra_section(out));
    let extra = if extra.is_empty() { extra } else { format!(".PP\n{extra}") };
    format!(".SS \"{name}\"\n{synopsis}.PP\n{about}{options}{extra}")
}

/// A part of a page without its heading.
fn part(render: impl Fn(&mut dyn Write) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    render(&mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    // Before the heading stands a definition of the apostrophe, which the page has once. A command without options has no
    // heading for them.
    let Some((_, body)) = out.split_once("\n.SH ") else { return String::new() };
    body.lines().skip(1).map(|line| format!("{}\n", line.trim_end())).collect()
}

fn completions(shell: &str) -> String {
    said(&["completions", shell])
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
