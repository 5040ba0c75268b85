//! The nodes that a command is about: their names in weir.toml, and the directories of their files.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::app::{BAD_CONFIG, shows_color};
use crate::cli::config_file::ConfigFile;
use crate::cli::output::fail;
use crate::config::{self, Config, suggestion};

#[derive(clap::Args)]
pub(super) struct Nodes {
    /// A node of weir.toml, and the directory of its files: its conf directory, the home of its product, or a copy of either; `check` also
    /// reads tar archives
    #[arg(long = "node", value_name = "NAME=DIR", required = true, value_parser = node)]
    nodes: Vec<(String, PathBuf)>,
    #[command(flatten)]
    file: ConfigFile,
}

/// `worker1=/opt/wso2ei`
fn node(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, directory)) if !name.is_empty() && !directory.is_empty() => Ok((name.to_owned(), directory.into())),
        _ => Err("write NAME=DIR, such as worker1=/mnt/worker1/conf".to_owned()),
    }
}

impl Nodes {
    /// The checked weir.toml, and the nodes by their index in it; or the exit code, after it was said why not.
    pub(super) fn load(&self, now: SystemTime) -> Result<(Config, Vec<(usize, PathBuf)>), i32> {
        let config = config::load_at(&self.file.config, now).map_err(|errors| {
            eprint!("{}", errors.render(shows_color(&std::io::stderr())));
            BAD_CONFIG
        })?;
        let nodes = self.known(&config).map_err(|why| fail(&why))?;
        Ok((config, nodes))
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
            let same = |other: &Path| {
                other == directory
                    || matches!((other.canonicalize(), directory.canonicalize()), (Ok(one), Ok(two)) if one == two)
            };
            if let Some((other, _)) = nodes.iter().find(|(_, other)| same(other)) {
                let other = &config.nodes[*other].name;
                return Err(format!("--node names one directory for {other:?} and {name:?}: {}", directory.display()));
            }
            nodes.push((index, directory.clone()));
        }
        Ok(nodes)
    }
}
