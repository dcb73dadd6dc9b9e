//! A list that grows by pieces: for what is long now and then, and read from one end to the other.
//!
//! A vector that grows moves all that it holds, and asks for twice of it at once; what it leaves behind, the allocator gives
//! back to the system, page by page, for the next long transaction to ask for again. A piece stays where it is.
//!
//! Invariant: all pieces of `full` hold `PIECE` items, and `last` has room for no more than `PIECE`, or is the first.

use std::iter::Chain;
use std::slice;

/// Items in a piece. Few in tests, so that there is more than one.
const PIECE: usize = if cfg!(test) { 4 } else { 512 };

#[derive(Debug)]
pub(crate) struct Pieces<E> {
    full: Vec<Vec<E>>,
    last: Vec<E>,
}

pub(crate) type Iter<'a, E> = Chain<std::iter::Flatten<slice::Iter<'a, Vec<E>>>, slice::Iter<'a, E>>;

impl<E> Pieces<E> {
    pub(crate) const fn new() -> Self {
        Pieces { full: Vec::new(), last: Vec::new() }
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
        self.last.clear();
    }

    /// Items that there is room for.
    pub(crate) const fn capacity(&self) -> usize {
        self.full.len() * PIECE + self.last.capacity()
    }

    pub(crate) const fn len(&self) -> usize {
        self.full.len() * PIECE + self.last.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(crate) fn push(&mut self, item: E) {
        if self.last.len() == PIECE {
            self.turn();
        }
        self.last.push(item);
    }

    #[cold]
    fn turn(&mut self) {
        self.full.push(std::mem::replace(&mut self.last, Vec::with_capacity(PIECE)));
    }

    pub(crate) fn pop(&mut self) -> Option<E> {
        if self.last.is_empty() {
            self.last = self.full.pop()?;
        }
        self.last.pop()
    }

    #[inline]
    pub(crate) fn last(&self) -> Option<&E> {
        self.last.last().or_else(|| self.full.last()?.last())
    }

    pub(crate) fn get(&self, at: usize) -> Option<&E> {
        let piece = if at / PIECE == self.full.len() { &self.last } else { self.full.get(at / PIECE)? };
        piece.get(at % PIECE)
    }

    pub(crate) fn iter(&self) -> Iter<'_, E> {
        self.full.iter().flatten().chain(&self.last)
    }

    /// Those from a place on, piece by piece: the fastest way to go through them.
    pub(crate) fn slices_from(&self, start: usize) -> impl Iterator<Item = &[E]> {
        let first = (start / PIECE).min(self.full.len());
        let mut passed = start - first * PIECE;
        self.full[first..].iter().chain(std::iter::once(&self.last)).map(move |piece| {
            let from = std::mem::take(&mut passed);
            piece.get(from..).unwrap_or_default()
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
        /// Pushes (`true`) and pops, against a vector.
        #[test]
        fn is_a_list(pushes in prop::collection::vec(prop::bool::weighted(0.7), 0..60), few in 0usize..10) {
            let (mut pieces, mut list) = (Pieces::new(), Vec::new());
            pieces.reserve(few);
            for (number, push) in pushes.into_iter().enumerate() {
                if push {
                    pieces.push(number);
                    list.push(number);
                } else {
                    assert_eq!(pieces.pop(), list.pop());
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
