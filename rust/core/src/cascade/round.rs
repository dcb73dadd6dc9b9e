//! One round of an update: `update_with_status`.
//!
//! A round drains the queue (the host runs [`next_job`](Store::next_job) until there is none), runs the hooks that
//! were postponed ([`Store::next_hook`]), and ends here: what changed is stamped, tombstones that nobody needs are
//! purged, and the clock moves on. The answer is whether another round is due.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::Key;
use crate::context::{Generation, NameId};
use crate::directory::{Content, Row};
use crate::dirs::{Slot, State};
use crate::error::{Refusal, Result};
use crate::mutants::mutant;
use crate::name::Name;
use crate::store::Store;
use crate::tick::Tick;
use crate::transaction::Undo;
use crate::value::{Host, Unsure};

/// What a round left to decide of a row.
struct Touched<V> {
    dir: NameId,
    key: Key,
    /// What was there when the round began.
    old: Option<(Tick, Row<V>)>,
}

/// A directory that was touched, and the generation and the name that were there when the round began.
type Was = (NameId, Option<(Generation, Name)>);

impl<H: Host> Store<H> {
    /// The queue is about to be drained.
    pub fn begin_drain(&mut self) {
        self.work.cascading = true;
        self.work.stage = 0;
        self.work.finals.clear();
        self.work.entered = None;
        self.work.runs.clear();
    }

    /// The queue is drained, or draining it failed.
    pub fn end_drain(&mut self) {
        self.work.cascading = false;
    }

    /// Another round begins.
    ///
    /// # Errors
    /// `NotConverging` where that is one too many; `NoMemory` of a transaction that was spoiled.
    pub fn begin_round(&mut self) -> Result<(), H> {
        if self.work.spoiled {
            return Err(Refusal::NoMemory.into());
        }
        let limit = self.options.max_rounds;
        self.work.rounds += 1;
        if self.work.rounds > limit {
            return Err(Refusal::NotConverging { limit, what: "rounds in one transaction".to_owned() }.into());
        }
        Ok(())
    }

    /// What a value is could not be found out, for want of memory: the open transaction is wrong, and can only be rolled back.
    pub const fn spoil_transaction(&mut self) {
        self.work.spoiled |= self.open;
    }

    /// Whether the open transaction is spoiled.
    #[must_use]
    pub const fn is_spoiled(&self) -> bool {
        self.work.spoiled
    }

    /// The next hook to run in this round, among the first `waiting` that stood when it was drained.
    pub fn next_hook(&mut self, waiting: &mut usize) -> Option<H::Code> {
        while *waiting > 0
            && let Some((_, hook)) = self.work.hooks.pop_front()
        {
            *waiting -= 1;
            if hook.is_some() {
                return hook;
            }
        }
        None
    }

    /// How many hooks wait.
    #[must_use]
    pub fn waiting_hooks(&self) -> usize {
        if self.work.silent { 0 } else { self.work.hooks.len() }
    }

    /// Ends a round: brings previous directories up to date, stamps what changed, purges, moves the clock on. Whether
    /// another round is due.
    ///
    /// # Errors
    /// `Unsure`: nothing has changed, and the call is to be repeated.
    pub fn update_with_status(&mut self) -> Result<bool, H> {
        self.refresh_previous()?;
        let again = self.is_due();
        let mut changed = Ids::new();
        if !self.has_only_written(&mut changed) {
            self.settle_all(again, &mut changed)?;
        }
        changed.sort_unstable();
        changed.dedup();
        let ids = changed.as_mut_slice();
        let mut live = 0;
        for at in 0..ids.len() {
            let id = ids[at];
            if self.stamp_dir(id) {
                ids[live] = id;
                live += 1;
            }
        }
        changed.truncate(live);
        join(&mut self.work.changed, changed);
        self.ctx.tick += 1;
        self.purge_up_to(if again { self.work.base.tick } else { Tick::MAX });
        if !again {
            self.evict_memos();
        }
        self.work.round_start = self.work.journal.len();
        if !self.work.retouched.is_empty() {
            self.work.retouched.clear();
        }
        Ok(again)
    }

    /// Whether the round wrote rows, each of them once, and did nothing else that is to be looked at; `changed` gets the
    /// directories. So it is in nearly all transactions, and these are to be short.
    fn has_only_written(&self, changed: &mut Ids) -> bool {
        if !self.work.retouched.is_empty() {
            return false;
        }
        let mut last = None;
        for piece in self.work.journal.slices_from(self.work.round_start) {
            for undo in piece {
                match undo {
                    Undo::Row { dir, live: true, .. } if last == Some(*dir) => {}
                    Undo::Row { dir, live: true, .. } => {
                        last = Some(*dir);
                        changed.push(*dir);
                    }
                    Undo::Row { .. } | Undo::Slot { .. } => return false,
                    _ => {}
                }
            }
        }
        true
    }

    /// Looks at all that the round did, and settles what is left of it; `changed` gets the directories.
    #[inline(never)]
    fn settle_all(&mut self, again: bool, changed: &mut Ids) -> Result<(), H> {
        changed.clear();
        let judged = self.judge_rows()?;
        let are_dirs_touched = judged.are_dirs_touched;
        self.settle_rows(judged, again, changed);
        if are_dirs_touched {
            self.settle_dirs(again, changed);
        }
        Ok(())
    }

    /// What the round did to each row that it touched: written once, it changed or is gone; written more than once,
    /// only a comparison tells.
    fn judge_rows(&mut self) -> Result<Judged<H::Value>, H> {
        let mut judged = Judged::default();
        let are_any_retouched = !self.work.retouched.is_empty();
        let mut seen: Option<BTreeSet<(NameId, &Key)>> = None;
        let mut last = None;
        let mut unsure = Vec::new();
        for piece in self.work.journal.slices_from(self.work.round_start) {
            for undo in piece {
                let Undo::Row { dir, key, old, live } = undo else {
                    judged.are_dirs_touched |= matches!(undo, Undo::Slot { .. });
                    continue;
                };
                if are_any_retouched && self.work.retouched.contains(&(*dir, key.clone())) {
                    if seen.get_or_insert_default().insert((*dir, key)) {
                        self.judge_again(*dir, key, old.as_ref(), &mut judged, &mut unsure);
                    }
                } else if !*live {
                    judged.removed.push(Touched { dir: *dir, key: key.clone(), old: old.clone() });
                } else if last != Some(*dir) {
                    judged.changed.push(*dir);
                    last = Some(*dir);
                }
            }
        }
        if unsure.is_empty() { Ok(judged) } else { Err(unsure.into()) }
    }

    /// The same of a row that was written more than once.
    fn judge_again(
        &self,
        dir: NameId,
        key: &Key,
        old: Option<&(Tick, Row<H::Value>)>,
        judged: &mut Judged<H::Value>,
        unsure: &mut Unsure<H>,
    ) {
        let Some(directory) = self.ctx.dirs.get(dir) else { return };
        // What an earlier generation of the directory held is none of this one.
        let there = old.filter(|_| directory.created != self.ctx.tick);
        let was = there.and_then(|(_, row)| row.content());
        let equal = match (was, directory.content(key)) {
            (None, None) => true,
            (Some(was), Some(is)) => match self.equal(was, is) {
                Ok(equal) => equal,
                Err(mut pairs) => return unsure.append(&mut pairs),
            },
            _ => false,
        };
        let touched = || Touched { dir, key: key.clone(), old: old.cloned() };
        if directory.content(key).is_none() {
            judged.removed.push(touched());
        } else if equal {
            judged.unchanged.push(touched());
        } else {
            judged.changed.push(dir);
        }
    }

    pub(crate) fn equal(&self, a: &Content<H::Value>, b: &Content<H::Value>) -> std::result::Result<bool, Unsure<H>> {
        Ok(a.iter().count() == b.iter().count() && self.verdicts.sequences(a.iter(), b.iter())?)
    }

    fn settle_rows(&mut self, judged: Judged<H::Value>, again: bool, changed: &mut Ids) {
        let (now, first) = (self.ctx.tick, self.work.base.tick);
        join(changed, judged.changed);
        for Touched { dir, key, old } in judged.unchanged {
            // Equal again: the row is as it was, with the stamp that it had. (What a derived row got from which source
            // may differ all the same, so the row itself stays.)
            let Some((stamp, row)) = old else { continue };
            let is_input = self.ctx.dirs.get(dir).is_some_and(|directory| directory.derived().is_none());
            let there = self.ctx.dirs.get(dir).and_then(|directory| directory.rows.get(&key)).cloned();
            let row = if is_input { Some(row) } else { there };
            self.restore_row(dir, &key, row.map(|row| (stamp, row)));
        }
        let mut purged: Vec<NameId> = Vec::new();
        for Touched { dir, key, old } in judged.removed {
            let Some(directory) = self.ctx.dirs.get(dir) else { continue };
            let Some(Row::Deleted { since }) = directory.rows.get(&key) else { continue };
            let of_new_generation = directory.created == now;
            let was_live = old.as_ref().is_some_and(|(_, row)| row.content().is_some());
            let known = *since < first;
            if was_live && !of_new_generation {
                changed.push(dir);
            }
            if of_new_generation {
                // Its readers start over; what they held of the generation before is none of it.
                self.restore_row(dir, &key, None);
            } else if known && was_live {
                if again || !self.is_purgeable_key(dir, now) {
                    let at = (now, key);
                    self.queue_tomb(dir, at);
                } else {
                    self.restore_row(dir, &key, None);
                    self.ctx.counts.purged += 1;
                    if purged.last() != Some(&dir) {
                        purged.push(dir);
                    }
                }
            } else if let Some((stamp, row @ Row::Deleted { .. })) = old {
                // It was a tombstone before this round: it came and went, and is that tombstone again.
                if stamp < first {
                    self.take_last_life(dir, &key);
                }
                self.restore_row(dir, &key, Some((stamp, row)));
                self.queue_tomb(dir, (stamp, key));
            } else if let Some((since, removed)) = self.take_last_life(dir, &key) {
                self.restore_row(dir, &key, Some((removed, Row::Deleted { since })));
            } else {
                self.restore_row(dir, &key, None);
            }
        }
        for dir in purged {
            self.raise_key_floor(dir, now + 1);
        }
    }

    /// Directories that came, went or were made anew in this round.
    fn settle_dirs(&mut self, again: bool, changed: &mut Ids) {
        let (now, first) = (self.ctx.tick, self.work.base.tick);
        let mut slots: SmallVec<[(NameId, usize); 8]> = SmallVec::new();
        let mut at = self.work.round_start;
        for piece in self.work.journal.slices_from(at) {
            for undo in piece {
                if let Undo::Slot { id, .. } = undo {
                    slots.push((*id, at));
                }
                at += 1;
            }
        }
        // What was there when the round began is what the first edit of each found.
        slots.sort_unstable();
        slots.dedup_by_key(|(id, _)| *id);
        let mut touched: SmallVec<[Was; 4]> = SmallVec::new();
        for (id, at) in slots {
            let was = match self.work.journal.get(at) {
                Some(Undo::Slot { old: Some((_, Slot { name, state: State::Live(directory) })), .. }) => {
                    Some((directory.generation, name.clone()))
                }
                _ => None,
            };
            touched.push((id, was));
        }
        for (id, was) in touched {
            if let Some((_, name)) = &was
                && !self.work.came.contains(&id)
            {
                self.work.was_live.entry(id).or_insert_with(|| name.clone());
            }
            let Some((_, &stamp, slot)) = self.ctx.dirs.state.get_entry(&id) else { continue };
            match &slot.state {
                State::Live(directory) => {
                    if was.is_none() && !self.work.was_live.contains_key(&id) {
                        self.work.came.insert(id);
                    }
                    if was.is_none_or(|(generation, _)| generation != directory.generation) {
                        changed.push(id);
                    }
                }
                State::Deleted(deleted) if stamp == now => {
                    let since = deleted.since;
                    if since < first {
                        if again || !self.is_purgeable_dir(now) {
                            self.set_queued(now, id, true);
                        } else {
                            self.purge_dir(now, id);
                        }
                    } else {
                        self.forget_deleted(id);
                    }
                }
                _ => {}
            }
        }
    }

    /// A directory that came and went within the transaction leaves nothing; where an earlier life of the name is
    /// remembered, that is the tombstone again.
    fn forget_deleted(&mut self, id: NameId) {
        let earlier = self.ctx.dirs.earlier.range(&(id, 0)..=&(id, Tick::MAX)).next_back();
        let life = earlier.map(|(&(_, removed), (), since)| (removed, since.0));
        if let Some((removed, since)) = life {
            let Some(name) = self.ctx.dirs.name(id).cloned() else { return };
            self.set_earlier(id, removed, None);
            let state = State::Deleted(crate::dirs::DeletedDir { since });
            self.set_slot(id, removed, Slot { name, state });
        } else {
            self.leave_name(id);
        }
    }

    /// Removes every tombstone that no live reader needs, as each commit does by itself; number removed, of
    /// directories. Nothing while a transaction is open: its end does it.
    pub fn purge_deleted_dirs(&mut self) -> usize {
        if self.open { 0 } else { self.purge() }
    }

    pub(crate) fn purge(&mut self) -> usize {
        let before = self.ctx.counts.purged_dirs;
        self.purge_up_to(Tick::MAX);
        self.purge_moved();
        self.ctx.counts.purged_dirs - before
    }

    /// `limit`: while a transaction goes on, a reader may yet register at the tick where it began.
    fn purge_up_to(&mut self, limit: Tick) {
        if self.ctx.dirs.queue.is_empty() && self.ctx.tombed.is_empty() {
            return;
        }
        let bound = self.recent().min(limit);
        let horizon = self.readers.horizon_of_dirs().unwrap_or(Tick::MAX);
        self.purge_dirs_before(horizon.min(bound));
        // Only directories with tombstones that nobody has looked at since they are old enough.
        if let Some(last) = bound.checked_sub(1)
            && !self.ctx.tombed.is_empty()
        {
            let since = if self.sweep { Reverse(Tick::MAX) } else { Reverse(last) };
            let dirs: Vec<NameId> = self.ctx.tombed.changes_since(&since).map(|(id, ..)| *id).collect();
            for dir in dirs {
                self.purge_keys_up_to(dir, bound);
            }
        }
    }

    /// Removals from this tick on are kept for readers that nobody remembers.
    fn recent(&self) -> Tick {
        self.ctx.tick.saturating_sub(self.options.history)
    }

    /// Directories that no reader of the store needs to be told of any more. O(log n) each.
    pub(crate) fn purge_dirs(&mut self) {
        let horizon = self.readers.horizon_of_dirs().unwrap_or(Tick::MAX);
        self.purge_dirs_before(horizon.min(self.recent()));
    }

    /// Keys of a directory that none of its readers needs to be told of any more. O(log n) each.
    pub(crate) fn purge_keys(&mut self, dir: NameId) {
        self.purge_keys_up_to(dir, self.recent());
    }

    /// What of it stays below the bound, stays for its readers, who look at it when they move; what is above is looked
    /// at in its time.
    fn purge_keys_up_to(&mut self, dir: NameId, bound: Tick) {
        let horizon = self.horizon_of_keys(dir).unwrap_or(Tick::MAX).min(bound);
        self.purge_keys_before(dir, horizon);
        let tombs = self.ctx.dirs.get(dir).and_then(|directory| directory.tombs.as_ref());
        let later = tombs.map(|tombs| {
            let later = tombs.queue.range(&(bound, Key::NONE)..).next();
            later.map_or(Tick::MAX, |((removed, _), ..)| *removed)
        });
        self.set_tombed(dir, later);
    }

    fn is_purgeable_key(&self, dir: NameId, removed: Tick) -> bool {
        let recent = (self.ctx.tick + 1).saturating_sub(self.options.history);
        removed < self.horizon_of_keys(dir).unwrap_or(Tick::MAX).min(recent)
    }

    /// A directory that goes in this round, the last of its transaction: whether its tombstone is purged at once.
    fn is_purgeable_dir(&self, removed: Tick) -> bool {
        let recent = (self.ctx.tick + 1).saturating_sub(self.options.history);
        let horizon = self.readers.horizon_of_dirs().unwrap_or(Tick::MAX).min(recent);
        removed < horizon
    }

    /// `purge_deleted_dirs(horizon)` proper: every life of a directory that ended before the horizon. O(log n) each.
    fn purge_dirs_before(&mut self, horizon: Tick) {
        let before = self.ctx.counts.purged_dirs;
        while let Some(&(removed, id)) = self.ctx.dirs.queue.first().map(|(at, ..)| at) {
            if removed > horizon || (removed == horizon && !mutant!(self.ctx, PurgeAtHorizon)) {
                break;
            }
            self.set_queued(removed, id, false);
            self.purge_dir(removed, id);
        }
        if mutant!(self.ctx, PurgeTicks) && self.ctx.counts.purged_dirs > before {
            self.ctx.tick += 1;
        }
    }

    /// Forgets the life of a directory that ended then.
    fn purge_dir(&mut self, removed: Tick, id: NameId) {
        let Some((_, &stamp, slot)) = self.ctx.dirs.state.get_entry(&id) else { return };
        let is_live = matches!(slot.state, State::Live(_));
        let is_last = matches!(slot.state, State::Deleted(_)) && stamp == removed;
        if is_last {
            self.leave_name(id);
        } else {
            self.set_earlier(id, removed, None);
            self.free_name(id);
        }
        if !is_live {
            self.ctx.counts.purged += 1;
            self.ctx.counts.purged_dirs += 1;
        }
        let floor = if mutant!(self.ctx, FloorOffByOne) { removed } else { removed + 1 };
        self.ctx.dirs.floor = self.ctx.dirs.floor.max(floor);
    }

    /// The same for the keys of a directory.
    pub(crate) fn purge_keys_before(&mut self, dir: NameId, horizon: Tick) {
        let mut floor = 0;
        loop {
            let Some(directory) = self.ctx.dirs.get(dir) else { return };
            let Some(tombs) = directory.tombs.as_ref().map(Arc::clone) else { break };
            let end = if mutant!(self.ctx, PurgeKeysAtHorizon) { horizon.saturating_add(1) } else { horizon };
            let Some(((removed, key), ..)) = tombs.queue.first().filter(|((removed, _), ..)| *removed < end) else {
                break;
            };
            let (removed, key) = (*removed, key.clone());
            drop(tombs);
            let row = directory.rows.get_entry(&key);
            let is_live = row.is_some_and(|(.., row)| row.content().is_some());
            let is_last = row.is_some_and(|(_, &stamp, row)| row.content().is_none() && stamp == removed);
            if is_last {
                self.restore_row(dir, &key, None);
            }
            self.edit_tombs(dir, |tombs| {
                tombs.queue.remove(&(removed, key.clone()));
                if !is_last && let Some(lives) = tombs.earlier.get(&key) {
                    let mut lives = lives.clone();
                    lives.0.retain(|(_, ended)| *ended != removed);
                    if lives.0.is_empty() {
                        tombs.earlier.remove(&key);
                    } else {
                        tombs.earlier.set(key.clone(), (), lives);
                    }
                }
            });
            if !is_live {
                self.ctx.counts.purged += 1;
            }
            floor = if mutant!(self.ctx, FloorOfKeysOffByOne) { removed } else { removed + 1 };
        }
        if floor > 0 {
            if mutant!(self.ctx, PurgeStamps) {
                self.stamp_dir(dir);
            }
            self.raise_key_floor(dir, floor);
        }
    }
}

/// Directories; most transactions change few.
pub(crate) type Ids = SmallVec<[NameId; 8]>;

/// Adds to what is there; nearly always that is nothing, and what comes is short. Room that a long list had is not kept.
fn join(there: &mut Ids, more: Ids) {
    if there.is_empty() && !more.spilled() {
        *there = more;
    } else {
        there.extend(more);
    }
}

/// See `judge_rows`.
struct Judged<V> {
    /// Directories came, went, or were edited as a whole.
    are_dirs_touched: bool,
    /// Directories with a row that is another than before.
    changed: Ids,
    /// Rows that are gone.
    removed: Vec<Touched<V>>,
    /// Rows that are equal to what they were.
    unchanged: Vec<Touched<V>>,
}

impl<V> Default for Judged<V> {
    fn default() -> Self {
        Judged { are_dirs_touched: false, changed: Ids::new(), removed: Vec::new(), unchanged: Vec::new() }
    }
}
