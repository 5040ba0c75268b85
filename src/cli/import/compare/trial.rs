//! The new one: Weir on the imported configuration, as a child process on loopback ports, with a directory of its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process;

use super::places::Door;
use crate::cli::rig::weir_process::{Journal, WeirProcess};
use crate::import::Imported;

/// A directory that is removed at the end.
pub(super) struct Room(PathBuf);

impl Room {
    pub(super) fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("weir-compare-{}", process::id()));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Starts Weir with its listeners on free ports, which the doors then name. Another program may take a port between the
    /// look and the start, so it is tried again.
    pub(super) async fn start(&self, imported: &Imported, doors: &mut [Door]) -> Result<WeirProcess, String> {
        let mut why = String::new();
        for _ in 0..MOST_STARTS {
            let file = self.write(imported, doors)?;
            match WeirProcess::start(&file, &Journal::File(self.journal())).await {
                Ok(front) => return Ok(front),
                Err(error) => why = error.to_string(),
            }
        }
        let journal = fs::read_to_string(self.journal()).unwrap_or_default();
        Err(format!("Weir does not start with the imported configuration: {why}\n{journal}"))
    }

    /// Writes the configuration, for ports that are free now.
    fn write(&self, imported: &Imported, doors: &mut [Door]) -> Result<PathBuf, String> {
        let wrong = |error: std::io::Error| format!("{}: {error}", self.0.display());
        // All are kept bound until all are found, so that none is found twice.
        let held: Result<Vec<_>, _> = (0..=doors.len()).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect();
        let free: Result<Vec<SocketAddr>, _> = held.map_err(wrong)?.iter().map(TcpListener::local_addr).collect();
        let mut free = free.map_err(wrong)?;
        let admin = free.pop().unwrap_or((Ipv4Addr::LOCALHOST, 0).into());
        for (door, new) in doors.iter_mut().zip(&free) {
            door.new = *new;
        }
        let (file, state) = (self.0.join("weir.toml"), self.0.join("state"));
        fs::create_dir_all(&state).map_err(wrong)?;
        fs::write(&file, imported.trial(&free, admin, &state)).map_err(wrong)?;
        Ok(file)
    }

    fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const MOST_STARTS: usize = 3;
