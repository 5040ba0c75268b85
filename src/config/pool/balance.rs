//! `balance` and `hash` of a `[[pool]]`: how a node is chosen.

use std::sync::Arc;

use crate::config::model::{Balance, HashOn};
use crate::config::text::errors::Wrong;
use crate::config::text::section::Section;
use crate::config::text::words::{is_token, quoted};

/// Reads the pool's method.
pub(crate) fn read(section: &Section<'_>) -> Balance {
    let method = section.choice("balance").unwrap_or_default();
    let hash = section.section("hash", "pool.hash").map(|hash| hash_on(&hash));
    if method != "hash" {
        let why = format!("with balance = {method:?}");
        section.no_effect(&["hash"], &why, "leave it out, or write balance = \"hash\"");
    }
    match method {
        "least-requests" => Balance::LeastRequests,
        "least-time" => Balance::LeastTime,
        "random-two" => Balance::RandomTwo,
        "hash" if !section.has("hash") => {
            let what = "balance = \"hash\" needs to know what a request is hashed by";
            section.refuse("balance", what, "write hash = { on = \"client\" }, or header, cookie or path");
            Balance::Hash(HashOn::Client)
        }
        "hash" => Balance::Hash(hash.unwrap_or(HashOn::Client)),
        _ => Balance::RoundRobin,
    }
}

fn hash_on(section: &Section<'_>) -> HashOn {
    section.required("on");
    let on = section.choice("on");
    let name = section.parsed("name", token);
    if let Some(on @ ("header" | "cookie")) = on
        && !section.has("name")
    {
        let example = if on == "header" { "X-Tenant" } else { "JSESSIONID" };
        section.refuse("on", format!("on = {on:?} needs a name"), format!("write name = {example:?}"));
    }
    if let Some(on @ ("client" | "path")) = on {
        section.no_effect(
            &["name"],
            &format!("with on = {on:?}"),
            "leave it out, or write on = \"header\" or \"cookie\"",
        );
    }
    let name = name.unwrap_or_default();
    match on {
        Some("header") => HashOn::Header(name),
        Some("cookie") => HashOn::Cookie(name),
        Some("path") => HashOn::Path,
        _ => HashOn::Client,
    }
}

fn token(text: &str) -> Result<Arc<str>, Wrong> {
    match is_token(text) {
        true => Ok(text.into()),
        false => Err(Wrong::new(
            format!("{} is no name of a header or cookie", quoted(text)),
            "write \"X-Tenant\" or \"JSESSIONID\"",
        )),
    }
}
