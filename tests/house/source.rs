//! One source file, read as text: what it leans on, which crates it names, what it says. Comments, strings and
//! `#[cfg(test)]` items do not count. A simple scanner, not a parser: modules written inline are taken for their file.

use std::collections::BTreeSet;
use std::path::PathBuf;

/// One file of src/, or of a bench or a test.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// `["config", "model"]` for src/config/model.rs, `["config"]` for src/config/mod.rs, empty for src/lib.rs and for the
    /// main.rs of a bench or a test.
    pub(crate) module: Vec<String>,
    text: String,
    tokens: Vec<Token>,
}

/// A path as written, with the line it stands in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
    /// `pub use`: a signpost, which leads a reader on but leans on nothing.
    pub(crate) signpost: bool,
}

impl Reference {
    /// Whether it points into a room (`config`) or a file of one (`proxy::node`).
    pub(crate) fn is_in(&self, place: &str) -> bool {
        let mut path = self.path.iter();
        place.split("::").all(|part| path.next().is_some_and(|own| own == part))
    }
}

impl Source {
    /// A file below the folder `tree`.
    pub(crate) fn new(tree: &str, path: PathBuf, text: String) -> Self {
        let root = if tree == "src" { "lib" } else { "main" };
        let tokens = without_tests(tokens(&text));
        let module = path
            .strip_prefix(tree)
            .expect("it stands below the folder")
            .with_extension("")
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .filter(|part| part != "mod" && part != root)
            .collect();
        Self { path, module, text, tokens }
    }

    pub(crate) fn promises(&self) -> bool {
        self.text.starts_with("//!")
    }

    pub(crate) fn lines_without_tests(&self) -> usize {
        let mut lines = self.text.lines();
        lines.position(|line| line == "#[cfg(test)]").unwrap_or_else(|| self.text.lines().count())
    }

    pub(crate) fn room(&self) -> &str {
        self.module.first().map_or("lib", String::as_str)
    }

    pub(crate) fn name(&self) -> &str {
        self.path.to_str().expect("a source has a plain name")
    }

    /// Every path into this crate, from its root.
    pub(crate) fn references(&self, children: &BTreeSet<String>) -> Vec<Reference> {
        let mut found = Vec::new();
        let mut at = 0;
        let mut signpost = false;
        while at < self.tokens.len() {
            match self.tokens[at].word.as_str() {
                "use" => signpost = at > 0 && ["pub", ")"].contains(&self.tokens[at - 1].word.as_str()),
                ";" => signpost = false,
                _ => {}
            }
            let begins = at == 0 || !["::", "."].contains(&self.tokens[at - 1].word.as_str());
            match begins.then(|| self.base(at, children)).flatten() {
                Some(base) => at = self.tree(at, base, signpost, &mut found),
                None => at += 1,
            }
        }
        found
    }

    /// What the path that begins here is relative to, and how many of its tokens that used up.
    fn base(&self, at: usize, children: &BTreeSet<String>) -> Option<Vec<String>> {
        if self.tokens.get(at + 1)?.word != "::" {
            return None;
        }
        let word = self.tokens[at].word.as_str();
        match word {
            "crate" => Some(Vec::new()),
            "weir" if self.room() == "main" => Some(Vec::new()),
            "self" => Some(self.module.clone()),
            "super" => Some(self.module[..self.module.len().saturating_sub(1)].to_vec()),
            _ if children.contains(word) => Some([self.module.as_slice(), &[word.to_string()]].concat()),
            _ => None,
        }
    }

    /// Reads `a::{b, c::d as e}` from `at` and returns where it ends.
    fn tree(&self, mut at: usize, mut path: Vec<String>, signpost: bool, found: &mut Vec<Reference>) -> usize {
        let line = self.tokens[at].line;
        at += 1;
        while self.word(at) == "::" {
            at += 1;
            match self.word(at) {
                "super" => drop(path.pop()),
                "{" => return self.branches(at + 1, &path, signpost, found),
                word if is_name(word) => path.push(word.to_string()),
                _ => break,
            }
            at += 1;
        }
        found.push(Reference { line, path, signpost });
        at
    }

    fn branches(&self, mut at: usize, path: &[String], signpost: bool, found: &mut Vec<Reference>) -> usize {
        while at < self.tokens.len() && self.word(at) != "}" {
            if self.word(at) == "self" {
                found.push(Reference { line: self.tokens[at].line, path: path.to_vec(), signpost });
                at += 1;
            } else if self.word(at) == "as" {
                at += 2;
            } else if is_name(self.word(at)) {
                let longer = [path, &[self.word(at).to_string()]].concat();
                at = self.tree(at, longer, signpost, found);
            } else {
                if self.word(at) == "*" {
                    found.push(Reference { line: self.tokens[at].line, path: path.to_vec(), signpost });
                }
                at += 1;
            }
        }
        at + 1
    }

    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.word.as_str())
    }

    /// Names that stand first in a path.
    pub(crate) fn crates(&self) -> impl Iterator<Item = (usize, &str)> {
        let first = |at: &usize| *at == 0 || !["::", "."].contains(&self.word(*at - 1));
        (0..self.tokens.len())
            .filter(first)
            .filter(|at| self.word(at + 1) == "::" || (*at > 0 && self.word(at - 1) == "use"))
            .map(|at| (self.tokens[at].line, self.word(at)))
    }

    pub(crate) fn lines_saying<'a>(&'a self, words: &'a [&str]) -> impl Iterator<Item = usize> + 'a {
        (0..self.tokens.len()).filter_map(|at| {
            let says = words.iter().enumerate().all(|(nth, word)| {
                self.word(at + 2 * nth) == *word && (nth == 0 || self.word(at + 2 * nth - 1) == "::")
            });
            says.then(|| self.tokens[at].line)
        })
    }
}

/// A name, a `::` or one other character, and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    word: String,
    line: usize,
}

/// The text without comments, strings and characters.
fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let (mut at, mut line, mut found) = (0, 1, Vec::new());
    while at < bytes.len() {
        let rest = &bytes[at..];
        let length = skipped(rest, found.last());
        if length > 0 {
            line += rest[..length].iter().filter(|byte| **byte == b'\n').count();
            at += length;
            continue;
        }
        let length = word_length(rest);
        found.push(Token { word: String::from_utf8_lossy(&rest[..length]).into_owned(), line });
        at += length;
    }
    found
}

/// How many bytes here are no code: blanks, a comment, a string, a character or lifetime.
fn skipped(rest: &[u8], before: Option<&Token>) -> usize {
    match rest {
        [blank, ..] if blank.is_ascii_whitespace() => 1,
        [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => 1 + string(&rest[1..]),
        [b'\'', b'\\', ..] => 3 + rest.iter().skip(3).position(|byte| *byte == b'\'').map_or(0, |end| end + 1),
        [b'\'', _, b'\'', ..] => 3,
        [b'\'', more, ..] if !more.is_ascii() => {
            2 + rest[2..].iter().position(|byte| *byte == b'\'').map_or(0, |end| end)
        }
        [b'\'', ..] => 1,
        [b'#', ..] if before.is_some_and(|token| ["r", "br", "cr"].contains(&token.word.as_str())) => raw_string(rest),
        _ => 0,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string(rest: &[u8]) -> usize {
    let mut at = 0;
    while at < rest.len() && rest[at] != b'"' {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// `#"…"#` with any number of hashes, after its `r`; a raw name such as `r#type` skips its hash alone.
fn raw_string(rest: &[u8]) -> usize {
    let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
    if rest.get(hashes) != Some(&b'"') {
        return 1;
    }
    let end = [b"\"".as_slice(), &rest[..hashes]].concat();
    let body = &rest[hashes + 1..];
    hashes + 1 + body.windows(end.len()).position(|window| window == end).map_or(body.len(), |at| at + end.len())
}

fn word_length(rest: &[u8]) -> usize {
    let name =
        rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_' || !byte.is_ascii()).count();
    if rest.starts_with(b"::") { 2 } else { name.max(1) }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Without what stands under `#[cfg(test)]`, up to its closing brace or semicolon.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let marker = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let marked = tokens[at..].iter().map(|token| token.word.as_str()).take(marker.len()).eq(marker);
        if marked {
            at = end_of_item(&tokens, at + marker.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0;
    while at < tokens.len() {
        match tokens[at].word.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 && ["}", ";"].contains(&tokens[at - 1].word.as_str()) {
            break;
        }
    }
    at
}
