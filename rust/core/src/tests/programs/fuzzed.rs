//! Programs and transactions of the bytes of a fuzzer: whatever `drawn.rs` draws, one byte for one choice.

use crate::fuzzing::Bytes;
use crate::tick::Tick;

use super::super::host::Fault;
use super::drawn::{
    Act, Case, Event, From, Gives, How, LazyStage, Mapper, Program, Reducer, Rule, Stage, Step, Val, What,
};

const REDUCERS: [Reducer; 7] =
    [Reducer::Sum, Reducer::Count, Reducer::Min, Reducer::Max, Reducer::Mean, Reducer::User, Reducer::Raising];

const GIVES: [Gives; 11] = [
    Gives::Itself,
    Gives::Sum,
    Gives::Grouped(2),
    Gives::Grouped(1),
    Gives::Both,
    Gives::Twice,
    Gives::IfEven,
    Gives::Half,
    Gives::Words,
    Gives::Sealed,
    Gives::Nothing,
];

impl Case {
    pub(crate) fn of(bytes: &[u8]) -> Case {
        let b = &mut Bytes(bytes);
        let program = Program {
            inputs: 1 + b.below(3),
            stages: b.list(1, 4, stage),
            lazies: b.list(0, 2, lazy_stage),
            mirrored: b.next(),
            given: false,
        };
        let history = Tick::from(b.next() % 4);
        Case { program, history, events: b.list(1, 14, event) }
    }
}

fn key(b: &mut Bytes<'_>) -> i64 {
    b.number(5)
}

fn stage(b: &mut Bytes<'_>) -> Stage {
    Stage { from: b.list(1, 3, from), fold: b.maybe(reducer) }
}

fn from(b: &mut Bytes<'_>) -> From {
    From { source: b.below(6), range: b.maybe(|b| (key(b), key(b))), rule: rule(b), mirror: b.below(4) == 1 }
}

fn rule(b: &mut Bytes<'_>) -> Rule {
    match b.below(6) {
        0 => Rule::Same,
        1 => Rule::Take(b.below(4)),
        _ => Rule::Map(mapper(b, 2)),
    }
}

fn reducer(b: &mut Bytes<'_>) -> Reducer {
    REDUCERS[b.below(REDUCERS.len())]
}

fn how(b: &mut Bytes<'_>) -> How {
    match b.below(6) {
        0 => How::One(key(b)),
        1 => How::Size,
        2 => How::Emptiness,
        3 => How::Existence,
        4 => How::All,
        _ => How::Between(key(b), key(b)),
    }
}

fn mapper(b: &mut Bytes<'_>, depth: u32) -> Mapper {
    Mapper { steps: b.list(0, 3, |b| step(b, depth)), gives: GIVES[b.below(GIVES.len())] }
}

fn step(b: &mut Bytes<'_>, depth: u32) -> Step {
    match b.below(10) {
        0 => Step::Read(b.below(6), how(b)),
        1 => Step::ReadMade(b.below(3), b.below(3), how(b)),
        2 => Step::ReadPrevious(b.below(6), how(b)),
        3 => Step::ReadLazy(b.below(3), key(b)),
        4 => Step::List,
        5 => Step::Scratch,
        6 => Step::Raise(b.number(30)),
        _ => Step::Make { unless: b.number(4), by_sum: b.below(2) == 1, what: what(b, depth) },
    }
}

fn what(b: &mut Bytes<'_>, depth: u32) -> What {
    match b.below(4) {
        0 => What::Rows,
        1 => What::Lazy,
        _ if depth == 0 => What::Rows,
        _ => What::From {
            source: b.below(6),
            fold: b.maybe(reducer),
            shared: b.below(2) == 1,
            unsure: b.below(2) == 1,
            mapper: b.list(0, 1, |b| mapper(b, depth - 1)),
        },
    }
}

fn lazy_stage(b: &mut Bytes<'_>) -> LazyStage {
    LazyStage {
        sees: 1 + b.below(5),
        reads: b.list(1, 3, |b| (b.below(6), how(b))),
        below: b.below(2) == 1,
        keep: b.below(2) == 1,
        absent: b.number(12),
    }
}

fn val(b: &mut Bytes<'_>) -> Val {
    match b.below(10) {
        0 => Val::Half(b.number(6)),
        1 => Val::Word(b.number(3)),
        2 => Val::Seal(b.number(3)),
        3 => Val::Int(13),
        _ => Val::Int(b.number(6)),
    }
}

fn act(b: &mut Bytes<'_>, depth: u32) -> Act {
    match b.below(16) {
        0 => Act::Clear(b.below(3)),
        1 => Act::RemoveDir(b.below(6)),
        2 | 3 => Act::MakeDir(b.below(6)),
        4 => Act::Cascade,
        5 if depth > 0 => Act::Nested(b.list(1, 3, |b| act(b, depth - 1)), b.below(2) == 1),
        6 if depth > 0 => Act::Hook(b.list(1, 3, |b| act(b, depth - 1)), b.list(0, 1, |b| act(b, 0))),
        _ => Act::Set(b.below(3), key(b), b.list(0, 2, val)),
    }
}

fn event(b: &mut Bytes<'_>) -> Event {
    match b.below(14) {
        0 => Event::OpenOfDirs,
        1 => Event::OpenOfKeys(b.below(6)),
        2 | 3 => Event::Poll(b.below(8)),
        4 => Event::Close(b.below(8)),
        5 => Event::Ask,
        _ => Event::Update {
            acts: b.list(1, 5, |b| act(b, 2)),
            fails: b.below(10) == 1,
            fault: b.maybe(|b| {
                let fault = if b.below(2) == 1 { Fault::IsBrokenOff } else { Fault::Raises };
                (1 + b.below(60), fault)
            }),
        },
    }
}
