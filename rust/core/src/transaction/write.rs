//! Writes of rows of input directories.

use crate::Key;
use crate::cascade::Worker;
use crate::context::NameId;
use crate::directory::{Content, DirKind, Row, Vals, ValueVec};
use crate::dirs::State;
use crate::error::{Refusal, Result};
use crate::name::Name;
use crate::store::Store;
use crate::value::{Host, Verdicts};

use super::edit::NewContent;

impl<H: Host> Store<H> {
    /// The input directory of a name that may be written now.
    ///
    /// # Errors
    /// `NotFound`; `ReadOnly`; `InMapper` where a mapper did not just make it.
    pub fn writable(&self, name: &Name) -> Result<NameId, H> {
        let id = self.find(name).ok_or_else(|| Refusal::NotFound(name.clone()))?;
        match self.ctx.dirs.get(id).map(crate::directory::Directory::kind) {
            Some(DirKind::Input) => {}
            _ => return Err(Refusal::ReadOnly(name.clone()).into()),
        }
        if let (Some(frame), Some(worker)) = (self.work.frames.last(), self.worker())
            && !frame.made(id)
        {
            let what = match worker {
                Worker::Mapper => "write to an input directory that it did not just make",
                Worker::LazyFunction => "write to a directory",
            };
            return Err(Refusal::InMapper(worker, what).into());
        }
        Ok(id)
    }

    /// The same where the host remembers under which number it found the name last.
    ///
    /// # Errors
    /// As [`Store::writable`].
    pub fn writable_at(&self, name: &Name, hint: NameId) -> Result<NameId, H> {
        let is_it = !self.in_mapper()
            && self.ctx.dirs.slot(hint).is_some_and(|slot| {
                matches!(&slot.state, State::Live(directory) if directory.kind() == DirKind::Input)
                    && slot.name == *name
            });
        if is_it { Ok(hint) } else { self.writable(name) }
    }

    /// Sets the values of a key; none remove it. Writing what is there is no change: then `values` stay with the
    /// caller, who drops them with no lock held. O(log n).
    ///
    /// # Errors
    /// `Unsure`, with nothing changed.
    pub fn set_values(&mut self, id: NameId, key: &Key, values: &mut ValueVec<H::Value>) -> Result<(), H> {
        let changed = self.put_row_with(id, key, |verdicts, there| new_content(verdicts, there, values))?;
        if changed {
            self.note_write();
        }
        Ok(())
    }

    /// The same for rows of ascending keys, from the number `done` on, which counts up.
    ///
    /// # Errors
    /// `Unsure`, with nothing changed for the key of the number `done`.
    pub fn set_rows(
        &mut self,
        id: NameId,
        keys: &[Key],
        values: &mut [ValueVec<H::Value>],
        done: &mut usize,
    ) -> Result<(), H> {
        let mut changed = false;
        let all = self.put_rows(id, keys, done, |number, verdicts, there| {
            let Some(values) = values.get_mut(number) else { return Ok(None) };
            let new = new_content(verdicts, there, values)?;
            changed |= new.is_some();
            Ok(new)
        });
        if changed {
            self.note_write();
        }
        all
    }

    /// Removes all keys. O(n).
    pub fn clear(&mut self, id: NameId) {
        let Some(directory) = self.ctx.dirs.get(id) else { return };
        let live = directory.rows.iter().filter(|(.., row)| matches!(row, Row::Live { .. }));
        let keys: Vec<Key> = live.map(|(key, ..)| key.clone()).collect();
        self.note_write();
        for key in keys {
            self.put_row(id, &key, None);
        }
    }

    fn note_write(&mut self) {
        if let Some(frame) = self.work.frames.last_mut() {
            frame.wrote = true;
        }
    }
}

/// What a row is to have that is written with these values.
fn new_content<H: Host>(
    verdicts: &Verdicts<H>,
    there: Option<&Content<H::Value>>,
    values: &mut ValueVec<H::Value>,
) -> Result<NewContent<H>, H> {
    let equal = match (there, values.as_slice()) {
        (Some(Content::Plain(Vals::One(there))), [value]) => verdicts.values(there, value)?,
        (Some(Content::Plain(there)), values) => {
            let there = there.as_slice();
            there.len() == values.len() && verdicts.sequences(there.iter(), values.iter())?
        }
        (there, values) => there.is_none() && values.is_empty(),
    };
    Ok((!equal).then(|| Vals::from_vec(std::mem::take(values)).map(Content::Plain)))
}
