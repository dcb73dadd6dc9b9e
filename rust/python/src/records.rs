//! `Commit` and `Stats`: plain records.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use livedirs_core::Name;
use pyo3::prelude::*;
use pyo3::types::PyFrozenSet;

use crate::convert;

/// So many names, or keys, does a `repr` show.
pub const SHOWN: usize = 5;

/// What a transaction did; the `result` of the outermost block, once it has committed.
///
/// >>> from livedirs import Store
/// >>> store = Store()
/// >>> users = store.mkdir("/users/", {1: "Ada"})
/// >>> names = users.map_values("/names/", str.upper)
/// >>> with store.update() as tx:
/// ...     users[2] = "Grace"
/// >>> tx.result.mapped, sorted(tx.result.changed)
/// (1, [DirName('/names/'), DirName('/users/')])
#[pyclass(frozen, eq, hash, module = "livedirs", name = "Commit")]
pub struct Commit(livedirs_core::Commit);

impl PartialEq for Commit {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.told() == other.told()
    }
}

impl Hash for Commit {
    fn hash<S: Hasher>(&self, state: &mut S) {
        self.told().hash(state);
    }
}

impl Commit {
    /// What it tells: names are in no order.
    fn told(&self) -> impl Hash + Eq {
        let livedirs_core::Commit { tick, rounds, changed, removed, purged, mapped } = &self.0;
        let set = |names: &[Name]| names.iter().cloned().collect::<BTreeSet<Name>>();
        (*tick, *rounds, set(changed), set(removed), *purged, *mapped)
    }

    pub const fn new(commit: livedirs_core::Commit) -> Self {
        Commit(commit)
    }
}

pub fn names<'py>(py: Python<'py>, names: &[Name]) -> PyResult<Bound<'py, PyFrozenSet>> {
    let names = names.iter().map(|name| convert::name_to_python(py, name)).collect::<PyResult<Vec<_>>>()?;
    PyFrozenSet::new(py, names)
}

/// What a repr shows of names, of keys: the first, between braces, and whether there are more.
pub fn braced(shown: impl IntoIterator<Item = String>) -> String {
    let mut shown: Vec<String> = shown.into_iter().take(SHOWN + 1).collect();
    if let Some(last) = shown.get_mut(SHOWN) {
        "...".clone_into(last);
    }
    format!("{{{}}}", shown.join(", "))
}

/// The names in their order, whatever the order in which they came.
pub fn braced_names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_unstable();
    braced(names.into_iter().map(|name| format!("{name:?}")))
}

#[pymethods]
impl Commit {
    /// The store's tick after it.
    #[getter]
    const fn tick(&self) -> u64 {
        self.0.tick
    }

    /// How many rounds it took: 1, and one more each time that hooks made work.
    #[getter]
    const fn rounds(&self) -> u32 {
        self.0.rounds
    }

    /// Names of directories that are there now, and were made or have changed.
    #[getter]
    fn changed<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyFrozenSet>> {
        names(py, &self.0.changed)
    }

    /// Names of directories that were there before and are not now.
    #[getter]
    fn removed<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyFrozenSet>> {
        names(py, &self.0.removed)
    }

    /// Tombstones of directories purged at its end.
    #[getter]
    const fn purged(&self) -> usize {
        self.0.purged
    }

    /// How many calls of mappers it took.
    #[getter]
    const fn mapped(&self) -> usize {
        self.0.mapped
    }

    fn __repr__(&self) -> String {
        let livedirs_core::Commit { tick, rounds, changed, removed, purged, mapped } = &self.0;
        format!(
            "Commit(tick={tick}, rounds={rounds}, changed={}, removed={}, purged={purged}, mapped={mapped})",
            braced_names(changed.iter().map(Name::as_str)),
            braced_names(removed.iter().map(Name::as_str))
        )
    }
}

/// Exact counts; equal before and after work that cancels itself out (all but tick, horizon, purged and bytes).
///
/// - dirs, keys: live directories, and keys in all of them but lazy ones. lazy_keys: values that lazy ones keep.
/// - dependencies: tracked reads. names: names that are in use, also those that are only read.
/// - dir_tombstones, key_tombstones: of what was removed and a reader may still need. oldest_tombstone: its tick, or None.
/// - purged: tombstones of both kinds purged since the store was made.
/// - queued: keys that are due to be computed; 0 between transactions.
/// - cursors, snapshots, forks: those that are open. horizon: the least position of a reader; the tick where there is none.
/// - tick: the clock. capacity: the bound in bytes, or None. bytes: what the Rust side holds, about; not the values.
#[pyclass(frozen, eq, get_all, module = "livedirs", name = "Stats")]
#[derive(PartialEq, Eq)]
pub struct Stats {
    tick: u64,
    dirs: usize,
    dir_tombstones: usize,
    key_tombstones: usize,
    oldest_tombstone: Option<u64>,
    purged: u64,
    keys: usize,
    dependencies: usize,
    queued: usize,
    lazy_keys: usize,
    names: usize,
    cursors: usize,
    snapshots: usize,
    forks: usize,
    horizon: u64,
    capacity: Option<u64>,
    bytes: usize,
}

impl Stats {
    pub const fn new(
        stats: livedirs_core::Stats,
        queued: usize,
        horizon: u64,
        [cursors, snapshots, forks]: [usize; 3],
        capacity: Option<u64>,
    ) -> Self {
        Stats {
            tick: stats.tick,
            dirs: stats.dirs,
            dir_tombstones: stats.dir_tombstones,
            key_tombstones: stats.key_tombstones,
            oldest_tombstone: stats.oldest_tombstone,
            purged: stats.purged,
            keys: stats.keys,
            dependencies: stats.dependencies,
            queued,
            lazy_keys: stats.lazy_keys,
            names: stats.names,
            cursors,
            snapshots,
            forks,
            horizon,
            capacity,
            bytes: stats.bytes,
        }
    }
}

#[pymethods]
impl Stats {
    fn __repr__(&self) -> String {
        let or_none = |value: Option<u64>| value.map_or_else(|| "None".to_owned(), |value| value.to_string());
        format!(
            "Stats(tick={}, dirs={}, dir_tombstones={}, key_tombstones={}, oldest_tombstone={}, purged={}, keys={}, \
             dependencies={}, queued={}, lazy_keys={}, names={}, cursors={}, snapshots={}, forks={}, horizon={}, \
             capacity={}, bytes={})",
            self.tick,
            self.dirs,
            self.dir_tombstones,
            self.key_tombstones,
            or_none(self.oldest_tombstone),
            self.purged,
            self.keys,
            self.dependencies,
            self.queued,
            self.lazy_keys,
            self.names,
            self.cursors,
            self.snapshots,
            self.forks,
            self.horizon,
            or_none(self.capacity),
            self.bytes
        )
    }
}
