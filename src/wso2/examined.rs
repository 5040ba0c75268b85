//! Reads the files of all nodes, and runs all checks.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::checks::FILE;
use super::context::Context;
use super::files::tree::Tree;
use super::findings::{Finding, Findings};
use super::model::NodeFiles;
use super::reading::{Reading, Texts};
use super::view::{Members, View};
use super::{across, names, node};
use crate::config::{Config, Place};

/// What is checked.
pub struct Asked<'a> {
    /// The checked weir.toml.
    pub config: &'a Config,
    /// Nodes, by their index in it, and their directories or archives.
    pub nodes: Vec<(usize, PathBuf)>,
    /// Whether the system is asked for the addresses of names.
    pub resolve: bool,
    /// The time by which certificates are judged.
    pub now: SystemTime,
}

impl Asked<'_> {
    pub(crate) fn members(&self) -> Members {
        Members::of(self.config, self.nodes.iter().map(|(node, _)| *node))
    }
}

/// What came of it.
pub struct Checked {
    /// In the order of the nodes, their files and lines.
    pub findings: Vec<Finding>,
    /// How many warnings there are besides: only the first thousand are kept.
    pub left_out: usize,
    /// The files that were read.
    pub files: Vec<PathBuf>,
    /// Of how many nodes.
    pub nodes: usize,
    /// What was read, for excerpts: files may be in an archive, or in another encoding.
    pub texts: HashMap<PathBuf, String>,
}

/// Checks the nodes' files.
pub fn check(asked: &Asked<'_>) -> Checked {
    examine(asked, &Texts::default()).1
}

/// Checks them with these texts in place of what the disk has.
pub(crate) fn examine(asked: &Asked<'_>, texts: &Texts) -> (Vec<NodeFiles>, Checked) {
    let (findings, members) = (Findings::default(), asked.members());
    let view = View { config: asked.config, members: &members };
    let now =
        asked.now.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    let reading = Reading::new(&findings, now, texts);
    let nodes: Vec<NodeFiles> = trees(asked, view, &reading)
        .into_iter()
        .map(|(node, tree)| NodeFiles::read(node, tree, view, &reading))
        .collect();
    nodes.iter().for_each(|node| node::check(Context { node, view, findings: &findings }, &reading));
    across::check(&nodes, view, &findings);
    if asked.resolve {
        names::check(&nodes, &findings);
    }
    let (files, read) = reading.files();
    let (findings, left_out) = findings.sorted(&files);
    let checked = Checked { files, nodes: nodes.len(), findings, left_out, texts: read };
    (nodes, checked)
}

/// Where the files of each node are. Those of one node are nobody else's: that may only show where they were found.
fn trees(asked: &Asked<'_>, view: View<'_>, reading: &Reading<'_>) -> Vec<(usize, Tree)> {
    let mut trees: Vec<(usize, Tree)> = Vec::new();
    for (node, directory) in &asked.nodes {
        let tree = match Tree::open(directory, &reading.shelf) {
            Ok(tree) => tree,
            Err(problem) => {
                reading.findings.unreadable(problem);
                continue;
            }
        };
        let Some((other, _)) = trees.iter().find(|(_, other)| other.real() == tree.real()) else {
            trees.push((*node, tree));
            continue;
        };
        let at = Place { file: Arc::new(directory.clone()), ..Place::default() };
        let what = format!("the files of {} are those of {} too", view.name(*node), view.name(*other));
        reading.findings.error(FILE, &at, what, "name a directory for each node");
    }
    trees
}
