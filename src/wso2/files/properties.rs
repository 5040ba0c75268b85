//! Properties files of Java, with the place of each value.

use super::Written;
use super::secrets::place;
use crate::config::Source;

/// The lines `key = value`, in file order. A later line of the same key counts.
#[derive(Debug, Default)]
pub(crate) struct Properties(Vec<(String, Written)>);

impl Properties {
    pub(crate) fn read(source: &Source) -> Self {
        let mut start = 0;
        let mut read = Vec::new();
        let mut goes_on = false;
        for line in source.text.split_inclusive('\n') {
            let trimmed = line.trim();
            let is_comment = trimmed.is_empty() || trimmed.starts_with(['#', '!']);
            // A line after one that ends with a backslash belongs to its value, and no value here is so long.
            if !goes_on && !is_comment {
                let (key, value) = pair(trimmed);
                let offset = start + line.find(trimmed).unwrap_or(0);
                let at = place(source, offset..offset + trimmed.len());
                read.push((key.to_owned(), Written { text: value.to_owned(), at }));
            }
            goes_on = (goes_on || !is_comment) && trimmed.ends_with('\\');
            start += line.len();
        }
        Self(read)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Written> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Written> {
        self.0.iter().map(|(_, value)| value)
    }
}

/// The key ends at `=`, `:` or a blank.
fn pair(line: &str) -> (&str, &str) {
    let end = line.find(|c: char| c == '=' || c == ':' || c.is_whitespace()).unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start();
    (key, rest.strip_prefix(['=', ':']).unwrap_or(rest).trim())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn lines_are_read_as_java_reads_them() {
        let text = "# c\nhttp.socket.timeout=180000\n a : b\\\n   http.socket.timeout=1\nkey value\n!x=y\nlast=\\n";
        let properties = Properties::read(&Source::new(Arc::new(PathBuf::from("p")), text.to_owned()));
        let said = |key| properties.get(key).map(|value| (value.text.as_str(), value.at.line));
        assert_eq!(said("http.socket.timeout"), Some(("180000", 2)));
        assert_eq!(said("a"), Some(("b\\", 3)));
        assert_eq!((said("key"), said("!x"), said("x")), (Some(("value", 5)), None, None));
    }
}
