//! The certificates that WSO2 ships with their private keys, which therefore everybody has.

use super::pin::pin_text;

/// Their pins, and the kernels of Carbon that have them.
const SHIPPED: [(&str, &str); 4] = [
    (
        "sha256:1d729fb8c468ead820a2a0be4adb8fbabed9ab1ba126c9d21466c5706e8e4d30",
        "Carbon 4.4.10 and older, such as ESB 4.9 and 5.0",
    ),
    (
        "sha256:eecb4d02dad4ac6b505353a7e21f4fb9a33fdcac92303ff0ff43e2190a84eaa0",
        "Carbon 4.4.15 and 4.4.16, such as EI 6.1.1; expired since June 2017",
    ),
    ("sha256:50f0eda5898af3a115c2c508194956e7e114fe234743e9d22f709ae7cb801bbd", "Carbon 4.4.17 and newer"),
    (
        "sha256:3612ad8f01b4ecf4714f0bc8e071b6403dd34c4dde62d81dd4b91d1aa356dee6",
        "Carbon 4.5 and newer; expired since January 2022",
    ),
];

/// With what WSO2 ships the certificate that has this SHA-256.
pub fn shipped_with(pin: [u8; 32]) -> Option<&'static str> {
    let pin = pin_text(pin);
    SHIPPED.iter().find(|(shipped, _)| *shipped == pin).map(|(_, kernels)| *kernels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shipped_certificate_is_known_by_its_whole_pin() {
        for (text, kernels) in SHIPPED {
            let byte = |at: usize| u8::from_str_radix(&text[7 + 2 * at..][..2], 16).unwrap();
            let mut pin: [u8; 32] = std::array::from_fn(byte);
            assert_eq!(shipped_with(pin), Some(kernels));
            pin[15] ^= 1;
            assert_eq!(shipped_with(pin), None, "{kernels}");
        }
    }
}
