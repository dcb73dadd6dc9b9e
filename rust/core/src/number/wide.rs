//! An int that is an `i128` until it does not fit.
//!
//! # Invariants
//!
//! 1. ONE FORM. What fits `i128` is `Small`; so equal ints are stored alike, whatever led to them.
//! 2. Sums of fewer than 2^64 numbers within `i64` never leave `Small`, so they never allocate.

use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::Number;
use crate::key::big_digits_bytes;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wide {
    /// In two halves: an `i128` would have all that holds it aligned, and so padded, to 16 bytes.
    Small {
        high: i64,
        low: u64,
    },
    Big(Arc<BigInt>),
}

impl Default for Wide {
    fn default() -> Wide {
        Wide::Small { high: 0, low: 0 }
    }
}

impl Wide {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is cut into its halves")]
    const fn small(value: i128) -> Wide {
        Wide::Small { high: (value >> 64) as i64, low: value as u64 }
    }

    fn from_big(value: BigInt) -> Wide {
        value.to_i128().map_or_else(|| Wide::Big(Arc::new(value)), Wide::small)
    }

    /// The value, where it fits.
    pub(super) fn to_i128(&self) -> Option<i128> {
        match self {
            Wide::Small { high, low } => Some(i128::from(*high) << 64 | i128::from(*low)),
            Wide::Big(_) => None,
        }
    }

    pub(super) fn to_big(&self) -> BigInt {
        match self {
            Wide::Small { high, low } => (BigInt::from(*high) << 64) + *low,
            Wide::Big(value) => BigInt::clone(value),
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        matches!(self, Wide::Small { high: 0, low: 0 })
    }

    /// O(1) while small.
    #[inline]
    pub(super) fn add(&mut self, value: i128) {
        match self.to_i128().and_then(|old| old.checked_add(value)) {
            Some(sum) => *self = Wide::small(sum),
            None => self.add_big(&BigInt::from(value)),
        }
    }

    /// O(length of the numbers).
    pub(super) fn add_big(&mut self, value: &BigInt) {
        if let Wide::Big(sum) = self {
            let sum = Arc::make_mut(sum);
            *sum += value;
            if let Some(small) = sum.to_i128() {
                *self = Wide::small(small);
            }
        } else {
            *self = Wide::from_big(self.to_big() + value);
        }
    }

    pub(super) fn to_number(&self) -> Number {
        match self.to_i128().map(i64::try_from) {
            Some(Ok(value)) => Number::Int(value),
            _ => Number::Big(self.to_big()),
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Wide::Small { .. } => 0,
            Wide::Big(value) => 2 * size_of::<usize>() + size_of::<BigInt>() + big_digits_bytes(value),
        }
    }
}
