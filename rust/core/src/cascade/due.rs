//! The queue of what is due: by directory in the order of the cascade, in a directory by arrow and key.
//!
//! Most transactions write few keys, and never more than a handful of units is due at a time. These stand in one short list,
//! in order. What it has no room for goes to the [buckets](super::buckets), and the list with it, until they are empty.
//!
//! Invariants: `near` is strictly descending, and empty where anything is in `far`.

use smallvec::SmallVec;

use crate::Key;
use crate::context::NameId;

use super::buckets::{Buckets, Item};

/// A unit, or a folded key, that has to run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    pub(crate) height: u32,
    pub(crate) dir: NameId,
    pub(crate) part: u16,
    pub(crate) key: Key,
}

impl Due {
    const fn at(&self) -> At {
        (self.height, self.dir)
    }
}

/// The height of a directory and its number: the order of the cascade.
pub(super) type At = (u32, NameId);

/// So many stand in the list. Next to none in tests, so that both are used.
const NEAR: usize = if cfg!(test) { 2 } else { 4 };

#[derive(Debug, Default)]
pub(crate) struct DueQueue {
    /// The first to run stands last.
    near: SmallVec<[Due; NEAR]>,
    far: Buckets,
}

impl DueQueue {
    pub(crate) fn new() -> Self {
        DueQueue::default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.near.is_empty() && self.far.is_empty()
    }

    /// O(n log n) where something came since it was last asked.
    pub(crate) fn len(&mut self) -> usize {
        self.near.len() + self.far.len()
    }

    /// What is in the list goes to the buckets.
    #[inline(never)]
    fn spread(&mut self) {
        while let Some(due) = self.near.pop() {
            self.far.insert(due);
        }
    }

    /// O(1) in ascending order.
    pub(crate) fn insert(&mut self, due: Due) {
        if self.far.is_empty() {
            let behind = self.near.iter().position(|there| *there <= due).unwrap_or(self.near.len());
            if self.near.get(behind) == Some(&due) {
                return;
            }
            if self.near.len() < NEAR {
                return self.near.insert(behind, due);
            }
            self.spread();
        }
        self.far.insert(due);
    }

    /// Of one part of a directory. O(1) each in ascending order.
    pub(crate) fn insert_all<'a>(&mut self, at: At, part: u16, keys: impl ExactSizeIterator<Item = &'a Key>) {
        if self.far.is_empty() && self.near.len() + keys.len() <= NEAR {
            return keys.for_each(|key| self.insert(Due { height: at.0, dir: at.1, part, key: key.clone() }));
        }
        self.spread();
        self.far.insert_all(at, part, keys);
    }

    /// Whether it was due. O(log n), O(1) for the first of its directory.
    pub(crate) fn remove(&mut self, due: &Due) -> bool {
        match self.near.iter().position(|there| there == due) {
            Some(at) => drop(self.near.remove(at)),
            None => return self.far.remove(due),
        }
        true
    }

    pub(crate) fn contains(&mut self, due: &Due) -> bool {
        self.near.contains(due) || self.far.contains(due)
    }

    /// The first directory with anything due, in the order of the cascade, that is not `skipped`.
    pub(crate) fn first_dir(&self, skipped: impl Fn(NameId) -> bool) -> Option<At> {
        if self.near.is_empty() {
            return self.far.first_dir(skipped);
        }
        self.near.iter().rev().map(Due::at).find(|(_, dir)| !skipped(*dir))
    }

    pub(crate) fn has_dir(&self, height: u32, dir: NameId) -> bool {
        self.near.iter().any(|due| due.at() == (height, dir)) || self.far.has_dir(height, dir)
    }

    /// Takes out, behind the first, which was taken, up to so many more that are next and of the same part. Where there are
    /// any, `keys` gets the first one's and theirs.
    pub(crate) fn take_more_of(&mut self, at: At, part: u16, most: usize, first: &Key, keys: &mut Vec<Key>) {
        if self.near.is_empty() {
            return self.far.take_more_of(at, part, most, first, keys);
        }
        for _ in 0..most {
            let Some(next) = self.near.iter().rposition(|due| due.at() == at) else { return };
            if self.near[next].part != part {
                return;
            }
            if keys.is_empty() {
                keys.push(first.clone());
            }
            keys.push(self.near.remove(next).key);
        }
    }

    /// Takes out the first that is due of a directory.
    pub(crate) fn take_first_of(&mut self, height: u32, dir: NameId) -> Option<Item> {
        if self.near.is_empty() {
            return self.far.take_first_of(height, dir);
        }
        let first = self.near.iter().rposition(|due| due.at() == (height, dir))?;
        let due = self.near.remove(first);
        Some((due.part, due.key))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::queue::FOLD;
    use super::{At, Due, DueQueue, Item};
    use crate::Key;
    use crate::context::NameId;

    /// A directory, and where it stands in the cascade.
    fn at(number: u32) -> At {
        (number % 2, NameId::of(u64::from(number)))
    }

    fn first_of(model: &BTreeSet<(At, Item)>, at: At) -> Option<(At, Item)> {
        model.range((at, (0, Key::NONE))..).next().filter(|(of, _)| *of == at).cloned()
    }

    proptest! {
        /// Against an ordered set: the order of the cascade, and units before folded keys, whatever came when.
        #[test]
        fn is_an_ordered_set(steps in prop::collection::vec((0..6usize, 0..5u32, 0..3usize, 0..8i64, 1..4usize), 0..80)) {
            let (mut queue, mut model) = (DueQueue::new(), BTreeSet::new());
            for (step, dir, part, key, count) in steps {
                let (at, part) = (at(dir), [0, 1, FOLD][part]);
                let due = |key| Due { height: at.0, dir: at.1, part, key: Key::int(key) };
                let item = |key| (at, (part, Key::int(key)));
                match step {
                    0 => {
                        queue.insert(due(key));
                        model.insert(item(key));
                    }
                    1 => {
                        let keys: Vec<Key> = (key..).take(count).map(Key::int).collect();
                        queue.insert_all(at, part, keys.iter());
                        model.extend(keys.into_iter().map(|key| (at, (part, key))));
                    }
                    2 => assert_eq!(queue.remove(&due(key)), model.remove(&item(key))),
                    3 => assert_eq!(queue.contains(&due(key)), model.contains(&item(key))),
                    _ => {
                        let first = first_of(&model, at);
                        let taken = queue.take_first_of(at.0, at.1);
                        assert_eq!(taken.as_ref(), first.as_ref().map(|(_, item)| item));
                        let (Some((part, key)), Some(first)) = (taken, first) else { continue };
                        model.remove(&first);
                        let mut more = Vec::new();
                        queue.take_more_of(at, part, count, &key, &mut more);
                        let mut expected = vec![key];
                        while expected.len() <= count
                            && let Some(next) = first_of(&model, at).filter(|(_, (of, _))| *of == part)
                        {
                            model.remove(&next);
                            expected.push(next.1.1);
                        }
                        assert_eq!(more, if expected.len() > 1 { expected } else { Vec::new() });
                    }
                }
                assert_eq!(queue.len(), model.len());
                assert_eq!(queue.is_empty(), model.is_empty());
                assert_eq!(queue.first_dir(|_| false), model.first().map(|(at, _)| *at));
                assert_eq!(queue.has_dir(at.0, at.1), first_of(&model, at).is_some());
            }
        }
    }
}
