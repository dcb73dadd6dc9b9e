//! Errors of the core as the exceptions of `livedirs._errors`.

use livedirs_core::{Name, Refusal};
use pyo3::PyTypeInfo;
use pyo3::call::PyCallArgs;
use pyo3::exceptions::{PyBaseException, PyException, PyKeyError, PyMemoryError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::panics::caught;

const MODULE: &str = "livedirs._errors";

macro_rules! exceptions {
    ($($function:ident => $class:literal),* $(,)?) => {$(
        pub fn $function(py: Python<'_>, message: impl Into<String>) -> PyErr {
            static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
            let class = CLASS.import(py, MODULE, $class);
            class.map_or_else(|error| error, |class| made(class, (message.into(),)))
        }
    )*};
}

exceptions! {
    invalid_name => "InvalidNameError",
    invalid_key => "InvalidKeyError",
    not_found => "DirNotFoundError",
    exists => "DirExistsError",
    in_use => "DirInUseError",
    read_only => "ReadOnlyError",
    write_during_update => "WriteDuringUpdateError",
    not_unique => "NotUniqueError",
    not_converging => "NotConvergingError",
    cycle => "CycleError",
    capacity => "CapacityError",
    conflict => "ConflictError",
    transaction => "TransactionError",
    closed => "ClosedError",
}

/// An exception, made at once. One that PyO3 is to make when it leaves Rust is made where nothing is caught: if there is no memory
/// for it, the process ends.
fn made<'py>(class: &Bound<'py, PyType>, arguments: impl PyCallArgs<'py>) -> PyErr {
    caught(class.py(), || class.call1(arguments).map(PyErr::from_value)).unwrap_or_else(|error| error)
}

/// An exception of a class of Python's.
pub fn new<T: PyTypeInfo>(py: Python<'_>, message: impl Into<String>) -> PyErr {
    made(&T::type_object(py), (message.into(),))
}

/// `KeyError(key)`; of a tuple too, which must not become the arguments.
pub fn key_error(key: &Bound<'_, PyAny>) -> PyErr {
    made(&PyKeyError::type_object(key.py()), (key,))
}

pub fn refused(py: Python<'_>, refusal: &Refusal, near: impl FnOnce(&Name) -> Option<Name>) -> PyErr {
    let message = refusal.to_string();
    match refusal {
        Refusal::NotFound(name) => match near(name) {
            Some(near) => not_found(py, format!("{message}; did you mean {:?}?", near.as_str())),
            None => not_found(py, message),
        },
        Refusal::Exists { by_mapper: true, .. } => {
            let way_out = "name it by its key (DirName(...) / key), or let keys share it (shared=True)";
            exists(py, format!("{message}; {way_out}"))
        }
        Refusal::Exists { .. } => exists(py, message),
        Refusal::InUse { .. } | Refusal::OwnedByMapper(_) => in_use(py, message),
        Refusal::ReadOnly(_) => read_only(py, message),
        Refusal::InMapper(..) | Refusal::InLazy(_) => write_during_update(py, message),
        Refusal::Cycle { .. } => cycle(py, message),
        Refusal::NotConverging { .. } => not_converging(py, message),
        Refusal::Circular(_) => conflict(py, message),
        Refusal::Capacity { .. } => capacity(py, message),
        Refusal::NoMemory => new::<PyMemoryError>(py, message),
        Refusal::Later { .. } | Refusal::TooManyParents(_) => new::<PyValueError>(py, message),
    }
}

static BLOCKED: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// What stops a mapper that wants a name which another one holds; the collision that it stands for is its `error`.
/// It is no `Exception`, so no mapper catches it by mistake.
pub fn blocked(py: Python<'_>, collision: PyErr) -> PyErr {
    let class = BLOCKED.import(py, MODULE, "Blocked");
    class.map_or_else(|error| error, |class| made(class, (collision.into_value(py),)))
}

/// The collision behind a [`blocked`] mapper.
pub fn collision_of(py: Python<'_>, error: &PyErr) -> Option<PyErr> {
    let class = BLOCKED.get(py)?;
    if !error.matches(py, class).unwrap_or(false) {
        return None;
    }
    error.value(py).getattr(pyo3::intern!(py, "error")).ok().map(PyErr::from_value)
}

/// Whether an exception is one of a mapper's own, to be judged when the queue is empty; an interrupt is not.
pub fn is_of_mapper(py: Python<'_>, error: &PyErr) -> bool {
    static NOT_CONVERGING: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let not_converging = NOT_CONVERGING.import(py, MODULE, "NotConvergingError");
    error.is_instance(py, PyException::type_object(py).as_any())
        && !not_converging.is_ok_and(|class| error.is_instance(py, class.as_any()))
}

/// Tells an exception where it came from; those that take no notes stay as they are.
pub fn add_note(py: Python<'_>, error: &PyErr, note: &str) {
    let add = || {
        let value: &Bound<'_, PyBaseException> = error.value(py);
        let notes = value.getattr(pyo3::intern!(py, "__notes__"));
        if !notes.and_then(|notes| notes.contains(note)).unwrap_or(false) {
            value.call_method1(pyo3::intern!(py, "add_note"), (note,))?;
        }
        Ok(())
    };
    // An exception class may refuse, and memory fail; the exception matters more than its note, and so does what is to be
    // undone for it.
    drop(caught(py, add));
}
