//! `TickMap`: an ordered persistent map with time in it.
//!
//! A B+tree of small nodes behind [`Arc`]. Every entry bears a *stamp*, normally the [`Tick`] at which it last
//! changed, and every subtree knows the largest stamp in it, so that [`TickMap::changes_since`] walks only what
//! changed. A value may be a *tombstone* ([`Held::is_live`] answers false): its entry stays in the map, in order and
//! with its stamp, and is left out of [`len`](TickMap::len), [`rank`](TickMap::rank) and [`nth`](TickMap::nth).
//!
//! The stamp need not be time. With the upper bounds of intervals as stamps and their lower bounds in the keys,
//! `changes_since_up_to(point, Included(point))` answers which intervals hold the point. With `()` it costs no memory.
//!
//! *Persistence.* Cloning is one reference count. A write copies the nodes on its path that are shared with a clone, and
//! edits in place those that are not; a write that finds nothing to do (an absent key, [`TickMap::set_with`] that
//! declines) copies nothing. No write runs a destructor of a value: what leaves the map is handed to the caller.
//!
//! # Invariants
//!
//! With `n` for a node, `c` for a child slot of an inner node:
//!
//! 1. Order: keys ascend strictly along the leaves.
//! 2. Depth: all leaves are equally deep.
//! 3. Fill: `n.len() <= CAP` for all; `n.len() >= MIN` for all but the root and the nodes on the right edge, where
//!    ascending inserts have just begun a new node, and `n.len() >= 1` there. An inner root has at least 2 children.
//! 4. Bounds: `c[i].first <= min(keys of c[i])`, and `max(keys of c[i]) < c[i + 1].first`.
//! 5. Summaries: `c.max == max(stamps of c)`, `c.live == |live entries of c|`, `c.total == |entries of c|`. The map
//!    itself keeps `live` and `total` of the root, and the number of its leaves and inner nodes.
//! 6. Room: a node below the root has capacity `CAP`, the root any power of two that it needs. A map with no entry has
//!    no node.
//!
//! 7. Recent: where a stamp is one word, `n` notes its largest stamp, which of its items bear it, and a smaller stamp after
//!    which no other is.
//!
//! [`TickMap::check_invariants`] checks just these.
//!
//! # Files
//!
//! `node` what a tree is made of, `items` the vector in a node, `lookup` by key and by position (`sought` where
//! to look first, `place` where a key was found), `edit` writes (`put`
//! adds and replaces, `remove` takes out, `run` sets many in the order of their keys), `range` iteration in key order,
//! `diff` what changed (since a stamp, between two versions), `check` the invariants as code.

mod ahead;
mod check;
mod diff;
mod edit;
mod items;
mod lookup;
mod node;
mod owned;
mod place;
mod put;
mod range;
mod remove;
mod run;
mod sought;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod tests;

use std::borrow::Borrow;
use std::fmt;
use std::ops::{Bound, RangeBounds};
use triomphe::Arc;

pub use self::diff::{Changes, Diff, DiffItem};
pub use self::edit::SetOutcome;
pub use self::lookup::Finger;
use self::node::{Node, Slot};
pub use self::place::Place;
pub use self::range::{Iter, Walk};
pub use self::run::{Run, Step};
pub use self::sought::Sought;
use crate::tick::Tick;

/// What a map holds.
pub trait Held {
    /// Whether the entry counts; a tombstone answers false.
    fn is_live(&self) -> bool {
        true
    }
}

impl Held for () {}

/// An ordered persistent map whose every subtree knows the largest stamp in it. See the [module](self).
pub struct TickMap<K, V, T = Tick> {
    root: Option<Arc<Node<K, V, T>>>,
    live: usize,
    total: usize,
    leaves: u32,
    inners: u32,
}

impl<K, V, T> TickMap<K, V, T> {
    /// A map without entries. Allocates nothing.
    pub const fn new() -> Self {
        TickMap { root: None, live: 0, total: 0, leaves: 0, inners: 0 }
    }

    /// The number of live entries. O(1).
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether no entry is live; there may be tombstones. O(1).
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The number of entries, tombstones among them. O(1).
    pub fn total(&self) -> usize {
        self.total
    }

    /// Whether both are the same tree in memory, and so equal. O(1).
    pub fn ptr_eq(&self, other: &Self) -> bool {
        self.root.as_ref().map(Arc::as_ptr) == other.root.as_ref().map(Arc::as_ptr)
    }

    /// The number of leaves and of inner nodes. O(1).
    pub fn nodes(&self) -> (usize, usize) {
        (self.leaves as usize, self.inners as usize)
    }

    /// About how many bytes the nodes take, those shared with clones too, but not what keys and values own. O(1).
    pub fn bytes(&self) -> usize {
        let Some(root) = &self.root else { return 0 };
        let (mut leaves, mut inners) = self.nodes();
        // Below the root every node has the full capacity (invariant 6); only the root must be asked.
        match **root {
            Node::Leaf(_) => leaves -= 1,
            Node::Inner(_) => inners -= 1,
        }
        root.bytes() + leaves * Node::<K, V, T>::FULL_LEAF + inners * Node::<K, V, T>::FULL_INNER
    }

    /// All entries in key order, tombstones too. O(1) to start from either end but for the way down.
    pub fn iter(&self) -> Iter<'_, K, V, T> {
        Iter::new(self.root.as_deref(), 0, self.total)
    }

    /// The entry with the smallest key, be it a tombstone. O(log n).
    pub fn first(&self) -> Option<(&K, &T, &V)> {
        self.root.as_deref().and_then(Node::first).map(Slot::parts)
    }

    /// The entry with the largest key, be it a tombstone. O(log n).
    pub fn last(&self) -> Option<(&K, &T, &V)> {
        self.root.as_deref().and_then(Node::last).map(Slot::parts)
    }

    /// The live entry with `i` live entries before it. O(log n).
    pub fn nth(&self, i: usize) -> Option<(&K, &T, &V)>
    where
        V: Held,
    {
        self.root.as_deref()?.nth_live(i).map(Slot::parts)
    }

    /// The largest stamp. O(1): it looks at the root node.
    pub fn max_stamp(&self) -> Option<&T>
    where
        T: Ord + Clone,
    {
        self.root.as_deref().and_then(Node::max)
    }
}

impl<K: Sought, V, T> TickMap<K, V, T> {
    fn slot<Q: Sought + ?Sized>(&self, key: &Q) -> Option<&Slot<K, V, T>>
    where
        K: Borrow<Q>,
    {
        self.root.as_deref()?.find(key)
    }

    /// The value of a key, be it a tombstone. O(log n).
    pub fn get<Q: Sought + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.slot(key).map(|slot| &slot.value)
    }

    /// Key (the object in the map), stamp and value. O(log n).
    pub fn get_entry<Q: Sought + ?Sized>(&self, key: &Q) -> Option<(&K, &T, &V)>
    where
        K: Borrow<Q>,
    {
        self.slot(key).map(Slot::parts)
    }

    /// Where the key stands, or would, for [`TickMap::set_at`] and [`TickMap::value_at`]; and the stamp and value that are
    /// there. `guess`: where it may stand. O(log n), with one comparison where the guess is right.
    pub fn locate(&self, key: &K, guess: Option<&Place>) -> (Place, Option<(&T, &V)>)
    where
        V: Held,
    {
        let Some(root) = self.root.as_deref() else { return (Place::ROOT, None) };
        if let Some(guess) = guess
            && let Some(slot) = root.guessed(key, guess)
        {
            let mut place = *guess;
            place.arrive(Ok(guess.at().unwrap_or_else(|at| at)), slot.value.is_live());
            return (place, Some(slot.state()));
        }
        let (place, slot) = root.locate(key);
        (place, slot.map(Slot::state))
    }

    /// The value of a key that may stand in this place, be it a tombstone. O(log n), with one comparison where it does.
    pub fn get_from(&self, key: &K, guess: Option<&Place>) -> Option<&V> {
        let root = self.root.as_deref()?;
        let guessed = guess.and_then(|guess| root.guessed(key, guess));
        guessed.or_else(|| root.find(key)).map(|slot| &slot.value)
    }

    /// Whether there is an entry, be it a tombstone. O(log n).
    pub fn contains_key<Q: Sought + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.slot(key).is_some()
    }

    /// Finds the entries of ascending keys, from the last one on.
    pub fn finger(&self) -> Finger<'_, K, V, T> {
        Finger::new(self.root.as_deref())
    }

    /// The number of live entries with a smaller key. O(log n).
    pub fn rank<Q: Sought + ?Sized>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
        V: Held,
    {
        self.root.as_deref().map_or(0, |root| root.live_before(key))
    }

    /// The entries of a range in key order, tombstones too. O(log n) to start. A range that ends before it starts has
    /// no entry.
    pub fn range<Q: Sought + ?Sized, R: RangeBounds<Q>>(&self, range: R) -> Iter<'_, K, V, T>
    where
        K: Borrow<Q>,
    {
        let (start, end) = self.span(range.start_bound(), range.end_bound());
        Iter::new(self.root.as_deref(), start, end)
    }

    /// As [`TickMap::iter`], but owned, so that no borrow of the map is held: it goes on over this version whatever is
    /// written meanwhile. O(1) to start.
    pub fn walk(&self, reversed: bool) -> Walk<K, V, T> {
        Walk::new(self.root.clone(), 0, self.total, reversed)
    }

    /// As [`TickMap::range`], but owned, see [`TickMap::walk`].
    pub fn walk_range<Q: Sought + ?Sized, R: RangeBounds<Q>>(&self, range: R, reversed: bool) -> Walk<K, V, T>
    where
        K: Borrow<Q>,
    {
        let (start, end) = self.span(range.start_bound(), range.end_bound());
        Walk::new(self.root.clone(), start, end, reversed)
    }

    /// The positions, among all entries, at which a range starts and ends.
    fn span<Q: Sought + ?Sized>(&self, low: Bound<&Q>, high: Bound<&Q>) -> (usize, usize)
    where
        K: Borrow<Q>,
    {
        let Some(root) = self.root.as_deref() else { return (0, 0) };
        let start = match low {
            Bound::Unbounded => 0,
            Bound::Included(key) => root.entries_before(key, false),
            Bound::Excluded(key) => root.entries_before(key, true),
        };
        (start, self.end(high))
    }

    fn end<Q: Sought + ?Sized>(&self, high: Bound<&Q>) -> usize
    where
        K: Borrow<Q>,
    {
        match (self.root.as_deref(), high) {
            (None, _) | (_, Bound::Unbounded) => self.total,
            (Some(root), Bound::Included(key)) => root.entries_before(key, true),
            (Some(root), Bound::Excluded(key)) => root.entries_before(key, false),
        }
    }

    /// The entries stamped `since` or later, in key order: O((c + 1) log n) for `c` of them.
    pub fn changes_since(&self, since: &T) -> Changes<'_, K, V, T>
    where
        T: Ord + Clone,
    {
        Changes::new(self.root.as_deref(), since.clone(), None)
    }

    /// As [`TickMap::changes_since`], up to a key: O((c + 1) log n).
    pub fn changes_since_up_to<Q: Sought + ?Sized>(&self, since: &T, upper: Bound<&Q>) -> Changes<'_, K, V, T>
    where
        K: Borrow<Q>,
        T: Ord + Clone,
    {
        Changes::new(self.root.as_deref(), since.clone(), Some(self.end(upper)))
    }

    /// The keys whose entries may differ in a newer version (any other map will do), in order, with the entry here and
    /// there. Subtrees that both share are skipped; what stands in nodes of its own is yielded, so that the caller must
    /// still compare. O((c + 1) log n) for `c` entries in nodes that are not shared.
    pub fn diff<'a>(&'a self, newer: &'a Self) -> Diff<'a, K, V, T> {
        Diff::new(self.root.as_ref(), newer.root.as_ref())
    }
}

impl<K, V, T> Clone for TickMap<K, V, T> {
    fn clone(&self) -> Self {
        TickMap { root: self.root.clone(), ..*self }
    }
}

impl<K, V, T> Default for TickMap<K, V, T> {
    fn default() -> Self {
        TickMap::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug, T: fmt::Debug> fmt::Debug for TickMap<K, V, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(key, stamp, value)| (key, (stamp, value)))).finish()
    }
}

impl<'a, K, V, T> IntoIterator for &'a TickMap<K, V, T> {
    type Item = (&'a K, &'a T, &'a V);
    type IntoIter = Iter<'a, K, V, T>;

    fn into_iter(self) -> Iter<'a, K, V, T> {
        self.iter()
    }
}
