//! Whether systemd stops Weir only to start it again. Then clients wait for the next process, which gets the listening sockets;
//! at a stop for good they are refused, so that they look for another balancer at once.

use std::env;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long systemd may take to say what it is about.
const ANSWER: Duration = Duration::from_secs(1);

/// Whether systemd keeps at least so many sockets of this unit, and will start it again.
pub(super) async fn comes(sockets: usize) -> bool {
    let Some(unit) = unit() else { return false };
    let asked = tokio::task::spawn_blocking(move || {
        let jobs = systemctl(&["list-jobs", "--plain", "--no-legend", &unit]);
        jobs.is_some_and(|jobs| restarts(&jobs, &unit))
            && systemctl(&["show", "--property=NFileDescriptorStore", "--value", &unit])
                .is_some_and(|kept| kept.trim().parse::<usize>().is_ok_and(|kept| kept >= sockets))
    });
    matches!(tokio::time::timeout(ANSWER, asked).await, Ok(Ok(true)))
}

/// The unit that this process belongs to, where systemd has started it.
fn unit() -> Option<String> {
    env::var_os("INVOCATION_ID")?;
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let unit = groups.trim_end().rsplit('/').next()?;
    unit.ends_with(".service").then(|| unit.to_owned())
}

fn systemctl(arguments: &[&str]) -> Option<String> {
    let asked = Command::new("systemctl").args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(asked.stdout).ok().filter(|_| asked.status.success())
}

/// Whether the jobs of systemd restart this unit. A line is `1234 weir.service restart running`.
fn restarts(jobs: &str, unit: &str) -> bool {
    let mut lines = jobs.lines().map(str::split_whitespace);
    lines.any(|mut words| words.nth(1) == Some(unit) && words.next() == Some("restart"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_restart_of_this_unit_is_one() {
        for (jobs, restart) in [
            ("412 weir.service restart running\n", true),
            ("411 other.service restart waiting\n412 weir.service  restart  running\n", true),
            ("412 weir.service stop running\n", false),
            ("412 weir.service.d restart running\n", false),
            ("412 restart weir.service running\n", false),
            ("", false),
        ] {
            assert_eq!(restarts(jobs, "weir.service"), restart, "{jobs:?}");
        }
    }
}
