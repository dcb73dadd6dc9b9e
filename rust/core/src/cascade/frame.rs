//! A mapper at work: what it reads and makes is noted here until it is through.

use std::sync::Arc;

use crate::context::{Generation, NameId, Reader};
use crate::directory::{Directory, Trail};
use crate::reads::Tag;
use crate::store::Store;
use crate::value::Host;

use super::reading::Reads;

/// Whose code is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worker {
    Mapper,
    LazyFunction,
}

impl std::fmt::Display for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Worker::Mapper => "a mapper",
            Worker::LazyFunction => "a lazy function",
        })
    }
}

pub(crate) struct Frame {
    pub(crate) reader: Reader,
    /// Of the reader's directory, which may be removed while the mapper runs.
    pub(crate) generation: Generation,
    /// With what the unit read and made in its last run; what it made then is hidden until made again.
    pub(crate) reads: Reads,
    pub(crate) created: Vec<NameId>,
    /// A collision of names counts now.
    pub(crate) last_try: bool,
    /// What it read changed while it ran.
    pub(crate) stale: bool,
    /// It wrote to an input directory that it made.
    pub(crate) wrote: bool,
    /// Of a lazy function: the lowest frame at work whose key it needed, see `lazy.rs`.
    pub(crate) needs: usize,
}

/// [`Frame::needs`] where there is none.
pub(crate) const NO_LOOP: usize = usize::MAX;

impl Frame {
    /// Nothing read or made yet; `before`: the trail of its last run.
    pub(super) const fn new(reader: Reader, generation: Generation, before: Option<Arc<Trail>>) -> Self {
        Frame {
            reader,
            generation,
            reads: Reads::after(before),
            created: Vec::new(),
            last_try: false,
            stale: false,
            wrote: false,
            needs: NO_LOOP,
        }
    }

    pub(crate) fn made(&self, id: NameId) -> bool {
        self.created.contains(&id)
    }

    /// A change of a directory that the mapper read, while it is at work. What its own run brought about does not make
    /// it run again: the rows that it wrote, nor what followed from them in directories that it made.
    pub(crate) fn is_own_doing(&self, id: NameId, is_input: bool) -> bool {
        self.made(id) && (is_input || self.wrote)
    }

    /// What the mapper read and made in this run, if anything: the trail of its last run where that is the same.
    pub(crate) fn trail(&self) -> Option<Arc<Trail>> {
        let mut created = self.created.clone();
        created.sort_unstable();
        self.reads.trail(created)
    }

    pub(crate) fn made_before(&self, id: NameId) -> bool {
        self.reads.before().is_some_and(|trail| trail.made(id))
    }
}

impl<H: Host> Store<H> {
    /// Whether a mapper, or a lazy function, is at work.
    #[must_use]
    pub fn in_mapper(&self) -> bool {
        !self.work.frames.is_empty()
    }

    /// Whose code is at work, if any is: the innermost.
    #[must_use]
    pub fn worker(&self) -> Option<Worker> {
        let frame = self.work.frames.last()?;
        Some(if frame.reader.part == super::lazy::LAZY { Worker::LazyFunction } else { Worker::Mapper })
    }

    /// Notes a read of the mapper at work, if there is one.
    pub(crate) fn track(&mut self, id: NameId, tag: Tag) {
        if let Some(frame) = self.work.frames.last_mut() {
            frame.reads.insert((id, tag));
        }
    }

    /// Whether code sees a directory of that name: a mapper does not see what it alone made in its last run until it
    /// makes it again in this one.
    pub(crate) fn is_visible(&self, id: NameId) -> bool {
        self.visible(id).is_some()
    }

    /// The directory, if code sees it.
    pub(crate) fn visible(&self, id: NameId) -> Option<&Directory<H>> {
        self.ctx.dirs.get(id).filter(|directory| match self.work.frames.last() {
            Some(frame) if frame.made_before(id) && !frame.made(id) => !directory.owners.only(&frame.reader),
            _ => true,
        })
    }
}
