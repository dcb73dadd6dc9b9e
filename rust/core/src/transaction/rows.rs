//! Edits of many rows of one directory, in the order of their keys: what `edit` does for one, in one run over the tree.
//!
//! It serves where nobody is told of a single row: no mapper is at work, nobody reads the directory, there is no savepoint,
//! and all that is mapped from the directory takes every key of it. Elsewhere, and for keys with a tombstone, rows are
//! edited one by one.

use std::collections::HashSet;

use crate::Key;
use crate::cascade::fetch_run;
use crate::context::NameId;
use crate::directory::{Content, Row};
use crate::error::{Error, Result};
use crate::pieces::Pieces;
use crate::store::Store;
use crate::tick::Tick;
use crate::tick_map::{Run, Step};
use crate::value::{Host, Verdicts};

use super::edit::NewContent;
use super::journal::Undo;

struct RowsRun<'a, H: Host, F> {
    dir: NameId,
    keys: &'a [Key],
    /// The number of the first of them.
    from: usize,
    content: F,
    verdicts: &'a Verdicts<H>,
    journal: &'a mut Pieces<Undo<H>>,
    retouched: &'a mut HashSet<(NameId, Key)>,
    now: Tick,
    /// Whether the row that is being set has values.
    live: bool,
    /// The numbers of those that were set.
    changed: Vec<usize>,
    refused: Option<Error<H>>,
}

impl<H: Host, F> Run<Tick, Row<H::Value>> for RowsRun<'_, H, F>
where
    F: FnMut(usize, &Verdicts<H>, Option<&Content<H::Value>>) -> Result<NewContent<H>, H>,
{
    fn step(&mut self, number: usize, there: Option<(&Tick, &Row<H::Value>)>) -> Step<Tick, Row<H::Value>> {
        let (since, there) = match there {
            Some((_, Row::Live { since, content })) => (*since, Some(content)),
            Some((_, Row::Deleted { .. })) => return Step::Stop,
            None => (self.now, None),
        };
        match (self.content)(self.from + number, self.verdicts, there) {
            Ok(None) => Step::Keep,
            Ok(Some(None)) if there.is_none() => Step::Keep,
            Ok(Some(content)) => {
                self.live = content.is_some();
                Step::Set(self.now, content.map_or(Row::Deleted { since }, |content| Row::Live { since, content }))
            }
            Err(error) => {
                self.refused = Some(error);
                Step::Stop
            }
        }
    }

    fn done(&mut self, number: usize, old: Option<(Tick, Row<H::Value>)>) {
        let key = &self.keys[number];
        if old.as_ref().is_some_and(|(stamp, _)| *stamp == self.now) {
            self.retouched.insert((self.dir, key.clone()));
        }
        self.journal.push(Undo::Row { dir: self.dir, key: key.clone(), old, live: self.live });
        self.changed.push(number);
    }
}

impl<H: Host> Store<H> {
    /// [`Store::put_row_with`] for ascending keys, from the number `done` on, which counts up.
    ///
    /// # Errors
    /// What the function answers, with nothing changed for the key of the number `done`.
    pub(crate) fn put_rows(
        &mut self,
        dir: NameId,
        keys: &[Key],
        done: &mut usize,
        mut content: impl FnMut(usize, &Verdicts<H>, Option<&Content<H::Value>>) -> Result<NewContent<H>, H>,
    ) -> Result<(), H> {
        let in_one = self.nobody_is_told(dir);
        while *done < keys.len() {
            if in_one {
                self.put_run(dir, keys, done, &mut content)?;
            }
            if let Some(key) = keys.get(*done) {
                self.put_row_with(dir, key, |verdicts, row| content(*done, verdicts, row))?;
                *done += 1;
            }
        }
        Ok(())
    }

    /// Whether rows may be edited in a run, see the head of this file.
    fn nobody_is_told(&mut self, dir: NameId) -> bool {
        self.work.frames.is_empty() && self.work.marks.is_empty() && !self.is_read(dir) && self.fan_out(dir).is_some()
    }

    /// Up to the first key that has a tombstone.
    fn put_run(
        &mut self,
        dir: NameId,
        keys: &[Key],
        done: &mut usize,
        content: impl FnMut(usize, &Verdicts<H>, Option<&Content<H::Value>>) -> Result<NewContent<H>, H>,
    ) -> Result<(), H> {
        let from = *done;
        let mut run = RowsRun {
            dir,
            keys: &keys[from..],
            from,
            content,
            verdicts: &self.verdicts,
            journal: &mut self.work.journal,
            retouched: &mut self.work.retouched,
            now: self.ctx.tick,
            live: false,
            changed: Vec::with_capacity(keys.len() - from),
            refused: None,
        };
        let ran = self.ctx.edit_dir(dir, |directory| {
            let before = (directory.rows.len(), directory.rows.total());
            fetch_run::<H, _, _>(&directory.rows, &keys[from..]);
            let passed = directory.rows.set_run(&keys[from..], &mut run);
            (passed, before, (directory.rows.len(), directory.rows.total()))
        });
        let (changed, refused) = (run.changed, run.refused);
        // Where there is no directory there is nothing to do.
        let (passed, before, after) = ran.unwrap_or((keys.len() - from, (0, 0), (0, 0)));
        *done = from + passed;
        self.ctx.counts.keys = self.ctx.counts.keys + after.0 - before.0;
        self.ctx.counts.key_tombstones = self.ctx.counts.key_tombstones + (after.1 - after.0) - (before.1 - before.0);
        self.rows_changed(dir, changed.iter().map(|&number| &keys[from + number]));
        refused.map_or(Ok(()), Err)
    }
}
