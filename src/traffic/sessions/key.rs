//! What stands for a session id: a keyed hash. The id itself is never kept, so neither a core dump nor a state file
//! gives anybody a session to steal, and no client can choose where its key falls.

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

    /// Which of `spread` parts of the table, a power of two, it belongs to.
    pub(super) const fn lane(self, spread: usize) -> usize {
        self.high as usize & (spread - 1)
    }

    /// Its place within a part: other bits than those that chose the part.
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
    fn the_secret_decides() {
        let id = b"F00DFACE.worker1";
        assert_eq!(SessionKey::of(id, &[1; 16]), SessionKey::of(id, &[1; 16]));
        assert_ne!(SessionKey::of(id, &[1; 16]), SessionKey::of(id, &[2; 16]));
        assert_ne!(SessionKey::of(id, &[1; 16]), SessionKey::of(b"F00DFACE.worker2", &[1; 16]));
    }
}
