//! master-datasources.xml of one node: URLs and their drivers, and the database that the cluster shares.

use crate::wso2::checks::SHARED;
use crate::wso2::context::Context;
use crate::wso2::files::Written;
use crate::wso2::model::databases::{Datasource, database};

/// What a URL begins with, and what the class of its driver contains.
const DRIVERS: [(&str, &str); 8] = [
    ("jdbc:h2:", "h2"),
    ("jdbc:mysql:", "mysql"),
    ("jdbc:mariadb:", "mariadb"),
    ("jdbc:postgresql:", "postgresql"),
    ("jdbc:oracle:", "oracle"),
    ("jdbc:sqlserver:", "sqlserver"),
    ("jdbc:jtds:", "jtds"),
    ("jdbc:db2:", "db2"),
];

pub(crate) fn check(context: Context<'_>) {
    let Some(sources) = &context.node.datasources else { return };
    for source in sources {
        let Some(url) = source.url.as_ref().filter(|url| context.findings.is_known(SHARED, url, "url")) else {
            continue;
        };
        let Some((_, wanted)) = DRIVERS.iter().find(|(start, _)| url.text.starts_with(start)) else {
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
        if let Some(driver) = source.driver.as_ref().filter(|driver| !driver.text.to_ascii_lowercase().contains(wanted))
        {
            let what = format!("the driver {} does not take URLs of {wanted}", driver.text);
            context.findings.error(SHARED, &driver.at, what, "write the class of the driver for this URL");
        }
    }
    compared(context, sources);
}

/// The shared ones are those of `[cluster.database]`.
fn compared(context: Context<'_>, sources: &[Datasource]) {
    let Some(wanted) = context.view.cluster().and_then(|cluster| cluster.database.as_ref()) else { return };
    let Some(registry) = &context.node.registry else { return };
    // There may be several, one for the configuration and one for what is governed: one of them is enough.
    let known = |url: &&Written| !url.text.starts_with("jdbc:h2:") && url.filled_in().is_none();
    let shared: Vec<_> =
        registry.shared(sources).filter_map(|source| Some((source, source.url.as_ref().filter(known)?))).collect();
    let is_wanted = |url: &Written| database(&url.text) == database(&wanted.url);
    if let Some((_, url)) = shared.first().filter(|_| !shared.iter().any(|(_, url)| is_wanted(url))) {
        let what =
            format!("the shared database is {}, and [cluster.database] of weir.toml says {}", url.text, wanted.url);
        context.findings.error(SHARED, &url.at, what, format!("write {}", wanted.url));
    }
    for (source, _) in shared.iter().filter(|(_, url)| shared.len() == 1 || is_wanted(url)) {
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
