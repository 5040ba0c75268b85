//! `weir wso2`: the nodes of a WSO2 cluster. `check` reads their configuration files and says what is wrong, `write` makes it right;
//! `test` asks the running cluster through Weir.

mod nodes;
mod shown;
mod test;
mod write;

use std::time::SystemTime;

use serde_json::{Value, json};

use self::nodes::Nodes;
use self::shown::{counted, drawn};
use super::output::print;
use crate::app::{BAD_CONFIG, FAILED};
use crate::config::Problem;
use crate::wso2::{Asked, Checked, Finding, check};

/// What to do with them.
#[derive(clap::Subcommand)]
pub(super) enum Wso2 {
    /// Check the configuration files of the nodes: each by itself, against each other, and against weir.toml
    Check(Check),
    /// Make the edits in the nodes' files that the check asks for, from weir.toml; what they replace is kept beside them
    Write(write::Write),
    /// Test the running cluster through the balancer: console, services, sessions, nodes, certificates, failover
    Test(Box<test::Test>),
}

#[derive(clap::Args)]
pub(super) struct Check {
    #[command(flatten)]
    nodes: Nodes,
    /// Ask this machine for the addresses of the names that the nodes' files have
    #[arg(long)]
    resolve: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Wso2 {
    /// Returns the exit code: 0 without errors, 1 it said why not, 78 something is wrong with files.
    pub(super) fn run(&self, now: SystemTime) -> i32 {
        match self {
            Self::Check(asked) => asked.run(now),
            Self::Write(asked) => asked.run(now),
            Self::Test(asked) => asked.run(now),
        }
    }
}

impl Check {
    fn run(&self, now: SystemTime) -> i32 {
        let (config, nodes) = match self.nodes.load(now) {
            Ok(loaded) => loaded,
            Err(code) => return code,
        };
        let checked = check(&Asked { config: &config, nodes, resolve: self.resolve, now });
        let text = if self.json { format!("{:#}\n", as_json(&checked)) } else { as_text(&checked) };
        match (print(&text), checked.findings.iter().any(|finding| finding.is_error)) {
            (_, true) => BAD_CONFIG,
            (true, false) => 0,
            (false, false) => FAILED,
        }
    }
}

fn as_text(checked: &Checked) -> String {
    let read = format!("{} of {} read", counted(checked.files.len(), "file"), counted(checked.nodes, "node"));
    let findings = counted(checked.findings.len() + checked.left_out, "finding");
    format!("{}{read}; {findings}\n", drawn(&checked.findings, &checked.texts))
}

fn as_json(checked: &Checked) -> Value {
    let finding = |finding: &Finding| {
        let Problem { at, what, advice } = &finding.problem;
        let severity = if finding.is_error { "error" } else { "warning" };
        let column = checked.texts.get(&*at.file).and_then(|text| at.column(text));
        json!({ "check": finding.check.name, "severity": severity, "file": at.file.display().to_string(), "line": at.line, "column": column, "what": what, "advice": advice })
    };
    let ok = !checked.findings.iter().any(|finding| finding.is_error);
    json!({ "ok": ok, "files": checked.files.len(), "nodes": checked.nodes, "left-out": checked.left_out, "findings": checked.findings.iter().map(finding).collect::<Vec<_>>() })
}
