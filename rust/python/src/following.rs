//! Those who follow the store: what a commit leaves to be done for them once the lock is released.
//!
//! The core says whom a commit concerns ([`livedirs_core::Store::take_left`]). Threads that wait are woken with the lock
//! held, which runs no Python; what wakes an asyncio task, and what subscribers are told, is called after it is released
//! ([`Aftermath`]).

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use livedirs_core::{Changes, ReaderId, WatchId};
use pyo3::exceptions::{PyMemoryError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::changes;
use crate::errors;
use crate::guard::Guard;
use crate::host::Object;
use crate::owner::this_thread;
use crate::panics::caught;
use crate::shared::{Inner, Shared};
use crate::transaction::call_back;

/// A list that is empty keeps no more places than that.
pub const MOST_KEPT: usize = 64;

/// A thread that waits is woken once.
#[derive(Default)]
pub struct Signal {
    is_set: Mutex<bool>,
    set: Condvar,
}

impl Signal {
    fn set(&self) {
        *self.is_set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.set.notify_all();
    }

    /// Waits until it is set; `None`: as long as it takes. With the interpreter detached.
    pub fn wait(&self, timeout: Option<Duration>) {
        let is_set = self.is_set.lock().unwrap_or_else(PoisonError::into_inner);
        match timeout {
            None => drop(self.set.wait_while(is_set, |is_set| !*is_set)),
            Some(timeout) => drop(self.set.wait_timeout_while(is_set, timeout, |is_set| !*is_set)),
        }
    }
}

/// Somebody who waits: for a commit that concerns a thing, or for the turn to open a transaction.
pub enum Waiter {
    Thread(Arc<Signal>),
    /// To be called once, from any thread.
    Task(Py<PyAny>),
}

/// What is called after a commit.
pub enum Callback {
    /// Of `on_commit`.
    Plain(Py<PyAny>),
    /// A subscriber.
    Told(ReaderId, Arc<Told>),
}

/// What the subscribers of one directory are told of one commit: one object for all, made when the first is called.
pub struct Told {
    raw: Mutex<Option<Changes<Object>>>,
    made: PyOnceLock<Py<PyAny>>,
}

impl Told {
    fn get(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let made = self.made.get_or_try_init(py, || {
            let raw = self.raw.lock().unwrap_or_else(PoisonError::into_inner).take();
            let raw = raw.ok_or_else(|| errors::new::<PyMemoryError>(py, "what changed could not be told"))?;
            changes::keys_to_python(py, raw).map(Bound::unbind)
        });
        made.map(|made| made.clone_ref(py))
    }
}

/// A call that fails so often is not interrupted.
const MOST_TRIES: usize = 10;

/// Wakes a task; whether its event loop is open. That is Python code, in which an interrupt may come: then it is called again, which
/// does no harm. (A RuntimeError is what a closed loop raises; a handler that raises a plain one is not told from that.)
fn call_task(py: Python<'_>, wake: &Py<PyAny>, interrupt: &mut PyResult<()>) -> bool {
    let mut came = Ok(());
    for _ in 0..MOST_TRIES {
        match wake.call0(py) {
            Ok(_) => {
                keep_first(py, interrupt, came);
                return true;
            }
            Err(error) if error.get_type(py).is(py.get_type::<PyRuntimeError>()) => {
                keep_first(py, interrupt, came);
                return false;
            }
            Err(error) => keep_first(py, &mut came, Err(error)),
        }
    }
    // So many are none: it does not work.
    let Err(error) = came else { return false };
    error.write_unraisable(py, Some(wake.bind(py)));
    false
}

/// What to raise where an error was to be raised and an interrupt came: that, with the error as its context.
pub fn or_interrupt(py: Python<'_>, error: PyErr, interrupt: PyResult<()>) -> PyErr {
    let Err(interrupt) = interrupt else { return error };
    // An exception class may refuse; the interrupt matters more than what it is told of.
    drop(interrupt.value(py).setattr(pyo3::intern!(py, "__context__"), error.value(py)));
    interrupt
}

/// One error is raised at the end, the first; another can only be told of.
pub fn keep_first(py: Python<'_>, first: &mut PyResult<()>, then: PyResult<()>) {
    match (&first, then) {
        (Ok(()), then) => *first = then,
        (Err(_), Err(error)) => error.write_unraisable(py, None),
        (Err(_), Ok(())) => {}
    }
}

/// What is left to do with no lock held.
#[derive(Default)]
#[must_use = "tasks wait to be woken"]
pub struct Aftermath {
    wake: Vec<Py<PyAny>>,
    /// Of the task whose turn it is.
    turn: Option<Py<PyAny>>,
    /// Functions of subscriptions that a rollback ended.
    dropped: Vec<Py<PyAny>>,
}

impl Aftermath {
    /// Wakes tasks. One whose event loop is closed is nobody's business any more; if it was its turn, it is the next
    /// one's. An interrupt that comes meanwhile is raised when all are awake.
    pub fn run(self, py: Python<'_>, shared: &Shared) -> PyResult<()> {
        drop(self.dropped);
        let mut interrupt = Ok(());
        for wake in self.wake {
            call_task(py, &wake, &mut interrupt);
        }
        let mut turn = self.turn;
        while let Some(wake) = turn.take() {
            if !call_task(py, &wake, &mut interrupt) {
                turn = shared.pass_turn(py);
            }
        }
        interrupt
    }
}

impl Inner {
    /// Wakes threads, and takes what is to be done with no lock held. `committed`: what waits for a commit is called.
    pub fn take_left(&mut self, committed: bool) -> Aftermath {
        let mut after = Aftermath::default();
        if !self.store.has_left() && (self.on_commit.is_empty() || !committed) {
            return after;
        }
        let left = self.store.take_left();
        for watch in left.woken {
            self.wake(watch, &mut after);
        }
        after.dropped.extend(left.ended.iter().filter_map(|id| self.subscribers.remove(id)));
        livedirs_core::fit(&mut self.subscribers);
        if committed {
            let on_commit = std::mem::take(&mut self.on_commit);
            let mut callbacks: Vec<(ReaderId, Callback)> =
                on_commit.into_iter().map(|(id, function)| (id, Callback::Plain(function))).collect();
            for delivery in left.deliveries {
                let told = Arc::new(Told { raw: Mutex::new(Some(delivery.changes)), made: PyOnceLock::new() });
                callbacks.extend(delivery.to.into_iter().map(|id| (id, Callback::Told(id, Arc::clone(&told)))));
            }
            callbacks.sort_by_key(|(id, _)| *id);
            self.callbacks.extend(callbacks.into_iter().map(|(_, callback)| callback));
        }
        after
    }

    /// Whether the caller is to call the callbacks that wait: nobody else does.
    pub fn calls_back(&mut self) -> bool {
        let calls = !self.callbacks.is_empty() && self.calling.is_none();
        if calls {
            self.calling = Some(this_thread());
        }
        calls
    }

    fn wake(&mut self, watch: WatchId, after: &mut Aftermath) {
        let Some(waiters) = self.waiters.remove(&watch) else { return };
        livedirs_core::fit(&mut self.waiters);
        for waiter in waiters {
            after.wake_one(waiter);
        }
    }

    /// The store is closed: nobody waits for anything any more.
    pub fn wake_all(&mut self) -> Aftermath {
        let mut after = Aftermath::default();
        for watch in self.waiters.keys().copied().collect::<Vec<_>>() {
            self.wake(watch, &mut after);
        }
        for waiter in std::mem::take(&mut self.turns) {
            after.wake_one(waiter);
        }
        after.dropped.extend(std::mem::take(&mut self.subscribers).into_values());
        after
    }

    /// Who has waited longest for its turn is woken.
    pub fn next_turn(&mut self, after: &mut Aftermath) {
        match self.turns.pop_front() {
            Some(Waiter::Task(wake)) => after.turn = Some(wake),
            Some(waiter @ Waiter::Thread(_)) => after.wake_one(waiter),
            None if self.turns.capacity() > MOST_KEPT => self.turns = VecDeque::new(),
            None => {}
        }
    }

    /// Takes a waiter back that waits no more.
    pub fn stop_waiting(&mut self, watch: WatchId, is_it: impl Fn(&Waiter) -> bool) -> Option<Waiter> {
        let waiters = self.waiters.get_mut(&watch)?;
        let found = waiters.iter().position(is_it).map(|at| waiters.swap_remove(at));
        if waiters.is_empty() {
            self.waiters.remove(&watch);
            livedirs_core::fit(&mut self.waiters);
        }
        found
    }
}

impl Aftermath {
    fn wake_one(&mut self, waiter: Waiter) {
        match waiter {
            Waiter::Thread(signal) => signal.set(),
            Waiter::Task(wake) => self.wake.push(wake),
        }
    }

    /// The same, with what another left.
    pub fn and(mut self, other: Aftermath) -> Self {
        self.wake.extend(other.wake);
        self.dropped.extend(other.dropped);
        self.turn = self.turn.or(other.turn);
        self
    }
}

impl Shared {
    /// Whoever was woken can't take the turn: the next one is.
    fn pass_turn(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let mut guard = self.lock_whole(py);
        let mut after = Aftermath::default();
        if guard.owner.is_none() {
            guard.next_turn(&mut after);
        }
        after.turn
    }

    /// Calls what waits to be called after a commit, unless somebody is at it.
    pub fn call_callbacks(&self, py: Python<'_>) -> PyResult<()> {
        if self.lock_whole(py).calls_back() { self.run_callbacks(py) } else { Ok(()) }
    }

    /// Calls what waits to be called after a commit, in order; those of later commits queue behind. An interrupt is
    /// raised when all have been called.
    pub fn run_callbacks(&self, py: Python<'_>) -> PyResult<()> {
        let mut interrupt = Ok(());
        loop {
            let (callback, function) = {
                let mut guard = self.lock_whole(py);
                let Some(callback) = guard.callbacks.pop_front() else {
                    guard.calling = None;
                    if guard.callbacks.capacity() > MOST_KEPT {
                        guard.callbacks = VecDeque::new();
                    }
                    return interrupt;
                };
                let function = match &callback {
                    Callback::Plain(function) => Some(function.clone_ref(py)),
                    Callback::Told(id, _) => guard.subscribers.get(id).map(|function| function.clone_ref(py)),
                };
                (callback, function)
            };
            // A subscription that was closed in the meantime is told nothing.
            let Some(function) = function else { continue };
            let called = match callback {
                Callback::Plain(_) => call_back(py, function.bind(py), None),
                Callback::Told(_, told) => caught(py, || told.get(py)).map_or_else(
                    |error| {
                        error.write_unraisable(py, Some(function.bind(py)));
                        Ok(())
                    },
                    |changes| call_back(py, function.bind(py), Some(changes.bind(py))),
                ),
            };
            keep_first(py, &mut interrupt, called);
        }
    }

    /// Cursors that were dropped without being closed are readers no more. A store that stands in does not know them.
    pub fn bury(&self, guard: &mut Guard<'_>) {
        let has_dropped = &self.has_dropped;
        if guard.is_beside() || !has_dropped.load(Ordering::Relaxed) || !has_dropped.swap(false, Ordering::Relaxed) {
            return;
        }
        let dropped = std::mem::take(&mut *self.dropped.lock().unwrap_or_else(PoisonError::into_inner));
        for id in dropped {
            guard.store.close_cursor(id);
        }
    }
}
