//! Threads and locks: of the scheduler, or (feature `system-threads`) of the system. Nothing else here names either.

#[cfg(not(feature = "system-threads"))]
pub use shuttle::{
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::{JoinHandle, spawn},
};
#[cfg(feature = "system-threads")]
pub use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::{JoinHandle, spawn},
};

/// Half of the interleavings by chance, and half with few changes of threads, at places that are drawn: bugs that need
/// one thread to be far behind the others are found by these. The seeds are always the same.
#[cfg(not(feature = "system-threads"))]
pub(crate) fn run(times: usize, program: impl Fn() + Send + Sync + 'static) {
    use shuttle::scheduler::{PctScheduler, RandomScheduler};
    use shuttle::{Config, Runner};

    /// Changes of threads beside those where one waits.
    const CHANGES: usize = 3;
    const SEED: u64 = 2026;

    let program = std::sync::Arc::new(program);
    let (first, second) = (std::sync::Arc::clone(&program), program);
    Runner::new(RandomScheduler::new_from_seed(SEED, times.div_ceil(2)), Config::new()).run(move || first());
    Runner::new(PctScheduler::new_from_seed(SEED, CHANGES, times.div_ceil(2)), Config::new()).run(move || second());
}

#[cfg(feature = "system-threads")]
pub(crate) fn run(times: usize, program: impl Fn() + Send + Sync + 'static) {
    (0..times).for_each(|_| program());
}
