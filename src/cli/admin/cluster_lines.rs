//! What the members of the nodes' own cluster say of each other, as lines below the nodes.

use serde_json::Value;

use super::table::text;
use crate::cli::times::span;

/// A line for each thing that somebody should know; none where all is as it should be, or nobody is asked.
pub(super) fn cluster_lines(cluster: &Value) -> String {
    let list = |key: &str| cluster[key].as_array().into_iter().flatten();
    let split = cluster["split"].as_str().map(|split| format!("cluster: {split}\n"));
    let silent = list("sources").filter(|source| source["answers"] == false).filter_map(silent);
    let strangers: Vec<String> = list("strangers").map(text).collect();
    let strangers = match strangers.len() {
        0 => None,
        _ => Some(format!("cluster: members that are no node of the configuration: {}\n", strangers.join(" "))),
    };
    split.into_iter().chain(silent).chain(strangers).collect()
}

/// `http://10.0.0.3:4200/… says nothing since 1m 5s: …`.
fn silent(source: &Value) -> Option<String> {
    let problem = source["problem"].as_str()?;
    let since = source["answered_seconds"].as_u64().map(|since| format!(", for {}", span(since))).unwrap_or_default();
    Some(format!("cluster: {} says nothing{since}: {problem}\n", text(&source["source"])))
}

/// The cell of a node: `member`, `left 12s ago`; a line where nothing is known.
pub(super) fn cell(node: &Value) -> String {
    let place = &node["cluster"];
    let since = place["since_seconds"].as_u64().map(span).unwrap_or_default();
    match place["membership"].as_str() {
        None | Some("outside") => "-".to_owned(),
        Some("left") => format!("left {since} ago"),
        Some(word) => word.to_owned(),
    }
}

/// Whether something is known of one of the nodes.
pub(super) fn is_known(nodes: &Value) -> bool {
    nodes.as_array().into_iter().flatten().any(|node| !node["cluster"].is_null())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_somebody_should_know_is_a_line() {
        let source = |answers: bool, problem: Option<&str>| json!({"source": "http://10.0.0.3:4200/x", "answers": answers, "problem": problem, "answered_seconds": 65});
        let well = json!({"sources": [source(true, None)], "split": null, "strangers": []});
        assert_eq!(cluster_lines(&well), "");
        assert_eq!(cluster_lines(&json!({"sources": [], "split": null, "strangers": []})), "");
        assert_eq!(cluster_lines(&Value::Null), "");
        let ill = json!({"sources": [source(false, Some("refused")), source(false, None)], "split": "they disagree", "strangers": ["10.0.0.9:4000"]});
        let expected = "cluster: they disagree\ncluster: http://10.0.0.3:4200/x says nothing, for 1m 5s: refused\ncluster: members that are no node of the configuration: 10.0.0.9:4000\n";
        assert_eq!(cluster_lines(&ill), expected);
    }
}
