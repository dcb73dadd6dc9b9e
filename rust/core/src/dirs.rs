//! The state map: which directories there are, which were removed, and the purge of what nobody needs to know.
//!
//! # Definitions
//! * `state`: interned name -> [`Slot`], stamped with the tick of the directory's last change. A slot is a live
//!   directory, the tombstone [`DeletedDir`] of one that was removed, or neither (`Absent`: the name is in use by an
//!   arrow or a dependency, not by a directory).
//! * A *life* of a name is a pair (there since, removed). The last life of a removed name is its tombstone; those
//!   before it, and those of a name that is live again, stand in `earlier`.
//! * `names`: the hash of a name -> interned name (`names.rs`). It has no order: all of them are listed, in order, now and
//!   then, and found one by one all the time.
//! * `queue`: (stamp, name) of each tombstone and each earlier life, so that the purge takes a prefix.
//! * `floor` = 1 + the largest stamp ever purged.
//!
//! # Invariants
//! 1. `queue` = { (stamp, name) of each `DeletedDir` } + { (removed, name) of each life in `earlier` }.
//! 2. Each stamp in `queue` is at least `floor`: a reader at `since >= floor` finds every removal since then.
//! 3. A slot that is `Absent` is in use by an arrow or a dependency.
//! 4. `names` and `state` hold the same names.
//!
//! # The purge
//! `purge(horizon)` removes every life that ended before the horizon: for a reader at position p, it was told of a
//! removal stamped r already exactly if r < p, and the horizon is the smallest position. So it takes the prefix of
//! `queue` below the horizon, at O(log n) each, and looks at nothing else. `SKStore` never did this.

use triomphe::Arc;

use crate::context::NameId;
use crate::directory::Directory;
use crate::name::Name;
use crate::names::Names;
use crate::tick::{FIRST, Tick};
use crate::tick_map::{Held, TickMap};
use crate::value::Host;

/// What stands in the state map for a removed directory; the entry's stamp is the tick of the removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeletedDir {
    /// From which tick the name was there.
    pub(crate) since: Tick,
}

pub(crate) enum State<H: Host> {
    Live(Arc<Directory<H>>),
    Deleted(DeletedDir),
    Absent,
}

pub(crate) struct Slot<H: Host> {
    pub(crate) name: Name,
    pub(crate) state: State<H>,
}

impl<H: Host> Clone for Slot<H> {
    fn clone(&self) -> Self {
        let state = match &self.state {
            State::Live(directory) => State::Live(Arc::clone(directory)),
            State::Deleted(deleted) => State::Deleted(*deleted),
            State::Absent => State::Absent,
        };
        Slot { name: self.name.clone(), state }
    }
}

impl<H: Host> Held for Slot<H> {
    fn is_live(&self) -> bool {
        matches!(self.state, State::Live(_))
    }
}

impl Held for NameId {}

pub(crate) struct Dirs<H: Host> {
    pub(crate) names: Names,
    pub(crate) state: TickMap<NameId, Slot<H>>,
    pub(crate) earlier: TickMap<(NameId, Tick), Since, ()>,
    pub(crate) queue: TickMap<(Tick, NameId), (), ()>,
    pub(crate) floor: Tick,
}

/// From which tick an earlier life of a name was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Since(pub(crate) Tick);

impl Held for Since {}

impl<H: Host> Clone for Dirs<H> {
    fn clone(&self) -> Self {
        Dirs {
            names: self.names.clone(),
            state: self.state.clone(),
            earlier: self.earlier.clone(),
            queue: self.queue.clone(),
            floor: self.floor,
        }
    }
}

impl<H: Host> Dirs<H> {
    pub(crate) fn new() -> Self {
        Dirs {
            names: Names::new(),
            state: TickMap::new(),
            earlier: TickMap::new(),
            queue: TickMap::new(),
            floor: FIRST,
        }
    }

    /// The number of a name that is interned. O(log n), and as much again for each other name of its hash.
    pub(crate) fn id(&self, name: &Name) -> Option<NameId> {
        self.names.of_hash(name.hash()).find(|&id| self.name(id) == Some(name))
    }

    pub(crate) fn get(&self, id: NameId) -> Option<&Directory<H>> {
        match &self.state.get(&id)?.state {
            State::Live(directory) => Some(directory),
            _ => None,
        }
    }

    pub(crate) fn slot(&self, id: NameId) -> Option<&Slot<H>> {
        self.state.get(&id)
    }

    /// The name behind a number that is in use.
    pub(crate) fn name(&self, id: NameId) -> Option<&Name> {
        self.state.get(&id).map(|slot| &slot.name)
    }

    /// Interns a name under a number that is free, or frees it.
    pub(crate) fn set_name(&mut self, name: &Name, id: NameId, is_used: bool) {
        if is_used {
            self.names.insert(name.hash(), id);
        } else {
            self.names.remove(name.hash(), id);
        }
    }

    /// The names that are interned, in the order in which they were.
    pub(crate) fn each_name(&self) -> impl Iterator<Item = (&Name, NameId)> {
        self.state.iter().map(|(&id, _, slot)| (&slot.name, id))
    }

    /// Live directories in the order in which their names were interned.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Name, NameId, &Directory<H>)> {
        self.state.iter().filter_map(|(&id, _, slot)| match &slot.state {
            State::Live(directory) => Some((&slot.name, id, &**directory)),
            State::Deleted(_) | State::Absent => None,
        })
    }

    /// Names of live directories that `is_shown` lets through, in order, the first so many. O(n), and O(log n) for each
    /// that is answered, less where they were made in order.
    pub(crate) fn in_order(&self, most: usize, is_shown: impl Fn(&Name, NameId) -> bool) -> Vec<(&Name, NameId)> {
        let shown = self.iter().filter(|&(name, id, _)| is_shown(name, id));
        let mut names: Vec<(&Name, NameId)> = shown.map(|(name, id, _)| (name, id)).collect();
        if most < names.len() {
            names.select_nth_unstable(most);
            names.truncate(most);
        }
        names.sort();
        names
    }

    /// A life of a name that is not live any more, or is again, which a reader at `since` knew and which ended later.
    pub(crate) fn was_there(&self, id: NameId, since: Tick) -> bool {
        if let Some((_, &removed, slot)) = self.state.get_entry(&id)
            && let State::Deleted(deleted) = slot.state
            && deleted.since < since
            && since <= removed
        {
            return true;
        }
        self.earlier.range(&(id, since)..=&(id, Tick::MAX)).any(|(_, (), life)| life.0 < since)
    }
}
