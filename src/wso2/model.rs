//! One node: its files as plain values.

pub(crate) mod axis2;
pub(crate) mod carbon;
pub(crate) mod catalina;
pub(crate) mod databases;
pub(crate) mod registry;
pub(crate) mod start;
pub(crate) mod users;

use std::sync::Arc;

use self::axis2::Axis2;
use self::carbon::Carbon;
use self::catalina::Catalina;
use self::databases::Datasource;
use self::registry::Registry;
use self::start::Start;
use self::users::Users;
use super::files::properties::Properties;
use super::files::tree::Tree;
use super::reading::Reading;
use super::view::{Role, View};

/// What a node's files say.
pub(crate) struct NodeFiles {
    /// Index into the configuration's nodes.
    pub(crate) node: usize,
    pub(crate) name: Arc<str>,
    pub(crate) role: Role,
    pub(crate) tree: Tree,
    pub(crate) axis2: Option<Axis2>,
    pub(crate) carbon: Option<Carbon>,
    pub(crate) catalina: Option<Catalina>,
    pub(crate) registry: Option<Registry>,
    pub(crate) datasources: Option<Vec<Datasource>>,
    pub(crate) passthru: Option<Properties>,
    pub(crate) users: Option<Users>,
    pub(crate) start: Start,
}

impl NodeFiles {
    /// Reads all files of a node. What cannot be read is among the findings.
    pub(crate) fn read(node: usize, tree: Tree, view: View<'_>, read: &Reading<'_>) -> Self {
        let conf = |name| tree.conf(name);
        Self {
            axis2: read.required(&conf("axis2/axis2.xml"), "axisconfig", Axis2::read),
            carbon: read.required(&conf("carbon.xml"), "Server", Carbon::read),
            catalina: read.expected(&conf("tomcat/catalina-server.xml"), "Server", Catalina::read),
            registry: read.expected(&conf("registry.xml"), "wso2registry", Registry::read),
            datasources: databases::all(&conf("datasources/master-datasources.xml"), read),
            passthru: read.source(&conf("passthru-http.properties")).map(|source| Properties::read(&source)),
            users: read.xml(&conf("user-mgt.xml"), "UserManager", Users::read),
            start: Start::read(&tree, read),
            node,
            name: view.name(node).into(),
            role: view.role(node),
            tree,
        }
    }

    /// The datasources that the node shares with others: those of its remote instances.
    pub(crate) fn shared(&self) -> impl Iterator<Item = &Datasource> {
        let both = self.registry.as_ref().zip(self.datasources.as_ref());
        both.into_iter().flat_map(|(registry, sources)| registry.shared(sources))
    }

    /// What is added to the node's ports.
    pub(crate) fn offset(&self) -> u16 {
        let carbon = self.carbon.as_ref().and_then(|carbon| carbon.offset.as_ref());
        self.start.port_offset.as_ref().or(carbon).and_then(|offset| offset.text.parse().ok()).unwrap_or(0)
    }

    /// Whether this is EI 6, which knows no worker profile. By its product's name, else by its directories.
    pub(crate) fn is_ei(&self) -> bool {
        let name = self.carbon.as_ref().and_then(|carbon| carbon.product.as_ref());
        name.map_or(!self.tree.below_repository, |name| name.text.contains("Integrator"))
    }
}
