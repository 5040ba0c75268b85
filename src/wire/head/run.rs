//! Copies the lines of a head that are forwarded unchanged. Lines next to each other are copied together. Lines that
//! Weir writes differently are written separately.

use crate::wire::fields::{Field, Span};

/// Lines that are forwarded unchanged, next to each other, and not yet written.
#[derive(Debug)]
pub struct Run<'a> {
    bytes: &'a [u8],
    place: Span,
}

impl<'a> Run<'a> {
    /// A run that begins with this part of a head. The part may be empty.
    pub(super) fn new(bytes: &'a [u8], place: Span) -> Self {
        Self { bytes, place }
    }

    /// Whether no line waits to be written.
    pub fn is_empty(&self) -> bool {
        self.place.len() == 0
    }

    /// Adds a field of the same head. It is written in its order, at the latest by `end`.
    #[inline]
    pub fn pass(&mut self, out: &mut Vec<u8>, field: &Field<'_>) {
        let stands = field.line.len() > 0;
        match self.place.and(field.line) {
            Some(longer) if stands => self.place = longer,
            _ if stands => {
                self.end(out);
                self.place = field.line;
            }
            _ => self.write(out, field.name, field.value),
        }
    }

    /// Writes a field with Weir's own spelling, in its order.
    pub fn write(&mut self, out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
        self.end(out);
        for part in [name, b": ", value, b"\r\n"] {
            out.extend_from_slice(part);
        }
    }

    /// Writes the lines that wait.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        if !self.is_empty() {
            out.extend_from_slice(self.place.of(self.bytes));
            self.place = Span::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::wire::{AnswerHead, Method};

    #[test]
    fn only_what_is_spelled_as_we_would_spell_it_is_copied() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nA: 1\r\nB:\r\nC: \r\nD: 2\r\n\r\n", 2),
            ("HTTP/1.1 200 OK\r\nA: 1\nB: 2 \nC: 3 \r\nD:4\r\nE:\t5\r\nF:  6\r\n\r\n", 6),
            ("HTTP/1.1 200 OK\r\nA: 1\r\nB: \t\r\nC: a \t b\r\n\r\n", 2),
        ];
        for (text, writing) in cases {
            let mut head = AnswerHead::new();
            head.parse(text.as_bytes(), Method::Get).unwrap();
            let (mut run, mut out, mut writes) = (head.run(), Vec::new(), 0);
            let mut expected = b"HTTP/1.1 200 OK\r\n".to_vec();
            for field in head.fields() {
                let before = out.len();
                run.pass(&mut out, &field);
                writes += usize::from(out.len() > before);
                expected.extend([field.name, b": ", field.value, b"\r\n"].concat());
            }
            writes += usize::from(!run.is_empty());
            run.end(&mut out);
            assert_eq!(out, expected, "{}", out.escape_ascii());
            assert_eq!(writes, writing, "{text:?}");
            assert!(run.is_empty());
        }
    }

    #[test]
    fn a_status_line_is_copied_where_it_stands() {
        let cases = [
            ("HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n"),
            ("HTTP/1.1 200 \r\n\r\n", "HTTP/1.1 200 \r\n"),
            ("HTTP/1.1 200\r\n\r\n", ""),
            ("HTTP/1.1 200 OK\n\n", ""),
            ("HTTP/1.0 200 OK\r\n\r\n", ""),
        ];
        for (text, expected) in cases {
            let mut head = AnswerHead::new();
            head.parse(text.as_bytes(), Method::Get).unwrap();
            let mut out = Vec::new();
            head.run().end(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{text:?}");
        }
    }
}
