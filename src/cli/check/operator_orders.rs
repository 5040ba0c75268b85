//! For `weir check`: operators' orders that are kept in the state directory, and where they and the configuration
//! differ. Asks no running Weir. Without the file, or where it may not be read, there are no orders.

use std::io::ErrorKind;

use serde_json::{Value, json};

use crate::cli::times::{span, until};
use crate::config;
use crate::config::orders_file::{self, FILE, OrdersFile, Unreadable, WrittenNode, WrittenOrder};
use crate::config::regular;
use crate::config::{Config, Place, Problem};

/// Far more than the orders of some thousand nodes take.
const LARGEST: u64 = 16 << 20;

/// What the file holds.
enum Read {
    /// All orders; none where there is no file, or it is another user's.
    Orders(OrdersFile),
    /// It cannot be understood: a start sets it aside.
    Damaged(String),
    /// A start is refused for it: why, and what to do.
    Refused(String, &'static str),
}

/// Why a start would be refused although the configuration is good.
pub(super) fn refusal(config: &Config) -> Option<Problem> {
    let Read::Refused(why, advice) = read(config) else { return None };
    let what = format!("the operators' orders (in state-dir) cannot be read, and Weir would not start: {why}");
    Some(Problem { at: Place { line: 0, ..config.admin.at.clone() }, what, advice: advice.to_owned() })
}

/// What a start would warn of.
pub(super) fn warnings(config: &Config) -> Vec<Problem> {
    let file = orders(config);
    let mut warnings = config::pools_without_nodes(config, |node| file.nodes.get(node).map(|node| node.order.word()));
    warnings.extend(file.weights.warnings(config));
    warnings
}

/// As text: a heading and a line for each node under an order; empty where there is none.
pub(super) fn section(config: &Config, now: u64) -> String {
    let lines: Vec<String> = match read(config) {
        Read::Orders(file) => {
            file.nodes.iter().map(|(node, written)| line(config, node, &written.order, now)).collect()
        }
        Read::Damaged(why) | Read::Refused(why, _) => vec![format!("  {why}\n")],
    };
    if lines.is_empty() { String::new() } else { format!("operators' orders\n{}", lines.concat()) }
}

/// As JSON.
pub(super) fn section_json(config: &Config) -> Value {
    let one = |(node, written): (&String, &WrittenNode)| {
        let order = &written.order;
        json!({ "node": node, "operator": order.word(), "since": order.since(), "deadline": order.deadline(), "known": is_known(config, node) })
    };
    orders(config).nodes.iter().map(one).collect()
}

/// The remark on an order for a node that is not in the configuration.
pub(crate) fn unknown_node(node: &str) -> String {
    format!("not in the file; `weir activate {node}` forgets it")
}

fn line(config: &Config, node: &str, order: &WrittenOrder, now: u64) -> String {
    let since = span(now.saturating_sub(order.since()));
    let end = order.deadline().map(|deadline| format!(", {}", until(deadline, now))).unwrap_or_default();
    let what = if is_known(config, node) { "not active until `weir activate`".to_owned() } else { unknown_node(node) };
    format!("  {node}  {} for {since}{end}: {what}\n", order.word())
}

fn is_known(config: &Config, node: &str) -> bool {
    config.nodes.iter().any(|known| *known.name == *node)
}

fn orders(config: &Config) -> OrdersFile {
    if let Read::Orders(orders) = read(config) { orders } else { OrdersFile::default() }
}

fn read(config: &Config) -> Read {
    let path = config.state_dir.join(FILE);
    let shown = path.display();
    let bytes = match regular::read(&path, LARGEST) {
        Ok(bytes) => bytes,
        // Weir's user may be able to read what this one may not, so that is no error.
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied) =>
        {
            return Read::Orders(OrdersFile::default());
        }
        Err(error) => {
            return Read::Refused(
                format!("{shown}: {error}"),
                "let Weir's user read the file; or, where no node is to rest, move it away",
            );
        }
    };
    match orders_file::from_bytes(&bytes) {
        Ok(orders) => Read::Orders(orders),
        Err(Unreadable::Damaged(why)) => Read::Damaged(format!("{shown} cannot be understood: {why}")),
        Err(why @ Unreadable::Later(_)) => Read::Refused(
            format!("{shown}: {why}"),
            "start the Weir that wrote it; or, where no node is to rest, move the file away",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::traffic::moment::Moment;
    use crate::traffic::pool::operators::{Command, Orders};
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    const NOW: u64 = 1_795_348_800;

    fn at(unix: u64) -> Moment {
        Moment { unix: unix * 1000, up: (unix + 100_000 - NOW) * 1000 }
    }

    fn beside(name: &str, text: Option<&str>) -> Config {
        let mut config = config::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/minimal.toml")).unwrap();
        config.state_dir = std::env::temp_dir().join(format!("weir-standing-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&config.state_dir);
        if let Some(text) = text {
            fs::create_dir_all(&config.state_dir).unwrap();
            fs::write(config.state_dir.join(FILE), text).unwrap();
        }
        config
    }

    #[test]
    fn orders_are_shown_as_the_running_weir_has_them() {
        let mut orders = Orders::default();
        orders.apply("worker1", Command::Drain { within: Some(Duration::from_secs(12_600)) }, at(NOW - 3_600));
        orders.apply("worker9", Command::Maintain, at(NOW - 65));
        let config = beside("kept", Some(&orders.to_text(at(NOW), "")));
        let expected = format!(
            "operators' orders\n  \
            worker1  drain for 1h 0m, {}: not active until `weir activate`\n  \
            worker9  maintain for 1m 5s: not in the file; `weir activate worker9` forgets it\n",
            until(NOW + 9_000, NOW)
        );
        assert_eq!(section(&config, NOW), expected);
        let told = section_json(&config);
        assert_eq!((&told[0]["known"], &told[1]["known"]), (&json!(true), &json!(false)));
        assert_eq!((&told[0]["operator"], &told[0]["deadline"]), (&json!("drain"), &json!(NOW + 9_000)));
        fs::remove_dir_all(&config.state_dir).unwrap();
    }

    #[test]
    fn a_weight_that_differs_from_the_file_is_warned_of() {
        let of = |pool: &str, node: &str, weight: u16| json!({"version": 1, "nodes": {}, "weights": {pool: {node: {"weight": weight, "since": 1, "actor": "local", "reason": null}}}});
        let config = config::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/minimal.toml")).unwrap();
        let (pool, node) = (config.pools[0].name.to_string(), config.nodes[0].name.to_string());
        for (name, of, told) in [
            ("same", of(&pool, &node, 1), ""),
            ("other", of(&pool, &node, 7), "the weight 7, which holds in place of the file's 1"),
            ("gone", of(&pool, "w99", 7), "the file has no such node"),
        ] {
            let config = beside(name, Some(&of.to_string()));
            let warnings: String = warnings(&config).iter().map(ToString::to_string).collect();
            assert!(if told.is_empty() { warnings.is_empty() } else { warnings.contains(told) }, "{name}: {warnings}");
            fs::remove_dir_all(&config.state_dir).unwrap();
        }
    }

    #[test]
    fn no_order_means_no_section_and_a_damaged_file_is_reported() {
        for (name, text, told) in [
            ("none", None, ""),
            ("empty", Some(Orders::default().to_text(at(NOW), "").as_str()), ""),
            ("damaged", Some("{"), "operators.json cannot be understood"),
        ] {
            let config = beside(name, text);
            let section = section(&config, NOW);
            assert!(if told.is_empty() { section.is_empty() } else { section.contains(told) }, "{name}: {section}");
            assert_eq!(section_json(&config), json!([]));
            let _ = fs::remove_dir_all(&config.state_dir);
        }
    }
}
