//! How a text is laid out: the ends of its lines, how deep its elements are indented, and where a new line may begin.

use std::ops::Range;

use super::markup::Markup;

/// Of one text.
pub(crate) struct Layout<'a> {
    text: &'a str,
    newline: &'static str,
    /// How much deeper children are than what is around them.
    pub(crate) unit: String,
}

impl<'a> Layout<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let newline = newline(text);
        let elements = text.lines().filter(|line| line.trim_start().starts_with('<'));
        let indents: Vec<&str> = elements.map(blanks).filter(|indent| !indent.is_empty()).collect();
        // A file that has spaces may have a tab here and there.
        let tabs = |indent: &&&str| indent.starts_with('\t');
        let by_tabs = indents.iter().filter(tabs).count() * 2 > indents.len();
        let unit = indents.iter().filter(|indent| tabs(indent) == by_tabs).min_by_key(|indent| indent.len());
        Self { text, newline, unit: unit.unwrap_or(&"    ").to_string() }
    }

    /// The end of a line and the blanks with which the next one begins.
    pub(crate) fn line(&self, indent: &str) -> String {
        format!("{}{indent}", self.newline)
    }

    /// Elements, each on lines of its own.
    pub(crate) fn lines(&self, all: &[Markup], indent: &str) -> String {
        all.iter().map(|one| one.rendered(&self.line(indent), &self.unit)).collect()
    }

    /// The blanks before this place, if its line has nothing else before it.
    pub(crate) fn indent(&self, at: usize) -> Option<&'a str> {
        let before = self.text.get(..at)?;
        let line = before.get(before.rfind('\n').map_or(0, |newline| newline + 1)..)?;
        line.trim().is_empty().then_some(line)
    }

    /// The end of the line of this place if only a comment follows there, else the place itself.
    pub(crate) fn line_end(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        let said = line.trim();
        let is_comment = said.starts_with("<!--") && said.find("-->").is_some_and(|end| end + 3 == said.len());
        if said.is_empty() || is_comment { at + line.len() } else { at }
    }
}

/// The ends of most files' lines are all of one kind.
pub(crate) fn newline(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text.get(..at).is_some_and(|line| line.ends_with('\r')) => "\r\n",
        _ => "\n",
    }
}

fn blanks(line: &str) -> &str {
    line.get(..line.len() - line.trim_start().len()).unwrap_or_default()
}

/// The whole lines of this range with the end of the last, if nothing else is on them.
pub(crate) fn own_line(text: &str, range: &Range<usize>) -> Option<Range<usize>> {
    let before = text.get(..range.start)?;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let after = text.get(range.end..)?;
    let end = after.find('\n')? + 1;
    let is_alone = before.get(start..)?.trim().is_empty() && after.get(..end)?.trim().is_empty();
    is_alone.then(|| start..range.end + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tab_among_spaces_is_no_unit() {
        assert_eq!(Layout::of("<a>\n    <b>\n        <c/>\n\t<d/>\n    </b>\n</a>\n").unit, "    ");
        assert_eq!(Layout::of("<a>\n\t<b>\n\t\t<c/>\n  <d/>\n\t</b>\n</a>\n").unit, "\t");
        assert_eq!(Layout::of("<a/>\n").unit, "    ");
    }
}
