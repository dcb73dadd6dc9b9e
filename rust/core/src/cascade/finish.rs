//! What a unit gave becomes rows; what it read and made is noted.
//!
//! Each function here first finds out all that it must know (and may answer `Unsure`, with nothing changed), then
//! makes its edits.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::Key;
use crate::context::Reader;
use crate::directory::{Content, Directory, Outputs, Outs, Source, Trail, Vals};
use crate::error::Result;
use crate::store::Store;
use crate::tick_map::SetOutcome;
use crate::transaction::NewContent;
use crate::value::{Host, Verdicts};

use super::frame::Frame;

/// A key for which a unit gives other values than before.
pub(super) struct Changed<V> {
    pub(super) key: Key,
    pub(super) old: Option<Vals<V>>,
    pub(super) new: Option<Vals<V>>,
}

/// What a unit gave for a key before, and what it gives now.
type BothSides<'a, V> = (Vec<&'a V>, Vec<&'a V>);

/// What a unit read and made before, and what it did now, which is something else.
pub(super) struct TrailChange {
    pub(super) old: Option<Arc<Trail>>,
    pub(super) new: Option<Arc<Trail>>,
}

type AllChanged<V> = SmallVec<[Changed<V>; 2]>;

/// What of its directory decides how a unit is replaced.
pub(super) struct Site {
    height: u32,
    is_folded: bool,
    has_trails: bool,
    /// The arrow has only units that go without saying: what they give is what their keys' rows have from them.
    are_implied: bool,
    /// Of the arrow.
    rank: u16,
}

impl Site {
    pub(super) fn of<H: Host>(directory: &Directory<H>, reader: &Reader) -> Option<Self> {
        let derived = directory.derived()?;
        let is_folded = derived.folding.is_some();
        let part = usize::from(reader.part);
        Some(Site {
            height: directory.height,
            is_folded,
            has_trails: derived.trails.is_some(),
            are_implied: !is_folded && derived.units[part].total() == 0,
            rank: derived.arrows[part].rank,
        })
    }
}

impl<H: Host> Store<H> {
    /// Replaces what a unit gave, which read and made nothing else than before. `outputs`: `None` where the unit is no more,
    /// and what it read and made is let go of. Those that are kept are taken; the others stay with the host, who drops them
    /// with no lock held.
    pub(super) fn replace_unit(&mut self, reader: &Reader, outputs: Option<&mut Outputs<H::Value>>) -> Result<(), H> {
        let site = self.ctx.dirs.get(reader.dir).and_then(|directory| Site::of(directory, reader));
        site.map_or(Ok(()), |site| self.replace_at(site, reader, outputs))
    }

    /// The same where its directory has been looked at.
    pub(super) fn replace_at(
        &mut self,
        site: Site,
        reader: &Reader,
        outputs: Option<&mut Outputs<H::Value>>,
    ) -> Result<(), H> {
        match (outputs, site.are_implied) {
            (None, _) if site.has_trails => {
                let change = self.trail(reader).map(|old| TrailChange { old: Some(old), new: None });
                self.replace_any(reader, None, change)
            }
            (Some(outputs), _) if site.is_folded && !outputs.is_empty() => {
                if self.fold_one((site.height, reader.dir), reader, outputs) {
                    return Ok(());
                }
                self.replace_folded(reader, outputs)
            }
            (Some(outputs), true) if outputs.iter().all(|(key, _)| *key == reader.key) => {
                self.give_outputs(reader, site.rank, outputs)
            }
            (None, true) => self.give(reader, None),
            (outputs, _) => self.replace_any(reader, outputs, None),
        }
    }

    /// The same for units of all kinds, and where one read or made something else.
    pub(super) fn replace_any(
        &mut self,
        reader: &Reader,
        outputs: Option<&mut Outputs<H::Value>>,
        change: Option<TrailChange>,
    ) -> Result<(), H> {
        let Some(derived) = self.ctx.derived(reader.dir) else { return Ok(()) };
        let is_folded = derived.folding.is_some();
        let stored = derived.units[usize::from(reader.part)].get(&reader.key).cloned();
        let was_stored = stored.is_some();
        let old = stored.or_else(|| self.implied_outs(reader));
        let there: &[(Key, H::Value)] = outputs.as_deref().map_or(&[], |outputs| outputs.as_slice());
        let changed = what_changed(&self.verdicts, old.as_ref(), there)?;
        let is_implied = there.is_empty() || (!is_folded && there.iter().all(|(of, _)| *of == reader.key));
        // Where all is equal, what is stored stays.
        if was_stored == is_implied || !changed.is_empty() {
            let outputs = outputs.filter(|_| !is_implied);
            let outs = outputs.map(|outputs| noted(old.as_ref(), outputs, &changed));
            if was_stored || outs.is_some() {
                self.set_unit(reader, outs);
            }
        }
        // What it reads counts before what it gives: who reads its own output is due again, from its first run on.
        if let Some(TrailChange { old, new }) = change {
            self.set_trail(reader, new.clone());
            self.follow_trail(reader, old.as_deref(), new.as_deref());
        }
        if is_folded {
            for changed in changed {
                self.fold_changed(reader, changed);
            }
        } else {
            self.set_parts(reader, changed);
        }
        Ok(())
    }

    /// Replaces what a unit of a folded directory gave: one descent finds what it gave, compares, and replaces it.
    fn replace_folded(&mut self, reader: &Reader, outputs: &mut Outputs<H::Value>) -> Result<(), H> {
        let verdicts = &self.verdicts;
        let mut found = Ok(SmallVec::new());
        let done = self.ctx.edit_derived(reader.dir, |derived| {
            let units = derived.units.get_mut(usize::from(reader.part))?;
            let outcome = units.set_with(&reader.key, |there| {
                let old = there.map(|((), outs)| outs);
                found = what_changed(verdicts, old, outputs);
                let changed = found.as_ref().ok().filter(|changed: &&AllChanged<H::Value>| !changed.is_empty());
                changed.map(|changed| ((), noted(old, outputs, changed)))
            });
            match outcome {
                SetOutcome::Kept => None,
                SetOutcome::Added => Some(None),
                SetOutcome::Replaced((), outs) => Some(Some(outs)),
            }
        });
        let found = found?;
        if let Some(old) = done.flatten() {
            self.log_unit(reader, old);
        }
        for changed in found {
            self.fold_changed(reader, changed);
        }
        Ok(())
    }

    /// The row of a unit's own key gets what the unit gives now, unless that is what it has; all in one descent. The
    /// outputs bear that key.
    fn give_outputs(&mut self, reader: &Reader, rank: u16, outputs: &mut Outputs<H::Value>) -> Result<(), H> {
        self.put_row_with(reader.dir, &reader.key, |verdicts, row| {
            given(verdicts, row, &reader.key, (rank, reader.part), outputs)
        })
        .map(drop)
    }

    /// The same of values that stand elsewhere too.
    pub(super) fn give(&mut self, reader: &Reader, values: Option<Vals<H::Value>>) -> Result<(), H> {
        let Some(derived) = self.ctx.derived(reader.dir) else { return Ok(()) };
        let source = derived.source(reader.part, &reader.key);
        self.put_row_with(reader.dir, &reader.key, |verdicts, row| {
            let there = row.and_then(|row| row.part(&reader.key, &source)).map_or(&[][..], Vals::as_slice);
            let given = values.as_ref().map_or(&[][..], Vals::as_slice);
            if there.len() == given.len() && verdicts.sequences(there.iter(), given.iter())? {
                return Ok(None);
            }
            Ok(Some(Content::with_part(row, &reader.key, source, values)))
        })
        .map(drop)
    }

    /// The rows of ascending keys get what this unit gives now, which is known to differ.
    fn set_parts(&mut self, reader: &Reader, mut changed: AllChanged<H::Value>) {
        let Some(derived) = self.ctx.derived(reader.dir) else { return };
        let source = derived.source(reader.part, &reader.key);
        if let [only] = changed.as_mut_slice() {
            let Changed { key, new, .. } = only;
            let part = |_: &_, row: Option<&_>| Ok(Some(Content::with_part(row, key, source, new.take())));
            // The function refuses nothing.
            drop(self.put_row_with(reader.dir, key, part));
            return;
        }
        let keys: SmallVec<[Key; 2]> = changed.iter().map(|changed| changed.key.clone()).collect();
        let done = self.put_rows(reader.dir, &keys, &mut 0, |number, _, row| {
            let values = changed[number].new.take();
            Ok(Some(Content::with_part(row, &keys[number], source.clone(), values)))
        });
        // The function refuses nothing.
        drop(done);
    }

    /// Brings the dependencies in line with what a unit read now, and lets go of what it made before and not now.
    fn follow_trail(&mut self, reader: &Reader, old: Option<&Trail>, new: Option<&Trail>) {
        let none = Trail::default();
        let (old, new) = (old.unwrap_or(&none), new.unwrap_or(&none));
        for read in &new.reads {
            if old.reads.binary_search(read).is_err() {
                self.add_dependency(read.0, &read.1, reader);
            }
        }
        for read in &old.reads {
            if new.reads.binary_search(read).is_err() {
                self.drop_dependency(read.0, &read.1, reader);
            }
        }
        for &id in &old.created {
            if !new.made(id) {
                self.release(id, reader);
            }
        }
    }

    /// A mapper did not come through: what it gave stays, what it read counts, and it holds what it made now and
    /// before. Whether its unit is still there.
    pub(super) fn keep_trail(&mut self, frame: &Frame) -> bool {
        let reader = &frame.reader;
        if self.ctx.dirs.get(reader.dir).is_none_or(|directory| directory.generation != frame.generation) {
            self.abandon(frame);
            return false;
        }
        let old = self.trail(reader);
        let mut trail = frame.trail().unwrap_or_default();
        let made_before = old.iter().flat_map(|old| &old.created);
        let missing: Vec<_> = made_before.filter(|id| !trail.made(**id)).copied().collect();
        if !missing.is_empty() {
            let trail = Arc::make_mut(&mut trail);
            trail.created.extend(missing);
            trail.created.sort_unstable();
        }
        if old.as_deref().unwrap_or(&Trail::default()) != &*trail {
            self.set_trail(reader, trail.is_any().then(|| Arc::clone(&trail)));
            self.follow_trail(reader, old.as_deref(), Some(&trail));
        }
        true
    }

    /// The unit of a mapper at work went while it ran: so does what it made.
    pub(super) fn abandon(&mut self, frame: &Frame) {
        for &id in &frame.created {
            self.release(id, &frame.reader);
        }
        self.free_names(frame.reads.iter().map(|(id, _)| *id));
    }

    /// A unit lets go of what it made, to be run again.
    pub(super) fn let_go(&mut self, reader: &Reader) {
        let Some(trail) = self.trail(reader) else { return };
        let held = Trail { reads: trail.reads.clone(), created: Vec::new() };
        self.set_trail(reader, held.is_any().then(|| Arc::new(held)));
        for &id in &trail.created {
            self.release(id, reader);
        }
    }

    /// What a unit read and made in its last run.
    fn trail(&self, reader: &Reader) -> Option<Arc<Trail>> {
        self.ctx.derived(reader.dir)?.trail(reader.part, &reader.key).cloned()
    }

    /// What a unit gave where that is not stored, as its row tells.
    fn implied_outs(&self, reader: &Reader) -> Option<Outs<H::Value>> {
        let directory = self.ctx.dirs.get(reader.dir)?;
        let derived = directory.derived().filter(|derived| derived.folding.is_none())?;
        let source = derived.source(reader.part, &reader.key);
        let values = directory.content(&reader.key)?.part(&reader.key, &source)?;
        Some(Outs::from_vec(values.as_slice().iter().map(|value| (reader.key.clone(), value.clone())).collect()))
    }
}

/// What the row of a unit's own key is to have that gave this, all of it under that key; the outputs are taken then. `from`:
/// the rank and the number of its arrow.
pub(super) fn given<H: Host>(
    verdicts: &Verdicts<H>,
    row: Option<&Content<H::Value>>,
    key: &Key,
    from: (u16, u16),
    outputs: &mut Outputs<H::Value>,
) -> Result<NewContent<H>, H> {
    let (rank, arrow) = from;
    // Nearly always there is one value, from the source that goes without saying.
    if arrow == 0
        && let ([(_, value)], Some(Content::Plain(Vals::One(there)))) = (outputs.as_slice(), row)
    {
        let equal = verdicts.values(there, value)?;
        return Ok((!equal).then(|| outputs.pop().map(|(_, value)| Content::one(value))));
    }
    let source = Source { rank, key: key.clone(), arrow };
    let there = row.and_then(|row| row.part(key, &source)).map_or(&[][..], Vals::as_slice);
    let values = outputs.iter().map(|(_, value)| value);
    if there.len() == values.len() && verdicts.sequences(there.iter(), values)? {
        return Ok(None);
    }
    let values = std::mem::take(outputs).into_iter().map(|(_, value)| value).collect();
    Ok(Some(Content::with_part(row, key, source, Vals::from_vec(values))))
}

/// What a unit is noted to have given. For keys that do not change that is what it gave before: `==` found the values equal, and
/// the others are what rows, sums and members have. Else the outputs are taken. `changed`: in the order of their keys.
pub(super) fn noted<V: Clone>(old: Option<&Outs<V>>, outputs: &mut Outputs<V>, changed: &[Changed<V>]) -> Outs<V> {
    let come = changed.iter().filter(|changed| changed.new.is_some()).count();
    match old {
        Some(old) if come < outputs.len() => Outs::from_vec(with_kept(old, outputs.clone(), changed)),
        _ => Outs::from_vec(std::mem::take(outputs)),
    }
}

#[inline(never)]
fn with_kept<V: Clone>(old: &Outs<V>, mut outputs: Outputs<V>, changed: &[Changed<V>]) -> Outputs<V> {
    let is_kept = |key: &Key| changed.binary_search_by(|changed| changed.key.cmp(key)).is_err();
    let mut kept: Vec<(&Key, &V)> = old.iter().filter(|(key, _)| is_kept(key)).collect();
    let mut places: Vec<&mut (Key, V)> = outputs.iter_mut().filter(|(key, _)| is_kept(key)).collect();
    // A key that does not change has as many values as before; these stay in their order.
    kept.sort_by_key(|(key, _)| *key);
    places.sort_by(|a, b| a.0.cmp(&b.0));
    for ((_, was), place) in kept.into_iter().zip(places) {
        place.1 = was.clone();
    }
    outputs
}

/// The keys for which a unit gives other values than before, in their order.
pub(super) fn what_changed<H: Host>(
    verdicts: &Verdicts<H>,
    old: Option<&Outs<H::Value>>,
    new: &[(Key, H::Value)],
) -> Result<AllChanged<H::Value>, H> {
    let mut changed = SmallVec::new();
    let old = old.unwrap_or(&Outs::None);
    match (old, new) {
        (Outs::None, []) => {}
        (Outs::One(key, was), [(there, is)]) if key == there => {
            if !verdicts.values(was, is)? {
                let (old, new) = (Some(Vals::One(was.clone())), Some(Vals::One(is.clone())));
                changed.push(Changed { key: key.clone(), old, new });
            }
        }
        (Outs::None, [(key, value)]) => {
            changed.push(Changed { key: key.clone(), old: None, new: Some(Vals::One(value.clone())) });
        }
        (Outs::One(key, value), []) => {
            changed.push(Changed { key: key.clone(), old: Some(Vals::One(value.clone())), new: None });
        }
        _ => what_of_many_changed(verdicts, old, new, &mut changed)?,
    }
    Ok(changed)
}

fn what_of_many_changed<H: Host>(
    verdicts: &Verdicts<H>,
    old: &Outs<H::Value>,
    new: &[(Key, H::Value)],
    changed: &mut AllChanged<H::Value>,
) -> Result<(), H> {
    if old.iter().map(|(key, _)| key).is_sorted_by(|a, b| a < b) && new.is_sorted_by(|a, b| a.0 < b.0) {
        return what_of_ascending_changed(verdicts, old, new, changed);
    }
    let mut keys: BTreeMap<&Key, BothSides<'_, H::Value>> = BTreeMap::new();
    for (key, value) in old.iter() {
        keys.entry(key).or_default().0.push(value);
    }
    for (key, value) in new {
        keys.entry(key).or_default().1.push(value);
    }
    let mut unsure = Vec::new();
    for (key, (was, is)) in keys {
        let equal = match verdicts.sequences(was.iter().copied(), is.iter().copied()) {
            _ if was.len() != is.len() => false,
            Ok(equal) => equal,
            Err(mut pairs) => {
                unsure.append(&mut pairs);
                continue;
            }
        };
        if !equal {
            let old = Vals::from_vec(was.into_iter().cloned().collect());
            let new = Vals::from_vec(is.into_iter().cloned().collect());
            changed.push(Changed { key: key.clone(), old, new });
        }
    }
    if unsure.is_empty() { Ok(()) } else { Err(unsure.into()) }
}

/// The same of outputs whose keys ascend, as most mappers that give many give them: both are walked along.
fn what_of_ascending_changed<H: Host>(
    verdicts: &Verdicts<H>,
    old: &Outs<H::Value>,
    new: &[(Key, H::Value)],
    changed: &mut AllChanged<H::Value>,
) -> Result<(), H> {
    let one = |value: &H::Value| Some(Vals::One(value.clone()));
    let (mut old, mut new) = (old.iter().peekable(), new.iter().map(|(key, value)| (key, value)).peekable());
    let mut unsure = Vec::new();
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some((was, _)), Some((is, _))) => was.cmp(is),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        let was = old.next_if(|_| order.is_le());
        let is = new.next_if(|_| order.is_ge());
        let Some((key, _)) = was.or(is) else { break };
        if let (Some((_, was)), Some((_, is))) = (was, is) {
            match verdicts.values(was, is) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(mut pairs) => {
                    unsure.append(&mut pairs);
                    continue;
                }
            }
        }
        let (old, new) = (was.and_then(|(_, value)| one(value)), is.and_then(|(_, value)| one(value)));
        changed.push(Changed { key: key.clone(), old, new });
    }
    if unsure.is_empty() { Ok(()) } else { Err(unsure.into()) }
}
