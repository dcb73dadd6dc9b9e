//! `LazyDirectory`, and the evaluation of its keys.
//!
//! The owner of an open transaction computes in the version that it works on. Everybody else computes *beside* the
//! store: over a clone of the version that they see, which stands in for the store on their thread while the lazy
//! function runs (`Shared::lock` puts it there), so that all that the function closes over means that version, and
//! nobody waits for anybody. What comes of it is then taken over by the published version, if that is still the same, or
//! kept by the snapshot that was read.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use livedirs_core::{Computed, DirKind, Goal, Key, LazyJob, LazyRead, Name, NameId, Tag, ValueVec};
use pyo3::basic::CompareOp;
use pyo3::exceptions::{PyException, PyKeyError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};

use crate::convert;
use crate::directory::{Directory, Look, Shown};
use crate::errors;
use crate::family;
use crate::guard::Guard;
use crate::host::{Code, Object, PyHost, Task};
use crate::html;
use crate::panics::caught;
use crate::shared::{Scope, Shared};
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::transaction;

type Values = ValueVec<Object>;

/// What becomes of a store that somebody computed beside.
type Beside = livedirs_core::Store<PyHost>;

/// Computed on demand: a key when it is first read, then kept until something that it read changes. It can't be
/// iterated.
///
/// A read costs a call of the function, or O(log n) where the key is kept. CycleError where a key needs itself.
///
/// >>> from livedirs import Store
/// >>> store = Store()
/// >>> users = store.mkdir("/users/", {1: "Ada"})
/// >>> greeting = store.lazy("/greeting/", lambda self, user: f"Hello {users[user]}")
/// >>> greeting[1], greeting.get(2), 2 in greeting
/// ('Hello Ada', None, False)
#[pyclass(frozen, weakref, mapping, generic, module = "livedirs", name = "LazyDirectory")]
pub struct LazyDirectory {
    pub handle: Directory,
}

impl LazyDirectory {
    pub fn of<'py>(
        store: &Bound<'py, Store>,
        snapshot: Option<Py<Snapshot>>,
        name: Name,
    ) -> PyResult<Bound<'py, Self>> {
        let handle = Directory::handle(store, snapshot, name, NameId::of(0));
        Bound::new(store.py(), LazyDirectory { handle })
    }

    /// The values of a key; none where it is absent.
    fn values(&self, py: Python<'_>, key: &Key) -> PyResult<Values> {
        let handle = &self.handle;
        let shared = handle.store.get().shared();
        let found = match &handle.snapshot {
            Some(snapshot) => shared.lazy_of_snapshot(py, snapshot.get(), &handle.name, key)?,
            None => shared.lazy(py, &handle.name, key)?,
        };
        found.ok_or_else(|| shared.not_found(py, &handle.name))
    }

    fn only(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        let mut values = self.values(py, &convert::key(key)?)?;
        if values.len() > 1 {
            let message = format!(
                "key {} of {:?} has {} values: use get_all",
                key.repr()?.to_string_lossy(),
                self.handle.name.as_str(),
                values.len()
            );
            return Err(errors::not_unique(py, message));
        }
        Ok(values.pop().map(|value| value.0))
    }

    fn look(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        let found = self.handle.peek(py, || Tag::Existence, |view| (view.kind(), view.created()))?;
        Ok(found.filter(|(kind, _)| *kind == DirKind::Lazy).map(|(_, created)| created))
    }
}

#[pymethods]
impl LazyDirectory {
    /// Its name, a `DirName`.
    #[getter]
    fn name<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        convert::name_to_python(py, &self.handle.name)
    }

    /// Its store.
    #[getter]
    fn store(&self, py: Python<'_>) -> Py<Store> {
        self.handle.store.clone_ref(py)
    }

    /// "lazy"; "removed" while no lazy directory bears the name.
    #[getter]
    fn kind(&self, py: Python<'_>) -> PyResult<&'static str> {
        Ok(if self.look(py)?.is_some() { "lazy" } else { "removed" })
    }

    /// The tick at which this generation of it was made.
    #[getter]
    fn created(&self, py: Python<'_>) -> PyResult<u64> {
        self.look(py)?.ok_or_else(|| self.handle.store.get().shared().not_found(py, &self.handle.name))
    }

    fn __getitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.only(key.py(), key)?.ok_or_else(|| errors::key_error(key))
    }

    /// The value of a key, or the default. `NotUniqueError` on two or more values; what the function raises, but for
    /// KeyError.
    #[pyo3(signature = (key, default=None))]
    fn get(&self, key: &Bound<'_, PyAny>, default: Option<Py<PyAny>>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.only(key.py(), key)?.or(default))
    }

    /// All values of a key, a tuple in order; () where it is absent. What the function raises, but for KeyError.
    fn get_all<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let values = self.values(key.py(), &convert::key(key)?)?;
        PyTuple::new(key.py(), values.into_vec().into_iter().map(|value| value.0))
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Some(asked) = convert::key_or_none(key)? else { return Ok(false) };
        Ok(!self.values(key.py(), &asked)?.is_empty())
    }

    fn __richcmp__(&self, other: &Bound<'_, PyAny>, op: CompareOp) -> Py<PyAny> {
        let py = other.py();
        let Ok(other) = other.cast::<LazyDirectory>() else { return py.NotImplemented() };
        let same = self.handle.is_same_handle(&other.get().handle);
        let answer = match op {
            CompareOp::Eq => same,
            CompareOp::Ne => !same,
            _ => return py.NotImplemented(),
        };
        answer.into_pyobject(py).map_or_else(|error| match error {}, |answer| answer.to_owned().into_any().unbind())
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        std::sync::Arc::as_ptr(&self.handle.store.get().own.family).addr().hash(&mut hasher);
        self.handle.name.hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let name = self.handle.name.as_str();
        match self.handle.shown(py, 0) {
            Look::NotNow => format!("<LazyDirectory {name:?}>"),
            Look::At(Shown { kind: DirKind::Lazy, count: 1, .. }) => format!("<LazyDirectory {name:?}, 1 key kept>"),
            Look::At(Shown { kind: DirKind::Lazy, count, .. }) => {
                format!("<LazyDirectory {name:?}, {count} keys kept>")
            }
            Look::Nothing | Look::At(_) => format!("<LazyDirectory {name:?}, removed>"),
        }
    }

    /// The name and the number of keys that are kept as an HTML table, for notebooks. It computes nothing.
    ///
    /// >>> from livedirs import Store
    /// >>> square = Store().lazy("/square/", lambda self, n: n * n)
    /// >>> print(square._repr_html_())  # doctest: +ELLIPSIS
    /// <table ...
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        html::lazy(slf)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.handle.store)?;
        visit.call(&self.handle.snapshot)
    }
}

/// A lazy function, with a weak reference to the store that its handle is to be of.
pub fn code(py: Python<'_>, function: &Bound<'_, PyAny>, store: &Bound<'_, Store>, many: bool) -> PyResult<Code> {
    let bound = transaction::hook(py, function, store)?;
    let function = bound.0.function.as_ref().map(|function| function.clone_ref(py));
    Ok(Code::new(Task::Lazy { many }, function, None))
}

impl Shared {
    /// The values of a key of a lazy directory; `None` where there is no such directory.
    ///
    /// Lazy functions read each other down to Python's recursion limit, so what is on the stack meanwhile must be small:
    /// the ways that move a whole store are functions of their own.
    pub fn lazy(&self, py: Python<'_>, name: &Name, key: &Key) -> PyResult<Option<Values>> {
        {
            let guard = self.lock(py);
            if matches!(Shared::scope(py, &guard)?, Scope::Published) {
                return self.lazy_published(py, guard, name, key);
            }
        }
        self.compute(py, name, key)
    }

    /// The same for everybody but the owner of an open transaction.
    #[inline(never)]
    fn lazy_published(&self, py: Python<'_>, mut guard: Guard<'_>, name: &Name, key: &Key) -> PyResult<Option<Values>> {
        if guard.store.is_open() {
            let beside = guard.store.beside();
            let (values, beside) = self.compute_beside(py, guard, beside, name, key);
            drop(beside);
            return values;
        }
        let known = guard.store.look_up(name).and_then(|id| guard.store.peek_lazy(id, key));
        if known.is_some() {
            return Ok(known);
        }
        let beside = guard.store.beside();
        let (values, beside) = self.compute_beside(py, guard, beside, name, key);
        let mut guard = self.lock(py);
        // Within another evaluation on this thread there is no published version to hand it to.
        let left = if matches!(Shared::scope(py, &guard), Ok(Scope::Published)) {
            Ok(guard.store.take_over(beside))
        } else {
            Err(beside)
        };
        drop(guard);
        drop(left);
        values
    }

    /// The same over the version of a snapshot, which keeps what is computed.
    #[inline(never)]
    fn lazy_of_snapshot(
        &self,
        py: Python<'_>,
        snapshot: &Snapshot,
        name: &Name,
        key: &Key,
    ) -> PyResult<Option<Values>> {
        let version = snapshot.version(py)?;
        let guard = self.lock(py);
        let beside = guard.store.of_version(version);
        let (values, beside) = self.compute_beside(py, guard, beside, name, key);
        let (version, left) = beside.into_version();
        let old = snapshot.keep(version);
        drop((old, left));
        values
    }

    fn compute_beside(
        &self,
        py: Python<'_>,
        mut guard: Guard<'_>,
        beside: Beside,
        name: &Name,
        key: &Key,
    ) -> (PyResult<Option<Values>>, Beside) {
        let at = guard.step_beside(beside);
        drop(guard);
        let values = caught(py, || self.compute(py, name, key));
        let beside = self.lock_whole(py).step_back(at);
        (values, beside)
    }

    /// Computes in the version that the caller works on.
    fn compute(&self, py: Python<'_>, name: &Name, key: &Key) -> PyResult<Option<Values>> {
        loop {
            let mut guard = self.lock(py);
            let Some(mut id) = guard.store.look_up(name) else { return Ok(None) };
            if guard.store.directory(id).is_none_or(|view| view.kind() != DirKind::Lazy) {
                return Ok(None);
            }
            while let Some(due) = guard.store.pull_for_lazy(id, key) {
                guard = self.drive(py, guard, Goal::Upstream(due))?;
                match guard.store.look_up(name) {
                    Some(now) => id = now,
                    None => return Ok(None),
                }
            }
            let (read, guard) = self.run_locked(py, guard, |store| store.read_lazy(id, key))?;
            drop(guard);
            let job = match read {
                LazyRead::Known(values) => return Ok(Some(values)),
                LazyRead::Run(job) => job,
            };
            if let Some(values) = self.run_lazy(py, &job)? {
                return Ok(Some(values));
            }
        }
    }

    /// Runs a lazy function. The values, where they are for the reader alone; else they are to be read.
    pub fn run_lazy(&self, py: Python<'_>, job: &LazyJob<PyHost>) -> PyResult<Option<Values>> {
        let mut values = match family::running(py, self, || call_lazy(py, self, job)) {
            Ok(values) => values,
            // No such key, which is remembered like any other answer.
            Err(error) if error.is_instance_of::<PyKeyError>(py) => Values::new(),
            Err(error) => {
                let error = self.lazy_failed(py, job, error);
                // One that was only checked fails where it is read, if it still is.
                return if job.asked || !errors::is_of_mapper(py, &error) { Err(error) } else { Ok(None) };
            }
        };
        match self.run_locked(py, self.lock(py), |store| store.finish_lazy(job, &mut values)) {
            Ok((computed, guard)) => {
                drop(guard);
                Ok((job.asked && computed == Computed::Loose).then_some(values))
            }
            // `==` of values raised: that fails the transaction.
            Err(error) => Err(self.lazy_failed(py, job, error)),
        }
    }

    /// Takes the job down, and tells the exception where it came from.
    fn lazy_failed(&self, py: Python<'_>, job: &LazyJob<PyHost>, error: PyErr) -> PyErr {
        let note = format!("livedirs: while computing directory {:?}, for key {}", job.name.as_str(), job.key);
        errors::add_note(py, &error, &note);
        if error.is_instance_of::<PyException>(py) {
            self.lock(py).store.fail_lazy(job);
        } else {
            self.lock(py).store.abort_lazy();
        }
        error
    }
}

fn call_lazy(py: Python<'_>, shared: &Shared, job: &LazyJob<PyHost>) -> PyResult<Values> {
    let Some(bound) = &job.code.0.function else { return Ok(Values::new()) };
    let (function, _) = bound.bind(py).extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
    let store = shared.handle(py)?.cast_into::<Store>()?;
    let handle = LazyDirectory::of(&store, None, job.name.clone())?;
    let value = function.call1((handle, convert::key_to_python(py, &job.key)?))?;
    if matches!(job.code.0.task, Task::Lazy { many: true }) {
        let message =
            || format!("a lazy function with many=True gives an iterable of values, not {}", convert::kind(&value));
        return convert::iterate(&value, message)?.map(|value| Ok(Object(value?.unbind()))).collect();
    }
    Ok(std::iter::once(Object(value.unbind())).collect())
}
