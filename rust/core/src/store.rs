//! The store: one context, the transaction that edits it, and the readers of it.
//!
//! [`Store`] is a state machine without locks and without user code; the host puts it behind a lock that it takes for
//! moments. At most one transaction is open; while it is, `ctx` is the version that it works on, and
//! [`Store::published`] gives the last commit to everybody else.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Key;
use crate::capacity::Accounts;
use crate::cascade::{DueQueue, Failed, FanOuts, Frame, Ids, Problem, Runs};
use crate::context::{Context, Generation, NameId, Reader};
use crate::name::Name;
use crate::pieces::Pieces;
use crate::readers::{Cursor, ReaderId, Readers};
use crate::tick::Tick;
use crate::tick_map::Place;
use crate::transaction::{Base, Mark, Undo};
use crate::value::{Host, Pair, Verdicts};

/// Limits of a store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Ticks whose tombstones are kept for readers that nobody remembers.
    pub history: Tick,
    /// Rounds of one transaction, and runs of one mapper for one key in a round.
    pub max_rounds: u32,
    /// Transactions that an unread lazy value survives.
    pub lazy_capacity: u64,
    /// Ticks after which a cursor that pins tombstones expires; `None`: never.
    pub max_lag: Option<Tick>,
    /// Bytes that the store may account for; `None`: no bound.
    pub capacity: Option<u64>,
    /// A fault to make on purpose.
    #[cfg(feature = "mutants")]
    pub mutant: Option<crate::Mutant>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            history: 0,
            max_rounds: 1000,
            lazy_capacity: 10,
            max_lag: Some(10_000),
            capacity: None,
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }
}

/// What an open transaction knows beside the context that it edits.
#[allow(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub(crate) struct Work<H: Host> {
    pub(crate) base: Base,
    pub(crate) journal: Pieces<Undo<H>>,
    /// The journal has little else than rows, units and stamps.
    pub(crate) wrote_only: bool,
    /// Something in it is wrong: it can't be committed.
    pub(crate) spoiled: bool,
    /// Savepoints, the outermost first.
    pub(crate) marks: Vec<Mark<H>>,
    /// Where in the journal the present round began.
    pub(crate) round_start: usize,
    /// Rows written more than once in this round.
    pub(crate) retouched: HashSet<(NameId, Key)>,
    pub(crate) due: DueQueue,
    pub(crate) failed: BTreeMap<Failed, Problem<H>>,
    /// What failed and counts no more.
    pub(crate) trash: Vec<Problem<H>>,
    pub(crate) hooks: VecDeque<(Generation, Option<H::Code>)>,
    /// Mappers at work, the innermost last.
    pub(crate) frames: Vec<Frame>,
    /// Runs of each unit in this drain.
    pub(crate) runs: Runs,
    pub(crate) cascading: bool,
    /// How far the present drain went to get blocked mappers past each other, see `cascade::queue`.
    pub(crate) stage: u8,
    pub(crate) finals: Vec<Reader>,
    /// The directory whose mapper last used the store in the middle of a batch, see `cascade::batch`.
    pub(crate) entered: Option<NameId>,
    /// Tells apart what was noted since the transaction began, or its last savepoint was opened or gone back to: a number
    /// that no store of the family had before; 0 until it is asked for ([`Store::epoch`]).
    pub(crate) epoch: Generation,
    pub(crate) mapped: usize,
    pub(crate) rounds: u32,
    /// Directories stamped in this transaction.
    pub(crate) changed: Ids,
    /// Names of directories that were there when the transaction began and were touched, and those that came since.
    pub(crate) was_live: BTreeMap<NameId, Name>,
    pub(crate) came: BTreeSet<NameId>,
    /// What the last commit showed, once another thread asked for it.
    pub(crate) published: Option<Context<H>>,
    /// Previous directories show what was before this transaction.
    pub(crate) refreshed: bool,
    /// No hook runs.
    pub(crate) silent: bool,
    /// Cursors that expired so that it fits: how often they had moved then, and how they were.
    pub(crate) expired: Vec<(ReaderId, u64, Cursor)>,
}

impl<H: Host> Work<H> {
    pub(crate) fn new(ctx: &Context<H>) -> Self {
        Work {
            base: Base::of(ctx),
            journal: Pieces::new(),
            wrote_only: true,
            spoiled: false,
            marks: Vec::new(),
            round_start: 0,
            retouched: HashSet::new(),
            due: DueQueue::new(),
            failed: BTreeMap::new(),
            trash: Vec::new(),
            hooks: VecDeque::new(),
            frames: Vec::new(),
            runs: Runs::default(),
            cascading: false,
            stage: 0,
            finals: Vec::new(),
            entered: None,
            epoch: 0,
            mapped: 0,
            rounds: 0,
            changed: Ids::new(),
            was_live: BTreeMap::new(),
            came: BTreeSet::new(),
            published: None,
            refreshed: false,
            silent: false,
            expired: Vec::new(),
        }
    }
}

/// What grew larger than this in a transaction is not kept for the next.
const KEPT: usize = 1_000;

/// The same of what is large itself.
const FEW: usize = 64;

impl<H: Host> Work<H> {
    /// Whether the unit or memo runs now.
    pub(crate) fn is_at_work(&self, reader: &Reader) -> bool {
        self.frames.iter().any(|frame| frame.reader == *reader)
    }

    /// Whether it holds nothing of the user's beside the journal.
    pub(crate) fn is_plain(&self) -> bool {
        self.marks.is_empty()
            && self.failed.is_empty()
            && self.trash.is_empty()
            && self.hooks.is_empty()
            && self.frames.is_empty()
            && self.published.is_none()
            && self.due.is_empty()
            && self.retouched.capacity() + self.runs.capacity() <= KEPT
            && self.most_places() <= FEW
    }

    /// Of the lists that are long in few transactions: the most places that one has.
    fn most_places(&self) -> usize {
        let lists = self.marks.capacity().max(self.hooks.capacity()).max(self.frames.capacity());
        lists.max(self.trash.capacity()).max(self.finals.capacity()).max(self.expired.capacity())
    }

    /// Makes it as new, keeping its small allocations. The journal has been taken. What is seldom used is looked at before it
    /// is cleared, which costs more.
    pub(crate) fn reset(&mut self) {
        self.round_start = 0;
        self.wrote_only = true;
        self.spoiled = false;
        debug_assert!(self.retouched.is_empty(), "the end of a round forgets them, and a rollback all");
        if !self.was_live.is_empty() || !self.came.is_empty() {
            self.was_live.clear();
            self.came.clear();
        }
        self.runs.clear();
        self.cascading = false;
        self.stage = 0;
        self.finals.clear();
        self.mapped = 0;
        self.rounds = 0;
        self.changed.clear();
        self.refreshed = false;
        self.silent = false;
        self.expired.clear();
    }
}

/// The row that was written last: where it stood, its key may stand in other directories too.
#[derive(Debug)]
pub(crate) struct LastRow {
    key: Key,
    place: Place,
}

impl LastRow {
    const NONE: LastRow = LastRow { key: Key::NONE, place: Place::ROOT };

    /// Nothing on the heap is held for the sake of a guess.
    pub(crate) fn note(&mut self, key: &Key, place: &Place) {
        if key.is_inline() {
            (self.key, self.place) = (key.clone(), *place);
        }
    }

    /// Where the key may stand.
    #[inline]
    pub(crate) fn guess(&self, key: &Key) -> Option<&Place> {
        (self.key == *key).then_some(&self.place)
    }
}

/// A store.
pub struct Store<H: Host> {
    pub(crate) ctx: Context<H>,
    pub(crate) work: Work<H>,
    pub(crate) open: bool,
    pub(crate) readers: Readers<H::Value>,
    pub(crate) options: Options,
    pub(crate) verdicts: Verdicts<H>,
    pub(crate) fan_outs: FanOuts,
    pub(crate) last_row: LastRow,
    /// The version came from another store, whose readers are not this one's: the next purge looks at all tombstones.
    pub(crate) sweep: bool,
    pub(crate) accounts: Accounts,
    /// How many were made since the host rested, see `tire`.
    pub(crate) edits: u32,
    /// Whose previous directories others want as soon as the open transaction ends.
    pub(crate) asked: Vec<Name>,
    /// Shared by a family of stores, so that generations are told apart among forks.
    generations: Arc<AtomicU64>,
}

impl<H: Host> Store<H> {
    #[must_use]
    pub fn new(options: Options) -> Self {
        let ctx = Context {
            #[cfg(feature = "mutants")]
            mutant: options.mutant,
            ..Context::new()
        };
        Store {
            work: Work::new(&ctx),
            ctx,
            open: false,
            readers: Readers::new(),
            options,
            verdicts: Verdicts::new(),
            fan_outs: FanOuts::default(),
            last_row: LastRow::NONE,
            sweep: false,
            accounts: Accounts::default(),
            edits: 0,
            asked: Vec::new(),
            generations: Arc::new(AtomicU64::new(1)),
        }
    }

    /// The other store's generations are told apart from this one's.
    pub(crate) fn share_generations(&mut self, with: &Self) {
        self.generations = Arc::clone(&with.generations);
    }

    /// See [`Work::epoch`].
    pub(crate) fn epoch(&mut self) -> Generation {
        if self.work.epoch == 0 {
            self.work.epoch = self.next_generation();
        }
        self.work.epoch
    }

    pub(crate) fn next_generation(&self) -> Generation {
        self.generations.fetch_add(1, Ordering::Relaxed)
    }

    /// Tells what user code found out about a pair that an operation was unsure of. Then repeat that operation.
    pub fn decide(&mut self, pair: Pair<H>, equal: bool) {
        self.verdicts.add(pair, equal);
    }

    /// Forgets the answers of user code; to be called when the operation that asked for them is through.
    pub fn forget_verdicts(&mut self) -> impl Sized + use<H> {
        self.verdicts.take()
    }

    /// Whether a transaction is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// The store's clock.
    #[must_use]
    pub const fn tick(&self) -> Tick {
        self.ctx.tick
    }

    pub(crate) const fn options(&self) -> &Options {
        &self.options
    }
}
