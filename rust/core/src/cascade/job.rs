//! A unit runs: what needs no user code at once, the rest as a job for the host.

use std::sync::Arc;

use crate::Key;
use crate::context::{NameId, Reader};
use crate::directory::{Op, Outputs, Row, ValueVec};
use crate::error::Result;
use crate::name::Name;
use crate::store::Store;
use crate::value::Host;

use super::ahead::FAR;
use super::batch::Batch;
use super::finish::{Site, TrailChange};
use super::fold::FoldJob;
use super::frame::Frame;
use super::lazy::LazyJob;

/// User code that has to run. It is handed up through several calls, so what is seldom or large stands elsewhere.
pub enum Job<H: Host> {
    Batch(Box<Batch<H>>),
    Map(MapJob<H>),
    Fold(Box<FoldJob<H>>),
    Lazy(Box<LazyJob<H>>),
}

/// A mapper has to be called with a key and its values. The core has a frame open for it: every read and every
/// directory made until [`Store::finish_job`] or [`Store::fail_job`] is the mapper's.
pub struct MapJob<H: Host> {
    pub mapper: H::Code,
    pub values: ValueVec<H::Value>,
    pub(super) reader: Reader,
    pub(super) parent: NameId,
}

impl<H: Host> MapJob<H> {
    /// The key for which it is called.
    pub const fn key(&self) -> &Key {
        &self.reader.key
    }

    /// Of the directory that is computed and of its parent, for notes on exceptions.
    #[must_use]
    pub fn names(&self, store: &Store<H>) -> (Option<Name>, Option<Name>) {
        (store.ctx.dirs.name(self.reader.dir).cloned(), store.ctx.dirs.name(self.parent).cloned())
    }
}

impl<H: Host> Store<H> {
    /// Runs a unit, or opens the job for it. Where this answers an error nothing has changed.
    pub(super) fn start_unit(&mut self, reader: &Reader, last_try: bool) -> Result<Option<Job<H>>, H> {
        let Some(directory) = self.ctx.dirs.get(reader.dir) else { return Ok(None) };
        let (height, generation) = (directory.height, directory.generation);
        let Some(derived) = directory.derived() else { return Ok(None) };
        let Some(arrow) = derived.arrows.get(usize::from(reader.part)) else { return Ok(None) };
        let parent = arrow.parent;
        let mut parent_rows = 0;
        let content = match self.ctx.dirs.get(parent) {
            Some(parent) if arrow.accepts(&reader.key) && arrow.op.reaches(parent, &reader.key) => {
                parent_rows = parent.rows.len();
                parent.rows.get_from(&reader.key, self.last_row.guess(&reader.key)).and_then(Row::content)
            }
            _ => None,
        };
        let Some(content) = content else {
            self.replace_unit(reader, None)?;
            return Ok(None);
        };
        let mapper = match &arrow.op {
            Op::Map(mapper) => mapper,
            Op::Same | Op::Take(_) => {
                if derived.folding.is_none() {
                    let values = content.to_vals();
                    self.give(reader, values)?;
                } else {
                    let mut outputs = content.iter().map(|value| (reader.key.clone(), value.clone())).collect();
                    self.replace_unit(reader, Some(&mut outputs))?;
                }
                return Ok(None);
            }
        };
        if parent_rows >= FAR {
            self.fetch_entry(directory, reader.part, &reader.key);
        }
        let before = derived.trail(reader.part, &reader.key).cloned();
        let mapper = mapper.clone();
        let values = content.to_vec();
        self.count_run(height, reader)?;
        self.work.mapped += 1;
        self.work.frames.push(Frame { last_try, ..Frame::new(reader.clone(), generation, before) });
        Ok(Some(Job::Map(MapJob { mapper, values, reader: reader.clone(), parent })))
    }

    /// The mapper at work is through, and gave these pairs. Takes its frame down, and the outputs.
    ///
    /// # Errors
    /// `Unsure`: nothing has changed, and the call is to be repeated.
    pub fn finish_job(&mut self, outputs: &mut Outputs<H::Value>) -> Result<(), H> {
        // The frame is down while rows change: the unit's own outputs may make it due again.
        let Some(frame) = self.work.frames.pop() else { return Ok(()) };
        let reader = &frame.reader;
        let there = self.ctx.dirs.get(reader.dir).filter(|directory| directory.generation == frame.generation);
        let Some(site) = there.and_then(|directory| Site::of(directory, reader)) else {
            self.abandon(&frame);
            return Ok(());
        };
        if let Err(error) = self.replace_run(site, &frame, outputs) {
            self.work.frames.push(frame);
            return Err(error);
        }
        if frame.stale {
            self.invalidate(reader);
        }
        Ok(())
    }

    /// Replaces what a unit gave, read and made by what it did in this run.
    fn replace_run(&mut self, site: Site, frame: &Frame, outputs: &mut Outputs<H::Value>) -> Result<(), H> {
        let (old, new) = (frame.reads.before(), frame.trail());
        debug_assert_eq!(
            self.ctx.derived(frame.reader.dir).and_then(|derived| derived.trail(frame.reader.part, &frame.reader.key)),
            old,
            "nothing else replaces what a unit read while it runs"
        );
        let is_same = match (old, &new) {
            (None, None) => true,
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            _ => false,
        };
        if is_same {
            return self.replace_at(site, &frame.reader, Some(outputs));
        }
        let change = TrailChange { old: old.cloned(), new };
        self.replace_any(&frame.reader, Some(outputs), Some(change))
    }

    /// The mapper at work raised. It counts only if it still stands when the queue is empty.
    pub fn fail_job(&mut self, failure: H::Failure, blocked: bool) {
        let problem = super::Problem { failure, blocked };
        let Some(frame) = self.work.frames.pop() else { return self.work.trash.push(problem) };
        let reader = frame.reader.clone();
        if self.keep_trail(&frame) {
            if frame.stale {
                self.invalidate(&reader);
            }
            if !self.is_unit_due(&reader) {
                self.work.trash.extend(self.work.failed.insert(reader, problem));
                return;
            }
        }
        self.work.trash.push(problem);
    }

    /// The mapper at work is broken off (by an interrupt, say): it is due as before.
    pub fn abort_job(&mut self) {
        let Some(frame) = self.work.frames.pop() else { return };
        if self.keep_trail(&frame) {
            self.invalidate(&frame.reader);
        }
    }

    /// How many mappers and lazy functions are at work, one within the other.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.work.frames.len()
    }

    /// All but the outermost so many are broken off.
    pub fn abort_above(&mut self, depth: usize) {
        while let Some(frame) = self.work.frames.get(depth..).and_then(<[Frame]>::last) {
            if frame.reader.part == super::LAZY { self.abort_lazy() } else { self.abort_job() }
        }
    }

    fn is_unit_due(&mut self, reader: &Reader) -> bool {
        let height = self.ctx.dirs.get(reader.dir).map(|directory| directory.height);
        height.is_some_and(|height| {
            let due = super::Due { height, dir: reader.dir, part: reader.part, key: reader.key.clone() };
            self.work.due.contains(&due)
        })
    }
}
