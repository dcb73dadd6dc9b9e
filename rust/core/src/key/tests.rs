//! What must hold of keys, on random ones. `oracle_` compares with a second, simpler way to the answer.

#![cfg_attr(not(test), allow(dead_code, unused_imports, reason = "a fuzzer runs some of it"))]

use std::cmp::Ordering;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use num_bigint::BigInt;
use num_traits::FromPrimitive;
use proptest::prelude::*;

use super::{Key, KeyError, KeyRef};

/// Keys that are often equal, nearly equal, or alike but for their type.
#[expect(clippy::cast_precision_loss, reason = "rounded ints are what is wanted")]
pub(crate) fn keys() -> impl Strategy<Value = Key> {
    let near = prop_oneof![Just(0i64), Just(1), Just(1 << 53), Just(1 << 62), Just(i64::MAX), Just(i64::MIN)];
    let int = (near, -2i64..3).prop_map(|(base, step)| base.saturating_add(step));
    let big = (prop_oneof![Just(62u32), Just(63), Just(64), Just(100), Just(1024)], -2i64..3, any::<bool>()).prop_map(
        |(bits, step, negative)| {
            let value: BigInt = (BigInt::from(1) << bits) + step;
            Key::big(if negative { -value } else { value })
        },
    );
    let power = (-3i32..1024, any::<bool>()).prop_map(|(e, negative)| if negative { -1.0 } else { 1.0 } * 2f64.powi(e));
    let special = prop::sample::select(vec![
        0.0,
        -0.0,
        0.5,
        1.5,
        -1.5,
        1.5e-7,
        1e16,
        1e300,
        5e-324,
        f64::MAX,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ]);
    let float = prop_oneof![
        int.clone().prop_map(|value| value as f64),
        power,
        special,
        any::<f64>().prop_filter("no NaN", |value| !value.is_nan()),
    ];
    let leaf = prop_oneof![
        1 => Just(Key::NONE),
        1 => any::<bool>().prop_map(Key::bool),
        4 => int.prop_map(Key::int),
        2 => big,
        4 => float.prop_map(|value| Key::float(value).unwrap()),
        3 => "[01.eE+\\-infaN,()%/b~\u{0}\u{7f}\u{80}\u{e9}]{0,5}".prop_map(|text| Key::str(&text)),
        2 => "[a\u{0}\u{10348}]{18,26}".prop_map(|text| Key::str(&text)),
        1 => prop::sample::select(vec!["None", "True", "False", ".", "..", "inf", "-inf", "%", "b~00", "()", "(1,)"])
            .prop_map(Key::str),
        2 => prop::collection::vec(0u8..3, 0..4).prop_map(|bytes| Key::bytes(&bytes)),
    ];
    leaf.prop_recursive(3, 12, 3, |key| prop::collection::vec(key, 0..4).prop_map(|parts| Key::tuple(parts).unwrap()))
}

fn hash(key: &Key) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// A number times 2^1074, which is an int for any finite one; or where infinity stands.
fn scaled(key: KeyRef<'_>) -> Option<Result<BigInt, Ordering>> {
    match key {
        KeyRef::Int(value) => Some(Ok(BigInt::from(value) << 1074)),
        KeyRef::Big(value) => Some(Ok(value << 1074)),
        KeyRef::Float(f64::INFINITY) => Some(Err(Ordering::Greater)),
        KeyRef::Float(f64::NEG_INFINITY) => Some(Err(Ordering::Less)),
        KeyRef::Float(value) => {
            // Times 2^1074 in steps: the first are exact while the value is small, then it is whole.
            let (mut value, mut left) = (value, 1074);
            while value.fract() != 0.0 {
                (value, left) = (value * 2.0, left - 1);
            }
            Some(Ok(BigInt::from_f64(value).unwrap() << left))
        }
        _ => None,
    }
}

fn oracle_order(a: &Key, b: &Key) -> Ordering {
    let rank = |key: &Key| match key.view() {
        KeyRef::None => 0,
        KeyRef::Bool(_) => 1,
        KeyRef::Int(_) | KeyRef::Big(_) | KeyRef::Float(_) => 2,
        KeyRef::Str(_) => 3,
        KeyRef::Bytes(_) => 4,
        KeyRef::Tuple(_) => 5,
    };
    match (a.view(), b.view()) {
        (KeyRef::Bool(a), KeyRef::Bool(b)) => a.cmp(&b),
        (KeyRef::Str(a), KeyRef::Str(b)) => a.chars().cmp(b.chars()),
        (KeyRef::Bytes(a), KeyRef::Bytes(b)) => a.iter().cmp(b),
        (KeyRef::Tuple(a), KeyRef::Tuple(b)) => {
            let differ = a.iter().zip(b).map(|(a, b)| oracle_order(a, b)).find(|order| order.is_ne());
            differ.unwrap_or(a.len().cmp(&b.len()))
        }
        (x, y) => match (scaled(x), scaled(y)) {
            (Some(Ok(x)), Some(Ok(y))) => x.cmp(&y),
            (Some(Err(x)), Some(Err(y))) => x.cmp(&y),
            (Some(Err(x)), Some(_)) => x,
            (Some(_), Some(Err(y))) => y.reverse(),
            _ => rank(a).cmp(&rank(b)),
        },
    }
}

/// What must hold of any two keys.
pub(crate) fn check_two(a: &Key, b: &Key) {
    assert_eq!(a.cmp(b), oracle_order(a, b));
    assert_eq!(b.cmp(a), a.cmp(b).reverse());
    assert_eq!(a == b, a.cmp(b).is_eq());
    assert_eq!(a == b, hash(a) == hash(b), "{a:?} {b:?}");
}

/// What must hold of any text as a key.
pub(crate) fn check_text(text: &str) {
    let key = Key::str(text);
    assert!(matches!(key.view(), KeyRef::Str(back) if back == text));
    assert_eq!(key.heap_bytes(), if text.len() > 22 { 16 + text.len() } else { 0 });
}

proptest! {
    #[test]
    fn oracle_keys_order_by_type_then_by_exact_value_and_equal_ones_hash_alike(a in keys(), b in keys()) {
        check_two(&a, &b);
    }

    #[test]
    fn a_float_hashes_and_compares_as_the_int_it_equals(value in any::<f64>()) {
        if let Some(int) = BigInt::from_f64(value.trunc()) {
            let (int, float) = (Key::big(int), Key::float(value.trunc()).unwrap());
            prop_assert_eq!(&int, &float);
            prop_assert_eq!(hash(&int), hash(&float));
        }
    }

    #[test]
    fn the_order_is_transitive(mut keys in prop::collection::vec(keys(), 0..12)) {
        keys.sort();
        for (i, a) in keys.iter().enumerate() {
            for b in &keys[i..] {
                prop_assert!(a <= b, "{:?} {:?}", a, b);
            }
        }
    }

    #[test]
    fn a_text_comes_back(text in any::<String>()) {
        check_text(&text);
    }

    #[test]
    fn texts_order_by_code_point(a in "[a\u{0}\u{ffff}\u{10348}]{0,9}", b in "[a\u{0}\u{ffff}\u{10348}]{0,9}") {
        prop_assert_eq!(Key::str(&a).cmp(&Key::str(&b)), a.chars().cmp(b.chars()));
    }

    #[test]
    fn a_float_is_written_so_that_it_reads_back(value in any::<f64>()) {
        let text = super::repr::float(value);
        prop_assert!(value.is_nan() || text.parse::<f64>().unwrap().to_bits() == value.to_bits());
    }
}

#[test]
fn a_key_has_24_bytes() {
    assert_eq!(size_of::<Key>(), 24);
    assert_eq!(size_of::<Option<Key>>(), 24);
}

#[test]
fn a_key_can_go_to_another_thread() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Key>();
}

#[test]
fn a_key_comes_back_as_it_was_given() {
    assert!(matches!(Key::float(1.0).unwrap().view(), KeyRef::Float(1.0)));
    assert!(matches!(Key::big(BigInt::from(i64::MIN)).view(), KeyRef::Int(i64::MIN)));
    assert!(matches!(Key::big(BigInt::from(i64::MAX) + 1).view(), KeyRef::Big(_)));
    assert!(matches!(Key::float(-0.0).unwrap().view(), KeyRef::Float(zero) if zero.is_sign_negative()));
}

#[test]
fn nan_is_no_key() {
    assert_eq!(Key::float(f64::NAN), Err(KeyError::NotANumber));
}

#[test]
fn tuples_nest_to_the_bound_and_no_deeper() {
    let mut key = Key::NONE;
    for _ in 0..Key::MAX_DEPTH {
        key = Key::tuple(vec![key]).unwrap();
    }
    let wide = Key::tuple(vec![Key::NONE]).unwrap();
    assert!(key > wide && key == key.clone() && hash(&key) == hash(&key.clone()));
    assert_eq!(key.to_string(), format!("{}None{}", "(".repeat(128), ",)".repeat(128)));
    assert_eq!(Key::tuple(vec![key]), Err(KeyError::TooDeep));
}

#[test]
fn keys_print_as_python_writes_them() {
    let print = |key: Key| key.to_string();
    assert_eq!(print(Key::str("it's")), r#""it's""#);
    assert_eq!(
        print(Key::str("it's \"\n\u{7f}\u{e9}\u{200b}\u{301}\u{e000}\u{10ffff}")),
        "'it\\'s \"\\n\\x7fé\\u200b\u{301}\\ue000\\U0010ffff'"
    );
    assert_eq!(print(Key::bytes(b"a'\x00\xff\\\t")), r#"b"a'\x00\xff\\\t""#);
    assert_eq!(print(Key::float(1e16).unwrap()), "1e+16");
    assert_eq!(print(Key::float(1e15).unwrap()), "1000000000000000.0");
    assert_eq!(print(Key::float(0.0001).unwrap()), "0.0001");
    assert_eq!(print(Key::float(2f64.powi(-25)).unwrap()), "2.9802322387695312e-08"); // the even one of two
    assert_eq!(print(Key::float(-0.000_015).unwrap()), "-1.5e-05");
    assert_eq!(print(Key::float(f64::NEG_INFINITY).unwrap()), "-inf");
    assert_eq!(print(Key::tuple(vec![]).unwrap()), "()");
    assert_eq!(print(Key::tuple(vec![Key::NONE, Key::bool(true)]).unwrap()), "(None, True)");
}

#[test]
fn heap_bytes_tell_what_is_allocated() {
    let big = Key::big(BigInt::from(1) << 64);
    assert_eq!(big.heap_bytes(), 16 + size_of::<BigInt>() + 16);
    assert_eq!(Key::bytes(b"abc").heap_bytes(), 19);
    assert_eq!(Key::tuple(vec![Key::NONE, Key::bytes(b"")]).unwrap().heap_bytes(), 16 + 48 + 16);
}

#[test]
fn only_small_ints_say_which_they_are() {
    for key in [Key::float(2.0).unwrap(), Key::str("2"), Key::bool(true), Key::NONE, Key::big(BigInt::from(1u64 << 63))]
    {
        assert_eq!(key.small_int(), None, "{key}");
    }
    for int in [i64::MIN, -3, 0, i64::MAX] {
        assert_eq!(Key::int(int).small_int(), Some(int));
    }
}

proptest! {
    #[test]
    fn the_order_without_its_short_cuts_is_the_same(a in keys(), b in keys(), ints in any::<[i64; 2]>()) {
        for (a, b) in [(a, b), ints.map(Key::int).into()] {
            prop_assert_eq!(super::order::compare(&a.0, &b.0), a.cmp(&b));
        }
    }
}
