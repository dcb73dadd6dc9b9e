//! The directories of a store and how they hang together, for people to look at.

use crate::Key;
use crate::context::{Context, NameId};
use crate::directory::DirKind;
use crate::name::Name;
use crate::store::Store;
use crate::transaction::Version;
use crate::value::Host;

/// A directory as a person wants to see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    pub name: Name,
    pub kind: DirKind,
    pub keys: usize,
    /// Each once, in order.
    pub parents: Vec<Name>,
    /// The directories and keys whose mappers made it.
    pub owners: Vec<(Name, Key)>,
}

impl<H: Host> Store<H> {
    /// All directories, in the order of their names. O(n log n) for n of them, O(n) where they were made in order.
    #[must_use]
    pub fn describe(&self) -> Vec<Described> {
        describe(&self.ctx, usize::MAX)
    }

    /// The first so many. O(directories).
    #[must_use]
    pub fn describe_first(&self, most: usize) -> Vec<Described> {
        describe(&self.ctx, most)
    }
}

impl<H: Host> Version<H> {
    /// See [`Store::describe`].
    #[must_use]
    pub fn describe(&self) -> Vec<Described> {
        describe(&self.0, usize::MAX)
    }

    /// See [`Store::describe_first`].
    #[must_use]
    pub fn describe_first(&self, most: usize) -> Vec<Described> {
        describe(&self.0, most)
    }
}

fn describe<H: Host>(ctx: &Context<H>, most: usize) -> Vec<Described> {
    let name_of = |id: NameId| ctx.dirs.name(id).map(Name::shown);
    let names = ctx.dirs.in_order(most, |name, _| !name.is_previous());
    names
        .into_iter()
        .filter_map(|(name, id)| Some((name, ctx.dirs.get(id)?)))
        .map(|(name, directory)| {
            let mut parents: Vec<Name> = directory.parents().filter_map(name_of).collect();
            parents.dedup();
            let owners = directory.owners.readers().into_iter();
            let owners = owners.filter_map(|owner| Some((name_of(owner.dir)?, owner.key))).collect();
            let keys = directory.lazy().map_or_else(|| directory.rows.len(), |lazy| lazy.memos.total());
            Described { name: name.clone(), kind: directory.kind(), keys, parents, owners }
        })
        .collect()
}
