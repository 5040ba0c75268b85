//! `weir why`: what a running Weir would do with a request, and why. Nothing is sent to any node.

use std::net::IpAddr;

use hyper::Method;
use serde_json::Value;

use super::ask::{Asked, ask};
use super::encode::encoded;
use super::operate::refused;
use super::tables::{table, text};
use super::voice::{answer, complain};
use crate::app::FAILED;

/// The request that is asked about.
#[derive(clap::Args)]
pub(super) struct Why {
    /// The Host it would have, with or without a port
    #[arg(long, value_name = "HOST")]
    host: String,
    /// Its path, and query
    #[arg(long, value_name = "PATH", default_value = "/")]
    path: String,
    /// Its method
    #[arg(long, value_name = "METHOD", default_value = "GET")]
    method: String,
    /// A cookie it would carry, such as 'JSESSIONID=4F…'; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    cookie: Vec<String>,
    /// A header it would carry, such as 'X-Tenant: one'; may be repeated
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// The address it would come from [default: 127.0.0.1]
    #[arg(long, value_name = "IP")]
    client: Option<IpAddr>,
    /// The listener it would come to [default: the first with a site for the host]
    #[arg(long, value_name = "NAME")]
    listener: Option<String>,
    #[command(flatten)]
    asked: Asked,
}

/// `weir why`.
pub(super) fn why(why: &Why) -> i32 {
    let told = match ask(why.asked.admin, &Method::GET, &why.question()) {
        Ok((_, told)) => told,
        Err(why) => return complain(&why),
    };
    if told["ok"] == false {
        return refused(why.asked.json, &told);
    }
    let shown = if why.asked.json { format!("{told:#}\n") } else { explained(why, &told) };
    if answer(&shown) { 0 } else { FAILED }
}

impl Why {
    fn question(&self) -> String {
        let one = |name, value: &str| format!("{name}={}", encoded(value));
        let mut parts = vec![one("host", &self.host), one("path", &self.path), one("method", &self.method)];
        parts.extend(self.cookie.iter().map(|value| one("cookie", value)));
        parts.extend(self.header.iter().map(|value| one("header", value)));
        parts.extend(self.client.iter().map(|client| one("client", &client.to_string())));
        parts.extend(self.listener.iter().map(|name| one("listener", name)));
        format!("/api/why?{}", parts.join("&"))
    }
}

fn explained(why: &Why, told: &Value) -> String {
    let mut out = format!("{} {}{} {}\n", why.method, why.host, why.path, fate(told));
    for step in told["steps"].as_array().into_iter().flatten() {
        out.push_str(&format!("  {}\n", text(step)));
    }
    let nodes: Vec<_> = told["nodes"].as_array().into_iter().flatten().map(judged).collect();
    if nodes.is_empty() { out } else { out + "\n" + &table(&["NODE", "STATE", "REASON", "WHY NOT"], nodes) }
}

fn fate(told: &Value) -> String {
    let (node, pool, word) = (told["node"].as_str(), text(&told["pool"]), text(&told["why"]));
    match (node, told["queued"] == true, text(&told["action"]).as_str()) {
        (Some(node), false, _) => format!("goes to {node} of {pool}: {word}"),
        (Some(node), true, _) => format!("waits for {node} of {pool}: {word}"),
        (None, true, _) => format!("waits for a node of {pool}: {word}"),
        (None, false, "redirect") => "is redirected".to_owned(),
        (None, false, "answer") => "is answered by Weir".to_owned(),
        (None, false, "deny") => format!("is denied: {word}"),
        (None, false, _) => format!("is refused: {word}"),
    }
}

fn judged(node: &Value) -> Vec<String> {
    let why_not = node["why_not"].as_str().unwrap_or_default().to_owned();
    vec![text(&node["node"]), text(&node["state"]), text(&node["reason"]), why_not]
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::json;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        why: Why,
    }

    fn asked(words: &[&str]) -> Why {
        Line::try_parse_from([&["weir"], words].concat()).map(|line| line.why).ok().unwrap()
    }

    #[test]
    fn a_question_is_one_path() {
        let cases: [(&[&str], &str); 2] = [
            (&["--host", "a"], "/api/why?host=a&path=%2F&method=GET"),
            (
                &[
                    "--host",
                    "a",
                    "--path",
                    "/b?c=d",
                    "--method",
                    "POST",
                    "--cookie",
                    "e=f&g",
                    "--header",
                    "X: y",
                    "--header",
                    "Z: +",
                    "--client",
                    "::1",
                    "--listener",
                    "https",
                ],
                "/api/why?host=a&path=%2Fb%3Fc%3Dd&method=POST&cookie=e%3Df%26g&header=X%3A%20y&header=Z%3A%20%2B&client=%3A%3A1&listener=https",
            ),
        ];
        cases.iter().for_each(|(words, path)| assert_eq!(asked(words).question(), *path));
        assert!(Line::try_parse_from(["weir"]).is_err());
        assert!(Line::try_parse_from(["weir", "--host", "a", "--client", "localhost"]).is_err());
    }

    #[test]
    fn an_answer_is_told_with_its_steps_and_nodes() {
        let told = json!({
            "listener": "https", "site": "esb.https", "action": "pool", "pool": "esb", "node": "worker2",
            "why": "rebound:unhealthy", "queued": false,
            "steps": ["site esb.https: host matches esb.wso2.com", "session: it lives on worker1"],
            "nodes": [
                {"node": "worker1", "state": "passive", "reason": "unhealthy", "why_not": "probes fail"},
                {"node": "worker2", "state": "active", "reason": null, "why_not": null},
            ],
        });
        let expected = "\
GET esb.wso2.com/x goes to worker2 of esb: rebound:unhealthy
  site esb.https: host matches esb.wso2.com
  session: it lives on worker1

NODE     STATE    REASON     WHY NOT
worker1  passive  unhealthy  probes fail
worker2  active   -
";
        assert_eq!(explained(&asked(&["--host", "esb.wso2.com", "--path", "/x"]), &told), expected);
    }

    #[test]
    fn every_fate_has_words() {
        let cases = [
            (json!({"node": "w", "pool": "p", "why": "session", "queued": true}), "waits for w of p: session"),
            (json!({"pool": "p", "why": "busy", "queued": true}), "waits for a node of p: busy"),
            (json!({"action": "redirect"}), "is redirected"),
            (json!({"action": "answer"}), "is answered by Weir"),
            (json!({"action": "deny", "why": "denied"}), "is denied: denied"),
            (json!({"action": "refuse", "why": "unknown-host"}), "is refused: unknown-host"),
            (json!({"action": "pool", "pool": "p", "why": "no-active-node"}), "is refused: no-active-node"),
        ];
        cases.iter().for_each(|(told, expected)| assert_eq!(fate(told), *expected));
    }
}
