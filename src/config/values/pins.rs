//! Pins of nodes' certificates: SHA-256 in hexadecimal or base64, as common tools print it.

use crate::config::text::errors::Wrong;
use crate::config::text::words::quoted;

/// `sha256:` with base64 or 64 hexadecimal digits. Colons between the digits, as openssl prints them, are allowed.
pub(crate) fn pin(text: &str) -> Result<[u8; 32], Wrong> {
    let wrong = |what: &str| {
        Wrong::new(format!("{} {what}", quoted(text)), "`weir cert pin HOST:PORT` prints the pin of what is there")
    };
    let digest = text.strip_prefix("sha256:").ok_or_else(|| wrong("does not begin with sha256:"))?;
    let pin = hexadecimal(digest)
        .or_else(|| base64(digest))
        .ok_or_else(|| wrong("is not sha256: and 64 hexadecimal digits, or base64 of 32 bytes"))?;
    // With these pins every probe that only connects would pass, and every request would be answered with 502.
    match pin {
        _ if pin == [0; 32] => Err(wrong("is the example of conf/weir.toml, and no node's")),
        OF_NOTHING => Err(wrong("is the digest of nothing: what was hashed was empty")),
        _ => Ok(pin),
    }
}

/// SHA-256 of no bytes. It is in many examples, and a pipe prints it when the command before the hash has failed.
const OF_NOTHING: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

fn hexadecimal(text: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u8>> =
        text.chars().filter(|c| *c != ':').map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    bytes.try_into().ok()
}

fn base64(text: &str) -> Option<[u8; 32]> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = text.strip_suffix('=').unwrap_or(text);
    // 43 digits are 258 bits. The last two bits must be zero, otherwise one pin could be written in several ways.
    let values: Option<Vec<u8>> =
        text.bytes().map(|b| ALPHABET.iter().position(|a| *a == b).and_then(|v| u8::try_from(v).ok())).collect();
    let values = values.filter(|values| values.len() == 43 && values.last().is_some_and(|last| last & 3 == 0))?;
    let (mut bits, mut held, mut bytes) = (0u32, 0, Vec::with_capacity(32));
    for value in values {
        (bits, held) = (bits << 6 | u32::from(value), held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
            bits &= (1 << held) - 1;
        }
    }
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-2, appendix B.1
    const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const BASE64: &str = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";

    #[test]
    fn both_spellings_are_the_same_pin() {
        let expected = pin(&format!("sha256:{HEX}")).unwrap();
        assert_eq!(expected[..3], [0xba, 0x78, 0x16]);
        let colons = HEX
            .as_bytes()
            .chunks(2)
            .map(|pair| String::from_utf8_lossy(pair).to_uppercase())
            .collect::<Vec<_>>()
            .join(":");
        for text in [HEX.to_uppercase(), colons, BASE64.to_owned(), BASE64.trim_end_matches('=').to_owned()] {
            assert_eq!(pin(&format!("sha256:{text}")), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_pin_is_refused() {
        for bad in [
            HEX,
            "sha256:",
            "sha1:aa",
            "sha256:zz",
            &format!("sha256:{}", "00".repeat(32)),
            &format!("sha256:{HEX}00"),
            "sha256:…",
            "sha256//47DEQ",
            &format!("sha256:{}", BASE64.replace("a0=", "a1=")),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        ] {
            assert!(pin(bad).is_err(), "{bad}");
        }
    }
}
