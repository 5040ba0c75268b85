//! `weir drain`, `weir maintain`, `weir activate`: orders for a node. `weir weight`: the weight of a node in a pool.

use std::time::{Duration, SystemTime};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::client::{send, send_change};
use super::connection::AdminArgs;
use super::encode::encoded;
use super::node_status::NodeStatus;
use super::reason::Reason;
use super::wait_drained::wait_drained;
use crate::app::FAILED;
use crate::cli::output::{fail, print, tell_line, warn};
use crate::cli::times::unix;
use crate::config;
use crate::config::orders_file::WEIGHTS;

const AFTER_DRAIN: &str = "\
The node gets no new sessions and no requests without one; the sessions it has stay there. When none is left and no \
request runs, or at the deadline, the drain is over: the node rests, and what came too late is bound to another node. \
It rests until `weir activate`, over reloads and restarts. Machines that share servers ([shared] servers) follow within a second or two, \
and a drain ends when none of them that is there has anything left.

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
    /// With --wait: do not wait for this machine, it is down (with [shared] servers; may be repeated)
    #[arg(long, value_name = "MACHINE", requires = "wait")]
    without: Vec<String>,
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
    why: Reason,
    #[command(flatten)]
    args: AdminArgs,
}

/// `weir weight`.
#[derive(clap::Args)]
pub(crate) struct Weight {
    /// The pool
    pool: String,
    /// The node, as the configuration calls it
    node: String,
    /// 1 to 1000, or `reset` for that of the file
    #[arg(value_name = "N|reset", value_parser = weight_or_reset)]
    weight: WeightWord,
    #[command(flatten)]
    why: Reason,
    #[command(flatten)]
    args: AdminArgs,
}

/// A weight, or none for that of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WeightWord(Option<u16>);

fn weight_or_reset(text: &str) -> Result<WeightWord, String> {
    let number = text.parse().ok().filter(|number| WEIGHTS.contains(number));
    match number {
        Some(number) => Ok(WeightWord(Some(number))),
        None if text == "reset" => Ok(WeightWord(None)),
        None => Err("write a number from 1 to 1000, or reset for that of the file".to_owned()),
    }
}

/// `weir drain`: no new sessions, then rest.
pub(crate) fn drain(drain: &Drain) -> i32 {
    let (NodeArgs { node, args, .. }, waits) = (&drain.of, drain.wait);
    let seconds = drain.deadline.map(|time| time.as_secs() + u64::from(time.subsec_nanos() > 0));
    let body = json!({ "reason": drain.of.why.said(), "deadline_seconds": seconds, "force": drain.force });
    let answer = match send_order(&drain.of, "drain", &body) {
        Ok(answer) => answer,
        Err(code) => return code,
    };
    if args.json && !waits {
        return print_json(&answer);
    }
    let status = NodeStatus::in_answer(&answer);
    if !waits {
        tell_line(status.sentence(unix(SystemTime::now())));
        return 0;
    }
    match wait_drained(args, node, &drain.without) {
        Ok(status) => report_safe(args, &status, &answer),
        Err(why) => report_unknown(args, node, &why),
    }
}

/// `weir maintain`: rest at once.
pub(crate) fn maintain(maintain: &Maintain) -> i32 {
    let body = json!({ "reason": maintain.of.why.said(), "force": maintain.force });
    match send_order(&maintain.of, "maintain", &body) {
        Err(code) => code,
        Ok(answer) if maintain.of.args.json => print_json(&answer),
        Ok(answer) => {
            tell_line(NodeStatus::in_answer(&answer).sentence(unix(SystemTime::now())));
            0
        }
    }
}

/// `weir activate`: serve again. Exit code 0 means that it does.
pub(crate) fn activate(of: &NodeArgs) -> i32 {
    let answer = match send_order(of, "activate", &json!({ "reason": of.why.said() })) {
        Ok(answer) => answer,
        Err(code) => return code,
    };
    let status = NodeStatus::in_answer(&answer);
    let printed = if of.args.json {
        print_json(&answer)
    } else {
        tell_line(status.without_order());
        0
    };
    if status.fails() { FAILED } else { printed }
}

/// `weir weight`: another weight in place of the file's.
pub(crate) fn weight(weight: &Weight) -> i32 {
    let Weight { pool, node, weight: WeightWord(number), why, args } = weight;
    let path = format!("/api/v1/pools/{}/nodes/{}", encoded(pool), encoded(node));
    let body = json!({ "weight": number, "reason": why.said() });
    let (status, answer) = match send_change(args, &Method::PATCH, &path, &body) {
        Ok(answered) => answered,
        Err(why) => return fail(&why),
    };
    if !status.is_success() {
        return report_refusal(args.json, &refusal(&answer));
    }
    if args.json {
        return print_json(&answer);
    }
    answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).for_each(warn);
    let (now, of_file) = (&answer["weight"], &answer["file_weight"]);
    let instead = if now == of_file { String::new() } else { format!(", in place of {of_file} in the file") };
    tell_line(format_args!("{node} has the weight {now} in {pool}{instead}"));
    0
}

/// Sends the order; the answer is how the node is now. Where it is refused, prints why and returns the exit code.
fn send_order(of: &NodeArgs, word: &str, body: &Value) -> Result<Value, i32> {
    let (args, node) = (&of.args, encoded(&of.node));
    let ordered = send_change(args, &Method::POST, &format!("/api/v1/nodes/{node}/{word}"), body);
    let (status, operation) = ordered.map_err(|why| fail(&why))?;
    if !status.is_success() {
        return Err(report_refusal(of.args.json, &refusal(&operation)));
    }
    let (status, mut answer) = send(args, &Method::GET, &format!("/api/nodes/{node}")).map_err(|why| fail(&why))?;
    if status == StatusCode::NOT_FOUND {
        // The order was the last thing that was known of it.
        answer = json!({ "ok": true, "node": of.node, "state": "passive", "operator": null, "since": null, "deadline": null, "pools": [] });
    }
    let warnings = operation["warnings"].as_array().into_iter().flatten();
    answer["warnings"] = warnings.map(|warning| json!({ "what": warning, "advice": "" })).collect();
    if !of.args.json {
        problems(&answer["warnings"]).for_each(|warning| warn(&warning));
    }
    Ok(answer)
}

/// A problem document in the form that `--json` has had all along.
pub(super) fn refusal(problem: &Value) -> Value {
    if problem["problems"].is_array() {
        return problem.clone();
    }
    json!({ "ok": false, "problems": [{ "what": problem["detail"], "advice": problem["advice"] }] })
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
    tell_line(format_args!("{} is drained: safe to stop it", status.node()));
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
    fn a_weight_is_a_number_or_reset() {
        let read = |text| weight_or_reset(text).ok().map(|word| word.0);
        let cases = [
            ("1", Some(Some(1))),
            ("1000", Some(Some(1000))),
            ("reset", Some(None)),
            ("0", None),
            ("1001", None),
            ("", None),
            ("two", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn problems_are_told_with_their_advice() {
        let list =
            json!([{"what": "no node is called \"w\"", "advice": "nodes here: a"}, {"what": "x", "advice": ""}, {}]);
        assert_eq!(problems(&list).collect::<Vec<_>>(), ["no node is called \"w\"; nodes here: a", "x", ""]);
        assert_eq!(problems(&Value::Null).count(), 0);
    }
}
