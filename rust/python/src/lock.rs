//! The lock of a store, which costs two plain writes to memory where there is a GIL.
//!
//! It is taken and let go of by threads that are attached to the interpreter, and nobody waits in it: who finds it taken
//! detaches, and tries again later (`breath.rs`). So where there is a GIL only one thread at a time asks, and what the
//! last one wrote is seen by the next, as all that Python does is: whether it is taken need only be noted. A standard
//! mutex would have the processor settle it with the others each time, twice for each transaction, mapper and read.
//! Without a GIL that is what is done.
//!
//! A panic while it is taken lets go of it: what was edited then has its journal (`Shared::undo_all`).

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::Python;

pub struct Lock<T> {
    is_taken: AtomicBool,
    inside: UnsafeCell<T>,
}

// SAFETY: what is inside is reached through the one `Taken` that there is at a time, from whichever thread has it.
unsafe impl<T: Send> Sync for Lock<T> {}

/// The lock, taken. It stays on its thread, and so goes while that is attached.
pub struct Taken<'a, T> {
    lock: &'a Lock<T>,
    stays: PhantomData<*const T>,
}

impl<T> Lock<T> {
    pub const fn new(inside: T) -> Self {
        Lock { is_taken: AtomicBool::new(false), inside: UnsafeCell::new(inside) }
    }

    /// Takes it, unless somebody has it.
    #[inline]
    pub fn try_take(&self, _attached: Python<'_>) -> Option<Taken<'_, T>> {
        let is_free = if cfg!(Py_GIL_DISABLED) {
            self.is_taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
        } else {
            // Nobody comes between the two: the caller has the GIL.
            let is_free = !self.is_taken.load(Ordering::Acquire);
            if is_free {
                self.is_taken.store(true, Ordering::Relaxed);
            }
            is_free
        };
        // Made only where it was free: to drop one opens the lock.
        is_free.then(|| Taken { lock: self, stays: PhantomData })
    }
}

impl<T> Deref for Taken<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: there is no other `Taken`: `try_take` gives one, and none again until it is dropped.
        unsafe { &*self.lock.inside.get() }
    }
}

impl<T> DerefMut for Taken<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and this one is borrowed as a whole.
        unsafe { &mut *self.lock.inside.get() }
    }
}

impl<T> Drop for Taken<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.is_taken.store(false, Ordering::Release);
    }
}
