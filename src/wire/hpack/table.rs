//! The dynamic table of an HTTP/2 client (RFC 7541 section 2.3), without its bytes: only sizes and kinds of the fields
//! are stored.

use std::collections::VecDeque;

use super::field::Kind;

/// The size of the table. This is the default, and Weir never changes it (RFC 9113 section 6.5.2).
pub(super) const TABLE: usize = 4096;
/// The size of an entry in addition to its bytes (RFC 7541 section 4.1).
const ENTRY: usize = 32;
/// The lengths of the names in the static table.
const STATIC: [u8; 62] = [
    0, 10, 7, 7, 5, 5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 14, 15, 15, 13, 6, 27, 3, 5, 13, 13, 19, 16, 16, 14, 16, 13, 12, 6,
    4, 4, 6, 7, 4, 4, 8, 17, 13, 8, 19, 13, 4, 8, 12, 18, 19, 5, 7, 7, 11, 6, 10, 25, 17, 10, 4, 3, 16,
];

/// What is known of an entry.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// The lengths of its name and its value.
    pub(super) name: usize,
    pub(super) value: usize,
    pub(super) kind: Kind,
    pub(super) fault: Option<&'static str>,
    /// The body length that this entry gives.
    pub(super) length: Option<u64>,
    /// The true value, if the library's table has another one.
    pub(super) written: Option<Box<[u8]>>,
    /// Whether the library's table has a field without meaning at this index.
    pub(super) strange: bool,
}

impl Entry {
    pub(super) fn size(&self) -> usize {
        ENTRY + self.name + self.value
    }

    /// Whether a reference to this entry can pass unchanged at any position.
    #[inline]
    pub(super) fn is_ordinary(&self) -> bool {
        let as_the_library_has_it = self.written.is_none() && !self.strange;
        as_the_library_has_it && self.fault.is_none() && self.kind.wrong().is_none()
    }
}

/// The entries of the static table. Their values are not needed.
static KNOWN: [Entry; STATIC.len()] = known();

#[allow(clippy::indexing_slicing, reason = "worked out by the compiler")]
const fn known() -> [Entry; STATIC.len()] {
    let mut all = [const {
        Entry { name: 0, value: 0, kind: Kind::Plain, fault: None, length: None, written: None, strange: false }
    }; STATIC.len()];
    let mut index = 0;
    while index < STATIC.len() {
        all[index].name = STATIC[index] as usize;
        all[index].kind = Kind::of_static(index);
        index += 1;
    }
    all
}

/// The table without its bytes (RFC 7541 section 2.3).
#[derive(Debug)]
pub(super) struct Table {
    pub(super) entries: VecDeque<Entry>,
    size: usize,
    most: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self { entries: VecDeque::new(), size: 0, most: TABLE }
    }
}

impl Table {
    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<&Entry> {
        match index.checked_sub(KNOWN.len()) {
            Some(place) => self.entries.get(place),
            None => KNOWN.get(index).filter(|_| index > 0),
        }
    }

    pub(super) fn insert(&mut self, entry: Entry) {
        self.make_room(entry.size());
        if entry.size() <= self.most {
            self.size += entry.size();
            self.entries.push_front(entry);
        }
    }

    pub(super) fn resize(&mut self, most: usize) {
        self.most = most;
        self.make_room(0);
    }

    fn make_room(&mut self, wanted: usize) {
        while self.size + wanted > self.most {
            let Some(oldest) = self.entries.pop_back() else { return };
            self.size -= oldest.size();
        }
    }
}

/// Whether two values take the same space in the table. A value that is too long for the table takes none.
pub(super) fn same_room(one: usize, other: usize) -> bool {
    one == other || one.min(other) > TABLE
}
