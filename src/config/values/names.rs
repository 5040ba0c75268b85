//! Names of listeners, nodes, pools, sites and CAs: each must be unique, and a reference must use a known one.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::config::text::errors::{Place, Wrong};
use crate::config::text::section::Section;
use crate::config::text::value::Text;
use crate::config::text::words;
use crate::config::text::words::suggestion;

/// The names of all listeners, nodes, pools or sites, in file order. The position of a name here is its index
/// everywhere.
pub(crate) struct Names {
    kind: &'static str,
    all: Vec<(Arc<str>, Place)>,
    /// The index of the first use of each name.
    first: HashMap<Arc<str>, usize>,
    missed: Cell<usize>,
}

/// The most wrong names that get advice. A report draws no more errors than this.
const MISSED: usize = 40;

impl Names {
    pub(crate) fn of(kind: &'static str, sections: &[Section<'_>]) -> Self {
        let mut names =
            Self { kind, all: Vec::with_capacity(sections.len()), first: HashMap::new(), missed: Cell::new(0) };
        for section in sections {
            let text = section.required_text("name");
            if let Some(text) = &text {
                text.parsed(|text| names.free(text));
            }
            // A wrong name is stored as well, so that references to it are not reported too.
            let name: Arc<str> = text.map_or_else(Arc::default, |text| text.text.into());
            names.first.entry(Arc::clone(&name)).or_insert(names.all.len());
            names.all.push((name, section.place_of("name")));
        }
        names
    }

    pub(crate) fn name(&self, index: usize) -> Arc<str> {
        self.all.get(index).map(|(name, _)| name.clone()).unwrap_or_default()
    }

    /// The index of a name. An unknown name is reported with the nearest known one.
    pub(crate) fn find(&self, wanted: &Text<'_>) -> Option<usize> {
        let found = self.position(wanted.text);
        if found.is_none() && !self.first.contains_key("") {
            let what = format!("no {} is called {}", self.kind, words::quoted(wanted.text));
            wanted.refuse(what, self.nearest(wanted.text));
        }
        found
    }

    /// Compares with every name. This is not done for thousands of wrong names: they probably all have the same
    /// mistake.
    fn nearest(&self, wanted: &str) -> String {
        self.missed.set(self.missed.get() + 1);
        if self.missed.get() > MISSED {
            return String::new();
        }
        let mut known: Vec<&str> = self.all.iter().map(|(name, _)| &**name).collect();
        known.sort_unstable();
        suggestion(wanted, &format!("{}s here", self.kind), &known)
    }

    fn free(&self, text: &str) -> Result<(), Wrong> {
        words::name(text)?;
        match self.position(text).and_then(|index| self.all.get(index)) {
            Some((_, place)) => {
                Err(Wrong::new(format!("another {} is called {text:?}: {place}", self.kind), "choose another name"))
            }
            None => Ok(()),
        }
    }

    fn position(&self, text: &str) -> Option<usize> {
        self.first.get(text).copied().filter(|_| !text.is_empty())
    }
}
