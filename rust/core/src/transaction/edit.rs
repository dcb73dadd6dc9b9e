//! Every change of a version goes through here: the edit, its entry in the journal, and the counts.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::Key;
use crate::cascade::FAR;
use crate::context::{ArrowKey, NameId, Reader};
use crate::directory::{
    Content, DirKind, Directory, Group, KeyTombs, Lives, Member, Memo, Mirror, Outs, Pending, Ranked, Row, Source,
    Trail, Upper, Vals, ValueVec,
};
use crate::dirs::{Since, Slot, State};
use crate::error::Result;
use crate::mutants::mutant;
use crate::name::Name;
use crate::reads::{Change, Tag};
use crate::store::Store;
use crate::tick::Tick;
use crate::tick_map::{Place, TickMap};
use crate::value::{Host, Verdicts};

use super::journal::{Undo, put};

/// What a row is to have: `None` for all to stay as it is, `Some(None)` for no row.
pub(crate) type NewContent<H> = Option<Option<Content<<H as Host>::Value>>>;

/// After so many edits the host may breathe. They take a fraction of a millisecond, mostly.
const STRETCH: u32 = if cfg!(test) { 8 } else { 1 << 12 };

impl<H: Host> Store<H> {
    /// Looks at what a key has, and sets its values, or removes it, stamped with the present tick. The function answers what
    /// to set, or `None` to leave all as it is; whether anything was set. A removed key leaves its tombstone; the end of the
    /// round decides whether anyone needs it.
    ///
    /// # Errors
    /// What the function answers, with nothing changed.
    pub(crate) fn put_row_with(
        &mut self,
        dir: NameId,
        key: &Key,
        content: impl FnOnce(&Verdicts<H>, Option<&Content<H::Value>>) -> Result<NewContent<H>, H>,
    ) -> Result<bool, H> {
        let Some(directory) = self.ctx.dirs.get(dir) else { return Ok(false) };
        let (place, there) = directory.rows.locate(key, self.last_row.guess(key));
        let content = content(&self.verdicts, there.and_then(|(_, row)| row.content()))?;
        let Some(content) = content.filter(|content| content.is_some() || place.is_live()) else { return Ok(false) };
        let was = there.map(|(stamp, row)| (*stamp, row.since()));
        self.put_row_at(dir, key, &place, was, content);
        Ok(true)
    }

    /// Sets the values of a key, or removes it, where they are known to differ from what is there.
    pub(crate) fn put_row(&mut self, dir: NameId, key: &Key, content: Option<Content<H::Value>>) {
        // The function refuses nothing.
        drop(self.put_row_with(dir, key, |_, _| Ok(Some(content))));
    }

    /// Sets the values of a key, or removes a live one, stamped with the present tick. `place`: where it stands; `was`: its
    /// stamp, and since when it is there. (Not inlined: what is generic in a write ends here.)
    #[inline(never)]
    fn put_row_at(
        &mut self,
        dir: NameId,
        key: &Key,
        place: &Place,
        was: Option<(Tick, Tick)>,
        content: Option<Content<H::Value>>,
    ) {
        self.last_row.note(key, place);
        match (was, content) {
            (Some((stamp, since)), Some(content)) if place.is_live() => {
                self.replace_row(dir, key, place, stamp, Row::Live { since, content });
            }
            (was, content) => self.put_any_row(dir, key, place, was, content),
        }
    }

    /// A live row in place of a live one, as nearly all writes are. `stamp`: the one that is there.
    fn replace_row(&mut self, dir: NameId, key: &Key, place: &Place, stamp: Tick, row: Row<H::Value>) {
        let now = self.ctx.tick;
        let Some(directory) = self.ctx.dir_mut(dir) else { return };
        let old = directory.rows.set_at(key, place, now, row);
        let live = directory.rows.len();
        if stamp == now {
            self.work.retouched.insert((dir, key.clone()));
        }
        self.work.journal.push(Undo::Row { dir, key: key.clone(), old, live: true });
        self.tire();
        if live >= FAR {
            self.fetch_leaves(dir, key);
        }
        self.row_changed(dir, key, Change { before: live, after: live });
    }

    /// The same as [`Store::put_row_at`], for keys that come and go as well.
    #[inline(never)]
    fn put_any_row(
        &mut self,
        dir: NameId,
        key: &Key,
        place: &Place,
        was: Option<(Tick, Tick)>,
        content: Option<Content<H::Value>>,
    ) {
        let (now, first) = (self.ctx.tick, self.work.base.tick);
        let live = content.is_some();
        let mut lagging: Option<(Tick, Tick)> = None;
        let mut revived: Option<Tick> = None;
        let since = match was {
            None => now,
            Some((_, since)) if place.is_live() => since,
            // Removed in this transaction: the older life goes on.
            Some((removed, since)) if removed >= first => {
                revived = (removed < now).then_some(removed);
                since
            }
            // Removed before: both lives are remembered while a reader between them needs it.
            Some((removed, since)) => {
                lagging = Some((since, removed));
                now
            }
        };
        let row = match content {
            Some(content) => Row::Live { since, content },
            None => Row::Deleted { since },
        };
        let Some(directory) = self.ctx.dir_mut(dir) else { return };
        let before = (directory.rows.len(), directory.rows.total());
        let old = directory.rows.set_at(key, place, now, row);
        // A key that comes back is spelled as it comes (1.0, say, where 1 was removed): a tombstone keeps no key.
        let mut spelled = None;
        if live
            && matches!(old, Some((_, Row::Deleted { .. })))
            && let Some((was, stamp, row)) = directory.rows.remove(key)
        {
            directory.rows.set(key.clone(), stamp, row);
            spelled = Some(was);
        }
        let after = (directory.rows.len(), directory.rows.total());
        self.ctx.counts.keys = self.ctx.counts.keys + after.0 - before.0;
        self.ctx.counts.key_tombstones = self.ctx.counts.key_tombstones + (after.1 - after.0) - (before.1 - before.0);
        if old.as_ref().is_some_and(|(stamp, _)| *stamp == now) {
            self.work.retouched.insert((dir, key.clone()));
        }
        self.work.journal.push(Undo::Row { dir, key: spelled.unwrap_or_else(|| key.clone()), old, live });
        self.tire();
        if let Some(life) = lagging.filter(|_| !mutant!(self.ctx, TombstoneOfKeyOverwritten)) {
            self.edit_tombs(dir, |tombs| {
                let mut lives = tombs.earlier.get(key).cloned().unwrap_or_default();
                lives.0.push(life);
                tombs.earlier.set(key.clone(), (), lives);
            });
        }
        if let Some(removed) = revived {
            self.edit_tombs(dir, |tombs| drop(tombs.queue.remove(&(removed, key.clone()))));
        }
        self.row_changed(dir, key, Change { before: before.0, after: after.0 });
    }

    /// Takes a row out of the map, or puts it back as it was, without any trace: what the end of a round and the purge
    /// do. Wakes nobody.
    pub(crate) fn restore_row(&mut self, dir: NameId, key: &Key, entry: Option<(Tick, Row<H::Value>)>) {
        let live = entry.as_ref().is_some_and(|(_, row)| row.content().is_some());
        let done = self.ctx.edit_dir(dir, |directory| {
            let before = (directory.rows.len(), directory.rows.total() - directory.rows.len());
            let (spelled, old) = if entry.is_some() {
                (key.clone(), put(&mut directory.rows, key.clone(), entry))
            } else {
                let (spelled, stamp, row) = directory.rows.remove(key)?;
                (spelled, Some((stamp, row)))
            };
            Some((spelled, old, before, (directory.rows.len(), directory.rows.total() - directory.rows.len())))
        });
        let Some((spelled, old, before, after)) = done.flatten() else { return };
        self.ctx.counts.keys = self.ctx.counts.keys + after.0 - before.0;
        self.ctx.counts.key_tombstones = self.ctx.counts.key_tombstones + after.1 - before.1;
        self.log(Undo::Row { dir, key: spelled, old, live });
    }

    /// Outside of a transaction (a purge by a reader that moved on) there is nothing to go back to.
    fn log(&mut self, undo: Undo<H>) {
        if self.open {
            self.work.wrote_only &= matches!(undo, Undo::Row { .. } | Undo::Unit { .. } | Undo::Stamp { .. });
            self.work.journal.push(undo);
        } else {
            self.account_stray(&undo);
        }
        self.tire();
    }

    /// An edit was made. After many of them the host may breathe.
    fn tire(&mut self) {
        self.edits = self.edits.wrapping_add(1);
        if self.edits.is_multiple_of(STRETCH) {
            H::breathe(self.edits > STRETCH);
        }
    }

    /// The host has just taken what others may wait for: edits are counted from here.
    #[inline]
    pub const fn rested(&mut self) {
        self.edits = 0;
    }

    /// Changes what is remembered of removed keys; the purge looks at it when it would have anyway.
    pub(crate) fn edit_tombs(&mut self, dir: NameId, edit: impl FnOnce(&mut KeyTombs)) {
        self.edit_tombs_from(dir, Tick::MAX, edit);
    }

    /// The same; the purge is to look at what was removed then.
    fn edit_tombs_from(&mut self, dir: NameId, from: Tick, edit: impl FnOnce(&mut KeyTombs)) {
        // What is noted is a whole clone: one at each edit would have each edit copy what the clone shares.
        let (open, epoch) = (self.open, if self.open { self.epoch() } else { 0 });
        let done = self.ctx.edit_dir(dir, |directory| {
            let is_noted = open && directory.tombs.as_ref().is_some_and(|tombs| tombs.noted == epoch);
            let old = (!is_noted).then(|| (directory.floor, if open { directory.tombs.clone() } else { None }));
            let mut tombs = directory.tombs.take().unwrap_or_default();
            let edited = Arc::make_mut(&mut tombs);
            edited.noted = epoch;
            edit(edited);
            let any = !tombs.queue.is_empty();
            directory.tombs = any.then_some(tombs);
            (old, any)
        });
        let Some((old, any)) = done else { return };
        if let Some((floor, old)) = old {
            self.log(Undo::Tombs { dir, floor, old });
        }
        let look = self.ctx.tombed.get_entry(&dir).map_or(Tick::MAX, |(_, Reverse(look), ())| *look);
        self.set_tombed(dir, any.then_some(look.min(from)));
    }

    /// A tombstone of a key is there to be purged.
    pub(crate) fn queue_tomb(&mut self, dir: NameId, at: (Tick, Key)) {
        self.edit_tombs_from(dir, at.0, |tombs| {
            tombs.queue.set(at, (), ());
        });
    }

    pub(crate) fn raise_key_floor(&mut self, dir: NameId, floor: Tick) {
        let done = self.ctx.edit_dir(dir, |directory| {
            let old = (directory.floor, directory.tombs.clone());
            directory.floor = directory.floor.max(floor);
            old
        });
        if let Some((floor, old)) = done {
            self.log(Undo::Tombs { dir, floor, old });
        }
    }

    /// A directory has no tombstones any more, because it is gone or of a new generation.
    pub(crate) fn untomb(&mut self, dir: NameId) {
        self.set_tombed(dir, None);
    }

    /// Notes the oldest tombstone of a key of a directory that the purge has yet to look at; `None`: it has none.
    pub(crate) fn set_tombed(&mut self, dir: NameId, oldest: Option<Tick>) {
        let was = self.ctx.tombed.get_entry(&dir).map(|(_, Reverse(was), ())| *was);
        if was != oldest {
            put(&mut self.ctx.tombed, dir, oldest.map(|oldest| (Reverse(oldest), ())));
            self.log(Undo::Tombed { dir, was });
        }
    }

    pub(crate) fn set_unit(&mut self, reader: &Reader, outs: Option<Outs<H::Value>>) {
        let old = self.ctx.put_unit(reader.dir, reader.part, reader.key.clone(), outs);
        self.log_unit(reader, old);
    }

    pub(crate) fn set_trail(&mut self, reader: &Reader, trail: Option<Arc<Trail>>) {
        let old = self.ctx.put_trail(reader.dir, reader.part, reader.key.clone(), trail);
        self.log(Undo::Trail { dir: reader.dir, arrow: reader.part, key: reader.key.clone(), old });
    }

    /// What a unit gave has been edited in place.
    pub(crate) fn log_unit(&mut self, reader: &Reader, old: Option<Outs<H::Value>>) {
        self.log(Undo::Unit { dir: reader.dir, arrow: reader.part, key: reader.key.clone(), old });
    }

    pub(crate) fn set_group(&mut self, dir: NameId, key: &Key, group: Option<Group<H::Value>>) {
        let entry = group.map(|group| ((), group));
        let old = self.ctx.edit_folding(dir, |folding| put(&mut folding.groups, key.clone(), entry)).flatten();
        self.log_group(dir, key, old.map(|((), group)| group));
    }

    /// What is known of a folded key has been edited in place.
    pub(crate) fn log_group(&mut self, dir: NameId, key: &Key, old: Option<Group<H::Value>>) {
        self.log(Undo::Group { dir, key: key.clone(), old: old.map(Box::new) });
    }

    pub(crate) fn set_sorted(&mut self, dir: NameId, key: Ranked, member: Option<Member<H::Value>>) {
        let entry = member.map(|member| ((), member));
        let old = self.ctx.edit_folding(dir, |folding| put(&mut folding.sorted, key.clone(), entry)).flatten();
        self.log(Undo::Sorted { dir, key: Box::new(key), old: old.map(|((), member)| member) });
    }

    pub(crate) fn set_member(&mut self, dir: NameId, key: (Key, Source), values: Option<Vals<H::Value>>) {
        let entry = values.map(|values| ((), values));
        let old = self
            .ctx
            .edit_folding(dir, |folding| folding.members.as_mut().and_then(|members| put(members, key.clone(), entry)))
            .flatten();
        self.log(Undo::Member { dir, key: Box::new(key), old: old.map(|((), values)| values) });
    }

    pub(crate) fn set_pending(&mut self, dir: NameId, key: (Key, Source), pending: Option<Pending<H::Value>>) {
        let entry = pending.map(|pending| ((), pending));
        let old = self.ctx.edit_folding(dir, |folding| put(&mut folding.pending, key.clone(), entry)).flatten();
        self.log(Undo::Pending { dir, key: Box::new(key), old: old.map(|((), pending)| pending) });
    }

    /// From now on the directory keeps all values by group and source. O(values), once in its life.
    pub(crate) fn collect_members(&mut self, dir: NameId) {
        let Some(derived) = self.ctx.derived(dir) else { return };
        let mut collected: std::collections::BTreeMap<(Key, Source), ValueVec<H::Value>> =
            std::collections::BTreeMap::new();
        for (units, arrow) in derived.units.iter().zip(0u16..) {
            for (key, (), outs) in units {
                for (group, value) in outs.iter() {
                    let at = (group.clone(), derived.source(arrow, key));
                    collected.entry(at).or_default().push(value.clone());
                }
            }
        }
        let entries = collected.into_iter().filter_map(|(at, values)| Some((at, (), Vals::from_vec(values)?)));
        let members = TickMap::from_sorted(entries);
        self.edit_whole(dir, |directory| {
            if let Some(folding) = directory.derived_mut().and_then(|derived| derived.folding.as_deref_mut()) {
                folding.members = Some(members);
            }
        });
    }

    /// A rare change of a directory: the journal keeps the whole of what was.
    pub(crate) fn edit_whole(&mut self, id: NameId, edit: impl FnOnce(&mut Directory<H>)) {
        let Some((_, &stamp, slot)) = self.ctx.dirs.state.get_entry(&id) else { return };
        self.fan_outs.forget();
        let old = Some((stamp, slot.clone()));
        self.ctx.edit_dir(id, edit);
        self.log(Undo::Slot { id, old });
    }

    /// Puts a slot into the state map.
    pub(crate) fn set_slot(&mut self, id: NameId, stamp: Tick, slot: Slot<H>) {
        self.put_slot(id, Some((stamp, slot)));
    }

    fn put_slot(&mut self, id: NameId, entry: Option<(Tick, Slot<H>)>) {
        let count = |entry: Option<&Slot<H>>| match entry.map(|slot| &slot.state) {
            // A previous directory belongs to another, and does not count.
            Some(State::Live(directory)) => (usize::from(directory.kind() != DirKind::Previous), 0),
            Some(State::Deleted(_)) => (0, 1),
            _ => (0, 0),
        };
        self.fan_outs.forget();
        let now = count(entry.as_ref().map(|(_, slot)| slot));
        let old = put(&mut self.ctx.dirs.state, id, entry);
        let was = count(old.as_ref().map(|(_, slot)| slot));
        self.ctx.counts.dirs = self.ctx.counts.dirs + now.0 - was.0;
        self.ctx.counts.dir_tombstones = self.ctx.counts.dir_tombstones + now.1 - was.1;
        self.log(Undo::Slot { id, old });
    }

    /// A directory changed in this round; whether it is live.
    pub(crate) fn stamp_dir(&mut self, id: NameId) -> bool {
        let old = self.ctx.dirs.state.stamp_live(&id, self.ctx.tick);
        if let Some(old) = old {
            self.log(Undo::Stamp { id, old });
        }
        old.is_some()
    }

    /// The number of a name, which is interned if it is not yet. Whoever does not use it calls `free_name`.
    pub(crate) fn intern(&mut self, name: &Name) -> NameId {
        let id = self.number(name);
        if self.ctx.dirs.slot(id).is_none() {
            self.put_slot(id, Some((0, Slot { name: name.clone(), state: State::Absent })));
        }
        id
    }

    /// The same, where the caller sets the slot of a name that was not interned (dirs 4).
    pub(crate) fn number(&mut self, name: &Name) -> NameId {
        if let Some(id) = self.ctx.dirs.id(name) {
            return id;
        }
        let id = NameId(self.ctx.counts.next_name);
        self.ctx.counts.next_name += 1;
        self.ctx.counts.previous_names += usize::from(name.is_previous());
        self.ctx.dirs.set_name(name, id, true);
        self.log(Undo::Name { name: name.clone(), id, was: false });
        id
    }

    /// Frees names that nothing uses any more.
    pub(crate) fn free_names(&mut self, ids: impl Iterator<Item = NameId>) {
        for id in ids {
            self.free_name(id);
        }
    }

    pub(crate) fn free_name(&mut self, id: NameId) {
        let Some(slot) = self.ctx.dirs.slot(id) else { return };
        if matches!(slot.state, State::Absent) && !self.is_in_use(id) {
            let name = slot.name.clone();
            self.drop_name(id, name);
        }
    }

    /// Nothing is remembered of the directory that bore a name; the name stays if anything uses it.
    pub(crate) fn leave_name(&mut self, id: NameId) {
        let Some(name) = self.ctx.dirs.name(id).cloned() else { return };
        if self.is_in_use(id) {
            self.set_slot(id, 0, Slot { name, state: State::Absent });
        } else {
            self.drop_name(id, name);
        }
    }

    /// Whether a name is used by anything but a directory or its tombstone.
    fn is_in_use(&self, id: NameId) -> bool {
        self.ctx.dependencies.any(id)
            || self.ctx.arrows_of(id).next().is_some()
            || self.ctx.dirs.earlier.range(&(id, 0)..=&(id, Tick::MAX)).next().is_some()
            || self.work.frames.iter().any(|frame| frame.reads.iter().any(|(read, _)| *read == id))
    }

    fn drop_name(&mut self, id: NameId, name: Name) {
        if mutant!(self.ctx, FreedNameKept) {
            std::mem::forget(name.clone());
        }
        self.ctx.counts.previous_names -= usize::from(name.is_previous());
        self.ctx.dirs.set_name(&name, id, false);
        self.log(Undo::Name { name, id, was: true });
        self.put_slot(id, None);
    }

    pub(crate) fn add_dependency(&mut self, dir: NameId, tag: &Tag, reader: &Reader) {
        self.ctx.dependencies.add(dir, tag, reader);
        self.fan_outs.read(dir);
        self.log(Undo::Dependency { dir, tag: Box::new(tag.clone()), reader: Box::new(reader.clone()), was: false });
    }

    pub(crate) fn drop_dependency(&mut self, dir: NameId, tag: &Tag, reader: &Reader) {
        self.ctx.dependencies.remove(dir, tag, reader);
        self.fan_outs.unread(dir);
        self.log(Undo::Dependency { dir, tag: Box::new(tag.clone()), reader: Box::new(reader.clone()), was: true });
        if let Tag::Key(key) = tag
            && self.ctx.counts.lazy_keys > 0
        {
            self.reconsider_memo(dir, key);
        }
        self.free_name(dir);
    }

    /// A lazy key lost a reader: if that was the last, it may be dropped for going unread.
    fn reconsider_memo(&mut self, dir: NameId, key: &Key) {
        let Some(lazy) = self.lazy(dir).filter(|lazy| !lazy.keep) else { return };
        let Some(used) = lazy.memos.get(key).map(|memo| memo.used) else { return };
        if self.ctx.dependencies.readers_of_key(dir, key).is_empty() {
            self.set_use((used, dir, key.clone()), true);
        }
    }

    pub(crate) fn set_use(&mut self, at: (u64, NameId, Key), is: bool) {
        let was = put(&mut self.ctx.uses, at.clone(), is.then_some(((), ()))).is_some();
        if was != is {
            self.log(Undo::Use { at: Box::new(at), was });
        }
    }

    /// Remembers or forgets a lazy key, with the dependencies that its trail says.
    pub(crate) fn set_memo(&mut self, reader: &Reader, memo: Option<Memo<H::Value>>) {
        let (dir, key) = (reader.dir, &reader.key);
        let Some(keep) = self.lazy(dir).map(|lazy| lazy.keep) else { return };
        let new = memo.as_ref().map(|memo| (memo.used, memo.trail.clone()));
        let old = self.ctx.put_memo(dir, key.clone(), memo);
        self.ctx.counts.lazy_keys = self.ctx.counts.lazy_keys + usize::from(new.is_some()) - usize::from(old.is_some());
        let before = old.as_ref().map(|memo| (memo.used, memo.trail.clone()));
        self.log(Undo::Memo { dir, key: key.clone(), old });
        let used = |memo: &Option<(u64, Option<Arc<Trail>>)>| memo.as_ref().map(|(used, _)| *used);
        if used(&before) != used(&new) {
            if let Some(used) = used(&before) {
                self.set_use((used, dir, key.clone()), false);
            }
            if let Some(used) = used(&new).filter(|_| !keep) {
                self.set_use((used, dir, key.clone()), true);
            }
        }
        let (before, new) = (before.and_then(|(_, trail)| trail), new.and_then(|(_, trail)| trail));
        if let (Some(before), Some(new)) = (&before, &new)
            && Arc::ptr_eq(before, new)
        {
            return;
        }
        let none: &[(NameId, Tag)] = &[];
        let reads = |trail: &Option<Arc<Trail>>| trail.as_ref().map_or(none.to_vec(), |trail| trail.reads.clone());
        let (before, new) = (reads(&before), reads(&new));
        for (of, tag) in new.iter().filter(|read| before.binary_search(read).is_err()) {
            self.add_dependency(*of, tag, reader);
        }
        for (of, tag) in before.iter().filter(|read| new.binary_search(read).is_err()) {
            self.drop_dependency(*of, tag, reader);
        }
    }

    pub(crate) fn set_arrow(&mut self, key: ArrowKey, upper: Upper, is: bool) {
        self.fan_outs.forget();
        put(&mut self.ctx.arrows, key.clone(), is.then(|| ((key.parent, upper.clone()), ())));
        let parent = key.parent;
        self.log(Undo::Arrow { key: Box::new(key), upper, was: !is });
        if !is {
            self.free_name(parent);
        }
    }

    /// Remembers or forgets an earlier life of a name.
    pub(crate) fn set_earlier(&mut self, id: NameId, removed: Tick, since: Option<Tick>) {
        let entry = since.map(|since| ((), Since(since)));
        let old = put(&mut self.ctx.dirs.earlier, (id, removed), entry).map(|((), since)| since);
        self.log(Undo::Earlier { key: (id, removed), old });
    }

    pub(crate) fn set_mirror(&mut self, of: NameId, mirror: Option<Mirror>) {
        let entry = mirror.map(|mirror| (!mirror.lag.is_empty(), mirror));
        let old = put(&mut self.ctx.mirrors, of, entry);
        self.log(Undo::Mirror { of, old });
    }

    pub(crate) fn set_queued(&mut self, removed: Tick, id: NameId, is: bool) {
        let was = put(&mut self.ctx.dirs.queue, (removed, id), is.then_some(((), ()))).is_some();
        self.log(Undo::Queue { key: (removed, id), was });
    }

    /// Remembers one more life of a key of a directory, or takes back the last.
    pub(crate) fn take_last_life(&mut self, dir: NameId, key: &Key) -> Option<(Tick, Tick)> {
        let tombs = self.ctx.dirs.get(dir)?.tombs.as_ref()?;
        let mut lives: Lives = tombs.earlier.get(key)?.clone();
        let last = lives.0.pop()?;
        self.edit_tombs(dir, |tombs| {
            if lives.0.is_empty() {
                tombs.earlier.remove(key);
            } else {
                tombs.earlier.set(key.clone(), (), lives);
            }
        });
        Some(last)
    }
}
