//! Each value that a configuration has, and where it comes from: a line of a file, or the default of the reference.

use std::hash::{DefaultHasher, Hash, Hasher};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::model::Config;
use super::text::errors::{Place, Problems};
use super::text::reference::{Key, heading, reference, table_below};
use super::text::source::Source;
use super::text::syntax;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// What the table is about, such as `pool esb-http, health`. Empty for the top level.
    pub subject: String,
    /// The table, such as `[pool.health] esb-http`. Empty for the top level.
    pub table: String,
    /// The key.
    pub key: &'static str,
    /// The value as it would be written, or in words where the default is no fixed value.
    pub value: String,
    /// Its place. `None` for a default.
    pub at: Option<Place>,
    /// Tells values apart of which `value` leaves something out.
    digest: u64,
}

impl Effective {
    /// Whether the other one is the same, also in what is not shown of both.
    pub fn is_same(&self, other: &Self) -> bool {
        self.value == other.value && self.digest == other.digest
    }
}

/// Every value of a configuration, file by file. Values of header fields are left out, because they may be secrets.
pub fn explain(config: &Config) -> Vec<Effective> {
    let mut values = Vec::new();
    // They had no problem when they were loaded.
    let problems = Problems::default();
    for (place, source) in config.texts.sources().iter().enumerate() {
        let table = syntax::parse(source, &problems);
        let file = Table { written: Some(table.get_ref()), ..Table::top(source) };
        if place == 0 {
            file.add_to(&mut values);
        } else {
            file.below().iter().for_each(|table| table.add_to(&mut values));
        }
    }
    values
}

/// One table, or the place of one that is not written.
struct Table<'a> {
    /// Its name in the reference.
    name: &'static str,
    /// The names of what it belongs to: `esb.http management`.
    owner: String,
    subject: String,
    written: Option<&'a DeTable<'a>>,
    source: &'a Source,
}

impl<'a> Table<'a> {
    fn top(source: &'a Source) -> Self {
        Self { name: "", owner: String::new(), subject: String::new(), written: None, source }
    }

    fn add_to(&self, values: &mut Vec<Effective>) {
        let keys = reference().iter().filter(|key| key.table == self.name);
        values.extend(keys.filter_map(|key| self.value(key)));
        self.below().iter().for_each(|table| table.add_to(values));
    }

    /// The value of a key, unless it is a table of its own.
    fn value(&self, key: &'static Key) -> Option<Effective> {
        let written = self.written.and_then(|table| table.get(key.key));
        let is_table = key.form.is_table() && table_below(self.name, key.key).is_some();
        let value = match written {
            Some(_) if is_table => return None,
            Some(_) if self.is_secret(key.key) => "(left out)".to_owned(),
            Some(value) => shown(value.get_ref(), key.form.is_table()),
            None if key.default == "required" || key.default == "see there" => return None,
            None => without_quotes(key.default),
        };
        let at = written.map(|value| self.source.place(value.span()));
        let digest = written.map_or(0, |written| digest(written.get_ref(), &value));
        Some(Effective { subject: self.subject.clone(), table: self.heading(), key: key.key, value, at, digest })
    }

    /// A route may know its callers by a secret in a header.
    fn is_secret(&self, key: &str) -> bool {
        (self.name, key) == ("site.route.headers", "value")
    }

    fn heading(&self) -> String {
        match (self.name, self.owner.as_str()) {
            ("", _) => String::new(),
            (name, "") => heading(name),
            (name, owner) => format!("{} {owner}", heading(name)),
        }
    }

    /// The tables in this one, with those that are not written and have defaults all the same.
    fn below(&self) -> Vec<Self> {
        let keys = reference().iter().filter(|key| key.table == self.name && key.form.is_table());
        keys.filter_map(|key| Some((key, table_below(self.name, key.key)?)))
            .flat_map(|(key, name)| self.tables(key, name))
            .collect()
    }

    fn tables(&self, key: &Key, name: &'static str) -> Vec<Self> {
        let one = |written, owner, subject| Table { name, owner, subject, written, source: self.source };
        match self.written.and_then(|table| table.get(key.key)).map(Spanned::get_ref) {
            Some(DeValue::Table(table)) => vec![one(Some(table), self.owner.clone(), self.within(key.key))],
            Some(DeValue::Array(items)) => {
                let tables = items.iter().filter_map(|item| item.get_ref().as_table()).enumerate();
                let named = tables.map(|(index, table)| (table, name_of(table, index)));
                named
                    .map(|(table, name)| {
                        let subject = self.within(&format!("{} {name}", key.key));
                        one(Some(table), self.owned(&name), subject)
                    })
                    .collect()
            }
            None if key.default == "see there" => vec![one(None, self.owner.clone(), self.within(key.key))],
            _ => Vec::new(),
        }
    }

    fn within(&self, below: &str) -> String {
        if self.subject.is_empty() { below.to_owned() } else { format!("{}, {below}", self.subject) }
    }

    fn owned(&self, name: &str) -> String {
        if self.owner.is_empty() { name.to_owned() } else { format!("{} {name}", self.owner) }
    }
}

/// The name of a table in a list, or its number.
fn name_of(table: &DeTable<'_>, index: usize) -> String {
    let name = table.get("name").and_then(|name| name.get_ref().as_str());
    name.map_or_else(|| (index + 1).to_string(), str::to_owned)
}

/// A number for a value of which only this is told, to compare it with others of this process. 0 if all is told.
fn digest(value: &DeValue<'_>, told: &str) -> u64 {
    let whole = shown(value, false);
    if whole == told {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    whole.hash(&mut hasher);
    hasher.finish()
}

/// A default as it stands in a file, or its words in brackets.
fn without_quotes(default: &str) -> String {
    match default.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
        Some(written) => written.to_owned(),
        // Required with a value that another key does not have here.
        None if default.starts_with("required ") => "(none)".to_owned(),
        None => format!("({})", default.replace('`', "")),
    }
}

/// A value on one line. Of the header fields in a `secret` table only the names are shown.
fn shown(value: &DeValue<'_>, secret: bool) -> String {
    match value {
        DeValue::String(_) if secret => "…".to_owned(),
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(items) => {
            format!("[{}]", items.iter().map(|item| shown(item.get_ref(), secret)).collect::<Vec<_>>().join(", "))
        }
        DeValue::Table(table) => {
            let pair = |(key, value): (&Spanned<toml::de::DeString<'_>>, &Spanned<DeValue<'_>>)| {
                format!("{} = {}", key.get_ref(), shown(value.get_ref(), secret))
            };
            format!("{{ {} }}", table.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
    }
}
