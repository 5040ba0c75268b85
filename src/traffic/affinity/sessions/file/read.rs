//! Decodes the bytes of a file to session tables. Every length is checked, and no bytes make it panic.

use std::hash::Hasher;
use std::time::Duration;

use siphasher::sip128::Hasher128;

use super::{CHECKSUM, MAGIC, RECORD, Stamp, Unreadable, VERSION, checksum};
use crate::traffic::affinity::sessions::{Restored, SavedSession, SessionKey, Sessions};
use crate::traffic::moment::Moment;
use crate::traffic::tick::Tick;

/// The file of the earlier run. It is kept while the name of a node has no address, because that node's sessions cannot
/// be restored before.
#[derive(Debug)]
pub struct PreviousFile {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// The time from writing the file to the start of Weir.
    pub downtime: Duration,
}

/// A file that was read. It borrows the bytes.
#[derive(Debug)]
pub struct SessionFile<'a> {
    /// When it was written.
    pub written: Stamp<'a>,
    /// Its tables.
    pub tables: Vec<StoredTable<'a>>,
}

impl SessionFile<'_> {
    /// The time since the file was written.
    pub fn downtime(&self, now: &Stamp<'_>) -> Duration {
        now.since(&self.written)
    }
}

/// A pool's table, as it was read.
#[derive(Debug)]
pub struct StoredTable<'a> {
    /// The pool's name.
    pub pool: &'a str,
    pub(super) secret_id: &'a [u8],
    nodes: Vec<&'a str>,
    chunks: Vec<&'a [u8]>,
}

impl StoredTable<'_> {
    /// The number of its sessions.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len() / RECORD).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Restores the sessions into a table. Sessions that are over, or whose node has no number any more, are skipped.
    /// If only its home is gone, a session's node becomes its home.
    pub fn restore(
        &self,
        sessions: &Sessions,
        number_of: impl Fn(&str) -> Option<u32>,
        downtime: Duration,
        now: Tick,
    ) -> Result<Restored, Unreadable> {
        if self.secret_id != sessions.secret_id() {
            return Err(Unreadable::OtherSecret);
        }
        let numbers: Vec<_> = self.nodes.iter().map(|name| number_of(name)).collect();
        let number = |index: u32| numbers.get(index as usize).copied().flatten();
        let saved = self.records(downtime).filter_map(|saved| {
            let node = number(saved.node)?;
            Some(SavedSession { node, home: number(saved.home).unwrap_or(node), ..saved })
        });
        Ok(sessions.restore(saved, now))
    }

    /// The names of its nodes.
    pub fn nodes(&self) -> &[&str] {
        &self.nodes
    }

    /// Its sessions, aged by `age`. `node` and `home` are indexes into the names.
    pub(super) fn records(&self, age: Duration) -> impl Iterator<Item = SavedSession> {
        let age = u32::try_from(age.as_secs()).unwrap_or(u32::MAX);
        self.chunks.iter().flat_map(|chunk| chunk.chunks_exact(RECORD)).filter_map(move |record| {
            let mut record = Reader(record);
            let key = SessionKey::from_bytes(record.array()?);
            let (node, home) = (record.u16()?.into(), record.u16()?.into());
            Some(SavedSession { key, node, home, unused_seconds: record.u32()?.saturating_add(age) })
        })
    }
}

/// Decodes the bytes of a whole file.
pub fn decode(bytes: &[u8]) -> Result<SessionFile<'_>, Unreadable> {
    let mut reader = Reader(bytes);
    if reader.array() != Some(*MAGIC) {
        return Err(Unreadable::Damaged("it does not begin as a file of sessions does"));
    }
    let version = match reader.u32() {
        Some(version @ 1..=VERSION) => version,
        Some(version) if version > VERSION => return Err(Unreadable::Later(version)),
        _ => return Err(Unreadable::Damaged("it has no version")),
    };
    let Some((bytes, sum)) = bytes.len().checked_sub(CHECKSUM).map(|end| bytes.split_at(end)) else {
        return Err(Unreadable::Damaged("it ends too early"));
    };
    let mut expected = checksum();
    expected.write(bytes);
    if sum != expected.finish128().as_u128().to_le_bytes() {
        return Err(Unreadable::Damaged("its checksum is not that of its bytes"));
    }
    // The checksum is right, so any error from here on was written that way.
    let body = bytes.get(MAGIC.len() + size_of_val(&VERSION)..).unwrap_or_default();
    read_body(Reader(body), version).ok_or(Unreadable::Damaged("its parts do not fit together"))
}

fn read_body(mut reader: Reader<'_>, version: u32) -> Option<SessionFile<'_>> {
    let unix = reader.u64()?.saturating_mul(1000);
    let (up, boot) = if version == 1 { (0, "") } else { (reader.u64()?, reader.text()?) };
    let written = Stamp { moment: Moment { unix, up }, boot };
    let mut tables = Vec::new();
    loop {
        match reader.array()? {
            [0] => return reader.0.is_empty().then_some(SessionFile { written, tables }),
            [1] => tables.push(read_table(&mut reader)?),
            _ => return None,
        }
    }
}

fn read_table<'a>(reader: &mut Reader<'a>) -> Option<StoredTable<'a>> {
    let (pool, secret_id, count) = (reader.text()?, reader.take(16)?, reader.u16()?);
    let nodes = (0..count).map(|_| reader.text()).collect::<Option<_>>()?;
    let mut chunks = Vec::new();
    loop {
        match usize::try_from(reader.u32()?).ok()?.checked_mul(RECORD)? {
            0 => return Some(StoredTable { pool, secret_id, nodes, chunks }),
            length => chunks.push(reader.take(length)?),
        }
    }
}

/// The bytes that are still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.0.split_at_checked(length)?;
        self.0 = left;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.u16()?;
        std::str::from_utf8(self.take(length.into())?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::affinity::sessions::file::made::{
        AT, IDLE, THEN, UP, at, later, number_of, small_file, table, taken,
    };
    use crate::traffic::xorshift::xorshift;

    fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
        let mut sum = checksum();
        sum.write(&bytes);
        bytes.extend_from_slice(&sum.finish128().as_u128().to_le_bytes());
        bytes
    }

    #[test]
    fn sessions_come_back_as_they_were_and_as_old() {
        let bytes = small_file();
        let file = decode(&bytes).expect("whole");
        let listed: Vec<_> = file.tables.iter().map(|table| (table.pool, table.len())).collect();
        assert_eq!((file.written, listed), (THEN, vec![("esb", 2), ("empty", 0), ("manager", 1)]));
        let next = table(10);
        let restored = file.tables[0].restore(&next, number_of, file.downtime(&later(30)), Tick::START);
        assert_eq!(restored, taken(2));
        let found = |id: &str| {
            let found = next.find(next.key(id.as_bytes()), Tick::START)?;
            Some((found.node, found.home, found.unused.as_secs().div_ceil(10) * 10))
        };
        assert_eq!(found("a"), Some((2, 1, 50)));
        assert_eq!(found("b"), Some((1, 1, 40)));
        assert_eq!((file.tables[1].is_empty(), found("c")), (true, None));
    }

    #[test]
    fn sessions_that_are_over_or_of_a_lost_node_stay_away() {
        let bytes = small_file();
        let file = decode(&bytes).expect("whole");
        let restored = |table: usize, known: &[&str], downtime| {
            let next = self::table(10);
            let number = |name: &str| known.iter().position(|known| *known == name).map(|number| number as u32);
            let taken = file.tables[table].restore(&next, number, file.downtime(&later(downtime)), Tick::START);
            assert_eq!(taken.map(|restored| restored.taken), Ok(next.len()));
            next
        };
        let cases: [(&[&str], u64, usize); 7] = [
            (&["worker1", "worker2"], 0, 2),
            (&["worker1", "worker2"], 45, 1),
            (&["worker1", "worker2"], 55, 0),
            (&["worker1", "worker2"], u64::MAX / 2, 0),
            (&["worker1"], 0, 1),
            (&["worker2"], 0, 1),
            (&["manager"], 0, 0),
        ];
        for (known, downtime, expected) in cases {
            assert_eq!(restored(0, known, downtime).len(), expected, "{known:?} after {downtime} s");
        }
        let homeless = restored(0, &["worker1"], 0);
        let found = homeless.find(homeless.key(b"a"), Tick::START).expect("its node is there");
        assert_eq!((found.node, found.home), (0, 0), "at home where it lives");
    }

    #[test]
    fn a_clock_that_is_set_while_weir_is_away_neither_ends_sessions_nor_keeps_them() {
        let bytes = small_file();
        let downtime = |now: &Stamp<'_>| decode(&bytes).expect("whole").downtime(now);
        let set_to = |unix: u64, boot: &'static str| {
            let moment = Moment { unix: unix * 1000, up: UP + 30_000 };
            downtime(&Stamp { moment, boot })
        };
        let (seconds, years) = (Duration::from_secs, 300_000_000);
        for unix in [AT + 30, AT + years, AT - years, 0] {
            assert_eq!(set_to(unix, "this run"), seconds(30), "{unix}");
        }
        // After a reboot only the wall clock can tell, and a clock that was set back cannot.
        for boot in ["the next run", ""] {
            let told = [AT + 90, AT - 100].map(|unix| set_to(unix, boot));
            assert_eq!(told, [seconds(90), Duration::ZERO], "{boot}");
        }
    }

    #[test]
    fn those_that_were_idle_for_too_long_are_counted() {
        let bytes = small_file();
        let file = decode(&bytes).expect("whole");
        let restored = file.tables[0].restore(&table(10), number_of, file.downtime(&later(45)), Tick::START);
        assert_eq!(restored, Ok(Restored { taken: 1, expired: 1 }));
    }

    #[test]
    fn a_file_of_the_first_version_is_read() {
        let second = small_file();
        let rest = 8 + 4 + 8 + 8 + 2 + THEN.boot.len();
        let body = [&MAGIC[..], &1_u32.to_le_bytes()[..], &AT.to_le_bytes(), &second[rest..second.len() - CHECKSUM]];
        let bytes = with_checksum(body.concat());
        let file = decode(&bytes).expect("whole");
        let next = table(10);
        let restored = file.tables[0].restore(&next, number_of, file.downtime(&later(30)), Tick::START);
        assert_eq!((restored, file.downtime(&later(30))), (taken(2), Duration::from_secs(30)));
    }

    #[test]
    fn another_secret_is_told() {
        let bytes = small_file();
        let other = Sessions::new(10, IDLE, [7; 16]);
        let file = decode(&bytes).expect("whole");
        assert_eq!(file.tables[0].restore(&other, number_of, IDLE, at(0)), Err(Unreadable::OtherSecret));
        assert!(other.is_empty());
    }

    #[test]
    fn every_end_and_every_flipped_bit_is_noticed() {
        let bytes = small_file();
        for end in 0..bytes.len() {
            assert!(matches!(decode(&bytes[..end]), Err(Unreadable::Damaged(_))), "cut at {end}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(decode(&longer).is_err());
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[index] ^= 1 << bit;
                let version = (8..12).contains(&index);
                match decode(&flipped).expect_err("a flipped bit") {
                    Unreadable::Later(_) => assert!(version),
                    Unreadable::Damaged(_) => {}
                    Unreadable::OtherSecret => panic!("byte {index}"),
                }
            }
        }
    }

    #[test]
    fn a_good_checksum_over_nonsense_is_no_way_in() {
        let whole = small_file();
        let body = &whole[..whole.len() - CHECKSUM];
        for end in 12..body.len() {
            assert!(decode(&with_checksum(body[..end].to_vec())).is_err(), "cut at {end}");
        }
        let mut chance = 0x9E37_79B9_97F4_A7C1_u64;
        let mut draw = || xorshift(&mut chance) as usize;
        let mut read = 0;
        for _ in 0..20_000 {
            let mut drawn = body.to_vec();
            for _ in 0..=draw() % 3 {
                let index = 12 + draw() % (drawn.len() - 12);
                drawn[index] = draw() as u8;
            }
            if draw() % 4 == 0 {
                drawn.truncate(12 + draw() % (drawn.len() - 12));
            }
            let drawn = with_checksum(drawn);
            if let Ok(file) = decode(&drawn) {
                read += 1;
                for stored in &file.tables {
                    let next = table(10);
                    let restored = stored.restore(&next, number_of, file.downtime(&THEN), at(0)).unwrap_or_default();
                    assert_eq!(restored.taken, next.len());
                }
            }
        }
        assert!(read > 1000, "{read} of them could be read");
    }

    #[test]
    fn no_bytes_at_all_make_it_panic() {
        let mut chance = 0x2545_F491_4F6C_DD1D_u64;
        for step in 0..5000 {
            let drawn = (0..step % 200).map(|_| (xorshift(&mut chance) >> 24) as u8);
            let drawn: Vec<u8> = drawn.collect();
            assert!(decode(&drawn).is_err());
            let _ = read_body(Reader(&drawn), VERSION);
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_words() {
        let later = [&MAGIC[..], &3_u32.to_le_bytes()].concat();
        let cases: [(&[u8], &str); 5] = [
            (b"", "damaged: it does not begin as a file of sessions does"),
            (b"WEIRSESS", "damaged: it has no version"),
            (b"WEIRSESS\x01\0\0\0", "damaged: it ends too early"),
            (b"WEIRSESS\x01\0\0\0aaaaaaaaaaaaaaaaaaaaaaaaaa", "damaged: its checksum is not that of its bytes"),
            (&later, "of a later version 3, this one reads 2"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(decode(bytes).map(|_| ()).expect_err(expected).to_string(), expected);
        }
        let nonsense = with_checksum([&MAGIC[..], &VERSION.to_le_bytes(), &[9; 9]].concat());
        assert_eq!(decode(&nonsense).map(|_| ()), Err(Unreadable::Damaged("its parts do not fit together")));
    }
}
