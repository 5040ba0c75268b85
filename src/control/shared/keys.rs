//! What several machines with Weir have in common: one secret, from which those that clients notice follow (RFC 5869).

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};

use crate::config::{Config, SharedSecret};

/// The secrets of a machine that shares one; `None`: it has its own.
pub(crate) struct SharedKeys {
    /// For the hashes of session ids, and the values of Weir's own cookie.
    pub(crate) sessions: [u8; 32],
    /// For the keys of TLS tickets.
    pub(crate) tickets: [u8; 32],
}

impl SharedKeys {
    /// Of the secret that the configuration names.
    pub(crate) fn of(config: &Config) -> Option<Self> {
        let secret = config.shared.as_ref()?.secret.as_ref()?;
        Some(Self { sessions: derived(secret, b"sessions")?, tickets: derived(secret, b"tickets")? })
    }
}

/// What the records in servers are sealed with, for sessions that are hashed with this secret.
pub(crate) fn seal_of_records(sessions: &[u8; 32]) -> Option<[u8; 16]> {
    derived_of(sessions, b"records")?.first_chunk().copied()
}

/// A secret for one purpose. It tells nothing of another.
fn derived(secret: &SharedSecret, purpose: &[u8]) -> Option<[u8; 32]> {
    derived_of(&secret.0, purpose)
}

fn derived_of(secret: &[u8; 32], purpose: &[u8]) -> Option<[u8; 32]> {
    let mut derived = [0; 32];
    let made = Salt::new(HKDF_SHA256, b"weir").extract(secret);
    made.expand(&[purpose], HKDF_SHA256).ok()?.fill(&mut derived).ok()?;
    Some(derived)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::client::tls::digits::to_digits;

    #[test]
    fn each_purpose_has_its_own_and_it_never_changes() {
        let secret = SharedSecret([7; 32]);
        let [sessions, tickets] = [&b"sessions"[..], b"tickets"].map(|purpose| derived(&secret, purpose).unwrap());
        assert_ne!(sessions, tickets);
        assert_ne!(Some(sessions), derived(&SharedSecret([8; 32]), b"sessions"));
        // Machines of two versions of Weir must agree: HKDF-SHA256 of 32 bytes 0x07, salt "weir", info "sessions".
        assert_eq!(to_digits(&sessions), "be8af5924d48fc1e13eff0e7f59356ef058be1e2629469fef0c82a07eb570ec3");
    }
}
