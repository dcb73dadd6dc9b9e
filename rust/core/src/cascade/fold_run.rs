//! What units gave for folded keys, where the fold counts or sums: one run over the units, and each value
//! edits the accumulator of its group on the way.

use std::slice;

use smallvec::SmallVec;

use crate::context::Reader;
use crate::directory::{Directory, Fold, Folding, Group, Outputs, Outs, Unit, Vals};
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
use super::finish::what_changed;
use super::fold::sum_of;
use super::queue::FOLD;

/// The accumulators of a directory whose fold counts or sums. Each is a function of what the units give, exactly: so the
/// journal notes the units alone, and where one goes back its groups follow.
pub(crate) struct Sums<'a, V> {
    groups: &'a mut TickMap<Key, Group<V>, ()>,
    /// Only counts.
    counts: bool,
}

impl<'a, V: Value + Clone> Sums<'a, V> {
    /// None where the fold does more than count and sum.
    pub(crate) fn of<H: Host<Value = V>>(folding: &'a mut Folding<H>) -> Option<Self> {
        let counts = matches!(folding.fold, Fold::Count);
        folding.fold.is_of_sums().then_some(Sums { groups: &mut folding.groups, counts })
    }

    /// The accumulator of a group follows what changed, in one descent. Whether it was not due to be folded yet, and whether
    /// all of its values are numbers.
    pub(super) fn change(&mut self, key: &Key, gone: &[V], come: &[V]) -> (bool, bool) {
        let counts = self.counts;
        if let Some(group) = self.groups.get_mut(key) {
            let fresh = !std::mem::replace(&mut group.due, true);
            group.follow(counts, gone, come);
            let numbers = group.class.others == 0;
            if group.count == 0 {
                self.groups.remove(key);
            }
            return (fresh, numbers);
        }
        let mut group = Group { due: true, ..Group::default() };
        group.follow(counts, gone, come);
        let numbers = group.class.others == 0;
        if group.count > 0 {
            self.groups.set(key.clone(), (), group);
        }
        (true, numbers)
    }

    /// A unit gives again what it gave before: `gone` goes, `come` comes. What was due then the queue knows; a group that
    /// is in the queue may say that it is not, never the other way round.
    pub(crate) fn go_back(&mut self, gone: Option<&Outs<V>>, come: Option<&Outs<V>>) {
        let mut back = |key, gone: &[V], come: &[V]| {
            self.change(key, gone, come);
            if let Some(group) = self.groups.get_mut(key) {
                group.due = false;
            }
        };
        if let (Some(Outs::One(key, gone)), Some(Outs::One(there, come))) = (gone, come)
            && key == there
        {
            return back(key, slice::from_ref(gone), slice::from_ref(come));
        }
        for (key, value) in gone.into_iter().flat_map(Outs::iter) {
            back(key, slice::from_ref(value), &[]);
        }
        for (key, value) in come.into_iter().flat_map(Outs::iter) {
            back(key, &[], slice::from_ref(value));
        }
    }
}

impl<V: Value> Group<V> {
    fn follow(&mut self, counts: bool, gone: &[V], come: &[V]) {
        self.count = self.count + come.len() - gone.len();
        if !counts {
            for value in gone {
                self.goes(value.number().as_ref());
            }
            for value in come {
                self.comes(value.number().as_ref());
            }
        }
    }

    /// A value of a sum goes; `None`: it is no number.
    fn goes(&mut self, number: Option<&Number>) {
        match number {
            Some(number) => self.sum.get_or_insert_default().remove(number),
            None => self.class.others -= 1,
        }
    }

    fn comes(&mut self, number: Option<&Number>) {
        let sum = self.sum.get_or_insert_default();
        match number {
            Some(number) => sum.add(number),
            None => self.class.others += 1,
        }
    }
}

struct UnitsRun<'a, H: Host> {
    verdicts: &'a Verdicts<H>,
    sums: Sums<'a, H::Value>,
    journal: &'a mut Pieces<Undo<H>>,
    dir: NameId,
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

    /// Whether what a unit gives now differs from what it gave.
    fn compare(&mut self, old: Option<&Outs<H::Value>>, new: &[(Key, H::Value)]) -> Result<bool, H> {
        if let (Some(Outs::One(group, was)), [(now, is)]) = (old, new)
            && group == now
        {
            let equal = self.verdicts.values(was, is)?;
            if !equal {
                self.change(group, slice::from_ref(was), slice::from_ref(is));
            }
            return Ok(!equal);
        }
        let changed = what_changed(self.verdicts, old, new)?;
        for changed in &changed {
            let [gone, come] =
                [&changed.old, &changed.new].map(|values| values.as_ref().map_or(&[][..], Vals::as_slice));
            self.change(&changed.key, gone, come);
        }
        Ok(!changed.is_empty())
    }
}

impl<H: Host> Run<(), Unit<H::Value>> for UnitsRun<'_, H> {
    fn step(&mut self, number: usize, there: Option<(&(), &Unit<H::Value>)>) -> Step<(), Unit<H::Value>> {
        let new = std::mem::take(&mut self.outputs[number]);
        // None of them is empty: `fold_outputs` stops before the first that is.
        let step = match self.compare(there.map(|((), unit)| &unit.outs), &new) {
            Ok(true) => return Step::Set((), Unit { outs: Outs::from_vec(new), trail: None }),
            Ok(false) => Step::Keep,
            Err(unsure) => {
                self.unsure = Some(unsure);
                Step::Stop
            }
        };
        self.outputs[number] = new;
        step
    }

    fn done(&mut self, number: usize, old: Option<((), Unit<H::Value>)>) {
        let (dir, arrow, key) = (self.dir, self.part, self.keys[number].clone());
        self.journal.push(Undo::Unit { dir, arrow, key, old: old.map(|((), unit)| unit) });
    }
}

impl<H: Host> Store<H> {
    /// Takes what one unit of a directory that counts or sums gave, which gave one value to the same folded key before, as
    /// nearly all did. Where nothing else is due, the key is folded at once. False, with nothing done, where it is not so
    /// simple.
    pub(super) fn fold_one(&mut self, at: At, reader: &Reader, outputs: &mut Outputs<H::Value>) -> Result<bool, H> {
        let Some(derived) = self.ctx.dirs.get(at.1).and_then(Directory::derived) else { return Ok(false) };
        let counts = match derived.folding.as_deref() {
            Some(folding) if folding.members.is_none() && folding.fold.is_of_sums() => {
                matches!(folding.fold, Fold::Count)
            }
            _ => return Ok(false),
        };
        let Some(units) = derived.units.get(usize::from(reader.part)) else { return Ok(false) };
        let (place, there) = units.locate(&reader.key, self.last_row.guess(&reader.key));
        let (gone, come) = match (there.map(|((), unit)| &unit.outs), outputs.as_slice()) {
            (Some(Outs::One(group, was)), [(now, is)]) if group == now => {
                let ints = if counts { None } else { was.int().zip(is.int()) };
                match ints {
                    Some((was, is)) if was != is => (Some(Number::Int(was)), Some(Number::Int(is))),
                    _ if self.verdicts.values(was, is)? => return Ok(true),
                    _ if counts => (None, None),
                    _ => (was.number(), is.number()),
                }
            }
            _ => return Ok(false),
        };
        let is_last = self.is_last_due();
        let Some(derived) = self.ctx.dir_mut(at.1).and_then(Directory::derived_mut) else { return Ok(false) };
        let Some(folding) = derived.folding.as_deref_mut() else { return Ok(false) };
        let units = derived.units.get_mut(usize::from(reader.part));
        let Some(unit) = units.and_then(|units| units.value_at(&place)) else { return Ok(false) };
        let group = outputs.first().and_then(|(key, _)| folding.groups.get_mut(key));
        let Some(group) = group else { return Ok(false) };
        let Some((key, is)) = outputs.pop() else { return Ok(false) };
        let old = std::mem::replace(unit, Unit { outs: Outs::One(key.clone(), is), trail: None });
        if !counts {
            group.goes(gone.as_ref());
            group.comes(come.as_ref());
        }
        let fresh = !std::mem::replace(&mut group.due, !is_last);
        let numbers = group.class.others == 0;
        let folded = if is_last { sum_of::<H>(&folding.fold, group) } else { None };
        let undo = Undo::Unit { dir: at.1, arrow: reader.part, key: reader.key.clone(), old: Some(old) };
        self.work.journal.push(undo);
        let is_folded = folded.is_some_and(|value| self.put_folded(at.1, &key, value).is_ok());
        if fresh && !is_folded {
            self.fold_is_due(at.0, at.1, key);
        }
        if !numbers {
            self.collect_members(at.1);
        }
        Ok(true)
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
        let (verdicts, journal, dir) = (&self.verdicts, &mut self.work.journal, at.1);
        let ran = self.ctx.edit_derived(dir, |derived| {
            let folding = derived.folding.as_deref_mut().filter(|folding| folding.members.is_none())?;
            let sums = Sums::of(folding)?;
            let units = derived.units.get_mut(usize::from(part))?;
            fetch_run::<H, _, _>(units, keys);
            let (due, unsure) = (SmallVec::new(), None);
            let mut run = UnitsRun { verdicts, sums, journal, dir, part, keys, outputs, due, numbers: true, unsure };
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
