//! What the binding does with threads, without Python: to be run under a scheduler that tries interleavings.
//!
//! * `sync`: the shim: threads and locks of the scheduler, or of the system.
//! * `values`: values and mappers as simple as can be.
//! * `host`: `rust/python/src/shared.rs` in small: one lock, turns, waiters, callbacks, two-step polls, merges.
//!
//! The tests (`tests/interleavings.rs`) are programs of a few threads. Under the scheduler all that is left to chance is
//! who goes on at each lock; a thread that waits for ever is reported as a deadlock.

#![forbid(unsafe_code)]

mod host;
pub mod sync;
mod values;

pub use host::{Fault, Fork, Heard, Host, Transaction, rows};
pub use values::{Int, Model, doubling};

/// Runs a program in many interleavings; `LIVEDIRS_INTERLEAVINGS` says in how many times as many.
pub fn explore(interleavings: usize, program: impl Fn() + Send + Sync + 'static) {
    let times = std::env::var("LIVEDIRS_INTERLEAVINGS").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    sync::run(interleavings * times, program);
}
