//! What a store holds, for the cycle collector.

use livedirs_core::Owned;
use pyo3::{PyTraverseError, PyVisit};

use crate::following::{Callback, Waiter};
use crate::host::{Code, PyHost};
use crate::shared::Inner;

/// Visits what the store owns alone. While a transaction is open, nothing: whoever has it open holds the store.
pub fn visit(inner: &Inner, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
    inner.store.visit_owned(&mut |owned: Owned<'_, PyHost>| match owned {
        Owned::Value(value) => visit.call(&value.0),
        Owned::Code(code) => visit_code(code, visit),
    })?;
    inner.on_commit.iter().try_for_each(|(_, function)| visit.call(function))?;
    inner.subscribers.values().try_for_each(|function| visit.call(function))?;
    let plain = inner.callbacks.iter().filter_map(|callback| match callback {
        Callback::Plain(function) => Some(function),
        Callback::Told(..) => None,
    });
    let tasks = inner.waiters.values().flatten().chain(&inner.turns).filter_map(|waiter| match waiter {
        Waiter::Task(wake) => Some(wake),
        Waiter::Thread(_) => None,
    });
    plain.chain(tasks).try_for_each(|function| visit.call(function))
}

fn visit_code(code: &Code, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
    if std::sync::Arc::strong_count(&code.0) > 1 {
        return Ok(());
    }
    visit.call(&code.0.function)?;
    visit.call(&code.0.of)
}
