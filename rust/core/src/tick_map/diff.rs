//! What changed: since a stamp ([`Changes`]), and between two versions ([`Diff`]).
//!
//! Both walk a tree from left to right and leave out whole subtrees: the one those whose largest stamp is too early,
//! the other those that both versions hold in the same memory.

use std::cmp::Ordering;
use std::iter::FusedIterator;
use std::slice;
use triomphe::Arc;

use super::Sought;
use super::items::below;
use super::node::{Child, Node, Slot};

/// The entries stamped `since` or later, in key order.
pub struct Changes<'a, K, V, T> {
    since: T,
    path: Vec<Todo<'a, Child<K, V, T>>>,
    leaf: Todo<'a, Slot<K, V, T>>,
    /// Where it is to stop before the end.
    stop: Option<Stop>,
}

/// Items of a node, and a bit for each of them that has yet to be looked at.
struct Todo<'a, E> {
    items: &'a [E],
    left: u32,
}

impl<'a, E> Todo<'a, E> {
    fn next(&mut self) -> Option<&'a E> {
        let at = self.left.trailing_zeros() as usize;
        let item = self.items.get(at)?;
        self.left &= self.left - 1;
        Some(item)
    }
}

/// How many entries stand before what is next on the path, and before which position to stop.
struct Stop {
    position: usize,
    end: usize,
}

impl<'a, K, V, T: Ord> Changes<'a, K, V, T> {
    pub(super) fn new(root: Option<&'a Node<K, V, T>>, since: T, end: Option<usize>) -> Self {
        let stop = end.map(|end| Stop { position: 0, end });
        let mut changes = Changes { since, path: Vec::new(), leaf: Todo { items: &[], left: 0 }, stop };
        if let Some(root) = root {
            changes.enter(root);
        }
        changes
    }

    fn enter(&mut self, node: &'a Node<K, V, T>) {
        match node {
            Node::Leaf(slots) => {
                let mut left = slots.stamped_since(&self.since);
                if let Some(stop) = &mut self.stop {
                    left &= below(stop.end - stop.position);
                    stop.position += slots.len();
                }
                self.leaf = Todo { items: slots, left };
            }
            Node::Inner(children) => {
                // Who counts entries must see those too that are left out.
                let left = if self.stop.is_some() { children.all() } else { children.stamped_since(&self.since) };
                self.path.push(Todo { items: children, left });
            }
        }
    }
}

impl<'a, K, V, T: Ord> Iterator for Changes<'a, K, V, T> {
    type Item = (&'a K, &'a T, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while let Some(slot) = self.leaf.next() {
                if slot.stamp >= self.since {
                    return Some(slot.parts());
                }
            }
            if self.stop.as_ref().is_some_and(|stop| stop.position >= stop.end) {
                return None;
            }
            match (self.path.last_mut()?.next(), &mut self.stop) {
                (None, _) => drop(self.path.pop()),
                (Some(child), Some(stop)) if child.max < self.since => stop.position += child.total,
                (Some(child), _) if child.max < self.since => {}
                (Some(child), _) => self.enter(&child.node),
            }
        }
    }
}

impl<K, V, T: Ord> FusedIterator for Changes<'_, K, V, T> {}

/// A key, and its stamp and value in the one version and in the other.
pub type DiffItem<'a, K, V, T> = (&'a K, Option<(&'a T, &'a V)>, Option<(&'a T, &'a V)>);

/// The keys whose entries may differ between two versions, in order.
///
/// Each side is a sequence of subtrees and entries, and only its head is opened. A subtree that both versions share is
/// equally high in both and begins at the same key; so the side that begins earlier is opened first, and of two that
/// begin at the same key the higher one. Then the two heads of a shared subtree meet unopened, whatever the shapes of
/// the trees around it.
pub struct Diff<'a, K, V, T> {
    older: Side<'a, K, V, T>,
    newer: Side<'a, K, V, T>,
}

struct Side<'a, K, V, T> {
    path: Vec<slice::Iter<'a, Child<K, V, T>>>,
    leaf: slice::Iter<'a, Slot<K, V, T>>,
    height: usize,
    head: Option<Head<'a, K, V, T>>,
}

enum Head<'a, K, V, T> {
    /// A subtree with its height and its first entry, which is exact where the bound in its parent need not be.
    Tree(usize, &'a Slot<K, V, T>, &'a Arc<Node<K, V, T>>),
    Entry(&'a Slot<K, V, T>),
}

impl<'a, K, V, T> Head<'a, K, V, T> {
    fn tree(height: usize, node: &'a Arc<Node<K, V, T>>) -> Option<Self> {
        Some(Head::Tree(height, node.first()?, node))
    }

    fn key(&self) -> &'a K {
        let (Head::Tree(_, slot, _) | Head::Entry(slot)) = self;
        &slot.key
    }
}

impl<'a, K, V, T> Side<'a, K, V, T> {
    fn new(root: Option<&'a Arc<Node<K, V, T>>>) -> Self {
        let height = root.map_or(0, |root| root.height());
        let head = root.and_then(|root| Head::tree(height, root));
        Side { path: Vec::new(), leaf: [].iter(), height, head }
    }

    /// Leaves the head behind.
    fn advance(&mut self) {
        self.head = self.leaf.next().map(Head::Entry);
        while self.head.is_none()
            && let Some(children) = self.path.last_mut()
        {
            if let Some(child) = children.next() {
                self.head = Head::tree(self.height - self.path.len(), &child.node);
            } else {
                self.path.pop();
            }
        }
    }

    /// Puts what is in a subtree in its place.
    fn open(&mut self, node: &'a Node<K, V, T>) {
        match node {
            Node::Leaf(slots) => self.leaf = slots.iter(),
            Node::Inner(children) => self.path.push(children.iter()),
        }
        self.advance();
    }

    /// Opens the head if it is a subtree, else takes the entry.
    fn take(&mut self) -> Option<&'a Slot<K, V, T>> {
        match *self.head.as_ref()? {
            Head::Tree(_, _, node) => {
                self.open(node);
                None
            }
            Head::Entry(slot) => {
                self.advance();
                Some(slot)
            }
        }
    }
}

impl<'a, K, V, T> Diff<'a, K, V, T> {
    pub(super) fn new(older: Option<&'a Arc<Node<K, V, T>>>, newer: Option<&'a Arc<Node<K, V, T>>>) -> Self {
        Diff { older: Side::new(older), newer: Side::new(newer) }
    }
}

impl<'a, K: Sought, V, T> Iterator for Diff<'a, K, V, T> {
    type Item = DiffItem<'a, K, V, T>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = match (&self.older.head, &self.newer.head) {
                (None, None) => return None,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(Head::Tree(_, _, old)), Some(Head::Tree(_, _, new))) if Arc::ptr_eq(old, new) => {
                    self.older.advance();
                    self.newer.advance();
                    continue;
                }
                (Some(old), Some(new)) => old.key().cmp(new.key()),
            };
            match order {
                Ordering::Less => {
                    if let Some(old) = self.older.take() {
                        return Some((&old.key, Some(old.state()), None));
                    }
                }
                Ordering::Greater => {
                    if let Some(new) = self.newer.take() {
                        return Some((&new.key, None, Some(new.state())));
                    }
                }
                Ordering::Equal => match (self.older.head.as_ref()?, self.newer.head.as_ref()?) {
                    // Two entries: a leaf that both trees have is opened on neither side. The first side to open it would do
                    // so beside a head that begins above it, which is past it, or at its own first key, which is a tree
                    // that holds it, and that is opened before.
                    (&Head::Entry(old), &Head::Entry(new)) => {
                        debug_assert!(!std::ptr::eq(old, new), "an entry of a leaf that both trees have");
                        self.older.advance();
                        self.newer.advance();
                        return Some((&new.key, Some(old.state()), Some(new.state())));
                    }
                    (&Head::Tree(high, _, old), &Head::Tree(low, _, new)) => {
                        if high >= low {
                            self.older.open(old);
                        }
                        if low >= high {
                            self.newer.open(new);
                        }
                    }
                    (&Head::Tree(_, _, old), Head::Entry(_)) => self.older.open(old),
                    (Head::Entry(_), &Head::Tree(_, _, new)) => self.newer.open(new),
                },
            }
        }
    }
}

impl<K: Sought, V, T> FusedIterator for Diff<'_, K, V, T> {}
