//! `os.fork()`: the child may use each store as a copy.
//!
//! Only the thread that forks is there in the child. What the others were at is undone: their open transactions, their
//! waits, their callbacks. No lock stands in the way: it is held by attached threads alone (`Shared::lock`), and the one
//! that forks is the one that is attached. (Who breathes is waited for: `breath.rs`.)

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::breath;
use crate::shared::Shared;

/// All stores that there are, by address. A weak reference keeps the memory of what it refers to, so none outlives its
/// store.
static STORES: Mutex<BTreeMap<usize, Weak<Shared>>> = Mutex::new(BTreeMap::new());

fn stores() -> MutexGuard<'static, BTreeMap<usize, Weak<Shared>>> {
    STORES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a store. O(log stores).
pub fn register(shared: &Arc<Shared>) {
    stores().insert(Arc::as_ptr(shared).addr(), Arc::downgrade(shared));
}

/// The store is being dropped. O(log stores).
pub fn forget(shared: &Shared) {
    let noted = stores().remove(&std::ptr::from_ref(shared).addr());
    drop(noted);
}

/// Before a fork, and before the interpreter goes: see [`breath`](crate::breath).
#[pyfunction]
fn hold_breath(py: Python<'_>) {
    breath::hold(py);
}

#[pyfunction]
fn after_in_parent() {
    breath::go_on();
}

#[pyfunction]
fn after_in_child(py: Python<'_>) {
    breath::begin_anew();
    let live: Vec<Arc<Shared>> = stores().values().filter_map(Weak::upgrade).collect();
    for shared in live {
        let Some(mut guard) = shared.try_lock(py) else { continue };
        let undone = guard.after_fork();
        drop(guard);
        drop(undone);
    }
}

/// Has Python call this before and after each fork of the process, where there are forks, and at its end.
pub fn install(py: Python<'_>) -> PyResult<()> {
    py.import("atexit")?.call_method1("register", (wrap_pyfunction!(hold_breath, py)?,))?;
    let Some(register) = py.import("os")?.getattr_opt("register_at_fork")? else { return Ok(()) };
    let functions = PyDict::new(py);
    functions.set_item("before", wrap_pyfunction!(hold_breath, py)?)?;
    functions.set_item("after_in_parent", wrap_pyfunction!(after_in_parent, py)?)?;
    functions.set_item("after_in_child", wrap_pyfunction!(after_in_child, py)?)?;
    register.call((), Some(&functions)).map(drop)
}
