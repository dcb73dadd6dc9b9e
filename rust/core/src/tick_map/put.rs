//! Adding and replacing: down to the leaf, and back up with what split off. What is replaced by something newer than all
//! else, as nearly all is, changes the summaries on the way down, and no way back is needed.

use std::mem;
use triomphe::Arc;

use super::edit::change;
use super::items::Items;
use super::node::{Child, Node, Slot};
use super::place::Place;
use super::{Held, Sought};

type Leaf<K, V, T> = Items<Slot<K, V, T>, T>;

/// What a write that adds or replaces tells the levels above it.
pub(super) struct Put<K, V, T> {
    /// The new stamp; none if nothing was done.
    pub(super) stamp: Option<T>,
    /// What was replaced.
    pub(super) old: Option<(T, V)>,
    /// Change of the number of live entries.
    pub(super) live: isize,
    /// What split off to the right of the node below.
    pub(super) split: Option<Child<K, V, T>>,
    pub(super) leaves: u32,
    pub(super) inners: u32,
}

impl<K, V, T> Put<K, V, T> {
    pub(super) fn new() -> Self {
        Put { stamp: None, old: None, live: 0, split: None, leaves: 0, inners: 0 }
    }
}

/// Replaces the entry that stands there by one that is stamped later than any other; what it was.
#[inline(never)]
pub(super) fn replace_newest<K, V, T>(
    node: &mut Arc<Node<K, V, T>>,
    place: &Place,
    stamp: T,
    value: V,
) -> Option<(T, V)>
where
    K: Clone,
    V: Held + Clone,
    T: Ord + Clone,
{
    let at = place.at().ok()?;
    let slots = stamped_leaf(node, place.begun(), &stamp, change(place.is_live(), value.is_live()))?;
    slots.newly_stamped(at, &stamp);
    let slot = slots.at_mut(at);
    Some((mem::replace(&mut slot.stamp, stamp), mem::replace(&mut slot.value, value)))
}

/// The leaf at the end of the way, with all summaries on it made true for an entry that is stamped later than any other, and
/// changes the number of live ones by so many.
pub(super) fn stamped_leaf<'a, K, V, T>(
    mut node: &'a mut Arc<Node<K, V, T>>,
    way: &[u8],
    stamp: &T,
    live: isize,
) -> Option<&'a mut Leaf<K, V, T>>
where
    K: Clone,
    V: Clone,
    T: Ord + Clone,
{
    for &begun in way {
        let Node::Inner(children) = Arc::make_mut(node) else { return None };
        let at = usize::from(begun).saturating_sub(1);
        let child = children.at_mut(at);
        child.live = child.live.wrapping_add_signed(live);
        child.max.clone_from(stamp);
        children.newly_stamped(at, stamp);
        node = &mut children.at_mut(at).node;
    }
    if let Node::Leaf(slots) = Arc::make_mut(node) { Some(slots) } else { None }
}

/// Sets below a node, so many steps down the way. `end` says whether the node is on the right edge of the map.
pub(super) fn put_below<K, V, T>(
    node: &mut Arc<Node<K, V, T>>,
    slot: Slot<K, V, T>,
    place: &Place,
    step: usize,
    end: bool,
    put: &mut Put<K, V, T>,
) where
    K: Sought + Clone,
    V: Held + Clone,
    T: Ord + Clone,
{
    match Arc::make_mut(node) {
        Node::Leaf(slots) => match place.at() {
            Ok(at) => replace(slots, at, slot.stamp, slot.value, put),
            Err(at) => insert(slots, at, slot, end, put),
        },
        Node::Inner(children) => {
            let begun = usize::from(place.begun()[step]);
            let at = begun.saturating_sub(1);
            let last = at + 1 == children.len();
            put_below(&mut children.at_mut(at).node, slot, place, step + 1, end && last, put);
            settle(children, begun, end, put);
        }
    }
}

fn replace<K, V, T>(slots: &mut Leaf<K, V, T>, at: usize, stamp: T, value: V, put: &mut Put<K, V, T>)
where
    V: Held,
    T: Ord + Clone,
{
    let slot = slots.at_mut(at);
    put.live = change(slot.value.is_live(), value.is_live());
    put.stamp = Some(stamp.clone());
    put.old = Some((mem::replace(&mut slot.stamp, stamp), mem::replace(&mut slot.value, value)));
    slots.restamped(at);
}

fn insert<K, V, T>(slots: &mut Leaf<K, V, T>, at: usize, slot: Slot<K, V, T>, end: bool, put: &mut Put<K, V, T>)
where
    K: Clone,
    V: Held,
    T: Ord + Clone,
{
    put.live = change(false, slot.value.is_live());
    put.stamp = Some(slot.stamp.clone());
    if let Some(right) = slots.insert_or_split(at, slot, end) {
        put.split = Child::over(Arc::new(Node::Leaf(right)));
        put.leaves += 1;
    }
}

/// Makes the summary of the child true into which the put went, and takes in what split off from it. `begun` children
/// began at or before the key: if none, the key went to the first child and is below its bound.
fn settle<K, V, T>(children: &mut Items<Child<K, V, T>, T>, begun: usize, end: bool, put: &mut Put<K, V, T>)
where
    K: Clone,
    V: Held,
    T: Ord + Clone,
{
    let Some(stamp) = &put.stamp else { return };
    let at = begun.saturating_sub(1);
    let child = children.at_mut(at);
    let split = put.split.take();
    if split.is_some() {
        child.summarize();
    } else {
        child.live = child.live.wrapping_add_signed(put.live);
        child.total += usize::from(put.old.is_none());
        child.restamped(stamp, put.old.as_ref().map(|(old, _)| old));
    }
    if begun == 0
        && let Some(first) = child.node.bound()
    {
        child.first = first.clone();
    }
    children.restamped(at);
    if let Some(new) = split
        && let Some(right) = children.insert_or_split(at + 1, new, end)
    {
        put.split = Child::over(Arc::new(Node::Inner(right)));
        put.inners += 1;
    }
}
