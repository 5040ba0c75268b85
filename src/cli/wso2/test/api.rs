//! What the running Weir says of its nodes. Only a failover changes anything there.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use crate::cli::admin::{AdminArgs, asked_within, encoded};

/// The running Weir.
#[derive(Clone, Copy)]
pub(super) struct Api<'a>(pub(super) &'a AdminArgs);

/// A node in a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) pool: String,
    pub(super) node: String,
    /// The node's name, with its address where the name has several.
    pub(super) label: String,
    /// Why it is passive; none where it is active.
    pub(super) reason: Option<String>,
    /// What was seen of it then.
    pub(super) seen: Option<String>,
    /// An operator's order, and who gave it why.
    pub(super) order: Option<String>,
    /// Why it was given, in the operator's words.
    pub(super) order_reason: Option<String>,
    pub(super) backup: bool,
    pub(super) weight: u64,
    /// It gets its whole share.
    pub(super) is_warm: bool,
}

impl Member {
    pub(super) const fn is_active(&self) -> bool {
        self.reason.is_none()
    }

    /// Why it is passive, in words.
    pub(super) fn passive(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or("active");
        match (&self.order, &self.seen) {
            (Some(order), _) => format!("{reason} ({order})"),
            (None, Some(seen)) => format!("{reason} ({seen})"),
            (None, None) => reason.to_owned(),
        }
    }
}

impl Api<'_> {
    async fn get(self, path: &str) -> Result<Value, String> {
        self.ask(&Method::GET, path, Vec::new()).await
    }

    async fn ask(self, method: &Method, path: &str, body: Vec<u8>) -> Result<Value, String> {
        let bytes = asked_within(PATIENCE, self.0, method, path, body).await?;
        serde_json::from_slice(&bytes).map_err(|error| format!("the answer of {path} is not understood: {error}"))
    }

    /// All nodes, in all their pools.
    pub(super) async fn members(self) -> Result<Vec<Member>, String> {
        let nodes = self.get("/api/v1/nodes").await?;
        let each = nodes.as_array().into_iter().flatten().flat_map(|node| {
            let pools = node["pools"].as_array().into_iter().flatten();
            pools.map(|pool| member(node, pool))
        });
        Ok(each.collect())
    }

    /// How many requests each member of the pool has had, by its label.
    pub(super) async fn counts(self, pool: &str) -> Result<BTreeMap<String, u64>, String> {
        let upstream = self.get(&format!("/api/9/http/upstreams/{}", encoded(pool))).await?;
        let peers = upstream["peers"].as_array().into_iter().flatten();
        let counted = |peer: &Value| {
            let answered = peer["requests"].as_u64()?;
            Some((peer["name"].as_str()?.to_owned(), answered))
        };
        Ok(peers.filter_map(counted).collect())
    }

    /// What a reload would change.
    pub(super) async fn changes(self) -> Result<Vec<String>, String> {
        let checked = self.ask(&Method::POST, "/api/v1/config/check", Vec::new()).await?;
        if checked["accepted"] != true {
            return Err("a reload would be refused: see `weir reload --dry-run`".to_owned());
        }
        let changes = checked["changes"].as_array().into_iter().flatten();
        Ok(changes.filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// Gives an order to a node.
    pub(super) async fn order(self, node: &str, order: &str, reason: &str) -> Result<Value, String> {
        let body = json!({ "reason": reason }).to_string().into_bytes();
        self.ask(&Method::POST, &format!("/api/v1/nodes/{}/{order}", encoded(node)), body).await
    }
}

fn member(node: &Value, pool: &Value) -> Member {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let order = text(&node["order"]["order"]).map(|order| {
        let by = text(&node["order"]["actor"]).map(|actor| format!(" by {actor}")).unwrap_or_default();
        let why = text(&node["order"]["reason"]).map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{order}{by}{why}")
    });
    let passive = pool["state"] != "active";
    Member {
        pool: text(&pool["pool"]).unwrap_or_default(),
        node: text(&node["node"]).unwrap_or_default(),
        label: text(&pool["member"]).unwrap_or_default(),
        reason: passive.then(|| text(&pool["reason"]).unwrap_or_else(|| "passive".to_owned())),
        seen: text(&pool["seen"]),
        order,
        order_reason: text(&node["order"]["reason"]),
        backup: pool["backup"] == true,
        weight: pool["weight"].as_u64().unwrap_or(1),
        is_warm: pool["warmth_percent"].as_u64().is_none_or(|warmth| warmth >= 100),
    }
}

const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_node_is_passive_names_who_took_it_out() {
        let node = json!({ "node": "worker1", "order": { "order": "maintain", "actor": "anna", "reason": "disk" } });
        let pool = json!({ "pool": "esb", "member": "worker1", "state": "passive", "reason": "maintenance", "warmth_percent": 10 });
        let maintained = member(&node, &pool);
        assert_eq!(maintained.passive(), "maintenance (maintain by anna: disk)");
        assert_eq!(maintained.order_reason.as_deref(), Some("disk"));
        assert!(!maintained.is_active() && !maintained.is_warm);
        let seen = json!({ "state": "passive", "reason": "unhealthy", "seen": "tcp 8280: refused" });
        assert_eq!(member(&json!({}), &seen).passive(), "unhealthy (tcp 8280: refused)");
        assert!(member(&json!({}), &json!({ "state": "active" })).is_active());
    }
}
