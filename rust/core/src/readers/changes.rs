//! What changed since a tick.

use crate::Key;
use crate::context::{Context, NameId};
use crate::dirs::State;
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

/// Rows that changed; a removed key has no values.
#[derive(Clone, Debug)]
pub struct Changes<V> {
    pub tick: Tick,
    /// `entries` is all there is.
    pub reset: bool,
    pub entries: Vec<(Key, Vec<V>)>,
}

impl<H: Host> Version<H> {
    /// Directories that changed at `since` or later: exact if since is at least the floor, else a reset.
    /// O((c + 1) log n) for c changes.
    #[must_use]
    pub fn changes(&self, since: Tick) -> DirChanges {
        let ctx = &self.0;
        if since < ctx.dirs.floor {
            return DirChanges { tick: ctx.tick, reset: true, changed: self.names(), removed: Vec::new() };
        }
        let mut changes = DirChanges { tick: ctx.tick, reset: false, changed: Vec::new(), removed: Vec::new() };
        for (id, _, slot) in ctx.dirs.state.changes_since(&since) {
            if slot.name.is_previous() {
                continue;
            }
            match slot.state {
                State::Live(_) => changes.changed.push(slot.name.clone()),
                State::Deleted(_) if ctx.dirs.was_there(*id, since) => changes.removed.push(slot.name.clone()),
                State::Deleted(_) | State::Absent => {}
            }
        }
        changes
    }

    /// Rows of a directory that changed at `since` or later: exact if since is at least its floor and greater than its
    /// `created`, else a reset. O((c + 1) log n) for c changes.
    #[must_use]
    pub fn key_changes(&self, id: NameId, since: Tick) -> Option<Changes<H::Value>> {
        key_changes(&self.0, id, since)
    }
}

fn key_changes<H: Host>(ctx: &Context<H>, id: NameId, since: Tick) -> Option<Changes<H::Value>> {
    let directory = ctx.dirs.get(id)?;
    let reset = since < directory.floor || since <= directory.created;
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
    Some(Changes { tick: ctx.tick, reset, entries })
}
