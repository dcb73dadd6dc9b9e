//! What units gave and goes without saying is read off their rows, and not stored; nor is a trail of those that read nothing.

use crate::directory::Directory;
use crate::directory::Upper;
use crate::{Fold, Key};

use super::driver::{Driver, derived, input, mapped, name, passed, within};
use super::host::{Code, V};

/// Of how many units it is stored what they gave, and what they read.
fn stored(d: &Driver, of: &str) -> (usize, usize) {
    let id = d.store.find(&name(of)).expect("a directory");
    let derived = d.store.ctx.dirs.get(id).and_then(Directory::derived).expect("a derived directory");
    (derived.units.iter().map(crate::tick_map::TickMap::total).sum(), derived.each_trail().count())
}

/// What the mapper gives for the value of its key: pairs of a key and a value. From 5 on it also reads.
fn given(value: i64) -> Vec<(i64, i64)> {
    match value {
        1 | 5 => vec![(1, 10)],
        2 => vec![(1, 10), (1, 20)],
        3 => vec![(2, 10)],
        4 => vec![(1, 10), (2, 10)],
        _ => vec![],
    }
}

/// What is shown of these pairs.
fn expected(pairs: &[(i64, i64)]) -> String {
    let mut keys: Vec<i64> = pairs.iter().map(|(key, _)| *key).collect();
    keys.dedup();
    let values = |key| pairs.iter().filter(|(of, _)| *of == key).map(|(_, value)| *value).collect::<Vec<i64>>();
    keys.iter().map(|&key| format!("{key}: {:?}", values(key))).collect::<Vec<String>>().join(", ")
}

fn giver(fold: Option<Fold<Code>>) -> Driver {
    let mut d = Driver::new();
    let code = Code::mapper("d", |d, _, values| {
        let value = values[0].int();
        if value >= 5 {
            d.size("/b/")?;
        }
        Ok(given(value).into_iter().map(|(key, value)| (Key::int(key), V::Int(value))).collect())
    });
    d.update(|d| {
        d.make("/a/", &input(vec![(Key::int(1), vec![V::Int(0)])]))?;
        d.make("/b/", &input(vec![]))?;
        d.make("/d/", &derived(vec![mapped("/a/", &code)], fold)).map(drop)
    })
    .unwrap();
    d
}

#[test]
fn what_a_unit_gave_is_stored_exactly_where_its_row_does_not_tell_all_of_it() {
    let mut d = giver(None);
    for before in 0..7 {
        for after in 0..7 {
            for value in [before, after] {
                d.update(|d| d.set("/a/", 1, vec![V::Int(value)])).unwrap();
                assert_eq!(d.shown("/d/"), expected(&given(value)), "{before} to {after}, at {value}");
                let expected = (usize::from([3, 4].contains(&value)), usize::from(value >= 5));
                assert_eq!(stored(&d, "/d/"), expected, "{before} to {after}, at {value}");
            }
            d.update(|d| d.set("/a/", 1, vec![])).unwrap();
            assert_eq!((d.shown("/d/").as_str(), stored(&d, "/d/")), ("", (0, 0)), "{before} to {after}");
        }
    }
}

#[test]
fn what_a_unit_of_a_folded_directory_gave_is_stored_where_it_is_anything() {
    let mut d = giver(Some(Fold::Count));
    for value in [0, 1, 0, 2, 3, 0, 4, 5, 0, 6, 1, 0] {
        d.update(|d| d.set("/a/", 1, vec![V::Int(value)])).unwrap();
        let expected = (usize::from(!given(value).is_empty()), usize::from(value >= 5));
        assert_eq!(stored(&d, "/d/"), expected, "{value}");
    }
}

#[test]
fn units_that_go_without_saying_run_when_their_parent_goes() {
    let mut d = Driver::new();
    let make = Code::mapper("m", |d, _, _| {
        d.make("/x/", &input(vec![(Key::int(1), vec![V::Int(1)]), (Key::int(2), vec![V::Int(2)])]))?;
        Ok(vec![])
    });
    let own = Code::mapper("d", |_, key, values| Ok(vec![(key.clone(), V::Int(values[0].int() * 2))]));
    d.update(|d| {
        d.make("/t/", &input(vec![(Key::int(1), vec![V::Int(1)])]))?;
        d.make("/m/", &derived(vec![mapped("/t/", &make)], None))?;
        d.make("/y/", &input(vec![(Key::int(2), vec![V::Int(3)])]))?;
        d.make("/d/", &derived(vec![mapped("/x/", &own), mapped("/y/", &own)], None)).map(drop)
    })
    .unwrap();
    assert_eq!(d.shown("/d/"), "1: [2], 2: [4, 6]");
    d.update(|d| d.set("/t/", 1, vec![])).unwrap();
    assert_eq!(d.shown("/d/"), "2: [6]");
}

/// Ranges of a slice, few rows (which it has at once) and many (which units give), in order and not.
const SLICES: [&[(i64, i64)]; 6] = [&[(2, 4)], &[(2, 7)], &[(1, 1), (3, 4)], &[(3, 5), (1, 2)], &[(1, 4), (3, 5)], &[]];

/// The last change comes after the slice was made, and before anything else runs.
#[test]
fn a_slice_shows_its_rows_whether_it_has_them_at_once_or_units_give_them() {
    for ranges in SLICES {
        let mut d = Driver::new();
        let rows = (0..8).map(|key| (Key::int(key), vec![V::Int(key), V::Int(-key)])).collect();
        d.update(|d| d.make("/a/", &input(rows)).map(drop)).unwrap();
        let slice = || {
            let ranges = ranges.iter().map(|&(lo, hi)| (Key::int(lo), Upper::Key(Key::int(hi)))).collect();
            derived(vec![within(passed("/a/"), ranges)], None)
        };
        let shown = |changed: i64| {
            let keys = (0..8).filter(|key| *key != 4 && ranges.iter().any(|(lo, hi)| (lo..=hi).contains(&key)));
            let values = |key| if key == changed { "[9]".to_owned() } else { format!("[{key}, -{key}]") };
            keys.map(|key| format!("{key}: {}", values(key).replace("-0", "0"))).collect::<Vec<_>>().join(", ")
        };
        d.update(|d| {
            d.set("/a/", 4, vec![])?;
            d.make("/s/", &slice())?;
            assert_eq!(d.shown("/s/"), shown(-1), "{ranges:?}");
            d.set("/a/", 3, vec![V::Int(9)])
        })
        .unwrap();
        assert_eq!(d.shown("/s/"), shown(3), "{ranges:?}");
        let counts = |d: &Driver| crate::Stats { bytes: 0, ..d.store.stats() };
        let before = counts(&d);
        d.store.begin();
        d.make("/t/", &slice()).unwrap();
        drop(d.store.rollback());
        drop(d.store.end());
        assert_eq!(counts(&d), before, "{ranges:?}");
        d.update(|d| d.remove("/s/")).unwrap();
        assert_eq!(d.store.stats().keys, 7, "{ranges:?}");
        d.store.check_invariants().unwrap();
    }
}
