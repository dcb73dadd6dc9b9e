//! The invariants of the module head, as code, under the same numbers.

use super::items::Items;
use super::node::{CAP, Child, MIN, Node, Slot};
use super::{Held, Sought, TickMap};

/// What a pass over the tree has seen so far.
struct Seen<'a, K> {
    last: Option<&'a K>,
    depth: Option<usize>,
    leaves: usize,
    inners: usize,
}

/// What a parent must know of a subtree.
struct Summary<'a, K, T> {
    min: &'a K,
    max: &'a T,
    live: usize,
    total: usize,
}

impl<K: Sought, V: Held, T: Ord + Clone> TickMap<K, V, T> {
    /// Checks the invariants that the module's head lists; the error says which one fails. O(n).
    pub fn check_invariants(&self) -> Result<(), String> {
        let mut seen = Seen { last: None, depth: None, leaves: 0, inners: 0 };
        let (live, total) = match &self.root {
            None => (0, 0),
            Some(root) => {
                if matches!(&**root, Node::Inner(children) if children.len() < 2) {
                    return Err("3. fill: the root has only one child".into());
                }
                let found = node(root, 0, true, &mut seen)?;
                (found.live, found.total)
            }
        };
        let counted = (live, total, seen.leaves, seen.inners);
        let (leaves, inners) = self.nodes();
        let kept = (self.live, self.total, leaves, inners);
        if counted != kept {
            return Err(format!("5. summaries: the map has (live, total, leaves, inners) {counted:?}, not {kept:?}"));
        }
        Ok(())
    }
}

fn node<'a, K: Sought, V: Held, T: Ord + Clone>(
    node: &'a Node<K, V, T>,
    depth: usize,
    right_edge: bool,
    seen: &mut Seen<'a, K>,
) -> Result<Summary<'a, K, T>, String> {
    let len = node.len();
    let least = if right_edge { 1 } else { MIN };
    if !(least..=CAP).contains(&len) {
        return Err(format!("3. fill: a node at depth {depth} has {len} of {least} to {CAP}"));
    }
    let room = node.capacity();
    // Elements without size have all the room there is.
    if room != usize::MAX && room != CAP && !(depth == 0 && room.is_power_of_two() && room < CAP) {
        return Err(format!("6. room: a node at depth {depth} has room for {room}"));
    }
    match node {
        Node::Leaf(slots) => leaf(slots, depth, seen),
        Node::Inner(children) => inner(children, depth, right_edge, seen),
    }
}

fn leaf<'a, K: Sought, V: Held, T: Ord + Clone>(
    slots: &'a Items<Slot<K, V, T>, T>,
    depth: usize,
    seen: &mut Seen<'a, K>,
) -> Result<Summary<'a, K, T>, String> {
    seen.leaves += 1;
    if *seen.depth.get_or_insert(depth) != depth {
        return Err(format!("2. depth: a leaf at depth {depth}"));
    }
    for slot in slots.iter() {
        if seen.last.is_some_and(|last| *last >= slot.key) {
            return Err("1. order: a key is not above the one before".into());
        }
        seen.last = Some(&slot.key);
    }
    slots.check()?;
    let live = slots.iter().filter(|slot| slot.value.is_live()).count();
    let min = slots.first().map(|slot| &slot.key);
    let max = slots.iter().map(|slot| &slot.stamp).max();
    match (min, max) {
        (Some(min), Some(max)) => Ok(Summary { min, max, live, total: slots.len() }),
        _ => Err("3. fill: an empty leaf".into()),
    }
}

fn inner<'a, K: Sought, V: Held, T: Ord + Clone>(
    children: &'a Items<Child<K, V, T>, T>,
    depth: usize,
    right_edge: bool,
    seen: &mut Seen<'a, K>,
) -> Result<Summary<'a, K, T>, String> {
    seen.inners += 1;
    let mut sum: Option<Summary<'a, K, T>> = None;
    for (at, child) in children.iter().enumerate() {
        if seen.last.is_some_and(|last| *last >= child.first) {
            return Err("4. bounds: a child's bound is not above all keys before".into());
        }
        let below = node(&child.node, depth + 1, right_edge && at + 1 == children.len(), seen)?;
        if child.first > *below.min {
            return Err("4. bounds: a child's bound is above its smallest key".into());
        }
        if child.max != *below.max {
            return Err("5. summaries: a child's largest stamp is another".into());
        }
        if (child.live, child.total) != (below.live, below.total) {
            return Err(format!(
                "5. summaries: a child has (live, total) {:?}, not {:?}",
                (below.live, below.total),
                (child.live, child.total)
            ));
        }
        sum = Some(match sum {
            None => below,
            Some(sum) => Summary {
                min: sum.min,
                max: sum.max.max(below.max),
                live: sum.live + below.live,
                total: sum.total + below.total,
            },
        });
    }
    children.check()?;
    sum.ok_or_else(|| "3. fill: an empty inner node".into())
}
