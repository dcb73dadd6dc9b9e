//! Tests of the store as a whole, by what must hold. [`driver`] shows how a host runs the core.
//! With the feature `fuzzing` those that a fuzzer runs are here too, see [`fuzzing`](crate::fuzzing).

#![cfg_attr(not(test), allow(dead_code, unused_imports, reason = "a fuzzer runs some of it"))]

#[cfg(test)]
mod ahead;
#[cfg(test)]
mod batches;
#[cfg(test)]
mod cascade;
mod driver;
mod dump;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod folds;
#[cfg(test)]
mod forks;
#[cfg(test)]
mod fuzzed;
mod host;
#[cfg(test)]
mod lazy;
#[cfg(test)]
mod ownership;
pub(crate) mod programs;
#[cfg(test)]
mod tombstones;
#[cfg(test)]
mod transactions;
#[cfg(test)]
mod units;
