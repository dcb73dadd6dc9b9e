//! The driver of the tests: what a host does to run the core, with nothing else around it. It reads as documentation.
//!
//! The core never calls user code. So each operation is a loop: where the core is *unsure* whether two things are equal,
//! the driver finds out and asks again ([`Driver::sure`]); where user code has to run, the core hands out a *job*, and the
//! driver runs it and tells the outcome ([`Driver::run`]). A mapper is called with the driver, and may read and make
//! directories through it: these are nested runs of the same loop.

use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use crate::{
    Batch, Commit, Computed, DirKind, Error, Fold, FoldJob, Goal, Hooks, Job, Key, LazyJob, LazyRead, MapJob, Name,
    NameId, Op, Options, Outputs, Pair, Parent, Range, Refusal, Result, Spec, Store, Tag, Upper,
};

use super::host::{Body, Code, Failure, Faults, Stop, TestHost, V, decide, raise};

pub(super) type Done<T> = std::result::Result<T, Stop>;

pub(super) struct Driver {
    pub(super) store: Kept,
    /// Names of the mappers that ran, with the key for which they ran: what was recomputed.
    pub(super) ran: Vec<(String, Key)>,
    /// Where user code fails on purpose.
    pub(super) faults: Faults,
    checks: bool,
}

/// The store. While a batch runs, whoever reaches for it enters the batch.
pub(super) struct Kept {
    store: Store<TestHost>,
    /// A batch that runs, and the number of the job for which the mapper is at work.
    running: Option<(Rc<Batch<TestHost>>, usize)>,
}

impl Deref for Kept {
    type Target = Store<TestHost>;

    fn deref(&self) -> &Store<TestHost> {
        &self.store
    }
}

impl DerefMut for Kept {
    fn deref_mut(&mut self) -> &mut Store<TestHost> {
        if let Some((batch, at)) = self.running.take() {
            self.store.enter_batch(&batch, at);
        }
        &mut self.store
    }
}

/// What stands behind a name in the tests for that of its previous directory.
pub(super) const PREVIOUS: &str = "<";

pub(super) fn name(text: &str) -> Name {
    let of = text.strip_suffix(PREVIOUS);
    let parsed = Name::parse(of.unwrap_or(text)).expect("a name");
    if of.is_some() { parsed.previous() } else { parsed }
}

/// A parent whose rows a mapper maps.
pub(super) fn mapped(parent: &str, code: &Code) -> Parent<TestHost> {
    Parent { name: name(parent), op: Op::Map(code.clone()), within: None }
}

/// A parent whose rows pass through.
pub(super) fn passed(parent: &str) -> Parent<TestHost> {
    Parent { name: name(parent), op: Op::Same, within: None }
}

pub(super) fn within(parent: Parent<TestHost>, ranges: Vec<Range>) -> Parent<TestHost> {
    Parent { within: Some(ranges), ..parent }
}

pub(super) fn derived(parents: Vec<Parent<TestHost>>, fold: Option<Fold<Code>>) -> Spec<TestHost> {
    Spec::Derived { parents, fold, shared: false }
}

pub(super) fn input(rows: Vec<(Key, Vec<V>)>) -> Spec<TestHost> {
    Spec::Input { rows, hooks: None }
}

pub(super) fn hooked(on_create: Option<Code>, on_delete: Option<Code>) -> Spec<TestHost> {
    Spec::Input { rows: Vec::new(), hooks: Some(Hooks { on_create, on_delete }.into()) }
}

impl Driver {
    pub(super) fn new() -> Driver {
        Driver::with(Options::default())
    }

    pub(super) fn with(options: Options) -> Driver {
        Driver::over(Store::new(options))
    }

    pub(super) fn over(store: Store<TestHost>) -> Driver {
        Driver { store: Kept { store, running: None }, ran: Vec::new(), faults: Faults::default(), checks: true }
    }

    // ---------------------------------------------------------------- transactions

    /// One transaction. Whatever fails in it undoes all of it.
    pub(super) fn update(&mut self, block: impl FnOnce(&mut Driver) -> Done<()>) -> Done<Commit> {
        self.store.begin();
        self.check();
        match block(self).and_then(|()| self.rounds()) {
            Ok(()) => {
                let (commit, leftovers) = self.store.commit(true);
                drop(leftovers);
                self.check();
                commit.ok_or_else(|| unreachable!("it was asked to tell"))
            }
            Err(stop) => {
                drop(self.store.rollback());
                drop(self.store.end());
                self.check();
                Err(stop)
            }
        }
    }

    /// A block within a transaction: what fails in it undoes it alone.
    pub(super) fn nested(&mut self, block: impl FnOnce(&mut Driver) -> Done<()>) -> Done<()> {
        self.store.savepoint();
        let done = block(self);
        if done.is_err() {
            drop(self.store.rollback_to_savepoint());
        }
        self.store.release_savepoint();
        self.check();
        done
    }

    /// Rounds until none is due.
    pub(super) fn rounds(&mut self) -> Done<()> {
        loop {
            self.store.begin_round()?;
            self.cascade()?;
            let mut waiting = self.store.waiting_hooks();
            while let Some(hook) = self.store.next_hook(&mut waiting) {
                if let Body::Hook(run) = hook.body() {
                    self.ran.push((hook.name().to_owned(), Key::NONE));
                    self.faults.pass()?;
                    run(self)?;
                    self.faults.pass()?;
                }
            }
            let again = self.sure(Store::update_with_status)?;
            self.check();
            if !again {
                return Ok(());
            }
        }
    }

    /// Drains the queue. A failure that still stands then is raised.
    pub(super) fn cascade(&mut self) -> Done<()> {
        self.store.begin_drain();
        let done = self.run(Goal::All);
        self.store.end_drain();
        done?;
        match self.store.take_failure() {
            Some(failure) => Err(Stop::Failed(failure)),
            None => Ok(()),
        }
    }

    // ---------------------------------------------------------------- jobs

    /// An operation of the core; where that is unsure, the driver finds out and repeats it.
    pub(super) fn sure<T>(
        &mut self,
        mut operation: impl FnMut(&mut Store<TestHost>) -> Result<T, TestHost>,
    ) -> Done<T> {
        let answer = loop {
            match operation(&mut self.store) {
                Err(Error::Unsure(pairs)) => {
                    if let Err(stop) = pairs.into_iter().try_for_each(|pair| self.decide(pair)) {
                        break Err(stop);
                    }
                }
                answer => break answer.map_err(Stop::from),
            }
        };
        drop(self.store.forget_verdicts());
        answer
    }

    fn decide(&mut self, pair: Pair<TestHost>) -> Done<()> {
        self.faults.pass()?;
        let equal = decide(&pair);
        self.store.decide(pair, equal);
        Ok(())
    }

    /// Runs what is due, as far as the goal asks.
    fn run(&mut self, goal: Goal) -> Done<()> {
        while let Some(job) = self.sure(|store| store.next_job(goal))? {
            match job {
                Job::Batch(batch) => self.run_batch(&Rc::from(batch))?,
                Job::Map(job) => self.run_mapper(&job)?,
                Job::Fold(job) => self.run_fold(&job)?,
                Job::Lazy(job) => drop(self.run_lazy(&job)?),
            }
        }
        Ok(())
    }

    /// Calls the mapper for all that it can, then takes what it gave. What came out of the last call, where that used the
    /// store or failed, is judged as that of any job.
    fn run_batch(&mut self, batch: &Rc<Batch<TestHost>>) -> Done<()> {
        let mut outputs = Vec::new();
        let mut last = None;
        for at in 0..batch.keys.len() {
            let job = batch.job(at).expect("it is in the batch");
            self.store.running = Some((Rc::clone(batch), at));
            let outcome = self.call_mapper(&job);
            let entered = self.store.running.take().is_none();
            match outcome {
                Ok(given) if !entered => outputs.push(given),
                outcome => {
                    if !entered {
                        self.store.enter_batch(batch, at);
                    }
                    last = Some(outcome);
                    break;
                }
            }
        }
        let mut done = 0;
        if let Err(error) = self.sure(|store| store.finish_batch(batch, &mut outputs, &mut done)) {
            // An `==` that raised breaks off the mapper, and what it gave is not taken.
            if last.is_some() {
                self.store.abort_job();
            }
            self.store.return_outputs(batch, done, outputs.len());
            return Err(error);
        }
        last.map_or(Ok(()), |outcome| self.end_mapper(outcome))
    }

    fn run_mapper(&mut self, job: &MapJob<TestHost>) -> Done<()> {
        let outcome = self.call_mapper(job);
        self.end_mapper(outcome)
    }

    fn call_mapper(&mut self, job: &MapJob<TestHost>) -> Done<Outputs<V>> {
        let Body::Mapper(mapper) = job.mapper.body() else { return Err(raise("no mapper")) };
        self.ran.push((job.mapper.name().to_owned(), job.key().clone()));
        self.call(|d| mapper(d, job.key(), &job.values)).map(|outputs| outputs.into_iter().collect())
    }

    fn end_mapper(&mut self, outcome: Done<Outputs<V>>) -> Done<()> {
        match outcome {
            Ok(mut outputs) => {
                // An `==` that raises breaks the mapper off.
                self.sure(|store| store.finish_job(&mut outputs)).inspect_err(|_| self.store.abort_job())?;
            }
            Err(Stop::Failed(failure)) => self.store.fail_job(failure, false),
            Err(Stop::Blocked(failure)) => self.store.fail_job(failure, true),
            Err(fatal @ Stop::Fatal(_)) => {
                self.store.abort_job();
                return Err(fatal);
            }
        }
        Ok(())
    }

    /// Runs user code, which may fail before it has done anything and when it has done all.
    fn call<T>(&mut self, code: impl FnOnce(&mut Driver) -> Done<T>) -> Done<T> {
        self.faults.pass()?;
        let done = code(self)?;
        self.faults.pass()?;
        Ok(done)
    }

    /// The values, where they are for the reader alone.
    fn run_lazy(&mut self, job: &LazyJob<TestHost>) -> Done<Option<Vec<V>>> {
        let Body::Mapper(function) = job.code.body() else { return Err(raise("no function")) };
        self.ran.push((job.code.name().to_owned(), job.key.clone()));
        let outputs = match self.call(|d| function(d, &job.key, &[])) {
            Ok(outputs) => outputs,
            Err(stop) => {
                let fatal = self.lazy_failed(job, &stop);
                return if job.asked || fatal { Err(stop) } else { Ok(None) };
            }
        };
        let mut values = outputs.into_iter().map(|(_, value)| value).collect();
        match self.sure(|store| store.finish_lazy(job, &mut values)) {
            Ok(computed) => Ok((job.asked && computed == Computed::Loose).then(|| values.into_vec())),
            Err(stop) => {
                self.lazy_failed(job, &stop);
                Err(stop)
            }
        }
    }

    /// Takes the job down; whether it was broken off.
    fn lazy_failed(&mut self, job: &LazyJob<TestHost>, stop: &Stop) -> bool {
        let fatal = matches!(stop, Stop::Fatal(_));
        if fatal {
            self.store.abort_lazy();
        } else {
            self.store.fail_lazy(job);
        }
        fatal
    }

    /// The values of a key of a lazy directory, within a transaction.
    pub(super) fn lazy(&mut self, of: &str, key: i64) -> Done<Vec<V>> {
        let (of, key) = (name(of), Key::int(key));
        loop {
            let id = self.store.look_up(&of).ok_or_else(|| raise("no lazy directory"))?;
            while let Some(due) = self.store.pull_for_lazy(id, &key) {
                self.run(Goal::Upstream(due))?;
            }
            match self.sure(|store| store.read_lazy(id, &key))? {
                LazyRead::Known(values) => return Ok(values.into_vec()),
                LazyRead::Run(job) => {
                    if let Some(values) = self.run_lazy(&job)? {
                        return Ok(values);
                    }
                }
            }
        }
    }

    fn run_fold(&mut self, job: &FoldJob<TestHost>) -> Done<()> {
        match self.call(|d| fold(job, || d.store.members_of(job)).map_err(Stop::Failed)) {
            Ok((acc, value)) => self
                .sure(|store| store.finish_fold(job, acc.as_ref(), &value))
                .inspect_err(|_| self.store.abort_fold(job))?,
            Err(Stop::Failed(failure) | Stop::Blocked(failure)) => self.store.fail_fold(job, failure),
            Err(fatal @ Stop::Fatal(_)) => {
                self.store.abort_fold(job);
                return Err(fatal);
            }
        }
        Ok(())
    }

    // ---------------------------------------------------------------- directories

    pub(super) fn make(&mut self, of: &str, spec: &Spec<TestHost>) -> Done<NameId> {
        let of = name(of);
        let id = self.sure(|store| store.make(&of, spec))?;
        // Outside of mappers a directory is computed when it is made; inside, when it is read, or later.
        if !self.store.in_mapper() && matches!(spec, Spec::Derived { .. }) {
            self.run(Goal::Only(id))?;
        }
        self.check();
        Ok(id)
    }

    /// Asks for the previous directory.
    pub(super) fn previous(&mut self, of: &str) -> Done<NameId> {
        let id = self.store.previous(&name(of))?;
        self.check();
        Ok(id)
    }

    /// A read of a lazy directory outside of a transaction: over a clone of the version, which takes over what came.
    pub(super) fn lazy_beside(&mut self, of: &str, key: i64) -> Done<Vec<V>> {
        let beside = self.store.beside();
        let of_all = std::mem::replace(&mut *self.store, beside);
        let values = self.lazy(of, key);
        let beside = std::mem::replace(&mut *self.store, of_all);
        drop(self.store.take_over(beside));
        self.check();
        values
    }

    pub(super) fn remove(&mut self, of: &str) -> Done<()> {
        self.store.remove_dir(&name(of), false, false)?;
        self.check();
        Ok(())
    }

    pub(super) fn set(&mut self, of: &str, key: i64, values: Vec<V>) -> Done<()> {
        self.set_key(of, &Key::int(key), values)
    }

    pub(super) fn set_key(&mut self, of: &str, key: &Key, values: Vec<V>) -> Done<()> {
        let mut values = values.into_iter().collect();
        let id = self.store.writable(&name(of))?;
        self.sure(|store| store.set_values(id, key, &mut values))?;
        self.check();
        Ok(())
    }

    pub(super) fn clear(&mut self, of: &str) -> Done<()> {
        let id = self.store.writable(&name(of))?;
        self.store.clear(id);
        self.check();
        Ok(())
    }

    // ---------------------------------------------------------------- reads

    /// The directory of a name, to be read. What it hangs on is brought up to date first, which may remove it.
    pub(super) fn find(&mut self, of: &str) -> Done<Option<NameId>> {
        let of = name(of);
        let mut found = self.store.look_up(&of);
        while let Some(id) = found.filter(|&id| self.store.needs_pull(id)) {
            self.run(Goal::Upstream(id))?;
            found = self.store.look_up(&of);
            if found == Some(id) {
                break;
            }
        }
        Ok(found)
    }

    pub(super) fn exists(&mut self, of: &str) -> Done<bool> {
        Ok(self.find(of)?.is_some())
    }

    fn read<T>(&mut self, of: &str, tag: Tag, read: impl FnOnce(crate::View<'_, TestHost>) -> T) -> Done<T> {
        let missing = || Stop::Failed(Failure::Refused(Refusal::NotFound(name(of))));
        let id = self.find(of)?.ok_or_else(missing)?;
        self.store.note_read(id, || tag);
        self.store.directory(id).map(read).ok_or_else(missing)
    }

    pub(super) fn get(&mut self, of: &str, key: i64) -> Done<Vec<V>> {
        let key = Key::int(key);
        self.read(of, Tag::Key(key.clone()), |view| {
            view.get(&key).map_or(Vec::new(), |values| values.iter().cloned().collect())
        })
    }

    pub(super) fn size(&mut self, of: &str) -> Done<usize> {
        self.read(of, Tag::Size, |view| view.len())
    }

    pub(super) fn is_empty(&mut self, of: &str) -> Done<bool> {
        self.read(of, Tag::Emptiness, |view| view.is_empty())
    }

    pub(super) fn all(&mut self, of: &str) -> Done<Vec<(Key, Vec<V>)>> {
        self.read(of, Tag::All, |view| rows(view.walk(false)))
    }

    pub(super) fn between(&mut self, of: &str, lo: i64, hi: i64) -> Done<Vec<(Key, Vec<V>)>> {
        let (lo, hi) = (Key::int(lo), Upper::Key(Key::int(hi)));
        self.read(of, Tag::Range(lo.clone(), hi.clone()), |view| rows(view.walk_between(&lo, &hi)))
    }

    pub(super) fn names(&mut self) -> Vec<Name> {
        self.store.track_names();
        self.store.names()
    }

    /// A directory as text, from outside of mappers.
    pub(super) fn shown(&mut self, of: &str) -> String {
        match self.all(of) {
            Ok(rows) => show(&rows),
            Err(_) => "none".to_owned(),
        }
    }

    pub(super) fn kind(&self, of: &str) -> Option<DirKind> {
        Some(self.store.directory(self.store.find(&name(of))?)?.kind())
    }

    /// Names of the mappers that ran since this was asked last.
    pub(super) fn ran(&mut self) -> Vec<String> {
        std::mem::take(&mut self.ran).into_iter().map(|(name, key)| format!("{name} {key}")).collect()
    }

    // ---------------------------------------------------------------- checks

    fn check(&self) {
        if self.checks && !self.store.in_mapper() {
            self.store.check_invariants().unwrap();
        }
    }
}

fn rows(rows: crate::Rows<TestHost>) -> Vec<(Key, Vec<V>)> {
    rows.map(|(key, values)| (key, values.into_iter().collect())).collect()
}

pub(super) fn show(rows: &[(Key, Vec<V>)]) -> String {
    let rows: Vec<String> = rows.iter().map(|(key, values)| format!("{key}: {values:?}")).collect();
    rows.join(", ")
}

type Folded = std::result::Result<(Option<V>, V), Failure>;

/// What user code makes of a key that the core can't fold alone. The reducer `raises` does so where 13 comes.
fn fold(job: &FoldJob<TestHost>, members: impl FnOnce() -> Vec<V>) -> Folded {
    let sum = |values: &[V]| values.iter().map(V::int).sum::<i64>();
    match (&job.fold, &job.acc) {
        (Fold::User(code), _) if code.name() == "raises" && job.come.iter().any(|value| value.int() == 13) => {
            Err(Failure::Raised("reducer of 13".to_owned()))
        }
        (Fold::User(_), Some(acc)) if job.gone.iter().all(|value| value.int() % 2 == 0) => {
            let acc = V::Int(acc.int() - sum(&job.gone) + sum(&job.come));
            Ok((Some(acc.clone()), acc))
        }
        (Fold::User(_), None) => {
            let acc = V::Int(sum(&job.come));
            assert!(job.gone.is_empty(), "nothing went of what was not folded yet");
            assert_eq!(format!("{:?}", members()), format!("{:?}", job.come), "come is all there is");
            Ok((Some(acc.clone()), acc))
        }
        (Fold::User(_), Some(_)) => {
            let acc = V::Int(sum(&members()));
            Ok((Some(acc.clone()), acc))
        }
        (built_in, _) => Ok((None, super::host::text(&format!("{built_in:?} of {:?}", members())))),
    }
}
