//! Where in memory things stand that are read soon, so that they can be fetched ahead.
//!
//! Of a large tree the leaves are far from the processor, each in two pieces: its head, which a parent points to, and its
//! entries, which the head points to. The inner nodes are few, and near. So an address is found without a look at what is far:
//! of the leaf from its parent, of the entry from the head, once that has come. Both are guesses, and nothing depends on them.

use triomphe::Arc;

use super::lookup::begun;
use super::node::{Child, Node};
use super::place::Place;
use super::{Sought, TickMap};

impl<K, V, T> Node<K, V, T> {
    /// The last child on the way to a place; none if this is the leaf.
    fn last_child(&self, place: &Place) -> Option<&Child<K, V, T>> {
        let (mut node, mut last) = (self, None);
        for &begun in place.begun() {
            let Node::Inner(children) = node else { return None };
            let child = children.get(usize::from(begun).saturating_sub(1))?;
            // The last of them is not looked into.
            (node, last) = (&child.node, Some(child));
        }
        last
    }
}

impl<K, V, T> Child<K, V, T> {
    fn leaf_address(&self) -> usize {
        Arc::as_ptr(&self.node).addr()
    }

    fn entry_address(&self, at: usize) -> Option<usize> {
        let Node::Leaf(slots) = &*self.node else { return None };
        slots.get(at).map(|slot| std::ptr::from_ref(slot).addr())
    }
}

impl<K, V, T> TickMap<K, V, T> {
    /// Of the leaf of a place of any map, which is not read.
    pub fn leaf_address(&self, place: &Place) -> Option<usize> {
        self.root.as_deref()?.last_child(place).map(Child::leaf_address)
    }

    /// Of the entry in a place of any map.
    pub fn entry_address(&self, place: &Place) -> Option<usize> {
        self.root.as_deref()?.last_child(place)?.entry_address(place.at_most())
    }

    /// The same of keys. O(log n).
    pub fn ahead(&self) -> Option<Ahead<'_, K, V, T>> {
        let root = self.root.as_deref()?;
        Some(Ahead { root, height: root.height() })
    }
}

/// See [`TickMap::ahead`].
pub struct Ahead<'a, K, V, T> {
    root: &'a Node<K, V, T>,
    height: usize,
}

impl<'a, K: Sought, V, T> Ahead<'a, K, V, T> {
    /// The leaf in which the key belongs; none where the map is one leaf, or begins behind the key.
    pub fn leaf(&self, key: &K) -> Option<Leaf<'a, K, V, T>> {
        let (mut node, mut last) = (self.root, None);
        for _ in 0..self.height {
            let Node::Inner(children) = node else { return None };
            let child = children.get(begun(children, key).checked_sub(1)?)?;
            (node, last) = (&child.node, Some(child));
        }
        last.map(Leaf)
    }
}

/// A leaf that is not read yet.
pub struct Leaf<'a, K, V, T>(&'a Child<K, V, T>);

impl<K: Sought, V, T> Leaf<'_, K, V, T> {
    /// Where it begins.
    pub fn address(&self) -> usize {
        self.0.leaf_address()
    }

    /// Where the key is looked for first: this reads the head.
    pub fn entry_address(&self, key: &K) -> Option<usize> {
        let at = match (key.number(), self.0.first.number()) {
            (Some(number), Some(first)) => usize::try_from(number.wrapping_sub(first).cast_unsigned()).ok()?,
            _ => self.0.node.len() / 2,
        };
        self.0.entry_address(at)
    }
}
