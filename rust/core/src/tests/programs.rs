//! Random programs and random transactions.
//!
//! A *program* is a few input directories and *stages*: derived directories whose mappers read and make whatever mappers
//! may, as data, so that a failing case can be printed. A stage reads only what comes before it, so for given inputs there
//! is one right answer. After each transaction:
//! * `check_invariants` holds, and so it did at every step within;
//! * `oracle_`: all directories are what the same program gives on a fresh store; if the transaction failed, all is as it
//!   was before, to the last count, and the program fails on a fresh store too;
//! * readers at all positions are told what the log of the test says, and tombstones are there exactly while one of them
//!   needs them;
//!
//! and at the end, all directories being removed, the store is as at its start.
//!
//! A failing case prints a test that can be pasted below.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use proptest::prelude::*;

use crate::tick::Tick;
use crate::{Changes, DirChanges, Fold, Key, News, Options, Parent, Polled, ReaderId, Spec, Stats, Upper};

use super::driver::{Done, Driver, hooked, input, mapped, name, passed, within};
use super::dump::dump;
use super::host::{Code, Ran, Stop, V, opaque, raise, text};

// -------------------------------------------------------------------- what is drawn

#[derive(Clone, Debug)]
struct Program {
    inputs: usize,
    stages: Vec<Stage>,
}

#[derive(Clone, Debug)]
struct Stage {
    from: Vec<From>,
    fold: Option<Reducer>,
}

#[derive(Clone, Debug)]
struct From {
    source: usize,
    range: Option<(i64, i64)>,
    rule: Option<Mapper>,
}

#[derive(Clone, Copy, Debug)]
enum Reducer {
    Sum,
    Count,
    Min,
    Max,
    Mean,
    User,
}

#[derive(Clone, Debug)]
struct Mapper {
    steps: Vec<Step>,
    gives: Gives,
}

#[derive(Clone, Debug)]
enum Step {
    /// Adds what it reads of a source.
    Read(usize, How),
    /// Adds what it reads of what a stage before may have made.
    ReadMade(usize, usize, How),
    /// Adds how many directories the stages before made.
    List,
    /// Makes a directory, unless what was added up says otherwise, and reads it.
    Make { unless: i64, by_sum: bool, what: What },
    /// Makes an input directory, reads it, writes to it, reads it again.
    Scratch,
    /// Raises if what was added up is this.
    Raise(i64),
}

#[derive(Clone, Debug)]
enum What {
    Rows,
    From { source: usize, fold: Option<Reducer>, shared: bool, unsure: bool, mapper: Vec<Mapper> },
}

#[derive(Clone, Copy, Debug)]
enum How {
    One(i64),
    Size,
    Emptiness,
    Existence,
    All,
    Between(i64, i64),
}

#[derive(Clone, Copy, Debug)]
enum Gives {
    Itself,
    Sum,
    Grouped(i64),
    Both,
    Twice,
    IfEven,
    Half,
    Words,
    Sealed,
    Nothing,
}

#[derive(Clone, Debug)]
enum Act {
    Set(usize, i64, Vec<Val>),
    Clear(usize),
    RemoveDir(usize),
    MakeDir(usize),
    Cascade,
    /// A block within; whether it fails.
    Nested(Vec<Act>, bool),
    /// These happen in the next round.
    Hook(Vec<Act>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Val {
    Int(i64),
    Half(i64),
    Word(i64),
    Seal(i64),
}

#[derive(Clone, Debug)]
enum Event {
    Update { acts: Vec<Act>, fails: bool },
    OpenOfDirs,
    OpenOfKeys(usize),
    Poll(usize),
    Close(usize),
}

#[derive(Clone)]
struct Case {
    program: Program,
    history: Tick,
    events: Vec<Event>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { program, history, events } = self;
        let text = format!("Case {{ program: {program:?}, history: {history}, events: {events:?} }}");
        write!(f, "\n#[test]\nfn pasted() {{\n    check(&{});\n}}\n", text.replace('[', "vec!["))
    }
}

// -------------------------------------------------------------------- how it is drawn

fn key() -> impl Strategy<Value = i64> {
    0i64..5
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        key().prop_map(How::One),
        Just(How::Size),
        Just(How::Emptiness),
        Just(How::Existence),
        Just(How::All),
        (key(), key()).prop_map(|(lo, hi)| How::Between(lo, hi)),
    ]
}

fn reducer() -> impl Strategy<Value = Reducer> {
    use Reducer::{Count, Max, Mean, Min, Sum, User};
    prop::sample::select(vec![Sum, Count, Min, Max, Mean, User])
}

fn gives() -> impl Strategy<Value = Gives> {
    use Gives::{Both, Grouped, Half, IfEven, Itself, Nothing, Sealed, Sum, Twice, Words};
    prop::sample::select(vec![
        Itself,
        Sum,
        Sum,
        Grouped(2),
        Grouped(1),
        Both,
        Twice,
        IfEven,
        Half,
        Words,
        Sealed,
        Nothing,
    ])
}

fn mapper(depth: u32) -> BoxedStrategy<Mapper> {
    let read = (0usize..6, how()).prop_map(|(source, how)| Step::Read(source, how));
    let read_made = (0usize..3, 0usize..3, how()).prop_map(|(stage, slot, how)| Step::ReadMade(stage, slot, how));
    let rows = Just(What::Rows).boxed();
    let what = if depth == 0 {
        rows
    } else {
        let nested = prop::collection::vec(mapper(depth - 1), 0..2);
        let from = (0usize..6, prop::option::of(reducer()), any::<bool>(), any::<bool>(), nested);
        let from =
            from.prop_map(|(source, fold, shared, unsure, mapper)| What::From { source, fold, shared, unsure, mapper });
        prop_oneof![1 => rows, 3 => from].boxed()
    };
    let make = (0i64..3, any::<bool>(), what).prop_map(|(unless, by_sum, what)| Step::Make { unless, by_sum, what });
    let step = prop_oneof![
        4 => read,
        3 => read_made,
        1 => Just(Step::List),
        6 => make,
        1 => Just(Step::Scratch),
        1 => (0i64..30).prop_map(Step::Raise),
    ];
    (prop::collection::vec(step, 0..4), gives()).prop_map(|(steps, gives)| Mapper { steps, gives }).boxed()
}

fn stage() -> impl Strategy<Value = Stage> {
    let range = prop::option::weighted(0.3, (key(), key()));
    let rule = prop::option::weighted(0.8, mapper(2));
    let from = (0usize..6, range, rule).prop_map(|(source, range, rule)| From { source, range, rule });
    let fold = prop::option::weighted(0.4, reducer());
    (prop::collection::vec(from, 1..4), fold).prop_map(|(from, fold)| Stage { from, fold })
}

fn val() -> impl Strategy<Value = Val> {
    prop_oneof![
        5 => (0i64..6).prop_map(Val::Int),
        1 => (0i64..6).prop_map(Val::Half),
        1 => (0i64..3).prop_map(Val::Word),
        1 => (0i64..3).prop_map(Val::Seal),
    ]
}

fn act(depth: u32) -> BoxedStrategy<Act> {
    let set = (0usize..3, key(), prop::collection::vec(val(), 0..3));
    let set = set.prop_map(|(input, key, values)| Act::Set(input, key, values));
    let flat = prop_oneof![
        24 => set,
        1 => (0usize..3).prop_map(Act::Clear),
        1 => (0usize..6).prop_map(Act::RemoveDir),
        3 => (0usize..6).prop_map(Act::MakeDir),
        1 => Just(Act::Cascade),
    ];
    if depth == 0 {
        return flat.boxed();
    }
    let nested = (acts(depth - 1, 4), any::<bool>()).prop_map(|(acts, fails)| Act::Nested(acts, fails));
    let hook = acts(depth - 1, 4).prop_map(Act::Hook);
    prop_oneof![12 => flat, 1 => nested, 1 => hook].boxed()
}

fn acts(depth: u32, most: usize) -> impl Strategy<Value = Vec<Act>> {
    prop::collection::vec(act(depth), 1..most)
}

fn event() -> impl Strategy<Value = Event> {
    let update = (acts(2, 6), prop::bool::weighted(0.1)).prop_map(|(acts, fails)| Event::Update { acts, fails });
    prop_oneof![
        8 => update,
        1 => Just(Event::OpenOfDirs),
        1 => (0usize..6).prop_map(Event::OpenOfKeys),
        2 => (0usize..8).prop_map(Event::Poll),
        1 => (0usize..8).prop_map(Event::Close),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let program = (1usize..4, prop::collection::vec(stage(), 1..5));
    let program = program.prop_map(|(inputs, stages)| Program { inputs, stages });
    let history = prop_oneof![4 => Just(0), 1 => 1u64..4];
    (program, history, prop::collection::vec(event(), 1..14)).prop_map(|(program, history, events)| Case {
        program,
        history,
        events,
    })
}

// -------------------------------------------------------------------- programs

impl Val {
    fn value(self) -> V {
        match self {
            Val::Int(value) => V::Int(value),
            #[expect(clippy::cast_precision_loss, reason = "small")]
            Val::Half(value) => V::Float(value as f64 / 2.0),
            Val::Word(value) => text(&"w".repeat(usize::try_from(value).unwrap_or(0))),
            Val::Seal(value) => opaque(value),
        }
    }
}

impl Reducer {
    fn fold(self) -> Fold<Code> {
        match self {
            Reducer::Sum => Fold::Sum,
            Reducer::Count => Fold::Count,
            Reducer::Min => Fold::Min,
            Reducer::Max => Fold::Max,
            Reducer::Mean => Fold::Mean,
            Reducer::User => Fold::User(Code::reducer("reducer")),
        }
    }
}

impl Program {
    /// Inputs first, then stages.
    fn source(&self, source: usize) -> String {
        if source < self.inputs { format!("/i{source}/") } else { format!("/s{}/", source - self.inputs) }
    }

    fn sources(&self) -> usize {
        self.inputs + self.stages.len()
    }

    /// The sources that a stage derives from.
    fn parents(&self, source: usize) -> Vec<usize> {
        let Some(stage) = source.checked_sub(self.inputs).map(|stage| &self.stages[stage]) else { return Vec::new() };
        stage.from.iter().map(|from| from.source % source).collect()
    }

    fn spec(self: &Rc<Self>, source: usize) -> Spec<super::host::TestHost> {
        let Some(number) = source.checked_sub(self.inputs) else { return input(vec![]) };
        let stage = &self.stages[number];
        let parents: Vec<Parent<_>> = stage
            .from
            .iter()
            .zip(0..)
            .map(|(from, part)| {
                let parent = self.source(from.source % source);
                let parent = match &from.rule {
                    None => passed(&parent),
                    Some(mapper) => mapped(&parent, &self.code(mapper, number, &format!("/m{number}/{part}"), "")),
                };
                match from.range {
                    None => parent,
                    Some((lo, hi)) => within(parent, vec![(Key::int(lo), Upper::Key(Key::int(hi)))]),
                }
            })
            .collect();
        Spec::Derived { parents, fold: stage.fold.map(Reducer::fold), shared: false }
    }

    /// A mapper of a stage, which makes directories under that prefix.
    fn code(self: &Rc<Self>, mapper: &Mapper, stage: usize, prefix: &str, mark: &str) -> Code {
        let (program, own, prefix) = (Rc::clone(self), mapper.clone(), prefix.to_owned());
        let name = format!("{mark}{prefix} {mapper:?}");
        Code::mapper(&name, move |d, key, values| program.map(d, &own, stage, &prefix, key, values))
    }

    fn map(
        self: &Rc<Self>,
        d: &mut Driver,
        mapper: &Mapper,
        stage: usize,
        prefix: &str,
        key: &Key,
        values: &[V],
    ) -> Ran {
        let crate::KeyRef::Int(k) = key.view() else { return Err(raise("no int")) };
        let mut sum: i64 = values.iter().map(V::int).sum();
        let visible = self.inputs + stage;
        for (number, step) in mapper.steps.iter().enumerate() {
            let made = |slot: i64| format!("{prefix}{number}{}/", slot.rem_euclid(3));
            sum += match step {
                Step::Read(source, how) => read(d, &self.source(source % visible), *how)?,
                Step::ReadMade(..) | Step::List if stage == 0 => 0,
                Step::ReadMade(of, slot, how) => {
                    read(d, &format!("/m{}/0{}{}/", of % stage, slot % 2, slot % 3), *how)?
                }
                Step::List => {
                    let before: Vec<String> = (0..stage).map(|stage| format!("/m{stage}/")).collect();
                    let names = d.names();
                    let made = names.iter().filter(|name| before.iter().any(|of| name.as_str().starts_with(of)));
                    i64::try_from(made.count()).unwrap_or(0)
                }
                Step::Make { unless, .. } if sum.rem_euclid(3) == *unless => 0,
                Step::Make { by_sum, what, .. } => {
                    let of = made(if *by_sum { k + sum } else { k });
                    self.make(d, what, stage, &of, k, sum)?
                }
                Step::Scratch => {
                    let (base, top) = (made(k), format!("{}top/", made(k)));
                    d.make(&base, &input(vec![(Key::int(1), vec![V::Int(sum)])]))?;
                    let code =
                        Code::mapper("more", |_, key, values| Ok(vec![(key.clone(), V::Int(values[0].int() + 1))]));
                    d.make(&top, &super::driver::derived(vec![mapped(&base, &code)], None))?;
                    let before = read(d, &base, How::All)? + read(d, &top, How::Size)?;
                    d.set(&base, 2, vec![V::Int(k)])?;
                    before + read(d, &top, How::All)?
                }
                Step::Raise(at) if sum == *at => return Err(raise("it is so")),
                Step::Raise(_) => 0,
            };
            sum = sum.rem_euclid(12);
        }
        let value = values[0].clone();
        Ok(match mapper.gives {
            Gives::Itself => values.iter().map(|value| (key.clone(), value.clone())).collect(),
            Gives::Sum => vec![(key.clone(), V::Int(sum))],
            Gives::Grouped(by) => vec![(Key::int(k.rem_euclid(by)), V::Int(sum))],
            Gives::Both => vec![(key.clone(), value), (Key::int(k + 1), V::Int(sum))],
            Gives::Twice => vec![(key.clone(), value.clone()), (key.clone(), V::Int(sum)), (key.clone(), value)],
            Gives::IfEven if sum % 2 == 0 => vec![(key.clone(), V::Int(sum))],
            #[expect(clippy::cast_precision_loss, reason = "small")]
            Gives::Half => vec![(key.clone(), V::Float(sum as f64 / 2.0))],
            Gives::Words => vec![(key.clone(), text(&format!("{sum}")))],
            Gives::Sealed => vec![(key.clone(), opaque(sum / 2))],
            Gives::IfEven | Gives::Nothing => vec![],
        })
    }

    fn make(self: &Rc<Self>, d: &mut Driver, what: &What, stage: usize, of: &str, k: i64, sum: i64) -> Done<i64> {
        match what {
            What::Rows => {
                let rows = vec![(Key::int(1), vec![V::Int(sum % 2)]), (Key::int(2), vec![V::Int(k), opaque(sum % 2)])];
                d.make(of, &input(rows))?;
            }
            What::From { source, fold, shared, unsure, mapper } => {
                let from = self.source(source % (self.inputs + stage));
                if !d.exists(&from)? {
                    return Ok(0);
                }
                let parent = match mapper.first() {
                    None => passed(&from),
                    Some(mapper) => mapped(&from, &self.code(mapper, stage, of, if *unsure { "?" } else { "" })),
                };
                d.make(of, &Spec::Derived { parents: vec![parent], fold: fold.map(Reducer::fold), shared: *shared })?;
            }
        }
        read(d, of, How::All)
    }
}

/// What is read, as a number; of what is not there, 0.
fn read(d: &mut Driver, of: &str, how: How) -> Done<i64> {
    if !d.exists(of)? {
        return Ok(0);
    }
    let total = |rows: Vec<(Key, Vec<V>)>| rows.iter().flat_map(|(_, values)| values).map(V::int).sum();
    Ok(match how {
        How::One(key) => d.get(of, key)?.iter().map(V::int).sum(),
        How::Size => i64::try_from(d.size(of)?).unwrap_or(0),
        How::Emptiness => i64::from(d.is_empty(of)?),
        How::Existence => 1,
        How::All => total(d.all(of)?),
        How::Between(lo, hi) => total(d.between(of, lo, hi)?),
    })
}

// -------------------------------------------------------------------- the model

/// What was written: which sources are there, and the rows of those that are inputs.
#[derive(Clone, Debug, Default)]
struct Model {
    there: BTreeSet<usize>,
    rows: BTreeMap<usize, BTreeMap<i64, Vec<Val>>>,
}

/// A run of acts in a transaction.
struct Acting<'a> {
    program: &'a Rc<Program>,
    model: std::rc::Rc<std::cell::RefCell<Model>>,
    /// Something may fail or succeed for the order in which things happened.
    simple: Rc<std::cell::Cell<bool>>,
}

impl Clone for Acting<'_> {
    fn clone(&self) -> Self {
        Acting { program: self.program, model: Rc::clone(&self.model), simple: Rc::clone(&self.simple) }
    }
}

fn act_all(d: &mut Driver, acting: &Acting<'_>, acts: &[Act], before: &str) -> Done<()> {
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
                    model.borrow_mut().there.insert(at);
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
            Act::Hook(acts) => {
                acting.simple.set(false);
                if d.store.find(&name("/hook/")).is_none() {
                    let (acts, before) = (acts.clone(), before.to_owned());
                    let (program, model, simple) = (Rc::clone(program), Rc::clone(model), Rc::clone(&acting.simple));
                    let hook = Code::hook("hook", move |d| {
                        d.remove("/hook/")?;
                        let acting = Acting { program: &program, model: Rc::clone(&model), simple: Rc::clone(&simple) };
                        act_all(d, &acting, &acts, &before)
                    });
                    d.make("/hook/", &hooked(Some(hook), None))?;
                }
            }
        }
        d.store.work.published = None;
        assert_eq!(dump(&d.store.published().0), before, "others see the last commit");
    }
    Ok(())
}

/// Removes a source and what derives from it.
fn remove(d: &mut Driver, acting: &Acting<'_>, at: usize) -> Done<()> {
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

// -------------------------------------------------------------------- the checks

/// The directories of a store: generation and rows as text, by key.
type Shown = BTreeMap<String, (u64, BTreeMap<Key, String>)>;

fn shown(d: &Driver) -> Shown {
    let rows = |directory: &crate::directory::Directory<_>| {
        let live = directory.rows.iter().filter_map(|(key, _, row)| Some((key, row.content()?)));
        live.map(|(key, content)| (key.clone(), format!("{:?}", content.to_vec()))).collect()
    };
    let dirs = d.store.ctx.dirs.iter();
    dirs.map(|(name, _, directory)| (name.as_str().to_owned(), (directory.generation, rows(directory)))).collect()
}

/// The same program on a fresh store.
fn oracle_from_scratch(program: &Rc<Program>, model: &Model) -> Done<Shown> {
    let mut d = Driver::new();
    d.update(|d| {
        for &source in &model.there {
            d.make(&program.source(source), &program.spec(source))?;
            for (key, values) in model.rows.get(&source).into_iter().flatten() {
                d.set(&program.source(source), *key, values.iter().map(|value| value.value()).collect())?;
            }
        }
        Ok(())
    })?;
    Ok(shown(&d))
}

fn without_generations(shown: &Shown) -> BTreeMap<&String, &BTreeMap<Key, String>> {
    shown.iter().map(|(name, (_, rows))| (name, rows)).collect()
}

/// A reader, and what the test knows of it.
struct Cursor {
    id: ReaderId,
    /// Of the keys of this directory, else of the store.
    of: Option<String>,
    position: Tick,
}

/// Never purged: what each commit left.
type Log = BTreeMap<Tick, Shown>;

/// What a reader of the store at `since` must be told.
fn check_told_of_dirs(d: &mut Driver, log: &Log, since: Tick) {
    let told = d.store.published().changes(since);
    assert_eq!(told.reset, since < d.store.ctx.dirs.floor);
    check_dirs(d, log, since, &told);
}

fn check_dirs(d: &Driver, log: &Log, since: Tick, told: &DirChanges) {
    let (was, is) = (&log[&since], &log[&d.store.tick()]);
    let set = |names: &[crate::Name]| names.iter().map(|name| name.as_str().to_owned()).collect::<BTreeSet<_>>();
    let (changed, removed) = (set(&told.changed), set(&told.removed));
    if told.reset {
        assert_eq!(changed, is.keys().cloned().collect());
        return;
    }
    let gone: BTreeSet<String> = was.keys().filter(|name| !is.contains_key(*name)).cloned().collect();
    assert_eq!(removed, gone, "removed since {since}");
    assert!(changed.iter().all(|name| is.contains_key(name)), "what changed is there");
    let differ: BTreeSet<String> =
        is.iter().filter(|(name, rows)| was.get(*name) != Some(rows)).map(|(name, _)| name.clone()).collect();
    assert!(differ.is_subset(&changed), "changed since {since}: {changed:?}, differ {differ:?}");
}

/// What a reader of a directory at `since` must be told.
fn check_told_of_keys(d: &mut Driver, log: &Log, of: &str, since: Tick) {
    let Some(id) = d.store.find(&name(of)) else { return };
    let told = d.store.published().key_changes(id, since).expect("it is there");
    let directory = d.store.ctx.dirs.get(id).expect("it is there");
    assert_eq!(told.reset, since <= directory.created || since < directory.floor);
    check_keys(d, log, of, since, &told);
}

fn check_keys(d: &Driver, log: &Log, of: &str, since: Tick, told: &Changes<V>) {
    let (was, is) = (&log[&since], &log[&d.store.tick()][of]);
    let was = was.get(of).filter(|(generation, _)| *generation == is.0);
    let entries: BTreeMap<Key, String> = told.entries.iter().map(|(key, v)| (key.clone(), format!("{v:?}"))).collect();
    let none = BTreeMap::new();
    let held = if told.reset { &none } else { was.map_or(&none, |(_, rows)| rows) };
    assert!(told.reset || was.is_some(), "rows of two generations are mixed");
    let mut now = held.clone();
    for (key, values) in &entries {
        if values == "[]" {
            assert!(now.remove(key).is_some(), "{of} {key} was not there at {since}, but is told as removed");
        } else {
            now.insert(key.clone(), values.clone());
        }
    }
    assert_eq!(now, is.1, "what was held of {of} at {since}, with {entries:?}");
}

/// Tombstones are there exactly while a reader, or the history, needs them.
fn check_retention(d: &Driver, log: &Log, cursors: &[Cursor], history: Tick) {
    let now = d.store.tick();
    let (is, ticks): (_, Vec<Tick>) = (&log[&now], log.keys().copied().collect());
    let kept_for = |of: Option<&String>, last_there: Tick| {
        // It went in the transaction that began at that tick; only the store knows in which of its rounds.
        let lags = |cursor: &&Cursor| cursor.of.as_ref() == of && cursor.position <= last_there;
        cursors.iter().any(|cursor| lags(&cursor))
    };
    let mut dirs: BTreeMap<&String, Tick> = BTreeMap::new();
    for tick in &ticks {
        dirs.extend(log[tick].keys().filter(|name| !is.contains_key(*name)).map(|name| (name, *tick)));
    }
    let needed = dirs.values().filter(|last| kept_for(None, **last)).count();
    let stats = d.store.stats();
    let exact = history == 0;
    assert!(stats.dir_tombstones >= needed && (stats.dir_tombstones == needed || !exact), "{stats:?}, needed {needed}");
    let mut needed = 0;
    for (of, (generation, rows)) in is {
        let mut keys: BTreeMap<&Key, Tick> = BTreeMap::new();
        for tick in &ticks {
            let then = log[tick].get(of).filter(|(of_then, _)| of_then == generation);
            let gone = then.into_iter().flat_map(|(_, then)| then.keys()).filter(|key| !rows.contains_key(key));
            keys.extend(gone.map(|key| (key, *tick)));
        }
        needed += keys.values().filter(|last| kept_for(Some(of), **last)).count();
    }
    assert!(stats.key_tombstones >= needed && (stats.key_tombstones == needed || !exact), "{stats:?}, needed {needed}");
}

fn check(case: &Case) {
    let program = Rc::new(case.program.clone());
    let options = Options { history: case.history, max_rounds: 300, ..Options::default() };
    let mut d = Driver::with(options);
    let start = d.store.stats();
    let mut model = Model::default();
    let mut log: Log = BTreeMap::from([(d.store.tick(), Shown::new())]);
    let mut cursors: Vec<Cursor> = Vec::new();
    let all: Vec<Act> = (0..program.sources()).map(Act::MakeDir).collect();
    // Rows to begin with, so that mappers have work.
    let rows = (0..9).map(|n| Act::Set(n % 3, i64::try_from(n / 2).unwrap_or(0), vec![Val::Int(1)])).collect();
    let begin = [all, rows].map(|acts| Event::Update { acts, fails: false });
    for event in begin.iter().chain(&case.events) {
        match event {
            Event::Update { acts, fails } => update(&mut d, &program, &mut model, &mut log, acts, *fails),
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
    let all: Vec<Act> = (0..program.sources()).map(Act::RemoveDir).collect();
    update(&mut d, &program, &mut model, &mut log, &all, false);
    for _ in 0..case.history {
        d.update(|_| Ok(())).unwrap();
    }
    let end = d.store.stats();
    assert_eq!(end, Stats { tick: end.tick, purged: end.purged, ..start });
}

/// A cursor that is remembered starts over only where its directory is of another generation, or gone; it is told the
/// difference between what was at its position and what is.
fn poll(d: &mut Driver, log: &Log, cursor: &mut Cursor) {
    let since = cursor.position;
    let (was, is) = (&log[&since], &log[&d.store.tick()]);
    match (&cursor.of, d.store.poll(cursor.id).expect("it is open")) {
        (None, Polled::Nothing) => {
            let generations =
                |shown: &Shown| shown.iter().map(|(name, (of, _))| (name.clone(), *of)).collect::<Vec<_>>();
            assert_eq!((was, generations(was)), (is, generations(is)), "a change that nobody was told of");
        }
        (Some(of), Polled::Nothing) => assert_eq!(was.get(of), is.get(of), "a change of {of} that nobody was told of"),
        (of, Polled::News(news, step)) => {
            match (of, &news) {
                (None, News::Dirs(told)) => {
                    assert!(!told.reset, "a reader that is remembered starts over");
                    check_dirs(d, log, since, told);
                }
                (Some(of), News::Keys(told)) => match is.get(of) {
                    None => assert!(told.removed && told.reset && told.entries.is_empty() && was.contains_key(of)),
                    Some((generation, _)) => {
                        let same = was.get(of).is_some_and(|(known, _)| known == generation);
                        assert_eq!((told.reset, told.removed), (!same, false), "{of} since {since}");
                        check_keys(d, log, of, since, told);
                    }
                },
                _ => panic!("news of another kind"),
            }
            assert!(d.store.advance(step) && !d.store.advance(step), "a step is taken once");
        }
    }
    cursor.position = d.store.tick();
}

fn update(d: &mut Driver, program: &Rc<Program>, model: &mut Model, log: &mut Log, acts: &[Act], fails: bool) {
    let before = dump(&d.store.ctx);
    let trying = Rc::new(std::cell::RefCell::new(model.clone()));
    let acting = Acting { program, model: Rc::clone(&trying), simple: Rc::new(std::cell::Cell::new(!fails)) };
    let done = d.update(|d| {
        act_all(d, &acting, acts, &before)?;
        if fails { Err(raise("on purpose")) } else { Ok(()) }
    });
    let tried = trying.borrow().clone();
    match done {
        Err(Stop::Fatal(refusal)) => panic!("{refusal}"),
        Err(stop) => {
            assert_eq!(dump(&d.store.ctx), before, "a transaction that failed left something");
            if acting.simple.get() {
                let scratch = oracle_from_scratch(program, &tried);
                assert!(scratch.is_err(), "failed with {stop:?}, but succeeds on a fresh store: {scratch:?}");
            }
        }
        Ok(commit) => {
            *model = tried;
            let now = shown(d);
            let scratch = oracle_from_scratch(program, model).expect("succeeded, but fails on a fresh store");
            assert_eq!(without_generations(&now), without_generations(&scratch), "not as on a fresh store");
            let last = log.last_key_value().map(|(_, shown)| shown).expect("the log has the start");
            check_commit(&commit, last, &now);
            log.insert(commit.tick, now);
        }
    }
}

/// What the commit says of itself.
fn check_commit(commit: &crate::Commit, was: &Shown, is: &Shown) {
    let set = |names: &[crate::Name]| names.iter().map(|name| name.as_str().to_owned()).collect::<BTreeSet<_>>();
    let gone: BTreeSet<String> = was.keys().filter(|name| !is.contains_key(*name)).cloned().collect();
    assert_eq!(set(&commit.removed), gone, "removed");
    let changed = set(&commit.changed);
    assert!(changed.iter().all(|name| is.contains_key(name)), "what changed is there");
    assert!(is.iter().all(|(name, rows)| was.get(name) == Some(rows) || changed.contains(name)), "{changed:?}");
}

/// `PROPTEST_CASES=100000 cargo test programs` goes on for longer.
fn config() -> ProptestConfig {
    let default = ProptestConfig { max_shrink_iters: 4000, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { default } else { ProptestConfig { cases: 800, ..default } }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn random_programs(case in case()) {
        check(&case);
    }
}
