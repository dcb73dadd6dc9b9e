//! What is due, and which of it is next.

use std::collections::BTreeSet;

use crate::Key;
use crate::context::{NameId, Reader};
use crate::error::{Refusal, Result};
use crate::store::Store;
use crate::transaction::Undo;
use crate::value::Host;

use super::due::{At, Due};
use super::job::Job;
use super::lazy::LAZY;

/// The part of a folded key in the queue: behind all arrows.
pub(crate) const FOLD: u16 = u16::MAX;

/// What failed: a unit (`part`: its arrow) or a fold (`part`: [`FOLD`]).
pub(crate) type Failed = Reader;

/// Why a unit or a fold failed. It counts only if it still stands when the queue is empty.
pub(crate) struct Problem<H: Host> {
    pub(crate) failure: H::Failure,
    /// The mapper wanted a name that another one held.
    pub(crate) blocked: bool,
}

/// Which of what is due shall be brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// All of it.
    All,
    /// This directory, after all that it hangs on.
    Upstream(NameId),
    /// This directory alone.
    Only(NameId),
}

impl<H: Host> Store<H> {
    /// Notes that a unit or fold is due.
    pub(crate) fn enqueue(&mut self, height: u32, reader: Reader) {
        let due = Due { height, dir: reader.dir, part: reader.part, key: reader.key };
        if !self.work.marks.is_empty() {
            if self.work.due.contains(&due) {
                return;
            }
            self.work.journal.push(Undo::Due { due: Box::new(due.clone()), was: false });
        }
        self.work.due.insert(due);
    }

    /// Notes that units of an arrow, or folds, are due; without a savepoint and with nothing failed.
    pub(super) fn enqueue_all(&mut self, at: At, part: u16, keys: &[Key]) {
        if self.work.marks.is_empty() && self.work.failed.is_empty() {
            return self.work.due.insert_all(at, part, keys.iter());
        }
        for key in keys {
            let reader = Reader { dir: at.1, part, key: key.clone() };
            self.forget_failure(&reader);
            self.enqueue(at.0, reader);
        }
    }

    /// Nothing of a directory is due any more.
    pub(crate) fn clear_due(&mut self, height: u32, dir: NameId) {
        while let Some((part, key)) = self.work.due.take_first_of(height, dir) {
            if !self.work.marks.is_empty() {
                let due = Due { height, dir, part, key };
                self.work.journal.push(Undo::Due { due: Box::new(due), was: true });
            }
        }
    }

    /// The next job towards a goal, or `None` when there is nothing left to do for it. What needs no user code is done
    /// on the way.
    ///
    /// # Errors
    /// `Unsure`; `NotConverging` where a unit ran too often; `NoMemory` of a transaction that was spoiled.
    pub fn next_job(&mut self, goal: Goal) -> Result<Option<Job<H>>, H> {
        if self.work.spoiled {
            return Err(Refusal::NoMemory.into());
        }
        loop {
            if let Some(job) = self.next_final(goal)? {
                return Ok(Some(job));
            }
            let Some((height, reader)) = self.take_due(goal) else {
                if goal == Goal::All && self.settle_blocked() {
                    continue;
                }
                return Ok(None);
            };
            self.work.stage = self.work.stage.min(1);
            if !self.work.failed.is_empty() {
                self.forget_failure(&reader);
            }
            let job = match reader.part {
                FOLD => self.start_fold(&reader),
                LAZY => self.check_memo(&reader, height).map(|job| job.map(|job| Job::Lazy(Box::new(job)))),
                _ => self.start_units(height, &reader),
            };
            match job {
                Ok(None) => {}
                Ok(job) => return Ok(job),
                Err(error) => {
                    self.enqueue(height, reader);
                    return Err(error);
                }
            }
        }
    }

    /// A mapper that was blocked to the last runs once more, and now a collision counts.
    fn next_final(&mut self, goal: Goal) -> Result<Option<Job<H>>, H> {
        while goal == Goal::All
            && let Some(reader) = self.work.finals.pop()
        {
            if self.forget_failure(&reader)
                && let Some(job) = self.start_unit(&reader, true)?
            {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    /// Takes the first that is due towards a goal out of the queue.
    fn take_due(&mut self, goal: Goal) -> Option<(u32, Reader)> {
        let (height, dir) = match goal {
            Goal::All => self.work.due.first_dir(|dir| self.at_work(dir))?,
            Goal::Only(id) => (self.ctx.dirs.get(id)?.height, id),
            Goal::Upstream(id) => self.first_upstream(id)?,
        };
        let (part, key) = self.work.due.take_first_of(height, dir)?;
        if !self.work.marks.is_empty() {
            let due = Due { height, dir, part, key: key.clone() };
            self.work.journal.push(Undo::Due { due: Box::new(due), was: true });
        }
        Some((height, Reader { dir, part, key }))
    }

    fn at_work(&self, id: NameId) -> bool {
        self.work.frames.iter().any(|frame| frame.reader.dir == id)
    }

    /// The first directory with anything due of what a directory hangs on: itself, its parents, the directories whose
    /// mappers made it, and so on. Costs nothing where nothing below its height is due.
    pub(super) fn first_upstream(&self, id: NameId) -> Option<(u32, NameId)> {
        let (least, _) = self.work.due.first_dir(|dir| self.at_work(dir))?;
        let mut best: Option<(u32, NameId)> = None;
        let mut seen = BTreeSet::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let Some(directory) = self.ctx.dirs.get(id) else { continue };
            if directory.height < least || !seen.insert(id) {
                continue;
            }
            let at = (directory.height, id);
            if best.is_none_or(|best| at < best) && !self.at_work(id) && self.work.due.has_dir(directory.height, id) {
                best = Some(at);
            }
            open.extend(directory.parents());
            open.extend(directory.owners.readers().into_iter().map(|owner| owner.dir));
        }
        best
    }

    /// When the queue is empty and mappers are still blocked: first all of them let go of what they hold and run
    /// again; then they run a last time, and a collision counts. Whether there is more to do.
    fn settle_blocked(&mut self) -> bool {
        let blocked: Vec<Reader> =
            self.work.failed.iter().filter(|(_, problem)| problem.blocked).map(|(reader, _)| reader.clone()).collect();
        if blocked.is_empty() || self.work.stage >= 2 {
            return false;
        }
        self.work.stage += 1;
        if self.work.stage == 1 {
            for reader in &blocked {
                self.let_go(reader);
            }
            for reader in &blocked {
                self.invalidate(reader);
            }
        } else {
            self.work.finals = blocked;
            self.work.finals.reverse();
        }
        true
    }

    /// Whether anything is due, failed or waits for its hook.
    pub(crate) fn is_due(&self) -> bool {
        !self.work.due.is_empty()
            || !self.work.failed.is_empty()
            || (!self.work.silent && self.work.hooks.iter().any(|(_, hook)| hook.is_some()))
    }

    /// Counts a run of a unit in this drain.
    ///
    /// # Errors
    /// `NotConverging` where that was one too many.
    pub(crate) fn count_run(&mut self, height: u32, reader: &Reader) -> Result<(), H> {
        let limit = self.options().max_rounds;
        let nested = self.in_mapper();
        if self.work.runs.count(height, reader, nested) > limit {
            let name = self.ctx.dirs.name(reader.dir).map(|name| name.as_str().to_owned()).unwrap_or_default();
            let what = format!("runs of the mapper of {name:?} for key {} in one round", reader.key);
            return Err(Refusal::NotConverging { limit, what }.into());
        }
        Ok(())
    }

    /// What failed counts no more; whether it did. The exception is kept to be dropped with no lock held.
    pub(crate) fn forget_failure(&mut self, reader: &Reader) -> bool {
        if self.work.failed.is_empty() {
            return false;
        }
        let problem = self.work.failed.remove(reader);
        let was_there = problem.is_some();
        self.work.trash.extend(problem);
        was_there
    }

    /// The first failure that stands after the drain, if any; the host raises it. What failed is due again: where the
    /// transaction goes on all the same, it can't end with this left out.
    pub fn take_failure(&mut self) -> Option<H::Failure> {
        let (reader, problem) = self.work.failed.pop_first()?;
        self.invalidate(&reader);
        Some(problem.failure)
    }
}
