//! A long call that runs no Python, as a purge of a million tombstones, lets other threads of Python run now and then.
//!
//! The core says when it may ([`Host::breathe`](livedirs_core::Host::breathe)), in the middle of an edit. It does after more than
//! Python's switch interval, no sooner: who waits for the interpreter insists only when it has waited so long in one piece, and
//! each time that it is let go of and taken again begins anew. (A breath every 4 ms, where the interval is 5, kept all other
//! threads of a process from ever having a turn.)
//!
//! The lock of the store stays with the thread that breathes; all else that `Shared::lock` promises stays true by two rules:
//!
//! * *Who wants the lock meanwhile takes it attached.* It waits a moment detached, attaches, and tries again. If it waited for
//!   the lock itself, it would have it while detached, and another thread could fork the process then: the child would have
//!   a lock that nobody ever opens.
//! * *Before a fork, and for good before the interpreter goes*, no thread begins to breathe, and those that do are waited
//!   for. (A daemon thread that wants the interpreter back when it is gone never comes back, and would keep the lock.)
//!
//! A collection that comes while a thread breathes passes that store over, as one that is held by somebody.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// Threads that breathe.
static BREATHING: AtomicUsize = AtomicUsize::new(0);

/// Who does not want anybody to breathe: threads that are about to fork, and the end of the interpreter.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// How long to wait before the next look. A breath is as long as others have the interpreter, which are milliseconds.
const PAUSE: Duration = Duration::from_micros(100);

/// `sys.getswitchinterval`, which runs no Python code.
static SWITCH_INTERVAL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// What Python has unless told otherwise.
const USUAL_INTERVAL: f64 = 0.005;

thread_local! {
    /// When the stretch of this thread began that it is in.
    static SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Looks up what is asked later; once.
pub fn look_up(py: Python<'_>) -> PyResult<()> {
    let function = py.import("sys")?.getattr("getswitchinterval")?;
    drop(SWITCH_INTERVAL.set(py, function.unbind()));
    Ok(())
}

fn switch_interval(py: Python<'_>) -> Duration {
    let told = SWITCH_INTERVAL.get(py).and_then(|function| function.call0(py).ok()?.extract::<f64>(py).ok());
    Duration::try_from_secs_f64(told.unwrap_or(USUAL_INTERVAL)).unwrap_or(Duration::MAX)
}

/// Other threads run, for one switch of the interpreter at most, if they wait for it. `again`: not for the first time since the
/// store was locked.
pub fn breathe(again: bool) {
    let now = Instant::now();
    let since = SINCE.get().filter(|_| again);
    if let Some(since) = since {
        let long = Python::try_attach(switch_interval)
            .is_some_and(|interval| now - since > interval.saturating_add(interval / 8));
        if !long {
            return;
        }
        let_others_run();
    }
    SINCE.set(Some(if since.is_some() { Instant::now() } else { now }));
}

fn let_others_run() {
    // First noted, then asked: who holds first and looks then misses nobody.
    BREATHING.fetch_add(1, Ordering::SeqCst);
    if HELD.load(Ordering::SeqCst) == 0 {
        Python::try_attach(|py| py.detach(|| ()));
    }
    BREATHING.fetch_sub(1, Ordering::SeqCst);
}

/// A moment, for who found the lock taken.
pub fn wait(py: Python<'_>) {
    py.detach(|| thread::sleep(PAUSE));
}

/// Nobody begins to breathe from here on, and nobody does when this comes back: attached, as all who ask.
pub fn hold(py: Python<'_>) {
    HELD.fetch_add(1, Ordering::SeqCst);
    while BREATHING.load(Ordering::SeqCst) > 0 {
        py.detach(|| thread::sleep(PAUSE));
    }
}

/// The fork is done. (One before which nobody held: that which imported livedirs.)
#[allow(deprecated)] // new Rusts call it `try_update`, which the minimal one does not know
pub fn go_on() {
    // Where it is 0 it stays.
    _ = HELD.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |held| held.checked_sub(1));
}

/// How many forks of the process led to this one.
static FORKS: AtomicU64 = AtomicU64::new(0);

pub fn forks() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// In the child, where the others that were about to fork are not.
pub fn begin_anew() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    HELD.store(0, Ordering::SeqCst);
    BREATHING.store(0, Ordering::SeqCst);
}
