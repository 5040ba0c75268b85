//! What is said of a key: the values that it takes, its default and its meaning.

use std::fmt;

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The table that it belongs to, such as `pool.health`. Empty for the top level.
    pub table: &'static str,
    /// The name of the key.
    pub key: &'static str,
    /// The values that it takes.
    pub form: Form,
    /// The value when the key is not written: as it would be written, or in words.
    pub default: &'static str,
    /// What it is for, in one line.
    pub meaning: &'static str,
}

/// The values that a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// true or false.
    Flag,
    /// A string of a special form, which this text describes.
    Text(&'static str),
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// A whole number in this range.
    Integer(u64, u64),
    /// A number with a unit. True when zero is allowed and has a meaning.
    Duration(bool),
    /// A number of bytes in this range.
    Size(u64, u64),
    /// A number with a percent sign, from 0 to 100.
    Percent,
    /// A list of what this text describes.
    List(&'static str),
    /// A table. True: a list of tables.
    Table(bool),
    /// A table, or a list of such tables.
    OneOrMore,
}

impl Form {
    /// Whether it has tables.
    pub(crate) const fn is_table(self) -> bool {
        matches!(self, Self::Table(_) | Self::OneOrMore)
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("`true` or `false`"),
            Self::Text(what) => f.write_str(what),
            Self::Choice(words) => {
                f.write_str(&words.iter().map(|w| format!("`\"{w}\"`")).collect::<Vec<_>>().join(", "))
            }
            Self::Integer(from, to) => write!(f, "number, {from} to {to}"),
            Self::Duration(_) => f.write_str("duration"),
            Self::Size(0, to) => write!(f, "size, up to {}", human_size(*to)),
            Self::Size(from, to) => write!(f, "size, {} to {}", human_size(*from), human_size(*to)),
            Self::Percent => f.write_str("share, `\"0%\"` to `\"100%\"`"),
            Self::List(what) => write!(f, "list of {what}"),
            Self::Table(false) => f.write_str("table"),
            Self::Table(true) => f.write_str("list of tables"),
            Self::OneOrMore => f.write_str("table, or list of tables"),
        }
    }
}

/// A size as an operator would write it.
pub(crate) fn human_size(bytes: u64) -> String {
    const UNITS: [(u32, &str); 4] = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = UNITS.iter().find(|(shift, _)| bytes >= 1 << shift && bytes.trailing_zeros() >= *shift);
    unit.map_or_else(|| bytes.to_string(), |(shift, name)| format!("{}{name}", bytes >> shift))
}
