//! Reads a node's wso2carbon.log from its end, and goes on where it was: also when the log is rotated, and never more than a
//! bound at a time.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::member_list::{ListLines, MemberAddress};
use super::word::Word;
use crate::config::regular;

/// The most bytes that are read at once: of a log that was not read yet, the last ones.
const MOST: u64 = 1024 * 1024;
/// A line that is longer is none that tells of members.
const LONGEST_LINE: usize = 16 * 1024;

/// A log that is followed.
pub(super) struct Log {
    path: PathBuf,
    open: Option<OpenLog>,
    /// The bytes behind the last end of a line.
    rest: Vec<u8>,
    lines: ListLines,
    word: Word,
}

struct OpenLog {
    file: File,
    /// Device and number: a file of the same name may be another one.
    id: (u64, u64),
    /// Up to where it was read.
    at: u64,
}

impl Log {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, open: None, rest: Vec::new(), lines: ListLines::default(), word: Word::default() }
    }

    /// Reads what was added, and tells what is known of the members now.
    pub(super) fn read(&mut self) -> io::Result<Word> {
        let file = regular::open(&self.path)?;
        let found = file.metadata()?;
        let id = (found.dev(), found.ino());
        match self.open.take() {
            Some(open) if open.id == id => self.go_on(open, found.len())?,
            former => {
                if let Some(mut former) = former {
                    let length = former.file.metadata()?.len();
                    self.add(&mut former, length)?;
                }
                self.rest.clear();
                self.go_on(OpenLog { file, id, at: 0 }, found.len())?;
            }
        }
        Ok(self.word.clone())
    }

    fn go_on(&mut self, mut open: OpenLog, length: u64) -> io::Result<()> {
        if length < open.at {
            // It was emptied in its place.
            open.at = 0;
            self.rest.clear();
        }
        self.add(&mut open, length)?;
        self.open = Some(open);
        Ok(())
    }

    fn add(&mut self, open: &mut OpenLog, length: u64) -> io::Result<()> {
        let skipped = length.saturating_sub(open.at) > MOST;
        if skipped {
            // What came in between is not known.
            open.at = length - MOST;
            (self.rest, self.lines, self.word) = Default::default();
        }
        open.file.seek(SeekFrom::Start(open.at))?;
        let mut added = Vec::new();
        open.at += (&mut open.file).take(MOST).read_to_end(&mut added)? as u64;
        let from =
            if skipped { added.iter().position(|byte| *byte == b'\n').map_or(added.len(), |end| end + 1) } else { 0 };
        self.rest.extend_from_slice(added.get(from..).unwrap_or_default());
        let rest = std::mem::take(&mut self.rest);
        let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let (lines, rest) = rest.split_at(whole);
        lines
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| line.len() <= LONGEST_LINE)
            .for_each(|line| self.line(line));
        self.rest = rest.get(rest.len().saturating_sub(LONGEST_LINE)..).unwrap_or_default().to_vec();
        Ok(())
    }

    fn line(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        if let Some(Ok(list)) = self.lines.read(&line) {
            self.word = list.into();
        } else if STARTS.iter().any(|(logger, words)| line.contains(words) && is_of(&line, logger)) {
            self.word = Word::default();
        } else if let Some(member) = member_after(&line, "Member joined [") {
            self.word.joined(member);
        } else if let Some(member) = member_after(&line, "Member left [") {
            self.word.left(member);
        }
    }
}

/// With these a node begins or ends, and what it said before is over.
const STARTS: [(&str, &str); 2] =
    [("CarbonCoreActivator", "Starting WSO2 Carbon"), ("CarbonServerManager", "Halting JVM")];
/// How the loggers' names end that tell of members: one for each way of finding them.
const SCHEME: &str = "MembershipScheme";

/// Whether a logger whose name ends so has written the line: others write what clients sent. Its name stands in braces or around
/// the first dash, as in `INFO {org.wso2.carbon.WKABasedMembershipScheme} - ` and `INFO - WKABasedMembershipScheme `.
fn is_of(line: &str, logger: &str) -> bool {
    let dash = line.find(" - ").unwrap_or(line.len());
    let (head, rest) = line.split_at(dash);
    if let Some((_, braced)) = head.split_once('{') {
        return braced.split_once('}').is_some_and(|(name, _)| name.ends_with(logger));
    }
    let behind = rest.trim_start_matches(" - ").split_whitespace().next();
    head.trim_end().ends_with(logger) || behind.is_some_and(|name| name.ends_with(logger))
}

/// The address in `Member joined [UUID]: /10.0.0.4:4300`; before the slash there may be a name.
fn member_after(line: &str, words: &str) -> Option<MemberAddress> {
    let (_, rest) = line.split_once(words).filter(|_| is_of(line, SCHEME))?;
    let (_, rest) = rest.split_once("]: ")?;
    let address = rest.split_whitespace().next()?;
    MemberAddress::parse(address.rsplit('/').next()?)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write;
    use std::path::Path;

    use super::*;

    fn dir(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("weir-log-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn add(path: &Path, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn told(log: &mut Log) -> String {
        let word = log.read().unwrap();
        let names = |members: &[MemberAddress]| members.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let kind = if word.is_whole { "all" } else { "some" };
        format!("{kind}: {}; gone: {}", names(&word.members), names(&word.gone))
    }

    const LIST: &str = "[2026-11-22 10:00:00,000]  INFO - ClusterService [10.0.0.2]:4100 [wso2.esb.domain] [3.5.4] \n\nMembers [2] {\n\tMember [10.0.0.2]:4100 this\n\tMember [10.0.0.3]:4200\n}\n\n";

    fn event(what: &str, member: &str) -> String {
        format!("[2026-11-22 10:00:00,000]  INFO - WKABasedMembershipScheme Member {what} [8f8a8109-fb8f]: {member}\n")
    }

    #[test]
    fn a_log_tells_who_comes_and_who_goes() {
        let path = dir("comes").join("wso2carbon.log");
        add(&path, &event("joined", "/10.0.0.4:4300"));
        let mut log = Log::new(path.clone());
        assert_eq!(told(&mut log), "some: 10.0.0.4:4300; gone: ");
        add(&path, &event("left", "worker2.local/10.0.0.4:4300"));
        assert_eq!(told(&mut log), "some: ; gone: 10.0.0.4:4300");
        // A line counts when it is whole.
        let (one, two) = LIST.split_at(LIST.len() - 10);
        add(&path, one);
        assert_eq!(told(&mut log), "some: ; gone: 10.0.0.4:4300");
        add(&path, two);
        assert_eq!(told(&mut log), "all: 10.0.0.2:4100 10.0.0.3:4200; gone: ");
        add(&path, &event("joined", "/10.0.0.4:4300"));
        assert_eq!(told(&mut log), "all: 10.0.0.2:4100 10.0.0.3:4200 10.0.0.4:4300; gone: ");
        add(&path, "[2026-11-22 10:00:00,000]  INFO - CarbonCoreActivator Starting WSO2 Carbon...\n");
        assert_eq!(told(&mut log), "some: ; gone: ");
    }

    #[test]
    fn what_a_client_gets_logged_is_no_word_of_the_cluster() {
        let path = dir("client").join("wso2carbon.log");
        add(&path, LIST);
        let mut log = Log::new(path.clone());
        let before = told(&mut log);
        let sent = [
            "To: /a, Member left [8f8a8109-fb8f]: /10.0.0.3:4200",
            "To: /a, INFO {x.WKABasedMembershipScheme} -  Member left [8f8a8109-fb8f]: /10.0.0.3:4200",
            "To: /a, INFO - WKABasedMembershipScheme Member joined [8f8a8109-fb8f]: /10.0.0.9:4000",
            "CarbonCoreActivator} - Starting WSO2 Carbon...",
            "Halting JVM",
        ];
        for text in sent {
            add(&path, &format!("[2026-11-22 10:00:00,000]  INFO - LogMediator {text}\n"));
            let logger = "org.apache.synapse.mediators.builtin.LogMediator";
            add(
                &path,
                &format!("TID: [-1234] [] [2026-11-22 10:00:00,000]  INFO {{{logger}}} -  {text} {{{logger}}}\n"),
            );
            assert_eq!(told(&mut log), before, "{text}");
        }
        let scheme = "org.wso2.carbon.core.clustering.hazelcast.wka.WKABasedMembershipScheme";
        let patterns = [
            format!("TID: [-1234] [] [2026-11-22 10:00:00,000]  INFO {{{scheme}}} -  Member left"),
            format!("[2026-11-22 10:00:00,000]  INFO {{{scheme}}} [{{correlation}}]- Member left"),
            format!("2026-11-22 10:00:00,000 INFO {scheme} - Member left"),
            "[2026-11-22 10:00:00,000]  INFO - MulticastBasedMembershipScheme Member left".to_owned(),
        ];
        for (place, start) in patterns.iter().enumerate() {
            add(&path, &format!("{LIST}{start} [8f8a8109-fb8f]: /10.0.0.3:4200 {{{scheme}}}\n"));
            assert_eq!(told(&mut log), "all: 10.0.0.2:4100; gone: 10.0.0.3:4200", "{place}");
        }
        add(
            &path,
            "TID: [-1234] [] [2026-11-22 10:00:00,000]  INFO {org.wso2.carbon.core.init.CarbonServerManager} -  Halting JVM\n",
        );
        assert_eq!(told(&mut log), "some: ; gone: ");
    }

    #[test]
    fn a_log_that_is_rotated_is_read_on() {
        let dir = dir("rotated");
        let path = dir.join("wso2carbon.log");
        add(&path, LIST);
        let mut log = Log::new(path.clone());
        assert_eq!(told(&mut log), "all: 10.0.0.2:4100 10.0.0.3:4200; gone: ");
        // By a new name: what was written last is read there.
        add(&path, &event("joined", "/10.0.0.4:4300"));
        fs::rename(&path, dir.join("wso2carbon.log.1")).unwrap();
        assert!(log.read().is_err(), "there is none now");
        add(&path, &event("left", "/10.0.0.3:4200"));
        assert_eq!(told(&mut log), "all: 10.0.0.2:4100 10.0.0.4:4300; gone: 10.0.0.3:4200");
        // In its place.
        fs::write(&path, "").unwrap();
        told(&mut log);
        add(&path, &event("joined", "/10.0.0.3:4200"));
        assert!(told(&mut log).contains("10.0.0.3:4200"));
    }

    #[test]
    fn of_a_large_log_the_end_is_read() {
        let path = dir("large").join("wso2carbon.log");
        add(&path, LIST);
        add(&path, &format!("{}\n", "x".repeat(1000)).repeat(2000));
        add(&path, &event("joined", "/10.0.0.4:4300"));
        let mut log = Log::new(path.clone());
        assert_eq!(told(&mut log), "some: 10.0.0.4:4300; gone: ");
        add(&path, &"x".repeat(3 << 20));
        assert_eq!(told(&mut log), "some: ; gone: ", "more came than is read at once");
        add(&path, &format!("\n{LIST}"));
        assert_eq!(told(&mut log), "all: 10.0.0.2:4100 10.0.0.3:4200; gone: ");
        assert!(log.rest.len() <= LONGEST_LINE);
    }

    #[test]
    fn what_is_no_log_is_told() {
        let dir = dir("none");
        assert_eq!(Log::new(dir.clone()).read().unwrap_err().to_string(), "this is a directory, not a file");
        assert!(Log::new(dir.join("wso2carbon.log")).read().is_err());
    }
}
