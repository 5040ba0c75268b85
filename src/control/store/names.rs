//! The addresses of the nodes' names over a restart: where no name server answers at the next start, or to the process that
//! takes over in an upgrade, the last answer holds, as it does while Weir runs. A file that cannot be used is set aside.

use std::collections::BTreeMap;
use std::net::IpAddr;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::state_dir::StateDir;
use crate::traffic::resolved::Resolved;

/// Its name in the state directory.
const FILE: &str = "names.json";

/// The version that is written, and the only one that is read.
const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
struct NamesFile {
    version: u64,
    names: BTreeMap<String, Vec<IpAddr>>,
}

/// What is known of the names, and what of it is on disk.
#[derive(Default)]
pub(crate) struct KnownNames {
    now: Mutex<Resolved>,
    written: Mutex<Resolved>,
}

impl KnownNames {
    /// Those of before, at a start.
    pub(crate) fn of_start(dir: Option<&StateDir>) -> Self {
        let read = dir.map(read).unwrap_or_default();
        Self { now: Mutex::new(read.clone()), written: Mutex::new(read) }
    }

    /// What is known.
    pub(crate) fn known(&self) -> Resolved {
        self.now.lock().clone()
    }

    /// For the process that takes over, in the form of the file.
    pub(crate) fn to_give(&self) -> String {
        serde_json::to_string(&NamesFile::of(&self.known())).unwrap_or_default()
    }

    /// Takes what is known now.
    pub(crate) fn note(&self, resolved: &Resolved) {
        self.now.lock().clone_from(resolved);
    }

    /// Whether the file has other addresses than those that are known.
    pub(crate) fn are_due(&self) -> bool {
        *self.now.lock() != *self.written.lock()
    }

    /// Writes them, if they are due. To be called where waiting for the disk delays nothing else.
    pub(crate) fn save(&self, dir: &StateDir) {
        if !self.are_due() {
            return;
        }
        let now = self.known();
        let written = dir.write(FILE, |out| Ok(serde_json::to_writer(out, &NamesFile::of(&now))?));
        // The directory tells of a failure, and the next second tries again.
        if written.is_ok() {
            *self.written.lock() = now;
        }
    }
}

impl NamesFile {
    fn of(resolved: &Resolved) -> Self {
        let names = resolved.iter().map(|(name, addresses)| (name.to_string(), addresses.to_vec())).collect();
        Self { version: VERSION, names }
    }
}

/// What the process before gives. It may not have been able to write it. `None`: it gives none that can be read.
pub(crate) fn handed(text: &str) -> Option<KnownNames> {
    let now = Mutex::new(parse(text.as_bytes()).ok()?);
    Some(KnownNames { now, written: Mutex::default() })
}

fn read(dir: &StateDir) -> Resolved {
    dir.read_as(FILE, parse).unwrap_or_else(|why| {
        log::warn!("the last addresses of the nodes' names are not known: {why}");
        Resolved::default()
    })
}

fn parse(bytes: &[u8]) -> Result<Resolved, String> {
    let file: NamesFile = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if file.version != VERSION {
        return Err(format!("it has version {}", file.version));
    }
    let mut resolved = Resolved::default();
    for (name, addresses) in file.names {
        resolved.learn(&name.into(), addresses);
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let text = r#"{"version":1,"names":{"esb.example":["10.0.0.2","10.0.0.1"],"mgt.example":["2001:db8::1"]}}"#;
        let read = parse(text.as_bytes()).expect("good");
        assert_eq!(read.of("esb.example"), ["10.0.0.1", "10.0.0.2"].map(|address| address.parse::<IpAddr>().unwrap()));
        assert_eq!(read.iter().count(), 2);
        for (wrong, why) in [
            ("", "EOF"),
            (r#"{"version":2,"names":{}}"#, "version 2"),
            (r#"{"version":1,"names":{"esb.example":["10.0.0"]}}"#, "IP address"),
        ] {
            let told = parse(wrong.as_bytes()).expect_err(wrong);
            assert!(told.contains(why), "{wrong}: {told}");
        }
    }
}
