//! Who is concerned by a change, and so becomes due.

use smallvec::SmallVec;

use crate::Key;
use crate::context::{NameId, Reader};
use crate::directory::Upper;
use crate::reads::{Change, Tag};
use crate::store::Store;
use crate::value::Host;

use super::due::Due;
use super::lazy::LAZY;

impl<H: Host> Store<H> {
    /// A row of a directory changed: units of its children over that key are due, and those who read it.
    pub(crate) fn row_changed(&mut self, dir: NameId, key: &Key, change: Change) {
        if let Some(at) = self.fan_out(dir) {
            let mut number = 0;
            let is_plain = self.work.failed.is_empty() && self.work.marks.is_empty();
            while let Some((child, part, height)) = self.fan_outs.child(at, number) {
                number += 1;
                if is_plain {
                    self.work.due.insert(Due { height, dir: child, part, key: key.clone() });
                    continue;
                }
                let reader = Reader { dir: child, part, key: key.clone() };
                self.forget_failure(&reader);
                self.enqueue(height, reader);
            }
        } else {
            self.row_of_some_changed(dir, key, change);
        }
        if self.is_read(dir) {
            self.row_that_is_read_changed(dir, key, change);
        }
        if !self.work.frames.is_empty() {
            self.row_at_work_changed(dir, key, change);
        }
    }

    /// The same for children of which not all take every key.
    #[inline(never)]
    fn row_of_some_changed(&mut self, dir: NameId, key: &Key, change: Change) {
        let children: SmallVec<[(NameId, u16); 4]> =
            self.ctx.arrows_at(dir, key).map(|arrow| (arrow.child, arrow.arrow)).collect();
        for (child, part) in children {
            let unit = Reader { dir: child, part, key: key.clone() };
            match self.take_limit(child, part) {
                Some(limit) => self.taken_changed(dir, limit, &unit, change),
                None => self.invalidate(&unit),
            }
        }
    }

    #[inline(never)]
    fn row_that_is_read_changed(&mut self, dir: NameId, key: &Key, change: Change) {
        let is_plain = self.work.failed.is_empty() && self.work.marks.is_empty();
        let (ctx, work) = (&self.ctx, &mut self.work);
        let mut others = Vec::new();
        // Of the directory of the last: mostly that of the next.
        let mut last: Option<(NameId, u32)> = None;
        ctx.dependencies.each_concerned(dir, key, change, |reader| {
            if !is_plain || reader.part == LAZY {
                return others.push(reader.clone());
            }
            let known = last.filter(|(of, _)| *of == reader.dir);
            let found = known.or_else(|| ctx.dirs.get(reader.dir).map(|directory| (reader.dir, directory.height)));
            let Some((_, height)) = found else { return };
            last = found;
            if !work.is_at_work(reader) {
                work.due.insert(Due { height, dir: reader.dir, part: reader.part, key: reader.key.clone() });
            }
        });
        for reader in others {
            self.invalidate_by_read(&reader);
        }
    }

    /// Mappers at work may have read it.
    #[inline(never)]
    fn row_at_work_changed(&mut self, dir: NameId, key: &Key, change: Change) {
        let is_input = self.ctx.dirs.get(dir).is_some_and(|directory| directory.derived().is_none());
        for frame in self.work.frames.iter_mut().filter(|frame| !frame.is_own_doing(dir, is_input)) {
            if frame.reads.iter().any(|(id, tag)| *id == dir && tag.concerns(key, change)) {
                frame.stale = true;
            }
        }
    }

    /// The same for many rows, where nobody reads the directory, no mapper is at work, and there is no savepoint.
    pub(crate) fn rows_changed<'a>(&mut self, dir: NameId, keys: impl ExactSizeIterator<Item = &'a Key> + Clone) {
        let Some(at) = self.fan_out(dir) else { return };
        let mut number = 0;
        while let Some((child, part, height)) = self.fan_outs.child(at, number) {
            number += 1;
            if !self.work.failed.is_empty() {
                for key in keys.clone() {
                    self.forget_failure(&Reader { dir: child, part, key: key.clone() });
                }
            }
            self.work.due.insert_all((height, child), part, keys.clone());
        }
    }

    /// A directory came or went: everyone who read anything of it is concerned, and who listed the names of the store.
    pub(crate) fn existence_changed(&mut self, dir: NameId, by: Option<&Reader>) {
        self.generation_changed(dir, by);
        self.generation_changed(NameId::STORE, by);
    }

    /// A directory is another than before, under its name: everyone who read anything of it is concerned, but for `by`,
    /// who did that.
    pub(crate) fn generation_changed(&mut self, dir: NameId, by: Option<&Reader>) {
        for reader in self.ctx.dependencies.all(dir) {
            if by != Some(&reader) {
                self.invalidate_by_read(&reader);
            }
        }
        for frame in &mut self.work.frames {
            if by != Some(&frame.reader) && frame.reads.iter().any(|(id, _)| *id == dir) {
                frame.stale = true;
            }
        }
    }

    /// A unit is due. If it failed before, that counts no more.
    pub(crate) fn invalidate(&mut self, reader: &Reader) {
        let Some(directory) = self.ctx.dirs.get(reader.dir) else { return };
        let height = directory.height;
        self.forget_failure(reader);
        self.enqueue(height, reader.clone());
    }

    /// What a unit read in its last run changed. A unit at work is judged by what it reads in this run.
    pub(super) fn invalidate_by_read(&mut self, reader: &Reader) {
        if reader.part == LAZY {
            self.spoil(reader);
        } else if !self.work.is_at_work(reader) {
            self.invalidate(reader);
        }
    }

    /// All units of an arrow are due: those that gave, read or made something, because the parent is gone or is another.
    pub(crate) fn invalidate_units(&mut self, dir: NameId, arrow: u16) {
        let Some(directory) = self.ctx.dirs.get(dir) else { return };
        let Some(derived) = directory.derived() else { return };
        let height = directory.height;
        let mut keys: Vec<Key> = derived.units[usize::from(arrow)].iter().map(|(key, ..)| key.clone()).collect();
        keys.extend(derived.each_trail().filter(|(of, ..)| *of == arrow).map(|(_, key, _)| key.clone()));
        if derived.folding.is_none() {
            // Of units that go without saying only the rows know. Those of other arrows turn out to have nothing to do.
            keys.extend(directory.rows.iter().map(|(key, ..)| key.clone()));
        }
        for key in keys {
            self.enqueue(height, Reader { dir, part: arrow, key });
        }
    }

    /// All keys that the arrows of a directory take from its parents are due.
    pub(crate) fn invalidate_all(&mut self, dir: NameId) {
        let Some(directory) = self.ctx.dirs.get(dir) else { return };
        let height = directory.height;
        let mut all = Vec::new();
        for (arrow, part) in directory.arrows().iter().zip(0u16..) {
            let Some(parent) = self.ctx.dirs.get(arrow.parent) else { continue };
            let everything = [(Key::NONE, Upper::Open)];
            for (lo, hi) in arrow.within.as_deref().unwrap_or(&everything) {
                let live = parent.rows_between(lo, hi).filter(|(_, row)| row.content().is_some());
                let limit = self.take_limit(dir, part).unwrap_or(usize::MAX);
                all.extend(live.take(limit).map(|(key, _)| Reader { dir, part, key: key.clone() }));
            }
        }
        for reader in all {
            self.enqueue(height, reader);
        }
    }

    /// Notes a read of names of the store.
    pub fn track_names(&mut self) {
        self.track(NameId::STORE, Tag::All);
    }
}
