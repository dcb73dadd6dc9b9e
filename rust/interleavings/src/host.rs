//! A host among threads: what `rust/python/src/shared.rs`, `following.rs`, `cursor.rs` and `fork.rs` do, without Python.
//!
//! The lock is taken for moments. Whatever the binding does with Python in the middle of an operation is here a moment
//! without the lock, in which the scheduler may let others go on. The faults are what one could do wrong.

use std::collections::{BTreeMap, VecDeque};

use livedirs_core::{
    Base, Changes, Goal, Job, Key, Name, News, Options, Outputs, Polled, ReaderId, Spec, Store, Version, View, WatchId,
};

use crate::sync::{Arc, Condvar, Mutex, MutexGuard};
use crate::values::{Code, Int, Model};

/// What is done wrong on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// Who waits is registered after the lock under which nothing was found was released.
    LateWaiter,
    /// A version and its tick are read under two locks.
    TwoLocks,
    /// What was told counts, though the cursor has moved since.
    StaleStep,
    /// The turn is given up without waking the next.
    LostTurn,
}

/// A thread that waits is woken once.
#[derive(Default)]
struct Signal {
    is_set: Mutex<bool>,
    set: Condvar,
}

impl Signal {
    fn set(&self) {
        *self.is_set.lock().unwrap() = true;
        self.set.notify_all();
    }

    fn wait(&self) {
        let mut is_set = self.is_set.lock().unwrap();
        while !*is_set {
            is_set = self.set.wait(is_set).unwrap();
        }
    }
}

type Told = Arc<dyn Fn(&Changes<Int>) + Send + Sync>;

struct Inner {
    store: Store<Model>,
    /// Whether somebody has a transaction open.
    taken: bool,
    turns: VecDeque<Arc<Signal>>,
    waiters: BTreeMap<WatchId, Vec<Arc<Signal>>>,
    subscribers: BTreeMap<ReaderId, Told>,
    callbacks: VecDeque<(ReaderId, Arc<Changes<Int>>)>,
    calling: bool,
}

/// A store among threads.
pub struct Host {
    inner: Mutex<Inner>,
    fault: Fault,
}

/// What a reader heard.
#[derive(Debug)]
pub enum Heard {
    News(News<Int>),
    Nothing,
    Closed,
}

impl Host {
    #[must_use]
    pub fn new(fault: Fault) -> Arc<Self> {
        Host::over(Store::new(Options::default()), fault)
    }

    fn over(store: Store<Model>, fault: Fault) -> Arc<Self> {
        let inner = Inner {
            store,
            taken: false,
            turns: VecDeque::new(),
            waiters: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            callbacks: VecDeque::new(),
            calling: false,
        };
        Arc::new(Host { inner: Mutex::new(inner), fault })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    // ---------------------------------------------------------------- transactions

    fn take_turn<'a>(&'a self, mut guard: MutexGuard<'a, Inner>) {
        let mut again = false;
        while guard.taken {
            let signal = Arc::new(Signal::default());
            if again {
                guard.turns.push_front(Arc::clone(&signal));
            } else {
                guard.turns.push_back(Arc::clone(&signal));
            }
            again = true;
            drop(guard);
            signal.wait();
            guard = self.lock();
        }
        guard.taken = true;
        guard.store.begin();
    }

    fn give_turn(&self, inner: &mut Inner, committed: bool) {
        inner.taken = false;
        inner.take_left(committed);
        if let Some(signal) = inner.turns.pop_front()
            && self.fault != Fault::LostTurn
        {
            signal.set();
        }
    }

    /// Waits for the turn, and opens a transaction.
    pub fn update(&self) -> Transaction<'_> {
        self.take_turn(self.lock());
        Transaction { host: self }
    }

    fn undo(&self) {
        let mut guard = self.lock();
        let undone = guard.store.rollback();
        let left = guard.store.end();
        self.give_turn(&mut guard, false);
        drop(guard);
        drop((undone, left));
    }

    fn drain(&self, goal: Goal) {
        loop {
            let job = self.lock().store.next_job(goal).expect("nothing is unsure");
            let call = |mapper: &Code, key: &Key, values: &[Int]| -> Outputs<Int> {
                values.iter().map(|value| (key.clone(), Int((*mapper.0)(value.0)))).collect()
            };
            match job {
                Some(Job::Map(job)) => {
                    let mut outputs = call(&job.mapper, job.key(), &job.values);
                    self.lock().store.finish_job(&mut outputs).expect("nothing is unsure");
                }
                Some(Job::Batch(batch)) => {
                    let rows = batch.keys.iter().zip(&batch.values);
                    let mut outputs: Vec<_> = rows.map(|(key, values)| call(&batch.mapper, key, values)).collect();
                    self.lock().store.finish_batch(&batch, &mut outputs, &mut 0).expect("nothing is unsure");
                }
                _ => return,
            }
        }
    }

    /// Rounds until none is due, with the lock released wherever the binding releases it.
    fn rounds(&self) {
        loop {
            let mut guard = self.lock();
            guard.store.begin_round().expect("few rounds");
            guard.store.begin_drain();
            drop(guard);
            self.drain(Goal::All);
            let mut guard = self.lock();
            guard.store.end_drain();
            if !guard.store.update_with_status().expect("nothing is unsure") {
                return;
            }
        }
    }

    /// Publishes the transaction that is open. Callbacks are left to [`Host::call_callbacks`].
    fn publish(&self) -> Version<Model> {
        let mut guard = self.lock();
        let (_, left) = guard.store.commit(false);
        let version = guard.store.published();
        self.give_turn(&mut guard, true);
        drop(guard);
        drop(left);
        version
    }

    fn call_callbacks(&self) {
        {
            let mut guard = self.lock();
            if guard.callbacks.is_empty() || guard.calling {
                return;
            }
            guard.calling = true;
        }
        loop {
            let mut guard = self.lock();
            let Some((id, changes)) = guard.callbacks.pop_front() else {
                guard.calling = false;
                return;
            };
            let Some(told) = guard.subscribers.get(&id).cloned() else { continue };
            drop(guard);
            told(&changes);
        }
    }

    // ---------------------------------------------------------------- readers

    /// Opens a cursor; `None` where there is no such directory.
    pub fn cursor(&self, of: Option<&Name>, since: Option<u64>) -> Option<ReaderId> {
        self.lock().store.open_cursor(of, since, false).ok()
    }

    /// What is new; where nothing is, the waiter waits from the same moment on.
    fn look(&self, id: ReaderId, waiter: Option<&Arc<Signal>>) -> Heard {
        loop {
            let mut guard = self.lock();
            let (news, step) = match guard.store.poll(id) {
                None => return Heard::Closed,
                Some(Polled::Nothing) => {
                    if self.fault == Fault::LateWaiter {
                        drop(guard);
                        guard = self.lock();
                    }
                    if let (Some(waiter), Some(watch)) = (waiter, guard.store.watch_of_cursor(id)) {
                        guard.waiters.entry(watch).or_default().push(Arc::clone(waiter));
                    }
                    return Heard::Nothing;
                }
                Some(Polled::News(news, step)) => (news, step),
            };
            drop(guard);
            if self.lock().store.advance(step) || self.fault == Fault::StaleStep {
                return Heard::News(news);
            }
        }
    }

    pub fn poll(&self, id: ReaderId) -> Heard {
        self.look(id, None)
    }

    /// Waits for a commit that concerns the cursor; `None` where it is closed.
    pub fn wait(&self, id: ReaderId) -> Option<News<Int>> {
        loop {
            let signal = Arc::new(Signal::default());
            match self.look(id, Some(&signal)) {
                Heard::News(news) => return Some(news),
                Heard::Closed => return None,
                Heard::Nothing => signal.wait(),
            }
        }
    }

    pub fn close_cursor(&self, id: ReaderId) {
        let mut guard = self.lock();
        guard.store.close_cursor(id);
        guard.take_left(false);
    }

    /// Calls `told` after each commit that concerns the directory.
    pub fn subscribe(&self, of: &Name, told: impl Fn(&Changes<Int>) + Send + Sync + 'static) -> Option<ReaderId> {
        let mut guard = self.lock();
        let id = guard.store.open_subscription(of, false).ok()?;
        guard.subscribers.insert(id, Arc::new(told));
        Some(id)
    }

    pub fn close_subscription(&self, id: ReaderId) {
        let mut guard = self.lock();
        guard.store.close_subscription(id);
        guard.subscribers.remove(&id);
    }

    /// The last commit's version, and its tick.
    pub fn snapshot(&self) -> (Version<Model>, u64) {
        let version = self.lock().store.published();
        let tick = if self.fault == Fault::TwoLocks { self.lock().store.published_tick() } else { version.tick() };
        (version, tick)
    }

    /// Asks the store itself.
    pub fn with<R>(&self, ask: impl FnOnce(&mut Store<Model>) -> R) -> R {
        ask(&mut self.lock().store)
    }

    /// Whether nobody waits, has a transaction open, or is yet to be called.
    pub fn is_idle(&self) -> bool {
        let guard = self.lock();
        !guard.taken && guard.turns.is_empty() && guard.waiters.is_empty() && guard.callbacks.is_empty()
    }
}

impl Inner {
    fn take_left(&mut self, committed: bool) {
        let left = self.store.take_left();
        for watch in left.woken {
            for signal in self.waiters.remove(&watch).unwrap_or_default() {
                signal.set();
            }
        }
        for id in left.ended {
            self.subscribers.remove(&id);
        }
        if committed {
            for delivery in left.deliveries {
                let changes = Arc::new(delivery.changes);
                self.callbacks.extend(delivery.to.into_iter().map(|id| (id, Arc::clone(&changes))));
            }
        }
    }
}

/// An open transaction: to be ended with `commit` or `rollback`. Each step takes the lock and releases it.
#[must_use = "it stays open"]
pub struct Transaction<'a> {
    host: &'a Host,
}

impl Transaction<'_> {
    /// Makes a directory, and computes it; whether it was not there.
    pub fn make(&self, name: &Name, spec: &Spec<Model>) -> bool {
        let made = self.host.lock().store.make(name, spec);
        let Ok(id) = made else { return false };
        if matches!(spec, Spec::Derived { .. }) {
            self.host.drain(Goal::Only(id));
        }
        true
    }

    /// Makes an input directory.
    pub fn mkdir(&self, name: &Name, rows: &[(i64, i64)]) -> bool {
        let rows = rows.iter().map(|&(key, value)| (Key::int(key), vec![Int(value)])).collect();
        self.make(name, &Spec::Input { rows, hooks: None })
    }

    /// Removes a directory; whether it was there.
    pub fn remove_dir(&self, name: &Name) -> bool {
        self.host.lock().store.remove_dir(name, true, true).is_ok_and(|was_there| was_there)
    }

    /// Sets a key, or removes it; whether there is the directory.
    pub fn set(&self, of: &Name, key: i64, value: Option<i64>) -> bool {
        let mut guard = self.host.lock();
        let Ok(id) = guard.store.writable(of) else { return false };
        let mut values = value.map(Int).into_iter().collect();
        guard.store.set_values(id, &Key::int(key), &mut values).is_ok()
    }

    /// What the transaction sees of a directory.
    #[must_use]
    pub fn rows(&self, of: &Name) -> Option<BTreeMap<Key, i64>> {
        let mut guard = self.host.lock();
        let id = guard.store.look_up(of)?;
        guard.store.directory(id).map(|view| rows(&view))
    }

    pub fn commit(self) {
        self.host.rounds();
        drop(self.host.publish());
        self.host.call_callbacks();
    }

    pub fn rollback(self) {
        self.host.undo();
    }
}

/// The rows of a directory, each with one value.
#[must_use]
pub fn rows(view: &View<'_, Model>) -> BTreeMap<Key, i64> {
    view.iter().filter_map(|(key, values)| Some((key.clone(), values.single()?.0))).collect()
}

/// A store over the version of another, and its way back.
pub struct Fork {
    pub host: Arc<Host>,
    parent: Arc<Host>,
    base: Mutex<Base<Model>>,
}

impl Fork {
    #[must_use]
    pub fn of(parent: &Arc<Host>) -> Self {
        let (store, base) = parent.lock().store.fork();
        Fork { host: Host::over(store, parent.fault), parent: Arc::clone(parent), base: Mutex::new(base) }
    }

    /// Takes both turns. Neither is waited for while the other is held.
    fn begin(&self) {
        let (mut first, mut second) = (&self.host, &self.parent);
        loop {
            first.take_turn(first.lock());
            let guard = second.lock();
            if !guard.taken {
                return second.take_turn(guard);
            }
            drop(guard);
            first.undo();
            std::mem::swap(&mut first, &mut second);
        }
    }

    /// Merges, with a rebase where the parent has moved.
    ///
    /// # Panics
    /// A mapper made a directory.
    pub fn merge(&self) {
        let base = {
            let base = self.base.lock().unwrap();
            Base { parent: base.parent.clone(), fork: base.fork.clone() }
        };
        self.begin();
        let (fork, parent) = (&self.host, &self.parent);
        let published = parent.lock().store.published();
        let moved = published.tick() != base.parent.tick();
        fork.lock().store.silence_hooks();
        if moved {
            let (steps, later) = fork.lock().store.steps_to_rebase(&published, &base).expect("nothing is unsure");
            // No mapper makes directories here, so nothing has to wait for the cascade.
            for mut step in steps.into_iter().chain(later) {
                fork.lock().store.take_step(&mut step).expect("no mapper makes directories");
            }
            fork.rounds();
        }
        let working = fork.lock().store.working();
        let steps = {
            let mut guard = parent.lock();
            guard.store.silence_hooks();
            guard.store.steps_to_merge(&working, &base)
        };
        for mut step in steps {
            parent.lock().store.take_step(&mut step).expect("no mapper makes directories");
        }
        parent.rounds();
        let version = parent.publish();
        let of_fork = if moved {
            fork.publish()
        } else {
            fork.undo();
            fork.lock().store.published()
        };
        *self.base.lock().unwrap() = Base { parent: version, fork: of_fork };
        parent.call_callbacks();
        fork.call_callbacks();
    }
}
