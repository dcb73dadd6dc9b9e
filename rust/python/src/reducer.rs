//! The built-in reducers. In the store they are folded by the core; their methods are what a reducer of the user's that
//! wraps one would call.

use livedirs_core::Fold;
use livedirs_core::number::ExactSum;
use pyo3::basic::CompareOp;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};

use crate::alike;
use crate::convert;
use crate::errors;
use crate::host::{Code, Task};
use crate::store::{FoldOf, callable};

fn checked(of: Option<Bound<'_, PyAny>>) -> PyResult<Option<Py<PyAny>>> {
    match of.filter(|of| !of.is_none()) {
        None => Ok(None),
        Some(of) => {
            callable("of", &of)?;
            Ok(Some(of.unbind()))
        }
    }
}

fn value<'py>(of: Option<&Py<PyAny>>, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match of {
        None => Ok(value),
        Some(of) => of.bind(value.py()).call1((value,)),
    }
}

fn equal_of(py: Python<'_>, a: Option<&Py<PyAny>>, b: Option<&Py<PyAny>>) -> PyResult<bool> {
    match (a, b) {
        (None, None) => Ok(true),
        (Some(a), Some(b)) => alike::functions_alike(a.bind(py), b.bind(py)),
        _ => Ok(false),
    }
}

/// The fold that a reducer stands for, and the `of` of one that is built in.
pub fn fold_of(reducer: &Bound<'_, PyAny>) -> PyResult<FoldOf> {
    macro_rules! built_in {
        ($($class:ident => $fold:expr),*) => {$(
            if let Ok(reducer) = reducer.cast::<$class>() {
                return Ok(($fold, reducer.get().of.as_ref().map(|of| of.clone_ref(reducer.py()))));
            }
            if reducer.is(reducer.py().get_type::<$class>()) {
                let name = stringify!($class);
                let message = format!("a reducer is an object: give {name}(), not the class {name}");
                return Err(errors::new::<PyTypeError>(reducer.py(), message));
            }
        )*};
    }
    built_in!(Sum => Fold::Sum, Min => Fold::Min, Max => Fold::Max, Mean => Fold::Mean, Count => Fold::Count);
    for method in ["add", "remove"] {
        let is_method = reducer.getattr_opt(method)?.is_some_and(|method| method.is_callable());
        if !is_method || reducer.getattr_opt(pyo3::intern!(reducer.py(), "initial"))?.is_none() {
            let kind = reducer.get_type().name()?.to_string_lossy().into_owned();
            let message = format!("a reducer has initial, add(acc, value) and remove(acc, value); {kind} has not");
            return Err(errors::new::<PyTypeError>(reducer.py(), message));
        }
    }
    Ok((Fold::User(Code::new(Task::Reduce, Some(reducer.clone().unbind()), None)), None))
}

/// The functions that two built-in reducers of one kind fold; `None` for other objects.
pub fn functions_of<'py>(
    a: &Bound<'py, PyAny>,
    b: &Bound<'py, PyAny>,
) -> Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let of = |object: &Bound<'py, PyAny>| {
        let (fold, of) = fold_of(object).ok()?;
        (!matches!(fold, Fold::User(_))).then(|| of.unwrap_or_else(|| object.py().None()).into_bound(object.py()))
    };
    let built_in = a.is_instance_of::<Sum>()
        || a.is_instance_of::<Count>()
        || a.is_instance_of::<Min>()
        || a.is_instance_of::<Max>()
        || a.is_instance_of::<Mean>();
    if built_in { of(a).zip(of(b)) } else { None }
}

macro_rules! reducer {
    ($(#[$doc:meta])* $class:ident, $name:literal, { $($methods:tt)* }) => {
        $(#[$doc])*
        #[pyclass(frozen, module = "livedirs", name = $name)]
        pub struct $class {
            of: Option<Py<PyAny>>,
        }

        #[pymethods]
        impl $class {
            #[new]
            #[pyo3(signature = (of=None))]
            fn new(of: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
                Ok($class { of: checked(of)? })
            }

            /// The function whose values are folded; None: the values themselves.
            #[getter]
            fn of(&self, py: Python<'_>) -> Option<Py<PyAny>> {
                self.of.as_ref().map(|of| of.clone_ref(py))
            }

            $($methods)*

            fn __richcmp__(&self, other: &Bound<'_, PyAny>, op: CompareOp) -> PyResult<Py<PyAny>> {
                let py = other.py();
                let Ok(other) = other.cast_exact::<Self>() else { return Ok(py.NotImplemented()) };
                let equal = equal_of(py, self.of.as_ref(), other.get().of.as_ref())?;
                compared(py, equal, op)
            }

            fn __hash__(&self) -> isize {
                hash_of($name)
            }

            fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
                match &self.of {
                    None => Ok(concat!($name, "()").to_owned()),
                    Some(of) => Ok(format!(concat!($name, "({})"), of.bind(py).repr()?.to_string_lossy())),
                }
            }

            fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
                visit.call(&self.of)
            }
        }
    };
}

fn compared(py: Python<'_>, equal: bool, op: CompareOp) -> PyResult<Py<PyAny>> {
    match op {
        CompareOp::Eq => Ok(equal.into_pyobject(py)?.to_owned().into_any().unbind()),
        CompareOp::Ne => Ok((!equal).into_pyobject(py)?.to_owned().into_any().unbind()),
        _ => Ok(py.NotImplemented()),
    }
}

/// Equal reducers are of one kind, and may have functions of which only a comparison tells that they are equal.
fn hash_of(name: &str) -> isize {
    name.bytes().fold(17, |hash: isize, byte| hash.wrapping_mul(31).wrapping_add(isize::from(byte)))
}

reducer!(
    /// The sum of the values: exact for ints of any size; with floats among them, math.fsum's.
    ///
    /// `of(value)`, where it is given, is what is summed; a pure function. Other values than numbers are summed by Python's
    /// sum, all of the key for a change; numbers cost O(log n).
    ///
    /// >>> from livedirs import Store, Sum
    /// >>> parts = Store().mkdir("/parts/", [("all", x) for x in (1e16, 1.0, -1e16)])
    /// >>> parts.reduce("/sum/", Sum())["all"]
    /// 1.0
    Sum, "Sum", {
    #[classattr]
    const fn initial() -> i64 {
        0
    }

    #[pyo3(signature = (acc, value))]
    fn add<'py>(&self, acc: Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        acc.add(self::value(self.of.as_ref(), value)?)
    }

    /// None for a float: taking it out would leave a rounding behind.
    #[pyo3(signature = (acc, value))]
    fn remove<'py>(&self, acc: Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if acc.is_instance_of::<pyo3::types::PyFloat>() {
            return Ok(None);
        }
        acc.sub(self::value(self.of.as_ref(), value)?).map(Some)
    }

    #[allow(clippy::unused_self, reason = "a method of the protocol")]
    #[pyo3(signature = (acc))]
    fn result<'py>(&self, acc: Bound<'py, PyAny>) -> Bound<'py, PyAny> {
        acc
    }
});

reducer!(
    /// The least value, of equal ones the first; O(log n) for a change.
    ///
    /// `of(value)`, where it is given, is what is compared and given; a pure function. Numbers and str are ordered in Rust,
    /// other values by Python's min, all of the key for a change; TypeError where they can't be ordered.
    ///
    /// >>> from livedirs import Min, Store
    /// >>> delays = Store().mkdir("/delays/", [("UA", 12), ("UA", -3), ("DL", 0)])
    /// >>> dict(delays.reduce("/least/", Min()))
    /// {'DL': 0, 'UA': -3}
    Min, "Min", {
    #[classattr]
    const fn initial() -> Option<i64> {
        None
    }

    #[pyo3(signature = (acc, value))]
    fn add<'py>(&self, acc: Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let value = self::value(self.of.as_ref(), value)?;
        Ok(if acc.is_none() || value.lt(&acc)? { value } else { acc })
    }

    /// None where the least went.
    #[pyo3(signature = (acc, value))]
    fn remove<'py>(&self, acc: Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let value = self::value(self.of.as_ref(), value)?;
        Ok(if acc.lt(&value)? { Some(acc) } else { None })
    }

    #[allow(clippy::unused_self, reason = "a method of the protocol")]
    #[pyo3(signature = (acc))]
    fn result<'py>(&self, acc: Bound<'py, PyAny>) -> Bound<'py, PyAny> {
        acc
    }
});

reducer!(
    /// The greatest value, of equal ones the first; O(log n) for a change.
    ///
    /// `of(value)`, where it is given, is what is compared and given; a pure function. Numbers and str are ordered in Rust,
    /// other values by Python's max, all of the key for a change; TypeError where they can't be ordered.
    ///
    /// >>> from livedirs import Max, Store
    /// >>> texts = Store().mkdir("/texts/", [("ada", "on looms"), ("ada", "notes")])
    /// >>> texts.reduce("/longest/", Max(of=len))["ada"]
    /// 8
    Max, "Max", {
    #[classattr]
    const fn initial() -> Option<i64> {
        None
    }

    #[pyo3(signature = (acc, value))]
    fn add<'py>(&self, acc: Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let value = self::value(self.of.as_ref(), value)?;
        Ok(if acc.is_none() || value.gt(&acc)? { value } else { acc })
    }

    /// None where the greatest went.
    #[pyo3(signature = (acc, value))]
    fn remove<'py>(&self, acc: Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let value = self::value(self.of.as_ref(), value)?;
        Ok(if acc.gt(&value)? { Some(acc) } else { None })
    }

    #[allow(clippy::unused_self, reason = "a method of the protocol")]
    #[pyo3(signature = (acc))]
    fn result<'py>(&self, acc: Bound<'py, PyAny>) -> Bound<'py, PyAny> {
        acc
    }
});

reducer!(
    /// The mean of the values: their exact sum, divided once.
    ///
    /// `of(value)`, where it is given, is what is averaged; a pure function. Other values than numbers go by Python's sum, all
    /// of the key for a change; numbers cost O(log n).
    ///
    /// >>> from livedirs import Mean, Store
    /// >>> ratings = Store().mkdir("/ratings/", [("intro", 5), ("intro", 4)])
    /// >>> ratings.reduce("/mean/", Mean())["intro"]
    /// 4.5
    Mean, "Mean", {
    /// The accumulator is the values themselves.
    #[classattr]
    fn initial(py: Python<'_>) -> Py<PyTuple> {
        PyTuple::empty(py).unbind()
    }

    #[pyo3(signature = (acc, value))]
    fn add<'py>(&self, acc: Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let value = self::value(self.of.as_ref(), value)?;
        acc.add((value,))
    }

    /// None: fold again.
    #[allow(clippy::unused_self, reason = "a method of the protocol")]
    #[pyo3(signature = (acc, value))]
    fn remove(&self, acc: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Option<Py<PyAny>> {
        let _ = (acc, value);
        None
    }

    #[allow(clippy::unused_self, reason = "a method of the protocol")]
    #[pyo3(signature = (acc))]
    fn result<'py>(&self, acc: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let mut sum = ExactSum::default();
        for value in acc.try_iter()? {
            match convert::number(&value?) {
                Some(number) => sum.add(&number),
                None => return acc.py().import("builtins")?.call_method1(pyo3::intern!(acc.py(), "sum"), (&acc,))?.div(acc.len()?),
            }
        }
        let none = || errors::new::<pyo3::exceptions::PyValueError>(acc.py(), "the mean of no values");
        let mean = sum.mean().ok_or_else(none)?;
        Ok(mean.into_pyobject(acc.py())?.into_any())
    }
});

/// The number of values. O(log n) for a change.
///
/// >>> from livedirs import Count, Store
/// >>> sessions = Store().mkdir("/sessions/", {"s1": "ada", "s2": "grace", "s3": "ada"})
/// >>> sessions.group_by("/number/", lambda session, user: user, Count())["ada"]
/// 2
#[pyclass(frozen, module = "livedirs", name = "Count")]
pub struct Count {
    of: Option<Py<PyAny>>,
}

#[pymethods]
impl Count {
    #[new]
    const fn new() -> Self {
        Count { of: None }
    }

    #[classattr]
    const fn initial() -> i64 {
        0
    }

    #[allow(clippy::unused_self, reason = "a method of the protocol")]
    #[pyo3(signature = (acc, value))]
    fn add<'py>(&self, acc: Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let _ = value;
        acc.add(1)
    }

    #[allow(clippy::unused_self, reason = "a method of the protocol")]
    #[pyo3(signature = (acc, value))]
    fn remove<'py>(&self, acc: Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let _ = value;
        acc.sub(1)
    }

    #[allow(clippy::unused_self, reason = "a method of the protocol")]
    #[pyo3(signature = (acc))]
    fn result<'py>(&self, acc: Bound<'py, PyAny>) -> Bound<'py, PyAny> {
        acc
    }

    #[allow(clippy::unused_self, reason = "a method of the protocol")]
    fn __richcmp__(&self, other: &Bound<'_, PyAny>, op: CompareOp) -> PyResult<Py<PyAny>> {
        let py = other.py();
        if other.is_exact_instance_of::<Self>() { compared(py, true, op) } else { Ok(py.NotImplemented()) }
    }

    #[allow(clippy::unused_self, reason = "a method of the protocol")]
    fn __hash__(&self) -> isize {
        hash_of("Count")
    }

    #[allow(clippy::unused_self, reason = "a method of the protocol")]
    const fn __repr__(&self) -> &'static str {
        "Count()"
    }
}
