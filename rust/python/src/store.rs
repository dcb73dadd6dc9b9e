//! `Store`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use livedirs_core::{Fold, Goal, Hooks, Key, Name, NameId, Op, Options, Parent, Range, Spec};
use pyo3::exceptions::{PyAssertionError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::changes;
use crate::convert::{self, Given};
use crate::cursor;
use crate::directory::Directory;
use crate::errors;
use crate::family::{self, Meant};
use crate::fork::{Fork, Link};
use crate::host::{Code, Object, PyHost, Task};
use crate::html;
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
    /// Its own; what a caller means by it says [`Store::shared`].
    pub own: Arc<Shared>,
    pub capacity: Option<u64>,
    /// Of a fork.
    pub link: Option<Link>,
}

impl Drop for Store {
    fn drop(&mut self) {
        crate::chain::let_go(Box::new((Arc::clone(&self.own), self.link.take())));
    }
}

/// An int that is no bool, at least `least`.
pub fn whole(what: &str, given: &Bound<'_, PyAny>, least: u64) -> PyResult<u64> {
    if !given.is_instance_of::<PyInt>() || given.is_instance_of::<PyBool>() {
        let kind = given.get_type().name()?.to_string_lossy().into_owned();
        return Err(errors::new::<PyTypeError>(given.py(), format!("{what} is an int, not {kind}")));
    }
    match convert::number(given) {
        Some(livedirs_core::number::Number::Int(value)) => match u64::try_from(value) {
            Ok(value) if value >= least => Ok(value),
            _ => Err(errors::new::<PyValueError>(given.py(), format!("{what} is at least {least}, not {value}"))),
        },
        Some(livedirs_core::number::Number::Big(value)) if value >= least.into() => Ok(u64::MAX),
        _ => Err(errors::new::<PyValueError>(given.py(), format!("{what} is at least {least}"))),
    }
}

pub fn callable(what: &str, given: &Bound<'_, PyAny>) -> PyResult<()> {
    if given.is_callable() {
        return Ok(());
    }
    let kind = given.get_type().name()?.to_string_lossy().into_owned();
    Err(errors::new::<PyTypeError>(given.py(), format!("{what} is not callable: it is of type {kind}")))
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
            capacity,
            #[cfg(feature = "mutants")]
            mutant: mutant(py)?,
        };
        Ok(Store { own: Shared::new(options), capacity, link: None })
    }

    /// Opens an update transaction: `with store.update() as tx:`.
    ///
    /// Leaving the block brings derived directories up to date and commits; an exception that leaves it undoes all of
    /// it. A block in a block is a savepoint. Another thread's transaction is waited for, `timeout` seconds at the
    /// most (None: no bound), then TimeoutError. TransactionError in a mapper, or while another task of this thread
    /// has a block open. O(1).
    ///
    /// >>> from livedirs import Store
    /// >>> store = Store()
    /// >>> stock = store.mkdir("/stock/", {"tea": 3})
    /// >>> with store.update() as tx:
    /// ...     stock["tea"] = 2
    /// ...     stock["milk"] = 1
    /// >>> tx.result.changed == {"/stock/"}
    /// True
    #[pyo3(signature = (*, timeout=None))]
    fn update(slf: Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Transaction> {
        let timeout = transaction::timeout(timeout)?;
        Ok(Transaction::new(slf.unbind(), timeout))
    }

    /// Calls fn() once, after the outermost transaction that is open now commits; outside of one, at once.
    ///
    /// It is never called after a rollback. Functions run in order of registration, on the thread that committed. An
    /// exception is logged by the logger "livedirs". TypeError where fn is not callable. O(1).
    ///
    /// >>> from livedirs import Store
    /// >>> store = Store()
    /// >>> with store.update():
    /// ...     store.on_commit(lambda: print("committed"))
    /// ...     print("in the block")
    /// in the block
    /// committed
    fn on_commit(&self, py: Python<'_>, r#fn: &Bound<'_, PyAny>) -> PyResult<()> {
        let shared = self.shared();
        callable("fn", r#fn)?;
        {
            let mut guard = shared.lock(py);
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

    /// Makes an input directory, which is a mutable mapping.
    ///
    /// `content` is a mapping, another directory, or pairs, which may repeat a key: its values, in order.
    /// `on_create(store)` and `on_delete(store)` run in the transactions that make and remove it. DirExistsError
    /// where the name is taken; with `exist_ok` the input directory that is there, as it is. InvalidNameError,
    /// InvalidKeyError. O(n log n) for n keys.
    ///
    /// >>> from livedirs import Store
    /// >>> tags = Store().mkdir("/tags/", [("intro", "draft"), ("intro", "maths")])
    /// >>> tags["notes"] = "final"
    /// >>> list(tags.entries())
    /// [('intro', ('draft', 'maths')), ('notes', ('final',))]
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
        let id = this.shared().write(py, |store| {
            // Another thread may have made it while this one waited for its turn.
            if exist_ok
                && !store.in_mapper()
                && let Some(id) = store.look_up(&name)
                && store.directory(id).is_some_and(|view| view.kind() == livedirs_core::DirKind::Input)
            {
                return Ok(id);
            }
            store.make(&name, &spec)
        })?;
        InputDirectory::of(slf, name, id)
    }

    /// Makes a directory that is mapped from several: `parents` has (directory, fn) or (directory, fn, within) for
    /// each.
    ///
    /// fn(key, values) and within are those of `Directory.map`; with a reducer, all that they give is folded by key.
    /// The values of a key are in the order of the parents' names, then keys. Errors are those of `Directory.map`;
    /// ValueError for a directory of another store. A change costs what it costs in `Directory.map`.
    ///
    /// >>> from livedirs import Store, Sum
    /// >>> store = Store()
    /// >>> bought, sold = store.mkdir("/bought/", {"tea": 5}), store.mkdir("/sold/", {"tea": 2})
    /// >>> parents = [(bought, lambda key, n: [(key, n[0])]), (sold, lambda key, n: [(key, -n[0])])]
    /// >>> stock = store.multi_map("/stock/", parents, Sum())
    /// >>> stock["tea"]
    /// 3
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
        let message = "each parent is (directory, fn) or (directory, fn, within)";
        let all = || format!("parents are an iterable, of which {message}, not {}", convert::kind(parents));
        for item in convert::iterate(parents, all)? {
            if item.as_ref().is_ok_and(PyAnyMethods::is_instance_of::<Directory>) {
                return Err(errors::new::<PyTypeError>(slf.py(), format!("{message}: a directory alone has no fn")));
            }
            let item = convert::iterate(&item?, || message.to_owned())?.collect::<PyResult<Vec<_>>>()?;
            let (directory, function, within) = match item.as_slice() {
                [directory, function] => (directory, function, None),
                [directory, function, within] => (directory, function, Some(convert::ranges(within)?)),
                _ => return Err(errors::new::<PyValueError>(slf.py(), message)),
            };
            callable("fn", function)?;
            let parent = Self::parent_name(slf, directory)?;
            arrows.push(ArrowSpec { parent, task: Task::Map, function: Some(function.clone()), within });
        }
        Self::derive(slf, name, arrows, reducer, shared)
    }

    /// Makes a directory whose keys fn(self, key) computes when they are read; KeyError raised by it: no such key.
    ///
    /// `self` is the directory, so fn may read other keys of it; CycleError where a key needs itself. A key is kept
    /// until something that fn read changes, or it went unread for more than lazy_capacity transactions (never for
    /// that where `keep`). `many`: fn gives an iterable of values. DirExistsError where the name is taken. The first
    /// read costs a call of fn, a later one O(log n).
    ///
    /// >>> from livedirs import Store
    /// >>> fib = Store().lazy("/fib/", lambda self, n: n if n < 2 else self[n - 1] + self[n - 2])
    /// >>> fib[90]
    /// 2880067194370816120
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

    /// Removes a directory, and with it what mappers of its own made.
    ///
    /// DirNotFoundError where it is not there, unless `missing_ok`. DirInUseError where live directories derive from
    /// it, unless `recursive`, which removes them too; or where a mapper made it. O(log n) for each key that it held.
    ///
    /// >>> from livedirs import Store
    /// >>> store = Store()
    /// >>> totals = store.mkdir("/orders/", {1: 30}).map_values("/totals/", lambda amount: amount * 2)
    /// >>> store.remove_dir("/orders/", recursive=True)
    /// >>> list(store)
    /// []
    #[pyo3(signature = (name, *, recursive=false, missing_ok=false))]
    fn remove_dir(&self, py: Python<'_>, name: &Bound<'_, PyAny>, recursive: bool, missing_ok: bool) -> PyResult<()> {
        let shared = self.shared();
        let name = convert::name(name)?;
        shared.write(py, |store| store.remove_dir(&name, recursive, missing_ok)).map(drop)
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let shared = slf.get().shared();
        let name = convert::name(name)?;
        let found = Self::find(slf, &name)?;
        found.ok_or_else(|| shared.not_found(slf.py(), &name))
    }

    /// The directory of a name, or the default where there is none. InvalidNameError. O(log n).
    ///
    /// >>> from livedirs import Store
    /// >>> Store().get("/users/") is None
    /// True
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
        let shared = self.shared();
        let mut guard = shared.lock(py);
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

    /// The store's clock: 1 at first, and one more after every commit. TransactionError in a mapper.
    #[getter]
    fn tick(&self, py: Python<'_>) -> PyResult<u64> {
        let shared = self.shared();
        let mut guard = shared.lock(py);
        let scope = Shared::scope(py, &guard)?;
        Shared::check_not_at_work(py, &guard, "ask for the tick")?;
        match scope {
            Scope::Published if guard.store.is_open() => Ok(guard.store.published().tick()),
            Scope::Working | Scope::Published => Ok(guard.store.tick()),
        }
    }

    /// The directories that changed at tick `since` or later, and those that went: exact, or with reset=True all there are.
    ///
    /// A reset comes where tombstones stamped since then are purged already. ValueError where `since` is later than the
    /// present tick; TransactionError in a mapper. O((c + 1) log n) for c changes.
    ///
    /// >>> from livedirs import Store
    /// >>> store = Store()
    /// >>> tick = store.tick
    /// >>> users = store.mkdir("/users/")
    /// >>> store.changes(tick)
    /// DirChanges(tick=2, reset=False, changed={"/users/"}, removed={})
    fn changes<'py>(&self, since: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = since.py();
        let version = self.published_since(py, cursor::since(since)?)?;
        changes::dirs_to_python(py, &version.0.changes(version.1))
    }

    /// A reader of the directories that come, change and go, from tick `since` on; None: first it is told all there are.
    ///
    /// Close it, or use it in a `with` block. ValueError where `since` is later than the present tick; TransactionError in
    /// a mapper. O(log n).
    ///
    /// >>> from livedirs import Store
    /// >>> store = Store()
    /// >>> with store.cursor() as cursor:
    /// ...     first = cursor.poll()
    /// ...     users = store.mkdir("/users/")
    /// ...     print(cursor.poll())
    /// DirChanges(tick=2, reset=False, changed={"/users/"}, removed={})
    #[pyo3(signature = (*, since=None))]
    fn cursor<'py>(slf: &Bound<'py, Self>, since: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        cursor::make(slf, None, since)
    }

    /// The last commit's version, for reading; it stays as it is. TransactionError in a mapper. O(1).
    ///
    /// >>> from livedirs import Store
    /// >>> store = Store()
    /// >>> users = store.mkdir("/users/", {1: "Ada"})
    /// >>> with store.snapshot() as snap:
    /// ...     users[1] = "Grace"
    /// ...     print(snap["/users/"][1], users[1])
    /// Ada Grace
    fn snapshot(slf: &Bound<'_, Self>) -> PyResult<Snapshot> {
        let shared = slf.get().shared();
        let py = slf.py();
        let mut guard = shared.lock(py);
        Shared::scope(py, &guard)?;
        Shared::check_not_at_work(py, &guard, "ask for a snapshot")?;
        let version = guard.store.published();
        drop(guard);
        Ok(Snapshot::new(slf.clone().unbind(), version))
    }

    /// An independent store over the last commit's version. TransactionError in a mapper. O(1).
    ///
    /// >>> from livedirs import Store
    /// >>> store = Store()
    /// >>> users = store.mkdir("/users/", {1: "Ada"})
    /// >>> with store.fork() as fork:
    /// ...     fork["/users/"][2] = "Grace"
    /// ...     print(len(fork["/users/"]), len(users))
    /// 2 1
    fn fork<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Fork>> {
        Fork::of(slf)
    }

    /// Removes every tombstone that no reader needs, as a commit does by itself; the number of directories' purged.
    ///
    /// O(log n) for each that goes. TransactionError in a mapper.
    ///
    /// >>> from livedirs import Store
    /// >>> Store().purge_deleted_dirs()
    /// 0
    fn purge_deleted_dirs(&self, py: Python<'_>) -> PyResult<usize> {
        let shared = self.shared();
        let mut guard = shared.lock(py);
        Shared::scope(py, &guard)?;
        Shared::check_not_at_work(py, &guard, "purge")?;
        shared.bury(&mut guard);
        Ok(guard.store.purge_deleted_dirs())
    }

    /// What the store holds, in exact counts. TransactionError in a mapper. O(directories).
    ///
    /// >>> from livedirs import Store
    /// >>> store = Store()
    /// >>> users = store.mkdir("/users/", {1: "Ada", 2: "Grace"})
    /// >>> store.stats().dirs, store.stats().keys
    /// (1, 2)
    fn stats(&self, py: Python<'_>) -> PyResult<Stats> {
        let shared = self.shared();
        let mut guard = shared.lock(py);
        shared.bury(&mut guard);
        let scope = Shared::scope(py, &guard)?;
        Shared::check_not_at_work(py, &guard, "ask for stats")?;
        let snapshots = shared.snapshots.load(Ordering::Relaxed);
        let readers = [guard.store.cursors(), snapshots, shared.forks.load(Ordering::Relaxed)];
        let (horizon, of_readers) = (guard.store.horizon(), guard.store.reader_bytes());
        let (mut stats, queued) = match scope {
            Scope::Working => (guard.store.stats(), guard.store.queued()),
            Scope::Published => {
                let version = guard.store.published();
                drop(guard);
                // The bytes take a look at everything: with no lock held.
                (version.stats(), 0)
            }
        };
        stats.bytes += of_readers;
        Ok(Stats::new(stats, queued, horizon.min(stats.tick), readers, self.capacity))
    }

    /// For `livedirs.testing`: names that are interned, with the number of keys of each, and what is followed (None: the
    /// store), with the number of its readers.
    fn _held<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>)> {
        let shared = self.shared();
        let mut guard = shared.lock(py);
        shared.bury(&mut guard);
        Shared::check_not_at_work(py, &guard, "ask what it holds")?;
        let (version, followed) = (guard.store.published(), guard.store.followed());
        drop(guard);
        let (names, readers) = (PyDict::new(py), PyDict::new(py));
        for (name, keys) in version.held() {
            names.set_item(name.as_str(), keys)?;
        }
        for (name, count) in followed {
            readers.set_item(name.as_ref().map(Name::as_str), count)?;
        }
        Ok((names, readers))
    }

    /// For tests: AssertionError, with what is broken, unless all holds that must hold of a store at this moment.
    ///
    /// O(n log n) for all that the store holds. In an open transaction only that is checked which holds at any time.
    fn _check_invariants(&self, py: Python<'_>) -> PyResult<()> {
        let shared = self.shared();
        let guard = shared.lock(py);
        Shared::scope(py, &guard)?;
        Shared::check_not_at_work(py, &guard, "check the store")?;
        let checked = guard.store.check_invariants();
        drop(guard);
        checked.map_err(PyAssertionError::new_err)
    }

    /// The directories as a text, a line for each: kind, number of keys, parents, and whose mapper made it.
    ///
    /// TransactionError in a mapper. O(n log n) for n directories.
    ///
    /// >>> from livedirs import Store
    /// >>> store = Store()
    /// >>> names = store.mkdir("/users/", {1: "Ada"}).map_values("/names/", str.upper)
    /// >>> print(store.tree())
    /// /names/  derived, 1 key, from /users/
    /// /users/  input, 1 key
    fn tree(&self, py: Python<'_>) -> PyResult<String> {
        Ok(crate::render::tree(&self.described(py)?))
    }

    /// The dependency graph as a Mermaid flowchart; arrows to what mappers made are dotted.
    ///
    /// TransactionError in a mapper. O(n log n) for n directories.
    ///
    /// >>> from livedirs import Store
    /// >>> store = Store()
    /// >>> names = store.mkdir("/users/", {1: "Ada"}).map_values("/names/", str.upper)
    /// >>> print(store.to_mermaid())
    /// flowchart LR
    ///     d0["/names/"]
    ///     d1[("/users/")]
    ///     d1 --> d0
    fn to_mermaid(&self, py: Python<'_>) -> PyResult<String> {
        Ok(crate::render::mermaid(&self.described(py)?))
    }

    /// Frees what the store holds. Later use is ClosedError; closing again does nothing.
    ///
    /// Another thread's transaction ends first; TransactionError in the caller's own. `with Store() as store:` closes
    /// it too.
    ///
    /// >>> from livedirs import Store
    /// >>> with Store() as store:
    /// ...     users = store.mkdir("/users/")
    /// >>> store.close()
    pub fn close(&self, py: Python<'_>) -> PyResult<()> {
        let guard = self.own.lock(py);
        if guard.closed {
            return Ok(());
        }
        Shared::check_not_at_work(py, &guard, "close the store")?;
        if Shared::is_mine(&guard) {
            return Err(errors::transaction(py, "a transaction is open: leave its block before closing the store"));
        }
        // Another thread's transaction ends first.
        let mut guard = self.own.take_turn_for_call(py, guard)?;
        let left = guard.store.end();
        guard.closed = true;
        let options = Options::default();
        let store = std::mem::replace(&mut guard.store, livedirs_core::Store::new(options));
        let after = self.own.give_turn(&mut guard, false).and(guard.wake_all());
        drop(guard);
        drop((left, store));
        if let Some(link) = &self.link {
            link.forget();
        }
        after.run(py, &self.own)
    }

    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        let shared = slf.get().shared();
        let guard = shared.lock(slf.py());
        let (closed, end) = (guard.closed, guard.end);
        drop(guard);
        if closed { Err(errors::closed(slf.py(), end)) } else { Ok(slf) }
    }

    #[pyo3(signature = (*exc))]
    fn __exit__(&self, py: Python<'_>, exc: &Bound<'_, PyTuple>) -> PyResult<()> {
        let _ = exc;
        self.close(py)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        match self.shown_tick(py) {
            None => "<Store, closed>".to_owned(),
            Some((dirs, tick)) => {
                format!("<Store of {dirs} director{} at tick {tick}>", if dirs == 1 { "y" } else { "ies" })
            }
        }
    }

    /// Its directories as an HTML table, for notebooks: kind, keys, parents, and whose mapper made them.
    ///
    /// >>> from livedirs import Store
    /// >>> store = Store()
    /// >>> prices = store.mkdir("/prices/", {"tea": 3})
    /// >>> print(store._repr_html_())  # doctest: +ELLIPSIS
    /// <table ...
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        html::store(slf)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(link) = &self.link {
            visit.call(&link.parent)?;
        }
        let Some(guard) = self.own.lock_for_collector() else { return Ok(()) };
        crate::gc::visit(&guard, &visit)
    }

    fn __clear__(&self) {
        let Some(mut guard) = self.own.lock_for_collector() else { return };
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
fn mutant(py: Python<'_>) -> PyResult<Option<livedirs_core::Mutant>> {
    let Ok(name) = std::env::var("LIVEDIRS_MUTANT") else { return Ok(None) };
    let found = livedirs_core::Mutant::ALL.into_iter().find(|mutant| format!("{mutant:?}") == name);
    found.map(Some).ok_or_else(|| errors::new::<PyValueError>(py, format!("there is no mutant {name:?}")))
}

/// One parent of a derived directory, as a method asks for it.
pub struct ArrowSpec<'py> {
    pub parent: Name,
    pub task: Task,
    pub function: Option<Bound<'py, PyAny>>,
    pub within: Option<Vec<Range>>,
}

impl Store {
    /// What the caller means by it: itself, or inside of a mapper the store of its family that the mapper is run for.
    pub fn shared(&self) -> Meant<'_> {
        family::meant(&self.own)
    }

    /// Whether the caller means the same store by both.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared(), &other.shared())
    }

    /// How many directories there are, and the tick, as the caller sees it; `None` where it is closed.
    pub fn shown_tick(&self, py: Python<'_>) -> Option<(usize, u64)> {
        let mut guard = self.own.lock(py);
        if guard.closed {
            return None;
        }
        Some(if guard.store.is_open() && !Shared::is_mine(&guard) {
            let version = guard.store.published();
            (version.len(), version.tick())
        } else {
            (guard.store.len(), guard.store.tick())
        })
    }

    /// The kind of the directory of a name; inside of a mapper a tracked read.
    pub fn kind_of(&self, py: Python<'_>, name: &Name) -> PyResult<Option<(livedirs_core::DirKind, NameId)>> {
        let shared = self.shared();
        let mut guard = shared.lock(py);
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
        let shared = self.shared();
        let guard = shared.lock(py);
        Shared::scope(py, &guard)?;
        Shared::check_not_at_work(py, &guard, "ask for changes")?;
        let ask = |store: &mut livedirs_core::Store<PyHost>| {
            store.check_since(since)?;
            Ok(store.published())
        };
        let (version, guard) = shared.run_locked(py, guard, ask)?;
        drop(guard);
        Ok((version, since))
    }

    fn has_input(&self, py: Python<'_>, name: &Name) -> PyResult<bool> {
        let shared = self.shared();
        {
            let guard = shared.lock(py);
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
        let shared = self.shared();
        let mut guard = shared.lock(py);
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
        let shared = self.shared();
        let mut guard = shared.lock(py);
        let scope = Shared::scope(py, &guard)?;
        Shared::check_not_at_work(py, &guard, "ask for the tree")?;
        match scope {
            Scope::Working => Ok(guard.store.describe()),
            Scope::Published => Ok(guard.store.published().describe()),
        }
    }

    /// The number of directories, and the first of them; `None` where they can't be read now.
    pub fn shown(&self, py: Python<'_>, most: usize) -> Option<(usize, Vec<livedirs_core::Described>)> {
        let shared = self.shared();
        let mut guard = shared.lock(py);
        let scope = Shared::scope(py, &guard).ok()?;
        match scope {
            Scope::Working if guard.store.in_mapper() => None,
            Scope::Working => Some((guard.store.len(), guard.store.describe_first(most))),
            Scope::Published => {
                let version = guard.store.published();
                drop(guard);
                Some((version.len(), version.describe_first(most)))
            }
        }
    }

    fn make(&self, py: Python<'_>, name: &Name, spec: &Spec<PyHost>) -> PyResult<NameId> {
        let shared = self.shared();
        let in_mapper = {
            let guard = shared.lock(py);
            matches!(Shared::scope(py, &guard)?, Scope::Working) && guard.store.in_mapper()
        };
        if in_mapper || matches!(spec, Spec::Input { .. } | Spec::Lazy { .. }) {
            return shared.write(py, |store| store.make(name, spec));
        }
        // Made outside of a mapper, a derived directory is computed at once.
        shared.write_steps(py, || {
            let (id, guard) = shared.run_locked(py, shared.lock(py), |store| store.make(name, spec))?;
            drop(shared.drive(py, guard, Goal::Only(id))?);
            Ok(id)
        })
    }

    /// The name of a directory of this store that something is to be derived from.
    pub fn parent_name(slf: &Bound<'_, Self>, directory: &Bound<'_, PyAny>) -> PyResult<Name> {
        let Ok(directory) = directory.cast::<Directory>() else {
            let kind = directory.get_type().name()?.to_string_lossy().into_owned();
            return Err(errors::new::<PyTypeError>(slf.py(), format!("a parent is a directory, not {kind}")));
        };
        let directory = directory.get();
        if !directory.store.get().is_same(slf.get()) {
            return Err(errors::new::<PyValueError>(
                slf.py(),
                format!("directory {:?} is of another store", directory.name.as_str()),
            ));
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
    let pairs = if convert::is_mapping(content)? {
        content.call_method0(pyo3::intern!(content.py(), "items"))?
    } else {
        content.clone()
    };
    let kind = || content.get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string());
    let message = || format!("content is a mapping or an iterable of pairs (key, value), not {}", kind());
    for pair in convert::iterate(&pairs, message)? {
        let (key, value) = convert::two(&pair?, "each item of content is a pair (key, value)")?;
        order.entry(convert::key(&key)?).or_default().push(Object(value.unbind()));
    }
    Ok(order.into_iter().collect())
}

/// The fold of a reducer, for one that is built in with its `of`.
pub type FoldOf = (Fold<Code>, Option<Py<PyAny>>);
