//! registry.xml as plain values: databases, remote instances, and the mounts that make a registry shared.

use super::databases::Datasource;
use crate::config::Place;
use crate::wso2::files::Written;
use crate::wso2::files::xml::Element;

/// What of registry.xml matters to a cluster.
pub(crate) struct Registry {
    pub(crate) at: Place,
    pub(crate) current: Option<Written>,
    /// Whether nothing at all may be written.
    pub(crate) read_only: Option<Written>,
    pub(crate) configs: Vec<(Written, Option<Written>)>,
    pub(crate) remotes: Vec<Remote>,
    pub(crate) mounts: Vec<Mount>,
}

/// `remoteInstance`
pub(crate) struct Remote {
    pub(crate) at: Place,
    pub(crate) id: Option<Written>,
    pub(crate) config: Option<Written>,
    pub(crate) read_only: Option<Written>,
    pub(crate) cache: Option<Written>,
    /// The part of the database's tree that this instance is.
    pub(crate) root: Option<Written>,
    pub(crate) is_cached: Option<Written>,
    /// One that is reached over the network has no dbConfig but a user.
    pub(crate) by_network: bool,
}

/// `mount`
pub(crate) struct Mount {
    pub(crate) at: Place,
    pub(crate) path: Option<Written>,
    pub(crate) instance: Option<Written>,
    pub(crate) target: Option<Written>,
    pub(crate) overwrite: Option<Written>,
}

impl Registry {
    pub(crate) fn read(root: Element<'_>) -> Self {
        let config = |one: Element<'_>| Some((one.raw("name")?, one.said("dataSource")));
        let remote = |one: Element<'_>| Remote {
            at: one.at(),
            id: one.said("id"),
            config: one.said("dbConfig"),
            read_only: one.said("readOnly"),
            cache: one.said("cacheId"),
            root: one.said("registryRoot"),
            is_cached: one.said("enableCache"),
            by_network: one.said("username").is_some(),
        };
        let mount = |one: Element<'_>| Mount {
            at: one.at(),
            path: one.attribute("path"),
            instance: one.said("instanceId"),
            target: one.said("targetPath"),
            overwrite: one.attribute("overwrite"),
        };
        Self {
            at: root.at(),
            current: root.said("currentDBConfig"),
            read_only: root.said("readOnly"),
            configs: root.children("dbConfig").filter_map(config).collect(),
            remotes: root.children("remoteInstance").map(remote).collect(),
            mounts: root.children("mount").map(mount).collect(),
        }
    }

    /// The JNDI name of a dbConfig's datasource.
    pub(crate) fn datasource(&self, config: &str) -> Option<&Written> {
        self.configs.iter().find(|(name, _)| name.text == config).and_then(|(_, source)| source.as_ref())
    }

    /// The datasources of the remote instances: those that nodes share.
    pub(crate) fn shared<'a>(&'a self, all: &'a [Datasource]) -> impl Iterator<Item = &'a Datasource> {
        let configs = self.remotes.iter().filter_map(|remote| remote.config.as_ref());
        configs.filter_map(|config| find(all, &self.datasource(&config.text)?.text))
    }
}

pub(crate) fn find<'a>(all: &'a [Datasource], jndi: &str) -> Option<&'a Datasource> {
    all.iter().find(|source| source.jndi.as_ref().is_some_and(|name| name.text == jndi))
}
