//! `_repr_html_`, for notebooks: what there is to show is gathered here, `livedirs._html` renders it.
//!
//! No more is read than is shown, nothing of it is a tracked read, and where nothing can be read (in a mapper, of a
//! closed store) the `repr` is shown.

use livedirs_core::{Described, DirKind};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::convert;
use crate::directory::{Directory, Look, Shown};
use crate::lazy::LazyDirectory;
use crate::render;
use crate::snapshot::Snapshot;
use crate::store::Store;

/// So many rows of a directory, and directories of a store.
const ROWS: usize = 20;
const DIRECTORIES: usize = 100;

/// So many values of one key.
const VALUES: usize = 5;

fn renderer(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("livedirs._html")
}

fn plain<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    renderer(object.py())?.call_method1(pyo3::intern!(object.py(), "plain"), (object.repr()?,))
}

pub fn directory<'py>(slf: &Bound<'py, Directory>) -> PyResult<Bound<'py, PyAny>> {
    let (py, this) = (slf.py(), slf.get());
    match this.shown(py, ROWS) {
        Look::At(shown) if shown.kind != DirKind::Lazy => table(slf.as_any(), this, shown),
        // Its repr shows no value here.
        _ => plain(slf.as_any()),
    }
}

pub fn lazy<'py>(slf: &Bound<'py, LazyDirectory>) -> PyResult<Bound<'py, PyAny>> {
    let handle = &slf.get().handle;
    match handle.shown(slf.py(), 0) {
        Look::At(shown) if shown.kind == DirKind::Lazy => table(slf.as_any(), handle, shown),
        _ => plain(slf.as_any()),
    }
}

fn table<'py>(slf: &Bound<'py, PyAny>, directory: &Directory, shown: Shown) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let rows = PyList::empty(py);
    for (key, values) in shown.rows {
        let count = values.len();
        let first = PyTuple::new(py, values.into_iter().take(VALUES).map(|value| value.0))?;
        rows.append((convert::key_to_python(py, &key)?, first, count))?;
    }
    let kind = if directory.name.is_previous() { "previous" } else { render::kind(shown.kind) };
    renderer(py)?.call_method1(pyo3::intern!(py, "directory"), (directory.name.as_str(), kind, shown.count, rows))
}

pub fn store<'py>(slf: &Bound<'py, Store>) -> PyResult<Bound<'py, PyAny>> {
    match slf.get().shown(slf.py(), DIRECTORIES) {
        Some((count, directories)) => graph(slf.as_any(), count, directories),
        None => plain(slf.as_any()),
    }
}

pub fn snapshot<'py>(slf: &Bound<'py, Snapshot>) -> PyResult<Bound<'py, PyAny>> {
    match slf.get().version(slf.py()) {
        Ok(version) => graph(slf.as_any(), version.len(), version.describe_first(DIRECTORIES)),
        Err(_) => plain(slf.as_any()),
    }
}

fn graph<'py>(slf: &Bound<'py, PyAny>, count: usize, directories: Vec<Described>) -> PyResult<Bound<'py, PyAny>> {
    let rows = PyList::empty(slf.py());
    for directory in directories {
        let parents: Vec<&str> = directory.parents.iter().map(livedirs_core::Name::as_str).collect();
        let owner = directory.owners.first().map(|(owner, key)| (owner.as_str(), key.to_string()));
        let kind = render::kind(directory.kind);
        rows.append((directory.name.as_str(), kind, directory.keys, parents, owner, directory.owners.len()))?;
    }
    renderer(slf.py())?.call_method1(pyo3::intern!(slf.py(), "store"), (slf.repr()?, count, rows))
}
