//! The cascade: bringing every derived directory up to date with what changed, and only with that.
//!
//! The core calls no user code. It hands out *jobs* ([`Store::next_job`]) and takes results ([`Store::finish_job`],
//! [`Store::finish_fold`]); a mapper that raised is a job that failed ([`Store::fail_job`]). What needs no user code
//! (rows passed through, the built-in folds) is done on the way to the next job.
//!
//! What is due stands in one ordered queue: by height of the directory first, so that parents come before what is
//! mapped from them and nothing is read half-updated or mapped twice for one change; then by directory, arrow and key,
//! folds after all units. A mapper that reads what is due is told the job that must run first (a nested run of the
//! same driver); what can't be known ahead (another mapper still makes or changes what this one read) makes the
//! reader due again: dependencies are noted for each read.
//!
//! The steps, one file each: `queue` (what is due, which is next; `due`, `buckets` hold it), `invalidate` (who is concerned by a change), `job`
//! (a unit runs; `reading` notes what it reads), `batch` (many do), `take` (the first keys of a directory), `finish` (its outputs become rows), `fold` (rows of folded
//! keys), `lazy` (keys that are computed when read), `round` (`update_with_status`).

mod ahead;
mod batch;
mod beside;
mod buckets;
mod due;
mod fan_out;
mod finish;
mod fold;
mod fold_run;
mod frame;
mod invalidate;
mod job;
mod lazy;
mod queue;
mod reading;
mod round;
mod runs;
mod take;

pub(crate) use ahead::{FAR, fetch_run};
pub use batch::Batch;
pub(crate) use due::{Due, DueQueue};
pub(crate) use fan_out::FanOuts;
pub use fold::FoldJob;
pub(crate) use frame::Frame;
pub use frame::Worker;
pub use job::{Job, MapJob};
pub(crate) use lazy::LAZY;
pub use lazy::{Computed, LazyJob, LazyRead};
pub use queue::Goal;
pub(crate) use queue::{Failed, Problem};
pub(crate) use round::Ids;
pub(crate) use runs::Runs;
