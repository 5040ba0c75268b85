//! `weir cert inspect`: shows what a certificate is and what is wrong with it, before a reload refuses it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;

use super::outcome::Outcome;
use crate::config::HostPattern;
use crate::config::certificate::{Finding, Inspection, Leaf, day, inspect, inspect_chain};

/// `weir cert inspect`
#[derive(Args, Clone, Debug)]
pub(crate) struct Inspect {
    /// The file with the certificate, followed by those of its issuers
    pub(super) chain: PathBuf,
    /// Its private key
    pub(super) key: Option<PathBuf>,
    /// A host name of the site; may be given several times
    #[arg(long = "host", value_name = "NAME")]
    pub(super) hosts: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Inspect {
    pub(super) fn run(&self, now: SystemTime) -> Outcome {
        let hosts: Vec<_> = self.hosts.iter().map(|host| pattern(host)).collect();
        let seen = match &self.key {
            Some(key) => inspect(&self.chain, key, &hosts, now, None),
            None => inspect_chain(&self.chain, &hosts, now),
        };
        let good = !seen.findings.iter().any(|finding| finding.fatal);
        Outcome { text: if self.json { json(&seen, good) } else { self.words(&seen, good) }, good }
    }

    fn words(&self, seen: &Inspection, good: bool) -> String {
        let mut text = format!("{}\n", self.chain.display());
        text += &seen.leaf.as_ref().map_or_else(String::new, describe);
        for finding in &seen.findings {
            let weight = if finding.fatal { "error" } else { "warning" };
            let _ = writeln!(text, "\n{weight}: {}: {}", finding.file.display(), finding.what);
            if !finding.advice.is_empty() {
                let _ = writeln!(text, "  {}", finding.advice);
            }
        }
        let verdict = match (good, seen.pair.is_some()) {
            (false, _) => "cannot be used",
            (true, true) => "certificate and key belong together and can be used",
            (true, false) => "the certificate can be used; its key was not looked at",
        };
        let _ = writeln!(text, "\n{verdict}");
        text
    }
}

/// The contents of a certificate, one line for each part.
pub(super) fn describe(leaf: &Leaf) -> String {
    let or_none = |text: &str| if text.is_empty() { "none".to_string() } else { text.to_string() };
    let issuer = if leaf.self_signed { "itself (self-signed)".into() } else { leaf.issuer.clone() };
    let rows = [
        ("common name", or_none(&leaf.common_name)),
        ("names", or_none(&leaf.names.join(", "))),
        ("issued by", issuer),
        ("valid", format!("{} to {}", day(leaf.not_before), day(leaf.not_after))),
        ("key", leaf.key.clone()),
        ("version", format!("X.509 v{}", leaf.version)),
    ];
    rows.iter().map(|(word, value)| format!("  {word:<12} {value}\n")).collect()
}

/// The contents of a certificate, as JSON.
pub(super) fn leaf_json(leaf: &Leaf) -> serde_json::Value {
    serde_json::json!({
        "common_name": leaf.common_name, "names": leaf.names, "issuer": leaf.issuer, "self_signed": leaf.self_signed,
        "not_before": leaf.not_before, "not_after": leaf.not_after, "key": leaf.key, "version": leaf.version,
    })
}

fn json(seen: &Inspection, good: bool) -> String {
    let finding = |finding: &Finding| {
        serde_json::json!({
            "fatal": finding.fatal, "file": finding.file.to_string_lossy(), "what": finding.what, "advice": finding.advice,
        })
    };
    let findings: Vec<_> = seen.findings.iter().map(finding).collect();
    let value = serde_json::json!({ "usable": good, "leaf": seen.leaf.as_ref().map(leaf_json), "findings": findings });
    format!("{value:#}\n")
}

fn pattern(host: &str) -> HostPattern {
    let host = host.to_ascii_lowercase();
    match host.strip_prefix("*.") {
        Some(parent) => HostPattern::Wildcard(parent.into()),
        None => HostPattern::Exact(host.into()),
    }
}
