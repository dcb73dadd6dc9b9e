//! A previous directory: a mirror of another as it was before the last commit.
//!
//! It stands in the state map like any directory, under a name that no user can give ([`Name::previous`]), so that
//! reads, readers and derivations of it need no code of their own; only listings and counts leave it out. `Mirror` is
//! what the version remembers of it, by the directory that is mirrored.
//!
//! Invariant: between transactions the mirror differs from its directory at most in the keys of `lag`, those that the
//! last transaction touched; so bringing it up to date costs what changed, not what is there. The stamp of the entry
//! says whether there are any, so that those which lag are found without a look at the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::tick_map::{Held, TickMap};
use crate::{Key, NameId};

#[derive(Clone, Debug)]
pub(crate) struct Mirror {
    /// The previous directory.
    pub(crate) id: NameId,
    /// Keys of the directory that the last transaction touched, or the open one did so far.
    pub(crate) lag: Arc<BTreeSet<Key>>,
}

impl Held for Mirror {}

/// By the directory that is mirrored; stamped with whether it lags.
pub(crate) type Mirrors = TickMap<NameId, Mirror, bool>;
