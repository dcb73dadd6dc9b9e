//! What a node holds, in order, and which of it was stamped last.
//!
//! A reader that comes after each commit finds a few entries changed, spread over nodes of which it would look through
//! every stamp: a cache line each, and none of them near the processor where a million rows are. So a node notes which
//! of its items bear its largest stamp, and how late the others are at most. Where that is too early, only the former
//! are looked at. It is kept for ticks, that is stamps of one word; others are looked through.

use std::cmp::Ordering;
use std::ops::Deref;

use super::node::CAP;
use crate::tick::Tick;

const _: () = assert!(CAP <= 32, "a bit for each item of a node");

/// What bears a stamp: an entry, or a subtree its largest.
pub(super) trait Stamped<T> {
    fn stamp(&self) -> &T;
}

/// The items of a node; see the module's head. Reads as a slice.
pub(super) struct Items<E, T> {
    list: Vec<E>,
    /// A bit for each item that bears the largest stamp.
    which: u32,
    /// The largest stamp. Of an empty node nothing.
    latest: Option<T>,
    /// No other item is stamped later.
    older: Option<T>,
}

impl<E, T> Deref for Items<E, T> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        &self.list
    }
}

impl<E: Clone, T: Clone> Clone for Items<E, T> {
    /// Keeps the capacity: the copy is about to be edited, and is to stand for the original (invariant 6).
    fn clone(&self) -> Self {
        let mut list = Vec::with_capacity(self.list.capacity().min(CAP));
        list.extend_from_slice(&self.list);
        Items { list, which: self.which, latest: self.latest.clone(), older: self.older.clone() }
    }
}

impl<E, T> Items<E, T> {
    const TRACKED: bool = size_of::<T>() == size_of::<Tick>();

    /// Items that there is room for.
    pub(super) fn capacity(&self) -> usize {
        self.list.capacity()
    }

    /// An item, to change all of it but its stamp. After a change of that: [`Items::restamped`].
    pub(super) fn at_mut(&mut self, at: usize) -> &mut E {
        &mut self.list[at]
    }

    /// The same, where so many are there.
    pub(super) fn find_mut(&mut self, at: usize) -> Option<&mut E> {
        self.list.get_mut(at)
    }

    /// Two items next to each other.
    pub(super) fn pair_mut(&mut self, at: usize) -> Option<(&mut E, &mut E)> {
        if let [left, right, ..] = self.list.get_mut(at..)? { Some((left, right)) } else { None }
    }

    /// Gives back room that is not needed; not all, lest the next insert want it again.
    pub(super) fn fit(&mut self) {
        self.list.shrink_to(self.list.len().next_power_of_two());
    }

    /// A bit for each item that may be stamped `since` or later.
    pub(super) fn stamped_since(&self, since: &T) -> u32
    where
        T: Ord,
    {
        match &self.latest {
            Some(latest) if latest < since => 0,
            Some(_) if self.older.as_ref().is_none_or(|older| older < since) => self.which,
            _ => self.all(),
        }
    }

    /// A bit for each item.
    pub(super) fn all(&self) -> u32 {
        below(self.list.len())
    }
}

/// The bits of the positions below this one.
pub(super) const fn below(at: usize) -> u32 {
    if at >= 32 { u32::MAX } else { (1 << at) - 1 }
}

impl<E: Stamped<T>, T: Ord + Clone> Items<E, T> {
    pub(super) fn new(list: Vec<E>) -> Self {
        let mut items = Items { list, which: 0, latest: None, older: None };
        items.renew();
        items
    }

    /// The largest stamp.
    pub(super) fn max(&self) -> Option<&T> {
        if Self::TRACKED { self.latest.as_ref() } else { self.list.iter().map(Stamped::stamp).max() }
    }

    /// Whether no item is known to be stamped later. O(1); it may answer false where it would take longer.
    pub(super) fn is_newest(&self, stamp: &T) -> bool {
        size_of::<T>() == 0 || (Self::TRACKED && self.latest.as_ref().is_none_or(|latest| latest <= stamp))
    }

    /// Looks through all of them. O(n).
    fn renew(&mut self) {
        let mut stamps = self.list.iter().map(Stamped::stamp);
        let Some(mut latest) = stamps.next().filter(|_| Self::TRACKED) else {
            (self.which, self.latest, self.older) = (0, None, None);
            return;
        };
        let (mut which, mut older, mut bit) = (1, None, 1);
        for stamp in stamps {
            bit <<= 1;
            match stamp.cmp(latest) {
                Ordering::Equal => which |= bit,
                Ordering::Less => older = older.max(Some(stamp)),
                Ordering::Greater => (older, latest, which) = (Some(latest), stamp, bit),
            }
        }
        let (latest, older) = (Some(latest.clone()), older.cloned());
        (self.which, self.latest, self.older) = (which, latest, older);
    }

    /// An item may bear another stamp than before. O(1) where time goes forward.
    #[inline]
    pub(super) fn restamped(&mut self, at: usize) {
        let is_noted = self.which & 1 << at != 0 && self.latest.as_ref() == Some(self.list[at].stamp());
        if Self::TRACKED && !is_noted {
            self.note(at);
        }
    }

    /// An item bears this stamp now, later than which none is: [`Items::is_newest`] said so.
    #[inline]
    pub(super) fn newly_stamped(&mut self, at: usize, stamp: &T) {
        if !Self::TRACKED {
            return;
        }
        let bit = 1 << at;
        if self.latest.as_ref() == Some(stamp) {
            self.which |= bit;
            return;
        }
        let was = self.latest.replace(stamp.clone());
        if self.which & !bit != 0 {
            self.older = was;
        }
        self.which = bit;
    }

    fn note(&mut self, at: usize) {
        let (stamp, bit) = (self.list[at].stamp(), 1 << at);
        match &mut self.latest {
            Some(latest) if stamp == latest => self.which |= bit,
            Some(latest) if stamp < latest => {
                if self.older.as_ref().is_none_or(|older| older < stamp) {
                    self.older = Some(stamp.clone());
                }
                if self.which & bit != 0 {
                    self.which &= !bit;
                    if self.which == 0 {
                        self.renew();
                    }
                }
            }
            latest => {
                let was = latest.replace(stamp.clone());
                if self.which & !bit != 0 {
                    self.older = was;
                }
                self.which = bit;
            }
        }
    }

    /// Inserts if there is room; else answers the right half that splits off. At the very end of the map nothing moves,
    /// so that ascending inserts leave full nodes behind.
    pub(super) fn insert_or_split(&mut self, at: usize, item: E, end_of_map: bool) -> Option<Self> {
        if self.list.len() < CAP {
            if self.list.len() == self.list.capacity() {
                self.list.reserve_exact(self.list.len().max(1));
            }
            self.list.insert(at, item);
            self.which = (self.which & below(at)) | (self.which & !below(at)) << 1;
            self.restamped(at);
            return None;
        }
        let mut right = Vec::with_capacity(CAP);
        let middle = self.list.len() / 2;
        if end_of_map && at == self.list.len() {
            right.push(item);
        } else {
            right.extend(self.list.drain(middle..));
            if at <= middle {
                self.list.insert(at, item);
            } else {
                right.insert(at - middle, item);
            }
            self.renew();
        }
        Some(Items::new(right))
    }

    pub(super) fn remove(&mut self, at: usize) -> E {
        let item = self.list.remove(at);
        if Self::TRACKED {
            self.which = (self.which & below(at)) | (self.which & !below(at + 1)) >> 1;
            if self.which == 0 {
                self.renew();
            }
        }
        item
    }

    /// Takes in what the neighbour to the right holds.
    pub(super) fn append(&mut self, right: Self) {
        self.list.extend(right.list);
        self.renew();
    }

    /// Moves items between two neighbours until they have as many.
    pub(super) fn even_out(&mut self, right: &mut Self) {
        let half = usize::midpoint(self.len(), right.len());
        if self.len() > half {
            right.list.splice(0..0, self.list.drain(half..));
        } else {
            let moved = half - self.len();
            self.list.extend(right.list.drain(..moved));
        }
        self.renew();
        right.renew();
    }

    /// What the module's head says, as code.
    pub(super) fn check(&self) -> Result<(), String> {
        if !Self::TRACKED {
            return Ok(());
        }
        let max = self.list.iter().map(Stamped::stamp).max();
        if self.latest.as_ref() != max || self.which & !self.all() != 0 {
            return Err("7. recent: the largest stamp of a node is another".into());
        }
        for (at, item) in self.list.iter().enumerate() {
            let holds = if self.which & (1 << at) == 0 {
                self.older.as_ref().is_some_and(|older| item.stamp() <= older)
            } else {
                Some(item.stamp()) == max
            };
            if !holds {
                return Err(format!("7. recent: item {at} of a node is stamped later than it is noted"));
            }
        }
        match (&self.older, &self.latest) {
            (Some(older), Some(latest)) if older >= latest => Err("7. recent: what is older is not".into()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Items, Stamped};
    use crate::tick::Tick;

    impl Stamped<Tick> for Tick {
        fn stamp(&self) -> &Tick {
            self
        }
    }

    #[test]
    fn the_check_finds_what_is_broken() {
        type Fault = fn(&mut Items<Tick, Tick>);
        let faults: [(&str, Fault); 6] = [
            ("the largest stamp", |items| items.latest = Some(9)),
            ("the largest stamp", |items| items.which |= 1 << 4),
            ("item 2", |items| items.which = 0b0010),
            ("item 0", |items| items.which = 0b1011),
            ("item 3", |items| items.older = Some(4)),
            ("what is older is not", |items| items.older = Some(7)),
        ];
        for (says, fault) in faults {
            // Marked are the second and the third.
            let mut items = Items::new(vec![1, 7, 7, 5]);
            assert_eq!((items.check(), items.which), (Ok(()), 0b0110));
            fault(&mut items);
            let found = items.check().unwrap_err();
            assert!(found.contains(says), "{found}");
        }
    }
}
