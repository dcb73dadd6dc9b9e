//! Readers at all positions: what they are told, against a log that is never purged.

use std::collections::{BTreeMap, BTreeSet};

use crate::tick::Tick;
use crate::{Changes, DirChanges, Key, News, Polled, ReaderId};

use super::super::driver::{Driver, name};
use super::super::host::V;
use super::checks::{Log, Shown};

/// A reader, and what the test knows of it.
pub(super) struct Cursor {
    pub(super) id: ReaderId,
    /// Of the keys of this directory, else of the store.
    pub(super) of: Option<String>,
    pub(super) position: Tick,
}

/// What a reader of the store at `since` must be told.
pub(super) fn check_told_of_dirs(d: &mut Driver, log: &Log, since: Tick) {
    let told = d.store.published().changes(since);
    assert_eq!(told.reset, since < d.store.ctx.dirs.floor);
    check_dirs(d, log, since, &told);
}

fn check_dirs(d: &Driver, log: &Log, since: Tick, told: &DirChanges) {
    let (was, is) = (&log[&since], &log[&d.store.tick()]);
    let set = |names: &[crate::Name]| names.iter().map(|name| name.as_str().to_owned()).collect::<BTreeSet<_>>();
    let (changed, removed) = (set(&told.changed), set(&told.removed));
    if told.reset {
        assert_eq!(changed, is.keys().cloned().collect());
        return;
    }
    let gone: BTreeSet<String> = was.keys().filter(|name| !is.contains_key(*name)).cloned().collect();
    assert_eq!(removed, gone, "removed since {since}");
    assert!(changed.iter().all(|name| is.contains_key(name)), "what changed is there");
    let differ: BTreeSet<String> =
        is.iter().filter(|(name, rows)| was.get(*name) != Some(rows)).map(|(name, _)| name.clone()).collect();
    assert!(differ.is_subset(&changed), "changed since {since}: {changed:?}, differ {differ:?}");
}

/// What a reader of a directory at `since` must be told.
pub(super) fn check_told_of_keys(d: &mut Driver, log: &Log, of: &str, since: Tick) {
    let Some(id) = d.store.find(&name(of)) else { return };
    let told = d.store.published().key_changes(id, since).expect("it is there");
    let directory = d.store.ctx.dirs.get(id).expect("it is there");
    assert_eq!(told.reset, since <= directory.created || since < directory.floor);
    check_keys(d, log, of, since, &told);
}

fn check_keys(d: &Driver, log: &Log, of: &str, since: Tick, told: &Changes<V>) {
    let (was, is) = (&log[&since], &log[&d.store.tick()][of]);
    let was = was.get(of).filter(|(generation, _)| *generation == is.0);
    let entries: BTreeMap<Key, String> = told.entries.iter().map(|(key, v)| (key.clone(), format!("{v:?}"))).collect();
    let none = BTreeMap::new();
    let held = if told.reset { &none } else { was.map_or(&none, |(_, rows)| rows) };
    assert!(told.reset || was.is_some(), "rows of two generations are mixed");
    let mut now = held.clone();
    for (key, values) in &entries {
        if values == "[]" {
            assert!(now.remove(key).is_some(), "{of} {key} was not there at {since}, but is told as removed");
        } else {
            now.insert(key.clone(), values.clone());
        }
    }
    assert_eq!(now, is.1, "what was held of {of} at {since}, with {entries:?}");
}

/// Tombstones are there exactly while a reader, or the history, needs them.
pub(super) fn check_retention(d: &Driver, log: &Log, cursors: &[Cursor], history: Tick) {
    let now = d.store.tick();
    let (is, ticks): (_, Vec<Tick>) = (&log[&now], log.keys().copied().collect());
    let kept_for = |of: Option<&String>, last_there: Tick| {
        // It went in the transaction that began at that tick; only the store knows in which of its rounds.
        let lags = |cursor: &&Cursor| cursor.of.as_ref() == of && cursor.position <= last_there;
        cursors.iter().any(|cursor| lags(&cursor))
    };
    let mut dirs: BTreeMap<&String, Tick> = BTreeMap::new();
    for tick in &ticks {
        dirs.extend(log[tick].keys().filter(|name| !is.contains_key(*name)).map(|name| (name, *tick)));
    }
    let needed = dirs.values().filter(|last| kept_for(None, **last)).count();
    let stats = d.store.stats();
    let exact = history == 0;
    assert!(stats.dir_tombstones >= needed && (stats.dir_tombstones == needed || !exact), "{stats:?}, needed {needed}");
    let mut needed = 0;
    for (of, (generation, rows)) in is {
        let mut keys: BTreeMap<&Key, Tick> = BTreeMap::new();
        for tick in &ticks {
            let then = log[tick].get(of).filter(|(of_then, _)| of_then == generation);
            let gone = then.into_iter().flat_map(|(_, then)| then.keys()).filter(|key| !rows.contains_key(key));
            keys.extend(gone.map(|key| (key, *tick)));
        }
        needed += keys.values().filter(|last| kept_for(Some(of), **last)).count();
    }
    assert!(stats.key_tombstones >= needed && (stats.key_tombstones == needed || !exact), "{stats:?}, needed {needed}");
}

/// A cursor that is remembered starts over only where its directory is of another generation, or gone; it is told the
/// difference between what was at its position and what is.
pub(super) fn poll(d: &mut Driver, log: &Log, cursor: &mut Cursor) {
    let since = cursor.position;
    let (was, is) = (&log[&since], &log[&d.store.tick()]);
    match (&cursor.of, d.store.poll(cursor.id).expect("it is open")) {
        (None, Polled::Nothing) => {
            let generations =
                |shown: &Shown| shown.iter().map(|(name, (of, _))| (name.clone(), *of)).collect::<Vec<_>>();
            assert_eq!((was, generations(was)), (is, generations(is)), "a change that nobody was told of");
        }
        (Some(of), Polled::Nothing) => assert_eq!(was.get(of), is.get(of), "a change of {of} that nobody was told of"),
        (of, Polled::News(news, step)) => {
            match (of, &news) {
                (None, News::Dirs(told)) => {
                    assert!(!told.reset, "a reader that is remembered starts over");
                    check_dirs(d, log, since, told);
                }
                (Some(of), News::Keys(told)) => match is.get(of) {
                    None => assert!(told.removed && told.reset && told.entries.is_empty() && was.contains_key(of)),
                    Some((generation, _)) => {
                        let same = was.get(of).is_some_and(|(known, _)| known == generation);
                        assert_eq!((told.reset, told.removed), (!same, false), "{of} since {since}");
                        check_keys(d, log, of, since, told);
                    }
                },
                _ => panic!("news of another kind"),
            }
            assert!(d.store.advance(step) && !d.store.advance(step), "a step is taken once");
        }
    }
    cursor.position = d.store.tick();
}
