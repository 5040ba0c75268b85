//! Reads `[[admin.token]]` and the files that hold the tokens. What is kept is their digest.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};

use crate::config::model::AdminToken;
use crate::config::text::errors::Wrong;
use crate::config::text::regular;
use crate::config::text::secrets::seems_a_token;
use crate::config::text::section::Section;
use crate::config::values::names::Names;

/// The characters of a token. Sixteen random ones cannot be guessed over a network.
const SHORTEST: usize = 16;
const LONGEST: usize = 1000;

/// Where systemd puts the credentials of a service.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

const HOW_TO_MAKE: &str = "`openssl rand -hex 32 > FILE` makes one";

/// Reads all tokens.
pub(super) fn read(admin: &Section<'_>) -> Vec<AdminToken> {
    let sections = admin.sections("token", "admin.token");
    let names = Names::of("token", &sections);
    let mut known = HashMap::new();
    sections.iter().enumerate().map(|(i, section)| one(section, names.name(i), &mut known)).collect()
}

fn one(section: &Section<'_>, name: Arc<str>, known: &mut HashMap<[u8; 32], Arc<str>>) -> AdminToken {
    let may = section.choice("may").unwrap_or_default();
    let (key, file) = place(section);
    let found = file.as_ref().and_then(|file| {
        warn_of_readers(section, key, file);
        token(file).map_err(|wrong| section.refuse(key, format!("{key}: {}", wrong.what), wrong.advice)).ok()
    });
    if let Some(other) = found.and_then(|found| known.insert(found, Arc::clone(&name))) {
        let what = format!("{key}: it holds the same token as that of {other:?}");
        section.refuse(key, what, format!("give each its own; {HOW_TO_MAKE}"));
    }
    AdminToken { name, may, file, digest: found, at: section.at() }
}

/// The key that says where the token is, and the file. No file: it is wrong, or it cannot be known here.
fn place(section: &Section<'_>) -> (&'static str, Option<PathBuf>) {
    let file = section.text("file");
    if file.as_ref().is_some_and(|text| seems_a_token(text.text)) {
        let what = "file: this seems to be a token itself, and the path of a file with one belongs here";
        section.problems.error(section.at(), what, HOW_TO_MAKE);
        return ("file", None);
    }
    let file = file.map(|text| section.named_file(text.text));
    let credential = section.parsed("credential", credential);
    match (file, credential) {
        (Some(_), Some(_)) => {
            section.refuse("credential", "file and credential are both written", "leave one of them out");
            ("credential", None)
        }
        (None, Some(name)) => {
            let directory = std::env::var_os(CREDENTIALS).filter(|directory| !directory.is_empty());
            if directory.is_none() {
                let what = format!("the credential {name:?} is not looked at: ${CREDENTIALS} is not set");
                let advice = "systemd sets it for the service; where it does not, nobody comes in with this token";
                section.problems.warning(section.place_of("credential"), what, advice);
            }
            ("credential", directory.map(|directory| Path::new(&directory).join(name)))
        }
        (file, None) => {
            if !section.has("credential") {
                section.required("file");
            }
            ("file", file)
        }
    }
}

fn credential(text: &str) -> Result<String, Wrong> {
    if text.is_empty() || text.contains('/') || text.starts_with('.') {
        return Err(Wrong::new(
            format!("{text:?} is no name of a credential"),
            "write the name that LoadCredential= of the unit gives it",
        ));
    }
    Ok(text.to_owned())
}

fn token(file: &Path) -> Result<[u8; 32], Wrong> {
    let shown = file.display();
    let bytes = regular::read(file, 4096).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => HOW_TO_MAKE,
            io::ErrorKind::PermissionDenied => "make it readable for the user that runs weir",
            _ => "name a file with one token",
        };
        Wrong::new(format!("the token {shown} cannot be read: {error}"), advice)
    })?;
    let text = bytes.trim_ascii();
    if !text.iter().all(u8::is_ascii_graphic) {
        return Err(Wrong::new(
            format!("the token in {shown} is not one word of visible ASCII characters"),
            HOW_TO_MAKE,
        ));
    }
    if !(SHORTEST..=LONGEST).contains(&text.len()) {
        let what = format!("the token in {shown} has {} characters, and {SHORTEST} to {LONGEST} are taken", text.len());
        return Err(Wrong::new(what, HOW_TO_MAKE));
    }
    Ok(digest(&SHA256, text).as_ref().try_into().unwrap_or_default())
}

fn warn_of_readers(section: &Section<'_>, key: &str, file: &Path) {
    if fs::metadata(file).is_ok_and(|about| about.mode() & 0o004 != 0) {
        let what = format!("everybody on this machine can read the token in {}", file.display());
        section.problems.warning(section.place_of(key), what, format!("chmod 640 {}", file.display()));
    }
}
