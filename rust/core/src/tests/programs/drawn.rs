//! What is drawn: programs and transactions as data, so that a failing case can be printed; and how.

use std::fmt;

use proptest::prelude::*;

use crate::tick::Tick;

use super::super::host::Fault;

#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) inputs: usize,
    pub(super) stages: Vec<Stage>,
    pub(super) lazies: Vec<LazyStage>,
    /// Bit n: the previous directory of source n is asked for when that is made.
    pub(super) mirrored: u8,
    /// Input directories stand in place of the previous ones: for the store that is built from scratch.
    pub(super) given: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) from: Vec<From>,
    pub(super) fold: Option<Reducer>,
}

#[derive(Clone, Debug)]
pub(super) struct From {
    pub(super) source: usize,
    pub(super) range: Option<(i64, i64)>,
    pub(super) rule: Rule,
    /// From its previous directory, if it has one.
    pub(super) mirror: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Rule {
    Same,
    Take(usize),
    Map(Mapper),
}

/// A lazy directory over the first `sees` sources.
#[derive(Clone, Debug)]
pub(super) struct LazyStage {
    pub(super) sees: usize,
    pub(super) reads: Vec<(usize, How)>,
    /// A key reads the one before it.
    pub(super) below: bool,
    pub(super) keep: bool,
    /// There is no such key where all that it reads comes to this.
    pub(super) absent: i64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Reducer {
    Sum,
    Count,
    Min,
    Max,
    Mean,
    User,
    /// Of the user too; it raises where 13 comes.
    Raising,
}

#[derive(Clone, Debug)]
pub(super) struct Mapper {
    pub(super) steps: Vec<Step>,
    pub(super) gives: Gives,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Adds what it reads of a source.
    Read(usize, How),
    /// Adds what it reads of what a stage before may have made.
    ReadMade(usize, usize, How),
    ReadPrevious(usize, How),
    ReadLazy(usize, i64),
    /// Adds how many directories the stages before made.
    List,
    /// Makes a directory, unless what was added up says otherwise, and reads it.
    Make {
        unless: i64,
        by_sum: bool,
        what: What,
    },
    /// Makes an input directory, reads it, writes to it, reads it again.
    Scratch,
    /// Raises if what was added up is this.
    Raise(i64),
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Rows,
    Lazy,
    From { source: usize, fold: Option<Reducer>, shared: bool, unsure: bool, mapper: Vec<Mapper> },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    One(i64),
    Size,
    Emptiness,
    Existence,
    All,
    Between(i64, i64),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Gives {
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
pub(super) enum Act {
    Set(usize, i64, Vec<Val>),
    Clear(usize),
    RemoveDir(usize),
    MakeDir(usize),
    Cascade,
    /// A block within; whether it fails.
    Nested(Vec<Act>, bool),
    MakeLazies,
    RemoveLazies,
    /// The first happen in the next round, when a directory was made and goes; the others in the one after it.
    Hook(Vec<Act>, Vec<Act>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Val {
    Int(i64),
    Half(i64),
    Word(i64),
    Seal(i64),
}

#[derive(Clone, Debug)]
pub(super) enum Event {
    /// With a fault, user code fails first at that moment, if it comes to it; then the same is tried again.
    Update {
        acts: Vec<Act>,
        fails: bool,
        fault: Option<(usize, Fault)>,
    },
    OpenOfDirs,
    OpenOfKeys(usize),
    Poll(usize),
    Close(usize),
    /// Reads the lazy directories.
    Ask,
}

#[derive(Clone)]
pub(crate) struct Case {
    pub(super) program: Program,
    pub(super) history: Tick,
    pub(super) events: Vec<Event>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { program, history, events } = self;
        let text = format!("Case {{ program: {program:?}, history: {history}, events: {events:?} }}");
        write!(f, "\n#[test]\nfn pasted() {{\n    check(&{});\n}}\n", text.replace('[', "vec!["))
    }
}

pub(super) fn key() -> impl Strategy<Value = i64> {
    0i64..5
}

pub(super) fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        key().prop_map(How::One),
        Just(How::Size),
        Just(How::Emptiness),
        Just(How::Existence),
        Just(How::All),
        (key(), key()).prop_map(|(lo, hi)| How::Between(lo, hi)),
    ]
}

pub(super) fn reducer() -> impl Strategy<Value = Reducer> {
    use Reducer::{Count, Max, Mean, Min, Raising, Sum, User};
    prop::sample::select(vec![Sum, Count, Min, Max, Mean, User, Raising])
}

pub(super) fn gives() -> impl Strategy<Value = Gives> {
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

pub(super) fn mapper(depth: u32) -> BoxedStrategy<Mapper> {
    let read = (0usize..6, how()).prop_map(|(source, how)| Step::Read(source, how));
    let read_made = (0usize..3, 0usize..3, how()).prop_map(|(stage, slot, how)| Step::ReadMade(stage, slot, how));
    let read_previous = (0usize..6, how()).prop_map(|(source, how)| Step::ReadPrevious(source, how));
    let read_lazy = (0usize..3, 0i64..5).prop_map(|(lazy, key)| Step::ReadLazy(lazy, key));
    let rows = prop_oneof![4 => Just(What::Rows), 1 => Just(What::Lazy)].boxed();
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
        2 => read_previous,
        2 => read_lazy,
        1 => Just(Step::List),
        6 => make,
        1 => Just(Step::Scratch),
        1 => (0i64..30).prop_map(Step::Raise),
    ];
    (prop::collection::vec(step, 0..4), gives()).prop_map(|(steps, gives)| Mapper { steps, gives }).boxed()
}

pub(super) fn stage() -> impl Strategy<Value = Stage> {
    let range = prop::option::weighted(0.3, (key(), key()));
    let rule = prop_oneof![
        8 => mapper(2).prop_map(Rule::Map),
        2 => Just(Rule::Same),
        2 => (0usize..4).prop_map(Rule::Take),
    ];
    let from = (0usize..6, range, rule, prop::bool::weighted(0.2));
    let from = from.prop_map(|(source, range, rule, mirror)| From { source, range, rule, mirror });
    let fold = prop::option::weighted(0.4, reducer());
    (prop::collection::vec(from, 1..4), fold).prop_map(|(from, fold)| Stage { from, fold })
}

pub(super) fn lazy_stage() -> impl Strategy<Value = LazyStage> {
    let reads = prop::collection::vec((0usize..6, how()), 1..4);
    (1usize..6, reads, any::<bool>(), any::<bool>(), 0i64..12)
        .prop_map(|(sees, reads, below, keep, absent)| LazyStage { sees, reads, below, keep, absent })
}

pub(super) fn val() -> impl Strategy<Value = Val> {
    prop_oneof![
        20 => (0i64..6).prop_map(Val::Int),
        1 => Just(Val::Int(13)),
        4 => (0i64..6).prop_map(Val::Half),
        4 => (0i64..3).prop_map(Val::Word),
        4 => (0i64..3).prop_map(Val::Seal),
    ]
}

pub(super) fn act(depth: u32) -> BoxedStrategy<Act> {
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
    let hook = (acts(depth - 1, 4), prop::collection::vec(act(0), 0..2));
    let hook = hook.prop_map(|(created, deleted)| Act::Hook(created, deleted));
    prop_oneof![12 => flat, 1 => nested, 1 => hook].boxed()
}

pub(super) fn acts(depth: u32, most: usize) -> impl Strategy<Value = Vec<Act>> {
    prop::collection::vec(act(depth), 1..most)
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    let fault = (1usize..60, prop::sample::select(vec![Fault::Raises, Fault::IsBrokenOff]));
    let update = (acts(2, 6), prop::bool::weighted(0.1), prop::option::weighted(0.2, fault));
    let update = update.prop_map(|(acts, fails, fault)| Event::Update { acts, fails, fault });
    prop_oneof![
        8 => update,
        1 => Just(Event::OpenOfDirs),
        1 => (0usize..6).prop_map(Event::OpenOfKeys),
        2 => (0usize..8).prop_map(Event::Poll),
        1 => (0usize..8).prop_map(Event::Close),
        2 => Just(Event::Ask),
    ]
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let mirrored = prop_oneof![1 => Just(0), 1 => any::<u8>()];
    let lazies = prop::collection::vec(lazy_stage(), 0..3);
    let program = (1usize..4, prop::collection::vec(stage(), 1..5), lazies, mirrored);
    let program = program.prop_map(|(inputs, stages, lazies, mirrored)| Program {
        inputs,
        stages,
        lazies,
        mirrored,
        given: false,
    });
    let history = prop_oneof![4 => Just(0), 1 => 1u64..4];
    (program, history, prop::collection::vec(event(), 1..14)).prop_map(|(program, history, events)| Case {
        program,
        history,
        events,
    })
}
