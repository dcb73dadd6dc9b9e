//! The queue of what is due: by directory in the order of the cascade, in a directory by arrow and key.
//!
//! Most of what becomes due in a directory does so in ascending order (the rows of its parent change in that order) and
//! before any of it runs. So a bucket takes what comes as it comes, and sorts it when the first is asked for.
//!
//! Invariants: `sorted` is strictly descending; `fresh` may repeat what is in either, and is strictly ascending where
//! `is_ascending` says so; no bucket is empty; `few` is
//! strictly descending by directory, and no directory of it is in `many`.

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

#[derive(Debug)]
struct Bucket {
    /// The first to run stands last.
    sorted: SmallVec<[Item; 1]>,
    fresh: SmallVec<[Item; 1]>,
    is_ascending: bool,
}

impl Bucket {
    fn new() -> Self {
        Bucket { sorted: SmallVec::new(), fresh: SmallVec::new(), is_ascending: true }
    }

    fn push(&mut self, item: Item) {
        match self.fresh.last() {
            None => self.is_ascending = true,
            Some(last) if *last == item => return,
            Some(last) => self.is_ascending &= *last < item,
        }
        self.fresh.push(item);
    }

    /// Sorts nothing where what came did so in ascending order: who asks before each that comes shall not have it sorted
    /// each time.
    fn contains(&mut self, item: &Item) -> bool {
        if !self.is_ascending {
            self.settle();
        }
        self.fresh.binary_search(item).is_ok() || self.sorted.binary_search_by(|there| item.cmp(there)).is_ok()
    }

    fn settle(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        if self.sorted.is_empty() {
            std::mem::swap(&mut self.sorted, &mut self.fresh);
            if self.is_ascending {
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
            // Nearly always what came is behind all that is there: folded keys, while units run. Then both are one ascent,
            // which the sort only looks through.
            self.fresh.sort_unstable_by(|a, b| b.cmp(a));
            self.fresh.append(&mut self.sorted);
            std::mem::swap(&mut self.sorted, &mut self.fresh);
        }
        self.sorted.sort_by(|a, b| b.cmp(a));
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

/// The height of a directory and its number: the order of the cascade.
pub(super) type At = (u32, NameId);

/// So many directories stand in a vector. Next to none in tests, so that both are used.
const FEW_DIRS: usize = if cfg!(test) { 2 } else { 16 };

/// A directory with anything due stands in one of the two: those that come first are few and kept in a vector, which
/// costs less than a tree; those for which it has no room, in the tree.
#[derive(Debug, Default)]
pub(crate) struct DueQueue {
    /// The first to run stands last.
    few: Vec<(At, Bucket)>,
    many: BTreeMap<At, Bucket>,
}

impl DueQueue {
    pub(crate) const fn new() -> Self {
        DueQueue { few: Vec::new(), many: BTreeMap::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.few.is_empty() && self.many.is_empty()
    }

    /// O(n log n) where something came since it was last asked.
    pub(crate) fn len(&mut self) -> usize {
        let few = self.few.iter_mut().map(|(_, bucket)| bucket);
        few.chain(self.many.values_mut())
            .map(|bucket| {
                bucket.settle();
                bucket.sorted.len()
            })
            .sum()
    }

    fn bucket(&mut self, at: At) -> Option<&mut Bucket> {
        match self.few.iter().rposition(|(there, _)| *there == at) {
            Some(place) => self.few.get_mut(place).map(|(_, bucket)| bucket),
            None if self.many.is_empty() => None,
            None => self.many.get_mut(&at),
        }
    }

    /// Nothing of a directory is due any more.
    fn drop_bucket(&mut self, at: At) {
        match self.few.iter().rposition(|(there, _)| *there == at) {
            Some(place) => drop(self.few.remove(place)),
            None => drop(self.many.remove(&at)),
        }
    }

    /// O(1) in ascending order.
    pub(crate) fn insert(&mut self, due: Due) {
        let at = (due.height, due.dir);
        let item = (due.part, due.key);
        if let Some(bucket) = self.bucket(at) {
            return bucket.push(item);
        }
        let mut bucket = Bucket::new();
        bucket.push(item);
        self.add_bucket(at, bucket);
    }

    /// Of one part of a directory. O(1) each in ascending order.
    pub(crate) fn insert_all<'a>(&mut self, at: At, part: u16, keys: impl Iterator<Item = &'a Key>) {
        let items = keys.map(|key| (part, key.clone()));
        if let Some(bucket) = self.bucket(at) {
            return items.for_each(|item| bucket.push(item));
        }
        let mut bucket = Bucket::new();
        bucket.fresh.reserve(items.size_hint().0);
        items.for_each(|item| bucket.push(item));
        if !bucket.fresh.is_empty() {
            self.add_bucket(at, bucket);
        }
    }

    fn add_bucket(&mut self, at: At, bucket: Bucket) {
        if self.few.len() < FEW_DIRS {
            let place = self.few.iter().rposition(|(there, _)| *there > at).map_or(0, |before| before + 1);
            self.few.insert(place, (at, bucket));
        } else {
            self.many.insert(at, bucket);
        }
    }

    /// Whether it was due. O(log n), O(1) for the first of its directory.
    pub(crate) fn remove(&mut self, due: &Due) -> bool {
        let at = (due.height, due.dir);
        let Some(bucket) = self.bucket(at) else { return false };
        let Ok(found) = bucket.find(&(due.part, due.key.clone())) else { return false };
        bucket.sorted.remove(found);
        if bucket.sorted.is_empty() {
            self.drop_bucket(at);
        }
        true
    }

    pub(crate) fn contains(&mut self, due: &Due) -> bool {
        let bucket = self.bucket((due.height, due.dir));
        bucket.is_some_and(|bucket| bucket.contains(&(due.part, due.key.clone())))
    }

    /// The first directory with anything due, in the order of the cascade, that is not `skipped`.
    pub(crate) fn first_dir(&self, skipped: impl Fn(NameId) -> bool) -> Option<(u32, NameId)> {
        let few = self.few.iter().rev().map(|(at, _)| *at).find(|(_, dir)| !skipped(*dir));
        let many = self.many.keys().copied().find(|(_, dir)| !skipped(*dir));
        match (few, many) {
            (Some(few), Some(many)) => Some(few.min(many)),
            (few, many) => few.or(many),
        }
    }

    pub(crate) fn has_dir(&self, height: u32, dir: NameId) -> bool {
        let at = (height, dir);
        self.few.iter().any(|(there, _)| *there == at) || self.many.contains_key(&at)
    }

    /// Takes out, behind the first, which was taken, up to so many more that are next and of the same part. Where there are
    /// any, `keys` gets the first one's and theirs.
    pub(crate) fn take_more_of(&mut self, at: At, part: u16, most: usize, first: &Key, keys: &mut Vec<Key>) {
        let Some(bucket) = self.bucket(at) else { return };
        bucket.settle();
        let alike = bucket.sorted.iter().rev().take(most).take_while(|(of, _)| *of == part).count();
        if alike == 0 {
            return;
        }
        keys.reserve_exact(alike + 1);
        keys.push(first.clone());
        let left = bucket.sorted.len() - alike;
        keys.extend(bucket.sorted.drain(left..).rev().map(|(_, key)| key));
        if bucket.sorted.is_empty() {
            self.drop_bucket(at);
        }
    }

    /// Takes out the first that is due of a directory.
    pub(crate) fn take_first_of(&mut self, height: u32, dir: NameId) -> Option<Item> {
        let at = (height, dir);
        let bucket = self.bucket(at)?;
        bucket.settle();
        let first = bucket.sorted.pop();
        if bucket.sorted.is_empty() {
            self.drop_bucket(at);
        }
        first
    }
}
