//! Reads one table of a file, key by key.
//!
//! A wrong value becomes a problem with its place, and reading goes on with the default. Each key must be in the
//! reference. A key in the file that was not asked for is reported when the section is dropped.

use std::cell::RefCell;
use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use strum::VariantNames;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::advice;
use super::errors::{Place, Problems, Wrong};
use super::reference;
use super::reference::Form;
use super::secrets;
use super::source::Source;
use super::units;
use super::value::{Text, Value};
use super::words::{list, quoted};

/// A table, its name in the reference, and the keys that were asked for.
pub(crate) struct Section<'a> {
    pub(crate) source: &'a Source,
    pub(crate) problems: &'a Problems,
    table: Option<&'a DeTable<'a>>,
    name: &'static str,
    span: Range<usize>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    pub(crate) fn new(
        name: &'static str,
        table: &'a DeTable<'a>,
        span: Range<usize>,
        (source, problems): (&'a Source, &'a Problems),
    ) -> Self {
        Self { source, problems, table: Some(table), name, span, asked: RefCell::default() }
    }

    /// A table below this one that the file does not have. All its values are defaults.
    pub(crate) fn empty(&self, name: &'static str) -> Self {
        Self {
            source: self.source,
            problems: self.problems,
            table: None,
            name,
            span: self.span.clone(),
            asked: RefCell::default(),
        }
    }

    /// The place of the table's heading.
    pub(crate) fn at(&self) -> Place {
        self.source.place(self.span.clone())
    }

    /// The file as a whole, for problems that no line causes.
    pub(crate) fn whole(&self) -> Place {
        Place { file: self.source.file.clone(), ..Place::default() }
    }

    /// The place of a key's value, or of the table's heading when the key is not written.
    pub(crate) fn place_of(&self, key: &str) -> Place {
        self.written(key).map_or_else(|| self.at(), |value| self.source.place(value.span()))
    }

    /// The file that a value of this table names, which is read for it.
    pub(crate) fn named_file(&self, text: &str) -> PathBuf {
        let file = self.source.resolve(text);
        self.problems.note_file(&file);
        file
    }

    /// Whether a place lies within a key's value.
    pub(crate) fn holds(&self, key: &str, place: &Place) -> bool {
        let own = self.place_of(key);
        own.file == place.file && own.span.contains(&place.span.start)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.written(key).is_some()
    }

    pub(crate) fn value(&self, key: &'static str) -> Option<Value<'a>> {
        debug_assert!(reference::find(self.name, key).is_some(), "the reference knows no {key} in {}", self.name);
        self.asked.borrow_mut().push(key);
        let value = self.written(key)?;
        Some(Value {
            key,
            value: value.get_ref(),
            at: self.source.place(value.span()),
            source: self.source,
            problems: self.problems,
        })
    }

    pub(crate) fn text(&self, key: &'static str) -> Option<Text<'a>> {
        match self.form(key) {
            Form::Choice(words) => self.value(key)?.text(&format!("one of {}", list(words))),
            form => self.value(key)?.text(&form.to_string()),
        }
    }

    pub(crate) fn required_text(&self, key: &'static str) -> Option<Text<'a>> {
        self.required(key);
        self.text(key)
    }

    /// A text that `parse` accepts.
    pub(crate) fn parsed<T>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, Wrong>) -> Option<T> {
        let value = self.value(key)?;
        // For a value without quotes that would also be wrong with quotes, the advice says what would be right.
        if let Some(Err(wrong)) = value.bare().map(&parse) {
            return value.wrong_type(&self.form(key).to_string(), &wrong.advice);
        }
        self.text(key)?.parsed(parse)
    }

    pub(crate) fn required_parsed<T>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, Wrong>) -> Option<T> {
        self.required(key);
        self.parsed(key, parse)
    }

    pub(crate) fn flag(&self, key: &'static str) -> bool {
        self.value(key).and_then(|value| value.flag()).unwrap_or_else(|| self.default_of(key) == "true")
    }

    pub(crate) fn optional_flag(&self, key: &'static str) -> Option<bool> {
        self.value(key)?.flag()
    }

    /// The word, or the reference's default for a word that is absent or wrong. `None` when there is no default either.
    pub(crate) fn choice<T: FromStr + VariantNames>(&self, key: &'static str) -> Option<T> {
        debug_assert!(matches!(self.form(key), Form::Choice(words) if words == T::VARIANTS), "{key} has other words");
        self.word(key, T::VARIANTS).unwrap_or_else(|| self.default_of(key)).parse().ok()
    }

    fn word(&self, key: &'static str, words: &[&str]) -> Option<&'a str> {
        if let Some(value) = self.value(key)
            && let Some(bare) = value.bare().filter(|bare| !words.contains(bare))
        {
            return value.wrong_type(&format!("one of {}", list(words)), &advice::choices(bare, words));
        }
        let text = self.text(key)?;
        if !words.contains(&text.text) {
            text.refuse(format!("{} is not known", quoted(text.text)), advice::choices(text.text, words));
            return None;
        }
        Some(text.text)
    }

    /// An integer within the reference's range, or its default.
    pub(crate) fn integer<T: TryFrom<u64> + Default>(&self, key: &'static str) -> T {
        let integer = self
            .optional_integer(key)
            .or_else(|| self.default_of(key).parse().ok().and_then(|n: u64| T::try_from(n).ok()));
        integer.unwrap_or_default()
    }

    pub(crate) fn optional_integer<T: TryFrom<u64>>(&self, key: &'static str) -> Option<T> {
        let Form::Integer(from, to) = self.form(key) else { return None };
        let number = self.value(key)?.integer(from, to)?;
        T::try_from(number).ok()
    }

    pub(crate) fn required_integer<T: TryFrom<u64>>(&self, key: &'static str) -> Option<T> {
        self.required(key);
        self.optional_integer(key)
    }

    pub(crate) fn duration(&self, key: &'static str) -> Duration {
        let Form::Duration(zero) = self.form(key) else { return Duration::ZERO };
        let written = self.value(key).and_then(|value| value.duration(zero));
        written.or_else(|| units::duration(self.default_of(key)).ok()).unwrap_or_default()
    }

    pub(crate) fn optional_duration(&self, key: &'static str) -> Option<Duration> {
        let Form::Duration(zero) = self.form(key) else { return None };
        self.value(key)?.duration(zero)
    }

    pub(crate) fn percent(&self, key: &'static str) -> u16 {
        let written = self.value(key).and_then(|value| value.percent());
        written.or_else(|| units::percent(self.default_of(key)).ok()).unwrap_or_default()
    }

    pub(crate) fn size(&self, key: &'static str) -> u64 {
        self.optional_size(key).or_else(|| units::size(self.default_of(key)).ok()).unwrap_or_default()
    }

    pub(crate) fn optional_size(&self, key: &'static str) -> Option<u64> {
        let Form::Size(from, to) = self.form(key) else { return None };
        self.value(key)?.size(from, to)
    }

    pub(crate) fn texts(&self, key: &'static str) -> Option<Vec<Text<'a>>> {
        self.value(key)?.texts(&self.form(key).to_string())
    }

    pub(crate) fn section(&self, key: &'static str, name: &'static str) -> Option<Self> {
        self.value(key)?.section(name)
    }

    pub(crate) fn sections(&self, key: &'static str, name: &'static str) -> Vec<Self> {
        self.value(key).map(|value| value.sections(name)).unwrap_or_default()
    }

    /// The table of a key, or those of a list.
    pub(crate) fn one_or_more(&self, key: &'static str, name: &'static str) -> Vec<Self> {
        let Some(value) = self.value(key) else { return Vec::new() };
        match value.value {
            DeValue::Array(_) => value.sections(name),
            _ => value.section(name).into_iter().collect(),
        }
    }

    pub(crate) fn refuse(&self, key: &str, what: impl Into<String>, advice: impl Into<String>) {
        self.problems.error(secrets::place(key, &self.place_of(key)), what, advice);
    }

    /// Reports, for each of these keys that is written, that it has no effect.
    pub(crate) fn no_effect(&self, keys: &[&str], why: &str, advice: &str) {
        for key in keys.iter().filter(|key| self.has(key)) {
            self.refuse(key, format!("{key} has no effect {why}"), advice);
        }
    }

    /// Reports a required key that is missing.
    pub(crate) fn required(&self, key: &'static str) {
        if !self.has(key) {
            let example = reference::find(self.name, key).map_or("", advice::example);
            let advice = if example.is_empty() { String::new() } else { format!("write {key} = {example}") };
            self.problems.error(self.at(), format!("{} has no {key}", reference::heading(self.name)), advice);
        }
    }

    /// Reports keys that are allowed in the main file only.
    pub(crate) fn belongs_to_main(&self, keys: &[&'static str]) {
        for key in keys {
            if let Some(value) = self.value(key) {
                self.problems.error(
                    value.at,
                    format!("{key} belongs in the main file"),
                    "an included file holds listeners, nodes, pools, sites and CAs (acme)",
                );
            }
        }
    }

    pub(crate) fn is_empty_list(&self, key: &str) -> bool {
        matches!(self.written(key).map(Spanned::get_ref), Some(DeValue::Array(items)) if items.is_empty())
    }

    fn written(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table?.get(key)
    }

    fn form(&self, key: &str) -> Form {
        reference::find(self.name, key).map_or(Form::Text("text"), |k| k.form)
    }

    fn default_of(&self, key: &str) -> &'static str {
        reference::find(self.name, key).map_or("", |k| k.default.trim_matches(['`', '"']))
    }

    fn refuse_the_rest(&self) {
        let asked = self.asked.borrow();
        let rest = self
            .table
            .into_iter()
            .flatten()
            .filter(|(key, _)| !asked.iter().any(|asked| *asked == key.get_ref().as_ref()));
        for (key, _) in rest {
            self.problems.error_of(self.source.place(key.span()), || advice::unknown_key(self.name, key.get_ref()));
        }
    }
}

impl<'a> Value<'a> {
    pub(crate) fn section(&self, name: &'static str) -> Option<Section<'a>> {
        let DeValue::Table(table) = self.value else {
            return self.wrong_type("a table", &advice::as_table(self.key, name));
        };
        Some(Section::new(name, table, self.at.span.clone(), (self.source, self.problems)))
    }

    pub(crate) fn sections(&self, name: &'static str) -> Vec<Section<'a>> {
        match self.value {
            DeValue::Array(items) => items.iter().filter_map(|item| self.item(item).element(name)).collect(),
            DeValue::Table(_) if self.is_inline() => {
                self.refuse("one table stands where a list of tables belongs", &advice::as_list(self.key, name));
                Vec::new()
            }
            DeValue::Table(_) => {
                self.refuse(
                    "one table stands where a list of tables belongs",
                    &format!("write [[{name}]], with two brackets"),
                );
                self.section(name).into_iter().collect()
            }
            _ => {
                self.wrong_type::<()>("a list of tables", &advice::as_list(self.key, name));
                Vec::new()
            }
        }
    }

    /// One table of a list of tables.
    fn element(&self, name: &'static str) -> Option<Section<'a>> {
        match self.value {
            DeValue::Table(_) => self.section(name),
            _ => self.wrong_type("a list of tables", &advice::as_list(self.key, name)),
        }
    }

    fn is_inline(&self) -> bool {
        self.source.text.get(self.at.span.clone()).is_some_and(|text| text.starts_with('{'))
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        self.refuse_the_rest();
    }
}

/// One value of a file that is not read yet.
pub(crate) fn peek<'a>(
    key: &'static str,
    table: &'a Spanned<DeTable<'a>>,
    source: &'a Source,
    problems: &'a Problems,
) -> Option<Value<'a>> {
    let value = table.get_ref().get(key)?;
    Some(Value { key, value: value.get_ref(), at: source.place(value.span()), source, problems })
}

/// A whole file as a section.
pub(crate) fn root<'a>(table: &'a Spanned<DeTable<'a>>, source: &'a Source, problems: &'a Problems) -> Section<'a> {
    Section::new("", table.get_ref(), 0..0, (source, problems))
}
