//! A long call that runs no Python, as a purge of a million tombstones, lets other threads of Python run now and then.
//!
//! The core says when ([`Host::breathe`](livedirs_core::Host::breathe)), in the middle of an edit. So the lock of the store
//! stays with the thread that breathes; all else that `Shared::lock` promises stays true by two rules:
//!
//! * *Who wants the lock meanwhile takes it attached.* It waits detached until nobody breathes, attaches, and tries again.
//!   If it waited for the lock itself, it would have it while detached, and another thread could fork the process then: the
//!   child would have a lock that nobody ever opens.
//! * *Before a fork* no thread begins to breathe, and those that do are waited for.
//!
//! A collection that comes while a thread breathes passes that store over, as one that is held by somebody.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;

/// Threads that breathe.
static BREATHING: AtomicUsize = AtomicUsize::new(0);

/// Threads that are about to fork.
static FORKING: AtomicUsize = AtomicUsize::new(0);

/// A breath is as long as others have the interpreter, which are milliseconds.
const PAUSE: Duration = Duration::from_micros(100);

/// Other threads run, for one switch of the interpreter at most.
pub fn breathe() {
    if FORKING.load(Ordering::SeqCst) == 0 {
        BREATHING.fetch_add(1, Ordering::SeqCst);
        Python::try_attach(|py| py.detach(|| ()));
        BREATHING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits while anybody breathes.
pub fn wait(py: Python<'_>) {
    py.detach(|| {
        // Without a GIL the lock is held by who does not breathe, too: then a moment is enough.
        thread::yield_now();
        while BREATHING.load(Ordering::SeqCst) > 0 {
            thread::sleep(PAUSE);
        }
    });
}

/// Nobody begins to breathe from here on, and nobody does when this comes back: attached, as all who ask.
pub fn hold(py: Python<'_>) {
    FORKING.fetch_add(1, Ordering::SeqCst);
    while BREATHING.load(Ordering::SeqCst) > 0 {
        py.detach(|| thread::sleep(PAUSE));
    }
}

/// The fork is done.
pub fn go_on() {
    FORKING.fetch_sub(1, Ordering::SeqCst);
}

/// In the child, where the others that were about to fork are not.
pub fn begin_anew() {
    FORKING.store(0, Ordering::SeqCst);
}
