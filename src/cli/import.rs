//! `weir import nginx`: from the files of an nginx to a checked weir.toml, and a report on every directive.

mod compare;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::json;

use self::compare::Comparison;
use super::cert::Draft;
use super::output::{fail, print, print_line};
use crate::app::{BAD_CONFIG, FAILED, shows_color};
use crate::import::{Class, Imported, Input, Report, import};

/// Of which proxy.
#[derive(clap::Subcommand)]
pub(super) enum Import {
    /// Read nginx.conf with its includes, write weir.toml, and say what becomes of each directive
    Nginx(Nginx),
}

#[derive(clap::Args)]
pub(super) struct Nginx {
    /// nginx.conf, a directory of *.conf, a dump of `nginx -T`, or - for standard input
    #[arg(value_name = "FILE|DIR|-")]
    from: PathBuf,
    /// The directory in which weir.toml is written; it is made if it is not there
    #[arg(long, value_name = "DIR", required_unless_present = "compare")]
    out: Option<PathBuf>,
    /// Write what can be written, with the rest as comments in its place
    #[arg(long)]
    partial: bool,
    /// Replace a weir.toml that is there already
    #[arg(long)]
    force: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    comparison: compare::Options,
}

impl Import {
    /// Imports. Returns the exit code: 0 only if everything has its counterpart.
    pub(super) fn run(&self, now: SystemTime) -> i32 {
        let Self::Nginx(nginx) = self;
        nginx.run(now).unwrap_or_else(|why| fail(&why))
    }
}

impl Nginx {
    fn run(&self, now: SystemTime) -> Result<i32, String> {
        let out = self.out.as_deref().unwrap_or(Path::new("/etc/weir"));
        let file = std::path::absolute(out).map_err(|error| format!("{}: {error}", out.display()))?.join("weir.toml");
        if self.out.is_some() && file.symlink_metadata().is_ok() && !self.force {
            return Err(format!(
                "{} is there already; --force replaces it, --out DIR writes elsewhere",
                file.display()
            ));
        }
        let imported = import(self.input()?, &file, now)?;
        let text = match &imported.text {
            Ok(text) => text,
            Err(errors) => {
                print(&if self.json { as_json(&imported, None, None) } else { imported.report.text() });
                if !imported.listens() {
                    return Err("no listener of these files can be imported, so there is nothing to write".to_owned());
                }
                eprint!("{}", errors.render(shows_color(&io::stderr())));
                fail("this configuration would be refused, so it was not written");
                return Ok(BAD_CONFIG);
            }
        };
        let compared = self.comparison.run(&imported, now)?;
        let whole = imported.report.is_whole();
        let written = self.out.is_some() && (whole || self.partial);
        if written {
            write(&file, text, self.force)?;
        }
        if !print(&self.told(&imported, written.then_some(file.as_path()), compared.as_ref())) {
            return Ok(FAILED);
        }
        if !self.json && self.out.is_some() {
            print_line(self.outcome(&file, written, &imported));
        }
        let same = compared.as_ref().is_none_or(Comparison::is_same);
        Ok(if same && (whole || self.out.is_none()) { 0 } else { FAILED })
    }

    /// The report, the comparison, or both.
    fn told(&self, imported: &Imported, written: Option<&Path>, compared: Option<&Comparison>) -> String {
        if self.json {
            return as_json(imported, written, compared);
        }
        let report = if self.out.is_some() { imported.report.text() } else { String::new() };
        report + &compared.map(Comparison::text).unwrap_or_default()
    }

    fn input(&self) -> Result<Input, String> {
        if self.from != Path::new("-") {
            return Ok(Input::Path(self.from.clone()));
        }
        let mut bytes = Vec::new();
        io::stdin()
            .lock()
            .take(MOST + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| format!("standard input: {error}"))?;
        if bytes.len() as u64 > MOST {
            return Err("standard input is larger than 64 MiB".to_owned());
        }
        Ok(Input::Text(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn outcome(&self, file: &Path, written: bool, imported: &Imported) -> String {
        let gaps = imported.report.count(Class::Missing) + imported.report.count(Class::Refused);
        let warned = match imported.warnings {
            0 => String::new(),
            many => format!(", with {many} warning{}", if many == 1 { "" } else { "s" }),
        };
        let check = format!("weir check --config {}", file.display());
        match (written, gaps) {
            (true, 0) => format!("\nwrote {}; it is good{warned}: {check}", file.display()),
            (true, _) => format!(
                "\nwrote {} with {gaps} gaps as comments in their places; it is good{warned}: {check}",
                file.display()
            ),
            (false, _) => format!(
                "\nnothing was written: {gaps} of these are missing or refused. --partial writes the rest, with these as comments in their places"
            ),
        }
    }
}

fn write(file: &Path, text: &str, force: bool) -> Result<(), String> {
    let wrong = |error: io::Error| format!("{}: {error}", file.display());
    file.parent().map_or(Ok(()), fs::create_dir_all).map_err(wrong)?;
    Draft::write(file, text, MODE).map_err(wrong)?.place(file, force).map_err(wrong)
}

fn as_json(imported: &Imported, written: Option<&Path>, compared: Option<&Comparison>) -> String {
    let report: &Report = &imported.report;
    let counts: serde_json::Map<String, serde_json::Value> =
        Class::ALL.into_iter().map(|class| (class.word().to_owned(), report.count(class).into())).collect();
    let lines = report.lines.iter().map(|line| {
        json!({
            "directive": line.directive, "args": line.args, "file": line.file, "line": line.line,
            "class": line.class.word(), "key": line.key, "note": line.note, "default": line.default,
        })
    });
    let all = json!({
        "read": report.read, "nodes": report.nodes, "counts": counts, "written": written, "warnings": imported.warnings,
        "lines": lines.collect::<Vec<_>>(), "comparison": compared.map(Comparison::json),
    });
    format!("{all:#}\n")
}

/// The most that is read from standard input.
const MOST: u64 = 64 << 20;
const MODE: u32 = 0o644;
