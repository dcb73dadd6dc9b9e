//! Iterators: each goes on over the version at which it began.

use std::sync::Mutex;

use livedirs_core::{Name, Rows};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::convert;
use crate::host::PyHost;

macro_rules! iterator {
    ($class:ident, $state:ty, $doc:literal, |$py:ident, $state_name:ident| $next:expr) => {
        #[doc = $doc]
        #[pyclass(frozen, module = "livedirs._native")]
        pub struct $class(Mutex<$state>);

        impl $class {
            pub fn new(state: $state) -> Self {
                $class(Mutex::new(state))
            }
        }

        #[pymethods]
        impl $class {
            fn __iter__(slf: Py<Self>) -> Py<Self> {
                slf
            }

            fn __next__<'py>(&self, $py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
                // What it passes may be dropped, and a destructor may step this same iterator.
                let next = match self.0.try_lock() {
                    Ok(mut $state_name) => $state_name.next(),
                    Err(_) => return Err(PyValueError::new_err("the iterator is already being stepped")),
                };
                next.map($next).transpose()
            }
        }
    };
}

iterator!(Keys, Rows<PyHost>, "Keys of a directory, in order.", |py, rows| |(key, _)| convert::key_to_python(py, &key));

iterator!(Entries, Rows<PyHost>, "Keys of a directory with all their values, in order.", |py, rows| |(key, values)| {
    let values = PyTuple::new(py, values.into_iter().map(|value| value.0))?;
    Ok(PyTuple::new(py, [convert::key_to_python(py, &key)?, values.into_any()])?.into_any())
});

iterator!(Names, std::vec::IntoIter<Name>, "Names of directories, in order.", |py, names| |name| {
    convert::name_to_python(py, &name)
});

impl Names {
    pub fn of(names: Vec<Name>) -> Self {
        Names::new(names.into_iter())
    }
}
