//! Finding: by key, and by position among the live or among all entries.
//!
//! One comparison for each step of a search. A key below the bound of the first child is below the whole subtree
//! (invariant 4), so that a miss there ends at once. The library's branchless binary search was the fastest up to 10,000
//! entries, on 24-byte enum keys; one with branches gains a third where 300,000 entries miss the cache, a linear one too.

use std::borrow::Borrow;

use super::node::{Child, Node, Slot};
use super::place::Place;
use super::sought::{begun_before, place};
use super::{Held, Sought};

/// Where the key stands in a leaf, or else where it would.
pub(super) fn search<K, V, T, Q>(slots: &[Slot<K, V, T>], key: &Q) -> Result<usize, usize>
where
    K: Borrow<Q>,
    Q: Sought + ?Sized,
{
    match place(slots, key) {
        Some(at) => Ok(at),
        None => slots.binary_search_by(|slot| slot.key.borrow().cmp(key)),
    }
}

/// How many children begin at or before the key. The last of them is where the key belongs; if there is none, the key
/// is below all that is here.
pub(super) fn begun<K, V, T, Q>(children: &[Child<K, V, T>], key: &Q) -> usize
where
    K: Borrow<Q>,
    Q: Sought + ?Sized,
{
    match begun_before(children, key) {
        Some(begun) => begun,
        None => children.partition_point(|child| child.first.borrow().cmp(key).is_le()),
    }
}

impl<K, V, T> Node<K, V, T> {
    /// Where the key stands, or would, and its slot if there is one.
    pub(super) fn locate<Q>(&self, key: &Q) -> (Place, Option<&Slot<K, V, T>>)
    where
        K: Borrow<Q>,
        V: Held,
        Q: Sought + ?Sized,
    {
        let mut place = Place::ROOT;
        let mut node = self;
        loop {
            match node {
                Node::Leaf(slots) => {
                    let at = search(slots, key);
                    let slot = at.ok().and_then(|at| slots.get(at));
                    place.arrive(at, slot.is_some_and(|slot| slot.value.is_live()));
                    return (place, slot);
                }
                Node::Inner(children) => {
                    let begun = begun(children, key);
                    place.step(begun);
                    node = &children[begun.saturating_sub(1)].node;
                }
            }
        }
    }

    pub(super) fn find<Q>(&self, key: &Q) -> Option<&Slot<K, V, T>>
    where
        K: Borrow<Q>,
        Q: Sought + ?Sized,
    {
        let mut node = self;
        loop {
            match node {
                Node::Leaf(slots) => return slots.get(search(slots, key).ok()?),
                Node::Inner(children) => node = &children.get(begun(children, key).checked_sub(1)?)?.node,
            }
        }
    }

    /// How many entries stand before the key, or before what follows it if `past`.
    pub(super) fn entries_before<Q>(&self, key: &Q, past: bool) -> usize
    where
        K: Borrow<Q>,
        Q: Sought + ?Sized,
    {
        let mut node = self;
        let mut before = 0;
        loop {
            match node {
                Node::Leaf(slots) => {
                    return before + search(slots, key).map_or_else(|at| at, |at| at + usize::from(past));
                }
                Node::Inner(children) => {
                    let Some(at) = begun(children, key).checked_sub(1) else { return before };
                    before += children[..at].iter().map(|child| child.total).sum::<usize>();
                    node = &children[at].node;
                }
            }
        }
    }

    /// How many live entries stand before the key.
    pub(super) fn live_before<Q>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
        V: Held,
        Q: Sought + ?Sized,
    {
        let mut node = self;
        let mut before = 0;
        loop {
            match node {
                Node::Leaf(slots) => {
                    let (Ok(at) | Err(at)) = search(slots, key);
                    return before + slots[..at].iter().filter(|slot| slot.value.is_live()).count();
                }
                Node::Inner(children) => {
                    let Some(at) = begun(children, key).checked_sub(1) else { return before };
                    before += children[..at].iter().map(|child| child.live).sum::<usize>();
                    node = &children[at].node;
                }
            }
        }
    }

    /// The live entry with `i` live ones before it.
    pub(super) fn nth_live(&self, mut i: usize) -> Option<&Slot<K, V, T>>
    where
        V: Held,
    {
        let mut node = self;
        loop {
            match node {
                Node::Leaf(slots) => return slots.iter().filter(|slot| slot.value.is_live()).nth(i),
                Node::Inner(children) => {
                    let at = skip(children, &mut i, |child| child.live)?;
                    node = &children.get(at)?.node;
                }
            }
        }
    }

    pub(super) fn first(&self) -> Option<&Slot<K, V, T>> {
        let mut node = self;
        loop {
            match node {
                Node::Leaf(slots) => return slots.first(),
                Node::Inner(children) => node = &children.first()?.node,
            }
        }
    }

    pub(super) fn last(&self) -> Option<&Slot<K, V, T>> {
        let mut node = self;
        loop {
            match node {
                Node::Leaf(slots) => return slots.last(),
                Node::Inner(children) => node = &children.last()?.node,
            }
        }
    }

    /// The number of levels of inner nodes.
    pub(super) fn height(&self) -> usize {
        let mut node = self;
        let mut height = 0;
        while let Node::Inner(children) = node {
            let Some(child) = children.first() else { break };
            node = &child.node;
            height += 1;
        }
        height
    }
}

/// The child with the `i`-th of what `count` counts; `i` becomes the position in it.
pub(super) fn skip<K, V, T>(
    children: &[Child<K, V, T>],
    i: &mut usize,
    count: impl Fn(&Child<K, V, T>) -> usize,
) -> Option<usize> {
    children.iter().position(|child| {
        let here = count(child);
        let found = *i < here;
        if !found {
            *i -= here;
        }
        found
    })
}

/// Finds entries of ascending keys: a search begins where the last one ended, and at the root only where that leaf has no
/// more. O(1) for a neighbour, at most O(log n).
pub struct Finger<'a, K, V, T> {
    root: Option<&'a Node<K, V, T>>,
    /// What is left of the leaf of the last search.
    rest: &'a [Slot<K, V, T>],
}

impl<'a, K: Sought, V, T> Finger<'a, K, V, T> {
    pub(super) fn new(root: Option<&'a Node<K, V, T>>) -> Self {
        Finger { root, rest: &[] }
    }

    /// The value of a key, which must be larger than that of the search before.
    pub fn seek(&mut self, key: &K) -> Option<&'a V> {
        if self.rest.last().is_none_or(|last| last.key < *key) {
            self.rest = self.leaf(key)?;
        }
        let found = match self.rest.first() {
            Some(slot) if slot.key == *key => Ok(0),
            _ => search(self.rest, key),
        };
        let (at, slot) = match found {
            Ok(at) => (at + 1, self.rest.get(at)),
            Err(at) => (at, None),
        };
        self.rest = self.rest.get(at..)?;
        slot.map(|slot| &slot.value)
    }

    /// The leaf in which the key stands, if it is there.
    fn leaf(&self, key: &K) -> Option<&'a [Slot<K, V, T>]> {
        let mut node = self.root?;
        loop {
            match node {
                Node::Leaf(slots) => return Some(slots),
                Node::Inner(children) => node = &children.get(begun(children, key).checked_sub(1)?)?.node,
            }
        }
    }
}
