//! Weir with all it does by default: sticky sessions, metrics, probes, deadlines, strict parsing.

use std::fmt::Write;

use super::plan::{OfTwo, Plan, Shape};
use crate::origins::many;
use crate::testbed::site_host;

/// Its weir.toml.
pub(super) fn configuration(plan: &Plan<'_>, admin: u16) -> String {
    let dir = plan.dir.display();
    let log = if plan.logged { format!("{dir}/access.log") } else { "off".to_owned() };
    let mut text = format!(
        "state-dir = \"{dir}\"\naccess-log = \"{log}\"\nerror-log = \"{dir}/error.log\"\nthreads = {}\nstop-timeout = \
         \"1s\"\n\n[admin]\nbind = \"127.0.0.1:{admin}\"\n",
        plan.testbed.threads
    );
    text += &shared(plan);
    let ports = plan.ports;
    let listeners = [
        ("http", ports.http, ""),
        ("https", ports.https, "tls = {}\n"),
        ("edge", ports.edge, "tls = {}\n"),
        ("upload", ports.upload, ""),
    ];
    for (name, port, tls) in listeners {
        let _ = write!(
            text,
            "\n[[listener]]\nname = \"{name}\"\nbind = \"127.0.0.1:{port}\"\n{tls}max-requests = 100000000\nidle-timeout \
             = \"1h\"\n"
        );
    }
    nodes(&mut text, plan);
    let certificate = format!(
        "certificate = {{ chain = \"{}\", key = \"{}\" }}\n",
        plan.testbed.chain.display(),
        plan.testbed.key.display()
    );
    let sites = [
        ("http", "", "plain"),
        ("https", certificate.as_str(), "tls"),
        ("edge", &certificate, "plain"),
        ("upload", "", "upload"),
    ];
    for (name, certificate, pool) in sites {
        let _ = write!(
            text,
            "\n[[site]]\nname = \"{name}\"\nlistener = \"{name}\"\nhosts = [\"127.0.0.1\"]\ndefault = \
             true\n{certificate}pool = \"{pool}\"\n"
        );
    }
    if let Shape::Sites(count) = plan.shape {
        let dir = plan.testbed.dir.join("sites");
        for site in 0..count {
            let _ = write!(
                text,
                "\n[[site]]\nname = \"s{site}\"\nlistener = \"edge\"\nhosts = [\"{}\"]\ncertificate = {{ chain = \
                 \"{1}/{site}.chain.pem\", key = \"{1}/{site}.key.pem\" }}\npool = \"plain\"\n",
                site_host(site),
                dir.display(),
            );
        }
    }
    text
}

/// What it has in common with another one.
fn shared(plan: &Plan<'_>) -> String {
    let Some(OfTwo { own, links: [one, other] }) = plan.of_two else { return String::new() };
    let secret = plan.testbed.secret.display();
    format!(
        "\n[shared]\nsecret = \"{secret}\"\nname = \"lb{own}\"\nservers = [\"127.0.0.1:{one}\", \"127.0.0.1:{other}\"]\nconfirm = \
         \"5ms\"\n"
    )
}

fn nodes(text: &mut String, plan: &Plan<'_>) {
    let mut node = |name: &str, address: &str, offset: u16| {
        let _ = write!(text, "\n[[node]]\nname = \"{name}\"\naddress = \"{address}\"\nport-offset = {offset}\n");
    };
    node("worker1", "127.0.0.1", 0);
    node("worker2", "127.0.0.1", 1);
    let mut plain = "\"worker1\", \"worker2\"".to_owned();
    if let Shape::Nodes(count) = plan.shape {
        let names = (0..count).map(|node| format!("n{node}"));
        names.clone().zip(many()).for_each(|(name, address)| node(&name, &address.to_string(), 0));
        plain = names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    }
    let sticky = "tls = { verify = \"none\" }\nsticky = { mode = \"learn\", cookie = \"JSESSIONID\", idle = \"35m\", \
                  max-sessions = 1200000 }\n";
    let two = "\"worker1\", \"worker2\"";
    let pools = [
        ("plain", plain.as_str(), plan.origins.plain, ""),
        ("tls", two, plan.origins.tls, sticky),
        ("upload", two, plan.origins.upload, ""),
    ];
    for (name, nodes, port, more) in pools {
        let _ = write!(
            text,
            "\n[[pool]]\nname = \"{name}\"\nnodes = [{nodes}]\nport = {port}\n{more}\n[pool.health]\ninterval = \
             \"5s\"\nprobes = [{{ kind = \"tcp\" }}]\n"
        );
    }
}
