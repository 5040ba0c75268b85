//! `balance` and `hash` of a `[[pool]]`: how a node is chosen.

use std::sync::Arc;

use crate::config::model::{Balance, HashOn};
use crate::config::text::choices;
use crate::config::text::errors::Wrong;
use crate::config::text::section::Section;
use crate::config::text::words::{is_token, quoted};

/// Reads the pool's method.
pub(crate) fn read(section: &Section<'_>) -> Balance {
    let method: choices::Balance = section.choice("balance").unwrap_or_default();
    let hash = section.section("hash", "pool.hash").map(|hash| by(&hash));
    if method != choices::Balance::Hash {
        let why = format!("with balance = {:?}", <&str>::from(method));
        section.no_effect(&["hash"], &why, "leave it out, or write balance = \"hash\"");
    }
    match method {
        choices::Balance::RoundRobin => Balance::RoundRobin,
        choices::Balance::LeastRequests => Balance::LeastRequests,
        choices::Balance::LeastTime => Balance::LeastTime,
        choices::Balance::RandomTwo => Balance::RandomTwo,
        choices::Balance::Hash if !section.has("hash") => {
            let what = "balance = \"hash\" needs to know what a request is hashed by";
            section.refuse("balance", what, "write hash = { on = \"client\" }, or header, cookie or path");
            Balance::Hash(HashOn::Client)
        }
        choices::Balance::Hash => hash.unwrap_or(Balance::Hash(HashOn::Client)),
    }
}

fn by(section: &Section<'_>) -> Balance {
    match section.choice("ring").unwrap_or_default() {
        choices::Ring::Rendezvous => Balance::Hash(hash_on(section)),
        choices::Ring::Ketama => Balance::Ring(hash_on(section)),
    }
}

fn hash_on(section: &Section<'_>) -> HashOn {
    section.required("on");
    let on: Option<choices::HashOn> = section.choice("on");
    let name = section.parsed("name", token);
    let Some(on) = on else { return HashOn::Client };
    let word = <&str>::from(on);
    let named = || {
        if !section.has("name") {
            let example = if on == choices::HashOn::Header { "X-Tenant" } else { "JSESSIONID" };
            section.refuse("on", format!("on = {word:?} needs a name"), format!("write name = {example:?}"));
        }
        name.clone().unwrap_or_default()
    };
    let alone = |hash_on| {
        let advice = "leave it out, or write on = \"header\" or \"cookie\"";
        section.no_effect(&["name"], &format!("with on = {word:?}"), advice);
        hash_on
    };
    match on {
        choices::HashOn::Client => alone(HashOn::Client),
        choices::HashOn::Header => HashOn::Header(named()),
        choices::HashOn::Cookie => HashOn::Cookie(named()),
        choices::HashOn::Path => alone(HashOn::Path),
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
