//! All writes: the public functions, and those that touch one entry in place. `put` adds and replaces, `remove` takes out.
//!
//! A write finds where its entry stands, goes there (`Arc::make_mut` copies a node only if it is shared), changes it, and
//! makes true the summaries of the path. A write that may turn out to have nothing to do decides before it goes, and so
//! copies nothing then. A node below a shared one counts as shared: two trees reach it.

use std::borrow::Borrow;
use std::mem;
use triomphe::Arc;

use super::items::{Items, Stamped};
use super::lookup::{begun, search};
use super::node::{CAP, Child, Node, Slot};
use super::place::Place;
use super::put::{Put, put_below, replace_newest, stamped_leaf};
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

impl<K: Sought + Clone, V: Held + Clone, T: Ord + Clone> TickMap<K, V, T> {
    /// Sets. The key object that is there stays (1 stays 1 when 1.0 is set). Answers the stamp and value before.
    /// O(log n).
    pub fn set(&mut self, key: K, stamp: T, value: V) -> Option<(T, V)> {
        let (place, _) = self.locate(&key, None);
        self.set_at(&key, &place, stamp, value)
    }

    /// Sets where [`TickMap::locate`] said that the key stands, of this map as it is. Answers the stamp and value before.
    /// O(log n), without a comparison.
    pub fn set_at(&mut self, key: &K, place: &Place, stamp: T, value: V) -> Option<(T, V)> {
        let Some(root) = &mut self.root else {
            self.plant(key.clone(), stamp, value);
            return None;
        };
        if place.at().is_ok() && root.is_newest(&stamp) {
            self.live = self.live.wrapping_add_signed(change(place.is_live(), value.is_live()));
            return replace_newest(root, place, stamp, value);
        }
        let mut put = Put::new();
        put_below(root, Slot { key: key.clone(), stamp, value }, place, 0, true, &mut put);
        self.finish(&mut put);
        put.old
    }

    /// The value that stands where [`TickMap::locate`] said, of this map as it is, to be changed in place; whether it is live
    /// must stay as it is. O(log n), without a comparison.
    pub fn value_at(&mut self, place: &Place) -> Option<&mut V> {
        Node::value_at(self.root.as_mut()?, place)
    }

    /// Looks, then decides: the function sees the present stamp and value, and answers those to set, or none to leave
    /// all as it is, which copies no shared node. O(log n).
    pub fn set_with(&mut self, key: &K, f: impl FnOnce(Option<(&T, &V)>) -> Option<(T, V)>) -> SetOutcome<T, V> {
        let (place, there) = self.locate(key, None);
        let Some((stamp, value)) = f(there) else { return SetOutcome::Kept };
        match self.set_at(key, &place, stamp, value) {
            None => SetOutcome::Added,
            Some((stamp, value)) => SetOutcome::Replaced(stamp, value),
        }
    }

    /// The value of a key, to be changed in place; whether it is live must stay as it is. O(log n), and the path is copied
    /// where a clone shares it.
    pub fn get_mut<Q: Sought + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let mut node = self.root.as_mut()?;
        let mut there = false;
        loop {
            if !there && shared(node) {
                node.find(key)?;
                there = true;
            }
            match Arc::make_mut(node) {
                Node::Leaf(slots) => {
                    let at = search(slots, key).ok()?;
                    return Some(&mut slots.at_mut(at).value);
                }
                Node::Inner(children) => {
                    let at = begun(children, key).checked_sub(1)?;
                    node = &mut children.at_mut(at).node;
                }
            }
        }
    }

    /// Restamps an entry, and answers the stamp before; none if there is no such key. O(log n).
    pub fn stamp<Q: Sought + ?Sized>(&mut self, key: &Q, t: T) -> Option<T>
    where
        K: Borrow<Q>,
    {
        let (place, there) = self.root.as_deref()?.locate(key);
        there.is_some().then_some(())?;
        self.stamp_at(&place, t)
    }

    /// The same of an entry that is live; none if it is not.
    pub fn stamp_live<Q: Sought + ?Sized>(&mut self, key: &Q, t: T) -> Option<T>
    where
        K: Borrow<Q>,
    {
        let (place, _) = self.root.as_deref()?.locate(key);
        if place.is_live() { self.stamp_at(&place, t) } else { None }
    }

    fn stamp_at(&mut self, place: &Place, t: T) -> Option<T> {
        let root = self.root.as_mut()?;
        if !root.is_newest(&t) {
            return restamp(root, place, 0, &t);
        }
        let (at, slots) = (place.at().ok()?, stamped_leaf(root, place.begun(), &t, 0)?);
        slots.newly_stamped(at, &t);
        Some(mem::replace(&mut slots.at_mut(at).stamp, t))
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
        debug_assert!(put.stamp.is_some());
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
            let Some(root) = Arc::get_mut(root) else { return };
            match root {
                Node::Leaf(slots) => slots.fit(),
                Node::Inner(children) => children.fit(),
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

/// Restamps an entry below a node, so many steps down the way; the stamp before.
fn restamp<K, V, T>(node: &mut Arc<Node<K, V, T>>, place: &Place, step: usize, stamp: &T) -> Option<T>
where
    K: Clone,
    V: Held + Clone,
    T: Ord + Clone,
{
    match Arc::make_mut(node) {
        Node::Leaf(slots) => {
            let at = place.at().ok()?;
            let old = mem::replace(&mut slots.at_mut(at).stamp, stamp.clone());
            slots.restamped(at);
            Some(old)
        }
        Node::Inner(children) => {
            let at = usize::from(place.begun()[step]).saturating_sub(1);
            let child = children.at_mut(at);
            let old = restamp(&mut child.node, place, step + 1, stamp)?;
            child.restamped(stamp, Some(&old));
            children.restamped(at);
            Some(old)
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
