//! The invariants, as code: each that a module's head lists, under that module's name.
//!
//! [`Store::check_invariants`] is run after every step of every test. What can be recomputed is recomputed: counts,
//! indexes, and the rows of a derived directory from what its units gave. While a transaction is open only that is
//! checked which holds at every moment; between transactions all of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::Key;
use crate::cascade::LAZY;
use crate::context::{ArrowKey, Context, NameId, Reader};
use crate::directory::{
    Class, Content, Derived, DirKind, Directory, Fold, Folding, Kind, Op, Ranked, Row, Source, Upper,
};
use crate::dirs::State;
use crate::name::Name;
use crate::number::ExactSum;
use crate::reads::Tag;
use crate::store::Store;
use crate::tick::Tick;
use crate::tick_map::{Held, Sought, TickMap};
use crate::value::{Host, Rank, Same, Value};

type Checked = Result<(), String>;

/// All values of a derived directory by key and source.
type BySource<V> = BTreeMap<Key, BTreeMap<Source, Vec<V>>>;

macro_rules! ensure {
    ($holds:expr, $($message:tt)+) => {
        if !$holds {
            return Err(format!($($message)+));
        }
    };
}

fn map_holds<K: Sought, V: Held, T: Ord + Clone>(what: &str, map: &TickMap<K, V, T>) -> Checked {
    map.check_invariants().map_err(|broken| format!("{what}: tick_map: {broken}"))
}

impl<H: Host> Store<H> {
    /// Checks what must hold of a store at any time, and between transactions all that must hold of it. O(n log n) for
    /// all that it holds: for tests.
    ///
    /// # Errors
    /// Which invariant is broken, and by what.
    pub fn check_invariants(&self) -> Checked {
        let ctx = &self.ctx;
        check_maps(ctx)?;
        check_counts(ctx)?;
        check_arrows(ctx)?;
        check_trails(ctx)?;
        self.check_fan_outs()?;
        if self.open {
            return Ok(());
        }
        self.check_work_is_done()?;
        check_dirs(ctx)?;
        check_names(ctx)?;
        check_owners(ctx)?;
        check_mirrors(ctx)?;
        check_memos(ctx)?;
        for (name, id, directory) in ctx.dirs.iter() {
            let of = |broken| format!("{}: {broken}", name.as_str());
            check_heights(ctx, directory).map_err(of)?;
            check_stamps(ctx, id, directory).map_err(of)?;
            check_tombs(directory).map_err(of)?;
            if let Some(derived) = directory.derived() {
                check_units(ctx, directory, derived).map_err(of)?;
            }
        }
        self.check_readers()?;
        self.check_accounts()?;
        self.check_retention()
    }

    fn check_work_is_done(&self) -> Checked {
        let work = &self.work;
        ensure!(work.due.is_empty(), "cascade: due between transactions: {:?}", work.due);
        ensure!(work.failed.is_empty(), "cascade: failures between transactions");
        ensure!(work.frames.is_empty(), "cascade: mappers at work between transactions");
        ensure!(work.journal.is_empty(), "transaction: a journal between transactions");
        ensure!(
            work.hooks.is_empty() && work.marks.is_empty(),
            "transaction: hooks or savepoints between transactions"
        );
        Ok(())
    }

    /// Spec 6.1 and 6.3: a tombstone is there exactly while a reader, or the history, needs it; those that a fork came with
    /// until its first commit.
    fn check_retention(&self) -> Checked {
        if self.sweep {
            return Ok(());
        }
        let recent = self.ctx.tick.saturating_sub(self.options.history);
        let positions = self.readers.positions();
        let horizon = |of: Option<&Name>| positions.get(&of).copied().unwrap_or(Tick::MAX).min(recent);
        let of_dirs = horizon(None);
        if let Some(((removed, id), ..)) = self.ctx.dirs.queue.first() {
            ensure!(*removed >= of_dirs, "purge: {id:?} removed at {removed} is kept, the horizon is {of_dirs}");
        }
        for (name, id, directory) in self.ctx.dirs.iter() {
            ensure!(
                directory.tombs.is_some() == self.ctx.tombed.contains_key(&id),
                "purge: {name:?} has tombstones and is not listed, or the other way round"
            );
            let of_keys = horizon(Some(name));
            if let Some(((removed, key), ..)) = directory.tombs.as_ref().and_then(|tombs| tombs.queue.first()) {
                ensure!(*removed >= of_keys, "purge: {key} removed at {removed} is kept, the horizon is {of_keys}");
            }
        }
        Ok(())
    }

    /// The invariants of `readers`, by their numbers there.
    fn check_readers(&self) -> Checked {
        self.readers.check(self.ctx.tick)?;
        for (id, of, place, position) in self.readers.stands() {
            let (newest, stamp) = match of {
                None => {
                    let listed = self.ctx.dirs.state.iter().filter(|(.., slot)| !slot.name.is_previous());
                    let newest = self.ctx.dirs.queue.last().map(|((removed, _), ..)| *removed);
                    (newest, listed.map(|(_, stamp, _)| *stamp).max())
                }
                Some(name) => {
                    let entry = self.ctx.dirs.id(name).and_then(|id| self.ctx.dirs.state.get_entry(&id));
                    let State::Live(directory) = entry.map_or(&State::Absent, |(.., slot)| &slot.state) else {
                        continue;
                    };
                    let tombs = directory.tombs.as_ref();
                    let newest = tombs.and_then(|tombs| tombs.queue.last()).map(|((removed, _), ..)| *removed);
                    (newest, entry.map(|(_, stamp, _)| *stamp))
                }
            };
            let between = |stamp: Option<Tick>| stamp.is_some_and(|stamp| place <= stamp && stamp < position);
            ensure!(!between(newest) && !between(stamp), "readers 1: {id:?} stands at {place}, is at {position}");
            let lag = self.ctx.tick.saturating_sub(position);
            let pins = newest.is_some_and(|newest| newest >= position);
            let expires = self.options.max_lag.is_some_and(|max_lag| lag > max_lag);
            ensure!(!(pins && expires), "readers 4: {id:?} lags {lag} ticks behind what it pins, and has not expired");
        }
        Ok(())
    }
}

fn check_maps<H: Host>(ctx: &Context<H>) -> Checked {
    ctx.dirs.names.check().map_err(|broken| format!("names {broken}"))?;
    map_holds("state", &ctx.dirs.state)?;
    map_holds("earlier", &ctx.dirs.earlier)?;
    map_holds("queue", &ctx.dirs.queue)?;
    map_holds("arrows", &ctx.arrows)?;
    map_holds("tombed", &ctx.tombed)?;
    ctx.dependencies.check_maps()?;
    for (_, _, directory) in ctx.dirs.iter() {
        map_holds("rows", &directory.rows)?;
        for (key, _, row) in &directory.rows {
            if let Some(Content::Merged(by_source)) = row.content() {
                map_holds("sources", by_source)?;
                ensure!(by_source.total() > 1, "row: {key} is merged from fewer than two sources");
            }
        }
        if let Some(tombs) = &directory.tombs {
            map_holds("tombs.queue", &tombs.queue)?;
            map_holds("tombs.earlier", &tombs.earlier)?;
        }
        let Some(derived) = directory.derived() else { continue };
        for units in &derived.units {
            map_holds("units", units)?;
        }
        for trails in derived.trails.iter().flat_map(|trails| trails.iter()) {
            map_holds("trails", trails)?;
        }
        if let Some(folding) = &derived.folding {
            map_holds("groups", &folding.groups)?;
            map_holds("sorted", &folding.sorted)?;
            map_holds("pending", &folding.pending)?;
            folding.members.as_ref().map_or(Ok(()), |members| map_holds("members", members))?;
        }
    }
    Ok(())
}

fn check_counts<H: Host>(ctx: &Context<H>) -> Checked {
    let slots = || ctx.dirs.state.iter().map(|(.., slot)| &slot.state);
    let listed = |state: &&State<H>| matches!(state, State::Live(directory) if directory.kind() != DirKind::Previous);
    let dirs = slots().filter(listed).count();
    let dir_tombstones = slots().filter(|state| matches!(state, State::Deleted(_))).count();
    let keys: usize = ctx.dirs.iter().map(|(.., directory)| directory.rows.len()).sum();
    let key_tombstones: usize =
        ctx.dirs.iter().map(|(.., directory)| directory.rows.total() - directory.rows.len()).sum();
    let counted = (dirs, dir_tombstones, keys, key_tombstones);
    let kept = (ctx.counts.dirs, ctx.counts.dir_tombstones, ctx.counts.keys, ctx.counts.key_tombstones);
    ensure!(
        counted == kept,
        "counts: (dirs, dir_tombstones, keys, key_tombstones) are {counted:?}, but kept as {kept:?}"
    );
    Ok(())
}

/// The index of arrows is just the arrows of live directories.
fn check_arrows<H: Host>(ctx: &Context<H>) -> Checked {
    let mut expected: BTreeSet<(ArrowKey, Upper)> = BTreeSet::new();
    for (_, child, directory) in ctx.dirs.iter() {
        for (arrow, number) in directory.arrows().iter().zip(0u16..) {
            let (everything, nothing) = ([(None, &Upper::Open)], (Key::NONE, Upper::Key(Key::NONE)));
            let some: Vec<(Option<&Key>, &Upper)> = match &arrow.within {
                None => everything.to_vec(),
                Some(ranges) if ranges.is_empty() => vec![(Some(&nothing.0), &nothing.1)],
                Some(ranges) => ranges.iter().map(|(lo, hi)| (Some(lo), hi)).collect(),
            };
            for ((lo, hi), range) in some.into_iter().zip(0u32..) {
                let key = ArrowKey { parent: arrow.parent, lo: lo.cloned(), child, arrow: number, range };
                expected.insert((key, hi.clone()));
            }
        }
    }
    let there: BTreeSet<(ArrowKey, Upper)> =
        ctx.arrows.iter().map(|(arrow, (_, upper), ())| (arrow.clone(), upper.clone())).collect();
    ensure!(there == expected, "arrows: the index has {there:?}, the directories {expected:?}");
    let stamped = ctx.arrows.iter().all(|(arrow, (parent, _), ())| arrow.parent == *parent);
    ensure!(stamped, "arrows: an arrow is stamped with another parent than its own");
    Ok(())
}

/// `reads`: both directions agree; `derived`: units with a trail are counted.
fn check_trails<H: Host>(ctx: &Context<H>) -> Checked {
    let mut expected: BTreeSet<(NameId, Tag, Reader)> = BTreeSet::new();
    for (name, dir, directory) in ctx.dirs.iter() {
        for (key, (), memo) in directory.lazy().into_iter().flat_map(|lazy| lazy.memos.iter()) {
            let reader = Reader { dir, part: LAZY, key: key.clone() };
            let reads = memo.trail.as_deref().map_or(&[][..], |trail| &trail.reads);
            ensure!(reads.is_sorted(), "{}: the trail of {key} is not sorted: {reads:?}", name.as_str());
            expected.extend(reads.iter().map(|(of, tag)| (*of, tag.clone(), reader.clone())));
        }
        let Some(derived) = directory.derived() else { continue };
        let none = derived.trails.is_some() && derived.each_trail().next().is_none();
        ensure!(!none, "{}: room is kept for trails, and there are none", name.as_str());
        for (part, key, trail) in derived.each_trail() {
            ensure!(trail.is_any(), "{}: the trail of {key} is empty", name.as_str());
            let sorted = trail.reads.is_sorted() && trail.created.is_sorted();
            ensure!(sorted, "{}: the trail of {key} is not sorted: {trail:?}", name.as_str());
            let reader = Reader { dir, part, key: key.clone() };
            expected.extend(trail.reads.iter().map(|(of, tag)| (*of, tag.clone(), reader.clone())));
        }
    }
    let there: BTreeSet<(NameId, Tag, Reader)> = ctx.dependencies.each().collect();
    ensure!(there == expected, "reads: the index has {there:?}, the trails {expected:?}");
    Ok(())
}

fn check_dirs<H: Host>(ctx: &Context<H>) -> Checked {
    let mut expected: BTreeSet<(Tick, NameId)> = BTreeSet::new();
    for (id, &stamp, slot) in &ctx.dirs.state {
        if let State::Deleted(deleted) = slot.state {
            ensure!(deleted.since <= stamp, "dirs: the tombstone of {:?} was there after it went", slot.name);
            expected.insert((stamp, *id));
        }
    }
    expected.extend(ctx.dirs.earlier.iter().map(|((id, removed), ..)| (*removed, *id)));
    let queue: BTreeSet<(Tick, NameId)> = ctx.dirs.queue.iter().map(|(at, ..)| *at).collect();
    ensure!(queue == expected, "dirs 1: the queue is {queue:?}, the tombstones and lives {expected:?}");
    if let Some((removed, _)) = queue.first() {
        ensure!(*removed >= ctx.dirs.floor, "dirs 2: {removed} is below the floor {}", ctx.dirs.floor);
    }
    for ((id, _), ..) in &ctx.dirs.earlier {
        let state = ctx.dirs.slot(*id).map(|slot| &slot.state);
        ensure!(matches!(state, Some(State::Live(_) | State::Deleted(_))), "dirs: {id:?} has only earlier lives");
    }
    Ok(())
}

fn check_names<H: Host>(ctx: &Context<H>) -> Checked {
    let named: BTreeSet<NameId> = ctx.dirs.names.ids().into_iter().collect();
    let known: BTreeSet<NameId> = ctx.dirs.state.iter().map(|(id, ..)| *id).collect();
    let previous = ctx.dirs.each_name().filter(|(name, _)| name.is_previous()).count();
    ensure!(previous == ctx.counts.previous_names, "counts: {previous} names of previous directories are interned");
    ensure!(named == known, "dirs 4: names has {named:?}, state has {known:?}");
    for (id, _, slot) in &ctx.dirs.state {
        ensure!(ctx.dirs.id(&slot.name) == Some(*id), "dirs 4: {:?} is not found by its name", slot.name);
        if matches!(slot.state, State::Absent) {
            let in_use = ctx.arrows_of(*id).next().is_some() || ctx.dependencies.any(*id);
            ensure!(in_use, "dirs 3: nobody uses the name {:?}", slot.name);
        }
    }
    Ok(())
}

/// Who owns a directory made it, and the other way round.
fn check_owners<H: Host>(ctx: &Context<H>) -> Checked {
    let mut made: BTreeSet<(NameId, Reader)> = BTreeSet::new();
    let mut owned: BTreeSet<(NameId, Reader)> = BTreeSet::new();
    for (_, dir, directory) in ctx.dirs.iter() {
        owned.extend(directory.owners.readers().into_iter().map(|owner| (dir, owner)));
        let Some(derived) = directory.derived() else { continue };
        for (part, key, trail) in derived.each_trail() {
            made.extend(trail.created.iter().map(|id| (*id, Reader { dir, part, key: key.clone() })));
        }
    }
    ensure!(made == owned, "directory: units made {made:?}, directories are owned {owned:?}");
    Ok(())
}

/// `lazy`: memos are counted; each stands in the order of uses, unless it is kept or others read it; a dirty one is
/// read by others.
fn check_memos<H: Host>(ctx: &Context<H>) -> Checked {
    map_holds("uses", &ctx.uses)?;
    let (mut count, mut known) = (0, BTreeSet::new());
    for (name, dir, directory) in ctx.dirs.iter() {
        let Some(lazy) = directory.lazy() else { continue };
        map_holds("memos", &lazy.memos)?;
        count += lazy.memos.total();
        let with_trail = lazy.memos.iter().filter(|(.., memo)| memo.trail.is_some()).count();
        ensure!(lazy.trails == with_trail, "lazy: trails is {}, not {with_trail}", lazy.trails);
        for (key, (), memo) in &lazy.memos {
            known.insert((memo.used, dir, key.clone()));
            let in_order = ctx.uses.contains_key(&(memo.used, dir, key.clone()));
            let is_read = !ctx.dependencies.readers_of_key(dir, key).is_empty();
            let name = name.as_str();
            ensure!(!(lazy.keep && in_order), "lazy: {key} of {name} is kept, but stands in the order of uses");
            ensure!(lazy.keep || in_order || is_read, "lazy: {key} of {name} would never be dropped");
        }
    }
    ensure!(count == ctx.counts.lazy_keys, "lazy: {count} memos, counted {}", ctx.counts.lazy_keys);
    let all_known = ctx.uses.iter().all(|(at, ..)| known.contains(at));
    ensure!(all_known, "lazy: a use of what is not remembered");
    Ok(())
}

/// `previous`: a mirror differs from its directory at most in the keys that lag, and every previous directory is the
/// mirror of one that is there.
fn check_mirrors<H: Host>(ctx: &Context<H>) -> Checked {
    map_holds("mirrors", &ctx.mirrors)?;
    let mut mirrors: BTreeSet<NameId> = BTreeSet::new();
    for (of, &lags, mirror) in &ctx.mirrors {
        ensure!(lags != mirror.lag.is_empty(), "previous: {of:?} lags by {:?}, but is stamped {lags}", mirror.lag);
        let (Some(directory), Some(previous)) = (ctx.dirs.get(*of), ctx.dirs.get(mirror.id)) else {
            return Err(format!("previous: {of:?} or its mirror {:?} is not there", mirror.id));
        };
        ensure!(
            matches!(previous.kind, Kind::Previous(mirrored) if mirrored == *of),
            "previous: {:?} is no mirror of {of:?}",
            mirror.id
        );
        mirrors.insert(mirror.id);
        let keys: BTreeSet<&Key> = directory.rows.iter().chain(previous.rows.iter()).map(|(key, ..)| key).collect();
        for key in keys.into_iter().filter(|key| !mirror.lag.contains(*key)) {
            let equal = match (directory.content(key), previous.content(key)) {
                (None, None) => true,
                (Some(a), Some(b)) => alike(&a.to_vec(), &b.to_vec()),
                _ => false,
            };
            ensure!(equal, "previous: {key} of {of:?} does not lag, and differs from its mirror's");
        }
    }
    let hidden = ctx.dirs.iter().filter(|(.., directory)| directory.kind() == DirKind::Previous);
    ensure!(hidden.count() == mirrors.len(), "previous: not every previous directory is a mirror: {mirrors:?}");
    Ok(())
}

fn check_heights<H: Host>(ctx: &Context<H>, directory: &Directory<H>) -> Checked {
    for parent in directory.parents().filter_map(|id| ctx.dirs.get(id)) {
        let (height, below) = (directory.height, parent.height);
        ensure!(height > below, "height {height} is not above a parent's {below}");
    }
    Ok(())
}

fn check_stamps<H: Host>(ctx: &Context<H>, id: NameId, directory: &Directory<H>) -> Checked {
    let stamp = ctx.dirs.state.get_entry(&id).map_or(0, |(_, stamp, _)| *stamp);
    let (created, there_since) = (directory.created, directory.there_since);
    ensure!(there_since <= created, "there since {there_since}, but created at {created}");
    ensure!(created <= stamp, "created at {created}, but stamped {stamp}");
    ensure!(stamp < ctx.tick, "stamped {stamp} at tick {}", ctx.tick);
    for (key, &at, row) in &directory.rows {
        let since = row.since();
        ensure!(since <= at && at <= stamp, "{key}: since {since}, stamped {at}, the directory {stamp}");
        let mirrors = directory.kind() == DirKind::Previous;
        ensure!(mirrors || created <= at, "{key} is stamped {at}, before the directory was created at {created}");
    }
    Ok(())
}

fn check_tombs<H: Host>(directory: &Directory<H>) -> Checked {
    let mut expected: BTreeSet<(Tick, Key)> = BTreeSet::new();
    for (key, &stamp, row) in &directory.rows {
        if matches!(row, Row::Deleted { .. }) {
            expected.insert((stamp, key.clone()));
        }
    }
    let mut queue: BTreeSet<(Tick, Key)> = BTreeSet::new();
    if let Some(tombs) = &directory.tombs {
        ensure!(!tombs.queue.is_empty(), "directory 2: an empty queue of tombstones is kept");
        queue.extend(tombs.queue.iter().map(|(at, ..)| at.clone()));
        for (key, (), lives) in &tombs.earlier {
            ensure!(!lives.0.is_empty(), "directory 2: {key} has no earlier lives, but a place for them");
            ensure!(directory.rows.contains_key(key), "directory 2: {key} has only earlier lives");
            expected.extend(lives.0.iter().map(|(_, removed)| (*removed, key.clone())));
        }
    }
    ensure!(queue == expected, "directory 2: the queue is {queue:?}, the tombstones and lives {expected:?}");
    if let Some((removed, _)) = queue.first() {
        ensure!(*removed >= directory.floor, "directory 2: {removed} is below the floor {}", directory.floor);
    }
    Ok(())
}

/// Units are those of the parents' keys; rows, groups and members are what the units gave.
fn check_units<H: Host>(ctx: &Context<H>, directory: &Directory<H>, derived: &Derived<H>) -> Checked {
    let sorted = derived.arrows.windows(2).all(|pair| {
        let name = |arrow: &crate::directory::Arrow<H>| ctx.dirs.name(arrow.parent).map(crate::Name::as_str);
        name(&pair[0]) <= name(&pair[1]) && pair[0].rank <= pair[1].rank
    });
    ensure!(sorted, "derived: the arrows are not sorted by the names of the parents");
    let generations: Vec<u64> =
        derived.arrows.iter().map(|arrow| ctx.dirs.get(arrow.parent).map_or(0, |parent| parent.generation)).collect();
    let of_these =
        derived.parent_generations.iter().zip(&generations).all(|(made_for, now)| made_for == now || *now == 0);
    ensure!(of_these, "derived: made for parents {:?}, they are {generations:?}", derived.parent_generations);
    let mut gave: BySource<H::Value> = BTreeMap::new();
    for ((arrow, units), number) in derived.arrows.iter().zip(&derived.units).zip(0u16..) {
        let mut taken: BTreeMap<&Key, Vec<H::Value>> = BTreeMap::new();
        if let Some(parent) = ctx.dirs.get(arrow.parent) {
            let live = parent.rows.iter().filter_map(|(key, _, row)| Some((key, row.content()?)));
            let limit = if let Op::Take(limit) = arrow.op { limit } else { usize::MAX };
            let live = live.filter(|(key, _)| arrow.accepts(key)).take(limit);
            taken.extend(live.map(|(key, content)| (key, content.to_vec().into_vec())));
        }
        let is_folded = derived.folding.is_some();
        for (key, (), outs) in units {
            ensure!(taken.contains_key(key), "derived: arrow {number} has a unit of {key}, which it does not take");
            let is_stored = !outs.is_implied(key, is_folded);
            ensure!(is_stored, "derived: what the unit of {key} gave goes without saying, but is stored");
        }
        for (_, key, _) in derived.each_trail().filter(|(arrow, ..)| *arrow == number) {
            ensure!(taken.contains_key(key), "derived: arrow {number} has a trail of {key}, which it does not take");
        }
        ensure!(
            derived.has_units(number) || units.total() == 0,
            "derived: an arrow that passes rows through has units"
        );
        if !matches!(arrow.op, Op::Map(_)) {
            for (key, values) in taken {
                gave.entry(key.clone()).or_default().insert(derived.source(number, key), values);
            }
            continue;
        }
        for (key, (), outs) in units {
            for (of, value) in outs.iter() {
                let of_source = gave.entry(of.clone()).or_default().entry(derived.source(number, key));
                of_source.or_default().push(value.clone());
            }
        }
        // What units gave that go without saying is known by the rows alone.
        for key in taken.into_keys().filter(|key| !is_folded && !units.contains_key(*key)) {
            let source = derived.source(number, key);
            if let Some(values) = directory.content(key).and_then(|content| content.part(key, &source)) {
                gave.entry(key.clone()).or_default().insert(source, values.as_slice().to_vec());
            }
        }
    }
    match &derived.folding {
        None => check_merged(directory, &gave),
        Some(folding) => check_folded(directory, folding, &gave),
    }
}

fn alike<V: Same>(a: &[V], b: &[V]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b) != Some(false))
}

fn check_merged<H: Host>(directory: &Directory<H>, gave: &BySource<H::Value>) -> Checked {
    let rows: BTreeSet<&Key> =
        directory.rows.iter().filter(|(.., row)| row.content().is_some()).map(|(key, ..)| key).collect();
    let keys: BTreeSet<&Key> = gave.keys().collect();
    ensure!(rows == keys, "directory 3: rows are {rows:?}, units gave {keys:?}");
    for (key, by_source) in gave {
        let Some(content) = directory.content(key) else { continue };
        let all: Vec<H::Value> = by_source.values().flatten().cloned().collect();
        ensure!(alike(&content.to_vec(), &all), "directory 3: {key} has other values than units gave");
        for (source, values) in by_source {
            let part = content.part(key, source).map_or(&[][..], |values| values.as_slice());
            ensure!(alike(part, values), "directory 3: {key} has other values from {source:?} than that gave");
        }
        let of_one = !matches!(content, Content::Merged(_));
        ensure!(of_one == (by_source.len() == 1), "row: {key} is not stored as one of {} sources", by_source.len());
    }
    Ok(())
}

fn check_folded<H: Host>(directory: &Directory<H>, folding: &Folding<H>, gave: &BySource<H::Value>) -> Checked {
    ensure!(folding.pending.total() == 0, "fold: something is pending between transactions");
    let keys: BTreeSet<&Key> = gave.keys().collect();
    let groups: BTreeSet<&Key> = folding.groups.iter().map(|(key, ..)| key).collect();
    ensure!(groups == keys, "fold: groups are {groups:?}, units gave {keys:?}");
    let rows: BTreeSet<&Key> =
        directory.rows.iter().filter(|(.., row)| row.content().is_some()).map(|(key, ..)| key).collect();
    ensure!(rows == keys, "fold: rows are {rows:?}, units gave {keys:?}");
    let ranked_fold = matches!(folding.fold, Fold::Min | Fold::Max);
    let summed_fold = matches!(folding.fold, Fold::Sum | Fold::Mean);
    let mut ranked: BTreeSet<Ranked> = BTreeSet::new();
    for (key, by_source) in gave {
        let Some(group) = folding.groups.get(key) else { continue };
        let values = || by_source.values().flatten();
        ensure!(group.count == values().count(), "fold: {key} counts {} values, not {}", group.count, values().count());
        let (mut class, mut sum) = (Class::default(), ExactSum::default());
        if summed_fold {
            for value in values() {
                value.number().map_or_else(|| class.others += 1, |number| sum.add(&number));
            }
            ensure!(group.sum.as_ref() == Some(&sum), "fold: the sum of {key} is not that of its values");
        }
        for (source, values) in by_source.iter().filter(|_| ranked_fold) {
            for (value, place) in values.iter().zip(0u32..) {
                match value.rank() {
                    Rank::Number(rank) => {
                        class.numbers += 1;
                        let rank = Upper::Key(rank);
                        ranked.insert(Ranked { group: key.clone(), rank, source: source.clone(), place });
                    }
                    Rank::Text(rank) => {
                        class.texts += 1;
                        let rank = Upper::Key(rank);
                        ranked.insert(Ranked { group: key.clone(), rank, source: source.clone(), place });
                    }
                    Rank::Other => class.others += 1,
                }
            }
        }
        ensure!(group.class == class, "fold: {key} is of class {:?}, not {class:?}", group.class);
    }
    let sorted: BTreeSet<Ranked> = folding.sorted.iter().map(|(ranked, ..)| ranked.clone()).collect();
    ensure!(sorted == ranked, "fold: sorted is {sorted:?}, not {ranked:?}");
    let Some(members) = &folding.members else { return Ok(()) };
    let pairs: usize = gave.values().map(BTreeMap::len).sum();
    ensure!(members.total() == pairs, "fold: {} members of {pairs}", members.total());
    for ((key, source), (), values) in members {
        let given = gave.get(key).and_then(|by_source| by_source.get(source)).map_or(&[][..], Vec::as_slice);
        ensure!(alike(values.as_slice(), given), "fold: the members of {key} from {source:?} are not what that gave");
    }
    Ok(())
}
