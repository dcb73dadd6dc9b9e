//! What is due where that is much: by directory in the order of the cascade, in a directory by arrow and key.
//!
//! Most of what becomes due in a directory does so in ascending order (the rows of its parent change in that order) and
//! before any of it runs. So a bucket takes what comes as it comes, and sorts it when the first is asked for. Folded keys
//! become due while the units of their directory run, and in any order; they have a bucket of their own, which nobody asks
//! before all units are through: else each batch of units would have both sorted again, the square of what is due.
//!
//! Invariants: `sorted` is strictly descending; `fresh` may repeat what is in either, and is strictly ascending where
//! `is_ascending` says so; no bucket is empty; `few` is strictly descending by place, and no place of it is in `many`.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::Key;
use crate::context::NameId;

use super::due::{At, Due};
use super::queue::FOLD;

/// The part and the key.
pub(super) type Item = (u16, Key);

/// So many are put into their places one by one; more are sorted together.
const FEW: usize = 8;

/// Where a second comes, so many may: each time that there is more, room is dear.
const FEW_ITEMS: usize = 15;

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
        if self.fresh.len() == 1 {
            self.fresh.reserve(FEW_ITEMS);
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
            self.fresh.sort_unstable_by(|a, b| b.cmp(a));
            self.fresh.append(&mut self.sorted);
            std::mem::swap(&mut self.sorted, &mut self.fresh);
        }
        self.sorted.sort_by(|a, b| b.cmp(a));
        self.sorted.dedup();
    }

    fn pop(&mut self) -> Option<Item> {
        self.settle();
        self.sorted.pop()
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

/// Where a bucket stands: behind the units of a directory come its folded keys.
type Place = (At, bool);

const fn place(at: At, part: u16) -> Place {
    (at, part == FOLD)
}

/// So many buckets stand in a vector. Next to none in tests, so that both are used.
const FEW_BUCKETS: usize = if cfg!(test) { 2 } else { 16 };

/// A bucket stands in one of the two: those that come first are few and kept in a vector, which costs less than a tree;
/// those for which it has no room, in the tree.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    /// The first to run stands last.
    few: Vec<(Place, Bucket)>,
    many: BTreeMap<Place, Bucket>,
}

impl Buckets {
    pub(super) fn is_empty(&self) -> bool {
        self.few.is_empty() && self.many.is_empty()
    }

    /// O(n log n) where something came since it was last asked.
    pub(super) fn len(&mut self) -> usize {
        let few = self.few.iter_mut().map(|(_, bucket)| bucket);
        few.chain(self.many.values_mut())
            .map(|bucket| {
                bucket.settle();
                bucket.sorted.len()
            })
            .sum()
    }

    fn bucket(&mut self, place: Place) -> Option<&mut Bucket> {
        match self.few.iter().rposition(|(there, _)| *there == place) {
            Some(number) => self.few.get_mut(number).map(|(_, bucket)| bucket),
            None if self.many.is_empty() => None,
            None => self.many.get_mut(&place),
        }
    }

    fn drop_bucket(&mut self, place: Place) {
        match self.few.iter().rposition(|(there, _)| *there == place) {
            Some(number) => drop(self.few.remove(number)),
            None => drop(self.many.remove(&place)),
        }
    }

    /// The first bucket of a directory.
    fn first_of(&self, at: At) -> Option<Place> {
        let few = self.few.iter().rev().map(|(place, _)| *place).find(|(of, _)| *of == at);
        if self.many.is_empty() {
            return few;
        }
        let many = self.many.range((at, false)..=(at, true)).next().map(|(place, _)| *place);
        few.into_iter().chain(many).min()
    }

    /// O(1) in ascending order.
    pub(super) fn insert(&mut self, due: Due) {
        let place = place((due.height, due.dir), due.part);
        let item = (due.part, due.key);
        if let Some(bucket) = self.bucket(place) {
            return bucket.push(item);
        }
        let mut bucket = Bucket::new();
        bucket.push(item);
        self.add_bucket(place, bucket);
    }

    /// Of one part of a directory. O(1) each in ascending order.
    pub(super) fn insert_all<'a>(&mut self, at: At, part: u16, keys: impl ExactSizeIterator<Item = &'a Key>) {
        let place = place(at, part);
        let items = keys.map(|key| (part, key.clone()));
        if let Some(bucket) = self.bucket(place) {
            return items.for_each(|item| bucket.push(item));
        }
        let mut bucket = Bucket::new();
        bucket.fresh.reserve_exact(items.len());
        items.for_each(|item| bucket.push(item));
        if !bucket.fresh.is_empty() {
            self.add_bucket(place, bucket);
        }
    }

    fn add_bucket(&mut self, place: Place, bucket: Bucket) {
        if self.few.len() < FEW_BUCKETS {
            let number = self.few.iter().rposition(|(there, _)| *there > place).map_or(0, |before| before + 1);
            self.few.insert(number, (place, bucket));
        } else {
            self.many.insert(place, bucket);
        }
    }

    /// Whether it was due. O(log n), O(1) for the first of its directory.
    pub(super) fn remove(&mut self, due: &Due) -> bool {
        let place = place((due.height, due.dir), due.part);
        let Some(bucket) = self.bucket(place) else { return false };
        let Ok(found) = bucket.find(&(due.part, due.key.clone())) else { return false };
        bucket.sorted.remove(found);
        if bucket.sorted.is_empty() {
            self.drop_bucket(place);
        }
        true
    }

    pub(super) fn contains(&mut self, due: &Due) -> bool {
        let bucket = self.bucket(place((due.height, due.dir), due.part));
        bucket.is_some_and(|bucket| bucket.contains(&(due.part, due.key.clone())))
    }

    /// The first directory with anything due, in the order of the cascade, that is not `skipped`.
    pub(super) fn first_dir(&self, skipped: impl Fn(NameId) -> bool) -> Option<(u32, NameId)> {
        let few = self.few.iter().rev().map(|((at, _), _)| *at).find(|(_, dir)| !skipped(*dir));
        let many = self.many.keys().map(|(at, _)| *at).find(|(_, dir)| !skipped(*dir));
        match (few, many) {
            (Some(few), Some(many)) => Some(few.min(many)),
            (few, many) => few.or(many),
        }
    }

    pub(super) fn has_dir(&self, height: u32, dir: NameId) -> bool {
        self.first_of((height, dir)).is_some()
    }

    /// Takes out, behind the first, which was taken, up to so many more that are next and of the same part. Where there are
    /// any, `keys` gets the first one's and theirs.
    pub(super) fn take_more_of(&mut self, at: At, part: u16, most: usize, first: &Key, keys: &mut Vec<Key>) {
        let place = place(at, part);
        let Some(bucket) = self.bucket(place) else { return };
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
            self.drop_bucket(place);
        }
    }

    /// Takes out the first that is due of a directory.
    pub(super) fn take_first_of(&mut self, height: u32, dir: NameId) -> Option<Item> {
        let at = (height, dir);
        if self.many.is_empty() {
            let number = self.few.iter().rposition(|((of, _), _)| *of == at)?;
            let bucket = &mut self.few.get_mut(number)?.1;
            let first = bucket.pop();
            if bucket.sorted.is_empty() {
                self.few.remove(number);
            }
            return first;
        }
        let place = self.first_of(at)?;
        let bucket = self.bucket(place)?;
        let first = bucket.pop();
        if bucket.sorted.is_empty() {
            self.drop_bucket(place);
        }
        first
    }
}
