//! `weir why`: what a running Weir would do with a request, and why. No node is asked.

use std::net::IpAddr;

use hyper::Method;
use serde_json::Value;

use super::client::send;
use super::connection::AdminArgs;
use super::encode::encoded;
use super::operate::report_refusal;
use super::table::{table, text};
use crate::app::FAILED;
use crate::cli::output::{fail, print, tell};

/// The request that is asked about.
#[derive(clap::Args)]
pub(crate) struct Why {
    /// Its URL, whose scheme, host and port find the listener; or --host and --path
    #[arg(value_name = "URL", required_unless_present = "host", conflicts_with_all = ["host", "path"], value_parser = url)]
    url: Option<Url>,
    /// The Host it would have, with or without a port
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Its path, and query [default: /]
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
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
    /// The listener it would come to [default: the first that fits the URL and has a site for the host]
    #[arg(long, value_name = "NAME")]
    listener: Option<String>,
    #[command(flatten)]
    args: AdminArgs,
}

/// `weir why`.
pub(crate) fn why(why: &Why) -> i32 {
    let answer = match send(&why.args, &Method::GET, &why.path_and_query()) {
        Ok((_, answer)) => answer,
        Err(why) => return fail(&why),
    };
    if answer["ok"] == false {
        return report_refusal(why.args.json, &answer);
    }
    let shown = if why.args.json { print(&format!("{answer:#}\n")) } else { tell(&explanation(why, &answer)) };
    if shown { 0 } else { FAILED }
}

impl Why {
    fn path_and_query(&self) -> String {
        let one = |name, value: &str| format!("{name}={}", encoded(value));
        let mut parts = vec![one("host", self.host()), one("path", self.path()), one("method", &self.method)];
        if let Some(url) = &self.url {
            parts.extend([one("scheme", url.scheme), one("port", &url.port.to_string())]);
        }
        parts.extend(self.cookie.iter().map(|value| one("cookie", value)));
        parts.extend(self.header.iter().map(|value| one("header", value)));
        parts.extend(self.client.iter().map(|client| one("client", &client.to_string())));
        parts.extend(self.listener.iter().map(|name| one("listener", name)));
        format!("/api/why?{}", parts.join("&"))
    }

    /// The scheme as it is printed; empty where only a host is given.
    fn scheme(&self) -> &str {
        match self.url.as_ref().map(|url| url.scheme) {
            Some("https") => "https://",
            Some(_) => "http://",
            None => "",
        }
    }

    fn host(&self) -> &str {
        self.url.as_ref().map(|url| url.host.as_str()).or(self.host.as_deref()).unwrap_or_default()
    }

    fn path(&self) -> &str {
        self.url.as_ref().map(|url| url.path.as_str()).or(self.path.as_deref()).unwrap_or("/")
    }
}

/// The parts of a URL that a request is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Url {
    scheme: &'static str,
    /// As the Host field has it: with the port where the URL writes one.
    host: String,
    port: u16,
    path: String,
}

/// A fragment is left out, as a client does. Without a scheme it is http, as with curl.
fn url(text: &str) -> Result<Url, String> {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => ("https", rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => ("http", rest),
        Some((scheme, _)) => return Err(format!("{scheme}:// is not known: write http:// or https://")),
        None => ("http", text),
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = host.rsplit('@').next().unwrap_or_default();
    let written = host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map(|(_, port)| port);
    let port = match written {
        None => {
            if scheme == "https" {
                443
            } else {
                80
            }
        }
        Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(|| format!("{port:?} is no port"))?,
    };
    if host.is_empty() || host.starts_with(':') {
        return Err("it has no host: write https://esb.wso2.com/services/Echo".to_owned());
    }
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Ok(Url { scheme, host: host.to_owned(), port, path })
}

fn explanation(why: &Why, answer: &Value) -> String {
    let mut out = format!("{} {}{}{} {}\n", why.method, why.scheme(), why.host(), why.path(), outcome(answer));
    for step in answer["steps"].as_array().into_iter().flatten() {
        out.push_str(&format!("  {}\n", text(step)));
    }
    let nodes: Vec<_> = answer["nodes"].as_array().into_iter().flatten().map(node_row).collect();
    let titles = ["NODE", "STATE", "REASON", "WHY NOT"];
    if nodes.is_empty() { out } else { out + "\n" + &table(&titles, nodes) }
}

fn outcome(answer: &Value) -> String {
    let (node, pool, word) = (answer["node"].as_str(), text(&answer["pool"]), text(&answer["why"]));
    match (node, answer["queued"] == true, text(&answer["action"]).as_str()) {
        (Some(node), false, "passthrough") => format!("is passed through to {node} of {pool}: {word}"),
        (Some(node), false, _) => format!("goes to {node} of {pool}: {word}"),
        (Some(node), true, _) => format!("waits for {node} of {pool}: {word}"),
        (None, true, _) => format!("waits for a node of {pool}: {word}"),
        (None, false, "redirect") => "is redirected".to_owned(),
        (None, false, "answer") => "is answered by Weir".to_owned(),
        (None, false, "deny") => format!("is denied: {word}"),
        (None, false, _) => format!("is refused: {word}"),
    }
}

fn node_row(node: &Value) -> Vec<String> {
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

    fn args(words: &[&str]) -> Why {
        Line::try_parse_from([&["weir"], words].concat()).map(|line| line.why).ok().unwrap()
    }

    #[test]
    fn a_question_is_one_path() {
        let cases: [(&[&str], &str); 4] = [
            (&["--host", "a"], "/api/why?host=a&path=%2F&method=GET"),
            (&["https://a/b?c#d"], "/api/why?host=a&path=%2Fb%3Fc&method=GET&scheme=https&port=443"),
            (
                &["HTTP://[::1]:8080?c"],
                "/api/why?host=%5B%3A%3A1%5D%3A8080&path=%2F%3Fc&method=GET&scheme=http&port=8080",
            ),
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
        cases.iter().for_each(|(words, path)| assert_eq!(args(words).path_and_query(), *path));
        assert!(Line::try_parse_from(["weir"]).is_err());
        assert!(Line::try_parse_from(["weir", "--host", "a", "--client", "localhost"]).is_err());
        for wrong in ["ftp://a/", "https://", "https://:443/", "https://a:0/", "https://a:https/"] {
            assert!(Line::try_parse_from(["weir", wrong]).is_err(), "{wrong}");
        }
        assert!(Line::try_parse_from(["weir", "https://a/", "--host", "a"]).is_err());
    }

    #[test]
    fn an_answer_is_told_with_its_steps_and_nodes() {
        let answer = json!({
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
        assert_eq!(explanation(&args(&["--host", "esb.wso2.com", "--path", "/x"]), &answer), expected);
    }

    #[test]
    fn every_fate_has_words() {
        let cases = [
            (json!({"node": "w", "pool": "p", "why": "session", "queued": true}), "waits for w of p: session"),
            (
                json!({"action": "passthrough", "node": "w", "pool": "p", "why": "balanced"}),
                "is passed through to w of p: balanced",
            ),
            (json!({"pool": "p", "why": "busy", "queued": true}), "waits for a node of p: busy"),
            (json!({"action": "redirect"}), "is redirected"),
            (json!({"action": "answer"}), "is answered by Weir"),
            (json!({"action": "deny", "why": "denied"}), "is denied: denied"),
            (json!({"action": "refuse", "why": "unknown-host"}), "is refused: unknown-host"),
            (json!({"action": "pool", "pool": "p", "why": "no-active-node"}), "is refused: no-active-node"),
        ];
        cases.iter().for_each(|(answer, expected)| assert_eq!(outcome(answer), *expected));
    }
}
