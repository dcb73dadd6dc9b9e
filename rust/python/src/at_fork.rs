//! `os.fork()`: the child may use each store as a copy.
//!
//! Only the thread that forks is there in the child. What the others were at is undone: their open transactions, their
//! waits, their callbacks. No lock stands in the way: it is held by attached threads alone (`Shared::lock`), and the one
//! that forks is the one that is attached.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::shared::Shared;

static STORES: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

/// Notes a store. Amortised O(1).
pub fn register(shared: &Arc<Shared>) {
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    if stores.len() == stores.capacity() {
        stores.retain(|store| store.strong_count() > 0);
        let live = stores.len();
        stores.reserve(live + 1);
    }
    stores.push(Arc::downgrade(shared));
}

#[pyfunction]
fn after_in_child() {
    let stores: Vec<Arc<Shared>> =
        STORES.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect();
    for shared in stores {
        let Some(mut guard) = shared.try_lock() else { continue };
        let undone = guard.after_fork();
        drop(guard);
        drop(undone);
    }
}

/// Has Python call this after each fork of the process, where there are forks.
pub fn install(py: Python<'_>) -> PyResult<()> {
    let Some(register) = py.import("os")?.getattr_opt("register_at_fork")? else { return Ok(()) };
    let functions = PyDict::new(py);
    functions.set_item("after_in_child", wrap_pyfunction!(after_in_child, py)?)?;
    register.call((), Some(&functions)).map(drop)
}
