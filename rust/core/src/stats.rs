//! What a store holds, in numbers.

use crate::context::{Context, NameId};
use crate::directory::Directory;
use crate::dirs::State;
use crate::name::Name;
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
    /// The version that the caller sees. O(what it holds), for the bytes; readers are left out of them.
    #[must_use]
    pub fn stats(&self) -> Stats {
        stats(&self.ctx)
    }

    /// What the readers of the store take. O(1).
    #[must_use]
    pub fn reader_bytes(&self) -> usize {
        self.readers.bytes()
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

    /// What is followed, and by how many cursors and subscriptions; `None`: the store. O(names that are followed).
    #[must_use]
    pub fn followed(&self) -> Vec<(Option<Name>, usize)> {
        self.readers.followed()
    }

    /// The smallest position of a live reader; the present tick where there is none. O(cursors).
    #[must_use]
    pub fn horizon(&self) -> Tick {
        self.readers.horizon().unwrap_or(self.ctx.tick)
    }
}

impl<H: Host> Version<H> {
    /// All names that are interned, of directories or of what only is read, with how many keys each holds (of a lazy
    /// directory those that are remembered). In the order of the names. O(n log n) for n names.
    #[must_use]
    pub fn held(&self) -> Vec<(Name, usize)> {
        let dirs = &self.0.dirs;
        let shown = dirs.each_name().filter(|(name, _)| !name.is_previous());
        let keys = |id: NameId| {
            dirs.get(id).map_or(0, |directory| directory.lazy().map_or(directory.rows.len(), |lazy| lazy.memos.len()))
        };
        let mut held: Vec<(Name, usize)> = shown.map(|(name, id)| (name.clone(), keys(id))).collect();
        held.sort_unstable();
        held
    }

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
        names: ctx.dirs.names.len() - ctx.counts.previous_names,
        bytes: ctx.bytes(),
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
