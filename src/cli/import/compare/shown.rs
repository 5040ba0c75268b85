//! What the comparison found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::diff::{ALWAYS, Difference, Round};

/// One request and what became of it.
pub(super) struct Compared {
    pub(super) said: String,
    /// The status of each, or a dash.
    pub(super) statuses: [String; 2],
    pub(super) differences: Vec<Difference>,
    /// What the old one answers in another way each time.
    pub(super) unsteady: Vec<String>,
}

/// All of it.
pub(crate) struct Comparison {
    pub(super) all: Vec<Compared>,
    /// What was not asked, and why.
    pub(super) notes: Vec<String>,
}

/// The status of an outcome, or a dash.
pub(super) fn status(round: &Round) -> String {
    round.outcome.answer().map_or("-".to_owned(), |answer| answer.status.to_string())
}

impl Comparison {
    /// Whether both did the same.
    pub(crate) fn is_same(&self) -> bool {
        self.all.iter().all(|one| one.differences.is_empty())
    }

    /// For people: a line for each request, below it what differs, at the end what differs how often.
    pub(crate) fn text(&self) -> String {
        let mut text = "         old new\n".to_owned();
        for one in &self.all {
            let word = if one.differences.is_empty() { "same" } else { "differs" };
            let [old, new] = &one.statuses;
            let _ = writeln!(text, "{word:<8} {old:<3} {new:<3} {}", one.said);
            for Difference { what, old, new } in &one.differences {
                let _ = writeln!(text, "           {what}\n             old  {old}\n             new  {new}");
            }
            if !one.unsteady.is_empty() {
                let _ = writeln!(
                    text,
                    "           not counted, since the old one changes it too: {}",
                    one.unsteady.join(", ")
                );
            }
        }
        let _ = writeln!(text, "\nalways different, so not counted: {ALWAYS}");
        for note in &self.notes {
            let _ = writeln!(text, "note: {note}");
        }
        text + &self.summary()
    }

    fn summary(&self) -> String {
        let differ = self.all.iter().filter(|one| !one.differences.is_empty()).count();
        let mut kinds = BTreeMap::<&str, usize>::new();
        self.all.iter().flat_map(|one| &one.differences).for_each(|one| *kinds.entry(&one.what).or_default() += 1);
        let kinds: Vec<_> = kinds.into_iter().map(|(what, times)| format!("{what} {times}")).collect();
        let kinds = if kinds.is_empty() { String::new() } else { format!(": {}", kinds.join(", ")) };
        format!("{} requests, {} the same, {differ} differ{kinds}\n", self.all.len(), self.all.len() - differ)
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let difference = |one: &Difference| json!({ "what": one.what, "old": one.old, "new": one.new });
        let requests = self.all.iter().map(|one| {
            json!({
                "request": one.said, "old": one.statuses[0], "new": one.statuses[1],
                "same": one.differences.is_empty(), "unsteady": one.unsteady,
                "differences": one.differences.iter().map(difference).collect::<Vec<_>>(),
            })
        });
        json!({ "same": self.is_same(), "notes": self.notes, "requests": requests.collect::<Vec<_>>() })
    }
}
