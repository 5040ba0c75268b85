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
