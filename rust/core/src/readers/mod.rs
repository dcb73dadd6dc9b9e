//! Readers: who has yet to be told what, and how long a tombstone is kept for them.
//!
//! # Definitions
//! * A *cursor* is a registered reader of the store (of its directories) or of one directory (of its keys). Its
//!   *position* is the tick up to which, exclusive, it has seen everything. A *subscription* is a reader that each
//!   commit brings up to date by itself, so between transactions it lags behind nothing.
//! * A *watch* is what is kept for all readers of one thing: of the store, or of the directory that bears a name.
//! * The *horizon* of a watch is the smallest position in it: what was removed there or later has to stay. It is kept,
//!   not searched.
//! * A cursor *stands* in its watch at a place that may be behind its position, see invariant 1.
//!
//! # Invariants
//! 1. A cursor's place is at most its position, and nothing that concerns its watch is stamped from the one up to the
//!    other. So no tombstone is there that the place needs and the position does not, and a poll that finds nothing new
//!    moves the position alone: O(1), whatever the number of readers.
//! 2. `Watch::places` is { (place, cursor) } of the cursors that pin: neither expired, nor made in the open transaction
//!    on what that made.
//! 3. Nothing that concerns a watch is stamped after its `last`.
//! 4. A cursor that lags more than `max_lag` behind a tombstone that it pins is found by `deadlines` at the first commit
//!    after that: each watch that pins one stands there at its horizon, or at an earlier one.
//!
//! # One moment
//! All of it lies beside the version in [`Store`], behind the one lock of the host. A registration reads the clock that
//! the last commit left; a commit publishes its version, learns whom it concerns, and purges, with the lock held. So
//! between reading a version and following it there is no gap.
//!
//! A commit costs O(log n) for each directory that it changed, if anybody follows any: cursors are never walked.

mod changes;
mod cursor;
mod positions;
mod publish;

pub use changes::{Changes, DirChanges, News};
pub use cursor::{Polled, Step};
pub use publish::Delivery;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::context::{Context, Generation, NameId};
use crate::name::Name;
use crate::room;
use crate::store::Store;
use crate::tick::Tick;
use crate::value::Host;

use positions::Watch;

/// A registered cursor or subscription. They are numbered in the order of registration, and no number comes twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReaderId(pub(crate) u64);

/// What the readers of one thing wait for; for a host that wakes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(u32);

/// What commits, rollbacks and closings leave for a host to do.
#[derive(Debug)]
pub struct Left<V> {
    /// Who waits for these has something to look at.
    pub woken: Vec<WatchId>,
    pub deliveries: Vec<Delivery<V>>,
    /// Subscriptions that went with a rollback.
    pub ended: Vec<ReaderId>,
}

impl<V> Default for Left<V> {
    fn default() -> Self {
        Left { woken: Vec::new(), deliveries: Vec::new(), ended: Vec::new() }
    }
}

/// The readers of the store itself.
const OF_STORE: WatchId = WatchId(0);

/// Which directory a reader of keys knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// None: it was told that it is gone, or began when there was none.
    Nothing,
    /// This one.
    Generation(Generation),
    /// One that was there at its position and is not any more.
    Older,
}

#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    watch: WatchId,
    position: Tick,
    /// Where it stands in the watch, see invariant 1. `None`: it pins nothing.
    place: Option<Tick>,
    known: Known,
    /// It has to start over: it has just begun, or it expired.
    owes_reset: bool,
    expired: bool,
    /// How often it moved: what was told before another move is void.
    moves: u64,
}

/// A reader made in the open transaction on a directory that the transaction made.
#[derive(Clone, Debug)]
struct Pending {
    reader: ReaderId,
    generation: Generation,
    /// How long the journal was then.
    journal: usize,
}

pub(crate) struct Readers<V> {
    /// Of those who follow the store.
    of_store: Watch,
    /// The others, from the number 1 on. The last is none that is free, and of one that is free there is but a pointer's place.
    watches: Vec<Option<Box<Watch>>>,
    /// The smallest is taken first, so that the list becomes as short as the watches that stay allow.
    free: BTreeSet<WatchId>,
    by_name: BTreeMap<Name, WatchId>,
    cursors: HashMap<ReaderId, Cursor>,
    subscriptions: HashMap<ReaderId, WatchId>,
    pending: Vec<Pending>,
    next: u64,
    /// What was followed by readers that moved while a transaction was open: its tombstones are looked at when that
    /// ends. By name, since the watch may be gone by then.
    moved: BTreeSet<Option<Name>>,
    deadlines: BTreeSet<(Tick, WatchId)>,
    left: Left<V>,
}

impl<V> Readers<V> {
    pub(crate) fn new() -> Self {
        Readers {
            of_store: Watch::new(None, 0),
            watches: Vec::new(),
            free: BTreeSet::new(),
            by_name: BTreeMap::new(),
            cursors: HashMap::new(),
            subscriptions: HashMap::new(),
            pending: Vec::new(),
            next: 1,
            moved: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            left: Left::default(),
        }
    }

    /// What is followed, and by how many.
    pub(crate) fn followed(&self) -> Vec<(Option<Name>, usize)> {
        let watches = self.each_watch().map(|(_, watch)| watch).filter(|watch| watch.readers > 0);
        watches.map(|watch| (watch.of.clone(), watch.readers)).collect()
    }

    /// About how many bytes the readers take. O(1).
    pub(crate) fn bytes(&self) -> usize {
        // A table of the standard library is at most 7/8 full, and has a byte for each place; nodes of its trees have room
        // for 11, and are half full when keys come in order.
        let table = |room: usize, each: usize| (room * 8 / 7) * (each + 1);
        let trees = |count: usize, len: usize, each: usize| (11 * count + 2 * len.saturating_sub(11 * count)) * each;
        let cursors = table(self.cursors.capacity(), size_of::<(ReaderId, Cursor)>());
        let subscriptions = table(self.subscriptions.capacity(), size_of::<(ReaderId, WatchId)>());
        let held = (self.watches.len() - self.free.len()) * size_of::<Watch>();
        let watches = held
            + self.watches.capacity() * size_of::<Option<Box<Watch>>>()
            + trees(0, self.free.len(), size_of::<WatchId>());
        let watched = self.by_name.len();
        let places = trees(watched, self.cursors.len() + self.subscriptions.len(), size_of::<(Tick, ReaderId)>());
        let names = trees(0, watched, size_of::<(Name, WatchId)>());
        cursors
            + subscriptions
            + watches
            + places
            + names
            + trees(0, self.deadlines.len(), size_of::<(Tick, WatchId)>())
    }

    fn number(&mut self) -> ReaderId {
        let id = ReaderId(self.next);
        self.next += 1;
        id
    }

    fn watch(&self, id: WatchId) -> Option<&Watch> {
        match id.0 {
            0 => Some(&self.of_store),
            number => self.watches.get(number as usize - 1)?.as_deref(),
        }
    }

    fn watch_mut(&mut self, id: WatchId) -> Option<&mut Watch> {
        match id.0 {
            0 => Some(&mut self.of_store),
            number => self.watches.get_mut(number as usize - 1)?.as_deref_mut(),
        }
    }

    fn each_watch(&self) -> impl Iterator<Item = (WatchId, &Watch)> {
        let others = (1..).zip(&self.watches).filter_map(|(number, watch)| Some((WatchId(number), &**watch.as_ref()?)));
        std::iter::once((OF_STORE, &self.of_store)).chain(others)
    }

    /// The watch of a name, made if there is none. Nothing that concerns it is stamped at `now` or later.
    fn watch_of(&mut self, of: Option<&Name>, now: Tick) -> WatchId {
        let Some(name) = of else {
            if let Some(watch) = self.watch_mut(OF_STORE)
                && watch.readers == 0
            {
                watch.last = now.saturating_sub(1);
            }
            return OF_STORE;
        };
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        let watch = Some(Box::new(Watch::new(Some(name.clone()), now.saturating_sub(1))));
        let id = if let Some(id) = self.free.pop_first() {
            self.watches[id.0 as usize - 1] = watch;
            id
        } else {
            self.watches.push(watch);
            WatchId(u32::try_from(self.watches.len()).unwrap_or(u32::MAX))
        };
        self.by_name.insert(name.clone(), id);
        id
    }

    /// A reader less; the watch goes with the last.
    fn leave(&mut self, id: WatchId) {
        let Some(watch) = self.watch_mut(id) else { return };
        watch.readers -= 1;
        if watch.readers > 0 {
            return;
        }
        if let Some(deadline) = watch.deadline.take() {
            self.deadlines.remove(&(deadline, id));
        }
        let name = self.watch(id).and_then(|watch| watch.of.clone());
        if let Some(name) = name {
            self.by_name.remove(&name);
            self.watches[id.0 as usize - 1] = None;
            self.free.insert(id);
            while let Some(None) = self.watches.last() {
                self.watches.pop();
                self.free.pop_last();
            }
            room::fit_list(&mut self.watches);
        }
    }

    /// The smallest place of a reader of the store, or `None`.
    pub(crate) fn horizon_of_dirs(&self) -> Option<Tick> {
        self.watch(OF_STORE).and_then(Watch::horizon)
    }

    /// What the readers of a directory's keys need from; `open_since`: where the open transaction began, whose removals
    /// the subscribers have yet to be told.
    fn horizon_of_name(&self, name: &Name, open_since: Option<Tick>) -> Option<Tick> {
        let watch = self.watch(*self.by_name.get(name)?)?;
        let told = open_since.filter(|_| !watch.subscribers.is_empty());
        watch.horizon().into_iter().chain(told).min()
    }

    /// Each cursor that pins: what it follows, where it stands, and its position. For the invariants.
    pub(crate) fn stands(&self) -> impl Iterator<Item = (ReaderId, Option<&Name>, Tick, Tick)> {
        self.cursors.iter().filter_map(|(&id, cursor)| {
            let of = self.watch(cursor.watch)?.of.as_ref();
            Some((id, of, cursor.place?, cursor.position))
        })
    }

    /// The smallest position of the readers of each thing. For the invariants.
    pub(crate) fn positions(&self) -> BTreeMap<Option<&Name>, Tick> {
        let mut positions = BTreeMap::new();
        for (_, of, _, position) in self.stands() {
            let least = positions.entry(of).or_insert(position);
            *least = position.min(*least);
        }
        positions
    }

    /// The invariants that need no version.
    pub(crate) fn check(&self, now: Tick) -> Result<(), String> {
        let mut readers: BTreeMap<WatchId, usize> = BTreeMap::new();
        for (id, cursor) in &self.cursors {
            *readers.entry(cursor.watch).or_default() += 1;
            if cursor.place.is_some_and(|place| place > cursor.position) || cursor.position > now {
                return Err(format!("readers 1: {id:?} stands at {:?}, is at {}", cursor.place, cursor.position));
            }
            let stands = self.watch(cursor.watch).is_some_and(|watch| watch.has(*id, cursor.place));
            if !stands {
                return Err(format!("readers 2: {id:?} does not stand at {:?}", cursor.place));
            }
        }
        for watch in self.subscriptions.values() {
            *readers.entry(*watch).or_default() += 1;
        }
        let free = self.watches.iter().filter(|watch| watch.is_none()).count();
        if free != self.free.len() || matches!(self.watches.last(), Some(None)) {
            return Err(format!("readers: {free} watches are free, kept as {}", self.free.len()));
        }
        if let Some(id) = self.free.iter().find(|id| self.watch(**id).is_some() || id.0 as usize > self.watches.len()) {
            return Err(format!("readers: {id:?} is listed, and not free"));
        }
        for (id, watch) in self.each_watch() {
            watch.check()?;
            let counted = readers.get(&id).copied().unwrap_or(0);
            let found = watch.of.as_ref().is_none_or(|name| self.by_name.get(name) == Some(&id));
            if watch.readers != counted || (counted == 0 && id != OF_STORE) || !found {
                return Err(format!(
                    "readers: a watch of {:?} for {counted} readers, kept as {}",
                    watch.of, watch.readers
                ));
            }
            if watch.deadline.is_some_and(|deadline| !self.deadlines.contains(&(deadline, id))) {
                return Err(format!("readers 4: the deadline of {:?} is not listed", watch.of));
            }
        }
        let listed = self.each_watch().filter(|(_, watch)| watch.deadline.is_some()).count();
        if self.deadlines.len() == listed && self.pending.is_empty() && self.moved.is_empty() {
            Ok(())
        } else {
            Err("readers 4: deadlines of nobody, or readers that still wait for a commit".to_owned())
        }
    }

    /// The smallest position of a cursor that pins, or `None`. O(cursors).
    pub(crate) fn horizon(&self) -> Option<Tick> {
        self.cursors.values().filter(|cursor| cursor.place.is_some()).map(|cursor| cursor.position).min()
    }

    pub(crate) fn cursors(&self) -> usize {
        self.cursors.len()
    }
}

impl<H: Host> Store<H> {
    /// What the readers of the keys of a directory need from, or `None`. O(1) where no directory has readers.
    pub(crate) fn horizon_of_keys(&self, id: NameId) -> Option<Tick> {
        if self.readers.by_name.is_empty() {
            return None;
        }
        let name = self.ctx.dirs.name(id)?;
        self.readers.horizon_of_name(name, self.open.then_some(self.work.base.tick))
    }

    /// A number in the order of registration of readers, for other callbacks of the host.
    pub fn register(&mut self) -> ReaderId {
        self.readers.number()
    }

    /// Whether commits, rollbacks and closings left anything, see [`Store::take_left`].
    #[must_use]
    pub const fn has_left(&self) -> bool {
        let Left { woken, deliveries, ended } = &self.readers.left;
        !(woken.is_empty() && deliveries.is_empty() && ended.is_empty())
    }

    /// Whom to wake, and what to hand to subscribers: what commits, rollbacks and closings left since the last call.
    #[must_use]
    pub fn take_left(&mut self) -> Left<H::Value> {
        std::mem::take(&mut self.readers.left)
    }

    /// The clock of the last commit.
    #[must_use]
    pub const fn published_tick(&self) -> Tick {
        if self.open { self.work.base.tick } else { self.ctx.tick }
    }

    fn with_published<R>(&mut self, read: impl FnOnce(&Context<H>) -> R) -> R {
        if self.is_published() { read(&self.ctx) } else { read(&self.published().0) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Known, OF_STORE, ReaderId, Readers, Watch, WatchId};
    use crate::name::Name;
    use crate::tick::Tick;

    /// One cursor of a directory, which stands at 3 and is at 5, and one subscription of the store.
    fn followed() -> Readers<()> {
        let mut readers = Readers::new();
        let name = Name::parse("/d/").unwrap();
        let watch = readers.watch_of(Some(&name), 1);
        let (cursor, subscription) = (readers.number(), readers.number());
        let known = Known::Generation(1);
        let at = Cursor { watch, position: 5, place: Some(3), known, owes_reset: false, expired: false, moves: 0 };
        readers.cursors.insert(cursor, at);
        readers.subscriptions.insert(subscription, OF_STORE);
        let of_dir = readers.watch_mut(watch).unwrap();
        // Not inline: what LLVM makes of a `None` that it knows looks to valgrind like a read of what is not set.
        let moves: fn(&mut Watch, ReaderId, Option<Tick>, Option<Tick>) -> bool = Watch::moves;
        std::hint::black_box(moves)(of_dir, cursor, None, Some(3));
        (of_dir.readers, of_dir.deadline) = (1, Some(3));
        readers.deadlines.insert((3, watch));
        readers.watch_mut(OF_STORE).unwrap().readers = 1;
        assert_eq!(readers.check(5), Ok(()));
        readers
    }

    fn first(readers: &mut Readers<()>) -> (ReaderId, &mut Cursor) {
        readers.cursors.iter_mut().map(|(id, cursor)| (*id, cursor)).next().unwrap()
    }

    fn watch(readers: &mut Readers<()>) -> &mut Watch {
        readers.watch_mut(WatchId(1)).unwrap()
    }

    #[test]
    fn the_check_finds_what_is_broken() {
        type Fault = fn(&mut Readers<()>);
        let faults: [(&str, Fault); 11] = [
            ("readers 1", |readers| first(readers).1.position = 2),
            ("readers 1", |readers| first(readers).1.position = 6),
            ("readers 2", |readers| first(readers).1.place = Some(4)),
            ("readers 2", |readers| first(readers).1.place = None),
            ("readers: the horizon", |readers| watch(readers).lose_horizon()),
            ("readers: a watch of", |readers| watch(readers).readers = 2),
            ("readers: a watch of", |readers| readers.by_name.clear()),
            ("readers 4: the deadline", |readers| readers.deadlines.clear()),
            ("readers 4: deadlines of nobody", |readers| readers.moved.extend([None])),
            ("readers: 1 watches are free", |readers| readers.watches.push(None)),
            ("readers: WatchId(9) is listed", |readers| {
                readers.watches.extend([None, Some(Box::new(Watch::new(None, 0)))]);
                readers.free.insert(WatchId(9));
            }),
        ];
        for (says, fault) in faults {
            let mut readers = followed();
            fault(&mut readers);
            let found = readers.check(5).unwrap_err();
            assert!(found.starts_with(says), "{found}");
        }
    }
}
