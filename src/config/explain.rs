//! Each value that a configuration has, and where it comes from: a line of a file, or the default of the reference.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::text::errors::{Errors, Place, Problems};
use super::text::reference::{Form, Key, heading, reference, table_below};
use super::text::source::Source;
use super::text::{include, section, syntax};

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The table, such as `[pool.health] esb-http`. Empty for the top level.
    pub table: String,
    /// The key.
    pub key: &'static str,
    /// The value as it would be written, or in words where the default is no fixed value.
    pub value: String,
    /// Its place. `None` for a default.
    pub at: Option<Place>,
}

/// Every value of a file that [`load`](super::load) accepts, and of those that it includes. Values of header fields are
/// left out, because they may be secrets.
pub fn explain(path: &Path) -> Result<Vec<Effective>, Errors> {
    let problems = Problems::default();
    let main = Source::read(path).map_err(|problem| Errors(vec![problem]))?;
    let main_table = syntax::parse(&main, &problems);
    let included =
        section::peek("include", &main_table, &main, &problems).map(|value| include::read(&value)).unwrap_or_default();
    let tables: Vec<_> = included.iter().map(|source| syntax::parse(source, &problems)).collect();
    problems.check(&[path.to_path_buf()])?;
    let mut values = Vec::new();
    Table { name: "", owner: String::new(), written: Some(main_table.get_ref()), source: &main }.add_to(&mut values);
    for (table, source) in tables.iter().zip(&included) {
        let file = Table { name: "", owner: String::new(), written: Some(table.get_ref()), source };
        file.below().iter().for_each(|table| table.add_to(&mut values));
    }
    Ok(values)
}

/// One table, or the place of one that is not written.
struct Table<'a> {
    /// Its name in the reference.
    name: &'static str,
    /// The names of what it belongs to: `esb.http management`.
    owner: String,
    written: Option<&'a DeTable<'a>>,
    source: &'a Source,
}

impl<'a> Table<'a> {
    fn add_to(&self, values: &mut Vec<Effective>) {
        let keys = reference().iter().filter(|key| key.table == self.name);
        values.extend(keys.filter_map(|key| self.value(key)));
        self.below().iter().for_each(|table| table.add_to(values));
    }

    /// The value of a key, unless it is a table of its own.
    fn value(&self, key: &'static Key) -> Option<Effective> {
        let written = self.written.and_then(|table| table.get(key.key));
        let is_table = matches!(key.form, Form::Table(_)) && table_below(self.name, key.key).is_some();
        let value = match written {
            Some(_) if is_table => return None,
            Some(_) if self.is_secret(key.key) => "(left out)".to_owned(),
            Some(value) => shown(value.get_ref(), matches!(key.form, Form::Table(_))),
            None if key.default == "required" || key.default == "see there" => return None,
            None => without_quotes(key.default),
        };
        let at = written.map(|value| self.source.place(value.span()));
        Some(Effective { table: self.heading(), key: key.key, value, at })
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
        let keys = reference().iter().filter(|key| key.table == self.name && matches!(key.form, Form::Table(_)));
        keys.filter_map(|key| Some((key, table_below(self.name, key.key)?)))
            .flat_map(|(key, name)| self.tables(key, name))
            .collect()
    }

    fn tables(&self, key: &Key, name: &'static str) -> Vec<Self> {
        let one = |written, owner| Table { name, owner, written, source: self.source };
        match self.written.and_then(|table| table.get(key.key)).map(Spanned::get_ref) {
            Some(DeValue::Table(table)) => vec![one(Some(table), self.owner.clone())],
            Some(DeValue::Array(items)) => {
                let tables = items.iter().filter_map(|item| item.get_ref().as_table());
                tables.enumerate().map(|(index, table)| one(Some(table), self.owner_of(table, index))).collect()
            }
            None if key.default == "see there" => vec![one(None, self.owner.clone())],
            _ => Vec::new(),
        }
    }

    /// The name of a table in a list, after what the list belongs to: its own name, or its number.
    fn owner_of(&self, table: &DeTable<'_>, index: usize) -> String {
        let name = table.get("name").and_then(|name| name.get_ref().as_str());
        let name = name.map_or_else(|| (index + 1).to_string(), str::to_owned);
        if self.owner.is_empty() { name } else { format!("{} {name}", self.owner) }
    }
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
