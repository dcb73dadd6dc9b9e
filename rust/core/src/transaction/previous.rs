//! Previous directories: they are made when first asked for, and refreshed at the end of the first round of each
//! transaction, from what its journal says was there before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::Key;
use crate::context::NameId;
use crate::directory::{Content, Directory, Kind, Mirror, Owners, Row};
use crate::dirs::{Slot, State};
use crate::error::{Refusal, Result};
use crate::name::Name;
use crate::store::Store;
use crate::tick_map::TickMap;
use crate::value::Host;

use super::journal::{Undo, put};

type Rows<H> = TickMap<Key, Row<<H as Host>::Value>>;

impl<H: Host> Store<H> {
    /// The previous directory of a name, which is made if it is not there: outside of a transaction with the present
    /// content, inside of one with that before it. Stamps nothing, and starts no cascade. Inside of a mapper a read of
    /// the existence of both. O(log n); inside of a transaction O(what it wrote).
    ///
    /// # Errors
    /// `NotFound`: there is no directory of that name.
    pub fn previous(&mut self, name: &Name) -> Result<NameId, H> {
        let of = self.look_up(name).ok_or_else(|| Refusal::NotFound(name.clone()))?;
        if let Some(id) = self.look_up(&name.previous()) {
            return Ok(id);
        }
        Ok(self.put_previous(of, name))
    }

    /// The same where somebody else has a transaction open: it is made when that ends, with the content of now.
    pub fn previous_later(&mut self, name: Name) {
        self.asked.push(name);
    }

    /// Makes what was asked for while a transaction was open.
    pub(crate) fn make_asked(&mut self) {
        if self.asked.is_empty() {
            return;
        }
        for name in std::mem::take(&mut self.asked) {
            let of = self.ctx.dirs.id(&name).filter(|&id| self.ctx.dirs.get(id).is_some());
            if let Some(of) = of
                && !self.ctx.mirrors.contains_key(&of)
            {
                self.put_previous(of, &name);
            }
        }
    }

    fn put_previous(&mut self, of: NameId, name: &Name) -> NameId {
        let id = self.number(&name.previous());
        let (rows, touched) = self.rows_before(of);
        // Made between transactions, it is as if it had been there at the last commit.
        let now = if self.open { self.ctx.tick } else { self.ctx.tick - 1 };
        self.ctx.counts.keys += rows.len();
        let generation = self.next_generation();
        let directory = Directory {
            generation,
            origin: generation,
            created: now,
            there_since: now,
            height: 0,
            owners: Owners::Top,
            rows,
            floor: crate::tick::FIRST,
            tombs: None,
            kind: Kind::Previous(of),
        };
        self.set_slot(id, now, Slot { name: name.previous(), state: State::Live(triomphe::Arc::new(directory)) });
        self.set_mirror(of, Some(Mirror { id, lag: Arc::new(touched) }));
        if !self.open {
            self.concerns(&name.previous());
        }
        if self.open {
            let by = self.work.frames.last().map(|frame| frame.reader.clone());
            self.generation_changed(id, by.as_ref());
            self.regenerate_children(id);
        }
        id
    }

    /// The live rows of a directory before the open transaction, and the keys that it touched. None of a generation
    /// that came in it: contents of two generations never mix.
    fn rows_before(&self, of: NameId) -> (Rows<H>, BTreeSet<Key>) {
        let mut touched = BTreeSet::new();
        let Some(directory) = self.ctx.dirs.get(of) else { return (TickMap::new(), touched) };
        let is_new = self.open && directory.created >= self.work.base.tick;
        let mut rows = if is_new { TickMap::new() } else { directory.rows.clone() };
        for undo in self.work.journal.iter().rev() {
            if let Undo::Row { dir, key, old, .. } = undo
                && *dir == of
            {
                if !is_new {
                    put(&mut rows, key.clone(), old.clone());
                }
                touched.insert(key.clone());
            }
        }
        if is_new {
            touched.extend(directory.rows.iter().map(|(key, ..)| key.clone()));
        }
        if rows.len() != rows.total() {
            let gone: Vec<Key> =
                rows.iter().filter(|(.., row)| row.content().is_none()).map(|(key, ..)| key.clone()).collect();
            for key in gone {
                rows.remove(&key);
            }
        }
        (rows, touched)
    }

    /// A directory is there again, under its name: so is its previous one, if anything derives from that.
    pub(crate) fn restore_previous(&mut self, of: NameId, name: &Name) {
        if self.ctx.counts.previous_names == 0 {
            return;
        }
        let derived_from = self.ctx.dirs.id(&name.previous()).is_some_and(|id| self.ctx.arrows_of(id).next().is_some());
        if derived_from && !self.ctx.mirrors.contains_key(&of) {
            self.put_previous(of, name);
        }
    }

    /// A directory is of another generation, or gone: its previous one goes.
    pub(crate) fn take_down_previous(&mut self, of: NameId) {
        if let Some(id) = self.ctx.mirrors.get(&of).map(|mirror| mirror.id) {
            self.take_down(id, None);
        }
    }

    /// The end of a round: previous directories become what theirs were before this transaction, and what it touched
    /// is noted for the next.
    ///
    /// # Errors
    /// `Unsure`: nothing has changed, and the call is to be repeated.
    pub(crate) fn refresh_previous(&mut self) -> Result<(), H> {
        self.make_asked();
        if self.ctx.mirrors.is_empty() {
            return Ok(());
        }
        if !self.work.refreshed {
            let late = self.what_previous_lack()?;
            self.work.refreshed = true;
            for (id, key, content) in late {
                self.put_row(id, &key, content);
            }
            // That of a directory which this transaction made lags behind its first content, which no journal tells.
            let first = self.work.base.tick;
            let is_old = |of: &NameId| self.ctx.dirs.get(*of).is_some_and(|directory| directory.created < first);
            let lagging: Vec<(NameId, NameId)> = self
                .ctx
                .mirrors
                .changes_since(&true)
                .filter(|(of, ..)| is_old(of))
                .map(|(of, _, mirror)| (*of, mirror.id))
                .collect();
            for (of, id) in lagging {
                self.set_mirror(of, Some(Mirror { id, lag: Arc::default() }));
            }
        }
        self.note_lag();
        Ok(())
    }

    /// What the lagging keys had before this transaction, where the mirror has something else. O(what lags, and what
    /// this transaction touched).
    #[allow(clippy::type_complexity, reason = "a list of rows")]
    fn what_previous_lack(&self) -> Result<Vec<(NameId, Key, Option<Content<H::Value>>)>, H> {
        let lagging = || self.ctx.mirrors.changes_since(&true);
        let mut before: BTreeMap<(NameId, &Key), Option<&Content<H::Value>>> = BTreeMap::new();
        if lagging().next().is_some() {
            for undo in &self.work.journal {
                if let Undo::Row { dir, key, old, .. } = undo
                    && self.ctx.mirrors.contains_key(dir)
                {
                    before.entry((*dir, key)).or_insert_with(|| old.as_ref().and_then(|(_, row)| row.content()));
                }
            }
        }
        let mut late = Vec::new();
        for (of, _, mirror) in lagging() {
            let (directory, previous) = (self.ctx.dirs.get(*of), self.ctx.dirs.get(mirror.id));
            let (Some(directory), Some(previous)) = (directory, previous) else { continue };
            // What was made in this transaction had nothing before it, and its mirror shows just that.
            if directory.created >= self.work.base.tick {
                continue;
            }
            for key in &*mirror.lag {
                let was = before.get(&(*of, key)).copied().unwrap_or_else(|| directory.content(key));
                let equal = match (was, previous.content(key)) {
                    (None, None) => true,
                    (Some(was), Some(shown)) => self.equal(was, shown)?,
                    _ => false,
                };
                if !equal {
                    late.push((mirror.id, key.clone(), was.cloned()));
                }
            }
        }
        Ok(late)
    }

    /// Notes which keys this round touched, for the mirrors to take over in the next transaction.
    fn note_lag(&mut self) {
        let mut touched: BTreeMap<NameId, Vec<Key>> = BTreeMap::new();
        for undo in self.work.journal.iter_from(self.work.round_start) {
            if let Undo::Row { dir, key, .. } = undo
                && self.ctx.mirrors.contains_key(dir)
            {
                touched.entry(*dir).or_default().push(key.clone());
            }
        }
        for (of, keys) in touched {
            let Some(mut mirror) = self.ctx.mirrors.get(&of).cloned() else { continue };
            Arc::make_mut(&mut mirror.lag).extend(keys);
            self.set_mirror(of, Some(mirror));
        }
    }
}
