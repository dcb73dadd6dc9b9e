//! Iterators: each goes on over the version at which it began.

use std::sync::atomic::{AtomicU64, Ordering};

use livedirs_core::{Name, Rows};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::breath;
use crate::convert;
use crate::errors;
use crate::host::PyHost;
use crate::lock::Lock;
use crate::owner::this_thread;

/// What an iterator goes over, one step at a time: threads may share it.
struct Steps<I> {
    state: Lock<I>,
    /// The thread that is at it, and in which process by their number. A hint, read without the lock: right for the thread itself, and
    /// for those that a fork left behind.
    by: AtomicU64,
    process: AtomicU64,
}

impl<I: Iterator> Steps<I> {
    /// ValueError where this thread is in the middle of a step: what that passes may be dropped, and a destructor may step this
    /// same iterator. (Generators say the same.) Another thread's step is waited for, unless an interrupt comes, or it was one of
    /// the process that forked, which never ends here.
    fn next(&self, py: Python<'_>) -> PyResult<Option<I::Item>> {
        let me = this_thread();
        let mut state = loop {
            if let Some(state) = self.state.try_take(py) {
                break state;
            }
            let is_mine = self.by.load(Ordering::Relaxed) == me;
            if is_mine || self.process.load(Ordering::Relaxed) != breath::forks() {
                return Err(errors::new::<PyValueError>(py, "the iterator is already being stepped"));
            }
            breath::wait(py);
            py.check_signals()?;
        };
        self.process.store(breath::forks(), Ordering::Relaxed);
        self.by.store(me, Ordering::Relaxed);
        let next = state.next();
        self.by.store(0, Ordering::Relaxed);
        Ok(next)
    }
}

macro_rules! iterator {
    ($class:ident, $state:ty, $doc:literal, |$py:ident| $next:expr) => {
        #[doc = $doc]
        #[pyclass(frozen, module = "livedirs._native")]
        pub struct $class(Steps<$state>);

        impl $class {
            pub fn new(state: $state) -> Self {
                $class(Steps {
                    state: Lock::new(state),
                    by: AtomicU64::new(0),
                    process: AtomicU64::new(breath::forks()),
                })
            }
        }

        #[pymethods]
        impl $class {
            fn __iter__(slf: Py<Self>) -> Py<Self> {
                slf
            }

            fn __next__<'py>(&self, $py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
                self.0.next($py)?.map($next).transpose()
            }
        }
    };
}

iterator!(Keys, Rows<PyHost>, "Keys of a directory, in order.", |py| |(key, _)| convert::key_to_python(py, &key));

iterator!(Entries, Rows<PyHost>, "Keys of a directory with all their values, in order.", |py| |(key, values)| {
    let values = PyTuple::new(py, values.into_iter().map(|value| value.0))?;
    Ok(PyTuple::new(py, [convert::key_to_python(py, &key)?, values.into_any()])?.into_any())
});

iterator!(Names, std::vec::IntoIter<Name>, "Names of directories, in order.", |py| |name| {
    convert::name_to_python(py, &name)
});

impl Names {
    pub fn of(names: Vec<Name>) -> Self {
        Names::new(names.into_iter())
    }
}
