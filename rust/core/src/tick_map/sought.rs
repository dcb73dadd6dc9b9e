//! Where to look first.
//!
//! Numbers that are given out one after another stand close together: in a leaf full of them the key that is so far from
//! the first stands in that place, and subtrees begin at equal distances. So a search may ask a key how far it is from
//! another, looks there, and goes on by halves where it was wrong. That spares four comparisons of five, each with a cache
//! line of its own, and costs one.

use std::borrow::Borrow;

use super::node::{Child, Slot};
use crate::context::{ArrowKey, Reader};
use crate::directory::{Ranked, Source, Upper};
use crate::reads::Tag;
use crate::tick::Tick;
use crate::{Key, NameId};

/// A key of a map.
pub trait Sought: Ord {
    /// How many keys there can be from the other up to this one; `None` where that is no small number, or not known.
    fn distance(&self, _from: &Self) -> Option<u32> {
        None
    }
}

impl Sought for Key {
    #[inline]
    fn distance(&self, from: &Self) -> Option<u32> {
        self.int_distance(from)
    }
}

impl Sought for NameId {
    #[inline]
    fn distance(&self, from: &Self) -> Option<u32> {
        u32::try_from(self.0.checked_sub(from.0)?).ok()
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
        fn distance(&self, from: &Self) -> Option<u32> {
            self.checked_sub(*from).and_then(|distance| distance.try_into().ok())
        }
    })* };
}

sought_numbers!(u8, u16, u32, u64, i64);

/// The place in a leaf where the key stands, if it is as far from the first.
#[inline]
pub(super) fn place<K, V, T, Q>(slots: &[Slot<K, V, T>], key: &Q) -> Option<usize>
where
    K: Borrow<Q>,
    Q: Sought + ?Sized,
{
    let at = key.distance(slots.first()?.key.borrow())? as usize;
    (slots.get(at)?.key.borrow() == key).then_some(at)
}

/// How many children begin at or before the key, if they begin at equal distances.
#[inline]
pub(super) fn begun_before<K, V, T, Q>(children: &[Child<K, V, T>], key: &Q) -> Option<usize>
where
    K: Borrow<Q>,
    Q: Sought + ?Sized,
{
    let [first, second, ..] = children else { return None };
    let first = first.first.borrow();
    let step = second.first.borrow().distance(first)?;
    let at = (key.distance(first)?.checked_div(step)? as usize).min(children.len() - 1);
    let begins = children[at].first.borrow() <= key;
    let ends = children.get(at + 1).is_none_or(|next| key < next.first.borrow());
    (begins && ends).then_some(at + 1)
}
