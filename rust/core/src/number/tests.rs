//! What must hold of sums. The oracle is the sum itself, as an int in units of 2^-1074, and a search for the nearest
//! float by halving.

use num_bigint::BigInt;
use num_traits::{FromPrimitive, Signed, ToPrimitive, Zero};
use proptest::prelude::*;

use super::{ExactSum, Number};

/// A finite float times 2^1074.
fn scaled(value: f64) -> BigInt {
    let (mut value, mut left) = (value, 1074);
    while value.fract() != 0.0 {
        (value, left) = (value * 2.0, left - 1);
    }
    BigInt::from_f64(value).unwrap() << left
}

/// The float nearest to `units * 2^-1074 / count`.
fn oracle_round(units: &BigInt, count: u64) -> f64 {
    let magnitude = units.abs();
    // The bits of a positive float count them in order; the largest one not above the value:
    let (mut low, mut high) = (0, f64::MAX.to_bits() + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if scaled(f64::from_bits(middle)) * count <= magnitude {
            low = middle;
        } else {
            high = middle;
        }
    }
    // Above the largest float comes what would be the next one, and stands for infinity.
    let next = if high > f64::MAX.to_bits() { BigInt::from(1) << 2098 } else { scaled(f64::from_bits(high)) };
    let twice = magnitude * 2;
    let middle = (scaled(f64::from_bits(low)) + next) * count;
    let up = twice > middle || twice == middle && low % 2 == 1;
    let result = f64::from_bits(if up { high } else { low });
    if units.is_negative() && !result.is_zero() { -result } else { result }
}

fn oracle_int_to_float(int: &BigInt) -> f64 {
    oracle_round(&(int << 1074), 1)
}

fn oracle_sum(numbers: &[Number]) -> Number {
    let ints = numbers.iter().map(|number| match number {
        Number::Int(value) => BigInt::from(*value),
        Number::Big(value) => value.clone(),
        Number::Float(_) => BigInt::ZERO,
    });
    if !numbers.iter().any(|number| matches!(number, Number::Float(_))) {
        let total: BigInt = ints.sum();
        return total.to_i64().map_or(Number::Big(total), Number::Int);
    }
    let floats: Vec<f64> = numbers
        .iter()
        .map(|number| match number {
            Number::Int(value) => oracle_int_to_float(&BigInt::from(*value)),
            Number::Big(value) => oracle_int_to_float(value),
            Number::Float(value) => *value,
        })
        .collect();
    if floats.iter().all(|value| value.is_finite()) {
        return Number::Float(oracle_round(&floats.iter().map(|value| scaled(*value)).sum(), 1));
    }
    Number::Float(floats.iter().filter(|value| !value.is_finite()).sum())
}

#[expect(clippy::cast_precision_loss, reason = "counts are small here")]
fn oracle_mean(numbers: &[Number]) -> Option<f64> {
    let count = numbers.len() as u64;
    Some(match oracle_sum(numbers) {
        _ if count == 0 => return None,
        Number::Int(total) => oracle_round(&(BigInt::from(total) << 1074), count),
        Number::Big(total) => oracle_round(&(total << 1074), count),
        Number::Float(total) => total / count as f64,
    })
}

/// Equal to the bit; any NaN is as good as any other.
fn alike(a: &Number, b: &Number) -> bool {
    match (a, b) {
        (Number::Float(a), Number::Float(b)) => a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(),
        _ => a == b,
    }
}

fn ints() -> impl Strategy<Value = Number> {
    let big = |bits: std::ops::Range<u32>| {
        (bits, any::<i64>(), any::<bool>()).prop_map(|(bits, low, negative)| {
            let value: BigInt = (BigInt::from(1) << bits) + low;
            Number::Big(if negative { -value } else { value })
        })
    };
    prop_oneof![
        4 => (-9i64..9).prop_map(Number::Int),
        4 => any::<i64>().prop_map(Number::Int),
        2 => ((1i64 << 53) - 4..(1 << 53) + 4).prop_map(Number::Int),
        1 => Just(Number::Int(i64::MIN)),
        1 => big(0..70),
        1 => big(120..130),
        1 => big(1015..1030),
    ]
}

fn finite_floats() -> impl Strategy<Value = Number> {
    prop_oneof![
        4 => any::<f64>().prop_filter("finite", |value| value.is_finite()),
        4 => -100.0..100.0f64,
        2 => (-1074i32..1024, any::<bool>()).prop_map(|(e, negative)| if negative { -1.0 } else { 1.0 } * 2f64.powi(e)),
        2 => (0u64..9, any::<bool>()).prop_map(|(bits, negative)| f64::from_bits(bits | u64::from(negative) << 63)),
        1 => prop::sample::select(vec![0.0, -0.0, f64::MAX, f64::MIN, 1e100, -1e100, 0.1, 9_007_199_254_740_992.0]),
    ]
    .prop_map(Number::Float)
}

fn numbers() -> impl Strategy<Value = Number> {
    let odd = prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]).prop_map(Number::Float);
    prop_oneof![8 => ints(), 8 => finite_floats(), 1 => odd]
}

fn sum_of<'a>(numbers: impl IntoIterator<Item = &'a Number>) -> ExactSum {
    let mut sum = ExactSum::default();
    for number in numbers {
        sum.add(number);
    }
    sum
}

fn lists(of: impl Strategy<Value = Number>) -> impl Strategy<Value = Vec<Number>> {
    prop::collection::vec(of, 0..12)
}

fn check_against_oracle(list: &[Number]) -> Result<(), TestCaseError> {
    let sum = sum_of(list);
    prop_assert!(alike(&sum.sum(), &oracle_sum(list)), "{:?} {:?}", sum.sum(), oracle_sum(list));
    let (mean, oracle) = (sum.mean().map(Number::Float), oracle_mean(list).map(Number::Float));
    prop_assert!(mean.iter().zip(&oracle).all(|(a, b)| alike(a, b)), "{:?} {:?}", mean, oracle);
    prop_assert_eq!((mean.is_some(), sum.count()), (oracle.is_some(), list.len() as u64));
    Ok(())
}

proptest! {
    #[test]
    fn oracle_ints_sum_exactly_and_their_mean_is_rounded_once(list in lists(ints())) {
        check_against_oracle(&list)?;
    }

    #[test]
    fn oracle_floats_are_rounded_once(list in lists(finite_floats())) {
        check_against_oracle(&list)?;
    }

    #[test]
    fn oracle_a_mix_is_the_sum_of_floats(list in lists(numbers())) {
        check_against_oracle(&list)?;
    }

    #[test]
    fn oracle_halves_between_floats_go_to_the_even_one(bits in any::<u64>(), tail in -1i32..=1, negative: bool) {
        let value = f64::from_bits(bits & !(1 << 63));
        let step = f64::from_bits((bits & !(1 << 63)) + 1) - value;
        prop_assume!(value.is_finite() && step.is_finite() && step > 5e-324);
        let sign = if negative { -1.0 } else { 1.0 };
        let list = [value, step / 2.0, f64::from(tail) * 5e-324].map(|part| Number::Float(sign * part));
        check_against_oracle(&list)?;
    }

    #[test]
    fn oracle_small_floats_round_once(list in lists((0u64..1 << 54, any::<bool>()).prop_map(
        |(bits, negative)| Number::Float(f64::from_bits(bits | u64::from(negative) << 63))
    ))) {
        check_against_oracle(&list)?;
    }

    #[test]
    fn a_removal_leaves_no_trace(stay in lists(numbers()), go in lists(numbers()), turns in any::<u64>()) {
        let mut sum = ExactSum::default();
        let (mut staying, mut going) = (stay.iter(), go.iter());
        // In any order, and out in the order in which they came.
        for turn in 0..24 {
            let number = if turns >> turn & 1 == 0 { staying.next() } else { going.next() };
            if let Some(number) = number {
                sum.add(number);
            }
        }
        for number in staying.chain(going) {
            sum.add(number);
        }
        let shared = sum.clone();
        for number in &go {
            sum.remove(number);
        }
        prop_assert_eq!(&sum, &sum_of(&stay));
        prop_assert_eq!(sum.heap_bytes(), sum_of(&stay).heap_bytes());
        prop_assert_eq!(&shared, &sum_of(stay.iter().chain(&go)), "a clone keeps what it was");
        for number in &stay {
            sum.remove(number);
        }
        prop_assert_eq!(&sum, &ExactSum::default());
        prop_assert_eq!(sum.heap_bytes(), 0);
    }

    #[test]
    fn the_order_of_coming_does_not_matter(mut list in lists(numbers())) {
        let sum = sum_of(&list);
        list.reverse();
        prop_assert_eq!(sum, sum_of(&list));
    }

    #[test]
    fn removing_what_was_never_there_panics_nowhere(list in lists(numbers())) {
        let mut sum = ExactSum::default();
        for number in &list {
            sum.remove(number);
            let _ = (sum.sum(), sum.mean(), sum.heap_bytes());
        }
    }

    #[test]
    fn floats_of_like_size_take_little(list in prop::collection::vec(0.01..1e6f64, 0..200)) {
        let list: Vec<Number> = list.into_iter().map(Number::Float).collect();
        prop_assert!(sum_of(&list).heap_bytes() <= 64);
    }

    #[test]
    fn ints_within_i64_allocate_nothing(list in prop::collection::vec(any::<i64>(), 0..200)) {
        let list: Vec<Number> = list.into_iter().map(Number::Int).collect();
        prop_assert_eq!(sum_of(&list).heap_bytes(), 0);
    }
}

#[test]
fn a_sum_has_56_bytes() {
    assert_eq!(size_of::<ExactSum>(), 56);
}

#[test]
fn the_sum_may_overflow_in_the_result_only() {
    let float = Number::Float;
    assert_eq!(sum_of(&[float(f64::MAX), float(f64::MAX), float(f64::MIN)]).sum(), float(f64::MAX));
    assert_eq!(sum_of(&[float(f64::MAX), float(f64::MAX)]).sum(), float(f64::INFINITY));
    let half_step = 2f64.powi(969);
    assert_eq!(sum_of(&[float(f64::MAX), float(half_step)]).sum(), float(f64::MAX));
    assert_eq!(sum_of(&[float(f64::MAX), float(half_step), float(half_step)]).sum(), float(f64::INFINITY));
}

#[test]
fn no_zero_is_negative() {
    let sum = sum_of(&[Number::Float(-0.0)]);
    assert!(matches!(sum.sum(), Number::Float(zero) if zero.is_sign_positive()));
    assert!(sum.mean().is_some_and(f64::is_sign_positive));
    assert_eq!(ExactSum::default().sum(), Number::Int(0));
    assert_eq!(ExactSum::default().mean(), None);
}

fn beyond_floats() -> BigInt {
    BigInt::from(1) << 1024
}

#[test]
fn infinities_and_nans_come_and_go() {
    let mut sum = sum_of(&[Number::Float(1.5), Number::Float(f64::INFINITY)]);
    assert_eq!(sum.sum(), Number::Float(f64::INFINITY));
    sum.add(&Number::Big(-beyond_floats()));
    assert!(matches!(sum.sum(), Number::Float(nan) if nan.is_nan()));
    sum.remove(&Number::Float(f64::INFINITY));
    assert_eq!(sum.sum(), Number::Float(f64::NEG_INFINITY));
    sum.remove(&Number::Big(-beyond_floats()));
    assert_eq!(sum.sum(), Number::Float(1.5));
}

#[test]
fn nothing_shared_by_any_number_is_zero() {
    for count in [0, 1, 3, u64::MAX] {
        assert_eq!(super::rounding::ratio(&BigInt::zero(), count).to_bits(), 0.0f64.to_bits());
    }
}
