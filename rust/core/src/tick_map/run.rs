//! Writes of many entries in the order of their keys: down to a leaf once for all that belong into it.
//!
//! What a write of one entry does for each of them (the search from the root, the summaries of the path) a run does for
//! each leaf. Within a leaf the search goes on behind the entry before. A node that a clone shares is copied only for an
//! entry that changes, as ever: there the run goes on entry by entry.

use std::mem;
use triomphe::Arc;

use super::edit::{change, shared};
use super::items::Items;
use super::lookup::{begun, search};
use super::node::{Child, Node, Slot};
use super::put::{Put, put_below};
use super::{Held, Sought, TickMap};

/// What to do with an entry of a run.
pub enum Step<T, V> {
    /// It stays as it is.
    Keep,
    /// It gets this stamp and value.
    Set(T, V),
    /// It stays as it is, and the run ends before it.
    Stop,
}

/// Who decides about the entries of a run, and is told what was there.
pub trait Run<T, V> {
    /// Looks at the entry of the key of this number.
    fn step(&mut self, number: usize, there: Option<(&T, &V)>) -> Step<T, V>;

    /// The entry of this number was set; what was replaced.
    fn done(&mut self, number: usize, old: Option<(T, V)>);
}

/// What became of a part of a run, for the level above.
struct Part<K, V, T> {
    /// How many keys were passed.
    passed: usize,
    stopped: bool,
    /// The largest stamp that was set.
    stamp: Option<T>,
    live: isize,
    added: usize,
    /// What split off to the right; the run comes back to the root then.
    split: Option<Child<K, V, T>>,
    leaves: u32,
    inners: u32,
}

impl<K, V, T: Ord> Part<K, V, T> {
    fn new() -> Self {
        Part { passed: 0, stopped: false, stamp: None, live: 0, added: 0, split: None, leaves: 0, inners: 0 }
    }

    fn stamped(&mut self, stamp: T) {
        if self.stamp.as_ref().is_none_or(|largest| *largest < stamp) {
            self.stamp = Some(stamp);
        }
    }
}

impl<K: Sought + Clone, V: Held + Clone, T: Ord + Clone> TickMap<K, V, T> {
    /// Sets entries of ascending keys as [`Run::step`] says, which is asked for each in turn; how many were passed, which
    /// are all unless it stopped. O(log n + c) for `c` keys that are neighbours, at most O(c log n).
    pub fn set_run(&mut self, keys: &[K], run: &mut impl Run<T, V>) -> usize {
        debug_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "keys must ascend");
        let mut passed = 0;
        while let Some(key) = keys.get(passed) {
            let Some(root) = &mut self.root else {
                if !self.set_one(key, passed, run) {
                    return passed;
                }
                passed += 1;
                continue;
            };
            let mut part = Part::new();
            go(root, &keys[passed..], passed, None, true, run, &mut part);
            passed += part.passed;
            self.live = self.live.wrapping_add_signed(part.live);
            self.total += part.added;
            self.leaves += part.leaves;
            self.inners += part.inners;
            self.crown(part.split);
            if part.stopped {
                break;
            }
        }
        passed
    }

    /// The first entry of a map; false if the run stops before it.
    fn set_one(&mut self, key: &K, number: usize, run: &mut impl Run<T, V>) -> bool {
        match run.step(number, None) {
            Step::Keep => {}
            Step::Set(stamp, value) => {
                self.set(key.clone(), stamp, value);
                run.done(number, None);
            }
            Step::Stop => return false,
        }
        true
    }
}

/// Passes the keys that belong below this node: those before `upper`. The first does. `first` is its number.
fn go<K, V, T, R>(
    node: &mut Arc<Node<K, V, T>>,
    keys: &[K],
    first: usize,
    upper: Option<&K>,
    end: bool,
    run: &mut R,
    part: &mut Part<K, V, T>,
) where
    K: Sought + Clone,
    V: Held + Clone,
    T: Ord + Clone,
    R: Run<T, V>,
{
    if shared(node) {
        return go_one(node, keys, first, end, run, part);
    }
    match Arc::make_mut(node) {
        Node::Leaf(slots) => go_leaf(slots, keys, first, upper, end, run, part),
        Node::Inner(children) => {
            while let Some(key) = keys.get(part.passed)
                && upper.is_none_or(|upper| key < upper)
                && part.split.is_none()
                && !part.stopped
            {
                let begun = begun(children, key);
                let at = begun.saturating_sub(1);
                let last = at + 1 == children.len();
                let next = children.get(at + 1).map(|next| next.first.clone());
                let upper = next.as_ref().or(upper);
                let mut below = Part::new();
                go(
                    &mut children.at_mut(at).node,
                    &keys[part.passed..],
                    first + part.passed,
                    upper,
                    end && last,
                    run,
                    &mut below,
                );
                part.passed += below.passed;
                part.stopped = below.stopped;
                settle(children, begun, end, below, part);
            }
        }
    }
}

/// The next key alone, below a node that a clone shares.
fn go_one<K, V, T, R>(
    node: &mut Arc<Node<K, V, T>>,
    keys: &[K],
    first: usize,
    end: bool,
    run: &mut R,
    part: &mut Part<K, V, T>,
) where
    K: Sought + Clone,
    V: Held + Clone,
    T: Ord + Clone,
    R: Run<T, V>,
{
    let Some(key) = keys.first() else { return };
    let mut put = Put::new();
    let mut decide = |there: Option<(&T, &V)>| match run.step(first, there) {
        Step::Keep => None,
        Step::Set(stamp, value) => Some((stamp, value)),
        Step::Stop => {
            part.stopped = true;
            None
        }
    };
    let (place, there) = node.locate(key);
    if let Some((stamp, value)) = decide(there.map(Slot::state)) {
        put_below(node, Slot { key: key.clone(), stamp, value }, &place, 0, end, &mut put);
    }
    if part.stopped {
        return;
    }
    part.passed += 1;
    if let Some(stamp) = put.stamp {
        part.stamped(stamp);
        part.live += put.live;
        part.added += usize::from(put.old.is_none());
        part.split = put.split;
        part.leaves += put.leaves;
        part.inners += put.inners;
        run.done(first, put.old);
    }
}

fn go_leaf<K, V, T, R>(
    slots: &mut Items<Slot<K, V, T>, T>,
    keys: &[K],
    first: usize,
    upper: Option<&K>,
    end: bool,
    run: &mut R,
    part: &mut Part<K, V, T>,
) where
    K: Sought + Clone,
    V: Held + Clone,
    T: Ord + Clone,
    R: Run<T, V>,
{
    let mut from = 0;
    while let Some(key) = keys.get(part.passed)
        && upper.is_none_or(|upper| key < upper)
    {
        let number = first + part.passed;
        let found = match slots.get(from) {
            Some(slot) if slot.key == *key => Ok(from),
            _ => search(&slots[from..], key).map(|at| at + from).map_err(|at| at + from),
        };
        let there = found.ok().and_then(|at| slots.get(at)).map(Slot::state);
        let (stamp, value) = match run.step(number, there) {
            Step::Keep => {
                part.passed += 1;
                from = found.map_or_else(|at| at, |at| at + 1);
                continue;
            }
            Step::Stop => {
                part.stopped = true;
                return;
            }
            Step::Set(stamp, value) => (stamp, value),
        };
        part.passed += 1;
        part.stamped(stamp.clone());
        match found {
            Ok(at) => {
                let slot = slots.at_mut(at);
                part.live += change(slot.value.is_live(), value.is_live());
                let old = (mem::replace(&mut slot.stamp, stamp), mem::replace(&mut slot.value, value));
                slots.restamped(at);
                run.done(number, Some(old));
                from = at + 1;
            }
            Err(at) => {
                part.live += change(false, value.is_live());
                part.added += 1;
                let split = slots.insert_or_split(at, Slot { key: key.clone(), stamp, value }, end);
                run.done(number, None);
                if let Some(right) = split {
                    part.split = Child::over(Arc::new(Node::Leaf(right)));
                    part.leaves += 1;
                    return;
                }
                from = at + 1;
            }
        }
    }
}

/// Makes the summary of the child true into which a part of the run went, and takes in what split off from it. See
/// `put::settle`.
fn settle<K, V, T>(
    children: &mut Items<Child<K, V, T>, T>,
    begun: usize,
    end: bool,
    below: Part<K, V, T>,
    part: &mut Part<K, V, T>,
) where
    K: Sought + Clone,
    V: Held,
    T: Ord + Clone,
{
    let Some(stamp) = below.stamp else { return };
    let at = begun.saturating_sub(1);
    let child = children.at_mut(at);
    if below.split.is_some() {
        child.summarize();
    } else {
        child.live = child.live.wrapping_add_signed(below.live);
        child.total += below.added;
        // Time goes forward as a rule. Where a stamp was lowered, the node is looked through.
        if stamp >= child.max {
            child.max.clone_from(&stamp);
        } else {
            child.recompute_max();
        }
    }
    if begun == 0
        && let Some(first) = child.node.bound()
    {
        child.first = first.clone();
    }
    children.restamped(at);
    part.stamped(stamp);
    part.live += below.live;
    part.added += below.added;
    part.leaves += below.leaves;
    part.inners += below.inners;
    if let Some(new) = below.split
        && let Some(right) = children.insert_or_split(at + 1, new, end)
    {
        part.split = Child::over(Arc::new(Node::Inner(right)));
        part.inners += 1;
    }
}
