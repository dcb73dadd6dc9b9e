//! Why the store refused.

use thiserror::Error as ThisError;

use crate::cascade::Worker;
use crate::name::Name;
use crate::tick::Tick;
use crate::value::{Host, Unsure};

/// Why an operation did not happen. After any of these the store is as it was before the call.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub enum Refusal {
    #[error("{}", missing(.0))]
    NotFound(Name),
    #[error("directory {:?} is there already{}", name.as_str(), if *by_mapper { ", made by a mapper for another key" } else { "" })]
    Exists { name: Name, by_mapper: bool },
    #[error("directory {:?} is in use by {}; remove these first or pass recursive=True", name.as_str(), listed(by))]
    InUse { name: Name, by: Vec<Name> },
    #[error("directory {:?} belongs to a mapper, which removes it when its key goes", .0.as_str())]
    OwnedByMapper(Name),
    #[error("directory {:?} is derived: it can't be written; write to the input directories it is mapped from", .0.as_str())]
    ReadOnly(Name),
    #[error("{0} may not {1}")]
    InMapper(Worker, &'static str),
    #[error("a lazy function may not make a directory ({:?})", .0.as_str())]
    InLazy(Name),
    #[error("{:?}: key {key} needs itself", name.as_str())]
    Cycle { name: Name, key: String },
    #[error("the cascade does not settle: more than {limit} {what}")]
    NotConverging { limit: u32, what: String },
    #[error("since={since} is later than the present tick {now}")]
    Later { since: Tick, now: Tick },
    #[error("merged, directory {:?} would derive from itself: remove it on one side", .0.as_str())]
    Circular(Name),
    #[error(
        "the store would pass its capacity: bound {bound} bytes, in use {used}, requested {requested}; remove something, or make the store with a larger capacity"
    )]
    Capacity { bound: usize, used: usize, requested: usize },
    #[error("a directory can be mapped from at most {0} parents")]
    TooManyParents(usize),
    #[error("no memory was left for a number of the transaction")]
    NoMemory,
}

fn listed(names: &[Name]) -> String {
    let shown: Vec<String> = names.iter().take(5).map(|name| format!("{:?}", name.as_str())).collect();
    let more = names.len().saturating_sub(5);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

fn missing(name: &Name) -> String {
    let shown = name.as_str();
    if name.is_previous() {
        return format!(
            "the previous state of directory {shown:?} is gone with it: call previous() of what is there now"
        );
    }
    format!("no directory {shown:?}")
}

/// What an operation of the core may answer instead of its result.
pub enum Error<H: Host> {
    /// Only user code can tell whether these are equal: find out, call [`Store::decide`](crate::Store::decide) for each,
    /// and repeat the call.
    Unsure(Unsure<H>),
    /// A mapper wants a name that another mapper's key holds. It may yet let go: put the mapper off with
    /// [`Store::fail_job`](crate::Store::fail_job).
    Blocked(Refusal),
    Refused(Refusal),
}

impl<H: Host> std::fmt::Debug for Error<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Unsure(pairs) => f.debug_tuple("Unsure").field(pairs).finish(),
            Error::Blocked(refusal) => f.debug_tuple("Blocked").field(refusal).finish(),
            Error::Refused(refusal) => f.debug_tuple("Refused").field(refusal).finish(),
        }
    }
}

impl<H: Host> From<Refusal> for Error<H> {
    fn from(refusal: Refusal) -> Self {
        Error::Refused(refusal)
    }
}

impl<H: Host> From<Unsure<H>> for Error<H> {
    fn from(pairs: Unsure<H>) -> Self {
        Error::Unsure(pairs)
    }
}

pub type Result<T, H> = std::result::Result<T, Error<H>>;
