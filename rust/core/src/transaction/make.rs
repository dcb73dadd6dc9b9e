//! Directories come: from outside, and from mappers.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::Key;
use crate::cascade::Worker;
use crate::context::{ArrowKey, Generation, NameId, Reader};
use crate::directory::{
    Arrow, Content, Derived, Directory, Fold, Hooks, Kind, Lazy, Op, Owners, Range, Row, Upper, Vals, united,
};
use crate::dirs::{Slot, State};
use crate::error::{Error, Refusal, Result};
use crate::mutants::mutant;
use crate::name::Name;
use crate::reads::Tag;
use crate::store::Store;
use crate::tick_map::TickMap;
use crate::value::Host;

/// The most parents that a directory can have.
const MAX_PARENTS: usize = 60_000;

/// So many rows are shown at once; more come one by one, and who waits for the interpreter has it in between. Few in tests,
/// so that both happen.
const MOST_SHOWN: usize = if cfg!(test) { 3 } else { 1 << 16 };

/// One of the directories that a derived directory is mapped from.
pub struct Parent<H: Host> {
    pub name: Name,
    pub op: Op<H::Code>,
    /// Only keys in these ranges.
    pub within: Option<Vec<Range>>,
}

/// A directory to be made.
pub enum Spec<H: Host> {
    /// Rows in any order; no key twice.
    Input {
        rows: Vec<(Key, Vec<H::Value>)>,
        hooks: Option<Arc<Hooks<H>>>,
    },
    Derived {
        parents: Vec<Parent<H>>,
        fold: Option<Fold<H::Code>>,
        shared: bool,
    },
    /// Computed key by key, when read. `keep`: not dropped for going unread.
    Lazy {
        code: H::Code,
        keep: bool,
    },
}

/// A spec whose parents were found.
struct Plan<H: Host> {
    arrows: Arc<[Arrow<H>]>,
    /// Of a directory that is another store's of the family.
    origin: Option<Generation>,
}

impl<H: Host> Store<H> {
    /// Makes a directory; inside of a mapper it belongs to the key that the mapper works on. What a derived directory
    /// holds is due then, and computed by jobs towards [`Goal::Only`](crate::Goal) of it, or later.
    ///
    /// # Errors
    /// `Exists`, `NotFound` (a parent); `Blocked` where another mapper holds the name and may yet let go; `Unsure`.
    /// Nothing has changed.
    pub fn make(&mut self, name: &Name, spec: &Spec<H>) -> Result<NameId, H> {
        if self.worker() == Some(Worker::LazyFunction) {
            return Err(Refusal::InLazy(name.clone()).into());
        }
        let plan = self.plan(spec, false)?;
        let there = self.ctx.dirs.id(name).filter(|&id| self.ctx.dirs.get(id).is_some());
        let Some(frame) = self.work.frames.last() else {
            if !self.work.cascading {
                // What is computed at once is a drain of its own.
                self.work.runs.clear();
            }
            if there.is_some() {
                return Err(Refusal::Exists { name: name.clone(), by_mapper: false }.into());
            }
            return Ok(self.put_dir(name, spec, plan, None, false));
        };
        let reader = frame.reader.clone();
        let Some(id) = there else {
            return Ok(self.put_dir(name, spec, plan, Some(&reader), false));
        };
        let made_now = frame.made(id);
        let last_try = frame.last_try;
        let Some(directory) = self.ctx.dirs.get(id) else { return Ok(id) };
        let mine = directory.owners.contains(&reader);
        let of_top = directory.owners.is_top();
        let alone = directory.owners.only(&reader);
        let asks_to_share = matches!(spec, Spec::Derived { shared: true, .. })
            && directory.derived().is_some_and(|derived| derived.shared);
        let alike = (mine || asks_to_share) && self.is_alike(directory, spec, &plan)?;
        let collision = |by_mapper| Refusal::Exists { name: name.clone(), by_mapper };
        if mine && made_now {
            return if asks_to_share && alike { Ok(id) } else { Err(collision(false).into()) };
        }
        if mine && alike {
            self.note_made(id);
            return Ok(id);
        }
        if mine && alone {
            return Ok(self.put_dir(name, spec, plan, Some(&reader), true));
        }
        if !of_top && asks_to_share && alike {
            // No read: what it owns stays, whoever made it first.
            self.edit_whole(id, |directory| directory.owners = directory.owners.with(&reader));
            self.note_made(id);
            return Ok(id);
        }
        self.track(id, Tag::Existence);
        if of_top {
            return Err(collision(false).into());
        }
        Err(if last_try { Error::Refused(collision(true)) } else { Error::Blocked(collision(true)) })
    }

    fn note_made(&mut self, id: NameId) {
        if let Some(frame) = self.work.frames.last_mut() {
            frame.created.push(id);
        }
    }

    /// Makes a directory of top level as it is in another store of the family, in the place of the one that is here if
    /// `anew`. Its parents may have yet to come.
    pub(crate) fn put_again(&mut self, name: &Name, spec: &Spec<H>, origin: Generation, anew: bool) {
        if let Ok(plan) = self.plan(spec, true) {
            self.put_dir(name, spec, Plan { origin: Some(origin), ..plan }, None, anew);
        }
    }

    /// Finds the parents, in the order of their names. Each is a read of its existence. `absent`: they need not be
    /// there.
    fn plan(&mut self, spec: &Spec<H>, absent: bool) -> Result<Plan<H>, H> {
        let Spec::Derived { parents, .. } = spec else { return Ok(Plan { arrows: Arc::new([]), origin: None }) };
        if parents.len() > MAX_PARENTS {
            return Err(Refusal::TooManyParents(MAX_PARENTS).into());
        }
        if let [parent] = &**parents {
            let arrow = self.arrow_from(parent, 0, absent)?;
            return Ok(Plan { arrows: Arc::new([arrow]), origin: None });
        }
        let mut sorted: Vec<&Parent<H>> = parents.iter().collect();
        // A previous directory bears the name of its directory.
        sorted.sort_by(|a, b| a.name.as_str().cmp(b.name.as_str()));
        let mut arrows: Vec<Arrow<H>> = Vec::with_capacity(sorted.len());
        for parent in sorted {
            let rank = match arrows.last() {
                None => 0,
                Some(last) if self.ctx.dirs.name(last.parent).map(Name::as_str) == Some(parent.name.as_str()) => {
                    last.rank
                }
                Some(last) => last.rank + 1,
            };
            arrows.push(self.arrow_from(parent, rank, absent)?);
        }
        Ok(Plan { arrows: arrows.into(), origin: None })
    }

    fn arrow_from(&mut self, parent: &Parent<H>, rank: u16, absent: bool) -> Result<Arrow<H>, H> {
        let id = self.look_up(&parent.name).filter(|&id| self.lazy(id).is_none());
        let id = match id {
            None if absent => self.intern(&parent.name),
            id => id.ok_or_else(|| Refusal::NotFound(parent.name.clone()))?,
        };
        let within = parent.within.as_deref().map(united);
        Ok(Arrow { parent: id, rank, op: parent.op.clone(), within })
    }

    /// Would this spec make the directory again, as it is now?
    fn is_alike(&self, directory: &Directory<H>, spec: &Spec<H>, plan: &Plan<H>) -> Result<bool, H> {
        match (spec, &directory.kind) {
            (Spec::Input { rows, .. }, Kind::Input(_)) => {
                if rows.len() != directory.rows.len() {
                    return Ok(false);
                }
                let mut unsure = Vec::new();
                for (key, values) in rows {
                    let Some(content) = directory.content(key) else { return Ok(false) };
                    if content.iter().count() != values.len() {
                        return Ok(false);
                    }
                    match self.verdicts.sequences(content.iter(), values.iter()) {
                        Ok(true) => {}
                        Ok(false) => return Ok(false),
                        Err(mut pairs) => unsure.append(&mut pairs),
                    }
                }
                if unsure.is_empty() { Ok(true) } else { Err(unsure.into()) }
            }
            (Spec::Lazy { code, keep }, Kind::Lazy(lazy)) => {
                Ok(lazy.keep == *keep && self.verdicts.codes(&lazy.code, code)?)
            }
            (Spec::Derived { fold, .. }, Kind::Derived(derived)) => {
                if derived.arrows.len() != plan.arrows.len()
                    || derived.parent_generations != self.generations_of(&plan.arrows)
                {
                    return Ok(false);
                }
                for (a, b) in derived.arrows.iter().zip(plan.arrows.iter()) {
                    let equal = a.parent == b.parent
                        && a.within == b.within
                        && match (&a.op, &b.op) {
                            (Op::Same, Op::Same) => true,
                            (Op::Take(a), Op::Take(b)) => a == b,
                            (Op::Map(a), Op::Map(b)) => self.verdicts.codes(a, b)?,
                            _ => false,
                        };
                    if !equal {
                        return Ok(false);
                    }
                }
                match (derived.folding.as_ref().map(|folding| &folding.fold), fold) {
                    (None, None) => Ok(true),
                    (Some(Fold::User(a)), Some(Fold::User(b))) => Ok(self.verdicts.codes(a, b)?),
                    (Some(a), Some(b)) => Ok(std::mem::discriminant(a) == std::mem::discriminant(b)),
                    _ => Ok(false),
                }
            }
            _ => Ok(false),
        }
    }

    fn generations_of(&self, arrows: &[Arrow<H>]) -> smallvec::SmallVec<[u64; 2]> {
        arrows.iter().map(|arrow| self.ctx.dirs.get(arrow.parent).map_or(0, |parent| parent.generation)).collect()
    }

    fn height_above(&self, arrows: &[Arrow<H>], owner: Option<&Reader>) -> u32 {
        let parents = arrows.iter().map(|arrow| arrow.parent);
        let below = parents.chain(owner.map(|owner| owner.dir)).filter_map(|id| self.ctx.dirs.get(id));
        below.map(|directory| directory.height + 1).max().unwrap_or(0)
    }

    /// Makes a directory, in the place of the one that is there if `anew`.
    fn put_dir(&mut self, name: &Name, spec: &Spec<H>, plan: Plan<H>, by: Option<&Reader>, anew: bool) -> NameId {
        let id = self.number(name);
        if anew {
            self.take_down(id, by);
        }
        let now = self.ctx.tick;
        let generation = self.next_generation();
        let there_since = match self.ctx.dirs.state.get_entry(&id) {
            Some((_, &removed, Slot { state: State::Deleted(deleted), .. })) => {
                let since = deleted.since;
                if removed >= self.work.base.tick {
                    // Removed in this transaction: the older life goes on.
                    if removed < now {
                        self.set_queued(removed, id, false);
                    }
                    since
                } else {
                    if !mutant!(self.ctx, TombstoneOverwritten) {
                        self.set_earlier(id, removed, Some(since));
                    }
                    now
                }
            }
            _ => now,
        };
        let owners = by.map_or(Owners::Top, |reader| Owners::One(reader.clone()));
        let height = self.height_above(&plan.arrows, by);
        let parent_generations = self.generations_of(&plan.arrows);
        let mut rows = TickMap::new();
        let mut is_due = true;
        let kind = match spec {
            Spec::Input { rows: given, hooks } => {
                rows = rows_of(given, now);
                if let Some(hooks) = hooks {
                    self.work.hooks.push_back((generation, hooks.on_create.clone()));
                }
                Kind::Input(hooks.clone())
            }
            Spec::Lazy { code, keep } => {
                Kind::Lazy(Box::new(Lazy { code: code.clone(), keep: *keep, memos: TickMap::new(), trails: 0 }))
            }
            Spec::Derived { fold, shared, .. } => {
                let mut derived = Derived::new(Arc::clone(&plan.arrows), fold.clone(), *shared);
                derived.parent_generations = parent_generations;
                if derived.folding.is_none()
                    && let Some(shown) = self.shown_rows(&plan.arrows)
                {
                    (rows, is_due) = (shown, false);
                }
                Kind::Derived(Box::new(derived))
            }
        };
        self.ctx.counts.keys += rows.len();
        let directory = Directory {
            generation,
            origin: plan.origin.unwrap_or(generation),
            created: now,
            there_since,
            height,
            owners,
            rows,
            floor: crate::tick::FIRST,
            tombs: None,
            kind,
        };
        self.set_slot(id, now, Slot { name: name.clone(), state: State::Live(triomphe::Arc::new(directory)) });
        self.set_arrows(id, &plan.arrows, true);
        if is_due {
            self.invalidate_all(id);
        }
        if by.is_some() {
            self.note_made(id);
        }
        // Made anew in place, the names of the store are what they were.
        if anew {
            self.generation_changed(id, by);
        } else {
            self.existence_changed(id, by);
        }
        self.regenerate_children(id);
        self.restore_previous(id, name);
        id
    }

    /// The rows with which a directory begins that shows those of one parent as they are: nothing has to run for them. `None`
    /// for any other, and where they are so many that other threads want a turn meanwhile.
    fn shown_rows(&self, arrows: &[Arrow<H>]) -> Option<TickMap<Key, Row<H::Value>>> {
        let [Arrow { parent, op: Op::Same, within, .. }] = arrows else { return None };
        let Some(parent) = self.ctx.dirs.get(*parent) else { return Some(TickMap::new()) };
        let now = self.ctx.tick;
        let everything = [(Key::NONE, Upper::Open)];
        let mut shown: Vec<(Key, crate::Tick, Row<H::Value>)> = Vec::new();
        for (lo, hi) in within.as_deref().unwrap_or(&everything) {
            for (key, row) in parent.rows_between(lo, hi) {
                let Some(content) = row.content() else { continue };
                if shown.len() == MOST_SHOWN {
                    return None;
                }
                let row = content.to_vals().map(|values| Row::Live { since: now, content: Content::Plain(values) });
                shown.extend(row.map(|row| (key.clone(), now, row)));
            }
        }
        Some(TickMap::from_sorted(shown))
    }

    /// Enters or removes all arrows into a directory.
    pub(crate) fn set_arrows(&mut self, child: NameId, arrows: &[Arrow<H>], is: bool) {
        for (arrow, number) in arrows.iter().zip(0u16..) {
            let key = |lo: Option<&Key>, range: u32| ArrowKey {
                parent: arrow.parent,
                lo: lo.cloned(),
                child,
                arrow: number,
                range,
            };
            match &arrow.within {
                None => self.set_arrow(key(None, 0), Upper::Open, is),
                // Without any range the child is one all the same; what is due then, is found to be outside.
                Some(ranges) if ranges.is_empty() => {
                    self.set_arrow(key(Some(&Key::NONE), 0), Upper::Key(Key::NONE), is);
                }
                Some(ranges) => {
                    for ((lo, hi), range) in ranges.iter().zip(0u32..) {
                        self.set_arrow(key(Some(lo), range), hi.clone(), is);
                    }
                }
            }
        }
    }

    /// A directory is of another generation: so is what derives from it. Parents come before their children, so each is
    /// made anew once.
    pub(crate) fn regenerate_children(&mut self, of: NameId) {
        let children = |store: &Self, id| -> Vec<(u32, NameId)> {
            store.ctx.children(id).into_iter().map(|child| (store.height_of(child), child)).collect()
        };
        let mut open = BTreeSet::from_iter(children(self, of));
        while let Some((height, id)) = open.pop_first() {
            let Some(directory) = self.ctx.dirs.get(id) else { continue };
            let (Some(derived), rows) = (directory.derived(), directory.rows.clone()) else { continue };
            let arrows = Arc::clone(&derived.arrows);
            let owner = directory.owners.readers().first().cloned();
            self.clear_due(height, id);
            self.forget_failures(id);
            self.drop_trails(id);
            let (now, generation) = (self.ctx.tick, self.next_generation());
            let above = self.height_above(&arrows, owner.as_ref());
            let generations = self.generations_of(&arrows);
            self.edit_whole(id, |directory| {
                directory.generation = generation;
                directory.created = now;
                directory.height = above;
                directory.rows = TickMap::new();
                directory.floor = crate::tick::FIRST;
                directory.tombs = None;
                let Some(derived) = directory.derived_mut() else { return };
                let fold = derived.folding.as_ref().map(|folding| folding.fold.clone());
                *derived = Derived::new(Arc::clone(&derived.arrows), fold, derived.shared);
                derived.parent_generations = generations;
            });
            self.drop_rows(id, &rows);
            self.invalidate_all(id);
            if let Some(name) = self.ctx.dirs.name(id).cloned()
                && self.ctx.mirrors.contains_key(&id)
            {
                self.take_down_previous(id);
                self.restore_previous(id, &name);
            }
            open.extend(children(self, id));
        }
    }

    fn height_of(&self, id: NameId) -> u32 {
        self.ctx.dirs.get(id).map_or(0, |directory| directory.height)
    }
}

fn rows_of<V: Clone>(given: &[(Key, Vec<V>)], now: crate::Tick) -> TickMap<Key, Row<V>> {
    let mut sorted: Vec<&(Key, Vec<V>)> = given.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    TickMap::from_sorted(sorted.into_iter().filter_map(|(key, values)| {
        let content = Content::Plain(Vals::from_vec(values.iter().cloned().collect())?);
        Some((key.clone(), now, Row::Live { since: now, content }))
    }))
}
