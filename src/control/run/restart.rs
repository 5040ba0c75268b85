//! Whether systemd stops Weir only to start it again. Then clients wait for the next process, which gets the listening sockets;
//! at a stop for good they are refused, so that they look for another balancer at once.

use std::env;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often it is asked, and the pause in between.
const TIMES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// How long systemd may take to say what it is about. Until then Weir serves.
const ANSWER: Duration = Duration::from_secs(5);

/// Whether systemd keeps at least so many sockets of this unit, and will start it again.
pub(super) async fn comes(sockets: usize) -> bool {
    let Some(unit) = unit() else { return false };
    let asked = tokio::time::timeout(ANSWER, tokio::task::spawn_blocking(move || ask(&unit, sockets))).await;
    match asked {
        Ok(Ok(Ok(comes))) => comes,
        Ok(Ok(Err(why))) => refused_to_say(&why),
        Ok(Err(_)) | Err(_) => refused_to_say("it does not answer"),
    }
}

fn refused_to_say(why: &str) -> bool {
    log::warn!("systemd does not say whether it starts Weir again, so new clients are refused until it does: {why}");
    false
}

fn ask(unit: &str, sockets: usize) -> Result<bool, String> {
    if !restarts(&systemctl(&["list-jobs", "--plain", "--no-legend", unit])?, unit) {
        return Ok(false);
    }
    let kept = systemctl(&["show", "--property=NFileDescriptorStore", "--value", unit])?;
    match kept.trim().parse::<usize>() {
        Ok(kept) if kept >= sockets => Ok(true),
        _ => Err(format!("it keeps {} of {sockets} sockets (FileDescriptorStoreMax=)", kept.trim())),
    }
}

/// The unit that this process belongs to, where systemd has started it.
fn unit() -> Option<String> {
    env::var_os("INVOCATION_ID")?;
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let unit = groups.trim_end().rsplit('/').next()?;
    unit.ends_with(".service").then(|| unit.to_owned())
}

/// What systemctl says. systemd ends every process of the unit when it stops it (`KillMode=control-group`), and may meet the one that
/// asks: then it is asked again.
fn systemctl(arguments: &[&str]) -> Result<String, String> {
    let mut ended = String::new();
    for _ in 0..TIMES {
        let asked = Command::new("systemctl").args(arguments).stdin(Stdio::null()).output();
        let asked = asked.map_err(|error| format!("systemctl: {error}"))?;
        if asked.status.success() {
            return Ok(String::from_utf8_lossy(&asked.stdout).into_owned());
        }
        ended = format!("systemctl: {} {}", asked.status, String::from_utf8_lossy(&asked.stderr).trim());
        if asked.status.signal().is_none() {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    Err(ended)
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
