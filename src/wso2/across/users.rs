//! The users and roles of all nodes: one database, and one realm.

use super::compared::{Across, most_common};
use super::databases::on_one_machine;
use crate::wso2::checks::{SHARED, USERS};
use crate::wso2::files::Written;
use crate::wso2::model::NodeFiles;
use crate::wso2::model::databases::{database, host};
use crate::wso2::model::registry::find;
use crate::wso2::view::is_loopback;

/// After the databases: what is told of a URL there is not told again.
pub(crate) fn check(across: Across<'_>) {
    across.same(USERS, "the administrator's name", |node| node.users.as_ref()?.admin.as_ref());
    across.same(USERS, "AdminRole", |node| node.users.as_ref()?.admin_role.as_ref());
    across.same(USERS, "EveryOneRoleName", |node| node.users.as_ref()?.everyone.as_ref());
    across.same(USERS, "the class of the user store", |node| node.users.as_ref()?.store.as_ref());
    let all: Vec<_> = across.nodes.iter().filter_map(|node| Some((node, url(node)?))).collect();
    if all.len() < 2 || on_one_machine(across) {
        return;
    }
    let is_own = |url: &Written| url.text.starts_with("jdbc:h2:");
    let servers: Vec<_> = all.iter().copied().filter(|(_, url)| !is_own(url)).collect();
    let wanted = most_common(&servers);
    for (node, url) in &all {
        let said = node.users.as_ref().and_then(|users| users.source.as_ref());
        let Some(said) = said.filter(|_| !across.findings.has(SHARED, &url.at)) else { continue };
        if is_own(url) {
            let what = "the users and roles of this node are in H2, a database that it has for itself: what is changed there, other nodes do not know";
            let advice = "name a datasource with a database server, such as jdbc/WSO2UMDB, on all nodes";
            across.findings.warning(USERS, &said.at, what, advice);
        } else if let Some(host) = host(&url.text).filter(|host| is_loopback(host)) {
            let what = format!("the database of users is at {host}, which is another machine on each node");
            across.findings.error(USERS, &url.at, what, "write the name or address of the database server");
        } else if let Some((other, wanted)) = wanted.filter(|(_, one)| database(&one.text) != database(&url.text)) {
            let what = format!(
                "the users are in {}, and on {} in {}",
                database(&url.text),
                other.name,
                database(&wanted.text)
            );
            across.findings.error(USERS, &said.at, what, "name the same database on all nodes");
        }
    }
}

/// Where a node has its users.
fn url(node: &NodeFiles) -> Option<&Written> {
    let name = node.users.as_ref()?.source.as_ref()?;
    find(node.datasources.as_ref()?, &name.text)?.url.as_ref().filter(|url| url.filled_in().is_none())
}
