//! Acts in a transaction, and the model: what they come to.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::Key;

use super::super::driver::{Done, Driver, hooked, name};
use super::super::dump::dump;
use super::super::host::{Code, Stop, V, raise};
use super::drawn::{Act, Program, Val};

/// The rows of a directory.
pub(super) type Rows = Vec<(Key, Vec<V>)>;

/// What was written: which sources are there, and the rows of those that are inputs.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) there: BTreeSet<usize>,
    pub(super) rows: BTreeMap<usize, BTreeMap<i64, Vec<Val>>>,
    /// What previous directories show.
    pub(super) befores: BTreeMap<usize, Rows>,
    /// Made in this transaction: they had nothing before it.
    pub(super) anew: BTreeSet<usize>,
    pub(super) has_lazies: bool,
}

/// A run of acts in a transaction.
pub(super) struct Acting<'a> {
    pub(super) program: &'a Rc<Program>,
    pub(super) model: std::rc::Rc<std::cell::RefCell<Model>>,
    /// Something may fail or succeed for the order in which things happened.
    pub(super) simple: Rc<std::cell::Cell<bool>>,
}

impl Clone for Acting<'_> {
    fn clone(&self) -> Self {
        Acting { program: self.program, model: Rc::clone(&self.model), simple: Rc::clone(&self.simple) }
    }
}

pub(super) fn act_all(d: &mut Driver, acting: &Acting<'_>, acts: &[Act], before: &str) -> Done<()> {
    let (program, model) = (acting.program, &acting.model);
    for act in acts {
        match act {
            Act::Set(at, key, values) => {
                let at = at % program.inputs;
                if model.borrow().there.contains(&at) {
                    d.set(&program.source(at), *key, values.iter().map(|value| value.value()).collect())?;
                    let mut model = model.borrow_mut();
                    let rows = model.rows.entry(at).or_default();
                    if values.is_empty() {
                        rows.remove(key)
                    } else {
                        rows.insert(*key, values.clone())
                    };
                }
            }
            Act::Clear(at) => {
                let at = at % program.inputs;
                if model.borrow().there.contains(&at) {
                    d.clear(&program.source(at))?;
                    model.borrow_mut().rows.remove(&at);
                }
            }
            Act::RemoveDir(at) => remove(d, acting, at % program.sources())?,
            Act::MakeDir(at) => {
                let at = at % program.sources();
                let parents = program.parents(at);
                let can =
                    !model.borrow().there.contains(&at) && parents.iter().all(|of| model.borrow().there.contains(of));
                if can {
                    d.make(&program.source(at), &program.spec(at))?;
                    if program.has_previous(at) {
                        d.previous(&program.source(at))?;
                    }
                    model.borrow_mut().there.insert(at);
                    model.borrow_mut().anew.insert(at);
                }
            }
            Act::Cascade => {
                acting.simple.set(false);
                d.cascade()?;
            }
            Act::Nested(acts, fails) => {
                let kept = model.borrow().clone();
                let done = d.nested(|d| {
                    act_all(d, acting, acts, before)?;
                    if *fails { Err(raise("on purpose")) } else { Ok(()) }
                });
                match done {
                    Err(fatal @ Stop::Fatal(_)) => return Err(fatal),
                    Err(_) => *model.borrow_mut() = kept,
                    Ok(()) => {}
                }
            }
            Act::MakeLazies => {
                for at in 0..program.lazies.len() {
                    d.make(&format!("/l{at}/"), &program.lazy_spec(at))?;
                }
                model.borrow_mut().has_lazies = true;
            }
            Act::RemoveLazies => {
                for at in 0..program.lazies.len() {
                    d.remove(&format!("/l{at}/"))?;
                }
                model.borrow_mut().has_lazies = false;
            }
            Act::Hook(acts, late) => {
                acting.simple.set(false);
                if d.store.find(&name("/hook/")).is_none() {
                    let code = |what: &str, acts: &[Act], removes: bool| {
                        let (acts, before) = (acts.to_vec(), before.to_owned());
                        let (program, model, simple) =
                            (Rc::clone(program), Rc::clone(model), Rc::clone(&acting.simple));
                        Code::hook(what, move |d| {
                            if removes {
                                d.remove("/hook/")?;
                            }
                            let (model, simple) = (Rc::clone(&model), Rc::clone(&simple));
                            act_all(d, &Acting { program: &program, model, simple }, &acts, &before)
                        })
                    };
                    let (created, deleted) = (code("created", acts, true), code("deleted", late, false));
                    d.make("/hook/", &hooked(Some(created), Some(deleted)))?;
                }
            }
        }
        d.store.work.published = None;
        assert_eq!(dump(&d.store.published().0), before, "others see the last commit");
    }
    Ok(())
}

/// Removes a source and what derives from it.
pub(super) fn remove(d: &mut Driver, acting: &Acting<'_>, at: usize) -> Done<()> {
    let mut model = acting.model.borrow_mut();
    if !model.there.contains(&at) {
        return Ok(());
    }
    d.store.remove_dir(&name(&acting.program.source(at)), true, false)?;
    model.there.remove(&at);
    model.rows.remove(&at);
    for stage in acting.program.inputs..acting.program.sources() {
        if acting.program.parents(stage).iter().any(|of| !model.there.contains(of)) {
            model.there.remove(&stage);
        }
    }
    Ok(())
}
