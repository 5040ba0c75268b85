//! master-datasources.xml and the files beside it as plain values: the databases and how they are reached.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use crate::config::Place;
use crate::wso2::files::Written;
use crate::wso2::files::xml::Element;
use crate::wso2::reading::Reading;

/// `datasource`
pub(crate) struct Datasource {
    pub(crate) at: Place,
    /// By this Carbon knows it.
    pub(crate) name: Option<Written>,
    pub(crate) jndi: Option<Written>,
    pub(crate) url: Option<Written>,
    pub(crate) user: Option<Written>,
    pub(crate) driver: Option<Written>,
    /// Where a password would stand: it is empty and without an alias, or not there. What it is, is kept nowhere.
    pub(crate) without_password: Option<Place>,
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
        let password = definition.and_then(|definition| definition.child("password"));
        let is_empty = |password: Element<'_>| password.text().text.is_empty() && !password.has_alias();
        Datasource {
            at: source.at(),
            name: source.said("name"),
            jndi: source.child("jndiConfig").and_then(|jndi| jndi.said("name")),
            url: said("url"),
            user: said("username"),
            driver: said("driverClassName"),
            without_password: match password {
                Some(password) => is_empty(password).then(|| password.at()),
                None => Some(source.at()),
            },
        }
    };
    root.all("datasource").map(one).collect()
}

/// A URL without its login and without the options behind the name of the database.
pub(crate) fn database(url: &str) -> Cow<'_, str> {
    let (place, options) = split(url);
    let name = name_option(options).map(|name| format!(";databaseName={name}")).unwrap_or_default();
    let login = login(place);
    if name.is_empty() && login.is_empty() {
        return Cow::Borrowed(place);
    }
    let (before, behind) = (place.get(..login.start), place.get(login.end..));
    Cow::Owned([before.unwrap_or_default(), behind.unwrap_or_default(), &name].concat())
}

/// What is behind the name of the database, with the sign before it. SQL Server has the name itself among them, without which
/// they are returned.
pub(crate) fn options(url: &str) -> String {
    let options = split(url).1;
    match name_option(options) {
        Some(_) => {
            options.split(';').filter(|one| !is_name(one) && !one.is_empty()).map(|one| format!(";{one}")).collect()
        }
        None => options.to_owned(),
    }
}

/// Whether a URL has a user of its own: before the host, or among its options.
pub(crate) fn has_login(url: &str) -> bool {
    let (place, options) = split(url);
    !login(place).is_empty() || has_option(options, &["user", "username"])
}

/// Whether a login with a user of the datasource needs a password besides.
pub(crate) fn needs_password(url: &str) -> bool {
    !has_login(url) && !has_option(split(url).1, &["password", "integratedSecurity", "authentication", "sslcert"])
}

fn has_option(options: &str, names: &[&str]) -> bool {
    let is_one = |one: &str| {
        let name = one.split_once('=').map(|(name, _)| name.trim());
        name.is_some_and(|name| names.iter().any(|known| name.eq_ignore_ascii_case(known)))
    };
    options.split(['?', '&', ';', ':']).any(is_one)
}

/// Whether a URL is written so that it cannot be compared with others: a description of Oracle's.
pub(crate) fn is_described(url: &str) -> bool {
    url.starts_with(ORACLE) && url.contains('(')
}

const ORACLE: &str = "jdbc:oracle:";

/// A URL up to its options, and these.
fn split(url: &str) -> (&str, &str) {
    let is = |starts: &[&str]| starts.iter().any(|start| url.starts_with(start));
    let at = if is(&["jdbc:sqlserver:", "jdbc:jtds:"]) {
        url.find(';')
    } else if is(&["jdbc:db2:"]) {
        // The first `/` behind the host begins the name, and `:` ends it.
        let host = url.find("//").map_or(0, |at| at + 2);
        let name = url.get(host..).and_then(|rest| rest.find('/')).map(|at| host + at);
        name.and_then(|name| Some(name + url.get(name..)?.find(':')?))
    } else {
        url.find('?')
    };
    url.split_at_checked(at.unwrap_or(url.len())).unwrap_or((url, ""))
}

fn is_name(option: &str) -> bool {
    let name = option.split_once('=').map_or(option, |(name, _)| name).trim();
    name.eq_ignore_ascii_case("databaseName") || name.eq_ignore_ascii_case("database")
}

/// The name of the database among the options of SQL Server.
fn name_option(options: &str) -> Option<&str> {
    let rest = options.strip_prefix(';')?;
    rest.split(';').find(|one| is_name(one)).and_then(|one| one.split_once('=')).map(|(_, name)| name.trim())
}

/// Where a user is before the host.
fn login(place: &str) -> Range<usize> {
    let rest = |from: usize| place.get(from..).unwrap_or_default();
    if place.starts_with(ORACLE) {
        // The kind of the driver is first, and `@` stays.
        let start = ORACLE.len() + rest(ORACLE.len()).find(':').map_or(0, |at| at + 1);
        return start..start + rest(start).find('@').unwrap_or(0);
    }
    let start = place.find("//").map_or(place.len(), |at| at + 2);
    let host = rest(start).split('/').next().unwrap_or_default();
    start..start + host.rfind('@').map_or(0, |at| at + 1)
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
    fn what_is_no_part_of_the_database_is_left_out() {
        for (url, expected, rest) in [
            ("jdbc:mysql://db:3306/reg?a=b&c=d", "jdbc:mysql://db:3306/reg", "?a=b&c=d"),
            ("jdbc:mysql://root:p@db:3306/reg", "jdbc:mysql://db:3306/reg", ""),
            ("jdbc:sqlserver://db:1433;databaseName=reg", "jdbc:sqlserver://db:1433;databaseName=reg", ""),
            (
                "jdbc:sqlserver://db:1433;encrypt=true;database=reg;trustServerCertificate=true",
                "jdbc:sqlserver://db:1433;databaseName=reg",
                ";encrypt=true;trustServerCertificate=true",
            ),
            ("jdbc:jtds:sqlserver://db:1433/reg;ssl=require", "jdbc:jtds:sqlserver://db:1433/reg", ";ssl=require"),
            ("jdbc:db2://db:50000/reg:currentSchema=WSO2;", "jdbc:db2://db:50000/reg", ":currentSchema=WSO2;"),
            ("jdbc:db2://db:50000/reg", "jdbc:db2://db:50000/reg", ""),
            ("jdbc:oracle:thin:regadmin/pw1@db:1521/orcl", "jdbc:oracle:thin:@db:1521/orcl", ""),
            ("jdbc:oracle:thin:@db:1521/orcl", "jdbc:oracle:thin:@db:1521/orcl", ""),
            ("jdbc:h2:repository/database/X;Y=Z", "jdbc:h2:repository/database/X;Y=Z", ""),
            ("", "", ""),
        ] {
            assert_eq!((&*database(url), options(url).as_str()), (expected, rest), "{url}");
        }
        for (url, expected) in [
            ("jdbc:mysql://db/reg?user=a&password=b", true),
            ("jdbc:sqlserver://db;databaseName=reg;User=a", true),
            ("jdbc:oracle:thin:a/b@db:1521/orcl", true),
            ("jdbc:mysql://db/reg?useSSL=true", false),
            ("jdbc:oracle:thin:@db:1521/orcl", false),
        ] {
            assert_eq!(has_login(url), expected, "{url}");
        }
        for (url, expected) in [
            ("jdbc:mysql://db/reg?useSSL=true", true),
            ("jdbc:mysql://db/reg?user=a&password=b", false),
            ("jdbc:mysql://db/reg?password=b", false),
            ("jdbc:sqlserver://db;databaseName=reg;integratedSecurity=true", false),
        ] {
            assert_eq!(needs_password(url), expected, "{url}");
        }
    }

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
