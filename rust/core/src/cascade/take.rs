//! The first n keys of a directory, at the cost of what changes.
//!
//! A change of a row moves at most two keys across the boundary of the first n: the key itself, and the one that it
//! pushes out (the key came) or lets in (it went). Each is due at the change that moves it, so whatever comes of many
//! changes, every key that crossed the boundary was due once. Which side it is on is asked when its unit runs. All of
//! it goes by live ranks, O(log n); rows behind the boundary cost one look.

use crate::Key;
use crate::context::{NameId, Reader};
use crate::directory::{Directory, Op};
use crate::reads::Change;
use crate::store::Store;
use crate::value::Host;

impl<C> Op<C> {
    /// Whether the arrow takes this key of the parent, as the parent is now.
    pub(super) fn reaches<H: Host>(&self, parent: &Directory<H>, key: &Key) -> bool {
        match self {
            Op::Take(limit) => parent.rows.rank(key) < *limit,
            Op::Map(_) | Op::Same => true,
        }
    }
}

impl<H: Host> Store<H> {
    /// How many keys an arrow takes, where that is bounded.
    pub(super) fn take_limit(&self, child: NameId, part: u16) -> Option<usize> {
        match self.ctx.dirs.get(child)?.arrows().get(usize::from(part))?.op {
            Op::Take(limit) => Some(limit),
            Op::Map(_) | Op::Same => None,
        }
    }

    /// A row of the parent of an arrow that takes the first `limit` keys changed.
    pub(super) fn taken_changed(&mut self, parent: NameId, limit: usize, unit: &Reader, change: Change) {
        let Some(directory) = self.ctx.dirs.get(parent) else { return self.invalidate(unit) };
        if directory.rows.rank(&unit.key) >= limit {
            return;
        }
        let moved = match change.after.cmp(&change.before) {
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => directory.rows.nth(limit),
            std::cmp::Ordering::Less => directory.rows.nth(limit - 1),
        };
        let moved = moved.map(|(key, ..)| Reader { key: key.clone(), ..*unit });
        self.invalidate(unit);
        if let Some(moved) = moved {
            self.invalidate(&moved);
        }
    }
}
