//! Cookies of nodes, as clients get them: the pool changes Domain, Path, Secure, HttpOnly and SameSite, as nginx's
//! proxy_cookie_domain, proxy_cookie_path and proxy_cookie_flags do. Name, value and all other attributes stay as the node wrote them.

use std::borrow::Cow;

use super::request_source::RequestSource;
use crate::config::{CookieFlags, CookieSameSite, Cookies, NewDomain};
use crate::traffic::routing::path_change::with_paths;
use crate::wire::split_authority;

/// The value of a Set-Cookie with what the pool changes in it; `None` where it stays as it is.
pub fn changed(value: &[u8], rules: &Cookies, request: &dyn RequestSource) -> Option<Vec<u8>> {
    let mut parts = value.split(|byte| *byte == b';');
    let cookie = parts.next().unwrap_or_default();
    let flags = flags_of(rules, name_of(cookie));
    let mut out = Vec::with_capacity(value.len() + ALL_FLAGS);
    out.extend_from_slice(cookie);
    let (mut secure, mut http_only, mut same_site) = (false, false, false);
    for attribute in parts {
        let name = name_of(attribute);
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        if is(b"secure") {
            secure = true;
            keep(&mut out, attribute, flags.secure != Some(false));
        } else if is(b"httponly") {
            http_only = true;
            keep(&mut out, attribute, flags.http_only != Some(false));
        } else if is(b"samesite") {
            match flags.same_site {
                Some(wanted) if !same_site => out.extend_from_slice(same_site_of(wanted)),
                wanted => keep(&mut out, attribute, wanted.is_none()),
            }
            same_site = true;
        } else if is(b"domain") {
            keep(&mut out, &with_domain(attribute, rules, request), true);
        } else {
            keep(&mut out, attribute, true);
        }
    }
    if flags.secure == Some(true) && !secure {
        out.extend_from_slice(b"; Secure");
    }
    if flags.http_only == Some(true) && !http_only {
        out.extend_from_slice(b"; HttpOnly");
    }
    if let Some(wanted) = flags.same_site.filter(|_| !same_site) {
        out.extend_from_slice(same_site_of(wanted));
    }
    (out != value).then_some(out)
}

/// The value with another Path, by the first pair that fits; `None` where none does. Each of several is changed.
pub fn with_path(value: &[u8], rules: &Cookies) -> Option<Vec<u8>> {
    if rules.paths.is_empty() {
        return None;
    }
    with_paths(value, |path| {
        let (to, rest) = rules.paths.iter().find_map(|(from, to)| Some((to, path.strip_prefix(from.as_bytes())?)))?;
        Some((Cow::Borrowed(to.as_bytes()), rest))
    })
}

/// The length of the flags when all are added.
const ALL_FLAGS: usize = "; Secure; HttpOnly; SameSite=Strict".len();

/// The text before the equals sign, without blanks.
fn name_of(part: &[u8]) -> &[u8] {
    part.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii()
}

fn flags_of<'a>(rules: &'a Cookies, name: &[u8]) -> &'a CookieFlags {
    let own = rules.named.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
    own.map_or(&rules.all, |(_, flags)| flags)
}

fn keep(out: &mut Vec<u8>, attribute: &[u8], keep: bool) {
    if keep {
        out.push(b';');
        out.extend_from_slice(attribute);
    }
}

const fn same_site_of(wanted: CookieSameSite) -> &'static [u8] {
    match wanted {
        CookieSameSite::Strict => b"; SameSite=Strict",
        CookieSameSite::Lax => b"; SameSite=Lax",
        CookieSameSite::None => b"; SameSite=None",
        CookieSameSite::Off => b"",
    }
}

/// The attribute with the Domain that replaces its own, if one does. A dot in front does not count, and stays.
fn with_domain<'v>(attribute: &'v [u8], rules: &Cookies, request: &dyn RequestSource) -> Cow<'v, [u8]> {
    let changed = || {
        let written = attribute.get(memchr::memchr(b'=', attribute)? + 1..)?.trim_ascii();
        let bare = written.strip_prefix(b".").unwrap_or(written);
        let (_, to) = rules.domains.iter().find(|(from, _)| from.as_bytes().eq_ignore_ascii_case(bare))?;
        let before = attribute.get(..attribute.trim_ascii_end().len() - bare.len())?;
        match to {
            NewDomain::Name(name) => Some([before, name.as_bytes()].concat()),
            NewDomain::Host => {
                let (host, _) = split_authority(request.public_name().authority)?;
                Some([before, host.strip_suffix(b".").unwrap_or(host)].concat())
            }
        }
    };
    changed().map_or(Cow::Borrowed(attribute), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::message::location::PublicName;

    const PUBLIC: PublicName<'_> =
        PublicName { secure: true, authority: b"ESB.wso2.com:8443", target: b"/", pool: 0, translated: false };

    fn assert_changed(rules: &Cookies, cases: &[(&str, &str)]) {
        for (value, expected) in cases {
            let found = changed(value.as_bytes(), rules, &PUBLIC);
            assert_eq!(found.is_some(), value != expected, "{value}");
            let found = found.unwrap_or_else(|| value.as_bytes().to_vec());
            assert_eq!(found.escape_ascii().to_string(), *expected, "{value}");
        }
    }

    #[test]
    fn a_domain_is_replaced_as_a_whole() {
        let rules = Cookies {
            domains: vec![
                ("internal.local".into(), NewDomain::Name("esb.wso2.com".into())),
                ("localhost".into(), NewDomain::Host),
            ],
            ..Cookies::default()
        };
        assert_changed(
            &rules,
            &[
                ("a=1; Domain=internal.local; Path=/", "a=1; Domain=esb.wso2.com; Path=/"),
                ("a=1;domain = .Internal.LOCAL ;Secure", "a=1;domain = .esb.wso2.com;Secure"),
                ("a=1; DOMAIN=localhost", "a=1; DOMAIN=ESB.wso2.com"),
                ("a=1; Domain=w1.internal.local", "a=1; Domain=w1.internal.local"),
                ("a=1; Domain=local", "a=1; Domain=local"),
                ("a=1; Domain=", "a=1; Domain="),
                ("a=1; Domain", "a=1; Domain"),
                ("a=1", "a=1"),
                ("Domain=internal.local", "Domain=internal.local"),
                ("", ""),
            ],
        );
    }

    #[test]
    fn the_beginning_of_a_path_is_replaced_by_the_first_pair_that_fits() {
        let pair = |from: &str, to: &str| (from.into(), to.into());
        let rules = Cookies { paths: vec![pair("/carbon/", "/c/"), pair("/", "/esb/")], ..Cookies::default() };
        for (value, expected) in [
            ("a=1; Path=/carbon/admin; Secure", Some("a=1; Path=/c/admin; Secure")),
            ("a=1;path = /x ;HttpOnly", Some("a=1;path = /esb/x ;HttpOnly")),
            ("a=1; Path=/", Some("a=1; Path=/esb/")),
            ("a=1; Path=/carbon/; Path=/x", Some("a=1; Path=/c/; Path=/esb/x")),
            ("a=1; Path=x; Path=/x;", Some("a=1; Path=x; Path=/esb/x;")),
            ("a=1; Path=", None),
            ("a=1", None),
            ("Path=/", None),
        ] {
            let found = with_path(value.as_bytes(), &rules).map(|value| value.escape_ascii().to_string());
            assert_eq!(found.as_deref(), expected, "{value}");
        }
        assert_eq!(with_path(b"a=1; Path=/", &Cookies::default()), None);
    }

    #[test]
    fn a_flag_is_there_once_or_not_at_all() {
        let flags = |secure, http_only, same_site| Cookies {
            all: CookieFlags { secure, http_only, same_site },
            ..Cookies::default()
        };
        assert_changed(
            &flags(Some(true), Some(true), Some(CookieSameSite::Lax)),
            &[
                ("a=1; Path=/", "a=1; Path=/; Secure; HttpOnly; SameSite=Lax"),
                ("a=1", "a=1; Secure; HttpOnly; SameSite=Lax"),
                ("a=1; secure; HTTPONLY; SameSite=Lax", "a=1; secure; HTTPONLY; SameSite=Lax"),
                ("a=1;samesite = None;Secure", "a=1; SameSite=Lax;Secure; HttpOnly"),
                ("a=1; SameSite=None; SameSite=Strict; Secure; HttpOnly", "a=1; SameSite=Lax; Secure; HttpOnly"),
                ("Secure=1; HttpOnly", "Secure=1; HttpOnly; Secure; SameSite=Lax"),
            ],
        );
        assert_changed(
            &flags(Some(false), Some(false), Some(CookieSameSite::Off)),
            &[
                ("a=1; Secure; Path=/; HttpOnly; SameSite=Strict", "a=1; Path=/"),
                ("a=1; Securely; Path=/", "a=1; Securely; Path=/"),
                ("a=1", "a=1"),
            ],
        );
        assert_changed(&flags(None, None, None), &[("a=1; Secure; SameSite=x", "a=1; Secure; SameSite=x")]);
    }

    #[test]
    fn a_named_cookie_has_flags_of_its_own() {
        let all = CookieFlags { secure: Some(true), ..CookieFlags::default() };
        let own = CookieFlags { http_only: Some(true), ..CookieFlags::default() };
        let rules = Cookies {
            all,
            named: vec![("JSESSIONID".into(), own), ("left".into(), CookieFlags::default())],
            ..Cookies::default()
        };
        assert_changed(
            &rules,
            &[
                ("jsessionid=1", "jsessionid=1; HttpOnly"),
                (" JSESSIONID = 1", " JSESSIONID = 1; HttpOnly"),
                ("left=1", "left=1"),
                ("other=1", "other=1; Secure"),
                ("=1", "=1; Secure"),
            ],
        );
    }
}
