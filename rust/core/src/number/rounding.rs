//! From exact numbers to the nearest float: the only place where this crate rounds.
//!
//! # Invariants
//!
//! 1. Every function answers the float nearest to the exact value, of two equally near ones the even one; beyond the
//!    largest float (by half a step or more), an infinity. Zero is `0.0`, never `-0.0`.
//! 2. The bits of a positive float count the positive floats in order. So with `m` the 53 leading bits of a value
//!    counted in units of 2^-1074, and `shift` the number of bits after them, its float has the bits
//!    `m + (shift << 52)`; and a carry out of rounding `m` up leads to the next float by itself, also from the largest
//!    to infinity.

use num_bigint::{BigInt, Sign};
use num_traits::{ToPrimitive, Zero};

/// The least positive float is 2^-1074; all floats are multiples of it. So 1 is bit 1074 when counted in it.
pub(super) const ONE_BIT: usize = 1074;

/// How many bits the largest float has, counted in units of the least.
const MAX_LENGTH: u64 = 2098;

/// Up to here, both ways, every int is a float.
pub(super) const EXACT_INTS: u64 = 1 << f64::MANTISSA_DIGITS;

/// A positive number: its `length` leading bits, of which the first 64 are in `top` (the highest bit set) and what
/// follows them is not all zero if `sticky`. In units of 2^-1074. `length` zero is the number zero.
pub(super) struct Leading {
    pub(super) length: u64,
    pub(super) top: u64,
    pub(super) sticky: bool,
}

impl Leading {
    pub(super) fn round(&self, negative: bool) -> f64 {
        let magnitude = if self.length > MAX_LENGTH {
            f64::INFINITY
        } else if self.length == 0 {
            return 0.0;
        } else if self.length <= 53 {
            f64::from_bits(self.top >> (64 - self.length))
        } else {
            let kept = self.top >> 11;
            let half = self.top & 0x400 != 0;
            let beyond_half = self.top & 0x3FF != 0 || self.sticky;
            let up = half && (beyond_half || kept & 1 == 1);
            f64::from_bits(((self.length - 53) << 52) + kept + u64::from(up))
        };
        if negative { -magnitude } else { magnitude }
    }
}

/// An int as Python's `float(int)`, but infinite where that raises. O(1) plus a scan of the trailing zeros.
pub(super) fn int_to_float(int: &BigInt) -> f64 {
    let bits = int.bits();
    let dropped = bits.saturating_sub(64);
    let top = (int.magnitude() >> dropped).to_u64().unwrap_or(u64::MAX);
    Leading {
        length: if bits == 0 { 0 } else { bits + ONE_BIT as u64 },
        top: top.checked_shl(top.leading_zeros()).unwrap_or(0),
        sticky: int.trailing_zeros().is_some_and(|zeros| zeros < dropped),
    }
    .round(int.sign() == Sign::Minus)
}

/// `total / count`, rounded once, as Python divides ints, but infinite where that raises. `count` zero is taken for one.
pub(super) fn ratio(total: &BigInt, count: u64) -> f64 {
    // What is below counts on a top bit that is set.
    if total.is_zero() {
        return 0.0;
    }
    let count = count.max(1);
    // Scaled so that the quotient has 66 or 67 bits: more than a float's 53, and what is left over goes into `sticky`.
    let count_bits = u64::from(u64::BITS - count.leading_zeros());
    let up = (66 + count_bits).saturating_sub(total.bits());
    let down = total.bits().saturating_sub(66 + count_bits);
    let scaled = (total.magnitude() << up) >> down;
    let quotient = &scaled / count;
    let remains = total.trailing_zeros().is_some_and(|zeros| zeros < down) || &quotient * count != scaled;
    let dropped = quotient.bits().saturating_sub(64);
    Leading {
        length: (quotient.bits() + ONE_BIT as u64 + down).saturating_sub(up),
        top: (&quotient >> dropped).to_u64().unwrap_or(u64::MAX),
        sticky: remains || quotient.trailing_zeros().is_some_and(|zeros| zeros < dropped),
    }
    .round(total.sign() == Sign::Minus)
}
