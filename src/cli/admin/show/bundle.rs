//! `weir bundle`: an archive for support. It has what runs and what happened, and no keys, cookies or tokens.

mod audit;
mod journal;
mod machine;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::Method;

use super::super::connection::AdminArgs;
use super::super::request::ask;
use crate::cli::output::{fail, print_line, warn};
use crate::cli::times::unix;

/// The file with the configuration that runs.
const CONFIGURATION: &str = "configuration.json";

/// What is asked of Weir, and the file that it becomes.
const ASKED: [(&str, Method, &str); 14] = [
    ("status.json", Method::GET, "/api/v1/status"),
    ("nodes.json", Method::GET, "/api/v1/nodes"),
    ("pools.json", Method::GET, "/api/v1/pools"),
    ("sites.json", Method::GET, "/api/v1/sites"),
    ("listeners.json", Method::GET, "/api/v1/listeners"),
    ("certificates.json", Method::GET, "/api/v1/certificates"),
    ("certificate-orders.json", Method::GET, "/api/v1/certificates/orders"),
    ("sessions.json", Method::GET, "/api/v1/sessions"),
    ("events.json", Method::GET, "/api/v1/events?limit=1000"),
    ("reloads.json", Method::GET, "/api/v1/reloads"),
    ("last-minutes.json", Method::GET, "/api/v1/series?last=10m"),
    (CONFIGURATION, Method::GET, "/api/v1/config"),
    ("check.json", Method::POST, "/api/v1/config/check"),
    ("metrics.txt", Method::GET, "/metrics"),
];

const AFTER: &str = "\
The archive has the status, nodes, sites, events, metrics, the configuration that runs, what a check of the files says, the \
last lines of the journal and of the audit file, and the machine's limits. Keys, cookies, tokens and the values of header fields are not in it, and \
queries are taken out of the journal's lines. Host names, addresses and paths are in it: look before you send it.";

/// `weir bundle`.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Bundle {
    /// The archive to write [default: weir-bundle-TIME.tar.gz]
    #[arg(long, value_name = "FILE.tar.gz")]
    out: Option<PathBuf>,
    #[command(flatten)]
    args: AdminArgs,
}

/// `weir bundle`.
pub(crate) fn bundle(bundle: &Bundle) -> i32 {
    let now = SystemTime::now();
    let path = bundle.out.clone().unwrap_or_else(|| format!("weir-bundle-{}.tar.gz", unix(now)).into());
    let mut missing = Vec::new();
    let mut files = vec![("version.txt", format!("weir {} (the command)\n", env!("CARGO_PKG_VERSION")).into_bytes())];
    for (name, method, path) in &ASKED {
        match ask(&bundle.args, method, path, Vec::new()) {
            Ok(answer) => files.push((name, answer.to_vec())),
            Err(why) => missing.push(format!("{name}: {why}")),
        }
    }
    let configuration = files.iter().find(|(name, _)| *name == CONFIGURATION).map(|(_, bytes)| bytes.as_slice());
    let read = [
        ("audit.log", audit::last_lines(configuration)),
        ("journal.txt", journal::last_lines()),
        ("machine.txt", Ok(machine::describe())),
    ];
    for (name, text) in read {
        match text {
            Ok(text) => files.push((name, text.into_bytes())),
            Err(why) => missing.push(format!("{name}: {why}")),
        }
    }
    missing.iter().for_each(|missing| warn(missing));
    files.push(("missing.txt", missing.iter().map(|missing| format!("{missing}\n")).collect::<String>().into_bytes()));
    match write(&path, &files, now) {
        Ok(()) => {
            print_line(format_args!("{} has {} files; look at them before you send it", path.display(), files.len()));
            0
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fail(&format!("{} is there already; name another file with --out", path.display()))
        }
        Err(error) => fail(&format!("{} cannot be written: {error}", path.display())),
    }
}

/// Only who made it may read it. A file that is there is not touched; one that cannot be finished is removed.
fn write(path: &Path, files: &[(&str, Vec<u8>)], now: SystemTime) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    archive(file, files, now).inspect_err(|_| _ = std::fs::remove_file(path))
}

fn archive(file: File, files: &[(&str, Vec<u8>)], now: SystemTime) -> io::Result<()> {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::default()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(seconds);
        archive.append_data(&mut header, format!("weir-bundle-{seconds}/{name}"), bytes.as_slice())?;
    }
    archive.into_inner()?.finish()?.flush()
}
