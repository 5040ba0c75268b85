//! The text of the new weir.toml: the cluster of the clustering guide, short, with the reasons beside what is not plain.

use std::net::SocketAddr;
use std::path::Path;

use super::answers::{Answers, CertificateFiles, Server};
use super::look::Looked;
use super::write::Pairs;
use crate::cli::cert::quoted;

/// Where Weir listens, and keeps what outlives a restart.
pub(super) struct Places<'a> {
    pub(super) http: SocketAddr,
    pub(super) https: SocketAddr,
    pub(super) admin: SocketAddr,
    /// A path, or off; none is where Weir has it by itself.
    pub(super) socket: Option<&'a str>,
    pub(super) state_dir: &'a Path,
}

/// The whole file.
pub(super) fn text(places: &Places<'_>, answers: &Answers, looked: &Looked, pairs: &Pairs) -> String {
    [top(places), nodes(answers), pools(answers, looked), sites(answers, pairs)].join("\n")
}

fn top(places: &Places<'_>) -> String {
    let state = quoted(&places.state_dir.to_string_lossy());
    let socket = places.socket.map(|socket| format!("socket = {}\n", quoted(socket))).unwrap_or_default();
    let bind = |name: &str, bind: SocketAddr, more: &str| {
        format!("[[listener]]\nname = \"{name}\"\nbind = \"{bind}\"\n{more}")
    };
    format!(
        "#:schema file:///usr/share/weir/weir.schema.json\n\
         # Made by `weir init`, and yours from now on. After a change: weir check, then weir reload.\n\
         # All keys with comments: /usr/share/doc/weir/examples/weir.toml\n\n\
         # include = [\"sites/*.toml\"]        # more sites in files of their own, as in conf.d\n\
         state-dir = {state}\n\n[admin]\nbind = \"{}\"\n{socket}\n{}\n{}",
        places.admin,
        bind("http", places.http, ""),
        bind("https", places.https, "tls = { min-version = \"1.2\" }\n"),
    )
}

fn nodes(answers: &Answers) -> String {
    let node = |(name, server): (String, &Server)| {
        let offset = match server.offset {
            0 => String::new(),
            offset => format!("port-offset = {offset}                      # the Offset of its carbon.xml\n"),
        };
        format!("[[node]]\nname = {}\naddress = {}\n{offset}", quoted(&name), quoted(&server.address))
    };
    answers.servers().into_iter().map(node).collect::<Vec<_>>().join("\n")
}

fn pools(answers: &Answers, looked: &Looked) -> String {
    let names: Vec<String> = answers.servers().into_iter().map(|(name, _)| quoted(&name)).collect();
    let (manager, workers) = names.split_last().map_or(("", &[][..]), |(last, others)| (last.as_str(), others));
    let workers = workers.join(", ");
    let console = if looked.consoles {
        ", { kind = \"https\", port = 9443, path = \"/carbon/admin/login.jsp\", status = \"200\" }"
    } else {
        ""
    };
    format!(
        r#"# HTTP to the workers' 8280. WSO2 may lose a POST whose body comes apart from its head, so short bodies are held back.
[[pool]]
name = "esb-http"
nodes = [{workers}]
port = 8280
buffer-request = "64KiB"

# 8280 answers 202 to every path, so it is only asked whether it takes connections.
[pool.health]
probes = [{{ kind = "tcp" }}{console}]

# HTTPS to the workers' 8243; a session stays on the worker that began it.
[[pool]]
name = "esb-https"
nodes = [{workers}]
port = 8243
buffer-request = "64KiB"
sticky = {{ mode = "learn", cookie = "JSESSIONID", idle = "35m" }}
{}
[pool.health]
probes = [{{ kind = "tls" }}]

# The management console: HTTPS to the manager's 9443.
[[pool]]
name = "manager"
nodes = [{manager}]
port = 9443
{}
[pool.health]
probes = [{{ kind = "tls" }}]
"#,
        tls(looked.worker_pins.as_deref()),
        tls(looked.manager_pins.as_deref()),
    )
}

fn tls(pins: Option<&[String]>) -> String {
    match pins {
        Some(pins) => {
            let pins = pins.iter().map(|pin| quoted(pin)).collect::<Vec<_>>().join(", ");
            format!(
                "# The certificate that was seen when this file was made; another one is refused.\ntls = {{ verify = \"pin\", pins = [{pins}] }}\n"
            )
        }
        None => {
            "# Anyone is believed, because the nodes were not all seen. Better: verify = \"pin\" with the pins that\n\
                 # weir cert pin ADDRESS:PORT prints.\ntls = { verify = \"none\" }\n"
                .to_owned()
        }
    }
}

fn sites(answers: &Answers, pairs: &Pairs) -> String {
    let route = management_route();
    let services = |listener: &str, certificate: &str| {
        let more = format!("nameless = true\n{certificate}pool = \"esb-{listener}\"\n\n{route}\n");
        site(&format!("esb.{listener}"), listener, &answers.esb_host, &more)
    };
    let console = format!(
        "{}pool = \"manager\"\n\
         max-body = \"100MiB\"                  # the manager takes uploads\n\
         # allow-from = [\"10.0.0.0/8\"]        # who may manage; without this line everybody reaches the console\n",
        certificate(&pairs.mgt)
    );
    format!(
        "# nameless = true: clients that give no name come here too, as in the guide's nginx.\n{}\n{}\n{}",
        services("http", ""),
        services("https", &certificate(&pairs.esb)),
        site("mgt.esb.https", "https", &answers.mgt_host, &console),
    )
}

fn site(name: &str, listener: &str, host: &str, more: &str) -> String {
    format!("[[site]]\nname = \"{name}\"\nlistener = \"{listener}\"\nhosts = [{}]\n{more}", quoted(host))
}

fn certificate(files: &CertificateFiles) -> String {
    let [chain, key] = [&files.chain, &files.key].map(|path| quoted(&path.to_string_lossy()));
    format!("certificate = {{ chain = {chain}, key = {key} }}\n")
}

/// The route that keeps the console and the admin services from the workers, as the reference has it.
pub(crate) fn management_route() -> &'static str {
    let (begin, end) = ("[[site.route]]\nname = \"management\"\n", "\ndeny = true");
    let found = REFERENCE.find(begin).and_then(|at| {
        let rest = REFERENCE.get(at..)?;
        rest.get(..rest.find(end)? + end.len())
    });
    found.unwrap_or_default()
}

const REFERENCE: &str = include_str!("../../../conf/weir.toml");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_has_the_route() {
        assert!(management_route().ends_with("'''\ndeny = true"), "{}", management_route());
    }
}
