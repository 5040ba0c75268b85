//! The nodes of every pool as a table: what state they are in and why, and who waits for them.

use serde_json::Value;

use super::cluster_lines::{cell, is_known};
use super::table::{count, fitted, milliseconds, text};
use crate::cli::times::{span, unix_of, until};

const TITLES: [&str; 12] =
    ["POOL", "NODE", "ADDRESS", "STATE", "SINCE", "WEIGHT", "RUN", "SESS", "REQ/S", "ERR %", "P95", ""];

/// What is left out first where the screen is narrow.
const LEAST: [&str; 7] = ["ADDRESS", "WEIGHT", "SINCE", "REQ/S", "P95", "ERR %", "SESS"];

/// Before this column stands what the members of the nodes' own cluster say, where they are asked.
const CLUSTER_AT: usize = 5;

/// A row for each node in each pool, pool by pool; below it a line for each pool in which requests wait.
pub(super) fn node_table(nodes: &Value, pools: &Value, now: u64, width: usize) -> String {
    let order: Vec<&str> = array(pools).filter_map(|pool| pool["pool"].as_str()).collect();
    let place = |member: &Value| order.iter().position(|pool| member["pool"] == **pool).unwrap_or(order.len());
    let mut members: Vec<(&Value, &Value)> =
        array(nodes).flat_map(|node| array(&node["pools"]).map(move |member| (node, member))).collect();
    members.sort_by_key(|(_, member)| place(member));
    let (mut titles, with_cluster) = (TITLES.to_vec(), is_known(nodes));
    let mut rows: Vec<Vec<String>> = members.iter().map(|(node, member)| row(node, member, now)).collect();
    if with_cluster {
        titles.insert(CLUSTER_AT, "CLUSTER");
        rows.iter_mut().zip(&members).for_each(|(row, (node, _))| row.insert(CLUSTER_AT, cell(node)));
    }
    fitted(&titles, rows, &LEAST, width) + &waiting(pools)
}

fn row(node: &Value, member: &Value, now: u64) -> Vec<String> {
    let plain = |key: &str| text(&member[key]);
    let since = member["since_seconds"].as_u64().map_or_else(|| "-".to_owned(), span);
    let running = match member["max_requests"].as_u64() {
        Some(most) => format!("{}/{most}", plain("in_flight")),
        None => plain("in_flight"),
    };
    let state = member["reason"].as_str().map_or_else(|| plain("state"), |reason| format!("passive: {reason}"));
    let minute = &member["last_minute"];
    // The sessions of a node that a reload took out go elsewhere.
    let sessions = if member["reason"] == "gone" { "0".to_owned() } else { plain("sessions") };
    vec![
        plain("pool"),
        plain("member"),
        plain("address"),
        state,
        since,
        plain("weight"),
        running,
        sessions,
        text(&minute["per_second"]),
        text(&minute["error_percent"]),
        milliseconds(&minute["milliseconds"]["p95"]),
        remarks(node, member, now),
    ]
}

/// Remarks on a node in a pool; most have none: `backup, warming 40 %`.
fn remarks(node: &Value, member: &Value, now: u64) -> String {
    let active = member["state"] == "active";
    let warmth = member["warmth_percent"].as_u64().filter(|warmth| *warmth < 100 && active);
    let of_file = &member["file_weight"];
    let weight = (!of_file.is_null() && *of_file != member["weight"])
        .then(|| format!("weight {} (file {of_file})", text(&member["weight"])));
    let remarks = [
        (member["backup"] == true).then(|| "backup".to_owned()),
        (member["probed"] == false && active).then(|| "no probes".to_owned()),
        warmth.map(|warmth| format!("warming {warmth} %")),
        member["queued"].as_u64().filter(|queued| *queued > 0).map(|queued| format!("{queued} waiting")),
        weight,
        member["seen"].as_str().map(str::to_owned),
        node["cluster"]["remark"].as_str().map(str::to_owned),
        by_whom(&node["order"]),
        deadline(&node["order"]).map(|deadline| until(deadline, now)),
    ];
    remarks.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// `drain by uid:1000 (anna): kernel update`; none where there is no order.
fn by_whom(order: &Value) -> Option<String> {
    let word = order["order"].as_str()?;
    let actor = order["actor"].as_str().unwrap_or("an operator");
    let reason = order["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
    Some(format!("{word} by {actor}{reason}"))
}

fn deadline(order: &Value) -> Option<u64> {
    order["deadline"].as_str().and_then(unix_of)
}

/// `pool esb: 5 requests wait for a node; its queue is full`.
fn waiting(pools: &Value) -> String {
    let line = |pool: &Value| {
        let queued = pool["queued"].as_u64().filter(|queued| *queued > 0)?;
        let (what, wait) = (count(queued, "request"), if queued == 1 { "waits" } else { "wait" });
        let room = match pool["queue_size"].as_u64() {
            Some(size) if queued >= size => "; its queue is full, more get 503".to_owned(),
            Some(size) => format!("; its queue has room for {size}"),
            None => String::new(),
        };
        Some(format!("pool {}: {what} {wait} for a node{room}\n", text(&pool["pool"])))
    };
    array(pools).filter_map(line).collect()
}

fn array(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// 2026-11-22 12:00:00 UTC
    const NOW: u64 = 1_795_348_800;

    #[test]
    fn nodes_are_shown_with_what_is_special_about_them() {
        let nodes = json!([
            {"node": "worker1", "pools": [
                {"pool": "esb", "member": "worker1", "address": "10.0.0.3:8280", "state": "passive", "reason": "draining",
                 "weight": 1, "file_weight": 1, "in_flight": 3, "sessions": 12, "since_seconds": 65, "warmth_percent": 100,
                 "queued": 0}],
             "order": {"order": "drain", "deadline": "2026-11-22T14:30:00Z", "actor": "uid:1000 (anna)", "reason": "kernel"}},
            {"node": "w2", "pools": [
                {"pool": "esb", "member": "w2", "address": "10.0.0.4:8280", "state": "active", "reason": null, "weight": 2,
                 "file_weight": 1, "in_flight": 7, "sessions": null, "since_seconds": 5, "backup": true,
                 "max_requests": 200, "warmth_percent": 40, "queued": 3,
                 "last_minute": {"per_second": 12.5, "error_percent": 99.5, "milliseconds": {"p95": 1_520.4}}}]},
            {"node": "w3", "pools": [
                {"pool": "esb", "member": "w3", "address": "10.0.0.5:8280", "state": "passive", "reason": "unhealthy",
                 "seen": "tcp 8280: connection refused", "weight": 1, "in_flight": 0, "sessions": 0},
                {"pool": "admin", "member": "w3", "address": "10.0.0.5:9443", "state": "active", "reason": null,
                 "weight": 1, "in_flight": 0, "sessions": 0}]},
        ]);
        let pools = json!([{"pool": "admin", "queued": 0}, {"pool": "esb", "queued": 5, "queue_size": 5}]);
        let wide = node_table(&nodes, &pools, NOW, 200);
        let until = until(NOW + 9_000, NOW);
        let expected = format!(
            "\
POOL   NODE     ADDRESS        STATE               SINCE  WEIGHT  RUN    SESS  REQ/S  ERR %  P95
admin  w3       10.0.0.5:9443  active              -      1       0      0     -      -      -
esb    worker1  10.0.0.3:8280  passive: draining   1m 5s  1       3      12    -      -      -       drain by uid:1000 (anna): kernel, {until}
esb    w2       10.0.0.4:8280  active              5s     2       7/200  -     12.5   99.5   1.52 s  backup, warming 40 %, 3 waiting, weight 2 (file 1)
esb    w3       10.0.0.5:8280  passive: unhealthy  -      1       0      0     -      -      -       tcp 8280: connection refused
pool esb: 5 requests wait for a node; its queue is full, more get 503
"
        );
        assert_eq!(wide, expected);
        let narrow = node_table(&nodes, &pools, NOW, 80);
        let expected = format!(
            "\
POOL   NODE     STATE               SINCE  RUN    SESS  REQ/S  ERR %  P95
admin  w3       active              -      0      0     -      -      -
esb    worker1  passive: draining   1m 5s  3      12    -      -      -
    drain by uid:1000 (anna): kernel, {until}
esb    w2       active              5s     7/200  -     12.5   99.5   1.52 s
    backup, warming 40 %, 3 waiting, weight 2 (file 1)
esb    w3       passive: unhealthy  -      0      0     -      -      -
    tcp 8280: connection refused
pool esb: 5 requests wait for a node; its queue is full, more get 503
"
        );
        assert_eq!(narrow, expected);
    }

    #[test]
    fn no_row_is_wider_than_the_screen_whatever_the_names_are() {
        let member = |pool: &str, node: &str| {
            json!({"pool": pool, "member": node, "address": "[2001:db8::1]:65535", "state": "passive", "reason": "maintenance",
                "weight": 1000, "file_weight": 1, "in_flight": 12_345, "max_requests": 99_999, "sessions": 1_234_567,
                "since_seconds": 86_399, "seen": "a sentence of a probe ".repeat(10),
                "last_minute": {"per_second": 12_345.67, "error_percent": 99.99, "milliseconds": {"p95": 59_999.0}}})
        };
        let nodes = json!([
            {"node": "n", "cluster": {"membership": "left", "since_seconds": 3_599},
             "pools": [member("esb-https", "worker1"), member("a-pool-with-a-very-long-name", "a-node-with-a-very-long-name")]},
        ]);
        let shown = node_table(&nodes, &json!([]), NOW, 80);
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
        assert!(
            shown.lines().nth(1).is_some_and(|row| row.starts_with("esb-https") && row.contains(" worker1 ")),
            "{shown}"
        );
        assert_eq!(shown.matches("maintenance").count(), 2, "{shown}");
        assert!(shown.contains("a-pool-w") && shown.contains("left 59m 59s ago"), "{shown}");
    }

    #[test]
    fn what_members_say_has_a_column_where_they_are_asked() {
        let node = |name: &str, cluster: Value| {
            json!({"node": name, "cluster": cluster, "pools": [{"pool": "esb", "member": name, "address": "10.0.0.3:8280",
                "state": "active", "weight": 1, "in_flight": 0, "sessions": 0}]})
        };
        let nodes = json!([
            node("w1", json!({"membership": "member", "since_seconds": 9})),
            node(
                "w2",
                json!({"membership": "left", "since_seconds": 12, "remark": "left the cluster 12.0 s ago but answers its probes"})
            ),
        ]);
        let expected = "\
POOL  NODE  ADDRESS        STATE   SINCE  CLUSTER       WEIGHT  RUN  SESS  REQ/S  ERR %  P95
esb   w1    10.0.0.3:8280  active  -      member        1       0    0     -      -      -
esb   w2    10.0.0.3:8280  active  -      left 12s ago  1       0    0     -      -      -    left the cluster 12.0 s ago but answers its probes
";
        assert_eq!(node_table(&nodes, &json!([]), NOW, 200), expected);
    }
}
