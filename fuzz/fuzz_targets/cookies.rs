//! Session identifiers in cookies, paths and Set-Cookie: what is found is what a plain search finds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir::traffic::affinity::session_id::{ends_with_route, path_parameter, set_cookie, values};
use weir::wire::{HeadLimits, RequestHead};

const NAME: &[u8] = b"JSESSIONID";

fuzz_target!(|input: &[u8]| {
    check_lookups(input);
    let (one, other) = input.split_at(input.len() / 2);
    let text = [b"GET / HTTP/1.1\r\nHost: a\r\nCookie: ", one, b"\r\nX: y\r\ncookie: ", other, b"\r\n\r\n"].concat();
    let mut head = RequestHead::new();
    if head.parse(&text, &HeadLimits::default()).is_err() {
        return;
    }
    let found: Vec<&[u8]> = values(&head, NAME).collect();
    let is_cookie = |name: &[u8]| name.eq_ignore_ascii_case(b"cookie");
    let lines = head.fields().filter(|field| is_cookie(field.name)).map(|field| field.value);
    let expected: Vec<Vec<u8>> = lines.flat_map(plainly).collect();
    assert_eq!(found, expected);
});

fn check_lookups(input: &[u8]) {
    for value in [path_parameter(input, b"jsessionid"), set_cookie(input, NAME)].into_iter().flatten() {
        assert!(!value.is_empty() && !value.contains(&b';'));
        if ends_with_route(value, b"node1") {
            assert!(value.ends_with(b".node1"));
        }
    }
    if let Some(value) = path_parameter(input, b"jsessionid") {
        assert!(!value.contains(&b'/'));
    }
}

fn plainly(line: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(line).into_owned();
    if text.as_bytes() != line {
        // Not text: only that nothing panics counts; compare byte for byte where it is text.
        return line.split(|&byte| byte == b';').filter_map(bytewise).collect();
    }
    let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    let blank: &[char] = &[' ', '\t'];
    pairs
        .filter(|(name, _)| name.trim_matches(blank).eq_ignore_ascii_case("jsessionid"))
        .map(|(_, value)| value.trim_matches(blank))
        .map(|value| {
            if value.len() >= 2 && value.starts_with('"') && value.ends_with('"') {
                &value[1..value.len() - 1]
            } else {
                value
            }
        })
        .filter(|value| !value.is_empty())
        .map(|value| value.as_bytes().to_vec())
        .collect()
}

fn bytewise(pair: &[u8]) -> Option<Vec<u8>> {
    let text: String = pair.iter().map(|&byte| char::from(byte)).collect();
    let (name, value) = text.split_once('=')?;
    let blank: &[char] = &[' ', '\t'];
    let value = value.trim_matches(blank);
    let value = value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(value);
    let fits = name.trim_matches(blank).eq_ignore_ascii_case("jsessionid") && !value.is_empty();
    fits.then(|| value.chars().map(|sign| u32::from(sign) as u8).collect())
}
