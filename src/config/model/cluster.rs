//! Part of the checked configuration: what the nodes' own files should say of their cluster.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::tracing::Endpoint;
use crate::config::text::choices::{Deployment, Membership};
use crate::config::text::errors::Place;

/// `[cluster]`: what `weir wso2` compares the nodes' own files with, and where the members tell of each other. Requests do
/// not depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The domain in every axis2.xml. `None`: only that it is the same everywhere.
    pub domain: Option<Arc<str>>,
    /// The scheme by which members find each other. Default wka.
    pub membership: Membership,
    /// Index into [`Config::nodes`](super::Config::nodes). `None`: the node that the console's pool leads to.
    pub manager: Option<usize>,
    /// Nodes and their ports for messages of the cluster.
    pub members: Vec<ClusterMember>,
    /// How artifacts come from the manager to the workers. `None`: whatever the nodes say.
    pub deployment: Option<Deployment>,
    /// With svn: the repository.
    pub svn_url: Option<Arc<str>>,
    /// Index into [`Config::sites`](super::Config::sites): the site of the management console. `None`: the sites that lead
    /// to port 9443 or 9763.
    pub console: Option<usize>,
    /// Paths of services that answer on every worker. `weir wso2 test` asks for them.
    pub services: Vec<Arc<str>>,
    /// The database that the nodes share.
    pub database: Option<ClusterDatabase>,
    /// Where members are asked who is in the cluster.
    pub members_from: Vec<Endpoint>,
    /// Indices into [`Config::nodes`](super::Config::nodes), and the logs in which those nodes tell of the members.
    pub members_log: Vec<(usize, PathBuf)>,
    /// How often they are asked, and the logs are read. Default 5s. All that is told of the cluster waits for some of these.
    pub members_interval: Duration,
    /// Its place in the file.
    pub at: Place,
}

/// One member of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterMember {
    /// Index into [`Config::nodes`](super::Config::nodes).
    pub node: usize,
    /// Its localMemberPort. Default 4000.
    pub port: u16,
}

/// `[cluster.database]`: the database in which the nodes share their registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDatabase {
    /// `jdbc:…`
    pub url: Arc<str>,
    /// The user of the database.
    pub user: Option<Arc<str>>,
    /// The alias of its password in the secure vault of the nodes.
    pub password_alias: Option<Arc<str>>,
}
