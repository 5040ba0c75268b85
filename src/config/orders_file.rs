//! The form of `operators.json`: operators' orders for nodes and their weights, as the state directory keeps them over a
//! restart. A running Weir reads and writes the file; `weir check` only reads it. An older Weir that reads version 1
//! ignores what was added since (operations and who ordered them, weights, what machines have in common), so no order may depend on that.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::model::{Config, Member};
use super::text::errors::{Place, Problem};

/// Its name in the state directory.
pub const FILE: &str = "operators.json";

/// The version that is written, and the newest that is read.
const VERSION: u64 = 1;

/// An order as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "lowercase")]
pub enum WrittenOrder {
    /// The node serves its sessions, and nothing new.
    Drain {
        /// When the order was given, in Unix seconds.
        since: u64,
        /// In Unix seconds: for people, and for use after a reboot.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<u64>,
        /// In milliseconds since the machine's start: for use within this boot.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline_up: Option<u64>,
        /// The boot that `deadline_up` counts from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        boot: Option<String>,
    },
    /// The node serves nothing.
    Maintain {
        /// When the order was given, in Unix seconds.
        since: u64,
    },
}

impl WrittenOrder {
    /// The word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Drain { .. } => "drain",
            Self::Maintain { .. } => "maintain",
        }
    }

    /// When it was given, in Unix seconds.
    pub const fn since(&self) -> u64 {
        match self {
            Self::Drain { since, .. } | Self::Maintain { since } => *since,
        }
    }

    /// How long a drain takes at most, from now on (in Unix seconds).
    pub fn within(&self, now: u64) -> Option<Duration> {
        self.deadline().map(|deadline| Duration::from_secs(deadline.saturating_sub(now)))
    }

    /// When a drain ends at the latest, in Unix seconds.
    pub const fn deadline(&self) -> Option<u64> {
        match self {
            Self::Drain { deadline, .. } => *deadline,
            Self::Maintain { .. } => None,
        }
    }
}

/// Why the file could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is malformed; the text says why.
    Damaged(String),
    /// A later version of Weir wrote it, so its orders may be valid.
    Later(u64),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(why) => write!(f, "it is damaged: {why}"),
            Self::Later(version) => write!(f, "it has version {version}, and this Weir reads version {VERSION}"),
        }
    }
}

impl std::error::Error for Unreadable {}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// What the file holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct OrdersFile {
    /// Its version; [`to_text`] sets it.
    pub version: u64,
    /// The orders, by node name.
    pub nodes: BTreeMap<String, WrittenNode>,
    /// The weights that operators ordered.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Weights::is_empty")]
    pub weights: Weights,
    /// The number of the last operation.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "is_zero")]
    pub last_operation: u64,
    /// What machines have in common, by its subject.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "BTreeMap::is_empty")]
    pub common: BTreeMap<String, CommonOrder>,
}

/// What is written of a node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WrittenNode {
    /// Its order.
    #[serde(flatten)]
    pub order: WrittenOrder,
    /// The operation that the order belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub operation: Option<WrittenOperation>,
}

/// What an operator began, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenOperation {
    /// Its number.
    pub id: u64,
    /// What was ordered.
    pub kind: OperationKind,
    /// How far it is.
    pub state: OperationState,
    /// In Unix seconds.
    pub started: u64,
    /// In Unix seconds.
    pub ended: Option<u64>,
    /// Who ordered it.
    pub actor: String,
    /// At which other machine; none: at this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Why, in the operator's words.
    pub reason: Option<String>,
}

impl WrittenOperation {
    /// Who ordered it, and where, if not here: `uid:0 (root) at lb1`.
    pub fn by(&self) -> String {
        let machine = self.machine.as_ref().map(|machine| format!(" at {machine}")).unwrap_or_default();
        format!("{}{machine}", self.actor)
    }
}

/// What was ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationKind {
    /// Serve the present sessions, then nothing.
    Drain,
    /// Serve nothing.
    Maintain,
    /// Serve again.
    Activate,
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationState {
    /// It goes on.
    Running,
    /// It came to its end.
    Done,
    /// Another order took its place.
    Cancelled,
    /// Its deadline ended it.
    Overdue,
}

/// A weight that an operator ordered for a node in a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenWeight {
    /// The weight.
    pub weight: u16,
    /// When it was ordered, in Unix seconds.
    pub since: u64,
    /// Who ordered it.
    pub actor: String,
    /// Why, in the operator's words.
    pub reason: Option<String>,
}

/// The weights that operators ordered, by pool and node. They hold in place of the file's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Weights(BTreeMap<String, BTreeMap<String, WrittenWeight>>);

impl Weights {
    /// That of a node in a pool.
    pub fn of(&self, pool: &str, node: &str) -> Option<&WrittenWeight> {
        self.0.get(pool)?.get(node)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them: pool, node and weight.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &WrittenWeight)> {
        self.0
            .iter()
            .flat_map(|(pool, nodes)| nodes.iter().map(move |(node, weight)| (pool.as_str(), node.as_str(), weight)))
    }

    /// Orders a weight; `None` goes back to the file's.
    pub fn set(&mut self, pool: &str, node: &str, weight: Option<WrittenWeight>) {
        let nodes = self.0.entry(pool.to_owned()).or_default();
        match weight {
            Some(weight) => _ = nodes.insert(node.to_owned(), weight),
            None => _ = nodes.remove(node),
        }
        self.0.retain(|_, nodes| !nodes.is_empty());
    }

    /// A warning for each weight that differs from the file's, or whose pool or node the file does not have.
    pub fn warnings(&self, config: &Config) -> Vec<Problem> {
        self.iter().filter_map(|(pool, node, weight)| difference(config, pool, node, weight.weight)).collect()
    }

    /// Leaves out weights that no command can order.
    fn checked(mut self) -> Self {
        self.0.values_mut().for_each(|nodes| nodes.retain(|_, weight| WEIGHTS.contains(&weight.weight)));
        self
    }
}

// The form that serde calls for.
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// An order that all machines have in common, as they tell each other of it and as each keeps it over a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommonOrder {
    /// Of two orders about the same the one with the later version holds.
    pub version: u64,
    /// What holds since then.
    pub holds: Holds,
}

impl CommonOrder {
    /// Whether it holds in place of another one about the same. Machines that cannot hear of each other may make the same version;
    /// then the content decides, so that all choose the same order.
    pub fn beats(&self, other: &Self) -> bool {
        let text = |order: &Self| serde_json::to_string(&order.holds).unwrap_or_default();
        match self.version.cmp(&other.version) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal => text(self) > text(other),
        }
    }
}

/// What holds since an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "lowercase")]
pub enum Holds {
    /// The order that a node is under; none: it is active.
    Node {
        /// The node.
        node: String,
        /// Its order.
        order: Option<WrittenOrder>,
        /// What was ordered last, and how far it is. Its number says nothing to other machines.
        operation: WrittenOperation,
    },
    /// The weight of a node in a pool; none: that of the file.
    Weight {
        /// The pool.
        pool: String,
        /// The node.
        node: String,
        /// The weight.
        weight: Option<u16>,
        /// When it was ordered, in Unix seconds.
        since: u64,
        /// Who ordered it.
        actor: String,
        /// Where.
        machine: String,
        /// Why, in the operator's words.
        reason: Option<String>,
    },
}

impl Holds {
    /// What it is about: there is one order about each. `node:worker1`, `weight:esb:worker1`.
    pub fn subject(&self) -> String {
        match self {
            Self::Node { node, .. } => subject_of_node(node),
            Self::Weight { pool, node, .. } => format!("weight:{pool}:{node}"),
        }
    }

    /// Whether nothing holds any more but what the file says.
    pub const fn is_taken_back(&self) -> bool {
        matches!(self, Self::Node { order: None, .. } | Self::Weight { weight: None, .. })
    }

    /// Whether a command can order it.
    pub fn can_be(&self) -> bool {
        match self {
            Self::Node { .. } => true,
            Self::Weight { weight, .. } => weight.is_none_or(|weight| WEIGHTS.contains(&weight)),
        }
    }
}

/// What an order for a node is about.
pub fn subject_of_node(node: &str) -> String {
    format!("node:{node}")
}

/// The weights there are.
pub const WEIGHTS: RangeInclusive<u16> = 1..=1000;

fn difference(config: &Config, pool: &str, node: &str, weight: u16) -> Option<Problem> {
    let of_file = config.pools.iter().find(|known| *known.name == *pool);
    let is_node = |member: &&Member| config.nodes.get(member.node).is_some_and(|known| *known.name == *node);
    let what = match of_file.and_then(|pool| pool.members.iter().find(is_node)) {
        None => format!("an operator gave {node} in pool {pool:?} the weight {weight}, and the file has no such node"),
        Some(member) if member.weight != weight => format!(
            "an operator gave {node} in pool {pool:?} the weight {weight}, which holds in place of the file's {}",
            member.weight
        ),
        Some(_) => return None,
    };
    let at = of_file.map_or_else(|| Place { line: 0, ..config.admin.at.clone() }, |pool| pool.at.clone());
    Some(Problem { at, what, advice: format!("`weir weight {pool} {node} reset` goes back to the file") })
}

/// Reads a value; what cannot be understood is left out. It only tells something, and must cost no node its order.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(from: D) -> Result<T, D::Error> {
    Ok(serde_json::from_value(serde_json::Value::deserialize(from)?).unwrap_or_default())
}

/// The text for the disk: JSON, so that operators can read it.
pub fn to_text(file: OrdersFile) -> String {
    // Names, words and numbers always have a JSON form, so this cannot fail.
    serde_json::to_string_pretty(&OrdersFile { version: VERSION, ..file }).unwrap_or_default() + "\n"
}

/// Reads the file's bytes, or says what is wrong with them.
///
/// # Errors
/// Where they are damaged, or of a later version.
pub fn from_bytes(bytes: &[u8]) -> Result<OrdersFile, Unreadable> {
    let damaged = |error: serde_json::Error| Unreadable::Damaged(error.to_string());
    let text = str::from_utf8(bytes).map_err(|error| Unreadable::Damaged(error.to_string()))?;
    // Reads the version first, because a later version may have another form.
    match serde_json::from_str::<Versioned>(text).map_err(damaged)?.version {
        VERSION => {}
        later if later > VERSION => return Err(Unreadable::Later(later)),
        other => return Err(Unreadable::Damaged(format!("nobody writes version {other}"))),
    }
    let file = serde_json::from_str::<OrdersFile>(text).map_err(damaged)?;
    let common =
        file.common.into_iter().filter(|(subject, order)| order.holds.subject() == *subject && order.holds.can_be());
    Ok(OrdersFile { weights: file.weights.checked(), common: common.collect(), ..file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_tells_costs_no_order() {
        let text = r#"{"version": 1, "weights": {"app": 7}, "last_operation": "x", "more": [], "nodes": {
            "a": {"order": "maintain", "since": 18446744073709551615, "operation": {"id": -1}},
            "b": {"order": "drain", "since": 5, "deadline": 9, "operation": {"id": 3, "kind": "drain", "state": "running",
                "started": 5, "ended": null, "actor": "local", "reason": "patch", "color": "red"}}}}"#;
        let file = from_bytes(text.as_bytes()).unwrap();
        assert!(file.nodes["a"].operation.is_none());
        assert_eq!((file.nodes["a"].order.since(), file.last_operation), (u64::MAX, 0));
        let told = file.nodes["b"].operation.as_ref().unwrap();
        assert_eq!((told.id, told.kind, told.reason.as_deref()), (3, OperationKind::Drain, Some("patch")));
        assert_eq!(file.weights, Weights::default());
        let again = from_bytes(to_text(file.clone()).as_bytes()).unwrap();
        assert_eq!(again.nodes["b"].operation, file.nodes["b"].operation);
    }

    #[test]
    fn what_machines_have_in_common_is_kept_and_what_makes_no_sense_is_not() {
        let weight = |weight: u16| {
            format!(
                r#"{{"version": 9, "holds": {{"about": "weight", "pool": "p", "node": "a", "weight": {weight}, "since": 1, "actor": "anna", "machine": "lb1", "reason": null}}}}"#
            )
        };
        let read = |subject: &str, order: &str| {
            let text = format!(r#"{{"version": 1, "nodes": {{}}, "common": {{"{subject}": {order}}}}}"#);
            from_bytes(text.as_bytes()).unwrap()
        };
        let file = read("weight:p:a", &weight(7));
        assert_eq!(file.common["weight:p:a"].version, 9);
        assert_eq!(from_bytes(to_text(file.clone()).as_bytes()).unwrap().common, file.common);
        for (subject, order) in [("weight:p:a", weight(0)), ("weight:p:b", weight(7)), ("weight:p:a", "{}".to_owned())]
        {
            assert!(read(subject, &order).common.is_empty(), "{subject} {order}");
        }
    }

    #[test]
    fn a_weight_that_no_command_can_order_is_left_out() {
        let weight = |weight: u64| format!(r#"{{"weight": {weight}, "since": 1, "actor": "local", "reason": null}}"#);
        let read = |one: u64, other: u64| {
            let (one, other) = (weight(one), weight(other));
            let text = format!(r#"{{"version": 1, "nodes": {{}}, "weights": {{"p": {{"a": {one}, "b": {other}}}}}}}"#);
            let weights = from_bytes(text.as_bytes()).unwrap().weights;
            ["a", "b"].map(|node| weights.of("p", node).map(|weight| weight.weight))
        };
        assert_eq!(read(2, 1000), [Some(2), Some(1000)]);
        assert_eq!(read(2, 0), [Some(2), None]);
        assert_eq!(read(1001, 3), [None, Some(3)]);
    }
}
