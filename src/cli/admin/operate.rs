//! `weir drain`, `weir maintain`, `weir activate`: orders for a node.

use std::time::{Duration, SystemTime};

use hyper::Method;
use serde_json::{Value, json};

use super::client::{AdminArgs, send};
use super::encode::encoded;
use super::node_status::NodeStatus;
use super::wait_drained::wait_drained;
use crate::app::FAILED;
use crate::cli::output::{fail, print, print_line, warn};
use crate::cli::times::unix;
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
pub(crate) struct Drain {
    #[command(flatten)]
    of: NodeArgs,
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
pub(crate) struct Maintain {
    #[command(flatten)]
    of: NodeArgs,
    /// Also where a pool would have no node left for new requests
    #[arg(long)]
    force: bool,
}

/// The node, and where Weir is.
#[derive(clap::Args)]
pub(crate) struct NodeArgs {
    /// The node, as the configuration calls it
    node: String,
    #[command(flatten)]
    args: AdminArgs,
}

/// `weir drain`: no new sessions, then rest.
pub(crate) fn drain(drain: &Drain) -> i32 {
    let (NodeArgs { node, args }, waits) = (&drain.of, drain.wait);
    let seconds = drain.deadline.map(|time| time.as_secs() + u64::from(time.subsec_nanos() > 0));
    let deadline = seconds.map(|seconds| format!("deadline={seconds}"));
    let answer = match send_order(&drain.of, &format!("drain{}", query([deadline, forced(drain.force)]))) {
        Ok(answer) => answer,
        Err(code) => return code,
    };
    if args.json && !waits {
        return print_json(&answer);
    }
    let status = NodeStatus::in_answer(&answer);
    if !waits {
        print_line(status.sentence(unix(SystemTime::now())));
        return 0;
    }
    match wait_drained(args, node) {
        Ok(status) => report_safe(args, &status, &answer),
        Err(why) => report_unknown(args, node, &why),
    }
}

/// `weir maintain`: rest at once.
pub(crate) fn maintain(maintain: &Maintain) -> i32 {
    order(&maintain.of, &format!("maintain{}", query([None, forced(maintain.force)])))
}

/// `weir activate`: serve again.
pub(crate) fn activate(of: &NodeArgs) -> i32 {
    order(of, "activate")
}

fn forced(force: bool) -> Option<String> {
    force.then(|| "force=yes".to_owned())
}

fn query(parts: [Option<String>; 2]) -> String {
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
}

fn order(of: &NodeArgs, word: &str) -> i32 {
    match send_order(of, word) {
        Err(code) => code,
        Ok(answer) if of.args.json => print_json(&answer),
        Ok(answer) => {
            print_line(NodeStatus::in_answer(&answer).sentence(unix(SystemTime::now())));
            0
        }
    }
}

/// Sends the order. Where it is refused, prints why and returns the exit code.
fn send_order(of: &NodeArgs, word: &str) -> Result<Value, i32> {
    let path = format!("/api/nodes/{}/{word}", encoded(&of.node));
    let (_, answer) = send(&of.args, &Method::POST, &path).map_err(|why| fail(&why))?;
    if answer["ok"] != true {
        return Err(report_refusal(of.args.json, &answer));
    }
    if !of.args.json {
        problems(&answer["warnings"]).for_each(|warning| warn(&warning));
    }
    Ok(answer)
}

/// Prints a refusal of the admin API.
pub(super) fn report_refusal(json: bool, answer: &Value) -> i32 {
    if json {
        print(&format!("{answer:#}\n"));
    } else if answer["problems"].as_array().is_some_and(|problems| !problems.is_empty()) {
        problems(&answer["problems"]).for_each(|problem| _ = fail(&problem));
    } else {
        fail(&format!("refused without a reason: {answer}"));
    }
    FAILED
}

fn problems(list: &Value) -> impl Iterator<Item = String> {
    list.as_array().into_iter().flatten().map(|problem| {
        let part = |name: &str| problem[name].as_str().filter(|text| !text.is_empty());
        [part("what"), part("advice")].into_iter().flatten().collect::<Vec<_>>().join("; ")
    })
}

fn print_json(answer: &Value) -> i32 {
    if print(&format!("{answer:#}\n")) { 0 } else { FAILED }
}

fn report_safe(args: &AdminArgs, status: &NodeStatus, answer: &Value) -> i32 {
    if args.json {
        return print_json(&json!({ "ok": true, "node": status.node(), "safe": true, "warnings": answer["warnings"] }));
    }
    print_line(format_args!("{} is drained: safe to stop it", status.node()));
    0
}

fn report_unknown(args: &AdminArgs, node: &str, why: &str) -> i32 {
    if args.json {
        let problems = [json!({ "what": why, "advice": "" })];
        print(&format!("{:#}\n", json!({ "ok": false, "node": node, "safe": false, "problems": problems })));
        return FAILED;
    }
    fail(why)
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
