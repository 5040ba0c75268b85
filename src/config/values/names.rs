//! Names and what they stand for: unique where they are given, known where they are used.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::config::text::errors::{Place, Wrong};
use crate::config::text::section::Section;
use crate::config::text::value::Text;
use crate::config::text::words;
use crate::config::text::words::suggestion;

/// The names of all listeners, nodes, pools or sites, in file order: a name's place here is its index everywhere.
pub(crate) struct Names {
    kind: &'static str,
    all: Vec<(Arc<str>, Place)>,
    /// Where each name stands first.
    first: HashMap<Arc<str>, usize>,
    missed: Cell<usize>,
}

/// Wrong names that get advice: more errors than these are not drawn either.
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
            // Also what is wrong is known: those who refer to it are right.
            let name: Arc<str> = text.map_or_else(Arc::default, |text| text.text.into());
            names.first.entry(Arc::clone(&name)).or_insert(names.all.len());
            names.all.push((name, section.place_of("name")));
        }
        names
    }

    pub(crate) fn name(&self, index: usize) -> Arc<str> {
        self.all.get(index).map(|(name, _)| name.clone()).unwrap_or_default()
    }

    /// The index behind a name, or a problem that names the nearest one.
    pub(crate) fn find(&self, wanted: &Text<'_>) -> Option<usize> {
        let found = self.position(wanted.text);
        if found.is_none() && !self.first.contains_key("") {
            let what = format!("no {} is called {}", self.kind, words::quoted(wanted.text));
            wanted.refuse(what, self.nearest(wanted.text));
        }
        found
    }

    /// Looks at every name, so not for each of thousands that are wrong: what is wrong with the first is with the rest.
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
