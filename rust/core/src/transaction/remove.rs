//! Directories go: from outside, with the key for which a mapper made them, or with what they derive from.

use crate::Key;
use crate::context::{NameId, Reader};
use crate::directory::{Directory, Kind, Row};
use crate::dirs::{DeletedDir, Slot, State};
use crate::error::{Refusal, Result};
use crate::name::Name;
use crate::reads::Change;
use crate::store::Store;
use crate::tick_map::TickMap;
use crate::value::Host;

impl<H: Host> Store<H> {
    /// Removes a directory that no mapper owns; with `recursive` also what derives from it. Whether it was there.
    /// O(what it held).
    ///
    /// # Errors
    /// `NotFound` unless `missing_ok`; `OwnedByMapper`; `InUse`, naming the directories that derive from it;
    /// `InMapper`.
    pub fn remove_dir(&mut self, name: &Name, recursive: bool, missing_ok: bool) -> Result<bool, H> {
        if let Some(worker) = self.worker() {
            return Err(Refusal::InMapper(worker, "remove a directory").into());
        }
        let Some(id) = self.find(name) else {
            return if missing_ok { Ok(false) } else { Err(Refusal::NotFound(name.clone()).into()) };
        };
        if self.ctx.dirs.get(id).is_some_and(|directory| !directory.owners.is_top()) {
            return Err(Refusal::OwnedByMapper(name.clone()).into());
        }
        let children = self.ctx.heirs(id);
        if !children.is_empty() && !recursive {
            let by = children.iter().filter_map(|&child| self.ctx.dirs.name(child).cloned()).collect();
            return Err(Refusal::InUse { name: name.clone(), by }.into());
        }
        if children.is_empty() {
            self.take_down(id, None);
        } else {
            for id in self.with_descendants(id) {
                self.take_down(id, None);
            }
        }
        Ok(true)
    }

    /// A directory and all that derives from it, children before their parents.
    pub(crate) fn with_descendants(&self, id: NameId) -> Vec<NameId> {
        let mut order = Vec::new();
        let mut seen = std::collections::BTreeSet::from([id]);
        let mut open = vec![(id, self.ctx.heirs(id))];
        while let Some((id, children)) = open.last_mut() {
            match children.pop() {
                Some(child) if seen.insert(child) => {
                    let grandchildren = self.ctx.heirs(child);
                    open.push((child, grandchildren));
                }
                Some(_) => {}
                None => {
                    order.push(*id);
                    open.pop();
                }
            }
        }
        order
    }

    /// Removes a directory, and what mappers of its own made, however deep. `by`: the mapper that makes it anew, which
    /// is not concerned.
    pub(crate) fn take_down(&mut self, first: NameId, by: Option<&Reader>) {
        let mut open = vec![first];
        while let Some(id) = open.pop() {
            let orphans = self.take_down_one(id, if id == first { by } else { None });
            open.extend(orphans);
        }
    }

    /// Answers the directories that nobody owns any more.
    fn take_down_one(&mut self, id: NameId, by: Option<&Reader>) -> Vec<NameId> {
        let Some(slot) = self.ctx.dirs.slot(id).cloned() else { return Vec::new() };
        let State::Live(directory) = &slot.state else { return Vec::new() };
        let now = self.ctx.tick;
        self.clear_due(directory.height, id);
        self.forget_failures(id);
        let mut orphans = self.drop_trails_of(id, directory);
        orphans.extend(self.ctx.mirrors.get(&id).map(|mirror| mirror.id));
        self.set_arrows(id, directory.arrows(), false);
        // A previous directory goes with another, whose tombstone tells of it.
        let mirrored = if let Kind::Previous(of) = directory.kind { Some(of) } else { None };
        let (stamp, state) = match mirrored {
            None => (now, State::Deleted(DeletedDir { since: directory.there_since })),
            Some(of) => {
                self.set_mirror(of, None);
                (0, State::Absent)
            }
        };
        self.set_slot(id, stamp, Slot { name: slot.name.clone(), state });
        self.drop_memos(id, directory);
        self.untomb(id);
        self.forget_hooks(directory);
        self.ctx.counts.keys -= directory.rows.len();
        self.ctx.counts.key_tombstones -= directory.rows.total() - directory.rows.len();
        match by {
            // It is made anew at once: the names of the store are what they were.
            _ if mirrored.is_some() => self.generation_changed(id, None),
            Some(_) => self.generation_changed(id, by),
            None => self.existence_changed(id, None),
        }
        let arrows: Vec<(NameId, u16)> = self.ctx.arrows_of(id).map(|arrow| (arrow.child, arrow.arrow)).collect();
        for (child, arrow) in arrows {
            self.invalidate_units(child, arrow);
        }
        if mirrored.is_some() {
            self.free_name(id);
        }
        orphans
    }

    /// Made and removed before its hooks ran: neither runs.
    fn forget_hooks(&mut self, directory: &Directory<H>) {
        let &Directory { generation, created, ref kind, .. } = directory;
        let Kind::Input(Some(hooks)) = kind else { return };
        // One that was there before the transaction has had its turn: no list is looked through for it.
        let is_new = created >= self.work.base.tick;
        let waiting = if is_new { self.work.hooks.iter().rposition(|(of, _)| *of == generation) } else { None };
        match waiting {
            Some(at) => drop(self.work.hooks.remove(at)),
            None if hooks.on_delete.is_some() => self.work.hooks.push_back((0, hooks.on_delete.clone())),
            None => {}
        }
    }

    /// What the units of a directory read and made is let go.
    pub(crate) fn drop_trails(&mut self, id: NameId) {
        let Some(State::Live(directory)) = self.ctx.dirs.slot(id).map(|slot| slot.clone().state) else { return };
        for orphan in self.drop_trails_of(id, &directory) {
            self.take_down(orphan, None);
        }
    }

    fn drop_trails_of(&mut self, id: NameId, directory: &Directory<H>) -> Vec<NameId> {
        let mut orphans = Vec::new();
        let Some(derived) = directory.derived() else { return orphans };
        for (part, key, trail) in derived.each_trail() {
            let reader = Reader { dir: id, part, key: key.clone() };
            for (read, tag) in &trail.reads {
                self.drop_dependency(*read, tag, &reader);
            }
            orphans.extend(trail.created.iter().filter(|&&made| self.disown(made, &reader)));
        }
        orphans
    }

    /// A unit owns a directory no more, which goes if nobody else does.
    pub(crate) fn release(&mut self, id: NameId, reader: &Reader) {
        if self.disown(id, reader) {
            self.take_down(id, None);
        }
    }

    /// Whether nobody owns the directory any more; it then still stands.
    fn disown(&mut self, id: NameId, reader: &Reader) -> bool {
        let Some(directory) = self.ctx.dirs.get(id) else { return false };
        if !directory.owners.contains(reader) {
            return false;
        }
        match directory.owners.without(reader) {
            None => true,
            Some(owners) => {
                self.edit_whole(id, |directory| directory.owners = owners);
                false
            }
        }
    }

    /// What failed of a directory counts no more.
    pub(crate) fn forget_failures(&mut self, id: NameId) {
        if !self.work.failed.is_empty() {
            let first = Reader { dir: id, part: 0, key: Key::NONE };
            let failed: Vec<Reader> =
                self.work.failed.range(first..).map(|(at, _)| at).take_while(|at| at.dir == id).cloned().collect();
            for at in failed {
                self.forget_failure(&at);
            }
        }
    }

    /// The rows of a directory that was made anew in place are gone: those who read them are concerned.
    pub(crate) fn drop_rows(&mut self, id: NameId, rows: &TickMap<Key, Row<H::Value>>) {
        let mut left = rows.len();
        self.ctx.counts.keys -= rows.len();
        self.ctx.counts.key_tombstones -= rows.total() - rows.len();
        self.untomb(id);
        for (key, _, row) in rows {
            if row.content().is_some() {
                let change = Change { before: left, after: left - 1 };
                left -= 1;
                self.row_changed(id, key, change);
            }
        }
    }
}
