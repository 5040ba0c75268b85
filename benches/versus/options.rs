//! What the caller wants, as `name=value`: `make bench` hands its variables over in this form. The error for an
//! unknown name lists the known ones.

use std::path::{Path, PathBuf};

use crate::columns::{Column, Kind};
use crate::result::Result;
use crate::workloads::{self, Workload};

/// The columns when nobody names any. The logged ones only take part where a line of log is a share of the work.
const COLUMNS: &[&str] = &["origin", "weir", "nginx", "haproxy", "weir+log", "nginx+log", "haproxy+log"];

/// All of a run.
pub(crate) struct Options {
    /// How often each column meets each workload.
    pub(crate) rounds: usize,
    /// How long each load lasts.
    pub(crate) seconds: u64,
    /// Threads (worker processes) of each proxy.
    pub(crate) threads: usize,
    /// Learned sessions of `sessions`.
    pub(crate) sessions: usize,
    /// The first of about 200 ports on loopback.
    pub(crate) ports: u16,
    /// In the order in which they are run.
    pub(crate) workloads: Vec<Workload>,
    /// In the order in which they are shown.
    pub(crate) columns: Vec<Column>,
}

impl Options {
    /// Reads them; empty values leave the default.
    pub(crate) fn read(arguments: &[String]) -> Result<Self> {
        let mut read = Self {
            rounds: 5,
            seconds: 5,
            threads: 1,
            sessions: 1_000_000,
            ports: 21_000,
            workloads: Vec::new(),
            columns: Vec::new(),
        };
        let (mut chosen, mut proxies, mut binaries) = (String::new(), COLUMNS.join(","), String::new());
        let mut weir = PathBuf::from(env!("CARGO_BIN_EXE_weir"));
        for argument in arguments.iter().filter(|argument| *argument != "--bench") {
            let (name, value) = argument.split_once('=').ok_or_else(|| unknown(argument))?;
            match (name, value) {
                (_, "") => {}
                ("rounds", _) => read.rounds = number(name, value)?,
                ("seconds", _) => read.seconds = number(name, value)?,
                ("threads", _) => read.threads = number(name, value)?,
                ("sessions", _) => read.sessions = number(name, value)?,
                ("ports", _) => read.ports = number(name, value)?,
                ("workloads", _) => chosen = value.to_owned(),
                ("proxies", _) => proxies = value.to_owned(),
                ("binaries", _) => binaries = value.to_owned(),
                ("weir", _) => weir = PathBuf::from(value),
                _ => return Err(unknown(argument)),
            }
        }
        read.workloads = workloads::chosen(&chosen)?;
        read.columns = parts(&proxies).map(|name| column(name, &weir)).collect::<Result<_>>()?;
        for binary in parts(&binaries) {
            let (name, path) = binary.split_once('=').ok_or("BINARIES is name=/path/of/weir,…")?;
            read.columns.push(Column::new(name, Kind::Weir, PathBuf::from(path)));
        }
        read.fit().map(|()| read)
    }

    fn fit(&self) -> Result<()> {
        if self.rounds == 0 || self.seconds == 0 || self.threads == 0 {
            return Err("ROUNDS, SECONDS and THREADS are at least 1".to_owned());
        }
        for (at, column) in self.columns.iter().enumerate() {
            if column.kind == Kind::Weir && !column.binary.is_file() {
                return Err(format!("{}: there is no {}", column.name, column.binary.display()));
            }
            if self.columns[..at].iter().any(|other| other.name == column.name) {
                return Err(format!("two columns are called {}", column.name));
            }
        }
        Ok(())
    }
}

fn column(name: &str, weir: &Path) -> Result<Column> {
    let kind = match name.trim_end_matches("+log") {
        "origin" => Kind::Origin,
        "weir" => Kind::Weir,
        "nginx" => Kind::Nginx,
        "haproxy" => Kind::Haproxy,
        _ => return Err(format!("PROXIES knows {}, not {name}", COLUMNS.join(", "))),
    };
    let binary = if kind == Kind::Weir { weir.to_path_buf() } else { kind.program() };
    Ok(Column::new(name, kind, binary))
}

fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T> {
    value.parse().map_err(|_| format!("{} is a number, not {value:?}", name.to_uppercase()))
}

fn unknown(argument: &str) -> String {
    format!(
        "{argument:?} is not understood; make bench takes ROUNDS, SECONDS, THREADS, SESSIONS, PORTS, WORKLOADS, PROXIES, \
         BINARIES and WEIR"
    )
}
