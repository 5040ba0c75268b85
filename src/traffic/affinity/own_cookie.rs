//! Weir's own affinity cookie. Its value stands for a node, so no table is needed and a restart loses nothing. The
//! value is a keyed hash of pool and node: a client cannot make one for another node, and cannot read a node's name in
//! it.

use std::collections::HashMap;
use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::config::{OwnCookie, SameSite};

/// 128 bits in hexadecimal digits.
type Token = [u8; 32];

/// The cookie values of a pool's members.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    of_member: Vec<Token>,
    members: HashMap<Token, usize>,
}

impl Tokens {
    /// The tokens of a pool's members, in their order. `nodes` has the identity of each; of equal ones the first is
    /// found. The same secret makes the same tokens after a restart and in another Weir.
    pub fn new<'a>(secret: [u8; 16], pool: &str, nodes: impl Iterator<Item = &'a str>) -> Self {
        let of_member: Vec<_> = nodes.map(|node| token(secret, pool, node)).collect();
        let members = of_member.iter().enumerate().rev().map(|(member, token)| (*token, member)).collect();
        Self { of_member, members }
    }

    /// The member of a cookie value; `None` if the value was not made with this secret for this pool.
    pub fn find(&self, value: &[u8]) -> Option<usize> {
        self.members.get(value).copied()
    }

    /// The cookie value of a member; empty if there is no such member.
    pub fn token(&self, member: usize) -> &[u8] {
        self.of_member.get(member).map_or(&[], |token| token)
    }
}

//= rfc6265#4.1.1 own-cookie
/// Appends the value of a Set-Cookie field. Without Max-Age, so the cookie lasts until the browser closes.
pub fn set_cookie(out: &mut Vec<u8>, name: &str, token: &[u8], attributes: &OwnCookie, secure_connection: bool) {
    let secure = attributes.secure.unwrap_or(secure_connection);
    for part in [name.as_bytes(), b"=", token, b"; Path=", attributes.path.as_bytes()] {
        out.extend_from_slice(part);
    }
    if secure {
        out.extend_from_slice(b"; Secure");
    }
    if attributes.http_only {
        out.extend_from_slice(b"; HttpOnly");
    }
    out.extend_from_slice(match attributes.same_site {
        SameSite::Strict => b"; SameSite=Strict",
        SameSite::Lax => b"; SameSite=Lax",
        SameSite::None if secure => b"; SameSite=None",
        // Browsers drop a cookie with SameSite=None and without Secure. They keep one without SameSite.
        SameSite::None => b"",
    });
}

fn token(secret: [u8; 16], pool: &str, node: &str) -> Token {
    let mut hasher = SipHasher24::new_with_key(&secret);
    // Names contain no zero byte, so no other pair of pool and node makes the same bytes.
    for part in [pool.as_bytes(), &[0], node.as_bytes()] {
        hasher.write(part);
    }
    let hash = hasher.finish128().as_u128();
    std::array::from_fn(|digit| b"0123456789abcdef"[(hash >> (124 - digit * 4)) as usize & 15])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u8; 16] = *b"a secret of test";

    fn tokens(pool: &str, nodes: &[&str]) -> Tokens {
        Tokens::new(SECRET, pool, nodes.iter().copied())
    }

    #[test]
    fn a_token_means_its_member_and_nothing_else_does() {
        let esb = tokens("esb", &["worker1", "worker2"]);
        let (first, second) = (esb.token(0), esb.token(1));
        assert_eq!(first.len(), 32);
        assert!(first.iter().all(u8::is_ascii_hexdigit));
        let longer = [first, b"0"].concat();
        let other_secret = Tokens::new([7; 16], "esb", ["worker1"].into_iter());
        let other_pool = tokens("manager", &["worker1"]);
        let shifted = tokens("esbw", &["orker1"]);
        let gone = tokens("esb", &["worker3"]);
        let cases: [(&[u8], Option<usize>); 14] = [
            (first, Some(0)),
            (second, Some(1)),
            (&first[..31], None),
            (&first[1..], None),
            (&longer, None),
            (&first.to_ascii_uppercase(), None),
            (other_secret.token(0), None),
            (other_pool.token(0), None),
            (shifted.token(0), None),
            (gone.token(0), None),
            (b"worker1", None),
            (b"00000000000000000000000000000000", None),
            (&[0xFF; 32], None),
            (b"", None),
        ];
        for (value, expected) in cases {
            assert_eq!(esb.find(value), expected, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn no_changed_digit_means_a_member() {
        let nodes: Vec<String> = (0..1000).map(|number| format!("worker{number}")).collect();
        let tokens = Tokens::new(SECRET, "esb", nodes.iter().map(String::as_str));
        for member in 0..nodes.len() {
            assert_eq!(tokens.find(tokens.token(member)), Some(member));
        }
        for digit in 0..32 {
            let mut forged = tokens.token(500).to_vec();
            forged[digit] = if forged[digit] == b'0' { b'1' } else { b'0' };
            assert_eq!(tokens.find(&forged), None);
        }
    }

    #[test]
    fn the_order_of_nodes_and_a_new_one_change_no_token() {
        let (before, after) = (tokens("esb", &["a", "b"]), tokens("esb", &["c", "b", "a"]));
        assert_eq!(after.find(before.token(0)), Some(2));
        assert_eq!(after.find(before.token(1)), Some(1));
        assert_eq!(tokens("esb", &["a", "a"]).find(before.token(0)), Some(0));
        assert_eq!((before.token(2), Tokens::default().find(b"")), (&b""[..], None));
        assert_eq!(
            before.token(0),
            b"bca78e80113d18d54cf2939077327e1b",
            "a token lives in browsers: it may never change"
        );
    }

    #[test]
    fn a_cookie_says_what_its_pool_says() {
        let table = [
            ("/", None, true, SameSite::Lax, true, "W=t; Path=/; Secure; HttpOnly; SameSite=Lax"),
            ("/", None, true, SameSite::Lax, false, "W=t; Path=/; HttpOnly; SameSite=Lax"),
            ("/", Some(true), true, SameSite::Strict, false, "W=t; Path=/; Secure; HttpOnly; SameSite=Strict"),
            ("/", Some(false), true, SameSite::Lax, true, "W=t; Path=/; HttpOnly; SameSite=Lax"),
            ("/services", None, false, SameSite::None, true, "W=t; Path=/services; Secure; SameSite=None"),
            ("/", None, false, SameSite::None, false, "W=t; Path=/"),
        ];
        for (path, secure, http_only, same_site, connection, expected) in table {
            let attributes = OwnCookie { path: path.into(), secure, http_only, same_site };
            let mut out = b"Set-Cookie: ".to_vec();
            set_cookie(&mut out, "W", b"t", &attributes, connection);
            assert_eq!(out.escape_ascii().to_string(), format!("Set-Cookie: {expected}"));
        }
    }
}
