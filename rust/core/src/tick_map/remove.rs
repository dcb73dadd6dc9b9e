//! Taking out: down to the leaf, and back up filling nodes that are left with too little.

use std::borrow::Borrow;
use triomphe::Arc;

use super::Held;
use super::edit::shared;
use super::lookup::{begun, search};
use super::node::{Child, MERGED, MIN, Node, Slot, even_out};

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

/// Takes out a key. `there` says that it is known to be in this tree.
pub(super) fn take<K, V, T, Q>(
    node: &mut Arc<Node<K, V, T>>,
    key: &Q,
    mut there: bool,
    freed: &mut Freed,
) -> Option<Slot<K, V, T>>
where
    K: Ord + Clone + Borrow<Q>,
    V: Held + Clone,
    T: Ord + Clone,
    Q: Ord + ?Sized,
{
    if !there && shared(node) {
        node.find(key)?;
        there = true;
    }
    match Arc::make_mut(node) {
        Node::Leaf(slots) => search(slots, key).ok().map(|at| slots.remove(at)),
        Node::Inner(children) => {
            let at = begun(children, key).checked_sub(1)?;
            let slot = take(&mut children[at].node, key, there, freed)?;
            lost(children, at, &slot, freed);
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
            let slot = take_first(&mut children.first_mut()?.node, freed)?;
            lost(children, 0, &slot, freed);
            Some(slot)
        }
    }
}

/// Makes the summary of a child true that has lost an entry, and fills the child up if that leaves it with too little.
fn lost<K, V, T>(children: &mut Vec<Child<K, V, T>>, at: usize, slot: &Slot<K, V, T>, freed: &mut Freed)
where
    K: Clone,
    V: Held + Clone,
    T: Ord + Clone,
{
    let child = &mut children[at];
    child.live -= usize::from(slot.value.is_live());
    child.total -= 1;
    if slot.stamp == child.max {
        child.recompute_max();
    }
    if child.node.len() == 0 {
        freed.count(&children.remove(at).node);
    } else if child.node.len() < MIN && children.len() > 1 {
        // An only child stands on the right edge, where it may be small.
        refill(children, at.saturating_sub(1), freed);
    }
}

/// Merges the children `at` and `at + 1`, or evens them out if they are too many for one.
fn refill<K, V, T>(children: &mut Vec<Child<K, V, T>>, at: usize, freed: &mut Freed)
where
    K: Clone,
    V: Held + Clone,
    T: Ord + Clone,
{
    let [left, right, ..] = &mut children[at..] else { return };
    // Siblings are equally deep (invariant 2), so both are leaves or both are not.
    if left.node.len() + right.node.len() <= MERGED {
        freed.count(&right.node);
        let right = children.remove(at + 1);
        let left = &mut children[at];
        match (Arc::make_mut(&mut left.node), Arc::unwrap_or_clone(right.node)) {
            (Node::Leaf(slots), Node::Leaf(more)) => slots.extend(more),
            (Node::Inner(below), Node::Inner(more)) => below.extend(more),
            _ => {}
        }
        left.summarize();
    } else {
        match (Arc::make_mut(&mut left.node), Arc::make_mut(&mut right.node)) {
            (Node::Leaf(slots), Node::Leaf(more)) => even_out(slots, more),
            (Node::Inner(below), Node::Inner(more)) => even_out(below, more),
            _ => {}
        }
        left.summarize();
        right.summarize();
        if let Some(first) = right.node.bound() {
            right.first = first.clone();
        }
    }
}
