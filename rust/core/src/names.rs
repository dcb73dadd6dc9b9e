//! Which number a name has: a persistent set of (hash, number), found by the hash.
//!
//! Names are found, interned and freed all the time and at random, where a million of them fall out of every cache, so what
//! counts is how many lines of memory a search touches that nobody touched lately. This is a trie over the digits of the
//! hash, from the top: a branch is looked at in the one place that the digit names, and the branches of a million names are
//! a megabyte. A leaf is one piece of memory with its entries in order; hashes are spread evenly, so a search begins where
//! the hash should be, and is through a place or two beside.
//!
//! No text is here: it stands in the slot of the number (`dirs.rs`), which whoever looks for a name goes on to, and where
//! names of one hash are told apart. Nobody who chooses names can make this slow or deep but by as many names of one
//! hash, which are searched one by one.
//!
//! # Invariants
//! 1. An entry stands where the digits of its hash lead; the entries of a leaf ascend strictly, and there is at least one.
//! 2. A leaf has at most `FULL` entries, but behind the last digit.
//! 3. A branch counts the entries below it, which are more than `FEW`.
//! 4. The set counts its entries, leaves and branches.

use std::cmp::Ordering;

use smallvec::SmallVec;
use triomphe::{Arc, ThinArc};

use crate::context::NameId;

/// Bits of a digit.
const BITS: u32 = 4;
const WIDE: usize = 1 << BITS;

/// Most entries of a leaf; few in tests, so that leaves split and branches merge.
const FULL: usize = if cfg!(test) { 3 } else { 32 };

/// A branch with no more entries becomes a leaf: so many that several writes lie between that and the next split.
const FEW: usize = FULL / 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    hash: u64,
    id: NameId,
}

type Leaf = ThinArc<(), Entry>;
type Entries = SmallVec<[Entry; FULL + 1]>;

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
    branches: usize,
}

impl Names {
    pub(crate) const fn new() -> Self {
        Names { root: None, shape: Shape { entries: 0, leaves: 0, branches: 0 } }
    }

    /// How many there are. O(1).
    pub(crate) const fn len(&self) -> usize {
        self.shape.entries
    }

    /// The bytes that it takes, those shared with clones too. O(1).
    pub(crate) const fn bytes(&self) -> usize {
        let Shape { entries, leaves, branches } = self.shape;
        entries * size_of::<Entry>()
            + leaves * 2 * size_of::<usize>()
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
        let entries = match found {
            Some(Node::Leaf(leaf)) => &leaf.slice[start(&leaf.slice, hash, depth)..],
            _ => &[],
        };
        entries.iter().take_while(move |entry| entry.hash == hash).map(|entry| entry.id)
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

    /// All numbers, in the order of their hashes. O(n).
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

/// Where the entries of this hash begin in a leaf, or else would. The search begins where the digits below the leaf say.
fn start(entries: &[Entry], hash: u64, depth: u32) -> usize {
    let below = if is_last(depth) { 0 } else { hash << (depth * BITS) };
    let at = (u128::from(below) * entries.len() as u128) >> u64::BITS;
    let mut at = usize::try_from(at).unwrap_or(0);
    while at > 0 && entries[at - 1].hash >= hash {
        at -= 1;
    }
    while at < entries.len() && entries[at].hash < hash {
        at += 1;
    }
    at
}

/// Where the entry stands in a leaf, or else would.
fn place(entries: &[Entry], entry: Entry, depth: u32) -> usize {
    let mut at = start(entries, entry.hash, depth);
    while at < entries.len() && entries[at] < entry {
        at += 1;
    }
    at
}

fn leaf_of(entries: impl ExactSizeIterator<Item = Entry>) -> Node {
    Node::Leaf(ThinArc::from_header_and_iter((), entries))
}

fn add(slot: &mut Option<Node>, entry: Entry, depth: u32, shape: &mut Shape) {
    match slot {
        None => {
            *slot = Some(leaf_of(std::iter::once(entry)));
            shape.leaves += 1;
        }
        Some(Node::Leaf(leaf)) => {
            let old = &leaf.slice;
            let at = place(old, entry, depth);
            let count = old.len() + 1;
            let entries = (0..count).map(|i| match i.cmp(&at) {
                Ordering::Less => old[i],
                Ordering::Equal => entry,
                Ordering::Greater => old[i - 1],
            });
            if count <= FULL || is_last(depth) {
                *slot = Some(leaf_of(entries));
                return;
            }
            let entries: Entries = entries.collect();
            let mut children = [const { None }; WIDE];
            shape.leaves -= 1;
            shape.branches += 1;
            let mut rest = entries.as_slice();
            while let Some(first) = rest.first() {
                let at = digit(first.hash, depth);
                let (these, others) = rest.split_at(rest.partition_point(|entry| digit(entry.hash, depth) == at));
                rest = others;
                // All but the last of them make a leaf, into which that one goes as any other: it may split again.
                if let Some((last, these)) = these.split_last() {
                    if !these.is_empty() {
                        children[at] = Some(leaf_of(these.iter().copied()));
                        shape.leaves += 1;
                    }
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
            let old = &leaf.slice;
            let at = place(old, entry, depth);
            if old.get(at) != Some(&entry) {
                return false;
            }
            if old.len() == 1 {
                *slot = None;
                shape.leaves -= 1;
                return true;
            }
            let left = leaf_of((0..old.len() - 1).map(|i| old[i + usize::from(i >= at)]));
            *slot = Some(left);
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
                    // A branch below has more entries than this one may have.
                    shape.leaves -= 1;
                }
                shape.branches -= 1;
                shape.leaves += 1;
                *slot = Some(leaf_of(entries.into_iter()));
            }
            true
        }
    }
}

fn collect(node: &Node, entries: &mut Entries) {
    match node {
        Node::Leaf(leaf) => entries.extend_from_slice(&leaf.slice),
        Node::Branch(branch) => branch.children.iter().flatten().for_each(|child| collect(child, entries)),
    }
}

/// Answers how many entries there are. `digits`: those that lead to the node.
fn check(node: &Node, digits: &mut Vec<usize>, shape: &mut Shape) -> Result<usize, String> {
    match node {
        Node::Leaf(leaf) => {
            shape.leaves += 1;
            let entries = &leaf.slice;
            let is_there = |entry: &Entry| (0..).zip(&*digits).all(|(depth, &at)| digit(entry.hash, depth) == at);
            if entries.is_empty() || !entries.is_sorted_by(|a, b| a < b) || !entries.iter().all(is_there) {
                return Err(format!("1: a leaf at {digits:?} has {entries:?}"));
            }
            if entries.len() > FULL && !is_last(u32::try_from(digits.len()).unwrap_or(u32::MAX)) {
                return Err(format!("2: a leaf at {digits:?} has {} entries", entries.len()));
            }
            Ok(entries.len())
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
        fn is_a_set(acts in prop::collection::vec((hashes(), 0u64..6, any::<bool>()), 0..200), kept in 0usize..200) {
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
                let there: Vec<u64> = names.of_hash(hash).map(|id| id.0).collect();
                assert!(there.iter().eq(model.range((hash, 0)..=(hash, u64::MAX)).map(|(_, id)| id)));
            }
            for (names, model) in clone.into_iter().chain([(names, model)]) {
                names.check().unwrap();
                assert_eq!(names.len(), model.len());
                assert!(names.ids().iter().map(|id| id.0).eq(model.iter().map(|(_, id)| *id)));
            }
        }
    }

    #[test]
    fn nothing_takes_no_memory() {
        let mut names = Names::new();
        for n in 0..1_000u64 {
            names.insert(n.wrapping_mul(0x9E37_79B9_7F4A_7C15), NameId(n));
        }
        assert!(names.bytes() > 16_000);
        for n in 0..1_000u64 {
            names.remove(n.wrapping_mul(0x9E37_79B9_7F4A_7C15), NameId(n));
        }
        assert_eq!((names.bytes(), names.len()), (0, 0));
    }
}
