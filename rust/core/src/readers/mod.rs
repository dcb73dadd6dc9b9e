//! Who still needs to be told: the positions of readers, and the horizon.
//!
//! A reader of the store needs the tombstones of directories, a reader of a directory those of its keys. The horizon
//! of either is the smallest position among its readers, kept and not searched: positions are counted in ordered maps.

mod changes;

pub use changes::{Changes, DirChanges};

use std::collections::BTreeMap;

use crate::context::NameId;
use crate::store::Store;
use crate::tick::Tick;
use crate::value::Host;

/// Positions, and how many readers stand at each.
type Positions = BTreeMap<Tick, usize>;

#[derive(Debug, Default)]
pub(crate) struct Readers {
    of_dirs: Positions,
    of_keys: BTreeMap<NameId, Positions>,
}

impl Readers {
    /// The smallest position of a reader of the store, or `None`.
    pub(crate) fn horizon_of_dirs(&self) -> Option<Tick> {
        self.of_dirs.keys().next().copied()
    }

    /// The smallest position of a reader of this directory, or `None`.
    pub(crate) fn horizon_of_keys(&self, id: NameId) -> Option<Tick> {
        self.of_keys.get(&id)?.keys().next().copied()
    }

    /// The smallest position of any reader.
    pub(crate) fn horizon(&self) -> Option<Tick> {
        let of_keys = self.of_keys.values().filter_map(|positions| positions.keys().next().copied()).min();
        self.horizon_of_dirs().into_iter().chain(of_keys).min()
    }

    /// A reader of the store (`None`) or of a directory now stands at a position.
    pub(crate) fn enter(&mut self, of: Option<NameId>, at: Tick) {
        let positions = match of {
            None => &mut self.of_dirs,
            Some(id) => self.of_keys.entry(id).or_default(),
        };
        *positions.entry(at).or_insert(0) += 1;
    }

    /// A reader no longer stands at that position.
    pub(crate) fn leave(&mut self, of: Option<NameId>, at: Tick) {
        let positions = match of {
            None => Some(&mut self.of_dirs),
            Some(id) => self.of_keys.get_mut(&id),
        };
        let Some(positions) = positions else { return };
        if let Some(count) = positions.get_mut(&at) {
            *count -= 1;
            if *count == 0 {
                positions.remove(&at);
            }
        }
        if let Some(id) = of
            && self.of_keys.get(&id).is_some_and(BTreeMap::is_empty)
        {
            self.of_keys.remove(&id);
        }
    }
}

impl<H: Host> Store<H> {
    /// A reader of the store (`None`) or of a directory now stands at a position: what was removed at that tick or later
    /// is kept for it. To be entered at the tick of the last commit. O(log readers).
    pub fn enter_reader(&mut self, of: Option<NameId>, at: Tick) {
        self.readers.enter(of, at);
    }

    /// A reader no longer stands at a position; one that moves on enters the new position first. What nobody needs any
    /// more goes at once, or where a transaction is open, at its end. O(log n) for each tombstone that goes.
    pub fn leave_reader(&mut self, of: Option<NameId>, at: Tick) {
        self.readers.leave(of, at);
        self.purge_deleted_dirs();
    }
}
