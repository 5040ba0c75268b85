//! The key of a session: a keyed hash of its id. The id itself is never kept, so no core dump or state file contains
//! sessions to steal. The secret keeps clients from choosing their position in the table.

use siphasher::sip128::SipHasher24;

/// The keyed hash of a session id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SessionKey {
    high: u64,
    low: u64,
}

impl SessionKey {
    pub(super) fn of(id: &[u8], secret: &[u8; 16]) -> Self {
        let hash = SipHasher24::new_with_key(secret).hash(id);
        Self { high: hash.h1, low: hash.h2 }
    }

    /// All of it, as machines tell it to each other.
    pub fn number(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    /// The key with this number.
    pub const fn from_number(number: u128) -> Self {
        Self { high: (number >> 64) as u64, low: number as u64 }
    }

    /// The form in a file.
    pub(super) fn to_bytes(self) -> [u8; 16] {
        self.number().to_le_bytes()
    }

    pub(super) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::from_number(u128::from_le_bytes(bytes))
    }

    /// Its part out of `parts`, a power of two.
    pub(super) const fn part(self, parts: usize) -> usize {
        self.high as usize & (parts - 1)
    }

    /// The hash within a part: other bits than those that chose the part.
    pub(super) const fn hash(self) -> u64 {
        self.low
    }
}

#[cfg(test)]
impl SessionKey {
    pub(super) const fn from_parts(high: u64, low: u64) -> Self {
        Self { high, low }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_after_a_file() {
        let key = SessionKey::of(b"F00DFACE.worker1", &[1; 16]);
        assert_eq!(SessionKey::from_bytes(key.to_bytes()), key);
        assert_ne!(SessionKey::from_bytes(SessionKey::from_parts(1, 2).to_bytes()), SessionKey::from_parts(2, 1));
    }

    #[test]
    fn the_secret_decides() {
        let id = b"F00DFACE.worker1";
        assert_eq!(SessionKey::of(id, &[1; 16]), SessionKey::of(id, &[1; 16]));
        assert_ne!(SessionKey::of(id, &[1; 16]), SessionKey::of(id, &[2; 16]));
        assert_ne!(SessionKey::of(id, &[1; 16]), SessionKey::of(b"F00DFACE.worker2", &[1; 16]));
    }
}
