//! Where an entry stands in a tree.
//!
//! A place is found once, and then gone to without another comparison. It serves as a guess, too: maps whose entries came in
//! the same order have the same shape, so that a key of a directory stands in the same place in what is mapped from it. A
//! guess is followed, and the key that stands there compared: one comparison, and of each node on the way one line of
//! memory. Where it is another key, or nothing stands there, the key is looked for.

use std::borrow::Borrow;

use triomphe::Arc;

use super::node::{CAP, Node, Slot};

/// More levels of inner nodes no tree has: its nodes have at least `MIN` items, but for the right edge, so one with more
/// would have some 10^11 entries of 40 bytes.
const LEVELS: usize = if CAP < 32 { 40 } else { 12 };

const _: () = assert!(CAP <= u8::MAX as usize, "a byte for each step");

/// See the head of the file. Of a map as it was: it is no promise about what stands there later.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// How many children begin at or before the key, for each level from the root on.
    begun: [u8; LEVELS],
    levels: u8,
    /// In the leaf.
    at: u8,
    is_there: bool,
    is_live: bool,
}

impl Place {
    /// The root, before the first step.
    pub(crate) const ROOT: Place = Place { begun: [0; LEVELS], levels: 0, at: 0, is_there: false, is_live: false };

    #[expect(clippy::cast_possible_truncation, reason = "a node has no more than CAP children")]
    pub(super) const fn step(&mut self, begun: usize) {
        self.begun[self.levels as usize] = begun as u8;
        self.levels += 1;
    }

    #[expect(clippy::cast_possible_truncation, reason = "a leaf has no more than CAP entries")]
    pub(super) fn arrive(&mut self, at: Result<usize, usize>, is_live: bool) {
        let (Ok(place) | Err(place)) = at;
        (self.at, self.is_there, self.is_live) = (place as u8, at.is_ok(), is_live);
    }

    pub(super) fn begun(&self) -> &[u8] {
        &self.begun[..usize::from(self.levels)]
    }

    /// Where it stands in the leaf, or else where it would.
    pub(super) fn at(&self) -> Result<usize, usize> {
        if self.is_there { Ok(usize::from(self.at)) } else { Err(usize::from(self.at)) }
    }

    /// The same, whether it is there or not.
    pub(super) fn at_most(&self) -> usize {
        usize::from(self.at)
    }

    /// Whether it is there and live.
    pub(crate) const fn is_live(&self) -> bool {
        self.is_live
    }
}

impl<K, V, T> Node<K, V, T> {
    /// The entry of the key, if it stands in this place.
    #[inline]
    pub(super) fn guessed<Q>(&self, key: &Q, place: &Place) -> Option<&Slot<K, V, T>>
    where
        K: Borrow<Q>,
        Q: PartialEq + ?Sized,
    {
        let mut node = self;
        for &begun in place.begun() {
            let Node::Inner(children) = node else { return None };
            node = &children.get(usize::from(begun).saturating_sub(1))?.node;
        }
        let Node::Leaf(slots) = node else { return None };
        slots.get(usize::from(place.at)).filter(|slot| slot.key.borrow() == key)
    }

    /// The value that stands in this place, to be changed.
    pub(super) fn value_at<'a>(mut node: &'a mut Arc<Self>, place: &Place) -> Option<&'a mut V>
    where
        K: Clone,
        V: Clone,
        T: Clone,
    {
        for &begun in place.begun() {
            let Node::Inner(children) = Arc::make_mut(node) else { return None };
            node = &mut children.find_mut(usize::from(begun).saturating_sub(1))?.node;
        }
        let Node::Leaf(slots) = Arc::make_mut(node) else { return None };
        slots.find_mut(usize::from(place.at)).filter(|_| place.is_there).map(|slot| &mut slot.value)
    }
}
