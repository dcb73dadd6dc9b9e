//! `Cursor` and `Subscription`: readers that the store knows.
//!
//! What a poll tells is handed over in two steps (`livedirs_core::Store::poll`, `advance`): the objects are made with no
//! lock held, and only then the cursor moves on; so nothing is lost where making them fails, and of two threads that
//! poll one cursor each change goes to one.
//!
//! Iteration, `async for` and the warning of a cursor that was dropped are written in Python (`livedirs/_cursor.py`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use livedirs_core::{Name, Polled, ReaderId};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit};

use crate::changes;
use crate::convert;
use crate::errors;
use crate::family::Meant;
use crate::following::{Signal, Waiter};
use crate::guard::Guard;
use crate::owner::patience;
use crate::shared::{Scope, Shared};
use crate::store::Store;
use crate::transaction;

/// A registered reader: what `livedirs.Cursor` is in Rust.
#[pyclass(frozen, subclass, weakref, generic, module = "livedirs._native", name = "Cursor")]
pub struct Cursor {
    store: Py<Store>,
    id: ReaderId,
    /// Of the store where None.
    name: Option<Name>,
    closed: AtomicBool,
}

/// The class that `Store.cursor` makes, with what is written in Python.
pub fn make<'py>(
    store: &Bound<'py, Store>,
    name: Option<&Name>,
    since: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = store.py();
    let class = CLASS.import(py, "livedirs._cursor", "Cursor")?;
    // A name is handed over as it stands, that of a previous directory too.
    let name = name.map(|name| Handed(name.clone())).map(|name| Bound::new(py, name)).transpose()?;
    class.call1((store, name, since))
}

/// A name on its way to `Cursor.__new__`.
#[pyclass(frozen, module = "livedirs._native", name = "_Name")]
struct Handed(Name);

/// A tick to read from: an int that is no bool.
pub fn since(given: &Bound<'_, PyAny>) -> PyResult<u64> {
    let not_an_int = || {
        let kind = given.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string_lossy().into_owned());
        errors::new::<pyo3::exceptions::PyTypeError>(given.py(), format!("since is a tick, an int, not {kind}"))
    };
    if !given.is_instance_of::<pyo3::types::PyInt>() || given.is_instance_of::<pyo3::types::PyBool>() {
        return Err(not_an_int());
    }
    match convert::number(given).ok_or_else(not_an_int)? {
        // Before the first tick is as good as the first.
        livedirs_core::number::Number::Int(tick) => Ok(u64::try_from(tick).unwrap_or(0)),
        livedirs_core::number::Number::Big(tick) if tick < 0.into() => Ok(0),
        _ => Ok(u64::MAX),
    }
}

/// What a poll came to.
enum Found<'py> {
    News(Bound<'py, PyAny>),
    Nothing,
    Closed,
}

impl Cursor {
    fn shared(&self) -> &Arc<Shared> {
        &self.store.get().own
    }

    /// The store, for a caller who is no mapper.
    fn lock<'a>(&'a self, py: Python<'_>, what: &str) -> PyResult<Option<Guard<'a>>> {
        if let Meant::Other(meant) = self.store.get().shared() {
            Shared::check_not_at_work(py, &meant.lock(py), what)?;
        }
        let guard = self.shared().lock(py);
        if guard.closed {
            return Ok(None);
        }
        Shared::scope(py, &guard)?;
        Shared::check_not_at_work(py, &guard, what)?;
        Ok(Some(guard))
    }

    /// Polls; where nothing is new, `waiter` waits from the same moment on.
    fn look<'py>(&self, py: Python<'py>, mut waiter: Option<Waiter>, what: &str) -> PyResult<Found<'py>> {
        loop {
            let Some(mut guard) = self.lock(py, what)? else { return Ok(Found::Closed) };
            if waiter.is_some() && Shared::is_mine(&guard) {
                let message = "waiting for a commit inside of a transaction: leave its block first";
                return Err(errors::transaction(py, message));
            }
            let (news, step) = match guard.store.poll(self.id) {
                None => return Ok(Found::Closed),
                Some(Polled::Nothing) => {
                    if let Some(waiter) = waiter.take()
                        && let Some(watch) = guard.store.watch_of_cursor(self.id)
                    {
                        guard.waiters.entry(watch).or_default().push(waiter);
                    }
                    return Ok(Found::Nothing);
                }
                Some(Polled::News(news, step)) => (news, step),
            };
            drop(guard);
            let changes = changes::to_python(py, news)?;
            let mut guard = self.shared().lock(py);
            if guard.store.advance(step) {
                return Ok(Found::News(changes));
            }
        }
    }

    fn closed(&self, py: Python<'_>) -> PyErr {
        errors::closed(py, "the cursor, or its store, is closed")
    }

    fn end(&self, py: Python<'_>) -> PyResult<()> {
        if self.closed.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let mut guard = self.shared().lock_whole(py);
        guard.store.close_cursor(self.id);
        let after = guard.take_left(false);
        drop(guard);
        after.run(py, self.shared())
    }

    fn state(&self, py: Python<'_>) -> PyResult<(u64, u64, bool)> {
        let guard = self.lock(py, "ask for a cursor")?;
        guard.and_then(|guard| guard.store.cursor_state(self.id)).ok_or_else(|| self.closed(py))
    }
}

impl Drop for Cursor {
    /// No lock is taken here: the next transaction buries it.
    fn drop(&mut self) {
        if !*self.closed.get_mut() {
            let shared = &self.store.get().own;
            shared.dropped.lock().unwrap_or_else(PoisonError::into_inner).push(self.id);
            shared.has_dropped.store(true, Ordering::Relaxed);
        }
    }
}

#[pymethods]
impl Cursor {
    #[new]
    fn new(
        store: Bound<'_, Store>,
        name: Option<Bound<'_, Handed>>,
        since: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let py = store.py();
        let since = since.as_ref().map(self::since).transpose()?;
        let name = name.map(|name| name.get().0.clone());
        let shared = store.get().shared();
        let mut guard = shared.lock(py);
        let mine = matches!(Shared::scope(py, &guard)?, Scope::Working);
        Shared::check_not_at_work(py, &guard, "ask for a cursor")?;
        shared.bury(&mut guard);
        let (id, guard) =
            shared.run_locked(py, guard, |store| store.open_cursor(name.as_ref(), since, mine && store.is_open()))?;
        drop(guard);
        Ok(Cursor { store: store.unbind(), id, name, closed: AtomicBool::new(false) })
    }

    /// The tick up to which, exclusive, it has seen everything. ClosedError.
    #[getter]
    fn position(&self, py: Python<'_>) -> PyResult<u64> {
        self.state(py).map(|(position, ..)| position)
    }

    /// How many ticks it is behind the last commit. ClosedError.
    #[getter]
    fn lag(&self, py: Python<'_>) -> PyResult<u64> {
        self.state(py).map(|(_, lag, _)| lag)
    }

    /// Whether it lagged more than the store's `max_lag`: its next poll starts over. ClosedError.
    #[getter]
    fn expired(&self, py: Python<'_>) -> PyResult<bool> {
        self.state(py).map(|(.., expired)| expired)
    }

    /// What is new, or None; it moves on all the same, and never blocks.
    ///
    /// Inside of a transaction it shows the last commit. ClosedError; TransactionError in a mapper. O(1) where nothing
    /// is new, else O((c + 1) log n) for c changes.
    fn poll<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.look(py, None, "poll a cursor")? {
            Found::News(changes) => Ok(Some(changes)),
            Found::Nothing => Ok(None),
            Found::Closed => Err(self.closed(py)),
        }
    }

    /// What is new, as soon as anything is; None after `timeout` seconds, or where it was closed meanwhile.
    ///
    /// ClosedError; TransactionError in a mapper or inside of a transaction.
    #[pyo3(signature = (timeout=None))]
    fn wait<'py>(&self, py: Python<'py>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let deadline = transaction::timeout(timeout)?.and_then(|timeout| Instant::now().checked_add(timeout));
        let nap = patience(py)?;
        let mut first = true;
        loop {
            let signal = Arc::new(Signal::default());
            match self.look(py, Some(Waiter::Thread(Arc::clone(&signal))), "wait for a commit")? {
                Found::News(changes) => return Ok(Some(changes)),
                Found::Closed if first => return Err(self.closed(py)),
                Found::Closed => return Ok(None),
                Found::Nothing => first = false,
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            py.detach(|| signal.wait(left.into_iter().chain(nap).min()));
            {
                let mut guard = self.shared().lock_whole(py);
                if let Some(watch) = guard.store.watch_of_cursor(self.id) {
                    let is_mine = |waiter: &Waiter| matches!(waiter, Waiter::Thread(it) if Arc::ptr_eq(it, &signal));
                    drop(guard.stop_waiting(watch, is_mine));
                }
            }
            py.check_signals()?;
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return match self.look(py, None, "wait for a commit")? {
                    Found::News(changes) => Ok(Some(changes)),
                    Found::Nothing | Found::Closed => Ok(None),
                };
            }
        }
    }

    /// What is new, or None: then `wake` is called, from any thread, as soon as it is worth to ask again. ClosedError
    /// where there is nothing to wait for any more.
    fn _poll_or_call<'py>(&self, py: Python<'py>, wake: Py<PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.look(py, Some(Waiter::Task(wake)), "wait for a commit")? {
            Found::News(changes) => Ok(Some(changes)),
            Found::Nothing => Ok(None),
            Found::Closed => Err(self.closed(py)),
        }
    }

    /// `wake` is not to be called any more.
    fn _forget(&self, py: Python<'_>, wake: &Bound<'_, PyAny>) {
        let mut guard = self.shared().lock_whole(py);
        let watch = guard.store.watch_of_cursor(self.id);
        let is_it = |waiter: &Waiter| matches!(waiter, Waiter::Task(it) if it.is(wake));
        let found = watch.and_then(|watch| guard.stop_waiting(watch, is_it));
        drop(guard);
        drop(found);
    }

    /// Whether it is neither closed nor of a closed store.
    #[getter]
    fn _is_open(&self, py: Python<'_>) -> bool {
        let guard = self.shared().lock_whole(py);
        !guard.closed && guard.store.cursor_state(self.id).is_some()
    }

    /// It needs no more what it has not read. Closing again does nothing. O(log n) for each tombstone that goes.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.end(py)
    }

    #[pyo3(signature = (*exc))]
    fn __exit__(&self, py: Python<'_>, exc: &Bound<'_, PyTuple>) -> PyResult<()> {
        let _ = exc;
        self.end(py)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let of =
            self.name.as_ref().map_or_else(|| "the store".to_owned(), |name| format!("{:?}", name.shown().as_str()));
        match self.state(py) {
            Ok((position, _, true)) => format!("<Cursor of {of} at tick {position}, expired>"),
            Ok((position, 0, _)) => format!("<Cursor of {of} at tick {position}>"),
            Ok((position, lag, _)) => format!("<Cursor of {of} at tick {position}, {lag} behind>"),
            Err(_) => format!("<Cursor of {of}, closed>"),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.store)
    }
}

/// Somebody who is told of each commit that concerns a directory, until it is closed; what `subscribe` returns.
///
/// >>> from livedirs import Store
/// >>> users = Store().mkdir("/users/")
/// >>> with users.subscribe(lambda changes: print(dict(changes.entries))):
/// ...     users[1] = "Ada"
/// {1: ('Ada',)}
/// >>> users[2] = "Grace"
#[pyclass(frozen, weakref, module = "livedirs", name = "Subscription")]
pub struct Subscription {
    store: Py<Store>,
    id: ReaderId,
    name: Name,
}

impl Subscription {
    pub fn open<'py>(
        store: &Bound<'py, Store>,
        name: &Name,
        function: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Self>> {
        let py = store.py();
        let shared = store.get().shared();
        let guard = shared.lock(py);
        let mine = matches!(Shared::scope(py, &guard)?, Scope::Working);
        Shared::check_not_at_work(py, &guard, "subscribe")?;
        let (id, mut guard) =
            shared.run_locked(py, guard, |store| store.open_subscription(name, mine && store.is_open()))?;
        guard.subscribers.insert(id, function.clone().unbind());
        drop(guard);
        Bound::new(py, Subscription { store: store.clone().unbind(), id, name: name.clone() })
    }
}

#[pymethods]
impl Subscription {
    /// It is told nothing more, not of commits that it has not been told of yet either. Closing again does nothing.
    fn close(&self, py: Python<'_>) {
        let mut guard = self.store.get().own.lock_whole(py);
        guard.store.close_subscription(self.id);
        let function = guard.subscribers.remove(&self.id);
        livedirs_core::fit(&mut guard.subscribers);
        drop(guard);
        drop(function);
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*exc))]
    fn __exit__(&self, py: Python<'_>, exc: &Bound<'_, PyTuple>) {
        let _ = exc;
        self.close(py);
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let guard = self.store.get().own.lock_whole(py);
        let open = guard.subscribers.contains_key(&self.id);
        format!("<Subscription of {:?}{}>", self.name.shown().as_str(), if open { "" } else { ", closed" })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.store)
    }
}
