//! A store that is locked: that of all, or one that stands in for it on one thread.
//!
//! Lazy functions that run outside of the open transaction work on a store of their own (`lazy.rs`). It lies beside that of
//! all, and whoever locks the store on that thread finds it in its place for as long as the lock is held.

use std::ops::{Deref, DerefMut};

use livedirs_core::{Options, Store};

use crate::host::PyHost;
use crate::lock::Taken;
use crate::owner::{Owner, this_thread};
use crate::shared::{Inner, Shared};

/// A store that stands in for the store on one thread.
pub struct Beside {
    pub thread: u64,
    store: Store<PyHost>,
    owner: Option<Owner>,
    rolled_back: bool,
    busy: bool,
}

impl Inner {
    /// The store and the one beside it change places.
    #[inline(never)]
    fn change_places(&mut self, at: usize) {
        let Some(beside) = self.besides.get_mut(at) else { return };
        std::mem::swap(&mut self.store, &mut beside.store);
        std::mem::swap(&mut self.owner, &mut beside.owner);
        std::mem::swap(&mut self.rolled_back, &mut beside.rolled_back);
        std::mem::swap(&mut self.busy, &mut beside.busy);
    }
}

/// The store, locked: that of all, or the one that stands in for it on this thread.
pub struct Guard<'a> {
    inner: Taken<'a, Inner>,
    beside: Option<usize>,
}

impl Deref for Guard<'_> {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl DerefMut for Guard<'_> {
    fn deref_mut(&mut self) -> &mut Inner {
        &mut self.inner
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if let Some(at) = self.beside {
            self.inner.change_places(at);
        }
    }
}

impl<'a> Guard<'a> {
    /// Of the store of all.
    pub const fn new(inner: Taken<'a, Inner>) -> Self {
        Guard { inner, beside: None }
    }

    /// From now on this store stands in on this thread; a number for `step_back`.
    pub fn step_beside(&mut self, store: Store<PyHost>) -> u64 {
        let thread = this_thread();
        let owner = Some(Owner::this_call());
        // What is locked may itself stand in: it goes back to its place first.
        if let Some(at) = self.beside.take() {
            self.inner.change_places(at);
        }
        self.inner.besides.push(Beside { thread, store, owner, rolled_back: false, busy: false });
        thread
    }

    /// On a thread on which another store stands in, that is what is meant.
    #[inline(never)]
    pub fn stand_in(&mut self) {
        let thread = this_thread();
        self.beside = self.inner.besides.iter().rposition(|beside| beside.thread == thread);
        if let Some(at) = self.beside {
            self.inner.change_places(at);
            self.inner.store.rested();
        }
    }

    /// A batch runs. If it does for the caller, its mapper has reached for the store now.
    #[inline(never)]
    pub fn enter_running(&mut self) {
        if self.beside.is_none() && Shared::is_mine(self) {
            // The driver holds it too, so this is not the last reference.
            if let Some(running) = self.running.take() {
                running.enter(&mut self.store);
            }
        }
    }

    /// The store that stood in last on this thread, which does no longer.
    pub fn step_back(&mut self, thread: u64) -> Store<PyHost> {
        let at = self.inner.besides.iter().rposition(|beside| beside.thread == thread);
        at.map_or_else(|| Store::new(Options::default()), |at| self.inner.besides.remove(at).store)
    }

    /// Whether it is a store that stands in.
    pub const fn is_beside(&self) -> bool {
        self.beside.is_some()
    }
}
