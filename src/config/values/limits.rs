//! `allow-from`, `deny-from` and `rate` of listeners, sites and routes: which clients may come, and how often.

use ipnet::IpNet;

use super::addresses;
use super::edits;
use crate::config::model::{Access, Rate, RateBy};
use crate::config::text::choices::{self, Excess};
use crate::config::text::section::Section;

/// The clients that the section allows and denies.
pub(crate) fn access(section: &Section<'_>) -> Access {
    let deny: Vec<IpNet> = networks(section, "deny-from").unwrap_or_default();
    let allow = networks(section, "allow-from");
    if section.is_empty_list("allow-from") {
        section.refuse("allow-from", "allow-from: the list is empty, nobody may come", "leave it out for everyone");
    }
    for (allowed, denied) in allow.iter().flatten().filter_map(|allowed| Some((allowed, covering(&deny, allowed)?))) {
        let what = format!("allow-from: {allowed} lies within {denied}, which deny-from keeps out");
        section.refuse("allow-from", what, "leave it out here, or narrow deny-from");
    }
    Access { allow, deny }
}

fn covering<'a>(deny: &'a [IpNet], allowed: &IpNet) -> Option<&'a IpNet> {
    deny.iter().find(|denied| denied.contains(allowed))
}

fn networks(section: &Section<'_>, key: &'static str) -> Option<Vec<IpNet>> {
    Some(section.texts(key)?.iter().filter_map(|text| text.parsed(addresses::network)).collect())
}

/// Reads the section's `rate` table. `shares`: there are servers that other machines have, too.
pub(crate) fn rate(section: &Section<'_>, shares: bool) -> Option<Rate> {
    let section = section.section("rate", "site.rate")?;
    let requests = section.required_integer("requests");
    let burst = section.integer("burst");
    let delay = section.choice("excess") == Some(Excess::Delay);
    if delay && burst == 0 {
        let what = "excess = \"delay\" has no effect without a burst: nothing may wait";
        section.refuse("excess", what, "write burst = 20, or leave it out");
    }
    let shared = section.flag("shared");
    if shared && !shares {
        let what = "shared: there are no servers to share it by, so each machine would count for itself";
        section.refuse("shared", what, "write servers in [shared], or leave it out");
    }
    Some(Rate {
        requests: requests.unwrap_or(1),
        per: section.duration("per"),
        burst,
        delay,
        by: rate_by(&section),
        max_keys: section.integer("max-keys"),
        shared,
    })
}

fn rate_by(section: &Section<'_>) -> RateBy {
    let header = section.parsed("header", edits::field_name);
    let client =
        RateBy::Client { ipv4_prefix: section.integer("ipv4-prefix"), ipv6_prefix: section.integer("ipv6-prefix") };
    if section.choice("by") != Some(choices::RateBy::Header) {
        section.no_effect(&["header"], "where clients are counted", "leave it out, or write by = \"header\"");
        return client;
    }
    if !section.has("header") {
        section.refuse("by", "by = \"header\" needs a header", "write header = \"X-Tenant\"");
    }
    section.no_effect(&["ipv4-prefix", "ipv6-prefix"], "with by = \"header\"", "leave it out, or count by client");
    RateBy::Header(header.unwrap_or_default().to_ascii_lowercase().into())
}
