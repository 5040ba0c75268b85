//! Single values of nginx, and how Weir writes them.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `5m`, `300`, `1h30m`, `500ms` → milliseconds. A number alone is in seconds.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        let factor = match unit {
            "ms" => 1,
            "" | "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            "M" => 30 * 86_400_000,
            "y" => 365 * 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(factor)?)?;
        rest = after.trim_start();
    }
    (!text.trim().is_empty()).then_some(total)
}

/// Milliseconds as Weir writes a duration: one whole number and one unit, no more than a year.
pub(super) fn duration(milliseconds: u64) -> String {
    let milliseconds = milliseconds.min(365 * 86_400_000);
    for (factor, unit) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")] {
        if milliseconds >= factor && milliseconds.is_multiple_of(factor) {
            return text(&format!("{}{unit}", milliseconds / factor));
        }
    }
    text(&format!("{milliseconds}ms"))
}

/// A time of nginx as Weir writes it. Nothing where it is none, or zero.
pub(super) fn time(text: &str) -> Option<String> {
    milliseconds(text).filter(|time| *time > 0).map(duration)
}

/// A whole number. nginx takes zeros before it, which TOML does not.
pub(super) fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// `100m`, `64k`, `1g`, `512` → bytes.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Bytes as Weir writes a size.
pub(super) fn size(bytes: u64) -> String {
    for (factor, unit) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= factor && bytes.is_multiple_of(factor) {
            return text(&format!("{}{unit}", bytes / factor));
        }
    }
    text(&bytes.to_string())
}

/// A text of TOML: in single quotes where that saves backslashes.
pub(super) fn text(plain: &str) -> String {
    let simple = plain.chars().all(|letter| !letter.is_control() && letter != '\\' && letter != '"');
    if simple {
        return format!("\"{plain}\"");
    }
    if plain.chars().all(|letter| !letter.is_control() && letter != '\'') {
        return format!("'{plain}'");
    }
    let mut written = String::from("\"");
    for letter in plain.chars() {
        match letter {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\t' => written.push_str("\\t"),
            letter if letter.is_control() => written.push_str(&format!("\\u{:04X}", letter as u32)),
            letter => written.push(letter),
        }
    }
    written.push('"');
    written
}

/// `["a", "b"]`.
pub(super) fn texts<'a>(plain: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<String> = plain.into_iter().map(text).collect();
    format!("[{}]", all.join(", "))
}

/// Gives a key of an inline table this value, or none, whatever it had before.
pub(super) fn put(pairs: &mut Vec<(String, String)>, key: &str, value: Option<String>) {
    pairs.retain(|(known, _)| known != key);
    pairs.extend(value.map(|value| (key.to_owned(), value)));
}

/// `{ a = 1, b = "x" }`. A key that is written twice has its last value, as nginx reads parameters.
pub(super) fn inline(pairs: &[(String, String)]) -> String {
    let last = |at: usize, key: &String| pairs.iter().skip(at + 1).all(|(later, _)| later != key);
    let once = pairs.iter().enumerate().filter(|(at, (key, _))| last(*at, key));
    let all: Vec<String> = once.map(|(_, (key, value))| format!("{key} = {value}")).collect();
    format!("{{ {} }}", all.join(", "))
}

/// A path that is compared, as it stands in a URL.
pub(super) fn in_a_url(path: &str) -> String {
    let mut written = String::new();
    for byte in path.bytes() {
        match byte {
            b'#' | b'%' | b'?' => written.push_str(&format!("%{byte:02X}")),
            byte if byte.is_ascii_graphic() => written.push(char::from(byte)),
            byte => written.push_str(&format!("%{byte:02X}")),
        }
    }
    written
}

/// A name as Weir takes it: letters, digits, dots, dashes, underscores.
pub(super) fn name(text: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
    let name: String = text.chars().map(|letter| if fits(letter) { letter } else { '-' }).take(56).collect();
    let name = name.trim_matches(['-', '.']).to_owned();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

/// Names of one kind of table, each given out once.
#[derive(Default)]
pub(super) struct Names {
    taken: HashSet<String>,
    /// The next number behind a name that several want.
    next: HashMap<String, usize>,
}

impl Names {
    /// The name, or the first of `name-2`, `name-3` … that is free.
    pub(super) fn free(&mut self, wanted: String) -> String {
        let mut name = wanted.clone();
        while !self.taken.insert(name.clone()) {
            let next = self.next.entry(wanted.clone()).or_insert(2);
            name = format!("{wanted}-{next}");
            *next += 1;
        }
        name
    }
}

/// The host and the port of `host:port`, `[::1]:80`, `host`.
pub(super) fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host.to_owned(), Some(port.parse().ok()?))),
            None => after.is_empty().then(|| (host.to_owned(), None)),
        };
    }
    match text.rsplit_once(':') {
        Some((host, port)) => Some((host.to_ascii_lowercase(), Some(port.parse().ok()?))),
        None => Some((text.to_ascii_lowercase(), None)),
    }
}

/// A network as Weir takes it: without the bits behind its length, which nginx takes away too.
pub(super) fn network(text: &str) -> String {
    masked(text).unwrap_or_else(|| text.to_owned())
}

fn masked(text: &str) -> Option<String> {
    let (address, length) = text.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    let address: IpAddr = match address.parse().ok()? {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(length)?).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.checked_sub(length)?).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    };
    Some(format!("{address}/{length}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_end_with_their_length() {
        let cases = [
            ("10.0.0.5/8", "10.0.0.0/8"),
            ("10.0.0.5/32", "10.0.0.5/32"),
            ("10.0.0.5/0", "0.0.0.0/0"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("10.0.0.5", "10.0.0.5"),
            ("10.0.0.5/33", "10.0.0.5/33"),
            ("x/8", "x/8"),
        ];
        cases.iter().for_each(|(from, to)| assert_eq!(network(from), *to));
    }

    #[test]
    fn a_path_in_a_url_has_no_blanks() {
        assert_eq!(in_a_url("/a b/é"), "/a%20b/%C3%A9");
    }

    #[test]
    fn times_and_sizes_of_nginx() {
        let times = [
            ("5m", Some("\"5m\"")),
            ("300", Some("\"5m\"")),
            ("1h30m", Some("\"90m\"")),
            ("500ms", Some("\"500ms\"")),
            ("1d", Some("\"1d\"")),
            ("90", Some("\"90s\"")),
            ("0", None),
            ("x", None),
            ("", None),
            ("9y", Some("\"365d\"")),
        ];
        times.iter().for_each(|(from, to)| assert_eq!(time(from).as_deref(), *to, "{from}"));
        let sizes = [("100m", Some("\"100MiB\"")), ("8k", Some("\"8KiB\"")), ("500", Some("\"500\"")), ("1x", None)];
        sizes.iter().for_each(|(from, to)| assert_eq!(bytes(from).map(size).as_deref(), *to, "{from}"));
    }

    #[test]
    fn texts_survive_toml() {
        let cases = [
            ("a", r#""a""#),
            ("a\"b", r#"'a"b'"#),
            (r"^/a\.b$", r"'^/a\.b$'"),
            ("'\\", r#""'\\""#),
            ("\n\u{1}", r#""\n\u0001""#),
        ];
        cases.iter().for_each(|(plain, written)| assert_eq!(text(plain), *written));
    }

    #[test]
    fn hosts_and_ports() {
        assert_eq!(host_and_port("10.0.0.3:8280"), Some(("10.0.0.3".to_owned(), Some(8280))));
        assert_eq!(host_and_port("[::1]:80"), Some(("::1".to_owned(), Some(80))));
        assert_eq!(host_and_port("ESB.local"), Some(("esb.local".to_owned(), None)));
        assert_eq!(host_and_port("a:b"), None);
    }
}
