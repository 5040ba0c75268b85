//! A second reader of heads, written apart from Weir's and as plainly as possible: what it refuses or reads
//! differently must never have left Weir.

#![allow(dead_code)] // each target uses what it needs

/// How a strict reader frames the body of what it has read.
#[derive(Debug, PartialEq, Eq)]
pub enum Frames {
    Chunked,
    Length(u64),
    Nothing,
}

/// The first line and the fields of exactly one head, with nothing behind it.
pub fn read(head: &[u8]) -> (Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>) {
    let text = head.strip_suffix(b"\r\n\r\n").expect("a head ends with an empty line");
    let mut lines = split_lines(text);
    let first = lines.remove(0);
    let fields = lines.iter().map(|line| read_field(line)).collect();
    (first, fields)
}

fn split_lines(text: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = vec![Vec::new()];
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\r' => {
                rest = rest.strip_prefix(b"\n").expect("a carriage return is followed by a line feed");
                lines.push(Vec::new());
            }
            b'\n' => panic!("a bare line feed"),
            0 => panic!("a NUL"),
            _ => lines.last_mut().expect("there is one").push(byte),
        }
    }
    lines
}

fn read_field(line: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let colon = line.iter().position(|&byte| byte == b':').expect("a colon");
    let name = &line[..colon];
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    assert!(!name.is_empty() && name.iter().all(is_name), "a name that is no token");
    let value = line[colon + 1..].strip_prefix(b" ").expect("one blank after the colon");
    assert!(value.iter().all(|&byte| byte == b'\t' || (byte >= 0x20 && byte != 0x7f)), "a control byte in a value");
    (name.to_ascii_lowercase(), value.to_vec())
}

/// All values of a field.
pub fn values<'a>(fields: &'a [(Vec<u8>, Vec<u8>)], name: &str) -> Vec<&'a [u8]> {
    fields.iter().filter(|(written, _)| written == name.as_bytes()).map(|(_, value)| value.as_slice()).collect()
}

/// How the body is framed; anything ambiguous is a finding.
pub fn frames(fields: &[(Vec<u8>, Vec<u8>)]) -> Frames {
    refuse_lookalikes(fields);
    frames_of_answer(fields)
}

fn refuse_lookalikes(fields: &[(Vec<u8>, Vec<u8>)]) {
    for (name, _) in fields {
        let dashed: Vec<u8> = name.iter().map(|&byte| if byte == b'_' { b'-' } else { byte }).collect();
        let is_framing = dashed == b"content-length" || dashed == b"transfer-encoding";
        assert!(!is_framing || dashed == *name, "a name that a lax reader takes for framing");
    }
}

/// As `frames`; in answers only the true names count.
pub fn frames_of_answer(fields: &[(Vec<u8>, Vec<u8>)]) -> Frames {
    match (values(fields, "content-length").as_slice(), values(fields, "transfer-encoding").as_slice()) {
        ([], []) => Frames::Nothing,
        ([length], []) => {
            assert!(length.iter().all(u8::is_ascii_digit), "a length that is no number");
            let text = String::from_utf8(length.to_vec()).expect("digits");
            Frames::Length(text.parse().expect("a length that fits"))
        }
        ([], [b"chunked"]) => Frames::Chunked,
        other => panic!("ambiguous framing: {other:?}"),
    }
}
