//! Which number a name has: a persistent set of (hash, number), found by the hash.
//!
//! Names are found, interned and freed all the time and at random, where a million of them fall out of every cache, so what
//! counts is how many lines, and how many pages, of memory an operation touches that nobody touched lately. This is a trie
//! over the digits of the hash, from the top, down to few and large leaves: the branches of a million names are so few (some
//! 300) that they stay in the caches and in the buffer of pages. A leaf is one piece of memory, a table with open addresses:
//! an entry stands where the digits below the leaf say, or in the next place that was free, so that to find it, to add it and
//! to take it out touches its neighbours alone. Who points at a leaf knows how many places it has: which of them to look at
//! is known before the leaf's own head is there. What still has enough places, and not too many, is edited in place; between
//! the two there is so much that a name that comes and goes never has a leaf made anew each time.
//!
//! No text is here: it stands in the slot of the number (`dirs.rs`), which whoever looks for a name goes on to, and where
//! names of one hash are told apart. Who chooses names can make this slow by as many names of one hash, which are searched one by
//! one, and by names whose hashes begin alike: up to a leaf full of these is searched so, and a leaf of them is made anew in
//! time that grows with the square of that.
//!
//! # Invariants
//! 1. An entry stands where the digits of its hash lead, and in the leaf no free place is between its home and it.
//! 2. A leaf has at least one entry, at most `FULL` but behind the last digit; of its places a third is free or more, and a
//!    quarter is taken or more.
//! 3. A branch counts the entries below it, which are more than `FEW`.
//! 4. The set counts its entries, leaves, the places of these, and branches.

use std::iter;

use triomphe::{Arc, HeaderSlice};

use crate::context::NameId;

/// Bits of a digit.
const BITS: u32 = 4;
const WIDE: usize = 1 << BITS;

/// Most entries of a leaf; few in tests, so that leaves split and branches merge.
const FULL: usize = if cfg!(test) { 3 } else { 512 };

/// A branch with no more entries becomes a leaf: so many that several writes lie between that and the next split.
const FEW: usize = FULL / 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    hash: u64,
    id: NameId,
}

/// In a free place. No name has that number.
const FREE: Entry = Entry { hash: 0, id: NameId::STORE };

/// The places of a leaf that is made for so many entries: another is made when more than a third as many came, or more than half
/// of them went.
const fn room(count: usize) -> usize {
    count * 2
}

/// Whether so many entries are neither too many nor too few for the places.
const fn suits(count: usize, places: usize) -> bool {
    count * 3 <= places * 2 && places <= count * 4
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
struct Leaf(Arc<HeaderSlice<usize, [Entry]>>);

impl Leaf {
    fn new(count: usize, entries: impl Iterator<Item = Entry>, depth: u32) -> Self {
        let mut leaf = Arc::from_header_and_iter(count, iter::repeat_n(FREE, room(count)));
        let Some(alone) = Arc::get_mut(&mut leaf) else { return Leaf(leaf) };
        entries.for_each(|entry| enter(&mut alone.slice, entry, depth));
        Leaf(leaf)
    }

    fn len(&self) -> usize {
        self.0.header
    }

    fn places(&self) -> &[Entry] {
        &self.0.slice
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        self.places().iter().filter(|entry| **entry != FREE).copied()
    }

    fn find(&self, entry: Entry, depth: u32) -> Option<usize> {
        let home = home(self.places(), entry.hash, depth);
        taken_from(self.places(), home).find(|(_, there)| **there == entry).map(|(at, _)| at)
    }

    /// Of a copy, where a clone has this leaf too.
    fn edit(&mut self, count: usize, edit: impl FnOnce(&mut [Entry])) {
        if !self.0.is_unique() {
            self.0 = Arc::from_header_and_slice(count, self.places());
        }
        if let Some(alone) = Arc::get_mut(&mut self.0) {
            alone.header = count;
            edit(&mut alone.slice);
        }
    }

    fn insert(&mut self, entry: Entry, depth: u32) {
        let count = self.len() + 1;
        if suits(count, self.places().len()) {
            self.edit(count, |places| enter(places, entry, depth));
        } else {
            *self = Leaf::new(count, self.entries().chain([entry]), depth);
        }
    }

    /// Takes out what stands there; it is not the only one.
    fn remove(&mut self, at: usize, depth: u32) {
        let count = self.len() - 1;
        if suits(count, self.places().len()) {
            self.edit(count, |places| free(places, at, depth));
        } else {
            let gone = self.places()[at];
            *self = Leaf::new(count, self.entries().filter(|entry| *entry != gone), depth);
        }
    }
}

/// What the names with the same first digits are in.
#[derive(Clone)]
enum Node {
    Leaf(Leaf),
    /// `None`: there are no such names. (It stands here so that a node is two words.)
    Branch(Option<Arc<Branch>>),
}

const EMPTY: Node = Node::Branch(None);

const _: () = assert!(size_of::<Node>() == 2 * size_of::<usize>());

#[derive(Clone)]
struct Branch {
    count: usize,
    children: [Node; WIDE],
}

/// See the [module](self). A clone costs one reference count.
#[derive(Clone)]
pub(crate) struct Names {
    root: Node,
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
        let leaf = Leaf::new(entries.len(), entries.iter().copied(), depth);
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
        Names { root: EMPTY, shape: Shape { entries: 0, leaves: 0, room: 0, branches: 0 } }
    }

    /// How many there are. O(1).
    pub(crate) const fn len(&self) -> usize {
        self.shape.entries
    }

    /// The bytes that it takes, those shared with clones too. O(1).
    pub(crate) const fn bytes(&self) -> usize {
        let Shape { leaves, room, branches, .. } = self.shape;
        room * size_of::<Entry>()
            + leaves * 2 * size_of::<usize>()
            + branches * (size_of::<usize>() + size_of::<Branch>())
    }

    /// The numbers of the names that have this hash: one, but by chance. O(log n).
    pub(crate) fn of_hash(&self, hash: u64) -> impl Iterator<Item = NameId> {
        let mut found = &self.root;
        let mut depth = 0;
        while let Node::Branch(Some(branch)) = found {
            found = &branch.children[digit(hash, depth)];
            depth += 1;
        }
        // The leaf's head is not needed to find the place, but to edit the leaf, which often comes next: both are fetched at
        // once.
        let (places, count, home) = match found {
            Node::Leaf(leaf) => (leaf.places(), leaf.len(), home(leaf.places(), hash, depth)),
            Node::Branch(_) => (&[][..], 0, 0),
        };
        taken_from(places, home).take(count).filter(move |(_, entry)| entry.hash == hash).map(|(_, entry)| entry.id)
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
        let mut entries = Vec::with_capacity(self.len());
        collect(&self.root, &mut entries);
        entries.into_iter().map(|entry| entry.id).collect()
    }

    /// What the module's head says, as code. O(n).
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut shape = Shape::default();
        shape.entries = check(&self.root, &mut Vec::new(), &mut shape)?;
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

fn add(node: &mut Node, entry: Entry, depth: u32, shape: &mut Shape) {
    match node {
        Node::Branch(None) => *node = shape.new_leaf(&[entry], depth),
        Node::Leaf(leaf) => {
            let count = leaf.len() + 1;
            shape.leaf_went(leaf);
            if count <= FULL || is_last(depth) {
                leaf.insert(entry, depth);
                return shape.leaf_came(leaf);
            }
            let mut entries: Vec<Entry> = leaf.entries().chain([entry]).collect();
            entries.sort_unstable();
            shape.branches += 1;
            let mut children = [EMPTY; WIDE];
            let mut rest = entries.as_slice();
            while let Some(first) = rest.first() {
                let at = digit(first.hash, depth);
                let (these, others) = rest.split_at(rest.partition_point(|entry| digit(entry.hash, depth) == at));
                rest = others;
                // All but the last of them make a leaf, into which that one goes as any other: it may split again.
                let Some((last, these)) = these.split_last() else { break };
                if !these.is_empty() {
                    children[at] = shape.new_leaf(these, depth + 1);
                }
                add(&mut children[at], *last, depth + 1, shape);
            }
            *node = Node::Branch(Some(Arc::new(Branch { count, children })));
        }
        Node::Branch(Some(branch)) => {
            let branch = Arc::make_mut(branch);
            branch.count += 1;
            add(&mut branch.children[digit(entry.hash, depth)], entry, depth + 1, shape);
        }
    }
}

/// Whether it was there.
fn take(node: &mut Node, entry: Entry, depth: u32, shape: &mut Shape) -> bool {
    match node {
        Node::Branch(None) => false,
        Node::Leaf(leaf) => {
            let Some(at) = leaf.find(entry, depth) else { return false };
            shape.leaf_went(leaf);
            if leaf.len() == 1 {
                *node = EMPTY;
            } else {
                leaf.remove(at, depth);
                shape.leaf_came(leaf);
            }
            true
        }
        Node::Branch(Some(shared)) => {
            let branch = Arc::make_mut(shared);
            if !take(&mut branch.children[digit(entry.hash, depth)], entry, depth + 1, shape) {
                return false;
            }
            branch.count -= 1;
            if branch.count <= FEW {
                let mut entries = Vec::with_capacity(branch.count);
                for child in &branch.children {
                    collect(child, &mut entries);
                    // No branch is below: it had more entries than this one may have.
                    if let Node::Leaf(leaf) = child {
                        shape.leaf_went(leaf);
                    }
                }
                shape.branches -= 1;
                *node = shape.new_leaf(&entries, depth);
            }
            true
        }
    }
}

fn collect(node: &Node, entries: &mut Vec<Entry>) {
    match node {
        Node::Leaf(leaf) => entries.extend(leaf.entries()),
        Node::Branch(branch) => {
            branch.iter().flat_map(|branch| &branch.children).for_each(|child| collect(child, entries));
        }
    }
}

/// Answers how many entries there are. `digits`: those that lead to the node.
fn check(node: &Node, digits: &mut Vec<usize>, shape: &mut Shape) -> Result<usize, String> {
    match node {
        Node::Leaf(leaf) => {
            shape.leaf_came(leaf);
            let (count, depth) = (leaf.entries().count(), u32::try_from(digits.len()).unwrap_or(u32::MAX));
            let is_there = |entry: Entry| {
                let leads = (0..).zip(&*digits).all(|(depth, &at)| digit(entry.hash, depth) == at);
                leads && leaf.find(entry, depth).is_some()
            };
            if !leaf.entries().all(is_there) {
                let entries: Vec<Entry> = leaf.entries().collect();
                return Err(format!("1: a leaf at {digits:?} has {entries:?}"));
            }
            let places = leaf.places().len();
            if count == 0 || count != leaf.len() || (count > FULL && !is_last(depth)) || !suits(count, places) {
                return Err(format!("2: a leaf at {digits:?} has {count} entries in {places} places"));
            }
            Ok(count)
        }
        Node::Branch(None) => Ok(0),
        Node::Branch(Some(branch)) => {
            shape.branches += 1;
            let mut count = 0;
            for (at, child) in branch.children.iter().enumerate() {
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

    use super::{Arc, FREE, Leaf, NameId, Names, Node};

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

    /// Else it would be dear at some numbers of names.
    #[test]
    fn a_name_that_comes_and_goes_has_nothing_made_anew() {
        let mut names = Names::new();
        for n in 0..2_000u64 {
            let hash = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            names.insert(hash, NameId(n + 1));
            let there = names.shape;
            names.remove(hash, NameId(n + 1));
            let gone = names.shape;
            // All but a leaf of its own.
            assert!(
                there.branches == gone.branches && there.room - gone.room == 2 * (there.leaves - gone.leaves),
                "{n}"
            );
            names.insert(hash, NameId(n + 1));
            assert_eq!(names.shape, there, "{n}");
        }
    }

    fn first_leaf(node: &mut Node) -> Option<&mut Leaf> {
        match node {
            Node::Leaf(leaf) => Some(leaf),
            Node::Branch(branch) => Arc::get_mut(branch.as_mut()?)?.children.iter_mut().find_map(first_leaf),
        }
    }

    #[test]
    fn the_check_finds_what_is_broken() {
        type Fault = fn(&mut Names) -> Option<()>;
        let faults: [(&str, Fault); 4] = [
            ("1: a leaf at", |names| {
                // What stands there leads elsewhere.
                let places = &mut Arc::get_mut(&mut first_leaf(&mut names.root)?.0)?.slice;
                places.iter_mut().find(|entry| **entry != FREE).map(|entry| entry.hash = !entry.hash)
            }),
            ("2: a leaf at", |names| Arc::get_mut(&mut first_leaf(&mut names.root)?.0).map(|leaf| leaf.header += 1)),
            ("3: a branch at", |names| {
                let Node::Branch(Some(branch)) = &mut names.root else { return None };
                Arc::get_mut(branch).map(|branch| branch.count += 1)
            }),
            ("4: there are", |names| {
                names.shape.room += 1;
                Some(())
            }),
        ];
        for (says, fault) in faults {
            let mut names = Names::new();
            for n in 0..100u64 {
                names.insert(n.wrapping_mul(0x9E37_79B9_7F4A_7C15), NameId(n + 1));
            }
            assert_eq!(names.check(), Ok(()));
            fault(&mut names).expect("there is something to break");
            let found = names.check().unwrap_err();
            assert!(found.starts_with(says), "{found}");
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
