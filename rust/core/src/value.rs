//! What the core knows of the things that its user stores: next to nothing.
//!
//! The core holds values and code (mappers, reducers, hooks) without ever calling into them. What it must know, it
//! asks through [`Value`]; where only user code can tell, the answer is `None`, the operation stops before it has
//! changed anything with [`Error::Unsure`](crate::Error::Unsure), the host finds out with no lock held, tells the
//! store ([`Store::decide`](crate::Store::decide)), and asks again.

use crate::number::Number;

/// The types that a host of the core brings along.
pub trait Host: Sized + 'static {
    /// A value of a row, or what a user's reducer accumulates.
    type Value: Value;
    /// A mapper, reducer or hook.
    type Code: Same;
    /// An exception of user code.
    type Failure;
}

/// Equality that may need user code.
pub trait Same: Clone {
    /// Whether both are one object.
    fn is(&self, other: &Self) -> bool;

    /// Whether both are equal, or `None` where only user code can tell. Runs no user code. Must hold:
    /// `a.is(b)` implies `a.same(b) == Some(true)`.
    fn same(&self, other: &Self) -> Option<bool>;
}

/// A value of a row.
pub trait Value: Same {
    /// The value as a number, where it is an int, a float or a bool.
    fn number(&self) -> Option<Number>;

    /// A number as a value.
    fn from_number(number: Number) -> Self;

    /// Where the value stands among values that `Min` and `Max` compare without user code. Must hold: two values of
    /// the same class compare as the user's language compares them.
    fn rank(&self) -> Rank;
}

/// See [`Value::rank`].
#[derive(Clone, Debug, PartialEq)]
pub enum Rank {
    /// A number that is no NaN; the key is that number.
    Number(crate::Key),
    /// A text, or bytes.
    Text(crate::Key),
    /// Anything else.
    Other,
}

/// Two things whose equality only user code can tell.
pub enum Pair<H: Host> {
    Values(H::Value, H::Value),
    Codes(H::Code, H::Code),
}

impl<H: Host> std::fmt::Debug for Pair<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Pair::Values(..) => "two values",
            Pair::Codes(..) => "two functions",
        })
    }
}

/// Answers of user code that the present operation asked for.
pub(crate) struct Verdicts<H: Host>(Vec<(Pair<H>, bool)>);

impl<H: Host> Verdicts<H> {
    pub(crate) const fn new() -> Self {
        Verdicts(Vec::new())
    }

    pub(crate) fn add(&mut self, pair: Pair<H>, equal: bool) {
        self.0.push((pair, equal));
    }

    pub(crate) fn take(&mut self) -> Self {
        Verdicts(std::mem::take(&mut self.0))
    }

    pub(crate) fn values(&self, a: &H::Value, b: &H::Value) -> Result<bool, Pair<H>> {
        if let Some(equal) = a.same(b) {
            return Ok(equal);
        }
        let told = self.0.iter().find_map(|(pair, equal)| match pair {
            Pair::Values(x, y) if x.is(a) && y.is(b) => Some(*equal),
            _ => None,
        });
        told.ok_or_else(|| Pair::Values(a.clone(), b.clone()))
    }

    pub(crate) fn codes(&self, a: &H::Code, b: &H::Code) -> Result<bool, Pair<H>> {
        if let Some(equal) = a.same(b) {
            return Ok(equal);
        }
        let told = self.0.iter().find_map(|(pair, equal)| match pair {
            Pair::Codes(x, y) if x.is(a) && y.is(b) => Some(*equal),
            _ => None,
        });
        told.ok_or_else(|| Pair::Codes(a.clone(), b.clone()))
    }

    /// Whether two sequences of values are equal, element by element.
    pub(crate) fn sequences<'a>(
        &self,
        mut a: impl Iterator<Item = &'a H::Value>,
        mut b: impl Iterator<Item = &'a H::Value>,
    ) -> Result<bool, Pair<H>> {
        loop {
            match (a.next(), b.next()) {
                (None, None) => return Ok(true),
                (Some(x), Some(y)) if self.values(x, y)? => {}
                _ => return Ok(false),
            }
        }
    }
}
