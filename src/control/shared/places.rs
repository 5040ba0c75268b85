//! The keys in a server: `PREFIX:session:POOL:HASH`, and a few beside them.

use std::sync::Arc;

use crate::proxy::worker::sharing::SessionPlace;
use crate::traffic::affinity::sessions::SessionKey;

/// What all keys of this cluster begin with.
#[derive(Clone)]
pub(super) struct Places(pub(super) Arc<str>);

impl Places {
    /// Where a session stands.
    pub(super) fn session(&self, place: &SessionPlace) -> String {
        format!("{}:session:{}:{:032x}", self.0, place.pool, place.key.number())
    }

    /// Which session stands there.
    pub(super) fn read(&self, text: &str) -> Option<SessionPlace> {
        let rest = text.strip_prefix(&*self.0)?.strip_prefix(":session:")?;
        let (pool, hash) = rest.rsplit_once(':')?;
        let number = u128::from_str_radix(hash, 16).ok().filter(|_| hash.len() == 32)?;
        Some(SessionPlace { pool: pool.into(), key: SessionKey::from_number(number) })
    }

    /// All sessions, for SCAN. What its pattern reads as more than a character is none of a prefix.
    pub(super) fn all_sessions(&self) -> String {
        format!("{}:session:*", self.0)
    }

    /// The stream of sessions that were moved.
    pub(super) fn moves(&self) -> String {
        format!("{}:moves", self.0)
    }

    /// What machines say of themselves, by name.
    pub(super) fn machines(&self) -> String {
        format!("{}:machines", self.0)
    }

    /// The orders that machines have in common, by what they are about.
    pub(super) fn orders(&self) -> String {
        format!("{}:orders", self.0)
    }

    /// The stream of what passed under rates that machines share.
    pub(super) fn rates(&self) -> String {
        format!("{}:rates", self.0)
    }

    /// Where it is tried whether the server can be used.
    pub(super) fn trial(&self) -> String {
        format!("{}:trial", self.0)
    }

    /// Is there while some machine tells the server everything.
    pub(super) fn fed(&self) -> String {
        format!("{}:fed", self.0)
    }

    /// Is there while some machine fills the server from another one.
    pub(super) fn filling(&self) -> String {
        format!("{}:filling", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_no_other_key_is() {
        let places = Places("weir:esb".into());
        let place = SessionPlace { pool: "esb-https".into(), key: SessionKey::from_number(255) };
        let text = places.session(&place);
        assert_eq!(text, "weir:esb:session:esb-https:000000000000000000000000000000ff");
        assert_eq!(places.read(&text), Some(place));
        for other in [
            "weir:session:esb:000000000000000000000000000000ff",
            "weir:esb:session:esb:ff",
            "weir:esb:session:000000000000000000000000000000ff",
            "weir:esb:session:esb:0000000000000000000000000000000g",
            "weir:esb:moves",
            "",
        ] {
            assert_eq!(places.read(other), None, "{other}");
        }
    }
}
