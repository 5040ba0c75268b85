//! Makes the edits in the nodes' files that the checks ask for, from weir.toml alone. Each finding that has one right answer there
//! becomes an edit at its place; then everything is checked again, until nothing more can be mended. What is left is the
//! operator's. Nothing is written here: what comes out are the texts before and after.

mod axis2;
mod carbon;
mod catalina;
mod databases;
mod edits;
mod fixing;
mod layout;
mod markup;
mod members;
mod plain;
mod registry;
mod xml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::edits::{Edit, Edits};
use self::fixing::Fixing;
use self::xml::Element;
use super::checks::{HAZELCAST, MEMBERS};
use super::examined::{Asked, examine};
use super::files;
use super::files::properties::Properties;
use super::findings::Finding;
use super::model::NodeFiles;
use super::model::start::SCRIPTS;
use super::reading::Texts;
use super::view::View;
use crate::config::{Problem, Source};

/// A file that is to be another one.
pub struct Change {
    /// Where it is, as the nodes' directories were named.
    pub path: PathBuf,
    /// All of its bytes. `None`: it is not there yet.
    pub before: Option<Vec<u8>>,
    /// What they should be, in the same encoding.
    pub after: Vec<u8>,
    /// Both as texts.
    pub texts: (String, String),
}

/// What is to be written, and what is left.
pub struct Plan {
    /// In the order of the nodes and their files.
    pub changes: Vec<Change>,
    /// What the checks find after that, with the places that it has then.
    pub left: Vec<Finding>,
    /// How many warnings there are besides.
    pub left_out: usize,
    /// The files that were read.
    pub files: Vec<PathBuf>,
    /// Of how many nodes.
    pub nodes: usize,
}

/// Why there is no plan. Nothing may be written then.
#[derive(Debug, PartialEq, Eq)]
pub enum Unsettled {
    /// An edit did not do what it was made for, which is a fault of Weir.
    Endless(PathBuf),
    /// Somebody else wrote the file meanwhile.
    Changed(PathBuf),
}

/// How often everything is checked again. Edits at one place wait for each other, so each makes a round of its own.
const ROUNDS: usize = 200;

/// Finds out what is to be written. `rest`: whether Hazelcast's REST is to be on, if somebody said so.
pub fn plan(asked: &Asked<'_>, rest: Option<bool>) -> Result<Plan, Unsettled> {
    let members = asked.members();
    // What the first look has read counts to the end: an edit must not mix what somebody else writes meanwhile with that.
    let (nodes, checked) = examine(asked, &Texts::default());
    let (mut first, mut texts) = (checked.texts.clone(), checked.texts);
    let mut paths: Vec<PathBuf> = Vec::new();
    if let Some(rest) = rest {
        for (path, old, new) in nodes.iter().filter_map(|node| with_rest(node, rest, &texts)).collect::<Vec<_>>() {
            first.extend(old.map(|old| (path.clone(), old)));
            paths.push(path.clone());
            texts.insert(path, new);
        }
    }
    for _ in 0..ROUNDS {
        let (nodes, checked) = examine(asked, &texts);
        let edits = edits(&nodes, View { config: asked.config, members: &members }, &checked.findings, &texts);
        if edits.is_empty() {
            let changes: Vec<Change> =
                paths.iter().filter_map(|path| change(path, &first, &texts).transpose()).collect::<Result<_, _>>()?;
            let not_switched = nodes.iter().filter_map(|node| not_switched(node, rest?, &checked.texts));
            let all = checked.findings.into_iter().chain(not_switched);
            let left = all.map(|finding| without_old_lines(finding, &changes)).collect();
            let left_out = checked.left_out;
            return Ok(Plan { changes, left, left_out, files: checked.files, nodes: checked.nodes });
        }
        for (path, text) in edits {
            if !paths.contains(&path) {
                paths.push(path.clone());
            }
            texts.insert(path, text);
        }
    }
    Err(Unsettled::Endless(paths.into_iter().next().unwrap_or_default()))
}

/// Lines of a file that changes are not drawn: the disk has other ones.
fn without_old_lines(mut finding: Finding, changes: &[Change]) -> Finding {
    if changes.iter().any(|change| change.path == *finding.problem.at.file) {
        finding.problem.at = finding.problem.at.without_excerpt();
    }
    finding
}

/// hazelcast.properties of a node, which is made if it is not there: where it is, its text if there is one, and what it should be.
fn with_rest(node: &NodeFiles, rest: bool, texts: &Texts) -> Option<(PathBuf, Option<String>, String)> {
    let path = node.tree.conf("hazelcast.properties");
    let old = match texts.get(&path) {
        Some(text) => Some(text.clone()),
        None => files::text(&path).map(|read| read.map(|source| source.text)).transpose().ok()?,
    };
    let text = old.as_deref().unwrap_or_default();
    let mut edits = Edits::default();
    edits.take(plain::set(text, REST, &rest.to_string())?);
    let new = edits.applied(text)?;
    Some((path, old, new))
}

const REST: &str = "hazelcast.rest.enabled";

/// What is said of a switch that stays as it is, because something fills it in or it goes on in the next line.
fn not_switched(node: &NodeFiles, rest: bool, texts: &Texts) -> Option<Finding> {
    let path = node.tree.conf("hazelcast.properties");
    let source = Source::new(Arc::new(path.clone()), texts.get(&path)?.clone());
    let properties = Properties::read(&source);
    let said = properties.get(REST).filter(|said| said.text != rest.to_string())?;
    let (what, advice) = (format!("{REST} is {:?}, and stays so", said.text), format!("write {REST}={rest}"));
    Some(Finding { check: HAZELCAST, is_error: false, problem: Problem { at: said.at.clone(), what, advice } })
}

/// `None`: in the end nothing changed. `first`: what was read of the files.
fn change(path: &Path, first: &Texts, texts: &Texts) -> Result<Option<Change>, Unsettled> {
    let old = first.get(path).cloned().unwrap_or_default();
    let new = texts.get(path).cloned().unwrap_or_default();
    if old == new {
        return Ok(None);
    }
    let changed = || Unsettled::Changed(path.to_path_buf());
    let before = match files::text(path) {
        None => None,
        Some(_) => Some(files::binary(path).ok_or_else(changed)?),
    };
    let (now, encoding) = files::decoded(before.clone().unwrap_or_default()).map_err(|_| changed())?;
    if now != old || before.is_some() != first.contains_key(path) {
        return Err(changed());
    }
    let after = encoding.encoded(&new).ok_or_else(|| Unsettled::Endless(path.to_path_buf()))?;
    Ok(Some(Change { path: path.to_path_buf(), before, after, texts: (old, new) }))
}

/// One kind of file, and how a finding in it is mended.
enum Mend {
    Xml(fn(&Fixing<'_>, Element<'_>) -> Option<Vec<Edit>>),
    Plain(fn(&Fixing<'_>, &str) -> Option<Vec<Edit>>),
}

const DATASOURCES: &str = "datasources/master-datasources.xml";

static CONF: [(&str, Mend); 6] = [
    ("axis2/axis2.xml", Mend::Xml(axis2::fix)),
    ("carbon.xml", Mend::Xml(carbon::fix)),
    ("tomcat/catalina-server.xml", Mend::Xml(catalina::fix)),
    ("registry.xml", Mend::Xml(registry::fix)),
    (DATASOURCES, Mend::Xml(databases::fix)),
    ("passthru-http.properties", Mend::Plain(plain::passthru)),
];

/// The file of a node, and how it is mended.
fn kind(node: &NodeFiles, path: &Path) -> Option<&'static Mend> {
    static SCRIPT: Mend = Mend::Plain(plain::script);
    let known = CONF.iter().find(|(name, _)| node.tree.conf(name) == path).map(|(_, mend)| mend);
    let is_script = || SCRIPTS.iter().any(|script| node.tree.home(script) == path);
    known.or_else(|| is_script().then_some(&SCRIPT))
}

/// The files that change in this round, and their texts then.
fn edits(nodes: &[NodeFiles], view: View<'_>, findings: &[Finding], texts: &Texts) -> Vec<(PathBuf, String)> {
    let mut by_file: BTreeMap<PathBuf, Vec<Fixing<'_>>> = BTreeMap::new();
    let unseen = unseen(nodes, view);
    for finding in findings.iter().chain(&unseen) {
        let path = finding.problem.at.file.as_path();
        if let Some(node) = nodes.iter().find(|node| kind(node, path).is_some()) {
            let fixing = Fixing { finding, all: findings, node, nodes, view };
            // What a name in registry.xml leads to is made in the other file.
            let is_other = databases::is_missing(&fixing) && path == node.tree.conf("registry.xml");
            let path = if is_other { node.tree.conf(DATASOURCES) } else { path.to_path_buf() };
            by_file.entry(path).or_default().push(fixing);
        }
    }
    let edited = by_file.into_iter().filter_map(|(path, fixings)| {
        let node = fixings.first()?.node;
        let text = texts.get(&path)?.clone();
        let mut edits = Edits::default();
        let mut take = |group: Option<Vec<Edit>>| group.is_some_and(|group| edits.take(group));
        let took: Vec<bool> = match kind(node, &path)? {
            Mend::Plain(fix) => fixings.iter().map(|one| take(fix(one, &text))).collect(),
            Mend::Xml(fix) => {
                let document = files::xml::parse(&text).ok()?;
                let root = Element::new(document.root_element(), &text);
                fixings.iter().map(|one| take(fix(one, root))).collect()
            }
        };
        let made = if took.contains(&true) { edits.applied(&text) } else { None };
        made.filter(|made| *made != text).map(|made| (path, made))
    });
    edited.collect()
}

/// What no check asks for, because it does no harm: nodes that have themselves in the place of another member.
fn unseen(nodes: &[NodeFiles], view: View<'_>) -> Vec<Finding> {
    let of_node = |node: &NodeFiles| {
        let at = node.axis2.as_ref()?.clustering.first()?.at.clone();
        let problem = Problem { at, what: String::new(), advice: String::new() };
        let finding = Finding { check: MEMBERS, is_error: false, problem };
        let has_itself = members::has_itself_instead(&Fixing { finding: &finding, all: &[], node, nodes, view });
        has_itself.then_some(finding)
    };
    nodes.iter().filter_map(of_node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::certificate::made::Room;

    #[test]
    fn what_somebody_else_writes_meanwhile_is_not_replaced() {
        let room = Room::new();
        let path = room.path("carbon.xml");
        let texts = |text: &str| Texts::from([(path.clone(), text.to_owned())]);
        let changed = |first: &Texts, new: &str| change(&path, first, &texts(new)).map(|change| change.is_some());
        let lost = Err(Unsettled::Changed(path.clone()));
        assert_eq!(changed(&texts("<old/>"), "<new/>"), lost, "it is gone");
        room.write("carbon.xml", b"<old/>");
        assert_eq!(changed(&texts("<old/>"), "<new/>"), Ok(true));
        assert_eq!(changed(&texts("<older/>"), "<older/>"), Ok(false), "it stays as it is");
        assert_eq!(changed(&texts("<older/>"), "<new/>"), lost, "it is another one");
        room.write("carbon.xml", b"");
        assert_eq!(changed(&Texts::default(), "<new/>"), lost, "it was made");
    }
}
