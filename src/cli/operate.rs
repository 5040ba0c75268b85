//! `weir drain`, `weir maintain`, `weir activate`: an operator's word about a node.

use std::time::{Duration, SystemTime};

use hyper::Method;
use serde_json::{Value, json};

use super::ask::{Asked, ask};
use super::encode::encoded;
use super::follow::follow;
use super::seen::Seen;
use super::times::unix;
use super::voice::{answer, complain, say, warn};
use crate::app::FAILED;
use crate::config;

const AFTER_DRAIN: &str = "\
The node gets no new sessions and no requests without one; the sessions it has stay there. When none is left and no \
request runs, or at the deadline, the drain is over: the node rests, and what came too late is bound to another node. \
It rests until `weir activate`, over reloads and restarts.

Ctrl-C ends the waiting of --wait and leaves the drain on; `weir activate NODE` takes it back. Said again, it waits on; \
a --deadline then begins anew, and without one the first still holds.";

/// `weir drain`.
#[derive(clap::Args)]
#[command(after_help = AFTER_DRAIN)]
pub(super) struct Drain {
    #[command(flatten)]
    of: OfNode,
    /// End it after this long (30m, 2h) and rebind the sessions that are left; without it a drain waits for the last one
    #[arg(long, value_name = "TIME", value_parser = config::spoken_duration)]
    deadline: Option<Duration>,
    /// Wait until it is safe to stop the node, and tell what is left; exit code 0 means safe
    #[arg(long)]
    wait: bool,
    /// Also where a pool would have no node left for new requests
    #[arg(long)]
    force: bool,
}

/// `weir maintain`.
#[derive(clap::Args)]
pub(super) struct Maintain {
    #[command(flatten)]
    of: OfNode,
    /// Also where a pool would have no node left for new requests
    #[arg(long)]
    force: bool,
}

/// The node, and where Weir is.
#[derive(clap::Args)]
pub(super) struct OfNode {
    /// The node, as the configuration calls it
    node: String,
    #[command(flatten)]
    asked: Asked,
}

/// `weir drain`: no new sessions, then rest.
pub(super) fn drain(drain: &Drain) -> i32 {
    let (OfNode { node, asked }, waits) = (&drain.of, drain.wait);
    let seconds = drain.deadline.map(|time| time.as_secs() + u64::from(time.subsec_nanos() > 0));
    let deadline = seconds.map(|seconds| format!("deadline={seconds}"));
    let told = match told(&drain.of, &format!("drain{}", query([deadline, forced(drain.force)]))) {
        Ok(told) => told,
        Err(code) => return code,
    };
    if asked.json && !waits {
        return shown(&told);
    }
    let seen = Seen::in_answer(&told);
    if !waits {
        say(seen.sentence(unix(SystemTime::now())));
        return 0;
    }
    match follow(asked.admin, node, asked.json) {
        Ok(seen) => safe(asked, &seen, &told),
        Err(why) => lost(asked, node, &why),
    }
}

/// `weir maintain`: rest at once.
pub(super) fn maintain(maintain: &Maintain) -> i32 {
    plainly(&maintain.of, &format!("maintain{}", query([None, forced(maintain.force)])))
}

/// `weir activate`: serve again.
pub(super) fn activate(of: &OfNode) -> i32 {
    plainly(of, "activate")
}

fn forced(force: bool) -> Option<String> {
    force.then(|| "force=yes".to_owned())
}

fn query(parts: [Option<String>; 2]) -> String {
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
}

fn plainly(of: &OfNode, word: &str) -> i32 {
    match told(of, word) {
        Err(code) => code,
        Ok(told) if of.asked.json => shown(&told),
        Ok(told) => {
            say(Seen::in_answer(&told).sentence(unix(SystemTime::now())));
            0
        }
    }
}

/// Says the word. Complains and gives the exit code where it was not taken.
fn told(of: &OfNode, word: &str) -> Result<Value, i32> {
    let path = format!("/api/nodes/{}/{word}", encoded(&of.node));
    let (_, told) = ask(of.asked.admin, &Method::POST, &path).map_err(|why| complain(&why))?;
    if told["ok"] != true {
        return Err(refused(of.asked.json, &told));
    }
    if !of.asked.json {
        problems(&told["warnings"]).for_each(|warning| warn(&warning));
    }
    Ok(told)
}

/// Tells a refusal of the admin API.
pub(super) fn refused(json: bool, told: &Value) -> i32 {
    if json {
        answer(&format!("{told:#}\n"));
    } else if told["problems"].as_array().is_some_and(|problems| !problems.is_empty()) {
        problems(&told["problems"]).for_each(|problem| _ = complain(&problem));
    } else {
        complain(&format!("refused without a reason: {told}"));
    }
    FAILED
}

fn problems(list: &Value) -> impl Iterator<Item = String> {
    list.as_array().into_iter().flatten().map(|problem| {
        let part = |name: &str| problem[name].as_str().filter(|text| !text.is_empty());
        [part("what"), part("advice")].into_iter().flatten().collect::<Vec<_>>().join("; ")
    })
}

fn shown(told: &Value) -> i32 {
    if answer(&format!("{told:#}\n")) { 0 } else { FAILED }
}

fn safe(asked: &Asked, seen: &Seen, told: &Value) -> i32 {
    if asked.json {
        return shown(&json!({ "ok": true, "node": seen.node(), "safe": true, "warnings": told["warnings"] }));
    }
    say(format_args!("{} is drained: safe to stop it", seen.node()));
    0
}

fn lost(asked: &Asked, node: &str, why: &str) -> i32 {
    if asked.json {
        let problems = [json!({ "what": why, "advice": "" })];
        answer(&format!("{:#}\n", json!({ "ok": false, "node": node, "safe": false, "problems": problems })));
        return FAILED;
    }
    complain(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_told_with_their_advice() {
        let list =
            json!([{"what": "no node is called \"w\"", "advice": "nodes here: a"}, {"what": "x", "advice": ""}, {}]);
        assert_eq!(problems(&list).collect::<Vec<_>>(), ["no node is called \"w\"; nodes here: a", "x", ""]);
        assert_eq!(problems(&Value::Null).count(), 0);
    }
}
