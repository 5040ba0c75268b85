//! The query of an admin path as names and values, percent-decoded. A malformed query is refused, never guessed.

use crate::control::notice::Notice;

/// The pairs of `a=b&c=d`, in order.
pub(crate) fn pairs(query: &str) -> Result<Vec<(String, String)>, Notice> {
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        Ok((decoded(name)?, decoded(value)?))
    };
    query.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

fn decoded(text: &str) -> Result<String, Notice> {
    let wrong = || Notice::new(format!("{text:?} is not percent-encoded UTF-8"), "");
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => hex(bytes.next(), bytes.next()).ok_or_else(wrong)?,
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(out).map_err(|_| wrong())
}

fn hex(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_or_refused() {
        let told = |query: &str| {
            let pairs = pairs(query).ok()?.into_iter().map(|(name, value)| format!("{name}→{value}"));
            Some(pairs.collect::<Vec<_>>().join(" "))
        };
        let good = [
            ("", ""),
            ("&&", ""),
            ("a=b", "a→b"),
            ("a=b&a=c", "a→b a→c"),
            ("a", "a→"),
            ("a=b=c", "a→b=c"),
            ("a=b+c%20d%2Be", "a→b c d+e"),
            ("%61=%c3%BC%26", "a→ü&"),
        ];
        good.iter().for_each(|(query, expected)| assert_eq!(told(query).as_deref(), Some(*expected), "{query}"));
        ["a=%", "a=%4", "a=%zz", "a=%+1", "a=%ff"].iter().for_each(|query| assert_eq!(told(query), None, "{query}"));
    }
}
