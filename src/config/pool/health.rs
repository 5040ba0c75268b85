//! `[pool.health]`: the probes that a node must pass to be active.

use std::sync::Arc;

use crate::config::hosts;
use crate::config::model::{Health, Probe, ProbeKind};
use crate::config::text::errors::Wrong;
use crate::config::text::section::Section;
use crate::config::values::{paths, statuses, wso2};

/// The pool's own port, and whether it speaks TLS.
#[derive(Clone, Copy)]
pub(crate) struct PoolPort {
    pub(crate) port: u16,
    pub(crate) tls: bool,
}

/// Reads the table. `check_port` reports a probe's port that is too high with a node's offset.
pub(crate) fn read(section: &Section<'_>, own: PoolPort, check_port: &dyn Fn(&Section<'_>, u16)) -> Health {
    section.required("probes");
    let written = section.sections("probes", "pool.health.probes");
    if written.is_empty() && section.is_empty_list("probes") {
        section.refuse(
            "probes",
            "probes: the list is empty",
            "write probes = [{ kind = \"tcp\" }], or leave the whole table out",
        );
    }
    let probes: Vec<Probe> = written.iter().map(|probe| read_probe(probe, own, check_port)).collect();
    warn_of_tcp_alone(&written, &probes, own);
    Health {
        interval: section.duration("interval"),
        timeout: section.duration("timeout"),
        rise: section.integer("rise"),
        fall: section.integer("fall"),
        patience: section.duration("patience"),
        mandatory: section.flag("mandatory"),
        probes,
    }
}

fn read_probe(section: &Section<'_>, own: PoolPort, check_port: &dyn Fn(&Section<'_>, u16)) -> Probe {
    section.required("kind");
    let kind = section.choice("kind");
    let written = section.optional_integer("port");
    if let Some(port) = written {
        check_port(section, port);
    }
    let port = written.unwrap_or(own.port);
    if let Some(kind) = kind {
        if !matches!(kind, ProbeKind::Http | ProbeKind::Https) {
            refuse_what_http_has(section, kind);
        }
        let warned = warn_of_protocol(section, kind, own.tls && port == own.port, port == own.port);
        if !warned && matches!(kind, ProbeKind::Http | ProbeKind::Https) && !warn_of_passthrough(section, kind, port) {
            warn_of_the_root(section);
        }
    }
    Probe {
        kind: kind.unwrap_or(ProbeKind::Tcp),
        port,
        path: section.parsed("path", paths::in_a_request).unwrap_or_else(|| "/".into()),
        host: section.parsed("host", hosts::field),
        status: section.parsed("status", statuses::any).unwrap_or_else(|| vec![200..=399]),
        contains: section.parsed("contains", contains),
    }
}

fn refuse_what_http_has(section: &Section<'_>, kind: ProbeKind) {
    let why = format!("on a {} probe", <&str>::from(kind));
    let advice = "leave it out, or write kind = \"http\" or \"https\"";
    section.no_effect(&["path", "host", "status", "contains"], &why, advice);
}

/// Warns of a probe that cannot pass because of its protocol. Returns whether it did.
fn warn_of_protocol(section: &Section<'_>, kind: ProbeKind, tls: bool, own: bool) -> bool {
    let (what, advice) = match kind {
        ProbeKind::Http if tls => {
            ("an http probe on a port that speaks TLS will fail", "write kind = \"https\", or name another port")
        }
        ProbeKind::Tls | ProbeKind::Https if own && !tls => (
            "a TLS probe on the port of a pool without tls will fail",
            "write kind = \"http\" or \"tcp\", or name another port",
        ),
        _ => return false,
    };
    section.problems.warning(section.place_of("kind"), what, advice);
    true
}

/// Warns where the only probes of a TLS port are connections: they pass whatever certificate the node has.
fn warn_of_tcp_alone(written: &[Section<'_>], probes: &[Probe], own: PoolPort) {
    let on_own = |probe: &Probe| own.tls && probe.port == own.port;
    if probes.iter().any(|probe| on_own(probe) && probe.kind.is_tls()) {
        return;
    }
    let tcp = written.iter().zip(probes).find(|(_, probe)| on_own(probe) && probe.kind == ProbeKind::Tcp);
    if let Some((section, _)) = tcp {
        let what = "a tcp probe on a port that speaks TLS passes although every handshake may fail there: each request would get 502";
        let advice = "write kind = \"tls\", which does the handshake of requests, or kind = \"https\"";
        section.problems.warning(section.place_of("kind"), what, advice);
    }
}

/// Warns of a probe that asks for `/` and no more than that something answers.
fn warn_of_the_root(section: &Section<'_>) {
    let root = section.text("path").is_none_or(|path| path.text == "/");
    if root && !section.has("contains") {
        let what = "this probe asks for /, which most servers answer whether the application runs or not";
        let advice = "name a page of the application: path = \"/carbon/admin/login.jsp\", or add contains = \"…\" with a text of this one";
        section.problems.warning(section.place_of("path"), what, advice);
    }
}

/// Warns of a probe that always passes: the PassThrough transport of WSO2 workers answers 202 to every path that it
/// does not know. Returns whether it did.
fn warn_of_passthrough(section: &Section<'_>, kind: ProbeKind, port: u16) -> bool {
    let asks = ["status", "contains"].iter().any(|key| section.has(key));
    if asks || (section.has("path") && !wso2::is_pass_through(port)) {
        return false;
    }
    let what = format!(
        "this {} probe passes for any answer from 200 to 399: a WSO2 worker's 8280 and 8243 answer 202 to every path, whatever is deployed",
        <&str>::from(kind)
    );
    let advice = "ask for something: path = \"/services/Version?wsdl\", status = \"200\", contains = \"definitions\"";
    section.problems.warning(section.place_of("kind"), what, advice);
    true
}

fn contains(text: &str) -> Result<Arc<str>, Wrong> {
    match text.len() {
        1..=65536 => Ok(text.into()),
        0 => Err(Wrong::new("the text is empty, every answer contains it", "leave it out")),
        _ => Err(Wrong::new("the text is longer than what is searched", "only the first 64 KiB of a body are")),
    }
}
