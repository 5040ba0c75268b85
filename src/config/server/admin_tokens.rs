//! Reads `[[admin.token]]` and the files that hold the tokens. What is kept is their digest.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};

use super::secret_file::{HOW_TO_MAKE, SecretFile};
use crate::config::model::AdminToken;
use crate::config::text::section::Section;
use crate::config::values::names::Names;

/// Reads all tokens.
pub(super) fn read(admin: &Section<'_>) -> Vec<AdminToken> {
    let sections = admin.sections("token", "admin.token");
    let names = Names::of("token", &sections);
    let mut known = HashMap::new();
    sections.iter().enumerate().map(|(i, section)| one(section, names.name(i), &mut known)).collect()
}

fn one(section: &Section<'_>, name: Arc<str>, known: &mut HashMap<[u8; 32], Arc<str>>) -> AdminToken {
    let may = section.choice("may").unwrap_or_default();
    let place = SecretFile::of(section, "file", "token");
    let found = place.read(section, "token").and_then(|token| digest(&SHA256, &token).as_ref().try_into().ok());
    if let Some(other) = found.and_then(|found| known.insert(found, Arc::clone(&name))) {
        let key = place.key;
        let what = format!("{key}: it holds the same token as that of {other:?}");
        section.refuse(key, what, format!("give each its own; {HOW_TO_MAKE}"));
    }
    AdminToken { name, may, file: place.file, digest: found, at: section.at() }
}
