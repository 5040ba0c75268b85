//! The configuration that the demo writes for Weir: the cluster of the guide on loopback addresses. Users may read it
//! and change it while the demo runs.

use super::layout::{Layout, NODES};
use crate::cli::init::management_route;

/// The text of `weir.toml` in the demo's directory.
pub(super) fn text(layout: &Layout, pin: &str) -> String {
    [listeners(layout), nodes(), pools(layout, pin), sites()].join("\n")
}

/// The first line of every file that the demo wrote and may overwrite.
pub(super) const MARK: &str = "# The cluster of the guide on this machine, made by `weir demo`.";

fn listeners(layout: &Layout) -> String {
    let Layout { http, https, admin, socket, .. } = layout;
    // A text of JSON is one of TOML too.
    let socket = serde_json::Value::from(socket.to_string_lossy());
    format!(
        r#"{MARK} Change it, then type `reload` at the demo's prompt.
state-dir = "state"
access-log = "access.log"

[admin]
bind = "{admin}"
socket = {socket}

# What `weir wso2 test` cannot see in the pools, whose ports are not those of WSO2.
[cluster]
manager = "manager"
console = "mgt.esb.https"
services = ["/services/hello"]

[[listener]]
name = "http"
bind = "{http}"

[[listener]]
name = "https"
bind = "{https}"
tls = {{ min-version = "1.2" }}
"#
    )
}

fn nodes() -> String {
    NODES.map(|(name, address)| format!("[[node]]\nname = \"{name}\"\naddress = \"{address}\"\n")).join("\n")
}

fn pools(layout: &Layout, pin: &str) -> String {
    let (http, https, console) = (layout.nodes.http, layout.nodes.https, layout.nodes.console);
    let page = r#"path = "/carbon/admin/login.jsp", status = "200""#;
    // Both the port and the console are probed: a worker whose console is down gets no traffic.
    let worker_health =
        |kind| health(&format!(r#"{{ kind = "{kind}" }}, {{ kind = "https", port = {console}, {page} }}"#));
    let (http_health, https_health) = (worker_health("tcp"), worker_health("tls"));
    let manager_health = health(&format!(r#"{{ kind = "https", {page} }}"#));
    format!(
        r#"[[pool]]
name = "esb-http"
nodes = ["worker1", "worker2"]
port = {http}
balance = "round-robin"

{http_health}
[[pool]]
name = "esb-https"
nodes = ["worker1", "worker2"]
port = {https}
# The nodes' certificate is expired, self-signed and names nobody: only its fingerprint says that it is theirs.
tls = {{ verify = "pin", pins = ["{pin}"] }}
sticky = {{ mode = "learn", cookie = "JSESSIONID", idle = "35m" }}

{https_health}
[[pool]]
name = "manager"
nodes = ["manager"]
port = {console}
tls = {{ verify = "pin", pins = ["{pin}"] }}

{manager_health}"#
    )
}

/// Shorter times than in production, so that a user of the demo sees states change.
fn health(probes: &str) -> String {
    format!("[pool.health]\ninterval = \"1s\"\ntimeout = \"1s\"\nrise = 1\nfall = 2\nprobes = [{probes}]\n")
}

fn sites() -> String {
    let route = management_route();
    format!(
        r#"[[site]]
name = "esb.http"
listener = "http"
hosts = ["esb.wso2.com"]
pool = "esb-http"

{route}

[[site]]
name = "esb.https"
listener = "https"
hosts = ["esb.wso2.com"]
certificate = {{ chain = "certs/wrk.crt", key = "certs/wrk.key" }}
pool = "esb-https"

{route}

{CONSOLE}"#
    )
}

const CONSOLE: &str = r#"[[site]]
name = "mgt.esb.https"
listener = "https"
hosts = ["mgt.esb.wso2.com"]
certificate = { chain = "certs/mgt.crt", key = "certs/mgt.key" }
pool = "manager"
max-body = "100MiB"
"#;
