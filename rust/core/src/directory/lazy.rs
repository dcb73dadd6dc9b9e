//! A lazy directory: its keys are computed when they are read, and remembered with what the computation read.
//!
//! A *memo* is a key's content (or its absence) and its trail. What it read changing makes it `Dirty`; a memo that it
//! read becoming dirty makes it `Maybe`: it may turn out that nothing changed. Before a memo is shown it is brought up to
//! date (`cascade/lazy.rs`), so that a result that comes out equal stops there.
//!
//! Invariants: memos carry no tick. Each memo's reads are in the index of dependencies, under the reader
//! (directory, [`LAZY`](crate::cascade::LAZY), key). A memo that is `Dirty` was read by others: one that nobody read is
//! dropped instead. A memo that a unit read and that is not `Fresh` is due to be checked.

use std::sync::Arc;

use super::{Trail, Vals};
use crate::Key;
use crate::tick_map::{Held, TickMap};
use crate::value::Host;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Freshness {
    Fresh,
    /// A memo that it read may be another.
    Maybe,
    /// Something that it read is another.
    Dirty,
}

#[derive(Clone, Debug)]
pub(crate) struct Memo<V> {
    /// `None`: there is no such key.
    pub(crate) content: Option<Vals<V>>,
    pub(crate) trail: Option<Arc<Trail>>,
    pub(crate) state: Freshness,
    /// How many transactions the store had seen when it was last read.
    pub(crate) used: u64,
}

impl<V> Held for Memo<V> {}

pub(crate) struct Lazy<H: Host> {
    pub(crate) code: H::Code,
    /// Its memos are not dropped for going unread.
    pub(crate) keep: bool,
    pub(crate) memos: TickMap<Key, Memo<H::Value>, ()>,
    /// How many memos have a trail.
    pub(crate) trails: usize,
}

impl<H: Host> Clone for Lazy<H> {
    fn clone(&self) -> Self {
        Lazy { code: self.code.clone(), keep: self.keep, memos: self.memos.clone(), trails: self.trails }
    }
}
