//! What a field that an operator sets takes from its request: the same as nodes are told in the fields that Weir writes.

use super::decimal::Decimal;
use super::forwarded::Forwarded;
use crate::config::RequestValue;
use crate::wire::RequestHead;

/// Where the values come from.
#[derive(Clone, Copy, Debug)]
pub struct RequestValues<'a> {
    /// The request.
    pub head: &'a RequestHead,
    /// Where it came from.
    pub from: Forwarded<'a>,
    /// The host for HTTP/1.0 clients that send none.
    pub default_host: &'a [u8],
    /// Its id; without one nothing is written.
    pub request_id: Option<&'a [u8]>,
}

impl RequestValues<'_> {
    /// Writes one of them. Hosts were read by `wire`, ids and addresses are Weir's own, so none ends the line.
    pub fn write(&self, value: RequestValue, out: &mut Vec<u8>) {
        let origin = || self.from.origin(self.head, self.from.host(self.head));
        match value {
            RequestValue::Client => self.from.write_client(out),
            RequestValue::Host => out.extend_from_slice(self.from.host_name(self.head, self.default_host)),
            RequestValue::Scheme => out.extend_from_slice(if origin().0 { b"https" } else { b"http" }),
            RequestValue::Port => out.extend_from_slice(Decimal::of(u64::from(origin().1)).digits()),
            RequestValue::RequestId => out.extend_from_slice(self.request_id.unwrap_or_default()),
            of_certificate => {
                self.from.certificate.into_iter().for_each(|certificate| certificate.write(of_certificate, out));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::message::forwarded::Trust;
    use crate::wire::HeadLimits;

    #[test]
    fn a_field_takes_what_nodes_are_told_in_others() {
        let mut head = RequestHead::new();
        let came = "X-Forwarded-Host: www.wso2.com:8443\r\nX-Forwarded-Proto: https\r\n";
        let text = format!("GET / HTTP/1.1\r\nHost: esb.wso2.com:8080\r\n{came}\r\n");
        head.parse(text.as_bytes(), &HeadLimits::default()).expect("a good head");
        let real = Some("198.51.100.1".parse().expect("an address"));
        let trusted = Forwarded { trust: Trust::Trusted, real, ..Forwarded::STRANGER };
        for (from, request_id, expected) in [
            (Forwarded::STRANGER, Some(b"r1".as_slice()), ["192.0.2.7", "esb.wso2.com", "http", "8080", "r1", ""]),
            (trusted, None, ["198.51.100.1", "www.wso2.com", "https", "8443", "", ""]),
        ] {
            let values = RequestValues { head: &head, from, default_host: b"default", request_id };
            let told = [
                RequestValue::Client,
                RequestValue::Host,
                RequestValue::Scheme,
                RequestValue::Port,
                RequestValue::RequestId,
                RequestValue::ClientSubject,
            ]
            .map(|value| {
                let mut out = Vec::new();
                values.write(value, &mut out);
                String::from_utf8(out).expect("text")
            });
            assert_eq!(told, expected.map(str::to_owned), "{from:?}");
        }
    }
}
