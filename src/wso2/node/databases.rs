//! master-datasources.xml of one node: URLs and their drivers, and the database that the cluster shares.

use std::collections::HashMap;

use crate::config::suggestion;
use crate::wso2::checks::SHARED;
use crate::wso2::context::Context;
use crate::wso2::files::Written;
use crate::wso2::model::databases::{Datasource, database, has_login, needs_password};

/// What a URL begins with, and the classes of the drivers that take it. What such a class contains is the last word of the beginning.
const DRIVERS: [(&str, &[&str]); 8] = [
    ("jdbc:h2:", &["org.h2.Driver"]),
    ("jdbc:mysql:", &["com.mysql.jdbc.Driver", "com.mysql.cj.jdbc.Driver", "org.mariadb.jdbc.Driver"]),
    ("jdbc:mariadb:", &["org.mariadb.jdbc.Driver"]),
    ("jdbc:postgresql:", &["org.postgresql.Driver"]),
    ("jdbc:oracle:", &["oracle.jdbc.OracleDriver", "oracle.jdbc.driver.OracleDriver"]),
    ("jdbc:sqlserver:", &["com.microsoft.sqlserver.jdbc.SQLServerDriver"]),
    ("jdbc:jtds:", &["net.sourceforge.jtds.jdbc.Driver"]),
    ("jdbc:db2:", &["com.ibm.db2.jcc.DB2Driver"]),
];

pub(crate) fn check(context: Context<'_>) {
    let Some(sources) = &context.node.datasources else { return };
    for source in sources {
        let Some(url) = source.url.as_ref().filter(|url| context.findings.is_known(SHARED, url, "url")) else {
            continue;
        };
        let Some((start, classes)) = DRIVERS.iter().find(|(start, _)| url.text.starts_with(start)) else {
            if !url.text.starts_with("jdbc:") {
                let what = "this url is no JDBC URL";
                context.findings.error(
                    SHARED,
                    &url.at,
                    what,
                    "write jdbc:mysql://HOST:3306/DATABASE, or as the database has it",
                );
            }
            continue;
        };
        if let Some(driver) = source.driver.as_ref().filter(|driver| driver.filled_in().is_none()) {
            self::driver(context, driver, start, classes);
        }
    }
    names(context, sources);
    passwords(context);
    compared(context);
}

/// Of two with one name the later takes the place of the first.
fn names(context: Context<'_>, sources: &[Datasource]) {
    let mut seen = HashMap::new();
    for (name, source) in sources.iter().filter_map(|source| Some((source.name.as_ref()?, source))) {
        let said = [&source.jndi, &source.url].map(|said| said.as_ref().map(|said| &said.text));
        if seen.insert(&name.text, said).is_some_and(|before| before != said) {
            let what = format!("a second datasource {:?}, which takes the place of the first", name.text);
            context.findings.error(SHARED, &name.at, what, "give it a name of its own");
        }
    }
}

/// A server does not let a user in without one.
fn passwords(context: Context<'_>) {
    for source in context.node.shared().filter(|source| source.user.is_some()) {
        let url = source.url.as_ref().filter(|url| is_server(url) && needs_password(&url.text));
        if let Some(at) = source.without_password.as_ref().filter(|_| url.is_some()) {
            let advice =
                "write it here, or password-alias in [cluster.database] of weir.toml for one in the secure vault";
            let what = "the shared datasource has no password, so the node cannot log in";
            context.findings.error(SHARED, &at.without_excerpt(), what, advice);
        }
    }
}

fn is_server(url: &Written) -> bool {
    !url.text.starts_with("jdbc:h2:") && url.filled_in().is_none()
}

/// A class that is none of the known ones may still be a driver, unless it is that of another database or a misspelt one.
fn driver(context: Context<'_>, driver: &Written, start: &str, classes: &[&str]) {
    if classes.contains(&driver.text.as_str()) {
        return;
    }
    let wanted = start.trim_start_matches("jdbc:").trim_end_matches(':');
    let advice = suggestion(&driver.text, "drivers for this URL", classes);
    if !driver.text.to_ascii_lowercase().contains(wanted) {
        let what = format!("the driver {} does not take URLs of {wanted}", driver.text);
        context.findings.error(SHARED, &driver.at, what, advice);
    } else if advice.starts_with("did you mean") {
        let what = format!("the driver {} is not known", driver.text);
        context.findings.warning(SHARED, &driver.at, what, advice);
    }
}

/// The shared ones are those of `[cluster.database]`.
fn compared(context: Context<'_>) {
    let Some(wanted) = context.view.cluster().and_then(|cluster| cluster.database.as_ref()) else { return };
    // There may be several, one for the configuration and one for what is governed: one of them is enough.
    let shared: Vec<_> = context
        .node
        .shared()
        .filter_map(|source| Some((source, source.url.as_ref().filter(|url| is_server(url))?)))
        .collect();
    let is_wanted = |url: &Written| database(&url.text) == database(&wanted.url);
    if let Some((_, url)) = shared.first().filter(|_| !shared.iter().any(|(_, url)| is_wanted(url))) {
        let what =
            format!("the shared database is {}, and [cluster.database] of weir.toml says {}", url.text, wanted.url);
        context.findings.error(SHARED, &url.at, what, format!("write {}", wanted.url));
    }
    for (source, url) in shared.iter().filter(|(_, url)| shared.len() == 1 || is_wanted(url)) {
        let lacking = wanted.user.as_deref().filter(|_| source.user.is_none() && !has_login(&url.text));
        if let Some(wanted) = lacking {
            let what = format!("the shared database has no user, and [cluster.database] of weir.toml says {wanted:?}");
            context.findings.warning(SHARED, &source.at, what, format!("write <username>{wanted}</username>"));
        }
        let user = source.user.as_ref().zip(wanted.user.as_deref());
        if let Some((said, wanted)) = user.filter(|(said, wanted)| said.text != *wanted) {
            let what = format!(
                "the user of the shared database is {:?}, and [cluster.database] of weir.toml says {wanted:?}",
                said.text
            );
            context.findings.error(SHARED, &said.at, what, format!("write {wanted}"));
        }
    }
}
