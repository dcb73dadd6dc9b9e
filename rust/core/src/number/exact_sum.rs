//! The sum and the mean of numbers that come and go.
//!
//! While there are ints alone, the sum is an int. From the first float on it is what Python's `math.fsum` gives for all
//! of them, each int taken as the float nearest to it. So that floats may come and go among ints, both sums of the ints
//! are kept: the exact one, and by how much the sum of their floats differs from it. That is 0 for ints up to 2^53, and
//! for any others still an int.
//!
//! # Invariants
//!
//! For the numbers at hand, `float(i)` being the float nearest to an int `i`:
//!
//! 1. `total = sum(i for ints i)`
//! 2. `slack = sum(float(i) - i for ints i within i64)`; `odd.slack = sum(float(i) - i for the other ints)`, where an int
//!    whose `float(i)` is infinite counts as if that were 0, and is counted in `odd.above` or `odd.below`
//! 3. `floats = sum(f for finite floats f)`; the others are counted in `odd.above` (inf), `odd.below` (-inf), `odd.nans`
//! 4. ONE FORM. What is zero is not stored: `rest` and `odd` are there only if something in them is not zero. So the state
//!    is a function of the numbers at hand: one that came and went leaves nothing behind, in memory neither.

use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::{FromPrimitive, ToPrimitive};

use super::Number;
use super::accumulator::Accumulator;
use super::rounding::{EXACT_INTS, int_to_float, ratio};
use super::wide::Wide;

/// A sum that adds and removes numbers exactly; see the head of its module. 56 bytes; a clone shares the rest and costs at
/// most two reference counts.
///
/// ```
/// # use livedirs_core::number::{ExactSum, Number};
/// let mut sum = ExactSum::default();
/// sum.add(&Number::Int(1));
/// sum.add(&Number::Float(1e100));
/// sum.add(&Number::Float(0.1));
/// sum.remove(&Number::Float(1e100));
/// assert_eq!(sum.sum(), Number::Float(1.1));
/// assert_eq!(sum.mean(), Some(0.55));
/// sum.remove(&Number::Float(0.1));
/// assert_eq!(sum.sum(), Number::Int(1));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExactSum {
    int_count: u64,
    float_count: u64,
    total: Wide,
    slack: i64,
    rest: Option<Arc<Rest>>,
}

/// What a sum of ints within `i64` does not need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rest {
    floats: Accumulator,
    odd: Option<Box<Odd>>,
}

/// What few sums need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Odd {
    slack: Wide,
    above: u64,
    below: u64,
    nans: u64,
}

/// Whether a number comes or goes.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    In,
    Out,
}

impl ExactSum {
    /// Takes a number in. O(1) for ints within `i64` and for floats, without an allocation but for the first float of a
    /// sum, the first infinity or NaN, and sums of floats of very different size. O(length) for other ints.
    pub fn add(&mut self, number: &Number) {
        self.pass(number, Way::In);
    }

    /// Takes a number out again; the cost is that of `add`. It must have been added and not been removed since: of one
    /// that was not, counts stay at 0, and the sum says what it says.
    pub fn remove(&mut self, number: &Number) {
        self.pass(number, Way::Out);
    }

    /// How many numbers there are.
    pub fn count(&self) -> u64 {
        self.int_count.saturating_add(self.float_count)
    }

    /// Of ints alone, the exact sum; with a float among them, `math.fsum`'s, where an int beyond the floats counts as
    /// infinite, inf with -inf gives NaN, and only the result overflows, to an infinity. Of nothing, the int 0. O(1) but
    /// for ints outside `i128`.
    ///
    /// ```
    /// # use livedirs_core::number::{ExactSum, Number};
    /// let mut sum = ExactSum::default();
    /// sum.add(&Number::Int(i64::MAX));
    /// sum.add(&Number::Int(1));
    /// assert_eq!(sum.sum(), Number::Big((1u64 << 63).into()));
    /// sum.add(&Number::Float(-1.0));
    /// assert_eq!(sum.sum(), Number::Float(9223372036854775807.0));
    /// ```
    pub fn sum(&self) -> Number {
        if self.float_count == 0 { self.total.to_number() } else { Number::Float(self.float_sum()) }
    }

    /// Of ints alone, the exact sum divided once; with a float among them, the sum divided by the count. Of nothing,
    /// None. The cost is that of `sum`.
    #[expect(clippy::cast_precision_loss, reason = "the fast path looks first; the count is rounded as Python does")]
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        if self.float_count > 0 {
            return Some(self.float_sum() / count as f64);
        }
        let exact = |total: &i128| total.unsigned_abs() <= u128::from(EXACT_INTS) && count <= EXACT_INTS;
        match self.total.to_i128().filter(exact) {
            Some(total) => Some(total as f64 / count as f64),
            None => Some(ratio(&self.total.to_big(), count)),
        }
    }

    /// The bytes that the sum has on the heap, besides its own 56. What several clones share is told by each of them.
    pub fn heap_bytes(&self) -> usize {
        let odd = |odd: &Odd| size_of::<Odd>() + odd.slack.heap_bytes();
        let rest = |rest: &Arc<Rest>| {
            2 * size_of::<usize>() + size_of::<Rest>() + rest.floats.heap_bytes() + rest.odd.as_deref().map_or(0, odd)
        };
        self.total.heap_bytes() + self.rest.as_ref().map_or(0, rest)
    }

    fn pass(&mut self, number: &Number, way: Way) {
        match number {
            Number::Int(value) => self.pass_int(*value, way),
            Number::Big(value) => match value.to_i64() {
                Some(small) => self.pass_int(small, way),
                None => self.pass_big(value, way),
            },
            Number::Float(value) => self.pass_float(*value, way),
        }
    }

    #[inline]
    fn pass_int(&mut self, value: i64, way: Way) {
        way.count(&mut self.int_count);
        self.total.add(way.sign() * i128::from(value));
        if value.unsigned_abs() > EXACT_INTS {
            // At most 512 each, so the sum of fewer than 2^53 of them is within i64.
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "rounding is the point")]
            let slack = (value as f64) as i128 - i128::from(value);
            let slack = i64::try_from(way.sign() * slack).unwrap_or(0);
            self.slack = self.slack.wrapping_add(slack);
        }
    }

    fn pass_big(&mut self, value: &BigInt, way: Way) {
        let rounded = int_to_float(value);
        let slack = BigInt::from_f64(rounded).unwrap_or_default() - value;
        way.count(&mut self.int_count);
        self.total.add_big(&way.signed(value.clone()));
        self.change(|rest| {
            rest.change_odd(|odd| {
                odd.slack.add_big(&way.signed(slack));
                odd.count(rounded, way);
            });
        });
    }

    fn pass_float(&mut self, value: f64, way: Way) {
        way.count(&mut self.float_count);
        if !value.is_finite() {
            self.change(|rest| rest.change_odd(|odd| odd.count(value, way)));
        } else if value != 0.0 {
            self.change(|rest| rest.floats.add_float(value, way == Way::Out));
        }
    }

    /// Copies the rest if it is shared; makes it if it is not there; drops it if nothing is left in it.
    fn change(&mut self, change: impl FnOnce(&mut Rest)) {
        let rest = Arc::make_mut(self.rest.get_or_insert_default());
        change(rest);
        if rest.odd.is_none() && rest.floats.is_zero() {
            self.rest = None;
        }
    }

    /// All numbers as floats, summed and rounded once.
    fn float_sum(&self) -> f64 {
        let odd = self.rest.as_ref().and_then(|rest| rest.odd.as_deref());
        match odd.map_or((false, false, false), |odd| (odd.nans > 0, odd.above > 0, odd.below > 0)) {
            (true, _, _) | (_, true, true) => return f64::NAN,
            (_, true, _) => return f64::INFINITY,
            (_, _, true) => return f64::NEG_INFINITY,
            (false, false, false) => {}
        }
        if self.int_count == 0 {
            return self.rest.as_ref().map_or(0.0, |rest| rest.floats.round());
        }
        let mut ints = self.total.clone();
        ints.add(i128::from(self.slack));
        if let Some(odd) = odd {
            ints.add_big(&odd.slack.to_big());
        }
        let ints = ints.to_big();
        match &self.rest {
            None => int_to_float(&ints),
            Some(rest) => {
                let mut all = rest.floats.clone();
                all.add_int(&ints);
                all.round()
            }
        }
    }
}

impl Rest {
    fn change_odd(&mut self, change: impl FnOnce(&mut Odd)) {
        let odd = self.odd.get_or_insert_default();
        change(odd);
        if odd.slack.is_zero() && (odd.above, odd.below, odd.nans) == (0, 0, 0) {
            self.odd = None;
        }
    }
}

impl Odd {
    /// Counts a float that is not finite.
    fn count(&mut self, value: f64, way: Way) {
        if value.is_nan() {
            way.count(&mut self.nans);
        } else if value == f64::INFINITY {
            way.count(&mut self.above);
        } else if value == f64::NEG_INFINITY {
            way.count(&mut self.below);
        }
    }
}

impl Way {
    const fn sign(self) -> i128 {
        match self {
            Way::In => 1,
            Way::Out => -1,
        }
    }

    fn signed(self, value: BigInt) -> BigInt {
        if self == Way::In { value } else { -value }
    }

    const fn count(self, counter: &mut u64) {
        *counter = match self {
            Way::In => counter.saturating_add(1),
            Way::Out => counter.saturating_sub(1),
        }
    }
}
