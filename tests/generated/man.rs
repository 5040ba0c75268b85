//! The pages of man: a page for each command, their list in weir(8), and weir.toml(5) with every key.

use std::io::{self, Write};

use clap_mangen::Man;
use weir::config::{self, Key};

use super::{Piece, heading, read};

/// The apostrophe, as the parts that clap_mangen writes expect it.
const HEAD: &str = "\
.ie \\n(.g .ds Aq \\(aq
.el .ds Aq '
";

/// Each command's page, by its name in man/.
pub(super) fn pages() -> Vec<(String, String)> {
    let page = |command: &clap::Command| (format!("man/{}.1", page_name(command)), page_of(command));
    leaves(&commands()).into_iter().map(page).collect()
}

/// The pieces of weir(8) that are generated.
pub(super) fn overview() -> Vec<Piece> {
    let entry = |command: &clap::Command| {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        format!(".TP\n.BR {} (1)\n{}\n", escaped(&page_name(command)), prose(&about))
    };
    vec![("commands".to_owned(), leaves(&commands()).into_iter().map(entry).collect())]
}

/// The pieces of weir.toml(5) that are generated.
pub(super) fn configuration() -> Vec<Piece> {
    let tables = config::reference().chunk_by(|one, next| one.table == next.table);
    vec![
        ("example".to_owned(), example()),
        ("values".to_owned(), values()),
        ("keys".to_owned(), tables.map(table).collect()),
    ]
}

fn commands() -> clap::Command {
    let mut weir = weir::cli::command().disable_help_flag(true).disable_help_subcommand(true);
    weir.build();
    weir
}

/// The commands that do something: `weir check`, `weir cert pin`.
fn leaves(command: &clap::Command) -> Vec<&clap::Command> {
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    if command.has_subcommands() { shown.flat_map(leaves).collect() } else { vec![command] }
}

/// `weir-cert-pin`, which `man weir-cert-pin` looks for.
fn page_name(command: &clap::Command) -> String {
    command.get_bin_name().unwrap_or_default().replace(' ', "-")
}

fn page_of(command: &clap::Command) -> String {
    let page = Man::new(command.clone());
    let name = escaped(&page_name(command));
    let about = part(|out| page.render_description_section(out));
    let synopsis = part(|out| page.render_synopsis_section(out));
    let options = part(|out| page.render_options_section(out));
    let extra = part(|out| page.render_extra_section(out));
    let short = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut text = format!(".TH {} 1 \"\" \"weir\" \"Commands of Weir\"\n{HEAD}", name.to_uppercase());
    let sections = [
        ("NAME", format!("{name} \\- {}\n", lower(&prose(&short)))),
        ("SYNOPSIS", synopsis),
        ("DESCRIPTION", format!("{about}{}", if extra.is_empty() { extra } else { format!(".PP\n{extra}") })),
        ("OPTIONS", options),
        ("SEE ALSO", ".BR weir (8)\nhas exit codes, environment and files;\n.BR weir.toml (5)\n".to_owned()),
    ];
    for (heading, body) in sections.iter().filter(|(_, body)| !body.is_empty()) {
        text.push_str(&format!(".SH \"{heading}\"\n{body}"));
    }
    text
}

/// A part of a page without its heading.
fn part(render: impl Fn(&mut dyn Write) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    render(&mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    // Before the heading stands a definition of the apostrophe, which the page has once. A command without options has no
    // heading for them.
    let Some((_, body)) = out.split_once("\n.SH ") else { return String::new() };
    let mut lines = body.lines().skip(1).map(str::trim_end).collect::<Vec<_>>();
    // Two breaks with an empty line between them stand before the words of an option; one is enough.
    lines.dedup_by(|line, before| *before == ".br" && (line.is_empty() || *line == ".br"));
    lines.into_iter().map(|line| format!("{}\n", if line.is_empty() { ".PP" } else { line })).collect()
}

/// One table of keys.
fn table(keys: &[Key]) -> String {
    let rows: String = keys.iter().map(row).collect();
    format!(".SS \"{}\"\n{rows}", prose(&heading(keys[0].table)))
}

fn row(key: &Key) -> String {
    let default = match key.default {
        "see there" => String::new(),
        default if default.starts_with("required") => format!("; {default}"),
        default => format!("; default: {default}"),
    };
    let takes = prose(&format!("{}{default}", key.form));
    format!(".TP\n\\fB{}\\fR ({takes})\n{}\n", escaped(key.key), prose(key.meaning))
}

/// conf/minimal.toml, which a test loads, without the comment at its beginning.
fn example() -> String {
    read("conf/minimal.toml")
        .lines()
        .skip_while(|line| !line.starts_with('['))
        .map(|line| format!("{}\n", prose(line)))
        .collect()
}

/// The table of docs/configuration.md that says how values are written.
fn values() -> String {
    let page = read("docs/configuration.md");
    let (_, section) = page.split_once("\n## Values\n").expect("a section Values");
    let rows = section.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|')).map(|line| {
        let cells = line.trim_matches('|').split(" | ").map(|cell| prose(cell.trim())).collect::<Vec<_>>();
        format!(".TP\n{}: {}\n{}\n", cells[0], cells[1], cells[2])
    });
    rows.collect()
}

/// A line of Markdown as a line of man: what stands between backquotes is bold.
fn prose(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let line: String = parts
        .map(|(number, part)| if number % 2 == 0 { escaped(part) } else { format!("\\fB{}\\fR", escaped(part)) })
        .collect();
    // A dot or an apostrophe in front would make it an order to the formatter.
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq")
}

/// As the words after the dash in NAME are written. What begins with several capitals is an abbreviation.
fn lower(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !text.chars().nth(1).is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}
