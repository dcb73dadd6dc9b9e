//! What units gave for folded keys, where the fold counts or sums: one run over the units, and each value
//! edits the accumulator of its group on the way.

use std::slice;

use smallvec::SmallVec;

use crate::context::{Generation, Reader};
use crate::directory::{Directory, Fold, Group, Outputs, Outs, Vals};
use crate::error::{Error, Result};
use crate::number::Number;
use crate::pieces::Pieces;
use crate::store::Store;
use crate::tick_map::{Run, Step, TickMap};
use crate::transaction::Undo;
use crate::value::{Host, Value, Verdicts};
use crate::{Key, NameId};

use super::ahead::fetch_run;
use super::due::At;
use super::finish::{noted, what_changed};
use super::fold::sum_of;
use super::queue::FOLD;

/// The accumulators of a directory whose fold counts or sums, in a transaction.
pub(super) struct Sums<'a, H: Host> {
    pub(super) dir: NameId,
    pub(super) groups: &'a mut TickMap<Key, Group<H::Value>, ()>,
    pub(super) journal: &'a mut Pieces<Undo<H>>,
    /// Only counts.
    pub(super) counts: bool,
    /// Of the open transaction since its last savepoint, see [`Group::noted`].
    pub(super) epoch: Generation,
}

impl<H: Host> Sums<'_, H> {
    /// The accumulator of a group follows what changed, in one descent. Whether it was not due to be folded yet, and whether
    /// all of its values are numbers.
    pub(super) fn change(&mut self, key: &Key, gone: &[H::Value], come: &[H::Value]) -> (bool, bool) {
        let (counts, epoch) = (self.counts, self.epoch);
        let mut note = None;
        let mut edit = |group: &mut Group<H::Value>| {
            if group.noted != epoch {
                note = Some(Some(Box::new(group.clone())));
                group.noted = epoch;
            }
            let fresh = !std::mem::replace(&mut group.due, true);
            group.follow(counts, gone, come);
            (fresh, group.class.others == 0, group.count == 0)
        };
        let (fresh, numbers, empty) = if let Some(group) = self.groups.get_mut(key) {
            edit(group)
        } else {
            let mut group = Group { noted: epoch, ..Group::default() };
            let done = edit(&mut group);
            self.groups.set(key.clone(), (), group);
            note = Some(None);
            done
        };
        if empty {
            self.groups.remove(key);
        }
        if let Some(old) = note {
            self.journal.push(Undo::Group { dir: self.dir, key: key.clone(), old });
        }
        (fresh, numbers)
    }
}

impl<V: Value> Group<V> {
    fn follow(&mut self, counts: bool, gone: &[V], come: &[V]) {
        self.count = self.count + come.len() - gone.len();
        if counts {
            return;
        }
        let Group { sum, class, .. } = self;
        let sum = sum.get_or_insert_default();
        // Where memory failed, a value is counted as another than it was; such a transaction is undone.
        let others = &mut class.others;
        for value in gone {
            value.number().map_or_else(|| *others = others.wrapping_sub(1), |number| sum.remove(&number));
        }
        for value in come {
            value.number().map_or_else(|| *others = others.wrapping_add(1), |number| sum.add(&number));
        }
    }

    /// One int of a sum goes, another comes.
    pub(crate) fn replace(&mut self, gone: i64, come: i64) {
        let sum = self.sum.get_or_insert_default();
        sum.remove(&Number::Int(gone));
        sum.add(&Number::Int(come));
    }
}

struct UnitsRun<'a, H: Host> {
    verdicts: &'a Verdicts<H>,
    sums: Sums<'a, H>,
    part: u16,
    keys: &'a [Key],
    outputs: &'a mut [Outputs<H::Value>],
    /// Groups that became due.
    due: SmallVec<[Key; 1]>,
    numbers: bool,
    unsure: Option<Error<H>>,
}

impl<H: Host> UnitsRun<'_, H> {
    fn change(&mut self, key: &Key, gone: &[H::Value], come: &[H::Value]) {
        let (fresh, numbers) = self.sums.change(key, gone, come);
        if fresh {
            self.due.push(key.clone());
        }
        self.numbers &= numbers;
    }

    /// What to note of a unit if what it gives now differs from what it gave.
    fn compare(
        &mut self,
        old: Option<&Outs<H::Value>>,
        new: &mut Outputs<H::Value>,
    ) -> Result<Option<Outs<H::Value>>, H> {
        if let (Some(Outs::One(group, was)), [(now, is)]) = (old, new.as_slice())
            && group == now
        {
            let equal = self.verdicts.values(was, is)?;
            if !equal {
                self.change(group, slice::from_ref(was), slice::from_ref(is));
            }
            return Ok((!equal).then(|| Outs::from_vec(std::mem::take(new))));
        }
        let changed = what_changed(self.verdicts, old, new)?;
        for changed in &changed {
            let [gone, come] =
                [&changed.old, &changed.new].map(|values| values.as_ref().map_or(&[][..], Vals::as_slice));
            self.change(&changed.key, gone, come);
        }
        Ok((!changed.is_empty()).then(|| noted(old, new, &changed)))
    }
}

impl<H: Host> Run<(), Outs<H::Value>> for UnitsRun<'_, H> {
    fn step(&mut self, number: usize, there: Option<(&(), &Outs<H::Value>)>) -> Step<(), Outs<H::Value>> {
        let mut new = std::mem::take(&mut self.outputs[number]);
        // None of them is empty: `fold_outputs` stops before the first that is.
        let step = match self.compare(there.map(|((), outs)| outs), &mut new) {
            Ok(Some(outs)) => Step::Set((), outs),
            Ok(None) => Step::Keep,
            Err(unsure) => {
                self.unsure = Some(unsure);
                Step::Stop
            }
        };
        self.outputs[number] = new;
        step
    }

    fn done(&mut self, number: usize, old: Option<((), Outs<H::Value>)>) {
        let (dir, arrow, key) = (self.sums.dir, self.part, self.keys[number].clone());
        self.sums.journal.push(Undo::Unit { dir, arrow, key, old: old.map(|((), outs)| outs) });
    }
}

impl<H: Host> Store<H> {
    /// Takes what one unit of a directory that counts or sums gave, which gave one int to the same folded key before, and does
    /// again, as nearly all do. The group follows, and follows it back ([`Undo::Summed`]), so that it needs no note. Where
    /// nothing else is due, the key is folded at once. False, with nothing done, where it is not so simple.
    pub(super) fn fold_one(&mut self, at: At, reader: &Reader, outputs: &mut Outputs<H::Value>) -> bool {
        let Some(derived) = self.ctx.derived(at.1) else { return false };
        let counts = match derived.folding.as_deref() {
            Some(folding) if folding.members.is_none() && folding.fold.is_of_sums() => {
                matches!(folding.fold, Fold::Count)
            }
            _ => return false,
        };
        let Some(units) = derived.units.get(usize::from(reader.part)) else { return false };
        let (place, there) = units.locate(&reader.key, self.last_row.guess(&reader.key));
        let (gone, come) = match (there.map(|((), outs)| outs), outputs.as_slice()) {
            (Some(Outs::One(group, was)), [(now, is)]) if group == now => match was.int().zip(is.int()) {
                Some((was, is)) if was == is => return true,
                Some(ints) => ints,
                None => return false,
            },
            _ => return false,
        };
        let is_last = self.is_last_due();
        let Some(derived) = self.ctx.dir_mut(at.1).and_then(Directory::derived_mut) else { return false };
        let Some(folding) = derived.folding.as_deref_mut() else { return false };
        let units = derived.units.get_mut(usize::from(reader.part));
        let Some(outs) = units.and_then(|units| units.value_at(&place)) else { return false };
        let group = outputs.first().and_then(|(key, _)| folding.groups.get_mut(key));
        let Some(group) = group else { return false };
        let Some((key, is)) = outputs.pop() else { return false };
        let old = std::mem::replace(outs, Outs::One(key.clone(), is));
        if !counts {
            group.replace(gone, come);
        }
        let fresh = !std::mem::replace(&mut group.due, !is_last);
        let folded = if is_last { sum_of::<H>(&folding.fold, group).ok().flatten() } else { None };
        self.work.journal.push(Undo::Summed { dir: at.1, arrow: reader.part, key: reader.key.clone(), old });
        let is_folded = folded.is_some_and(|value| self.put_folded(at.1, &key, value).is_ok());
        if fresh && !is_folded {
            self.fold_is_due(at.0, at.1, key);
        }
        true
    }

    /// Whether what becomes due now is what runs next, with nothing between.
    fn is_last_due(&mut self) -> bool {
        let work = &mut self.work;
        let is_last = work.due.is_empty()
            && work.marks.is_empty()
            && work.failed.is_empty()
            && work.finals.is_empty()
            && work.frames.is_empty();
        if is_last {
            // As where it is taken out of the queue.
            work.stage = work.stage.min(1);
        }
        is_last
    }

    /// Takes outputs of units of a folded directory that neither read nor made anything, up to the first that gives nothing;
    /// none, where the fold does more than count and sum.
    pub(super) fn fold_outputs(
        &mut self,
        at: At,
        part: u16,
        keys: &[Key],
        outputs: &mut [Outputs<H::Value>],
        done: &mut usize,
    ) -> Result<(), H> {
        let from = *done;
        let some = outputs[from..].iter().take_while(|outputs| !outputs.is_empty()).count();
        let (keys, outputs) = (&keys[from..from + some], &mut outputs[from..from + some]);
        let epoch = self.epoch();
        let (verdicts, journal) = (&self.verdicts, &mut self.work.journal);
        let ran = self.ctx.edit_derived(at.1, |derived| {
            let folding = derived.folding.as_deref_mut()?;
            if !folding.fold.is_of_sums() || folding.members.is_some() {
                return None;
            }
            let counts = matches!(folding.fold, Fold::Count);
            let units = derived.units.get_mut(usize::from(part))?;
            fetch_run::<H, _, _>(units, keys);
            let sums = Sums { dir: at.1, groups: &mut folding.groups, journal, counts, epoch };
            let (due, unsure) = (SmallVec::new(), None);
            let mut run = UnitsRun { verdicts, sums, part, keys, outputs, due, numbers: true, unsure };
            let passed = units.set_run(keys, &mut run);
            Some((passed, run.due, run.numbers, run.unsure))
        });
        let Some((passed, due, numbers, unsure)) = ran.flatten() else { return Ok(()) };
        *done = from + passed;
        self.enqueue_all(at, FOLD, &due);
        if !numbers {
            self.collect_members(at.1);
        }
        unsure.map_or(Ok(()), Err)
    }
}
