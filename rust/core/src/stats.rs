//! What a store holds, in numbers.

use crate::Key;
use crate::context::{Context, NameId};
use crate::directory::{Directory, Mirror, Trail};
use crate::dirs::State;
use crate::reads::Tag;
use crate::store::Store;
use crate::tick::Tick;
use crate::transaction::Version;
use crate::value::Host;

/// Exact counts; equal before and after work that cancels itself out, but for tick, purged and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    pub tick: Tick,
    pub dirs: usize,
    pub dir_tombstones: usize,
    pub key_tombstones: usize,
    pub oldest_tombstone: Option<Tick>,
    pub purged: u64,
    pub keys: usize,
    pub dependencies: usize,
    pub lazy_keys: usize,
    pub names: usize,
    pub bytes: usize,
}

impl<H: Host> Store<H> {
    /// The version that the caller sees. O(directories), for the bytes.
    #[must_use]
    pub fn stats(&self) -> Stats {
        stats(&self.ctx)
    }

    /// Units and folds that are due; none between transactions.
    #[must_use]
    pub fn queued(&mut self) -> usize {
        self.work.due.len()
    }

    /// Cursors that are open.
    #[must_use]
    pub fn cursors(&self) -> usize {
        self.readers.cursors()
    }

    /// The smallest position of a live reader; the present tick where there is none. O(cursors).
    #[must_use]
    pub fn horizon(&self) -> Tick {
        self.readers.horizon().unwrap_or(self.ctx.tick)
    }
}

impl<H: Host> Version<H> {
    /// See [`Store::stats`].
    #[must_use]
    pub fn stats(&self) -> Stats {
        stats(&self.0)
    }
}

fn stats<H: Host>(ctx: &Context<H>) -> Stats {
    let of_dirs = ctx
        .dirs
        .queue
        .iter()
        .find(|((removed, id), ..)| {
            ctx.dirs
                .state
                .get_entry(id)
                .is_some_and(|(_, stamp, slot)| stamp == removed && matches!(slot.state, State::Deleted(_)))
        })
        .map(|((removed, _), ..)| *removed);
    let of_keys = ctx.tombed.iter().filter_map(|(id, ..)| oldest_key_tombstone(ctx.dirs.get(*id)?)).min();
    // What previous directories hold belongs to others, and does not count.
    let mirrored: usize = ctx.mirrors.iter().filter_map(|(.., mirror)| Some(ctx.dirs.get(mirror.id)?.rows.len())).sum();
    let hidden = ctx.dirs.names.keys().filter(|name| name.is_previous()).count();
    Stats {
        tick: ctx.tick,
        dirs: ctx.counts.dirs,
        dir_tombstones: ctx.counts.dir_tombstones,
        key_tombstones: ctx.counts.key_tombstones,
        oldest_tombstone: of_dirs.into_iter().chain(of_keys).min(),
        purged: ctx.counts.purged,
        keys: ctx.counts.keys - mirrored,
        dependencies: ctx.dependencies.len(),
        lazy_keys: ctx.counts.lazy_keys,
        names: ctx.dirs.names.len() - hidden,
        bytes: bytes(ctx),
    }
}

fn oldest_key_tombstone<H: Host>(directory: &Directory<H>) -> Option<Tick> {
    let tombs = directory.tombs.as_ref()?;
    let queued = tombs.queue.iter().map(|(at, ..)| at);
    queued
        .filter(|(removed, key)| {
            directory.rows.get_entry(key).is_some_and(|(_, stamp, row)| stamp == removed && row.content().is_none())
        })
        .map(|(removed, _)| *removed)
        .next()
}

/// What the two counts of an `Arc` take.
const ARC_HEADER: usize = 2 * size_of::<usize>();

/// What the maps of a version allocate; what is shared with other versions counts in each.
fn bytes<H: Host>(ctx: &Context<H>) -> usize {
    let of_each: usize = ctx.dirs.iter().map(|(name, _, directory)| directory.bytes_with(name)).sum();
    ctx.bytes_beside_dirs() + of_each
}

impl<H: Host> Context<H> {
    /// What there is beside the directories themselves. O(previous directories).
    pub(crate) fn bytes_beside_dirs(&self) -> usize {
        let ctx = self;
        let dirs = &ctx.dirs;
        let maps = dirs.bytes_of_names() + dirs.state.bytes() + dirs.earlier.bytes() + dirs.queue.bytes();
        // Each dependency stands in the trail of its reader too.
        let reads = ctx.dependencies.len() * size_of::<(NameId, Tag)>();
        let lags = ctx.mirrors.iter().map(|(.., mirror)| mirror.bytes()).sum::<usize>();
        let previous = ctx.mirrors.bytes() + lags;
        maps + ctx.arrows.bytes() + ctx.dependencies.bytes() + reads + ctx.uses.bytes() + ctx.tombed.bytes() + previous
    }
}

/// What so many trails allocate, but for the reads in them.
const fn trails(count: usize) -> usize {
    count * (ARC_HEADER + size_of::<Trail>())
}

impl Mirror {
    /// What lags. Nodes of the standard library's sets are half full when keys come in order.
    fn bytes(&self) -> usize {
        2 * size_of::<Key>() * self.lag.len()
    }
}

impl<H: Host> Directory<H> {
    /// With its name.
    pub(crate) fn bytes_with(&self, name: &crate::Name) -> usize {
        name.as_str().len() + self.bytes()
    }

    fn bytes(&self) -> usize {
        let tombs = self.tombs.as_ref().map_or(0, |tombs| tombs.queue.bytes() + tombs.earlier.bytes());
        let derived = self.derived().map_or(0, |derived| {
            let units: usize = derived.units.iter().map(crate::tick_map::TickMap::bytes).sum();
            let folding = derived.folding.as_ref().map_or(0, |folding| {
                let members = folding.members.as_ref().map_or(0, crate::tick_map::TickMap::bytes);
                folding.groups.bytes() + folding.sorted.bytes() + folding.pending.bytes() + members
            });
            units + folding + std::mem::size_of_val(&*derived.arrows) + trails(derived.trails)
        });
        let lazy = self.lazy().map_or(0, |lazy| lazy.memos.bytes() + trails(lazy.trails));
        size_of::<Self>() + self.rows.bytes() + tombs + derived + lazy
    }
}
