//! What this machine is, and whether it can carry the run: tools, descriptors, free ports. What is missing is said
//! before anything starts.

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::columns::Kind;
use crate::options::Options;
use crate::ports::PORTS_EACH;
use crate::result::Result;

/// Eight thousand clients and as many connections to nodes, and some to spare.
const DESCRIPTORS: u64 = 18_000;

/// Told beside the figures.
pub(crate) struct Machine {
    model: String,
    cores: usize,
    kernel: String,
    versions: Vec<(String, String)>,
}

/// Looks, and refuses what cannot work.
pub(crate) fn inspect(options: &Options) -> Result<Machine> {
    let versions = versions(options)?;
    raise_descriptors()?;
    free_ports(options)?;
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    Ok(Machine {
        model: model.trim_start_matches([' ', '\t', ':']).to_owned(),
        cores: thread::available_parallelism().map_or(1, usize::from),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
        versions,
    })
}

impl Machine {
    /// For people.
    pub(crate) fn line(&self) -> String {
        let versions = self.versions.iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>();
        format!("{}, {} cores, Linux {}; {}", self.model, self.cores, self.kernel, versions.join(", "))
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let versions = self.versions.iter().cloned().collect::<std::collections::BTreeMap<_, _>>();
        json!({ "model": self.model, "cores": self.cores, "kernel": self.kernel, "versions": versions })
    }
}

fn versions(options: &Options) -> Result<Vec<(String, String)>> {
    let mut versions = Vec::new();
    let mut add = |name: &str, program: &str, word: &str, package: &str| {
        let missing = |_| format!("{program} is not there; .ci/need bench installs it (Debian's package {package})");
        let output = Command::new(program).arg(word).output().map_err(missing)?;
        let text = [output.stdout, output.stderr].concat();
        let version = version_in(&String::from_utf8_lossy(&text));
        if !versions.iter().any(|(other, _)| other == name) {
            versions.push((name.to_owned(), version));
        }
        Ok::<_, String>(())
    };
    add("nginx", &Kind::Nginx.program().to_string_lossy(), "-v", "nginx-light")?;
    add("wrk", "wrk", "-v", "wrk")?;
    add("h2load", "h2load", "--version", "nghttp2-client")?;
    for column in options.columns.iter().filter(|column| !column.logged) {
        match column.kind {
            Kind::Haproxy => add("haproxy", &column.binary.to_string_lossy(), "-v", "haproxy")?,
            Kind::Weir => add(&column.name, &column.binary.to_string_lossy(), "--version", "none")?,
            Kind::Nginx | Kind::Origin => {}
        }
    }
    Ok(versions)
}

/// The first word of the first line that has a number and a dot in it.
fn version_in(text: &str) -> String {
    let words = text.lines().next().unwrap_or_default().split([' ', '/']);
    let mut numbers = words.filter(|word| word.contains('.') && word.contains(|digit: char| digit.is_ascii_digit()));
    numbers.next().unwrap_or("?").to_owned()
}

fn raise_descriptors() -> Result<()> {
    let hard = getrlimit(Resource::Nofile).maximum;
    let enough = hard.is_none_or(|hard| hard >= DESCRIPTORS);
    if !enough {
        return Err(format!(
            "a process may open only {} files here, idle needs {DESCRIPTORS}: as root `ulimit -Hn 20000` before make \
             bench, or nofile in /etc/security/limits.conf",
            hard.unwrap_or(0)
        ));
    }
    let limit = Rlimit { current: Some(hard.unwrap_or(DESCRIPTORS)), maximum: hard };
    setrlimit(Resource::Nofile, limit).map_err(|error| format!("ulimit -n cannot be raised: {error}"))
}

fn free_ports(options: &Options) -> Result<()> {
    let count = PORTS_EACH * (options.columns.len() as u16 + 1);
    if options.ports < 1024 || u32::from(options.ports) + u32::from(count) > 32_768 {
        return Err(format!("PORTS is from 1024 to {}: above that clients take theirs", 32_768 - u32::from(count)));
    }
    for port in options.ports..options.ports + count {
        TcpListener::bind(("127.0.0.1", port)).map_err(|error| {
            format!("port {port} of 127.0.0.1: {error}; PORTS=22000 (or another) takes {count} others")
        })?;
    }
    Ok(())
}
