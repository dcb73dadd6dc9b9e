//! `oracle_` tests run random programs against a `BTreeMap` from keys to stamps and values, and ask both everything
//! after every step; every clone made on the way must still equal what the model was then. A program that fails prints
//! itself as statements that can be pasted into a test. The others pin down what a model cannot see: what is copied,
//! and what is allocated.

#![cfg_attr(not(test), allow(dead_code, unused_imports, reason = "a fuzzer runs some of it"))]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::rc::Rc;
use triomphe::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::node::{CAP, Child, Node, Slot};
use super::{Held, Place, Run, SetOutcome, Step, TickMap};
use crate::fuzzing::Bytes;
use crate::tick::Tick;

#[derive(Clone, Copy, PartialEq, Eq)]
struct Val(u8, bool);

impl Held for Val {
    fn is_live(&self) -> bool {
        self.1
    }
}

impl fmt::Debug for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", if self.1 { "live" } else { "dead" }, self.0)
    }
}

fn live(n: u8) -> Val {
    Val(n, true)
}

fn dead(n: u8) -> Val {
    Val(n, false)
}

type Map = TickMap<u8, Val>;
type Model = BTreeMap<u8, (Tick, Val)>;

#[derive(Clone)]
enum Op {
    Set(u8, Tick, Val),
    SetWith(u8, Option<(Tick, Val)>),
    /// Keys with what they get, and before which the run stops.
    SetRun(BTreeMap<u8, Option<(Tick, Val)>>, u8),
    /// The number of a value in place.
    Edit(u8, u8),
    Stamp(u8, Tick),
    Remove(u8),
    PopFirst,
    Clone,
    FromSorted(Model),
}

/// A program, and the keys and the stamp that it is asked about on the way.
#[derive(Clone)]
pub(crate) struct Program {
    ops: Vec<Op>,
    probes: (u8, u8, Tick),
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Set(key, stamp, value) => write!(f, "map.set({key}, {stamp}, {value:?});"),
            Op::SetWith(key, answer) => write!(f, "map.set_with(&{key}, |_| {answer:?});"),
            Op::SetRun(answers, stop) => {
                let keys: Vec<_> = answers.keys().collect();
                let answers: Vec<_> = answers.values().collect();
                write!(f, "map.set_run(&{keys:?}, &mut Told {{ answers: vec!{answers:?}, stop: {stop} .. }});")
            }
            Op::Edit(key, number) => write!(f, "map.get_mut(&{key}).map(|value| value.0 = {number});"),
            Op::Stamp(key, stamp) => write!(f, "map.stamp(&{key}, {stamp});"),
            Op::Remove(key) => write!(f, "map.remove(&{key});"),
            Op::PopFirst => write!(f, "map.pop_first();"),
            Op::Clone => write!(f, "clones.push(map.clone());"),
            Op::FromSorted(model) => {
                let entries: Vec<_> = model.iter().map(|(key, (stamp, value))| (key, stamp, value)).collect();
                write!(f, "map = TickMap::from_sorted({entries:?});")
            }
        }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nlet (mut map, mut clones) = (Map::new(), Vec::<Map>::new());")?;
        for op in &self.ops {
            writeln!(f, "{op:?}")?;
        }
        let (low, high, since) = self.probes;
        writeln!(f, "// then range({low}..={high}), changes_since(&{since}) ...")
    }
}

fn programs(keys: u8) -> impl Strategy<Value = Program> {
    let key = move || 0..keys;
    let value = || (0u8..3, prop::bool::weighted(0.8)).prop_map(|(n, live)| Val(n, live));
    // Time goes forward as a rule, and then writes take another way.
    let stamp = || prop_oneof![2 => 0u64..30, 1 => 29u64..33];
    let state = move || (stamp(), value());
    let op = prop_oneof![
        12 => (key(), stamp(), value()).prop_map(|(key, stamp, value)| Op::Set(key, stamp, value)),
        3 => (key(), prop::option::of(state())).prop_map(|(key, answer)| Op::SetWith(key, answer)),
        4 => (prop::collection::btree_map(key(), prop::option::weighted(0.8, state()), 0..12), 0..=keys)
            .prop_map(|(answers, stop)| Op::SetRun(answers, stop)),
        3 => (key(), 0u8..3).prop_map(|(key, number)| Op::Edit(key, number)),
        2 => (key(), stamp()).prop_map(|(key, stamp)| Op::Stamp(key, stamp)),
        8 => key().prop_map(Op::Remove),
        2 => Just(Op::PopFirst),
        2 => Just(Op::Clone),
        1 => prop::collection::btree_map(key(), state(), 0..60).prop_map(Op::FromSorted),
    ];
    (vec(op, 0..120), (key(), key(), stamp())).prop_map(|(ops, probes)| Program { ops, probes })
}

/// What a run does with the entries of its keys, and what it was told.
struct Told {
    answers: Vec<Option<(Tick, Val)>>,
    /// The number of the key before which it stops.
    stop: usize,
    seen: Vec<Option<(Tick, Val)>>,
    replaced: Vec<(usize, Option<(Tick, Val)>)>,
}

impl Run<Tick, Val> for Told {
    fn step(&mut self, number: usize, there: Option<(&Tick, &Val)>) -> Step<Tick, Val> {
        if number == self.stop {
            return Step::Stop;
        }
        assert_eq!(number, self.seen.len());
        self.seen.push(there.map(|(stamp, value)| (*stamp, *value)));
        self.answers[number].map_or(Step::Keep, |(stamp, value)| Step::Set(stamp, value))
    }

    fn done(&mut self, number: usize, old: Option<(Tick, Val)>) {
        self.replaced.push((number, old));
    }
}

impl Program {
    /// Of the bytes of a fuzzer.
    pub(crate) fn of(b: &mut Bytes<'_>) -> Program {
        let keys = 1 + b.next() % 200;
        let key = |b: &mut Bytes<'_>| b.next() % keys;
        let stamp = |b: &mut Bytes<'_>| Tick::from(b.next() % 33);
        let value = |b: &mut Bytes<'_>| Val(b.next() % 3, b.below(5) != 1);
        let op = |b: &mut Bytes<'_>| match b.below(16) {
            0..6 => Op::Set(key(b), stamp(b), value(b)),
            6 => Op::SetWith(key(b), b.maybe(|b| (stamp(b), value(b)))),
            7 => Op::Edit(key(b), b.next() % 3),
            8 => Op::Stamp(key(b), stamp(b)),
            9 => Op::PopFirst,
            10 => Op::Clone,
            11 => Op::FromSorted(b.list(0, 60, |b| (key(b), (stamp(b), value(b)))).into_iter().collect()),
            12 | 13 => {
                let answers = b.list(0, 12, |b| (key(b), b.maybe(|b| (stamp(b), value(b)))));
                Op::SetRun(answers.into_iter().collect(), b.next() % (keys + 1))
            }
            _ => Op::Remove(key(b)),
        };
        Program { ops: b.list(0, 120, op), probes: (key(b), key(b), stamp(b)) }
    }
}

/// Runs an operation on both, and compares what they answer.
fn apply(op: &Op, map: &mut Map, model: &mut Model, clones: &mut Vec<(Map, Model)>) {
    match op {
        Op::Set(key, stamp, value) => {
            assert_eq!(map.set(*key, *stamp, *value), model.insert(*key, (*stamp, *value)));
        }
        Op::SetWith(key, answer) => {
            let before = model.get(key).copied();
            let outcome = map.set_with(key, |present| {
                assert_eq!(present.map(|(stamp, value)| (*stamp, *value)), before);
                *answer
            });
            let expected = match (answer, before) {
                (None, _) => SetOutcome::Kept,
                (Some(_), None) => SetOutcome::Added,
                (Some(_), Some((stamp, value))) => SetOutcome::Replaced(stamp, value),
            };
            assert_eq!(outcome, expected);
            model.extend(answer.map(|state| (*key, state)));
        }
        Op::SetRun(answers, stop) => {
            let keys: Vec<u8> = answers.keys().copied().collect();
            let stop = keys.iter().position(|key| key >= stop).unwrap_or(keys.len());
            let answers: Vec<_> = answers.values().copied().collect();
            let mut told = Told { answers, stop, seen: Vec::new(), replaced: Vec::new() };
            assert_eq!(map.set_run(&keys, &mut told), stop);
            let before: Vec<_> = keys[..stop].iter().map(|key| model.get(key).copied()).collect();
            assert_eq!(told.seen, before);
            let set = (0..stop).filter(|&number| told.answers[number].is_some());
            assert_eq!(told.replaced, set.map(|number| (number, before[number])).collect::<Vec<_>>());
            let changed = keys.iter().zip(&told.answers).take(stop);
            model.extend(changed.filter_map(|(key, answer)| answer.map(|state| (*key, state))));
        }
        Op::Edit(key, number) => {
            let expected = model.get_mut(key).map(|(_, value)| std::mem::replace(&mut value.0, *number));
            assert_eq!(map.get_mut(key).map(|value| std::mem::replace(&mut value.0, *number)), expected);
        }
        Op::Stamp(key, stamp) => {
            let before = model.get_mut(key).map(|state| std::mem::replace(&mut state.0, *stamp));
            assert_eq!(map.stamp(key, *stamp), before);
        }
        Op::Remove(key) => {
            assert_eq!(map.remove(key), model.remove(key).map(|(stamp, value)| (*key, stamp, value)));
        }
        Op::PopFirst => {
            assert_eq!(map.pop_first(), model.pop_first().map(|(key, (stamp, value))| (key, stamp, value)));
        }
        Op::Clone => clones.push((map.clone(), model.clone())),
        Op::FromSorted(entries) => {
            model.clone_from(entries);
            *map = TickMap::from_sorted(entries.iter().map(|(key, (stamp, value))| (*key, *stamp, *value)));
        }
    }
}

type Flat = (u8, Tick, Val);

fn flat<'a>(entries: impl Iterator<Item = (&'a u8, &'a Tick, &'a Val)>) -> Vec<Flat> {
    entries.map(|(key, stamp, value)| (*key, *stamp, *value)).collect()
}

fn reversed(mut entries: Vec<Flat>) -> Vec<Flat> {
    entries.reverse();
    entries
}

fn assert_same(map: &Map, model: &Model) {
    map.check_invariants().unwrap();
    let all: Vec<Flat> = model.iter().map(|(key, (stamp, value))| (*key, *stamp, *value)).collect();
    assert_eq!(flat(map.iter()), all);
    assert_eq!(map.total(), all.len());
    assert_eq!(map.len(), all.iter().filter(|(_, _, value)| value.is_live()).count());
    assert_eq!(map.is_empty(), all.iter().all(|(_, _, value)| !value.is_live()));
    assert_eq!(map.max_stamp(), all.iter().map(|(_, stamp, _)| stamp).max());
    assert_eq!(flat(map.first().into_iter()).first(), all.first());
    assert_eq!(flat(map.last().into_iter()).first(), all.last());
}

/// All ways to ask for a part of the map.
fn assert_parts(map: &Map, model: &Model, (low, high, since): (u8, u8, Tick), before: &Place) {
    let all: Vec<Flat> = model.iter().map(|(key, (stamp, value))| (*key, *stamp, *value)).collect();
    let part = |keep: &dyn Fn(&Flat) -> bool| all.iter().copied().filter(keep).collect::<Vec<_>>();

    for (key, stamp, value) in &all {
        assert_eq!(map.get(key), Some(value));
        assert_eq!(map.get_entry(key), Some((key, stamp, value)));
    }
    for key in [low, high, low.wrapping_add(1), u8::MAX] {
        assert_eq!(map.get(&key), model.get(&key).map(|(_, value)| value));
        assert_eq!(map.contains_key(&key), model.contains_key(&key));
        // Whatever place is guessed: that of another key, or one before the last write.
        for guess in [low, high].map(|other| map.locate(&other, None).0).iter().chain([before]) {
            let (place, there) = map.locate(&key, Some(guess));
            assert_eq!(there.map(|(stamp, value)| (*stamp, *value)), model.get(&key).copied());
            assert_eq!(place.is_live(), there.is_some_and(|(_, value)| value.is_live()));
            assert_eq!(map.clone().value_at(&place).copied(), there.map(|(_, value)| *value));
            assert_eq!(map.get_from(&key, Some(guess)), there.map(|(_, value)| value));
        }
        assert_eq!(map.rank(&key), part(&|entry| entry.0 < key && entry.2.is_live()).len());
    }
    for (i, entry) in part(&|entry| entry.2.is_live()).into_iter().enumerate() {
        assert_eq!(flat(map.nth(i).into_iter()), [entry]);
    }
    assert!(map.nth(map.len()).is_none());

    for (from, to) in [
        (Included(low), Included(high)),
        (Included(low), Excluded(high)),
        (Excluded(low), Included(high)),
        (Excluded(low), Excluded(high)),
        (Excluded(low), Unbounded),
        (Unbounded, Excluded(high)),
        (Unbounded, Unbounded),
    ] {
        let above = |key| match from {
            Included(low) => low <= key,
            Excluded(low) => low < key,
            Unbounded => true,
        };
        let below = |key| match to {
            Included(high) => key <= high,
            Excluded(high) => key < high,
            Unbounded => true,
        };
        let expected = part(&|entry| above(entry.0) && below(entry.0));
        assert_eq!(map.range((from, to)).len(), expected.len());
        assert_eq!(flat(map.range((from, to))), expected);
        assert_eq!(flat(map.range((from, to)).rev()), reversed(expected.clone()));
        assert_eq!(map.walk_range((from, to), false).collect::<Vec<_>>(), expected);
        assert_eq!(map.walk_range((from, to), true).collect::<Vec<_>>(), reversed(expected.clone()));
        // From both ends in turns, until they meet.
        let mut both = map.range((from, to));
        let (mut front, mut back) = (Vec::new(), Vec::new());
        while let Some(entry) = both.next() {
            front.push(entry);
            back.extend(both.next_back());
        }
        assert_eq!(flat(front.into_iter().chain(back.into_iter().rev())), expected);

        let expected = part(&|entry| entry.1 >= since && below(entry.0));
        assert_eq!(flat(map.changes_since_up_to(&since, to.as_ref())), expected);
    }
    assert_eq!(flat(map.changes_since(&since)), part(&|entry| entry.1 >= since));
    assert_eq!(map.walk(false).collect::<Vec<_>>(), all);
    assert_eq!(map.walk(true).collect::<Vec<_>>(), reversed(all));
}

/// Where the two differ, `diff` says so; where it says more, the entries are what they are.
fn assert_diff(older: &Map, old: &Model, newer: &Map, new: &Model) {
    let mut said = BTreeSet::new();
    let mut last = None;
    for (key, before, after) in older.diff(newer) {
        assert!(last < Some(*key), "keys ascend");
        last = Some(*key);
        assert_eq!(before.map(|(stamp, value)| (*stamp, *value)), old.get(key).copied());
        assert_eq!(after.map(|(stamp, value)| (*stamp, *value)), new.get(key).copied());
        assert!(before.is_some() || after.is_some());
        said.insert(*key);
    }
    for key in old.keys().chain(new.keys()) {
        assert!(old.get(key) == new.get(key) || said.contains(key), "{key} differs");
    }
}

pub(crate) fn run(program: &Program) {
    let (mut map, mut model, mut clones) = (Map::new(), Model::new(), Vec::new());
    let mut place = Place::ROOT;
    for op in &program.ops {
        apply(op, &mut map, &mut model, &mut clones);
        assert_same(&map, &model);
        assert_parts(&map, &model, program.probes, &place);
        place = map.locate(&program.probes.1, None).0;
        if let Some((older, old)) = clones.last() {
            assert_diff(older, old, &map, &model);
            assert_diff(&map, &model, older, old);
        }
    }
    for (older, old) in &clones {
        assert_same(older, old);
        assert_diff(older, old, &map, &model);
    }
}

proptest! {
    #[test]
    fn oracle_few_keys(program in programs(12)) {
        run(&program);
    }

    #[test]
    fn oracle_many_keys(program in programs(200)) {
        run(&program);
    }

    /// Long enough for five levels: grown by ascending, descending and scattered inserts, then taken down.
    #[test]
    fn oracle_deep(step in prop::sample::select(vec![1u16, 3, 7, 89, 250]), taken in vec(any::<u16>(), 0..250), pops in 0..250usize) {
        let (mut map, mut model) = (TickMap::<u16, (), u16>::new(), BTreeMap::new());
        for i in 0..251u16 {
            let key = i * step % 251;
            assert_eq!(map.set(key, i, ()).map(|(stamp, ())| stamp), model.insert(key, i));
            map.check_invariants().unwrap();
        }
        let full = map.clone();
        for key in taken {
            let key = key % 251;
            assert_eq!(map.remove(&key), model.remove(&key).map(|stamp| (key, stamp, ())));
            map.check_invariants().unwrap();
        }
        for _ in 0..pops {
            assert_eq!(map.pop_first(), model.pop_first().map(|(key, stamp)| (key, stamp, ())));
            map.check_invariants().unwrap();
        }
        assert!(map.iter().map(|(key, stamp, ())| (*key, *stamp)).eq(model));
        assert_eq!(full.len(), 251);
        full.check_invariants().unwrap();
    }
}

fn numbers(n: u32) -> TickMap<u32, (), Tick> {
    TickMap::from_sorted((0..n).map(|key| (key, 1, ())))
}

/// The addresses of all nodes, the root first.
fn addresses<K, V, T>(map: &TickMap<K, V, T>) -> Vec<usize> {
    fn add<K, V, T>(node: &Arc<Node<K, V, T>>, found: &mut Vec<usize>) {
        found.push(Arc::as_ptr(node).addr());
        if let Node::Inner(children) = &**node {
            for child in children.iter() {
                add(&child.node, found);
            }
        }
    }
    let mut found = Vec::new();
    if let Some(root) = &map.root {
        add(root, &mut found);
    }
    found
}

#[test]
fn edits_in_place_where_unshared() {
    let mut map = numbers(100);
    let before = addresses(&map);
    map.set(50, 2, ());
    map.stamp(&10, 3);
    assert!(map.get_mut(&99).is_some());
    map.set_with(&7, |_| Some((5, ())));
    map.remove(&50);
    assert_eq!(addresses(&map), before);
    assert_eq!(map.max_stamp(), Some(&5));
}

#[test]
fn copies_only_the_shared_path() {
    let mut map = numbers(100);
    let clone = map.clone();
    map.set(50, 2, ());
    let (old, new) = (addresses(&clone), addresses(&map));
    let height = map.root.as_ref().unwrap().height();
    assert_eq!(old.iter().filter(|node| !new.contains(node)).count(), height + 1);
    // Once copied, the path is the map's own.
    map.set(50, 3, ());
    assert_eq!(addresses(&map), new);
    assert_eq!(clone.get_entry(&50), Some((&50, &1, &())));
}

#[test]
fn what_does_nothing_copies_nothing() {
    let mut map = numbers(100);
    let clone = map.clone();
    assert_eq!(map.remove(&1000), None);
    assert_eq!(map.get_mut(&1000), None);
    assert_eq!(map.stamp(&1000, 2), None);
    assert_eq!(map.set_with(&50, |_| None), SetOutcome::Kept);
    assert_eq!(map.set_with(&1000, |_| None), SetOutcome::Kept);
    assert!(map.ptr_eq(&clone));
}

/// A value that counts its clones and drops.
struct Counted {
    clones: Rc<Cell<usize>>,
    drops: Rc<Cell<usize>>,
}

impl Held for Counted {}

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.clones.set(self.clones.get() + 1);
        Counted { clones: Rc::clone(&self.clones), drops: Rc::clone(&self.drops) }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.drops.set(self.drops.get() + 1);
    }
}

#[test]
fn unshared_writes_clone_and_drop_no_value() {
    let (clones, drops) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let value = || Counted { clones: Rc::clone(&clones), drops: Rc::clone(&drops) };
    let mut map = TickMap::<u32, Counted>::new();
    let mut out = Vec::new();
    for i in 0..500u32 {
        map.set(i * 7 % 500, 1, value());
    }
    for i in 0..500u32 {
        out.extend(map.set(i, 2, value()).map(|(_, value)| value));
        match map.set_with(&i, |_| Some((3, value()))) {
            SetOutcome::Replaced(_, value) => out.push(value),
            other => assert!(matches!(other, SetOutcome::Added), "{i} was there"),
        }
        map.stamp(&i, 4);
        assert!(map.get_mut(&i).is_some());
    }
    for i in 0..250u32 {
        out.extend(map.remove(&(i * 11 % 500)).map(|(_, _, value)| value));
        out.extend(map.pop_first().map(|(_, _, value)| value));
    }
    while let Some((_, _, value)) = map.pop_first() {
        out.push(value);
    }
    assert!(map.is_empty());
    assert_eq!((clones.get(), drops.get(), out.len()), (0, 0, 1500));
}

#[test]
fn a_shared_write_clones_one_leaf() {
    let (clones, drops) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let value = || Counted { clones: Rc::clone(&clones), drops: Rc::clone(&drops) };
    let mut map = TickMap::<u32, Counted>::from_sorted((0..100).map(|key| (key, 1, value())));
    let kept = map.clone();
    let _ = map.set(50, 2, value());
    assert_eq!(clones.get(), CAP);
    drop(kept);
}

#[test]
fn tiny_maps_are_small() {
    let mut map = TickMap::<u64, u64>::new();
    assert_eq!(size_of::<TickMap<u64, u64>>(), 4 * size_of::<usize>());
    assert_eq!((map.nodes(), map.bytes()), ((0, 0), 0));
    let capacity = |map: &TickMap<u64, u64>| map.root.as_ref().map(|root| root.capacity());
    assert_eq!(capacity(&map), None);
    for (key, room) in [(1, 1), (2, 2), (3, 4), (4, 4)] {
        map.set(key, 1, 1);
        assert_eq!(capacity(&map), Some(room));
    }
    for key in [1, 2, 3] {
        map.remove(&key);
    }
    assert_eq!(capacity(&map), Some(1));
    map.remove(&4);
    assert_eq!(map.bytes(), 0);
}

impl Held for u64 {}

#[test]
fn no_stamp_costs_no_memory() {
    assert_eq!(size_of::<Slot<u64, u64, ()>>(), 16);
    assert_eq!(size_of::<Child<u64, u64, ()>>(), 32);
}

#[test]
fn ascending_inserts_fill_leaves() {
    let mut map = TickMap::<u32, ()>::new();
    for key in 0..1000 {
        map.set(key, 1, ());
    }
    assert_eq!(map.nodes().0, 1000usize.div_ceil(CAP));
    assert_eq!(map.nodes(), numbers(1000).nodes());
}

#[test]
fn the_key_that_is_there_stays() {
    #[derive(Clone, Debug)]
    struct Fold(&'static str);
    impl PartialEq for Fold {
        fn eq(&self, other: &Self) -> bool {
            self.cmp(other).is_eq()
        }
    }
    impl Eq for Fold {}
    impl PartialOrd for Fold {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Fold {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            self.0.to_lowercase().cmp(&other.0.to_lowercase())
        }
    }
    impl super::Sought for Fold {}
    let mut map = TickMap::<Fold, ()>::new();
    map.set(Fold("a"), 1, ());
    map.set(Fold("A"), 2, ());
    assert_eq!(map.first().map(|(key, stamp, ())| (key.0, *stamp)), Some(("a", 2)));
}

#[test]
fn shared_subtrees_are_skipped() {
    let old = numbers(1000);
    let mut new = old.clone();
    // Splits shift all that follows within its parent; a removed leaf shifts it back.
    for key in 2000..2003 {
        new.set(key, 2, ());
    }
    new.remove(&500);
    new.stamp(&3, 2);
    let said = old.diff(&new).count();
    assert!(said <= 5 * CAP, "{said} keys for 5 changes");
    assert_eq!(old.diff(&old.clone()).count(), 0);
}

#[test]
fn intervals_that_hold_a_point() {
    // Keys are (lower bound, name), stamps are upper bounds.
    let mut map = TickMap::<(u32, u32), (), u32>::new();
    let intervals: Vec<(u32, u32)> = (0..200).map(|i| (i * 37 % 101, i * 37 % 101 + i % 13)).collect();
    for (name, (low, high)) in (0..).zip(&intervals) {
        map.set((*low, name), *high, ());
    }
    for point in 0..120 {
        let found = map.changes_since_up_to(&point, Included(&(point, u32::MAX))).count();
        assert_eq!(found, intervals.iter().filter(|(low, high)| (low..=high).contains(&&point)).count());
    }
}

#[test]
fn tombstones_stand_in_order_and_do_not_count() {
    let mut map = Map::from_sorted([(1, 1, live(0)), (2, 1, dead(0)), (3, 1, live(0))]);
    assert_eq!((map.len(), map.total(), map.rank(&3)), (2, 3, 1));
    assert_eq!(map.nth(1), Some((&3, &1, &live(0))));
    map.set(1, 2, dead(0));
    assert_eq!((map.len(), map.total(), map.rank(&3)), (1, 3, 0));
    assert_eq!(flat(map.changes_since(&2)), [(1, 2, dead(0))]);
}

#[test]
fn a_walk_outlives_the_map() {
    let mut map = numbers(50);
    let mut walk = map.walk(false);
    assert_eq!(walk.next(), Some((0, 1, ())));
    map.remove(&1);
    drop(map);
    assert_eq!(walk.len(), 49);
    assert_eq!(walk.map(|(key, ..)| key).collect::<Vec<_>>(), (1..50).collect::<Vec<_>>());
}

/// A bit for each item of the leaf that would be looked at for what is stamped since then.
fn looked_at(map: &TickMap<u32, (), Tick>, since: Tick) -> u32 {
    match map.root.as_deref() {
        Some(Node::Leaf(slots)) => slots.stamped_since(&since),
        _ => panic!("the root is no leaf"),
    }
}

#[test]
fn only_what_was_stamped_last_is_looked_at() {
    let mut map = numbers(4);
    assert_eq!(looked_at(&map, 1), 0b1111);
    assert_eq!(looked_at(&map, 2), 0);
    map.stamp(&1, 2);
    map.stamp(&3, 2);
    assert_eq!((looked_at(&map, 2), looked_at(&map, 1)), (0b1010, 0b1111));
    map.remove(&0);
    assert_eq!(looked_at(&map, 2), 0b101);
    map.set(0, 1, ());
    assert_eq!(looked_at(&map, 2), 0b1010);
    // Back to what they were, as a rollback does it.
    map.stamp(&1, 1);
    assert_eq!(looked_at(&map, 2), 0b1000);
    map.stamp(&3, 1);
    assert_eq!((looked_at(&map, 2), looked_at(&map, 1)), (0, 0b1111));
}

#[test]
fn what_was_appended_and_is_taken_out_again_leaves_no_node() {
    let mut map = numbers(100);
    let before = (map.nodes(), map.bytes());
    for key in 100..200 {
        map.set(key, 2, ());
    }
    for key in (100..200).rev() {
        map.remove(&key);
        map.check_invariants().unwrap();
    }
    assert_eq!((map.nodes(), map.bytes()), before);
}
