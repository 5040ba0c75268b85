//! The nodes' side of a WSO2 cluster: what is wrong in the configuration files of its nodes, by themselves, between each other,
//! and compared with weir.toml.
//!
//! Files are read and nothing is written. ESB 4.9 and 5.0 and EI 6 are known.

mod across;
pub mod checks;
mod context;
mod files;
mod findings;
mod model;
mod names;
mod node;
mod reading;
mod view;
pub mod wsdl;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

pub use self::checks::Check;
use self::context::Context;
pub use self::findings::Finding;
use self::findings::Findings;
use self::model::NodeFiles;
use self::reading::Reading;
use self::view::View;
pub(crate) use self::view::has_host;
use crate::config::Config;

/// What is checked.
pub struct Asked<'a> {
    /// The checked weir.toml.
    pub config: &'a Config,
    /// Nodes, by their index in it, and their directories.
    pub nodes: Vec<(usize, PathBuf)>,
    /// Whether the system is asked for the addresses of names.
    pub resolve: bool,
    /// The time by which certificates are judged.
    pub now: SystemTime,
}

/// What came of it.
pub struct Checked {
    /// In the order of the nodes, their files and lines.
    pub findings: Vec<Finding>,
    /// How many warnings there are besides: only the first thousand are kept.
    pub left_out: usize,
    /// How many files were read.
    pub files: usize,
    /// Of how many nodes.
    pub nodes: usize,
}

/// Checks the nodes' files.
pub fn check(asked: &Asked<'_>) -> Checked {
    let (findings, view) = (Findings::default(), View { config: asked.config });
    let now =
        asked.now.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    let reading = Reading::new(&findings, now);
    let nodes: Vec<NodeFiles> =
        asked.nodes.iter().filter_map(|(node, directory)| NodeFiles::read(*node, directory, view, &reading)).collect();
    nodes.iter().for_each(|node| node::check(Context { node, view, findings: &findings }, &reading));
    across::check(&nodes, view, &findings);
    if asked.resolve {
        names::check(&nodes, &findings);
    }
    let files = reading.files();
    let (findings, left_out) = findings.sorted(&files);
    Checked { files: files.len(), nodes: nodes.len(), findings, left_out }
}
