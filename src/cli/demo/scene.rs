//! Everything that runs in a demo, with the actions of the prompt and of the self-test.

use std::io::{Error, Result};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};
use std::{fs, process};

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::certificates;
use super::client::Client;
use super::cluster::Cluster;
use super::configuration;
use super::examples::admin;
use super::layout::{self, Layout};
use crate::cli::rig::weir_process::{Journal, WeirProcess};
use crate::config::certificate::{pin_of, pin_text};

/// The cluster, Weir in front of it, and a client.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) layout: Layout,
    pub(super) cluster: Cluster,
    pub(super) front: WeirProcess,
    pub(super) client: Client,
}

/// A node in a pool, as Weir's admin API shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeState {
    pub(super) pool: String,
    pub(super) node: String,
    pub(super) state: String,
    pub(super) reason: String,
}

impl Scene {
    /// Starts all of it, in this order: certificates, nodes, configuration, Weir.
    pub(super) async fn start(directory: Option<PathBuf>, wanted: [u16; 3]) -> Result<Self> {
        let directory = made(directory)?;
        let certificates = certificates::create(&directory.join("certs"), SystemTime::now())?;
        let cluster = Cluster::start(certificates.node_tls).await?;
        let [http, https, admin] = layout::free(wanted)?;
        let authority = certificates.authority;
        let socket = layout::socket(&directory);
        let mut layout = Layout { http, https, admin, socket, nodes: cluster.ports, directory, authority };
        fs::create_dir_all(layout.directory.join("state"))?;
        let client = Client::new(certificates.authority_der)?;
        let front = begin(&mut layout, wanted, &pin_text(pin_of(&certificates.node))).await?;
        Ok(Self { layout, cluster, front, client })
    }

    /// The states of all nodes in all pools.
    pub(super) async fn states(&self) -> Result<Vec<NodeState>> {
        let reply = self.client.ask(&admin(&self.layout, "/api/nodes")).await?;
        let nodes: serde_json::Value = serde_json::from_str(&reply.body)?;
        Ok(nodes.as_array().into_iter().flatten().map(NodeState::new).collect())
    }

    /// Waits until this node's state in this pool is, or is not, `active`.
    pub(super) async fn until(&self, pool: &str, node: &str, active: bool) -> Result<NodeState> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let states = self.states().await?;
            let found = states.into_iter().find(|state| state.pool == pool && state.node == node);
            match found {
                Some(state) if (state.state == "active") == active => return Ok(state),
                found if Instant::now() > deadline => return Err(Error::other(format!("still {found:?}"))),
                _ => sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Runs one of Weir's own commands (`nodes`, `reload`), as an operator would. Returns its output.
    pub(super) async fn command(&self, word: &'static str) -> Result<String> {
        let socket = self.layout.socket.clone();
        let run = move || Command::new(std::env::current_exe()?).args([word, "--admin"]).arg(socket).output();
        let output = spawn_blocking(run).await.map_err(Error::other)??;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).trim_end().to_owned();
        if output.status.success() { Ok(said) } else { Err(Error::other(said)) }
    }
}

impl NodeState {
    fn new(node: &serde_json::Value) -> Self {
        let text = |key: &str| node.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        Self { pool: text("pool"), node: text("node"), state: text("state"), reason: text("reason") }
    }
}

/// Writes the configuration and starts Weir. If another process has taken a port meanwhile, tries again with other
/// ports.
async fn begin(layout: &mut Layout, wanted: [u16; 3], pin: &str) -> Result<WeirProcess> {
    let file = layout.directory.join(FILE);
    for _ in 1..MOST_STARTS {
        fs::write(&file, configuration::text(layout, pin))?;
        let outcome = WeirProcess::start(&file, &Journal::Shown).await;
        let tried = [layout.http, layout.https, layout.admin];
        let free = layout::free(wanted)?;
        if outcome.is_ok() || free == tried {
            return outcome;
        }
        [layout.http, layout.https, layout.admin] = free;
    }
    fs::write(&file, configuration::text(layout, pin))?;
    WeirProcess::start(&file, &Journal::Shown).await
}

/// The directory that the user named, or a new one that no other process can have made.
fn made(directory: Option<PathBuf>) -> Result<PathBuf> {
    let Some(directory) = directory else {
        let directory = std::env::temp_dir().join(format!("weir-demo-{}", process::id()));
        fs::DirBuilder::new().mode(0o700).create(&directory)?;
        return Ok(directory);
    };
    fs::create_dir_all(&directory)?;
    if !is_ours(&directory)? {
        let what =
            format!("{} has other files that the demo might overwrite; name an empty directory", directory.display());
        return Err(Error::other(what));
    }
    directory.canonicalize()
}

/// Whether the directory is empty or has the files of an earlier demo.
fn is_ours(directory: &Path) -> Result<bool> {
    let left = fs::read_to_string(directory.join(FILE)).unwrap_or_default();
    Ok(left.starts_with(configuration::MARK) || fs::read_dir(directory)?.next().is_none())
}

const FILE: &str = "weir.toml";
const MOST_STARTS: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_other_things_is_left_alone() {
        let parent = std::env::temp_dir().join(format!("weir-demo-directories-{}", process::id()));
        let cases =
            [("empty", None, true), ("foreign", Some("[admin]\n"), false), ("ours", Some(configuration::MARK), true)];
        for (name, text, taken) in cases {
            let directory = parent.join(name);
            fs::create_dir_all(&directory).unwrap();
            if let Some(text) = text {
                fs::write(directory.join(FILE), text).unwrap();
            }
            assert_eq!(made(Some(directory)).is_ok(), taken, "{name}");
        }
        assert!(made(Some(parent.clone())).is_err(), "a directory of directories");
        assert!(made(Some(parent.join("new"))).is_ok());
        fs::remove_dir_all(parent).unwrap();
    }
}
