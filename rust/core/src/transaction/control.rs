//! Begin, savepoint, rollback, commit.

use std::collections::{BTreeSet, VecDeque};

use smallvec::SmallVec;

use crate::context::{Context, Generation, NameId};
use crate::directory::DirKind;
use crate::dirs::State;
use crate::name::Name;
use crate::pieces::Pieces;
use crate::store::{Store, Work};
use crate::tick::Tick;
use crate::value::Host;

use super::journal::{Base, Undo};

/// A savepoint: how far to go back.
pub(crate) struct Mark<H: Host> {
    journal: usize,
    base: Base,
    hooks: VecDeque<(Generation, Option<H::Code>)>,
    failed: BTreeSet<crate::cascade::Failed>,
}

/// What a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The store's clock after it.
    pub tick: Tick,
    pub rounds: u32,
    /// Live directories that were created or modified.
    pub changed: Vec<Name>,
    pub removed: Vec<Name>,
    /// Tombstones of directories purged at its end.
    pub purged: usize,
    /// Calls of mappers.
    pub mapped: usize,
}

/// What a transaction leaves behind, to be dropped with no lock held: values run their destructors then.
pub struct Leftovers<H: Host> {
    values: SmallVec<[H::Value; 4]>,
    journal: Pieces<Undo<H>>,
    work: Option<Box<Work<H>>>,
}

impl<H: Host> Leftovers<H> {
    fn of(journal: Pieces<Undo<H>>, work: Option<Box<Work<H>>>) -> Self {
        Leftovers { values: SmallVec::new(), journal, work }
    }
}

/// So many bytes of a journal there are from the start: small transactions need no more, and what is larger an allocator
/// does not have at hand.
const SMALL_JOURNAL: usize = 1024;

impl<H: Host> Store<H> {
    /// Opens a transaction. O(1), see [`Store::account_there`] where there is a bound. One must not be open.
    pub fn begin(&mut self) {
        self.open = true;
        self.work.base = Base::of(&self.ctx);
        self.work.epoch = 0;
        self.work.journal.reserve(SMALL_JOURNAL / size_of::<Undo<H>>());
        if self.is_bounded() {
            self.account_there();
        }
    }

    /// Opens a savepoint within the transaction. O(hooks that wait).
    pub fn savepoint(&mut self) {
        self.work.marks.push(Mark {
            journal: self.work.journal.len(),
            base: Base::of(&self.ctx),
            hooks: self.work.hooks.clone(),
            failed: self.work.failed.keys().cloned().collect(),
        });
        self.work.epoch = 0;
    }

    /// The innermost savepoint becomes part of what is around it.
    pub fn release_savepoint(&mut self) {
        self.work.marks.pop();
    }

    /// Undoes all since the innermost savepoint, which stays. O(what was done since).
    #[must_use]
    pub fn rollback_to_savepoint(&mut self) -> Leftovers<H> {
        let Some(mark) = self.work.marks.last() else { return Leftovers::of(Pieces::new(), None) };
        let (journal, base, hooks) = (mark.journal, mark.base, mark.hooks.clone());
        let failed_then: Vec<_> = mark.failed.iter().cloned().collect();
        let undone = self.go_back_to(journal);
        base.restore(&mut self.ctx);
        self.work.hooks = hooks;
        let now = std::mem::take(&mut self.work.failed);
        let (kept, dropped): (Vec<_>, Vec<_>) = now.into_iter().partition(|(at, _)| failed_then.contains(at));
        self.work.failed = kept.into_iter().collect();
        for at in failed_then {
            // It failed then and was run again since, or was about to: it has to run once more.
            if !self.work.failed.contains_key(&at) {
                self.invalidate(&at);
            }
        }
        self.work.trash.extend(dropped.into_iter().map(|(_, problem)| problem));
        self.end_pending(journal);
        self.work.epoch = 0;
        Leftovers::of(undone, None)
    }

    /// Undoes the whole transaction, which stays open. O(what was done).
    #[must_use]
    pub fn rollback(&mut self) -> Leftovers<H> {
        self.revive_cursors();
        let undone = self.go_back_to(0);
        self.work.base.restore(&mut self.ctx);
        let base = self.work.base;
        let mut work = std::mem::replace(&mut self.work, Work::new(&self.ctx));
        self.work.base = base;
        self.work.epoch = 0;
        work.base = base;
        self.end_pending(0);
        self.forget_accounts();
        Leftovers::of(undone, Some(Box::new(work)))
    }

    fn go_back_to(&mut self, mark: usize) -> Pieces<Undo<H>> {
        self.fan_outs.forget();
        self.account_undone(mark);
        let mut taken_out = Pieces::new();
        while self.work.journal.len() > mark
            && let Some(undo) = self.work.journal.pop()
        {
            if let Undo::Due { due, was } = &undo {
                let due = (**due).clone();
                if *was {
                    self.work.due.insert(due);
                } else {
                    self.work.due.remove(&due);
                }
            }
            taken_out.push(self.ctx.go_back(undo));
        }
        taken_out
    }

    /// Ends a transaction that was rolled back, or in which nothing is left to do. What readers no longer need, and
    /// could not be purged while it was open, goes now.
    #[must_use]
    pub fn end(&mut self) -> Leftovers<H> {
        let left = self.take_work();
        self.open = false;
        self.purge();
        self.make_asked();
        left
    }

    /// Empties what the transaction worked with. A small journal keeps its room for the next one's.
    fn take_work(&mut self) -> Leftovers<H> {
        let mut left = Leftovers::of(Pieces::new(), None);
        if self.work.wrote_only
            && let Some(undos) = self.work.journal.drain_few(SMALL_JOURNAL / size_of::<Undo<H>>())
        {
            for undo in undos {
                match undo.into_value() {
                    Ok(Some(value)) => left.values.push(value),
                    Ok(None) => {}
                    Err(undo) => left.journal.push(undo),
                }
            }
        } else {
            left.journal = std::mem::take(&mut self.work.journal);
        }
        if self.work.is_plain() {
            self.work.reset();
        } else {
            left.work = Some(Box::new(std::mem::replace(&mut self.work, Work::new(&self.ctx))));
        }
        left
    }

    /// Publishes the transaction, after the round that was the last. `told`: what it did is wanted.
    #[must_use]
    pub fn commit(&mut self, told: bool) -> (Option<Commit>, Leftovers<H>) {
        // A reader may have moved on since the last round.
        self.open = false;
        self.publish();
        self.purge();
        self.expire();
        self.sweep = false;
        let purged = self.ctx.counts.purged_dirs - self.work.base.counts.purged_dirs;
        if !told {
            return (None, self.take_work());
        }
        let names = |ids: &mut dyn Iterator<Item = NameId>| -> Vec<Name> {
            ids.filter_map(|id| self.ctx.dirs.name(id).cloned()).collect()
        };
        let is_listed = |&id: &NameId| self.ctx.dirs.get(id).is_some_and(|d| d.kind() != DirKind::Previous);
        let mut changed = self.work.changed.clone();
        changed.sort_unstable();
        changed.dedup();
        let changed = names(&mut changed.iter().copied().filter(is_listed));
        let removed = self
            .work
            .was_live
            .iter()
            .filter(|(id, name)| !name.is_previous() && self.ctx.dirs.get(**id).is_none())
            .map(|(_, name)| name.clone())
            .collect();
        let commit = Commit {
            tick: self.ctx.tick,
            rounds: self.work.rounds,
            changed,
            removed,
            purged,
            mapped: self.work.mapped,
        };
        (Some(commit), self.take_work())
    }

    /// The version that the last commit made. O(1); while a transaction is open and has written, once O(what it wrote).
    #[must_use]
    pub fn published(&mut self) -> Version<H> {
        if !self.open || self.work.journal.is_empty() {
            let mut version = self.ctx.clone();
            if self.open {
                self.work.base.restore(&mut version);
            }
            return Version(version);
        }
        if let Some(published) = &self.work.published {
            return Version(published.clone());
        }
        let mut version = self.ctx.clone();
        for undo in self.work.journal.iter().rev() {
            drop(version.go_back(undo.clone()));
        }
        self.work.base.restore(&mut version);
        self.work.published = Some(version.clone());
        Version(version)
    }

    /// Whether the context is the last commit's: nobody is in the middle of a transaction that has written.
    #[must_use]
    pub fn is_published(&self) -> bool {
        !self.open || (self.work.journal.is_empty() && self.ctx.tick == self.work.base.tick)
    }
}

/// One version of a store, which stays as it is.
pub struct Version<H: Host>(pub(crate) Context<H>);

impl<H: Host> Clone for Version<H> {
    fn clone(&self) -> Self {
        Version(self.0.clone())
    }
}

impl<H: Host> Store<H> {
    /// A place in the transaction, see [`Store::derived_changed_since`].
    #[must_use]
    pub const fn journal_mark(&self) -> usize {
        self.work.journal.len()
    }

    /// Whether a derived directory changed, came or went since then in this transaction. O(what was done since).
    #[must_use]
    pub fn derived_changed_since(&self, mark: usize) -> bool {
        self.work.journal.iter_from(mark).any(|undo| match undo {
            Undo::Row { dir, .. } => self.ctx.dirs.get(*dir).is_none_or(|directory| directory.derived().is_some()),
            Undo::Slot { id, old } => {
                let was = match old.as_ref().map(|(_, slot)| &slot.state) {
                    Some(State::Live(directory)) => Some(directory.generation),
                    _ => None,
                };
                was != self.ctx.dirs.get(*id).map(|directory| directory.generation)
            }
            _ => false,
        })
    }
}
