//! `weir wso2 write`: shows what it changes in the nodes' files, then changes all of them or none.

mod copy;
mod diff;
mod held;
mod hosts;
mod place;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use self::copy::{Copied, apart};
use self::diff::unified;
use self::held::Held;
use self::place::{CHANGED, Prepared, like_the_others};
use super::nodes::Nodes;
use super::shown::{counted, drawn};
use crate::app::BAD_CONFIG;
use crate::cli::cert::Draft;
use crate::cli::output::{fail, print};
use crate::config::Config;
use crate::wso2::{Asked, Change, Plan, Unsettled, directories, is_archive, plan};

#[derive(clap::Args)]
pub(crate) struct Write {
    #[command(flatten)]
    nodes: Nodes,
    /// Show what would change, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// A node whose conf directory is copied to each directory of --node that is not there yet, or empty
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// Write hazelcast.rest.enabled to hazelcast.properties of the nodes
    #[arg(long, value_name = "on|off", value_parser = on_or_off)]
    hazelcast_rest: Option<bool>,
    /// Write lines for /etc/hosts of the nodes to this new file; - prints them
    #[arg(long, value_name = "FILE")]
    hosts: Option<PathBuf>,
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("write on or off".to_owned()),
    }
}

impl Write {
    /// Returns the exit code: 0 all is right now, 1 it said why nothing is written, 78 errors are left to the operator.
    pub(super) fn run(&self, now: SystemTime) -> i32 {
        let (config, nodes) = match self.nodes.load(now) {
            Ok(loaded) => loaded,
            Err(code) => return code,
        };
        match self.done(&config, nodes, now) {
            Ok(true) => 0,
            Ok(false) => BAD_CONFIG,
            Err(why) => fail(&why),
        }
    }

    /// Whether no error is left.
    fn done(&self, config: &Config, nodes: Vec<(usize, PathBuf)>, now: SystemTime) -> Result<bool, String> {
        if let Some((_, archive)) = nodes.iter().find(|(_, directory)| is_archive(directory)) {
            return Err(format!("{} is no directory, and archives are only read: unpack it first", archive.display()));
        }
        // A copy has the passwords of its node: a signal waits until it has its place or is gone.
        let _held = self.from.as_ref().map(|_| Held::new());
        let mut copies = self.copies(config, &nodes)?;
        let plan = plan(&Asked { config, nodes: at_drafts(nodes, &copies), resolve: false, now }, self.hazelcast_rest);
        let plan = plan.map_err(|unsettled| match unsettled {
            Unsettled::Endless(path) => {
                let path = path.display();
                format!("{path}: the edits do not come to an end, which is a fault of weir; nothing was written")
            }
            Unsettled::Changed(path) => format!("{}: {CHANGED}; nothing was written", path.display()),
        })?;
        let hosts = self.hosts.as_ref().map(|file| (file, hosts::lines(config)));
        // Diff and findings are shown before anything is written, and also where nothing can be.
        let printed = hosts.iter().filter(|(file, _)| file.as_os_str() == "-").map(|(_, lines)| lines.as_str());
        let shown: String = [unified(&plan.changes), left(&plan)].iter().map(String::as_str).chain(printed).collect();
        printed_at(&shown, &copies)?;
        let said = self.carried_out(&plan, &mut copies, hosts.filter(|(file, _)| file.as_os_str() != "-"))?;
        let none = self.from.is_some() && copies.is_empty();
        let copied = if none { "--from: the files of all nodes are there already, so nothing is copied\n" } else { "" };
        printed_at(&[copied, &said].concat(), &copies)?;
        Ok(!plan.left.iter().any(|finding| finding.is_error))
    }

    /// A copy for each node that has no directory yet.
    fn copies(&self, config: &Config, nodes: &[(usize, PathBuf)]) -> Result<Vec<Copied>, String> {
        let Some(from) = &self.from else { return Ok(Vec::new()) };
        let named = nodes.iter().find(|(node, _)| *config.nodes[*node].name == **from);
        let (_, directory) = named.ok_or_else(|| format!("--from names {from:?}, which no --node names"))?;
        let (conf, _) = directories(directory).map_err(|problem| problem.to_string())?;
        let name = |node: usize| &*config.nodes[node].name;
        let new: Vec<&PathBuf> =
            nodes.iter().map(|(_, directory)| directory).filter(|directory| is_free(directory)).collect();
        for (node, target) in nodes.iter().filter(|(_, directory)| new.contains(&directory)) {
            let others = nodes.iter().filter(|(other, _)| other != node);
            apart(name(*node), target, others.map(|(other, directory)| (name(*other), directory.as_path())))?;
        }
        let copied =
            |target: &PathBuf| Copied::of(&conf, target).map_err(|error| format!("{}: {error}", target.display()));
        new.into_iter().map(copied).collect()
    }

    /// What was done, in words.
    fn carried_out(
        &self,
        plan: &Plan,
        copies: &mut [Copied],
        hosts: Option<(&PathBuf, String)>,
    ) -> Result<String, String> {
        let read = format!("{} of {} read", counted(plan.files.len(), "file"), counted(plan.nodes, "node"));
        let rest = format!("{} left to you", counted(plan.left.len() + plan.left_out, "finding"));
        if self.dry_run {
            let files = counted(plan.changes.len(), "file");
            let would = if plan.changes.len() == 1 { "would change" } else { "would be changed" };
            let made = copies.iter().map(|copied| format!("would make {}\n", copied.target().display()));
            let mut made: String = made.collect();
            if let Some((file, _)) = hosts {
                absent(file)?;
                made += &format!("would make {}\n", file.display());
            }
            return Ok(format!("{made}{read}; {files} {would}, nothing was written; {rest}\n"));
        }
        if plan.left.iter().any(|finding| finding.check.name == "file" && finding.is_error) {
            return Ok(format!("{read}; nothing was written, because a file of a node is not right; {rest}\n"));
        }
        // A signal that would end Weir between two files waits for the last one.
        let _held = Held::new();
        let hosts = hosts.map(|(file, lines)| Ok::<_, String>((file, new_file(file, &lines)?))).transpose()?;
        let mut written = write(plan, copies)?;
        if let Some((file, draft)) = hosts {
            draft.place(file, false).map_err(|error| format!("{}: {error}; all else was written", file.display()))?;
            written.push((file.clone(), None));
        }
        let line = |(path, before): &(PathBuf, Option<PathBuf>)| match before {
            Some(before) => format!("wrote {}; before: {}\n", path.display(), before.display()),
            None => format!("made {}\n", path.display()),
        };
        let lines: String = written.iter().map(line).collect();
        Ok(format!("{lines}{read}; {} written; {rest}\n", counted(written.len(), "file")))
    }
}

/// A file that is not there yet, ready to take its place.
fn new_file(path: &Path, text: &str) -> Result<Draft, String> {
    absent(path)?;
    Draft::write(path, text, 0o644).map_err(|error| format!("{}: {error}; nothing was written", path.display()))
}

fn absent(path: &Path) -> Result<(), String> {
    if path.symlink_metadata().is_ok() {
        return Err(format!("{} is there already; name a new file; nothing was written", path.display()));
    }
    Ok(())
}

/// Whether nothing is there, or an empty directory, whose place another one can take.
fn is_free(place: &Path) -> bool {
    match place.symlink_metadata() {
        Ok(there) => there.is_dir() && place.read_dir().is_ok_and(|mut all| all.next().is_none()),
        Err(_) => true,
    }
}

/// Copies are edited where they are made, and take their places before the files of other nodes do.
fn write(plan: &Plan, copies: &mut [Copied]) -> Result<Vec<(PathBuf, Option<PathBuf>)>, String> {
    let is_new = |change: &&Change| copies.iter().any(|copied| change.path.starts_with(copied.draft()));
    let (new, old): (Vec<&Change>, Vec<&Change>) = plan.changes.iter().partition(is_new);
    for change in new {
        let wrong = |error| format!("{}: {error}; nothing was written", change.path.display());
        std::fs::write(&change.path, &change.after).map_err(wrong)?;
        if change.before.is_none() {
            like_the_others(&change.path, &change.path).map_err(wrong)?;
        }
    }
    let prepared = Prepared::all(&old, &plan.files)?;
    let placed = copies.iter_mut().try_for_each(|copied| {
        let placed = copied.place();
        placed.map_err(|error| format!("{}: {error}; nothing was written", copied.target().display()))
    });
    let written = placed.and_then(|()| prepared.place());
    let written = written.inspect_err(|_| copies.iter_mut().for_each(Copied::withdraw))?;
    let made = copies.iter().map(|copied| (copied.target().to_path_buf(), None));
    Ok(made.chain(written).collect())
}

/// The nodes' directories, those of copies where they are made.
fn at_drafts(nodes: Vec<(usize, PathBuf)>, copies: &[Copied]) -> Vec<(usize, PathBuf)> {
    let draft = |directory: PathBuf| {
        let copied = copies.iter().find(|copied| copied.target() == directory);
        copied.map(|copied| copied.draft().to_path_buf()).unwrap_or(directory)
    };
    nodes.into_iter().map(|(node, directory)| (node, draft(directory))).collect()
}

/// Prints it, with copies under the names that they get.
fn printed_at(text: &str, copies: &[Copied]) -> Result<(), String> {
    let name = |path: &Path| path.display().to_string();
    let text = copies.iter().fold(text.to_owned(), |text, one| text.replace(&name(one.draft()), &name(one.target())));
    if print(&text) { Ok(()) } else { Err("nothing more was written".to_owned()) }
}

/// What is left to the operator.
fn left(plan: &Plan) -> String {
    if plan.left.is_empty() {
        return String::new();
    }
    let title = if plan.changes.is_empty() { "Left to you:" } else { "Left to you, with lines as they are then:" };
    format!("{title}\n\n{}", drawn(&plan.left, &HashMap::new()))
}
