//! `Changes` and `DirChanges`: what a reader is told.

use livedirs_core::{Key, Name, News};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyFrozenSet, PyMappingProxy, PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit};

use crate::convert;
use crate::host::Object;
use crate::records::{SHOWN, braced, braced_names, names};
use crate::render;

/// What changed in a directory: the values of each key that changed, () for one that is gone.
///
/// Where `reset` is True, `entries` is all there is, and what the reader holds beside it is gone. Where `removed` is
/// True, so is the directory itself. `tick`: pass it as `since` next time.
///
/// >>> from livedirs import Store
/// >>> store = Store(history=10)
/// >>> users = store.mkdir("/users/", {1: "Ada", 2: "Grace"})
/// >>> tick = store.tick
/// >>> del users[1]
/// >>> users.changes(tick)
/// Changes(tick=3, reset=False, removed=False, entries={1: ()})
#[pyclass(frozen, get_all, generic, module = "livedirs", name = "Changes")]
pub struct Changes {
    /// The tick up to which it tells; pass it as `since` next time.
    tick: u64,
    /// Whether `entries` is all there is.
    reset: bool,
    /// Whether the directory itself is gone.
    removed: bool,
    /// Key -> values, in the order of the keys; () for a key that is gone. It tells 1 from True.
    entries: Py<PyMappingProxy>,
}

#[pymethods]
impl Changes {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut shown = Vec::new();
        for item in self.entries.bind(py).as_any().call_method0(pyo3::intern!(py, "items"))?.try_iter()?.take(SHOWN + 1)
        {
            let (key, values): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item?.extract()?;
            shown.push(format!("{}: {}", render::short(&key)?, render::short(&values)?));
        }
        Ok(format!(
            "Changes(tick={}, reset={}, removed={}, entries={})",
            self.tick,
            truth(self.reset),
            truth(self.removed),
            braced(shown)
        ))
    }

    fn __eq__(&self, other: &Bound<'_, Self>) -> PyResult<bool> {
        let theirs = other.get();
        let alike = (self.tick, self.reset, self.removed) == (theirs.tick, theirs.reset, theirs.removed);
        if !alike || !self.entries.bind(other.py()).eq(&theirs.entries)? {
            return Ok(false);
        }
        // Python calls 1 and True equal. Both are in the order of the keys.
        let keys =
            |of: &Self| of.entries.bind(other.py()).as_any().try_iter()?.map(|key| convert::key(&key?)).collect();
        let (ours, theirs): (PyResult<Vec<Key>>, PyResult<Vec<Key>>) = (keys(self), keys(theirs));
        Ok(ours? == theirs?)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.entries)
    }
}

/// What changed among the directories of a store: names.
///
/// Where `reset` is True, `changed` is all there is, and `removed` is empty. `tick`: pass it as `since` next time.
///
/// >>> from livedirs import Store
/// >>> store = Store()
/// >>> users, posts = store.mkdir("/users/"), store.mkdir("/posts/")
/// >>> tick = store.tick
/// >>> users[1] = "Ada"
/// >>> store.remove_dir("/posts/")
/// >>> store.changes(tick).changed, store.changes(store.tick).changed
/// (frozenset({DirName('/users/')}), frozenset())
#[pyclass(frozen, get_all, module = "livedirs", name = "DirChanges")]
pub struct DirChanges {
    /// The tick up to which it tells; pass it as `since` next time.
    tick: u64,
    /// Whether `changed` is all there is; `removed` is empty then.
    reset: bool,
    /// Names of directories that are there, and were created or modified.
    changed: Py<PyFrozenSet>,
    /// Names of directories that are gone.
    removed: Py<PyFrozenSet>,
}

#[pymethods]
impl DirChanges {
    fn __repr__(&self, py: Python<'_>) -> String {
        let shown = |names: &Py<PyFrozenSet>| {
            let names: Vec<String> = names.bind(py).iter().map(|name| name.to_string()).collect();
            braced_names(names.iter().map(String::as_str))
        };
        format!(
            "DirChanges(tick={}, reset={}, changed={}, removed={})",
            self.tick,
            truth(self.reset),
            shown(&self.changed),
            shown(&self.removed)
        )
    }

    fn __eq__(&self, other: &Bound<'_, Self>) -> PyResult<bool> {
        let (py, theirs) = (other.py(), other.get());
        let alike = (self.tick, self.reset) == (theirs.tick, theirs.reset);
        Ok(alike && self.changed.bind(py).eq(&theirs.changed)? && self.removed.bind(py).eq(&theirs.removed)?)
    }
}

const fn truth(it: bool) -> &'static str {
    if it { "True" } else { "False" }
}

pub fn to_python(py: Python<'_>, news: News<Object>) -> PyResult<Bound<'_, PyAny>> {
    match news {
        News::Dirs(changes) => dirs_to_python(py, &changes),
        News::Keys(changes) => keys_to_python(py, changes),
    }
}

pub fn dirs_to_python<'py>(py: Python<'py>, changes: &livedirs_core::DirChanges) -> PyResult<Bound<'py, PyAny>> {
    let set = |given: &[Name]| names(py, given).map(Bound::unbind);
    let (changed, removed) = (set(&changes.changed)?, set(&changes.removed)?);
    let changes = DirChanges { tick: changes.tick, reset: changes.reset, changed, removed };
    Bound::new(py, changes).map(Bound::into_any)
}

pub fn keys_to_python(py: Python<'_>, changes: livedirs_core::Changes<Object>) -> PyResult<Bound<'_, PyAny>> {
    let entry = |(key, values): &(Key, Vec<Object>)| {
        let values = PyTuple::new(py, values.iter().map(|value| value.0.bind(py)))?;
        Ok((convert::key_to_python(py, key)?, values))
    };
    let entries = PyDict::new(py);
    for each in &changes.entries {
        let (key, values) = entry(each)?;
        entries.set_item(key, values)?;
    }
    let entries = if entries.len() == changes.entries.len() {
        PyMappingProxy::new(py, entries.as_mapping())
    } else {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let all = changes.entries.iter().map(entry).collect::<PyResult<Vec<_>>>()?;
        let told_apart = CLASS.import(py, "livedirs._twins", "Entries")?.call1((all,))?;
        PyMappingProxy::new(py, told_apart.cast()?)
    }
    .unbind();
    let changes = Changes { tick: changes.tick, reset: changes.reset, removed: changes.removed, entries };
    Bound::new(py, changes).map(Bound::into_any)
}
