//! Update transactions: writes, then one cascade, then the purge, then the commit.
//!
//! `journal` (how it goes back), `edit` (every change of a version), `write` (rows of input directories), `make` and
//! `remove` (directories), `previous` (mirrors of them), `control` (begin, savepoint, rollback, commit).

mod control;
mod edit;
mod journal;
mod make;
mod previous;
mod remove;
mod rows;
mod write;

pub(crate) use control::Mark;
pub use control::{Commit, Leftovers, Version};
pub(crate) use edit::NewContent;
pub(crate) use journal::{Base, Undo};
pub use make::{Parent, Spec};
