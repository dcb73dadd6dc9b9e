//! Tracked reads: what a unit read, and who has to run again when that changes.
//!
//! A read is noted as finely as it can be ([`Tag`]); every read of a directory is also one of its existence.
//! [`Dependencies`] finds, for a change, the units that read what changed, in O(log n + found). Each unit keeps its own
//! reads (`Trail`), so that they can be taken back.
//!
//! Invariants: the two directions agree, that is, `dependencies` holds (directory, tag, reader) exactly if the trail
//! of the reader's unit has (directory, tag); and every reader in it is a unit of a live directory.

mod access;

pub use access::{Rows, Values, View};

use crate::Key;
use crate::bytes::{Heap, Seen};
use crate::context::{NameId, Reader};
use crate::directory::Upper;
use crate::tick_map::TickMap;

/// What was read of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tag {
    /// Whether it is there, and its kind.
    Existence,
    /// Its number of keys.
    Size,
    /// Whether it has any key.
    Emptiness,
    /// All of it.
    All,
    /// The values of one key.
    Key(Key),
    /// The keys of a range, and their values.
    Range(Key, Upper),
}

/// What a change of a row concerns, besides the reads of that key, of ranges that hold it, and of all rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// Live rows before and after.
    pub(crate) before: usize,
    pub(crate) after: usize,
}

impl Tag {
    /// Does a change of this key concern one who read this?
    pub(crate) fn concerns(&self, key: &Key, change: Change) -> bool {
        match self {
            Tag::Existence => false,
            Tag::Size => change.before != change.after,
            Tag::Emptiness => (change.before == 0) != (change.after == 0),
            Tag::All => true,
            Tag::Key(read) => read == key,
            Tag::Range(lo, hi) => lo <= key && !matches!(hi, Upper::Key(hi) if hi < key),
        }
    }
}

type Ranges = TickMap<(NameId, Key, Upper, Reader), (), (NameId, Upper)>;

/// Who read what, by what was read.
#[derive(Clone, Debug)]
pub(crate) struct Dependencies {
    /// All but ranges.
    points: TickMap<(NameId, Tag, Reader), (), ()>,
    /// Ranges by their lower end, stamped with the upper: an interval index.
    ranges: Ranges,
}

/// The least of readers.
fn least() -> Reader {
    Reader { dir: NameId(0), part: 0, key: Key::NONE }
}

fn least_range(dir: NameId) -> (NameId, Key, Upper, Reader) {
    (dir, Key::NONE, Upper::Key(Key::NONE), least())
}

impl Dependencies {
    pub(crate) const fn new() -> Self {
        Dependencies { points: TickMap::new(), ranges: TickMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.points.total() + self.ranges.total()
    }

    /// What its nodes take. O(1).
    pub(crate) fn bytes(&self) -> usize {
        self.points.bytes() + self.ranges.bytes()
    }

    /// What its keys allocate beside them. O(reads).
    pub(crate) fn heap_bytes(&self, seen: &mut Seen) -> usize {
        let points: usize = self.points.iter().map(|((_, tag, reader), ..)| tag.heap(seen) + reader.heap(seen)).sum();
        let ranges =
            self.ranges.iter().map(|((_, lo, hi, reader), ..)| lo.heap(seen) + hi.heap(seen) + reader.heap(seen));
        points + ranges.sum::<usize>()
    }

    pub(crate) fn add(&mut self, dir: NameId, tag: &Tag, reader: &Reader) {
        match tag {
            Tag::Range(lo, hi) => {
                let key = (dir, lo.clone(), hi.clone(), reader.clone());
                self.ranges.set(key, (dir, hi.clone()), ());
            }
            _ => drop(self.points.set((dir, tag.clone(), reader.clone()), (), ())),
        }
    }

    pub(crate) fn remove(&mut self, dir: NameId, tag: &Tag, reader: &Reader) {
        match tag {
            Tag::Range(lo, hi) => drop(self.ranges.remove(&(dir, lo.clone(), hi.clone(), reader.clone()))),
            _ => drop(self.points.remove(&(dir, tag.clone(), reader.clone()))),
        }
    }

    /// Every read: of what, and whose.
    pub(crate) fn each(&self) -> impl Iterator<Item = (NameId, Tag, Reader)> {
        let points = self.points.iter().map(|((dir, tag, reader), ..)| (*dir, tag.clone(), reader.clone()));
        let ranges = self
            .ranges
            .iter()
            .map(|((dir, lo, hi, reader), ..)| (*dir, Tag::Range(lo.clone(), hi.clone()), reader.clone()));
        points.chain(ranges)
    }

    pub(crate) fn check_maps(&self) -> std::result::Result<(), String> {
        self.points.check_invariants()?;
        self.ranges.check_invariants()
    }

    /// Whether anyone reads anything of this name.
    pub(crate) fn any(&self, dir: NameId) -> bool {
        if self.len() == 0 {
            return false;
        }
        let first = (dir, Tag::Existence, least());
        self.points.range(&first..).next().is_some_and(|((id, ..), ..)| *id == dir)
            || self.ranges.range(&least_range(dir)..).next().is_some_and(|((id, ..), ..)| *id == dir)
    }

    /// Those who read this key of this directory, by itself.
    pub(crate) fn readers_of_key(&self, dir: NameId, key: &Key) -> Vec<Reader> {
        let first = (dir, Tag::Key(key.clone()), least());
        let found = self.points.range(&first..).take_while(|((id, tag, _), ..)| *id == dir && *tag == first.1);
        found.map(|((.., reader), ..)| reader.clone()).collect()
    }

    /// Everyone who reads anything of this name.
    pub(crate) fn all(&self, dir: NameId) -> Vec<Reader> {
        if self.len() == 0 {
            return Vec::new();
        }
        let first = (dir, Tag::Existence, least());
        let points = self.points.range(&first..).take_while(|((id, ..), ..)| *id == dir).map(|((.., r), ..)| r);
        let first = least_range(dir);
        let ranges = self.ranges.range(&first..).take_while(|((id, ..), ..)| *id == dir).map(|((.., r), ..)| r);
        points.chain(ranges).cloned().collect()
    }

    /// Shows those whom a change of this key of this directory concerns. Ask first whether there are
    /// [any](Dependencies::any).
    pub(crate) fn each_concerned(&self, dir: NameId, key: &Key, change: Change, mut found: impl FnMut(&Reader)) {
        let mut read = |tag: Tag| {
            let first = (dir, tag, least());
            let readers = self.points.range(&first..).take_while(|((id, tag, _), ..)| *id == dir && *tag == first.1);
            readers.for_each(|((.., reader), ..)| found(reader));
        };
        if change.before != change.after {
            read(Tag::Size);
        }
        if (change.before == 0) != (change.after == 0) {
            read(Tag::Emptiness);
        }
        read(Tag::All);
        read(Tag::Key(key.clone()));
        if self.ranges.total() == 0 {
            return;
        }
        // Every reader whose range begins at or before the key and does not end before it.
        let above = Reader { dir: NameId(u64::MAX), part: u16::MAX, key: Key::NONE };
        let since = (dir, Upper::Key(key.clone()));
        let last = (dir, key.clone(), Upper::Open, above);
        let ranges = self.ranges.changes_since_up_to(&since, std::ops::Bound::Included(&last));
        ranges.filter(|((id, ..), ..)| *id == dir).for_each(|((.., reader), ..)| found(reader));
    }
}
