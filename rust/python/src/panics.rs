//! A panic is an error like others: what was begun is undone, and the store goes on.
//!
//! livedirs itself panics nowhere that is known. PyO3 does where Python has no memory left for an object that it makes, and
//! hands on as a panic what a function of livedirs raised as one further down. So all that runs code of the user's, and all
//! that has something to undo where that fails, has its panics caught here. (Where Rust has no memory left, the process ends.)

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::panic::PanicException;
use pyo3::prelude::*;

/// Runs it. A panic is raised as the exception of Python that was set when it came, a `MemoryError` most likely, else as a
/// `PanicException`, which is no `Exception`.
#[inline]
pub fn caught<T>(py: Python<'_>, run: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result,
        Err(panic) => Err(error_of(py, &*panic)),
    }
}

/// The same, and tells whether it was a panic: then nobody knows what had been done.
pub fn caught_telling<T>(py: Python<'_>, panicked: &mut bool, run: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    let caught = catch_unwind(AssertUnwindSafe(run));
    *panicked = caught.is_err();
    caught.unwrap_or_else(|panic| Err(error_of(py, &*panic)))
}

#[cold]
fn error_of(py: Python<'_>, panic: &(dyn Any + Send)) -> PyErr {
    let set = if PyErr::occurred(py) { catch_unwind(|| PyErr::take(py)).ok().flatten() } else { None };
    set.unwrap_or_else(|| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        PanicException::new_err(text.unwrap_or_else(|| "panic from Rust code".to_owned()))
    })
}
