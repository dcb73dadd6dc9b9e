//! How often each unit ran in a drain, to find cascades that never settle.
//!
//! Nearly always units run in the order of the cascade, each once: then it is enough to remember them in that order,
//! and nothing is counted. The first that runs out of order, or inside of another, may have run before; from then on
//! all are counted.

use std::collections::HashMap;

use crate::context::Reader;

#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// Strictly ascending, by height of the directory and reader, while nothing is counted.
    in_order: Vec<(u32, Reader)>,
    counted: HashMap<Reader, u32>,
}

impl Runs {
    pub(crate) fn clear(&mut self) {
        self.in_order.clear();
        self.counted.clear();
    }

    pub(crate) fn capacity(&self) -> usize {
        self.in_order.capacity() + self.counted.capacity()
    }

    /// A run did not come about.
    pub(crate) fn forget(&mut self, height: u32, reader: &Reader) {
        if self.in_order.last().is_some_and(|(of, last)| *of == height && last == reader) {
            self.in_order.pop();
        } else if let Some(count) = self.counted.get_mut(reader) {
            *count -= 1;
        }
    }

    /// Counts a run; which of that unit it is, from 1.
    pub(crate) fn count(&mut self, height: u32, reader: &Reader, nested: bool) -> u32 {
        let run = (height, reader.clone());
        if self.counted.is_empty() && !nested && self.in_order.last().is_none_or(|last| *last < run) {
            self.in_order.push(run);
            return 1;
        }
        for (_, reader) in self.in_order.drain(..) {
            *self.counted.entry(reader).or_insert(0) += 1;
        }
        let count = self.counted.entry(run.1).or_insert(0);
        *count += 1;
        *count
    }
}
