//! A batch of spans as OTLP has it in JSON (opentelemetry-proto, "JSON Protobuf Encoding").

use serde_json::json;

/// All that stands before and after the spans.
#[derive(Debug)]
pub(super) struct Envelope {
    before: String,
}

impl Envelope {
    /// Of spans that come from this service.
    pub(super) fn of(service_name: &str) -> Self {
        let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let system = rustix::system::uname();
        let resource = json!({"attributes": [
            attribute("service.name", service_name),
            attribute("service.version", env!("CARGO_PKG_VERSION")),
            attribute("host.name", &system.nodename().to_string_lossy()),
        ]});
        let scope = json!({"name": "weir", "version": env!("CARGO_PKG_VERSION")});
        Self {
            before: format!(r#"{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{{"scope":{scope},"spans":["#),
        }
    }

    /// The body that tells of these spans.
    pub(super) fn body(&self, spans: &[&[u8]]) -> Vec<u8> {
        let size: usize = spans.iter().map(|span| span.len() + 1).sum();
        let mut body = Vec::with_capacity(self.before.len() + size + AFTER.len());
        body.extend_from_slice(self.before.as_bytes());
        for (place, span) in spans.iter().enumerate() {
            if place > 0 {
                body.push(b',');
            }
            body.extend_from_slice(span);
        }
        body.extend_from_slice(AFTER);
        body
    }
}

const AFTER: &[u8] = b"]}]}]}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_one_object() {
        let body = Envelope::of("a \"b\"").body(&[b"{\"name\":\"1\"}", b"{\"name\":\"2\"}"]);
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let of_one = &value["resourceSpans"][0];
        assert_eq!(of_one["resource"]["attributes"][0]["value"]["stringValue"], "a \"b\"");
        assert_eq!(of_one["scopeSpans"][0]["spans"], json!([{"name": "1"}, {"name": "2"}]));
    }
}
