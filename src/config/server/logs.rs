//! Where log lines go. Paths are checked, but no file is created here.

use std::path::Path;

use crate::config::model::{LogFormat, LogTarget, Logs};
use crate::config::text::errors::Wrong;
use crate::config::text::section::Section;
use crate::config::text::source::Source;
use crate::config::text::words::quoted;

/// Reads the three log keys of a site or of the top level. A key that is not written has the value from `otherwise`.
pub(crate) fn read(section: &Section<'_>, otherwise: &Logs) -> Logs {
    let target = |key, otherwise: &LogTarget| {
        section.parsed(key, |text| target(text, section.source)).unwrap_or_else(|| otherwise.clone())
    };
    Logs {
        access: target("access-log", &otherwise.access),
        error: target("error-log", &otherwise.error),
        format: section.choice("log-format").unwrap_or(otherwise.format),
    }
}

/// The defaults.
pub(crate) const DEFAULT: Logs =
    Logs { access: LogTarget::Journal, error: LogTarget::Journal, format: LogFormat::Combined };

fn target(text: &str, source: &Source) -> Result<LogTarget, Wrong> {
    match text {
        "journal" => return Ok(LogTarget::Journal),
        "off" => return Ok(LogTarget::Off),
        // As paths these words would create files of that name, and nobody would find the log lines.
        "" | "-" | "none" | "stderr" | "stdout" | "syslog" | "false" => {}
        _ if text.starts_with("syslog:") => {}
        _ => return file(&source.resolve(text)).map(|()| LogTarget::File(source.resolve(text))),
    }
    Err(Wrong::new(
        format!("{} is not a place for lines", quoted(text)),
        "write \"journal\" (standard error under systemd), \"off\", or a file",
    ))
}

fn file(path: &Path) -> Result<(), Wrong> {
    let wrong = |what: String, advice: &str| Err(Wrong::new(what, advice));
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return wrong(format!("{} is a directory", path.display()), "name a file in it"),
    };
    if path.is_dir() {
        return wrong(format!("{} is a directory", path.display()), "name a file in it");
    }
    match parent.metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => wrong(format!("{} is not a directory", parent.display()), ""),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => wrong(
            format!("the directory {} does not exist", parent.display()),
            "create it, writable for the user that runs weir, or write \"journal\"",
        ),
        Err(error) => wrong(format!("the directory {} cannot be looked into: {error}", parent.display()), ""),
    }
}
