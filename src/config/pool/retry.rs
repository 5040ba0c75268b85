//! `tries` and `retry-…` of a `[[pool]]`: when another node is tried.

use super::members::Nodes;
use crate::config::model::{Member, Retry};
use crate::config::text::section::Section;
use crate::config::text::value::Text;
use crate::config::values::statuses;

/// Reads the pool's retry rules.
pub(crate) fn read(section: &Section<'_>, members: &[Member], nodes: &Nodes<'_>) -> Retry {
    let tries = section.integer::<u32>("tries");
    let most = nodes.count(members).unwrap_or(u32::MAX).max(1);
    let mut retry = Retry {
        tries: tries.min(most),
        time: section.duration("retry-time"),
        budget: section.percent("retry-budget"),
        on_connect: true,
        on_reset: true,
        on_timeout: true,
        on_status: Vec::new(),
    };
    if let Some(written) = section.texts("retry-on") {
        conditions(section, &written, &mut retry);
    }
    const KEYS: [&str; 3] = ["retry-time", "retry-budget", "retry-on"];
    if tries == 1 {
        section.no_effect(&KEYS, "with tries = 1: no other node is ever tried", "leave it out");
    } else if most == 1 && !members.is_empty() {
        // Only a warning: an operator who takes a node out for a while should not have to change these keys.
        for key in KEYS.into_iter().filter(|key| section.has(key)) {
            let what = format!("{key} has no effect in a pool of one node: there is no other to try");
            section.problems.warning(section.place_of(key), what, "leave it out, or name another node");
        }
    }
    retry
}

fn conditions(section: &Section<'_>, written: &[Text<'_>], retry: &mut Retry) {
    (retry.on_connect, retry.on_reset, retry.on_timeout) = (false, false, false);
    if section.is_empty_list("retry-on") {
        section.refuse(
            "retry-on",
            "retry-on: the list is empty, nothing would be tried again",
            "write tries = 1 for that",
        );
    }
    for (place, text) in written.iter().enumerate() {
        if written.iter().take(place).any(|other| other.text == text.text) {
            text.refuse(format!("{:?} is written twice", text.text), "once is enough");
        }
        match text.text {
            "connect" => retry.on_connect = true,
            "reset" => retry.on_reset = true,
            "timeout" => retry.on_timeout = true,
            word if word.starts_with(|c: char| c.is_ascii_digit()) => {
                retry.on_status.extend(text.parsed(statuses::failures).unwrap_or_default());
            }
            word => {
                let what = format!("{} is nothing to try again after", crate::config::text::words::quoted(word));
                text.refuse(what, "write \"connect\", \"reset\", \"timeout\", or status codes such as \"502-504\"");
            }
        }
    }
}
