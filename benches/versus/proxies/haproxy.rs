//! HAProxy with what its manual recommends for the same work: connections to the servers kept and shared, checks like
//! Weir's probes, and sessions learned into a stick table.

use std::fmt::Write;

use super::plan::{OfTwo, Plan, Shape};
use crate::origins::many;

/// Its haproxy.cfg.
pub(super) fn configuration(plan: &Plan<'_>) -> String {
    let (log_to, log) = if plan.logged {
        // Without a syslog server this is its way into a file: standard output is one here.
        ("    log stdout format raw local0\n", "    log global\n    option httplog\n")
    } else {
        ("", "")
    };
    let mut text = format!(
        "global\n    nbthread {}\n    maxconn 9300\n    ssl-default-bind-options ssl-min-ver TLSv1.2\n    \
         ssl-server-verify none\n    tune.ssl.default-dh-param 2048\n{log_to}\ndefaults\n    mode http\n    maxconn \
         9300\n{log}    timeout connect 5s\n    timeout client 1h\n    timeout server 5m\n    timeout http-request 15s\n    \
         timeout http-keep-alive 1h\n    timeout tunnel 1h\n    option http-keep-alive\n    http-reuse always\n    option \
         forwardfor\n",
        plan.testbed.threads
    );
    if let Some(OfTwo { links, .. }) = plan.of_two {
        let _ = write!(text, "\npeers two\n    peer lb0 127.0.0.1:{}\n    peer lb1 127.0.0.1:{}\n", links[0], links[1]);
    }
    let both = plan.testbed.both.display();
    let sites = match plan.shape {
        Shape::Sites(_) => format!(" crt {}/both/", plan.testbed.dir.join("sites").display()),
        _ => String::new(),
    };
    let ports = plan.ports;
    let tls = format!(" ssl crt {both} alpn h2,http/1.1");
    for (name, port, tls, backend) in [
        ("http", ports.http, "", "plain"),
        ("https", ports.https, tls.as_str(), "tls"),
        ("edge", ports.edge, &format!(" ssl crt {both}{sites} alpn h2,http/1.1"), "plain"),
        ("upload", ports.upload, "", "upload"),
    ] {
        let proto = if tls.is_empty() { "http" } else { "https" };
        let _ = write!(
            text,
            "\nfrontend {name}\n    bind 127.0.0.1:{port}{tls}\n    http-request set-header X-Forwarded-Host \
             %[req.hdr(Host)]\n    http-request set-header X-Forwarded-Server %[req.hdr(Host)]\n    http-request \
             set-header X-Forwarded-Proto {proto}\n    default_backend {backend}\n"
        );
    }
    backends(&mut text, plan);
    text
}

fn backends(text: &mut String, plan: &Plan<'_>) {
    let plain = plan.origins.plain;
    let plain = match plan.shape {
        Shape::Nodes(count) => many().take(count).map(|address| format!("{address}:{plain}")).collect(),
        _ => pair(plain),
    };
    let peers = if plan.of_two.is_some() { " peers two" } else { "" };
    let sticky = format!(
        "    stick-table type string len 48 size 1200k expire 35m{peers}\n    stick store-response \
         res.cook(JSESSIONID)\n    stick match req.cook(JSESSIONID)\n"
    );
    for (name, more, servers, tls) in [
        ("plain", "", plain, ""),
        ("tls", sticky.as_str(), pair(plan.origins.tls), " ssl verify none"),
        ("upload", "", pair(plan.origins.upload), ""),
    ] {
        let _ = write!(text, "\nbackend {name}\n    balance roundrobin\n{more}");
        for (at, server) in servers.iter().enumerate() {
            let _ = writeln!(text, "    server worker{} {server}{tls} check inter 5s", at + 1);
        }
    }
}

fn pair(port: u16) -> Vec<String> {
    vec![format!("127.0.0.1:{port}"), format!("127.0.0.1:{}", port + 1)]
}
