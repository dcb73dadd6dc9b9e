//! A store and its forks are one family: inside of a mapper or lazy function, the store and the handles that it closes
//! over mean the version that it is run for, be it of the store or of a fork.
//!
//! Which store that is, each thread notes while it runs such a function. Where no store of the family was ever forked,
//! nothing is noted and nothing asked.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::{PyResult, Python};

use crate::panics::caught;
use crate::shared::Shared;

#[derive(Default)]
pub struct Family {
    pub forked: AtomicBool,
}

thread_local! {
    /// Stores for which functions run on this thread, the innermost last; and how many.
    static RUNNING: RefCell<Vec<Arc<Shared>>> = const { RefCell::new(Vec::new()) };
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Takes the note back, also where the function panics.
struct Noted;

#[inline(never)]
fn note(store: &Shared) -> Option<Noted> {
    let store = store.me()?;
    RUNNING.with_borrow_mut(|running| running.push(store));
    DEPTH.set(DEPTH.get() + 1);
    Some(Noted)
}

impl Drop for Noted {
    #[inline(never)]
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        let store = RUNNING.with_borrow_mut(Vec::pop);
        drop(store);
    }
}

/// Runs a function of the user's for this store, if there is stack left for it.
pub fn running<T>(py: Python<'_>, store: &Shared, function: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    crate::stack::check()?;
    running_where_checked(py, store, function)
}

/// The same where the caller has found that there is.
#[inline]
pub fn running_where_checked<T>(py: Python<'_>, store: &Shared, function: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    let noted = store.family.forked.load(Ordering::Relaxed).then(|| note(store));
    let result = caught(py, function);
    drop(noted);
    result
}

/// A store that a caller means.
pub enum Meant<'a> {
    /// The one that it names.
    Own(&'a Arc<Shared>),
    /// Another of the family, for which the caller is run.
    Other(Arc<Shared>),
}

impl Deref for Meant<'_> {
    type Target = Arc<Shared>;

    fn deref(&self) -> &Arc<Shared> {
        match self {
            Meant::Own(store) => store,
            Meant::Other(store) => store,
        }
    }
}

/// What the caller means by a store.
pub fn meant(own: &Arc<Shared>) -> Meant<'_> {
    if own.family.forked.load(Ordering::Relaxed) { meant_among_forks(own) } else { Meant::Own(own) }
}

#[inline(never)]
fn meant_among_forks(own: &Arc<Shared>) -> Meant<'_> {
    if DEPTH.get() == 0 {
        return Meant::Own(own);
    }
    let found = RUNNING.with_borrow(|running| {
        running.iter().rev().find(|store| Arc::ptr_eq(&store.family, &own.family)).map(Arc::clone)
    });
    match found {
        Some(store) if !Arc::ptr_eq(&store, own) => Meant::Other(store),
        _ => Meant::Own(own),
    }
}
