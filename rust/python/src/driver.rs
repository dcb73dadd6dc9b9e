//! The driver: runs the jobs that the core hands out, with no lock held.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use livedirs_core::{Batch, Fold, FoldJob, Goal, Job, Key, KeyRef, MapJob, Outputs, ValueVec};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::call::{call1, call2};
use crate::convert;
use crate::errors;
use crate::guard::Guard;
use crate::host::{Function, Object, PyHost, Task, is_scalar};
use crate::panics::{caught, caught_telling};
use crate::shared::Shared;

/// A batch of jobs that runs with the store left alone.
pub struct Running {
    batch: Box<Batch<PyHost>>,
    /// The number of the job for which the mapper is at work.
    at: AtomicUsize,
    /// The mapper reached for the store: that job is an ordinary one now, and those behind it are due again.
    entered: AtomicBool,
}

impl Running {
    /// See [`Store::enter_batch`](livedirs_core::Store::enter_batch).
    pub fn enter(&self, store: &mut livedirs_core::Store<PyHost>) {
        store.enter_batch(&self.batch, self.at.load(Ordering::Relaxed));
        self.entered.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    /// Runs all jobs towards a goal. Where it fails nothing that it began is at work any more.
    pub fn drive<'a>(&'a self, py: Python<'_>, guard: Guard<'a>, goal: Goal) -> PyResult<Guard<'a>> {
        let depth = guard.store.depth();
        let mut panicked = false;
        caught_telling(py, &mut panicked, || self.run_jobs(py, guard, goal)).inspect_err(|_| {
            if panicked {
                self.clear_away(py, depth);
            }
        })
    }

    /// After a panic nobody knows what had been taken of what was handed out: the transaction is spoiled.
    #[cold]
    fn clear_away(&self, py: Python<'_>, depth: usize) {
        let mut guard = self.lock_running(py);
        let running = guard.running.take();
        guard.busy = false;
        guard.store.abort_above(depth);
        guard.store.spoil_transaction();
        drop(guard);
        drop(running);
    }

    fn run_jobs<'a>(&'a self, py: Python<'_>, mut guard: Guard<'a>, goal: Goal) -> PyResult<Guard<'a>> {
        let mut calls = Calls::default();
        loop {
            let mut job = None;
            ((), guard) = self.run_locked(py, guard, |store| {
                job = store.next_job(goal)?;
                Ok(())
            })?;
            guard = match job {
                None => return Ok(guard),
                Some(Job::Batch(batch)) => self.run_batch(py, guard, batch)?,
                Some(Job::Map(job)) => {
                    drop(guard);
                    self.run_map(py, &job, &mut calls)?
                }
                Some(Job::Fold(job)) => {
                    guard.busy = true;
                    drop(guard);
                    self.run_fold(py, &job)?
                }
                Some(Job::Lazy(job)) => {
                    drop(guard);
                    drop(self.run_lazy(py, &job)?);
                    self.lock(py)
                }
            };
        }
    }

    /// The cascade: until nothing is due. What failed to the end is raised.
    pub fn drain<'a>(&'a self, py: Python<'_>, mut guard: Guard<'a>) -> PyResult<Guard<'a>> {
        guard.store.begin_drain();
        match self.drive(py, guard, Goal::All) {
            Ok(mut guard) => {
                guard.store.end_drain();
                match guard.store.take_failure() {
                    None => Ok(guard),
                    Some(failure) => Err(failure),
                }
            }
            Err(error) => {
                self.lock(py).store.end_drain();
                Err(error)
            }
        }
    }

    /// Calls the mapper for one key after the other, then takes what it gave. Where a call uses the store, or fails, it is
    /// the last, and judged as that of any job.
    #[inline(never)]
    fn run_batch<'a>(&'a self, py: Python<'_>, mut guard: Guard<'a>, batch: Box<Batch<PyHost>>) -> PyResult<Guard<'a>> {
        let count = batch.keys.len();
        let running = Arc::new(Running { batch, at: AtomicUsize::new(0), entered: AtomicBool::new(false) });
        guard.running = Some(Arc::clone(&running));
        drop(guard);
        let batch = &running.batch;
        let code: &Function = &batch.mapper.0;
        let mut outputs = Vec::with_capacity(count);
        let mut last = None;
        let ran = crate::family::running(py, self, || {
            for (at, (key, values)) in batch.keys.iter().zip(&batch.values).enumerate() {
                running.at.store(at, Ordering::Relaxed);
                match call_mapper(py, code, key, values, &mut None) {
                    Ok(given) if !running.entered.load(Ordering::Relaxed) => outputs.push(given),
                    outcome => {
                        last = Some(outcome);
                        break;
                    }
                }
            }
            Ok(())
        });
        if let Err(error) = ran {
            last = Some(Err(error));
        }
        let mut guard = self.lock_running(py);
        if !running.entered.load(Ordering::Relaxed) {
            drop(guard.running.take());
            if last.is_some() {
                guard.store.enter_batch(batch, outputs.len());
            }
        }
        let mut done = 0;
        match self.run_locked(py, guard, |store| store.finish_batch(batch, &mut outputs, &mut done)) {
            Ok(((), guard)) => {
                drop(guard);
                // Those that were equal to what was there go with no lock held, and so does the batch.
                drop(outputs);
                let Some((outcome, job)) = last.and_then(|outcome| Some((outcome, batch.job(done)?))) else {
                    drop(running);
                    return Ok(self.lock(py));
                };
                self.end_map(py, &job, outcome)
            }
            Err(error) => {
                if let Some(job) = batch.job(done) {
                    self.note_map(py, &job, &error);
                }
                let mut guard = self.lock(py);
                if last.is_some() {
                    guard.store.abort_job();
                }
                guard.store.return_outputs(batch, done, outputs.len());
                Err(error)
            }
        }
    }

    fn run_map<'py>(&self, py: Python<'py>, job: &MapJob<PyHost>, calls: &mut Calls<'py>) -> PyResult<Guard<'_>> {
        let call = || call_mapper(py, &job.mapper.0, job.key(), &job.values, &mut calls.given);
        // All of them are called from here, with as much stack left.
        let checked = if calls.is_stack_checked { Ok(()) } else { crate::stack::check() };
        calls.is_stack_checked = checked.is_ok();
        let outcome = checked.and_then(|()| crate::family::running_where_checked(py, self, call));
        self.end_map(py, job, outcome)
    }

    fn end_map(&self, py: Python<'_>, job: &MapJob<PyHost>, outcome: PyResult<Outputs<Object>>) -> PyResult<Guard<'_>> {
        let error = match outcome {
            Ok(mut outputs) => {
                match self.run_locked(py, self.lock(py), |store| store.finish_job(&mut outputs)) {
                    Ok(((), guard)) if outputs.is_empty() => return Ok(guard),
                    Ok(((), guard)) => {
                        // They were equal to what was there, and go with no lock held.
                        drop(guard);
                        drop(outputs);
                        return Ok(self.lock(py));
                    }
                    Err(error) => {
                        self.note_map(py, job, &error);
                        self.lock(py).store.abort_job();
                        return Err(error);
                    }
                }
            }
            Err(error) => error,
        };
        if let Some(collision) = errors::collision_of(py, &error) {
            self.note_map(py, job, &collision);
            let mut guard = self.lock(py);
            guard.store.fail_job(collision, true);
            return Ok(guard);
        }
        self.note_map(py, job, &error);
        if errors::is_of_mapper(py, &error) {
            let mut guard = self.lock(py);
            guard.store.fail_job(error, false);
            return Ok(guard);
        }
        self.lock(py).store.abort_job();
        Err(error)
    }

    fn note_map(&self, py: Python<'_>, job: &MapJob<PyHost>, error: &PyErr) {
        let (name, parent) = job.names(&self.lock(py).store);
        let name = name.map(|name| name.as_str().to_owned()).unwrap_or_default();
        let from = parent.map(|parent| format!(" from {:?}", parent.as_str())).unwrap_or_default();
        errors::add_note(
            py,
            error,
            &format!("livedirs: while computing directory {name:?}{from}, for key {}", job.key()),
        );
    }

    #[inline(never)]
    fn run_fold(&self, py: Python<'_>, job: &FoldJob<PyHost>) -> PyResult<Guard<'_>> {
        let folded = caught(py, || self.fold(py, job));
        let mut guard = self.lock(py);
        guard.busy = false;
        let error = match folded {
            Ok((acc, value)) => {
                match self.run_locked(py, guard, |store| store.finish_fold(job, acc.as_ref(), &value)) {
                    Ok(((), guard)) => {
                        drop(guard);
                        drop((acc, value));
                        return Ok(self.lock(py));
                    }
                    Err(error) => {
                        self.note_fold(py, job, &error);
                        self.lock(py).store.abort_fold(job);
                        return Err(error);
                    }
                }
            }
            Err(error) => {
                drop(guard);
                error
            }
        };
        self.note_fold(py, job, &error);
        let mut guard = self.lock(py);
        if errors::is_of_mapper(py, &error) {
            guard.store.fail_fold(job, error);
            return Ok(guard);
        }
        guard.store.abort_fold(job);
        drop(guard);
        Err(error)
    }

    fn note_fold(&self, py: Python<'_>, job: &FoldJob<PyHost>, error: &PyErr) {
        let (name, parent) = job.names(&self.lock(py).store);
        let name = name.map(|name| name.as_str().to_owned()).unwrap_or_default();
        let from = parent.map(|parent| format!(" from {:?}", parent.as_str())).unwrap_or_default();
        let note = format!("livedirs: while computing directory {name:?}{from}, for key {} (reducing)", job.key);
        errors::add_note(py, error, &note);
    }

    /// What the reducer accumulated (of the user's reducers), and what readers see.
    fn fold(&self, py: Python<'_>, job: &FoldJob<PyHost>) -> PyResult<(Option<Object>, Object)> {
        let Fold::User(code) = &job.fold else {
            let members = self.lock(py).store.members_of(job);
            return Ok((None, fold_with_python(py, &job.fold, &members)?));
        };
        let reducer = code.0.function.as_ref().ok_or_else(|| errors::new::<PyTypeError>(py, "no reducer"))?.bind(py);
        let mut acc = job.acc.as_ref().map(|acc| acc.0.bind(py).clone());
        for value in &job.gone {
            let Some(there) = acc else { break };
            let left = reducer.call_method1(pyo3::intern!(py, "remove"), (there, value.0.bind(py)))?;
            acc = (!left.is_none()).then_some(left);
        }
        let acc = match acc {
            Some(acc) => add_all(reducer, acc, &job.come)?,
            None => {
                let members = self.lock(py).store.members_of(job);
                add_all(reducer, reducer.getattr(pyo3::intern!(py, "initial"))?, &members)?
            }
        };
        let value = match reducer.getattr_opt(pyo3::intern!(py, "result"))? {
            Some(result) => result.call1((&acc,))?,
            None => acc.clone(),
        };
        Ok((Some(Object(acc.unbind())), Object(value.unbind())))
    }
}

fn add_all<'py>(
    reducer: &Bound<'py, PyAny>,
    mut acc: Bound<'py, PyAny>,
    values: &[Object],
) -> PyResult<Bound<'py, PyAny>> {
    let py = reducer.py();
    for value in values {
        acc = reducer.call_method1(pyo3::intern!(py, "add"), (acc, value.0.bind(py)))?;
    }
    Ok(acc)
}

/// The built-in folds of values that are not (all) numbers, as Python's own functions do them.
fn fold_with_python(py: Python<'_>, fold: &Fold<crate::host::Code>, members: &[Object]) -> PyResult<Object> {
    let builtins = py.import("builtins")?;
    let values = PyTuple::new(py, members.iter().map(|value| value.0.bind(py)))?;
    let value = match fold {
        Fold::Min => builtins.call_method1(pyo3::intern!(py, "min"), (values,))?,
        Fold::Max => builtins.call_method1(pyo3::intern!(py, "max"), (values,))?,
        Fold::Mean => {
            let sum = builtins.call_method1(pyo3::intern!(py, "sum"), (&values,))?;
            sum.div(values.len())?
        }
        _ => builtins.call_method1(pyo3::intern!(py, "sum"), (values,))?,
    };
    Ok(Object(value.unbind()))
}

fn call_mapper<'py>(
    py: Python<'py>,
    code: &Function,
    key: &Key,
    values: &ValueVec<Object>,
    last: &mut Option<Given<'py>>,
) -> PyResult<Outputs<Object>> {
    let function = || {
        let function = code.function.as_ref().map(|function| function.bind(py));
        function.ok_or_else(|| errors::new::<PyTypeError>(py, "no function"))
    };
    let mut outputs = match code.task {
        Task::Map => {
            let given = match last.take() {
                Some(last) if last.is_of(key, values) => last,
                _ => Given::new(py, key, values)?,
            };
            let outputs = pairs(&call2(function()?, &given.key, given.values.as_any())?)?;
            *last = given.kept();
            outputs
        }
        Task::MapValues => {
            let function = function()?;
            let mut outputs = Outputs::with_capacity(values.len());
            for value in values {
                outputs.push((key.clone(), Object(call1(function, value.0.bind(py))?.unbind())));
            }
            outputs
        }
        Task::Filter => {
            let function = function()?;
            let shown = convert::key_to_python(py, key)?;
            let mut outputs = Outputs::new();
            for value in values {
                if call2(function, &shown, value.0.bind(py))?.is_truthy()? {
                    outputs.push((key.clone(), value.clone()));
                }
            }
            outputs
        }
        Task::GroupBy => {
            let function = function()?;
            let shown = convert::key_to_python(py, key)?;
            let mut outputs = Outputs::with_capacity(values.len());
            for value in values {
                let group = convert::key(&call2(function, &shown, value.0.bind(py))?)?;
                outputs.push((group, value.clone()));
            }
            outputs
        }
        Task::Pass | Task::Take(_) | Task::Reduce | Task::Hook | Task::Lazy { .. } => {
            values.iter().map(|value| (key.clone(), value.clone())).collect()
        }
    };
    if let Some(of) = &code.of {
        let of = of.bind(py);
        for (_, value) in &mut outputs {
            *value = Object(call1(of, value.0.bind(py))?.unbind());
        }
    }
    Ok(outputs)
}

/// What is known from one call of a mapper for the next.
#[derive(Default)]
struct Calls<'py> {
    given: Option<Given<'py>>,
    is_stack_checked: bool,
}

/// What a mapper is called with. Several directories are mapped from the same rows, one after the other, and what can't
/// change is given to the next as well.
struct Given<'py> {
    /// The int that the key is, and the address of its only value, a number or a text; these are kept. (They may go with the
    /// store locked, which runs nothing.)
    of: Option<(i64, *mut ffi::PyObject)>,
    key: Bound<'py, PyAny>,
    values: Bound<'py, PyTuple>,
}

impl<'py> Given<'py> {
    fn new(py: Python<'py>, key: &Key, values: &ValueVec<Object>) -> PyResult<Self> {
        let of = match (key.view(), values.as_slice()) {
            (KeyRef::Int(number), [value]) if is_scalar(value.0.bind(py)) => Some((number, value.0.as_ptr())),
            _ => None,
        };
        let key = convert::key_to_python(py, key)?;
        let values = PyTuple::new(py, values.iter().map(|value| value.0.bind(py)))?;
        Ok(Given { of, key, values })
    }

    /// Whether the next mapper is called with the same.
    fn is_of(&self, key: &Key, values: &ValueVec<Object>) -> bool {
        match (self.of, key.view(), values.as_slice()) {
            (Some(of), KeyRef::Int(number), [value]) => of == (number, value.0.as_ptr()),
            _ => false,
        }
    }

    fn kept(self) -> Option<Self> {
        self.of.is_some().then_some(self)
    }
}

/// What a mapper gave: pairs, a mapping, or None.
fn pairs(given: &Bound<'_, PyAny>) -> PyResult<Outputs<Object>> {
    if given.is_none() {
        return Ok(Outputs::new());
    }
    if let Ok(list) = given.cast_exact::<PyList>() {
        if list.len() == 1 {
            return Ok(smallvec::smallvec![pair(&list.get_item(0)?)?]);
        }
        let mut outputs = Outputs::with_capacity(list.len());
        for item in list.iter() {
            outputs.push(pair(&item)?);
        }
        return Ok(outputs);
    }
    let items = if convert::is_mapping(given)? {
        given.call_method0(pyo3::intern!(given.py(), "items"))?
    } else {
        given.clone()
    };
    let items = convert::iterate(&items, || {
        let kind = given.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string_lossy().into_owned());
        format!("a mapper gives pairs (key, value), a mapping or None, not {kind}")
    })?;
    items.map(|item| pair(&item?)).collect()
}

fn pair(item: &Bound<'_, PyAny>) -> PyResult<(Key, Object)> {
    if let Ok(pair) = item.cast_exact::<PyTuple>()
        && pair.len() == 2
    {
        return Ok((convert::key(&*pair.get_borrowed_item(0)?)?, Object(pair.get_item(1)?.unbind())));
    }
    let (key, value) = convert::two(item, "each item that a mapper gives is a pair, as in [(key, value)]")?;
    Ok((convert::key(&key)?, Object(value.unbind())))
}
