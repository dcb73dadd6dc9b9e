//! `Changes` and `DirChanges`: what a reader is told.

use livedirs_core::{Name, News};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyMappingProxy, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::convert;
use crate::host::Object;
use crate::records::names;

/// What changed in a directory.
///
/// entries: in the order of the keys, the values of each key that changed, () for one that is gone; where reset is True
/// all that there is, and what the reader holds beside it is gone.
#[pyclass(frozen, get_all, generic, module = "livedirs", name = "Changes")]
pub struct Changes {
    /// Pass it as `since` next time.
    tick: u64,
    /// Whether entries is all there is.
    reset: bool,
    /// Whether the directory itself is gone.
    removed: bool,
    /// Key -> values.
    entries: Py<PyMappingProxy>,
}

#[pymethods]
impl Changes {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let entries = self.entries.bind(py).call_method0("copy")?.repr()?;
        Ok(format!(
            "Changes(tick={}, reset={}, removed={}, entries={})",
            self.tick,
            truth(self.reset),
            truth(self.removed),
            entries.to_string_lossy()
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.entries)
    }
}

/// What changed among the directories of a store.
#[pyclass(frozen, get_all, module = "livedirs", name = "DirChanges")]
pub struct DirChanges {
    /// Pass it as `since` next time.
    tick: u64,
    /// Whether changed is all there is; removed is empty then.
    reset: bool,
    /// Names of directories that are there, and were created or modified.
    changed: Py<PyFrozenSet>,
    /// Names of directories that are gone.
    removed: Py<PyFrozenSet>,
}

#[pymethods]
impl DirChanges {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let shown = |names: &Py<PyFrozenSet>| -> PyResult<String> {
            let mut names: Vec<String> = names.bind(py).iter().map(|name| name.to_string()).collect();
            names.sort();
            let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
            Ok(format!("{{{}}}", names.join(", ")))
        };
        Ok(format!(
            "DirChanges(tick={}, reset={}, changed={}, removed={})",
            self.tick,
            truth(self.reset),
            shown(&self.changed)?,
            shown(&self.removed)?
        ))
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
    let entries = PyDict::new(py);
    for (key, values) in changes.entries {
        let values = PyTuple::new(py, values.into_iter().map(|value| value.0))?;
        entries.set_item(convert::key_to_python(py, &key)?, values)?;
    }
    let entries = PyMappingProxy::new(py, entries.as_mapping()).unbind();
    let changes = Changes { tick: changes.tick, reset: changes.reset, removed: changes.removed, entries };
    Bound::new(py, changes).map(Bound::into_any)
}
