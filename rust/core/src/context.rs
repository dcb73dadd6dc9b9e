//! One version of the store is one value.
//!
//! A [`Context`] holds all that belongs to a version, in persistent maps: cloning it costs a few reference counts.
//! A snapshot keeps a clone; a transaction edits the context in place and keeps a journal by which a rollback, or a
//! reader that comes in the middle, goes back (`transaction/journal.rs`).

use std::cmp::Reverse;

use crate::Key;
use crate::directory::{Derived, Mirrors, Upper};
use crate::dirs::Dirs;
use crate::reads::Dependencies;
use crate::tick::{FIRST, Tick};
use crate::tick_map::TickMap;
use crate::value::Host;

/// An interned name. It stands for the name whether or not a directory bears it, and is freed with its last use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(pub(crate) u64);

impl NameId {
    /// Stands for the names of the store as a whole.
    pub(crate) const STORE: NameId = NameId(0);

    /// The number, for a host that remembers where it found a name.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// A number that [`NameId::get`] gave.
    #[must_use]
    pub const fn of(number: u64) -> Self {
        NameId(number)
    }
}

/// One life of a directory, unique among all stores of a family; 0 is none.
pub type Generation = u64;

/// A unit that reads: this key of this parent (`part` is the number of the arrow) of the derived directory `dir`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reader {
    pub(crate) dir: NameId,
    pub(crate) part: u16,
    pub(crate) key: Key,
}

/// A range of one arrow, found by the parent's keys that lie in it: the stamp of the map is the range's upper end, so
/// that the map is an interval index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ArrowKey {
    pub(crate) parent: NameId,
    /// `None`: from the first key.
    pub(crate) lo: Option<Key>,
    pub(crate) child: NameId,
    pub(crate) arrow: u16,
    pub(crate) range: u32,
}

pub(crate) type Arrows = TickMap<ArrowKey, (), (NameId, Upper)>;

/// Counts that a version keeps, so that nobody has to scan for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) dirs: usize,
    pub(crate) dir_tombstones: usize,
    pub(crate) key_tombstones: usize,
    pub(crate) keys: usize,
    pub(crate) purged: u64,
    /// Of directories, among these.
    pub(crate) purged_dirs: usize,
    pub(crate) next_name: u64,
    /// Names of previous directories that are interned.
    pub(crate) previous_names: usize,
    pub(crate) lazy_keys: usize,
    /// Transactions that the store has seen.
    pub(crate) transactions: u64,
}

pub(crate) struct Context<H: Host> {
    pub(crate) tick: Tick,
    #[cfg(feature = "mutants")]
    pub(crate) mutant: Option<crate::Mutant>,
    pub(crate) dirs: Dirs<H>,
    pub(crate) arrows: Arrows,
    pub(crate) dependencies: Dependencies,
    /// Directories with tombstones of keys, stamped with the oldest that the purge has yet to look at, and so found by
    /// it; those that it left to readers of their own it looks at no more.
    pub(crate) tombed: TickMap<NameId, (), Reverse<Tick>>,
    pub(crate) mirrors: Mirrors,
    /// Memos by when they were last read, but for those that were found to have readers then.
    pub(crate) uses: TickMap<(u64, NameId, Key), (), ()>,
    pub(crate) counts: Counts,
}

impl<H: Host> Clone for Context<H> {
    fn clone(&self) -> Self {
        Context {
            tick: self.tick,
            #[cfg(feature = "mutants")]
            mutant: self.mutant,
            dirs: self.dirs.clone(),
            arrows: self.arrows.clone(),
            dependencies: self.dependencies.clone(),
            tombed: self.tombed.clone(),
            mirrors: self.mirrors.clone(),
            uses: self.uses.clone(),
            counts: self.counts,
        }
    }
}

impl<H: Host> Context<H> {
    pub(crate) fn new() -> Self {
        Context {
            tick: FIRST,
            #[cfg(feature = "mutants")]
            mutant: None,
            dirs: Dirs::new(),
            arrows: Arrows::new(),
            dependencies: Dependencies::new(),
            tombed: TickMap::new(),
            mirrors: Mirrors::new(),
            uses: TickMap::new(),
            counts: Counts { next_name: 1, ..Counts::default() },
        }
    }

    pub(crate) fn derived(&self, id: NameId) -> Option<&Derived<H>> {
        self.dirs.get(id)?.derived()
    }

    /// The arrows that take this key of this parent. O(log n) for each.
    pub(crate) fn arrows_at(&self, parent: NameId, key: &Key) -> impl Iterator<Item = &ArrowKey> {
        let first = ArrowKey { parent, lo: None, child: NameId(0), arrow: 0, range: 0 };
        let last =
            ArrowKey { parent, lo: Some(key.clone()), child: NameId(u64::MAX), arrow: u16::MAX, range: u32::MAX };
        // Stamps of earlier parents are smaller than this one, so their subtrees are skipped.
        let since = (parent, Upper::Key(key.clone()));
        let parent = first.parent;
        self.arrows
            .changes_since_up_to(&since, std::ops::Bound::Included(&last))
            .map(|(arrow, ..)| arrow)
            .filter(move |arrow| arrow.parent == parent)
            .collect::<smallvec::SmallVec<[&ArrowKey; 4]>>()
            .into_iter()
    }

    /// The directories that derive from this name, each once.
    pub(crate) fn children(&self, parent: NameId) -> Vec<NameId> {
        let mut children: Vec<NameId> = self.arrows_of(parent).map(|arrow| arrow.child).collect();
        children.sort_unstable();
        children.dedup();
        children
    }

    /// The directories that derive from this name or from its previous directory, each once.
    pub(crate) fn heirs(&self, id: NameId) -> Vec<NameId> {
        let mut heirs = self.children(id);
        if let Some(mirror) = self.mirrors.get(&id) {
            heirs.extend(self.children(mirror.id));
            heirs.sort_unstable();
            heirs.dedup();
        }
        heirs
    }

    /// All ranges of all arrows from this name.
    pub(crate) fn arrows_of(&self, parent: NameId) -> impl Iterator<Item = &ArrowKey> {
        let first = ArrowKey { parent, lo: None, child: NameId(0), arrow: 0, range: 0 };
        self.arrows.range(&first..).map(|(arrow, ..)| arrow).take_while(move |arrow| arrow.parent == parent)
    }
}
