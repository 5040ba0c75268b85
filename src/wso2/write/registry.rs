//! What is mended in registry.xml: mounts, remote instances, and the databases that they name.

use std::collections::BTreeSet;

use super::carbon::set;
use super::databases::{JNDI, is_misspelt, shared_jndi};
use super::edits::Edit;
use super::fixing::{Fixing, meant, only, usual};
use super::markup::Markup;
use super::xml::Element;
use crate::config::suggestion;
use crate::wso2::checks::{CACHE, MOUNT, READ_ONLY, REMOTE};
use crate::wso2::files::Written;
use crate::wso2::files::secrets::hidden;
use crate::wso2::model::NodeFiles;
use crate::wso2::model::registry::{Mount, Registry, find};

/// The edits for a finding. `None`: it is left to the operator.
pub(crate) fn fix(fixing: &Fixing<'_>, root: Element<'_>) -> Option<Vec<Edit>> {
    let registry = fixing.node.registry.as_ref()?;
    let here = root.at(fixing.at());
    match fixing.finding.check {
        READ_ONLY if fixing.role().has_manager => match here.up("remoteInstance") {
            Some(remote) => {
                let after = ["dbConfig", "id"].map(|name| remote.child(name));
                set(remote, "readOnly", &fixing.role().is_worker().to_string(), &after)
            }
            None => here.set_text("false"),
        },
        MOUNT => match here.up("mount") {
            Some(mount) => self::mount(fixing, registry, mount, here),
            None if registry.mounts.is_empty() => shared(fixing, registry, root),
            None => mounts(fixing, registry, root),
        },
        REMOTE => remote(fixing, registry, here),
        CACHE => here.set_text(&cache(fixing, registry, here.up("remoteInstance")?)?),
        _ => None,
    }
}

/// A registry that is not shared yet: a dbConfig, a remote instance in it, and the mounts that other nodes have, or the usual ones.
fn shared(fixing: &Fixing<'_>, registry: &Registry, root: Element<'_>) -> Option<Vec<Edit>> {
    fixing.cluster()?.database.as_ref()?;
    let role = fixing.role();
    let mut new = Vec::new();
    let own = registry.remotes.iter().find_map(|remote| Some(remote.id.as_ref()?.text.clone()));
    let id = own.clone().unwrap_or_else(|| "sharedregistry".to_owned());
    if own.is_none() {
        if !role.has_manager || registry.configs.iter().any(|(name, _)| name.text == CONFIG) {
            return None;
        }
        let jndi = shared_jndi(fixing).unwrap_or_else(|| JNDI.to_owned());
        new.push(Markup::new("dbConfig").with("name", CONFIG).child(Markup::of("dataSource", &jndi)));
        new.push(
            Markup::new("remoteInstance")
                .with("url", "https://localhost:9443/registry")
                .child(Markup::of("id", &id))
                .child(Markup::of("dbConfig", CONFIG))
                .child(Markup::of("readOnly", &role.is_worker().to_string()))
                .child(Markup::of("enableCache", "true"))
                .child(Markup::of("registryRoot", "/")),
        );
    }
    let theirs = usual_mounts(fixing);
    let usual = [("/_system/config", "/_system/config"), ("/_system/governance", "/_system/governance")];
    let usual: Vec<(String, String)> = usual.map(|(path, target)| (path.to_owned(), target.to_owned())).into();
    let mounts = if theirs.is_empty() { usual } else { theirs };
    new.extend(mounts.iter().map(|(path, target)| mount_of(path, &id, target)));
    root.insert(&new, "remoteInstance", &[root.children("dbConfig").next_back()])
}

/// The name of the dbConfig that is made.
const CONFIG: &str = "sharedregistry";

fn mount_of(path: &str, id: &str, target: &str) -> Markup {
    Markup::new("mount")
        .with("path", path)
        .with("overwrite", "true")
        .child(Markup::of("instanceId", id))
        .child(Markup::of("targetPath", target))
}

fn path(mount: &Mount) -> Option<&str> {
    mount.path.as_ref().map(|path| path.text.as_str())
}

fn mounted<'a>(node: &'a NodeFiles, wanted: &str) -> Option<&'a Mount> {
    node.registry.as_ref()?.mounts.iter().find(|mount| path(mount) == Some(wanted))
}

/// The mounts that most nodes have, with the target that most of them have.
fn usual_mounts(fixing: &Fixing<'_>) -> Vec<(String, String)> {
    let registries = fixing.nodes.iter().filter_map(|node| node.registry.as_ref());
    let paths: BTreeSet<&str> = registries.flat_map(|registry| &registry.mounts).filter_map(path).collect();
    let target = |node: &'_ NodeFiles, path: &str| Some(mounted(node, path)?.target.as_ref()?.text.clone());
    let with_target = |path: &str| Some((path.to_owned(), usual(fixing, |node| target(node, path))?));
    paths.into_iter().filter_map(with_target).collect()
}

/// What other nodes mount and this one does not. One with a name that is almost the same was meant.
fn mounts(fixing: &Fixing<'_>, registry: &Registry, root: Element<'_>) -> Option<Vec<Edit>> {
    let all = usual_mounts(fixing);
    let (_, missing): (Vec<_>, Vec<_>) = all.iter().partition(|(path, _)| mounted(fixing.node, path).is_some());
    let known: Vec<&str> = missing.iter().map(|(path, _)| path.as_str()).collect();
    let is_meant = |mount: &Mount| {
        path(mount).is_some_and(|path| {
            all.iter().all(|(other, _)| other != path) && meant(&suggestion(path, "mounts there", &known)).is_some()
        })
    };
    if registry.mounts.iter().any(is_meant) {
        return None;
    }
    let id = only(registry.remotes.iter().filter_map(|remote| remote.id.as_ref()).map(|id| id.text.as_str()))?;
    let new: Vec<Markup> = missing.iter().map(|(path, target)| mount_of(path, id, target)).collect();
    if new.is_empty() { None } else { root.insert(&new, "targetPath", &[root.children("mount").next_back()]) }
}

fn mount(fixing: &Fixing<'_>, registry: &Registry, mount: Element<'_>, here: Element<'_>) -> Option<Vec<Edit>> {
    let own = mount.attribute("path")?;
    let same: Vec<_> = mount.parent()?.children("mount").filter(|one| one.attribute("path") == Some(own)).collect();
    if let [first, .., last] = same.as_slice()
        && last.is(&mount)
    {
        let said = |one: &Element<'_>| ["instanceId", "targetPath"].map(|name| one.said(name));
        return (said(first) == said(last)).then(|| last.remove());
    }
    match here.name() {
        "instanceId" => {
            let ids = registry.remotes.iter().filter_map(|remote| remote.id.as_ref()).map(|id| id.text.as_str());
            here.set_text(only(ids)?)
        }
        "targetPath" => {
            let target = |node: &NodeFiles| Some(mounted(node, own)?.target.as_ref()?.text.clone());
            here.set_text(&usual(fixing, target)?)
        }
        _ => {
            let wanted = meant(&fixing.finding.problem.advice)?;
            let is_free = wanted.starts_with('/') && mounted(fixing.node, wanted).is_none();
            is_free.then(|| mount.set_attribute("path", wanted, ""))?
        }
    }
}

fn remote(fixing: &Fixing<'_>, registry: &Registry, here: Element<'_>) -> Option<Vec<Edit>> {
    if !matches!(here.name(), "currentDBConfig" | "dbConfig" | "dataSource") {
        return None;
    }
    if let Some(wanted) = meant(&fixing.finding.problem.advice) {
        if is_own(registry, here) && is_shared(registry, wanted) {
            return None;
        }
        return is_misspelt(fixing).then(|| here.set_text(wanted))?;
    }
    // The node's own database is named: another one is meant if there is only one.
    here.up("remoteInstance")?;
    let own = &registry.current.as_ref()?.text;
    let source = registry.datasource(own)?;
    // Where what is called its own is on a server and the other one is a file of the node, currentDBConfig is what is wrong.
    let is_file = |source: &Written| {
        let found = fixing.node.datasources.as_ref().and_then(|all| find(all, &source.text)?.url.as_ref());
        found.is_some_and(|url| url.text.starts_with("jdbc:h2:"))
    };
    if !is_file(source) && registry.configs.iter().any(|(_, said)| said.as_ref().is_some_and(is_file)) {
        return None;
    }
    let others = registry
        .configs
        .iter()
        .filter(|(name, said)| name.text != *own && said.as_ref().is_some_and(|said| said.text != source.text));
    here.set_text(only(others.map(|(name, _)| name.text.as_str()))?)
}

/// Whether this names the database that the node has for itself: `currentDBConfig`, or the datasource of that dbConfig.
fn is_own(registry: &Registry, here: Element<'_>) -> bool {
    let own = registry.current.as_ref().map(|current| current.text.as_str());
    let config = here.up("dbConfig").filter(|_| here.name() == "dataSource");
    here.name() == "currentDBConfig" || config.is_some_and(|config| config.attribute("name") == own)
}

/// Whether this is a dbConfig or a datasource of a remote instance, however much another name is like it.
fn is_shared(registry: &Registry, name: &str) -> bool {
    let configs = || registry.remotes.iter().filter_map(|remote| remote.config.as_ref());
    configs().any(|config| {
        config.text == name || registry.datasource(&config.text).is_some_and(|source| source.text == name)
    })
}

/// user@URL of the datasource behind a remote instance. A URL with a password is not copied.
fn cache(fixing: &Fixing<'_>, registry: &Registry, remote: Element<'_>) -> Option<String> {
    let jndi = &registry.datasource(&remote.said("dbConfig")?)?.text;
    let source = find(fixing.node.datasources.as_ref()?, jndi)?;
    let (user, url) = (&source.user.as_ref()?.text, &source.url.as_ref()?.text);
    (hidden(url) == *url).then(|| format!("{user}@{url}"))
}
