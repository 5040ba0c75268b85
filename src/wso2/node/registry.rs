//! registry.xml of one node: what is named is there, and what is shared is no file of the node.

use std::collections::HashSet;

use crate::config::suggestion;
use crate::wso2::checks::{MOUNT, READ_ONLY, REMOTE, SHARED};
use crate::wso2::context::Context;
use crate::wso2::files::Written;
use crate::wso2::model::databases::{Datasource, database};
use crate::wso2::model::registry::{Mount, Registry, Remote, find};

pub(crate) fn check(context: Context<'_>) {
    let Some(registry) = &context.node.registry else { return };
    let sources = context.node.datasources.as_deref();
    configs(context, registry, sources);
    let mut ids = HashSet::new();
    for remote in &registry.remotes {
        if let Some(id) = remote.id.as_ref().filter(|id| !ids.insert(id.text.as_str())) {
            let what = format!("another remote instance has the id {:?}", id.text);
            context.findings.error(REMOTE, &id.at, what, "write another id, and name it in the mounts");
        }
        self::remote(context, registry, remote, sources);
    }
    let mut paths = HashSet::new();
    for mount in &registry.mounts {
        self::mount(context, &ids, mount);
        if let Some(path) = mount.path.as_ref().filter(|path| !paths.insert(path.text.as_str())) {
            let what = format!("{} is mounted twice", path.text);
            context.findings.error(MOUNT, &path.at, what, "keep one of them");
        }
    }
    if let Some(said) = registry.read_only.as_ref().filter(|said| context.node.role.is_manager && said.is_true()) {
        let what = "readOnly of the whole registry is true on the manager, so nobody can write it";
        context.findings.error(READ_ONLY, &said.at, what, "write <readOnly>false</readOnly>");
    }
    let wants_one = context.view.cluster().is_some_and(|cluster| cluster.database.is_some());
    if wants_one && registry.mounts.is_empty() {
        let what = "there is no mount, so this node shares no registry, and weir.toml has [cluster.database]";
        let advice = "write a dbConfig, a remoteInstance, and a mount of /_system/config and of /_system/governance";
        context.findings.error(MOUNT, &registry.at, what, advice);
    }
}

fn configs(context: Context<'_>, registry: &Registry, sources: Option<&[Datasource]>) {
    let names: Vec<&str> = registry.configs.iter().map(|(name, _)| name.text.as_str()).collect();
    if let Some(current) = registry.current.as_ref().filter(|current| !names.contains(&current.text.as_str())) {
        let what = format!("currentDBConfig names {:?}, and no dbConfig has that name", current.text);
        context.findings.error(REMOTE, &current.at, what, suggestion(&current.text, "names here", &names));
    }
    let Some(sources) = sources else { return };
    let known: Vec<&str> =
        sources.iter().filter_map(|source| source.jndi.as_ref()).map(|name| name.text.as_str()).collect();
    let (some, known): (&[&str], HashSet<&str>) =
        (&known[..known.len().min(MOST_NAMES)], known.iter().copied().collect());
    for (_, source) in &registry.configs {
        if let Some(source) = source.as_ref().filter(|source| !known.contains(source.text.as_str())) {
            let what = format!("no datasource of master-datasources.xml has the JNDI name {:?}", source.text);
            context.findings.error(REMOTE, &source.at, what, suggestion(&source.text, "names there", some));
        }
    }
}

fn remote(context: Context<'_>, registry: &Registry, remote: &Remote, sources: Option<&[Datasource]>) {
    let findings = context.findings;
    if remote.id.is_none() {
        findings.error(
            REMOTE,
            &remote.at,
            "this remote instance has no id, so no mount can name it",
            "write <id>shared</id>",
        );
    }
    let Some(config) = &remote.config else {
        if !remote.by_network {
            findings.error(
                REMOTE,
                &remote.at,
                "this remote instance has no dbConfig",
                "write <dbConfig>NAME</dbConfig>, the name of a dbConfig",
            );
        }
        return;
    };
    read_only(context, remote);
    let names: Vec<&str> = registry.configs.iter().map(|(name, _)| name.text.as_str()).take(MOST_NAMES).collect();
    if registry.configs.iter().all(|(name, _)| name.text != config.text) {
        let what = format!("no dbConfig has the name {:?}", config.text);
        findings.error(REMOTE, &config.at, what, suggestion(&config.text, "names here", &names));
        return;
    }
    let own = registry.current.as_ref().and_then(|current| registry.datasource(&current.text));
    let theirs = registry.datasource(&config.text);
    let is_own = registry.current.as_ref().is_some_and(|current| current.text == config.text);
    if is_own || matches!((own, theirs), (Some(own), Some(theirs)) if own.text == theirs.text) {
        let what = "this remote instance is in the node's own database, so nothing is shared";
        findings.error(REMOTE, &config.at, what, "name a dbConfig with a datasource that all nodes have");
        return;
    }
    let url = |name: Option<&Written>| find(sources?, &name?.text)?.url.as_ref();
    if let Some((own, url)) = url(own).zip(url(theirs)).filter(|(own, url)| database(&own.text) == database(&url.text))
    {
        let what = format!("the shared database is the node's own one too: {}", database(&own.text));
        findings.error(SHARED, &url.at, what, "give one of them a database of its own");
        return;
    }
    if let Some(source) = theirs.and_then(|theirs| find(sources?, &theirs.text))
        && let Some(url) = source.url.as_ref().filter(|url| url.text.starts_with("jdbc:h2:"))
    {
        let what = "the shared database is H2, a file that one node has for itself";
        findings.error(
            SHARED,
            &url.at,
            what,
            "write the URL of a database server, such as jdbc:mysql://db.example.com:3306/registry",
        );
    }
}

fn read_only(context: Context<'_>, remote: &Remote) {
    let role = context.node.role;
    let said = remote.read_only.as_ref();
    let at = said.map_or(&remote.at, |said| &said.at);
    let is_flag = |said: &&Written| said.is_true() || said.text.eq_ignore_ascii_case("false");
    if let Some(said) = said.filter(|said| !is_flag(said)) {
        let what = format!("readOnly is {:?}, neither true nor false", said.text);
        context.findings.error(READ_ONLY, at, what, format!("write <readOnly>{}</readOnly>", role.is_worker()));
        return;
    }
    let read_only = said.is_some_and(Written::is_true);
    if role.is_manager && read_only {
        let what = "readOnly is true on the manager, so nobody can write the shared registry";
        context.findings.error(READ_ONLY, at, what, "write <readOnly>false</readOnly>");
    } else if role.is_worker() && !read_only {
        let what = "readOnly is not true on a worker, so it writes the shared registry beside the manager";
        context.findings.warning(READ_ONLY, at, what, "write <readOnly>true</readOnly>");
    }
}

/// The paths that each registry has from its first start on.
const THERE: [&str; 3] = ["/_system/config", "/_system/governance", "/_system/local"];

/// A path that is there already is only mounted over where that is said.
fn overwrite(context: Context<'_>, mount: &Mount) {
    let said = mount.overwrite.as_ref();
    let is = |word: &str| said.is_some_and(|said| said.text.eq_ignore_ascii_case(word));
    if let Some(said) = said.filter(|_| !["true", "false", "virtual"].iter().any(|word| is(word))) {
        let what = format!("overwrite is {:?}", said.text);
        context.findings.error(MOUNT, &said.at, what, "write overwrite=\"true\", \"false\" or \"virtual\"");
    } else if let Some(path) = mount.path.as_ref().filter(|path| THERE.contains(&path.text.trim_end_matches('/')))
        && !is("true")
        && !is("virtual")
    {
        let at = said.map_or(&path.at, |said| &said.at);
        let what =
            format!("overwrite is not true, and {} is in each registry already: the mount is not made", path.text);
        context.findings.error(MOUNT, at, what, "write overwrite=\"true\"");
    }
}

/// The most names that advice is looked for in.
const MOST_NAMES: usize = 100;

fn mount(context: Context<'_>, ids: &HashSet<&str>, mount: &Mount) {
    match &mount.instance {
        None => context.findings.error(
            MOUNT,
            &mount.at,
            "this mount has no instanceId",
            "write <instanceId>ID</instanceId>, the id of a remoteInstance",
        ),
        Some(instance) if !ids.contains(&instance.text.as_str()) => {
            let what = format!("no remoteInstance has the id {:?}", instance.text);
            let mut names: Vec<&str> = ids.iter().copied().take(MOST_NAMES).collect();
            names.sort_unstable();
            context.findings.error(MOUNT, &instance.at, what, suggestion(&instance.text, "ids here", &names));
        }
        Some(_) => {}
    }
    overwrite(context, mount);
    if mount.path.is_none() || mount.target.is_none() {
        let what = "this mount has no path or no targetPath";
        context.findings.error(
            MOUNT,
            &mount.at,
            what,
            "write <mount path=\"/_system/config\"> with <targetPath>/_system/config</targetPath>",
        );
    }
}
