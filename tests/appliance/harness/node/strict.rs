//! What a strict reader makes of the bytes that reach a node. Anything that two readers could read differently is
//! an error here: CRLF only, token names, one Host, one all-digit Content-Length, `chunked` once and alone, no
//! obs-fold. It never guesses.

/// How the body of a request is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// No body.
    None,
    /// So many bytes.
    Length(u64),
    /// By chunks.
    Chunked,
}

/// Judges one request head, its final empty line included.
pub(crate) fn head(bytes: &[u8]) -> Result<Framing, String> {
    let text = bytes.strip_suffix(b"\r\n\r\n").ok_or("the head does not end with CRLF CRLF")?;
    if let Some(odd) = text.iter().find(|byte| matches!(byte, 0..=8 | 11 | 12 | 14..=31 | 127)) {
        return Err(format!("control byte {odd:#04x}"));
    }
    let mut lines = crlf_lines(text)?.into_iter();
    request_line(lines.next().unwrap_or_default())?;
    let fields = lines.map(field).collect::<Result<Vec<_>, _>>()?;
    if values(&fields, "host").count() != 1 {
        return Err("not exactly one Host".to_owned());
    }
    framing(&fields)
}

fn crlf_lines(text: &[u8]) -> Result<Vec<&[u8]>, String> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        if !rest[at..].starts_with(b"\r\n") {
            return Err("a bare CR or LF".to_owned());
        }
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    lines.push(rest);
    Ok(lines)
}

fn request_line(line: &[u8]) -> Result<(), String> {
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else { return Err("not three words in the request line".to_owned()) };
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return Err("the method is no token".to_owned());
    }
    // Bytes above ASCII are what browsers and WSO2 clients send; every node reads them as what they are.
    let is_odd = |byte: &u8| !(0x21..0x7f).contains(byte) && *byte < 0x80;
    if !target.starts_with(b"/") && target != b"*" || target.iter().any(is_odd) {
        return Err("the target is not in origin-form".to_owned());
    }
    if version != b"HTTP/1.1" {
        return Err("the version is not HTTP/1.1".to_owned());
    }
    Ok(())
}

type Line<'a> = (String, &'a [u8]);

fn field(line: &[u8]) -> Result<Line<'_>, String> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or("a field without a colon")?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
        return Err(format!("field name {:?}", String::from_utf8_lossy(name)));
    }
    Ok((String::from_utf8_lossy(name).to_ascii_lowercase(), value.trim_ascii()))
}

fn framing(fields: &[Line<'_>]) -> Result<Framing, String> {
    let lengths: Vec<&[u8]> = values(fields, "content-length").collect();
    let codings: Vec<&[u8]> = values(fields, "transfer-encoding").collect();
    match (&lengths[..], &codings[..]) {
        ([], []) => Ok(Framing::None),
        ([length], []) => digits(length).map(Framing::Length).ok_or_else(|| "an odd Content-Length".to_owned()),
        ([], [b"chunked"]) => Ok(Framing::Chunked),
        ([], _) => Err("an odd Transfer-Encoding".to_owned()),
        _ => Err("more than one word on the length".to_owned()),
    }
}

fn values<'a>(fields: &'a [Line<'a>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter(move |field| field.0.replace('_', "-") == name).map(|field| field.1)
}

fn digits(value: &[u8]) -> Option<u64> {
    let all = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    if all { std::str::from_utf8(value).ok()?.parse().ok() } else { None }
}

/// Reads a chunk's size line (without its CRLF): hex digits and nothing else.
pub(crate) fn chunk_size(line: &[u8]) -> Result<u64, String> {
    let fine = !line.is_empty() && line.len() <= 16 && line.iter().all(u8::is_ascii_hexdigit);
    let text = if fine { std::str::from_utf8(line).unwrap_or_default() } else { "" };
    u64::from_str_radix(text, 16).map_err(|_| format!("chunk size {:?}", String::from_utf8_lossy(line)))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[test]
fn the_judge_tells_plain_requests_from_doubtful_ones() {
    let rows: &[(&str, bool)] = &[
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
        ("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", true),
        ("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", true),
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", false),
        ("GET / HTTP/1.1\r\n\r\n", false),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", false),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\nContent-Length: 5\r\n\r\n", false),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", false),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x, chunked\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", false),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", false),
        ("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", false),
    ];
    for (bytes, fine) in rows {
        assert_eq!(head(bytes.as_bytes()).is_ok(), *fine, "{bytes:?}: {:?}", head(bytes.as_bytes()));
    }
}
