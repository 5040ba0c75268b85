//! Elements that are not there yet, as they are written into a file: with its indentation and the ends of its lines.

/// One element.
#[derive(Clone, Debug)]
pub(crate) struct Markup {
    name: &'static str,
    attributes: String,
    text: Option<String>,
    children: Vec<Self>,
}

impl Markup {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, attributes: String::new(), text: None, children: Vec::new() }
    }

    /// An element with nothing but a text.
    pub(crate) fn of(name: &'static str, text: &str) -> Self {
        Self { text: Some(escaped(text)), ..Self::new(name) }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.attributes += &format!(" {name}=\"{}\"", escaped(value));
        self
    }

    pub(crate) fn child(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// Its lines, each after `line_start`, and those of its children after a `unit` more. Without either it is one line.
    pub(crate) fn rendered(&self, line_start: &str, unit: &str) -> String {
        let (name, attributes) = (self.name, &self.attributes);
        if self.children.is_empty() {
            return match &self.text {
                Some(text) => format!("{line_start}<{name}{attributes}>{text}</{name}>"),
                None => format!("{line_start}<{name}{attributes}/>"),
            };
        }
        let deeper = format!("{line_start}{unit}");
        let children: String = self.children.iter().map(|child| child.rendered(&deeper, unit)).collect();
        format!("{line_start}<{name}{attributes}>{children}{line_start}</{name}>")
    }
}

/// A text as it stands within an element, or an attribute with quotes of either kind. What is not ASCII is written as a number, so
/// that it is right in every encoding.
pub(crate) fn escaped(text: &str) -> String {
    let one = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&apos;".to_owned(),
        ' '..='~' => c.to_string(),
        _ => format!("&#x{:x};", u32::from(c)),
    };
    text.chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_written_with_its_children() {
        let member =
            Markup::new("member").child(Markup::of("hostName", "a&b")).child(Markup::new("x").with("y", "é\""));
        assert_eq!(
            member.rendered("\n  ", "\t"),
            "\n  <member>\n  \t<hostName>a&amp;b</hostName>\n  \t<x y=\"&#xe9;&quot;\"/>\n  </member>"
        );
        assert_eq!(member.rendered("", ""), "<member><hostName>a&amp;b</hostName><x y=\"&#xe9;&quot;\"/></member>");
    }
}
