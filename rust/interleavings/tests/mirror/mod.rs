//! Readers that keep what they are told, to be compared with the store.

use std::collections::{BTreeMap, BTreeSet};

use livedirs_core::{Changes, DirChanges, Key, Name, News, ReaderId};
use livedirs_interleavings::sync::{Arc, JoinHandle, spawn};
use livedirs_interleavings::{Host, Int, rows};

/// The key that the last transaction sets in what is followed.
pub const DONE: i64 = 1000;

pub type Rows = BTreeMap<Key, i64>;

pub fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

/// A directory as its reader knows it.
#[derive(Default)]
pub struct KeyMirror {
    pub rows: Rows,
    pub tick: u64,
}

impl KeyMirror {
    pub fn apply(&mut self, changes: &Changes<Int>) {
        self.tick = changes.tick;
        if changes.reset {
            self.rows.clear();
        }
        for (key, values) in &changes.entries {
            match values.first() {
                Some(value) => drop(self.rows.insert(key.clone(), value.0)),
                None => assert!(self.rows.remove(key).is_some(), "told of the removal of {key}, which was not there"),
            }
        }
    }

    pub fn is_done(&self) -> bool {
        self.rows.contains_key(&Key::int(DONE))
    }
}

/// The names of the directories as a reader of the store knows them.
#[derive(Default)]
pub struct DirMirror {
    pub names: BTreeSet<String>,
}

impl DirMirror {
    pub fn apply(&mut self, changes: &DirChanges) {
        if changes.reset {
            self.names.clear();
        }
        self.names.extend(changes.changed.iter().map(|name| name.as_str().to_owned()));
        for name in &changes.removed {
            assert!(self.names.remove(name.as_str()), "told of the removal of {name:?}, which was not there");
        }
    }
}

/// Keeps a mirror until it is told of the last transaction, and closes the cursor.
pub fn until_done(host: &Host, cursor: ReaderId) -> Rows {
    let mut mirror = KeyMirror::default();
    while !mirror.is_done() {
        let Some(News::Keys(changes)) = host.wait(cursor) else { panic!("closed") };
        mirror.apply(&changes);
    }
    host.close_cursor(cursor);
    mirror.rows
}

/// A thread that keeps a mirror until it is told of the last transaction.
pub fn follow(host: &Arc<Host>, of: &'static str) -> JoinHandle<Rows> {
    let host = Arc::clone(host);
    spawn(move || {
        let cursor = host.cursor(Some(&name(of)), None).expect("it is there");
        until_done(&host, cursor)
    })
}

/// What a directory holds.
pub fn content(host: &Host, of: &str) -> Rows {
    host.with(|store| {
        let version = store.published();
        let view = version.find(&name(of)).and_then(|id| version.directory(id));
        view.map(|view| rows(&view)).unwrap_or_default()
    })
}

pub fn dir_names(host: &Host) -> BTreeSet<String> {
    host.with(|store| store.published().names().iter().map(|name| name.as_str().to_owned()).collect())
}

/// All readers are closed: nothing is left of them, nor for them.
pub fn settle(host: &Host) {
    assert!(host.is_idle(), "somebody waits, or has a transaction open");
    host.with(|store| {
        let stats = store.stats();
        let left = (stats.dir_tombstones, stats.key_tombstones, stats.oldest_tombstone, store.cursors());
        assert_eq!(left, (0, 0, None, 0), "tombstones of directories, of keys, the oldest, and cursors");
        assert_eq!(store.horizon(), store.tick());
        store.check_invariants().expect("the invariants hold");
    });
}
