//! `[tracing]`: the OpenTelemetry collector that gets the spans of requests.

use crate::config::hosts;
use crate::config::model::{Endpoint, Tracing};
use crate::config::text::errors::Wrong;
use crate::config::text::section::Section;
use crate::config::text::words::quoted;

/// Reads the table of the main file. Without one no spans are sent.
pub(crate) fn read(main: &Section<'_>) -> Option<Tracing> {
    let section = main.section("tracing", "tracing")?;
    // Every key is read, so that none is called unknown where the endpoint is wrong.
    let endpoint = section.required_parsed("endpoint", endpoint);
    let service_name = section.parsed("service-name", service_name).unwrap_or_else(|| "weir".to_owned());
    let (sample, interval, timeout) =
        (section.percent("sample"), section.duration("interval"), section.duration("timeout"));
    let (batch_size, queue) = (section.integer("batch-size"), section.size("queue"));
    let endpoint = endpoint?;
    if let Some(host) = endpoint.authority.strip_suffix(":4317") {
        let what = "endpoint: port 4317 is where collectors take gRPC, and Weir sends OTLP over HTTP";
        let advice = format!("write \"http://{host}:4318\", unless this collector has other ports");
        section.problems.warning(section.place_of("endpoint"), what, advice);
    }
    let queue = usize::try_from(queue).unwrap_or(usize::MAX);
    Some(Tracing { endpoint, service_name, sample, interval, timeout, batch_size, queue, at: section.at() })
}

fn endpoint(text: &str) -> Result<Endpoint, Wrong> {
    let wrong = |what: &str, advice: &str| Err(Wrong::new(format!("{} {what}", quoted(text)), advice));
    if text.starts_with("https://") {
        return wrong(
            "is https, and spans are sent by http only",
            "let a collector on this machine take them, \"http://127.0.0.1:4318\", and send them on by https",
        );
    }
    let Some(rest) = text.strip_prefix("http://") else {
        return wrong("is no address of a collector", EXAMPLE);
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if hosts::field(authority).is_err() || authority.rsplit_once(':').is_none_or(|(_, port)| port.ends_with(']')) {
        return wrong("has no host and port", EXAMPLE);
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'?' && byte != b'#') {
        return wrong("has more than a path behind the port", EXAMPLE);
    }
    let path = path.trim_matches('/');
    // Collectors are named with and without it.
    let prefix = path.strip_suffix("v1/traces").unwrap_or(path).trim_end_matches('/');
    let path = if prefix.is_empty() { "/v1/traces".to_owned() } else { format!("/{prefix}/v1/traces") };
    Ok(Endpoint { authority: authority.to_owned(), path })
}

const EXAMPLE: &str = "write \"http://127.0.0.1:4318\", the usual port for OTLP over HTTP";

fn service_name(text: &str) -> Result<String, Wrong> {
    if text.is_empty() || text.len() > 255 || text.chars().any(char::is_control) {
        return Err(Wrong::new(format!("{} is no name of a service", quoted(text)), "write \"weir\" or \"weir-lb1\""));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_named_with_and_without_the_path_of_spans() {
        for (text, expected) in [
            ("http://127.0.0.1:4318", Some("127.0.0.1:4318 /v1/traces")),
            ("http://127.0.0.1:4318/", Some("127.0.0.1:4318 /v1/traces")),
            ("http://otel.internal:4318/v1/traces", Some("otel.internal:4318 /v1/traces")),
            ("http://[::1]:4318/tempo/", Some("[::1]:4318 /tempo/v1/traces")),
            ("http://[::1]", None),
            ("http://otel", None),
            ("http://otel:0", None),
            ("http://otel:4318/a?b", None),
            ("https://otel:4318", None),
            ("otel:4318", None),
            ("", None),
        ] {
            let read = endpoint(text).ok().map(|read| format!("{} {}", read.authority, read.path));
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }
}
