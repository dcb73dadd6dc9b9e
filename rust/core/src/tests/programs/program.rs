//! Programs at work: sources are made, mappers read and make as they are told.

use std::rc::Rc;

use crate::{Fold, Key, Op, Parent, Spec, Upper};

use super::super::driver::{Done, Driver, PREVIOUS, derived, input, mapped, passed, within};
use super::super::host::{Code, Ran, TestHost, V, opaque, raise, text};
use super::drawn::{Gives, How, Mapper, Program, Reducer, Rule, Step, Val, What};

impl Val {
    pub(super) fn value(self) -> V {
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
    pub(super) fn fold(self) -> Fold<Code> {
        match self {
            Reducer::Sum => Fold::Sum,
            Reducer::Count => Fold::Count,
            Reducer::Min => Fold::Min,
            Reducer::Max => Fold::Max,
            Reducer::Mean => Fold::Mean,
            Reducer::User => Fold::User(Code::reducer("reducer")),
            Reducer::Raising => Fold::User(Code::reducer("raises")),
        }
    }
}

impl Program {
    /// Inputs first, then stages.
    pub(super) fn source(&self, source: usize) -> String {
        if source < self.inputs { format!("/i{source}/") } else { format!("/s{}/", source - self.inputs) }
    }

    pub(super) fn sources(&self) -> usize {
        self.inputs + self.stages.len()
    }

    pub(super) fn has_previous(&self, source: usize) -> bool {
        self.mirrored >> source & 1 == 1
    }

    /// The name of the previous directory of a source, or of what stands in its place.
    pub(super) fn before(&self, source: usize) -> String {
        format!("{}{}", self.source(source), if self.given { "before/" } else { PREVIOUS })
    }

    pub(super) fn lazy_spec(self: &Rc<Self>, at: usize) -> Spec<TestHost> {
        let (program, own) = (Rc::clone(self), self.lazies[at].clone());
        let keep = own.keep;
        let code = Code::mapper(&format!("lazy {at}"), move |d, key, _| {
            let crate::KeyRef::Int(k) = key.view() else { return Err(raise("no int")) };
            let mut sum = k;
            for (source, how) in &own.reads {
                sum += read(d, &program.source(source % own.sees), *how)?;
            }
            if own.below && k > 0 {
                sum += d.lazy(&format!("/l{at}/"), k - 1)?.iter().map(V::int).sum::<i64>();
            }
            let sum = sum.rem_euclid(12);
            Ok(if sum == own.absent { vec![] } else { vec![(key.clone(), V::Int(sum))] })
        });
        Spec::Lazy { code, keep }
    }

    /// The sources that a stage derives from.
    pub(super) fn parents(&self, source: usize) -> Vec<usize> {
        let Some(stage) = source.checked_sub(self.inputs).map(|stage| &self.stages[stage]) else { return Vec::new() };
        stage.from.iter().map(|from| from.source % source).collect()
    }

    pub(super) fn spec(self: &Rc<Self>, source: usize) -> Spec<TestHost> {
        let Some(number) = source.checked_sub(self.inputs) else { return input(vec![]) };
        let stage = &self.stages[number];
        let parents: Vec<Parent<_>> = stage
            .from
            .iter()
            .zip(0..)
            .map(|(from, part)| {
                let of = from.source % source;
                // A previous directory bears the name of its directory: beside that, the order in which they are given
                // counts, which no other name brings about. So of one source all are of one kind.
                let first = stage.from.iter().find(|other| other.source % source == of);
                let mirror = first.is_some_and(|first| first.mirror) && self.has_previous(of);
                let parent = if mirror { self.before(of) } else { self.source(of) };
                let parent = match &from.rule {
                    Rule::Same => passed(&parent),
                    Rule::Take(limit) => return Parent { op: Op::Take(*limit), ..passed(&parent) },
                    Rule::Map(mapper) => mapped(&parent, &self.code(mapper, number, &format!("/m{number}/{part}"), "")),
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
    pub(super) fn code(self: &Rc<Self>, mapper: &Mapper, stage: usize, prefix: &str, mark: &str) -> Code {
        let (program, own, prefix) = (Rc::clone(self), mapper.clone(), prefix.to_owned());
        let name = format!("{mark}{prefix} {mapper:?}");
        Code::mapper(&name, move |d, key, values| program.map(d, &own, stage, &prefix, key, values))
    }

    pub(super) fn map(
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
                Step::ReadPrevious(source, how) => {
                    let of = source % visible;
                    if self.has_previous(of) { read(d, &self.before(of), *how)? } else { 0 }
                }
                Step::ReadLazy(at, lazy_key) => match self.lazies.get(*at) {
                    Some(lazy) if lazy.sees <= visible && d.exists(&format!("/l{at}/"))? => {
                        d.lazy(&format!("/l{at}/"), *lazy_key)?.iter().map(V::int).sum()
                    }
                    _ => 0,
                },
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
                    d.make(&top, &derived(vec![mapped(&base, &code)], None))?;
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

    pub(super) fn make(
        self: &Rc<Self>,
        d: &mut Driver,
        what: &What,
        stage: usize,
        of: &str,
        k: i64,
        sum: i64,
    ) -> Done<i64> {
        match what {
            What::Rows => {
                let rows = vec![(Key::int(1), vec![V::Int(sum % 2)]), (Key::int(2), vec![V::Int(k), opaque(sum % 2)])];
                d.make(of, &input(rows))?;
            }
            What::Lazy => {
                let odd = sum.rem_euclid(2);
                let code = Code::mapper(&format!("made {odd}"), move |_, key, _| Ok(vec![(key.clone(), V::Int(odd))]));
                d.make(of, &Spec::Lazy { code, keep: false })?;
                return Ok(d.lazy(of, k)?.iter().map(V::int).sum());
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
pub(super) fn read(d: &mut Driver, of: &str, how: How) -> Done<i64> {
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
