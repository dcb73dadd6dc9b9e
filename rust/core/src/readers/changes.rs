//! What changed since a tick.

use crate::Key;
use crate::context::{Context, NameId};
use crate::directory::Directory;
use crate::dirs::State;
use crate::mutants::mutant;
use crate::name::Name;
use crate::tick::Tick;
use crate::transaction::Version;
use crate::value::Host;

/// Directories that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirChanges {
    pub tick: Tick,
    /// `changed` is all there is.
    pub reset: bool,
    /// Live, and created or modified.
    pub changed: Vec<Name>,
    pub removed: Vec<Name>,
}

impl DirChanges {
    pub(super) fn is_empty(&self) -> bool {
        !self.reset && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// Rows that changed; a removed key has no values.
#[derive(Clone, Debug)]
pub struct Changes<V> {
    pub tick: Tick,
    /// `entries` is all there is.
    pub reset: bool,
    /// The directory itself is gone.
    pub removed: bool,
    pub entries: Vec<(Key, Vec<V>)>,
}

impl<V> Changes<V> {
    pub(super) fn is_empty(&self) -> bool {
        !self.reset && self.entries.is_empty()
    }
}

/// What a reader is told.
#[derive(Clone, Debug)]
pub enum News<V> {
    /// A reader of the store.
    Dirs(DirChanges),
    /// A reader of a directory.
    Keys(Changes<V>),
}

impl<V> News<V> {
    /// The directory is gone.
    pub(super) const fn removed(tick: Tick) -> Self {
        News::Keys(Changes { tick, reset: true, removed: true, entries: Vec::new() })
    }
}

impl<H: Host> Version<H> {
    /// Directories that changed at `since` or later: exact if since is at least the floor, else a reset.
    /// O((c + 1) log n) for c changes.
    #[must_use]
    pub fn changes(&self, since: Tick) -> DirChanges {
        dir_changes(&self.0, since, false)
    }

    /// Rows of a directory that changed at `since` or later: exact if since is at least its floor and greater than its
    /// `created`, else a reset. O((c + 1) log n) for c changes.
    #[must_use]
    pub fn key_changes(&self, id: NameId, since: Tick) -> Option<Changes<H::Value>> {
        self.0.dirs.get(id).map(|directory| key_changes(&self.0, directory, since, false))
    }
}

/// `anew`: a reset in any case.
pub(super) fn dir_changes<H: Host>(ctx: &Context<H>, since: Tick, anew: bool) -> DirChanges {
    let mut changes = DirChanges { tick: ctx.tick, reset: false, changed: Vec::new(), removed: Vec::new() };
    if anew || (since < ctx.dirs.floor && !mutant!(ctx, NoFloor)) {
        let live = ctx.dirs.iter().map(|(name, ..)| name).filter(|name| !name.is_previous());
        return DirChanges { reset: true, changed: live.cloned().collect(), ..changes };
    }
    let from = if mutant!(ctx, ChangesAfter) { since + 1 } else { since };
    for (id, _, slot) in ctx.dirs.state.changes_since(&from) {
        if slot.name.is_previous() {
            continue;
        }
        match slot.state {
            State::Live(_) => changes.changed.push(slot.name.clone()),
            State::Deleted(_) if ctx.dirs.was_there(*id, since) || mutant!(ctx, RemovedBeforeBorn) => {
                changes.removed.push(slot.name.clone());
            }
            State::Deleted(_) | State::Absent => {}
        }
    }
    changes
}

/// `anew`: a reset in any case.
pub(super) fn key_changes<H: Host>(
    ctx: &Context<H>,
    directory: &Directory<H>,
    since: Tick,
    anew: bool,
) -> Changes<H::Value> {
    let is_other = since <= directory.created && !mutant!(ctx, GenerationsMix);
    let reset = anew || is_other || (since < directory.floor && !mutant!(ctx, NoFloorOfKeys));
    let mut entries = Vec::new();
    if reset {
        let live = directory.rows.iter().filter_map(|(key, _, row)| Some((key, row.content()?)));
        entries.extend(live.map(|(key, content)| (key.clone(), content.to_vec().into_vec())));
    } else {
        for (key, _, row) in directory.rows.changes_since(&since) {
            match row.content() {
                Some(content) => entries.push((key.clone(), content.to_vec().into_vec())),
                None if directory.was_there(key, since) => entries.push((key.clone(), Vec::new())),
                None => {}
            }
        }
    }
    Changes { tick: ctx.tick, reset, removed: false, entries }
}
