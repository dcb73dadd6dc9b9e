//! Rows of folded keys.
//!
//! What a unit gives edits the accumulator of the key's group at once, exactly and in O(log n); the row itself is
//! made when all units are through, so that a key is folded once for a change however many of its values changed.
//! Where a built-in reducer meets values that are no numbers (or NaNs, for Min and Max), and for the reducers of the
//! user, folding is a job. What went and what came since the key was last folded stands in `pending` until the job is
//! finished, so that a fold that raised can be done later.

use crate::Key;
use crate::context::{NameId, Reader};
use crate::directory::{Class, Content, Fold, Folding, Group, Member, Pending, Ranked, Source, Upper, Vals};
use crate::error::{Refusal, Result};
use crate::name::Name;
use crate::number::{ExactSum, Number};
use crate::store::Store;
use crate::value::{Host, Rank, Value};

use super::finish::Changed;
use super::fold_run::Sums;
use super::job::Job;
use super::queue::FOLD;

/// Of which key and source, and what of it is pending.
type PendingAt<V> = ((Key, Source), Pending<V>);

/// A key has to be folded by user code.
pub struct FoldJob<H: Host> {
    pub fold: Fold<H::Code>,
    pub key: Key,
    /// What was accumulated of the values before `gone` went and `come` came; `None`: fold from scratch, `come` is all
    /// there is. Always `None` for built-in reducers.
    pub acc: Option<H::Value>,
    pub gone: Vec<H::Value>,
    pub come: Vec<H::Value>,
    dir: NameId,
}

impl<H: Host> FoldJob<H> {
    /// The directory that is computed and the first of its parents, for notes on exceptions.
    #[must_use]
    pub fn names(&self, store: &Store<H>) -> (Option<Name>, Option<Name>) {
        let dirs = &store.ctx.dirs;
        let parent = dirs.get(self.dir).and_then(|directory| directory.parents().next());
        (dirs.name(self.dir).cloned(), parent.and_then(|parent| dirs.name(parent).cloned()))
    }

    const fn reader(&self) -> (NameId, u16) {
        (self.dir, FOLD)
    }
}

impl Class {
    /// Whether Min and Max can go by the order of the ranks.
    const fn is_ranked(self) -> bool {
        self.others == 0 && (self.numbers == 0 || self.texts == 0)
    }

    const fn count(&mut self, rank: &Rank, come: bool) {
        let counter = match rank {
            Rank::Number(_) => &mut self.numbers,
            Rank::Text(_) => &mut self.texts,
            Rank::Other => &mut self.others,
        };
        // Where memory failed, a value is taken for another than it was; such a transaction is undone.
        *counter = if come { counter.wrapping_add(1) } else { counter.wrapping_sub(1) };
    }
}

fn values_of<V>(values: Option<&Vals<V>>) -> &[V] {
    values.map_or(&[], Vals::as_slice)
}

impl<H: Host> Store<H> {
    pub(super) fn folding(&self, dir: NameId) -> Option<&Folding<H>> {
        self.ctx.dirs.get(dir)?.derived()?.folding.as_deref()
    }

    /// A unit gives other values for a folded key: its accumulator follows, and the key is due to be folded.
    pub(super) fn fold_changed(&mut self, reader: &Reader, changed: Changed<H::Value>) {
        let Some(directory) = self.ctx.dirs.get(reader.dir) else { return };
        let height = directory.height;
        let Some(derived) = directory.derived() else { return };
        let Some(folding) = derived.folding.as_deref() else { return };
        let source = derived.source(reader.part, &reader.key);
        if folding.fold.is_of_sums() {
            let keeps_members = folding.members.is_some();
            let (fresh, numbers) = self.fold_numbers(reader.dir, &changed);
            if keeps_members {
                self.set_member(reader.dir, (changed.key.clone(), source), changed.new);
            } else if !numbers {
                self.collect_members(reader.dir);
            }
            if fresh {
                self.fold_is_due(height, reader.dir, changed.key);
            }
            return;
        }
        let fold = folding.fold.clone();
        let keeps_members = folding.members.is_some();
        let mut group = folding.groups.get(&changed.key).cloned().unwrap_or_default();
        let Changed { key, old, new } = changed;
        group.count = group.count + values_of(new.as_ref()).len() - values_of(old.as_ref()).len();
        if matches!(fold, Fold::User(_)) {
            self.note_pending(reader.dir, &key, &source, old, new.clone());
        } else {
            self.rank_values(reader.dir, &key, &source, old.as_ref(), &mut group.class, false);
            self.rank_values(reader.dir, &key, &source, new.as_ref(), &mut group.class, true);
        }
        let needs_members = !group.class.is_ranked();
        let gone = group.count == 0;
        self.set_group(reader.dir, &key, (!gone).then_some(group));
        if gone && matches!(fold, Fold::User(_)) {
            self.clear_pending(reader.dir, &key);
        }
        if keeps_members {
            self.set_member(reader.dir, (key.clone(), source), new);
        } else if needs_members {
            self.collect_members(reader.dir);
        }
        self.fold_is_due(height, reader.dir, key);
    }

    pub(super) fn fold_is_due(&mut self, height: u32, dir: NameId, key: Key) {
        let due = Reader { dir, part: FOLD, key };
        self.forget_failure(&due);
        self.enqueue(height, due);
    }

    /// The accumulator of a fold that only counts and sums follows what changed, in one descent. Whether it was not due
    /// to be folded yet, and whether all its values are numbers.
    fn fold_numbers(&mut self, dir: NameId, changed: &Changed<H::Value>) -> (bool, bool) {
        let epoch = self.epoch();
        let journal = &mut self.work.journal;
        let done = self.ctx.edit_folding(dir, |folding| {
            let counts = matches!(folding.fold, Fold::Count);
            let mut sums = Sums { dir, groups: &mut folding.groups, journal, counts, epoch };
            sums.change(&changed.key, values_of(changed.old.as_ref()), values_of(changed.new.as_ref()))
        });
        done.unwrap_or((false, true))
    }

    /// Values of a unit enter or leave the order of Min and Max.
    fn rank_values(
        &mut self,
        dir: NameId,
        group: &Key,
        source: &Source,
        values: Option<&Vals<H::Value>>,
        class: &mut Class,
        come: bool,
    ) {
        for (value, place) in values_of(values).iter().zip(0u32..) {
            let rank = value.rank();
            class.count(&rank, come);
            if let Rank::Number(rank) | Rank::Text(rank) = rank {
                let rank = Upper::Key(rank);
                let ranked = Ranked { group: group.clone(), rank, source: source.clone(), place };
                self.set_sorted(dir, ranked, come.then(|| Member(value.clone())));
            }
        }
    }

    fn note_pending(
        &mut self,
        dir: NameId,
        key: &Key,
        source: &Source,
        old: Option<Vals<H::Value>>,
        new: Option<Vals<H::Value>>,
    ) {
        let at = (key.clone(), source.clone());
        let noted = self.folding(dir).and_then(|folding| folding.pending.get(&at));
        let pending = match noted {
            Some(noted) if noted.gone.is_none() && new.is_none() => None,
            Some(noted) => Some(Pending { gone: noted.gone.clone(), come: new }),
            None => Some(Pending { gone: old, come: new }),
        };
        self.set_pending(dir, at, pending);
    }

    fn clear_pending(&mut self, dir: NameId, key: &Key) {
        for (at, _) in self.pending_of(dir, key) {
            self.set_pending(dir, at, None);
        }
    }

    fn pending_of(&self, dir: NameId, key: &Key) -> Vec<PendingAt<H::Value>> {
        let Some(folding) = self.folding(dir) else { return Vec::new() };
        let first = (key.clone(), Source { rank: 0, key: Key::NONE, arrow: 0 });
        folding
            .pending
            .range(&first..)
            .take_while(|((group, _), ..)| group == key)
            .map(|(at, (), pending)| (at.clone(), pending.clone()))
            .collect()
    }

    /// All values of a group in order, for a fold from scratch. O(values).
    #[must_use]
    pub fn members_of(&self, job: &FoldJob<H>) -> Vec<H::Value> {
        let members = self.folding(job.dir).and_then(|folding| folding.members.as_ref());
        let first = (job.key.clone(), Source { rank: 0, key: Key::NONE, arrow: 0 });
        members
            .into_iter()
            .flat_map(|members| members.range(&first..))
            .take_while(|((group, _), ..)| *group == job.key)
            .flat_map(|(.., values)| values.as_slice().iter().cloned())
            .collect()
    }

    /// A folded key: its row is made, or the job that makes it. Where this answers an error nothing has changed.
    pub(super) fn start_fold(&mut self, reader: &Reader) -> Result<Option<Job<H>>, H> {
        let folded = self.ctx.edit_folding(reader.dir, |folding| -> Result<Folded<H::Value>, H> {
            let Folding { fold, groups, .. } = folding;
            if fold.is_of_sums() {
                let Some(group) = groups.get_mut(&reader.key) else { return Ok(Folded::Gone) };
                let sum = sum_of::<H>(fold, group)?;
                group.due = false;
                return Ok(sum.map_or(Folded::ByCode, Folded::To));
            }
            Ok(match groups.get(&reader.key) {
                None => Folded::Gone,
                Some(group) if !group.class.is_ranked() => Folded::ByCode,
                Some(_) => match folding.fold {
                    Fold::Min => least(folding, &reader.key).map_or(Folded::ByCode, Folded::To),
                    Fold::Max => greatest(folding, &reader.key).map_or(Folded::ByCode, Folded::To),
                    _ => Folded::ByCode,
                },
            })
        });
        match folded.transpose()? {
            Some(Folded::Gone) => {
                self.put_row(reader.dir, &reader.key, None);
                return Ok(None);
            }
            Some(Folded::To(value)) => {
                self.put_folded(reader.dir, &reader.key, value)?;
                return Ok(None);
            }
            Some(Folded::ByCode) | None => {}
        }
        let Some(folding) = self.folding(reader.dir) else { return Ok(None) };
        let Some(group) = folding.groups.get(&reader.key) else { return Ok(None) };
        let fold = folding.fold.clone();
        let acc = group.acc.clone();
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        for (_, pending) in self.pending_of(reader.dir, &reader.key) {
            gone.extend_from_slice(values_of(pending.gone.as_ref()));
            come.extend_from_slice(values_of(pending.come.as_ref()));
        }
        let job = FoldJob { fold, key: reader.key.clone(), acc, gone, come, dir: reader.dir };
        Ok(Some(Job::Fold(Box::new(job))))
    }

    /// User code folded a key: what it accumulated (of its own reducers) and what readers see.
    ///
    /// # Errors
    /// `Unsure`: nothing has changed, and the call is to be repeated.
    pub fn finish_fold(&mut self, job: &FoldJob<H>, acc: Option<&H::Value>, value: &H::Value) -> Result<(), H> {
        let group = self.folding(job.dir).and_then(|folding| folding.groups.get(&job.key));
        let Some(group) = group else { return Ok(()) };
        let group = Group { acc: acc.cloned(), ..group.clone() };
        self.put_folded(job.dir, &job.key, value.clone())?;
        self.set_group(job.dir, &job.key, Some(group));
        self.clear_pending(job.dir, &job.key);
        Ok(())
    }

    /// User code raised. It counts only if it still stands when the queue is empty.
    pub fn fail_fold(&mut self, job: &FoldJob<H>, failure: H::Failure) {
        let (dir, part) = job.reader();
        if self.folding(dir).is_some_and(|folding| folding.groups.contains_key(&job.key)) {
            let reader = Reader { dir, part, key: job.key.clone() };
            let problem = super::Problem { failure, blocked: false };
            self.work.trash.extend(self.work.failed.insert(reader, problem));
        }
    }

    /// User code was broken off: the fold is due as before.
    pub fn abort_fold(&mut self, job: &FoldJob<H>) {
        let (dir, part) = job.reader();
        self.invalidate(&Reader { dir, part, key: job.key.clone() });
    }

    /// The value is the caller's too, or one that the core made: it may go here.
    pub(super) fn put_folded(&mut self, dir: NameId, key: &Key, value: H::Value) -> Result<(), H> {
        self.put_row_with(dir, key, |verdicts, row| {
            let equal = match row.and_then(Content::single) {
                Some(there) => verdicts.values(there, &value)?,
                None => false,
            };
            Ok((!equal).then(|| Some(Content::one(value))))
        })
        .map(drop)
    }
}

/// What became of a group that is due.
enum Folded<V> {
    /// It has no values any more.
    Gone,
    To(V),
    /// Only user code can fold it.
    ByCode,
}

/// The fold of a group that is counted or summed; `None` where not all of its values are numbers.
///
/// # Errors
/// `NoMemory`, of the host's.
pub(super) fn sum_of<H: Host>(
    fold: &Fold<H::Code>,
    group: &Group<H::Value>,
) -> std::result::Result<Option<H::Value>, Refusal> {
    let sum = group.sum.as_ref().filter(|_| group.class.others == 0);
    let number = match fold {
        Fold::Count => Some(Number::Int(i64::try_from(group.count).unwrap_or(i64::MAX))),
        Fold::Mean => sum.and_then(ExactSum::mean).map(Number::Float),
        _ => sum.map(ExactSum::sum),
    };
    number.map(|number| H::Value::from_number(number).ok_or(Refusal::NoMemory)).transpose()
}

/// The least value of a group, of equal ones the first.
fn least<H: Host>(folding: &Folding<H>, group: &Key) -> Option<H::Value> {
    let (found, (), member) = folding.sorted.range(&first_ranked(group, Upper::Key(Key::NONE))..).next()?;
    (found.group == *group).then(|| member.0.clone())
}

/// The greatest value of a group, of equal ones the first.
fn greatest<H: Host>(folding: &Folding<H>, group: &Key) -> Option<H::Value> {
    let behind = first_ranked(group, Upper::Open);
    let (last, ..) = folding.sorted.range(..=&behind).next_back().filter(|(found, ..)| found.group == *group)?;
    let first = first_ranked(group, last.rank.clone());
    folding.sorted.range(&first..).next().map(|(.., member)| member.0.clone())
}

fn first_ranked(group: &Key, rank: Upper) -> Ranked {
    Ranked { group: group.clone(), rank, source: Source { rank: 0, key: Key::NONE, arrow: 0 }, place: 0 }
}
