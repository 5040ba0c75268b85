//! How findings are shown.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::app::shows_color;
use crate::config::{self, Errors, Problem, first_of};
use crate::wso2::Finding;

/// Errors, then warnings, each with its excerpt, of these texts where a file is among them.
pub(super) fn drawn(findings: &[Finding], texts: &HashMap<PathBuf, String>) -> String {
    let color = shows_color(&std::io::stdout());
    let of = |is_error| {
        let all = findings.iter().filter(|finding| finding.is_error == is_error);
        all.map(|finding| finding.problem.clone()).collect::<Vec<Problem>>()
    };
    let (errors, warnings) = (first_of(of(true)), first_of(of(false)));
    let drawn = if errors.is_empty() { String::new() } else { Errors(errors).render_of(texts, color) + "\n" };
    drawn + &config::render_warnings_of(&warnings, texts, color)
}

/// `1 file`, `2 files`
pub(super) fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
