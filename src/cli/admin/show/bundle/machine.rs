//! The machine that this command runs on: its kernel, its memory, and the limits of Weir's process.

use std::fs;
use std::process::{Command, Stdio};

const PROPERTIES: &str = "MainPID,ActiveState,SubState,NRestarts,LimitNOFILE,MemoryCurrent,TasksCurrent,CPUUsageNSec";

/// What is known of it, under headings. What cannot be read is left out.
pub(super) fn describe() -> String {
    let name = rustix::system::uname();
    let parts = [name.sysname(), name.nodename(), name.release(), name.version(), name.machine()];
    let kernel = parts.map(std::ffi::CStr::to_string_lossy).join(" ");
    let service = output("systemctl", &["show", "weir", "--property", PROPERTIES]);
    let process = service.lines().find_map(|line| line.strip_prefix("MainPID=")).filter(|pid| *pid != "0");
    let limits = process.map_or_else(String::new, |pid| read(&format!("/proc/{pid}/limits")));
    let memory: String = read("/proc/meminfo").lines().take(5).map(|line| format!("{line}\n")).collect();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let all = [
        ("kernel", kernel),
        ("system", read("/etc/os-release")),
        ("processors", processors.to_string()),
        ("load", read("/proc/loadavg")),
        ("memory", memory),
        ("open files of the machine", read("/proc/sys/fs/file-nr")),
        ("ports for connections to nodes", read("/proc/sys/net/ipv4/ip_local_port_range")),
        ("the service", service),
        ("limits of its process", limits),
    ];
    let known = all.into_iter().filter(|(_, text)| !text.trim().is_empty());
    known.map(|(heading, text)| format!("== {heading}\n{}\n\n", text.trim_end())).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn output(command: &str, arguments: &[&str]) -> String {
    let ran = Command::new(command).args(arguments).stdin(Stdio::null()).output();
    ran.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}
