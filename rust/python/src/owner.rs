//! Who has a transaction open: a thread, or an asyncio task on it.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCFunction, PyDict};

use crate::shared::Shared;

/// Who has a transaction open. `task`: the address of an asyncio task, 0 for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub thread: u64,
    task: usize,
}

/// A number of the present thread.
pub fn this_thread() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static THIS: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    THIS.with(|this| *this)
}

thread_local! {
    /// The task of the present call, noted before the store is locked: under the lock nothing calls Python.
    static TASK: Cell<usize> = const { Cell::new(0) };
}

/// Waiting threads look this often for an interrupt.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long this thread sleeps at a time: the main thread is the one that is told of interrupts, and has to ask. `None`: as long
/// as it takes. This runs Python, so an interrupt may come of it: it is to be asked before anybody counts on this thread.
pub fn patience(py: Python<'_>) -> PyResult<Option<Duration>> {
    Ok(is_main_thread(py)?.then_some(PATIENCE))
}

fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    static MODULE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let threading = MODULE.get_or_try_init(py, || py.import("threading").map(|module| module.into_any().unbind()))?;
    let threading = threading.bind(py);
    let main = threading.call_method0(pyo3::intern!(py, "main_thread"))?.getattr(pyo3::intern!(py, "ident"))?;
    threading.call_method0(pyo3::intern!(py, "get_ident"))?.eq(main)
}

#[inline(never)]
pub fn note_task(py: Python<'_>) {
    TASK.set(this_task(py));
}

/// The asyncio task that runs on this thread, as a number; 0 for none. No Python code runs here: an interrupt in it would be taken
/// for "no task", and the caller for another.
fn this_task(py: Python<'_>) -> usize {
    static MODULES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let task = || -> PyResult<usize> {
        let modules = MODULES.get_or_try_init(py, || -> PyResult<_> {
            Ok(py.import("sys")?.getattr(pyo3::intern!(py, "modules"))?.cast_into::<PyDict>()?.unbind())
        })?;
        // As long as nobody has imported asyncio there is no task.
        let asyncio = modules.bind(py).get_item(pyo3::intern!(py, "asyncio"))?;
        let Some(asyncio) = asyncio else { return Ok(0) };
        let event_loop = asyncio.call_method0(pyo3::intern!(py, "_get_running_loop"))?;
        if event_loop.is_none() {
            return Ok(0);
        }
        let current = asyncio.getattr(pyo3::intern!(py, "current_task"))?;
        let is_python = !current.is_exact_instance_of::<PyCFunction>();
        let looks_at = || asyncio.getattr(pyo3::intern!(py, "tasks"))?.getattr(pyo3::intern!(py, "_current_tasks"));
        let task = match looks_at() {
            // Before Python 3.12 it is Python code, which looks here.
            Ok(tasks) if is_python => tasks.cast::<PyDict>()?.get_item(event_loop)?,
            _ => Some(current.call0()?),
        };
        Ok(task.filter(|task| !task.is_none()).map_or(0, |task| task.as_ptr() as usize))
    };
    task().unwrap_or(0)
}

impl Owner {
    /// The caller; to be asked with no lock held.
    pub fn me(py: Python<'_>, shared: &Shared) -> Self {
        let task = this_task(py);
        if task != 0 {
            shared.by_task.store(true, Ordering::Relaxed);
        }
        Owner { thread: this_thread(), task }
    }

    /// For what opens and ends its transaction in one call.
    pub fn this_call() -> Self {
        Owner { thread: this_thread(), task: 0 }
    }

    pub fn is_of_this_thread(self) -> bool {
        self.thread == this_thread()
    }

    /// Whether it is the caller, who locked the store with [`Shared::lock`]. (Not inlined, as all that asks for the thread:
    /// where that is needed now and then, a function looks it up when it begins.)
    #[inline(never)]
    pub fn is_me(self) -> bool {
        self.thread == this_thread() && (self.task == 0 || self.task == TASK.get())
    }
}
