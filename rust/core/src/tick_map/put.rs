//! Adding and replacing: down to the leaf, and back up with what split off.

use std::mem;
use triomphe::Arc;

use super::edit::{change, shared};
use super::items::Items;
use super::lookup::{begun, search};
use super::node::{Child, Node, Slot};
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

/// Sets for certain. `end` says whether the node is on the right edge of the map.
pub(super) fn put_sure<K, V, T>(
    node: &mut Arc<Node<K, V, T>>,
    key: K,
    stamp: T,
    value: V,
    end: bool,
    put: &mut Put<K, V, T>,
) where
    K: Sought + Clone,
    V: Held + Clone,
    T: Ord + Clone,
{
    match Arc::make_mut(node) {
        Node::Leaf(slots) => match search(slots, &key) {
            Ok(at) => replace(slots, at, stamp, value, put),
            Err(at) => insert(slots, at, Slot { key, stamp, value }, end, put),
        },
        Node::Inner(children) => {
            let begun = begun(children, &key);
            let at = begun.saturating_sub(1);
            let last = at + 1 == children.len();
            put_sure(&mut children.at_mut(at).node, key, stamp, value, end && last, put);
            settle(children, begun, end, put);
        }
    }
}

/// Sets if the function says so.
pub(super) fn put_with<K, V, T, F>(node: &mut Arc<Node<K, V, T>>, key: &K, f: F, end: bool, put: &mut Put<K, V, T>)
where
    K: Sought + Clone,
    V: Held + Clone,
    T: Ord + Clone,
    F: FnOnce(Option<(&T, &V)>) -> Option<(T, V)>,
{
    if shared(node) {
        if let Some((stamp, value)) = f(node.find(key).map(Slot::state)) {
            put_sure(node, key.clone(), stamp, value, end, put);
        }
        return;
    }
    match Arc::make_mut(node) {
        Node::Leaf(slots) => match search(slots, key) {
            Ok(at) => {
                if let Some((stamp, value)) = f(Some(slots[at].state())) {
                    replace(slots, at, stamp, value, put);
                }
            }
            Err(at) => {
                if let Some((stamp, value)) = f(None) {
                    insert(slots, at, Slot { key: key.clone(), stamp, value }, end, put);
                }
            }
        },
        Node::Inner(children) => {
            let begun = begun(children, key);
            let at = begun.saturating_sub(1);
            let last = at + 1 == children.len();
            put_with(&mut children.at_mut(at).node, key, f, end && last, put);
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
