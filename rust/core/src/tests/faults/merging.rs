//! A fork, and its way back: what a host does for `fork.merge(rebase=True)`.

use crate::{Base, ForkStep, Store};

use super::super::driver::{Done, Driver};
use super::super::host::TestHost;

pub(super) struct Forked {
    pub(super) d: Driver,
    base: Base<TestHost>,
}

impl Forked {
    /// It meets with the faults of the store.
    pub(super) fn of(parent: &mut Driver) -> Forked {
        let (store, base) = parent.store.fork();
        let mut d = Driver::over(store);
        d.faults = parent.faults.clone();
        Forked { d, base }
    }

    /// Two transactions, both open at once: both are committed, or both undone.
    pub(super) fn merge(&mut self, parent: &mut Driver) -> Done<()> {
        let published = parent.store.published();
        let moved = published.tick() != self.base.parent.tick();
        parent.store.begin();
        self.d.store.begin();
        if let Err(stop) = self.take_over(parent, moved) {
            for store in [&mut self.d.store, &mut parent.store] {
                drop(store.rollback());
                drop(store.end());
            }
            return Err(stop);
        }
        drop(parent.store.commit(false));
        if moved {
            drop(self.d.store.commit(false));
        } else {
            drop(self.d.store.rollback());
            drop(self.d.store.end());
        }
        self.base = Base { parent: parent.store.published(), fork: self.d.store.published() };
        Ok(())
    }

    fn take_over(&mut self, parent: &mut Driver, moved: bool) -> Done<()> {
        let (fork, base, published) = (&mut self.d, &self.base, parent.store.published());
        assert!(Store::fork_conflict(&published, &fork.store.working(), base).is_none());
        fork.store.silence_hooks();
        if moved {
            let (steps, mut later) = fork.sure(|store| store.steps_to_rebase(&published, base))?;
            take(fork, steps)?;
            if !later.is_empty() {
                fork.cascade()?;
                later.retain(|step| fork.store.is_free_for(step));
                take(fork, later)?;
            }
            fork.rounds()?;
        }
        parent.store.silence_hooks();
        let steps = parent.store.steps_to_merge(&fork.store.working(), base);
        take(parent, steps)?;
        parent.rounds()
    }
}

fn take(d: &mut Driver, steps: Vec<ForkStep<TestHost>>) -> Done<()> {
    steps.into_iter().try_for_each(|mut step| d.sure(|store| store.take_step(&mut step)))
}
