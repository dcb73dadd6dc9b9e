//! A long call that runs no Python, as a purge of a million tombstones, lets other threads of Python run now and then.
//!
//! The core says when ([`Host::breathe`](livedirs_core::Host::breathe)), in the middle of an edit. So the lock of the store
//! stays with the thread that breathes; all else that `Shared::lock` promises stays true by two rules:
//!
//! * *Who wants the lock meanwhile takes it attached.* It waits a moment detached, attaches, and tries again. If it waited for
//!   the lock itself, it would have it while detached, and another thread could fork the process then: the child would have
//!   a lock that nobody ever opens.
//! * *Before a fork, and for good before the interpreter goes*, no thread begins to breathe, and those that do are waited
//!   for. (A daemon thread that wants the interpreter back when it is gone never comes back, and would keep the lock.)
//!
//! A collection that comes while a thread breathes passes that store over, as one that is held by somebody.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;

/// Threads that breathe.
static BREATHING: AtomicUsize = AtomicUsize::new(0);

/// Who does not want anybody to breathe: threads that are about to fork, and the end of the interpreter.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// How long to wait before the next look. A breath is as long as others have the interpreter, which are milliseconds.
const PAUSE: Duration = Duration::from_micros(100);

/// Other threads run, for one switch of the interpreter at most.
pub fn breathe() {
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

/// In the child, where the others that were about to fork are not.
pub fn begin_anew() {
    HELD.store(0, Ordering::SeqCst);
    BREATHING.store(0, Ordering::SeqCst);
}
