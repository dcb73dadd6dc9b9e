//! The core of livedirs: an embedded, transactional, reactive store, without Python, I/O, clocks or locks.
//!
//! # What a store is
//!
//! A set of named directories. A *directory* is an ordered map, key -> one or more values. *Input* directories are
//! written in update transactions; *derived* ones are mapped from others and brought up to date by one *cascade* at the
//! end of a transaction, and only where something changed. Mappers may make directories, which come and go with the
//! keys that they are made for. Removing a directory leaves a *tombstone*, so that lagging readers learn of it; the
//! *purge* at the end of each round takes those that no reader needs.
//!
//! # How one update goes
//!
//! ```text
//! begin                    one transaction; its journal is empty
//! set_values(users, 7, ..) the row is edited in place, the journal notes what was there;
//!                          every arrow that takes key 7 of users has a unit due
//! next_job                 the lowest unit that is due: call this mapper with (7, values)
//!   look_up, note_read     what the mapper reads is noted in its frame
//!   make                   what it makes belongs to (its arrow, 7)
//! finish_job(outputs)      outputs that differ become rows; who read those rows is due in turn
//! next_job -> None         all is up to date
//! update_with_status       what changed is stamped, the purge runs, the tick moves on
//! commit                   the journal is dropped: the context is the published version
//! ```
//!
//! # Layers
//!
//! `tick_map` (the ordered persistent map that knows ticks) < `dirs`, `directory`, `reads` (what a version holds) <
//! `context` (one version) < `store` with `transaction`, `cascade`, `readers` (how it changes, and who is told).

#![forbid(unsafe_code)]

mod bytes;
mod capacity;
mod cascade;
mod check;
mod context;
mod describe;
mod directory;
mod dirs;
mod error;
mod fork;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod key;
mod mutants;
mod name;
mod names;
pub mod number;
mod owned;
mod pieces;
mod readers;
mod reads;
mod room;
mod stats;
mod store;
#[cfg(any(test, feature = "fuzzing"))]
mod tests;
mod tick;
pub mod tick_map;
mod transaction;
mod value;

pub use cascade::{Batch, Computed, FoldJob, Goal, Job, LazyJob, LazyRead, MapJob, Worker};
pub use context::NameId;
pub use describe::Described;
pub use directory::{DirKind, Fold, Hooks, Op, Outputs, Range, Upper, ValueVec};
pub use error::{Error, Refusal, Result};
pub use fork::{Base, ForkStep};
pub use key::{Key, KeyError, KeyRef};
#[cfg(feature = "mutants")]
pub use mutants::Mutant;
pub use name::{Name, NameError};
pub use owned::Owned;
pub use readers::{Changes, Delivery, DirChanges, Left, News, Polled, ReaderId, Step, WatchId};
pub use reads::{Rows, Tag, Values, View};
pub use room::fit;
pub use stats::Stats;
pub use store::{Options, Store};
pub use tick::Tick;
pub use transaction::{Commit, Leftovers, Parent, Spec, Version};
pub use value::{Host, Pair, Rank, Same, Unsure, Value};
