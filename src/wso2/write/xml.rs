//! Edits of XML at the places that the parser tells. What is not concerned, comments and blanks too, stays byte for byte.

use std::ops::Range;

use roxmltree::{Attribute, Node};

use super::edits::Edit;
use super::layout::{Layout, own_line};
use super::markup::{Markup, escaped};
use crate::wso2::files::{filled_in, trimmed};

/// One element of a text that is edited.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    node: Node<'a, 'a>,
    text: &'a str,
}

impl<'a> Element<'a> {
    pub(crate) fn new(node: Node<'a, 'a>, text: &'a str) -> Self {
        Self { node, text }
    }

    /// The innermost element at this place.
    pub(crate) fn at(self, offset: usize) -> Self {
        let mut found = self;
        loop {
            let inner = found.elements().find(|child| child.node.range().contains(&offset));
            match inner {
                Some(inner) => found = inner,
                None => return found,
            }
        }
    }

    /// Itself or what is around it, by its name.
    pub(crate) fn up(self, name: &str) -> Option<Self> {
        self.node.ancestors().find(|node| node.tag_name().name() == name).map(|node| Self { node, ..self })
    }

    pub(crate) fn root(self) -> Self {
        Self { node: self.node.document().root_element(), ..self }
    }

    pub(crate) fn parent(self) -> Option<Self> {
        self.node.parent_element().map(|node| Self { node, ..self })
    }

    fn elements(self) -> impl DoubleEndedIterator<Item = Self> {
        self.node.children().filter(Node::is_element).map(move |node| Self { node, ..self })
    }

    pub(crate) fn name(&self) -> &'a str {
        self.node.tag_name().name()
    }

    pub(crate) fn start(&self) -> usize {
        self.node.range().start
    }

    /// Whether a place is in it.
    pub(crate) fn contains(&self, offset: usize) -> bool {
        self.node.range().contains(&offset)
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        self.node == other.node
    }

    pub(crate) fn children(self, name: &str) -> impl DoubleEndedIterator<Item = Self> {
        self.elements().filter(move |child| child.node.has_tag_name(name))
    }

    pub(crate) fn child(self, name: &str) -> Option<Self> {
        self.children(name).next()
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&'a str> {
        self.node.attribute(name)
    }

    /// Whether names with this prefix are of this namespace here.
    pub(crate) fn declares(&self, prefix: &str, namespace: &str) -> bool {
        self.node.lookup_namespace_uri(Some(prefix)) == Some(namespace)
    }

    /// Its own text, without blanks around it.
    pub(crate) fn text(&self) -> String {
        let texts = self.node.children().filter(Node::is_text).filter_map(|node| node.text());
        trimmed(&texts.collect::<String>()).to_owned()
    }

    /// The text of a child.
    pub(crate) fn said(self, name: &str) -> Option<String> {
        self.child(name).map(|child| child.text()).filter(|said| !said.is_empty())
    }

    /// Whether this is another value, and not one that something fills in later.
    fn may_become(old: &str, new: &str) -> bool {
        old != new && filled_in(old).is_none()
    }

    /// Gives it this text. Comments within it stay.
    pub(crate) fn set_text(self, value: &str) -> Option<Vec<Edit>> {
        if !Self::may_become(&self.text(), value) || self.elements().next().is_some() {
            return None;
        }
        let mut pieces = self.pieces().into_iter();
        if let Some(first) = pieces.next() {
            let rest = pieces.map(Edit::remove);
            return Some([Edit::replace(first, escaped(value))].into_iter().chain(rest).collect());
        }
        let name = self.tag_name();
        Some(vec![match self.content() {
            None => Edit::replace(self.empty_end()?, format!(">{}</{name}>", escaped(value))),
            Some(content) if self.node.children().all(|child| child.is_text()) => {
                Edit::replace(content, escaped(value))
            }
            Some(content) => Edit::insert(content.start, escaped(value)),
        }])
    }

    /// Takes the blanks around its text away, where it has nothing but a text.
    pub(crate) fn without_blanks(self) -> Option<Vec<Edit>> {
        let (content, pieces) = (self.content()?, self.pieces());
        let [text] = pieces.as_slice() else { return None };
        let around = [content.start..text.start, text.end..content.end];
        let is_text = self.node.children().all(|child| child.is_text());
        is_text.then(|| around.into_iter().filter(|blanks| !blanks.is_empty()).map(Edit::remove).collect())
    }

    /// Its texts without the blanks around them, as they are written; sections of CDATA whole.
    fn pieces(self) -> Vec<Range<usize>> {
        let Some(content) = self.content() else { return Vec::new() };
        let between = self.node.children().filter(|child| !child.is_text()).map(|child| child.range());
        let mut from = content.start;
        let mut gaps = Vec::new();
        for other in between {
            gaps.push(from..other.start);
            from = other.end;
        }
        gaps.push(from..content.end);
        let trimmed = |gap: Range<usize>| {
            let raw = self.text.get(gap.clone())?;
            let inner = trimmed(raw);
            let start = gap.start + raw.len() - raw.trim_start_matches(|c| c <= ' ').len();
            (!inner.is_empty()).then(|| start..start + inner.len())
        };
        gaps.into_iter().filter_map(trimmed).collect()
    }

    /// The name as it is written, with its prefix.
    fn tag_name(self) -> &'a str {
        let rest = self.text.get(self.start() + 1..).unwrap_or_default();
        rest.get(..rest.find(|c: char| c.is_whitespace() || c == '>' || c == '/').unwrap_or(rest.len())).unwrap_or(rest)
    }

    /// The end of its start tag: `>` or `/>`.
    fn tag_end(self) -> Option<usize> {
        let mut quote = None;
        let range = self.node.range();
        for (at, byte) in self.text.get(range.clone())?.bytes().enumerate() {
            match (byte, quote) {
                (b'"' | b'\'', None) => quote = Some(byte),
                (_, Some(open)) if byte == open => quote = None,
                (b'>', None) => return Some(range.start + at + 1),
                _ => {}
            }
        }
        None
    }

    /// The `/>` of an element without an end tag.
    fn empty_end(self) -> Option<Range<usize>> {
        let end = self.tag_end()?;
        let tag = self.text.get(self.start()..end)?.strip_suffix("/>")?;
        Some(self.start() + tag.trim_end().len()..end)
    }

    /// What is between its tags. `None`: it has one tag alone.
    fn content(self) -> Option<Range<usize>> {
        let start = self.tag_end()?;
        let range = self.node.range();
        let inside = self.text.get(start..range.end)?;
        (self.empty_end().is_none()).then(|| inside.rfind("</")).flatten().map(|end| start..start + end)
    }

    fn attribute_node(self, name: &str) -> Option<Attribute<'a, 'a>> {
        self.node.attribute_node(name)
    }

    /// Gives it this attribute; a new one after the one that is named here, else after the last.
    pub(crate) fn set_attribute(self, name: &str, value: &str, after: &str) -> Option<Vec<Edit>> {
        if let Some(attribute) = self.attribute_node(name) {
            let range = attribute.range_value();
            // As the parser counts, a quote is on both sides.
            let quoted = self.text.get(range.start.checked_sub(1)?..range.start)?;
            let is_sound = quoted == "\"" || quoted == "'";
            let edit = Edit::replace(range, escaped(value));
            // Servers read blanks around a value away, but not those around a name.
            let old = if name == "name" { attribute.value() } else { trimmed(attribute.value()) };
            return (is_sound && Self::may_become(old, value)).then(|| vec![edit]);
        }
        let text = format!("{name}=\"{}\"", escaped(value));
        let layout = Layout::of(self.text);
        let Some(before) = self.attribute_node(after).or(self.node.attributes().next_back()) else {
            return Some(vec![Edit::insert(self.start() + 1 + self.tag_name().len(), format!(" {text}"))]);
        };
        // Where each attribute has a line of its own, this one gets one too.
        let blank = layout.indent(before.range().start).map_or_else(|| " ".to_owned(), |indent| layout.line(indent));
        Some(vec![Edit::insert(before.range().end, blank + &text)])
    }

    /// Takes an attribute out, with the blanks before it.
    pub(crate) fn remove_attribute(self, name: &str) -> Option<Vec<Edit>> {
        let range = self.attribute_node(name)?.range();
        let before = self.text.get(..range.start)?.trim_end().len();
        Some(vec![Edit::remove(before..range.end)])
    }

    /// Puts another one in its place. One that has something of its own stays.
    pub(crate) fn replace(self, other: &Markup) -> Option<Vec<Edit>> {
        let is_empty = self.node.attributes().len() == 0 && self.node.children().all(|child| child.is_text());
        (is_empty && self.text().is_empty()).then(|| vec![Edit::replace(self.node.range(), other.rendered("", ""))])
    }

    /// Takes it out, with its line if nothing else is there.
    pub(crate) fn remove(self) -> Vec<Edit> {
        let range = self.node.range();
        vec![Edit::remove(own_line(self.text, &range).unwrap_or(range))]
    }

    /// The last comment in it that mentions this name: mostly the same element, switched off.
    fn comment_on(self, name: &str) -> Option<Range<usize>> {
        let is_word = |comment: &str| {
            let end = |at: usize| comment.get(at..).and_then(|rest| rest.chars().next());
            let start = |at: usize| comment.get(..at).and_then(|front| front.chars().last());
            comment
                .match_indices(name)
                .any(|(at, _)| [start(at), end(at + name.len())].iter().flatten().all(|c| !c.is_alphanumeric()))
        };
        let mut comments = self.node.children().filter(Node::is_comment);
        comments.rfind(|one| is_word(one.text().unwrap_or_default())).map(|one| one.range())
    }

    /// The elements behind which a new one may stand: the first of these groups that is not empty.
    fn anchor(self, about: &str, after: &[Option<Self>]) -> Option<Range<usize>> {
        let named = after.iter().flatten().next().map(|element| element.node.range());
        self.comment_on(about).or(named).or_else(|| self.elements().next_back().map(|last| last.node.range()))
    }

    /// Puts new elements into it: behind a comment that mentions what they are about, else behind the first of `after` that is
    /// there, else at its end.
    pub(crate) fn insert(self, all: &[Markup], about: &str, after: &[Option<Self>]) -> Option<Vec<Edit>> {
        let layout = Layout::of(self.text);
        let anchor = self.anchor(about, after);
        if let Some(anchor) = anchor {
            return Some(vec![match layout.indent(anchor.start) {
                Some(indent) => Edit::insert(layout.line_end(anchor.end), layout.lines(all, indent)),
                None => Edit::insert(anchor.end, all.iter().map(|one| one.rendered("", "")).collect::<String>()),
            }]);
        }
        let own = layout.indent(self.start()).map(|indent| (layout.line(indent), format!("{indent}{}", layout.unit)));
        let (lines, end) = match &own {
            Some((end, deeper)) => (layout.lines(all, deeper), end.as_str()),
            None => (all.iter().map(|one| one.rendered("", "")).collect(), ""),
        };
        Some(vec![match self.content() {
            None => Edit::replace(self.empty_end()?, format!(">{lines}{end}</{}>", self.tag_name())),
            // The blanks before its end tag stay where they are.
            Some(content) => {
                let before = content.start + self.text.get(content.clone())?.trim_end().len();
                let has_line = self.text.get(before..content.end)?.contains('\n');
                Edit::insert(before, if has_line { lines } else { lines + end })
            }
        }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wso2::files::xml::parse;
    use crate::wso2::write::edits::Edits;

    /// The text after an edit of its root, or nothing where there was none.
    fn edited(text: &str, edit: impl Fn(Element<'_>) -> Option<Vec<Edit>>) -> Option<String> {
        let document = parse(text).unwrap();
        let mut edits = Edits::default();
        assert!(edits.take(edit(Element::new(document.root_element(), text))?), "{text}");
        let made = edits.applied(text).unwrap();
        parse(&made).unwrap_or_else(|error| panic!("{error}: {made}"));
        Some(made)
    }

    #[test]
    fn a_text_is_replaced_and_what_is_around_it_stays() {
        for (before, after) in [
            ("<r><a> old </a></r>", "<r><a> new&amp; </a></r>"),
            ("<r><a>o<!-- why -->ld</a></r>", "<r><a>new&amp;<!-- why --></a></r>"),
            ("<r><a>\r\n  <![CDATA[o<d]]>x\r\n</a></r>", "<r><a>\r\n  new&amp;\r\n</a></r>"),
            ("<r><a k='>'>&lt;o&#x64;</a ></r>", "<r><a k='>'>new&amp;</a ></r>"),
            ("<r><a/></r>", "<r><a>new&amp;</a></r>"),
            ("<r><a k=\"/>\" /></r>", "<r><a k=\"/>\">new&amp;</a></r>"),
            ("<r><a>  </a></r>", "<r><a>new&amp;</a></r>"),
            ("<r><a><!-- none --></a></r>", "<r><a>new&amp;<!-- none --></a></r>"),
            ("\u{feff}<r>\n<a>é old</a><a>second</a></r>", "\u{feff}<r>\n<a>new&amp;</a><a>second</a></r>"),
            ("<r><a> \u{a0}new&amp;\u{a0}</a></r>", "<r><a> new&amp;</a></r>"),
            ("<r><a>new <!-- why -->&amp;</a></r>", "<r><a>new&amp; <!-- why --></a></r>"),
            ("<p:r xmlns:p='x'><a><?x y?>old</a></p:r>", "<p:r xmlns:p='x'><a><?x y?>new&amp;</a></p:r>"),
        ] {
            let made = edited(before, |root| root.child("a")?.set_text("new&"));
            assert_eq!(made.as_deref(), Some(after), "{before}");
        }
        for same in ["<r><a> new&amp; </a></r>", "<r><a>${filled}</a></r>", "<r><a>x<b/></a></r>", "<r/>"] {
            assert_eq!(edited(same, |root| root.child("a")?.set_text("new&")), None, "{same}");
        }
    }

    #[test]
    fn an_attribute_keeps_its_quotes_and_a_new_one_its_line() {
        for (before, after) in [
            ("<r k='old' x=\"1\"/>", "<r k='a&quot;&apos;' x=\"1\"/>"),
            ("<r k = \"old\"/>", "<r k = \"a&quot;&apos;\"/>"),
            ("<r/>", "<r k=\"a&quot;&apos;\"/>"),
            ("<r x=\"1\" z=\"2\"/>", "<r x=\"1\" k=\"a&quot;&apos;\" z=\"2\"/>"),
            ("<r\r\n   x=\"1\"\r\n   z=\"2\"/>", "<r\r\n   x=\"1\"\r\n   k=\"a&quot;&apos;\"\r\n   z=\"2\"/>"),
            ("<r z=\"2\"></r>", "<r z=\"2\" k=\"a&quot;&apos;\"></r>"),
        ] {
            assert_eq!(edited(before, |root| root.set_attribute("k", "a\"'", "x")).as_deref(), Some(after), "{before}");
        }
        assert_eq!(edited("<r k=\" v \"/>", |root| root.set_attribute("k", "v", "")), None);
        assert_eq!(
            edited("<r x=\"1\"\n  k=\"v\"/>", |root| root.remove_attribute("k")).as_deref(),
            Some("<r x=\"1\"/>")
        );
    }

    #[test]
    fn a_new_element_stands_where_a_reader_looks_for_it() {
        for (before, after) in [
            ("<r>\n  <a/>\n  <b/>\n</r>", "<r>\n  <a/>\n  <new>1</new>\n  <b/>\n</r>"),
            ("<r>\n\t<b/> <!-- of b -->\n</r>", "<r>\n\t<b/> <!-- of b -->\n\t<new>1</new>\n</r>"),
            ("<r>\n\t<b/> <!-- of b --> <c/>\n</r>", "<r>\n\t<b/> <!-- of b --> <c/><new>1</new>\n</r>"),
            (
                "<r>\r\n  <!-- <new>2</new> -->\r\n  <a/>\r\n</r>",
                "<r>\r\n  <!-- <new>2</new> -->\r\n  <new>1</new>\r\n  <a/>\r\n</r>",
            ),
            ("<r>\n  <!--renewed-->\n  <b/>\n</r>", "<r>\n  <!--renewed-->\n  <b/>\n  <new>1</new>\n</r>"),
            ("<r><b/></r>", "<r><b/><new>1</new></r>"),
            ("<r/>", "<r>\n    <new>1</new>\n</r>"),
            ("<r></r>", "<r>\n    <new>1</new>\n</r>"),
        ] {
            let made = edited(before, |root| root.insert(&[Markup::of("new", "1")], "new", &[root.child("a")]));
            assert_eq!(made.as_deref(), Some(after), "{before}");
        }
        for (before, after) in [
            ("<r>\n  <a/>\n</r>", "<r>\n  <a>\n    <new/>\n  </a>\n</r>"),
            ("<r>\n  <a></a>\n</r>", "<r>\n  <a>\n    <new/>\n  </a>\n</r>"),
            ("<r>\n  <a>\n  </a>\n</r>", "<r>\n  <a>\n    <new/>\n  </a>\n</r>"),
            ("<r>\n  <a>\n    <!-- x -->\n  </a>\n</r>", "<r>\n  <a>\n    <!-- x -->\n    <new/>\n  </a>\n</r>"),
        ] {
            let made = edited(before, |root| root.child("a")?.insert(&[Markup::new("new")], "new", &[]));
            assert_eq!(made.as_deref(), Some(after), "{before}");
        }
    }

    #[test]
    fn an_element_goes_with_its_line() {
        for (before, after) in [
            ("<r>\n  <a>\n  </a>  \n  <b/>\n</r>", "<r>\n  <b/>\n</r>"),
            ("<r>\r\n  <a/>\r\n</r>", "<r>\r\n</r>"),
            ("<r>\n  <a/> <!-- why -->\n</r>", "<r>\n   <!-- why -->\n</r>"),
            ("<r><a/><b/></r>", "<r><b/></r>"),
        ] {
            assert_eq!(edited(before, |root| Some(root.child("a")?.remove())).as_deref(), Some(after), "{before}");
        }
    }

    #[test]
    fn the_innermost_element_is_at_a_place() {
        let text = "<r><a><b>x</b> y</a></r>";
        let document = parse(text).unwrap();
        let name = |at: usize| Element::new(document.root_element(), text).at(at).name();
        assert_eq!([name(0), name(3), name(6), name(9), name(14), name(23)], ["r", "a", "b", "b", "a", "r"]);
    }
}
