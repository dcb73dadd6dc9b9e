//! What is checked after each transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::tick::Tick;
use crate::{Key, Options, Stats};

use super::super::driver::{Done, Driver, input, name};
use super::super::dump::dump;
use super::super::host::{Fault, Stop, raise};
use super::acts::{Acting, Model, Rows, act_all};
use super::drawn::{Act, Case, Event, Program, Val};
use super::readers::{Cursor, check_retention, check_told_of_dirs, check_told_of_keys, poll};

/// The directories of a store: generation and rows as text, by key.
pub(super) type Shown = BTreeMap<String, (u64, BTreeMap<Key, String>)>;

pub(super) fn shown(d: &Driver) -> Shown {
    let rows = |directory: &crate::directory::Directory<_>| {
        let live = directory.rows.iter().filter_map(|(key, _, row)| Some((key, row.content()?)));
        live.map(|(key, content)| (key.clone(), format!("{:?}", content.to_vec()))).collect()
    };
    let dirs = d.store.ctx.dirs.iter();
    let dirs = dirs.filter(|(name, _, directory)| {
        directory.kind() != crate::DirKind::Previous && !name.as_str().ends_with("/before/")
    });
    dirs.map(|(name, _, directory)| (name.as_str().to_owned(), (directory.generation, rows(directory)))).collect()
}

/// The same program on a fresh store.
pub(super) fn oracle_from_scratch(program: &Rc<Program>, model: &Model) -> Done<Driver> {
    let program = Rc::new(Program { given: true, ..(**program).clone() });
    let mut d = Driver::new();
    d.update(|d| {
        if model.has_lazies {
            for at in 0..program.lazies.len() {
                d.make(&format!("/l{at}/"), &program.lazy_spec(at))?;
            }
        }
        for (source, rows) in &model.befores {
            d.make(&program.before(*source), &input(rows.clone()))?;
        }
        for &source in &model.there {
            d.make(&program.source(source), &program.spec(source))?;
            for (key, values) in model.rows.get(&source).into_iter().flatten() {
                d.set(&program.source(source), *key, values.iter().map(|value| value.value()).collect())?;
            }
        }
        Ok(())
    })?;
    Ok(d)
}

/// What previous directories show after a commit, where this was there before it.
fn befores_after(program: &Program, model: &Model, was: &BTreeMap<usize, Rows>) -> BTreeMap<usize, Rows> {
    let mirrored = model.there.iter().filter(|source| program.has_previous(**source));
    let before = |source| if model.anew.contains(source) { None } else { was.get(source).cloned() };
    mirrored.map(|source| (*source, before(source).unwrap_or_default())).collect()
}

fn rows_of(d: &Driver, of: &str) -> Rows {
    let directory = d.store.find(&name(of)).and_then(|id| d.store.ctx.dirs.get(id));
    let rows = directory.into_iter().flat_map(|directory| directory.rows.iter());
    rows.filter_map(|(key, _, row)| Some((key.clone(), row.content()?.to_vec().into_vec()))).collect()
}

/// What the lazy directories answer.
fn asked(d: &mut Driver, program: &Program) -> Vec<String> {
    let keys = (0..program.lazies.len()).flat_map(|at| (-1..6).map(move |key| (at, key)));
    keys.map(|(at, key)| format!("/l{at}/ {key}: {:?}", d.lazy_beside(&format!("/l{at}/"), key))).collect()
}

pub(super) fn without_generations(shown: &Shown) -> BTreeMap<&String, &BTreeMap<Key, String>> {
    shown.iter().map(|(name, (_, rows))| (name, rows)).collect()
}

/// Never purged: what each commit left.
pub(super) type Log = BTreeMap<Tick, Shown>;

pub(crate) fn check(case: &Case) {
    let program = Rc::new(case.program.clone());
    let options = Options { history: case.history, max_rounds: 300, ..Options::default() };
    let mut d = Driver::with(options);
    let start = d.store.stats();
    let mut model = Model::default();
    let mut log: Log = BTreeMap::from([(d.store.tick(), Shown::new())]);
    let mut cursors: Vec<Cursor> = Vec::new();
    let all: Vec<Act> = std::iter::once(Act::MakeLazies).chain((0..program.sources()).map(Act::MakeDir)).collect();
    // Rows to begin with, so that mappers have work.
    let rows = (0..9).map(|n| Act::Set(n % 3, i64::try_from(n / 2).unwrap_or(0), vec![Val::Int(1)])).collect();
    let begin = [all, rows].map(|acts| Event::Update { acts, fails: false, fault: None });
    for event in begin.iter().chain(&case.events) {
        match event {
            Event::Update { acts, fails, fault } => {
                update(&mut d, &program, &mut model, &mut log, acts, *fails, *fault);
            }
            Event::OpenOfDirs => {
                let position = d.store.tick();
                let id = d.store.open_cursor(None, Some(position), false).expect("a cursor");
                cursors.push(Cursor { id, of: None, position });
            }
            Event::OpenOfKeys(of) => {
                let of = program.source(of % program.sources());
                let position = d.store.tick();
                if let Ok(id) = d.store.open_cursor(Some(&name(&of)), Some(position), false) {
                    cursors.push(Cursor { id, of: Some(of), position });
                }
            }
            Event::Poll(at) if !cursors.is_empty() => {
                let at = at % cursors.len();
                poll(&mut d, &log, &mut cursors[at]);
            }
            Event::Close(at) if !cursors.is_empty() => {
                let cursor = cursors.swap_remove(at % cursors.len());
                d.store.close_cursor(cursor.id);
            }
            Event::Ask => {
                let mut scratch = oracle_from_scratch(&program, &model).expect("it was built before");
                assert_eq!(asked(&mut d, &program), asked(&mut scratch, &program), "lazy directories");
            }
            Event::Poll(_) | Event::Close(_) => {}
        }
        d.store.check_invariants().unwrap();
        check_retention(&d, &log, &cursors, case.history);
        for since in log.keys().rev().take(5).copied().collect::<Vec<_>>() {
            check_told_of_dirs(&mut d, &log, since);
            for source in 0..program.sources() {
                check_told_of_keys(&mut d, &log, &program.source(source), since);
            }
        }
    }
    for cursor in cursors {
        d.store.close_cursor(cursor.id);
    }
    d.store.purge_deleted_dirs();
    let all = (0..program.sources()).map(Act::RemoveDir).chain(std::iter::once(Act::RemoveLazies));
    let all: Vec<Act> = all.collect();
    update(&mut d, &program, &mut model, &mut log, &all, false, None);
    for _ in 0..case.history {
        d.update(|_| Ok(())).unwrap();
    }
    let end = d.store.stats();
    assert_eq!(end, Stats { tick: end.tick, purged: end.purged, ..start });
}

pub(super) fn update(
    d: &mut Driver,
    program: &Rc<Program>,
    model: &mut Model,
    log: &mut Log,
    acts: &[Act],
    fails: bool,
    fault: Option<(usize, Fault)>,
) {
    let (before, stats) = (dump(&d.store.ctx), d.store.stats());
    let was: BTreeMap<usize, Rows> =
        model.there.iter().map(|source| (*source, rows_of(d, &program.source(*source)))).collect();
    model.anew.clear();
    let attempt = |d: &mut Driver, model: &Model| {
        let trying = Rc::new(std::cell::RefCell::new(model.clone()));
        let simple = Rc::new(std::cell::Cell::new(!fails));
        let acting = Acting { program, model: Rc::clone(&trying), simple: Rc::clone(&simple) };
        let done = d.update(|d| {
            act_all(d, &acting, acts, &before)?;
            if fails { Err(raise("on purpose")) } else { Ok(()) }
        });
        (done, trying.borrow().clone(), simple.get())
    };
    d.faults.arm(fault);
    let (mut done, mut tried, mut simple) = attempt(d, model);
    let passes = d.faults.disarm();
    if done.is_err() && fault.is_some_and(|(at, _)| at <= passes) {
        assert_eq!(dump(&d.store.ctx), before, "{fault:?} left something");
        assert_eq!(Stats { bytes: 0, ..d.store.stats() }, Stats { bytes: 0, ..stats }, "{fault:?} left something");
        (done, tried, simple) = attempt(d, model);
    }
    let after = Model { befores: befores_after(program, &tried, &was), ..tried.clone() };
    match done {
        Err(Stop::Fatal(refusal)) => panic!("{refusal}"),
        Err(stop) => {
            assert_eq!(dump(&d.store.ctx), before, "a transaction that failed left something");
            if simple {
                // Its first round showed what previous directories showed before it.
                let mut first = tried.clone();
                first.befores = befores_after(program, &tried, &tried.befores);
                let fails = [first, after].iter().any(|model| oracle_from_scratch(program, model).is_err());
                assert!(fails, "failed with {stop:?}, but succeeds on a fresh store");
            }
        }
        Ok(commit) => {
            *model = after;
            let now = shown(d);
            let scratch = oracle_from_scratch(program, model).map(|scratch| shown(&scratch));
            let scratch = scratch.expect("succeeded, but fails on a fresh store");
            assert_eq!(without_generations(&now), without_generations(&scratch), "not as on a fresh store");
            for (source, rows) in &model.befores {
                let shows = rows_of(d, &program.before(*source));
                assert_eq!(format!("{shows:?}"), format!("{rows:?}"), "previous of {}", program.source(*source));
            }
            let last = log.last_key_value().map(|(_, shown)| shown).expect("the log has the start");
            check_commit(&commit, last, &now);
            log.insert(commit.tick, now);
        }
    }
}

/// What the commit says of itself.
pub(super) fn check_commit(commit: &crate::Commit, was: &Shown, is: &Shown) {
    let set = |names: &[crate::Name]| names.iter().map(|name| name.as_str().to_owned()).collect::<BTreeSet<_>>();
    let gone: BTreeSet<String> = was.keys().filter(|name| !is.contains_key(*name)).cloned().collect();
    assert_eq!(set(&commit.removed), gone, "removed");
    let changed = set(&commit.changed);
    assert!(changed.iter().all(|name| is.contains_key(name)), "what changed is there");
    assert!(is.iter().all(|(name, rows)| was.get(name) == Some(rows) || changed.contains(name)), "{changed:?}");
}
