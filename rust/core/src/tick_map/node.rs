//! What a tree is made of: nodes, the slots of a leaf, the children of an inner node with their summaries.
//!
//! A node is one vector behind an `Arc`, grown by doubling and never past `CAP`, so that a map of one entry takes room
//! for one. A write to a shared path copies the neighbours of what it touches, and their reference counts are nearly all of
//! its cost: more to a node are dearer to copy, and fewer make the tree deeper.

use triomphe::Arc;

use super::Held;
use super::items::{Items, Stamped};

/// Most entries of a leaf and children of an inner node. Tiny in tests, so that splits and merges happen.
pub(super) const CAP: usize = if cfg!(any(test, feature = "small-nodes")) { 4 } else { 32 };

/// Least of them, away from the root and the right edge. A quarter, not half: between a split and a merge lie then
/// several writes, whatever their order.
pub(super) const MIN: usize = if CAP / 4 > 2 { CAP / 4 } else { 2 };

/// Two neighbours are merged if they have no more than this together, and evened out otherwise.
pub(super) const MERGED: usize = CAP - CAP / 4;

/// An entry.
#[derive(Clone)]
pub(super) struct Slot<K, V, T> {
    pub(super) key: K,
    pub(super) stamp: T,
    pub(super) value: V,
}

impl<K, V, T> Slot<K, V, T> {
    pub(super) fn parts(&self) -> (&K, &T, &V) {
        (&self.key, &self.stamp, &self.value)
    }

    pub(super) fn state(&self) -> (&T, &V) {
        (&self.stamp, &self.value)
    }
}

/// A subtree, as its parent knows it.
pub(super) struct Child<K, V, T> {
    /// Lower bound of the keys below: not above the smallest, and above all keys of the child before.
    pub(super) first: K,
    /// The largest stamp below.
    pub(super) max: T,
    pub(super) live: usize,
    pub(super) total: usize,
    pub(super) node: Arc<Node<K, V, T>>,
}

impl<K: Clone, V, T: Clone> Clone for Child<K, V, T> {
    fn clone(&self) -> Self {
        Child { first: self.first.clone(), max: self.max.clone(), node: Arc::clone(&self.node), ..*self }
    }
}

impl<K, V, T> Stamped<T> for Slot<K, V, T> {
    fn stamp(&self) -> &T {
        &self.stamp
    }
}

impl<K, V, T> Stamped<T> for Child<K, V, T> {
    fn stamp(&self) -> &T {
        &self.max
    }
}

pub(super) enum Node<K, V, T> {
    Leaf(Items<Slot<K, V, T>, T>),
    Inner(Items<Child<K, V, T>, T>),
}

impl<K: Clone, V: Clone, T: Clone> Clone for Node<K, V, T> {
    fn clone(&self) -> Self {
        match self {
            Node::Leaf(slots) => Node::Leaf(slots.clone()),
            Node::Inner(children) => Node::Inner(children.clone()),
        }
    }
}

impl<K, V, T> Node<K, V, T> {
    /// An `Arc`'s two counts and the node itself.
    const HEAD: usize = 2 * size_of::<usize>() + size_of::<Self>();
    pub(super) const FULL_LEAF: usize = Self::HEAD + CAP * size_of::<Slot<K, V, T>>();
    pub(super) const FULL_INNER: usize = Self::HEAD + CAP * size_of::<Child<K, V, T>>();

    pub(super) fn len(&self) -> usize {
        match self {
            Node::Leaf(slots) => slots.len(),
            Node::Inner(children) => children.len(),
        }
    }

    /// Entries or children that there is room for.
    pub(super) fn capacity(&self) -> usize {
        match self {
            Node::Leaf(slots) => slots.capacity(),
            Node::Inner(children) => children.capacity(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let each = match self {
            Node::Leaf(_) => size_of::<Slot<K, V, T>>(),
            Node::Inner(_) => size_of::<Child<K, V, T>>(),
        };
        Self::HEAD + self.capacity().min(CAP) * each
    }

    pub(super) fn max(&self) -> Option<&T>
    where
        T: Ord + Clone,
    {
        match self {
            Node::Leaf(slots) => slots.max(),
            Node::Inner(children) => children.max(),
        }
    }

    /// Whether nothing below is known to be stamped later, see [`Items::is_newest`].
    pub(super) fn is_newest(&self, stamp: &T) -> bool
    where
        T: Ord + Clone,
    {
        match self {
            Node::Leaf(slots) => slots.is_newest(stamp),
            Node::Inner(children) => children.is_newest(stamp),
        }
    }

    pub(super) fn live(&self) -> usize
    where
        V: Held,
    {
        match self {
            Node::Leaf(slots) => slots.iter().filter(|slot| slot.value.is_live()).count(),
            Node::Inner(children) => children.iter().map(|child| child.live).sum(),
        }
    }

    pub(super) fn total(&self) -> usize {
        match self {
            Node::Leaf(slots) => slots.len(),
            Node::Inner(children) => children.iter().map(|child| child.total).sum(),
        }
    }

    /// A lower bound of the keys, as good as is known here.
    pub(super) fn bound(&self) -> Option<&K> {
        match self {
            Node::Leaf(slots) => slots.first().map(|slot| &slot.key),
            Node::Inner(children) => children.first().map(|child| &child.first),
        }
    }
}

impl<K: Clone, V: Held, T: Ord + Clone> Child<K, V, T> {
    /// The summary of a subtree; none of an empty one, which no tree has.
    pub(super) fn over(node: Arc<Node<K, V, T>>) -> Option<Self> {
        let first = node.bound()?.clone();
        let max = node.max()?.clone();
        Some(Child { first, max, live: node.live(), total: node.total(), node })
    }

    /// Makes the summary true after entries moved in or out, however many.
    pub(super) fn summarize(&mut self) {
        self.live = self.node.live();
        self.total = self.node.total();
        self.recompute_max();
    }

    pub(super) fn recompute_max(&mut self) {
        if let Some(max) = self.node.max() {
            self.max.clone_from(max);
        }
    }

    /// One entry below is stamped `new` now and was stamped `old`. Time goes forward as a rule, and then one comparison
    /// does; only when the largest stamp itself was lowered must the node be looked through.
    pub(super) fn restamped(&mut self, new: &T, old: Option<&T>) {
        if *new > self.max {
            self.max.clone_from(new);
        } else if *new < self.max && old == Some(&self.max) {
            self.recompute_max();
        }
    }
}
