//! Which number a name has: a persistent set of (hash, number), found by the hash.
//!
//! Names are found, interned and freed all the time and at random, where a million of them fall out of every cache, so what
//! counts is how many lines of memory an operation touches that nobody touched lately. This is a trie over the digits of the
//! hash, from the top: a branch is looked at in the one place that the digit names, and the branches of a million names are
//! half a megabyte. A leaf is one piece of memory, a table with open addresses: an entry stands where the digits below the
//! leaf say, or in the next place that was free, so that to find it, to add it and to take it out touches its
//! neighbours alone. A third of the places or more is free. What needs no other number of places is done in place: a new
//! piece of memory each time would have the allocator look at the neighbours of the old one.
//!
//! No text is here: it stands in the slot of the number (`dirs.rs`), which whoever looks for a name goes on to, and where
//! names of one hash are told apart. Nobody who chooses names can make this slow or deep but by as many names of one
//! hash, which are searched one by one.
//!
//! # Invariants
//! 1. An entry stands where the digits of its hash lead, and in the leaf no free place is between its home and it.
//! 2. A leaf has at least one entry, at most `FULL` but behind the last digit, and as many places as [`room`] says: what it
//!    takes depends on what it holds alone.
//! 3. A branch counts the entries below it, which are more than `FEW`.
//! 4. The set counts its entries, leaves, the places of these, and branches.

use smallvec::{SmallVec, smallvec};
use triomphe::{Arc, ThinArc};

use crate::context::NameId;

/// Bits of a digit.
const BITS: u32 = 5;
const WIDE: usize = 1 << BITS;

/// Most entries of a leaf; few in tests, so that leaves split and branches merge.
const FULL: usize = if cfg!(test) { 3 } else { 128 };

/// A branch with no more entries becomes a leaf: so many that several writes lie between that and the next split.
const FEW: usize = FULL / 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    hash: u64,
    id: NameId,
}

/// In a free place. No name has that number.
const FREE: Entry = Entry { hash: 0, id: NameId::STORE };

type Entries = SmallVec<[Entry; FULL + 1]>;

/// The places of a leaf of so many entries: a third of them is free or more. Powers of two, and what is halfway between them:
/// so few that hardly a leaf stands at the border of two, where each name that comes or goes would have it made anew.
const fn room(count: usize) -> usize {
    let least = (count * 3).div_ceil(2);
    let power = least.next_power_of_two();
    let halfway = power / 4 * 3;
    if least <= halfway { halfway } else { power }
}

/// Where an entry of this hash stands if nobody else does.
fn home(places: &[Entry], hash: u64, depth: u32) -> usize {
    let below = if is_last(depth) { 0 } else { hash << (depth * BITS) };
    let at = (u128::from(below) * places.len() as u128) >> u64::BITS;
    usize::try_from(at).unwrap_or(0)
}

/// The places that are taken, from this one on to the first that is free.
fn taken_from(places: &[Entry], home: usize) -> impl Iterator<Item = (usize, &Entry)> {
    let (before, behind) = places.split_at(home);
    (home..).zip(behind).chain((0..).zip(before)).take_while(|(_, entry)| **entry != FREE)
}

/// There is a free place.
fn enter(places: &mut [Entry], entry: Entry, depth: u32) {
    let home = home(places, entry.hash, depth);
    let at = home + taken_from(places, home).count();
    let at = if at < places.len() { at } else { at - places.len() };
    places[at] = entry;
}

/// Frees a place. Those behind it move up, as far as none comes to stand before its home.
fn free(places: &mut [Entry], mut at: usize, depth: u32) {
    let count = places.len();
    let distance = |from: usize, to: usize| if from <= to { to - from } else { to + count - from };
    let behind = |at: usize| if at + 1 == count { 0 } else { at + 1 };
    let mut next = behind(at);
    while places[next] != FREE {
        if distance(home(places, places[next].hash, depth), next) >= distance(at, next) {
            places[at] = places[next];
            at = next;
        }
        next = behind(next);
    }
    places[at] = FREE;
}

/// In the header how many entries there are.
#[derive(Clone)]
struct Leaf(ThinArc<usize, Entry>);

impl Leaf {
    fn new(entries: &[Entry], depth: u32) -> Self {
        let mut places: SmallVec<[Entry; room(FULL)]> = smallvec![FREE; room(entries.len())];
        for entry in entries {
            enter(&mut places, *entry, depth);
        }
        Leaf(ThinArc::from_header_and_slice(entries.len(), &places))
    }

    fn len(&self) -> usize {
        self.0.header.header
    }

    fn places(&self) -> &[Entry] {
        &self.0.slice
    }

    fn entries(&self) -> Entries {
        self.places().iter().filter(|entry| **entry != FREE).copied().collect()
    }

    fn find(&self, entry: Entry, depth: u32) -> Option<usize> {
        let home = home(self.places(), entry.hash, depth);
        taken_from(self.places(), home).find(|(_, there)| **there == entry).map(|(at, _)| at)
    }

    /// In place, where no clone has this leaf and `count` entries have as many places; whether it was.
    fn edit(&mut self, count: usize, edit: impl FnOnce(&mut [Entry])) -> bool {
        if self.places().len() != room(count) {
            return false;
        }
        self.0.with_arc_mut(|arc| {
            let Some(alone) = Arc::get_mut(arc) else { return false };
            *alone.header_mut() = count;
            edit(alone.slice_mut());
            true
        })
    }

    fn insert(&mut self, entry: Entry, depth: u32) {
        if !self.edit(self.len() + 1, |places| enter(places, entry, depth)) {
            let mut entries = self.entries();
            entries.push(entry);
            *self = Leaf::new(&entries, depth);
        }
    }

    /// Takes out what stands there.
    fn remove(&mut self, at: usize, depth: u32) {
        if !self.edit(self.len() - 1, |places| free(places, at, depth)) {
            let gone = self.places()[at];
            let mut entries = self.entries();
            entries.retain(|entry| *entry != gone);
            *self = Leaf::new(&entries, depth);
        }
    }
}

#[derive(Clone)]
enum Node {
    Leaf(Leaf),
    Branch(Arc<Branch>),
}

#[derive(Clone)]
struct Branch {
    count: usize,
    children: [Option<Node>; WIDE],
}

/// See the [module](self). A clone costs one reference count.
#[derive(Clone)]
pub(crate) struct Names {
    root: Option<Node>,
    shape: Shape,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shape {
    entries: usize,
    leaves: usize,
    room: usize,
    branches: usize,
}

impl Shape {
    fn new_leaf(&mut self, entries: &[Entry], depth: u32) -> Node {
        let leaf = Leaf::new(entries, depth);
        self.leaf_came(&leaf);
        Node::Leaf(leaf)
    }

    fn leaf_came(&mut self, leaf: &Leaf) {
        self.leaves += 1;
        self.room += leaf.places().len();
    }

    fn leaf_went(&mut self, leaf: &Leaf) {
        self.leaves -= 1;
        self.room -= leaf.places().len();
    }
}

impl Names {
    pub(crate) const fn new() -> Self {
        Names { root: None, shape: Shape { entries: 0, leaves: 0, room: 0, branches: 0 } }
    }

    /// How many there are. O(1).
    pub(crate) const fn len(&self) -> usize {
        self.shape.entries
    }

    /// The bytes that it takes, those shared with clones too. O(1).
    pub(crate) const fn bytes(&self) -> usize {
        let Shape { leaves, room, branches, .. } = self.shape;
        room * size_of::<Entry>()
            + leaves * 3 * size_of::<usize>()
            + branches * (size_of::<usize>() + size_of::<Branch>())
    }

    /// The numbers of the names that have this hash: one, but by chance. O(log n).
    pub(crate) fn of_hash(&self, hash: u64) -> impl Iterator<Item = NameId> {
        let mut found = self.root.as_ref();
        let mut depth = 0;
        while let Some(Node::Branch(branch)) = found {
            found = branch.children[digit(hash, depth)].as_ref();
            depth += 1;
        }
        let (places, home) = match found {
            Some(Node::Leaf(leaf)) => (leaf.places(), home(leaf.places(), hash, depth)),
            _ => (&[][..], 0),
        };
        taken_from(places, home).filter(move |(_, entry)| entry.hash == hash).map(|(_, entry)| entry.id)
    }

    /// Adds what is not there. O(log n).
    pub(crate) fn insert(&mut self, hash: u64, id: NameId) {
        self.shape.entries += 1;
        add(&mut self.root, Entry { hash, id }, 0, &mut self.shape);
    }

    /// Takes out what is there. O(log n).
    pub(crate) fn remove(&mut self, hash: u64, id: NameId) {
        if take(&mut self.root, Entry { hash, id }, 0, &mut self.shape) {
            self.shape.entries -= 1;
        }
    }

    /// All numbers. O(n).
    pub(crate) fn ids(&self) -> Vec<NameId> {
        let mut entries = Entries::new();
        self.root.as_ref().inspect(|root| collect(root, &mut entries));
        entries.into_iter().map(|entry| entry.id).collect()
    }

    /// What the module's head says, as code. O(n).
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut shape = Shape::default();
        if let Some(root) = &self.root {
            shape.entries = check(root, &mut Vec::new(), &mut shape)?;
        }
        if shape == self.shape { Ok(()) } else { Err(format!("4: there are {shape:?}, it counts {:?}", self.shape)) }
    }
}

/// The digit of a hash at this depth; behind the last none is asked for.
const fn digit(hash: u64, depth: u32) -> usize {
    (hash << (depth * BITS) >> (u64::BITS - BITS)) as usize
}

const fn is_last(depth: u32) -> bool {
    depth * BITS >= u64::BITS
}

fn add(slot: &mut Option<Node>, entry: Entry, depth: u32, shape: &mut Shape) {
    match slot {
        None => *slot = Some(shape.new_leaf(&[entry], depth)),
        Some(Node::Leaf(leaf)) => {
            let count = leaf.len() + 1;
            shape.leaf_went(leaf);
            if count <= FULL || is_last(depth) {
                leaf.insert(entry, depth);
                return shape.leaf_came(leaf);
            }
            let mut entries = leaf.entries();
            entries.push(entry);
            entries.sort_unstable();
            shape.branches += 1;
            let mut children = [const { None }; WIDE];
            let mut rest = entries.as_slice();
            while let Some(first) = rest.first() {
                let at = digit(first.hash, depth);
                let (these, others) = rest.split_at(rest.partition_point(|entry| digit(entry.hash, depth) == at));
                rest = others;
                // All but the last of them make a leaf, into which that one goes as any other: it may split again.
                if let Some((last, these)) = these.split_last() {
                    children[at] = (!these.is_empty()).then(|| shape.new_leaf(these, depth + 1));
                    add(&mut children[at], *last, depth + 1, shape);
                }
            }
            *slot = Some(Node::Branch(Arc::new(Branch { count, children })));
        }
        Some(Node::Branch(branch)) => {
            let branch = Arc::make_mut(branch);
            branch.count += 1;
            add(&mut branch.children[digit(entry.hash, depth)], entry, depth + 1, shape);
        }
    }
}

/// Whether it was there.
fn take(slot: &mut Option<Node>, entry: Entry, depth: u32, shape: &mut Shape) -> bool {
    match slot {
        None => false,
        Some(Node::Leaf(leaf)) => {
            let Some(at) = leaf.find(entry, depth) else { return false };
            shape.leaf_went(leaf);
            if leaf.len() == 1 {
                *slot = None;
            } else {
                leaf.remove(at, depth);
                shape.leaf_came(leaf);
            }
            true
        }
        Some(Node::Branch(shared)) => {
            let branch = Arc::make_mut(shared);
            if !take(&mut branch.children[digit(entry.hash, depth)], entry, depth + 1, shape) {
                return false;
            }
            branch.count -= 1;
            if branch.count <= FEW {
                let mut entries = Entries::new();
                for child in branch.children.iter().flatten() {
                    collect(child, &mut entries);
                    // No branch is below: it had more entries than this one may have.
                    if let Node::Leaf(leaf) = child {
                        shape.leaf_went(leaf);
                    }
                }
                shape.branches -= 1;
                *slot = Some(shape.new_leaf(&entries, depth));
            }
            true
        }
    }
}

fn collect(node: &Node, entries: &mut Entries) {
    match node {
        Node::Leaf(leaf) => entries.extend(leaf.entries()),
        Node::Branch(branch) => branch.children.iter().flatten().for_each(|child| collect(child, entries)),
    }
}

/// Answers how many entries there are. `digits`: those that lead to the node.
fn check(node: &Node, digits: &mut Vec<usize>, shape: &mut Shape) -> Result<usize, String> {
    match node {
        Node::Leaf(leaf) => {
            shape.leaf_came(leaf);
            let (entries, depth) = (leaf.entries(), u32::try_from(digits.len()).unwrap_or(u32::MAX));
            let is_there = |entry: &Entry| {
                let leads = (0..).zip(&*digits).all(|(depth, &at)| digit(entry.hash, depth) == at);
                leads && leaf.find(*entry, depth).is_some()
            };
            if !entries.iter().all(is_there) {
                return Err(format!("1: a leaf at {digits:?} has {entries:?}"));
            }
            let (count, places) = (entries.len(), leaf.places().len());
            if count == 0 || count != leaf.len() || (count > FULL && !is_last(depth)) || places != room(count) {
                return Err(format!("2: a leaf at {digits:?} has {count} entries in {places} places"));
            }
            Ok(count)
        }
        Node::Branch(branch) => {
            shape.branches += 1;
            let mut count = 0;
            for (at, child) in branch.children.iter().enumerate() {
                let Some(child) = child else { continue };
                digits.push(at);
                count += check(child, digits, shape)?;
                digits.pop();
            }
            if count != branch.count || count <= FEW {
                return Err(format!("3: a branch at {digits:?} counts {}, and has {count}", branch.count));
            }
            Ok(count)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::{NameId, Names};

    /// Hashes that are spread, and those that somebody chose: alike in their first digits, or altogether.
    fn hashes() -> impl Strategy<Value = u64> {
        prop_oneof![
            (0u64..40).prop_map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            0u64..4,
            (0u64..4).prop_map(|n| u64::MAX - n),
            (0u64..16).prop_map(|n| 0xABCD_0000_0000_0000 | n << 40),
        ]
    }

    proptest! {
        #[test]
        fn is_a_set(acts in prop::collection::vec((hashes(), 1u64..7, any::<bool>()), 0..200), kept in 0usize..200) {
            let (mut names, mut model) = (Names::new(), BTreeSet::new());
            let mut clone = None;
            for (number, (hash, id, comes)) in acts.into_iter().enumerate() {
                if number == kept {
                    clone = Some((names.clone(), model.clone()));
                }
                // Nobody adds what is there.
                if !comes {
                    names.remove(hash, NameId(id));
                    model.remove(&(hash, id));
                } else if model.insert((hash, id)) {
                    names.insert(hash, NameId(id));
                }
                names.check().unwrap();
                let there: BTreeSet<u64> = names.of_hash(hash).map(|id| id.0).collect();
                assert!(there.iter().eq(model.range((hash, 0)..=(hash, u64::MAX)).map(|(_, id)| id)));
            }
            for (names, model) in clone.into_iter().chain([(names, model)]) {
                names.check().unwrap();
                assert_eq!(names.len(), model.len());
                let mut ids: Vec<u64> = names.ids().iter().map(|id| id.0).collect();
                let mut expected: Vec<u64> = model.iter().map(|(_, id)| *id).collect();
                ids.sort_unstable();
                expected.sort_unstable();
                assert_eq!(ids, expected);
            }
        }
    }

    #[test]
    fn nothing_takes_no_memory() {
        let mut names = Names::new();
        for n in 0..1_000u64 {
            names.insert(n.wrapping_mul(0x9E37_79B9_7F4A_7C15), NameId(n + 1));
        }
        assert!(names.bytes() > 16_000);
        for n in 0..1_000u64 {
            names.remove(n.wrapping_mul(0x9E37_79B9_7F4A_7C15), NameId(n + 1));
        }
        assert_eq!((names.bytes(), names.len()), (0, 0));
    }
}
