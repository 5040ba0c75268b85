//! A session as it stands in a server: a text, so that whoever looks into the server can read it.
//!
//! `1|00115631234567890001|worker1|worker2|9f3c…`: the form, the version, the node that has the session, the node that had it first, and
//! a keyed hash of its place and all before. Whatever has another hash was written with another secret, or was damaged, and is not
//! believed. A later Weir may put more between the nodes and the hash; a form that an older one cannot read has another number.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

use super::clock::Version;

/// A session in a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) version: Version,
    /// The label of the node that has the session.
    pub(super) node: String,
    /// That of the node that had it first.
    pub(super) home: String,
}

/// Why a text is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRecord {
    /// Written by a later Weir.
    Later,
    /// Written with another secret, or by something else, or damaged.
    Foreign,
}

/// What makes the keyed hash. It must not be shown.
#[derive(Clone, Copy)]
pub(super) struct Seal(pub(super) [u8; 16]);

/// The form, and the longest text. Names of nodes are no longer than 253 characters.
const FORM: &str = "1|";
const LONGEST: usize = 1024;

impl Record {
    /// `place` is the key that it stands under.
    pub(super) fn to_text(&self, place: &str, seal: Seal) -> String {
        seal.sealed(place, &self.told())
    }

    /// Of two records with one version the servers keep the one with the higher rank.
    pub(super) fn rank(&self, place: &str, seal: Seal) -> u128 {
        seal.of(place, &self.told())
    }

    fn told(&self) -> String {
        format!("{FORM}{:020}|{}|{}", self.version.number(), self.node, self.home)
    }

    /// Reads what stands under this key.
    pub(super) fn of_text(text: &[u8], place: &str, seal: Seal) -> Result<Self, NoRecord> {
        let told = Some(text).filter(|text| text.len() <= LONGEST).and_then(|text| seal.opened(place, text));
        let told = told.ok_or(NoRecord::Foreign)?;
        let mut parts = told.strip_prefix(FORM).ok_or(NoRecord::Later)?.split('|');
        let version = parts.next().and_then(|version| version.parse().ok()).map(Version::from_number);
        match (version, parts.next(), parts.next()) {
            (Some(version), Some(node), Some(home)) => Ok(Self { version, node: node.into(), home: home.into() }),
            _ => Err(NoRecord::Foreign),
        }
    }
}

impl Seal {
    /// A text that is believed in this place alone.
    pub(super) fn sealed(self, place: &str, told: &str) -> String {
        format!("{told}|{:032x}", self.of(place, told))
    }

    /// The text, if it was sealed for this place.
    pub(super) fn opened<'t>(self, place: &str, text: &'t [u8]) -> Option<&'t str> {
        let (told, hash) = std::str::from_utf8(text).ok()?.rsplit_once('|')?;
        (u128::from_str_radix(hash, 16).ok()? == self.of(place, told)).then_some(told)
    }

    fn of(self, place: &str, told: &str) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(place.as_bytes());
        hasher.write(&[0]);
        hasher.write(told.as_bytes());
        hasher.finish128().as_u128()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEAL: Seal = Seal([7; 16]);
    const PLACE: &str = "weir:session:esb:00ff";

    fn record() -> Record {
        Record { version: Version::from_number(115), node: "worker1".into(), home: "worker2@10.0.0.3".into() }
    }

    #[test]
    fn a_record_is_read_as_it_was_written_in_its_place_with_its_secret() {
        let text = record().to_text(PLACE, SEAL);
        let told = text.rsplit_once('|').unwrap().0;
        assert_eq!(told, "1|00000000000000000115|worker1|worker2@10.0.0.3");
        assert_eq!(Record::of_text(text.as_bytes(), PLACE, SEAL), Ok(record()));
        assert_eq!(Record::of_text(text.as_bytes(), "weir:session:esb:00fe", SEAL), Err(NoRecord::Foreign));
        assert_eq!(Record::of_text(text.as_bytes(), PLACE, Seal([8; 16])), Err(NoRecord::Foreign));
    }

    #[test]
    fn the_rank_is_what_the_servers_compare() {
        let (one, two) = (record(), Record { node: "worker2".into(), ..record() });
        let last = |record: &Record| record.to_text(PLACE, SEAL).split_off(record.to_text(PLACE, SEAL).len() - 32);
        assert_ne!(one.rank(PLACE, SEAL), two.rank(PLACE, SEAL));
        assert_eq!(one.rank(PLACE, SEAL) > two.rank(PLACE, SEAL), last(&one) > last(&two));
    }

    #[test]
    fn nothing_that_was_changed_is_believed() {
        let text = record().to_text(PLACE, SEAL);
        for place in 0..text.len() {
            for byte in [b'0', b'1', b'|', 0xFF] {
                let mut changed = text.clone().into_bytes();
                if changed[place] != byte {
                    changed[place] = byte;
                    assert_eq!(Record::of_text(&changed, PLACE, SEAL), Err(NoRecord::Foreign), "{place}");
                }
            }
            assert_eq!(Record::of_text(&text.as_bytes()[..place], PLACE, SEAL), Err(NoRecord::Foreign), "{place}");
        }
        let long = format!("1|1|{}|b", "a".repeat(LONGEST));
        let long = format!("{long}|{:032x}", SEAL.of(PLACE, &long));
        assert_eq!(Record::of_text(long.as_bytes(), PLACE, SEAL), Err(NoRecord::Foreign));
    }

    #[test]
    fn a_later_form_is_told_from_a_foreign_text_and_more_at_the_end_is_skipped() {
        let sealed = |told: &str| format!("{told}|{:032x}", SEAL.of(PLACE, told));
        let later = sealed("2|5|worker1");
        assert_eq!(Record::of_text(later.as_bytes(), PLACE, SEAL), Err(NoRecord::Later));
        let more = sealed("1|00000000000000000115|worker1|worker2@10.0.0.3|something");
        assert_eq!(Record::of_text(more.as_bytes(), PLACE, SEAL), Ok(record()));
        let less = sealed("1|115|worker1");
        assert_eq!(Record::of_text(less.as_bytes(), PLACE, SEAL), Err(NoRecord::Foreign));
    }
}
