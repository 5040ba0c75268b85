//! The status of one node in all of its pools, read from the admin API, and as one sentence.

use serde_json::Value;

use super::table::count;
use crate::cli::times::until;

/// A node's status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NodeStatus {
    node: String,
    operator: Option<String>,
    deadline: Option<u64>,
    pools: Vec<PoolStatus>,
    /// What other machines still have of it.
    elsewhere: Vec<Elsewhere>,
}

/// What another machine still has of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Elsewhere {
    machine: String,
    /// In words.
    told: String,
    /// It has nothing left.
    done: bool,
    /// The node may be stopped as far as it goes.
    safe: bool,
}

/// Its status in one pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct PoolStatus {
    pool: String,
    state: String,
    reason: Option<String>,
    /// Why its last probe failed.
    probe_failure: Option<String>,
    /// `None` where they cannot be counted.
    sessions: Option<u64>,
    in_flight: u64,
}

/// What operators have ordered for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeOrder {
    /// It keeps its sessions until they end.
    Drain,
    /// It gets nothing new.
    Maintenance,
    /// Nothing.
    None,
}

impl NodeStatus {
    /// From the answer to an order or to a poll: `{ node, operator, deadline, pools: […], elsewhere: […] }`.
    pub(super) fn in_answer(answer: &Value) -> Self {
        Self {
            node: owned(&answer["node"]).unwrap_or_default(),
            operator: owned(&answer["operator"]),
            deadline: answer["deadline"].as_u64(),
            pools: answer["pools"].as_array().into_iter().flatten().map(PoolStatus::of).collect(),
            elsewhere: answer["elsewhere"].as_array().into_iter().flatten().map(Elsewhere::of).collect(),
        }
    }

    /// Without what these machines have: the operator knows that they are down.
    pub(super) fn without(mut self, machines: &[String]) -> Self {
        self.elsewhere.retain(|other| !machines.contains(&other.machine));
        self
    }

    /// The order it is under.
    pub(super) fn order(&self) -> NodeOrder {
        match self.operator.as_deref() {
            None => NodeOrder::None,
            Some("drain") => NodeOrder::Drain,
            Some(_) => NodeOrder::Maintenance,
        }
    }

    /// Its name.
    pub(super) fn node(&self) -> &str {
        &self.node
    }

    /// Whether no pool has it.
    pub(super) fn is_nowhere(&self) -> bool {
        self.pools.is_empty()
    }

    /// Requests that it is answering.
    pub(super) fn running(&self) -> u64 {
        self.pools.iter().map(|pool| pool.in_flight).sum()
    }

    /// Whether it rests in every pool, and no request runs there, of no machine.
    pub(super) fn is_idle(&self) -> bool {
        let rests = |pool: &PoolStatus| {
            pool.state == "passive" && matches!(pool.reason.as_deref(), Some("maintenance" | "gone"))
        };
        let rests = self.running() == 0 && self.pools.iter().all(rests);
        self.order() == NodeOrder::Maintenance && rests && self.elsewhere.iter().all(|other| other.safe)
    }

    /// The status as one sentence: `worker1 is draining in esb-http: 12 sessions, 3 requests running`.
    pub(super) fn sentence(&self, now: u64) -> String {
        let node = &self.node;
        let pools = listed(self.pools.iter().map(|pool| pool.pool.as_str()));
        let here = match self.order() {
            NodeOrder::None if self.is_nowhere() => format!("{node} is in no pool, and under no order any more"),
            NodeOrder::Drain | NodeOrder::Maintenance if self.is_nowhere() => {
                format!("{node} is in no pool: nothing goes there")
            }
            NodeOrder::Drain => format!("{node} is draining in {pools}: {}{}", self.left(), self.end(now)),
            NodeOrder::Maintenance => format!("{node} is in maintenance in {pools}: {}", self.still()),
            NodeOrder::None => format!("{node} is {}", self.states()),
        };
        here + &self.left_elsewhere()
    }

    /// `; lb2 has 9 sessions and 1 request running`: of those that a drain, or who wants to stop the node, waits for.
    fn left_elsewhere(&self) -> String {
        let is_awaited = |other: &&Elsewhere| match self.order() {
            NodeOrder::None => false,
            NodeOrder::Drain => !other.done,
            NodeOrder::Maintenance => !other.safe,
        };
        self.elsewhere.iter().filter(is_awaited).map(|other| format!("; {}", other.told)).collect()
    }

    fn left(&self) -> String {
        let counted: u64 = self.pools.iter().filter_map(|pool| pool.sessions).sum();
        let unseen = listed(self.pools.iter().filter(|pool| pool.sessions.is_none()).map(|p| p.pool.as_str()));
        let sessions = match (unseen.is_empty(), self.pools.iter().any(|pool| pool.sessions.is_some())) {
            (true, _) => count(counted, "session"),
            (false, true) => format!("{} (those of {unseen} cannot be counted)", count(counted, "session")),
            (false, false) => "sessions that cannot be counted".to_owned(),
        };
        format!("{sessions}, {} running", count(self.running(), "request"))
    }

    fn end(&self, now: u64) -> String {
        self.deadline.map(|deadline| format!(", {}", until(deadline, now))).unwrap_or_default()
    }

    fn still(&self) -> String {
        match self.running() {
            0 => "no request is running".to_owned(),
            running => format!("{} still running", count(running, "request")),
        }
    }

    /// The status of a node whose order has just ended. It may have died while it was under the order.
    pub(super) fn without_order(&self) -> String {
        if !self.pools.iter().any(|pool| pool.state == "passive" || pool.fails()) || self.order() != NodeOrder::None {
            return self.sentence(0);
        }
        format!("the order ended; {} is {}", self.node, self.states())
    }

    /// Whether it cannot serve in a pool, or soon may not be able to. One that is not needed now can.
    pub(super) fn fails(&self) -> bool {
        self.pools.iter().any(PoolStatus::fails)
    }

    /// `active in a, b; passive (unhealthy: connect refused) in c`.
    fn states(&self) -> String {
        let mut states: Vec<(String, Vec<&str>)> = Vec::new();
        for status in &self.pools {
            let key = format!("{}{}", status.state, status.why());
            match states.iter_mut().find(|(known, _)| *known == key) {
                Some((_, pools)) => pools.push(&status.pool),
                None => states.push((key, vec![&status.pool])),
            }
        }
        let told = |(state, pools): (String, Vec<&str>)| format!("{state} in {}", listed(pools.into_iter()));
        states.into_iter().map(told).collect::<Vec<_>>().join("; ")
    }
}

impl PoolStatus {
    fn fails(&self) -> bool {
        self.probe_failure.is_some() || matches!(self.reason.as_deref(), Some("checking" | "ejected" | "unhealthy"))
    }

    /// Why it is passive, or soon may be; behind its state.
    fn why(&self) -> String {
        match (self.reason.as_deref(), &self.probe_failure) {
            (Some(reason @ ("unhealthy" | "checking")), Some(failure)) => format!(" ({reason}: {failure})"),
            (Some(reason), _) => format!(" ({reason})"),
            (None, Some(failure)) => format!(" (its last probe failed: {failure})"),
            (None, None) => String::new(),
        }
    }

    fn of(row: &Value) -> Self {
        Self {
            pool: owned(&row["pool"]).unwrap_or_default(),
            state: owned(&row["state"]).unwrap_or_default(),
            reason: owned(&row["reason"]),
            probe_failure: owned(&row["probe_failure"]),
            sessions: row["sessions"].as_u64(),
            in_flight: row["in_flight"].as_u64().unwrap_or_default(),
        }
    }
}

impl Elsewhere {
    fn of(other: &Value) -> Self {
        let text = |name: &str| owned(&other[name]).unwrap_or_default();
        let (done, safe) = (other["done"] == true, other["safe"] == true);
        Self { machine: text("machine"), told: text("told"), done, safe }
    }
}

fn owned(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// A node with several addresses is in a pool several times, and the pool is named once.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut once: Vec<&str> = Vec::new();
    for name in names {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: u64 = 1_795_348_800;

    fn row(pool: &str, state: &str, reason: &str, sessions: Option<u64>, in_flight: u64) -> Value {
        let reason = if reason.is_empty() { Value::Null } else { reason.into() };
        json!({"pool": pool, "state": state, "reason": reason, "sessions": sessions, "in_flight": in_flight})
    }

    fn told(operator: Value, deadline: Option<u64>, pools: &[Value]) -> String {
        NodeStatus::in_answer(&json!({"node": "worker1", "operator": operator, "deadline": deadline, "pools": pools}))
            .sentence(NOW)
    }

    #[test]
    fn a_node_is_told_in_one_sentence() {
        let draining = |pool, sessions, in_flight| row(pool, "passive", "draining", sessions, in_flight);
        let (http, https) = (draining("esb-http", Some(10), 1), draining("esb-https", Some(2), 2));
        let (drain, rest, none) = (json!("drain"), json!("maintain"), Value::Null);
        let resting = |in_flight| row("esb", "passive", "maintenance", Some(0), in_flight);
        let cases = [
            (
                told(drain.clone(), Some(NOW + 9_000), &[http.clone(), https]),
                &*format!(
                    "worker1 is draining in esb-http, esb-https: 12 sessions, 3 requests running, {}",
                    until(NOW + 9_000, NOW)
                ),
            ),
            (
                told(drain.clone(), None, &[draining("a", Some(1), 1)]),
                "worker1 is draining in a: 1 session, 1 request running",
            ),
            (
                told(drain.clone(), None, &[http.clone(), draining("shop", None, 0)]),
                "worker1 is draining in esb-http, shop: 10 sessions (those of shop cannot be counted), 1 request running",
            ),
            (
                told(drain.clone(), None, &[draining("shop", None, 0)]),
                "worker1 is draining in shop: sessions that cannot be counted, 0 requests running",
            ),
            (
                told(drain.clone(), Some(NOW), &[http.clone(), http]),
                "worker1 is draining in esb-http: 20 sessions, 2 requests running, its time is over",
            ),
            (told(drain, None, &[]), "worker1 is in no pool: nothing goes there"),
            (told(rest.clone(), None, &[resting(0)]), "worker1 is in maintenance in esb: no request is running"),
            (told(rest, None, &[resting(2)]), "worker1 is in maintenance in esb: 2 requests still running"),
            (told(none.clone(), None, &[]), "worker1 is in no pool, and under no order any more"),
            (
                told(
                    none,
                    None,
                    &[
                        row("a", "active", "", Some(0), 0),
                        row("b", "passive", "checking", None, 0),
                        row("c", "active", "", None, 0),
                    ],
                ),
                "worker1 is active in a, c; passive (checking) in b",
            ),
        ];
        cases.iter().for_each(|(told, expected)| assert_eq!(told, expected));
    }

    #[test]
    fn a_node_that_died_under_its_order_is_not_called_active() {
        let row = |state: &str, reason: &str, failure: &str| {
            let text = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
            json!({"pool": "esb", "state": state, "reason": text(reason), "probe_failure": text(failure)})
        };
        for (row, said) in [
            (row("active", "", ""), "n is active in esb"),
            (
                row("passive", "unhealthy", "connect refused"),
                "the order ended; n is passive (unhealthy: connect refused) in esb",
            ),
            (row("passive", "standby", ""), "the order ended; n is passive (standby) in esb"),
            (
                row("active", "", "connect refused"),
                "the order ended; n is active (its last probe failed: connect refused) in esb",
            ),
        ] {
            let answer = json!({"node": "n", "operator": null, "pools": [row]});
            assert_eq!(NodeStatus::in_answer(&answer).without_order(), said);
        }
    }

    #[test]
    fn what_other_machines_have_is_waited_for() {
        let status = |operator: &str, done: bool, safe: bool| {
            let other = json!({"machine": "lb2", "told": "lb2 has 9 sessions and 1 request running", "done": done, "safe": safe});
            let pool = row("a", "passive", if operator == "drain" { "draining" } else { "maintenance" }, Some(0), 0);
            NodeStatus::in_answer(&json!({"node": "w", "operator": operator, "pools": [pool], "elsewhere": [other]}))
        };
        let cases = [
            (
                status("drain", false, false),
                "w is draining in a: 0 sessions, 0 requests running; lb2 has 9 sessions and 1 request running",
                false,
            ),
            (status("drain", true, true), "w is draining in a: 0 sessions, 0 requests running", false),
            (
                status("maintain", false, false),
                "w is in maintenance in a: no request is running; lb2 has 9 sessions and 1 request running",
                false,
            ),
            (status("maintain", false, true), "w is in maintenance in a: no request is running", true),
            (
                status("maintain", false, false).without(&["lb2".to_owned()]),
                "w is in maintenance in a: no request is running",
                true,
            ),
            (
                status("maintain", false, false).without(&["lb3".to_owned()]),
                "w is in maintenance in a: no request is running; lb2 has 9 sessions and 1 request running",
                false,
            ),
        ];
        cases.iter().for_each(|(seen, told, idle)| assert_eq!((&*seen.sentence(NOW), seen.is_idle()), (*told, *idle)));
    }

    #[test]
    fn a_node_is_idle_when_it_rests_in_every_pool_and_runs_nothing() {
        let seen =
            |operator: &str, pools: &[Value]| NodeStatus::in_answer(&json!({"operator": operator, "pools": pools}));
        let (rests, runs) =
            (row("a", "passive", "maintenance", Some(3), 0), row("b", "passive", "maintenance", None, 1));
        let cases = [
            (seen("maintain", &[rests.clone(), rests.clone()]), true),
            (seen("maintain", &[rests.clone(), runs]), false),
            (seen("maintain", &[rests.clone(), row("b", "passive", "draining", Some(0), 0)]), false),
            (seen("maintain", &[row("b", "active", "", Some(0), 0)]), false),
            (seen("drain", &[rests]), false),
            (seen("maintain", &[]), true),
        ];
        cases.iter().for_each(|(seen, idle)| assert_eq!(seen.is_idle(), *idle, "{seen:?}"));
        assert_eq!(NodeStatus::in_answer(&json!({"operator": "maintain", "pools": [1, null]})).running(), 0);
    }
}
