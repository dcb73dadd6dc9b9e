//! What the core knows of the things that its user stores: next to nothing.
//!
//! The core holds values and code (mappers, reducers, hooks) without ever calling into them. What it must know, it
//! asks through [`Value`]; where only user code can tell, the answer is `None`, the operation stops before it has
//! changed anything with [`Error::Unsure`](crate::Error::Unsure), the host finds out with no lock held, tells the
//! store ([`Store::decide`](crate::Store::decide)), and asks again.

use std::collections::HashMap;

use crate::number::Number;

/// The types that a host of the core brings along.
pub trait Host: Sized + 'static {
    /// A value of a row, or what a user's reducer accumulates.
    type Value: Value;
    /// A mapper, reducer or hook.
    type Code: Same;
    /// An exception of user code.
    type Failure;

    /// The store has worked for a while and called nothing of the host, and goes on: who else waits for what the host holds
    /// meanwhile may have a turn. The store is in the middle of an edit: nothing may be asked of it. `again`: not for the first
    /// time since [`Store::rested`](crate::Store::rested).
    fn breathe(again: bool);

    /// What stands at this address is read soon, most likely: the processor may fetch it meanwhile. Nothing else follows.
    fn fetch(address: usize);
}

/// Equality that may need user code.
pub trait Same: Clone {
    /// Where the object stands: two that live at one time have one address exactly if they are one object.
    fn address(&self) -> usize;

    /// Whether both are equal, or `None` where only user code can tell. Runs no user code. An object is equal to itself.
    fn same(&self, other: &Self) -> Option<bool>;
}

/// A value of a row.
pub trait Value: Same {
    /// The value as a number, where it is an int, a float or a bool. Where that fails for want of memory, it is none, and the
    /// host is to say so ([`Store::spoil_transaction`](crate::Store::spoil_transaction)) when the operation is done; so it is with [`Value::rank`].
    fn number(&self) -> Option<Number>;

    /// The same as an int, where two such values are equal if and only if their ints are.
    fn int(&self) -> Option<i64>;

    /// A number as a value; `None` where no memory is left for one.
    fn from_number(number: Number) -> Option<Self>;

    /// Where the value stands among values that `Min` and `Max` compare without user code. Must hold: two values of
    /// the same class compare as the user's language compares them.
    fn rank(&self) -> Rank;
}

/// See [`Value::rank`].
#[derive(Clone, Debug, PartialEq)]
pub enum Rank {
    /// A number that is no NaN; the key is that number.
    Number(crate::Key),
    /// A text.
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

/// Pairs of which an operation has to know whether they are equal before it can go on.
pub type Unsure<H> = Vec<Pair<H>>;

/// Answers of user code that the present operation asked for.
///
/// An operation goes through all that it compares and asks for everything at once, so that it is repeated once and not
/// for each pair; answers are found by the addresses of the two, which the pairs kept here hold in place.
pub(crate) struct Verdicts<H: Host> {
    told: HashMap<(usize, usize), bool>,
    held: Vec<Pair<H>>,
}

impl<H: Host> Verdicts<H> {
    pub(crate) fn new() -> Self {
        Verdicts { told: HashMap::new(), held: Vec::new() }
    }

    pub(crate) fn add(&mut self, pair: Pair<H>, equal: bool) {
        let at = match &pair {
            Pair::Values(a, b) => (a.address(), b.address()),
            Pair::Codes(a, b) => (a.address(), b.address()),
        };
        self.told.insert(at, equal);
        self.held.push(pair);
    }

    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Verdicts::new())
    }

    fn find<T: Same>(&self, a: &T, b: &T, pair: impl FnOnce(T, T) -> Pair<H>) -> Result<bool, Unsure<H>> {
        if let Some(equal) = a.same(b) {
            return Ok(equal);
        }
        let told = self.told.get(&(a.address(), b.address())).copied();
        told.ok_or_else(|| vec![pair(a.clone(), b.clone())])
    }

    pub(crate) fn values(&self, a: &H::Value, b: &H::Value) -> Result<bool, Unsure<H>> {
        self.find(a, b, Pair::Values)
    }

    pub(crate) fn codes(&self, a: &H::Code, b: &H::Code) -> Result<bool, Unsure<H>> {
        self.find(a, b, Pair::Codes)
    }

    /// Whether two sequences of values are equal, element by element.
    pub(crate) fn sequences<'a>(
        &self,
        mut a: impl Iterator<Item = &'a H::Value>,
        mut b: impl Iterator<Item = &'a H::Value>,
    ) -> Result<bool, Unsure<H>> {
        let mut unsure = Vec::new();
        loop {
            match (a.next(), b.next()) {
                (None, None) if unsure.is_empty() => return Ok(true),
                (None, None) => return Err(unsure),
                (Some(x), Some(y)) => match self.values(x, y) {
                    Ok(true) => {}
                    Ok(false) => return Ok(false),
                    Err(mut pairs) => unsure.append(&mut pairs),
                },
                _ => return Ok(false),
            }
        }
    }
}
