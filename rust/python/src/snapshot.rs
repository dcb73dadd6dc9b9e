//! `Snapshot`: one version of a store.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use livedirs_core::{Name, NameId, Version, View};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};

use crate::convert;
use crate::directory::Directory;
use crate::errors;
use crate::host::PyHost;
use crate::html;
use crate::iterators::Names;
use crate::store::Store;

/// One version of the store, for reading: `snap["/users/"][1]`. It stays as it is, whatever the store does.
///
/// Its directories read as those of the store; a write to one is ReadOnlyError. Close it when done.
///
/// >>> from livedirs import Store
/// >>> store = Store()
/// >>> users = store.mkdir("/users/", {1: "Ada"})
/// >>> with store.snapshot() as snap:
/// ...     users.clear()
/// ...     print(snap["/users/"][1], len(users))
/// Ada 0
#[pyclass(frozen, weakref, module = "livedirs", name = "Snapshot")]
pub struct Snapshot {
    pub store: Py<Store>,
    /// `None` once it is closed.
    version: Mutex<Option<Version<PyHost>>>,
}

impl Snapshot {
    pub fn new(store: Py<Store>, version: Version<PyHost>) -> Self {
        store.get().own.snapshots.fetch_add(1, Ordering::Relaxed);
        Snapshot { store, version: Mutex::new(Some(version)) }
    }

    /// The same version with lazy keys that were computed since; what was there before, unless it is closed.
    pub fn keep(&self, version: Version<PyHost>) -> Version<PyHost> {
        let mut kept = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *kept {
            Some(kept) => std::mem::replace(kept, version),
            None => version,
        }
    }

    pub fn version(&self, py: Python<'_>) -> PyResult<Version<PyHost>> {
        let version = self.version.lock().unwrap_or_else(PoisonError::into_inner).clone();
        version.ok_or_else(|| errors::closed(py, "the snapshot is closed"))
    }

    /// Reads a directory; `None` where there is none.
    pub fn read<R>(
        &self,
        py: Python<'_>,
        name: &Name,
        hint: NameId,
        read: impl FnOnce(View<'_, PyHost>) -> R,
    ) -> PyResult<Option<R>> {
        let version = self.version(py)?;
        let id = version.find_at(name, hint);
        Ok(id.and_then(|id| version.directory(id)).map(read))
    }

    fn find<'py>(slf: &Bound<'py, Self>, name: Name) -> PyResult<Option<Bound<'py, PyAny>>> {
        let version = slf.get().version(slf.py())?;
        let Some(id) = version.find(&name) else { return Ok(None) };
        let Some(view) = version.directory(id) else { return Ok(None) };
        Directory::of_snapshot(slf, name, id, view.kind()).map(Some)
    }

    fn forget(&self) -> Option<Version<PyHost>> {
        let version = self.version.lock().unwrap_or_else(PoisonError::into_inner).take();
        if version.is_some() {
            self.store.get().own.snapshots.fetch_sub(1, Ordering::Relaxed);
        }
        version
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        drop(self.forget());
    }
}

#[pymethods]
impl Snapshot {
    /// The store's tick at this version. ClosedError once it is closed.
    #[getter]
    fn tick(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.version(py)?.tick())
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let name = convert::name(name)?;
        let tick = slf.get().version(slf.py())?.tick();
        Self::find(slf, name.clone())?.ok_or_else(|| {
            errors::not_found(slf.py(), format!("no directory {:?} at tick {tick} of the snapshot", name.as_str()))
        })
    }

    /// The directory of a name, or the default where there is none. InvalidNameError. O(log n).
    #[pyo3(signature = (name, default=None))]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(Self::find(slf, convert::name(name)?)?.or(default))
    }

    fn __contains__(&self, py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<bool> {
        let version = self.version(py)?;
        Ok(convert::name_or_none(name)?.is_some_and(|name| version.find(&name).is_some()))
    }

    fn __iter__(&self, py: Python<'_>) -> PyResult<Names> {
        Ok(Names::of(self.version(py)?.names()))
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.version(py)?.len())
    }

    fn __bool__(&self) -> bool {
        true
    }

    /// Frees what the snapshot alone held. Later use is ClosedError; closing again does nothing.
    fn close(&self) {
        drop(self.forget());
    }

    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        slf.get().version(slf.py()).map(drop)?;
        Ok(slf)
    }

    #[pyo3(signature = (*exc))]
    fn __exit__(&self, exc: &Bound<'_, PyTuple>) {
        let _ = exc;
        self.close();
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        match self.version(py) {
            Ok(version) => {
                let directories = if version.len() == 1 { "directory" } else { "directories" };
                format!("<Snapshot of {} {directories} at tick {}>", version.len(), version.tick())
            }
            Err(_) => "<Snapshot, closed>".to_owned(),
        }
    }

    /// Its directories as an HTML table, for notebooks: kind, keys, parents, and whose mapper made them.
    ///
    /// >>> from livedirs import Store
    /// >>> print(Store().snapshot()._repr_html_())  # doctest: +ELLIPSIS
    /// <table ...
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        html::snapshot(slf)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.store)
    }

    fn __clear__(&self) {
        drop(self.forget());
    }
}
