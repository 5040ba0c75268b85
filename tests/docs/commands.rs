//! Commands in the running text: each exists, and has the options that are written with it.

use clap::Command;

use crate::page::Page;

/// What is wrong with the commands of a page. A block that holds a command and does not say `sh` would never run.
pub(crate) fn faults(page: &Page) -> Vec<String> {
    let weir = weir::cli::command();
    let said = page.code().into_iter().filter_map(|(line, code)| {
        let rest = code.strip_prefix("weir ")?;
        Some(format!("{}:{line}: `{code}`: {}", page.name, fault(&weir, rest)?))
    });
    let begins = |line: &str| ["weir ", "sudo ", "systemctl ", "curl "].iter().any(|word| line.starts_with(word));
    let unmarked = page.blocks("").filter(|block| block.text.lines().any(begins));
    let unmarked = unmarked.map(|block| format!("{}:{}: commands in a block without `sh`", page.name, block.line));
    said.chain(unmarked).collect()
}

/// What is wrong with the words after `weir`. Words in capitals stand for something.
fn fault(weir: &Command, words: &str) -> Option<String> {
    let mut command = weir;
    let mut words = words.split_whitespace().peekable();
    while let Some(word) = words.next_if(|word| command.has_subcommands() && !word.starts_with('-')) {
        // As `nodes`, `sites` and others are named after one `weir` in a row.
        let word = word.trim_end_matches(',');
        if word.chars().all(|letter| letter.is_uppercase() || !letter.is_alphabetic()) {
            return None;
        }
        let Some(found) = command.find_subcommand(word) else { return Some(format!("there is no {word}")) };
        command = found;
    }
    words.find_map(|word| unknown_option(command, word))
}

fn unknown_option(command: &Command, word: &str) -> Option<String> {
    let name = word.trim_start_matches('[').trim_end_matches(']').split('=').next().unwrap_or_default();
    let known = |known: &str| {
        ["help", "version"].contains(&known)
            || command.get_arguments().any(|argument| argument.get_long() == Some(known))
    };
    if let Some(long) = name.strip_prefix("--").filter(|long| !long.is_empty()) {
        return (!known(long)).then(|| format!("{} has no --{long}", command.get_name()));
    }
    let short = name.strip_prefix('-').and_then(|short| short.chars().next()).filter(|short| short.is_alphabetic());
    let short = short.filter(|short| command.get_arguments().all(|argument| argument.get_short() != Some(*short)));
    short.map(|short| format!("{} has no -{short}", command.get_name()))
}
