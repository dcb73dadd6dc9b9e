//! One store among threads: the lock, whose transaction it is, and the wait for one's turn.
//!
//! `Lock<Inner>` is taken for moments and never while Python code runs. Two things follow for what is done under it:
//! no reference is dropped that may be the last (the core hands out what is to be dropped), and no object is made that
//! the cycle collector tracks (a collection runs destructors). Where user code must run in the middle of an operation
//! (`==` of values, reducers) the core says so, the lock is released, and `busy` refuses the store to that code.
//!
//! A transaction belongs to the asyncio task that opened it, else to the thread. Its owner sees the version that it
//! works on; everybody else the last commit.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

use livedirs_core::{Error, Name, Options, Pair, ReaderId, Refusal, Store, WatchId};
use pyo3::exceptions::PyTimeoutError;
use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;

use crate::alike;
use crate::convert;
use crate::driver::Running;
use crate::errors;
use crate::family::Family;
use crate::following::{Aftermath, Callback, MOST_KEPT, Signal, Waiter, keep_first};
use crate::guard::{Beside, Guard};
use crate::host::PyHost;
use crate::lock::{Lock, Taken};
use crate::owner::{Owner, note_task, patience, this_thread};
use crate::panics::caught;

/// More names than this are not searched for one that was meant.
const MOST_NAMES_TO_GUESS: usize = 1_000;

#[allow(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub struct Inner {
    pub store: Store<PyHost>,
    pub closed: bool,
    /// What it is then, for messages.
    pub end: &'static str,
    pub owner: Option<Owner>,
    /// Blocks of the open transaction, the innermost last.
    pub blocks: Vec<u64>,
    pub next_block: u64,
    /// `rollback()` was called in the innermost block.
    pub rolled_back: bool,
    /// User code runs that may not use the store.
    pub busy: bool,
    /// To be called after the open transaction commits.
    pub on_commit: Vec<(ReaderId, Py<PyAny>)>,
    /// What subscribers are told by.
    pub subscribers: HashMap<ReaderId, Py<PyAny>>,
    /// Being called, in the order of the commits.
    pub callbacks: VecDeque<Callback>,
    /// The thread that calls them.
    pub calling: Option<u64>,
    /// Who waits for a commit.
    pub waiters: HashMap<WatchId, Vec<Waiter>>,
    /// Who waits for their turn to open a transaction.
    pub turns: VecDeque<Waiter>,
    /// Jobs whose mapper runs for the owner, who has not reached for the store since.
    pub running: Option<Arc<Running>>,
    /// Where lazy functions run outside of the open transaction, see `lazy.rs`.
    pub besides: Vec<Beside>,
}

impl Inner {
    /// In the child of a fork of the process there is only the thread that forked: what others were at is undone. The
    /// answer is to be dropped with no lock held.
    pub fn after_fork(&mut self) -> impl Sized + use<> {
        let me = this_thread();
        let (mine, others): (Vec<Beside>, Vec<Beside>) =
            std::mem::take(&mut self.besides).into_iter().partition(|beside| beside.thread == me);
        self.besides = mine;
        for waiters in self.waiters.values_mut() {
            waiters.retain(|waiter| matches!(waiter, Waiter::Task(_)));
        }
        self.turns.retain(|waiter| matches!(waiter, Waiter::Task(_)));
        self.waiters.retain(|_, waiters| !waiters.is_empty());
        let mut callbacks = VecDeque::new();
        if self.calling.is_some_and(|thread| thread != me) {
            self.calling = None;
            callbacks = std::mem::take(&mut self.callbacks);
        }
        let mut undone = None;
        if self.owner.is_some_and(|owner| owner.thread != me) {
            let callbacks = std::mem::take(&mut self.on_commit);
            undone = Some((self.store.rollback(), self.store.end(), callbacks, self.running.take()));
            self.owner = None;
            self.rolled_back = false;
            self.busy = false;
            self.blocks.clear();
        }
        (others, callbacks, undone)
    }
}

/// Which version code sees.
pub enum Scope {
    /// That of the transaction which it has open.
    Working,
    /// The last commit.
    Published,
}

pub struct Shared {
    inner: Lock<Inner>,
    me: Weak<Shared>,
    pub family: Arc<Family>,
    /// A weak reference to the Python object.
    handle: OnceLock<Py<PyAny>>,
    pub snapshots: AtomicUsize,
    pub forks: AtomicUsize,
    /// Cursors that were dropped without being closed, and whether there are any. No other lock is taken under this one.
    pub dropped: Mutex<Vec<ReaderId>>,
    pub has_dropped: AtomicBool,
    /// Whether a task ever opened a transaction: only then does it matter which task it is that calls.
    pub by_task: AtomicBool,
}

impl Drop for Shared {
    fn drop(&mut self) {
        crate::at_fork::forget(self);
    }
}

impl Shared {
    pub fn new(options: Options) -> Arc<Self> {
        Shared::over(Store::new(options), Arc::default(), "the store is closed")
    }

    /// A store of a family. `end`: what it is when it is closed.
    pub fn over(store: Store<PyHost>, family: Arc<Family>, end: &'static str) -> Arc<Self> {
        let shared = Arc::new_cyclic(|me| Shared {
            me: me.clone(),
            family,
            handle: OnceLock::new(),
            forks: AtomicUsize::new(0),
            inner: Lock::new(Inner {
                store,
                closed: false,
                end,
                owner: None,
                blocks: Vec::new(),
                next_block: 1,
                rolled_back: false,
                busy: false,
                on_commit: Vec::new(),
                subscribers: HashMap::new(),
                callbacks: VecDeque::new(),
                calling: None,
                waiters: HashMap::new(),
                turns: VecDeque::new(),
                running: None,
                besides: Vec::new(),
            }),
            snapshots: AtomicUsize::new(0),
            dropped: Mutex::new(Vec::new()),
            has_dropped: AtomicBool::new(false),
            by_task: AtomicBool::new(false),
        });
        crate::at_fork::register(&shared);
        shared
    }

    /// Itself, while anything else holds it.
    pub fn me(&self) -> Option<Arc<Shared>> {
        self.me.upgrade()
    }

    /// Notes the Python object of which this is the inside.
    pub fn set_handle(&self, store: &Bound<'_, crate::store::Store>) -> PyResult<()> {
        if self.handle.get().is_some() {
            return Ok(());
        }
        let weak = PyWeakrefReference::new(store)?;
        drop(self.handle.set(weak.into_any().unbind()));
        Ok(())
    }

    /// The Python object; it is alive, since something runs in it.
    pub fn handle<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let weak = self.handle.get().ok_or_else(|| errors::closed(py, self.lock_whole(py).end))?;
        weak.bind(py).call0()
    }

    /// The lock is held by threads that are attached to the interpreter, and while they detach only for a breath in a long
    /// stretch of edits (`breath.rs`). So where there is a GIL nobody else holds it while somebody calls this, but who
    /// breathes, and `os.fork()` finds it free.
    pub fn lock<'a>(&'a self, py: Python<'_>) -> Guard<'a> {
        let mut guard = self.lock_running(py);
        if guard.running.is_some() {
            guard.enter_running();
        }
        guard
    }

    /// The same for who runs a batch: what it does is not the mapper's doing.
    pub fn lock_running<'a>(&'a self, py: Python<'_>) -> Guard<'a> {
        if self.by_task.load(Ordering::Relaxed) {
            note_task(py);
        }
        let mut guard = self.lock_any(py);
        if !guard.besides.is_empty() {
            guard.stand_in();
        }
        guard
    }

    /// The store of all, also where another stands in for it.
    pub fn lock_whole<'a>(&'a self, py: Python<'_>) -> Guard<'a> {
        let mut guard = self.lock_any(py);
        if guard.running.is_some() {
            guard.enter_running();
        }
        guard
    }

    fn lock_any<'a>(&'a self, py: Python<'_>) -> Guard<'a> {
        let inner = self.inner.try_take(py).unwrap_or_else(|| self.wait_for_lock(py));
        let mut guard = Guard::new(inner);
        guard.store.rested();
        guard
    }

    #[cold]
    fn wait_for_lock(&self, py: Python<'_>) -> Taken<'_, Inner> {
        loop {
            crate::breath::wait(py);
            if let Some(inner) = self.inner.try_take(py) {
                return inner;
            }
        }
    }

    /// For the cycle collector, which skips what is locked, and gives no proof that it is attached.
    pub fn lock_for_collector(&self) -> Option<Guard<'_>> {
        // SAFETY: it runs on a thread that is attached, as all that frees objects.
        self.try_lock(unsafe { Python::assume_attached() })
    }

    /// The lock, unless somebody has it.
    pub fn try_lock(&self, py: Python<'_>) -> Option<Guard<'_>> {
        self.inner.try_take(py).map(Guard::new)
    }

    /// Which version the caller sees.
    pub fn scope(py: Python<'_>, inner: &Inner) -> PyResult<Scope> {
        if inner.closed {
            return Err(errors::closed(py, inner.end));
        }
        match inner.owner {
            Some(owner) if owner.is_me() => {
                if inner.busy {
                    let message = "a reducer, or == of a value, may not use the store";
                    return Err(errors::transaction(py, message));
                }
                Ok(Scope::Working)
            }
            _ => Ok(Scope::Published),
        }
    }

    /// Refuses what neither a mapper nor a lazy function may do, while one is at work for the caller.
    pub fn check_not_at_work(py: Python<'_>, inner: &Inner, what: &str) -> PyResult<()> {
        match inner.store.worker() {
            Some(worker) if Shared::is_mine(inner) => Err(errors::transaction(py, format!("{worker} may not {what}"))),
            _ => Ok(()),
        }
    }

    pub fn is_mine(inner: &Inner) -> bool {
        inner.owner.is_some_and(Owner::is_me)
    }

    /// Waits for the turn to open a transaction, and takes it. `None`: as long as it takes.
    pub fn take_turn<'a>(
        &'a self,
        py: Python<'_>,
        mut guard: Guard<'a>,
        owner: Owner,
        timeout: Option<Duration>,
    ) -> PyResult<Guard<'a>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let (mut again, mut nap) = (false, None);
        loop {
            if guard.closed {
                return Err(errors::closed(py, guard.end));
            }
            let Some(holder) = guard.owner else {
                guard.owner = Some(owner);
                guard.store.begin();
                return Ok(guard);
            };
            if holder.thread == owner.thread {
                let message = "another task of this thread has a transaction open: leave its block first";
                return Err(errors::transaction(py, message));
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(errors::new::<PyTimeoutError>(py, "another thread has a transaction open"));
            }
            let Some(nap) = nap else {
                drop(guard);
                nap = Some(patience(py)?);
                guard = self.lock(py);
                continue;
            };
            let signal = Arc::new(Signal::default());
            let waiter = Waiter::Thread(Arc::clone(&signal));
            if again {
                guard.turns.push_front(waiter);
            } else {
                guard.turns.push_back(waiter);
            }
            again = true;
            drop(guard);
            py.detach(|| signal.wait(left.into_iter().chain(nap).min()));
            let mut interrupted = py.check_signals();
            let ended = interrupted.is_err() || deadline.is_some_and(|deadline| Instant::now() >= deadline);
            let is_mine = |waiter: &Waiter| matches!(waiter, Waiter::Thread(it) if Arc::ptr_eq(it, &signal));
            keep_first(py, &mut interrupted, self.give_up(py, is_mine, ended));
            interrupted?;
            guard = self.lock(py);
        }
    }

    /// A waiter waits no more. If it was woken and does not come (`ended`), the next one's turn has come.
    pub fn give_up(&self, py: Python<'_>, is_it: impl Fn(&Waiter) -> bool, ended: bool) -> PyResult<()> {
        let mut guard = self.lock_whole(py);
        let mut after = Aftermath::default();
        let found = guard.turns.iter().position(is_it).and_then(|at| guard.turns.remove(at));
        if ended && found.is_none() && guard.owner.is_none() {
            guard.next_turn(&mut after);
        }
        drop(guard);
        drop(found);
        after.run(py, self)
    }

    /// Takes the turn for what opens and ends its transaction in one call.
    pub fn take_turn_for_call<'a>(&'a self, py: Python<'_>, guard: Guard<'a>) -> PyResult<Guard<'a>> {
        self.take_turn(py, guard, Owner::this_call(), None)
    }

    /// The transaction has ended; the next may open its own.
    pub fn give_turn(&self, inner: &mut Inner, committed: bool) -> Aftermath {
        inner.owner = None;
        inner.rolled_back = false;
        inner.blocks.clear();
        if inner.blocks.capacity() > MOST_KEPT {
            inner.blocks = Vec::new();
        }
        let mut after = inner.take_left(committed);
        inner.next_turn(&mut after);
        after
    }

    /// The same from a lock that is held, and answers it.
    pub fn run_locked<'a, R>(
        &'a self,
        py: Python<'_>,
        mut guard: Guard<'a>,
        mut operation: impl FnMut(&mut Store<PyHost>) -> livedirs_core::Result<R, PyHost>,
    ) -> PyResult<(R, Guard<'a>)> {
        let mut asked = false;
        // What ran out before was nothing of this.
        convert::has_run_out();
        loop {
            let outcome = operation(&mut guard.store);
            if convert::has_run_out() {
                // It is done or refused all the same. What was opened for it, a frame say, is for the caller to close.
                guard.store.spoil_transaction();
            }
            match outcome {
                Ok(result) if !asked => return Ok((result, guard)),
                Ok(result) => {
                    let told = guard.store.forget_verdicts();
                    drop(guard);
                    drop(told);
                    return Ok((result, self.lock(py)));
                }
                Err(Error::Unsure(pairs)) => {
                    asked = true;
                    guard.busy = true;
                    drop(guard);
                    let answers =
                        caught(py, || pairs.iter().map(|pair| decide(py, pair)).collect::<PyResult<Vec<bool>>>());
                    guard = self.lock(py);
                    guard.busy = false;
                    match answers {
                        Ok(answers) => {
                            for (pair, equal) in pairs.into_iter().zip(answers) {
                                guard.store.decide(pair, equal);
                            }
                        }
                        Err(error) => {
                            let told = guard.store.forget_verdicts();
                            drop(guard);
                            drop((told, pairs));
                            return Err(error);
                        }
                    }
                }
                Err(Error::Refused(refusal)) => return Err(Self::refused(py, guard, &refusal)),
                Err(Error::Blocked(refusal)) => return Err(errors::blocked(py, Self::refused(py, guard, &refusal))),
            }
        }
    }

    /// What to raise where the core refused; of a directory that is not there, with a suggestion.
    pub fn refused(py: Python<'_>, mut guard: Guard<'_>, refusal: &Refusal) -> PyErr {
        let names = if matches!(refusal, Refusal::NotFound(_)) { Self::guesses(&guard) } else { Vec::new() };
        let told = guard.store.forget_verdicts();
        drop(guard);
        drop(told);
        errors::refused(py, refusal, |name| closest(py, name, &names))
    }

    /// The names that the caller sees, if they are not too many to search for one that was meant.
    fn guesses(inner: &Inner) -> Vec<Name> {
        let sees_all = !inner.store.is_open() || inner.owner.is_some_and(Owner::is_me);
        if sees_all && inner.store.len() <= MOST_NAMES_TO_GUESS { inner.store.names() } else { Vec::new() }
    }

    /// `DirNotFoundError`, with a suggestion.
    pub fn not_found(&self, py: Python<'_>, name: &Name) -> PyErr {
        let refusal = Refusal::NotFound(name.clone());
        let names = {
            let guard = self.lock(py);
            Self::guesses(&guard)
        };
        errors::refused(py, &refusal, |name| closest(py, name, &names))
    }
}

fn decide(py: Python<'_>, pair: &Pair<PyHost>) -> PyResult<bool> {
    match pair {
        Pair::Values(a, b) => alike::values(a.0.bind(py), b.0.bind(py)),
        Pair::Codes(a, b) => alike::codes(py, &a.0, &b.0),
    }
}

/// The name that was probably meant.
fn closest(py: Python<'_>, name: &Name, names: &[Name]) -> Option<Name> {
    // Slashes are alike in all names.
    fn inner(name: &Name) -> &str {
        name.as_str().trim_matches('/')
    }
    // A previous directory bears the name of its directory: that name is no suggestion.
    let candidates: Vec<&str> = names.iter().filter(|other| other.as_str() != name.as_str()).map(inner).collect();
    if candidates.is_empty() {
        return None;
    }
    let found = py
        .import("difflib")
        .and_then(|difflib| difflib.call_method1(pyo3::intern!(py, "get_close_matches"), (inner(name), candidates, 1)))
        .and_then(|found| found.extract::<Vec<String>>());
    found.ok()?.first().and_then(|found| Name::parse(&format!("/{found}/")).ok())
}
