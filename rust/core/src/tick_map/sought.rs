//! Where to look first.
//!
//! Numbers that are given out one after another stand close together: in a leaf full of them the key that is so far from
//! the first stands in that place, and subtrees begin at equal distances. So where keys are numbers a search looks there
//! first, and goes on by halves where that was wrong. It spares four comparisons of five, each with a cache line of its own,
//! and costs one.

use std::borrow::Borrow;

use super::node::{Child, Slot};
use crate::context::{ArrowKey, Reader};
use crate::directory::{Ranked, Source, Upper};
use crate::reads::Tag;
use crate::tick::Tick;
use crate::{Key, NameId};

/// A key of a map.
pub trait Sought: Ord {
    /// The number that the key is. Keys that are numbers are in their order.
    fn number(&self) -> Option<i64> {
        None
    }
}

impl Sought for Key {
    #[inline]
    fn number(&self) -> Option<i64> {
        self.small_int()
    }
}

impl Sought for NameId {
    #[inline]
    fn number(&self) -> Option<i64> {
        // In their order, since names are counted up from 1.
        Some(self.0.cast_signed())
    }
}

macro_rules! sought_by_halves {
    ($($key:ty),*) => { $(impl Sought for $key {})* };
}

sought_by_halves!(ArrowKey, Reader, Ranked, Source, (Tick, NameId), (NameId, Tick), (Tick, Key), (u64, NameId, Key));
sought_by_halves!((Key, Source), (NameId, Tag, Reader), (NameId, Key, Upper, Reader));
#[cfg(test)]
sought_by_halves!((u32, u32));

macro_rules! sought_numbers {
    ($($key:ty),*) => { $(impl Sought for $key {
        fn number(&self) -> Option<i64> {
            i64::try_from(*self).ok()
        }
    })* };
}

sought_numbers!(u8, u16, u32, u64, i64);

/// How far the number is from the first, which is no larger.
#[inline]
fn distance(number: i64, first: i64) -> Option<u32> {
    number.checked_sub(first)?.try_into().ok()
}

/// The place in a leaf where the key stands, if it is as far from the first.
#[inline]
pub(super) fn place<K, V, T, Q>(slots: &[Slot<K, V, T>], key: &Q) -> Option<usize>
where
    K: Borrow<Q>,
    Q: Sought + ?Sized,
{
    let number = key.number()?;
    // Whether that is the place, the key that stands there tells: no difference is too large or below zero.
    let at = usize::try_from(number.wrapping_sub(slots.first()?.key.borrow().number()?).cast_unsigned()).ok()?;
    (slots.get(at)?.key.borrow().number()? == number).then_some(at)
}

/// How many children begin at or before the key, if they begin at equal distances.
#[inline]
pub(super) fn begun_before<K, V, T, Q>(children: &[Child<K, V, T>], key: &Q) -> Option<usize>
where
    K: Borrow<Q>,
    Q: Sought + ?Sized,
{
    let number = key.number()?;
    let [first, second, ..] = children else { return None };
    let first = first.first.borrow().number()?;
    let step = distance(second.first.borrow().number()?, first)?;
    let at = (distance(number, first)?.checked_div(step)? as usize).min(children.len() - 1);
    let begins = children[at].first.borrow().number()? <= number;
    let ends = match children.get(at + 1) {
        Some(next) => number < next.first.borrow().number()?,
        None => true,
    };
    (begins && ends).then_some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn what_is_smaller_or_far_has_no_distance() {
        assert_eq!([distance(5, 5), distance(7, 5), distance(i64::MIN + 7, i64::MIN)], [Some(0), Some(2), Some(7)]);
        for (number, first) in [(5, 6), (i64::MAX, -1), (1 << 32, 0), (i64::MIN, i64::MAX)] {
            assert_eq!(distance(number, first), None, "{number} from {first}");
        }
    }
}
