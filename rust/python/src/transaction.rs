//! Update transactions, as context managers and as calls that are one by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use livedirs_core::{ReaderId, Store as CoreStore};
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use crate::errors;
use crate::family::Meant;
use crate::following::{Waiter, keep_first, or_interrupt};
use crate::guard::Guard;
use crate::host::PyHost;
use crate::owner::Owner;
use crate::panics::caught;
use crate::records::Commit;
use crate::shared::{Inner, Scope, Shared};
use crate::store::Store;

impl Shared {
    /// Runs a write: within the transaction that the caller has open, else as a transaction of its own.
    pub fn write<R>(
        self: &Arc<Self>,
        py: Python<'_>,
        operation: impl FnMut(&mut CoreStore<PyHost>) -> livedirs_core::Result<R, PyHost>,
    ) -> PyResult<R> {
        let (guard, own) = self.begin_write(py)?;
        let result = caught(py, || self.run_locked(py, guard, operation));
        match result {
            Ok((_, guard)) if guard.store.is_spoiled() && !own => {
                Err(Self::refused(py, guard, &livedirs_core::Refusal::NoMemory))
            }
            Ok((result, guard)) => {
                if own {
                    self.commit_locked(py, guard, None)?;
                }
                Ok(result)
            }
            Err(error) => Err(if own { or_interrupt(py, error, self.undo_all(py)) } else { error }),
        }
    }

    /// The same for what takes several steps, each with its own lock.
    pub fn write_steps<R>(self: &Arc<Self>, py: Python<'_>, steps: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
        let (guard, own) = self.begin_write(py)?;
        drop(guard);
        let result = caught(py, steps);
        if !own {
            return result;
        }
        match result {
            Ok(result) => self.commit_locked(py, self.lock(py), None).map(|()| result),
            Err(error) => Err(or_interrupt(py, error, self.undo_all(py))),
        }
    }

    /// Whether this write is a transaction of its own.
    fn begin_write(&self, py: Python<'_>) -> PyResult<(Guard<'_>, bool)> {
        let guard = self.lock(py);
        match Shared::scope(py, &guard)? {
            Scope::Working if guard.rolled_back => Err(errors::transaction(py, "the transaction was rolled back")),
            Scope::Working => Ok((guard, false)),
            Scope::Published => Ok((self.take_turn_for_call(py, guard)?, true)),
        }
    }

    /// Ends the transaction without a trace, whatever state it is in. An error is an interrupt that came when it was done.
    pub fn undo_all(&self, py: Python<'_>) -> PyResult<()> {
        let mut guard = self.lock(py);
        guard.busy = false;
        self.bury(&mut guard);
        let undone = guard.store.rollback();
        let left = guard.store.end();
        let callbacks = std::mem::take(&mut guard.on_commit);
        let after = self.give_turn(&mut guard, false);
        drop(guard);
        drop((undone, left, callbacks));
        after.run(py, self)
    }

    /// Rounds until none is due, then the publication, then the callbacks. If anything fails, all is undone, but
    /// for what callbacks raise: then it stands. `told` gets what the transaction did, before they are called.
    fn commit_locked(
        self: &Arc<Self>,
        py: Python<'_>,
        guard: Guard<'_>,
        told: Option<&std::sync::OnceLock<livedirs_core::Commit>>,
    ) -> PyResult<()> {
        match caught(py, || self.rounds(py, guard)) {
            Ok(mut guard) => {
                self.bury(&mut guard);
                let (commit, left) = guard.store.commit(told.is_some());
                let after = self.give_turn(&mut guard, true);
                let call = guard.calls_back();
                drop(guard);
                drop(left);
                let mut interrupt = after.run(py, self);
                if let (Some(told), Some(commit)) = (told, commit) {
                    drop(told.set(commit));
                }
                if call {
                    keep_first(py, &mut interrupt, self.run_callbacks(py));
                }
                interrupt
            }
            Err(error) => Err(or_interrupt(py, error, self.undo_all(py))),
        }
    }

    fn call_hook(&self, py: Python<'_>, hook: &crate::host::Code) -> PyResult<()> {
        let Some(bound) = &hook.0.function else { return Ok(()) };
        let (function, _) = bound.bind(py).extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        function.call1((self.handle(py)?,)).map(drop).inspect_err(|error| {
            let name = function.getattr(pyo3::intern!(py, "__qualname__")).and_then(|name| name.extract::<String>());
            errors::add_note(py, error, &format!("livedirs: in a hook, {}", name.as_deref().unwrap_or("a function")));
        })
    }

    pub fn rounds<'a>(self: &'a Arc<Self>, py: Python<'_>, mut guard: Guard<'a>) -> PyResult<Guard<'a>> {
        loop {
            ((), guard) = self.run_locked(py, guard, CoreStore::begin_round)?;
            guard = self.drain(py, guard)?;
            let mut waiting = guard.store.waiting_hooks();
            while let Some(hook) = guard.store.next_hook(&mut waiting) {
                drop(guard);
                self.call_hook(py, &hook)?;
                guard = self.lock(py);
            }
            let again;
            (again, guard) = self.run_locked(py, guard, CoreStore::update_with_status)?;
            if !again {
                if guard.store.is_bounded() {
                    ((), guard) = self.run_locked(py, guard, CoreStore::fit_capacity)?;
                }
                return Ok(guard);
            }
        }
    }
}

/// Calls a callback; an exception is logged.
///
/// # Errors
/// What is no `Exception`: an interrupt, say.
pub fn call_back(py: Python<'_>, callback: &Bound<'_, PyAny>, told: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let called = caught(py, || match told {
        None => callback.call0(),
        Some(told) => callback.call1((told,)),
    });
    if let Err(error) = called {
        if !error.is_instance_of::<PyException>(py) {
            return Err(error);
        }
        let logged = py.import("logging").and_then(|logging| {
            let logger = logging.call_method1(pyo3::intern!(py, "getLogger"), ("livedirs",))?;
            let info = pyo3::types::PyDict::new(py);
            info.set_item("exc_info", error.clone_ref(py).into_value(py))?; // with its traceback; `value` has none
            logger.call_method(pyo3::intern!(py, "error"), ("callback %r failed", callback), Some(&info))
        });
        match logged {
            Err(error) if error.is_instance_of::<PyException>(py) => error.write_unraisable(py, Some(callback)),
            logged => return logged.map(drop),
        }
    }
    Ok(())
}

/// A function of the user's with a weak reference to the store that it is to be called with.
pub fn hook(py: Python<'_>, function: &Bound<'_, PyAny>, store: &Bound<'_, Store>) -> PyResult<crate::host::Code> {
    static REF: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    store.get().own.set_handle(store)?;
    let weak = REF.import(py, "weakref", "ref")?.call1((store,))?;
    let bound = PyTuple::new(py, [function, &weak])?;
    Ok(crate::host::Code::new(crate::host::Task::Hook, Some(bound.into_any().unbind()), None))
}

const NEW: u8 = 0;
const OPEN: u8 = 1;
const ROLLED_BACK: u8 = 2;
const CLOSED: u8 = 3;

/// An update transaction; what `Store.update()` returns.
///
/// `with store.update() as tx:` opens it; leaving the block commits, an exception that leaves it undoes all of it. A
/// block inside a block is a savepoint.
///
/// >>> from livedirs import Store
/// >>> store = Store()
/// >>> users = store.mkdir("/users/")
/// >>> with store.update():
/// ...     users[1] = "Ada"
/// ...     users[2] = "Grace"
/// >>> len(users), store.tick
/// (2, 3)
#[pyclass(frozen, module = "livedirs", name = "Transaction", weakref)]
pub struct Transaction {
    store: Py<Store>,
    timeout: Option<Duration>,
    state: AtomicU8,
    block: std::sync::atomic::AtomicU64,
    /// How many callbacks stood when the savepoint was opened; of the outermost block `None`.
    savepoint: std::sync::Mutex<Option<usize>>,
    result: std::sync::OnceLock<livedirs_core::Commit>,
}

impl Transaction {
    pub fn new(store: Py<Store>, timeout: Option<Duration>) -> Self {
        Transaction {
            store,
            timeout,
            state: AtomicU8::new(NEW),
            block: std::sync::atomic::AtomicU64::new(0),
            savepoint: std::sync::Mutex::new(None),
            result: std::sync::OnceLock::new(),
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.store.get().own
    }

    fn state(&self) -> u8 {
        self.state.load(Ordering::Relaxed)
    }

    fn set_state(&self, state: u8) {
        self.state.store(state, Ordering::Relaxed);
    }

    fn savepoint(&self) -> Option<usize> {
        *self.savepoint.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Opens the block. Where another transaction is open: waits for it, or has `wait` called when it is worth to try
    /// again, and answers false.
    fn enter(&self, py: Python<'_>, wait: Option<(Py<PyAny>, bool)>) -> PyResult<bool> {
        self.check_new(py)?;
        if let Meant::Other(meant) = self.store.get().shared() {
            Shared::check_not_at_work(py, &meant.lock(py), "open a transaction")?;
        }
        let shared = self.shared();
        let me = Owner::me(py, shared);
        let mut guard = shared.lock(py);
        match Shared::scope(py, &guard)? {
            Scope::Working => {
                self.check_new(py)?;
                Shared::check_not_at_work(py, &guard, "open a transaction")?;
                if guard.rolled_back {
                    return Err(errors::transaction(py, "the transaction was rolled back"));
                }
                guard.store.savepoint();
                *self.savepoint.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(guard.on_commit.len());
            }
            Scope::Published => match wait {
                Some((wake, again)) if guard.owner.is_some() => {
                    let wake = Waiter::Task(wake);
                    if again {
                        guard.turns.push_front(wake);
                    } else {
                        guard.turns.push_back(wake);
                    }
                    return Ok(false);
                }
                _ => {
                    guard = shared.take_turn(py, guard, me, self.timeout)?;
                    // Another thread may have entered it in the meantime.
                    if let Err(error) = self.check_new(py) {
                        drop(guard);
                        return Err(or_interrupt(py, error, shared.undo_all(py)));
                    }
                }
            },
        }
        let block = guard.next_block;
        guard.next_block += 1;
        guard.blocks.push(block);
        self.block.store(block, Ordering::Relaxed);
        self.set_state(OPEN);
        drop(guard);
        Ok(true)
    }

    fn check_new(&self, py: Python<'_>) -> PyResult<()> {
        if self.state() != NEW {
            return Err(errors::transaction(py, "a transaction is entered once: call store.update() for another"));
        }
        Ok(())
    }

    /// The block must be open, and the caller's.
    fn check_open(&self, py: Python<'_>, inner: &Inner) -> PyResult<()> {
        if self.state() != OPEN {
            return Err(errors::transaction(py, "this transaction is not open: use it inside its with block"));
        }
        if !Shared::is_mine(inner) {
            let message = "this transaction is another thread's or task's: use it on the one that opened it";
            return Err(errors::transaction(py, message));
        }
        Ok(())
    }

    /// Ends the block: commits it, or undoes it if it failed.
    fn leave(&self, py: Python<'_>, failed: bool) -> PyResult<()> {
        let shared = self.shared();
        let mut guard = shared.lock(py);
        let state = self.state();
        // Also where the transaction is already being committed.
        Shared::check_not_at_work(py, &guard, "end a transaction")?;
        if state != OPEN && state != ROLLED_BACK {
            return Ok(());
        }
        let block = self.block.load(Ordering::Relaxed);
        if !guard.blocks.contains(&block) {
            // It ended with the one around it, and what is open now is none of its business.
            self.set_state(CLOSED);
            return Ok(());
        }
        if !Shared::is_mine(&guard) {
            let message = "a transaction ends on the thread and in the task that opened it";
            return Err(errors::transaction(py, message));
        }
        // Blocks that were opened inside of this one and never left (a generator that was dropped) end with it.
        while guard.blocks.last().is_some_and(|&last| last != block) {
            guard.blocks.pop();
            guard.store.release_savepoint();
        }
        guard.blocks.pop();
        self.set_state(CLOSED);
        let outermost = self.savepoint().is_none();
        if failed || state == ROLLED_BACK {
            let undone = self.undo(&mut guard);
            if outermost {
                shared.bury(&mut guard);
                let left = guard.store.end();
                let after = shared.give_turn(&mut guard, false);
                drop(guard);
                drop((undone, left));
                return after.run(py, shared);
            }
            guard.store.release_savepoint();
            guard.rolled_back = false;
            drop(guard);
            drop(undone);
            return Ok(());
        }
        if outermost {
            shared.commit_locked(py, guard, Some(&self.result))?;
        } else {
            guard.store.release_savepoint();
        }
        Ok(())
    }

    fn undo(&self, inner: &mut Inner) -> (impl Sized + use<>, Vec<(ReaderId, Py<PyAny>)>) {
        match self.savepoint() {
            None => (inner.store.rollback(), std::mem::take(&mut inner.on_commit)),
            Some(callbacks) => {
                let late = inner.on_commit.split_off(callbacks.min(inner.on_commit.len()));
                (inner.store.rollback_to_savepoint(), late)
            }
        }
    }
}

impl Drop for Transaction {
    /// Nobody can leave the block any more: it is undone, if this is where it was opened. So it goes for blocks that were
    /// entered by hand, and in Python 3.14, where an interrupt may come after `__enter__` and before the block: then
    /// `with` calls no `__exit__`.
    fn drop(&mut self) {
        if matches!(self.state(), OPEN | ROLLED_BACK) {
            Python::try_attach(|py| {
                let raised = PyErr::take(py);
                if let Err(error) = self.leave(py, true)
                    && !error.is_instance_of::<PyException>(py)
                {
                    error.write_unraisable(py, None);
                }
                if let Some(raised) = raised {
                    raised.restore(py);
                }
            });
        }
    }
}

#[pymethods]
impl Transaction {
    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        slf.get().enter(slf.py(), None).map(|_| slf)
    }

    /// Waits for its turn without blocking the event loop.
    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        static ENTER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        ENTER.import(slf.py(), "livedirs._asyncio", "enter")?.call1((slf,))
    }

    #[pyo3(signature = (*exc))]
    fn __aexit__<'py>(slf: &Bound<'py, Self>, exc: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        static LEAVE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        LEAVE.import(slf.py(), "livedirs._asyncio", "leave")?.call1((slf, exc))
    }

    /// Enters if it is free. Else `wake` is called, from any thread, when it is worth to try again; `again`: the caller
    /// was woken so, and waits before the others.
    fn _try_enter(&self, py: Python<'_>, wake: Py<PyAny>, again: bool) -> PyResult<bool> {
        self.enter(py, Some((wake, again)))
    }

    /// `wake` waits no more; if its turn had come, it is the next one's.
    fn _give_up(&self, py: Python<'_>, wake: &Bound<'_, PyAny>) -> PyResult<()> {
        self.shared().give_up(py, |waiter| matches!(waiter, Waiter::Task(it) if it.is(wake)), true)
    }

    /// How many seconds to wait for the turn; None: as long as it takes.
    #[getter]
    fn _timeout(&self) -> Option<f64> {
        self.timeout.map(|timeout| timeout.as_secs_f64())
    }

    #[pyo3(signature = (kind, exc, tb, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyAny>,
        exc: &Bound<'_, PyAny>,
        tb: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let _ = tb;
        self.leave(py, !kind.is_none() || !exc.is_none())
    }

    /// Brings derived directories up to date now. True: something in them changed.
    ///
    /// No hook runs, and the clock stands. What a mapper raises reaches the caller, and again the end of the block
    /// unless it was mended. TransactionError outside of the block. It costs the calls that the writes make
    /// necessary.
    ///
    /// >>> from livedirs import Store
    /// >>> store = Store()
    /// >>> users = store.mkdir("/users/", {1: "Ada"})
    /// >>> names = users.map_values("/names/", str.upper)
    /// >>> with store.update() as tx:
    /// ...     users[1] = "Grace"
    /// ...     print(names[1], tx.cascade(), names[1])
    /// ADA True GRACE
    fn cascade(&self, py: Python<'_>) -> PyResult<bool> {
        let shared = self.shared();
        let guard = shared.lock(py);
        self.check_open(py, &guard)?;
        Shared::check_not_at_work(py, &guard, "run the cascade")?;
        let before = guard.store.journal_mark();
        let guard = shared.drain(py, guard)?;
        Ok(guard.store.derived_changed_since(before))
    }

    /// Leaves the transaction by hand: nothing of the block stands, and the block ends silently.
    ///
    /// TransactionError outside of the block, and while an inner block is open; so is a write after it in the block.
    /// O(what was done in the block).
    ///
    /// >>> from livedirs import Store
    /// >>> store = Store()
    /// >>> users = store.mkdir("/users/", {1: "Ada"})
    /// >>> with store.update() as tx:
    /// ...     users.clear()
    /// ...     tx.rollback()
    /// >>> dict(users)
    /// {1: 'Ada'}
    fn rollback(&self, py: Python<'_>) -> PyResult<()> {
        let shared = self.shared();
        let mut guard = shared.lock(py);
        self.check_open(py, &guard)?;
        Shared::check_not_at_work(py, &guard, "roll back")?;
        if guard.blocks.last() != Some(&self.block.load(Ordering::Relaxed)) {
            return Err(errors::transaction(py, "an inner block is open: leave it first"));
        }
        self.set_state(ROLLED_BACK);
        guard.rolled_back = true;
        let undone = self.undo(&mut guard);
        drop(guard);
        drop(undone);
        Ok(())
    }

    /// What the transaction did, once the outermost block has committed; else None, also of a savepoint.
    ///
    /// >>> from livedirs import Store
    /// >>> store = Store()
    /// >>> with store.update() as tx:
    /// ...     users = store.mkdir("/users/", {1: "Ada"})
    /// >>> tx.result
    /// Commit(tick=2, rounds=1, changed={"/users/"}, removed={}, purged=0, mapped=0)
    #[getter]
    fn result(&self) -> Option<Commit> {
        if self.state() != CLOSED {
            return None;
        }
        self.result.get().cloned().map(Commit::new)
    }

    fn __repr__(&self) -> &'static str {
        match (self.state(), self.savepoint()) {
            (NEW, _) => "<Transaction, not entered>",
            (OPEN, None) => "<Transaction, open>",
            (OPEN, Some(_)) => "<Transaction, open as a savepoint>",
            (ROLLED_BACK, _) => "<Transaction, rolled back>",
            _ => "<Transaction, closed>",
        }
    }

    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        visit.call(&self.store)
    }
}

/// A timeout in seconds; `None`: no limit.
pub fn timeout(given: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Duration>> {
    let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(None) };
    let seconds: f64 = given
        .extract()
        .map_err(|_| errors::new::<PyTypeError>(given.py(), "timeout is a number of seconds, or None"))?;
    if seconds.is_nan() {
        return Err(errors::new::<pyo3::exceptions::PyValueError>(given.py(), "timeout can't be NaN"));
    }
    // Longer than a Duration holds is as good as no limit.
    Ok(if seconds <= 0.0 { Some(Duration::ZERO) } else { Duration::try_from_secs_f64(seconds).ok() })
}
