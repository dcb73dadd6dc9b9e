//! How often each unit ran in a drain, to find cascades that never settle.
//!
//! Nearly always units run in the order of the cascade, each once: then it is enough to remember them in that order,
//! and nothing is counted. The first that runs out of order, or inside of another, may have run before; from then on
//! all are counted.

use std::collections::HashMap;

use crate::Key;
use crate::context::{NameId, Reader};
use crate::pieces::Pieces;

/// Units of one arrow, by the height of their directory: the order of the cascade.
pub(super) type Arrow = (u32, NameId, u16);

#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// Strictly ascending, while nothing is counted: the arrows, and how many keys there are before each one's.
    arrows: Vec<(Arrow, usize)>,
    /// Strictly ascending for each arrow, which has at least one.
    keys: Pieces<Key>,
    counted: HashMap<Reader, u32>,
}

impl Runs {
    pub(crate) fn clear(&mut self) {
        self.arrows.clear();
        self.keys.clear();
        if !self.counted.is_empty() {
            self.counted.clear();
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.arrows.capacity() + self.keys.capacity() + self.counted.capacity()
    }

    /// A run did not come about; one of the same arrow, counted before it, did.
    pub(crate) fn forget(&mut self, height: u32, reader: &Reader) {
        let last = self.arrows.last().map(|(arrow, _)| *arrow);
        if last == Some((height, reader.dir, reader.part)) && self.keys.last() == Some(&reader.key) {
            self.keys.pop();
            debug_assert!(self.arrows.last().is_some_and(|(_, before)| *before < self.keys.len()));
        } else if let Some(count) = self.counted.get_mut(reader) {
            *count -= 1;
        }
    }

    /// Counts a run; which of that unit it is, from 1.
    pub(crate) fn count(&mut self, height: u32, reader: &Reader, nested: bool) -> u32 {
        let arrow = (height, reader.dir, reader.part);
        if !nested && self.are_next(arrow, std::slice::from_ref(&reader.key)) {
            self.keys.push(reader.key.clone());
            return 1;
        }
        self.count_all();
        let count = self.counted.entry(reader.clone()).or_insert(0);
        *count += 1;
        *count
    }

    /// Counts a run of each of these units, keys ascending, and answers true; or answers false with nothing counted, where
    /// one of them may have run before.
    pub(crate) fn count_first(&mut self, arrow: Arrow, keys: &[Key], nested: bool) -> bool {
        let are_first = !nested && !keys.is_empty() && self.are_next(arrow, keys);
        if are_first {
            self.keys.extend(keys);
        }
        are_first
    }

    /// Whether these keys, ascending, come behind all that is remembered. If so, what is pushed next belongs to this arrow.
    fn are_next(&mut self, arrow: Arrow, keys: &[Key]) -> bool {
        if !self.counted.is_empty() {
            return false;
        }
        match self.arrows.last() {
            Some((last, _)) if *last == arrow => self.keys.last() < keys.first(),
            Some((last, _)) if *last > arrow => false,
            _ => {
                self.arrows.push((arrow, self.keys.len()));
                true
            }
        }
    }

    /// Counts those that were remembered in order.
    fn count_all(&mut self) {
        let mut keys = std::mem::take(&mut self.keys);
        for ((_, dir, part), before) in self.arrows.drain(..).rev() {
            while keys.len() > before
                && let Some(key) = keys.pop()
            {
                *self.counted.entry(Reader { dir, part, key }).or_insert(0) += 1;
            }
        }
    }
}
