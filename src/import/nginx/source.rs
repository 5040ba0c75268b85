//! Where the texts come from: files on disk, standard input, or a dump of `nginx -T`, which holds all files one after another.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::config::regular;

/// The largest text, and the most bytes of all files together.
pub(super) const MOST: u64 = 16 << 20;
/// The most files of one import.
pub(super) const MOST_FILES: usize = 2000;
/// How `nginx -T` begins each file.
const MARK: &str = "# configuration file ";

/// What is imported.
pub enum Input {
    /// A file, or a directory of files.
    Path(PathBuf),
    /// A text from elsewhere, such as standard input.
    Text(String),
}

/// All texts that can be read.
pub enum Texts {
    /// Files of this machine; includes are looked up beside the first one.
    Disk {
        /// The directory of the first file, in which relative paths begin.
        prefix: PathBuf,
    },
    /// Files of a dump, by their paths.
    Dump {
        /// The directory of the first file, as the dump names it.
        prefix: PathBuf,
        /// Their texts.
        files: BTreeMap<PathBuf, String>,
    },
}

impl Input {
    /// The texts and which of them come first. A directory without an nginx.conf is read as a conf.d.
    ///
    /// # Errors
    /// Where there is nothing to read.
    pub fn open(self) -> Result<(Texts, Vec<PathBuf>), String> {
        match self {
            Self::Text(text) => Ok(from_text(&text)),
            Self::Path(path) => from_path(&path),
        }
    }
}

fn from_text(text: &str) -> (Texts, Vec<PathBuf>) {
    let mut files = BTreeMap::<PathBuf, String>::new();
    let mut first = Vec::new();
    let mut current: Option<PathBuf> = None;
    for line in text.split_inclusive('\n') {
        let path = line.trim_end().strip_prefix(MARK).and_then(|rest| rest.strip_suffix(':'));
        if let Some(path) = path {
            let path = PathBuf::from(path);
            if first.is_empty() {
                first.push(path.clone());
            }
            files.entry(path.clone()).or_default();
            current = Some(path);
        } else if let Some(text) = current.as_ref().and_then(|path| files.get_mut(path)) {
            text.push_str(line);
        }
    }
    if first.is_empty() {
        let path = PathBuf::from("stdin");
        files.insert(path.clone(), text.to_owned());
        first.push(path);
    }
    let prefix = first.first().and_then(|path| path.parent()).filter(|path| path.is_absolute());
    let prefix = prefix.unwrap_or(Path::new("/etc/nginx")).to_path_buf();
    (Texts::Dump { prefix, files }, first)
}

fn from_path(path: &Path) -> Result<(Texts, Vec<PathBuf>), String> {
    let whole = fs::canonicalize(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if !whole.is_dir() {
        let text = text_of(&whole)?;
        if text.lines().any(|line| line.starts_with(MARK)) {
            return Ok(from_text(&text));
        }
        let prefix = whole.parent().map(Path::to_path_buf).unwrap_or_default();
        return Ok((Texts::Disk { prefix }, vec![whole]));
    }
    let main = whole.join("nginx.conf");
    if main.is_file() {
        return Ok((Texts::Disk { prefix: whole }, vec![main]));
    }
    let files = on_disk(&whole.join("*.conf"))?;
    if files.is_empty() {
        return Err(format!("{}: there is neither nginx.conf nor any other *.conf", path.display()));
    }
    Ok((Texts::Disk { prefix: whole }, files))
}

impl Texts {
    /// The directory in which relative paths begin.
    pub fn prefix(&self) -> PathBuf {
        match self {
            Self::Disk { prefix } | Self::Dump { prefix, .. } => prefix.clone(),
        }
    }

    /// The text of this file.
    ///
    /// # Errors
    /// Where it cannot be read, or is too large.
    pub fn text(&self, path: &Path) -> Result<String, String> {
        match self {
            Self::Disk { .. } => text_of(path),
            Self::Dump { files, .. } => {
                files.get(path).cloned().ok_or_else(|| format!("{}: not in the dump", path.display()))
            }
        }
    }

    /// The files of an `include`, in name order. A pattern below /etc/nginx is first looked for beside the first file: a
    /// copy of the directory may be imported on a machine that has an nginx of its own.
    ///
    /// # Errors
    /// Where a file without `*` is not there, or a directory cannot be listed.
    pub fn included(&self, pattern: &str) -> Result<Vec<PathBuf>, String> {
        let prefix = self.prefix();
        let beside = pattern.strip_prefix("/etc/nginx/").map(|rest| self.matching(&prefix.join(rest))).transpose()?;
        let found = match beside.filter(|found| !found.is_empty()) {
            Some(found) => found,
            None => self.matching(&prefix.join(pattern))?,
        };
        if found.is_empty() && !pattern.contains(['*', '?', '[']) {
            return Err(format!(
                "{pattern} is not there: copy it too, or import what `nginx -T` prints on its machine"
            ));
        }
        Ok(found)
    }

    fn matching(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        match self {
            Self::Disk { .. } => on_disk(pattern),
            Self::Dump { files, .. } => {
                let wanted = pattern.to_string_lossy();
                Ok(files.keys().filter(|path| matches(&wanted, &path.to_string_lossy())).cloned().collect())
            }
        }
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    let bytes = regular::read(path, MOST).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The files that match; `*`, `?` and `[…]` may stand in each part of the path.
fn on_disk(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.components().skip(1) {
        let part = part.as_os_str().to_string_lossy();
        let mut next = Vec::new();
        for directory in found {
            if part.contains(['*', '?', '[']) {
                next.extend(listed(&directory, &part)?);
            } else if directory.join(&*part).exists() {
                next.push(directory.join(&*part));
            }
            if next.len() > MOST_FILES {
                return Err(format!("{}: more than {MOST_FILES} files", pattern.display()));
            }
        }
        found = next;
    }
    found.retain(|path| !path.is_dir());
    found.sort();
    Ok(found)
}

fn listed(directory: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let fits = |name: &String| (!name.starts_with('.') || pattern.starts_with('.')) && matches(pattern, name);
    Ok(names.filter(fits).map(|name| directory.join(name)).collect())
}

/// Whether the text fits the pattern: `*` any text without a slash, `?` one character, `[a-z]` one of them.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut star, mut i) = (0, None, 0);
    while i < text.len() {
        match one(&pattern, at, text[i]) {
            Some(next) => (at, i) = (next, i + 1),
            None if pattern.get(at) == Some(&'*') => {
                star = Some((at, i));
                at += 1;
            }
            None => match star {
                Some((from, taken)) if text[taken] != '/' => {
                    star = Some((from, taken + 1));
                    (at, i) = (from + 1, taken + 1);
                }
                _ => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

/// Where the pattern goes on, if its part at `at` takes this one character.
fn one(pattern: &[char], at: usize, letter: char) -> Option<usize> {
    match pattern.get(at)? {
        '*' => None,
        '?' => (letter != '/').then_some(at + 1),
        '[' => {
            let end = at + 1 + pattern.get(at + 1..)?.iter().position(|end| *end == ']')?;
            let set = pattern.get(at + 1..end)?;
            let (negative, set) = match set.split_first() {
                Some(('!' | '^', rest)) => (true, rest),
                _ => (false, set),
            };
            let range = |three: &[char]| three[1] == '-' && three[0] <= letter && letter <= three[2];
            let inside = set.contains(&letter) || set.windows(3).any(range);
            (inside != negative && letter != '/').then_some(end + 1)
        }
        same => (*same == letter).then_some(at + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_what_a_shell_would() {
        let cases = [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.bak", false),
            ("/etc/*/a?.conf", "/etc/nginx/ab.conf", true),
            ("/etc/*.conf", "/etc/nginx/ab.conf", false),
            ("[a-c]*", "bee", true),
            ("[!a-c]*", "bee", false),
            ("a*b*c", "aXbYbc", true),
            ("", "", true),
        ];
        for (pattern, text, fits) in cases {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_dump_holds_all_its_files() {
        let dump = "nginx: the configuration file is ok\n# configuration file /etc/nginx/nginx.conf:\nhttp {\n}\n\
                    # configuration file /etc/nginx/conf.d/a.conf:\nserver { }\n";
        let (texts, first) = from_text(dump);
        assert_eq!(first, [PathBuf::from("/etc/nginx/nginx.conf")]);
        assert_eq!(texts.included("conf.d/*.conf").unwrap(), [PathBuf::from("/etc/nginx/conf.d/a.conf")]);
        assert_eq!(texts.text(Path::new("/etc/nginx/conf.d/a.conf")).unwrap(), "server { }\n");
        assert!(texts.included("other.conf").is_err());
    }
}
