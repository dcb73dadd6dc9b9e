//! Tests of the store as a whole, by what must hold. [`driver`] shows how a host runs the core.

mod batches;
mod cascade;
mod driver;
mod dump;
mod faults;
mod folds;
mod host;
mod lazy;
mod ownership;
mod programs;
mod tombstones;
mod transactions;
mod units;
