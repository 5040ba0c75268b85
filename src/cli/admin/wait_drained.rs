//! Waits until a draining node can be stopped without cutting anything, and tells what is left on the way. Changes
//! nothing: who ends the waiting leaves the drain on.

use std::io::{IsTerminal, Write, stdout};
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use hyper::{Method, StatusCode};
use serde_json::Value;

use super::client::send_within;
use super::encode::encoded;
use super::node_status::{NodeOrder, NodeStatus};
use crate::cli::output::print_line;
use crate::cli::times::unix;

/// Between two questions.
const BEAT: Duration = Duration::from_millis(500);
/// One question.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long Weir may be gone: a restart is no reason to give up.
const GONE: Duration = Duration::from_secs(10);
/// Between two lines where nobody watches a terminal.
const LINES: Duration = Duration::from_secs(1);
/// Looks in a row at which nothing ran. A request may have been on its way to the node at the first.
const LOOKS: u32 = 2;

/// Waits, and gives what was seen last when the node may be stopped; or why that is not known.
pub(super) fn wait_drained(admin: SocketAddr, node: &str, quiet: bool) -> Result<NodeStatus, String> {
    let mut watch = Watch::default();
    let mut lines = Lines::new(quiet);
    let begun = Instant::now();
    loop {
        let seen = look_at(admin, node);
        match watch.look(node, seen, begun.elapsed(), unix(SystemTime::now())) {
            Look::Waiting(line) => lines.tell(line, begun.elapsed()),
            Look::Safe(seen) => {
                lines.end();
                return Ok(seen);
            }
            Look::Lost(why) => {
                lines.end();
                return Err(why);
            }
        }
        sleep(BEAT);
    }
}

fn look_at(admin: SocketAddr, node: &str) -> Result<Option<NodeStatus>, String> {
    let path = format!("/api/nodes/{}", encoded(node));
    let (status, told) = send_within(PATIENCE, admin, &Method::GET, &path)?;
    meaning(status, &told)
}

/// Only one answer says that the node is not known: others, such as of something that answers in Weir's place while it is
/// started anew, say nothing of the node.
fn meaning(status: StatusCode, told: &Value) -> Result<Option<NodeStatus>, String> {
    if status.is_success() && told["ok"] == true {
        return Ok(Some(NodeStatus::in_answer(told)));
    }
    if status == StatusCode::NOT_FOUND && told["ok"] == false {
        return Ok(None);
    }
    let why = told["problems"][0]["what"].as_str().map(|what| format!(": {what}")).unwrap_or_default();
    Err(format!("Weir answered {status}{why}"))
}

/// What one look at the node means.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// It goes on, and this is so.
    Waiting(String),
    /// It may be stopped.
    Safe(NodeStatus),
    /// It is not known, or never will be so.
    Lost(String),
}

/// What was seen so far.
#[derive(Default)]
struct Watch {
    idle: u32,
    gone_since: Option<Duration>,
    /// Whether it was gone before: it may have been started anew.
    was_gone: bool,
}

impl Watch {
    /// `seen` is an error where Weir did not answer, and nothing where it does not know the node: what still runs on one
    /// that left the file is counted, but who is under no word is not to be stopped.
    fn look(&mut self, node: &str, seen: Result<Option<NodeStatus>, String>, elapsed: Duration, now: u64) -> Look {
        let seen = match seen {
            Ok(seen) => seen,
            Err(why) => return self.gone(node, &why, elapsed),
        };
        self.gone_since = None;
        let Some(seen) = seen else {
            return Look::Lost(format!("{node} is not known any more: it is not in the file, and under no word"));
        };
        self.idle = if seen.is_idle() { self.idle + 1 } else { 0 };
        match seen.order() {
            NodeOrder::None if self.was_gone => Look::Lost(format!(
                "{node} is not to be stopped: Weir was away, and does not know of the drain now; look at `weir status`"
            )),
            NodeOrder::None => Look::Lost(format!("{node} is not to be stopped: somebody activated it meanwhile")),
            NodeOrder::Maintenance if self.idle >= LOOKS => Look::Safe(seen),
            NodeOrder::Maintenance if seen.running() > 0 => {
                let sentence = seen.sentence(now);
                Look::Waiting(format!("{sentence}; waiting for them"))
            }
            NodeOrder::Drain | NodeOrder::Maintenance => Look::Waiting(seen.sentence(now)),
        }
    }

    fn gone(&mut self, node: &str, why: &str, elapsed: Duration) -> Look {
        (self.idle, self.was_gone) = (0, true);
        let since = *self.gone_since.get_or_insert(elapsed);
        if elapsed.saturating_sub(since) < GONE {
            return Look::Waiting(format!("Weir does not answer; trying for {} s", GONE.as_secs()));
        }
        Look::Lost(format!("{why}; whether {node} may be stopped is not known (its drain outlives a restart of Weir)"))
    }
}

/// How it is told: one line, rewritten, on a terminal; else a line for each change, once a second at most.
struct Lines {
    quiet: bool,
    terminal: bool,
    told: Option<(String, Duration)>,
}

impl Lines {
    fn new(quiet: bool) -> Self {
        Self { quiet, terminal: stdout().is_terminal(), told: None }
    }

    fn tell(&mut self, line: String, now: Duration) {
        if self.quiet || !self.is_due(&line, now) {
            return;
        }
        if self.terminal {
            // Without wrapping, so that a line wider than the terminal is still one line to rewrite.
            let _ = write!(stdout(), "\r\x1b[2K\x1b[?7l{line}\x1b[?7h").and_then(|()| stdout().flush());
        } else {
            print_line(&line);
        }
        self.told = Some((line, now));
    }

    fn is_due(&self, line: &str, now: Duration) -> bool {
        match &self.told {
            None => true,
            Some((told, _)) if told == line => false,
            Some((_, at)) => self.terminal || now.saturating_sub(*at) >= LINES,
        }
    }

    fn end(&self) {
        if self.terminal && self.told.is_some() {
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

    fn looks(all: Vec<Result<Option<NodeStatus>, String>>) -> Vec<String> {
        let mut watch = Watch::default();
        let look = |(second, seen)| match watch.look("worker1", seen, Duration::from_secs(second), NOW) {
            Look::Waiting(line) => line,
            Look::Safe(_) => "safe".to_owned(),
            Look::Lost(why) => format!("lost: {why}"),
        };
        (0..).zip(all).map(look).collect()
    }

    #[test]
    fn a_drain_is_followed_to_its_end() {
        let told = looks(vec![
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
        let told = looks(vec![seen(Some("maintain"), "draining", 0, 0); 3]);
        assert!(told.iter().all(|line| line.contains("in maintenance")), "{told:?}");
    }

    #[test]
    fn what_ends_the_waiting_otherwise_is_said() {
        let told = looks(vec![seen(Some("drain"), "draining", 1, 0), seen(None, "", 1, 0)]);
        assert_eq!(told[1], "lost: worker1 is not to be stopped: somebody activated it meanwhile");
        assert!(looks(vec![Ok(None)])[0].starts_with("lost: worker1 is not known any more"));
    }

    #[test]
    fn an_answer_that_is_none_says_nothing_of_the_node() {
        let refused = json!({"ok": false, "problems": [{"what": "Weir is busy"}]});
        let told = |status, answer: &Value| meaning(StatusCode::from_u16(status).unwrap(), answer);
        assert_eq!(told(404, &refused), Ok(None));
        assert_eq!(told(503, &refused).unwrap_err(), "Weir answered 503 Service Unavailable: Weir is busy");
        for (status, answer) in [(404, json!({"error": "no such page"})), (200, json!([])), (500, Value::Null)] {
            assert!(told(status, &answer).is_err(), "{status}");
        }
        assert!(told(200, &json!({"ok": true, "node": "worker1"})).is_ok_and(|seen| seen.is_some()));
    }

    #[test]
    fn a_drain_that_was_forgotten_was_not_taken_back() {
        let told = looks(vec![seen(Some("drain"), "draining", 1, 0), Err("gone".to_owned()), seen(None, "", 1, 0)]);
        assert!(told[2].starts_with("lost: worker1 is not to be stopped: Weir was away"), "{told:?}");
    }

    #[test]
    fn a_node_that_left_every_pool_is_safe_when_nothing_runs_there() {
        let nowhere = |operator: &str| {
            Ok(Some(NodeStatus::in_answer(&json!({"node": "worker1", "operator": operator, "pools": []}))))
        };
        let told = looks(vec![
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
        let told = looks(all);
        assert!(told[..10].iter().chain(&told[11..21]).all(|line| line.contains("does not answer")), "{told:?}");
        assert!(told[21].starts_with("lost: cannot reach Weir; whether worker1"), "{told:?}");
    }

    #[test]
    fn lines_come_when_something_changed_and_not_too_often() {
        let mut lines = Lines { quiet: false, terminal: false, told: Some(("a".into(), Duration::ZERO)) };
        let ms = Duration::from_millis;
        assert_eq!(["a", "b"].map(|line| lines.is_due(line, ms(999))), [false, false]);
        assert_eq!(["a", "b"].map(|line| lines.is_due(line, ms(1000))), [false, true]);
        lines.terminal = true;
        assert_eq!(["a", "b"].map(|line| lines.is_due(line, ms(1))), [false, true]);
    }
}
