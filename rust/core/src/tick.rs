//! The store's clock.

/// A tick of the store's clock, from 1. What changes in the round that runs at tick `t` is stamped `t`; the clock
/// then moves to `t + 1`. So what a reader at position `p` has not seen is all that is stamped `p` or later.
pub type Tick = u64;

/// The tick at which a new store starts.
pub const FIRST: Tick = 1;
