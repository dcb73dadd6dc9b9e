//! A sum of floats that is exact.
//!
//! Every finite float is a multiple of 2^-1074, so a sum of floats is an int in that unit, of up to some 2200 bits. An
//! [`Accumulator`] is that int, in limbs of 64 bits, of which it keeps only those that say something: floats of about
//! the same size need two or three, which are stored in place.
//!
//! The limbs are two's complement: a float is added to one or two of them, and a carry seldom goes further, whatever
//! the signs.
//!
//! # Invariants
//!
//! With `n` limbs `l`:
//!
//! 1. VALUE. `sum(l[i] * 2^(64 (base + i)) for i < n) - (2^(64 (base + n)) if negative)`, in units of 2^-1074. So above
//!    the limbs stand, unwritten, limbs that are all ones if `negative`, else all zeros; below them, zeros.
//! 2. ONE FORM. The lowest limb is not zero; the highest one is not what stands above it anyway; zero has no limb,
//!    base 0, not negative. So equal sums are stored alike, and a float that came and went leaves nothing behind.
//! 3. ROOM. Up to three limbs are in place; more are on the heap, in room for at most the next power of two.

use std::iter;

use num_bigint::{BigInt, Sign};
use smallvec::SmallVec;

use super::rounding::{Leading, ONE_BIT};

/// How many limbs are stored in place.
const IN_PLACE: usize = 3;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Accumulator {
    limbs: SmallVec<[u64; IN_PLACE]>,
    /// The place of the lowest limb: it counts 2^(64 base) units.
    base: u32,
    negative: bool,
}

impl Accumulator {
    /// Adds a float, or subtracts it. It must be finite. O(1) but for rare carries, which may pass all limbs (at most
    /// 35); allocates only when the limbs become more than three.
    pub(super) fn add_float(&mut self, value: f64, subtract: bool) {
        let bits = value.abs().to_bits();
        let fraction = bits & ((1 << 52) - 1);
        // Exponent 0 counts as 1, but without the leading bit: the subnormal floats.
        let (mantissa, shift) = match bits >> 52 {
            0 => (fraction, 0),
            exponent => (fraction | 1 << 52, exponent - 1),
        };
        if mantissa != 0 {
            let shift = usize::try_from(shift).unwrap_or(0);
            self.accumulate(iter::once(mantissa), shift, subtract != value.is_sign_negative());
        }
    }

    /// Adds an int. O(its length).
    pub(super) fn add_int(&mut self, value: &BigInt) {
        if value.sign() != Sign::NoSign {
            self.accumulate(value.iter_u64_digits(), ONE_BIT, value.sign() == Sign::Minus);
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.limbs.is_empty() && !self.negative
    }

    /// A function of the sum, as ONE FORM asks: not what the limbs take now, which depends on how they grew, but the
    /// most that they may take.
    pub(super) fn heap_bytes(&self) -> usize {
        if self.limbs.len() > IN_PLACE { self.room() * size_of::<u64>() } else { 0 }
    }

    /// How much room the limbs may have on the heap: what growing one by one leaves them with.
    fn room(&self) -> usize {
        self.limbs.len().next_power_of_two()
    }

    /// The nearest float. O(1).
    pub(super) fn round(&self) -> f64 {
        // The number without its sign has the limbs as they are, or those of the complement: since the lowest is not
        // zero, that is 2^64 minus the lowest and the inverse of the others.
        let digit = |i: usize| match self.limbs.get(i) {
            None => u64::from(i == 0 && self.negative), // no limb, but negative: minus one, times 2^(64 base)
            Some(limb) if !self.negative => *limb,
            Some(limb) if i == 0 => limb.wrapping_neg(),
            Some(limb) => !limb,
        };
        let last = self.limbs.len().saturating_sub(1);
        let high = digit(last);
        if high == 0 {
            return 0.0;
        }
        let zeros = high.leading_zeros();
        let next = if last > 0 { digit(last - 1) } else { 0 };
        let both = (u128::from(high) << 64 | u128::from(next)) << zeros;
        let [top, rest] = halves(both);
        Leading {
            length: 64 * (u64::from(self.base) + last as u64 + 1) - u64::from(zeros),
            top,
            sticky: rest != 0 || last > 1, // below the highest two is the lowest one, which is not zero
        }
        .round(self.negative)
    }

    /// Adds the int of these digits, the lowest first, times `2^shift`; or subtracts it.
    fn accumulate(&mut self, digits: impl Iterator<Item = u64>, shift: usize, subtract: bool) {
        let bit = shift % 64;
        let mut at = self.reach(shift / 64);
        let mut carry = false;
        let mut rest = 0;
        for digit in digits {
            let [high, low] = halves(u128::from(digit) << bit);
            carry = self.step(at, low | rest, carry, subtract);
            rest = high;
            at += 1;
        }
        if rest != 0 {
            carry = self.step(at, rest, carry, subtract);
            at += 1;
        }
        while carry {
            if at >= self.limbs.len() && self.negative != subtract {
                // All the ones above the limbs become zeros, or all the zeros ones.
                self.negative = subtract;
                break;
            }
            carry = self.step(at, 0, carry, subtract);
            at += 1;
        }
        self.trim();
    }

    /// One limb plus, or minus, a digit and the carry; answers the new carry. `at` is at most one past the limbs.
    #[inline]
    fn step(&mut self, at: usize, digit: u64, carry: bool, subtract: bool) -> bool {
        if at >= self.limbs.len() {
            self.limbs.push(self.above());
        }
        let Some(limb) = self.limbs.get_mut(at) else { return carry };
        let (partial, first, second);
        if subtract {
            (partial, first) = limb.overflowing_sub(digit);
            (*limb, second) = partial.overflowing_sub(u64::from(carry));
        } else {
            (partial, first) = limb.overflowing_add(digit);
            (*limb, second) = partial.overflowing_add(u64::from(carry));
        }
        first || second
    }

    /// What stands above the limbs.
    const fn above(&self) -> u64 {
        if self.negative { u64::MAX } else { 0 }
    }

    /// Writes limbs out down, or up, to that place; answers its index.
    fn reach(&mut self, place: usize) -> usize {
        let base = self.base as usize;
        if self.is_zero() || place < base {
            if !self.is_zero() {
                self.limbs.insert_many(0, iter::repeat_n(0, base - place));
            }
            self.base = u32::try_from(place).unwrap_or(u32::MAX);
            return 0;
        }
        let index = place - base;
        if index > self.limbs.len() {
            self.limbs.resize(index, self.above());
        }
        index
    }

    /// Back to ONE FORM.
    fn trim(&mut self) {
        let above = self.above();
        while self.limbs.last() == Some(&above) {
            self.limbs.pop();
        }
        let zeros = self.limbs.iter().take_while(|limb| **limb == 0).count();
        if zeros > 0 {
            self.limbs.drain(..zeros);
            self.base = self.base.saturating_add(u32::try_from(zeros).unwrap_or(u32::MAX));
        }
        if self.is_zero() {
            self.base = 0;
        }
        if self.limbs.spilled() && (self.limbs.len() <= IN_PLACE || self.limbs.capacity() > self.room()) {
            self.limbs.shrink_to_fit();
        }
    }
}

/// The high and the low half.
#[expect(clippy::cast_possible_truncation, reason = "it is cut into its halves")]
const fn halves(wide: u128) -> [u64; 2] {
    [(wide >> 64) as u64, wide as u64]
}
