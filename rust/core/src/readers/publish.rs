//! What a commit means to the readers: whom it concerns, what subscribers are told, who lags too much.

use smallvec::SmallVec;

use crate::error::Result;
use crate::mutants::mutant;
use crate::name::Name;
use crate::room;
use crate::store::Store;
use crate::tick::Tick;
use crate::value::Host;

use super::changes::{Changes, key_changes};
use super::cursor::followed;
use super::{Known, OF_STORE, Pending, ReaderId, WatchId};

/// What subscribers of a directory are to be told of one commit.
#[derive(Debug)]
pub struct Delivery<V> {
    /// In the order of registration.
    pub to: Vec<ReaderId>,
    pub changes: Changes<V>,
}

impl<H: Host> Store<H> {
    /// Registers somebody who is told of each commit that concerns the keys of a directory. `mine`: the caller has the
    /// open transaction. What that made can be followed too, from its commit on. O(log n).
    ///
    /// # Errors
    /// `NotFound`.
    pub fn open_subscription(&mut self, of: &Name, mine: bool) -> Result<ReaderId, H> {
        let pending = self.made_now(of, mine)?;
        let known = if pending.is_none() {
            let found = self.with_published(|ctx| followed(ctx, of).map(|directory| directory.generation));
            Some(Known::Generation(found.ok_or_else(|| crate::Refusal::NotFound(of.clone()))?))
        } else {
            None
        };
        let watch = self.readers.watch_of(Some(of), self.published_tick());
        let id = self.readers.number();
        self.readers.subscriptions.insert(id, watch);
        if let Some(generation) = pending {
            let journal = self.work.journal.len();
            self.readers.pending.push(Pending { reader: id, generation, journal });
        }
        let Some(watch) = self.readers.watch_mut(watch) else { return Ok(id) };
        watch.readers += 1;
        if let Some(known) = known {
            watch.known = known;
            watch.subscribers.insert(id);
        }
        Ok(id)
    }

    /// It is told nothing more. Closing again does nothing. O(log n).
    pub fn close_subscription(&mut self, id: ReaderId) {
        let Some(watch) = self.readers.subscriptions.remove(&id) else { return };
        room::fit(&mut self.readers.subscriptions);
        if let Some(watch) = self.readers.watch_mut(watch) {
            watch.subscribers.remove(&id);
        }
        self.readers.pending.retain(|pending| pending.reader != id);
        self.readers.leave(watch);
    }

    /// Whether a subscription is still there.
    #[must_use]
    pub fn is_subscribed(&self, id: ReaderId) -> bool {
        self.readers.subscriptions.contains_key(&id)
    }

    /// The version is the published one from now on: who is concerned is noted, and subscribers are told. Before the
    /// purge. O(log n) for each directory that the transaction changed, if anybody follows any.
    pub(crate) fn publish(&mut self) {
        let of_store = self.readers.watch(OF_STORE).is_some_and(|watch| watch.readers > 0);
        if !of_store && self.readers.by_name.is_empty() {
            return;
        }
        let last = self.ctx.tick.saturating_sub(1);
        let concerned = self.concerned();
        for &id in &concerned {
            if let Some(watch) = self.readers.watch_mut(id) {
                watch.last = last;
            }
            self.tell_subscribers(id);
        }
        self.bind_pending();
        for &id in &concerned {
            self.set_deadline(id);
        }
        self.readers.left.woken.extend(concerned);
    }

    /// Watches of the directories that the transaction changed, made, made anew or removed, and of the store if it did
    /// any of this. Each once.
    fn concerned(&self) -> SmallVec<[WatchId; 8]> {
        let changed = self.work.changed.iter().filter_map(|&id| self.ctx.dirs.name(id));
        let mut concerned = SmallVec::new();
        let mut of_store = false;
        for name in changed.chain(self.work.was_live.values()) {
            of_store |= !name.is_previous();
            concerned.extend(self.readers.by_name.get(name).copied());
        }
        concerned.extend(of_store.then_some(OF_STORE));
        concerned.sort_unstable();
        concerned.dedup();
        concerned
    }

    fn tell_subscribers(&mut self, id: WatchId) {
        let first = self.work.base.tick;
        let Some(watch) = self.readers.watch_mut(id) else { return };
        let Some(name) = watch.of.clone().filter(|_| !watch.subscribers.is_empty()) else { return };
        let (to, known) = (watch.subscribers.iter().copied().collect(), watch.known);
        let (changes, now) = match followed(&self.ctx, &name) {
            Some(directory) => {
                let now = Known::Generation(directory.generation);
                let changes = key_changes(&self.ctx, directory, first, known != now);
                ((!changes.is_empty()).then_some(changes), now)
            }
            None if known == Known::Nothing => (None, known),
            None => {
                let gone = Changes { tick: self.ctx.tick, reset: true, removed: true, entries: Vec::new() };
                (Some(gone), Known::Nothing)
            }
        };
        if let Some(watch) = self.readers.watch_mut(id) {
            watch.known = now;
        }
        if let Some(changes) = changes {
            self.readers.left.deliveries.push(Delivery { to, changes });
        }
        // What they have been told of needs to stay no longer.
        self.readers.moved.insert(Some(name));
    }

    /// Readers of what the transaction made begin with its commit.
    fn bind_pending(&mut self) {
        let now = self.ctx.tick;
        for Pending { reader, .. } in std::mem::take(&mut self.readers.pending) {
            let of =
                self.readers.subscriptions.get(&reader).or_else(|| Some(&self.readers.cursors.get(&reader)?.watch));
            let Some(&of) = of else { continue };
            let name = self.readers.watch(of).and_then(|watch| watch.of.clone());
            let directory = name.and_then(|name| followed(&self.ctx, &name));
            let known = directory.map_or(Known::Nothing, |directory| Known::Generation(directory.generation));
            if let Some(cursor) = self.readers.cursors.get_mut(&reader) {
                (cursor.position, cursor.known) = (now, known);
                self.readers.stand(reader, Some(now));
            } else if let Some(watch) = self.readers.watch_mut(of) {
                watch.known = known;
                watch.subscribers.insert(reader);
            }
        }
    }

    /// A rollback up to there in the journal: who follows what is not there any more is no reader any more.
    pub(crate) fn end_pending(&mut self, journal: usize) {
        let mut ended = Vec::new();
        for pending in std::mem::take(&mut self.readers.pending) {
            let of = self.readers.cursors.get(&pending.reader).map(|cursor| cursor.watch);
            let of = of.or_else(|| self.readers.subscriptions.get(&pending.reader).copied());
            let name = of.and_then(|of| self.readers.watch(of)?.of.clone());
            let there = name.and_then(|name| followed(&self.ctx, &name)).map(|directory| directory.generation);
            if pending.journal >= journal && there != Some(pending.generation) {
                ended.push(pending.reader);
            } else {
                self.readers.pending.push(pending);
            }
        }
        for reader in ended {
            self.close_cursor(reader);
            if self.is_subscribed(reader) {
                self.close_subscription(reader);
                self.readers.left.ended.push(reader);
            }
        }
    }

    /// The readers of one thing need less than they did.
    pub(super) fn horizon_moved(&mut self, watch: WatchId) {
        if self.open {
            let of = self.readers.watch(watch).map(|watch| watch.of.clone());
            self.readers.moved.extend(of);
        } else {
            self.purge_watch(watch);
        }
    }

    /// What nobody needs any more of the thing that these readers follow, goes. O(log n) each.
    fn purge_watch(&mut self, id: WatchId) {
        if let Some(watch) = self.readers.watch(id) {
            self.purge_followed(watch.of.clone().as_ref());
        }
    }

    fn purge_followed(&mut self, of: Option<&Name>) {
        match of {
            None => self.purge_dirs(),
            Some(name) => {
                if let Some(id) = self.ctx.dirs.id(name) {
                    self.purge_keys(id);
                }
            }
        }
    }

    /// What readers that moved on while the transaction was open no longer need.
    pub(crate) fn purge_moved(&mut self) {
        while let Some(of) = self.readers.moved.pop_first() {
            self.purge_followed(of.as_ref());
        }
    }

    /// The newest removal that is remembered for the readers of this thing.
    fn newest_tombstone(&self, id: WatchId) -> Option<Tick> {
        match &self.readers.watch(id)?.of {
            None => self.ctx.dirs.queue.last().map(|((removed, _), ..)| *removed),
            Some(name) => {
                let tombs = self.ctx.dirs.get(self.ctx.dirs.id(name)?)?.tombs.as_ref()?;
                tombs.queue.last().map(|((removed, _), ..)| *removed)
            }
        }
    }

    /// Notes from when on the readers of a thing lag too much, if they pin anything.
    pub(super) fn set_deadline(&mut self, id: WatchId) {
        if self.options.max_lag.is_none() {
            return;
        }
        let newest = self.newest_tombstone(id);
        let Some(watch) = self.readers.watch_mut(id) else { return };
        let pins = watch.horizon().filter(|horizon| newest.is_some_and(|newest| newest >= *horizon));
        let was = watch.deadline;
        let now = pins.map(|horizon| was.map_or(horizon, |was| was.min(horizon))).or(was);
        if was != now {
            watch.deadline = now;
            if let Some(was) = was {
                self.readers.deadlines.remove(&(was, id));
            }
            if let Some(now) = now {
                self.readers.deadlines.insert((now, id));
            }
        }
    }

    /// Cursors that pin something and lag more than `max_lag` expire; what they alone needed goes. O(log n) each.
    pub(crate) fn expire(&mut self) {
        let Some(max_lag) = self.options.max_lag else { return };
        let now = self.ctx.tick;
        while let Some(&(horizon, id)) = self.readers.deadlines.first() {
            if now.saturating_sub(horizon) <= max_lag {
                break;
            }
            self.readers.deadlines.pop_first();
            if let Some(watch) = self.readers.watch_mut(id) {
                watch.deadline = None;
            }
            self.expire_readers(id, max_lag);
            self.purge_watch(id);
            self.set_deadline(id);
        }
    }

    /// Cursors that pin something, the most lagging first. O(cursors).
    pub(crate) fn pinning_cursors(&self) -> Vec<ReaderId> {
        let pins = |cursor: &super::Cursor| {
            let newest = self.newest_tombstone(cursor.watch);
            cursor.place.is_some() && newest.is_some_and(|newest| newest >= cursor.position)
        };
        let pinning = self.readers.cursors.iter().filter(|(_, cursor)| pins(cursor));
        let mut pinning: Vec<(Tick, ReaderId)> = pinning.map(|(id, cursor)| (cursor.position, *id)).collect();
        pinning.sort_unstable();
        pinning.into_iter().map(|(_, id)| id).collect()
    }

    /// A cursor expires for this transaction, which notes how it was.
    pub(crate) fn expire_cursor(&mut self, id: ReaderId) {
        let Some(before) = self.readers.cursors.get(&id).cloned() else { return };
        self.readers.stand(id, None);
        self.readers.left.woken.push(before.watch);
        if let Some(cursor) = self.readers.cursors.get_mut(&id) {
            cursor.expired = true;
            cursor.owes_reset = true;
            self.work.expired.push((id, cursor.moves, before));
        }
    }

    /// The transaction is rolled back: who expired for it is as before, unless it was polled meanwhile.
    pub(crate) fn revive_cursors(&mut self) {
        for (id, moves, before) in std::mem::take(&mut self.work.expired) {
            let there = self.readers.cursors.get_mut(&id).filter(|cursor| cursor.moves == moves);
            let Some(cursor) = there else { continue };
            let place = before.place;
            *cursor = crate::readers::Cursor { place: None, moves, ..before };
            self.readers.stand(id, place);
        }
    }

    /// What an expired cursor alone needed goes.
    pub(crate) fn purge_for_expired(&mut self, id: ReaderId) {
        if let Some(watch) = self.readers.cursors.get(&id).map(|cursor| cursor.watch) {
            self.purge_watch(watch);
        }
    }

    fn expire_readers(&mut self, id: WatchId, max_lag: Tick) {
        let now = self.ctx.tick;
        let newest = self.newest_tombstone(id);
        while let Some((place, reader)) = self.readers.watch(id).and_then(super::Watch::first) {
            if now.saturating_sub(place) <= max_lag || newest.is_none_or(|newest| newest < place) {
                break;
            }
            let Some(cursor) = self.readers.cursors.get_mut(&reader) else { break };
            let position = cursor.position;
            if position > place {
                // It polled in vain since it came there.
                self.readers.stand(reader, Some(position));
                continue;
            }
            cursor.expired = true;
            cursor.owes_reset = !mutant!(self.ctx, SilentExpiry);
            self.readers.stand(reader, None);
            self.readers.left.woken.push(id);
        }
    }

    /// Something about a name is another now though no transaction committed: its readers must look.
    pub(crate) fn concerns(&mut self, name: &Name) {
        let now = self.ctx.tick;
        if let Some(&id) = self.readers.by_name.get(name)
            && let Some(watch) = self.readers.watch_mut(id)
        {
            watch.last = now;
        }
    }
}
