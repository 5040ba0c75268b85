//! `weir wso2`: the nodes of a WSO2 cluster. `check` reads their configuration files and says what is wrong; `test` asks the
//! running cluster through Weir.

mod test;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::config_file::ConfigFile;
use super::output::{fail, print};
use crate::app::{BAD_CONFIG, FAILED, shows_color};
use crate::config::{self, Config, Errors, Problem, first_of, suggestion};
use crate::wso2::{Asked, Checked, Finding, check};

/// What to do with them.
#[derive(clap::Subcommand)]
pub(super) enum Wso2 {
    /// Check the configuration files of the nodes: each by itself, against each other, and against weir.toml
    Check(Check),
    /// Test the running cluster through the balancer: console, services, sessions, nodes, certificates, failover
    Test(Box<test::Test>),
}

#[derive(clap::Args)]
pub(super) struct Check {
    /// A node of weir.toml, and the directory of its files: its conf directory, the home of its product, or a copy of either
    #[arg(long = "node", value_name = "NAME=DIR", required = true, value_parser = node)]
    nodes: Vec<(String, PathBuf)>,
    #[command(flatten)]
    file: ConfigFile,
    /// Ask this machine for the addresses of the names that the nodes' files have
    #[arg(long)]
    resolve: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `worker1=/opt/wso2ei`
fn node(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, directory)) if !name.is_empty() && !directory.is_empty() => Ok((name.to_owned(), directory.into())),
        _ => Err("write NAME=DIR, such as worker1=/mnt/worker1/conf".to_owned()),
    }
}

impl Wso2 {
    /// Returns the exit code: 0 without errors, 1 it said why not, 78 something is wrong with files.
    pub(super) fn run(&self, now: SystemTime) -> i32 {
        match self {
            Self::Check(asked) => asked.run(now),
            Self::Test(asked) => asked.run(now),
        }
    }
}

impl Check {
    fn run(&self, now: SystemTime) -> i32 {
        let config = match config::load_at(&self.file.config, now) {
            Ok(config) => config,
            Err(errors) => {
                eprint!("{}", errors.render(shows_color(&std::io::stderr())));
                return BAD_CONFIG;
            }
        };
        let nodes = match self.known(&config) {
            Ok(nodes) => nodes,
            Err(why) => return fail(&why),
        };
        let checked = check(&Asked { config: &config, nodes, resolve: self.resolve, now });
        let text = if self.json { format!("{:#}\n", as_json(&checked)) } else { as_text(&checked) };
        match (print(&text), checked.findings.iter().any(|finding| finding.is_error)) {
            (_, true) => BAD_CONFIG,
            (true, false) => 0,
            (false, false) => FAILED,
        }
    }

    /// The nodes by their index in weir.toml.
    fn known(&self, config: &Config) -> Result<Vec<(usize, PathBuf)>, String> {
        let names: Vec<&str> = config.nodes.iter().map(|node| &*node.name).collect();
        let mut nodes: Vec<(usize, PathBuf)> = Vec::new();
        for (name, directory) in &self.nodes {
            let Some(index) = names.iter().position(|known| known == name) else {
                let file = self.file.config.display();
                return Err(format!("{file} has no node {name:?}; {}", suggestion(name, "nodes there", &names)));
            };
            if nodes.iter().any(|(other, _)| *other == index) {
                return Err(format!("--node names {name:?} twice"));
            }
            let same = |other: &Path| matches!((other.canonicalize(), directory.canonicalize()), (Ok(one), Ok(two)) if one == two);
            if let Some((other, _)) = nodes.iter().find(|(_, other)| same(other)) {
                let other = &config.nodes[*other].name;
                return Err(format!("--node names one directory for {other:?} and {name:?}: {}", directory.display()));
            }
            nodes.push((index, directory.clone()));
        }
        Ok(nodes)
    }
}

fn as_text(checked: &Checked) -> String {
    let color = shows_color(&std::io::stdout());
    let of = |is_error| {
        let all = checked.findings.iter().filter(|finding| finding.is_error == is_error);
        all.map(|finding| finding.problem.clone()).collect::<Vec<Problem>>()
    };
    let (errors, warnings) = (first_of(of(true)), first_of(of(false)));
    let drawn = if errors.is_empty() { String::new() } else { Errors(errors).render(color) + "\n" };
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let read = format!("{} of {} read", count(checked.files, "file"), count(checked.nodes, "node"));
    let findings = count(checked.findings.len() + checked.left_out, "finding");
    format!("{drawn}{}{read}; {findings}\n", config::render_warnings(&warnings, color))
}

fn as_json(checked: &Checked) -> Value {
    let finding = |finding: &Finding| {
        let Problem { at, what, advice } = &finding.problem;
        let severity = if finding.is_error { "error" } else { "warning" };
        json!({ "check": finding.check.name, "severity": severity, "file": at.file.display().to_string(), "line": at.line, "what": what, "advice": advice })
    };
    let ok = !checked.findings.iter().any(|finding| finding.is_error);
    json!({ "ok": ok, "files": checked.files, "nodes": checked.nodes, "left-out": checked.left_out, "findings": checked.findings.iter().map(finding).collect::<Vec<_>>() })
}
