//! Taking out: down to the leaf, and back up filling nodes that are left with too little.

use std::borrow::Borrow;
use triomphe::Arc;

use super::edit::shared;
use super::items::Items;
use super::lookup::{begun, search};
use super::node::{Child, MERGED, MIN, Node, Slot};
use super::{Held, Sought};

/// Nodes that a removal made superfluous.
#[derive(Default)]
pub(super) struct Freed {
    pub(super) leaves: u32,
    pub(super) inners: u32,
}

impl Freed {
    fn count<K, V, T>(&mut self, node: &Node<K, V, T>) {
        match node {
            Node::Leaf(_) => self.leaves += 1,
            Node::Inner(_) => self.inners += 1,
        }
    }
}

/// Takes out a key. `there` says that it is known to be in this tree, `end` that the node is on the right edge of the map.
pub(super) fn take<K, V, T, Q>(
    node: &mut Arc<Node<K, V, T>>,
    key: &Q,
    mut there: bool,
    end: bool,
    freed: &mut Freed,
) -> Option<Slot<K, V, T>>
where
    K: Sought + Clone + Borrow<Q>,
    V: Held + Clone,
    T: Ord + Clone,
    Q: Sought + ?Sized,
{
    if !there && shared(node) {
        node.find(key)?;
        there = true;
    }
    match Arc::make_mut(node) {
        Node::Leaf(slots) => search(slots, key).ok().map(|at| slots.remove(at)),
        Node::Inner(children) => {
            let at = begun(children, key).checked_sub(1)?;
            let end = end && at + 1 == children.len();
            let slot = take(&mut children.at_mut(at).node, key, there, end, freed)?;
            lost(children, at, &slot, end, freed);
            Some(slot)
        }
    }
}

pub(super) fn take_first<K, V, T>(node: &mut Arc<Node<K, V, T>>, freed: &mut Freed) -> Option<Slot<K, V, T>>
where
    K: Clone,
    V: Held + Clone,
    T: Ord + Clone,
{
    match Arc::make_mut(node) {
        Node::Leaf(slots) => (!slots.is_empty()).then(|| slots.remove(0)),
        Node::Inner(children) => {
            let slot = take_first(&mut children.at_mut(0).node, freed)?;
            lost(children, 0, &slot, false, freed);
            Some(slot)
        }
    }
}

/// Makes the summary of a child true that has lost an entry, and fills the child up if that leaves it with too little. Not
/// so at the `end` of the map: what was inserted there in ascending order and is taken out again, as by a rollback,
/// leaves full nodes as they were.
fn lost<K, V, T>(children: &mut Items<Child<K, V, T>, T>, at: usize, slot: &Slot<K, V, T>, end: bool, freed: &mut Freed)
where
    K: Clone,
    V: Held + Clone,
    T: Ord + Clone,
{
    let child = children.at_mut(at);
    child.live -= usize::from(slot.value.is_live());
    child.total -= 1;
    if slot.stamp == child.max {
        child.recompute_max();
        children.restamped(at);
    }
    let left = children[at].node.len();
    if left == 0 {
        freed.count(&children.remove(at).node);
    } else if left < MIN && children.len() > 1 && !end {
        // An only child stands on the right edge, where it may be small.
        refill(children, at.saturating_sub(1), freed);
    }
}

/// Merges the children `at` and `at + 1`, or evens them out if they are too many for one.
fn refill<K, V, T>(children: &mut Items<Child<K, V, T>, T>, at: usize, freed: &mut Freed)
where
    K: Clone,
    V: Held + Clone,
    T: Ord + Clone,
{
    let Some((left, right)) = children.pair_mut(at) else { return };
    if left.node.len() + right.node.len() <= MERGED {
        freed.count(&right.node);
        let right = children.remove(at + 1);
        let left = children.at_mut(at);
        Arc::make_mut(&mut left.node).append(Arc::unwrap_or_clone(right.node));
        left.summarize();
        children.restamped(at);
    } else {
        Arc::make_mut(&mut left.node).even_out(Arc::make_mut(&mut right.node));
        left.summarize();
        right.summarize();
        if let Some(first) = right.node.bound() {
            right.first = first.clone();
        }
        children.restamped(at);
        children.restamped(at + 1);
    }
}

// Siblings are equally deep (invariant 2), so both are leaves or both are not.
impl<K, V: Held, T: Ord + Clone> Node<K, V, T> {
    fn append(&mut self, more: Self) {
        match more {
            Node::Leaf(more) => {
                let Node::Leaf(slots) = self else { return };
                slots.append(more);
            }
            Node::Inner(more) => {
                let Node::Inner(children) = self else { return };
                children.append(more);
            }
        }
    }

    fn even_out(&mut self, right: &mut Self) {
        match right {
            Node::Leaf(right) => {
                let Node::Leaf(slots) = self else { return };
                slots.even_out(right);
            }
            Node::Inner(right) => {
                let Node::Inner(children) = self else { return };
                children.even_out(right);
            }
        }
    }
}
