//! `include`: further files, in the order of the patterns. The files of one pattern are in the order of their names.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::errors::{Problem, Wrong};
use super::source::Source;
use super::value::{Text, Value};

/// The most patterns, and the most bytes of all included files. Each pattern lists a directory, and whoever sends a
/// configuration to be checked chooses both.
const MOST_PATTERNS: usize = 1000;
const MOST_BYTES: usize = 64 << 20;

/// Every included file that can be read. A file that cannot be read is a problem at the include that names it.
pub(crate) fn read(include: &Value<'_>) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    let mut known = HashSet::from([include.source.file.to_path_buf()]);
    let patterns = include.texts("list of file patterns").unwrap_or_default();
    if patterns.len() > MOST_PATTERNS {
        let what = format!("there are {} patterns, and at most {MOST_PATTERNS} are read", patterns.len());
        include.refuse(&what, "name them together, as in \"sites/*.toml\"");
        return sources;
    }
    let mut bytes = 0;
    for pattern in patterns {
        for path in paths(include, &pattern) {
            if !known.contains(&path)
                && let Some(source) = read_one(&path, &pattern, include)
            {
                bytes += source.text.len();
                if bytes > MOST_BYTES {
                    pattern.refuse("the included files are larger than 64 MiB", "are they configurations?");
                    return sources;
                }
                sources.push(source);
                known.insert(path);
            }
        }
    }
    sources
}

fn read_one(path: &Path, pattern: &Text<'_>, include: &Value<'_>) -> Option<Source> {
    Source::read(path)
        .map_err(|Problem { at, what, advice }| match at.line {
            0 => pattern.refuse(format!("{}: {what}", path.display()), advice),
            _ => include.problems.error(at, what, advice),
        })
        .ok()
}

fn paths(include: &Value<'_>, pattern: &Text<'_>) -> Vec<PathBuf> {
    let whole = include.source.resolve(pattern.text);
    if !pattern.text.contains(['*', '?', '[', '{']) {
        return vec![whole];
    }
    let found = pattern.parsed(|text| matching(&whole, text)).unwrap_or_default();
    if found.is_empty() {
        let what = format!("include: {:?} matches no file", pattern.text);
        include.problems.warning(
            pattern.at.clone(),
            what,
            "included files are looked for beside the file that names them",
        );
    }
    found
}

fn matching(whole: &Path, text: &str) -> Result<Vec<PathBuf>, Wrong> {
    let (Some(directory), Some(name)) = (whole.parent(), whole.file_name().and_then(|name| name.to_str())) else {
        return Ok(Vec::new());
    };
    if directory.to_string_lossy().contains(['*', '?']) || text.contains(['[', '{']) {
        return Err(Wrong::new(
            format!("{text:?} is no pattern"),
            "* and ? stand in the file's name alone, as in \"sites/*.toml\"",
        ));
    }
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let entries = match directory.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Wrong::new(format!("the directory {} cannot be listed: {error}", directory.display()), ""));
        }
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    // As in a shell, patterns do not match hidden files, such as those of an editor.
    let mut found: Vec<PathBuf> =
        names.filter(|n| !n.starts_with('.') && matches(name, n)).map(|n| whole.with_file_name(n)).collect();
    found.sort();
    Ok(found)
}

/// `*` stands for any characters, `?` for one.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let mut reachable = vec![false; name.len() + 1];
    reachable[0] = true;
    for &p in &pattern {
        let before = reachable.clone();
        reachable[0] = p == '*' && before[0];
        for (at, &c) in name.iter().enumerate() {
            reachable[at + 1] =
                if p == '*' { before[at + 1] || reachable[at] } else { (p == '?' || p == c) && before[at] };
        }
    }
    reachable[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*.toml", "a.toml", true),
            ("*.toml", ".toml", true),
            ("*.toml", "a.toml~", false),
            ("?0-*.toml", "10-esb.toml", true),
            ("?0-*.toml", "110-esb.toml", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        // The number of steps is at most the product of the two lengths.
        assert!(!matches(&"*a".repeat(60), &"a".repeat(59)));
    }
}
