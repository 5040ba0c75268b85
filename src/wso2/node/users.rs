//! user-mgt.xml of one node: its database is there, and its administrator has a password of his own.

use crate::config::suggestion;
use crate::wso2::checks::{ADMIN, USERS};
use crate::wso2::context::Context;
use crate::wso2::model::registry::find;

pub(crate) fn check(context: Context<'_>) {
    let Some(users) = &context.node.users else { return };
    if let Some(at) = &users.shipped_password {
        let what = "the administrator's password is the one that WSO2 ships: unless it was changed in the console since, everybody knows it";
        context.findings.warning(
            ADMIN,
            at,
            what,
            "write one of your own before the first start, and change it in the console after that",
        );
    }
    let (Some(said), Some(sources)) = (&users.source, &context.node.datasources) else { return };
    if context.findings.is_known(USERS, said, "dataSource") && find(sources, &said.text).is_none() {
        let known: Vec<&str> = sources.iter().filter_map(|source| Some(source.jndi.as_ref()?.text.as_str())).collect();
        let what = format!("no datasource of master-datasources.xml has the JNDI name {:?}", said.text);
        let some = known.get(..known.len().min(100)).unwrap_or_default();
        context.findings.error(USERS, &said.at, what, suggestion(&said.text, "names there", some));
    }
}
