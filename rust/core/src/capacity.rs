//! Capacity: a bound on the bytes that a store accounts for.
//!
//! What is accounted is what `stats` says: what the maps of the version allocate. Summing it up takes a look at every
//! directory, so the sum is kept (`Accounts`), and a transaction corrects it for the directories that its journal
//! names. What happens outside of transactions (a purge by a reader that moves, lazy keys) is counted when the directory
//! is touched next; so where the kept sum is past the bound, the whole is summed up before anything is refused.
//!
//! A transaction that would pass the bound has lagging cursors expire before it fails, the most lagging first. If it fails
//! all the same they are as they were.

use std::collections::{BTreeSet, HashMap};

use crate::context::NameId;
use crate::error::{Refusal, Result};
use crate::store::Store;
use crate::value::Host;

/// What directories account for, as of the last commit that asked.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    of: HashMap<NameId, usize>,
    total: usize,
    /// Whether all directories are in it.
    is_whole: bool,
}

impl<H: Host> Store<H> {
    /// The transaction is about to commit: it must fit. Nothing where there is no bound; else O(directories that it
    /// touched), and O(directories) near the bound.
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
        if requested <= bound || self.expire_to_fit(bound) {
            return Ok(());
        }
        let used = self.published().stats().bytes;
        // What was rolled back leaves room in nodes, which may be past the bound. What asks for no more goes on.
        if requested <= used {
            return Ok(());
        }
        // The sum is of a version that is about to go.
        self.accounts.is_whole = false;
        Err(Refusal::Capacity { bound, used, requested }.into())
    }

    /// What the version accounts for, by the sum that is kept.
    fn accounted(&self) -> usize {
        self.accounts.total + self.ctx.bytes_beside_dirs()
    }

    fn account_all(&mut self) {
        let of: HashMap<NameId, usize> =
            self.ctx.dirs.iter().map(|(name, id, directory)| (id, directory.bytes_with(name))).collect();
        let total = of.values().sum();
        self.accounts = Accounts { of, total, is_whole: true };
    }

    fn account_touched(&mut self) {
        let touched: BTreeSet<NameId> = self.work.journal.iter().filter_map(crate::transaction::Undo::dir).collect();
        for id in touched {
            let now = match (self.ctx.dirs.name(id), self.ctx.dirs.get(id)) {
                (Some(name), Some(directory)) => directory.bytes_with(name),
                _ => 0,
            };
            let was = if now == 0 { self.accounts.of.remove(&id) } else { self.accounts.of.insert(id, now) };
            self.accounts.total = self.accounts.total + now - was.unwrap_or(0);
        }
    }

    /// The accounts are of a version that was rolled back.
    pub(crate) fn forget_accounts(&mut self) {
        self.accounts.is_whole = false;
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
