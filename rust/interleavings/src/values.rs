//! Values and mappers: ints, and functions of ints.

use std::sync::Arc;

use livedirs_core::number::Number;
use livedirs_core::{Host, Key, Name, Op, Parent, Rank, Same, Spec, Value};

/// The types of this host.
pub struct Model;

impl Host for Model {
    type Value = Int;
    type Code = Code;
    type Failure = ();

    // Nothing else runs, and nothing is large.
    fn breathe(_: bool) {}

    fn fetch(_: usize) {}
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Int(pub i64);

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
        if let Number::Int(value) = number { Some(Int(value)) } else { None }
    }

    fn rank(&self) -> Rank {
        Rank::Number(Key::int(self.0))
    }
}

/// A mapper.
#[derive(Clone)]
pub struct Code(pub Arc<fn(i64) -> i64>);

impl Same for Code {
    fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    fn same(&self, other: &Self) -> Option<bool> {
        Some(Arc::ptr_eq(&self.0, &other.0))
    }
}

/// A directory that holds twice what another holds.
#[must_use]
pub fn doubling(parent: &Name) -> Spec<Model> {
    let mapper = Code(Arc::new(|value| 2 * value));
    Spec::Derived {
        parents: vec![Parent { name: parent.clone(), op: Op::Map(mapper), within: None }],
        fold: None,
        shared: false,
    }
}
