//! What the core holds of Python: objects as values, functions and reducers as code.
//!
//! Equality is decided here where no code of the user's can run: same object, another type, and objects that are
//! built of exact built-in types alone. Everything else is answered `None`, and the driver asks Python with no lock
//! held.

use std::ffi::c_int;
use std::sync::Arc;

use livedirs_core::number::Number;
use livedirs_core::{Host, Key, Rank, Same, Value};
use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::convert;

pub struct PyHost;

impl Host for PyHost {
    type Value = Object;
    type Code = Code;
    type Failure = PyErr;

    #[cfg(target_arch = "x86_64")]
    fn fetch(address: usize) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let line = std::ptr::without_provenance::<i8>(address);
        // SAFETY: nothing is read: this tells the processor what will be, and any address will do.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(line);
            // What begins there seldom ends with that line.
            _mm_prefetch::<_MM_HINT_T0>(line.wrapping_add(64));
        }
    }

    fn breathe(again: bool) {
        crate::breath::breathe(again);
    }
}

/// A Python object as a value of a row. Clones and drops happen with the interpreter attached: what clones values edits
/// a version, and versions are edited and read by threads that run Python.
pub struct Object(pub Py<PyAny>);

impl Clone for Object {
    fn clone(&self) -> Self {
        // SAFETY: see the struct. (`Py::clone` would look that up for every value.)
        Object(self.0.clone_ref(unsafe { Python::assume_attached() }))
    }
}

/// How deep [`is_plain`] looks into containers.
const PLAIN_DEPTH: u32 = 4;

/// Whether comparing the object with `==` can run no code of the user's: it and all that it holds are of exact
/// built-in types. Looks only into what can be walked without making an object that the cycle collector tracks: the
/// store is locked, and a collection may run any code.
fn is_plain(object: &Bound<'_, PyAny>, depth: u32) -> bool {
    if is_scalar(object) {
        return true;
    }
    if depth == 0 {
        return false;
    }
    if let Ok(tuple) = object.cast_exact::<PyTuple>() {
        return tuple.iter().all(|part| is_plain(&part, depth - 1));
    }
    // What can change does so without a GIL at any time: between this look and the comparison, and during either.
    if cfg!(Py_GIL_DISABLED) {
        return false;
    }
    if let Ok(list) = object.cast_exact::<PyList>() {
        return list.iter().all(|part| is_plain(&part, depth - 1));
    }
    if let Ok(dict) = object.cast_exact::<PyDict>() {
        return dict.iter().all(|(key, value)| is_plain(&key, depth - 1) && is_plain(&value, depth - 1));
    }
    false
}

/// Whether it is an int, a text, a float, a bool, bytes or None, and of no subclass.
pub fn is_scalar(object: &Bound<'_, PyAny>) -> bool {
    object.is_exact_instance_of::<PyInt>()
        || object.is_none()
        || object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<PyFloat>()
        || object.is_exact_instance_of::<PyBool>()
        || object.is_exact_instance_of::<pyo3::types::PyBytes>()
}

/// `a == b`, for objects of one type for which that runs no code of the user's.
fn plainly_equal(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> bool {
    if let (Ok(a), Ok(b)) = (a.cast_exact::<PyFloat>(), b.cast_exact::<PyFloat>()) {
        let (a, b) = (a.value(), b.value());
        #[allow(clippy::float_cmp, reason = "equality as Python has it")]
        return a == b || (a.is_nan() && b.is_nan());
    }
    // SAFETY: both are live objects and the interpreter is attached. A comparison of plain objects does not fail, short
    // of memory; a failure counts as "different".
    let equal: c_int = unsafe { ffi::PyObject_RichCompareBool(a.as_ptr(), b.as_ptr(), ffi::Py_EQ) };
    drop((equal < 0).then(|| PyErr::take(a.py())));
    equal == 1
}

impl Same for Object {
    fn address(&self) -> usize {
        self.0.as_ptr() as usize
    }

    fn same(&self, other: &Self) -> Option<bool> {
        if self.0.is(&other.0) {
            return Some(true);
        }
        // SAFETY: see the struct.
        let py = unsafe { Python::assume_attached() };
        let (a, b) = (self.0.bind(py), other.0.bind(py));
        if a.get_type_ptr() != b.get_type_ptr() {
            return Some(false);
        }
        if a.is_exact_instance_of::<PyInt>()
            && let (Some(a), Some(b)) = (convert::small_int(a), convert::small_int(b))
        {
            return Some(a == b);
        }
        let plain = is_scalar(a) || (is_plain(a, PLAIN_DEPTH) && is_plain(b, PLAIN_DEPTH));
        plain.then(|| plainly_equal(a, b))
    }
}

impl Value for Object {
    fn number(&self) -> Option<Number> {
        // SAFETY: see the struct.
        convert::number(self.0.bind(unsafe { Python::assume_attached() }))
    }

    fn int(&self) -> Option<i64> {
        // SAFETY: see the struct.
        let object = self.0.bind(unsafe { Python::assume_attached() });
        if object.is_exact_instance_of::<PyInt>() { convert::small_int(object) } else { None }
    }

    fn from_number(number: Number) -> Option<Self> {
        // SAFETY: see the struct.
        convert::number_to_python(unsafe { Python::assume_attached() }, &number).ok().map(Object)
    }

    fn rank(&self) -> Rank {
        Python::attach(|py| {
            let object = self.0.bind(py);
            if let Ok(text) = object.cast_exact::<PyString>() {
                return rank_of_text(text);
            }
            let exact = object.is_exact_instance_of::<PyInt>()
                || object.is_exact_instance_of::<PyFloat>()
                || object.is_exact_instance_of::<PyBool>();
            if !exact {
                return Rank::Other;
            }
            let key = convert::number(object).and_then(|number| Key::try_from(number).ok());
            key.map_or(Rank::Other, Rank::Number)
        })
    }
}

/// Not by `to_str` where there is no GIL: that keeps what it encodes with the str, under a lock of the str's for which a thread
/// waits detached, and the store is locked. What is encoded here nobody else knows.
fn rank_of_text(text: &Bound<'_, PyString>) -> Rank {
    let rank = |text: Option<&str>| text.map_or(Rank::Other, |text| Rank::Text(Key::str(text)));
    if cfg!(Py_GIL_DISABLED) {
        let bytes = text.encode_utf8().inspect_err(|error| note_memory(text.py(), error)).ok();
        return rank(bytes.as_ref().and_then(|bytes| std::str::from_utf8(bytes.as_bytes()).ok()));
    }
    rank(text.to_str().inspect_err(|error| note_memory(text.py(), error)).ok())
}

/// Of other errors, that of a surrogate most likely, the value is what it is for Python too.
#[cold]
fn note_memory(py: Python<'_>, error: &PyErr) {
    if error.is_instance_of::<PyMemoryError>(py) {
        convert::ran_out();
    }
}

/// What user code does with the rows that it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// `fn(key, values)` gives pairs.
    Map,
    /// `fn(value)` gives a value.
    MapValues,
    /// `fn(key, value)` tells whether to keep it.
    Filter,
    /// `fn(key, value)` gives the key of its group.
    GroupBy,
    /// Rows stay as they are, but for what `of` makes of the values.
    Pass,
    /// The rows of the first so many keys stay.
    Take(usize),
    /// A reducer of the user's.
    Reduce,
    /// A function of the store.
    Hook,
    /// `fn(self, key)` gives a value, or several.
    Lazy { many: bool },
}

/// A function, with the `of` of the reducer that its outputs go to.
#[allow(clippy::struct_field_names, reason = "the function is what it is about")]
pub struct Function {
    pub task: Task,
    pub function: Option<Py<PyAny>>,
    pub of: Option<Py<PyAny>>,
}

#[derive(Clone)]
pub struct Code(pub Arc<Function>);

impl Code {
    pub fn new(task: Task, function: Option<Py<PyAny>>, of: Option<Py<PyAny>>) -> Self {
        Code(Arc::new(Function { task, function, of }))
    }
}

fn identical(a: Option<&Py<PyAny>>, b: Option<&Py<PyAny>>) -> bool {
    a.map(Py::as_ptr) == b.map(Py::as_ptr)
}

impl Same for Code {
    fn address(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    fn same(&self, other: &Self) -> Option<bool> {
        let (a, b) = (&*self.0, &*other.0);
        if a.task != b.task || a.of.is_some() != b.of.is_some() || a.function.is_some() != b.function.is_some() {
            return Some(false);
        }
        let same = identical(a.function.as_ref(), b.function.as_ref()) && identical(a.of.as_ref(), b.of.as_ref());
        same.then_some(true)
    }
}
