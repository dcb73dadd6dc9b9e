//! A list that grows by pieces: for what is long now and then, and read from one end to the other.
//!
//! A vector that grows moves all that it holds, and what it leaves behind is of no use to it. A piece stays where it is, and
//! the next has room for four times as many as there are so far. (Pieces of one small size would stand between what else is
//! allocated meanwhile, and leave holes there when they go.) Four times, since glibc keeps at the top of its heap twice the
//! largest block that it was ever given back, and returns the rest to the system: where the last piece is most of what a
//! transaction takes, the next one finds its pages still there, and a page that is not there costs as much as some thirty
//! items. Long lists double: address space, too, is not taken by the hundred megabytes ahead of use.
//!
//! Invariant: no piece of `full` has room left, and `last` has no more room than four times the items before it, or is the
//! first.

use std::iter::Chain;
use std::slice;
use std::vec::Drain;

/// Items in the first piece. Few in tests, so that there is more than one.
const FIRST: usize = if cfg!(test) { 4 } else { 512 };

/// A piece of more items has room for no more than there are before it.
const BIG: usize = if cfg!(test) { 16 } else { 1 << 16 };

#[derive(Debug)]
pub(crate) struct Pieces<E> {
    full: Vec<Vec<E>>,
    /// How many items they hold.
    before: usize,
    last: Vec<E>,
}

pub(crate) type Iter<'a, E> = Chain<std::iter::Flatten<slice::Iter<'a, Vec<E>>>, slice::Iter<'a, E>>;

impl<E> Pieces<E> {
    pub(crate) const fn new() -> Self {
        Pieces { full: Vec::new(), before: 0, last: Vec::new() }
    }

    /// Room for the first few.
    pub(crate) fn reserve(&mut self, few: usize) {
        if self.is_empty() {
            self.last.reserve_exact(few);
        }
    }

    /// Keeps the room of the last piece.
    pub(crate) fn clear(&mut self) {
        self.full.clear();
        self.before = 0;
        self.last.clear();
    }

    /// Items that there is room for.
    pub(crate) const fn capacity(&self) -> usize {
        self.before + self.last.capacity()
    }

    pub(crate) const fn len(&self) -> usize {
        self.before + self.last.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(crate) fn push(&mut self, item: E) {
        if self.last.len() == self.last.capacity() {
            self.turn();
        }
        self.last.push(item);
    }

    pub(crate) fn extend(&mut self, mut items: &[E])
    where
        E: Clone,
    {
        while !items.is_empty() {
            if self.last.len() == self.last.capacity() {
                self.turn();
            }
            let room = self.last.capacity() - self.last.len();
            let (now, later) = items.split_at(room.min(items.len()));
            self.last.extend_from_slice(now);
            items = later;
        }
    }

    /// The first piece grows up to its size; then there is another.
    #[cold]
    fn turn(&mut self) {
        if self.full.is_empty() && self.last.len() < FIRST {
            let more = self.last.len().clamp(4, FIRST).min(FIRST - self.last.len());
            return self.last.reserve_exact(more);
        }
        self.before += self.last.len();
        let room = (4 * self.before).min(self.before.max(BIG));
        self.full.push(std::mem::replace(&mut self.last, Vec::with_capacity(room)));
    }

    /// Takes all out and keeps the room, where that is at most so much, and one piece.
    pub(crate) fn drain_few(&mut self, most: usize) -> Option<Drain<'_, E>> {
        (self.full.is_empty() && self.last.capacity() <= most).then(|| self.last.drain(..))
    }

    pub(crate) fn pop(&mut self) -> Option<E> {
        if self.last.is_empty() {
            self.last = self.full.pop()?;
            self.before -= self.last.len();
        }
        self.last.pop()
    }

    #[inline]
    pub(crate) fn last(&self) -> Option<&E> {
        self.last.last().or_else(|| self.full.last()?.last())
    }

    /// O(log n).
    pub(crate) fn get(&self, at: usize) -> Option<&E> {
        self.slices_from(at).find_map(<[E]>::first)
    }

    pub(crate) fn iter(&self) -> Iter<'_, E> {
        self.full.iter().flatten().chain(&self.last)
    }

    /// Those from a place on, piece by piece: the fastest way to go through them. O(log n) to start.
    pub(crate) fn slices_from(&self, start: usize) -> impl Iterator<Item = &[E]> {
        let mut passed = start;
        self.full.iter().chain(std::iter::once(&self.last)).filter_map(move |piece| {
            let left = piece.get(passed..);
            passed = passed.saturating_sub(piece.len());
            left
        })
    }

    /// Those from a place on.
    pub(crate) fn iter_from(&self, start: usize) -> impl Iterator<Item = &E> {
        self.slices_from(start).flatten()
    }
}

impl<E> Default for Pieces<E> {
    fn default() -> Self {
        Pieces::new()
    }
}

impl<'a, E> IntoIterator for &'a Pieces<E> {
    type Item = &'a E;
    type IntoIter = Iter<'a, E>;

    fn into_iter(self) -> Iter<'a, E> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Pieces;

    proptest! {
        /// Pops (0), pushes (1) and extensions by several, against a vector.
        #[test]
        fn is_a_list(edits in prop::collection::vec(prop_oneof![0..2usize, 0..30usize], 0..60), few in 0usize..10) {
            let (mut pieces, mut list) = (Pieces::new(), Vec::new());
            pieces.reserve(few);
            for (number, edit) in edits.into_iter().enumerate() {
                match edit {
                    0 => assert_eq!(pieces.pop(), list.pop()),
                    2 => {
                        if let Some(all) = pieces.drain_few(3) {
                            assert_eq!(all.collect::<Vec<_>>(), std::mem::take(&mut list));
                        }
                    }
                    1 => {
                        pieces.push(number);
                        list.push(number);
                    }
                    more => {
                        let items: Vec<usize> = (number..number + more).collect();
                        pieces.extend(&items);
                        list.extend(items);
                    }
                }
                assert_eq!((pieces.len(), pieces.is_empty()), (list.len(), list.is_empty()));
                assert_eq!(pieces.last(), list.last());
                assert!(pieces.iter().eq(&list));
                assert!(pieces.iter().rev().eq(list.iter().rev()));
                for start in 0..=list.len() + 1 {
                    assert_eq!(pieces.get(start), list.get(start));
                    assert!(pieces.iter_from(start).eq(list.iter().skip(start)));
                }
            }
        }
    }
}
