//! The secret keys of a generation.

/// The secret keys. They must stay the same for as long as sessions and cookies are to be recognised.
#[derive(Clone, Copy)]
pub struct Secrets {
    /// For the tables of sessions, rates and clients.
    pub(super) tables: [u8; 16],
    /// For Weir's affinity cookies.
    pub(super) cookies: [u8; 16],
}

impl Secrets {
    /// Two independent keys.
    pub fn of(secret: [u8; 32]) -> Self {
        let (mut tables, mut cookies) = ([0; 16], [0; 16]);
        let (first, second) = secret.split_at(16);
        tables.copy_from_slice(first);
        cookies.copy_from_slice(second);
        Self { tables, cookies }
    }
}
