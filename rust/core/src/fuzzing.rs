//! What a fuzzer runs: the checks of the tests, on what its bytes come to instead of on what chance draws.
//!
//! One byte is one choice, and zero where they are used up, which is the least that there is. So a fuzzer that changes a
//! byte changes one thing, and sees by the coverage where that leads. Each of these panics where something does not hold
//! that must. What was found is replayed by `cargo test` (`tests/fuzzed.rs`). The targets are in `fuzz/`; `make fuzz`
//! runs them.

use crate::tests::programs::{self, Case};
use crate::{Key, key, name, tick_map};

/// A name, and the checks.
pub type Target = (&'static str, fn(&[u8]));

/// What is fuzzed.
pub const TARGETS: [Target; 3] = [("programs", programs), ("tick_map", tick_map), ("keys", keys)];

/// Choices.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Bytes<'_> {
    pub(crate) fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.next()) % bound
    }

    pub(crate) fn number(&mut self, bound: u8) -> i64 {
        i64::from(self.next() % bound)
    }

    pub(crate) fn maybe<T>(&mut self, then: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(3) == 1).then(|| then(self))
    }

    pub(crate) fn list<T>(&mut self, least: usize, most: usize, mut each: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = least + self.below(most - least + 1);
        (0..count).map(|_| each(self)).collect()
    }

    fn take(&mut self, count: usize) -> &[u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// A program of store operations against the naive store: everything that `random_programs` checks.
pub fn programs(bytes: &[u8]) {
    programs::check(&Case::of(bytes));
}

/// `TickMap` against a `BTreeMap`.
pub fn tick_map(bytes: &[u8]) {
    tick_map::tests::run(&tick_map::tests::Program::of(&mut Bytes(bytes)));
}

/// Keys and names: any two keys, the names that they give, and any text as either.
pub fn keys(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    key::tests::check_text(&text);
    name::tests::check_key(&Key::str(&text));
    name::tests::check_text(&text);
    let b = &mut Bytes(bytes);
    let (first, second) = (any_key(b, 3), any_key(b, 3));
    key::tests::check_two(&first, &second);
    name::tests::check_two(&first, &second);
    name::tests::check_key(&first);
}

fn any_key(b: &mut Bytes<'_>, depth: u32) -> Key {
    match b.below(8) {
        0 => Key::NONE,
        1 => Key::bool(b.below(2) == 1),
        2 => Key::int(b.number(16) - 8),
        3 => Key::int(i64::from_le_bytes(eight(b))),
        4 => Key::float(f64::from_le_bytes(eight(b))).unwrap_or(Key::NONE),
        5 => {
            let size = b.below(40);
            Key::bytes(b.take(size))
        }
        6 if depth > 0 => Key::tuple(b.list(0, 3, |b| any_key(b, depth - 1))).unwrap_or(Key::NONE),
        _ => {
            let size = b.below(40);
            Key::str(&String::from_utf8_lossy(b.take(size)))
        }
    }
}

fn eight(b: &mut Bytes<'_>) -> [u8; 8] {
    let mut eight = [0; 8];
    let taken = b.take(8);
    eight[..taken.len()].copy_from_slice(taken);
    eight
}
