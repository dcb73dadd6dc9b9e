//! What `DirName` needs of the core.

use pyo3::prelude::*;

use crate::convert;

/// Checks a directory name; InvalidNameError says what is wrong with it.
#[pyfunction]
#[pyo3(signature = (name, /))]
pub fn check_name(name: &Bound<'_, PyAny>) -> PyResult<()> {
    convert::name(name).map(drop)
}

/// The name of the child for a key.
#[pyfunction]
#[pyo3(signature = (parent, key, /))]
pub fn child_name(parent: &Bound<'_, PyAny>, key: &Bound<'_, PyAny>) -> PyResult<String> {
    let parent = convert::name(parent)?;
    Ok(parent.child(&convert::key(key)?).as_str().to_owned())
}
