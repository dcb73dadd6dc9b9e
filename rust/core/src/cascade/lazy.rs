//! Lazy reads: bringing a memo up to date, or computing it, and telling who read it.
//!
//! A read asks [`Store::read_lazy`], which answers the values or the job that must run first; the host runs it and asks
//! again. A memo that a unit of a mapper read is checked in the cascade: when it may have changed it is due itself,
//! and the unit only if the memo then comes out another. Memos that only other memos read wait until somebody asks; a
//! dirty one that nobody read is dropped at once.
//!
//! A key that needs itself is an error for the function that read it. If that function goes on all the same, its result
//! holds only in this place: it is handed to its reader and not remembered, and its reads count as the reader's. The
//! same goes for a function that raised.

use std::collections::BTreeSet;

use crate::Key;
use crate::context::{NameId, Reader};
use crate::directory::{Directory, Freshness, Kind, Lazy, Memo, Trail, Vals, ValueVec};
use crate::error::{Refusal, Result};
use crate::name::Name;
use crate::reads::Tag;
use crate::store::Store;
use crate::value::Host;

use super::frame::Frame;

/// The part of a lazy key among readers, and in the queue.
pub(crate) const LAZY: u16 = u16::MAX - 1;

/// A lazy function has to be called with a key. The core has a frame open for it, until [`Store::finish_lazy`] or
/// [`Store::fail_lazy`].
pub struct LazyJob<H: Host> {
    pub code: H::Code,
    pub key: Key,
    /// Of its directory.
    pub name: Name,
    dir: NameId,
    /// Whether it is the key that was asked for; else one that this was computed from.
    pub asked: bool,
}

/// What a lazy read is answered.
pub enum LazyRead<H: Host> {
    /// The values; none where there is no such key.
    Known(ValueVec<H::Value>),
    /// This must run first.
    Run(LazyJob<H>),
}

/// What became of a computed key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Computed {
    /// It is remembered: read it.
    Kept,
    /// What it read changed while it was computed: read it again.
    Stale,
    /// It is not remembered, and stands for its reader alone.
    Loose,
}

impl<H: Host> Store<H> {
    pub(crate) fn lazy(&self, dir: NameId) -> Option<&Lazy<H>> {
        self.ctx.dirs.get(dir).and_then(Directory::lazy)
    }

    pub(crate) fn memo(&self, dir: NameId, key: &Key) -> Option<&Memo<H::Value>> {
        self.lazy(dir)?.memos.get(key)
    }

    /// The values of a key of a lazy directory that are known and hold, if they are; outside of a transaction nothing
    /// else can be answered at once.
    pub fn peek_lazy(&mut self, dir: NameId, key: &Key) -> Option<ValueVec<H::Value>> {
        let memo = self.memo(dir, key).filter(|memo| memo.state == Freshness::Fresh)?;
        let values =
            memo.content.as_ref().map_or_else(ValueVec::new, |values| values.as_slice().iter().cloned().collect());
        self.touch_memo(dir, key);
        Some(values)
    }

    /// The values of a key of a lazy directory, or the job that must run first; a tracked read.
    ///
    /// # Errors
    /// `Cycle`: the key is being computed; `NotFound`; `NotConverging`.
    pub fn read_lazy(&mut self, dir: NameId, key: &Key) -> Result<LazyRead<H>, H> {
        let reader = Reader { dir, part: LAZY, key: key.clone() };
        self.track(dir, Tag::Key(key.clone()));
        if let Some(head) = self.work.frames.iter().position(|frame| frame.reader == reader) {
            for frame in &mut self.work.frames[head + 1..] {
                frame.needs = frame.needs.min(head);
            }
            let name = self.name_of(dir);
            return Err(Refusal::Cycle { name, key: key.to_string() }.into());
        }
        if let Some(next) = self.next_memo(&reader) {
            let asked = next == reader;
            return self.start_lazy(next, asked).map(LazyRead::Run);
        }
        match self.peek_lazy(dir, key) {
            Some(values) => Ok(LazyRead::Known(values)),
            None => self.start_lazy(reader, true).map(LazyRead::Run),
        }
    }

    fn name_of(&self, dir: NameId) -> Name {
        self.ctx.dirs.name(dir).cloned().unwrap_or_else(|| Name::parse("/?/").unwrap_or_else(|_| unreachable!()))
    }

    fn start_lazy(&mut self, reader: Reader, asked: bool) -> Result<LazyJob<H>, H> {
        let name = self.name_of(reader.dir);
        let Some(directory) = self.ctx.dirs.get(reader.dir) else { return Err(Refusal::NotFound(name).into()) };
        let Some(lazy) = directory.lazy() else { return Err(Refusal::NotFound(name).into()) };
        let (generation, height, code) = (directory.generation, directory.height, lazy.code.clone());
        let before = lazy.memos.get(&reader.key).and_then(|memo| memo.trail.clone());
        if self.work.cascading {
            self.count_run(height, &reader)?;
        }
        self.work.frames.push(Frame::new(reader.clone(), generation, before));
        Ok(LazyJob { code, key: reader.key, name, dir: reader.dir, asked })
    }

    /// Which memo has to be computed before this one can be shown, if any: itself where it is dirty, or the first
    /// dirty one below it. What turns out to hold is noted. O(memos looked at).
    fn next_memo(&mut self, first: &Reader) -> Option<Reader> {
        let mut seen: BTreeSet<Reader> = BTreeSet::new();
        let mut open: Vec<(Reader, Vec<Reader>)> = Vec::new();
        let mut enter = Some(first.clone());
        loop {
            if let Some(reader) = enter.take() {
                match self.memo(reader.dir, &reader.key).map(|memo| (memo.state, memo.trail.clone())) {
                    None if reader == *first => return None,
                    None | Some((Freshness::Dirty, _)) => return Some(reader),
                    Some((Freshness::Fresh, _)) => {}
                    Some((Freshness::Maybe, trail)) => {
                        seen.insert(reader.clone());
                        open.push((reader, self.memos_read(trail.as_deref())));
                    }
                }
            }
            let (reader, below) = open.last_mut()?;
            match below.pop() {
                Some(next) if seen.contains(&next) || self.work.is_at_work(&next) => {}
                Some(next) => enter = Some(next),
                None => {
                    let reader = reader.clone();
                    open.pop();
                    self.set_freshness(&reader, Freshness::Fresh);
                }
            }
        }
    }

    /// The memos that a memo read, the first read last.
    fn memos_read(&self, trail: Option<&Trail>) -> Vec<Reader> {
        let reads = trail.map_or(&[][..], |trail| &trail.reads).iter().rev();
        reads
            .filter_map(|(dir, tag)| match tag {
                Tag::Key(key) if self.lazy(*dir).is_some() => Some(Reader { dir: *dir, part: LAZY, key: key.clone() }),
                _ => None,
            })
            .collect()
    }

    /// A directory that has to be brought up to date before this memo can be trusted, while a cascade runs.
    #[must_use]
    pub fn pull_for_lazy(&mut self, dir: NameId, key: &Key) -> Option<NameId> {
        if self.work.due.is_empty() || !self.needs_pull(dir) {
            return None;
        }
        let mut seen: BTreeSet<Reader> = BTreeSet::new();
        let mut open = vec![Reader { dir, part: LAZY, key: key.clone() }];
        while let Some(reader) = open.pop() {
            let Some(trail) = self.memo(reader.dir, &reader.key).and_then(|memo| memo.trail.clone()) else { continue };
            if !seen.insert(reader) {
                continue;
            }
            for (read, _) in &trail.reads {
                if self.lazy(*read).is_none() && self.first_upstream(*read).is_some() {
                    return Some(*read);
                }
            }
            open.extend(self.memos_read(Some(&trail)));
        }
        None
    }

    /// A memo that a unit read is due to be checked: the job that must run for it, if any. It stays due meanwhile.
    pub(super) fn check_memo(&mut self, reader: &Reader, height: u32) -> Result<Option<LazyJob<H>>, H> {
        if self.memo(reader.dir, &reader.key).is_none() {
            return Ok(None);
        }
        let Some(next) = self.next_memo(reader) else { return Ok(None) };
        let job = self.start_lazy(next, false)?;
        self.enqueue(height, reader.clone());
        Ok(Some(job))
    }

    /// The lazy function is through; `values` are none where there is no such key. They are taken if they differ from
    /// what was there.
    ///
    /// # Errors
    /// `Unsure`: nothing has changed, and the call is to be repeated.
    pub fn finish_lazy(&mut self, job: &LazyJob<H>, values: &mut ValueVec<H::Value>) -> Result<Computed, H> {
        let Some(frame) = self.work.frames.last() else { return Ok(Computed::Loose) };
        let reader = frame.reader.clone();
        let lost = self.ctx.dirs.get(job.dir).is_none_or(|directory| directory.generation != frame.generation);
        if lost || frame.needs < self.work.frames.len() - 1 {
            self.fail_lazy(job);
            return Ok(Computed::Loose);
        }
        if frame.stale {
            self.drop_frame();
            return Ok(Computed::Stale);
        }
        let old = self.memo(reader.dir, &reader.key);
        let equal = match old.map(|memo| memo.content.as_ref().map_or(&[][..], Vals::as_slice)) {
            Some(there) => there.len() == values.len() && self.verdicts.sequences(there.iter(), values.iter())?,
            None => false,
        };
        let now = self.ctx.counts.transactions;
        let used = if job.asked { now } else { old.map_or(now, |memo| memo.used) };
        let content = match old {
            Some(old) if equal => old.content.clone(),
            _ => Vals::from_vec(std::mem::take(values)),
        };
        let Some(mut frame) = self.work.frames.pop() else { return Ok(Computed::Loose) };
        frame.reads.remove(&(reader.dir, Tag::Key(reader.key.clone())));
        let trail = frame.trail();
        self.set_memo(&reader, Some(Memo { content, trail, state: Freshness::Fresh, used }));
        self.free_names(frame.reads.iter().map(|(id, _)| *id));
        if !equal {
            self.memo_differs(&reader);
        }
        Ok(Computed::Kept)
    }

    /// The lazy function raised, or its result is for its reader alone: nothing is remembered, and what it read counts
    /// as its reader's.
    pub fn fail_lazy(&mut self, job: &LazyJob<H>) {
        let reader = Reader { dir: job.dir, part: LAZY, key: job.key.clone() };
        self.hand_up_reads();
        if self.memo(reader.dir, &reader.key).is_some() {
            self.set_memo(&reader, None);
            self.memo_differs(&reader);
        }
    }

    /// The lazy function was broken off (by an interrupt, say).
    pub fn abort_lazy(&mut self) {
        self.drop_frame();
    }

    fn drop_frame(&mut self) {
        let Some(frame) = self.work.frames.pop() else { return };
        self.free_names(frame.reads.iter().map(|(id, _)| *id));
    }

    fn hand_up_reads(&mut self) {
        let Some(frame) = self.work.frames.pop() else { return };
        match self.work.frames.last_mut() {
            Some(reader) => {
                reader.stale |= frame.stale;
                reader.reads.append(&frame.reads);
            }
            None => self.free_names(frame.reads.iter().map(|(id, _)| *id)),
        }
    }

    /// A memo came out another than before, or is no more: who read it is concerned.
    fn memo_differs(&mut self, reader: &Reader) {
        for concerned in self.ctx.dependencies.readers_of_key(reader.dir, &reader.key) {
            self.invalidate_by_read(&concerned);
        }
        let read = (reader.dir, Tag::Key(reader.key.clone()));
        // A frame that waits for this very computation has noted the read already; it has seen no value yet.
        let waiting = self.work.frames.len().saturating_sub(1);
        for frame in self.work.frames.iter_mut().take(waiting).filter(|frame| frame.reads.contains(&read)) {
            frame.stale = true;
        }
    }

    /// What a memo read changed. Memos that read it may be others now; units that did are told once it is checked.
    pub(super) fn spoil(&mut self, reader: &Reader) {
        let mut open = vec![(reader.clone(), Freshness::Dirty)];
        while let Some((reader, state)) = open.pop() {
            let Some(was) = self.memo(reader.dir, &reader.key).map(|memo| memo.state) else { continue };
            if was >= state || self.work.is_at_work(&reader) {
                continue;
            }
            let readers = self.ctx.dependencies.readers_of_key(reader.dir, &reader.key);
            let read = (reader.dir, Tag::Key(reader.key.clone()));
            let at_work = self.work.frames.iter().any(|frame| frame.reads.contains(&read));
            if readers.is_empty() && !at_work && state == Freshness::Dirty {
                self.set_memo(&reader, None);
                continue;
            }
            self.set_freshness(&reader, state);
            if was != Freshness::Fresh {
                continue;
            }
            let mut by_unit = at_work;
            for concerned in readers {
                if concerned.part == LAZY {
                    open.push((concerned, Freshness::Maybe));
                } else {
                    by_unit = true;
                }
            }
            if by_unit {
                let height = self.ctx.dirs.get(reader.dir).map_or(0, |directory| directory.height);
                self.enqueue(height, reader);
            }
        }
    }

    fn set_freshness(&mut self, reader: &Reader, state: Freshness) {
        if let Some(memo) = self.memo(reader.dir, &reader.key).cloned() {
            self.set_memo(reader, Some(Memo { state, ..memo }));
        }
    }

    fn touch_memo(&mut self, dir: NameId, key: &Key) {
        let now = self.ctx.counts.transactions;
        if let Some(memo) = self.memo(dir, key).filter(|memo| memo.used != now).cloned() {
            self.set_memo(&Reader { dir, part: LAZY, key: key.clone() }, Some(Memo { used: now, ..memo }));
        }
    }

    /// The end of a transaction: memos that went unread for too long are dropped, unless others have read them.
    /// O(log n) each.
    pub(super) fn evict_memos(&mut self) {
        self.ctx.counts.transactions += 1;
        let oldest = self.ctx.counts.transactions.saturating_sub(self.options.lazy_capacity);
        while let Some((used, dir, key)) = self.ctx.uses.first().map(|(at, ..)| at.clone()) {
            if used >= oldest {
                break;
            }
            self.set_use((used, dir, key.clone()), false);
            if self.ctx.dependencies.readers_of_key(dir, &key).is_empty() {
                self.set_memo(&Reader { dir, part: LAZY, key }, None);
            }
        }
    }

    /// The memos of a directory that goes.
    pub(crate) fn drop_memos(&mut self, dir: NameId, directory: &Directory<H>) {
        let Some(lazy) = directory.lazy() else { return };
        for (key, (), memo) in &lazy.memos {
            let reader = Reader { dir, part: LAZY, key: key.clone() };
            self.set_use((memo.used, dir, key.clone()), false);
            for (read, tag) in memo.trail.as_deref().map_or(&[][..], |trail| &trail.reads) {
                self.drop_dependency(*read, tag, &reader);
            }
        }
        self.ctx.counts.lazy_keys -= lazy.memos.total();
    }
}

impl<H: Host> Directory<H> {
    pub(crate) const fn lazy(&self) -> Option<&Lazy<H>> {
        match &self.kind {
            Kind::Lazy(lazy) => Some(lazy),
            _ => None,
        }
    }
}
