//! The stack that is left: functions of the user's call each other through the store, each level of it in Rust.
//!
//! Python bounds how deep its own code calls itself, by a number. How much stack that takes it does not know, nor how
//! much there is: a thread may have 512 KiB, and a limit may be set to a million. Beyond the end of the stack the
//! process is gone. So before a function of the user's runs, what is left is measured, and where that is too little
//! `RecursionError` is raised, which is undone and told like any other exception.

use std::cell::Cell;

use pyo3::PyResult;
use pyo3::exceptions::PyRecursionError;

/// This much must be left for what the function calls besides, and for telling of it: C code of libraries takes tens
/// of KiB. Of a small stack a quarter.
const MARGIN: usize = 128 << 10;

thread_local! {
    /// The most that was ever seen left on this thread: about all that it has.
    static MOST: Cell<usize> = const { Cell::new(0) };
}

/// # Errors
/// `RecursionError` where too little is left. Where the system does not tell, nothing is refused.
pub fn check() -> PyResult<()> {
    let Some(left) = stacker::remaining_stack() else { return Ok(()) };
    let most = MOST.with(|most| {
        most.set(most.get().max(left));
        most.get()
    });
    if left < MARGIN.min(most / 4) {
        return Err(PyRecursionError::new_err(format!(
            "functions read each other too deep through the store: {} KiB are left of the stack of this thread, about \
             {} KiB; read less deep, or give the thread more (threading.stack_size)",
            left >> 10,
            most >> 10
        )));
    }
    Ok(())
}
