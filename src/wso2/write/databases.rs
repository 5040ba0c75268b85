//! What is mended in master-datasources.xml: the database that the nodes share. Its password is a reference, or the operator's.

use super::edits::Edit;
use super::fixing::{Fixing, meant, usual};
use super::markup::Markup;
use super::xml::Element;
use crate::config::ClusterDatabase;
use crate::wso2::checks::{REMOTE, SHARED};
use crate::wso2::files::{Written, filled_in};
use crate::wso2::model::NodeFiles;
use crate::wso2::model::databases::{Datasource, database, has_login, is_described, options};
use crate::wso2::model::registry::find;

/// The JNDI name and the name of the datasource that is made where no node has one yet.
pub(crate) const JNDI: &str = "jdbc/WSO2SharedDB";
const NAME: &str = "WSO2_SHARED_DB";

/// What a URL begins with, the class of its driver, and a query by which a connection is tried.
const KINDS: [(&str, &str, &str); 7] = [
    ("jdbc:mysql:", "com.mysql.jdbc.Driver", "SELECT 1"),
    ("jdbc:mariadb:", "org.mariadb.jdbc.Driver", "SELECT 1"),
    ("jdbc:postgresql:", "org.postgresql.Driver", "SELECT 1"),
    ("jdbc:oracle:", "oracle.jdbc.OracleDriver", "SELECT 1 FROM DUAL"),
    ("jdbc:sqlserver:", "com.microsoft.sqlserver.jdbc.SQLServerDriver", "SELECT 1"),
    ("jdbc:jtds:", "net.sourceforge.jtds.jdbc.Driver", "SELECT 1"),
    ("jdbc:db2:", "com.ibm.db2.jcc.DB2Driver", "SELECT 1 FROM SYSIBM.SYSDUMMY1"),
];

fn kind(url: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    KINDS.iter().find(|(start, ..)| url.starts_with(start))
}

/// The edits for a finding. `None`: it is left to the operator.
pub(crate) fn fix(fixing: &Fixing<'_>, root: Element<'_>) -> Option<Vec<Edit>> {
    if fixing.is(REMOTE) {
        return missing(fixing, root);
    }
    let here = root.at(fixing.at());
    if here.name() == "datasource" {
        return login(fixing, here);
    }
    let definition = here.parent().filter(|_| fixing.is(SHARED))?;
    if here.name() == "password" {
        return here.replace(&alias(fixing, root)?);
    }
    if here.name() == "driverClassName" {
        return here.set_text(kind(&definition.said("url")?)?.1);
    }
    let wanted = fixing.cluster()?.database.as_ref()?;
    let jndi = here.up("datasource")?.child("jndiConfig")?.said("name")?;
    let is_only = fixing.node.shared().count() == 1;
    let source = fixing.node.shared().find(|source| source.jndi.as_ref().is_some_and(|name| name.text == jndi))?;
    let old = &source.url.as_ref()?.text;
    if !is_only && database(old) != database(&wanted.url) {
        return None;
    }
    match here.name() {
        "username" => here.set_text(wanted.user.as_deref()?),
        "url" => url(definition, old, &url_of(fixing, &jndi, old, wanted)?),
        _ => None,
    }
}

/// A user where there is none, or the password of one.
fn login(fixing: &Fixing<'_>, source: Element<'_>) -> Option<Vec<Edit>> {
    let definition = source.child("definition")?.child("configuration").filter(|_| fixing.is(SHARED))?;
    let username = definition.child("username");
    if definition.said("username").is_some() {
        return definition.insert(&[alias(fixing, source.root())?], "password", &[username]);
    }
    let user = fixing.cluster()?.database.as_ref()?.user.as_deref()?;
    match username {
        Some(empty) => empty.set_text(user),
        None => definition.insert(&[Markup::of("username", user)], "username", &[definition.child("url")]),
    }
}

/// The wanted URL with the options that are there: those of most nodes, else its own ones.
fn url_of(fixing: &Fixing<'_>, jndi: &str, old: &str, wanted: &ClusterDatabase) -> Option<String> {
    // A login would go with the URL, and what a description has besides nobody can tell here.
    if has_login(old) || is_described(old) {
        return None;
    }
    let is_wanted = |url: &str| database(url) == database(&wanted.url);
    let theirs = usual(fixing, |node| {
        let url = find(node.datasources.as_ref()?, jndi)?.url.as_ref()?;
        Some(url.text.clone()).filter(|url| is_wanted(url))
    });
    if is_wanted(old) {
        return theirs;
    }
    let own = Some(options(old)).filter(|_| kind(old).is_some() && kind(old) == kind(&wanted.url));
    let own = own.filter(|_| options(&wanted.url).is_empty()).map(|options| format!("{}{options}", wanted.url));
    Some(theirs.or(own).unwrap_or_else(|| wanted.url.to_string()))
}

/// The URL, and what goes with it where it is of another kind.
fn url(definition: Element<'_>, old: &str, new: &str) -> Option<Vec<Edit>> {
    let mut edits = definition.child("url")?.set_text(new)?;
    let Some((_, driver, query)) = kind(new).filter(|_| kind(old) != kind(new)) else { return Some(edits) };
    for (name, value) in [("driverClassName", driver), ("validationQuery", query)] {
        edits.extend(definition.child(name).and_then(|child| child.set_text(value)).unwrap_or_default());
    }
    Some(edits)
}

/// The JNDI name of the shared datasource on other nodes, or of the one with the wanted URL.
pub(crate) fn shared_jndi(fixing: &Fixing<'_>) -> Option<String> {
    let wanted = fixing.cluster()?.database.as_ref()?;
    let of_others =
        fixing.nodes.iter().flat_map(NodeFiles::shared).find_map(|source| Some(source.jndi.as_ref()?.text.clone()));
    let is_wanted =
        |source: &&Datasource| source.url.as_ref().is_some_and(|url| database(&url.text) == database(&wanted.url));
    let own = || fixing.node.datasources.as_ref()?.iter().find(is_wanted)?.jndi.as_ref().map(|name| name.text.clone());
    of_others.or_else(own)
}

/// Whether a finding in registry.xml is about a datasource that is to be made.
pub(crate) fn is_missing(fixing: &Fixing<'_>) -> bool {
    fixing.is(REMOTE) && !is_misspelt(fixing) && missing_name(fixing).is_some()
}

/// Whether another datasource is meant. The node's own one is not, however much its name is like that.
pub(crate) fn is_misspelt(fixing: &Fixing<'_>) -> bool {
    let registry = fixing.node.registry.as_ref();
    let own = || registry?.datasource(&registry?.current.as_ref()?.text);
    meant(&fixing.finding.problem.advice).is_some_and(|meant| own().is_none_or(|own| own.text != meant))
}

/// The JNDI name at the place of the finding, if the shared database is meant and no datasource has it.
fn missing_name<'a>(fixing: &Fixing<'a>) -> Option<&'a str> {
    fixing.cluster()?.database.as_ref()?;
    let (registry, sources) = (fixing.node.registry.as_ref()?, fixing.node.datasources.as_ref()?);
    let here = |said: &&Written| said.at.start() == fixing.at();
    let (config, name) =
        registry.configs.iter().find_map(|(config, source)| Some((config, source.as_ref().filter(here)?)))?;
    let is_shared =
        registry.remotes.iter().any(|remote| remote.config.as_ref().is_some_and(|of| of.text == config.text));
    (is_shared && find(sources, &name.text).is_none() && filled_in(&name.text).is_none()).then_some(&name.text)
}

/// A datasource for the shared database.
fn missing(fixing: &Fixing<'_>, root: Element<'_>) -> Option<Vec<Edit>> {
    let wanted = fixing.cluster()?.database.as_ref()?;
    let jndi = missing_name(fixing)?;
    let (_, driver, query) = kind(&wanted.url)?;
    let theirs = usual(fixing, |node| {
        let url = find(node.datasources.as_ref()?, jndi)?.url.as_ref()?;
        Some(url.text.clone()).filter(|url| database(url) == database(&wanted.url))
    });
    let mut configuration =
        Markup::new("configuration").child(Markup::of("url", theirs.as_deref().unwrap_or(&wanted.url)));
    if let Some(user) = &wanted.user {
        configuration = configuration.child(Markup::of("username", user));
    }
    let rest = [
        ("driverClassName", *driver),
        ("maxActive", "50"),
        ("maxWait", "60000"),
        ("testOnBorrow", "true"),
        ("validationQuery", *query),
        ("validationInterval", "30000"),
    ];
    configuration = configuration.child(alias(fixing, root).unwrap_or_else(|| Markup::of("password", "")));
    configuration = rest.iter().fold(configuration, |all, (name, value)| all.child(Markup::of(name, value)));
    let source = Markup::new("datasource")
        .child(Markup::of("name", &free_name(fixing)?))
        .child(Markup::new("jndiConfig").child(Markup::of("name", jndi)))
        .child(Markup::new("definition").with("type", "RDBMS").child(configuration));
    match root.child("datasources") {
        Some(all) => all.insert(&[source], "datasource", &[all.children("datasource").next_back()]),
        None => root.insert(
            &[Markup::new("datasources").child(source)],
            "datasources",
            &[root.children("providers").next_back()],
        ),
    }
}

/// A name that no datasource of the node has.
fn free_name(fixing: &Fixing<'_>) -> Option<String> {
    let sources = fixing.node.datasources.as_ref()?;
    let names = (1..).map(|number| if number == 1 { NAME.to_owned() } else { format!("{NAME}_{number}") });
    names.take(100).find(|name| sources.iter().all(|source| source.name.as_ref().is_none_or(|said| said.text != *name)))
}

const VAULT: &str = "http://org.wso2.securevault/configuration";

/// A password that is a reference to the secure vault of the nodes, where its text does not matter.
fn alias(fixing: &Fixing<'_>, root: Element<'_>) -> Option<Markup> {
    let alias = fixing.cluster()?.database.as_ref()?.password_alias.as_ref()?;
    let password = Markup::of("password", "password");
    let password = if root.declares("svns", VAULT) { password } else { password.with("xmlns:svns", VAULT) };
    Some(password.with("svns:secretAlias", alias))
}
