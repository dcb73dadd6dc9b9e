//! Batches: that a mapper is called for many keys before the store takes what it gave is not seen.

use std::cell::Cell;
use std::rc::Rc;

use crate::{Fold, Key};

use super::driver::{Done, Driver, derived, input, mapped};
use super::host::{Code, V, raise};

/// Several batches, and a part of one.
const KEYS: i64 = 8;

/// `/a/`, where each key has itself for its value, and `/m/`, which doubles the values; `act` is called with each first.
fn doubler(fold: Option<Fold<Code>>, act: impl Fn(&mut Driver, i64) -> Done<()> + 'static) -> Driver {
    let mut d = Driver::new();
    let code = Code::mapper("m", move |d, key, values| {
        let value = values[0].int();
        act(d, value)?;
        Ok(vec![(key.clone(), V::Int(2 * value))])
    });
    d.update(|d| {
        d.make("/a/", &input((0..KEYS).map(|key| (Key::int(key), vec![V::Int(key)])).collect()))?;
        d.make("/m/", &derived(vec![mapped("/a/", &code)], fold)).map(drop)
    })
    .unwrap();
    d.ran();
    d
}

/// Every key gets another value.
fn change_all(d: &mut Driver, by: i64) -> Done<crate::Commit> {
    d.update(|d| {
        for key in 0..KEYS {
            d.set("/a/", key, vec![V::Int(by + key)])?;
        }
        Ok(())
    })
}

fn doubled(by: i64) -> String {
    (0..KEYS).map(|key| format!("{key}: [{}]", 2 * (by + key))).collect::<Vec<_>>().join(", ")
}

fn each_once() -> Vec<String> {
    (0..KEYS).map(|key| format!("m {key}")).collect()
}

#[test]
fn a_batch_is_not_seen() {
    for fold in [None, Some(Fold::Sum), Some(Fold::Max)] {
        let mut d = doubler(fold, |_, _| Ok(()));
        let commit = change_all(&mut d, 100).unwrap();
        assert_eq!((d.shown("/m/"), d.ran(), commit.mapped), (doubled(100), each_once(), each_once().len()));
    }
}

#[test]
fn a_mapper_that_uses_the_store_in_the_middle_of_a_batch_runs_once_for_each_key() {
    for reads in 0..KEYS {
        let mut d = doubler(None, move |d, value| if value % 100 == reads { d.size("/a/").map(drop) } else { Ok(()) });
        let commit = change_all(&mut d, 100).unwrap();
        assert_eq!((d.shown("/m/"), d.ran(), commit.mapped), (doubled(100), each_once(), each_once().len()), "{reads}");
        // Its read is noted: of the key for which it was made, and no other.
        d.update(|d| d.set("/a/", KEYS, vec![V::Int(50)])).unwrap();
        assert_eq!(d.ran(), [format!("m {reads}"), format!("m {KEYS}")], "{reads}");
    }
}

#[test]
fn what_a_mapper_reads_in_the_middle_of_a_batch_is_computed_first_in_a_batch_of_its_own() {
    for reads in 0..KEYS {
        let mut d = doubler(None, |_, _| Ok(()));
        let sum = Code::mapper("n", move |d, key, values| {
            let mut sum = values[0].int();
            if sum % 100 == reads {
                sum += d.between("/m/", 0, KEYS)?.iter().map(|(_, values)| values[0].int()).sum::<i64>();
            }
            Ok(vec![(key.clone(), V::Int(sum))])
        });
        // It is mapped from /a/ as /m/ is, and made before it in the order of the cascade as often as not.
        d.update(|d| d.make("/n/", &derived(vec![mapped("/a/", &sum)], None)).map(drop)).unwrap();
        d.ran();
        change_all(&mut d, 100).unwrap();
        let all: i64 = (0..KEYS).map(|key| 2 * (100 + key)).sum();
        let expected = (0..KEYS).map(|key| 100 + key + if key == reads { all } else { 0 });
        let expected: Vec<String> = expected.zip(0..).map(|(value, key)| format!("{key}: [{value}]")).collect();
        assert_eq!(d.shown("/n/"), expected.join(", "));
        assert_eq!(d.ran().len(), 2 * each_once().len());
    }
}

#[test]
fn a_mapper_that_raises_in_the_middle_of_a_batch_undoes_all_and_can_be_run_again() {
    for fails in 0..KEYS {
        let healed = Rc::new(Cell::new(true));
        let is_healed = Rc::clone(&healed);
        let mut d = doubler(Some(Fold::Count), move |_, value| {
            if value % 100 == fails && !is_healed.get() { Err(raise("no")) } else { Ok(()) }
        });
        let before = d.shown("/m/");
        healed.set(false);
        change_all(&mut d, 100).unwrap_err();
        assert_eq!((d.shown("/m/"), d.ran()), (before.clone(), each_once()), "the others run all the same");
        healed.set(true);
        change_all(&mut d, 200).unwrap();
        assert_eq!((d.shown("/m/"), d.ran()), (before, each_once()));
    }
}

#[test]
fn a_failure_that_is_mended_in_the_same_transaction_counts_no_more() {
    for fails in 0..KEYS {
        let mut d = doubler(None, move |_, value| if value == 100 + fails { Err(raise("no")) } else { Ok(()) });
        d.update(|d| {
            for key in 0..KEYS {
                d.set("/a/", key, vec![V::Int(100 + key)])?;
            }
            d.cascade().unwrap_err();
            d.set("/a/", fails, vec![V::Int(90)])
        })
        .unwrap();
        let failed = format!("{fails}: [{}]", 2 * (100 + fails));
        assert_eq!(d.shown("/m/"), doubled(100).replace(&failed, &format!("{fails}: [180]")));
    }
}
