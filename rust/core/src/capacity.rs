//! Capacity: a bound on the bytes that a store accounts for.
//!
//! What is accounted is what `stats` says (`bytes.rs`). Summing that up takes a look at everything, so a transaction
//! only corrects the last sum (`Accounts`): exactly for the nodes of the directories that its journal names, and by the
//! heaps of what it wrote, with nothing taken off for what it replaced. So the kept sum is never less than what is there;
//! where it is past the bound, the whole is summed up before anything is refused.
//!
//! A transaction that would pass the bound has lagging cursors expire before it fails, the most lagging first. If it fails
//! all the same they are as they were.

use std::collections::{BTreeSet, HashMap};

use crate::Key;
use crate::bytes::{Heap, Seen};
use crate::context::NameId;
use crate::directory::{Directory, Folding, Kind};
use crate::dirs::{Slot, State};
use crate::error::{Refusal, Result};
use crate::store::Store;
use crate::tick::Tick;
use crate::transaction::Undo;
use crate::value::Host;

/// What directories account for, as of the last commit that asked.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    /// The nodes of each.
    of: HashMap<NameId, usize>,
    nodes: usize,
    /// The heaps of all: what they were when all was summed up, and what came since.
    heaps: usize,
    /// Whether all directories are in it.
    is_whole: bool,
    /// The clock when it was last asked.
    asked: Tick,
    /// Directories whose nodes may be others since: of edits outside of transactions, and of those that were undone.
    strayed: BTreeSet<NameId>,
    /// What the store took when the open transaction began. (Undoing its edits would not tell: that leaves nodes with room.)
    there: usize,
}

impl<H: Host> Store<H> {
    /// Whether there is a bound.
    #[must_use]
    pub const fn is_bounded(&self) -> bool {
        self.options.capacity.is_some()
    }

    /// The transaction is about to commit: it must fit. Nothing where there is no bound; else O(log n) for what it
    /// touched, and O(n) near the bound.
    ///
    /// # Errors
    /// `Capacity`: it is to be rolled back.
    pub fn fit_capacity(&mut self) -> Result<(), H> {
        let Some(bound) = self.options.capacity else { return Ok(()) };
        let bound = usize::try_from(bound).unwrap_or(usize::MAX);
        if self.accounts.is_whole {
            self.account_touched();
        } else {
            self.account_all();
        }
        if self.accounted() <= bound {
            return Ok(());
        }
        self.account_all();
        let requested = self.accounted();
        if requested <= bound {
            return Ok(());
        }
        // A rollback may have left nodes with some room, and the store a little past its bound: what takes no more than
        // there was goes on.
        let used = self.accounts.there;
        if requested <= used || self.expire_to_fit(bound) {
            return Ok(());
        }
        // The sum is of a version that is about to go.
        self.accounts.is_whole = false;
        Err(Refusal::Capacity { bound, used, requested }.into())
    }

    /// What the version accounts for, by the sum that is kept.
    fn accounted(&self) -> usize {
        let accounts = &self.accounts;
        accounts.nodes + accounts.heaps + self.ctx.node_bytes_beside_dirs() + self.reader_bytes()
    }

    fn account_all(&mut self) {
        let of: HashMap<NameId, usize> =
            self.ctx.dirs.state.iter().map(|(id, ..)| (*id, self.ctx.node_bytes_of(*id))).collect();
        let nodes = of.values().sum();
        let heaps = self.ctx.heap_bytes(&mut Seen::once());
        let asked = self.ctx.tick;
        let there = self.accounts.there;
        self.accounts = Accounts { of, nodes, heaps, is_whole: true, asked, strayed: BTreeSet::new(), there };
    }

    /// A transaction begins: what there is by now. O(1), and O(log n) for what strayed since; O(n) for the first, after one
    /// that did not fit, and where the bound is passed.
    pub(crate) fn account_there(&mut self) {
        let Some(bound) = self.options.capacity else { return };
        if self.accounts.is_whole && !self.accounts.strayed.is_empty() {
            self.account_touched();
        } else if !self.accounts.is_whole {
            self.account_all();
        }
        let passed = |there: usize| u64::try_from(there).is_ok_and(|there| there > bound);
        if passed(self.accounted()) {
            self.account_all();
        }
        self.accounts.there = self.accounted();
    }

    fn account_touched(&mut self) {
        let mut touched = std::mem::take(&mut self.accounts.strayed);
        touched.extend(self.work.journal.iter().filter_map(Undo::dir));
        let mut came: usize = self.work.journal.iter().map(|undo| self.heap_of_edit(undo)).sum();
        for id in touched {
            if let Some(directory) = self.ctx.dirs.get(id) {
                let rows = directory.rows.changes_since(&self.work.base.tick);
                came += rows.map(|(key, _, row)| key.heap(&mut Seen::Each) + row.heap(&mut Seen::Each)).sum::<usize>();
            }
            let now = self.ctx.node_bytes_of(id);
            let was = if now == 0 { self.accounts.of.remove(&id) } else { self.accounts.of.insert(id, now) };
            self.accounts.nodes = self.accounts.nodes + now - was.unwrap_or(0);
        }
        self.accounts.heaps += came;
        self.accounts.asked = self.ctx.tick;
    }

    /// What the entry that an edit left allocates beside its node; of rows that is found by their stamps.
    fn heap_of_edit(&self, undo: &Undo<H>) -> usize {
        let each = &mut Seen::Each;
        let Some(directory) = undo.dir().and_then(|id| self.ctx.dirs.get(id)) else {
            return match undo {
                Undo::Mirror { of, .. } => self.ctx.mirrors.get(of).map_or(0, |mirror| mirror.heap(each)),
                _ => 0,
            };
        };
        let folding = || directory.derived().and_then(|derived| derived.folding.as_deref());
        let held = match undo {
            // (The sum of ints that follows it has nothing on the heap that it had not.)
            Undo::Unit { arrow, key, .. } | Undo::Summed { arrow, key, .. } => {
                let units = directory.derived().and_then(|derived| derived.units.get(usize::from(*arrow)));
                units.and_then(|units| units.get(key)).map(|outs| key.heap(each) + outs.heap(each))
            }
            Undo::Trail { arrow, key, .. } => {
                let trail = directory.derived().and_then(|derived| derived.trail(*arrow, key));
                trail.map(|trail| key.heap(each) + trail.heap(each))
            }
            Undo::Group { key, .. } => {
                folding().and_then(|folding| folding.groups.get(key)).map(|group| key.heap(each) + group.heap(each))
            }
            Undo::Sorted { key, old: None, .. } => Some(key.heap(each)),
            Undo::Member { key, .. } => {
                let members = folding().and_then(|folding: &Folding<H>| folding.members.as_ref());
                members.and_then(|members| members.get(key)).map(|values| key.heap(each) + values.heap(each))
            }
            Undo::Memo { key, .. } => heap_of_memo(directory, key),
            // A rare change of the whole of a directory that goes on.
            Undo::Slot { old: Some((_, Slot { state: State::Live(old), .. })), .. }
                if old.generation == directory.generation =>
            {
                Some(directory.heap_bytes(each))
            }
            _ => None,
        };
        held.unwrap_or(0)
    }

    /// An edit outside of a transaction: of a lazy key that was read, a previous directory that was asked for, a purge.
    pub(crate) fn account_stray(&mut self, undo: &Undo<H>) {
        if self.options.capacity.is_some() && self.accounts.is_whole {
            self.accounts.heaps += self.heap_of_edit(undo);
            self.accounts.strayed.extend(undo.dir());
        }
    }

    /// The edits since this place in the journal are about to be undone, which may leave nodes with more room than before.
    pub(crate) fn account_undone(&mut self, mark: usize) {
        if self.options.capacity.is_some() && self.accounts.is_whole {
            self.accounts.strayed.extend(self.work.journal.iter_from(mark).filter_map(Undo::dir));
        }
    }

    /// The kept sum is never less than what is there. O(n).
    pub(crate) fn check_accounts(&self) -> std::result::Result<(), String> {
        if self.options.capacity.is_none() || !self.accounts.is_whole || !self.accounts.strayed.is_empty() {
            return Ok(());
        }
        let (kept, there) = (self.accounted(), self.ctx.bytes() + self.reader_bytes());
        if kept >= there { Ok(()) } else { Err(format!("capacity: accounts for {kept} bytes, there are {there}")) }
    }

    /// The transaction was rolled back: if it asked whether it fits, the accounts are of what is gone.
    pub(crate) fn forget_accounts(&mut self) {
        if self.accounts.asked > self.ctx.tick {
            self.accounts.is_whole = false;
        }
    }

    /// Cursors that pin something expire, the most lagging first, until the version fits. A rollback brings back both them
    /// and what was purged.
    fn expire_to_fit(&mut self, bound: usize) -> bool {
        for reader in self.pinning_cursors() {
            self.expire_cursor(reader);
            self.purge_for_expired(reader);
            self.account_all();
            if self.accounted() <= bound {
                return true;
            }
        }
        false
    }
}

fn heap_of_memo<H: Host>(directory: &Directory<H>, key: &Key) -> Option<usize> {
    let Kind::Lazy(lazy) = &directory.kind else { return None };
    lazy.memos.get(key).map(|memo| key.heap(&mut Seen::Each) + memo.heap(&mut Seen::Each))
}
