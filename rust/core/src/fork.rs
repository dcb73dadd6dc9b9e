//! Forks: independent stores over one version, and how they come together again.
//!
//! A fork begins with a clone of its parent's version: O(1), shared until one of them writes. It pins nothing in the
//! parent, and keeps its *base*: the two versions, of the parent and of the fork, at which both held the same. What
//! either changed since is the difference of two versions, whose shared parts are skipped, so no tombstone is needed for
//! it and none is missed.
//!
//! Derived directories are never copied over, nor what mappers make: both are computed, on each side by its own cascade.
//! What is taken over is what was made from outside: rows of input directories, and the directories themselves with
//! their mappers. Whether two such are the same directory tells the [origin](Directory::origin): one that is taken over
//! keeps it, no two stores of a family give the same to two, and a mapper that makes a parent anew does not change it.
//!
//! Taking over is a list of [`ForkStep`]s, found with nothing changed ([`Store::steps_to_rebase`],
//! [`Store::steps_to_merge`]), and then taken one by one in a transaction of the side that takes over
//! ([`Store::take_step`]), which the host ends as any other, but with no hook run ([`Store::silence_hooks`]).
//!
//! * *Rebase*: the fork takes over what its parent changed since the base. Where both changed the same, the fork's stands;
//!   but what one removed and the other wrote is removed, and what the parent derived from what the fork removed goes. Of a
//!   name that both made the parent's comes where the fork's goes with what the parent removed.
//! * *Merge*: the parent takes over what is different in the fork, which holds all that the parent changed by then.

use std::collections::BTreeSet;

use crate::Key;
use crate::context::{Context, Generation};
use crate::directory::{DirKind, Directory, Kind, ValueVec};
use crate::dirs::State;
use crate::error::{Refusal, Result};
use crate::name::Name;
use crate::store::Store;
use crate::transaction::{Parent, Spec, Version};
use crate::value::Host;

/// Where a fork and its parent held the same.
pub struct Base<H: Host> {
    pub parent: Version<H>,
    pub fork: Version<H>,
}

/// One thing to take over.
pub struct ForkStep<H: Host> {
    name: Name,
    what: What<H>,
}

enum What<H: Host> {
    /// With all that derives from it.
    Remove,
    /// In the place of the one that is there, if any.
    Make {
        spec: Spec<H>,
        origin: Generation,
    },
    Set {
        key: Key,
        values: ValueVec<H::Value>,
    },
}

type Steps<H> = Vec<ForkStep<H>>;

fn live<'a, H: Host>(ctx: &'a Context<H>, name: &Name) -> Option<&'a Directory<H>> {
    ctx.dirs.get(ctx.dirs.id(name)?)
}

/// A directory that was made from outside.
fn of_top<'a, H: Host>(ctx: &'a Context<H>, name: &Name) -> Option<&'a Directory<H>> {
    live(ctx, name).filter(|directory| directory.owners.is_top())
}

/// Which directory it is, in all stores of the family.
fn origin<H: Host>(directory: Option<&Directory<H>>) -> Option<Generation> {
    directory.map(|directory| directory.origin)
}

/// An input directory in two versions of one store, if it is of one generation in both: what was written there since.
/// Also one that a mapper made, which bears what is written from outside until it is made anew.
fn goes_on<'a, H: Host>(
    was: &'a Context<H>,
    is: &'a Context<H>,
    name: &Name,
) -> Option<(&'a Directory<H>, &'a Directory<H>)> {
    let (was, is) = (live(was, name)?, live(is, name)?);
    (was.generation == is.generation && is.kind() == DirKind::Input).then_some((was, is))
}

/// Names of directories that may differ between two versions. O(log n) for each that does.
fn touched<H: Host>(was: &Context<H>, is: &Context<H>) -> BTreeSet<Name> {
    let mut names = BTreeSet::new();
    for (_, was, is) in was.dirs.state.diff(&is.dirs.state) {
        if let (Some((_, was)), Some((_, is))) = (was, is)
            && let (State::Live(a), State::Live(b)) = (&was.state, &is.state)
            && triomphe::Arc::ptr_eq(a, b)
        {
            continue;
        }
        let slots = was.into_iter().chain(is).map(|(_, slot)| &slot.name);
        names.extend(slots.filter(|name| !name.is_previous()).cloned());
    }
    names
}

/// Keys of a directory that may differ between two versions of it.
fn touched_keys<H: Host>(was: &Directory<H>, is: &Directory<H>) -> Vec<Key> {
    was.rows.diff(&is.rows).map(|(key, ..)| key.clone()).collect()
}

impl<H: Host> Store<H> {
    /// An independent store over the last commit's version, with the same options, and what it has in common with this
    /// one. O(1).
    pub fn fork(&mut self) -> (Store<H>, Base<H>) {
        let version = self.published();
        let mut fork = Store::new(self.options);
        fork.share_generations(self);
        fork.ctx = version.0.clone();
        // The tombstones that it came with are for readers of another store.
        fork.sweep = true;
        let base = Base { parent: version.clone(), fork: version };
        (fork, base)
    }

    /// The version that the open transaction works on.
    #[must_use]
    pub fn working(&self) -> Version<H> {
        Version(self.ctx.clone())
    }

    /// No hook runs in this transaction.
    pub fn silence_hooks(&mut self) {
        self.work.silent = true;
    }

    /// A name that the fork made from outside since the base, and that a mapper of the parent makes now.
    #[must_use]
    pub fn fork_conflict(parent: &Version<H>, fork: &Version<H>, base: &Base<H>) -> Option<Name> {
        touched(&base.fork.0, &fork.0).into_iter().find(|name| {
            let mapped = live(&parent.0, name).is_some_and(|directory| !directory.owners.is_top());
            let (was, is) = (of_top(&base.fork.0, name), of_top(&fork.0, name));
            mapped && is.is_some() && origin(was) != origin(is)
        })
    }

    /// What this store, a fork, has to take over of what its parent changed since the base; and what more when it has
    /// run its cascade, if nothing of its bears that name then ([`Store::is_free_for`]).
    ///
    /// # Errors
    /// `Unsure`, with nothing changed.
    pub fn steps_to_rebase(&self, parent: &Version<H>, base: &Base<H>) -> Result<(Steps<H>, Steps<H>), H> {
        let (was, is, mine) = (&base.parent.0, &parent.0, &base.fork.0);
        let mut steps = Vec::new();
        let mut made = Vec::new();
        // Names that may be free when the fork has run its cascade.
        let mut perhaps = BTreeSet::new();
        let mut unsure = Vec::new();
        for name in touched(was, is) {
            if let (Some((was, is)), Some((mine, here))) = (goes_on(was, is, &name), goes_on(mine, &self.ctx, &name)) {
                for key in touched_keys(was, is) {
                    match self.is_same(mine, here, &key) {
                        Ok(true) => steps.push(set_step(&name, is, key)),
                        // Written on both sides.
                        Ok(false) => {}
                        Err(mut pairs) => unsure.append(&mut pairs),
                    }
                }
                continue;
            }
            let (was, is, here) = (of_top(was, &name), of_top(is, &name), of_top(&self.ctx, &name));
            let kept = origin(was) == origin(is);
            let by_mapper = here.is_none() && live(&self.ctx, &name).is_some();
            let here_is_base = origin(here) == origin(was);
            match (is, here) {
                // What the fork removed, or made anew, is its own affair, and what a mapper of its makes while it does.
                (Some(_), _) if kept => {}
                (Some(_), _) if by_mapper => {
                    perhaps.insert(name.clone());
                    made.push(name);
                }
                // Made in the parent, or made anew there alone: it is the parent's.
                (Some(_), here) if here.is_none() || (was.is_some() && here_is_base) => made.push(name),
                // Made in both: the fork's stands, unless it goes with what the parent removed.
                (Some(_), Some(_)) => {
                    perhaps.insert(name.clone());
                    made.push(name);
                }
                (None, Some(_)) if was.is_some() && here_is_base => steps.push(ForkStep { name, what: What::Remove }),
                _ => {}
            }
        }
        if !unsure.is_empty() {
            return Err(unsure.into());
        }
        let mut gone = self.gone_here(is, base);
        let mut left = Vec::new();
        let (later, now): (Vec<_>, Vec<_>) = making(is, made)
            .filter(|step| {
                // What the parent derived since from what is gone here goes too.
                let goes = matches!(&step.what, What::Make { spec: Spec::Derived { parents, .. }, .. }
                if parents.iter().any(|parent| gone.contains(&parent.name.shown())));
                if goes {
                    gone.insert(step.name.clone());
                    left.push(step.name.clone());
                }
                !goes
            })
            .partition(|step| perhaps.contains(&step.name));
        // In the place of what the parent removed: that goes from here all the same.
        left.retain(|name| {
            let (was, here) = (origin(of_top(mine, name)), origin(of_top(&self.ctx, name)));
            was.is_some() && was == here
        });
        steps.extend(left.into_iter().map(|name| ForkStep { name, what: What::Remove }));
        steps.extend(now);
        Ok((steps, later))
    }

    /// Whether nothing is there under the name that the step is about.
    #[must_use]
    pub fn is_free_for(&self, step: &ForkStep<H>) -> bool {
        live(&self.ctx, &step.name).is_none()
    }

    /// What the parent has as it was at the base, and this store, a fork, removed since, or made anew from outside.
    fn gone_here(&self, parent: &Context<H>, base: &Base<H>) -> BTreeSet<Name> {
        let mut gone = touched(&base.fork.0, &self.ctx);
        gone.retain(|name| {
            let was = origin(of_top(&base.fork.0, name));
            was.is_some() && was == origin(of_top(parent, name)) && was != origin(of_top(&self.ctx, name))
        });
        gone
    }

    fn is_same(
        &self,
        a: &Directory<H>,
        b: &Directory<H>,
        key: &Key,
    ) -> std::result::Result<bool, crate::value::Unsure<H>> {
        match (a.content(key), b.content(key)) {
            (None, None) => Ok(true),
            (Some(a), Some(b)) => self.equal(a, b),
            _ => Ok(false),
        }
    }

    /// What this store has to take over from a fork that has been rebased, or that it has not moved away from.
    #[must_use]
    pub fn steps_to_merge(&self, fork: &Version<H>, base: &Base<H>) -> Steps<H> {
        let mut steps = Vec::new();
        let mut made = Vec::new();
        let mut names = touched(&base.fork.0, &fork.0);
        names.extend(touched(&base.parent.0, &self.ctx));
        for name in names {
            if let (Some((was, is)), Some(_)) =
                (goes_on(&base.fork.0, &fork.0, &name), goes_on(&base.parent.0, &self.ctx, &name))
            {
                steps.extend(touched_keys(was, is).into_iter().map(|key| set_step(&name, is, key)));
                continue;
            }
            match (of_top(&fork.0, &name), of_top(&self.ctx, &name)) {
                (None, Some(_)) => steps.push(ForkStep { name, what: What::Remove }),
                (Some(is), Some(here)) if is.origin == here.origin => {}
                (Some(_), _) => made.push(name),
                (None, None) => {}
            }
        }
        steps.extend(making(&fork.0, made));
        steps
    }

    /// Takes one step, in an open transaction.
    ///
    /// # Errors
    /// `Unsure`, with nothing changed: to be repeated. `Exists` where a mapper makes the directory here; `Circular`.
    pub fn take_step(&mut self, step: &mut ForkStep<H>) -> Result<(), H> {
        let name = &step.name;
        match &mut step.what {
            What::Remove => self.remove_dir(name, true, true).map(drop),
            What::Set { key, values } => {
                // What a mapper made may have gone with it.
                if live(&self.ctx, name).is_none() {
                    return Ok(());
                }
                let id = self.writable(name)?;
                self.set_values(id, key, values)
            }
            What::Make { spec, origin } => self.make_again(name, spec, *origin),
        }
    }

    /// Makes a directory of another store of the family, as the one that it is there. Where a parent of it is none here (a
    /// mapper is yet to make it, say, or it is a lazy directory), it shows nothing of that.
    fn make_again(&mut self, name: &Name, spec: &Spec<H>, origin: Generation) -> Result<(), H> {
        let there = live(&self.ctx, name);
        if there.is_some_and(|directory| !directory.owners.is_top()) {
            return Err(Refusal::Exists { name: name.clone(), by_mapper: true }.into());
        }
        let anew = there.is_some();
        if let Spec::Derived { parents, .. } = spec {
            let heirs = self.ctx.dirs.id(name).map(|id| self.with_descendants(id)).unwrap_or_default();
            for parent in parents {
                let of = parent.name.shown();
                if self.ctx.dirs.id(&of).is_some_and(|id| heirs.contains(&id)) {
                    return Err(Refusal::Circular(name.clone()).into());
                }
                let is_here = self.find(&of).is_some_and(|id| self.lazy(id).is_none());
                if is_here && parent.name.is_previous() {
                    self.previous(&of)?;
                }
            }
        }
        self.put_again(name, spec, origin, anew);
        Ok(())
    }
}

/// The key gets the values that it has there.
fn set_step<H: Host>(name: &Name, directory: &Directory<H>, key: Key) -> ForkStep<H> {
    let values = directory.content(&key).map_or_else(ValueVec::new, crate::directory::Content::to_vec);
    ForkStep { name: name.clone(), what: What::Set { key, values } }
}

/// Steps that make directories as they are in a version, parents before their children.
fn making<H: Host>(ctx: &Context<H>, names: Vec<Name>) -> impl Iterator<Item = ForkStep<H>> + use<'_, H> {
    let found = names.into_iter().filter_map(|name| Some((of_top(ctx, &name)?, name)));
    let mut found: Vec<(&Directory<H>, Name)> = found.collect();
    found.sort_by_key(|(directory, _)| directory.height);
    found.into_iter().map(move |(directory, name)| {
        let what = What::Make { spec: spec_of(ctx, directory), origin: directory.origin };
        ForkStep { name, what }
    })
}

/// What would make this directory.
fn spec_of<H: Host>(ctx: &Context<H>, directory: &Directory<H>) -> Spec<H> {
    match &directory.kind {
        Kind::Derived(derived) => {
            let parent = |arrow: &crate::directory::Arrow<H>| {
                let within = arrow.within.as_ref().map(|ranges| ranges.to_vec());
                Some(Parent { name: ctx.dirs.name(arrow.parent)?.clone(), op: arrow.op.clone(), within })
            };
            Spec::Derived {
                parents: derived.arrows.iter().filter_map(parent).collect(),
                fold: derived.folding.as_ref().map(|folding| folding.fold.clone()),
                shared: derived.shared,
            }
        }
        Kind::Lazy(lazy) => Spec::Lazy { code: lazy.code.clone(), keep: lazy.keep },
        // A previous directory is never of top level: it goes with its directory.
        Kind::Input(_) | Kind::Previous(_) => {
            let hooks = if let Kind::Input(hooks) = &directory.kind { hooks.clone() } else { None };
            let live = directory.rows.iter().filter_map(|(key, _, row)| Some((key, row.content()?)));
            let rows = live.map(|(key, content)| (key.clone(), content.to_vec().into_vec())).collect();
            Spec::Input { rows, hooks }
        }
    }
}
