//! Equality that may run user code: of values, and of mappers and reducers. Called with no lock held.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFunction, PyList, PyTuple};

use crate::directory::Directory;
use crate::host::Function;
use crate::lazy::LazyDirectory;
use crate::reducer;
use crate::store::Store;

/// Equal values: of one type and `==`. Where the result has no truth value (a numpy array), they are different.
///
/// # Errors
/// What `==` raises.
pub fn values(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> PyResult<bool> {
    let equal = a.rich_compare(b, pyo3::pyclass::CompareOp::Eq)?;
    match equal.is_truthy() {
        Ok(equal) => Ok(equal),
        Err(error) if error.is_instance_of::<pyo3::exceptions::PyException>(a.py()) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Equal mappers or reducers, see [`objects`].
pub fn codes(py: Python<'_>, a: &Function, b: &Function) -> PyResult<bool> {
    let both = |a: &Option<Py<PyAny>>, b: &Option<Py<PyAny>>| match (a, b) {
        (Some(a), Some(b)) => objects(a.bind(py), b.bind(py), &mut Seen::default()),
        (a, b) => Ok(a.is_none() && b.is_none()),
    };
    Ok(both(&a.function, &b.function)? && both(&a.of, &b.of)?)
}

/// Pairs that are being compared: a function may close over itself.
#[derive(Default)]
struct Seen {
    pairs: Vec<(usize, usize)>,
    depth: u32,
}

/// Deeper than this, containers and closures are left to `==`.
const MOST_LEVELS: u32 = 100;

/// The same object; or functions of the same code and globals whose defaults and closure cells are equal by this rule;
/// or handles of one store and name; or objects of one type that compare equal. An `==` that raises makes them different.
fn objects(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>, seen: &mut Seen) -> PyResult<bool> {
    if a.is(b) {
        return Ok(true);
    }
    if !a.get_type().is(b.get_type()) {
        return Ok(false);
    }
    let pair = (a.as_ptr() as usize, b.as_ptr() as usize);
    if seen.pairs.contains(&pair) {
        return Ok(true);
    }
    if seen.depth >= MOST_LEVELS {
        return by_value(a, b);
    }
    seen.pairs.push(pair);
    seen.depth += 1;
    let equal = parts(a, b, seen);
    seen.depth -= 1;
    equal
}

/// The same of two objects of one type.
fn parts(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>, seen: &mut Seen) -> PyResult<bool> {
    if a.is_exact_instance_of::<PyFunction>() {
        return functions(a, b, seen);
    }
    if let (Ok(a), Ok(b)) = (a.cast::<Directory>(), b.cast::<Directory>()) {
        return Ok(a.get().is_same_handle(b.get()));
    }
    if let (Ok(a), Ok(b)) = (a.cast::<LazyDirectory>(), b.cast::<LazyDirectory>()) {
        return Ok(a.get().handle.is_same_handle(&b.get().handle));
    }
    if a.is_instance_of::<Store>() {
        return Ok(false);
    }
    if let Some((a, b)) = reducer::functions_of(a, b) {
        return objects(&a, &b, seen);
    }
    if let (Ok(a), Ok(b)) = (a.cast_exact::<PyTuple>(), b.cast_exact::<PyTuple>()) {
        return items(a, b, seen);
    }
    if let (Ok(a), Ok(b)) = (a.cast_exact::<PyList>(), b.cast_exact::<PyList>()) {
        return items(&a.to_tuple(), &b.to_tuple(), seen);
    }
    if let (Ok(a), Ok(b)) = (a.cast_exact::<PyDict>(), b.cast_exact::<PyDict>()) {
        return dicts(a, b, seen);
    }
    by_value(a, b)
}

fn by_value(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> PyResult<bool> {
    match values(a, b) {
        Err(error) if error.is_instance_of::<pyo3::exceptions::PyException>(a.py()) => Ok(false),
        Ok(false) => Ok(both_nan(a, b)),
        result => result,
    }
}

fn both_nan(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> bool {
    let nan = |x: &Bound<'_, PyAny>| x.extract::<f64>().is_ok_and(f64::is_nan);
    a.is_exact_instance_of::<pyo3::types::PyFloat>() && nan(a) && nan(b)
}

fn functions(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>, seen: &mut Seen) -> PyResult<bool> {
    let py = a.py();
    let get = |name| -> PyResult<_> { Ok((a.getattr(name)?, b.getattr(name)?)) };
    let (code_a, code_b) = get(pyo3::intern!(py, "__code__"))?;
    let (globals_a, globals_b) = get(pyo3::intern!(py, "__globals__"))?;
    if !globals_a.is(&globals_b) || !(code_a.is(&code_b) || code_a.eq(&code_b)?) {
        return Ok(false);
    }
    for name in [pyo3::intern!(py, "__defaults__"), pyo3::intern!(py, "__kwdefaults__")] {
        let (a, b) = get(name)?;
        if !objects(&a, &b, seen)? {
            return Ok(false);
        }
    }
    let (cells_a, cells_b) = get(pyo3::intern!(py, "__closure__"))?;
    let (Ok(cells_a), Ok(cells_b)) = (cells_a.cast::<PyTuple>(), cells_b.cast::<PyTuple>()) else {
        return Ok(cells_a.is_none() && cells_b.is_none());
    };
    for (a, b) in cells_a.iter().zip(cells_b.iter()) {
        // An empty cell has no contents yet.
        let contents = pyo3::intern!(py, "cell_contents");
        let equal = match (a.getattr(contents), b.getattr(contents)) {
            (Ok(a), Ok(b)) => objects(&a, &b, seen)?,
            (Err(_), Err(_)) => true,
            _ => false,
        };
        if !equal {
            return Ok(false);
        }
    }
    Ok(cells_a.len() == cells_b.len())
}

/// Of lists copies: what is compared may run code that changes them, and so may other threads.
fn items(a: &Bound<'_, PyTuple>, b: &Bound<'_, PyTuple>, seen: &mut Seen) -> PyResult<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.iter().zip(b.iter()) {
        if !objects(&a, &b, seen)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn dicts(a: &Bound<'_, PyDict>, b: &Bound<'_, PyDict>, seen: &mut Seen) -> PyResult<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (key, value) in a.copy()?.iter() {
        let Some(other) = b.get_item(&key)? else { return Ok(false) };
        if !objects(&value, &other, seen)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether two functions are equal as mappers are.
pub fn functions_alike(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> PyResult<bool> {
    objects(a, b, &mut Seen::default())
}
