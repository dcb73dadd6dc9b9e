//! `Store(capacity=...)`.

use std::path::PathBuf;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt, PyString};

use crate::cgroup::{memory_limit, memory_limit_below};
use crate::errors;

/// The bound in bytes that an argument asks for, the environment where it is left out, or else "auto".
pub fn of(py: Python<'_>, given: Option<&Bound<'_, PyAny>>) -> PyResult<Option<u64>> {
    match given.filter(|given| !given.is_none()) {
        Some(given) => parse(given),
        None => match std::env::var("LIVEDIRS_CAPACITY") {
            Ok(text) if !text.is_empty() => parse(PyString::new(py, &text).as_any()).inspect_err(|error| {
                crate::errors::add_note(py, error, "livedirs: as the environment variable LIVEDIRS_CAPACITY asks for");
            }),
            _ => Ok(automatic()),
        },
    }
}

/// 75 % of the memory limit of the control group, where one is set. Other systems have no such groups, and what lies in
/// `\proc` of the current drive of Windows says nothing.
fn automatic() -> Option<u64> {
    if cfg!(target_os = "linux") { memory_limit().map(of_limit) } else { None }
}

const fn of_limit(limit: u64) -> u64 {
    limit / 4 * 3
}

/// For tests: what "auto" comes to where the file system begins there.
#[pyfunction]
pub fn _automatic_capacity(root: PathBuf) -> Option<u64> {
    memory_limit_below(&root).map(of_limit)
}

/// Bytes; `None`: no bound.
fn parse(given: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    if given.is_instance_of::<PyBool>() || !(given.is_instance_of::<PyInt>() || given.is_instance_of::<PyString>()) {
        let kind = given.get_type().name()?.to_string_lossy().into_owned();
        return Err(errors::new::<PyTypeError>(given.py(), format!("capacity is an int or a str, not {kind}")));
    }
    if let Ok(bytes) = given.cast::<PyInt>() {
        let positive = bytes.gt(0)?;
        return if positive {
            Ok(bytes.extract().ok())
        } else {
            Err(errors::new::<PyValueError>(given.py(), format!("capacity is positive, not {bytes}")))
        };
    }
    let text: String = given.extract()?;
    let wrong = || {
        errors::new::<PyValueError>(
            given.py(),
            format!("capacity {text:?}: an int, digits with K, M or G, or \"auto\""),
        )
    };
    if text == "auto" {
        return Ok(automatic());
    }
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'K' | 'k')) => (&text[..at], 10),
        Some((at, 'M' | 'm')) => (&text[..at], 20),
        Some((at, 'G' | 'g')) => (&text[..at], 30),
        _ => (text.as_str(), 0),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let bytes = digits.parse::<u64>().ok().and_then(|digits| digits.checked_mul(1 << shift));
    match bytes {
        Some(0) => Err(wrong()),
        Some(bytes) => Ok(Some(bytes)),
        None => Ok(None),
    }
}
