//! Iteration in key order, borrowed ([`Iter`]) and owned ([`Walk`]).
//!
//! A range is a span of positions among all entries. Its two ends are found by key once; from then on no key is
//! compared, the length is known, and the two ends of a double-ended iteration meet by counting.

use std::iter::FusedIterator;
use std::slice;
use triomphe::Arc;

use super::lookup::skip;
use super::node::{Child, Node, Slot};

/// The entries of a range, lazily, from both ends. Yields key, stamp and value.
pub struct Iter<'a, K, V, T> {
    root: Option<&'a Node<K, V, T>>,
    start: usize,
    end: usize,
    front: Option<Cursor<'a, K, V, T>>,
    back: Option<Cursor<'a, K, V, T>>,
}

/// What is left of the nodes on the path from the root to the present leaf.
struct Cursor<'a, K, V, T> {
    path: Vec<slice::Iter<'a, Child<K, V, T>>>,
    leaf: slice::Iter<'a, Slot<K, V, T>>,
}

impl<'a, K, V, T> Iter<'a, K, V, T> {
    /// The entries at the positions from `start` to before `end`.
    pub(super) fn new(root: Option<&'a Node<K, V, T>>, start: usize, end: usize) -> Self {
        Iter { root, start, end: end.max(start), front: None, back: None }
    }
}

impl<'a, K, V, T> Iterator for Iter<'a, K, V, T> {
    type Item = (&'a K, &'a T, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        if self.start == self.end {
            return None;
        }
        if self.front.is_none() {
            self.front = Some(Cursor::from(self.root?, self.start)?);
        }
        self.start += 1;
        self.front.as_mut()?.next().map(Slot::parts)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.start;
        (left, Some(left))
    }
}

impl<K, V, T> DoubleEndedIterator for Iter<'_, K, V, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.start == self.end {
            return None;
        }
        if self.back.is_none() {
            self.back = Some(Cursor::through(self.root?, self.end - 1)?);
        }
        self.end -= 1;
        self.back.as_mut()?.next_back().map(Slot::parts)
    }
}

impl<K, V, T> ExactSizeIterator for Iter<'_, K, V, T> {}
impl<K, V, T> FusedIterator for Iter<'_, K, V, T> {}

impl<'a, K, V, T> Cursor<'a, K, V, T> {
    /// At the entry with `i` before it, to go forward.
    fn from(root: &'a Node<K, V, T>, mut i: usize) -> Option<Self> {
        let mut path = Vec::new();
        let mut node = root;
        loop {
            match node {
                Node::Leaf(slots) => return Some(Cursor { path, leaf: slots.get(i..)?.iter() }),
                Node::Inner(children) => {
                    let at = skip(children, &mut i, |child| child.total)?;
                    path.push(children[at + 1..].iter());
                    node = &children[at].node;
                }
            }
        }
    }

    /// Past the entry with `i` before it, to go back.
    fn through(root: &'a Node<K, V, T>, mut i: usize) -> Option<Self> {
        let mut path = Vec::new();
        let mut node = root;
        loop {
            match node {
                Node::Leaf(slots) => return Some(Cursor { path, leaf: slots.get(..=i)?.iter() }),
                Node::Inner(children) => {
                    let at = skip(children, &mut i, |child| child.total)?;
                    path.push(children[..at].iter());
                    node = &children[at].node;
                }
            }
        }
    }

    fn next(&mut self) -> Option<&'a Slot<K, V, T>> {
        loop {
            if let Some(slot) = self.leaf.next() {
                return Some(slot);
            }
            let Some(child) = self.path.last_mut()?.next() else {
                self.path.pop();
                continue;
            };
            let mut node = &*child.node;
            while let Node::Inner(children) = node {
                let (first, rest) = children.split_first()?;
                self.path.push(rest.iter());
                node = &first.node;
            }
            if let Node::Leaf(slots) = node {
                self.leaf = slots.iter();
            }
        }
    }

    fn next_back(&mut self) -> Option<&'a Slot<K, V, T>> {
        loop {
            if let Some(slot) = self.leaf.next_back() {
                return Some(slot);
            }
            let Some(child) = self.path.last_mut()?.next_back() else {
                self.path.pop();
                continue;
            };
            let mut node = &*child.node;
            while let Node::Inner(children) = node {
                let (last, rest) = children.split_last()?;
                self.path.push(rest.iter());
                node = &last.node;
            }
            if let Node::Leaf(slots) = node {
                self.leaf = slots.iter();
            }
        }
    }
}

/// The entries of a range of one version, owned: clones of key, stamp and value. It holds its version until it ends
/// or is dropped, so that writes meanwhile copy what they touch.
pub struct Walk<K, V, T> {
    root: Option<Arc<Node<K, V, T>>>,
    /// The nodes from the root to the present leaf, with the position in each. Empty before the first step.
    path: Vec<Step<K, V, T>>,
    start: usize,
    end: usize,
    reversed: bool,
}

type Step<K, V, T> = (Arc<Node<K, V, T>>, usize);

impl<K, V, T> Walk<K, V, T> {
    pub(super) fn new(root: Option<Arc<Node<K, V, T>>>, start: usize, end: usize, reversed: bool) -> Self {
        Walk { root, path: Vec::new(), start, end: end.max(start), reversed }
    }

    /// Goes down to the entry with `i` before it.
    fn seek(&mut self, mut i: usize) -> Option<()> {
        let mut node = self.root.take()?;
        loop {
            let (at, below) = match &*node {
                Node::Leaf(_) => (i, None),
                Node::Inner(children) => {
                    let at = skip(children, &mut i, |child| child.total)?;
                    (at, Some(Arc::clone(&children[at].node)))
                }
            };
            self.path.push((node, at));
            match below {
                Some(below) => node = below,
                None => return Some(()),
            }
        }
    }

    /// Goes to the neighbour: up until there is one, then down to the leaf.
    fn step(&mut self) -> Option<()> {
        loop {
            let (node, at) = self.path.last_mut()?;
            let next = if self.reversed { at.checked_sub(1) } else { Some(*at + 1) };
            match next.filter(|next| *next < node.len()) {
                Some(next) => {
                    *at = next;
                    break;
                }
                None => self.path.pop(),
            };
        }
        loop {
            let (node, at) = self.path.last()?;
            let Node::Inner(children) = &**node else { return Some(()) };
            let below = Arc::clone(&children.get(*at)?.node);
            let entry = if self.reversed { below.len().checked_sub(1)? } else { 0 };
            self.path.push((below, entry));
        }
    }
}

impl<K: Clone, V: Clone, T: Clone> Iterator for Walk<K, V, T> {
    type Item = (K, T, V);

    fn next(&mut self) -> Option<(K, T, V)> {
        if self.start == self.end {
            self.root = None;
            self.path.clear();
            return None;
        }
        if self.path.is_empty() {
            self.seek(if self.reversed { self.end - 1 } else { self.start })?;
        } else {
            self.step()?;
        }
        if self.reversed {
            self.end -= 1;
        } else {
            self.start += 1;
        }
        let (leaf, at) = self.path.last()?;
        let Node::Leaf(slots) = &**leaf else { return None };
        slots.get(*at).cloned().map(|Slot { key, stamp, value }| (key, stamp, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.start;
        (left, Some(left))
    }
}

impl<K: Clone, V: Clone, T: Clone> ExactSizeIterator for Walk<K, V, T> {}
impl<K: Clone, V: Clone, T: Clone> FusedIterator for Walk<K, V, T> {}
