//! Room that a table keeps from when it held more.
//!
//! The tables of the standard library grow and never shrink by themselves: of 50,000 readers at once, all gone, megabytes
//! would be left for as long as the store lives. So who takes something out of one of those whose size the user decides
//! calls [`fit`] after it.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

/// So few places are left alone.
const FEW: usize = 64;

/// Gives back the room of a table of which three quarters are empty, but for twice what it holds: so each entry that was
/// taken out pays for moving a constant number of those that stay. Amortised O(1).
pub fn fit<K: Eq + Hash, V, S: BuildHasher>(table: &mut HashMap<K, V, S>) {
    if has_much(table.capacity(), table.len()) {
        table.shrink_to(2 * table.len());
    }
}

/// The same of a list.
pub(crate) fn fit_list<T>(list: &mut Vec<T>) {
    if has_much(list.capacity(), list.len()) {
        list.shrink_to(2 * list.len());
    }
}

const fn has_much(capacity: usize, len: usize) -> bool {
    capacity > FEW && capacity / 4 > len
}
