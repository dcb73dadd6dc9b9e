//! `Fork`: an independent store over the same version, and its way back.
//!
//! A merge is two transactions, one of the fork that takes over what changed in the store (where it is rebased), one of
//! the store that takes over what is different in the fork. Both are open at once, so that both are undone if anything
//! fails, but no two locks are ever held at once, and no turn is waited for while another is held.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use livedirs_core::{Base, ForkStep, Store as CoreStore, Version};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::errors;
use crate::family::Meant;
use crate::following::{keep_first, or_interrupt};
use crate::guard::Guard;
use crate::host::PyHost;
use crate::owner::Owner;
use crate::panics::caught;
use crate::records::Commit;
use crate::shared::{Scope, Shared};
use crate::store::Store;

/// What a fork has of the store that it came from.
pub struct Link {
    pub parent: Py<Store>,
    /// `None` once it is discarded.
    base: Mutex<Option<Base<PyHost>>>,
    counted: AtomicBool,
}

impl Link {
    fn take(&self) -> Option<Base<PyHost>> {
        if self.counted.swap(false, Ordering::Relaxed) {
            self.parent.get().own.forks.fetch_sub(1, Ordering::Relaxed);
        }
        self.base.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, base: Base<PyHost>) -> Option<Base<PyHost>> {
        self.base.lock().unwrap_or_else(PoisonError::into_inner).replace(base)
    }

    /// Where both held the same, if it is not discarded.
    fn base(&self) -> Option<Base<PyHost>> {
        let base = self.base.lock().unwrap_or_else(PoisonError::into_inner);
        base.as_ref().map(|base| Base { parent: base.parent.clone(), fork: base.fork.clone() })
    }

    /// Frees what it holds.
    pub fn forget(&self) {
        drop(self.take());
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.forget();
    }
}

/// An independent store over the version of another, which shares memory until one of them writes.
///
/// >>> from livedirs import Store
/// >>> store = Store()
/// >>> users = store.mkdir("/users/", {1: "ann"})
/// >>> with store.fork() as fork:
/// ...     fork["/users/"][2] = "bob"
/// ...     before = dict(users)
/// ...     commit = fork.merge()
/// >>> before, dict(users)
/// ({1: 'ann'}, {1: 'ann', 2: 'bob'})
#[pyclass(extends = Store, frozen, weakref, module = "livedirs", name = "Fork")]
pub struct Fork;

impl Fork {
    pub fn of<'py>(store: &Bound<'py, Store>) -> PyResult<Bound<'py, Fork>> {
        let py = store.py();
        let this = store.get();
        let shared = this.shared();
        // Lazy functions and hooks that a merge brings are called with it.
        this.own.set_handle(store)?;
        let mut guard = shared.lock(py);
        Shared::scope(py, &guard)?;
        Shared::check_not_at_work(py, &guard, "ask for a fork")?;
        shared.family.forked.store(true, Ordering::Relaxed);
        let (core, base) = guard.store.fork();
        drop(guard);
        this.own.forks.fetch_add(1, Ordering::Relaxed);
        let link =
            Link { parent: store.clone().unbind(), base: Mutex::new(Some(base)), counted: AtomicBool::new(true) };
        let own = Shared::over(core, Arc::clone(&this.own.family), "the fork is discarded");
        let fork = PyClassInitializer::from(Store { own, capacity: this.capacity, link: Some(link) });
        let fork = Bound::new(py, fork.add_subclass(Fork))?;
        fork.as_super().get().own.set_handle(fork.as_super())?;
        Ok(fork)
    }

    fn link<'a>(slf: &'a Bound<'_, Self>) -> PyResult<&'a Link> {
        slf.as_super().get().link.as_ref().ok_or_else(|| errors::closed(slf.py(), "the fork is discarded"))
    }
}

/// Two transactions that were begun, and are undone unless they are committed.
struct Both<'a> {
    fork: &'a Arc<Shared>,
    parent: &'a Arc<Shared>,
}

impl<'a> Both<'a> {
    /// Takes both turns. Neither is waited for while the other is held: whoever holds the one may want the other.
    fn begin(py: Python<'_>, fork: &'a Arc<Shared>, parent: &'a Arc<Shared>) -> PyResult<Self> {
        let (mut first, mut second) = (fork, parent);
        loop {
            drop(first.take_turn_for_call(py, first.lock(py))?);
            let guard = second.lock(py);
            if guard.closed {
                let end = guard.end;
                drop(guard);
                return Err(or_interrupt(py, errors::closed(py, end), first.undo_all(py)));
            }
            if guard.owner.is_none() {
                drop(second.take_turn_for_call(py, guard)?);
                return Ok(Both { fork, parent });
            }
            drop(guard);
            first.undo_all(py)?;
            std::mem::swap(&mut first, &mut second);
        }
    }
}

fn take_steps(py: Python<'_>, shared: &Arc<Shared>, steps: Vec<ForkStep<PyHost>>) -> PyResult<()> {
    for mut step in steps {
        drop(shared.run_locked(py, shared.lock(py), |store| store.take_step(&mut step))?);
    }
    Ok(())
}

impl Both<'_> {
    fn merge(&self, py: Python<'_>, base: &Base<PyHost>, rebase: bool) -> PyResult<()> {
        let parent = self.parent.lock(py).store.published();
        let moved = parent.tick() != base.parent.tick();
        if moved && !rebase {
            return Err(errors::conflict(
                py,
                format!(
                    "the store has moved from tick {} to {}: merge with rebase=True to take over what changed there",
                    base.parent.tick(),
                    parent.tick()
                ),
            ));
        }
        let fork = self.fork.lock(py).store.working();
        if let Some(name) = CoreStore::fork_conflict(&parent, &fork, base) {
            let message = format!("directory {:?} of the fork is made by a mapper in the store now", name.as_str());
            return Err(errors::conflict(py, message));
        }
        drop(fork);
        self.fork.lock(py).store.silence_hooks();
        if moved {
            let ((steps, mut later), guard) =
                self.fork.run_locked(py, self.fork.lock(py), |store| store.steps_to_rebase(&parent, base))?;
            drop(guard);
            take_steps(py, self.fork, steps)?;
            if !later.is_empty() {
                let guard = self.fork.drain(py, self.fork.lock(py))?;
                later.retain(|step| guard.store.is_free_for(step));
                drop(guard);
                take_steps(py, self.fork, later)?;
            }
            drop(self.fork.rounds(py, self.fork.lock(py))?);
        }
        drop(parent);
        let fork: Version<PyHost> = self.fork.lock(py).store.working();
        let steps = {
            let mut guard = self.parent.lock(py);
            guard.store.silence_hooks();
            guard.store.steps_to_merge(&fork, base)
        };
        take_steps(py, self.parent, steps)?;
        drop(self.parent.rounds(py, self.parent.lock(py))?);
        Ok(())
    }

    /// Undoes both for this error; answers what to raise.
    fn undo(&self, py: Python<'_>, error: PyErr) -> PyErr {
        let mut interrupt = self.fork.undo_all(py);
        keep_first(py, &mut interrupt, self.parent.undo_all(py));
        or_interrupt(py, error, interrupt)
    }

    /// Publishes both, one after the other. The base from which they go on is noted while the fork's turn is still held:
    /// what others write to the fork or merge from then on, they do over that.
    fn commit(
        &self,
        py: Python<'_>,
        link: &Link,
        moved: bool,
        interrupt: &mut PyResult<()>,
    ) -> Option<livedirs_core::Commit> {
        let (commit, parent) = publish(py, self.parent, true, |parent| parent, interrupt);
        if moved {
            drop(publish(py, self.fork, false, |fork| link.set(Base { parent, fork }), interrupt));
        } else {
            let fork = self.fork.lock(py).store.published();
            drop(link.set(Base { parent, fork }));
            keep_first(py, interrupt, self.fork.undo_all(py));
        }
        commit
    }
}

/// Publishes the transaction, and does what it leaves to be done, but for callbacks. `note` gets the version before
/// anybody else has their turn. `interrupt` gets one that comes meanwhile: the transaction stands.
fn publish<R>(
    py: Python<'_>,
    shared: &Arc<Shared>,
    told: bool,
    note: impl FnOnce(Version<PyHost>) -> R,
    interrupt: &mut PyResult<()>,
) -> (Option<livedirs_core::Commit>, R) {
    let mut guard: Guard<'_> = shared.lock(py);
    shared.bury(&mut guard);
    let (commit, left) = guard.store.commit(told);
    let noted = note(guard.store.published());
    let after = shared.give_turn(&mut guard, true);
    drop(guard);
    drop(left);
    keep_first(py, interrupt, after.run(py, shared));
    (commit, noted)
}

#[pymethods]
impl Fork {
    /// The tick of the store that it came from at which it was made, or merged last. ClosedError.
    #[getter]
    fn base(slf: &Bound<'_, Self>) -> PyResult<u64> {
        let base = Fork::link(slf)?.base();
        base.map(|base| base.parent.tick()).ok_or_else(|| errors::closed(slf.py(), "the fork is discarded"))
    }

    /// Puts the fork's changes into the store that it came from, in one transaction.
    ///
    /// ConflictError where the store has moved since, unless `rebase`: then the fork first takes over what changed there.
    /// Nothing has changed on either side if anything fails. TransactionError inside of a transaction of either;
    /// ClosedError. O(log n) for each row and directory that differs, and what their cascades cost.
    #[pyo3(signature = (*, rebase=false))]
    fn merge(slf: &Bound<'_, Self>, rebase: bool) -> PyResult<Commit> {
        let py = slf.py();
        let this = slf.as_super().get();
        let link = Fork::link(slf)?;
        let parent = link.parent.get();
        for store in [this, parent] {
            let shared = store.shared();
            let guard = shared.lock(py);
            Shared::check_not_at_work(py, &guard, "merge a fork")?;
            if matches!(shared, Meant::Other(_)) || matches!(Shared::scope(py, &guard)?, Scope::Working) {
                let message = "merging inside of a transaction or a mapper: leave its block first";
                return Err(errors::transaction(py, message));
            }
            // Before either turn is waited for: who waited for the one, held by a thread, would keep the task that holds the
            // other from ever leaving.
            if guard.owner.is_some_and(Owner::is_of_this_thread) {
                return Err(errors::transaction(py, "another task of this thread has a transaction open"));
            }
        }
        let both = Both::begin(py, &this.own, &parent.own)?;
        // Not before it is this thread's turn: another may have merged until then.
        let Some(base) = link.base() else {
            return Err(both.undo(py, errors::closed(py, "the fork is discarded")));
        };
        if let Err(error) = caught(py, || both.merge(py, &base, rebase)) {
            return Err(both.undo(py, error));
        }
        let moved = {
            let mut guard = both.parent.lock(py);
            guard.store.published().tick() != base.parent.tick()
        };
        let mut interrupt = Ok(());
        let commit = both.commit(py, link, moved, &mut interrupt);
        drop(base);
        keep_first(py, &mut interrupt, parent.own.call_callbacks(py));
        keep_first(py, &mut interrupt, this.own.call_callbacks(py));
        interrupt?;
        commit.map(Commit::new).ok_or_else(|| errors::transaction(py, "the merge told nothing"))
    }

    /// Drops it, as leaving its `with` block does. Later use is ClosedError; discarding again does nothing.
    fn discard(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.as_super().get().close(slf.py())
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let (tick, base) = (slf.as_super().get().shown_tick(slf.py()), Fork::base(slf));
        match (tick, base) {
            (Some((dirs, tick)), Ok(base)) => {
                format!("<Fork of {dirs} director{} at tick {tick}, base {base}>", if dirs == 1 { "y" } else { "ies" })
            }
            _ => "<Fork, discarded>".to_owned(),
        }
    }

    #[pyo3(signature = (*exc))]
    fn __exit__(slf: &Bound<'_, Self>, exc: &Bound<'_, PyTuple>) -> PyResult<()> {
        let _ = exc;
        Fork::discard(slf)
    }
}
