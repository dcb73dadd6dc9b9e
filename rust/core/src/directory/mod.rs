//! A directory in one version: an ordered map, key -> one or more values.
//!
//! All of it is persistent: cloning a [`Directory`] costs a few reference counts, and a write to a clone copies only
//! the path that it touches. Nothing here knows of transactions; `transaction::edit` makes every change, and keeps
//! the journal of them.
//!
//! Invariants (`check.rs` holds the code):
//! 1. `rows` has a live row for a key exactly if the key has values, stamped with the tick of its last change.
//! 2. `tombs.queue` has an entry `(removed, key)` for each tombstone among the rows and for each life in
//!    `tombs.earlier`; between transactions none is older than the directory's readers need.
//! 3. A derived directory's rows are what its units gave, by source, or their fold (`derived.rs`).

mod derived;
mod lazy;
mod previous;
mod row;

pub use derived::{Arrow, Fold, Op, Outputs, Range, Upper};
pub(crate) use derived::{Class, Derived, Folding, Group, Member, Outs, Pending, Ranked, Trail, Trails, united};
pub(crate) use lazy::{Freshness, Lazy, Memo};
pub(crate) use previous::{Mirror, Mirrors};
pub use row::ValueVec;
pub(crate) use row::{Content, Lives, Row, Source, Vals};

use std::fmt;
use std::sync::Arc;

use crate::context::{Generation, Reader};
use crate::tick::Tick;
use crate::tick_map::TickMap;
use crate::value::Host;
use crate::{Key, NameId};

/// The kind of a directory as its user sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirKind {
    Input,
    Derived,
    Previous,
    Lazy,
}

/// What is run when a directory was made or removed.
#[derive(Debug)]
pub struct Hooks<H: Host> {
    pub on_create: Option<H::Code>,
    pub on_delete: Option<H::Code>,
}

/// The large kinds stand apart: most directories are inputs, and come and go by the million.
pub(crate) enum Kind<H: Host> {
    Input(Option<Arc<Hooks<H>>>),
    Derived(Box<Derived<H>>),
    /// Of this directory.
    Previous(NameId),
    Lazy(Box<Lazy<H>>),
}

impl<H: Host> Clone for Kind<H> {
    fn clone(&self) -> Self {
        match self {
            Kind::Input(hooks) => Kind::Input(hooks.clone()),
            Kind::Derived(derived) => Kind::Derived(derived.clone()),
            Kind::Previous(of) => Kind::Previous(*of),
            Kind::Lazy(lazy) => Kind::Lazy(lazy.clone()),
        }
    }
}

/// Who made a directory.
#[derive(Clone, Debug)]
pub(crate) enum Owners {
    /// Code outside of mappers.
    Top,
    /// A mapper at work on a key.
    One(Reader),
    /// Several, of a shared directory.
    Many(TickMap<Reader, (), ()>),
}

impl Owners {
    pub(crate) const fn is_top(&self) -> bool {
        matches!(self, Owners::Top)
    }

    pub(crate) fn contains(&self, reader: &Reader) -> bool {
        match self {
            Owners::Top => false,
            Owners::One(owner) => owner == reader,
            Owners::Many(owners) => owners.contains_key(reader),
        }
    }

    pub(crate) fn only(&self, reader: &Reader) -> bool {
        match self {
            Owners::Top => false,
            Owners::One(owner) => owner == reader,
            Owners::Many(owners) => owners.len() == 1 && owners.contains_key(reader),
        }
    }

    pub(crate) fn with(&self, reader: &Reader) -> Self {
        let mut owners = if let Owners::Many(owners) = self {
            owners.clone()
        } else {
            TickMap::from_sorted(self.readers().into_iter().map(|owner| (owner.clone(), (), ())))
        };
        owners.set(reader.clone(), (), ());
        Owners::Many(owners)
    }

    /// The owners without this one; `None` where nobody is left.
    pub(crate) fn without(&self, reader: &Reader) -> Option<Self> {
        match self {
            Owners::One(_) | Owners::Top => (!self.only(reader)).then(|| self.clone()),
            Owners::Many(owners) => {
                let mut owners = owners.clone();
                owners.remove(reader);
                (!owners.is_empty()).then_some(Owners::Many(owners))
            }
        }
    }

    pub(crate) fn readers(&self) -> Vec<Reader> {
        match self {
            Owners::Top => Vec::new(),
            Owners::One(owner) => vec![owner.clone()],
            Owners::Many(owners) => owners.iter().map(|(owner, ..)| owner.clone()).collect(),
        }
    }
}

/// Tombstones of keys that a reader still needs: by stamp, and the lives before a key's last.
#[derive(Clone, Default)]
pub(crate) struct KeyTombs {
    /// The epoch (`Work::epoch`) in which the journal noted what they were; later edits of it need not be noted.
    pub(crate) noted: Generation,
    pub(crate) queue: TickMap<(Tick, Key), (), ()>,
    pub(crate) earlier: TickMap<Key, Lives, ()>,
}

impl fmt::Debug for KeyTombs {
    /// Without what the journal noted, which is none of its content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyTombs").field("queue", &self.queue).field("earlier", &self.earlier).finish_non_exhaustive()
    }
}

pub(crate) struct Directory<H: Host> {
    pub(crate) generation: Generation,
    /// The generation in which it was made, and not only made anew because what it derives from was: which directory
    /// it is, for the forks of a store.
    pub(crate) origin: Generation,
    pub(crate) created: Tick,
    /// Since when the name is there, over the generations of one transaction.
    pub(crate) there_since: Tick,
    /// Above the heights of all its parents and of the directory whose mapper made it: the order of the cascade.
    pub(crate) height: u32,
    pub(crate) owners: Owners,
    pub(crate) rows: TickMap<Key, Row<H::Value>>,
    /// 1 + the largest stamp of a key ever purged.
    pub(crate) floor: Tick,
    pub(crate) tombs: Option<Arc<KeyTombs>>,
    pub(crate) kind: Kind<H>,
}

impl<H: Host> Clone for Directory<H> {
    fn clone(&self) -> Self {
        Directory {
            generation: self.generation,
            origin: self.origin,
            created: self.created,
            there_since: self.there_since,
            height: self.height,
            owners: self.owners.clone(),
            rows: self.rows.clone(),
            floor: self.floor,
            tombs: self.tombs.clone(),
            kind: self.kind.clone(),
        }
    }
}

impl<H: Host> Directory<H> {
    pub(crate) const fn kind(&self) -> DirKind {
        match self.kind {
            Kind::Input(_) => DirKind::Input,
            Kind::Derived(_) => DirKind::Derived,
            Kind::Previous(_) => DirKind::Previous,
            Kind::Lazy(_) => DirKind::Lazy,
        }
    }

    pub(crate) const fn derived(&self) -> Option<&Derived<H>> {
        if let Kind::Derived(derived) = &self.kind { Some(derived) } else { None }
    }

    pub(crate) const fn derived_mut(&mut self) -> Option<&mut Derived<H>> {
        if let Kind::Derived(derived) = &mut self.kind { Some(derived) } else { None }
    }

    /// The arrows into this directory; none into an input directory.
    pub(crate) fn arrows(&self) -> &[Arrow<H>] {
        self.derived().map_or(&[], |derived| &derived.arrows)
    }

    /// The live row of a key.
    pub(crate) fn content(&self, key: &Key) -> Option<&Content<H::Value>> {
        self.rows.get(key).and_then(Row::content)
    }

    /// The directories that this one is mapped from.
    pub(crate) fn parents(&self) -> impl Iterator<Item = NameId> {
        self.arrows().iter().map(|arrow| arrow.parent)
    }
}

/// Inclusive bounds as the standard library has them; `None` where the range holds nothing.
pub(crate) fn bounds<'a>(lo: &'a Key, hi: &'a Upper) -> Option<(std::ops::Bound<&'a Key>, std::ops::Bound<&'a Key>)> {
    use std::ops::Bound::{Included, Unbounded};
    match hi {
        Upper::Key(hi) if hi < lo => None,
        Upper::Key(hi) => Some((Included(lo), Included(hi))),
        Upper::Open => Some((Included(lo), Unbounded)),
    }
}

impl<H: Host> Directory<H> {
    /// Rows in a range of keys, tombstones among them. O(log n) to start.
    pub(crate) fn rows_between<'a>(
        &'a self,
        lo: &'a Key,
        hi: &'a Upper,
    ) -> impl Iterator<Item = (&'a Key, &'a Row<H::Value>)> {
        bounds(lo, hi).into_iter().flat_map(|range| self.rows.range::<Key, _>(range)).map(|(key, _, row)| (key, row))
    }
}

impl<H: Host> Directory<H> {
    /// A life of a key that is not live any more which a reader at `since` knew, and which ended later.
    pub(crate) fn was_there(&self, key: &Key, since: Tick) -> bool {
        if let Some((_, &removed, Row::Deleted { since: from })) = self.rows.get_entry(key)
            && *from < since
            && since <= removed
        {
            return true;
        }
        let lives = self.tombs.as_ref().and_then(|tombs| tombs.earlier.get(key));
        lives.is_some_and(|lives| lives.0.iter().any(|&(from, removed)| from < since && since <= removed))
    }
}
