//! Python objects as keys, names, numbers and ranges, and back.

use livedirs_core::number::Number;
use livedirs_core::{Key, KeyRef, Name, Range, Upper};
use std::cell::Cell;
use std::ffi::CString;
use std::sync::atomic::{AtomicUsize, Ordering};

use num_bigint::BigInt;
use num_traits::Num;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyIterator, PySlice, PyString, PyTuple, PyType};

use crate::errors;

/// An int that fits into 64 bits.
pub fn small_int(object: &Bound<'_, PyAny>) -> Option<i64> {
    let mut overflow = 0;
    // SAFETY: the object is an int, for which this runs no code and does not fail.
    let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(object.as_ptr(), &raw mut overflow) };
    (overflow == 0).then_some(value)
}

/// An int of any size. Runs no code of the user's and makes no object that the cycle collector tracks, since values are
/// converted with the store locked and a collection may run any code.
fn big_int(object: &Bound<'_, PyAny>) -> PyResult<BigInt> {
    let py = object.py();
    // SAFETY: the object is an int, of which this makes a str like "-0x1f".
    let text = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyNumber_ToBase(object.as_ptr(), 16))? };
    let text = text.cast::<PyString>()?.to_str()?.replacen("0x", "", 1);
    BigInt::from_str_radix(&text, 16).map_err(|error| errors::new::<PyValueError>(py, error.to_string()))
}

fn big_int_to_python<'py>(py: Python<'py>, value: &BigInt) -> PyResult<Bound<'py, PyAny>> {
    let text = CString::new(value.to_str_radix(16))?;
    // SAFETY: the text is hexadecimal and ends with NUL.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyLong_FromString(text.as_ptr(), std::ptr::null_mut(), 16)) }
}

/// How often memory has run out where a value was looked at with the store locked; and whether it has on this thread, in the
/// operation that is under way.
static RAN_OUT: AtomicUsize = AtomicUsize::new(0);
thread_local! {
    static HERE: Cell<bool> = const { Cell::new(false) };
}

/// Memory has run out here.
#[cold]
pub fn ran_out() {
    RAN_OUT.fetch_add(1, Ordering::Relaxed);
    HERE.set(true);
}

/// Whether it has since this was asked last.
#[inline]
pub fn has_run_out() -> bool {
    RAN_OUT.load(Ordering::Relaxed) > 0 && HERE.take()
}

/// An int, float or bool, of subclasses too, as a number. Runs no code of the user's.
pub fn number(object: &Bound<'_, PyAny>) -> Option<Number> {
    // The exact type is seen without a call.
    if object.is_exact_instance_of::<PyInt>() || object.is_instance_of::<PyInt>() {
        return match small_int(object) {
            Some(value) => Some(Number::Int(value)),
            None => big_int(object).inspect_err(|_| ran_out()).ok().map(Number::Big),
        };
    }
    object.cast::<PyFloat>().ok().map(|float| Number::Float(float.value()))
}

/// # Errors
/// MemoryError. (PyO3's own conversions panic, and this is called in the middle of an edit.)
pub fn number_to_python(py: Python<'_>, number: &Number) -> PyResult<Py<PyAny>> {
    // SAFETY: the interpreter is attached; each answers a new reference, or NULL with an exception set.
    let made = unsafe {
        match number {
            Number::Int(value) => Bound::from_owned_ptr_or_err(py, ffi::PyLong_FromLongLong(*value)),
            Number::Float(value) => Bound::from_owned_ptr_or_err(py, ffi::PyFloat_FromDouble(*value)),
            Number::Big(value) => big_int_to_python(py, value),
        }
    };
    made.map(Bound::unbind)
}

/// An object as a key.
pub fn key(object: &Bound<'_, PyAny>) -> PyResult<Key> {
    if object.is_exact_instance_of::<PyInt>()
        && let Some(value) = small_int(object)
    {
        return Ok(Key::int(value));
    }
    if let Ok(text) = object.cast_exact::<PyString>()
        && let Ok(text) = text.to_str()
    {
        return Ok(Key::str(text));
    }
    any_key(object, 0)
}

fn any_key(object: &Bound<'_, PyAny>, depth: u8) -> PyResult<Key> {
    let py = object.py();
    if object.is_none() {
        return Ok(Key::NONE);
    }
    if let Ok(value) = object.cast::<PyBool>() {
        return Ok(Key::bool(value.is_true()));
    }
    if object.is_instance_of::<PyInt>() {
        return match small_int(object) {
            Some(value) => Ok(Key::int(value)),
            None => Ok(Key::big(big_int(object)?)),
        };
    }
    if let Ok(value) = object.cast::<PyFloat>() {
        return Key::float(value.value()).map_err(|_| errors::invalid_key(py, "a key can't be NaN (float)"));
    }
    if let Ok(text) = object.cast::<PyString>() {
        return match text.to_str() {
            Ok(text) => Ok(Key::str(text)),
            Err(_) => {
                let shown = text.repr().map_or_else(|_| String::new(), |shown| shown.to_string_lossy().into_owned());
                Err(errors::invalid_key(py, format!("a key can't be a str with a lone surrogate: {shown}")))
            }
        };
    }
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Key::bytes(bytes.as_bytes()));
    }
    if let Ok(tuple) = object.cast::<PyTuple>() {
        if depth >= Key::MAX_DEPTH {
            let message = format!("a key can't be a tuple nested deeper than {} levels", Key::MAX_DEPTH);
            return Err(errors::invalid_key(py, message));
        }
        let parts = tuple.iter().map(|part| any_key(&part, depth + 1)).collect::<PyResult<Vec<Key>>>()?;
        return Key::tuple(parts).map_err(|error| errors::invalid_key(py, error.to_string()));
    }
    if object.is_instance_of::<PySlice>() {
        let message =
            "a key can't be a slice: for the keys of a range ask between(lo, hi), or derive slice(name, lo, hi)";
        return Err(errors::invalid_key(py, message));
    }
    let message = format!(
        "a key can't be of type {}: use None, bool, int, float, str, bytes or tuples of these",
        // With its module: numpy's bool is no bool, and says so.
        object
            .get_type()
            .fully_qualified_name()
            .map_or_else(|_| "?".to_owned(), |name| name.to_string_lossy().into_owned())
    );
    Err(errors::invalid_key(py, message))
}

/// Whether an object can be a key; `in` is False for the others.
pub fn key_or_none(object: &Bound<'_, PyAny>) -> PyResult<Option<Key>> {
    let is_none = |error: &PyErr| error.is_instance_of::<PyTypeError>(object.py());
    key(object).map(Some).or_else(|error| if is_none(&error) { Ok(None) } else { Err(error) })
}

pub fn key_to_python<'py>(py: Python<'py>, key: &Key) -> PyResult<Bound<'py, PyAny>> {
    Ok(match key.view() {
        KeyRef::Int(value) => PyInt::new(py, value).into_any(),
        KeyRef::Str(text) => PyString::new(py, text).into_any(),
        KeyRef::None => py.None().into_bound(py),
        KeyRef::Bool(value) => PyBool::new(py, value).to_owned().into_any(),
        KeyRef::Float(value) => PyFloat::new(py, value).into_any(),
        KeyRef::Big(value) => big_int_to_python(py, value)?,
        KeyRef::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        KeyRef::Tuple(parts) => {
            let parts = parts.iter().map(|part| key_to_python(py, part)).collect::<PyResult<Vec<_>>>()?;
            PyTuple::new(py, parts)?.into_any()
        }
    })
}

/// An object as the name of a directory.
pub fn name(object: &Bound<'_, PyAny>) -> PyResult<Name> {
    let py = object.py();
    let Ok(text) = object.cast::<PyString>() else {
        let kind = object.get_type().name()?.to_string_lossy().into_owned();
        return Err(errors::invalid_name(py, format!("a directory name is a str, not {kind}")));
    };
    match text.to_str() {
        Ok(text) => Name::parse(text).map_err(|error| errors::invalid_name(py, error.to_string())),
        Err(_) => {
            let shown = text.repr()?.to_string_lossy().into_owned();
            let message = format!("{shown} is no directory name: a name has no lone surrogate");
            Err(errors::invalid_name(py, message))
        }
    }
}

/// A name as users get it: a `DirName`.
pub fn name_to_python<'py>(py: Python<'py>, name: &Name) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = CLASS.import(py, "livedirs._names", "DirName")?;
    // str.__new__(DirName, text): the name was checked when it was made.
    py.get_type::<PyString>().call_method1(pyo3::intern!(py, "__new__"), (class, name.as_str()))
}

/// The upper end of a range: a key, or `...` for no bound.
pub fn upper(object: &Bound<'_, PyAny>) -> PyResult<Upper> {
    if object.is(object.py().Ellipsis()) { Ok(Upper::Open) } else { key(object).map(Upper::Key) }
}

/// A pair (lo, hi).
pub fn range(object: &Bound<'_, PyAny>) -> PyResult<Range> {
    let pair = two(object, "a range is a pair (lo, hi), with ... as hi for no bound")?;
    Ok((key(&pair.0)?, upper(&pair.1)?))
}

pub fn ranges(object: &Bound<'_, PyAny>) -> PyResult<Vec<Range>> {
    let message = || format!("within is an iterable of ranges (lo, hi), not {}", kind(object));
    iterate(object, message)?.map(|item| range(&item?)).collect()
}

/// Iterates; what is no iterable is a `TypeError` that says so. One that `__iter__` itself raises stays as it is.
pub fn iterate<'py>(object: &Bound<'py, PyAny>, message: impl FnOnce() -> String) -> PyResult<Bound<'py, PyIterator>> {
    object.try_iter().map_err(|error| {
        let kind = object.get_type();
        let iterable = ["__iter__", "__getitem__"].iter().any(|name| kind.hasattr(*name).unwrap_or(false));
        if iterable || !error.is_instance_of::<PyTypeError>(object.py()) {
            return error;
        }
        errors::new::<PyTypeError>(object.py(), message())
    })
}

/// What kind of object it is, for messages.
pub fn kind(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The two items of an iterable of two.
pub fn two<'py>(object: &Bound<'py, PyAny>, what: &str) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    if let Ok(pair) = object.cast::<PyTuple>()
        && pair.len() == 2
    {
        return Ok((pair.get_item(0)?, pair.get_item(1)?));
    }
    let kind = || object.get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string_lossy().into_owned());
    let items = iterate(object, || format!("{what}, not {}", kind()))?;
    let items = items.take(3).collect::<PyResult<Vec<_>>>()?;
    match <[Bound<'py, PyAny>; 2]>::try_from(items) {
        Ok([first, second]) => Ok((first, second)),
        Err(items) => Err(errors::new::<PyValueError>(
            object.py(),
            format!(
                "{what}, not {} of {} items",
                kind(),
                if items.len() > 2 { "more than 2".to_owned() } else { items.len().to_string() }
            ),
        )),
    }
}

/// Whether an object is a mapping, as `collections.abc` has it.
pub fn is_mapping(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    if object.is_exact_instance_of::<PyDict>() {
        return Ok(true);
    }
    object.is_instance(CLASS.import(object.py(), "collections.abc", "Mapping")?)
}

/// Whether an object can be a name; `in` is False for the others.
pub fn name_or_none(object: &Bound<'_, PyAny>) -> PyResult<Option<Name>> {
    let is_none = |error: &PyErr| error.is_instance_of::<PyValueError>(object.py());
    name(object).map(Some).or_else(|error| if is_none(&error) { Ok(None) } else { Err(error) })
}

/// An argument that may be left out, where None is a value like others.
pub enum Given {
    Value(Py<PyAny>),
    Absent,
}

impl<'py> FromPyObject<'_, 'py> for Given {
    type Error = std::convert::Infallible;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> Result<Self, Self::Error> {
        Ok(Given::Value(object.to_owned().unbind()))
    }
}
