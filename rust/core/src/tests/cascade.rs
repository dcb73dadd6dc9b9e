//! What is recomputed for which change, and that it is all that is due.

use crate::{Key, Upper};

use super::driver::{Done, Driver, derived, input, mapped, name, within};
use super::host::{Code, Ran, V};

/// `/a/` with keys 0 to 4, `/t/` with key 1, and `/r/`, whose mapper over `/t/` gives what `read` reads.
fn reader(read: fn(&mut Driver) -> Done<i64>) -> Driver {
    let mut d = Driver::new();
    let code = Code::mapper("r", move |d, key, _| Ok(vec![(key.clone(), V::Int(read(d)?))]));
    d.update(|d| {
        d.make("/a/", &input((0..5).map(|key| (Key::int(key), vec![V::Int(key)])).collect()))?;
        d.make("/t/", &input(vec![(Key::int(1), vec![V::Int(1)])]))?;
        d.make("/r/", &derived(vec![mapped("/t/", &code)], None)).map(drop)
    })
    .unwrap();
    d.ran();
    d
}

fn set(d: &mut Driver, of: &str, key: i64, values: Vec<V>) -> usize {
    d.update(|d| d.set(of, key, values)).unwrap();
    d.ran().len()
}

fn number(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(0)
}

#[test]
fn who_read_a_key_runs_for_that_key() {
    let mut d = reader(|d| Ok(d.get("/a/", 3)?.iter().map(V::int).sum()));
    assert_eq!(set(&mut d, "/a/", 2, vec![V::Int(7)]), 0);
    assert_eq!(set(&mut d, "/a/", 3, vec![V::Int(7)]), 1);
    assert_eq!(set(&mut d, "/a/", 3, vec![]), 1);
    assert_eq!(d.shown("/r/"), "1: [0]");
}

#[test]
fn who_read_a_key_that_is_not_there_runs_when_it_comes() {
    let mut d = reader(|d| Ok(d.get("/a/", 9)?.iter().map(V::int).sum()));
    assert_eq!(set(&mut d, "/a/", 9, vec![V::Int(7)]), 1);
    assert_eq!(d.shown("/r/"), "1: [7]");
}

#[test]
fn who_read_the_size_runs_when_it_differs() {
    let mut d = reader(|d| Ok(number(d.size("/a/")?)));
    assert_eq!(set(&mut d, "/a/", 2, vec![V::Int(7)]), 0);
    assert_eq!(set(&mut d, "/a/", 2, vec![]), 1);
    assert_eq!(set(&mut d, "/a/", 9, vec![V::Int(7)]), 1);
}

#[test]
fn who_read_the_emptiness_runs_when_it_differs() {
    let mut d = reader(|d| Ok(i64::from(d.is_empty("/a/")?)));
    assert_eq!(set(&mut d, "/a/", 2, vec![]), 0);
    d.update(|d| d.clear("/a/")).unwrap();
    assert_eq!((d.ran().len(), d.shown("/r/").as_str()), (1, "1: [1]"));
}

#[test]
fn who_read_a_range_runs_for_what_is_in_it() {
    let mut d = reader(|d| Ok(d.between("/a/", 1, 3)?.iter().map(|(_, values)| values[0].int()).sum()));
    for (key, runs) in [(0, 0), (1, 1), (2, 1), (3, 1), (4, 0)] {
        assert_eq!(set(&mut d, "/a/", key, vec![]), runs, "{key}");
    }
}

#[test]
fn who_asked_whether_a_directory_is_there_runs_when_that_differs() {
    let mut d = reader(|d| Ok(i64::from(d.exists("/x/")?)));
    assert_eq!(set(&mut d, "/a/", 0, vec![]), 0);
    d.update(|d| d.make("/x/", &input(vec![])).map(drop)).unwrap();
    assert_eq!((d.ran().len(), d.shown("/r/").as_str()), (1, "1: [1]"));
    assert_eq!(set(&mut d, "/x/", 0, vec![V::Int(1)]), 0);
    d.update(|d| d.remove("/x/")).unwrap();
    assert_eq!((d.ran().len(), d.shown("/r/").as_str()), (1, "1: [0]"));
}

#[test]
fn who_listed_the_names_runs_when_one_comes_or_goes() {
    let mut d = reader(|d| Ok(number(d.names().len())));
    d.update(|d| d.make("/x/", &input(vec![])).map(drop)).unwrap();
    assert_eq!((d.ran().len(), d.shown("/r/").as_str()), (1, "1: [4]"));
    assert_eq!(set(&mut d, "/x/", 0, vec![V::Int(1)]), 0);
    d.update(|d| d.remove("/x/")).unwrap();
    assert_eq!((d.ran().len(), d.shown("/r/").as_str()), (1, "1: [3]"));
}

#[test]
fn a_read_inside_a_mapper_shows_what_is_being_brought_about() {
    // /z/ is mapped from /t/ and reads /y/, which is made after it and due in the same cascade.
    let mut d = reader(|d| {
        if !d.exists("/y/")? {
            return Ok(-1);
        }
        Ok(d.get("/y/", 1)?.iter().map(V::int).sum())
    });
    let code = Code::mapper("y", |_, key, values| Ok(vec![(key.clone(), V::Int(values[0].int() * 10))]));
    d.update(|d| d.make("/y/", &derived(vec![mapped("/a/", &code)], None)).map(drop)).unwrap();
    assert_eq!(d.shown("/r/"), "1: [10]");
    d.ran();
    d.update(|d| {
        d.set("/t/", 1, vec![V::Int(2)])?;
        d.set("/a/", 1, vec![V::Int(5)])
    })
    .unwrap();
    assert_eq!(d.shown("/r/"), "1: [50]");
    assert_eq!(d.ran(), ["r 1", "y 1"], "the reader once, though it began first");
}

#[test]
fn what_depends_on_two_parents_that_change_together_runs_once() {
    let mut d = Driver::new();
    let twice = Code::mapper("m", |_, key, values| Ok(vec![(key.clone(), V::Int(values.iter().map(V::int).sum()))]));
    d.update(|d| {
        d.make("/a/", &input(vec![(Key::int(1), vec![V::Int(1)])]))?;
        d.make("/b/", &derived(vec![mapped("/a/", &twice)], None))?;
        d.make("/c/", &derived(vec![mapped("/b/", &twice)], None))?;
        d.make("/d/", &derived(vec![super::driver::passed("/a/"), super::driver::passed("/c/")], None))?;
        d.make("/e/", &derived(vec![mapped("/d/", &twice)], None)).map(drop)
    })
    .unwrap();
    d.ran();
    set(&mut d, "/a/", 1, vec![V::Int(2)]);
    d.update(|d| d.set("/a/", 1, vec![V::Int(3)])).unwrap();
    assert_eq!((d.shown("/e/").as_str(), d.ran().len()), ("1: [6]", 3));
}

#[test]
fn only_keys_within_the_ranges_are_mapped() {
    let mut d = Driver::new();
    let code = Code::mapper("m", |_, key, values| -> Ran { Ok(vec![(key.clone(), values[0].clone())]) });
    let ranges = vec![(Key::int(1), Upper::Key(Key::int(2))), (Key::int(5), Upper::Open)];
    d.update(|d| {
        d.make("/a/", &input((0..8).map(|key| (Key::int(key), vec![V::Int(key)])).collect()))?;
        d.make("/b/", &derived(vec![within(mapped("/a/", &code), ranges)], None)).map(drop)
    })
    .unwrap();
    assert_eq!(d.shown("/b/"), "1: [1], 2: [2], 5: [5], 6: [6], 7: [7]");
    d.ran();
    for (key, runs) in [(0, 0), (1, 1), (2, 1), (3, 0), (4, 0), (5, 1), (100, 1)] {
        assert_eq!(set(&mut d, "/a/", key, vec![V::Int(50)]), runs, "{key}");
    }
}

#[test]
fn the_check_finds_children_and_reads_that_are_remembered_wrong() {
    let mut d = reader(|d| Ok(number(d.size("/a/")?)));
    set(&mut d, "/t/", 1, vec![V::Int(2)]);
    assert_eq!(d.store.check_fan_outs(), Ok(()));
    let read_by_none = d.store.find(&name("/r/")).expect("a directory");
    d.store.is_read(read_by_none);
    d.store.fan_outs.read(read_by_none);
    assert!(d.store.check_fan_outs().unwrap_err().starts_with("fan_out: that "));
    d.store.fan_outs.mix_up();
    assert!(d.store.check_fan_outs().unwrap_err().starts_with("fan_out: "));
}
