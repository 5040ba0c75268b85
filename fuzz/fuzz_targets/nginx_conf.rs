//! Configurations of nginx: any text ends in a report or a sentence, each directive has its line, and what is written is TOML
//! (which `load_draft` of the rooms looks after).

#![no_main]

use std::path::Path;
use std::time::SystemTime;

use libfuzzer_sys::fuzz_target;
use weir::import::{Class, Input, import};

fuzz_target!(|text: &str| {
    if asks_for_names(text) {
        return;
    }
    let read = || import(Input::Text(text.to_owned()), Path::new("/nowhere/weir.toml"), SystemTime::UNIX_EPOCH);
    let (Ok(one), Ok(other)) = (read(), read()) else { return };
    let report = one.report.text();
    assert_eq!(report, other.report.text(), "two reports of one text differ");
    let counted: usize = Class::ALL.into_iter().map(|class| one.report.count(class)).sum();
    assert_eq!(counted, one.report.lines.len());
    assert!(one.text.is_ok_and(|text| other.text.is_ok_and(|other| text == other)));
});

/// Whether a `listen` has a host's name, which would be looked up.
fn asks_for_names(text: &str) -> bool {
    let word = |rest: &str| rest.split_whitespace().next().is_some_and(|word| word.contains(char::is_alphabetic));
    text.split("listen").skip(1).any(word)
}
