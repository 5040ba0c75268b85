//! XML with the place of each element, attribute and text. DTDs are refused, so there are no entities that could grow.

use std::ops::Range;

use roxmltree::{Document, Error, Node, ParsingOptions};

use super::secrets::{SecretLines, place};
use super::{Written, trimmed};
use crate::config::{Place, Problem, Source};

/// The most elements, texts and comments of one file.
const MOST_NODES: u32 = 50_000;

/// Parses a file, and hands its outermost element, which must have this name, to `read`.
pub(crate) fn read<T>(source: &Source, root: &str, read: impl FnOnce(Element<'_>) -> T) -> Result<T, Problem> {
    let document = parse(&source.text).map_err(|error| malformed(&error, source))?;
    let secrets = SecretLines::of_values(&document);
    let outermost = Element { node: document.root_element(), source, secrets: &secrets };
    if outermost.name() != root {
        return Err(Problem {
            at: outermost.at(),
            what: format!("this is <{}>, not <{root}>", outermost.name()),
            advice: "is it the file of another product, or under another's name?".to_owned(),
        });
    }
    Ok(read(outermost))
}

pub(crate) fn parse(text: &str) -> Result<Document<'_>, Error> {
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options)
}

/// The lines of a file that may hold a secret. One that is no XML is read line by line.
pub(crate) fn secret_lines(text: &str) -> SecretLines {
    match parse(text) {
        Ok(document) => SecretLines::of_document(&document),
        Err(_) => SecretLines::of_text(text),
    }
}

/// One element.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    node: Node<'a, 'a>,
    source: &'a Source,
    secrets: &'a SecretLines,
}

impl<'a> Element<'a> {
    pub(crate) fn name(&self) -> &'a str {
        self.node.tag_name().name()
    }

    /// A place of the file, without an excerpt where its lines may hold a secret.
    fn place(&self, span: Range<usize>) -> Place {
        let at = place(self.source, span.clone());
        if self.secrets.touch(&span) { at.without_excerpt() } else { at }
    }

    fn with(self, node: Node<'a, 'a>) -> Self {
        Self { node, ..self }
    }

    /// Its start tag, without attributes.
    pub(crate) fn at(&self) -> Place {
        let start = self.node.range().start;
        let rest = self.source.text.get(start..).unwrap_or_default();
        let length = rest.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(rest.len());
        self.place(start..start + length)
    }

    pub(crate) fn children(self, name: &'static str) -> impl Iterator<Item = Self> {
        let named = move |node: &Node<'_, '_>| node.has_tag_name(name);
        self.node.children().filter(named).map(move |node| self.with(node))
    }

    pub(crate) fn child(self, name: &'static str) -> Option<Self> {
        self.children(name).next()
    }

    /// All elements of this name below it.
    pub(crate) fn all(self, name: &'static str) -> impl Iterator<Item = Self> {
        let named = move |node: &Node<'_, '_>| node.has_tag_name(name);
        self.node.descendants().filter(named).map(move |node| self.with(node))
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<Written> {
        self.raw(name).map(|said| Written { text: trimmed(&said.text).to_owned(), ..said })
    }

    /// An attribute as it is, with its blanks: servers compare names so.
    pub(crate) fn raw(&self, name: &str) -> Option<Written> {
        let attribute = self.node.attribute_node(name)?;
        Some(Written { text: attribute.value().to_owned(), at: self.place(attribute.range()) })
    }

    /// Whether its text does not matter: the secure vault of the node has the value, under an alias.
    pub(crate) fn has_alias(&self) -> bool {
        self.node.attributes().any(|attribute| attribute.name() == "secretAlias")
    }

    /// The second child of one of these names.
    pub(crate) fn second(self, names: &[&'static str]) -> Vec<(&'static str, Place)> {
        let of = |name: &'static str| self.children(name).nth(1).map(|second| (name, second.at()));
        names.iter().filter_map(|name| of(name)).collect()
    }

    /// Its own text without the blanks around it. An empty one has the element's place.
    pub(crate) fn text(&self) -> Written {
        let whole = self.whole_text();
        Written { text: trimmed(&whole.text).to_owned(), ..whole }
    }

    /// Its own text with the blanks around it. Its place is that of the text.
    pub(crate) fn whole_text(&self) -> Written {
        let mut written = Written { text: String::new(), at: self.at() };
        for node in self.node.children().filter(Node::is_text) {
            let (range, text) = (node.range(), node.text().unwrap_or_default());
            let raw = self.source.text.get(range.clone()).unwrap_or_default();
            if trimmed(&written.text).is_empty() && !trimmed(raw).is_empty() {
                let start = range.start + raw.len() - raw.trim_start_matches(|c| c <= ' ').len();
                written.at = self.place(start..start + trimmed(raw).len());
            }
            written.text.push_str(text);
        }
        written
    }

    /// The text of a child. `None`: there is no such child, or it is empty.
    pub(crate) fn said(&self, name: &'static str) -> Option<Written> {
        self.child(name).map(|child| child.text()).filter(|said| !said.text.is_empty())
    }

    /// The places of all comments below it that contain this text.
    pub(crate) fn comments_with(&self, text: &str) -> Vec<Place> {
        let comments = self.node.descendants().filter(Node::is_comment);
        let found = comments.filter_map(|comment| {
            let raw = self.source.text.get(comment.range())?;
            let start = comment.range().start + raw.find(text)?;
            Some(self.place(start..start + text.len()))
        });
        found.collect()
    }
}

fn malformed(error: &Error, source: &Source) -> Problem {
    let position = error.pos();
    let (mut line, advice) = (position.row as usize, "a server with this file does not start");
    let is_template = ["<%", "{{", "{%"].iter().any(|mark| source.text.contains(mark));
    let advice = if is_template { "this is a template: check the file that is made of it" } else { advice };
    let what = match error {
        Error::NoRootNode if source.text.trim().is_empty() => "the file is empty".to_owned(),
        Error::NoRootNode => "this is no XML".to_owned(),
        Error::UnclosedRootNode | Error::UnexpectedEndOfStream => {
            line = source.text.trim_end().lines().count().max(1);
            "the file ends before its first element does: a part of it is missing".to_owned()
        }
        Error::UnexpectedCloseTag(open, closes, _) => format!("</{closes}> stands where </{open}> belongs"),
        Error::UnknownToken(_) if line == 1 && !source.text.trim_start().starts_with('<') => {
            "this is no XML".to_owned()
        }
        Error::DtdDetected => "the file has a DTD, which is not read here".to_owned(),
        Error::NodesLimitReached => format!("the file has more than {MOST_NODES} elements"),
        other => {
            let said = other.to_string().replace(&format!(" at {position}"), "");
            format!("this is no XML: {said}")
        }
    };
    let at = Place { line, ..place(source, source.whole_line(line)) };
    Problem { at, what, advice: advice.to_owned() }
}
