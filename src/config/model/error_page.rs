//! Part of the checked configuration: the pages that a site shows in place of Weir's own refusals.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

/// `error-pages` and `intercept-errors` of a site.
#[derive(Clone, Debug, Default)]
pub struct ErrorPages {
    /// By status, no status twice; those for a whole hundred come last.
    pub pages: Vec<(Vec<RangeInclusive<u16>>, Arc<ErrorPage>)>,
    /// Whether nodes' answers with such a status are replaced too. Default false.
    pub intercept: bool,
}

impl ErrorPages {
    /// The page for an answer with this status.
    pub fn of(&self, status: u16) -> Option<&ErrorPage> {
        let fits =
            |(statuses, _): &&(Vec<RangeInclusive<u16>>, _)| statuses.iter().any(|range| range.contains(&status));
        self.pages.iter().find(fits).map(|(_, page)| &**page)
    }

    /// The page that replaces a node's answer with this status.
    pub fn instead_of(&self, status: u16) -> Option<&ErrorPage> {
        if self.intercept { self.of(status) } else { None }
    }
}

/// A page, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    /// Where it was read.
    pub file: PathBuf,
    /// By the end of the file's name.
    pub content_type: &'static str,
    /// What the file holds.
    pub body: Box<str>,
}
