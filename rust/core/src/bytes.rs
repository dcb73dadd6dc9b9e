//! What a version of a store takes, in bytes: what its maps allocate, and what keys and values allocate beside them.
//!
//! Two parts. *Nodes*: of each map it is known without a look at its entries; so what the nodes of a directory take costs
//! O(arrows). *Heaps*: what an entry allocates beside its node: long keys, several values of a key, what a unit gave,
//! read and made, accumulators. Most entries have none, and no count is kept of it, since that would cost every write;
//! so they are summed up by a walk, O(entries). What several entries share is counted once ([`Seen`]).
//!
//! What two versions share (a store and a snapshot of it) counts in each. The user's values do not count, nor does what
//! the host allocates for code.

use std::collections::HashSet;
use std::sync::Arc;

use crate::context::{Context, NameId, Reader};
use crate::directory::{
    Arrow, Content, Derived, Directory, Folding, Group, Hooks, Kind, Lazy, Lives, Member, Memo, Mirror, Outs, Owners,
    Ranked, Row, Source, Trail, Trails, Upper, Vals,
};
use crate::key::{ARC_HEADER, Key};
use crate::reads::Tag;
use crate::tick::Tick;
use crate::tick_map::TickMap;
use crate::value::Host;

/// What has been counted of that which several may share.
#[derive(Debug)]
pub(crate) enum Seen {
    /// All of it counts again and again: an upper bound, without a search.
    Each,
    /// Each once, by address.
    Once(HashSet<usize>),
}

impl Seen {
    pub(crate) fn once() -> Self {
        Seen::Once(HashSet::new())
    }

    /// What an `Arc` takes: its counts and `own`, which is asked for what it holds unless that has been counted.
    pub(crate) fn arc<T: ?Sized>(&mut self, arc: &Arc<T>, own: impl FnOnce(&T, &mut Self) -> usize) -> usize {
        if let Seen::Once(seen) = self
            && Arc::strong_count(arc) > 1
            && !seen.insert(Arc::as_ptr(arc).cast::<()>().addr())
        {
            return 0;
        }
        ARC_HEADER + size_of_val::<T>(arc) + own(arc, self)
    }
}

/// What something allocates, besides its own size.
pub(crate) trait Heap {
    fn heap(&self, seen: &mut Seen) -> usize;
}

/// Of those that allocate nothing.
macro_rules! none {
    ($($of:ty),*) => {
        $(impl Heap for $of {
            fn heap(&self, _: &mut Seen) -> usize {
                0
            }
        })*
    };
}

none!((), u16, u32, u64, NameId);

impl<A: Heap, B: Heap> Heap for (A, B) {
    fn heap(&self, seen: &mut Seen) -> usize {
        self.0.heap(seen) + self.1.heap(seen)
    }
}

impl<A: Heap, B: Heap, C: Heap> Heap for (A, B, C) {
    fn heap(&self, seen: &mut Seen) -> usize {
        self.0.heap(seen) + self.1.heap(seen) + self.2.heap(seen)
    }
}

impl<T: Heap> Heap for Option<T> {
    fn heap(&self, seen: &mut Seen) -> usize {
        self.as_ref().map_or(0, |held| held.heap(seen))
    }
}

impl Heap for Key {
    fn heap(&self, seen: &mut Seen) -> usize {
        self.heap_once(seen)
    }
}

impl Heap for Upper {
    fn heap(&self, seen: &mut Seen) -> usize {
        match self {
            Upper::Key(key) => key.heap(seen),
            Upper::Open => 0,
        }
    }
}

impl Heap for Source {
    fn heap(&self, seen: &mut Seen) -> usize {
        self.key.heap(seen)
    }
}

impl Heap for Reader {
    fn heap(&self, seen: &mut Seen) -> usize {
        self.key.heap(seen)
    }
}

impl Heap for Tag {
    fn heap(&self, seen: &mut Seen) -> usize {
        match self {
            Tag::Key(key) => key.heap(seen),
            Tag::Range(lo, hi) => lo.heap(seen) + hi.heap(seen),
            Tag::Existence | Tag::Size | Tag::Emptiness | Tag::All => 0,
        }
    }
}

impl<V> Heap for Vals<V> {
    fn heap(&self, seen: &mut Seen) -> usize {
        match self {
            Vals::One(_) => 0,
            Vals::Many(values) => seen.arc(values, |values, _| values.capacity() * size_of::<V>()),
        }
    }
}

impl<V> Heap for Content<V> {
    fn heap(&self, seen: &mut Seen) -> usize {
        match self {
            Content::Plain(values) => values.heap(seen),
            Content::From(from) => seen.arc(from, Heap::heap),
            Content::Merged(by_source) => seen.arc(by_source, of_map),
        }
    }
}

impl<V> Heap for Row<V> {
    fn heap(&self, seen: &mut Seen) -> usize {
        self.content().map_or(0, |content| content.heap(seen))
    }
}

impl Heap for Lives {
    fn heap(&self, _: &mut Seen) -> usize {
        if self.0.spilled() { self.0.capacity() * size_of::<(Tick, Tick)>() } else { 0 }
    }
}

impl<V> Heap for Outs<V> {
    fn heap(&self, seen: &mut Seen) -> usize {
        match self {
            Outs::None => 0,
            Outs::One(key, _) => key.heap(seen),
            Outs::Many(outs) => seen.arc(outs, |outs, seen| {
                outs.capacity() * size_of::<(Key, V)>() + outs.iter().map(|(key, _)| key.heap(seen)).sum::<usize>()
            }),
        }
    }
}

impl Heap for Arc<Trail> {
    fn heap(&self, seen: &mut Seen) -> usize {
        seen.arc(self, |trail, seen| {
            let lists =
                trail.reads.capacity() * size_of::<(NameId, Tag)>() + trail.created.capacity() * size_of::<NameId>();
            lists + trail.reads.iter().map(|read| read.heap(seen)).sum::<usize>()
        })
    }
}

impl<V> Heap for Memo<V> {
    fn heap(&self, seen: &mut Seen) -> usize {
        self.content.heap(seen) + self.trail.heap(seen)
    }
}

impl<V> Heap for Group<V> {
    fn heap(&self, _: &mut Seen) -> usize {
        self.sum.as_ref().map_or(0, crate::number::ExactSum::heap_bytes)
    }
}

impl Heap for Ranked {
    fn heap(&self, seen: &mut Seen) -> usize {
        self.group.heap(seen) + self.rank.heap(seen) + self.source.heap(seen)
    }
}

impl<V> Heap for Member<V> {
    fn heap(&self, _: &mut Seen) -> usize {
        0
    }
}

impl Heap for Mirror {
    /// Nodes of the standard library's sets are half full when keys come in order.
    fn heap(&self, seen: &mut Seen) -> usize {
        seen.arc(&self.lag, |lag, seen| {
            2 * size_of::<Key>() * lag.len() + lag.iter().map(|key| key.heap(seen)).sum::<usize>()
        })
    }
}

/// The nodes of a map, and the heaps of its entries. O(entries).
fn of_map<K: Heap, V: Heap, T>(map: &TickMap<K, V, T>, seen: &mut Seen) -> usize {
    map.bytes() + of_entries(map, seen)
}

/// The heaps of its entries alone; stamps have none that the keys do not share.
fn of_entries<K: Heap, V: Heap, T>(map: &TickMap<K, V, T>, seen: &mut Seen) -> usize {
    map.iter().map(|(key, _, value)| key.heap(seen) + value.heap(seen)).sum()
}

fn spilled<A: smallvec::Array>(list: &smallvec::SmallVec<A>) -> usize {
    if list.spilled() { list.capacity() * size_of::<A::Item>() } else { 0 }
}

impl<H: Host> Directory<H> {
    /// Itself, its nodes, and what does not grow with its entries. O(arrows).
    pub(crate) fn node_bytes(&self) -> usize {
        let tombs = self
            .tombs
            .as_ref()
            .map_or(0, |tombs| ARC_HEADER + size_of_val(&**tombs) + tombs.queue.bytes() + tombs.earlier.bytes());
        let owners = match &self.owners {
            Owners::Top | Owners::One(_) => 0,
            Owners::Many(owners) => owners.bytes(),
        };
        let kind = match &self.kind {
            Kind::Input(hooks) => hooks.as_ref().map_or(0, |_| ARC_HEADER + size_of::<Hooks<H>>()),
            Kind::Previous(_) => 0,
            Kind::Derived(derived) => size_of::<Derived<H>>() + derived.node_bytes(),
            Kind::Lazy(lazy) => size_of::<Lazy<H>>() + lazy.memos.bytes(),
        };
        size_of::<usize>() + size_of::<Self>() + self.rows.bytes() + tombs + owners + kind
    }

    /// The heaps of its entries. O(entries).
    pub(crate) fn heap_bytes(&self, seen: &mut Seen) -> usize {
        let rows = of_entries(&self.rows, seen);
        let tombs =
            self.tombs.as_ref().map_or(0, |tombs| of_entries(&tombs.queue, seen) + of_entries(&tombs.earlier, seen));
        let kind = match &self.kind {
            Kind::Input(_) | Kind::Previous(_) => 0,
            Kind::Derived(derived) => derived.heap_bytes(seen),
            Kind::Lazy(lazy) => of_entries(&lazy.memos, seen),
        };
        rows + tombs + kind
    }
}

impl<H: Host> Derived<H> {
    fn node_bytes(&self) -> usize {
        let units: usize = self.units.iter().map(TickMap::bytes).sum::<usize>() + spilled(&self.units);
        let trails = self.trails.as_ref().map_or(0, |trails| {
            size_of::<Trails>() + spilled(trails) + trails.iter().map(TickMap::bytes).sum::<usize>()
        });
        let arrows = ARC_HEADER + size_of_val::<[Arrow<H>]>(&self.arrows);
        let within: usize = self
            .arrows
            .iter()
            .filter_map(|arrow| arrow.within.as_ref())
            .map(|ranges| ARC_HEADER + size_of_val::<[(Key, Upper)]>(ranges))
            .sum();
        let folding = self.folding.as_deref().map_or(0, |folding| {
            let members = folding.members.as_ref().map_or(0, TickMap::bytes);
            let nodes = folding.groups.bytes() + folding.sorted.bytes() + folding.pending.bytes() + members;
            size_of::<Folding<H>>() + nodes
        });
        units + trails + arrows + within + folding + spilled(&self.parent_generations)
    }

    fn heap_bytes(&self, seen: &mut Seen) -> usize {
        let units: usize = self.units.iter().map(|units| of_entries(units, seen)).sum();
        let trails = self.trails.iter().flat_map(|trails| trails.iter());
        let trails: usize = trails.map(|trails| of_entries(trails, seen)).sum();
        let folding = self.folding.as_deref().map_or(0, |folding| {
            let members = folding.members.as_ref().map_or(0, |members| of_entries(members, seen));
            // Nothing is pending between transactions.
            let lists = of_entries(&folding.sorted, seen);
            of_entries(&folding.groups, seen) + lists + members
        });
        units + trails + folding
    }
}

impl<H: Host> Context<H> {
    /// All that the version takes. O(entries).
    pub(crate) fn bytes(&self) -> usize {
        let mut seen = Seen::once();
        let dirs: usize = self.dirs.state.iter().map(|(id, ..)| self.node_bytes_of(*id)).sum();
        self.node_bytes_beside_dirs() + dirs + self.heap_bytes(&mut seen)
    }

    /// The heaps of all directories, and of what there is beside them. O(entries).
    pub(crate) fn heap_bytes(&self, seen: &mut Seen) -> usize {
        let dirs: usize = self.dirs.iter().map(|(.., directory)| directory.heap_bytes(seen)).sum();
        let beside = self.dependencies.heap_bytes(seen) + of_entries(&self.uses, seen);
        dirs + beside + of_entries(&self.mirrors, seen)
    }

    /// A name and what bears it, but for heaps. O(arrows).
    pub(crate) fn node_bytes_of(&self, id: NameId) -> usize {
        let name = self.dirs.name(id).map_or(0, crate::Name::heap_bytes);
        name + self.dirs.get(id).map_or(0, Directory::node_bytes)
    }

    /// The nodes of what there is beside the directories. O(1).
    pub(crate) fn node_bytes_beside_dirs(&self) -> usize {
        let dirs = &self.dirs;
        let maps = dirs.names.bytes() + dirs.state.bytes() + dirs.earlier.bytes() + dirs.queue.bytes();
        let reads = self.dependencies.bytes() + self.uses.bytes();
        maps + reads + self.arrows.bytes() + self.tombed.bytes() + self.mirrors.bytes()
    }
}
