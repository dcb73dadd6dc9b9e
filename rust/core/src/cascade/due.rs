//! The queue of what is due: by directory in the order of the cascade, in a directory by arrow and key.
//!
//! Most of what becomes due in a directory does so in ascending order (the rows of its parent change in that order) and
//! before any of it runs. So a bucket takes what comes as it comes, and sorts it when the first is asked for.
//!
//! Invariants: `sorted` is strictly descending; `fresh` may repeat what is in either; no bucket is empty.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::Key;
use crate::context::NameId;

/// A unit, or a folded key, that has to run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    pub(crate) height: u32,
    pub(crate) dir: NameId,
    pub(crate) part: u16,
    pub(crate) key: Key,
}

/// The part and the key.
type Item = (u16, Key);

/// So many are put into their places one by one; more are sorted together.
const FEW: usize = 8;

#[derive(Debug, Default)]
struct Bucket {
    /// The first to run stands last.
    sorted: SmallVec<[Item; 1]>,
    fresh: SmallVec<[Item; 1]>,
}

impl Bucket {
    fn settle(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        if self.sorted.is_empty() {
            std::mem::swap(&mut self.sorted, &mut self.fresh);
            if self.sorted.windows(2).all(|pair| pair[0] < pair[1]) {
                self.sorted.reverse();
                return;
            }
        } else if self.fresh.len() <= FEW {
            for item in self.fresh.drain(..) {
                if let Err(at) = self.sorted.binary_search_by(|there| item.cmp(there)) {
                    self.sorted.insert(at, item);
                }
            }
            return;
        } else {
            self.sorted.append(&mut self.fresh);
        }
        self.sorted.sort_unstable_by(|a, b| b.cmp(a));
        self.sorted.dedup();
    }

    fn find(&mut self, item: &Item) -> Result<usize, usize> {
        self.settle();
        // Nearly always it is the first to run that is asked for.
        match self.sorted.last() {
            Some(last) if last == item => Ok(self.sorted.len() - 1),
            _ => self.sorted.binary_search_by(|there| item.cmp(there)),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct DueQueue(BTreeMap<(u32, NameId), Bucket>);

impl DueQueue {
    pub(crate) const fn new() -> Self {
        DueQueue(BTreeMap::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// O(n log n) where something came since it was last asked.
    pub(crate) fn len(&mut self) -> usize {
        self.0
            .values_mut()
            .map(|bucket| {
                bucket.settle();
                bucket.sorted.len()
            })
            .sum()
    }

    /// O(1) in ascending order.
    pub(crate) fn insert(&mut self, due: Due) {
        let bucket = self.0.entry((due.height, due.dir)).or_default();
        let item = (due.part, due.key);
        if bucket.fresh.last() != Some(&item) {
            bucket.fresh.push(item);
        }
    }

    /// Whether it was due. O(log n), O(1) for the first of its directory.
    pub(crate) fn remove(&mut self, due: &Due) -> bool {
        let at = (due.height, due.dir);
        let Some(bucket) = self.0.get_mut(&at) else { return false };
        let Ok(found) = bucket.find(&(due.part, due.key.clone())) else { return false };
        bucket.sorted.remove(found);
        if bucket.sorted.is_empty() {
            self.0.remove(&at);
        }
        true
    }

    pub(crate) fn contains(&mut self, due: &Due) -> bool {
        let bucket = self.0.get_mut(&(due.height, due.dir));
        bucket.is_some_and(|bucket| bucket.find(&(due.part, due.key.clone())).is_ok())
    }

    /// The first directory with anything due, in the order of the cascade, that is not `skipped`.
    pub(crate) fn first_dir(&self, skipped: impl Fn(NameId) -> bool) -> Option<(u32, NameId)> {
        self.0.keys().find(|(_, dir)| !skipped(*dir)).copied()
    }

    pub(crate) fn has_dir(&self, height: u32, dir: NameId) -> bool {
        self.0.contains_key(&(height, dir))
    }

    /// Takes out the first that is due of a directory.
    pub(crate) fn take_first_of(&mut self, height: u32, dir: NameId) -> Option<Item> {
        let bucket = self.0.get_mut(&(height, dir))?;
        bucket.settle();
        let first = bucket.sorted.pop();
        if bucket.sorted.is_empty() {
            self.0.remove(&(height, dir));
        }
        first
    }
}
