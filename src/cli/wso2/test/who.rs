//! Which node answered: by the field `X-Weir` where the site explains, or else by the line of the access log that has the
//! request's id. Both are of one request, so the requests of others do not matter.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::client::Answer;
use crate::config::{LogTarget, Site, regular};

/// The access log of a site, from now on.
pub(super) struct Witness {
    log: Option<Log>,
}

struct Log {
    file: File,
    /// How much of it was read.
    read: u64,
    /// The beginning of a line.
    rest: Vec<u8>,
    /// The node of each request, by its id.
    nodes: HashMap<String, String>,
}

impl Witness {
    /// To be made before the requests are sent.
    pub(super) fn of(site: &Site) -> Self {
        let log = match &site.logs.access {
            LogTarget::File(path) => Log::open(path),
            LogTarget::Journal | LogTarget::Off => None,
        };
        Self { log }
    }

    /// The node of each answer, where it can be told.
    pub(super) async fn nodes(&mut self, answers: &[&Answer]) -> Vec<Option<String>> {
        let until = Instant::now() + PATIENCE;
        loop {
            let told: Vec<_> = answers.iter().map(|answer| self.node(answer)).collect();
            let Some(log) = &mut self.log else { return told };
            if told.iter().all(Option::is_some) || Instant::now() > until {
                return told;
            }
            // Lines of the access log are written a fifth of a second later.
            sleep(PAUSE).await;
            log.read_on();
        }
    }

    fn node(&self, answer: &Answer) -> Option<String> {
        if let Some(node) = answer.field("X-Weir").and_then(explained) {
            return Some(node);
        }
        let id = answer.field("X-Request-Id").filter(|id| !id.is_empty())?;
        self.log.as_ref()?.nodes.get(id).cloned()
    }
}

/// The node in `balanced; node=worker1; queued=0.000`.
fn explained(field: &str) -> Option<String> {
    let node = field.split(';').find_map(|part| part.trim().strip_prefix("node="))?;
    (node != "-").then(|| node.to_owned())
}

impl Log {
    fn open(path: &Path) -> Option<Self> {
        // A pipe has no end to begin at, and would be read in place of who reads it.
        let mut file = regular::open(path).ok()?;
        file.seek(SeekFrom::End(0)).ok()?;
        Some(Self { file, read: 0, rest: Vec::new(), nodes: HashMap::new() })
    }

    fn read_on(&mut self) {
        let before = self.rest.len();
        // What cannot be read is not told.
        let _ = (&self.file).take(MOST_READ.saturating_sub(self.read)).read_to_end(&mut self.rest);
        self.read += (self.rest.len() - before) as u64;
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines: Vec<u8> = self.rest.drain(..whole).collect();
        let told = |line: &[u8]| told_in(&String::from_utf8_lossy(line));
        self.nodes.extend(lines.split(|byte| *byte == b'\n').filter_map(told));
    }
}

/// The id and the node in a line of the access log, of either form. The last pairs are taken: what clients send stands
/// before them.
fn told_in(line: &str) -> Option<(String, String)> {
    let (id, node) = match serde_json::from_str::<Value>(line) {
        Ok(line) => (line["request_id"].as_str()?.to_owned(), line["node"].as_str()?.to_owned()),
        Err(_) => {
            let last = |name: &str| line.rsplit_once(name)?.1.split(' ').next().map(str::to_owned);
            (last(" id=")?, last(" node=")?)
        }
    };
    (!node.is_empty() && node != "-").then_some((id, node))
}

const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);
const MOST_READ: u64 = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_told_by_the_field_and_by_both_forms_of_the_log() {
        assert_eq!(explained("balanced; node=worker1; queued=0.000").as_deref(), Some("worker1"));
        assert_eq!(explained("no-server; node=-; queued=0.000"), None);
        let combined = r#"127.0.0.1 - - [x] "GET / HTTP/1.1" 200 1 "-" " id=me node=me" id=4f host=a site=b pool=c node=worker2 upstream=0.1"#;
        let told = |id: &str, node: &str| Some((id.to_owned(), node.to_owned()));
        assert_eq!(told_in(combined), told("4f", "worker2"));
        assert_eq!(told_in(r#"{"request_id":"4f","node":"worker1"}"#), told("4f", "worker1"));
        assert_eq!(told_in(r#"{"request_id":"4f","node":""}"#), None);
    }
}
