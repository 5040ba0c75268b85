//! The imported configuration for a trial on this machine: other addresses to listen on, and nothing of the operator's is
//! written to. Everything else stays as it is.

use std::net::SocketAddr;
use std::path::Path;

use super::Imported;
use super::render::Draft;
use super::table::Table;
use super::values;

/// Keys that name what Weir would write to.
const WRITTEN: [&str; 4] = ["access-log", "error-log", "log-format", "state-dir"];

impl Imported {
    /// The listeners, with the addresses that they have in nginx.
    pub fn listeners(&self) -> Vec<(String, SocketAddr)> {
        let tables = self.draft.tables.iter().filter(|table| table.head == "[[listener]]");
        tables
            .filter_map(|table| Some((plain(table.value("name")?), plain(table.value("bind")?).parse().ok()?)))
            .collect()
    }

    /// All names of servers, as they are written.
    pub fn server_names(&self) -> Vec<String> {
        let lines = self.report.lines.iter().filter(|line| line.directive == "server_name" && !line.default);
        lines.flat_map(|line| line.args.split(' ')).map(str::to_owned).collect()
    }

    /// The words after `location` in the server that became this site; with those that stand in no server, since a file of
    /// their own is included.
    pub fn locations(&self, site: &str) -> Vec<String> {
        let servers = || self.draft.tables.iter().filter(|table| table.head == "[[site]]");
        let Some(own) = servers().find(|table| table.value("name").is_some_and(|name| plain(name) == site)) else {
            return Vec::new();
        };
        let lines = self.report.lines.iter().filter(|line| line.directive == "location" && !line.default);
        let its = lines.filter(|line| own.from.holds(&line.at) || !servers().any(|other| other.from.holds(&line.at)));
        its.map(|line| line.args.clone()).collect()
    }

    /// The text of a weir.toml that listens on `binds`, in the order of [`Self::listeners`], has its admin address at `admin`,
    /// and keeps what it has to keep in `directory`.
    pub fn trial(&self, binds: &[SocketAddr], admin: SocketAddr, directory: &Path) -> String {
        let mut draft = self.draft.clone();
        without_files(&mut draft.top);
        draft.top.set("state-dir", values::text(&directory.display().to_string()));
        draft.top.set("access-log", "\"off\"");
        draft.top.set("admin", format!("{{ bind = \"{admin}\", socket = \"off\" }}"));
        let Draft { tables, .. } = &mut draft;
        tables.iter_mut().for_each(without_files);
        let listeners = tables.iter_mut().filter(|table| table.head == "[[listener]]");
        for (table, bind) in listeners.zip(binds) {
            // Redirects go to the port that clients know.
            let port = table.value("bind").and_then(|old| plain(old).parse::<SocketAddr>().ok()).map(|old| old.port());
            if let Some(port) = port.filter(|_| table.value("public-port").is_none()) {
                table.set("public-port", port.to_string());
            }
            table.set("bind", values::text(&bind.to_string()));
        }
        draft.write(&self.report).text
    }
}

fn without_files(table: &mut Table) {
    table.keys.retain(|(key, _)| !WRITTEN.contains(&key.as_str()));
    table.below.iter_mut().for_each(without_files);
}

/// What is written in quotes. Names and addresses have nothing in them that is written in another way.
fn plain(text: &str) -> String {
    text.trim_matches('"').to_owned()
}
