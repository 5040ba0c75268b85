//! A secret in a file of its own, or among the credentials that systemd gives the service: one word, read again when it changes.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::text::errors::Wrong;
use crate::config::text::regular;
use crate::config::text::secrets::seems_a_token;
use crate::config::text::section::Section;

/// The characters of one. Sixteen random ones cannot be guessed over a network.
const SHORTEST: usize = 16;
const LONGEST: usize = 1000;

/// Where systemd puts the credentials of a service.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

pub(super) const HOW_TO_MAKE: &str = "`openssl rand -hex 32 > FILE` makes one";

/// What a table says of its secret.
pub(super) struct SecretFile {
    /// The key that it says it with.
    pub(super) key: &'static str,
    /// None: it is wrong, or it cannot be known here.
    pub(super) file: Option<PathBuf>,
}

impl SecretFile {
    /// Of a table that has the file in this key, or else a `credential`. `what` is in it, such as `token`.
    pub(super) fn of(section: &Section<'_>, key: &'static str, what: &str) -> Self {
        if !section.has("credential") {
            section.required(key);
        }
        let file = section.text(key);
        if file.as_ref().is_some_and(|text| seems_a_token(text.text)) {
            let said = format!("{key}: this seems to be a {what} itself, and the path of a file with one belongs here");
            section.problems.error(section.at(), said, HOW_TO_MAKE);
            return Self { key, file: None };
        }
        let file = file.map(|text| section.named_file(text.text));
        let credential = section.parsed("credential", credential);
        match (file, credential) {
            (Some(_), Some(_)) => {
                let said = format!("{key} and credential are both written");
                section.refuse("credential", said, "leave one of them out");
                Self { key: "credential", file: None }
            }
            (None, Some(name)) => {
                let directory = std::env::var_os(CREDENTIALS).filter(|directory| !directory.is_empty());
                if directory.is_none() {
                    let said = format!("the credential {name:?} is not looked at: ${CREDENTIALS} is not set");
                    let advice = format!("systemd sets it for the service; where it does not, there is no such {what}");
                    section.problems.warning(section.place_of("credential"), said, advice);
                }
                Self { key: "credential", file: directory.map(|directory| Path::new(&directory).join(name)) }
            }
            (file, None) => Self { key, file },
        }
    }

    /// What the file holds. None: it cannot be known, or is wrong, and that is told.
    pub(super) fn read(&self, section: &Section<'_>, what: &str) -> Option<Vec<u8>> {
        let Self { key, file } = self;
        let file = file.as_ref()?;
        warn_of_readers(section, key, (file, what));
        let refuse = |wrong: Wrong| section.refuse(key, format!("{key}: {}", wrong.what), wrong.advice);
        word(file, what, SHORTEST).map_err(refuse).ok()
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

/// The one word of a file, of at least so many characters.
pub(super) fn word(file: &Path, what: &str, shortest: usize) -> Result<Vec<u8>, Wrong> {
    let shown = file.display();
    let bytes = regular::read(file, 4096).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => HOW_TO_MAKE.to_owned(),
            io::ErrorKind::PermissionDenied => "make it readable for the user that runs weir".to_owned(),
            _ => format!("name a file with one {what}"),
        };
        Wrong::new(format!("the {what} {shown} cannot be read: {error}"), advice)
    })?;
    let text = bytes.trim_ascii();
    if !text.iter().all(u8::is_ascii_graphic) {
        let said = format!("the {what} in {shown} is not one word of visible ASCII characters");
        return Err(Wrong::new(said, HOW_TO_MAKE));
    }
    if !(shortest..=LONGEST).contains(&text.len()) {
        let said =
            format!("the {what} in {shown} has {} characters, and {shortest} to {LONGEST} are taken", text.len());
        return Err(Wrong::new(said, HOW_TO_MAKE));
    }
    Ok(text.to_owned())
}

pub(super) fn warn_of_readers(section: &Section<'_>, key: &str, (file, what): (&Path, &str)) {
    if fs::metadata(file).is_ok_and(|about| about.mode() & 0o004 != 0) {
        let said = format!("everybody on this machine can read the {what} in {}", file.display());
        section.problems.warning(section.place_of(key), said, format!("chmod 640 {}", file.display()));
    }
}
