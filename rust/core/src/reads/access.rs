//! Reads, as code sees them: inside of a mapper each is tracked, and shows the state that is being brought about.

use crate::Key;
use crate::context::{Context, NameId};
use crate::directory::{Content, DirKind, Directory, Row, Upper, ValueVec, bounds};
use crate::dirs::{Slot, State};
use crate::error::Result;
use crate::name::Name;
use crate::store::{LastRow, Store};
use crate::tick::Tick;
use crate::tick_map::{TickMap, Walk};
use crate::transaction::Version;
use crate::value::Host;

use super::Tag;

impl<H: Host> Store<H> {
    /// The directory that bears a name, as code sees it now; untracked.
    pub(crate) fn find(&self, name: &Name) -> Option<NameId> {
        self.ctx.dirs.id(name).filter(|&id| self.is_visible(id))
    }

    /// The directory that bears a name, as code sees it now; inside of a mapper a read of its existence. O(log n).
    pub fn look_up(&mut self, name: &Name) -> Option<NameId> {
        if self.in_mapper() {
            let id = self.intern(name);
            self.track(id, Tag::Existence);
            return self.is_visible(id).then_some(id);
        }
        self.find(name)
    }

    /// The same inside of a mapper, where the host remembers under which number it found the name last: a name is asked for by
    /// its hash no more.
    pub fn look_up_at(&mut self, name: &Name, hint: NameId) -> Option<NameId> {
        if self.in_mapper() && self.ctx.dirs.name(hint) == Some(name) {
            self.track(hint, Tag::Existence);
            return self.is_visible(hint).then_some(hint);
        }
        self.look_up(name)
    }

    /// Whether a mapper that reads this directory must have jobs run first, towards
    /// [`Goal::Upstream`](crate::Goal) of it.
    #[must_use]
    pub fn needs_pull(&self, id: NameId) -> bool {
        if !self.in_mapper() || self.work.due.is_empty() {
            return false;
        }
        // Outside of a cascade derived directories show the state before it, but for those that are being made.
        self.work.cascading || self.ctx.dirs.get(id).is_some_and(|directory| directory.created == self.ctx.tick)
    }

    /// Notes what the mapper at work, if there is one, reads of a directory.
    pub fn note_read(&mut self, id: NameId, tag: impl FnOnce() -> Tag) {
        if self.in_mapper() {
            self.track(id, tag());
        }
    }

    /// The directory, for reading.
    #[must_use]
    pub fn directory(&self, id: NameId) -> Option<View<'_, H>> {
        self.visible(id).map(View::of)
    }

    /// The directory of a name for reading, outside of mappers, where the host remembers under which number it found the name
    /// last: one search in the usual case. O(log n).
    #[must_use]
    pub fn directory_at(&self, name: &Name, hint: NameId) -> Option<(NameId, View<'_, H>)> {
        debug_assert!(!self.in_mapper(), "reads in mappers are tracked");
        if let Some(Slot { name: there, state: State::Live(directory) }) = self.ctx.dirs.slot(hint)
            && there == name
        {
            return Some((hint, View { directory, last: Some(&self.last_row) }));
        }
        let id = self.ctx.dirs.id(name)?;
        Some((id, View::of(self.ctx.dirs.get(id)?)))
    }

    /// Names of directories as code sees them, in order. O(n log n), O(n) where they were made in order.
    #[must_use]
    pub fn names(&self) -> Vec<Name> {
        let names = self.ctx.dirs.in_order(usize::MAX, |name, id| !name.is_previous() && self.is_visible(id));
        names.into_iter().map(|(name, _)| name.clone()).collect()
    }

    /// How many directories code sees. O(1), in a mapper O(what it made before).
    #[must_use]
    pub fn len(&self) -> usize {
        if self.in_mapper() { self.names().len() } else { self.ctx.counts.dirs }
    }

    /// Whether code sees no directory.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Checks that one may ask for changes since then.
    ///
    /// # Errors
    /// `Later` than the present tick.
    pub fn check_since(&self, since: Tick) -> Result<(), H> {
        let now = self.work_tick();
        if since > now { Err(crate::Refusal::Later { since, now }.into()) } else { Ok(()) }
    }

    const fn work_tick(&self) -> Tick {
        if self.open { self.work.base.tick } else { self.ctx.tick }
    }
}

fn is_named<H: Host>(ctx: &Context<H>, id: NameId, name: &Name) -> bool {
    ctx.dirs.slot(id).is_some_and(|slot| matches!(slot.state, crate::dirs::State::Live(_)) && slot.name == *name)
}

impl<H: Host> Version<H> {
    #[must_use]
    pub const fn tick(&self) -> Tick {
        self.0.tick
    }

    /// The directory of a name. O(log n). Of the name of a previous directory that nobody had asked for: its
    /// directory, which is what it would show.
    #[must_use]
    pub fn find(&self, name: &Name) -> Option<NameId> {
        let found = self.0.dirs.id(name).filter(|&id| self.0.dirs.get(id).is_some());
        if found.is_none() && name.is_previous() { self.find(&name.shown()) } else { found }
    }

    /// The same where the host remembers under which number it found the name last.
    #[must_use]
    pub fn find_at(&self, name: &Name, hint: NameId) -> Option<NameId> {
        if is_named(&self.0, hint, name) { Some(hint) } else { self.find(name) }
    }

    /// The directory, for reading.
    #[must_use]
    pub fn directory(&self, id: NameId) -> Option<View<'_, H>> {
        self.0.dirs.get(id).map(View::of)
    }

    /// Names of directories, in order. O(n log n), O(n) where they were made in order.
    #[must_use]
    pub fn names(&self) -> Vec<Name> {
        let names = self.0.dirs.in_order(usize::MAX, |name, _| !name.is_previous());
        names.into_iter().map(|(name, _)| name.clone()).collect()
    }

    /// How many directories there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.counts.dirs
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A directory in one version, for reading.
pub struct View<'a, H: Host> {
    directory: &'a Directory<H>,
    /// Where a key may stand.
    last: Option<&'a LastRow>,
}

/// The values of a key; at least one.
pub struct Values<'a, V>(&'a Content<V>);

impl<'a, V: Clone> Values<'a, V> {
    /// The only one, if there is but one.
    #[must_use]
    pub fn single(&self) -> Option<&'a V> {
        self.0.single()
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &'a V> + use<'a, V> {
        self.0.iter()
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.iter().count()
    }
}

impl<'a, H: Host> View<'a, H> {
    const fn of(directory: &'a Directory<H>) -> Self {
        View { directory, last: None }
    }

    #[must_use]
    pub const fn kind(&self) -> DirKind {
        self.directory.kind()
    }

    #[must_use]
    pub const fn created(&self) -> Tick {
        self.directory.created
    }

    /// Keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.directory.rows.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.directory.rows.is_empty()
    }

    /// Keys of a lazy directory that are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.directory.lazy().map_or(0, |lazy| lazy.memos.total())
    }

    /// The values of a key. O(log n).
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Values<'a, H::Value>> {
        let guess = self.last.and_then(|last| last.guess(key));
        self.directory.rows.get_from(key, guess).and_then(Row::content).map(Values)
    }

    /// Rows in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a Key, Values<'a, H::Value>)> + use<'a, H> {
        self.directory.rows.iter().filter_map(|(key, _, row)| Some((key, Values(row.content()?))))
    }

    /// All rows, for an iterator of its own over the version at which it began. O(log n).
    #[must_use]
    pub fn walk(&self, reversed: bool) -> Rows<H> {
        Rows(self.directory.rows.walk(reversed))
    }

    /// The rows of an inclusive range. O(log n).
    #[must_use]
    pub fn walk_between(&self, lo: &Key, hi: &Upper) -> Rows<H> {
        match bounds(lo, hi) {
            Some(range) => Rows(self.directory.rows.walk_range::<Key, _>(range, false)),
            None => Rows(TickMap::new().walk(false)),
        }
    }
}

/// Rows of a directory as they were when this was made.
pub struct Rows<H: Host>(Walk<Key, Row<H::Value>, Tick>);

impl<H: Host> Iterator for Rows<H> {
    type Item = (Key, ValueVec<H::Value>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (key, _, row) = self.0.next()?;
            if let Row::Live { content, .. } = row {
                return Some((key, content.to_vec()));
            }
        }
    }
}
