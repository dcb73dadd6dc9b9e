//! The order of keys: None < bools < numbers < texts < bytes < tuples.
//!
//! Numbers compare by exact value: an int is never rounded to be compared with a float. Texts compare by code point,
//! which is the order of their UTF-8 bytes, so they are compared, and hashed, as bytes. Tuples compare part by part.
//!
//! # Invariants
//!
//! 1. `a == b` if and only if `a.cmp(&b) == Equal`.
//! 2. `a == b` implies `hash(a) == hash(b)`: a float of integer value hashes as that int.
//! 3. All loops end and all recursion is bounded by [`Key::MAX_DEPTH`](super::Key::MAX_DEPTH).

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::{FromPrimitive, Signed, Zero};

use super::{Key, Repr, SHORT, Short};

/// 2^63: the first float above every `i64`. Its negation is the least `i64`.
const I64_END: f64 = 9_223_372_036_854_775_808.0;

impl Ord for Key {
    /// O(1) for numbers within `i64`, floats and short texts; O(length) else. The two commonest cases come first, and
    /// inline.
    #[inline]
    fn cmp(&self, other: &Key) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Int(a), Repr::Int(b)) => a.cmp(b),
            (Repr::Short(a), Repr::Short(b)) => a.order(b),
            (a, b) => compare(a, b),
        }
    }
}

impl PartialOrd for Key {
    #[inline]
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    /// As `cmp`, and O(1) where both share their parts.
    #[inline]
    fn eq(&self, other: &Key) -> bool {
        match (&self.0, &other.0) {
            (Repr::Int(a), Repr::Int(b)) => a == b,
            (Repr::Short(a), Repr::Short(b)) => a == b,
            (a, b) => equal(a, b),
        }
    }
}

impl Eq for Key {}

impl Short {
    /// Zeros after the end order as if they were less than any byte, so the padded bytes decide, and where they are
    /// equal (`"a"`, `"a\0"`) the length.
    #[inline]
    fn order(&self, other: &Short) -> Ordering {
        words(&self.bytes).cmp(&words(&other.bytes)).then(self.len.cmp(&other.len))
    }
}

/// The bytes as three words, which compare as the bytes do. The last two overlap: where the second is equal in both,
/// so is what the third shares with it.
#[inline]
fn words(bytes: &[u8; SHORT]) -> [u64; 3] {
    let word = |chunk: Option<&[u8; 8]>| chunk.map_or(0, |word| u64::from_be_bytes(*word));
    [word(bytes.first_chunk()), word(bytes[8..].first_chunk()), word(bytes.last_chunk())]
}

/// Where the type stands among the types. Short and long texts are one type, and so are ints and floats.
const fn rank(repr: &Repr) -> u8 {
    match repr {
        Repr::None => 0,
        Repr::Bool(_) => 1,
        Repr::Int(_) | Repr::Big(_) | Repr::Float(_) => 2,
        Repr::Short(_) | Repr::Str(_) => 3,
        Repr::Bytes(_) => 4,
        Repr::Tuple { .. } => 5,
    }
}

fn text(repr: &Repr) -> &[u8] {
    match repr {
        Repr::Short(text) => text.as_bytes(),
        Repr::Str(text) => text.as_bytes(),
        _ => &[],
    }
}

pub(super) fn compare(a: &Repr, b: &Repr) -> Ordering {
    match (a, b) {
        (Repr::Bool(a), Repr::Bool(b)) => a.cmp(b),
        (Repr::Int(a), Repr::Int(b)) => a.cmp(b),
        (Repr::Int(a), Repr::Float(b)) => int_with_float(*a, *b),
        (Repr::Float(a), Repr::Int(b)) => int_with_float(*b, *a).reverse(),
        // Neither is NaN, so there is always an order; and it takes -0.0 for 0.0.
        (Repr::Float(a), Repr::Float(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (Repr::Big(a), Repr::Big(b)) => a.cmp(b),
        (Repr::Big(a), Repr::Float(b)) => big_with_float(a, *b),
        (Repr::Float(a), Repr::Big(b)) => big_with_float(b, *a).reverse(),
        // A big one is outside `i64`, so its sign decides.
        (Repr::Big(a), Repr::Int(_)) => sign(a),
        (Repr::Int(_), Repr::Big(b)) => sign(b).reverse(),
        (Repr::Bytes(a), Repr::Bytes(b)) => a.cmp(b),
        (Repr::Tuple { parts: a, .. }, Repr::Tuple { parts: b, .. }) => {
            if Arc::ptr_eq(a, b) {
                Ordering::Equal
            } else {
                a.cmp(b)
            }
        }
        _ => rank(a).cmp(&rank(b)).then_with(|| text(a).cmp(text(b))),
    }
}

#[inline(never)]
fn equal(a: &Repr, b: &Repr) -> bool {
    match (a, b) {
        (Repr::Str(a), Repr::Str(b)) => a == b,
        (Repr::Bytes(a), Repr::Bytes(b)) => a == b,
        (Repr::Tuple { parts: a, .. }, Repr::Tuple { parts: b, .. }) => Arc::ptr_eq(a, b) || a == b,
        (a, b) => compare(a, b).is_eq(),
    }
}

fn sign(big: &BigInt) -> Ordering {
    if big.is_negative() { Ordering::Less } else { Ordering::Greater }
}

fn int_with_float(int: i64, float: f64) -> Ordering {
    if float >= I64_END {
        Ordering::Less
    } else if float < -I64_END {
        Ordering::Greater
    } else {
        let whole = float.trunc();
        #[expect(clippy::cast_possible_truncation, reason = "a whole number within i64")]
        let order = int.cmp(&(whole as i64));
        order.then_with(|| whole.partial_cmp(&float).unwrap_or(Ordering::Equal))
    }
}

fn big_with_float(big: &BigInt, float: f64) -> Ordering {
    if (-I64_END..I64_END).contains(&float) {
        return sign(big);
    }
    // Any float out there is whole, so it is an int exactly; or else infinite.
    match BigInt::from_f64(float) {
        Some(whole) => big.cmp(&whole),
        None if float > 0.0 => Ordering::Less,
        None => Ordering::Greater,
    }
}

impl Hash for Key {
    /// O(length). Allocates only for whole floats outside `i64`.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(rank(&self.0));
        match &self.0 {
            Repr::None => {}
            Repr::Bool(value) => state.write_u8(u8::from(*value)),
            Repr::Int(value) => state.write_i64(*value),
            Repr::Big(value) => value.hash(state),
            Repr::Float(value) => hash_float(*value, state),
            Repr::Short(_) | Repr::Str(_) => {
                state.write(text(&self.0));
                state.write_u8(0xFF); // no byte of UTF-8: texts in a tuple do not run into one another
            }
            Repr::Bytes(bytes) => bytes.hash(state),
            Repr::Tuple { parts, .. } => parts.hash(state),
        }
    }
}

fn hash_float<H: Hasher>(float: f64, state: &mut H) {
    if !float.fract().is_zero() || float.is_infinite() {
        state.write_u64(float.to_bits());
        state.write_u8(0xFF); // apart from the int that has these bits
    } else if (-I64_END..I64_END).contains(&float) {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number within i64")]
        state.write_i64(float as i64);
    } else if let Some(whole) = BigInt::from_f64(float) {
        whole.hash(state);
    }
}
