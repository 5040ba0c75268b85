//! One value of a file, with methods for each type that it should have. A value of another type becomes a problem with
//! its place.

use std::time::Duration;

use toml::Spanned;
use toml::de::{DeInteger, DeString, DeValue};

use super::errors::{Place, Problems, Wrong};
use super::reference::human_size;
use super::secrets;
use super::source::Source;
use super::units;
use super::words::quoted;

/// A value and its key.
pub(crate) struct Value<'a> {
    pub(crate) key: &'static str,
    pub(crate) value: &'a DeValue<'a>,
    pub(crate) at: Place,
    pub(crate) source: &'a Source,
    pub(crate) problems: &'a Problems,
}

/// A value that is text.
#[derive(Clone)]
pub(crate) struct Text<'a> {
    pub(crate) key: &'static str,
    pub(crate) text: &'a str,
    pub(crate) at: Place,
    problems: &'a Problems,
}

impl Text<'_> {
    /// Reports a problem. `what` follows `key: ` in the message.
    pub(crate) fn refuse(&self, what: impl AsRef<str>, advice: impl Into<String>) {
        self.problems.error(secrets::place(self.key, &self.at), format!("{}: {}", self.key, what.as_ref()), advice);
    }

    pub(crate) fn parsed<T>(&self, parse: impl Fn(&str) -> Result<T, Wrong>) -> Option<T> {
        parse(self.text).map_err(|wrong| self.refuse(wrong.what, wrong.advice)).ok()
    }
}

impl<'a> Value<'a> {
    pub(crate) fn text(&self, wanted: &str) -> Option<Text<'a>> {
        match self.value {
            DeValue::String(text) => {
                Some(Text { key: self.key, text: text.as_ref(), at: self.at.clone(), problems: self.problems })
            }
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) if secrets::may_be_in(self.key) => {
                self.wrong_type(wanted, "write it in quotes")
            }
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {
                self.wrong_type(wanted, &format!("write it in quotes: \"{}\"", self.written()))
            }
            _ => self.wrong_type(wanted, ""),
        }
    }

    /// A value without the quotes that would make it a text.
    pub(crate) fn bare(&self) -> Option<&'a str> {
        let bare = matches!(self.value, DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_));
        bare.then(|| self.written())
    }

    pub(crate) fn flag(&self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(flag) => Some(*flag),
            _ => self.wrong_type("true or false", "write true or false, without quotes"),
        }
    }

    pub(crate) fn integer(&self, from: u64, to: u64) -> Option<u64> {
        let DeValue::Integer(written) = self.value else {
            return self.wrong_type(&format!("a number from {from} to {to}"), "write it without quotes");
        };
        let number = number(written).filter(|number| (from..=to).contains(number));
        if number.is_none() {
            self.refuse(&format!("{} is out of range", self.written()), &format!("write a number from {from} to {to}"));
        }
        number
    }

    pub(crate) fn duration(&self, zero: bool) -> Option<Duration> {
        let wanted = "a duration such as \"5s\"";
        if let DeValue::Integer(number) = self.value {
            let example = format!("write \"{number}s\" for seconds; units are ms, s, m, h, d");
            return self.wrong_type(wanted, &example);
        }
        let duration = self.text(wanted)?.parsed(units::duration)?;
        if duration.is_zero() && !zero {
            self.refuse("zero is too short for anything", "write \"1ms\" or more");
            return None;
        }
        Some(duration)
    }

    pub(crate) fn percent(&self) -> Option<u16> {
        let wanted = "a share such as \"20%\"";
        if let DeValue::Integer(number) = self.value {
            return self.wrong_type(wanted, &format!("write \"{number}%\""));
        }
        self.text(wanted)?.parsed(units::percent)
    }

    pub(crate) fn size(&self, from: u64, to: u64) -> Option<u64> {
        let wanted = "a size such as \"64KiB\"";
        if let DeValue::Integer(number) = self.value {
            return self.wrong_type(wanted, &format!("write \"{number}\" for bytes; units are KiB, MiB, GiB"));
        }
        let size = self.text(wanted)?.parsed(units::size)?;
        if !(from..=to).contains(&size) {
            let range = format!("write a size from {} to {}", human_size(from), human_size(to));
            let advice = if size == 0 && to == 1 << 50 { "leave it out for no limit" } else { &range };
            self.refuse(&format!("{} is out of range", self.written()), advice);
            return None;
        }
        Some(size)
    }

    /// Every text of a list. An item that is no text is reported and left out.
    pub(crate) fn texts(&self, wanted: &str) -> Option<Vec<Text<'a>>> {
        let items = self.items(&format!("a {wanted}"))?;
        Some(items.iter().filter_map(|item| item.text("text")).collect())
    }

    /// The items of the list, each as a value.
    pub(crate) fn items(&self, wanted: &str) -> Option<Vec<Self>> {
        match self.value {
            DeValue::Array(items) => Some(items.iter().map(|item| self.item(item)).collect()),
            DeValue::String(text) => {
                // File names may contain blanks. Names, addresses and codes contain none.
                let parts = in_quotes(text, self.key != "include");
                self.wrong_type(wanted, &format!("write {} = [{parts}]", self.key))
            }
            _ => self.wrong_type(wanted, ""),
        }
    }

    /// The names and texts of a table such as `example`, ordered by name. A value that is no text is reported and left out.
    pub(crate) fn pairs(&self, example: &str) -> Option<Vec<(Text<'a>, Text<'a>)>> {
        let DeValue::Table(table) = self.value else {
            let advice = format!("write {} = {example}", self.key);
            return self.wrong_type("a table of names and values", &advice);
        };
        let pair = |name: &'a Spanned<DeString<'a>>, value| {
            let at = self.source.place(name.span());
            let name = Text { key: self.key, text: name.get_ref().as_ref(), at, problems: self.problems };
            Some((name, self.item(value).text("text")?))
        };
        Some(table.iter().filter_map(|(name, value)| pair(name, value)).collect())
    }

    pub(crate) fn refuse(&self, what: &str, advice: &str) {
        self.problems.error(secrets::place(self.key, &self.at), format!("{}: {what}", self.key), advice);
    }

    pub(crate) fn wrong_type<T>(&self, wanted: &str, advice: &str) -> Option<T> {
        self.problems.error(
            secrets::place(self.key, &self.at),
            format!("{} must be {}, not {}", self.key, wanted.replace('`', ""), self.kind()),
            advice,
        );
        None
    }

    pub(crate) fn item(&self, item: &'a Spanned<DeValue<'a>>) -> Self {
        Value {
            key: self.key,
            value: item.get_ref(),
            at: self.source.place(item.span()),
            source: self.source,
            problems: self.problems,
        }
    }

    fn kind(&self) -> String {
        match self.value {
            DeValue::String(_) if secrets::may_be_in(self.key) => "a text".to_owned(),
            DeValue::Integer(_) | DeValue::Float(_) if secrets::may_be_in(self.key) => "a number".to_owned(),
            DeValue::String(text) => format!("the text {}", quoted(text)),
            DeValue::Integer(_) | DeValue::Float(_) => format!("the number {}", self.written()),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        }
    }

    fn written(&self) -> &'a str {
        match self.value {
            DeValue::Boolean(true) => "true",
            DeValue::Boolean(false) => "false",
            _ => self.source.text.get(self.at.span.clone()).unwrap_or_default(),
        }
    }
}

/// Splits `a, b` into two quoted texts, and also `a b` if no text may contain blanks.
fn in_quotes(list: &str, at_blanks: bool) -> String {
    let ends = |c: char| c == ',' || (at_blanks && c.is_whitespace());
    let parts = list.split(ends).map(str::trim).filter(|part| !part.is_empty());
    let mut parts: Vec<String> = parts.take(5).map(quoted).collect();
    if parts.is_empty() {
        parts.push(quoted(list));
    }
    if parts.len() == 5 {
        parts[4] = "…".to_owned();
    }
    parts.join(", ")
}

fn number(written: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(written.as_str(), written.radix()).ok()
}
