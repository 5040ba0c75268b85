//! Percent-encoding for the paths of the admin API.

/// Encoded so that it is one segment of a path or one value of a query (RFC 3986 section 2.3).
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_segment_or_a_value_early() {
        assert_eq!(encoded("esb-1.x_~"), "esb-1.x_~");
        assert_eq!(encoded("/a b?c=d&e#f%+ü\n"), "%2Fa%20b%3Fc%3Dd%26e%23f%25%2B%C3%BC%0A");
    }
}
