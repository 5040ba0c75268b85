//! From texts to directives with their places, includes in their place. The words are read by nginx-lint-parser, which
//! keeps every byte; what stands together without a blank is put together again here, as nginx reads it.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nginx_lint_parser::ast::{Argument, Config, ConfigItem, Directive as Parsed, Span};
use nginx_lint_parser::lexer_rowan::tokenize;
use nginx_lint_parser::line_index::LineIndex;
use nginx_lint_parser::parse_string_with_errors;
use nginx_lint_parser::syntax_kind::SyntaxKind;

use super::source::{MOST as MOST_BYTES, MOST_FILES, Texts};

/// Deeper blocks than any real file has; the parser calls itself for each.
const DEEPEST: usize = 64;
/// As deep as includes may include one another.
const DEEPEST_INCLUDE: usize = 20;
/// The most directives of one import, so that includes of includes have an end.
const MOST: usize = 200_000;

/// Blocks whose lines are values, not directives.
const VALUES: [&str; 6] = ["types", "map", "geo", "split_clients", "charset_map", "match"];

/// Files of types, character sets and parameters for nodes that are not asked in HTTP. Who copies his own files leaves them out.
const OF_NGINX: [&str; 8] =
    ["mime.types", "fastcgi_params", "fastcgi.conf", "scgi_params", "uwsgi_params", "koi-utf", "koi-win", "win-utf"];

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) file: Rc<str>,
    pub(super) line: usize,
    pub(super) last: usize,
    /// The bytes of the file.
    start: usize,
    end: usize,
}

impl Origin {
    pub(super) fn holds(&self, other: &Self) -> bool {
        self.file == other.file && self.start <= other.start && other.end <= self.end
    }

    /// Its first line, for what is made besides it: nothing stands in it.
    pub(super) fn beside(&self) -> Self {
        Self { last: self.line, end: self.start, ..self.clone() }
    }

    /// Its file and where it begins in it.
    pub(super) fn begins(&self) -> (&str, usize) {
        (&self.file, self.start)
    }

    /// Whether it is not over where the other one begins.
    pub(super) fn reaches(&self, other: &Self) -> bool {
        self.file == other.file && other.start < self.end
    }

    /// How much of the file it is.
    pub(super) fn size(&self) -> usize {
        self.end.saturating_sub(self.start)
    }
}

/// One directive.
#[derive(Debug)]
pub(super) struct Directive {
    /// Unique in an import.
    pub(super) id: usize,
    pub(super) name: String,
    pub(super) words: Vec<String>,
    pub(super) at: Origin,
    pub(super) block: Option<Vec<Self>>,
}

impl Directive {
    /// Its first word, or nothing.
    pub(super) fn word(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// All words, as they are read.
    pub(super) fn said(&self) -> String {
        self.words.join(" ")
    }

    /// The directives in its block; not the lines of a map and the like.
    pub(super) fn inside(&self) -> &[Self] {
        match &self.block {
            Some(block) if !self.holds_values() => block,
            _ => &[],
        }
    }

    /// Those of its block that get a line in the report: all, or of a map and the like the includes.
    pub(super) fn reported(&self) -> impl Iterator<Item = &Self> {
        let all = !self.holds_values();
        self.values().iter().filter(move |one| all || one.name == "include" && one.words.len() == 1)
    }

    /// The lines of a map and the like.
    pub(super) fn values(&self) -> &[Self] {
        self.block.as_deref().unwrap_or_default()
    }

    /// Its own values in this place, such as the lines of a map.
    fn holds_values(&self) -> bool {
        VALUES.contains(&self.name.as_str())
    }
}

/// Everything of the first files and what they include.
pub(super) struct Tree {
    pub(super) top: Vec<Directive>,
    pub(super) files: usize,
    /// Includes of files that come with nginx and are not here, by their ids.
    pub(super) absent: Vec<usize>,
}

/// Reads these files.
pub(super) fn read(texts: &Texts, first: &[PathBuf]) -> Result<Tree, String> {
    let reader =
        Reader { texts, absent: RefCell::default(), next: Cell::new(0), files: Cell::new(0), bytes: Cell::new(0) };
    let mut top = Vec::new();
    for path in first {
        top.extend(reader.file(path, Depth::default())?);
    }
    Ok(Tree { top, files: reader.files.get(), absent: reader.absent.into_inner() })
}

struct Reader<'a> {
    texts: &'a Texts,
    absent: RefCell<Vec<usize>>,
    next: Cell<usize>,
    files: Cell<usize>,
    bytes: Cell<u64>,
}

/// How deep a text stands in others, and in blocks of them.
#[derive(Clone, Copy, Default)]
struct Depth {
    includes: usize,
    blocks: usize,
}

impl Reader<'_> {
    fn file(&self, path: &Path, depth: Depth) -> Result<Vec<Directive>, String> {
        let name: Rc<str> = self.short(path).into();
        let text = self.texts.text(path)?;
        if text.starts_with('\u{feff}') {
            return Err(format!(
                "{name}:1: it begins with a byte order mark, which nginx refuses: save it without one"
            ));
        }
        // Offsets and lines stay as they are.
        let text = without_attached_comments(text.replace('\r', " "));
        self.files.set(self.files.get() + 1);
        if self.files.get() > MOST_FILES {
            return Err(format!("{name}: more than {MOST_FILES} files"));
        }
        self.bytes.set(self.bytes.get().saturating_add(text.len() as u64));
        if self.bytes.get() > MOST_BYTES {
            return Err(format!(
                "{name}: more than {} MiB in all files, each as often as it is included",
                MOST_BYTES >> 20
            ));
        }
        let config = parsed(&text, &name)?;
        self.items(&config.items, &Place { name: &name, text: &text }, depth)
    }

    /// The path as reports show it: from the directory of the first file, where it is below that.
    fn short(&self, path: &Path) -> String {
        path.strip_prefix(self.texts.prefix()).unwrap_or(path).display().to_string()
    }

    fn items(&self, items: &[ConfigItem], place: &Place<'_>, depth: Depth) -> Result<Vec<Directive>, String> {
        let mut all = Vec::new();
        for item in items {
            let ConfigItem::Directive(parsed) = item else { continue };
            let directive = self.one(parsed, place, depth)?;
            let included = if directive.name == "include" { self.included(&directive, depth)? } else { Vec::new() };
            all.push(directive);
            all.extend(included);
        }
        Ok(all)
    }

    fn one(&self, parsed: &Parsed, place: &Place<'_>, depth: Depth) -> Result<Directive, String> {
        let id = self.next.replace(self.next.get() + 1);
        let at = Origin {
            file: Rc::clone(place.name),
            line: parsed.name_span.start.line,
            last: parsed.span.end.line.max(parsed.name_span.start.line),
            start: parsed.name_span.start.offset,
            end: parsed.span.end.offset,
        };
        if id >= MOST {
            return Err(format!("{}:{}: more than {MOST} directives", at.file, at.line));
        }
        let raw = pieces(parsed, place.text);
        if let Some(word) = raw.iter().find(|raw| ends_at_a_brace(raw)) {
            let (file, line) = (&at.file, at.line);
            return Err(format!("{file}:{line}: {word}: nginx ends a word at {{, so it stands in quotes"));
        }
        let (name, words) = words(&raw);
        if words.iter().chain([&name]).any(|word| word.contains('\u{fffd}')) {
            return Err(format!("{}:{}: {name} has bytes that are no UTF-8", at.file, at.line));
        }
        let block = match &parsed.block {
            Some(_) if depth.blocks >= DEEPEST => {
                return Err(format!("{}:{}: more than {DEEPEST} blocks in one another", at.file, at.line));
            }
            Some(block) => Some(self.items(&block.items, place, Depth { blocks: depth.blocks + 1, ..depth })?),
            None => None,
        };
        Ok(Directive { id, name, words, at, block })
    }

    fn included(&self, directive: &Directive, depth: Depth) -> Result<Vec<Directive>, String> {
        let at = |why: String| format!("{}:{}: include: {why}", directive.at.file, directive.at.line);
        if depth.includes >= DEEPEST_INCLUDE {
            return Err(at(format!("more than {DEEPEST_INCLUDE} files include one another")));
        }
        let paths = match self.texts.included(directive.word()) {
            Err(_) if is_of_nginx(directive.word()) => {
                self.absent.borrow_mut().push(directive.id);
                return Ok(Vec::new());
            }
            paths => paths.map_err(at)?,
        };
        let mut all = Vec::new();
        for path in paths {
            all.extend(self.file(&path, Depth { includes: depth.includes + 1, ..depth })?);
        }
        Ok(all)
    }
}

/// Whether nginx comes with a file of this name, with nothing inside that Weir has a use for.
fn is_of_nginx(path: &str) -> bool {
    Path::new(path).file_name().is_some_and(|name| OF_NGINX.iter().any(|known| name == *known))
}

struct Place<'a> {
    name: &'a Rc<str>,
    text: &'a str,
}

/// Blanks in place of comments that stand right behind `;`, `{` or `}`. nginx takes them for what they are; the parser takes them
/// for a word, and the next line for what follows it.
fn without_attached_comments(text: String) -> String {
    let (mut quote, mut begins, mut comment, mut attached) = (None, true, false, false);
    let mut found = Vec::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match (letter, quote) {
            ('\n', None) => (begins, comment, attached) = (true, false, false),
            _ if comment => {
                if attached {
                    found.push(at);
                }
            }
            ('\\', _) => {
                letters.next();
                begins = false;
            }
            (letter, Some(open)) => quote = Some(open).filter(|open| *open != letter),
            ('#', None) if begins => {
                comment = true;
                attached = text.get(..at).is_some_and(|before| before.ends_with([';', '{', '}']));
                if attached {
                    found.push(at);
                }
            }
            ('"' | '\'', None) if begins => (quote, begins) = (Some(letter), false),
            (letter, None) => begins = letter.is_whitespace() || [';', '{', '}'].contains(&letter),
        }
    }
    if found.is_empty() {
        return text;
    }
    let mut next = found.into_iter().peekable();
    let blank = |(at, letter): (usize, char)| match next.next_if_eq(&at) {
        Some(_) => " ".repeat(letter.len_utf8()),
        None => letter.to_string(),
    };
    text.char_indices().map(blank).collect()
}

fn parsed(text: &str, name: &str) -> Result<Config, String> {
    too_deep(text).map_or(Ok(()), |line| Err(format!("{name}:{line}: more than {DEEPEST} blocks in one another")))?;
    let (config, errors) = parse_string_with_errors(text);
    match errors.first() {
        None => Ok(config),
        Some(error) => {
            let line = LineIndex::new(text).position(error.offset.min(text.len())).line;
            Err(format!("{name}:{line}: {}; nginx -t says more", error.message))
        }
    }
}

/// The line of the first block that is too deep.
fn too_deep(text: &str) -> Option<usize> {
    let (mut depth, mut line) = (0_usize, 1);
    for (kind, token) in tokenize(text) {
        match kind {
            SyntaxKind::L_BRACE => depth += 1,
            SyntaxKind::R_BRACE => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Some(line);
        }
        line += token.matches('\n').count();
    }
    None
}

/// The name and the words as they are written. The parser takes `http://$host` apart, and `a\\ b`, whose blank belongs to it.
fn pieces<'a>(parsed: &Parsed, text: &'a str) -> Vec<&'a str> {
    let mut pieces: Vec<(usize, usize)> = vec![range(&parsed.name_span)];
    for argument in &parsed.args {
        let (start, end) = argument_range(argument);
        match pieces.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            Some(last) if last.1 + 1 == start && is_escaped(text.get(last.0..last.1).unwrap_or_default()) => {
                last.1 = end;
            }
            _ => pieces.push((start, end)),
        }
    }
    pieces.into_iter().map(|(start, end)| text.get(start..end).unwrap_or_default()).collect()
}

/// Whether what follows this word without quotes belongs to it.
fn is_escaped(word: &str) -> bool {
    let backslashes = word.bytes().rev().take_while(|byte| *byte == b'\\').count();
    !word.starts_with(['"', '\'']) && backslashes % 2 == 1
}

/// Whether nginx begins a block inside of this word: at a brace without quotes that is no variable's.
fn ends_at_a_brace(word: &str) -> bool {
    let mut before = ' ';
    let mut letters = word.chars();
    while let Some(letter) = letters.next().filter(|_| !word.starts_with(['"', '\''])) {
        match letter {
            '\\' => drop(letters.next()),
            '{' if before != '$' => return true,
            _ => {}
        }
        before = letter;
    }
    false
}

fn words(pieces: &[&str]) -> (String, Vec<String>) {
    let mut words = pieces.iter().map(|raw| plain(raw));
    (words.next().unwrap_or_default(), words.collect())
}

fn argument_range(argument: &Argument) -> (usize, usize) {
    range(&argument.span)
}

fn range(span: &Span) -> (usize, usize) {
    (span.start.offset, span.end.offset)
}

/// The word as nginx reads it: without its quotes, and without the backslashes that it takes away.
fn plain(raw: &str) -> String {
    let quoted = ['"', '\''].iter().find_map(|quote| raw.strip_prefix(*quote)?.strip_suffix(*quote));
    let mut letters = quoted.unwrap_or(raw).chars().peekable();
    let mut word = String::new();
    while let Some(letter) = letters.next() {
        let next = if letter == '\\' { letters.peek().copied() } else { None };
        match next {
            Some('"' | '\'' | '\\') => word.extend(letters.next()),
            Some('t') => (word.push('\t'), letters.next()).1.map_or((), drop),
            Some('r') => (word.push('\r'), letters.next()).1.map_or((), drop),
            Some('n') => (word.push('\n'), letters.next()).1.map_or((), drop),
            _ => word.push(letter),
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::super::source::Input;
    use super::*;

    fn read_text(text: &str) -> Result<Tree, String> {
        let (texts, first) = Input::Text(text.to_owned()).open()?;
        read(&texts, &first)
    }

    fn words_of(text: &str) -> Vec<String> {
        let tree = read_text(text).unwrap();
        tree.top.iter().flat_map(|one| [one.name.clone()].into_iter().chain(one.words.clone())).collect()
    }

    #[test]
    fn words_are_those_of_nginx() {
        assert_eq!(words_of("proxy_pass http://$up/x$request_uri;"), ["proxy_pass", "http://$up/x$request_uri"]);
        assert_eq!(words_of(r#"add_header X "a \"b\" c";"#), ["add_header", "X", r#"a "b" c"#]);
        assert_eq!(words_of(r"location ~ \.php$ {}"), ["location", "~", r"\.php$"]);
        assert_eq!(words_of("set $a ${b}c;"), ["set", "$a", "${b}c"]);
        assert_eq!(words_of(r"location /a\ b/ { }"), ["location", r"/a\ b/"]);
        assert_eq!(words_of(r"location /a\\ b/ { }"), ["location", "/a\\", "b/"]);
        assert_eq!(words_of(r#"location ~ "^/v[0-9]{1,2}$" { }"#), ["location", "~", "^/v[0-9]{1,2}$"]);
        assert_eq!(
            words_of("sticky learn\r\n create=$upstream_cookie_a;\r\n"),
            ["sticky", "learn", "create=$upstream_cookie_a"]
        );
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        assert_eq!(read_text("a;\nb {").err().as_deref(), Some("stdin:2: expected '}'; nginx -t says more"));
        assert!(read_text("\u{feff}a;").is_err_and(|why| why.starts_with("stdin:1: it begins with a byte order mark")));
        assert!(read_text("a {\n".repeat(100).as_str()).is_err_and(|why| why.contains("blocks in one another")));
        let brace = "stdin:2: ^/v[0-9]{1,2}/: nginx ends a word at {, so it stands in quotes";
        assert_eq!(read_text("a;\nlocation ~ ^/v[0-9]{1,2}/ { }").err().as_deref(), Some(brace));
        assert!(read_text("include missing.conf;").is_err_and(|why| why.starts_with("stdin:1: include: missing.conf")));
    }

    #[test]
    fn lines_of_a_map_are_no_directives() {
        let tree = read_text("map $a $b {\n default 1;\n}\nhttp { server { listen 80; } }").unwrap();
        assert!(tree.top[0].inside().is_empty());
        assert_eq!(tree.top[0].values().len(), 1);
        assert_eq!(tree.top[1].inside()[0].inside()[0].at.line, 4);
    }
}
