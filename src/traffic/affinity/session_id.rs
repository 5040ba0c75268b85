//! Finds session identifiers in messages: in cookies, in the path, in Set-Cookie fields of nodes. Cookie names are
//! compared without case, as nginx's cookie variables are.

use crate::wire::{FieldKind, RequestHead, trim};

//= rfc6265#4.2.1 cookie
/// All values of the cookie with this name, in their order. Browsers can send several, one for each path.
pub fn values<'a>(head: &'a RequestHead, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    head.fields()
        .filter(|field| field.kind == FieldKind::Cookie && !field.hop)
        .flat_map(|field| field.value.split(|&byte| byte == b';'))
        .filter_map(move |pair| value_of(pair, name))
}

/// The value of the last path parameter of this name: `/a;jsessionid=VALUE`.
pub fn path_parameter<'a>(path: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut found = None;
    for segment in path.split(|&byte| byte == b'/') {
        // The part before the first semicolon is the segment itself.
        let parameters = segment.split(|&byte| byte == b';').skip(1);
        found = parameters.filter_map(|pair| value_of(pair, name)).last().or(found);
    }
    found
}

/// Whether a session identifier ends with a dot and this route. A route may contain dots, such as a host name:
/// mod_proxy and Tomcat take all after the first dot, the usual nginx map takes what follows the last dot.
pub fn ends_with_route(id: &[u8], route: &[u8]) -> bool {
    !route.is_empty() && id.strip_suffix(route).is_some_and(|before| before.ends_with(b"."))
}

/// The value that a Set-Cookie field gives to the cookie with this name; `None` if it sets another cookie or deletes
/// this one.
pub fn set_cookie<'a>(field: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut parts = field.split(|&byte| byte == b';');
    let value = value_of(parts.next()?, name)?;
    (!parts.any(deletes)).then_some(value)
}

/// The value of `name=value` if the name matches; `None` for an empty value.
fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let equals = memchr::memchr(b'=', pair)?;
    let (written, value) = pair.split_at_checked(equals)?;
    if !trim(written).eq_ignore_ascii_case(name) {
        return None;
    }
    Some(unquoted(trim(value.get(1..)?))).filter(|value| !value.is_empty())
}

fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        value => value,
    }
}

/// `Max-Age` of zero or less, or the date in 1970 that Tomcat writes to delete a cookie.
fn deletes(attribute: &[u8]) -> bool {
    if let Some(age) = value_of(attribute, b"max-age") {
        return age.starts_with(b"-") || age.iter().all(|&byte| byte == b'0');
    }
    let year_of_epoch = |expires: &[u8]| memchr::memmem::find(expires, b"1970").is_some();
    value_of(attribute, b"expires").is_some_and(year_of_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::HeadLimits;

    fn head(fields: &str) -> RequestHead {
        let mut head = RequestHead::new();
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        head.parse(text.as_bytes(), &HeadLimits::default()).expect("a good head");
        head
    }

    #[test]
    fn every_value_of_a_cookie_is_found_in_its_order() {
        let cases: [(&str, &[&str]); 13] = [
            ("Cookie: JSESSIONID=a\r\n", &["a"]),
            ("Cookie: JSESSIONID=a; x=1; JSESSIONID=b\r\n", &["a", "b"]),
            ("Cookie: JSESSIONID=a\r\nCookie: JSESSIONID=b\r\n", &["a", "b"]),
            ("Cookie: jsessionid=a\r\n", &["a"]),
            ("cookie:x=1;jSessionId = a ;y=2\r\n", &["a"]),
            ("Cookie: JSESSIONID=\"a\"\r\n", &["a"]),
            ("Cookie: JSESSIONID=\r\n", &[]),
            ("Cookie: JSESSIONID=\"\"\r\n", &[]),
            ("Cookie: JSESSIONID\r\n", &[]),
            ("Cookie: XJSESSIONID=a; JSESSIONIDX=b\r\n", &[]),
            ("Cookie: JSESSIONID=a=b\r\n", &["a=b"]),
            ("Cookie: $Version=1; JSESSIONID=a.w1; $Path=/\r\n", &["a.w1"]),
            ("X-Cookie: JSESSIONID=a\r\n", &[]),
        ];
        for (fields, expected) in cases {
            let head = head(fields);
            let found: Vec<&[u8]> = values(&head, b"JSESSIONID").collect();
            let expected: Vec<&[u8]> = expected.iter().map(|value| value.as_bytes()).collect();
            assert_eq!(found, expected, "{fields}");
        }
    }

    #[test]
    fn a_session_in_the_path_is_found() {
        let cases = [
            ("/a;jsessionid=x", Some("x")),
            ("/a;jsessionid=x.w1/b", Some("x.w1")),
            ("/a;JSESSIONID=x", Some("x")),
            ("/a;v=1;jsessionid=x;w=2", Some("x")),
            ("/a;jsessionid=x/b;jsessionid=y", Some("y")),
            ("/a;jsessionid=x/b;v=1", Some("x")),
            ("/a;jsessionid=", None),
            ("/a;jsessionid", None),
            ("/jsessionid=x", None),
            ("/a", None),
            ("", None),
        ];
        for (path, expected) in cases {
            let found = path_parameter(path.as_bytes(), b"jsessionid");
            assert_eq!(found, expected.map(str::as_bytes), "{path}");
        }
    }

    #[test]
    fn a_route_stands_after_a_dot_and_may_have_dots_itself() {
        let cases = [
            ("a.w1", "w1", true),
            ("a.b.w1", "w1", true),
            ("a.b.w1", "b.w1", true),
            ("a.esb1.example.com", "esb1.example.com", true),
            (".w1", "w1", true),
            ("a.xw1", "w1", false),
            ("a.w1.x", "w1", false),
            ("w1", "w1", false),
            ("a.", "", false),
            ("a", "", false),
            ("", "w1", false),
        ];
        for (id, route, expected) in cases {
            assert_eq!(ends_with_route(id.as_bytes(), route.as_bytes()), expected, "{id} {route}");
        }
    }

    #[test]
    fn a_session_is_learned_unless_it_is_deleted() {
        let cases = [
            ("JSESSIONID=a; Path=/; HttpOnly", Some("a")),
            ("jsessionid=a", Some("a")),
            ("JSESSIONID=\"a\"; Secure", Some("a")),
            ("JSESSIONID=a; Max-Age=1800", Some("a")),
            ("JSESSIONID=a; Expires=Thu, 22 Nov 2029 13:00:00 GMT", Some("a")),
            ("JSESSIONID=a; Max-Age=0", None),
            ("JSESSIONID=a; max-age=-1", None),
            ("JSESSIONID=a; Expires=Thu, 01-Jan-1970 00:00:10 GMT; Path=/", None),
            ("JSESSIONID=; Path=/", None),
            ("JSESSIONID", None),
            ("route=a; JSESSIONID=b", None),
            ("", None),
        ];
        for (field, expected) in cases {
            assert_eq!(set_cookie(field.as_bytes(), b"JSESSIONID"), expected.map(str::as_bytes), "{field}");
        }
    }
}
