//! The conf directory of one node as the beginning of another's. It is made beside its place and takes it at the end, so that
//! a failure leaves nothing behind.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::place::owned_by;
use crate::wso2::directories;

/// A directory that is made.
pub(super) struct Copied {
    draft: PathBuf,
    target: PathBuf,
    placed: bool,
}

/// The most files of a conf directory, and how deep it goes. A link may lead around.
const MOST_FILES: usize = 20_000;
const DEEPEST: usize = 16;

impl Copied {
    /// Copies what `conf` has.
    pub(super) fn of(conf: &Path, target: &Path) -> io::Result<Self> {
        let mut name = target.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}.draft", std::process::id()));
        let copied = Self { draft: target.with_file_name(name), target: target.to_path_buf(), placed: false };
        let mut left = MOST_FILES;
        copy(conf, &copied.draft, DEEPEST, &mut left)?;
        Ok(copied)
    }

    /// Where it is until it has its place.
    pub(super) fn draft(&self) -> &Path {
        &self.draft
    }

    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// A directory that has been made there in the meantime is not replaced, unless it is empty.
    pub(super) fn place(&mut self) -> io::Result<()> {
        fs::rename(&self.draft, &self.target)?;
        self.placed = true;
        Ok(())
    }

    /// Takes the place away again.
    pub(super) fn withdraw(&mut self) {
        if self.placed && fs::rename(&self.target, &self.draft).is_ok() {
            self.placed = false;
        }
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        if !self.placed {
            let _ = fs::remove_dir_all(&self.draft);
        }
    }
}

/// Refuses a place among the files of another node: the copy would be a part of them, and they of it.
pub(super) fn apart<'a>(
    node: &str,
    target: &Path,
    others: impl Iterator<Item = (&'a str, &'a Path)>,
) -> Result<(), String> {
    let said = format!("--node {node}={}", target.display());
    let (Some(name), Some(parent)) = (target.file_name(), target.parent()) else {
        return Err(format!("{said}: write the name of the directory"));
    };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let place = parent.canonicalize().map_err(|error| format!("{said}: {}: {error}", parent.display()))?.join(name);
    for (other, directory) in others {
        let found = directories(directory).ok();
        let (conf, home) = found.map_or((None, None), |(conf, home)| (Some(conf), home));
        let all = [Some(directory.to_path_buf()), conf, home].into_iter().flatten();
        if all.filter_map(|one| one.canonicalize().ok()).any(|one| place.starts_with(one)) {
            return Err(format!("{said} lies in the files of {other}; name a place of its own"));
        }
    }
    Ok(())
}

/// What an earlier write has kept is of the other node; and what it was killed over is of nobody.
fn is_of_weir(name: &str) -> bool {
    let number = |parts: Option<(&str, &str)>| parts.is_some_and(|(_, number)| number.parse::<u32>().is_ok());
    number(name.rsplit_once(".before-")) || number(name.strip_suffix(".draft").and_then(|name| name.rsplit_once('.')))
}

/// The same with the name of what could not be copied.
fn copy(from: &Path, to: &Path, depth: usize, left: &mut usize) -> io::Result<()> {
    copied(from, to, depth, left).map_err(|error| match error.get_ref() {
        Some(_) => error,
        None => io::Error::other(format!("{} cannot be copied: {error}", from.display())),
    })
}

/// Files and directories with their owners and modes. Of a link the copy has what it leads to: else both nodes would share it.
fn copied(from: &Path, to: &Path, depth: usize, left: &mut usize) -> io::Result<()> {
    let old = fs::metadata(from)?;
    if old.is_dir() {
        if depth == 0 {
            return Err(io::Error::other("its directories go too deep"));
        }
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            if !is_of_weir(&name.to_string_lossy()) {
                copy(&from.join(&name), &to.join(&name), depth - 1, left)?;
            }
        }
    } else if old.is_file() {
        *left = left.checked_sub(1).ok_or_else(|| io::Error::other("it has too many files"))?;
        fs::copy(from, to)?;
    } else {
        return Ok(());
    }
    owned_by(to, &old)?;
    fs::set_permissions(to, old.permissions())
}
