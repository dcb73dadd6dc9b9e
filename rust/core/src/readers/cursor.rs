//! Cursors: registration, poll, close.
//!
//! A poll has two steps, so that what it tells is lost nowhere: [`Store::poll`] answers what is new, the host makes of
//! it what its user sees, and [`Store::advance`] moves the cursor on. Until then it pins what it pinned, and a poll by
//! somebody else in between makes the step void.

use crate::context::Context;
use crate::directory::{DirKind, Directory};
use crate::error::{Refusal, Result};
use crate::mutants::mutant;
use crate::name::Name;
use crate::room;
use crate::store::Store;
use crate::tick::Tick;
use crate::value::Host;

use super::changes::{News, dir_changes, key_changes};
use super::{Cursor, Known, Pending, ReaderId, WatchId};

/// What a poll found.
pub enum Polled<V> {
    /// Nothing new; the position has moved all the same.
    Nothing,
    /// What is new, and the step to take once it has arrived.
    News(News<V>, Step),
}

/// Where a cursor goes once what it was told has arrived.
#[derive(Clone, Copy, Debug)]
#[must_use = "the cursor stays where it is until it advances"]
pub struct Step {
    id: ReaderId,
    /// Of the cursor when it was told.
    moves: u64,
    to: Tick,
    known: Known,
}

/// A directory whose keys can be followed: one that is there and is not lazy.
pub(super) fn followed<'a, H: Host>(ctx: &'a Context<H>, name: &Name) -> Option<&'a Directory<H>> {
    let directory = ctx.dirs.get(ctx.dirs.id(name)?)?;
    (directory.kind() != DirKind::Lazy).then_some(directory)
}

impl<H: Host> Store<H> {
    /// Registers a reader of the store (`None`) or of a directory's keys. It has seen what is stamped before `since`;
    /// `None`: it begins with all that there is. `mine`: the caller has the open transaction. What that made can be
    /// followed too, from its commit on. O(log n).
    ///
    /// # Errors
    /// `Later`: `since` is later than the present tick. `NotFound`.
    pub fn open_cursor(&mut self, of: Option<&Name>, since: Option<Tick>, mine: bool) -> Result<ReaderId, H> {
        let late = mutant!(self.ctx, LateRegistration) && self.open;
        let now = self.published_tick() + Tick::from(late);
        if let Some(since) = since {
            self.check_since(since)?;
        }
        let pending = match of {
            Some(name) => self.made_now(name, mine)?,
            None => None,
        };
        let known = match (of, pending) {
            (Some(name), None) => self.known_at(name, since.unwrap_or(now))?,
            _ => Known::Nothing,
        };
        let position = since.unwrap_or(now);
        let watch = self.readers.watch_of(of, now);
        let id = self.readers.number();
        let cursor = Cursor {
            watch,
            position,
            place: None,
            known,
            owes_reset: since.is_none() || pending.is_some(),
            expired: false,
            moves: 0,
        };
        self.readers.cursors.insert(id, cursor);
        if let Some(watch) = self.readers.watch_mut(watch) {
            watch.readers += 1;
        }
        if let Some(generation) = pending {
            let journal = self.work.journal.len();
            self.readers.pending.push(Pending { reader: id, generation, journal });
        } else {
            self.readers.stand(id, Some(position));
            self.set_deadline(watch);
        }
        Ok(id)
    }

    /// The generation of a directory that the caller's open transaction made; `None` where it was there before.
    pub(super) fn made_now(&self, name: &Name, mine: bool) -> Result<Option<u64>, H> {
        if !mine || !self.open {
            return Ok(None);
        }
        let directory = followed(&self.ctx, name).ok_or_else(|| Refusal::NotFound(name.clone()))?;
        Ok((directory.created >= self.work.base.tick).then_some(directory.generation))
    }

    /// The directory that a reader at this position knows under the name.
    fn known_at(&mut self, name: &Name, position: Tick) -> Result<Known, H> {
        let found = self.with_published(|ctx| {
            let directory = followed(ctx, name)?;
            Some(if directory.created < position {
                Known::Generation(directory.generation)
            } else if directory.there_since < position
                || ctx.dirs.id(name).is_some_and(|id| ctx.dirs.was_there(id, position))
            {
                Known::Older
            } else {
                Known::Nothing
            })
        });
        found.ok_or_else(|| Refusal::NotFound(name.clone()).into())
    }

    /// What is new for a cursor; `None` where it is closed. O(1) where nothing is that concerns it, else
    /// O((c + 1) log n) for c changes.
    pub fn poll(&mut self, id: ReaderId) -> Option<Polled<H::Value>> {
        let now = self.published_tick();
        let cursor = self.readers.cursors.get(&id)?;
        let waits = cursor.place.is_none() && !cursor.expired;
        let watch = self.readers.watch(cursor.watch)?;
        if waits {
            return Some(Polled::Nothing);
        }
        if !cursor.owes_reset && watch.last < cursor.position {
            self.readers.cursors.get_mut(&id)?.position = now;
            if mutant!(self.ctx, VainPollMovesPlace) {
                self.readers.stand(id, Some(now + 1));
            }
            return Some(Polled::Nothing);
        }
        let (cursor, of) = (cursor.clone(), watch.of.clone());
        let (news, known) = self.with_published(|ctx| news_for(ctx, of.as_ref(), &cursor));
        let late = mutant!(self.ctx, PollOfTwoMoments) && self.open;
        let step = Step { id, moves: cursor.moves, to: now + Tick::from(late), known };
        Some(if let Some(news) = news {
            Polled::News(news, step)
        } else {
            self.advance(step);
            Polled::Nothing
        })
    }

    /// The cursor moves on, and what nobody else needs goes at once, or where a transaction is open, at its end. False:
    /// it has moved, expired or closed since it was told, and what it was told is void. O(log n), and O(log n) for each
    /// tombstone that goes.
    pub fn advance(&mut self, step: Step) -> bool {
        let Some(cursor) = self.readers.cursors.get_mut(&step.id) else { return false };
        if cursor.moves != step.moves {
            return false;
        }
        cursor.position = step.to;
        cursor.known = step.known;
        cursor.owes_reset = false;
        cursor.expired = false;
        let watch = cursor.watch;
        if self.readers.stand(step.id, Some(step.to)) {
            self.horizon_moved(watch);
        }
        true
    }

    /// The cursor is no reader any more; what nobody else needs goes at once, or where a transaction is open, at its
    /// end. Closing again does nothing. O(log n), and O(log n) for each tombstone that goes.
    pub fn close_cursor(&mut self, id: ReaderId) {
        let Some(watch) = self.readers.cursors.get(&id).map(|cursor| cursor.watch) else { return };
        let moved = self.readers.stand(id, None);
        self.readers.cursors.remove(&id);
        room::fit(&mut self.readers.cursors);
        self.readers.pending.retain(|pending| pending.reader != id);
        self.readers.left.woken.push(watch);
        if moved && !mutant!(self.ctx, StaleHorizon) {
            self.horizon_moved(watch);
        }
        self.readers.leave(watch);
    }

    /// The position of a cursor, how many ticks it lags, and whether it has expired; `None` where it is closed.
    #[must_use]
    pub fn cursor_state(&self, id: ReaderId) -> Option<(Tick, Tick, bool)> {
        let cursor = self.readers.cursors.get(&id)?;
        Some((cursor.position, self.published_tick().saturating_sub(cursor.position), cursor.expired))
    }

    /// What a cursor waits for.
    #[must_use]
    pub fn watch_of_cursor(&self, id: ReaderId) -> Option<WatchId> {
        self.readers.cursors.get(&id).map(|cursor| cursor.watch)
    }
}

impl<V> super::Readers<V> {
    /// A cursor stands there now, or nowhere; whether the horizon of its watch moved on.
    pub(super) fn stand(&mut self, id: ReaderId, to: Option<Tick>) -> bool {
        let Some(cursor) = self.cursors.get_mut(&id) else { return false };
        let (from, watch) = (cursor.place, cursor.watch);
        cursor.place = to;
        cursor.moves += 1;
        self.watch_mut(watch).is_some_and(|watch| watch.moves(id, from, to))
    }
}

/// What is new since the cursor's position, and which directory it knows then.
fn news_for<H: Host>(ctx: &Context<H>, of: Option<&Name>, cursor: &Cursor) -> (Option<News<H::Value>>, Known) {
    let Some(name) = of else {
        let changes = dir_changes(ctx, cursor.position, cursor.owes_reset);
        return ((!changes.is_empty()).then_some(News::Dirs(changes)), Known::Nothing);
    };
    let Some(directory) = followed(ctx, name) else {
        let told = cursor.known != Known::Nothing;
        return (told.then(|| News::removed(ctx.tick)), Known::Nothing);
    };
    let known = Known::Generation(directory.generation);
    let changes = key_changes(ctx, directory, cursor.position, cursor.owes_reset || cursor.known != known);
    ((!changes.is_empty()).then_some(News::Keys(changes)), known)
}
