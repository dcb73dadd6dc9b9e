//! All writes: the public functions, and those that touch one entry in place. `put` adds and replaces, `remove` takes out.
//!
//! A write goes down to its leaf, changes it, and makes true the summaries of the path on the way back. `Arc::make_mut`
//! copies a node only if it is shared. A write that may turn out to have nothing to do looks before it copies: while the
//! path is unshared it goes down for good, and at the first shared node it reads on to the leaf, decides, and only then
//! copies. A node below a shared one counts as shared: two trees reach it.

use std::borrow::Borrow;
use std::mem;
use triomphe::Arc;

use super::items::{Items, Stamped};
use super::lookup::{begun, search};
use super::node::{CAP, Child, Node, Slot};
use super::put::{Put, put_sure, put_with};
use super::remove::{Freed, take, take_first};
use super::{Held, Sought, TickMap};

/// What [`TickMap::set_with`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetOutcome<T, V> {
    /// The function declined: nothing changed.
    Kept,
    /// The key is new.
    Added,
    /// The key was there; this was its stamp and value.
    Replaced(T, V),
}

/// What a write to a present entry tells the levels above it.
struct Touched<T> {
    /// The stamps now and before, if it was restamped.
    stamps: Option<(T, T)>,
    live: isize,
}

impl<K: Sought + Clone, V: Held + Clone, T: Ord + Clone> TickMap<K, V, T> {
    /// Sets. The key object that is there stays (1 stays 1 when 1.0 is set). Answers the stamp and value before.
    /// O(log n).
    pub fn set(&mut self, key: K, stamp: T, value: V) -> Option<(T, V)> {
        let mut put = Put::new();
        match &mut self.root {
            Some(root) => put_sure(root, key, stamp, value, true, &mut put),
            None => self.plant(key, stamp, value),
        }
        self.finish(&mut put);
        put.old
    }

    /// Looks, then decides: the function sees the present stamp and value, and answers those to set, or none to leave
    /// all as it is, which copies no shared node. O(log n), one descent where the path is unshared.
    pub fn set_with(&mut self, key: &K, f: impl FnOnce(Option<(&T, &V)>) -> Option<(T, V)>) -> SetOutcome<T, V> {
        let Some(root) = &mut self.root else {
            return f(None).map_or(SetOutcome::Kept, |(stamp, value)| {
                self.plant(key.clone(), stamp, value);
                SetOutcome::Added
            });
        };
        let mut put = Put::new();
        put_with(root, key, f, true, &mut put);
        self.finish(&mut put);
        match (put.stamp, put.old) {
            (None, _) => SetOutcome::Kept,
            (Some(_), None) => SetOutcome::Added,
            (Some(_), Some((stamp, value))) => SetOutcome::Replaced(stamp, value),
        }
    }

    /// Changes a value in place, and restamps it if a stamp is given; none if there is no such key. The function may
    /// change whether the value is live; it must not unwind after that, as the counts would miss it. O(log n).
    pub fn update<Q: Sought + ?Sized, R>(&mut self, key: &Q, stamp: Option<T>, f: impl FnOnce(&mut V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
    {
        let (result, touched) = touch(self.root.as_mut()?, key, false, stamp, f)?;
        self.live = self.live.wrapping_add_signed(touched.live);
        Some(result)
    }

    /// Restamps an entry, and answers the stamp before; none if there is no such key. O(log n).
    pub fn stamp<Q: Sought + ?Sized>(&mut self, key: &Q, t: T) -> Option<T>
    where
        K: Borrow<Q>,
    {
        let ((), touched) = touch(self.root.as_mut()?, key, false, Some(t), |_| ())?;
        touched.stamps.map(|(_, before)| before)
    }

    /// Takes an entry out. O(log n).
    pub fn remove<Q: Sought + ?Sized>(&mut self, key: &Q) -> Option<(K, T, V)>
    where
        K: Borrow<Q>,
    {
        let mut freed = Freed::default();
        let slot = take(self.root.as_mut()?, key, false, true, &mut freed)?;
        Some(self.taken(slot, freed))
    }

    /// Takes out the entry with the smallest key, be it a tombstone. O(log n).
    pub fn pop_first(&mut self) -> Option<(K, T, V)> {
        let mut freed = Freed::default();
        let slot = take_first(self.root.as_mut()?, &mut freed)?;
        Some(self.taken(slot, freed))
    }

    /// A map of entries whose keys ascend strictly. O(n), and the leaves are full.
    pub fn from_sorted(entries: impl IntoIterator<Item = (K, T, V)>) -> Self {
        let mut map = TickMap::new();
        let slots = entries.into_iter().map(|(key, stamp, value)| Slot { key, stamp, value });
        // One leaf has no more room than it needs.
        let room = match slots.size_hint() {
            (least, Some(most)) if least == most && most <= CAP => most.next_power_of_two(),
            _ => CAP,
        };
        let mut level = pack(slots, room, Node::Leaf, &mut map.leaves);
        debug_assert!(level.windows(2).all(|pair| pair[0].first < pair[1].first), "keys must ascend");
        map.live = level.iter().map(|child| child.live).sum();
        map.total = level.iter().map(|child| child.total).sum();
        while level.len() > 1 {
            level = pack(level.into_iter(), CAP, Node::Inner, &mut map.inners);
        }
        map.root = level.pop().map(|child| child.node);
        map.trim();
        map
    }

    /// The first entry.
    fn plant(&mut self, key: K, stamp: T, value: V) {
        self.live = usize::from(value.is_live());
        self.total = 1;
        self.leaves = 1;
        self.root = Some(Arc::new(Node::Leaf(Items::new(vec![Slot { key, stamp, value }]))));
    }

    /// Makes the map's own counts true after a put.
    fn finish(&mut self, put: &mut Put<K, V, T>) {
        if put.stamp.is_none() {
            return;
        }
        self.live = self.live.wrapping_add_signed(put.live);
        self.total += usize::from(put.old.is_none());
        self.leaves += put.leaves;
        self.inners += put.inners;
        self.crown(put.split.take());
    }

    /// Gives a split root a root above it.
    pub(super) fn crown(&mut self, split: Option<Child<K, V, T>>) {
        if let Some(right) = split {
            let left = self.root.take().and_then(Child::over);
            let children = left.into_iter().chain([right]).collect();
            self.root = Some(Arc::new(Node::Inner(Items::new(children))));
            self.inners += 1;
        }
    }

    /// Makes the map's own counts true after a removal, and takes away a root that has become superfluous.
    fn taken(&mut self, slot: Slot<K, V, T>, freed: Freed) -> (K, T, V) {
        self.live -= usize::from(slot.value.is_live());
        self.total -= 1;
        self.leaves -= freed.leaves;
        self.inners -= freed.inners;
        if self.total == 0 {
            *self = TickMap::new();
        }
        while let Some(Node::Inner(children)) = self.root.as_deref()
            && let [only] = &**children
        {
            self.root = Some(Arc::clone(&only.node));
            self.inners -= 1;
        }
        self.trim();
        (slot.key, slot.stamp, slot.value)
    }

    /// Gives back room that a small root does not need; not all, lest the next insert want it again.
    fn trim(&mut self) {
        let Some(root) = &mut self.root else { return };
        if root.capacity() <= CAP && root.len() * 4 <= root.capacity() {
            // Shared only if a collapse has just uncovered it; it is then the clone's as well, and stays as it is.
            match Arc::get_mut(root) {
                Some(Node::Leaf(slots)) => slots.fit(),
                Some(Node::Inner(children)) => children.fit(),
                None => {}
            }
        }
    }
}

/// Whether another tree has this node too. No `Weak` is ever made, so the count tells; `make_mut` synchronises.
pub(super) fn shared<N>(node: &Arc<N>) -> bool {
    Arc::strong_count(node) > 1
}

pub(super) fn change(was: bool, is: bool) -> isize {
    isize::from(is) - isize::from(was)
}

fn touch<K, V, T, Q, F, R>(
    node: &mut Arc<Node<K, V, T>>,
    key: &Q,
    mut there: bool,
    stamp: Option<T>,
    f: F,
) -> Option<(R, Touched<T>)>
where
    K: Sought + Clone + Borrow<Q>,
    V: Held + Clone,
    T: Ord + Clone,
    Q: Sought + ?Sized,
    F: FnOnce(&mut V) -> R,
{
    if !there && shared(node) {
        node.find(key)?;
        there = true;
    }
    match Arc::make_mut(node) {
        Node::Leaf(slots) => {
            let at = search(slots, key).ok()?;
            let slot = slots.at_mut(at);
            let was = slot.value.is_live();
            let result = f(&mut slot.value);
            let stamps = stamp.map(|new| (new.clone(), mem::replace(&mut slot.stamp, new)));
            let live = change(was, slot.value.is_live());
            if stamps.is_some() {
                slots.restamped(at);
            }
            Some((result, Touched { stamps, live }))
        }
        Node::Inner(children) => {
            let at = begun(children, key).checked_sub(1)?;
            let child = children.at_mut(at);
            let (result, touched) = touch(&mut child.node, key, there, stamp, f)?;
            child.live = child.live.wrapping_add_signed(touched.live);
            if let Some((new, old)) = &touched.stamps {
                child.restamped(new, Some(old));
                children.restamped(at);
            }
            Some((result, touched))
        }
    }
}

/// Packs items into full nodes, the last of which may be small: it is on the right edge.
fn pack<E, K, V, T>(
    items: impl Iterator<Item = E>,
    room: usize,
    node: impl Fn(Items<E, T>) -> Node<K, V, T>,
    count: &mut u32,
) -> Vec<Child<K, V, T>>
where
    E: Stamped<T>,
    K: Clone,
    V: Held,
    T: Ord + Clone,
{
    let mut items = items.peekable();
    let mut packed = Vec::new();
    while items.peek().is_some() {
        let mut full = Vec::with_capacity(room);
        full.extend(items.by_ref().take(CAP));
        *count += 1;
        packed.extend(Child::over(Arc::new(node(Items::new(full)))));
    }
    packed
}
