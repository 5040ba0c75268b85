//! Secrets of 32 bytes in hexadecimal digits, as one process gives them to the next.

use std::fmt::Write;

/// The digits of a secret.
pub(crate) fn to_digits(secret: &[u8; 32]) -> String {
    let mut digits = String::with_capacity(64);
    // Writing into memory does not fail.
    secret.iter().for_each(|byte| _ = write!(digits, "{byte:02x}"));
    digits
}

/// The secret of these digits. `None`: they are none.
pub(crate) fn from_digits(digits: &str) -> Option<[u8; 32]> {
    let byte = |place: usize| u8::from_str_radix(digits.get(2 * place..2 * place + 2)?, 16).ok();
    let bytes: Vec<u8> = (0..32).map_while(byte).collect();
    bytes.try_into().ok().filter(|_| digits.len() == 64)
}
