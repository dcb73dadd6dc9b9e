//! Folded keys: each equals what folding its values from scratch gives, whatever came and went.

use crate::{Fold, Key, Refusal};

use super::driver::{Driver, derived, input, mapped, passed, within};
use super::dump::dump;
use super::host::{Code, MEMORY_LEFT, V, opaque, text};

/// `/a/` with rows, and what `fold` makes of all their values as one key.
fn folded(fold: Fold<Code>) -> Driver {
    let mut d = Driver::new();
    let one = Code::mapper("one", |_, _, values| Ok(values.iter().map(|v| (Key::int(0), v.clone())).collect()));
    d.update(|d| {
        d.make("/a/", &input(vec![]))?;
        d.make("/f/", &derived(vec![mapped("/a/", &one)], Some(fold))).map(drop)
    })
    .unwrap();
    d
}

fn after(d: &mut Driver, key: i64, values: Vec<V>) -> String {
    d.update(|d| d.set("/a/", key, values)).unwrap();
    d.shown("/f/")
}

#[test]
fn a_sum_leaves_no_rounding_behind() {
    let mut d = folded(Fold::Sum);
    assert_eq!(after(&mut d, 1, vec![V::Int(1)]), "0: [1]");
    assert_eq!(after(&mut d, 2, vec![V::Float(1e100)]), "0: [1e100f]");
    assert_eq!(after(&mut d, 3, vec![V::Float(0.1)]), "0: [1e100f]");
    assert_eq!(after(&mut d, 2, vec![]), "0: [1.1f]");
    assert_eq!(after(&mut d, 3, vec![]), "0: [1]");
    assert_eq!(after(&mut d, 4, vec![V::Int(i64::MAX)]), "0: [\"9223372036854775808\"]");
    assert_eq!(after(&mut d, 4, vec![]), "0: [1]");
    assert_eq!(after(&mut d, 1, vec![]), "");
}

#[test]
fn a_sum_of_what_is_no_number_is_for_user_code() {
    let mut d = folded(Fold::Sum);
    after(&mut d, 1, vec![V::Int(1)]);
    assert_eq!(after(&mut d, 2, vec![text("x")]), "0: [\"Sum of [1, \\\"x\\\"]\"]");
    assert_eq!(after(&mut d, 3, vec![V::Int(5)]), "0: [\"Sum of [1, \\\"x\\\", 5]\"]");
    assert_eq!(after(&mut d, 2, vec![]), "0: [6]");
}

#[test]
fn the_least_goes() {
    let mut d = folded(Fold::Min);
    after(&mut d, 1, vec![V::Int(3), V::Int(1)]);
    assert_eq!(after(&mut d, 2, vec![V::Float(1.0)]), "0: [1]", "of equal ones the first");
    assert_eq!(after(&mut d, 1, vec![V::Int(3)]), "0: [1.0f]");
    assert_eq!(after(&mut d, 2, vec![]), "0: [3]");
    assert_eq!(after(&mut d, 3, vec![text("x")]), "0: [\"Min of [3, \\\"x\\\"]\"]", "int < text is for user code");
    assert_eq!(after(&mut d, 1, vec![]), "0: [\"x\"]");
    assert_eq!(after(&mut d, 4, vec![V::Float(f64::NAN)]), "0: [\"Min of [\\\"x\\\", NaNf]\"]");
}

#[test]
fn the_greatest_goes() {
    let mut d = folded(Fold::Max);
    after(&mut d, 1, vec![V::Int(3), V::Int(7)]);
    assert_eq!(after(&mut d, 2, vec![V::Float(7.0)]), "0: [7]", "of equal ones the first");
    assert_eq!(after(&mut d, 1, vec![V::Int(3)]), "0: [7.0f]");
    assert_eq!(after(&mut d, 2, vec![]), "0: [3]");
}

#[test]
fn a_mean_of_ints_is_the_exact_sum_divided_once() {
    let mut d = folded(Fold::Mean);
    after(&mut d, 1, vec![V::Int(1), V::Int(2)]);
    assert_eq!(d.shown("/f/"), "0: [1.5f]");
    assert_eq!(after(&mut d, 1, vec![V::Int(2)]), "0: [2.0f]");
}

#[test]
fn a_reducer_of_the_user_is_told_what_went_and_what_came() {
    let mut d = folded(Fold::User(Code::reducer("sum")));
    after(&mut d, 1, vec![V::Int(2), V::Int(4)]);
    assert_eq!(after(&mut d, 2, vec![V::Int(5)]), "0: [11]");
    assert_eq!(after(&mut d, 1, vec![V::Int(4)]), "0: [9]");
    assert_eq!(after(&mut d, 2, vec![]), "0: [4]", "an odd one went: from scratch");
    assert_eq!(after(&mut d, 1, vec![]), "");
    assert_eq!(after(&mut d, 1, vec![V::Int(7)]), "0: [7]");
}

#[test]
fn a_reducer_that_raised_is_asked_again_for_all_that_changed_since() {
    let mut d = folded(Fold::User(Code::reducer("raises")));
    after(&mut d, 1, vec![V::Int(2)]);
    assert!(d.update(|d| d.set("/a/", 2, vec![V::Int(13)])).is_err());
    assert_eq!(d.shown("/f/"), "0: [2]");
    d.update(|d| {
        d.set("/a/", 2, vec![V::Int(13)])?;
        d.set("/a/", 3, vec![V::Int(1)])?;
        assert!(d.cascade().is_err());
        assert_eq!(d.shown("/f/"), "0: [2]");
        d.set("/a/", 2, vec![V::Int(4)])
    })
    .unwrap();
    assert_eq!(d.shown("/f/"), "0: [7]");
}

#[test]
fn values_of_one_key_from_many_sources_come_and_go_in_order() {
    let mut d = Driver::new();
    d.update(|d| {
        d.make("/b/", &input(vec![]))?;
        d.make("/a/", &input(vec![]))?;
        let k = Code::mapper("ten", |_, _, values| Ok(values.iter().map(|v| (Key::int(1), v.clone())).collect()));
        let range = vec![(Key::int(1), crate::Upper::Key(Key::int(2)))];
        let parents = vec![passed("/b/"), mapped("/a/", &k), within(passed("/a/"), range)];
        d.make("/all/", &derived(parents, None)).map(drop)
    })
    .unwrap();
    let mut set = |of: &str, key, values| {
        d.update(|d| d.set(of, key, values)).unwrap();
        d.shown("/all/")
    };
    assert_eq!(set("/b/", 1, vec![V::Int(10)]), "1: [10]");
    assert_eq!(set("/a/", 2, vec![V::Int(2)]), "1: [2, 10], 2: [2]");
    assert_eq!(set("/a/", 1, vec![V::Int(1)]), "1: [1, 1, 2, 10], 2: [2]", "by parent, key, and as given");
    assert_eq!(set("/a/", 3, vec![opaque(3)]), "1: [1, 1, 2, <3>, 10], 2: [2]", "3 is not within");
    assert_eq!(set("/a/", 1, vec![]), "1: [2, <3>, 10], 2: [2]");
    assert_eq!(set("/b/", 1, vec![]), "1: [2, <3>], 2: [2]");
    assert_eq!(set("/a/", 2, vec![]), "1: [<3>]");
    assert_eq!(set("/a/", 3, vec![]), "");
}

#[test]
fn a_sum_for_which_no_memory_is_left_is_due_until_there_is_some() {
    for left in 0..6 {
        let mut d = Driver::new();
        let parity = Code::mapper("parity", |_, key, values| {
            let key: i64 = key.to_string().parse().unwrap();
            Ok(vec![(Key::int(key % 2), values[0].clone())])
        });
        d.update(|d| {
            d.make("/a/", &input((0..4).map(|key| (Key::int(key), vec![V::Int(1)])).collect()))?;
            d.make("/sum/", &derived(vec![mapped("/a/", &parity)], Some(Fold::Sum)))?;
            d.make("/mean/", &derived(vec![mapped("/a/", &parity)], Some(Fold::Mean))).map(drop)
        })
        .unwrap();
        let before = dump(&d.store.ctx);
        let change = |d: &mut Driver, value| {
            d.set("/a/", 0, vec![V::Int(value)])?;
            d.set("/a/", 1, vec![V::Int(value)])
        };
        MEMORY_LEFT.set(left);
        let done = d.update(|d| change(d, 5));
        MEMORY_LEFT.set(usize::MAX);
        assert_eq!(done.is_ok(), left >= 4, "{left}: four rows are made");
        d.store.check_invariants().unwrap();
        if done.is_err() {
            assert_eq!(dump(&d.store.ctx), before, "{left}");
            // In a block the next cascade goes on where this one stopped.
            d.update(|d| {
                change(d, 5)?;
                MEMORY_LEFT.set(left);
                assert!(d.cascade().is_err());
                MEMORY_LEFT.set(usize::MAX);
                Ok(())
            })
            .unwrap();
        }
        assert_eq!(
            (d.shown("/sum/"), d.shown("/mean/")),
            ("0: [6], 1: [6]".to_owned(), "0: [3.0f], 1: [3.0f]".to_owned())
        );
        d.store.check_invariants().unwrap();
    }
}

#[test]
fn a_transaction_that_was_spoiled_can_only_be_rolled_back() {
    let mut d = Driver::new();
    d.update(|d| d.make("/a/", &input(vec![])).map(drop)).unwrap();
    let spoiled = d.update(|d| {
        d.set("/a/", 1, vec![V::Int(1)])?;
        d.store.spoil_transaction();
        d.set("/a/", 2, vec![V::Int(2)])
    });
    assert_eq!(spoiled.unwrap_err().refusal(), Some(&Refusal::NoMemory));
    d.update(|d| d.set("/a/", 3, vec![V::Int(3)])).unwrap();
    assert_eq!(d.shown("/a/"), "3: [3]");
}
