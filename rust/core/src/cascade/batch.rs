//! Batches: a mapper is called for many keys, and the store is asked twice.
//!
//! A unit that runs alone costs a look for the next that is due, one for its row, a frame, and a search for where its
//! outputs go. Where many units of one arrow are due, most of that is the same for all of them. So they are handed out
//! together: their rows are read in one walk ([`TickMap::finger`](crate::tick_map::TickMap::finger)), the host calls the
//! mapper for each with the store left alone, and what it gave is taken in one run over the tree (`rows`, `fold_run`).
//!
//! That must not be seen. What tells the two apart is a mapper that uses the store while it runs, and a unit that runs
//! again because of another's outputs. So:
//!
//! 1. *No frame is open while a batch runs.* A host that sees the mapper reach for the store opens it first
//!    ([`Store::enter_batch`]): the jobs behind it go back into the queue, and from there on it is an ordinary job. What
//!    those before it gave is taken when the mapper is through; until then the directory shows what it showed, as one that
//!    is at work does. Until the end of the drain jobs of that directory come one by one.
//! 2. *Nobody reads the directory*, and no unit of it ever read or made anything. So the outputs of a unit can make due
//!    what is mapped from the directory and its folded keys, which come after all of its units, and nothing else.
//! 3. *There is no savepoint, and nothing failed.* So the queue needs no journal, and no failure is to be forgotten.
//!
//! Where one of these does not hold, units run one by one. Test `a_batch_is_not_seen`, and all random programs.

use crate::Key;
use crate::context::{Generation, NameId, Reader};
use crate::directory::{Op, Outputs, ValueVec};
use crate::error::Result;
use crate::store::Store;
use crate::value::Host;

use super::finish::given;
use super::frame::Frame;
use super::job::{Job, MapJob};

/// Most jobs of a batch. Few in tests, so that batches begin and end.
const MOST: usize = if cfg!(test) { 3 } else { 256 };

/// A mapper is to be called for each of these keys, in order.
pub struct Batch<H: Host> {
    pub mapper: H::Code,
    /// Ascending.
    pub keys: Vec<Key>,
    /// Of each key.
    pub values: Vec<ValueVec<H::Value>>,
    dir: NameId,
    part: u16,
    height: u32,
    generation: Generation,
    parent: NameId,
}

impl<H: Host> Batch<H> {
    fn reader(&self, at: usize) -> Option<Reader> {
        Some(Reader { dir: self.dir, part: self.part, key: self.keys.get(at)?.clone() })
    }

    /// One of them by itself.
    #[must_use]
    pub fn job(&self, at: usize) -> Option<MapJob<H>> {
        let values = self.values.get(at)?.clone();
        Some(MapJob { mapper: self.mapper.clone(), values, reader: self.reader(at)?, parent: self.parent })
    }
}

impl<H: Host> Store<H> {
    /// The unit is the next to run. Starts it, with as many behind it as may run in a batch. Where this answers an error
    /// nothing has changed but that all of them are due.
    pub(super) fn start_units(&mut self, height: u32, first: &Reader) -> Result<Option<Job<H>>, H> {
        let mut keys = Vec::new();
        if self.work.due.has_dir(height, first.dir) && self.may_batch(first) {
            self.work.due.take_more_of((height, first.dir), first.part, MOST - 1, &first.key, &mut keys);
        }
        if keys.is_empty() { self.start_unit(first, false) } else { self.start_batch(height, first, keys) }
    }

    fn may_batch(&mut self, reader: &Reader) -> bool {
        let Some(derived) = self.ctx.derived(reader.dir) else { return false };
        self.work.marks.is_empty()
            && self.work.failed.is_empty()
            && self.work.finals.is_empty()
            && self.work.entered != Some(reader.dir)
            && derived.trails.is_none()
            && derived.arrows.get(usize::from(reader.part)).is_some_and(|arrow| matches!(arrow.op, Op::Map(_)))
            && !self.is_read(reader.dir)
    }

    fn start_batch(&mut self, height: u32, first: &Reader, mut keys: Vec<Key>) -> Result<Option<Job<H>>, H> {
        let (dir, part) = (first.dir, first.part);
        let Some(directory) = self.ctx.dirs.get(dir) else { return Ok(None) };
        let generation = directory.generation;
        let Some(arrow) = directory.arrows().get(usize::from(part)) else { return Ok(None) };
        let Op::Map(mapper) = &arrow.op else { return Ok(None) };
        let (mapper, parent) = (mapper.clone(), arrow.parent);
        let mut values = Vec::with_capacity(keys.len());
        let mut gone = Vec::new();
        let rows = self.ctx.dirs.get(parent).map(|parent| &parent.rows);
        let mut finger = rows.map(crate::tick_map::TickMap::finger);
        keys.retain(|key| {
            let row = finger.as_mut().and_then(|finger| finger.seek(key));
            let content = row.and_then(|row| row.content()).filter(|_| arrow.accepts(key));
            match content {
                Some(content) => values.push(content.to_vec()),
                None => gone.push(key.clone()),
            }
            content.is_some()
        });
        let batch = Batch { mapper, keys, values, dir, part, height, generation, parent };
        let mut cleared = 0;
        if let Err(error) = self.prepare_batch(&batch, &gone, &mut cleared) {
            self.enqueue_all((height, dir), part, gone.get(cleared..).unwrap_or_default());
            self.enqueue_all((height, dir), part, &batch.keys);
            return Err(error);
        }
        self.work.mapped += batch.keys.len();
        Ok((!batch.keys.is_empty()).then(|| Job::Batch(Box::new(batch))))
    }

    /// Takes back what the units gave whose keys are gone, of which `cleared` counts up, and counts a run of each that is
    /// there.
    fn prepare_batch(&mut self, batch: &Batch<H>, gone: &[Key], cleared: &mut usize) -> Result<(), H> {
        let Batch { dir, part, height, .. } = *batch;
        for key in gone {
            self.replace_unit(&Reader { dir, part, key: key.clone() }, None)?;
            *cleared += 1;
        }
        let nested = self.in_mapper();
        if !self.work.runs.count_first((height, dir, part), &batch.keys, nested) {
            for reader in (0..).map_while(|at| batch.reader(at)) {
                self.count_run(height, &reader)?;
            }
        }
        Ok(())
    }

    /// The mapper that runs for the job of this number uses the store: it becomes an ordinary job, and those behind it are
    /// due again.
    pub fn enter_batch(&mut self, batch: &Batch<H>, at: usize) {
        self.return_jobs(batch, at + 1);
        self.work.entered = Some(batch.dir);
        let Some(reader) = batch.reader(at) else { return };
        self.work.frames.push(Frame::new(reader, batch.generation, None));
    }

    /// The jobs from this number on did not run: they are due again.
    fn return_jobs(&mut self, batch: &Batch<H>, from: usize) {
        let keys = batch.keys.get(from..).unwrap_or_default();
        self.work.mapped -= keys.len();
        for at in (from..batch.keys.len()).rev() {
            if let Some(reader) = batch.reader(at) {
                self.work.runs.forget(batch.height, &reader);
            }
        }
        if self.is_of(batch) {
            self.enqueue_all((batch.height, batch.dir), batch.part, keys);
        }
    }

    /// What was given for these jobs is not taken: they are due again. Those behind them are already.
    pub fn return_outputs(&mut self, batch: &Batch<H>, from: usize, to: usize) {
        if self.is_of(batch) {
            self.enqueue_all((batch.height, batch.dir), batch.part, batch.keys.get(from..to).unwrap_or_default());
        }
    }

    /// Whether the directory still is the one for which the batch was made.
    fn is_of(&self, batch: &Batch<H>) -> bool {
        self.ctx.dirs.get(batch.dir).is_some_and(|directory| directory.generation == batch.generation)
    }

    /// Takes what the mapper gave for the jobs from `done` on, which counts up. Outputs that are equal to what is there
    /// stay, and are the host's to drop with no lock held.
    ///
    /// # Errors
    /// `Unsure`: nothing has changed for the job of the number `done`, and the call is to be repeated.
    pub fn finish_batch(
        &mut self,
        batch: &Batch<H>,
        outputs: &mut [Outputs<H::Value>],
        done: &mut usize,
    ) -> Result<(), H> {
        while *done < outputs.len() && self.is_of(batch) {
            let before = *done;
            self.take_outputs(batch, outputs, done)?;
            if *done == before {
                // What comes next is none of the usual kind.
                let Some(reader) = batch.reader(before) else { break };
                self.replace_unit(&reader, outputs.get_mut(before))?;
                *done += 1;
            }
        }
        *done = outputs.len();
        Ok(())
    }

    /// Takes as many as it can in one run: none, where the first is of another kind than these are.
    fn take_outputs(&mut self, batch: &Batch<H>, outputs: &mut [Outputs<H::Value>], done: &mut usize) -> Result<(), H> {
        let Some(derived) = self.ctx.derived(batch.dir).filter(|derived| derived.trails.is_none()) else {
            return Ok(());
        };
        if derived.folding.is_some() {
            return self.fold_outputs((batch.height, batch.dir), batch.part, &batch.keys, outputs, done);
        }
        if derived.units.get(usize::from(batch.part)).is_none_or(|units| units.total() > 0) {
            return Ok(());
        }
        let from = *done;
        let own = batch.keys[from..].iter().zip(&outputs[from..]);
        let count = own.take_while(|(key, outputs)| outputs.iter().all(|(of, _)| of == *key)).count();
        let rank = derived.arrows.get(usize::from(batch.part)).map_or(0, |arrow| arrow.rank);
        self.put_rows(batch.dir, &batch.keys[..from + count], done, |number, verdicts, row| {
            let Some(outputs) = outputs.get_mut(number) else { return Ok(None) };
            given(verdicts, row, &batch.keys[number], (rank, batch.part), outputs)
        })
    }
}
