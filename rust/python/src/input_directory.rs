//! `InputDirectory`: a directory that is written to.

use livedirs_core::{Key, Name, NameId, Tag, ValueVec};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use smallvec::smallvec;

use crate::convert::{self, Given};
use crate::directory::{Directory, Found};
use crate::errors;
use crate::host::Object;
use crate::store::Store;

/// A directory that is written to; what `Store.mkdir` returns.
///
/// Each write is a transaction of its own, unless it is in a block of `Store.update`. Writing an equal value is no change.
/// A write is O(log n), and O(log n) for each key of a derived directory that becomes due.
///
/// >>> from livedirs import Store
/// >>> users = Store().mkdir("/users/", {1: "Ada"})
/// >>> users[2] = "Grace"
/// >>> del users[1]
/// >>> dict(users)
/// {2: 'Grace'}
#[pyclass(frozen, extends = Directory, generic, mapping, module = "livedirs", name = "InputDirectory")]
pub struct InputDirectory {}

impl InputDirectory {
    pub fn of<'py>(store: &Bound<'py, Store>, name: Name, id: NameId) -> PyResult<Bound<'py, Self>> {
        let base = Directory::handle(store, None, name, id);
        Bound::new(store.py(), PyClassInitializer::from(base).add_subclass(InputDirectory {}))
    }
}

/// This many rows are read or written before other threads get their chance to run. It takes longer than Python's switch
/// interval (5 ms): who waits for the interpreter insists only after that, and is passed over where it is let go of and
/// taken again before.
const SLICE: usize = 1 << 16;

impl Directory {
    fn check_not_snapshot(&self, py: Python<'_>) -> PyResult<()> {
        match self.snapshot {
            None => Ok(()),
            Some(_) => Err(errors::read_only(py, "a snapshot can't be written: write to the store's directory")),
        }
    }

    /// Sets the values of keys, in one transaction.
    fn set_rows(&self, py: Python<'_>, rows: &mut [(Key, ValueVec<Object>)]) -> PyResult<()> {
        self.check_not_snapshot(py)?;
        let mut done = 0;
        self.shared().write(py, |store| {
            let id = store.writable_at(&self.name, self.hint())?;
            self.remember(id);
            while let Some((key, values)) = rows.get_mut(done) {
                store.set_values(id, key, values)?;
                done += 1;
            }
            Ok(())
        })
    }

    /// The same for many: slice by slice, in between which other threads run. The transaction is one, its turn is kept.
    fn set_many(&self, py: Python<'_>, rows: Vec<(Key, ValueVec<Object>)>) -> PyResult<()> {
        if rows.len() <= SLICE {
            return self.set_slice(py, rows);
        }
        self.shared().write_steps(py, || {
            let mut rows = rows.into_iter();
            while rows.len() > 0 {
                self.set_slice(py, rows.by_ref().take(SLICE).collect())?;
                py.detach(|| ());
            }
            Ok(())
        })
    }

    /// In the order of their keys, in which a run over the tree sets them, and what is due comes in order: faster by more
    /// than sorting takes.
    fn set_slice(&self, py: Python<'_>, mut rows: Vec<(Key, ValueVec<Object>)>) -> PyResult<()> {
        if rows.len() < 2 {
            return self.set_rows(py, &mut rows);
        }
        self.check_not_snapshot(py)?;
        if rows.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            rows.sort_by(|a, b| a.0.cmp(&b.0));
            // Of a repeated key the first spelling stays, and the last values.
            rows.dedup_by(|next, last| {
                let is_repeated = next.0 == last.0;
                if is_repeated {
                    std::mem::swap(&mut next.1, &mut last.1);
                }
                is_repeated
            });
        }
        let (keys, mut values): (Vec<Key>, Vec<ValueVec<Object>>) = rows.into_iter().unzip();
        let mut done = 0;
        self.shared().write(py, |store| {
            let id = store.writable_at(&self.name, self.hint())?;
            self.remember(id);
            store.set_rows(id, &keys, &mut values, &mut done)
        })
    }
}

#[pymethods]
impl InputDirectory {
    fn __setitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>, value: Bound<'_, PyAny>) -> PyResult<()> {
        let mut row = [(convert::key(key)?, smallvec![Object(value.unbind())])];
        slf.as_super().get().set_rows(key.py(), &mut row)
    }

    fn __delitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let directory = slf.as_super().get();
        directory.check_not_snapshot(key.py())?;
        let row = convert::key(key)?;
        let py = key.py();
        directory.shared().write_steps(py, || {
            let there = directory.shared().write(py, |store| {
                let id = store.writable_at(&directory.name, directory.hint())?;
                let there = store.directory(id).is_some_and(|view| view.get(&row).is_some());
                store.set_values(id, &row, &mut ValueVec::new())?;
                Ok(there)
            })?;
            if there { Ok(()) } else { Err(errors::key_error(key)) }
        })
    }

    /// Gives a key these values, in order; none remove it. Errors are those of `d[key] = value`. O(log n).
    ///
    /// >>> from livedirs import Store
    /// >>> tags = Store().mkdir("/tags/")
    /// >>> tags.set_all("intro", ["draft", "maths"])
    /// >>> tags.get_all("intro")
    /// ('draft', 'maths')
    fn set_all(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>, values: &Bound<'_, PyAny>) -> PyResult<()> {
        let key = convert::key(key)?;
        let message = || format!("values are an iterable, not {}", convert::kind(values));
        let values = convert::iterate(values, message)?
            .map(|value| Ok(Object(value?.unbind())))
            .collect::<PyResult<ValueVec<_>>>()?;
        slf.as_super().get().set_rows(slf.py(), &mut [(key, values)])
    }

    /// Removes a key, if it is there. O(log n).
    ///
    /// >>> from livedirs import Store
    /// >>> users = Store().mkdir("/users/", {1: "Ada"})
    /// >>> users.discard(1)
    /// >>> users.discard(1)
    /// >>> len(users)
    /// 0
    fn discard(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let key = convert::key(key)?;
        slf.as_super().get().set_rows(slf.py(), &mut [(key, ValueVec::new())])
    }

    /// Removes all keys, in one transaction. O(log n) for each.
    ///
    /// >>> from livedirs import Store
    /// >>> users = Store().mkdir("/users/", {1: "Ada", 2: "Grace"})
    /// >>> users.clear()
    /// >>> dict(users)
    /// {}
    fn clear(slf: &Bound<'_, Self>) -> PyResult<()> {
        let directory = slf.as_super().get();
        directory.check_not_snapshot(slf.py())?;
        directory.shared().write(slf.py(), |store| {
            let id = store.writable(&directory.name)?;
            store.clear(id);
            Ok(())
        })
    }

    /// Removes a key and returns its value; the default where it is absent, or KeyError.
    ///
    /// NotUniqueError where it has two or more values. O(log n).
    ///
    /// >>> from livedirs import Store
    /// >>> users = Store().mkdir("/users/", {1: "Ada"})
    /// >>> users.pop(1), users.pop(1, None)
    /// ('Ada', None)
    #[pyo3(signature = (key, /, default=Given::Absent), text_signature = "(self, key, /, default=...)")]
    fn pop(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>, default: Given) -> PyResult<Py<PyAny>> {
        let directory = slf.as_super().get();
        let py = slf.py();
        directory.check_not_snapshot(py)?;
        let row = convert::key(key)?;
        directory.shared().write_steps(py, || match directory.find(py, &row)? {
            Found::One(value) => {
                directory.set_rows(py, &mut [(row.clone(), ValueVec::new())])?;
                Ok(value.0)
            }
            Found::Nothing => {
                directory.set_rows(py, &mut [(row.clone(), ValueVec::new())])?;
                default.or_else(|| errors::key_error(key))
            }
            Found::Several(count) => Err(directory.not_unique(py, key, count)),
        })
    }

    /// Removes the first key and returns it with its value; KeyError where the directory is empty.
    ///
    /// NotUniqueError where it has two or more values. O(log n).
    ///
    /// >>> from livedirs import Store
    /// >>> users = Store().mkdir("/users/", {2: "Grace", 1: "Ada"})
    /// >>> users.popitem()
    /// (1, 'Ada')
    fn popitem<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Py<PyAny>)> {
        let directory = slf.as_super().get();
        let py = slf.py();
        directory.check_not_snapshot(py)?;
        directory.shared().write_steps(py, || {
            let first = directory.read(py, || Tag::All, |view| view.walk(false))?.next();
            directory.set_rows(py, &mut [])?;
            let Some((row, mut values)) = first else {
                return Err(errors::new::<pyo3::exceptions::PyKeyError>(py, "popitem(): directory is empty"));
            };
            let key = convert::key_to_python(py, &row)?;
            match values.pop() {
                Some(value) if values.is_empty() => {
                    directory.set_rows(py, &mut [(row, ValueVec::new())])?;
                    Ok((key, value.0))
                }
                _ => Err(directory.not_unique(py, &key, values.len() + 1)),
            }
        })
    }

    /// The value of a key; where it is absent the key gets the default first.
    ///
    /// NotUniqueError where it has two or more values. O(log n).
    ///
    /// >>> from livedirs import Store
    /// >>> users = Store().mkdir("/users/", {1: "Ada"})
    /// >>> users.setdefault(1, "Grace"), users.setdefault(2, "Grace")
    /// ('Ada', 'Grace')
    #[pyo3(signature = (key, default=None, /))]
    fn setdefault(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>, default: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let directory = slf.as_super().get();
        let py = slf.py();
        directory.check_not_snapshot(py)?;
        let row = convert::key(key)?;
        directory.shared().write_steps(py, || match directory.find(py, &row)? {
            Found::One(value) => {
                directory.set_rows(py, &mut [])?;
                Ok(value.0)
            }
            Found::Nothing => {
                let value = default.unwrap_or_else(|| py.None());
                directory.set_rows(py, &mut [(row.clone(), smallvec![Object(value.clone_ref(py))])])?;
                Ok(value)
            }
            Found::Several(count) => Err(directory.not_unique(py, key, count)),
        })
    }

    /// Sets many keys in one transaction: from a mapping, pairs, keywords. Of a repeated key the last pair wins.
    ///
    /// InvalidKeyError where a key is none, and then nothing is set. O(log n) for each key.
    ///
    /// >>> from livedirs import Store
    /// >>> users = Store().mkdir("/users/")
    /// >>> users.update({1: "Ada", 2: "Grace"})
    /// >>> len(users)
    /// 2
    #[pyo3(signature = (other=Given::Absent, /, **more), text_signature = "(self, other=(), /, **more)")]
    fn update(slf: &Bound<'_, Self>, other: Given, more: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        let mut rows = match other {
            Given::Value(other) => pairs(other.bind(slf.py()))?,
            Given::Absent => Vec::new(),
        };
        if let Some(more) = more {
            for (key, value) in more.iter() {
                rows.push((convert::key(&key)?, smallvec![Object(value.unbind())]));
            }
        }
        slf.as_super().get().set_many(slf.py(), rows)
    }
}

/// What `update` was given.
fn pairs(given: &Bound<'_, PyAny>) -> PyResult<Vec<(Key, ValueVec<Object>)>> {
    if let Ok(dict) = given.cast_exact::<PyDict>() {
        // A copy, which no other thread knows: to walk a dict that grows is a panic.
        let dict = dict.copy()?;
        let mut rows = Vec::with_capacity(dict.len());
        for (key, value) in dict.iter() {
            add_row(&mut rows, &key, value)?;
        }
        return Ok(rows);
    }
    let mut rows = Vec::new();
    if let Ok(list) = given.cast_exact::<PyList>() {
        rows.reserve(list.len());
    }
    if convert::is_mapping(given)? || given.hasattr(pyo3::intern!(given.py(), "keys"))? {
        for key in given.call_method0(pyo3::intern!(given.py(), "keys"))?.try_iter()? {
            let key = key?;
            rows.push((convert::key(&key)?, smallvec![Object(given.get_item(&key)?.unbind())]));
        }
        return Ok(rows);
    }
    for item in convert::iterate(given, || "update takes a mapping or pairs (key, value)".to_owned())? {
        let (key, value) = convert::two(&item?, "update takes pairs (key, value)")?;
        add_row(&mut rows, &key, value)?;
    }
    Ok(rows)
}

fn add_row(rows: &mut Vec<(Key, ValueVec<Object>)>, key: &Bound<'_, PyAny>, value: Bound<'_, PyAny>) -> PyResult<()> {
    let py = key.py();
    rows.push((convert::key(key)?, smallvec![Object(value.unbind())]));
    if rows.len().is_multiple_of(SLICE) {
        py.detach(|| ());
    }
    Ok(())
}

impl Given {
    fn or_else(self, error: impl FnOnce() -> PyErr) -> PyResult<Py<PyAny>> {
        match self {
            Given::Value(value) => Ok(value),
            Given::Absent => Err(error()),
        }
    }
}
