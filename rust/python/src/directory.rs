//! `Directory`: a handle, that is, a store and a name.

use std::sync::atomic::{AtomicU64, Ordering};

use livedirs_core::{DirKind, Goal, Key, Name, NameId, Tag, Upper, ValueVec, View};
use pyo3::basic::CompareOp;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit};

use crate::convert;
use crate::errors;
use crate::host::{Object, PyHost, Task};
use crate::html;
use crate::input_directory::InputDirectory;
use crate::iterators::{Entries, Keys};
use crate::lazy::LazyDirectory;
use crate::records::SHOWN;
use crate::render;
use crate::shared::{Scope, Shared};
use crate::snapshot::Snapshot;
use crate::store::{ArrowSpec, Store, callable};

/// An ordered map, key -> one or more values. A handle: cheap, and valid while the name is.
///
/// It means the directory that bears the name now; while there is none, DirNotFoundError. It reads as a mapping whose keys
/// are in order, and is derived from by `map` and the others. Inside of a mapper each read is tracked. A read of a key is
/// O(log n), len() O(1), iteration O(1) a key.
///
/// >>> from livedirs import Store
/// >>> users = Store().mkdir("/users/", {2: "Grace", 1: "Ada"})
/// >>> names = users.map_values("/names/", str.upper)
/// >>> dict(names), 3 in names, len(names)
/// ({1: 'ADA', 2: 'GRACE'}, False, 2)
#[pyclass(frozen, subclass, weakref, mapping, generic, module = "livedirs", name = "Directory")]
pub struct Directory {
    pub store: Py<Store>,
    /// Where the handle is one of a snapshot.
    pub snapshot: Option<Py<Snapshot>>,
    pub name: Name,
    /// Under which number the store found the name last.
    hint: AtomicU64,
}

/// What a key has.
pub enum Found {
    Nothing,
    One(Object),
    Several(usize),
}

impl Directory {
    pub fn handle(store: &Bound<'_, Store>, snapshot: Option<Py<Snapshot>>, name: Name, id: NameId) -> Self {
        Directory { store: store.clone().unbind(), snapshot, name, hint: AtomicU64::new(id.get()) }
    }

    pub fn of<'py>(store: &Bound<'py, Store>, name: Name, id: NameId) -> PyResult<Bound<'py, Self>> {
        Bound::new(store.py(), Directory::handle(store, None, name, id))
    }

    pub fn of_kind<'py>(
        store: &Bound<'py, Store>,
        name: Name,
        id: NameId,
        kind: DirKind,
    ) -> PyResult<Bound<'py, PyAny>> {
        match kind {
            DirKind::Input => InputDirectory::of(store, name, id).map(Bound::into_any),
            DirKind::Derived | DirKind::Previous => Directory::of(store, name, id).map(Bound::into_any),
            DirKind::Lazy => LazyDirectory::of(store, None, name).map(Bound::into_any),
        }
    }

    pub fn of_snapshot<'py>(
        snapshot: &Bound<'py, Snapshot>,
        name: Name,
        id: NameId,
        kind: DirKind,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = snapshot.py();
        let store = snapshot.get().store.bind(py);
        if kind == DirKind::Lazy {
            return LazyDirectory::of(store, Some(snapshot.clone().unbind()), name).map(Bound::into_any);
        }
        let base = Directory::handle(store, Some(snapshot.clone().unbind()), name, id);
        match kind {
            DirKind::Input => {
                let handle = PyClassInitializer::from(base).add_subclass(InputDirectory {});
                Bound::new(py, handle).map(Bound::into_any)
            }
            _ => Bound::new(py, base).map(Bound::into_any),
        }
    }

    /// The store that the caller means.
    pub fn shared(&self) -> crate::family::Meant<'_> {
        self.store.get().shared()
    }

    pub fn hint(&self) -> NameId {
        NameId::of(self.hint.load(Ordering::Relaxed))
    }

    pub fn remember(&self, id: NameId) {
        self.hint.store(id.get(), Ordering::Relaxed);
    }

    /// Whether both mean the same directory.
    pub fn is_same_handle(&self, other: &Self) -> bool {
        let snapshots = match (&self.snapshot, &other.snapshot) {
            (None, None) => true,
            (Some(a), Some(b)) => a.is(b),
            _ => false,
        };
        let (a, b) = (&self.store.get().own, &other.store.get().own);
        snapshots && std::sync::Arc::ptr_eq(&a.family, &b.family) && self.name == other.name
    }

    /// Reads the directory as the caller sees it, with the store locked: `read` may make no object that the cycle
    /// collector tracks. Inside of a mapper this is a tracked read, and what is due comes first. `None` where there is
    /// no directory.
    pub fn peek<R>(
        &self,
        py: Python<'_>,
        tag: impl FnOnce() -> Tag,
        read: impl FnOnce(View<'_, PyHost>) -> R,
    ) -> PyResult<Option<R>> {
        if let Some(snapshot) = &self.snapshot {
            return snapshot.get().read(py, &self.name, self.hint(), read);
        }
        let shared = self.shared();
        let mut guard = shared.lock(py);
        match Shared::scope(py, &guard)? {
            Scope::Published if guard.store.is_open() => {
                let version = guard.store.published();
                drop(guard);
                let id = version.find_at(&self.name, self.hint());
                Ok(id.and_then(|id| version.directory(id)).map(read))
            }
            Scope::Working if guard.store.in_mapper() => {
                let Some(mut id) = guard.store.look_up_at(&self.name, self.hint()) else { return Ok(None) };
                if guard.store.needs_pull(id) {
                    guard = shared.drive(py, guard, Goal::Upstream(id))?;
                    match guard.store.look_up(&self.name) {
                        Some(now) => id = now,
                        None => return Ok(None),
                    }
                }
                self.remember(id);
                guard.store.note_read(id, tag);
                Ok(guard.store.directory(id).map(read))
            }
            _ => {
                let found = guard.store.directory_at(&self.name, self.hint());
                Ok(found.map(|(id, view)| {
                    self.remember(id);
                    read(view)
                }))
            }
        }
    }

    /// The same; DirNotFoundError where there is no directory.
    pub fn read<R>(
        &self,
        py: Python<'_>,
        tag: impl FnOnce() -> Tag,
        read: impl FnOnce(View<'_, PyHost>) -> R,
    ) -> PyResult<R> {
        // A handle of what was an ordinary directory when it was made means none where the name is a lazy one's now.
        let found = self.peek(py, tag, |view| (view.kind() != DirKind::Lazy).then(|| read(view)))?;
        found.flatten().ok_or_else(|| self.shared().not_found(py, &self.name))
    }

    pub fn find(&self, py: Python<'_>, key: &Key) -> PyResult<Found> {
        self.read(
            py,
            || Tag::Key(key.clone()),
            |view| match view.get(key) {
                None => Found::Nothing,
                Some(values) => match values.single() {
                    Some(value) => Found::One(value.clone()),
                    None => Found::Several(values.count()),
                },
            },
        )
    }

    pub fn not_unique(&self, py: Python<'_>, key: &Bound<'_, PyAny>, count: usize) -> PyErr {
        let key = key.repr().map_or_else(|_| "?".to_owned(), |key| key.to_string_lossy().into_owned());
        let message = format!("key {key} of {:?} has {count} values: use get_all", self.name.as_str());
        errors::not_unique(py, message)
    }

    /// All rows.
    pub fn rows(&self, py: Python<'_>) -> PyResult<Vec<(Key, ValueVec<Object>)>> {
        Ok(self.read(py, || Tag::All, |view| view.walk(false))?.collect())
    }

    /// Whether both have the same keys, and equal values for each.
    fn has_rows_of(&self, py: Python<'_>, other: &Directory) -> PyResult<bool> {
        let (ours, theirs) = (self.rows(py)?, other.rows(py)?);
        if ours.len() != theirs.len() || ours.iter().zip(&theirs).any(|(ours, theirs)| ours.0 != theirs.0) {
            return Ok(false);
        }
        let tuple = |values: ValueVec<Object>| PyTuple::new(py, values.into_iter().map(|value| value.0));
        let list = |rows: Vec<(Key, ValueVec<Object>)>| {
            PyList::new(py, rows.into_iter().map(|(_, values)| tuple(values)).collect::<PyResult<Vec<_>>>()?)
        };
        list(ours)?.eq(list(theirs)?)
    }

    /// Whether a dict has the same keys, and an equal value for each. A dict has 1 and True as one key.
    fn has_items_of(&self, py: Python<'_>, dict: &Bound<'_, PyDict>) -> PyResult<bool> {
        let rows = self.rows(py)?;
        let (count, ours) = (rows.len(), PyDict::new(py));
        for (key, mut values) in rows {
            let key = convert::key_to_python(py, &key)?;
            match values.pop() {
                Some(value) if values.is_empty() => ours.set_item(key, value.0)?,
                _ => return Err(self.not_unique(py, &key, values.len() + 1)),
            }
        }
        Ok(ours.len() == count && ours.eq(dict)?)
    }

    fn view_class<'py>(slf: &Bound<'py, Self>, class: &'static str) -> PyResult<Bound<'py, PyAny>> {
        static KEYS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        static VALUES: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        static ITEMS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let cell = match class {
            "DirKeys" => &KEYS,
            "DirValues" => &VALUES,
            _ => &ITEMS,
        };
        cell.import(slf.py(), "livedirs._views", class)?.call1((slf,))
    }

    /// Derives a directory from this one.
    fn derive<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        arrow: Arrow<'_, 'py>,
        reducer: Option<&Bound<'py, PyAny>>,
        shared: bool,
    ) -> PyResult<Bound<'py, Directory>> {
        let py = slf.py();
        let name = convert::name(name)?;
        if let Some(function) = arrow.function {
            callable("fn", function)?;
        }
        let store = slf.get().store.bind(py);
        let parent = Store::parent_name(store, slf.as_any())?;
        let function = arrow.function.cloned();
        let spec = ArrowSpec { parent, task: arrow.task, function, within: arrow.within };
        Store::derive(store, name, vec![spec], reducer, shared)
    }
}

/// What one derivation does with the rows of the directory.
struct Arrow<'a, 'py> {
    task: Task,
    function: Option<&'a Bound<'py, PyAny>>,
    within: Option<Vec<livedirs_core::Range>>,
}

fn within(given: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Vec<livedirs_core::Range>>> {
    given.filter(|given| !given.is_none()).map(convert::ranges).transpose()
}

#[pymethods]
impl Directory {
    /// Its name, a DirName. Of a previous directory: that of the directory whose previous state it is.
    #[getter]
    fn name<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        convert::name_to_python(py, &self.name)
    }

    /// Its store.
    #[getter]
    fn store(&self, py: Python<'_>) -> Py<Store> {
        self.store.clone_ref(py)
    }

    /// "input", "derived" or "previous"; "removed" while no directory bears the name.
    #[getter]
    fn kind(&self, py: Python<'_>) -> PyResult<&'static str> {
        let kind = self.peek(py, || Tag::Existence, |view| view.kind())?;
        Ok(match kind {
            None | Some(DirKind::Lazy) => "removed",
            // Also where it stands for a previous directory that nobody had asked for.
            Some(_) if self.name.is_previous() => render::kind(DirKind::Previous),
            Some(kind) => render::kind(kind),
        })
    }

    /// The tick at which this generation of it was made. DirNotFoundError while there is none.
    #[getter]
    fn created(&self, py: Python<'_>) -> PyResult<u64> {
        self.read(py, || Tag::Existence, |view| view.created())
    }

    fn __getitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = key.py();
        match self.find(py, &convert::key(key)?)? {
            Found::One(value) => Ok(value.0),
            Found::Nothing => Err(errors::key_error(key)),
            Found::Several(count) => Err(self.not_unique(py, key, count)),
        }
    }

    /// The value of a key, or the default. NotUniqueError on two or more values; DirNotFoundError. O(log n).
    ///
    /// >>> from livedirs import Store
    /// >>> users = Store().mkdir("/users/", {1: "Ada"})
    /// >>> users.get(1), users.get(2, "nobody")
    /// ('Ada', 'nobody')
    #[pyo3(signature = (key, default=None))]
    fn get(&self, key: &Bound<'_, PyAny>, default: Option<Py<PyAny>>) -> PyResult<Option<Py<PyAny>>> {
        let py = key.py();
        match self.find(py, &convert::key(key)?)? {
            Found::One(value) => Ok(Some(value.0)),
            Found::Nothing => Ok(default),
            Found::Several(count) => Err(self.not_unique(py, key, count)),
        }
    }

    /// All values of a key, a tuple in order; () where it is absent. DirNotFoundError. O(log n).
    ///
    /// >>> from livedirs import Store
    /// >>> tags = Store().mkdir("/tags/", [("intro", "draft"), ("intro", "maths")])
    /// >>> tags.get_all("intro"), tags.get_all("notes")
    /// (('draft', 'maths'), ())
    fn get_all<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let py = key.py();
        let key = convert::key(key)?;
        let values: Vec<Object> = self.read(
            py,
            || Tag::Key(key.clone()),
            |view| view.get(&key).map_or_else(Vec::new, |values| values.iter().cloned().collect()),
        )?;
        PyTuple::new(py, values.into_iter().map(|value| value.0))
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = key.py();
        let Some(key) = convert::key_or_none(key)? else { return Ok(false) };
        self.read(py, || Tag::Key(key.clone()), |view| view.get(&key).is_some())
    }

    fn __iter__(&self, py: Python<'_>) -> PyResult<Keys> {
        self.read(py, || Tag::All, |view| view.walk(false)).map(Keys::new)
    }

    fn __reversed__(&self, py: Python<'_>) -> PyResult<Keys> {
        self.read(py, || Tag::All, |view| view.walk(true)).map(Keys::new)
    }

    /// All entries, from the last key to the first.
    fn _reversed_entries(&self, py: Python<'_>) -> PyResult<Entries> {
        self.read(py, || Tag::All, |view| view.walk(true)).map(Entries::new)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.read(py, || Tag::Size, |view| view.len())
    }

    fn __bool__(&self, py: Python<'_>) -> PyResult<bool> {
        self.read(py, || Tag::Emptiness, |view| !view.is_empty())
    }

    /// A view of its keys, as of a dict, in their order.
    fn keys<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Directory::view_class(slf, "DirKeys")
    }

    /// A view of its values, as of a dict, in the order of the keys. NotUniqueError where a key has two or more.
    fn values<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Directory::view_class(slf, "DirValues")
    }

    /// A view of its items, as of a dict, in the order of the keys. NotUniqueError where a key has two or more.
    fn items<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Directory::view_class(slf, "DirItems")
    }

    /// Keys with all their values, each a tuple, in the order of the keys. O(1) a key.
    ///
    /// It goes on over the version at which it began. DirNotFoundError.
    ///
    /// >>> from livedirs import Store
    /// >>> tags = Store().mkdir("/tags/", [("intro", "draft"), ("intro", "maths"), ("a", "b")])
    /// >>> list(tags.entries())
    /// [('a', ('b',)), ('intro', ('draft', 'maths'))]
    fn entries(&self, py: Python<'_>) -> PyResult<Entries> {
        self.read(py, || Tag::All, |view| view.walk(false)).map(Entries::new)
    }

    /// The entries with lo <= key <= hi; `...` as hi: no bound. O(log n) to start, O(1) a key.
    ///
    /// InvalidKeyError where a bound is no key; DirNotFoundError.
    ///
    /// >>> from livedirs import Store
    /// >>> events = Store().mkdir("/events/", {9: "login", 11: "edit", 17: "logout"})
    /// >>> list(events.between(10, ...))
    /// [(11, ('edit',)), (17, ('logout',))]
    fn between(&self, lo: &Bound<'_, PyAny>, hi: &Bound<'_, PyAny>) -> PyResult<Entries> {
        let (first, last): (Key, Upper) = (convert::key(lo)?, convert::upper(hi)?);
        let tag = || Tag::Range(first.clone(), last.clone());
        self.read(lo.py(), tag, |view| view.walk_between(&first, &last)).map(Entries::new)
    }

    fn __richcmp__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>, op: CompareOp) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) || !convert::is_mapping(other)? {
            return Ok(py.NotImplemented());
        }
        let are_equal = match other.cast::<Directory>() {
            Ok(other) => slf.get().has_rows_of(py, other.get())?,
            Err(_) => {
                let theirs = py.get_type::<PyDict>().call1((other.call_method0(pyo3::intern!(py, "items"))?,))?;
                slf.get().has_items_of(py, theirs.cast()?)?
            }
        };
        Ok((are_equal == matches!(op, CompareOp::Eq)).into_pyobject(py)?.to_owned().into_any().unbind())
    }

    fn __setitem__(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let _ = value;
        Err(self.read_only(key.py()))
    }

    fn __delitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(self.read_only(key.py()))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let py = slf.py();
        let this = slf.get();
        let class = slf.get_type().name()?.to_string_lossy().into_owned();
        let name = this.name.as_str();
        // A value may be the directory, or hold it.
        let Some(_within) = render::Within::of(slf)? else { return Ok(format!("<{class} {name:?}: {{...}}>")) };
        match this.shown(py, SHOWN) {
            Look::NotNow => Ok(format!("<{class} {name:?}>")),
            Look::Nothing | Look::At(Shown { kind: DirKind::Lazy, .. }) => Ok(format!("<{class} {name:?}, removed>")),
            Look::At(Shown { kind, count, rows }) => {
                let previous = if kind == DirKind::Previous { ", previous" } else { "" };
                if count == 0 {
                    return Ok(format!("<{class} {name:?}{previous}, empty>"));
                }
                let mut shown = Vec::new();
                for (key, values) in rows {
                    let key = render::short(&convert::key_to_python(py, &key)?)?;
                    let values = PyTuple::new(py, values.into_iter().map(|value| value.0))?;
                    let values = if values.len() == 1 { values.get_item(0)? } else { values.into_any() };
                    shown.push(format!("{key}: {}", render::short(&values)?));
                }
                if count > shown.len() {
                    shown.push("...".to_owned());
                }
                let keys = if count == 1 { "key" } else { "keys" };
                Ok(format!("<{class} {name:?}{previous}, {count} {keys}: {{{}}}>", shown.join(", ")))
            }
        }
    }

    /// The name, the kind and the first rows as an HTML table, for notebooks.
    ///
    /// >>> from livedirs import Store
    /// >>> prices = Store().mkdir("/prices/", {"tea": 3, "coffee": 4})
    /// >>> print(prices._repr_html_())  # doctest: +ELLIPSIS
    /// <table ...
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        html::directory(slf)
    }

    /// A directory of what fn(key, values) gives: pairs (key, value), a mapping, or None.
    ///
    /// `values` is a tuple. `within`: only keys in these ranges (lo, hi), both inclusive, `...` as hi: no bound.
    /// `shared`: in mappers, several keys may make it alike. A key that several pairs have gets all their values.
    /// DirExistsError where the name is taken, TypeError or ValueError where fn gives no pairs; what fn raises rolls
    /// back. One call of fn for each key that changed or read what did, and O(log n) for each pair that came out
    /// different.
    ///
    /// >>> from livedirs import Store
    /// >>> documents = Store().mkdir("/documents/", {1: "notes on looms", 2: "on engines"})
    /// >>> index = documents.map("/index/", lambda key, values: [(word, key) for word in values[0].split()])
    /// >>> index.get_all("on"), index["looms"]
    /// ((1, 2), 1)
    #[pyo3(signature = (name, r#fn, *, within=None, shared=false))]
    fn map<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        r#fn: &Bound<'py, PyAny>,
        within: Option<&Bound<'py, PyAny>>,
        shared: bool,
    ) -> PyResult<Bound<'py, Directory>> {
        let arrow = Arrow { task: Task::Map, function: Some(r#fn), within: self::within(within)? };
        Directory::derive(slf, name, arrow, None, shared)
    }

    /// A directory of the same keys, each value v as fn(v).
    ///
    /// Errors are those of `map`. One call of fn for each value of a key that changed, and O(log n).
    ///
    /// >>> from livedirs import Store
    /// >>> names = Store().mkdir("/users/", {1: "Ada"}).map_values("/names/", str.upper)
    /// >>> names[1]
    /// 'ADA'
    #[pyo3(signature = (name, r#fn, *, shared=false))]
    fn map_values<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        r#fn: &Bound<'py, PyAny>,
        shared: bool,
    ) -> PyResult<Bound<'py, Directory>> {
        let arrow = Arrow { task: Task::MapValues, function: Some(r#fn), within: None };
        Directory::derive(slf, name, arrow, None, shared)
    }

    /// A directory of the values for which fn(key, value) is true.
    ///
    /// Errors are those of `map`. One call of fn for each value of a key that changed, and O(log n).
    ///
    /// >>> from livedirs import Store
    /// >>> heights = Store().mkdir("/heights/", {"N101": 31_000, "N202": 900})
    /// >>> list(heights.filter("/high/", lambda tail, feet: feet > 10_000))
    /// ['N101']
    #[pyo3(signature = (name, r#fn, *, shared=false))]
    fn filter<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        r#fn: &Bound<'py, PyAny>,
        shared: bool,
    ) -> PyResult<Bound<'py, Directory>> {
        let arrow = Arrow { task: Task::Filter, function: Some(r#fn), within: None };
        Directory::derive(slf, name, arrow, None, shared)
    }

    /// A directory of the same keys, the values of each folded by a reducer: `Sum()`, `Count()`, one of your own.
    ///
    /// Errors are those of `map`; TypeError where it is no reducer. A built-in reducer of numbers costs O(log n) for
    /// each value that came or went.
    ///
    /// >>> from livedirs import Mean, Store
    /// >>> ratings = Store().mkdir("/ratings/", [("intro", 5), ("intro", 4)])
    /// >>> ratings.reduce("/mean/", Mean())["intro"]
    /// 4.5
    #[pyo3(signature = (name, reducer, *, shared=false))]
    fn reduce<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        reducer: &Bound<'py, PyAny>,
        shared: bool,
    ) -> PyResult<Bound<'py, Directory>> {
        let arrow = Arrow { task: Task::Pass, function: None, within: None };
        Directory::derive(slf, name, arrow, Some(required(reducer)?), shared)
    }

    /// A directory of what fn(key, values) gives, the values of each key folded by a reducer.
    ///
    /// Arguments and errors are those of `map` and `reduce`. One call of fn for each key that changed or read what
    /// did; a built-in reducer of numbers costs O(log n) for each value that came or went.
    ///
    /// >>> from livedirs import Store, Sum
    /// >>> requests = Store().mkdir("/requests/", {1: ("ada", 1200), 2: ("ada", 300)})
    /// >>> requests.map_reduce("/bytes/", lambda key, rows: [rows[0]], Sum())["ada"]
    /// 1500
    #[pyo3(signature = (name, r#fn, reducer, *, within=None, shared=false))]
    fn map_reduce<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        r#fn: &Bound<'py, PyAny>,
        reducer: &Bound<'py, PyAny>,
        within: Option<&Bound<'py, PyAny>>,
        shared: bool,
    ) -> PyResult<Bound<'py, Directory>> {
        let arrow = Arrow { task: Task::Map, function: Some(r#fn), within: self::within(within)? };
        Directory::derive(slf, name, arrow, Some(required(reducer)?), shared)
    }

    /// A directory of the values by the key that fn(key, value) gives, folded if there is a reducer.
    ///
    /// Errors are those of `map`; InvalidKeyError where fn gives no key. One call of fn for each value of a key that
    /// changed, and O(log n).
    ///
    /// >>> from livedirs import Count, Store
    /// >>> sessions = Store().mkdir("/sessions/", {"s1": "ada", "s2": "grace", "s3": "ada"})
    /// >>> dict(sessions.group_by("/number/", lambda session, user: user, Count()))
    /// {'ada': 2, 'grace': 1}
    #[pyo3(signature = (name, r#fn, reducer=None, *, shared=false))]
    fn group_by<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        r#fn: &Bound<'py, PyAny>,
        reducer: Option<&Bound<'py, PyAny>>,
        shared: bool,
    ) -> PyResult<Bound<'py, Directory>> {
        let arrow = Arrow { task: Task::GroupBy, function: Some(r#fn), within: None };
        Directory::derive(slf, name, arrow, reducer, shared)
    }

    /// A directory of the keys from lo to hi, both inclusive; `...` as hi: no bound.
    ///
    /// Errors are those of `map`; InvalidKeyError where a bound is no key. O(log n) for each key that changes in it,
    /// nothing for one outside.
    ///
    /// >>> from livedirs import Store
    /// >>> events = Store().mkdir("/events/", {9: "login", 11: "edit", 17: "logout"})
    /// >>> list(events.slice("/morning/", 0, 11))
    /// [9, 11]
    #[pyo3(signature = (name, lo, hi, *, shared=false))]
    fn slice<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        lo: &Bound<'py, PyAny>,
        hi: &Bound<'py, PyAny>,
        shared: bool,
    ) -> PyResult<Bound<'py, Directory>> {
        let within = Some(vec![(convert::key(lo)?, convert::upper(hi)?)]);
        Directory::derive(slf, name, Arrow { task: Task::Pass, function: None, within }, None, shared)
    }

    /// A directory of the keys in any of the ranges (lo, hi), both inclusive; `...` as hi: no bound.
    ///
    /// Errors are those of `slice`; TypeError or ValueError where a range is no pair. It costs what `slice` costs.
    ///
    /// >>> from livedirs import Store
    /// >>> events = Store().mkdir("/events/", {9: "login", 11: "edit", 17: "logout"})
    /// >>> list(events.slices("/ends/", (0, 9), (17, ...)))
    /// [9, 17]
    #[pyo3(signature = (name, *ranges, shared=false))]
    fn slices<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        ranges: &Bound<'py, PyTuple>,
        shared: bool,
    ) -> PyResult<Bound<'py, Directory>> {
        let within = Some(convert::ranges(ranges.as_any())?);
        Directory::derive(slf, name, Arrow { task: Task::Pass, function: None, within }, None, shared)
    }

    /// A directory that mirrors this one as it was before the last commit.
    ///
    /// Asked for the first time outside of a transaction it shows the present content, inside of one the content
    /// before it. It bears the name of this one, and goes with it. DirNotFoundError. O(log n), and then each commit
    /// costs what it changed here once more.
    ///
    /// >>> from livedirs import Store
    /// >>> heights = Store().mkdir("/heights/", {"N101": 900})
    /// >>> before = heights.previous()
    /// >>> heights["N101"] = 1200
    /// >>> heights["N101"] - before["N101"]
    /// 300
    fn previous<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Directory>> {
        let py = slf.py();
        let this = slf.get();
        let store = this.store.bind(py);
        let name = this.name.shown();
        if let Some(snapshot) = &this.snapshot {
            let found = snapshot.get().read(py, &name, NameId::of(0), |_| ())?;
            found.ok_or_else(|| this.shared().not_found(py, &name))?;
            let handle = Directory::handle(store, Some(snapshot.clone_ref(py)), name.previous(), NameId::of(0));
            return Bound::new(py, handle);
        }
        let shared = this.shared();
        let mut guard = shared.lock(py);
        let id = match Shared::scope(py, &guard)? {
            Scope::Published if guard.store.is_open() => {
                let version = guard.store.published();
                if version.find(&name).is_none() {
                    drop((guard, version));
                    return Err(shared.not_found(py, &name));
                }
                guard.store.previous_later(name.clone());
                drop((guard, version));
                NameId::of(0)
            }
            _ => {
                let (id, guard) = shared.run_locked(py, guard, |store| store.previous(&name))?;
                drop(guard);
                id
            }
        };
        Directory::of(store, name.previous(), id)
    }

    /// The keys that changed at tick `since` or later: exact, or with reset=True all there are.
    ///
    /// A reset comes where tombstones stamped since then are purged already, and where the directory was made since then.
    /// ValueError where `since` is later than the present tick; DirNotFoundError; TransactionError in a mapper.
    /// O((c + 1) log n) for c changes.
    ///
    /// >>> from livedirs import Store
    /// >>> store = Store()
    /// >>> users = store.mkdir("/users/", {1: "Ada"})
    /// >>> tick = store.tick
    /// >>> users[2] = "Grace"
    /// >>> dict(users.changes(tick).entries)
    /// {2: ('Grace',)}
    fn changes<'py>(&self, since: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = since.py();
        let since = crate::cursor::since(since)?;
        let version = match &self.snapshot {
            None => self.store.get().published_since(py, since)?.0,
            Some(snapshot) => {
                let version = snapshot.get().version(py)?;
                if since > version.tick() {
                    let refusal = livedirs_core::Refusal::Later { since, now: version.tick() };
                    return Err(errors::refused(py, &refusal, |_| None));
                }
                version
            }
        };
        let id = version.find_at(&self.name, self.hint());
        let kind = id.and_then(|id| version.directory(id)).map(|view| view.kind());
        // While a previous directory is yet to be made its directory stands in for it; once it is gone nothing does.
        let stands_in = self.snapshot.is_none() && self.name.is_previous() && kind != Some(DirKind::Previous);
        let is_there = !stands_in || self.peek(py, || Tag::Existence, |_| ())?.is_some();
        let followed = id.filter(|_| is_there && kind != Some(DirKind::Lazy));
        let found = followed.and_then(|id| version.key_changes(id, if stands_in { 0 } else { since }));
        let changes = found.ok_or_else(|| self.shared().not_found(py, &self.name))?;
        crate::changes::keys_to_python(py, changes)
    }

    /// A reader of its keys, from tick `since` on; None: first it is told all there are.
    ///
    /// Close it, or use it in a `with` block. ValueError where `since` is later than the present tick; DirNotFoundError;
    /// ReadOnlyError of a snapshot's directory; TransactionError in a mapper. O(log n).
    ///
    /// >>> from livedirs import Store
    /// >>> users = Store().mkdir("/users/", {1: "Ada"})
    /// >>> with users.cursor() as cursor:
    /// ...     first = cursor.poll()
    /// ...     del users[1]
    /// ...     print(dict(cursor.poll().entries))
    /// {1: ()}
    #[pyo3(signature = (*, since=None))]
    fn cursor<'py>(slf: &Bound<'py, Self>, since: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let this = slf.get().not_of_snapshot(slf.py())?;
        crate::cursor::make(this.store.bind(slf.py()), Some(&this.name), since)
    }

    /// Has fn(changes) called after each commit that concerns it, until the subscription is closed.
    ///
    /// It is called on the thread that commits, or on one that still runs callbacks of an earlier commit, in the order of
    /// registration. An exception is logged by the logger "livedirs". TypeError where fn is not callable;
    /// DirNotFoundError; ReadOnlyError of a snapshot's directory; TransactionError in a mapper. O(log n).
    ///
    /// >>> from livedirs import Store
    /// >>> users = Store().mkdir("/users/")
    /// >>> with users.subscribe(lambda changes: print(dict(changes.entries))):
    /// ...     users[1] = "Ada"
    /// {1: ('Ada',)}
    fn subscribe<'py>(
        slf: &Bound<'py, Self>,
        r#fn: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, crate::cursor::Subscription>> {
        callable("fn", r#fn)?;
        let this = slf.get().not_of_snapshot(slf.py())?;
        crate::cursor::Subscription::open(this.store.bind(slf.py()), &this.name, r#fn)
    }

    /// A directory of the first n keys, with all their values.
    ///
    /// Errors are those of `map`; TypeError where n is no int, ValueError where it is negative. O(log n) for a
    /// change.
    ///
    /// >>> from livedirs import Store
    /// >>> ranked = Store().mkdir("/ranked/", {(-75, "notes"): 75, (-40, "intro"): 40, (-12, "looms"): 12})
    /// >>> [name for _, name in ranked.take("/best/", 2)]
    /// ['notes', 'intro']
    #[pyo3(signature = (name, n, *, shared=false))]
    fn take<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        n: &Bound<'py, PyAny>,
        shared: bool,
    ) -> PyResult<Bound<'py, Directory>> {
        let limit = usize::try_from(crate::store::whole("n", n, 0)?).unwrap_or(usize::MAX);
        Directory::derive(slf, name, Arrow { task: Task::Take(limit), function: None, within: None }, None, shared)
    }

    /// A directory of the values of this one and of others, which are of the same store.
    ///
    /// A key that several have gets the values of all, in the order of the directories' names. Errors are those of
    /// `map`; ValueError for a directory of another store. O(log n) for each key that changes.
    ///
    /// >>> from livedirs import Store
    /// >>> store = Store()
    /// >>> east, west = store.mkdir("/east/", {"ada": 1}), store.mkdir("/west/", {"ada": 2, "grace": 3})
    /// >>> list(west.merge("/all/", east).entries())
    /// [('ada', (1, 2)), ('grace', (3,))]
    #[pyo3(signature = (name, *others, shared=false))]
    fn merge<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        others: &Bound<'py, PyTuple>,
        shared: bool,
    ) -> PyResult<Bound<'py, Directory>> {
        let py = slf.py();
        let name = convert::name(name)?;
        let store = slf.get().store.bind(py);
        let mut arrows = Vec::with_capacity(others.len() + 1);
        for directory in std::iter::once(slf.as_any().clone()).chain(others.iter()) {
            let parent = Store::parent_name(store, &directory)?;
            arrows.push(ArrowSpec { parent, task: Task::Pass, function: None, within: None });
        }
        Store::derive(store, name, arrows, None, shared)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.store)?;
        visit.call(&self.snapshot)
    }
}

fn required<'a, 'py>(reducer: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PyAny>> {
    if reducer.is_none() {
        Err(errors::new::<PyTypeError>(reducer.py(), "reducer is None: pass Sum() or such"))
    } else {
        Ok(reducer)
    }
}

/// What there is to look at where a directory should be.
pub enum Look {
    /// It can't be read now.
    NotNow,
    /// There is no directory.
    Nothing,
    At(Shown),
}

/// The beginning of a directory, for people to look at.
pub struct Shown {
    pub kind: DirKind,
    /// Keys; of a lazy directory those that are kept.
    pub count: usize,
    /// The first rows.
    pub rows: Vec<(Key, ValueVec<Object>)>,
}

impl Directory {
    fn not_of_snapshot(&self, py: Python<'_>) -> PyResult<&Self> {
        match &self.snapshot {
            None => Ok(self),
            Some(_) => Err(errors::read_only(py, "a snapshot stays as it is: follow the store's directory")),
        }
    }

    fn read_only(&self, py: Python<'_>) -> PyErr {
        let name = self.name.as_str();
        let message = if self.name.is_previous() {
            format!("what {name:?} held before can't be written; write to the directory itself")
        } else {
            format!(
                "directory {name:?} is derived: it can't be written; write to the input directories it is mapped from"
            )
        };
        errors::read_only(py, message)
    }

    /// What people see of it, with so many rows at the most; untracked.
    pub fn shown(&self, py: Python<'_>, most: usize) -> Look {
        let first_rows = |view: View<'_, PyHost>| {
            let kind = view.kind();
            let count = if kind == DirKind::Lazy { view.kept() } else { view.len() };
            (kind, count, view.walk(false))
        };
        // What stands in for a previous directory is shown while that may yet be made.
        let is_gone = || self.peek(py, || Tag::Existence, |_| ()).is_ok_and(|there| there.is_none());
        let found = match &self.snapshot {
            Some(snapshot) => match snapshot.get().read(py, &self.name, self.hint(), first_rows) {
                Ok(found) => found,
                Err(_) => return Look::NotNow,
            },
            None => {
                let shared = self.shared();
                let mut guard = shared.lock(py);
                let Ok(scope) = Shared::scope(py, &guard) else { return Look::NotNow };
                if matches!(scope, Scope::Working) && guard.store.in_mapper() {
                    return Look::NotNow;
                }
                if self.name.is_previous() {
                    drop(guard);
                    if is_gone() {
                        return Look::Nothing;
                    }
                    guard = shared.lock(py);
                }
                if matches!(scope, Scope::Published) {
                    let version = guard.store.published();
                    drop(guard);
                    version.find_at(&self.name, self.hint()).and_then(|id| version.directory(id)).map(first_rows)
                } else {
                    guard.store.directory_at(&self.name, self.hint()).map(|(_, view)| first_rows(view))
                }
            }
        };
        match found {
            Some((kind, count, rows)) => Look::At(Shown { kind, count, rows: rows.take(most).collect() }),
            None => Look::Nothing,
        }
    }
}
