//! Numbers as decimal digits, without an allocation.

/// The digits of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    digits: [u8; 20],
    begin: usize,
}

impl Decimal {
    /// The digits of this number.
    pub fn of(mut number: u64) -> Self {
        let mut text = Self { digits: [b'0'; 20], begin: 20 };
        for (place, digit) in text.digits.iter_mut().enumerate().rev() {
            *digit = b'0' + (number % 10) as u8;
            text.begin = place;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        text
    }

    /// The digits as text.
    pub fn digits(&self) -> &[u8] {
        self.digits.get(self.begin..).unwrap_or_default()
    }
}

/// Appends a number.
pub fn push_decimal(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(Decimal::of(number).digits());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_do() {
        for number in [0, 7, 10, 503, 65_536, u64::MAX] {
            assert_eq!(Decimal::of(number).digits(), number.to_string().as_bytes());
        }
    }
}
