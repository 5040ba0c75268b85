//! Encodes session tables to the bytes of a file. The bytes go out a chunk at a time, so the file is never in memory as
//! a whole.

use std::hash::Hasher;
use std::io::{self, Write};
use std::time::Duration;

use siphasher::sip128::{Hasher128, SipHasher24};

use super::read::StoredTable;
use super::{MAGIC, RECORD, Stamp, VERSION, checksum};
use crate::traffic::affinity::sessions::{SavedSession, Sessions};
use crate::traffic::tick::Tick;

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
        let name = |index: &u32| Some((*index, *table.nodes().get(*index as usize)?));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::affinity::sessions::file::decode;
    use crate::traffic::affinity::sessions::file::made::{
        NODES, THEN, at, bind, later, number_of, small_file, table, taken,
    };

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
