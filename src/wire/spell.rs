//! The second way into a request's head: HTTP/2 spells it as HTTP/1.1 text, and the same reader judges that text.
//! No byte can break out of its place, so what goes up is what one HTTP/1 client could have sent.

use super::fault::HeadFault;
use super::fields::{FieldKind, Span};
use super::grammar::{field_value_is_clean, is_target_byte, is_token, trim};
use super::request::{Framing, RequestHead};
use super::scan::HeadLimits;

impl RequestHead {
    /// Begins a head with its pseudo fields. `authority` becomes Host; a Host that is pushed later must agree.
    pub fn begin(&mut self, method: &[u8], target: &[u8], authority: Option<&[u8]>) -> Result<(), HeadFault> {
        self.spelled = true;
        self.bytes.clear();
        if !is_token(method) {
            return Err(HeadFault::BadRequestLine);
        }
        // An absolute `:path` would be a second authority (9113 8.3.1).
        let is_path = target.first() == Some(&b'/') || target == b"*";
        if !is_path || !target.iter().all(|&byte| is_target_byte(byte)) {
            return Err(HeadFault::BadTarget);
        }
        for part in [method, b" ", target, b" HTTP/1.1\r\n"] {
            self.bytes.extend_from_slice(part);
        }
        self.spelled_host = Span::default();
        let Some(authority) = authority else { return Ok(()) };
        let start = self.bytes.len() + b"host: ".len();
        self.push_line(b"host", authority).map_err(|_| HeadFault::BadHost)?;
        self.spelled_host = Span::new(start, start + authority.len());
        Ok(())
    }

    /// Adds a field. Cookie crumbs are joined by the caller: one line a request (9113 8.2.3).
    pub fn push_field(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        if self.spelled_host.len() > 0 && FieldKind::of(name) == FieldKind::Host {
            let agrees = self.spelled_host.of(&self.bytes).eq_ignore_ascii_case(value);
            return if agrees { Ok(()) } else { Err(HeadFault::BadHost) };
        }
        self.push_line(name, value)
    }

    /// Ends the head and reads it. `framing` is what the stream says: `None` where it ended with its head, `Chunked`
    /// where a body follows; a Content-Length among the fields must agree with it.
    pub fn finish(&mut self, framing: Framing, limits: &HeadLimits) -> Result<(), HeadFault> {
        self.bytes.extend_from_slice(b"\r\n");
        self.read(limits)?;
        let agreed = match (framing, self.framing()) {
            (framing, Framing::None) => framing,
            (Framing::None, Framing::Length(0)) => Framing::Length(0),
            (Framing::Chunked, Framing::Length(length)) => Framing::Length(length),
            (Framing::Length(length), Framing::Length(declared)) if length == declared => framing,
            _ => return Err(HeadFault::BadLength),
        };
        self.set_framing(agreed);
        Ok(())
    }

    fn push_line(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        // 9113 8.2.1: blanks around a value are malformed there, while HTTP/1 would silently cut them off.
        if !is_token(name) || !field_value_is_clean(value) || trim(value).len() != value.len() {
            return Err(HeadFault::BadField);
        }
        for part in [name, b": ", value, b"\r\n"] {
            self.bytes.extend_from_slice(part);
        }
        Ok(())
    }
}
