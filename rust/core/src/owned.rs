//! What a store owns alone, for a host whose cycle collector asks who holds what.
//!
//! A value that two versions share (a snapshot holds one) is held through one reference count of a shared node, so it
//! must not be counted for either; such nodes are skipped, and what they hold counts as held from elsewhere. So a
//! cycle through a store is found once nothing else holds its versions.

use std::sync::Arc;

use crate::directory::{Arrow, Content, Derived, Directory, Fold, Kind, Memo, Op, Outs, Vals};
use crate::dirs::State;
use crate::store::Store;
use crate::value::Host;

/// Something that a store holds.
pub enum Owned<'a, H: Host> {
    Value(&'a H::Value),
    Code(&'a H::Code),
}

type Visit<'v, 'a, H, E> = &'v mut dyn FnMut(Owned<'a, H>) -> Result<(), E>;

impl<H: Host> Store<H> {
    /// Visits each reference to a value or to code that this store holds alone; nothing while a transaction is open.
    /// O(what it holds).
    ///
    /// # Errors
    /// What `visit` answers.
    pub fn visit_owned<'a, E>(&'a self, visit: Visit<'_, 'a, H, E>) -> Result<(), E> {
        if self.open {
            return Ok(());
        }
        self.ctx.dirs.state.for_each_owned(|slot| match &slot.state {
            State::Live(directory) if triomphe::Arc::is_unique(directory) => directory.visit_owned(visit),
            _ => Ok(()),
        })
    }
}

impl<H: Host> Directory<H> {
    fn visit_owned<'a, E>(&'a self, visit: Visit<'_, 'a, H, E>) -> Result<(), E> {
        self.rows.for_each_owned(|row| row.content().map_or(Ok(()), |content| of_content::<H, E>(content, visit)))?;
        match &self.kind {
            Kind::Input(Some(hooks)) if Arc::strong_count(hooks) == 1 => {
                let mut both = hooks.on_create.iter().chain(&hooks.on_delete);
                both.try_for_each(|hook| visit(Owned::Code(hook)))
            }
            Kind::Input(_) | Kind::Previous(_) => Ok(()),
            Kind::Derived(derived) => derived.visit_owned(visit),
            Kind::Lazy(lazy) => {
                visit(Owned::Code(&lazy.code))?;
                let of_memo = |memo: &'a Memo<H::Value>| {
                    memo.content.as_ref().map_or(Ok(()), |values| of_vals::<H, E>(values, visit))
                };
                lazy.memos.for_each_owned(of_memo)
            }
        }
    }
}

fn of_content<'a, H: Host, E>(content: &'a Content<H::Value>, visit: Visit<'_, 'a, H, E>) -> Result<(), E> {
    match content {
        Content::Plain(values) => of_vals::<H, E>(values, visit),
        Content::From(from) if Arc::strong_count(from) == 1 => of_vals::<H, E>(&from.1, visit),
        Content::Merged(parts) if Arc::strong_count(parts) == 1 => {
            parts.for_each_owned(|values| of_vals::<H, E>(values, visit))
        }
        Content::From(_) | Content::Merged(_) => Ok(()),
    }
}

fn of_vals<'a, H: Host, E>(values: &'a Vals<H::Value>, visit: Visit<'_, 'a, H, E>) -> Result<(), E> {
    match values {
        Vals::Many(shared) if Arc::strong_count(shared) > 1 => Ok(()),
        values => values.as_slice().iter().try_for_each(|value| visit(Owned::Value(value))),
    }
}

impl<H: Host> Derived<H> {
    fn visit_owned<'a, E>(&'a self, visit: Visit<'_, 'a, H, E>) -> Result<(), E> {
        if Arc::strong_count(&self.arrows) == 1 {
            self.arrows.iter().try_for_each(|Arrow { op, .. }| match op {
                Op::Map(mapper) => visit(Owned::Code(mapper)),
                Op::Same | Op::Take(_) => Ok(()),
            })?;
        }
        for units in &self.units {
            units.for_each_owned(|outs| match outs {
                Outs::Many(outs) if Arc::strong_count(outs) > 1 => Ok(()),
                outs => {
                    for (_, value) in outs.iter() {
                        visit(Owned::Value(value))?;
                    }
                    Ok(())
                }
            })?;
        }
        let Some(folding) = &self.folding else { return Ok(()) };
        if let Fold::User(reducer) = &folding.fold {
            visit(Owned::Code(reducer))?;
        }
        folding.groups.for_each_owned(|group| group.acc.iter().try_for_each(|acc| visit(Owned::Value(acc))))?;
        folding.sorted.for_each_owned(|member| visit(Owned::Value(&member.0)))?;
        match &folding.members {
            Some(members) => members.for_each_owned(|values| of_vals::<H, E>(values, visit)),
            None => Ok(()),
        }
    }
}
