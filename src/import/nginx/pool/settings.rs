//! What a place says about the way to the nodes: TLS, time limits, retries, redirects.

use std::collections::HashSet;

use super::cookies;
use super::redirects;
use super::target::Target;
use crate::config::rules;
use crate::import::nginx::class::Class::{Changed, Ignored, Missing, Narrower, Refused, Same, Wider};
use crate::import::nginx::numbers;
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;
use crate::import::nginx::values;

#[derive(Clone, Default)]
pub(super) struct Settings {
    /// Keys of the pool; places that differ in these have pools of their own.
    pub(super) keys: Vec<(String, String)>,
    /// The table `timeouts`.
    pub(super) timeouts: Option<String>,
}

impl Settings {
    pub(super) fn read(target: &Target<'_>, scope: &Scope<'_>, pass: &Directive, verdicts: &Verdicts) -> Self {
        let mut settings = Self::default();
        if target.tls {
            settings.set("tls", tls(target, scope, pass, verdicts));
        }
        settings.timeouts = timeouts(scope, pass, verdicts);
        settings.retries(scope, verdicts);
        if let Some(value) = redirects::read(scope, verdicts) {
            settings.set("redirects", value);
        }
        if let Some(one) = scope.one("proxy_http_version").filter(|one| one.word() == "1.0") {
            verdicts.say(one, Changed, "", "HTTP/1.1 always");
        }
        if let Some(table) = cookies::read(scope, verdicts) {
            settings.set("cookies", table);
        }
        settings.buffers(scope, pass, verdicts);
        settings
    }

    /// The limits for a route whose pool has other ones; without any, nginx's own.
    pub(super) fn for_a_route(&self) -> Option<String> {
        self.timeouts.clone().or_else(|| Some("{ read = \"60s\", send = \"60s\" }".to_owned()))
    }

    fn set(&mut self, key: &str, value: impl Into<String>) {
        self.keys.push((key.to_owned(), value.into()));
    }

    fn retries(&mut self, scope: &Scope<'_>, verdicts: &Verdicts) {
        if let Some(one) = scope.one("proxy_next_upstream") {
            self.next_upstream(one, verdicts);
        }
        if let Some(one) = scope.one("proxy_next_upstream_tries") {
            match values::number(one.word()) {
                None => verdicts.say(one, Refused, "tries", "write a number"),
                Some(0) => verdicts.say(one, Changed, "tries", "at most three nodes are tried"),
                Some(_) => {
                    verdicts.same(one, "tries");
                    let known = self.keys.iter().any(|(key, _)| key == "tries");
                    let tries = numbers::number(one.word(), ("pool", "tries"), one, verdicts);
                    tries.filter(|_| !known).into_iter().for_each(|tries| self.set("tries", tries));
                }
            }
        }
        if self.tries_once() {
            self.keys.retain(|(key, _)| key != "retry-on");
        }
        if let Some(one) = scope.one("proxy_next_upstream_timeout") {
            match values::time(one.word()) {
                Some(_) if self.tries_once() => verdicts.say(one, Ignored, "", "one node is tried"),
                Some(time) => {
                    self.set("retry-time", time);
                    verdicts.same(one, "retry-time");
                }
                None => verdicts.say(one, Changed, "retry-time", "no further node is tried after 30 s"),
            }
        }
    }

    fn tries_once(&self) -> bool {
        self.keys.iter().any(|(key, value)| key == "tries" && value == "1")
    }

    fn next_upstream(&mut self, one: &Directive, verdicts: &Verdicts) {
        if one.word() == "off" {
            self.set("tries", "1");
            return verdicts.same(one, "tries = 1");
        }
        let mut on = Vec::new();
        verdicts.same(one, "retry-on");
        for word in &one.words {
            match word.as_str() {
                "error" => on.extend(["connect", "reset"]),
                "timeout" => on.push("timeout"),
                "invalid_header" | "updating" => {}
                "non_idempotent" => verdicts
                    .missing(one, "non_idempotent: write non-idempotent = true on a route whose requests only read"),
                status => match status.strip_prefix("http_").filter(|status| rules::are_failures(status)) {
                    Some(status) => {
                        on.push(status);
                        let note = "SOAP faults are answers with 500: those would be asked for again";
                        if status == "500" {
                            verdicts.say(one, Wider, "retry-on", note);
                        }
                    }
                    None => verdicts.missing(one, format!("{status}: Weir has nothing like it")),
                },
            }
        }
        let mut seen = HashSet::new();
        on.retain(|word| seen.insert(*word));
        if on.is_empty() {
            let note = "connect, reset and timeout too: only tries = 1 ends these";
            verdicts.say(one, Wider, "retry-on", note);
        } else if on != ["connect", "reset", "timeout"] {
            self.set("retry-on", values::texts(on));
        }
    }

    fn buffers(&mut self, scope: &Scope<'_>, pass: &Directive, verdicts: &Verdicts) {
        match scope.one("proxy_request_buffering") {
            Some(one) if one.word() == "off" => verdicts.same(one, "buffer-request = \"0\""),
            found => {
                self.set("buffer-request", "\"64KiB\"");
                let note = "bodies up to 64 KiB are read whole before the node gets them; larger ones flow";
                match found {
                    Some(one) => verdicts.say(one, Changed, "buffer-request", note),
                    None => verdicts.unwritten(&pass.at, "proxy_request_buffering on", Changed, "buffer-request", note),
                }
            }
        }
        if let Some(one) = scope.one("proxy_buffer_size") {
            match values::bytes(one.word()).filter(|bytes| *bytes > 64 << 10) {
                Some(bytes) => {
                    self.set("max-answer-head", values::size(bytes.min(1 << 20)));
                    verdicts.same(one, "max-answer-head");
                }
                None => verdicts.say(one, Wider, "max-answer-head", "heads of answers may have 64 KiB"),
            }
        }
    }
}

fn timeouts(scope: &Scope<'_>, pass: &Directive, verdicts: &Verdicts) -> Option<String> {
    let mut pairs = Vec::new();
    for (name, key, usual) in [
        ("proxy_connect_timeout", "connect", "\"5s\""),
        ("proxy_read_timeout", "read", "\"5m\""),
        ("proxy_send_timeout", "send", "\"5m\""),
    ] {
        match scope.one(name) {
            Some(one) => match values::time(&one.said()) {
                Some(time) => {
                    let told = format!("timeouts.{key}");
                    verdicts.same(one, &told);
                    if time != usual {
                        pairs.push((key.to_owned(), time));
                    }
                }
                None => verdicts.say(one, Refused, "", "write a time such as 5m or 300"),
            },
            None if key == "connect" => {
                verdicts.unwritten(
                    &pass.at,
                    "proxy_connect_timeout 60s",
                    Narrower,
                    "timeouts.connect",
                    "5 s, then the next node is tried",
                );
            }
            None => {
                verdicts.unwritten(
                    &pass.at,
                    &format!("{name} 60s"),
                    Wider,
                    &format!("timeouts.{key}"),
                    "longer: 5 minutes, as WSO2's guides have it",
                );
            }
        }
    }
    (!pairs.is_empty()).then(|| values::inline(&pairs))
}

fn tls(target: &Target<'_>, scope: &Scope<'_>, pass: &Directive, verdicts: &Verdicts) -> String {
    let mut pairs = Vec::new();
    let verify = scope.one("proxy_ssl_verify");
    let (ca, depth) = (scope.one("proxy_ssl_trusted_certificate"), scope.one("proxy_ssl_verify_depth"));
    let checks = verify.is_some_and(|one| one.word() == "on");
    let note = "anyone between Weir and the nodes can read and change everything; `weir cert pin HOST:PORT` and verify = \"pin\" end that";
    match verify {
        Some(one) if checks => verdicts.same(one, "tls.verify = \"full\""),
        Some(one) => verdicts.say(one, Same, "tls.verify = \"none\"", note),
        None => verdicts.unwritten(&pass.at, "proxy_ssl_verify off", Same, "tls.verify = \"none\"", note),
    }
    pairs.push(("verify".to_owned(), values::text(if checks { "full" } else { "none" })));
    for one in ca.into_iter().chain(depth) {
        match (checks, one.name.as_str()) {
            (true, "proxy_ssl_trusted_certificate") => {
                pairs.push(("ca".to_owned(), values::text(&scope.file(one.word()))));
                verdicts.same(one, "tls.ca");
            }
            (true, _) => verdicts.say(one, Ignored, "", "chains may have any usual length"),
            (false, _) => verdicts.say(one, Ignored, "", "without effect while proxy_ssl_verify is off"),
        }
    }
    let files = ["proxy_ssl_certificate", "proxy_ssl_certificate_key"].map(|name| scope.one(name));
    if let [Some(chain), Some(key)] = files
        && [chain, key].iter().all(|one| !one.word().is_empty() && !one.word().contains(['$', ':']))
    {
        let file = |key: &str, one: &Directive| (key.to_owned(), values::text(&scope.file(one.word())));
        pairs.push(("certificate".to_owned(), values::inline(&[file("chain", chain), file("key", key)])));
        verdicts.same(chain, "tls.certificate.chain");
        verdicts.same(key, "tls.certificate.key");
    }
    let name = scope.one("proxy_ssl_name");
    let sends = scope.one("proxy_ssl_server_name");
    let on = sends.is_some_and(|one| one.word() == "on");
    sends.into_iter().for_each(|one| verdicts.same(one, "tls.server-name"));
    let host = values::host_and_port(target.host).map(|(host, _)| host).unwrap_or_default();
    let wanted = match name {
        Some(one) if one.word().contains('$') => {
            verdicts.say(one, Missing, "", "a fixed name alone");
            host
        }
        Some(one) => {
            verdicts.same(one, "tls.server-name");
            one.word().to_owned()
        }
        None => host,
    };
    let asked = (on || checks) && wanted.parse::<std::net::IpAddr>().is_err() && !wanted.is_empty();
    if asked && !rules::is_server_name(&wanted) {
        let said = name.or(sends).or(verify).unwrap_or(pass);
        verdicts.missing(
            said,
            format!("{wanted} is no name of a host: nodes are asked for the name that they have in Weir"),
        );
    } else if asked {
        pairs.push(("server-name".to_owned(), values::text(&wanted)));
    }
    values::inline(&pairs)
}
