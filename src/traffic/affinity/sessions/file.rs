//! Encodes session tables to the bytes of a file and decodes them. Encoding streams. Decoding checks every length and
//! never panics. The checksum finds damage, not forgery.

use std::fmt;
use std::hash::Hasher;
use std::io::{self, Write};
use std::time::Duration;

use siphasher::sip128::{Hasher128, SipHasher24};

use super::{Restored, SavedSession, SessionKey, Sessions};
use crate::traffic::moment::Moment;
use crate::traffic::tick::Tick;

// Numbers are little-endian; a text is its length (16 bits) and its bytes. A file is magic, version (32 bits), seconds
// since 1970 (64), milliseconds since the machine's start (64) and the name of that start (a text), tables, a zero byte,
// checksum (128). Version 1 has no start of the machine. A table is a one (8), its pool's name, an identification of
// its secret (128), the number of nodes (16), their names, chunks, an empty chunk. A chunk is a count (32) and so many
// records: key (128), node and home (16 each, indexes into the names), seconds unused (32).
const MAGIC: &[u8; 8] = b"WEIRSESS";

/// Must grow with every change that this version could not read.
const VERSION: u32 = 2;

/// Not a secret: the checksum finds damage, not forgery.
const CHECKSUM_KEY: &[u8; 16] = b"weir: a checksum";

const CHECKSUM: usize = 16;
const RECORD: usize = 24;

/// Records in a chunk: 48 KiB.
const CHUNK: usize = 2048;

/// A pool's table to be written.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// The pool's name.
    pub pool: &'a str,
    /// The numbers and names of its nodes. Sessions of other nodes are not written.
    pub nodes: &'a [(u32, &'a str)],
    /// Its sessions.
    pub sessions: &'a Sessions,
}

/// A moment that can still be compared after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// On both clocks.
    pub moment: Moment,
    /// Identifies this boot of the machine; empty if unknown.
    pub boot: &'a str,
}

impl Stamp<'_> {
    /// How long ago `earlier` was. Within one boot the machine's own clock is used. After a reboot only the wall clock
    /// is left, which may have been set; if it was set back, the result is zero.
    fn since(&self, earlier: &Self) -> Duration {
        let (now, then) = (self.moment, earlier.moment);
        if !self.boot.is_empty() && self.boot == earlier.boot {
            Duration::from_millis(now.up.saturating_sub(then.up))
        } else {
            Duration::from_millis(now.unix.saturating_sub(then.unix))
        }
    }
}

/// Sessions of an earlier file whose nodes have no address yet. They are written again.
#[derive(Debug)]
pub struct PendingTable<'a> {
    /// The pool's table in that file.
    pub table: &'a StoredTable<'a>,
    /// The indexes of those nodes in its list of names.
    pub indexes: Vec<u32>,
    /// How long ago that file was written.
    pub age: Duration,
}

/// Writes all tables and the pending sessions; returns the number of sessions. `written` is the same moment as `now`.
/// `out` need not be buffered.
pub fn encode(
    out: &mut dyn Write,
    tables: &[Table<'_>],
    pending: &[PendingTable<'_>],
    now: Tick,
    written: &Stamp<'_>,
) -> io::Result<usize> {
    let mut out = ChecksumWriter { out, sum: checksum(), bytes: Vec::with_capacity(CHUNK * RECORD + 4) };
    out.bytes.extend_from_slice(MAGIC);
    out.bytes.extend_from_slice(&VERSION.to_le_bytes());
    out.bytes.extend_from_slice(&written.moment.seconds().to_le_bytes());
    out.bytes.extend_from_slice(&written.moment.up.to_le_bytes());
    out.text(written.boot)?;
    let mut count = 0;
    for table in tables {
        count += table.write(&mut out, now)?;
    }
    for table in pending {
        count += table.write(&mut out)?;
    }
    out.bytes.push(0);
    out.send()?;
    let sum = out.sum.finish128().as_u128();
    out.out.write_all(&sum.to_le_bytes())?;
    Ok(count)
}

/// Why a file could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Its bytes have changed since they were written; the text says what is wrong.
    Damaged(&'static str),
    /// A later version of Weir wrote it.
    Later(u32),
    /// Its sessions are hashed with another secret, so no request can find them.
    OtherSecret,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(how) => write!(f, "damaged: {how}"),
            Self::Later(version) => write!(f, "of a later version {version}, this one reads {VERSION}"),
            Self::OtherSecret => f.write_str("written under another secret"),
        }
    }
}

impl std::error::Error for Unreadable {}

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
    secret_id: &'a [u8],
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
    fn records(&self, age: Duration) -> impl Iterator<Item = SavedSession> {
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

impl Table<'_> {
    fn write(&self, out: &mut ChecksumWriter<'_>, now: Tick) -> io::Result<usize> {
        let mut records = RecordWriter::begin(out, self.pool, &self.sessions.secret_id(), self.nodes)?;
        let mut result = Ok(());
        self.sessions.export(now, &mut |saved| {
            if result.is_ok() {
                result = records.add(&saved);
            }
        });
        result?;
        records.end()
    }
}

impl PendingTable<'_> {
    fn write(&self, out: &mut ChecksumWriter<'_>) -> io::Result<usize> {
        let Self { table, indexes, age } = self;
        let name = |index: &u32| Some((*index, *table.nodes.get(*index as usize)?));
        let nodes: Vec<_> = indexes.iter().filter_map(name).collect();
        let mut records = RecordWriter::begin(out, table.pool, table.secret_id, &nodes)?;
        table.records(*age).try_for_each(|saved| records.add(&saved))?;
        records.end()
    }
}

/// Index into the names, by node number.
fn index_by_number(nodes: &[(u32, &str)]) -> Vec<Option<u16>> {
    let mut indexes = Vec::new();
    for (index, (number, _)) in (0..).zip(nodes) {
        // Tables number nodes with 16 bits; larger numbers belong to no node.
        let Ok(number) = u16::try_from(*number) else { continue };
        let number = usize::from(number);
        if indexes.len() <= number {
            indexes.resize(number + 1, None);
        }
        indexes[number] = Some(index);
    }
    indexes
}

struct RecordWriter<'a, 'b> {
    out: &'a mut ChecksumWriter<'b>,
    indexes: Vec<Option<u16>>,
    /// Records written, without those of this chunk.
    count: usize,
    in_chunk: u32,
}

impl<'a, 'b> RecordWriter<'a, 'b> {
    /// Writes the header of a table.
    fn begin(out: &'a mut ChecksumWriter<'b>, pool: &str, secret_id: &[u8], nodes: &[(u32, &str)]) -> io::Result<Self> {
        // The count of nodes has 16 bits.
        let nodes = nodes.get(..usize::from(u16::MAX)).unwrap_or(nodes);
        out.bytes.push(1);
        out.text(pool)?;
        out.bytes.extend_from_slice(secret_id);
        out.bytes.extend_from_slice(&(nodes.len() as u16).to_le_bytes());
        for (_, name) in nodes {
            out.text(name)?;
        }
        out.send()?;
        Ok(Self { out, indexes: index_by_number(nodes), count: 0, in_chunk: 0 })
    }

    fn add(&mut self, saved: &SavedSession) -> io::Result<()> {
        let index = |number: u32| self.indexes.get(number as usize).copied().flatten();
        let Some(node) = index(saved.node) else { return Ok(()) };
        let home = index(saved.home).unwrap_or(node);
        let bytes = &mut self.out.bytes;
        if self.in_chunk == 0 {
            // Room for the count, which is not known yet.
            bytes.extend_from_slice(&[0; 4]);
        }
        bytes.extend_from_slice(&saved.key.to_bytes());
        bytes.extend_from_slice(&node.to_le_bytes());
        bytes.extend_from_slice(&home.to_le_bytes());
        bytes.extend_from_slice(&saved.unused_seconds.to_le_bytes());
        self.in_chunk += 1;
        if self.in_chunk as usize == CHUNK { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> io::Result<()> {
        if let Some(count) = self.out.bytes.first_chunk_mut() {
            *count = self.in_chunk.to_le_bytes();
        }
        self.count += self.in_chunk as usize;
        self.in_chunk = 0;
        self.out.send()
    }

    fn end(mut self) -> io::Result<usize> {
        if self.in_chunk > 0 {
            self.send()?;
        }
        self.out.bytes.extend_from_slice(&[0; 4]);
        self.out.send()?;
        Ok(self.count)
    }
}

/// A writer that computes the checksum.
struct ChecksumWriter<'a> {
    out: &'a mut dyn Write,
    sum: SipHasher24,
    bytes: Vec<u8>,
}

impl ChecksumWriter<'_> {
    fn text(&mut self, text: &str) -> io::Result<()> {
        let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "a name longer than 65535 bytes");
        let length = u16::try_from(text.len()).map_err(too_long)?;
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn send(&mut self) -> io::Result<()> {
        self.sum.write(&self.bytes);
        self.out.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}

fn checksum() -> SipHasher24 {
    SipHasher24::new_with_key(CHECKSUM_KEY)
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
    use crate::traffic::xorshift::xorshift;

    const IDLE: Duration = Duration::from_secs(60);
    const SECRET: [u8; 16] = *b"a secret of test";
    const NODES: [(u32, &str); 3] = [(4, "worker1"), (9, "worker2"), (2, "manager")];
    const AT: u64 = 1_800_000_000;
    /// The machine had run for an hour.
    const UP: u64 = 3_600_000;
    const THEN: Stamp<'static> = Stamp { moment: Moment { unix: AT * 1000, up: UP }, boot: "this run" };

    /// So many seconds later, when no clock was set.
    fn later(seconds: u64) -> Stamp<'static> {
        let millis = seconds.saturating_mul(1000);
        let Moment { unix, up } = THEN.moment;
        Stamp { moment: Moment { unix: unix.saturating_add(millis), up: up.saturating_add(millis) }, ..THEN }
    }

    fn taken(taken: usize) -> Result<Restored, Unreadable> {
        Ok(Restored { taken, expired: 0 })
    }

    fn table(max: usize) -> Sessions {
        Sessions::new(max, IDLE, SECRET)
    }

    fn at(seconds: u64) -> Tick {
        Tick::from_millis(seconds * 1000)
    }

    fn bind(sessions: &Sessions, id: &str, node: u32, home: u32, second: u64) {
        use crate::traffic::affinity::sessions::BindKind;
        sessions.bind(sessions.key(id.as_bytes()), home, at(second), BindKind::Learned);
        sessions.bind(sessions.key(id.as_bytes()), node, at(second), BindKind::Moved);
    }

    fn encoded(tables: &[(&str, &Sessions)], now: Tick) -> Vec<u8> {
        let tables: Vec<_> = tables.iter().map(|(pool, sessions)| Table { pool, nodes: &NODES, sessions }).collect();
        let mut out = Vec::new();
        encode(&mut out, &tables, &[], now, &THEN).expect("memory takes everything");
        out
    }

    fn small_file() -> Vec<u8> {
        let (esb, manager) = (table(10), table(10));
        bind(&esb, "a", 4, 9, 0);
        bind(&esb, "b", 9, 9, 10);
        bind(&manager, "c", 2, 2, 10);
        encoded(&[("esb", &esb), ("empty", &table(10)), ("manager", &manager)], at(20))
    }

    /// The numbers of the next run: they differ, and worker3 replaces the manager.
    fn number_of(name: &str) -> Option<u32> {
        ["worker3", "worker2", "worker1"].iter().position(|known| *known == name).map(|number| number as u32)
    }

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
    fn sessions_of_nodes_that_are_awaited_are_written_again_and_grow_older() {
        let bytes = small_file();
        let file = decode(&bytes).expect("whole");
        let seconds = Duration::from_secs;
        let pending = [PendingTable { table: &file.tables[0], indexes: vec![1], age: seconds(15) }];
        let mut out = Vec::new();
        assert_eq!(encode(&mut out, &[], &pending, at(0), &THEN).ok(), Some(1), "that of worker2");
        let again = decode(&out).expect("whole");
        let next = table(10);
        let restored = again.tables[0].restore(&next, number_of, again.downtime(&later(30)), Tick::START);
        assert_eq!(restored, taken(1));
        let found = next.find(next.key(b"b"), Tick::START).expect("it is there");
        assert_eq!((found.node, found.unused.as_secs().div_ceil(5) * 5), (1, 10 + 15 + 30));
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
    fn sessions_of_nodes_that_are_not_told_are_not_written() {
        let sessions = table(10);
        for (id, node) in [("a", 4), ("b", 5), ("c", 70_000), ("d", u32::MAX)] {
            bind(&sessions, id, node, 5, 0);
        }
        let nodes = [(4, "worker1"), (65_536 + 5, "worker5"), (70_000, "worker70000")];
        let mut out = Vec::new();
        let count = encode(&mut out, &[Table { pool: "esb", nodes: &nodes, sessions: &sessions }], &[], at(0), &THEN);
        assert_eq!(count.expect("memory takes everything"), 1);
        assert_eq!(decode(&out).expect("whole").tables[0].len(), 1);
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

    #[test]
    fn a_large_table_goes_out_and_in_by_chunks() {
        let count = 3 * CHUNK;
        let sessions = table(100_000);
        for number in 0..count {
            bind(&sessions, &number.to_string(), NODES[number % 3].0, NODES[number % 2].0, 0);
        }
        let largest = &mut 0;
        struct Watching<'a>(Vec<u8>, &'a mut usize);
        impl Write for Watching<'_> {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                *self.1 = bytes.len().max(*self.1);
                self.0.write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut out = Watching(Vec::new(), largest);
        let tables = [Table { pool: "esb", nodes: &NODES, sessions: &sessions }];
        assert_eq!(encode(&mut out, &tables, &[], at(0), &THEN).expect("memory takes everything"), count);
        let bytes = out.0;
        assert!(*largest <= CHUNK * RECORD + 4);
        let file = decode(&bytes).expect("whole");
        let next = table(100_000);
        let same = |name: &str| NODES.iter().find(|node| node.1 == name).map(|node| node.0);
        assert_eq!(file.tables[0].restore(&next, same, Duration::ZERO, at(0)), taken(count));
        for number in 0..count {
            let found = next.find(next.key(number.to_string().as_bytes()), at(0)).expect("taken");
            assert_eq!((found.node, found.home), (NODES[number % 3].0, NODES[number % 2].0));
        }
    }

    #[test]
    fn a_disk_that_fails_is_told_and_asked_no_more() {
        struct Full(usize);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 = self.0.checked_sub(1).expect("not asked again after it failed");
                if self.0 == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(bytes.len()) }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let sessions = table(100_000);
        for number in 0..3 * CHUNK {
            bind(&sessions, &number.to_string(), 4, 4, 0);
        }
        let tables = [Table { pool: "esb", nodes: &NODES, sessions: &sessions }];
        for writes in 1..6 {
            let error = encode(&mut Full(writes), &tables, &[], at(0), &THEN).expect_err("full");
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "at write {writes}");
        }
        let name = "n".repeat(70_000);
        let tables = [Table { pool: &name, nodes: &[], sessions: &sessions }];
        assert!(encode(&mut Vec::new(), &tables, &[], at(0), &THEN).is_err());
    }
}
