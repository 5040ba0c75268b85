//! `[shared]`: what this machine has in common with the others that serve the same hosts.

use aws_lc_rs::digest::{SHA256, digest};

use super::secret_file::SecretFile;
use crate::config::model::{Shared, SharedSecret};
use crate::config::text::section::Section;

/// Reads the table of the main file. Without one this machine has nothing in common with another.
pub(crate) fn read(main: &Section<'_>) -> Option<Shared> {
    let section = main.section("shared", "shared")?;
    let place = SecretFile::of(&section, "secret", "secret");
    let secret = place.read(&section, "secret").and_then(|word| digest(&SHA256, &word).as_ref().try_into().ok());
    Some(Shared { secret: secret.map(SharedSecret), file: place.file, at: section.at() })
}
