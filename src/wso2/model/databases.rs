//! master-datasources.xml and the files beside it as plain values: the databases and how they are reached.

use std::path::Path;

use crate::wso2::files::Written;
use crate::wso2::files::xml::Element;
use crate::wso2::reading::Reading;

/// `datasource`
pub(crate) struct Datasource {
    pub(crate) jndi: Option<Written>,
    pub(crate) url: Option<Written>,
    pub(crate) user: Option<Written>,
    pub(crate) driver: Option<Written>,
}

/// Those of all files in the directory. `None`: the first file is not there or cannot be read.
pub(crate) fn all(master: &Path, read: &Reading<'_>) -> Option<Vec<Datasource>> {
    const ROOT: &str = "datasources-configuration";
    let mut all = read.expected(master, ROOT, self::read)?;
    for file in read.shelf.other_datasources(master) {
        all.extend(read.xml(&file, ROOT, self::read).unwrap_or_default());
    }
    Some(all)
}

pub(crate) fn read(root: Element<'_>) -> Vec<Datasource> {
    let one = |source: Element<'_>| {
        let definition = source.child("definition").and_then(|definition| definition.child("configuration"));
        let said = |name| definition.and_then(|definition| definition.said(name));
        Datasource {
            jndi: source.child("jndiConfig").and_then(|jndi| jndi.said("name")),
            url: said("url"),
            user: said("username"),
            driver: said("driverClassName"),
        }
    };
    root.all("datasource").map(one).collect()
}

/// A URL without the options behind the name of the database.
pub(crate) fn database(url: &str) -> &str {
    url.get(..url.find('?').unwrap_or(url.len())).unwrap_or(url)
}

/// The host of a JDBC URL.
pub fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("//").or_else(|| url.split_once('@'))?;
    let authority = rest.get(..rest.find(['/', ';', '?']).unwrap_or(rest.len()))?;
    let rest = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let end = rest.find([':', ',']).unwrap_or(rest.len());
    rest.get(..end).filter(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_each_form() {
        for (url, expected) in [
            ("jdbc:mysql://db.example.com:3306/reg?autoReconnect=true", Some("db.example.com")),
            ("jdbc:postgresql://10.0.0.9/reg", Some("10.0.0.9")),
            ("jdbc:sqlserver://db.example.com:1433;databaseName=reg", Some("db.example.com")),
            ("jdbc:oracle:thin:@db.example.com:1521/orcl", Some("db.example.com")),
            ("jdbc:oracle:thin:@//db.example.com:1521/orcl", Some("db.example.com")),
            ("jdbc:mysql://root:x@db.example.com:3306/reg", Some("db.example.com")),
            ("jdbc:h2:repository/database/WSO2CARBON_DB", None),
        ] {
            assert_eq!(host(url), expected, "{url}");
        }
    }
}
