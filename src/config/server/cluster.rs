//! `[cluster]`: what the nodes' own files should say, and where the nodes tell of each other.

mod sources;

use std::sync::Arc;

use crate::config::model::{Cluster, ClusterDatabase, ClusterMember, Node};
use crate::config::text::choices::Deployment;
use crate::config::text::errors::Wrong;
use crate::config::text::section::Section;
use crate::config::text::words::{name, quoted};
use crate::config::values::names::Names;
use crate::config::values::paths;

/// Reads the table of the main file.
pub(crate) fn read(main: &Section<'_>, (names, nodes): (&Names, &[Node]), sites: &Names) -> Option<Cluster> {
    let section = main.section("cluster", "cluster")?;
    let deployment = section.choice("deployment");
    let svn_url = section.parsed("svn-url", url);
    if deployment != Some(Deployment::Svn) {
        section.no_effect(&["svn-url"], "without deployment = \"svn\"", "write deployment = \"svn\", or leave it out");
    }
    let cluster = Cluster {
        domain: section.parsed("domain", |text| name(text).map(|()| text.into())),
        membership: section.choice("membership").unwrap_or_default(),
        manager: section.text("manager").and_then(|text| names.find(&text)),
        members: members(&section, names),
        deployment,
        svn_url,
        services: services(&section),
        console: section.text("console").and_then(|text| sites.find(&text)),
        database: section.section("database", "cluster.database").map(|database| ClusterDatabase {
            url: database.required_parsed("url", jdbc).unwrap_or_default(),
            user: database.text("user").map(|user| user.text.into()),
            password_alias: database.parsed("password-alias", |text| name(text).map(|()| text.into())),
        }),
        members_from: sources::members_from(&section),
        members_log: sources::members_log(&section, names),
        members_interval: sources::interval(&section),
        at: section.at(),
    };
    sources::warn_of_doubles(&section, &cluster, nodes);
    Some(cluster)
}

fn services(section: &Section<'_>) -> Vec<Arc<str>> {
    let written = section.texts("services").unwrap_or_default();
    written.iter().filter_map(|text| text.parsed(paths::in_a_request)).collect()
}

fn members(section: &Section<'_>, nodes: &Names) -> Vec<ClusterMember> {
    let mut members: Vec<ClusterMember> = Vec::new();
    for member in section.sections("members", "cluster.members") {
        let port = member.integer("port");
        let Some(text) = member.required_text("node") else { continue };
        let Some(node) = nodes.find(&text) else { continue };
        if members.iter().any(|other| other.node == node) {
            text.refuse(format!("{} is written twice", quoted(text.text)), "a node is one member");
        } else {
            members.push(ClusterMember { node, port });
        }
    }
    members
}

fn url(text: &str) -> Result<Arc<str>, Wrong> {
    let known = ["http://", "https://", "svn://", "svn+ssh://", "file:///"];
    match known.iter().any(|scheme| text.starts_with(scheme) && text.len() > scheme.len()) {
        true => Ok(text.into()),
        false => Err(Wrong::new(
            format!("{} is no URL of a repository", quoted(text)),
            "write it as in the nodes' carbon.xml, such as \"https://svn.example.com/repos/esb\"",
        )),
    }
}

fn jdbc(text: &str) -> Result<Arc<str>, Wrong> {
    let rest = text.strip_prefix("jdbc:").filter(|rest| rest.contains(':'));
    match rest {
        Some(rest) if rest.starts_with("h2:") => Err(Wrong::new(
            format!("{} is a file of one node", quoted(text)),
            "nodes share a database server, such as \"jdbc:mysql://db.example.com:3306/registry\"",
        )),
        Some(_) => Ok(text.into()),
        None => Err(Wrong::new(
            format!("{} is no JDBC URL", quoted(text)),
            "write it as in master-datasources.xml, such as \"jdbc:mysql://db.example.com:3306/registry\"",
        )),
    }
}
