//! `weir drain --wait`: polls a draining node until it can be stopped without cutting a request, and prints what is
//! left. It only reads; ending it leaves the drain on.

use std::io::{Write, stdout};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use hyper::{Method, StatusCode};
use serde_json::Value;

use super::client::send_within;
use super::connection::AdminArgs;
use super::encode::encoded;
use super::node_status::{NodeOrder, NodeStatus};
use crate::app::shows_cursor_moves;
use crate::cli::output::print_line;
use crate::cli::times::unix;

/// Between two polls.
const POLL_EVERY: Duration = Duration::from_millis(500);
/// For one poll.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How long Weir may not answer, as during a restart, before the waiting ends.
const UNREACHABLE: Duration = Duration::from_secs(10);
/// Between two lines where standard output is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(1);
/// Polls in a row at which nothing ran. At the first a request may have been on its way to the node.
const IDLE_POLLS: u32 = 2;

/// Waits. Returns the last status of the node when it may be stopped; or why that is not known.
/// Machines that are down are not waited for.
pub(super) fn wait_drained(args: &AdminArgs, node: &str, down: &[String]) -> Result<NodeStatus, String> {
    let mut watch = Watch::default();
    let mut lines = ProgressLines::new(args.json);
    let begun = Instant::now();
    loop {
        let status = poll(args, node).map(|status| status.map(|status| status.without(down)));
        match watch.next(node, status, begun.elapsed(), unix(SystemTime::now())) {
            Progress::Waiting(line) => lines.print(line, begun.elapsed()),
            Progress::Safe(seen) => {
                lines.end();
                return Ok(seen);
            }
            Progress::Unknown(why) => {
                lines.end();
                return Err(why);
            }
        }
        sleep(POLL_EVERY);
    }
}

fn poll(args: &AdminArgs, node: &str) -> Result<Option<NodeStatus>, String> {
    let path = format!("/api/nodes/{}", encoded(node));
    let (status, answer) = send_within(TIMEOUT, args, &Method::GET, &path)?;
    parse(status, &answer)
}

/// Returns none if Weir does not know the node. Only a 404 in Weir's own form (`"ok": false`) says so: while Weir
/// restarts, another program may answer at its address.
fn parse(status: StatusCode, answer: &Value) -> Result<Option<NodeStatus>, String> {
    if status.is_success() && answer["ok"] == true {
        return Ok(Some(NodeStatus::in_answer(answer)));
    }
    if status == StatusCode::NOT_FOUND && answer["ok"] == false {
        return Ok(None);
    }
    let why = answer["problems"][0]["what"].as_str().map(|what| format!(": {what}")).unwrap_or_default();
    Err(format!("Weir answered {status}{why}"))
}

/// What follows from one poll.
#[derive(Debug, PartialEq, Eq)]
enum Progress {
    /// Go on waiting, and print this.
    Waiting(String),
    /// The node may be stopped.
    Safe(NodeStatus),
    /// It is not known whether it may be stopped, or it never will be.
    Unknown(String),
}

/// What is remembered from the polls so far.
#[derive(Default)]
struct Watch {
    idle: u32,
    unreachable_since: Option<Duration>,
    /// Whether Weir did not answer before: it may have been restarted.
    was_unreachable: bool,
}

impl Watch {
    /// `status` is an error where Weir did not answer, and none where it does not know the node. A node that has left
    /// the file is waited for as well; one that no operator has drained or put in maintenance is not to be stopped.
    fn next(
        &mut self,
        node: &str,
        status: Result<Option<NodeStatus>, String>,
        elapsed: Duration,
        now: u64,
    ) -> Progress {
        let status = match status {
            Ok(status) => status,
            Err(why) => return self.unreachable(node, &why, elapsed),
        };
        self.unreachable_since = None;
        let Some(status) = status else {
            return Progress::Unknown(format!(
                "{node} is not known any more: it is not in the file, and under no order"
            ));
        };
        self.idle = if status.is_idle() { self.idle + 1 } else { 0 };
        match status.order() {
            NodeOrder::None if self.was_unreachable => Progress::Unknown(format!(
                "{node} is not to be stopped: Weir was away, and does not know of the drain now; look at `weir status`"
            )),
            NodeOrder::None => {
                Progress::Unknown(format!("{node} is not to be stopped: somebody activated it meanwhile"))
            }
            NodeOrder::Maintenance if self.idle >= IDLE_POLLS => Progress::Safe(status),
            NodeOrder::Maintenance if status.running() > 0 => {
                let sentence = status.sentence(now);
                Progress::Waiting(format!("{sentence}; waiting for them"))
            }
            NodeOrder::Drain | NodeOrder::Maintenance => Progress::Waiting(status.sentence(now)),
        }
    }

    fn unreachable(&mut self, node: &str, why: &str, elapsed: Duration) -> Progress {
        (self.idle, self.was_unreachable) = (0, true);
        let since = *self.unreachable_since.get_or_insert(elapsed);
        if elapsed.saturating_sub(since) < UNREACHABLE {
            return Progress::Waiting(format!("Weir does not answer; trying for {} s", UNREACHABLE.as_secs()));
        }
        Progress::Unknown(format!(
            "{why}; whether {node} may be stopped is not known (its drain outlives a restart of Weir)"
        ))
    }
}

/// Prints the progress: on a terminal one line that is rewritten; else a line for each change, at most one a second.
struct ProgressLines {
    quiet: bool,
    terminal: bool,
    last: Option<(String, Duration)>,
}

impl ProgressLines {
    fn new(quiet: bool) -> Self {
        Self { quiet, terminal: shows_cursor_moves(&stdout()), last: None }
    }

    fn print(&mut self, line: String, now: Duration) {
        if self.quiet || !self.is_due(&line, now) {
            return;
        }
        if self.terminal {
            // Without wrapping, so that a line wider than the terminal is still one line to rewrite.
            let _ = write!(stdout(), "\r\x1b[2K\x1b[?7l{line}\x1b[?7h").and_then(|()| stdout().flush());
        } else {
            print_line(&line);
        }
        self.last = Some((line, now));
    }

    fn is_due(&self, line: &str, now: Duration) -> bool {
        match &self.last {
            None => true,
            Some((last, _)) if last == line => false,
            Some((_, at)) => self.terminal || now.saturating_sub(*at) >= LINE_EVERY,
        }
    }

    fn end(&self) {
        if self.terminal && self.last.is_some() {
            print_line("");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: u64 = 1_795_348_800;

    fn seen(operator: Option<&str>, reason: &str, sessions: u64, in_flight: u64) -> Result<Option<NodeStatus>, String> {
        let pool =
            json!({"pool": "esb", "state": "passive", "reason": reason, "sessions": sessions, "in_flight": in_flight});
        Ok(Some(NodeStatus::in_answer(&json!({"node": "worker1", "operator": operator, "pools": [pool]}))))
    }

    fn polled(all: Vec<Result<Option<NodeStatus>, String>>) -> Vec<String> {
        let mut watch = Watch::default();
        let next = |(second, status)| match watch.next("worker1", status, Duration::from_secs(second), NOW) {
            Progress::Waiting(line) => line,
            Progress::Safe(_) => "safe".to_owned(),
            Progress::Unknown(why) => format!("lost: {why}"),
        };
        (0..).zip(all).map(next).collect()
    }

    #[test]
    fn a_drain_is_followed_to_its_end() {
        let told = polled(vec![
            seen(Some("drain"), "draining", 2, 1),
            seen(Some("drain"), "draining", 0, 0),
            seen(Some("maintain"), "maintenance", 0, 1),
            seen(Some("maintain"), "maintenance", 0, 0),
            seen(Some("maintain"), "maintenance", 0, 1),
            seen(Some("maintain"), "maintenance", 0, 0),
            seen(Some("maintain"), "maintenance", 0, 0),
        ]);
        let (busy, rest) = (
            "worker1 is in maintenance in esb: 1 request still running; waiting for them",
            "worker1 is in maintenance in esb: no request is running",
        );
        let expected = [
            "worker1 is draining in esb: 2 sessions, 1 request running",
            "worker1 is draining in esb: 0 sessions, 0 requests running",
            busy,
            rest,
            busy,
            rest,
            "safe",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_word_that_no_pool_obeys_yet_is_no_leave_to_stop() {
        let told = polled(vec![seen(Some("maintain"), "draining", 0, 0); 3]);
        assert!(told.iter().all(|line| line.contains("in maintenance")), "{told:?}");
    }

    #[test]
    fn what_ends_the_waiting_otherwise_is_said() {
        let told = polled(vec![seen(Some("drain"), "draining", 1, 0), seen(None, "", 1, 0)]);
        assert_eq!(told[1], "lost: worker1 is not to be stopped: somebody activated it meanwhile");
        assert!(polled(vec![Ok(None)])[0].starts_with("lost: worker1 is not known any more"));
    }

    #[test]
    fn an_answer_that_is_none_says_nothing_of_the_node() {
        let refused = json!({"ok": false, "problems": [{"what": "Weir is busy"}]});
        let told = |status, answer: &Value| parse(StatusCode::from_u16(status).unwrap(), answer);
        assert_eq!(told(404, &refused), Ok(None));
        assert_eq!(told(503, &refused).unwrap_err(), "Weir answered 503 Service Unavailable: Weir is busy");
        for (status, answer) in [(404, json!({"error": "no such page"})), (200, json!([])), (500, Value::Null)] {
            assert!(told(status, &answer).is_err(), "{status}");
        }
        assert!(told(200, &json!({"ok": true, "node": "worker1"})).is_ok_and(|seen| seen.is_some()));
    }

    #[test]
    fn a_drain_that_was_forgotten_was_not_taken_back() {
        let told = polled(vec![seen(Some("drain"), "draining", 1, 0), Err("gone".to_owned()), seen(None, "", 1, 0)]);
        assert!(told[2].starts_with("lost: worker1 is not to be stopped: Weir was away"), "{told:?}");
    }

    #[test]
    fn a_node_that_left_every_pool_is_safe_when_nothing_runs_there() {
        let nowhere = |operator: &str| {
            Ok(Some(NodeStatus::in_answer(&json!({"node": "worker1", "operator": operator, "pools": []}))))
        };
        let told = polled(vec![
            seen(Some("drain"), "gone", 0, 1),
            nowhere("drain"),
            nowhere("drain"),
            nowhere("maintain"),
            nowhere("maintain"),
        ]);
        assert_eq!(told[0], "worker1 is draining in esb: 0 sessions, 1 request running");
        assert!(told[1..4].iter().all(|line| line == "worker1 is in no pool: nothing goes there"), "{told:?}");
        assert_eq!(told[4], "safe");
    }

    #[test]
    fn a_weir_that_is_gone_is_tried_for_ten_seconds() {
        let gone = || Err("cannot reach Weir".to_owned());
        let mut all: Vec<_> = (0..10).map(|_| gone()).collect();
        all.push(seen(Some("maintain"), "maintenance", 0, 0));
        all.extend((0..11).map(|_| gone()));
        let told = polled(all);
        assert!(told[..10].iter().chain(&told[11..21]).all(|line| line.contains("does not answer")), "{told:?}");
        assert!(told[21].starts_with("lost: cannot reach Weir; whether worker1"), "{told:?}");
    }

    #[test]
    fn lines_come_when_something_changed_and_not_too_often() {
        let mut lines = ProgressLines { quiet: false, terminal: false, last: Some(("a".into(), Duration::ZERO)) };
        let ms = Duration::from_millis;
        assert_eq!(["a", "b"].map(|line| lines.is_due(line, ms(999))), [false, false]);
        assert_eq!(["a", "b"].map(|line| lines.is_due(line, ms(1000))), [false, true]);
        lines.terminal = true;
        assert_eq!(["a", "b"].map(|line| lines.is_due(line, ms(1))), [false, true]);
    }
}
