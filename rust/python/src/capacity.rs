//! `Store(capacity=...)`.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt, PyString};

/// Bytes; `None`: no bound.
pub fn parse(given: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    if given.is_instance_of::<PyBool>() || !(given.is_instance_of::<PyInt>() || given.is_instance_of::<PyString>()) {
        let kind = given.get_type().name()?.to_string_lossy().into_owned();
        return Err(PyTypeError::new_err(format!("capacity is an int or a str, not {kind}")));
    }
    if let Ok(bytes) = given.cast::<PyInt>() {
        let positive = bytes.gt(0)?;
        return if positive {
            Ok(bytes.extract().ok())
        } else {
            Err(PyValueError::new_err(format!("capacity is positive, not {bytes}")))
        };
    }
    let text: String = given.extract()?;
    let wrong = || PyValueError::new_err(format!("capacity {text:?}: an int, digits with K, M or G, or \"auto\""));
    if text == "auto" {
        return Ok(None);
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
