//! Calls of Python functions with a few positional arguments, without a tuple for them.
//!
//! `PyObject_Vectorcall` takes the arguments as they lie on the stack. It has been public since Python 3.9 (PEP 590), and of
//! the stable ABI since 3.12, so what is built for the stable ABI of 3.11 can't be linked with it, and looks it up when the
//! module is imported. Where it is not found that way, `PyObject_CallFunctionObjArgs` does the same, and counts and copies the
//! arguments first.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;

/// `PyObject_Vectorcall(callable, args, nargsf, kwnames)`; null where it was not found.
static VECTORCALL: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

type Vectorcall = unsafe extern "C" fn(*mut PyObject, *const *mut PyObject, usize, *mut PyObject) -> *mut PyObject;

/// Python may use the place before the first argument for its own, while it calls.
const ARGUMENTS_OFFSET: usize = 1 << (usize::BITS - 1);

/// Looks the function up; once, before any call.
#[cfg(unix)]
pub fn look_up() {
    // SAFETY: a name that ends with NUL, among the symbols of the process.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"PyObject_Vectorcall".as_ptr()) };
    VECTORCALL.store(found, Ordering::Relaxed);
}

#[cfg(not(unix))]
pub fn look_up() {}

/// `function(a)`.
pub fn call1<'py>(function: &Bound<'py, PyAny>, a: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    call(function, [ptr::null_mut(), a.as_ptr(), ptr::null_mut()], 1)
}

/// `function(a, b)`.
pub fn call2<'py>(
    function: &Bound<'py, PyAny>,
    a: &Bound<'py, PyAny>,
    b: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    call(function, [ptr::null_mut(), a.as_ptr(), b.as_ptr()], 2)
}

/// A free place, then so many live objects, which the caller holds, then null.
fn call<'py>(
    function: &Bound<'py, PyAny>,
    mut places: [*mut PyObject; 3],
    count: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let found = VECTORCALL.load(Ordering::Relaxed);
    let end = ptr::null_mut::<PyObject>();
    // SAFETY: what was found is the function of that name, whose signature has not changed since it became public. The
    // arguments live, and stand behind a place that may be written to; both functions answer a new reference, or NULL with
    // an exception set. The other one's list ends with the first NULL.
    unsafe {
        let result = if found.is_null() {
            ffi::PyObject_CallFunctionObjArgs(function.as_ptr(), places[1], places[2], end)
        } else {
            let vectorcall: Vectorcall = std::mem::transmute(found);
            vectorcall(function.as_ptr(), places.as_mut_ptr().add(1), count | ARGUMENTS_OFFSET, end)
        };
        Bound::from_owned_ptr_or_err(function.py(), result)
    }
}
