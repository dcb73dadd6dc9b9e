//! Numbers, and folding them exactly.
//!
//! A [`Number`] is what a value is to the reducers Sum and Mean. An [`ExactSum`] adds and removes numbers without ever
//! rounding, and rounds once when asked: so what came and went leaves nothing behind, and the answer does not depend on
//! the order in which numbers came.
//!
//! ```text
//! exact_sum.rs    the fold: ints on one side, floats on the other, infinities and NaNs counted
//! wide.rs         an int that is an i128 until it does not fit
//! accumulator.rs  a sum of floats, as the int that it is in units of the least float
//! rounding.rs     from exact to the nearest float
//! ```

mod accumulator;
mod exact_sum;
mod rounding;
#[cfg(test)]
mod tests;
mod wide;

use num_bigint::BigInt;

pub use exact_sum::ExactSum;

use crate::key::{Key, KeyError};

/// An int of any size, or any float, NaN and the infinities among them.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    Int(i64),
    /// Any int; where this crate gives one, it is outside `i64`.
    Big(BigInt),
    Float(f64),
}

impl TryFrom<Number> for Key {
    type Error = KeyError;

    /// The number as a key, which orders it among all numbers by its exact value. Errs on NaN.
    fn try_from(number: Number) -> Result<Key, KeyError> {
        match number {
            Number::Int(value) => Ok(Key::int(value)),
            Number::Big(value) => Ok(Key::big(value)),
            Number::Float(value) => Key::float(value),
        }
    }
}
