//! `Store`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use livedirs_core::{Fold, Goal, Hooks, Key, Name, NameId, Op, Options, Parent, Range, Spec};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::changes;
use crate::convert::{self, Given};
use crate::cursor;
use crate::directory::Directory;
use crate::errors;
use crate::host::{Code, Object, PyHost, Task};
use crate::input_directory::InputDirectory;
use crate::iterators::Names;
use crate::lazy::LazyDirectory;
use crate::records::Stats;
use crate::reducer;
use crate::shared::{Scope, Shared};
use crate::snapshot::Snapshot;
use crate::transaction::{self, Transaction};

/// A reactive store: directories that keep themselves up to date.
///
/// >>> from livedirs import Store, Sum
/// >>> store = Store()
/// >>> prices = store.mkdir("/prices/", {"tea": 3, "coffee": 4})
/// >>> total = prices.map_reduce("/total/", lambda key, values: [("all", values[0])], Sum())
/// >>> with store.update():
/// ...     prices["tea"] = 5
/// ...     prices["milk"] = 1
/// >>> total["all"]
/// 10
#[pyclass(frozen, subclass, weakref, module = "livedirs", name = "Store")]
pub struct Store {
    pub shared: Arc<Shared>,
    capacity: Option<u64>,
}

/// An int that is no bool, at least `least`.
pub fn whole(what: &str, given: &Bound<'_, PyAny>, least: u64) -> PyResult<u64> {
    if !given.is_instance_of::<PyInt>() || given.is_instance_of::<PyBool>() {
        let kind = given.get_type().name()?.to_string_lossy().into_owned();
        return Err(PyTypeError::new_err(format!("{what} is an int, not {kind}")));
    }
    match convert::number(given) {
        Some(livedirs_core::number::Number::Int(value)) => match u64::try_from(value) {
            Ok(value) if value >= least => Ok(value),
            _ => Err(PyValueError::new_err(format!("{what} is at least {least}, not {value}"))),
        },
        Some(livedirs_core::number::Number::Big(value)) if value >= least.into() => Ok(u64::MAX),
        _ => Err(PyValueError::new_err(format!("{what} is at least {least}"))),
    }
}

pub fn callable(what: &str, given: &Bound<'_, PyAny>) -> PyResult<()> {
    if given.is_callable() {
        return Ok(());
    }
    let kind = given.get_type().name()?.to_string_lossy().into_owned();
    Err(PyTypeError::new_err(format!("{what} is not callable: it is of type {kind}")))
}

#[pymethods]
impl Store {
    #[new]
    #[pyo3(signature = (*, capacity=None, history=Given::Absent, max_lag=Given::Absent, lazy_capacity=Given::Absent, max_rounds=Given::Absent),
           text_signature = "(*, capacity=None, history=0, max_lag=10000, lazy_capacity=10, max_rounds=1000)")]
    fn new(
        py: Python<'_>,
        capacity: Option<&Bound<'_, PyAny>>,
        history: Given,
        max_lag: Given,
        lazy_capacity: Given,
        max_rounds: Given,
    ) -> PyResult<Self> {
        let limit = |what, given: &Given, least, default| match given {
            Given::Value(given) => whole(what, given.bind(py), least),
            Given::Absent => Ok(default),
        };
        let history = limit("history", &history, 0, 0)?;
        let max_lag = match &max_lag {
            Given::Value(given) if given.is_none(py) => None,
            given => Some(limit("max_lag", given, 0, 10_000)?),
        };
        let lazy_capacity = limit("lazy_capacity", &lazy_capacity, 0, 10)?;
        let max_rounds = limit("max_rounds", &max_rounds, 1, 1_000)?;
        let max_rounds = u32::try_from(max_rounds).unwrap_or(u32::MAX);
        let capacity = crate::capacity::of(py, capacity)?;
        let options = Options {
            history,
            max_rounds,
            lazy_capacity,
            max_lag,
            #[cfg(feature = "mutants")]
            mutant: mutant()?,
        };
        Ok(Store { shared: Arc::new(Shared::new(options)), capacity })
    }

    /// Opens an update transaction: `with store.update() as tx:`.
    ///
    /// Another thread's transaction is waited for, `timeout` seconds at the most, then TimeoutError.
    #[pyo3(signature = (*, timeout=None))]
    fn update(slf: Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Transaction> {
        let timeout = transaction::timeout(timeout)?;
        Ok(Transaction::new(slf.unbind(), timeout))
    }

    /// Calls fn once, after the outermost transaction that is open now commits; outside of one, at once.
    ///
    /// An exception is logged by the logger "livedirs".
    fn on_commit(&self, py: Python<'_>, r#fn: &Bound<'_, PyAny>) -> PyResult<()> {
        callable("fn", r#fn)?;
        {
            let mut guard = self.shared.lock(py);
            // A lazy function that runs outside of a transaction has none to wait for.
            if matches!(Shared::scope(py, &guard)?, Scope::Working) && !guard.is_beside() {
                if guard.rolled_back {
                    return Err(errors::transaction(py, "the transaction was rolled back"));
                }
                let id = guard.store.register();
                guard.on_commit.push((id, r#fn.clone().unbind()));
                return Ok(());
            }
        }
        transaction::call_back(py, r#fn, None)
    }

    /// Makes an input directory. Pairs may repeat a key: its values, in order.
    ///
    /// DirExistsError where the name is taken; with exist_ok the input directory that is there.
    #[pyo3(signature = (name, content=Given::Absent, *, exist_ok=false, on_create=None, on_delete=None),
           text_signature = "(self, name, content=(), *, exist_ok=False, on_create=None, on_delete=None)")]
    fn mkdir<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        content: Given,
        exist_ok: bool,
        on_create: Option<&Bound<'py, PyAny>>,
        on_delete: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, InputDirectory>> {
        let py = slf.py();
        let name = convert::name(name)?;
        let rows = match content {
            Given::Value(content) => rows(content.bind(py))?,
            Given::Absent => Vec::new(),
        };
        let hook = |what, given: Option<&Bound<'py, PyAny>>| -> PyResult<Option<Code>> {
            let Some(given) = given else { return Ok(None) };
            callable(what, given)?;
            transaction::hook(py, given, slf).map(Some)
        };
        let hooks = Hooks { on_create: hook("on_create", on_create)?, on_delete: hook("on_delete", on_delete)? };
        let hooks = (hooks.on_create.is_some() || hooks.on_delete.is_some()).then(|| Arc::new(hooks));
        let this = slf.get();
        if exist_ok && this.has_input(py, &name)? {
            return InputDirectory::of(slf, name, NameId::of(0));
        }
        let spec = Spec::Input { rows, hooks };
        let id = this.make(py, &name, &spec)?;
        InputDirectory::of(slf, name, id)
    }

    /// Makes a directory that is mapped from several: (directory, fn) or (directory, fn, within) for each.
    #[pyo3(signature = (name, parents, reducer=None, *, shared=false))]
    fn multi_map<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        parents: &Bound<'py, PyAny>,
        reducer: Option<&Bound<'py, PyAny>>,
        shared: bool,
    ) -> PyResult<Bound<'py, Directory>> {
        let name = convert::name(name)?;
        let mut arrows = Vec::new();
        for item in parents.try_iter()? {
            let item: Vec<Bound<'py, PyAny>> = item?.try_iter()?.collect::<PyResult<_>>()?;
            let (directory, function, within) = match item.as_slice() {
                [directory, function] => (directory, function, None),
                [directory, function, within] => (directory, function, Some(convert::ranges(within)?)),
                _ => {
                    let message = "each parent is (directory, fn) or (directory, fn, within)";
                    return Err(PyValueError::new_err(message));
                }
            };
            callable("fn", function)?;
            let parent = Self::parent_name(slf, directory)?;
            arrows.push(ArrowSpec { parent, task: Task::Map, function: Some(function.clone()), within });
        }
        Self::derive(slf, name, arrows, reducer, shared)
    }

    /// Makes a directory whose keys fn(self, key) computes when they are read; KeyError raised by it: no such key.
    ///
    /// `self` is the directory, so fn may read other keys of it. A key is kept until something that fn read changes, or
    /// it went unread for more than lazy_capacity transactions (never for that where keep). many: fn gives values.
    #[pyo3(signature = (name, r#fn, *, many=false, keep=false))]
    fn lazy<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        r#fn: &Bound<'py, PyAny>,
        many: bool,
        keep: bool,
    ) -> PyResult<Bound<'py, LazyDirectory>> {
        let name = convert::name(name)?;
        callable("fn", r#fn)?;
        let code = crate::lazy::code(slf.py(), r#fn, slf, many)?;
        slf.get().make(slf.py(), &name, &Spec::Lazy { code, keep })?;
        LazyDirectory::of(slf, None, name)
    }

    /// Removes a directory. DirNotFoundError where it is not there, unless missing_ok; DirInUseError where live
    /// directories derive from it, unless recursive, which removes them too.
    #[pyo3(signature = (name, *, recursive=false, missing_ok=false))]
    fn remove_dir(&self, py: Python<'_>, name: &Bound<'_, PyAny>, recursive: bool, missing_ok: bool) -> PyResult<()> {
        let name = convert::name(name)?;
        self.shared.write(py, |store| store.remove_dir(&name, recursive, missing_ok)).map(drop)
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let name = convert::name(name)?;
        let found = Self::find(slf, &name)?;
        found.ok_or_else(|| slf.get().shared.not_found(slf.py(), &name))
    }

    /// The directory of a name, or the default.
    #[pyo3(signature = (name, default=None))]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let name = convert::name(name)?;
        Ok(Self::find(slf, &name)?.or(default))
    }

    fn __contains__(&self, py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Some(name) = convert::name_or_none(name)? else { return Ok(false) };
        Ok(self.kind_of(py, &name)?.is_some())
    }

    fn __iter__(&self, py: Python<'_>) -> PyResult<Names> {
        Ok(Names::of(self.names(py)?))
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        let mut guard = self.shared.lock(py);
        match Shared::scope(py, &guard)? {
            Scope::Working => {
                guard.store.track_names();
                Ok(guard.store.len())
            }
            Scope::Published if guard.store.is_open() => Ok(guard.store.published().len()),
            Scope::Published => Ok(guard.store.len()),
        }
    }

    fn __bool__(&self) -> bool {
        true
    }

    /// The store's clock.
    #[getter]
    fn tick(&self, py: Python<'_>) -> PyResult<u64> {
        let mut guard = self.shared.lock(py);
        match Shared::scope(py, &guard)? {
            Scope::Working if guard.store.in_mapper() => {
                Err(errors::transaction(py, "a mapper may not ask for the tick"))
            }
            Scope::Published if guard.store.is_open() => Ok(guard.store.published().tick()),
            Scope::Working | Scope::Published => Ok(guard.store.tick()),
        }
    }

    /// The directories that changed at `since` or later, and those that went: exact, or with reset=True all that there
    /// are. ValueError where `since` is later than the present tick.
    fn changes<'py>(&self, since: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = since.py();
        let version = self.published_since(py, cursor::since(since)?)?;
        changes::dirs_to_python(py, &version.0.changes(version.1))
    }

    /// A reader of the directories that come, change and go, from tick `since` on; None: first it is told all there are.
    #[pyo3(signature = (*, since=None))]
    fn cursor<'py>(slf: &Bound<'py, Self>, since: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        cursor::make(slf, None, since)
    }

    /// The last commit's version, for reading; it stays as it is. O(1).
    fn snapshot(slf: &Bound<'_, Self>) -> PyResult<Snapshot> {
        let py = slf.py();
        let shared = &slf.get().shared;
        let mut guard = shared.lock(py);
        if matches!(Shared::scope(py, &guard)?, Scope::Working) && guard.store.in_mapper() {
            return Err(errors::transaction(py, "a mapper may not ask for a snapshot"));
        }
        let version = guard.store.published();
        drop(guard);
        Ok(Snapshot::new(slf.clone().unbind(), version))
    }

    /// Removes every tombstone that no reader needs, as a commit does by itself; the number of directories' purged.
    fn purge_deleted_dirs(&self, py: Python<'_>) -> PyResult<usize> {
        let mut guard = self.shared.lock(py);
        if matches!(Shared::scope(py, &guard)?, Scope::Working) && guard.store.in_mapper() {
            return Err(errors::transaction(py, "a mapper may not purge"));
        }
        self.shared.bury(&mut guard);
        Ok(guard.store.purge_deleted_dirs())
    }

    /// What the store holds, in exact counts.
    fn stats(&self, py: Python<'_>) -> PyResult<Stats> {
        let mut guard = self.shared.lock(py);
        self.shared.bury(&mut guard);
        let (stats, queued, horizon) = match Shared::scope(py, &guard)? {
            Scope::Working if guard.store.in_mapper() => {
                return Err(errors::transaction(py, "a mapper may not ask for stats"));
            }
            Scope::Working => (guard.store.stats(), guard.store.queued(), guard.store.horizon()),
            Scope::Published if guard.store.is_open() => {
                let stats = guard.store.published().stats();
                (stats, 0, guard.store.horizon().min(stats.tick))
            }
            Scope::Published => (guard.store.stats(), 0, guard.store.horizon()),
        };
        let snapshots = self.shared.snapshots.load(Ordering::Relaxed);
        let readers = [guard.store.cursors(), snapshots, 0];
        Ok(Stats::new(stats, queued, horizon, readers, self.capacity))
    }

    /// The directories as a text tree: kind, size, parents.
    fn tree(&self, py: Python<'_>) -> PyResult<String> {
        Ok(crate::render::tree(&self.described(py)?))
    }

    /// The dependency graph as a Mermaid flowchart.
    fn to_mermaid(&self, py: Python<'_>) -> PyResult<String> {
        Ok(crate::render::mermaid(&self.described(py)?))
    }

    /// Frees what the store holds. Later use is ClosedError; closing again does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let guard = self.shared.lock(py);
        if guard.closed {
            return Ok(());
        }
        if Shared::is_mine(&guard) {
            return Err(errors::transaction(py, "a transaction is open: leave its block before closing the store"));
        }
        // Another thread's transaction ends first.
        let mut guard = self.shared.take_turn_for_call(py, guard)?;
        let left = guard.store.end();
        guard.closed = true;
        let options = Options::default();
        let store = std::mem::replace(&mut guard.store, livedirs_core::Store::new(options));
        let after = self.shared.give_turn(&mut guard, false).and(guard.wake_all());
        drop(guard);
        drop((left, store));
        after.run(py);
        Ok(())
    }

    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        let closed = slf.get().shared.lock(slf.py()).closed;
        if closed { Err(errors::closed(slf.py(), "the store is closed")) } else { Ok(slf) }
    }

    #[pyo3(signature = (*exc))]
    fn __exit__(&self, py: Python<'_>, exc: &Bound<'_, PyTuple>) -> PyResult<()> {
        let _ = exc;
        self.close(py)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let mut guard = self.shared.lock(py);
        if guard.closed {
            return "<Store, closed>".to_owned();
        }
        let (dirs, tick) = if guard.store.is_open() && !Shared::is_mine(&guard) {
            let version = guard.store.published();
            (version.len(), version.tick())
        } else {
            (guard.store.len(), guard.store.tick())
        };
        format!("<Store of {dirs} director{} at tick {tick}>", if dirs == 1 { "y" } else { "ies" })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(guard) = self.shared.try_lock() else { return Ok(()) };
        crate::gc::visit(&guard, &visit)
    }

    fn __clear__(&self) {
        let Some(mut guard) = self.shared.try_lock() else { return };
        let store = std::mem::replace(&mut guard.store, livedirs_core::Store::new(Options::default()));
        let callbacks = (std::mem::take(&mut guard.on_commit), std::mem::take(&mut guard.callbacks));
        let subscribers = std::mem::take(&mut guard.subscribers);
        let waiters = (std::mem::take(&mut guard.waiters), std::mem::take(&mut guard.turns));
        guard.closed = true;
        drop(guard);
        drop((store, callbacks, subscribers, waiters));
    }
}

/// The fault that is to be made on purpose, which the environment names.
#[cfg(feature = "mutants")]
fn mutant() -> PyResult<Option<livedirs_core::Mutant>> {
    let Ok(name) = std::env::var("LIVEDIRS_MUTANT") else { return Ok(None) };
    let found = livedirs_core::Mutant::ALL.into_iter().find(|mutant| format!("{mutant:?}") == name);
    found.map(Some).ok_or_else(|| PyValueError::new_err(format!("there is no mutant {name:?}")))
}

/// One parent of a derived directory, as a method asks for it.
pub struct ArrowSpec<'py> {
    pub parent: Name,
    pub task: Task,
    pub function: Option<Bound<'py, PyAny>>,
    pub within: Option<Vec<Range>>,
}

impl Store {
    /// The kind of the directory of a name; inside of a mapper a tracked read.
    pub fn kind_of(&self, py: Python<'_>, name: &Name) -> PyResult<Option<(livedirs_core::DirKind, NameId)>> {
        let mut guard = self.shared.lock(py);
        let scope = Shared::scope(py, &guard)?;
        if matches!(scope, Scope::Published) && guard.store.is_open() {
            let version = guard.store.published();
            let id = version.find(name);
            return Ok(id.and_then(|id| version.directory(id).map(|view| (view.kind(), id))));
        }
        let id = guard.store.look_up(name);
        Ok(id.and_then(|id| guard.store.directory(id).map(|view| (view.kind(), id))))
    }

    fn find<'py>(slf: &Bound<'py, Self>, name: &Name) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some((kind, id)) = slf.get().kind_of(slf.py(), name)? else { return Ok(None) };
        Directory::of_kind(slf, name.clone(), id, kind).map(Some)
    }

    /// The last commit's version, for somebody who asks what changed since then.
    pub fn published_since(&self, py: Python<'_>, since: u64) -> PyResult<(livedirs_core::Version<PyHost>, u64)> {
        let guard = self.shared.lock(py);
        if matches!(Shared::scope(py, &guard)?, Scope::Working) && guard.store.in_mapper() {
            return Err(errors::transaction(py, "a mapper may not ask for changes"));
        }
        let ask = |store: &mut livedirs_core::Store<PyHost>| {
            store.check_since(since)?;
            Ok(store.published())
        };
        let (version, guard) = self.shared.run_locked(py, guard, ask)?;
        drop(guard);
        Ok((version, since))
    }

    fn has_input(&self, py: Python<'_>, name: &Name) -> PyResult<bool> {
        {
            let guard = self.shared.lock(py);
            if matches!(Shared::scope(py, &guard)?, Scope::Working) {
                if guard.rolled_back {
                    return Err(errors::transaction(py, "the transaction was rolled back"));
                }
                if guard.store.in_mapper() {
                    return Ok(false);
                }
            }
        }
        Ok(self.kind_of(py, name)?.is_some_and(|(kind, _)| kind == livedirs_core::DirKind::Input))
    }

    pub fn names(&self, py: Python<'_>) -> PyResult<Vec<Name>> {
        let mut guard = self.shared.lock(py);
        match Shared::scope(py, &guard)? {
            Scope::Working => {
                guard.store.track_names();
                Ok(guard.store.names())
            }
            Scope::Published if guard.store.is_open() => Ok(guard.store.published().names()),
            Scope::Published => Ok(guard.store.names()),
        }
    }

    fn described(&self, py: Python<'_>) -> PyResult<Vec<livedirs_core::Described>> {
        let mut guard = self.shared.lock(py);
        match Shared::scope(py, &guard)? {
            Scope::Working if guard.store.in_mapper() => {
                Err(errors::transaction(py, "a mapper may not ask for the tree"))
            }
            Scope::Working => Ok(guard.store.describe()),
            Scope::Published => Ok(guard.store.published().describe()),
        }
    }

    fn make(&self, py: Python<'_>, name: &Name, spec: &Spec<PyHost>) -> PyResult<NameId> {
        let in_mapper = {
            let guard = self.shared.lock(py);
            matches!(Shared::scope(py, &guard)?, Scope::Working) && guard.store.in_mapper()
        };
        if in_mapper || matches!(spec, Spec::Input { .. } | Spec::Lazy { .. }) {
            return self.shared.write(py, |store| store.make(name, spec));
        }
        // Made outside of a mapper, a derived directory is computed at once.
        self.shared.write_steps(py, || {
            let (id, guard) = self.shared.run_locked(py, self.shared.lock(py), |store| store.make(name, spec))?;
            drop(self.shared.drive(py, guard, Goal::Only(id))?);
            Ok(id)
        })
    }

    /// The name of a directory of this store that something is to be derived from.
    pub fn parent_name(slf: &Bound<'_, Self>, directory: &Bound<'_, PyAny>) -> PyResult<Name> {
        let Ok(directory) = directory.cast::<Directory>() else {
            let kind = directory.get_type().name()?.to_string_lossy().into_owned();
            return Err(PyTypeError::new_err(format!("a parent is a directory, not {kind}")));
        };
        let directory = directory.get();
        if !directory.store.is(slf) {
            return Err(PyValueError::new_err(format!("directory {:?} is of another store", directory.name.as_str())));
        }
        if directory.snapshot.is_some() {
            return Err(errors::read_only(slf.py(), "a snapshot can't be derived from: use the store's directory"));
        }
        Ok(directory.name.clone())
    }

    /// Makes a derived directory.
    pub fn derive<'py>(
        slf: &Bound<'py, Self>,
        name: Name,
        arrows: Vec<ArrowSpec<'py>>,
        reducer: Option<&Bound<'py, PyAny>>,
        shared: bool,
    ) -> PyResult<Bound<'py, Directory>> {
        let (fold, of) = match reducer.filter(|reducer| !reducer.is_none()) {
            None => (None, None),
            Some(reducer) => {
                let (fold, of) = reducer::fold_of(reducer)?;
                (Some(fold), of)
            }
        };
        let parents = arrows
            .into_iter()
            .map(|arrow| {
                let op = if let Task::Take(limit) = arrow.task {
                    Op::Take(limit)
                } else if arrow.task == Task::Pass && of.is_none() {
                    Op::Same
                } else {
                    let function = arrow.function.map(Bound::unbind);
                    Op::Map(Code::new(arrow.task, function, of.as_ref().map(|of| of.clone_ref(slf.py()))))
                };
                Parent { name: arrow.parent, op, within: arrow.within }
            })
            .collect();
        let spec = Spec::Derived { parents, fold, shared };
        let id = slf.get().make(slf.py(), &name, &spec)?;
        Directory::of(slf, name, id)
    }
}

/// What `mkdir` was given, by key; the first key of equal ones stays.
fn rows(content: &Bound<'_, PyAny>) -> PyResult<Vec<(Key, Vec<Object>)>> {
    let mut order: BTreeMap<Key, Vec<Object>> = BTreeMap::new();
    if let Ok(directory) = content.cast::<Directory>() {
        for (key, values) in directory.get().rows(content.py())? {
            order.insert(key, values.into_vec());
        }
        return Ok(order.into_iter().collect());
    }
    let pairs = if convert::is_mapping(content)? { content.call_method0("items")? } else { content.clone() };
    for pair in pairs.try_iter()? {
        let (key, value) = convert::two(&pair?, "content is pairs (key, value) or a mapping")?;
        order.entry(convert::key(&key)?).or_default().push(Object(value.unbind()));
    }
    Ok(order.into_iter().collect())
}

/// The fold of a reducer, for one that is built in with its `of`.
pub type FoldOf = (Fold<Code>, Option<Py<PyAny>>);
