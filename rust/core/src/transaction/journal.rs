//! The journal: how an open transaction goes back.
//!
//! A transaction edits the one context in place, which copies nothing while nobody shares it. Each edit notes what
//! stood there before ([`Undo`]); `go_back` replays that, latest first. A rollback does so on the context itself, a
//! savepoint down to its mark, and a reader on another thread that comes in the middle on a clone. Since undoing starts
//! from exactly the state that an edit left, each entry need only know its own place.
//!
//! The journal is also the record of what a round touched, from which its end finds what changed; and it holds the
//! values that were replaced, so that no destructor runs before the host drops the journal with no lock held.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::Key;
use crate::cascade::Due;
use crate::context::{ArrowKey, Context, Counts, NameId, Reader};
use crate::directory::{
    Content, Derived, Directory, Fold, Folding, Group, KeyTombs, Member, Mirror, Outs, Pending, Ranked, Row, Source,
    Trail, Upper, Vals,
};
use crate::directory::{Kind, Memo};
use crate::dirs::{Since, Slot, State};
use crate::name::Name;
use crate::reads::Tag;
use crate::tick::Tick;
use crate::tick_map::{Held, Sought, TickMap};
use crate::value::{Host, Value};

/// What stood where an edit was made.
pub(crate) enum Undo<H: Host> {
    /// `live`: whether the edit left values there; over a tombstone, `key` is as that spelled it.
    Row {
        dir: NameId,
        key: Key,
        old: Option<(Tick, Row<H::Value>)>,
        live: bool,
    },
    Unit {
        dir: NameId,
        arrow: u16,
        key: Key,
        old: Option<Outs<H::Value>>,
    },
    Trail {
        dir: NameId,
        arrow: u16,
        key: Key,
        old: Option<Arc<Trail>>,
    },
    /// A unit that gave an int to a folded key, and gives another to the same: the sum follows it back.
    Summed {
        dir: NameId,
        arrow: u16,
        key: Key,
        old: Outs<H::Value>,
    },
    Group {
        dir: NameId,
        key: Key,
        old: Option<Box<Group<H::Value>>>,
    },
    Sorted {
        dir: NameId,
        key: Box<Ranked>,
        old: Option<Member<H::Value>>,
    },
    Member {
        dir: NameId,
        key: Box<(Key, Source)>,
        old: Option<Vals<H::Value>>,
    },
    Pending {
        dir: NameId,
        key: Box<(Key, Source)>,
        old: Option<Pending<H::Value>>,
    },
    Tombs {
        dir: NameId,
        floor: Tick,
        old: Option<Arc<KeyTombs>>,
    },
    Tombed {
        dir: NameId,
        was: Option<Tick>,
    },
    Slot {
        id: NameId,
        old: Option<(Tick, Slot<H>)>,
    },
    Stamp {
        id: NameId,
        old: Tick,
    },
    Name {
        name: Name,
        id: NameId,
        was: bool,
    },
    Earlier {
        key: (NameId, Tick),
        old: Option<Since>,
    },
    Queue {
        key: (Tick, NameId),
        was: bool,
    },
    Mirror {
        of: NameId,
        old: Option<(bool, Mirror)>,
    },
    Memo {
        dir: NameId,
        key: Key,
        old: Option<Memo<H::Value>>,
    },
    Use {
        at: Box<(u64, NameId, Key)>,
        was: bool,
    },
    Arrow {
        key: Box<ArrowKey>,
        upper: Upper,
        was: bool,
    },
    Dependency {
        dir: NameId,
        tag: Box<Tag>,
        reader: Box<Reader>,
        was: bool,
    },
    /// Of the queue of what is due, which is no part of the version; noted only where there is a savepoint.
    Due {
        due: Box<Due>,
        was: bool,
    },
}

impl<H: Host> Undo<H> {
    /// The directory of which it is an edit.
    pub(crate) const fn dir(&self) -> Option<NameId> {
        match self {
            Undo::Row { dir, .. }
            | Undo::Unit { dir, .. }
            | Undo::Trail { dir, .. }
            | Undo::Summed { dir, .. }
            | Undo::Group { dir, .. }
            | Undo::Sorted { dir, .. }
            | Undo::Member { dir, .. }
            | Undo::Pending { dir, .. }
            | Undo::Tombs { dir, .. }
            | Undo::Memo { dir, .. } => Some(*dir),
            Undo::Slot { id, .. } => Some(*id),
            _ => None,
        }
    }
}

impl<H: Host> Undo<H> {
    /// The value that was replaced, where nothing else in it is for the host to drop; else itself.
    #[inline]
    pub(crate) fn into_value(self) -> Result<Option<H::Value>, Self> {
        match self {
            Undo::Stamp { .. } => Ok(None),
            Undo::Row { old: Some((_, Row::Live { content: Content::Plain(Vals::One(value)), .. })), .. }
            | Undo::Unit { old: Some(Outs::One(_, value)), .. }
            | Undo::Summed { old: Outs::One(_, value), .. } => Ok(Some(value)),
            undo => Err(undo),
        }
    }
}

impl<H: Host> Clone for Undo<H> {
    fn clone(&self) -> Self {
        match self {
            Undo::Row { dir, key, old, live } => {
                Undo::Row { dir: *dir, key: key.clone(), old: old.clone(), live: *live }
            }
            Undo::Unit { dir, arrow, key, old } => {
                Undo::Unit { dir: *dir, arrow: *arrow, key: key.clone(), old: old.clone() }
            }
            Undo::Trail { dir, arrow, key, old } => {
                Undo::Trail { dir: *dir, arrow: *arrow, key: key.clone(), old: old.clone() }
            }
            Undo::Summed { dir, arrow, key, old } => {
                Undo::Summed { dir: *dir, arrow: *arrow, key: key.clone(), old: old.clone() }
            }
            Undo::Group { dir, key, old } => Undo::Group { dir: *dir, key: key.clone(), old: old.clone() },
            Undo::Sorted { dir, key, old } => Undo::Sorted { dir: *dir, key: key.clone(), old: old.clone() },
            Undo::Member { dir, key, old } => Undo::Member { dir: *dir, key: key.clone(), old: old.clone() },
            Undo::Pending { dir, key, old } => Undo::Pending { dir: *dir, key: key.clone(), old: old.clone() },
            Undo::Tombs { dir, floor, old } => Undo::Tombs { dir: *dir, floor: *floor, old: old.clone() },
            Undo::Tombed { dir, was } => Undo::Tombed { dir: *dir, was: *was },
            Undo::Slot { id, old } => Undo::Slot { id: *id, old: old.clone() },
            Undo::Stamp { id, old } => Undo::Stamp { id: *id, old: *old },
            Undo::Name { name, id, was } => Undo::Name { name: name.clone(), id: *id, was: *was },
            Undo::Earlier { key, old } => Undo::Earlier { key: *key, old: *old },
            Undo::Queue { key, was } => Undo::Queue { key: *key, was: *was },
            Undo::Mirror { of, old } => Undo::Mirror { of: *of, old: old.clone() },
            Undo::Memo { dir, key, old } => Undo::Memo { dir: *dir, key: key.clone(), old: old.clone() },
            Undo::Use { at, was } => Undo::Use { at: at.clone(), was: *was },
            Undo::Arrow { key, upper, was } => Undo::Arrow { key: key.clone(), upper: upper.clone(), was: *was },
            Undo::Dependency { dir, tag, reader, was } => {
                Undo::Dependency { dir: *dir, tag: tag.clone(), reader: reader.clone(), was: *was }
            }
            Undo::Due { due, was } => Undo::Due { due: due.clone(), was: *was },
        }
    }
}

/// What is kept of a version beside the journal: that which is small enough to be kept whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base {
    pub(crate) tick: Tick,
    pub(crate) counts: Counts,
    pub(crate) floor: Tick,
}

impl Base {
    pub(crate) const fn of<H: Host>(ctx: &Context<H>) -> Self {
        Base { tick: ctx.tick, counts: ctx.counts, floor: ctx.dirs.floor }
    }

    pub(crate) const fn restore<H: Host>(self, ctx: &mut Context<H>) {
        ctx.tick = self.tick;
        ctx.counts = self.counts;
        ctx.dirs.floor = self.floor;
    }
}

/// Puts what was there back into its place, or takes what was not there out of it; what stood there is answered.
pub(crate) fn put<K, V, T>(map: &mut TickMap<K, V, T>, key: K, entry: Option<(T, V)>) -> Option<(T, V)>
where
    K: Sought + Clone,
    V: Held + Clone,
    T: Ord + Clone,
{
    match entry {
        Some((stamp, value)) => map.set(key, stamp, value),
        None => map.remove(&key).map(|(_, stamp, value)| (stamp, value)),
    }
}

fn mark<K: Sought + Clone, T: Ord + Clone>(map: &mut TickMap<K, (), T>, key: K, stamp: T, there: bool) {
    put(map, key, there.then_some((stamp, ())));
}

impl<H: Host> Context<H> {
    /// A live directory, to be changed in place without stamping it. (Not inlined: every edit comes through here.)
    #[inline(never)]
    pub(crate) fn dir_mut(&mut self, id: NameId) -> Option<&mut Directory<H>> {
        let State::Live(directory) = &mut self.dirs.state.get_mut(&id)?.state else { return None };
        Some(triomphe::Arc::make_mut(directory))
    }

    /// Changes a live directory in place, without stamping it. `None` where there is none.
    pub(crate) fn edit_dir<R>(&mut self, id: NameId, edit: impl FnOnce(&mut Directory<H>) -> R) -> Option<R> {
        self.dir_mut(id).map(edit)
    }

    pub(crate) fn edit_derived<R>(&mut self, id: NameId, edit: impl FnOnce(&mut Derived<H>) -> R) -> Option<R> {
        self.edit_dir(id, |directory| directory.derived_mut().map(edit)).flatten()
    }

    pub(crate) fn edit_folding<R>(&mut self, id: NameId, edit: impl FnOnce(&mut Folding<H>) -> R) -> Option<R> {
        self.edit_derived(id, |derived| derived.folding.as_deref_mut().map(edit)).flatten()
    }

    /// Sets or removes what a unit gave; what was there.
    pub(crate) fn put_unit(
        &mut self,
        dir: NameId,
        arrow: u16,
        key: Key,
        outs: Option<Outs<H::Value>>,
    ) -> Option<Outs<H::Value>> {
        self.edit_derived(dir, |derived| {
            let units = derived.units.get_mut(usize::from(arrow))?;
            put(units, key, outs.map(|outs| ((), outs))).map(|((), outs)| outs)
        })
        .flatten()
    }

    /// Sets or removes what a unit read and made; what was there.
    pub(crate) fn put_trail(
        &mut self,
        dir: NameId,
        arrow: u16,
        key: Key,
        trail: Option<Arc<Trail>>,
    ) -> Option<Arc<Trail>> {
        self.edit_derived(dir, |derived| {
            let arrows = derived.arrows.iter();
            let trails = derived.trails.get_or_insert_with(|| Box::new(arrows.map(|_| TickMap::new()).collect()));
            let of_arrow = trails.get_mut(usize::from(arrow))?;
            let old = put(of_arrow, key, trail.map(|trail| ((), trail))).map(|((), trail)| trail);
            if of_arrow.is_empty() && trails.iter().all(TickMap::is_empty) {
                derived.trails = None;
            }
            old
        })
        .flatten()
    }

    /// Sets or removes what is remembered of a lazy key; what was there.
    pub(crate) fn put_memo(&mut self, dir: NameId, key: Key, memo: Option<Memo<H::Value>>) -> Option<Memo<H::Value>> {
        self.edit_dir(dir, |directory| {
            let Kind::Lazy(lazy) = &mut directory.kind else { return None };
            let now = usize::from(memo.as_ref().is_some_and(|memo| memo.trail.is_some()));
            let old = put(&mut lazy.memos, key, memo.map(|memo| ((), memo))).map(|((), memo)| memo);
            let was = usize::from(old.as_ref().is_some_and(|memo| memo.trail.is_some()));
            lazy.trails = lazy.trails + now - was;
            old
        })
        .flatten()
    }

    /// Undoes one edit; answers what the edit had put there, for the caller to drop.
    pub(crate) fn go_back(&mut self, undo: Undo<H>) -> Undo<H> {
        match undo {
            Undo::Row { dir, key, old, live } => {
                let edit = |directory: &mut Directory<H>| {
                    let respelled = live && matches!(old, Some((_, Row::Deleted { .. })));
                    let there = if respelled { directory.rows.remove(&key) } else { None };
                    let replaced = put(&mut directory.rows, key.clone(), old);
                    there.map(|(_, stamp, row)| (stamp, row)).or(replaced)
                };
                let now = self.edit_dir(dir, edit).flatten();
                Undo::Row { dir, key, old: now, live }
            }
            Undo::Unit { dir, arrow, key, old } => {
                let now = self.put_unit(dir, arrow, key.clone(), old);
                Undo::Unit { dir, arrow, key, old: now }
            }
            Undo::Trail { dir, arrow, key, old } => {
                let now = self.put_trail(dir, arrow, key.clone(), old);
                Undo::Trail { dir, arrow, key, old: now }
            }
            Undo::Summed { dir, arrow, key, old } => {
                self.sum_goes_back(dir, arrow, &key, &old);
                let now = self.put_unit(dir, arrow, key.clone(), Some(old));
                Undo::Unit { dir, arrow, key, old: now }
            }
            Undo::Group { dir, key, old } => {
                let old = old.map(|group| ((), *group));
                let now = self.edit_folding(dir, |folding| put(&mut folding.groups, key.clone(), old)).flatten();
                Undo::Group { dir, key, old: now.map(|((), group)| Box::new(group)) }
            }
            Undo::Sorted { dir, key, old } => {
                let old = old.map(|member| ((), member));
                let now = self.edit_folding(dir, |folding| put(&mut folding.sorted, (*key).clone(), old)).flatten();
                Undo::Sorted { dir, key, old: now.map(|((), member)| member) }
            }
            Undo::Member { dir, key, old } => {
                let old = old.map(|values| ((), values));
                let now = self
                    .edit_folding(dir, |folding| {
                        folding.members.as_mut().and_then(|members| put(members, (*key).clone(), old))
                    })
                    .flatten();
                Undo::Member { dir, key, old: now.map(|((), values)| values) }
            }
            Undo::Pending { dir, key, old } => {
                let old = old.map(|pending| ((), pending));
                let now = self.edit_folding(dir, |folding| put(&mut folding.pending, (*key).clone(), old)).flatten();
                Undo::Pending { dir, key, old: now.map(|((), pending)| pending) }
            }
            Undo::Memo { dir, key, old } => {
                let now = self.put_memo(dir, key.clone(), old);
                Undo::Memo { dir, key, old: now }
            }
            Undo::Slot { id, old } => Undo::Slot { id, old: put(&mut self.dirs.state, id, old) },
            bookkeeping => {
                self.go_back_in_books(&bookkeeping);
                bookkeeping
            }
        }
    }

    /// The group of a unit that is about to go back to this takes its int out, and the old one in. (A group that was noted
    /// after the unit changed may be another than it was then. Where that note is undone it is as it was.)
    fn sum_goes_back(&mut self, dir: NameId, arrow: u16, key: &Key, old: &Outs<H::Value>) {
        self.edit_derived(dir, |derived| {
            let now = derived.units.get(usize::from(arrow))?.get(key)?;
            let (Outs::One(group, come), Outs::One(_, gone)) = (old, now) else { return None };
            let folding = derived.folding.as_deref_mut()?;
            let counts = matches!(folding.fold, Fold::Count);
            let group = folding.groups.get_mut(group)?;
            group.due = false;
            if !counts {
                group.replace(gone.int()?, come.int()?);
            }
            Some(())
        });
    }

    /// Undoes an edit of what holds no values.
    fn go_back_in_books(&mut self, undo: &Undo<H>) {
        match undo {
            Undo::Tombs { dir, floor, old } => {
                self.edit_dir(*dir, |directory| {
                    directory.floor = *floor;
                    directory.tombs.clone_from(old);
                });
            }
            Undo::Tombed { dir, was } => {
                put(&mut self.tombed, *dir, was.map(|oldest| (Reverse(oldest), ())));
            }
            Undo::Stamp { id, old } => {
                self.dirs.state.stamp(id, *old);
            }
            Undo::Name { name, id, was } => self.dirs.set_name(name, *id, *was),
            Undo::Earlier { key, old } => {
                put(&mut self.dirs.earlier, *key, old.map(|since| ((), since)));
            }
            Undo::Queue { key, was } => mark(&mut self.dirs.queue, *key, (), *was),
            Undo::Use { at, was } => mark(&mut self.uses, (**at).clone(), (), *was),
            Undo::Mirror { of, old } => {
                put(&mut self.mirrors, *of, old.clone());
            }
            Undo::Arrow { key, upper, was } => {
                mark(&mut self.arrows, (**key).clone(), (key.parent, upper.clone()), *was);
            }
            Undo::Dependency { dir, tag, reader, was: true } => self.dependencies.add(*dir, tag, reader),
            Undo::Dependency { dir, tag, reader, was: false } => self.dependencies.remove(*dir, tag, reader),
            Undo::Row { .. }
            | Undo::Unit { .. }
            | Undo::Trail { .. }
            | Undo::Summed { .. }
            | Undo::Group { .. }
            | Undo::Sorted { .. }
            | Undo::Member { .. }
            | Undo::Pending { .. }
            | Undo::Memo { .. }
            | Undo::Slot { .. }
            | Undo::Due { .. } => {}
        }
    }
}
