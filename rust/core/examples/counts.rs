//! The core's work, driven by plain closures, for `valgrind --tool=callgrind`: `make counts`.
//!
//! ```text
//! counts                   lists the scenarios
//! counts single_key        prepares a store, does one scenario, checks what came out, prints how often it did it
//! ```
//!
//! Only [`measured`] is counted (`--toggle-collect`), so that preparing a store and checking it are in no figure. Instructions
//! are the same whatever else the machine does; `benchmarks/counts.json` keeps them, with a bound for each.

use std::hint::black_box;
use std::rc::Rc;

use livedirs_core::number::Number;
use livedirs_core::{
    Batch, Error, Fold, Goal, Host, Job, Key, KeyRef, Name, NameId, Op, Options, Outputs, Parent, Rank, Same, Spec,
    Store, Upper, Value,
};

const KEYS: i64 = 10_000;
const GROUPS: i64 = 100;
const LINKS: i64 = 20;
const OUTPUTS: i64 = 1_000;
const READERS: i64 = 10;

struct Plain;

impl Host for Plain {
    type Value = Int;
    type Code = Code;
    type Failure = ();

    // Nothing else runs; what is fetched is none of the instructions that are counted.
    fn breathe(_: bool) {}

    fn fetch(_: usize) {}
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Int(i64);

impl Same for Int {
    fn address(&self) -> usize {
        0
    }

    fn same(&self, other: &Self) -> Option<bool> {
        Some(self == other)
    }
}

impl Value for Int {
    fn number(&self) -> Option<Number> {
        Some(Number::Int(self.0))
    }

    fn int(&self) -> Option<i64> {
        Some(self.0)
    }

    fn from_number(number: Number) -> Option<Self> {
        let Number::Int(value) = number else { panic!("sums stay small here") };
        Some(Int(value))
    }

    fn rank(&self) -> Rank {
        Rank::Number(Key::int(self.0))
    }
}

type Mapper = dyn Fn(&mut Driver, i64, i64) -> Vec<(i64, i64)>;

#[derive(Clone)]
struct Code(Rc<Mapper>);

impl Same for Code {
    fn address(&self) -> usize {
        Rc::as_ptr(&self.0).cast::<u8>() as usize
    }

    fn same(&self, other: &Self) -> Option<bool> {
        Some(Rc::ptr_eq(&self.0, &other.0))
    }
}

fn code(mapper: impl Fn(&mut Driver, i64, i64) -> Vec<(i64, i64)> + 'static) -> Code {
    Code(Rc::new(mapper))
}

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

fn int(key: &Key) -> i64 {
    let KeyRef::Int(key) = key.view() else { panic!("keys are ints here") };
    key
}

/// What a host does to run the core. Ints are never unsure, and nothing fails.
struct Driver {
    store: Store<Plain>,
    /// A batch that runs, and the number of the job for which the mapper is at work, who has not reached for the store.
    running: Option<(Rc<Batch<Plain>>, usize)>,
}

fn sure<T>(answer: Result<T, Error<Plain>>) -> T {
    answer.unwrap_or_else(|_| panic!("nothing is refused here"))
}

impl Driver {
    fn new() -> Self {
        Driver { store: Store::new(Options::default()), running: None }
    }

    fn update(&mut self, block: impl FnOnce(&mut Self)) {
        self.store.begin();
        block(self);
        loop {
            sure(self.store.begin_round());
            self.store.begin_drain();
            self.run(Goal::All);
            self.store.end_drain();
            if !sure(self.store.update_with_status()) {
                break;
            }
        }
        drop(self.store.commit(false));
    }

    fn roll_back(&mut self, block: impl FnOnce(&mut Self)) {
        self.store.begin();
        block(self);
        drop(self.store.rollback());
        drop(self.store.end());
    }

    fn run(&mut self, goal: Goal) {
        while let Some(job) = sure(self.store.next_job(goal)) {
            match job {
                Job::Map(job) => {
                    let mut outputs = self.call(&job.mapper, job.key(), &job.values);
                    sure(self.store.finish_job(&mut outputs));
                }
                Job::Batch(batch) => self.run_batch(&Rc::from(batch)),
                _ => panic!("sums are folded by the core, and nothing is lazy"),
            }
        }
    }

    fn run_batch(&mut self, batch: &Rc<Batch<Plain>>) {
        let mut outputs = Vec::with_capacity(batch.keys.len());
        let mut last = None;
        for (at, (key, values)) in batch.keys.iter().zip(&batch.values).enumerate() {
            self.running = Some((Rc::clone(batch), at));
            let given = self.call(&batch.mapper, key, values);
            if self.running.take().is_none() {
                last = Some(given);
                break;
            }
            outputs.push(given);
        }
        sure(self.store.finish_batch(batch, &mut outputs, &mut 0));
        if let Some(mut given) = last {
            sure(self.store.finish_job(&mut given));
        }
    }

    fn call(&mut self, mapper: &Code, key: &Key, values: &[Int]) -> Outputs<Int> {
        let mut outputs = Outputs::new();
        for value in values {
            let pairs = (mapper.0)(self, int(key), value.0);
            outputs.extend(pairs.into_iter().map(|(key, value)| (Key::int(key), Int(value))));
        }
        outputs
    }

    /// The mapper at work reaches for the store.
    fn enter(&mut self) {
        if let Some((batch, at)) = self.running.take() {
            self.store.enter_batch(&batch, at);
        }
    }

    fn make(&mut self, of: &str, spec: &Spec<Plain>) -> NameId {
        self.enter();
        let id = sure(self.store.make(&name(of), spec));
        if !self.store.in_mapper() && matches!(spec, Spec::Derived { .. }) {
            self.run(Goal::Only(id));
        }
        id
    }

    fn input(&mut self, of: &str, rows: impl Iterator<Item = (i64, i64)>) -> NameId {
        let rows = rows.map(|(key, value)| (Key::int(key), vec![Int(value)])).collect();
        self.make(of, &Spec::Input { rows, hooks: None })
    }

    fn map(&mut self, of: &str, parent: &str, op: Op<Code>, fold: Option<Fold<Code>>) -> NameId {
        let parents = vec![Parent { name: name(parent), op, within: None }];
        self.make(of, &Spec::Derived { parents, fold, shared: false })
    }

    fn set(&mut self, id: NameId, key: i64, value: i64) {
        let mut values = std::iter::once(Int(value)).collect();
        sure(self.store.set_values(id, &Key::int(key), &mut values));
    }

    fn get(&self, id: NameId, key: i64) -> i64 {
        let view = self.store.directory(id).expect("a directory");
        let found = view.get(&Key::int(key)).and_then(|values| values.iter().next().copied());
        found.expect("a row").0
    }

    /// A read inside a mapper, which is a dependency.
    fn read(&mut self, of: &Name, hint: NameId, key: i64) -> i64 {
        self.enter();
        let id = self.store.look_up_at(of, hint).expect("a directory");
        let key = Key::int(key);
        self.store.note_read(id, || livedirs_core::Tag::Key(key.clone()));
        let view = self.store.directory(id).expect("a directory");
        view.get(&key).and_then(|values| values.iter().next().copied()).expect("a row").0
    }
}

/// What is counted.
#[inline(never)]
fn measured(work: impl FnOnce()) {
    black_box(work)();
}

/// `/input/`, `/doubled/` and `/totals/`, as the benchmarks have them.
struct Tables {
    driver: Driver,
    input: NameId,
    doubled: NameId,
    totals: NameId,
}

fn tables() -> Tables {
    let mut driver = Driver::new();
    let mut ids = None;
    driver.update(|driver| {
        let input = driver.input("/input/", (0..KEYS).map(|key| (key, 1)));
        let doubled = driver.map("/doubled/", "/input/", Op::Map(code(|_, key, value| vec![(key, 2 * value)])), None);
        let group = Op::Map(code(|_, key, value| vec![(key % GROUPS, value)]));
        let totals = driver.map("/totals/", "/input/", group, Some(Fold::Sum));
        ids = Some((input, doubled, totals));
    });
    let (input, doubled, totals) = ids.expect("made");
    Tables { driver, input, doubled, totals }
}

/// Writes that are the same in each run, and spread over the keys.
fn work(count: i64, keys: i64) -> impl Iterator<Item = (i64, i64)> {
    (1..=count).map(move |turn| ((turn * 7_919) % keys, turn))
}

fn build() -> i64 {
    let mut made = None;
    measured(|| made = Some(tables()));
    let made = made.expect("made");
    assert_eq!(made.driver.get(made.totals, 7), KEYS / GROUPS);
    KEYS
}

fn single_key() -> i64 {
    let Tables { mut driver, input, doubled, totals } = tables();
    let count = 500;
    let mut read = 0;
    measured(|| {
        for (key, value) in work(count, KEYS) {
            driver.update(|driver| driver.set(input, key, value));
            read += driver.get(doubled, key) + driver.get(totals, key % GROUPS);
        }
    });
    assert_eq!(driver.get(doubled, 7_919), 2);
    assert!(read > 0);
    count
}

fn batch() -> i64 {
    let Tables { mut driver, input, totals, .. } = tables();
    measured(|| {
        driver.update(|driver| {
            for key in 0..KEYS {
                driver.set(input, key, 2);
            }
        });
    });
    assert_eq!(driver.get(totals, 7), 2 * KEYS / GROUPS);
    KEYS
}

fn fan_out() -> i64 {
    let mut driver = Driver::new();
    let mut ids = None;
    driver.update(|driver| {
        let input = driver.input("/input/", std::iter::once((0, 1)));
        let spread = code(|_, _, value| (0..OUTPUTS).map(|output| (output, value + output)).collect());
        ids = Some((input, driver.map("/spread/", "/input/", Op::Map(spread), None)));
    });
    let (input, spread) = ids.expect("made");
    let count = 10;
    measured(|| {
        for turn in 0..count {
            driver.update(|driver| driver.set(input, 0, turn + 2));
        }
    });
    assert_eq!(driver.get(spread, 5), count + 1 + 5);
    count
}

fn fan_in() -> i64 {
    let mut driver = Driver::new();
    let mut ids = None;
    driver.update(|driver| {
        let input = driver.input("/input/", (0..1_000).map(|key| (key, 1)));
        let to_one = code(|_, _, value| vec![(0, value)]);
        ids = Some((input, driver.map("/total/", "/input/", Op::Map(to_one), Some(Fold::Sum))));
    });
    let (input, total) = ids.expect("made");
    let count = 500;
    measured(|| {
        for (key, value) in work(count, 1_000) {
            driver.update(|driver| driver.set(input, key, value));
        }
    });
    assert_eq!(driver.get(total, 0), 500 + (1..=count).sum::<i64>());
    count
}

fn chain() -> i64 {
    let mut driver = Driver::new();
    let mut ids = None;
    driver.update(|driver| {
        let input = driver.input("/link/0/", (0..1_000).map(|key| (key, 1)));
        let mut last = input;
        for link in 1..=LINKS {
            let plus_one = Op::Map(code(|_, key, value| vec![(key, value + 1)]));
            last = driver.map(&format!("/link/{link}/"), &format!("/link/{}/", link - 1), plus_one, None);
        }
        ids = Some((input, last));
    });
    let (input, last) = ids.expect("made");
    let count = 100;
    measured(|| {
        for (key, value) in work(count, 1_000) {
            driver.update(|driver| driver.set(input, key, value + 1));
        }
    });
    assert_eq!(driver.get(last, 919), 2 + LINKS);
    count
}

fn join() -> i64 {
    let mut driver = Driver::new();
    let mut ids = None;
    driver.update(|driver| {
        let input = driver.input("/input/", (0..1_000).map(|key| (key, 1)));
        driver.input("/left/", (0..1_000 * READERS).map(|left| (left, left % 1_000)));
        let read = name("/input/");
        let look_up = code(move |driver, left, key| vec![(left, driver.read(&read, input, key) + 1)]);
        ids = Some((input, driver.map("/joined/", "/left/", Op::Map(look_up), None)));
    });
    let (input, joined) = ids.expect("made");
    driver.update(|driver| driver.set(input, 0, 2)); // what building it all freed is sorted by malloc once
    let count = 100;
    measured(|| {
        for (key, value) in work(count, 1_000) {
            driver.update(|driver| driver.set(input, key, value + 1));
        }
    });
    assert_eq!(driver.get(joined, 8_919), 3);
    count
}

/// A slice of three keys, made and removed in two transactions.
fn churn() -> i64 {
    let Tables { mut driver, .. } = tables();
    let count = 500;
    let before = driver.store.stats();
    measured(|| {
        for (low, _) in work(count, KEYS - 2) {
            driver.update(|driver| {
                let within = Some(vec![(Key::int(low), Upper::Key(Key::int(low + 2)))]);
                let parents = vec![Parent { name: name("/input/"), op: Op::Same, within }];
                driver.make("/slice/", &Spec::Derived { parents, fold: None, shared: false });
            });
            driver.update(|driver| _ = sure(driver.store.remove_dir(&name("/slice/"), false, false)));
        }
    });
    let after = driver.store.stats();
    assert_eq!((before.dirs, before.keys, before.names), (after.dirs, after.keys, after.names));
    count
}

fn empty() -> i64 {
    let Tables { mut driver, .. } = tables();
    let count = 1_000;
    measured(|| (0..count).for_each(|_| driver.update(|_| ())));
    count
}

fn snapshot() -> i64 {
    let Tables { mut driver, input, .. } = tables();
    let count = 1_000;
    measured(|| (0..count).for_each(|_| drop(driver.store.published())));
    driver.update(|driver| driver.set(input, 1, 5));
    count
}

fn fork() -> i64 {
    let Tables { mut driver, .. } = tables();
    let count = 1_000;
    measured(|| (0..count).for_each(|_| drop(driver.store.fork())));
    count
}

fn rollback() -> i64 {
    let Tables { mut driver, input, .. } = tables();
    let count = 10_000;
    measured(|| {
        driver.roll_back(|driver| {
            for key in 0..count {
                driver.set(input, key, 2);
            }
        });
    });
    assert_eq!(driver.get(input, 7), 1);
    count
}

fn poll_nothing() -> i64 {
    let Tables { mut driver, .. } = tables();
    let tick = driver.store.tick();
    let cursor = sure(driver.store.open_cursor(Some(&name("/input/")), Some(tick), true));
    let count = 1_000;
    measured(|| (0..count).for_each(|_| drop(black_box(driver.store.poll(cursor)))));
    count
}

/// All keys change, and each feeds a sum of its own, due in the opposite order; for each key.
fn groups() -> i64 {
    let mut driver = Driver::new();
    let mut ids = None;
    driver.update(|driver| {
        let input = driver.input("/input/", (0..KEYS).map(|key| (key, 1)));
        let apart = Op::Map(code(|_, key, value| vec![(KEYS - key, value)]));
        ids = Some((input, driver.map("/apart/", "/input/", apart, Some(Fold::Sum))));
    });
    let (input, apart) = ids.expect("made");
    measured(|| {
        driver.update(|driver| {
            for key in 0..KEYS {
                driver.set(input, key, 2);
            }
        });
    });
    assert_eq!(driver.get(apart, 7), 2);
    KEYS
}

/// All keys go while a reader lags, each of which leaves a tombstone; for each key.
fn clear_followed() -> i64 {
    let Tables { mut driver, input, .. } = tables();
    let tick = driver.store.tick();
    sure(driver.store.open_cursor(Some(&name("/input/")), Some(tick), true));
    measured(|| driver.update(|driver| driver.store.clear(input)));
    assert_eq!(driver.store.stats().key_tombstones, usize::try_from(KEYS).expect("few"));
    KEYS
}

type Scenario = (&'static str, fn() -> i64);

const SCENARIOS: &[Scenario] = &[
    ("build", build),
    ("single_key", single_key),
    ("batch", batch),
    ("groups", groups),
    ("fan_out", fan_out),
    ("fan_in", fan_in),
    ("chain", chain),
    ("join", join),
    ("churn", churn),
    ("empty", empty),
    ("snapshot", snapshot),
    ("fork", fork),
    ("rollback", rollback),
    ("poll_nothing", poll_nothing),
    ("clear_followed", clear_followed),
];

fn main() {
    let asked = std::env::args().nth(1);
    for (scenario, run) in SCENARIOS {
        match &asked {
            None => println!("{scenario}"),
            Some(asked) if asked == scenario => println!("{}", run()),
            Some(_) => {}
        }
    }
}
