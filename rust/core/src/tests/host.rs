//! The host of the tests: values and code as simple as they can be, and still of every kind that the core tells apart.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use crate::number::Number;
use crate::{Error, Host, Key, Pair, Rank, Refusal, Same, Value};

use super::driver::Driver;

pub(super) struct TestHost;

impl Host for TestHost {
    type Value = V;
    type Code = Code;
    type Failure = Failure;

    fn breathe(_again: bool) {
        BREATHS.set(BREATHS.get() + 1);
    }

    fn fetch(address: usize) {
        FETCHED.with_borrow_mut(|fetched| fetched.push(address));
    }
}

thread_local! {
    /// For so many numbers more there is memory.
    pub(super) static MEMORY_LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
    /// How often a store breathed.
    pub(super) static BREATHS: Cell<usize> = const { Cell::new(0) };
    /// What stores fetched ahead.
    pub(super) static FETCHED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// A value.
#[derive(Clone)]
pub(super) enum V {
    Int(i64),
    Float(f64),
    Text(Rc<str>),
    /// Only user code can tell whether two of these are equal, unless they are one object.
    Opaque(Rc<i64>),
}

pub(super) fn text(text: &str) -> V {
    V::Text(text.into())
}

pub(super) fn opaque(value: i64) -> V {
    V::Opaque(Rc::new(value))
}

impl V {
    /// What `==` of the user says.
    #[expect(clippy::float_cmp, reason = "as the user's == compares")]
    pub(super) fn equals(&self, other: &V) -> bool {
        match (self, other) {
            (V::Int(a), V::Int(b)) => a == b,
            (V::Float(a), V::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (V::Text(a), V::Text(b)) => a == b,
            (V::Opaque(a), V::Opaque(b)) => a == b,
            _ => false,
        }
    }

    pub(super) fn int(&self) -> i64 {
        match self {
            V::Int(value) => *value,
            #[expect(clippy::cast_possible_truncation, reason = "small in tests")]
            V::Float(value) => *value as i64,
            V::Text(text) => i64::try_from(text.len()).unwrap_or(0),
            V::Opaque(value) => **value,
        }
    }
}

impl fmt::Debug for V {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            V::Int(value) => write!(f, "{value}"),
            V::Float(value) => write!(f, "{value:?}f"),
            V::Text(text) => write!(f, "{text:?}"),
            V::Opaque(value) => write!(f, "<{value}>"),
        }
    }
}

impl Same for V {
    fn address(&self) -> usize {
        match self {
            V::Opaque(opaque) => Rc::as_ptr(opaque).cast::<u8>() as usize,
            _ => 0,
        }
    }

    fn same(&self, other: &Self) -> Option<bool> {
        match (self, other) {
            (V::Opaque(a), V::Opaque(b)) => Rc::ptr_eq(a, b).then_some(true),
            _ => Some(self.equals(other)),
        }
    }
}

impl Value for V {
    fn number(&self) -> Option<Number> {
        match self {
            V::Int(value) => Some(Number::Int(*value)),
            V::Float(value) => Some(Number::Float(*value)),
            _ => None,
        }
    }

    fn int(&self) -> Option<i64> {
        match self {
            V::Int(value) => Some(*value),
            _ => None,
        }
    }

    fn from_number(number: Number) -> Option<Self> {
        if MEMORY_LEFT.replace(MEMORY_LEFT.get().saturating_sub(1)) == 0 {
            return None;
        }
        Some(match number {
            Number::Int(value) => V::Int(value),
            Number::Float(value) => V::Float(value),
            Number::Big(value) => V::Text(value.to_string().into()),
        })
    }

    fn rank(&self) -> Rank {
        match self {
            V::Int(value) => Rank::Number(Key::int(*value)),
            V::Float(value) => Key::float(*value).map_or(Rank::Other, Rank::Number),
            V::Text(text) => Rank::Text(Key::str(text)),
            V::Opaque(_) => Rank::Other,
        }
    }
}

/// What a mapper gives, or why it gives nothing.
pub(super) type Ran = Result<Vec<(Key, V)>, Stop>;

type Mapper = dyn Fn(&mut Driver, &Key, &[V]) -> Ran;
type Hook = dyn Fn(&mut Driver) -> Result<(), Stop>;

pub(super) enum Body {
    Mapper(Box<Mapper>),
    Hook(Box<Hook>),
    /// A reducer of the user's that sums `int()`; where an odd value goes, it asks to fold from scratch.
    Reducer,
}

/// A mapper, hook or reducer. Two are equal if they bear the same name; of those whose name begins with `?` only user
/// code can tell.
#[derive(Clone)]
pub(super) struct Code(Rc<(String, Body)>);

impl Code {
    pub(super) fn mapper(name: &str, mapper: impl Fn(&mut Driver, &Key, &[V]) -> Ran + 'static) -> Code {
        Code(Rc::new((name.to_owned(), Body::Mapper(Box::new(mapper)))))
    }

    pub(super) fn hook(name: &str, hook: impl Fn(&mut Driver) -> Result<(), Stop> + 'static) -> Code {
        Code(Rc::new((name.to_owned(), Body::Hook(Box::new(hook)))))
    }

    pub(super) fn reducer(name: &str) -> Code {
        Code(Rc::new((name.to_owned(), Body::Reducer)))
    }

    pub(super) fn name(&self) -> &str {
        &self.0.0
    }

    pub(super) fn body(&self) -> &Body {
        &self.0.1
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Same for Code {
    fn address(&self) -> usize {
        Rc::as_ptr(&self.0).cast::<u8>() as usize
    }

    fn same(&self, other: &Self) -> Option<bool> {
        if Rc::ptr_eq(&self.0, &other.0) {
            return Some(true);
        }
        if self.name().starts_with('?') && other.name().starts_with('?') {
            return None;
        }
        Some(self.name() == other.name())
    }
}

/// What `==` of the user says of a pair that the core was unsure of.
pub(super) fn decide(pair: &Pair<TestHost>) -> bool {
    match pair {
        Pair::Values(a, b) => a.equals(b),
        Pair::Codes(a, b) => a.name() == b.name(),
    }
}

/// An exception of user code.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Failure {
    Raised(String),
    Refused(Refusal),
}

/// Why user code did not come through.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stop {
    /// It raised: it counts if it still stands when the queue is empty.
    Failed(Failure),
    /// The name that it wanted may yet become free.
    Blocked(Failure),
    /// The whole transaction is lost.
    Fatal(Refusal),
}

impl Stop {
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Stop::Failed(Failure::Refused(refusal))
            | Stop::Blocked(Failure::Refused(refusal))
            | Stop::Fatal(refusal) => Some(refusal),
            _ => None,
        }
    }
}

pub(super) fn raise(what: &str) -> Stop {
    Stop::Failed(Failure::Raised(what.to_owned()))
}

/// Fails once, at the n-th time that user code begins or ends; the drivers of a family share it.
#[derive(Clone, Default)]
pub(super) struct Faults(Rc<(Cell<usize>, Cell<Planned>)>);

/// At which of these times it fails, and how.
type Planned = Option<(usize, Fault)>;

/// How user code fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// With an exception of its own.
    Raises,
    /// It is broken off, as by an interrupt.
    IsBrokenOff,
}

impl Faults {
    /// Begins to count; at that number it fails, if any.
    pub(super) fn arm(&self, at: Option<(usize, Fault)>) {
        self.0.0.set(0);
        self.0.1.set(at);
    }

    /// Fails no more. How often user code began or ended.
    pub(super) fn disarm(&self) -> usize {
        self.0.1.set(None);
        self.0.0.get()
    }

    /// User code begins or ends here.
    pub(super) fn pass(&self) -> Result<(), Stop> {
        let Faults(counts) = self;
        counts.0.set(counts.0.get() + 1);
        match counts.1.get() {
            Some((at, fault)) if at == counts.0.get() => Err(match fault {
                Fault::Raises => raise("on purpose"),
                Fault::IsBrokenOff => Stop::Fatal(Refusal::NotConverging { limit: 0, what: "broken off".to_owned() }),
            }),
            _ => Ok(()),
        }
    }
}

impl From<Error<TestHost>> for Stop {
    fn from(error: Error<TestHost>) -> Stop {
        match error {
            Error::Unsure(_) => Stop::Failed(Failure::Raised("the driver left a pair undecided".to_owned())),
            Error::Blocked(refusal) => Stop::Blocked(Failure::Refused(refusal)),
            Error::Refused(refusal @ Refusal::NotConverging { .. }) => Stop::Fatal(refusal),
            Error::Refused(refusal) => Stop::Failed(Failure::Refused(refusal)),
        }
    }
}
