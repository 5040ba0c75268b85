//! What is written: tables of weir.toml with the place that each comes from.

use super::parse::Origin;

/// One table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Such as `[[pool]]`.
    pub(super) head: &'static str,
    pub(super) from: Origin,
    pub(super) keys: Vec<(String, String)>,
    /// Tables that belong to it.
    pub(super) below: Vec<Self>,
}

impl Table {
    pub(super) fn new(head: &'static str, from: &Origin) -> Self {
        Self { head, from: from.clone(), keys: Vec::new(), below: Vec::new() }
    }

    pub(super) fn set(&mut self, key: &str, value: impl Into<String>) {
        match self.keys.iter_mut().find(|(written, _)| written == key) {
            Some((_, old)) => *old = value.into(),
            None => self.keys.push((key.to_owned(), value.into())),
        }
    }

    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.keys.iter().find(|(written, _)| written == key).map(|(_, value)| value.as_str())
    }
}
