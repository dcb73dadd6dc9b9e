//! What is fetched ahead is what the units replace.

use crate::directory::Directory;
use crate::{Fold, Key};

use super::driver::{Driver, derived, input, mapped, name};
use super::host::{Code, FETCHED, V};

fn directory<'a>(d: &'a Driver, of: &str) -> &'a Directory<super::host::TestHost> {
    let id = d.store.find(&name(of)).expect("a directory");
    d.store.ctx.dirs.get(id).expect("it is live")
}

#[test]
fn the_leaves_of_what_is_mapped_from_a_row_are_fetched_and_then_the_entries() {
    let mut d = Driver::new();
    let same = Code::mapper("same", |_, key, values| Ok(vec![(key.clone(), values[0].clone())]));
    let one = Code::mapper("one", |_, _, values| Ok(vec![(Key::int(0), values[0].clone())]));
    d.update(|d| {
        d.make("/a/", &input(vec![]))?;
        d.make("/b/", &derived(vec![mapped("/a/", &same)], None))?;
        d.make("/f/", &derived(vec![mapped("/a/", &one)], Some(Fold::Sum)))?;
        (0..50).try_for_each(|key| d.set("/a/", key, vec![V::Int(1)]))
    })
    .unwrap();
    for key in [0, 17, 49] {
        let (place, _) = directory(&d, "/a/").rows.locate(&Key::int(key), None);
        let rows = &directory(&d, "/b/").rows;
        let units = &directory(&d, "/f/").derived().expect("a derived directory").units[0];
        let entry = rows.get(&Key::int(key)).map(|row| std::ptr::from_ref(row).addr()).expect("it is there");
        let expected = [
            rows.leaf_address(&place),
            units.leaf_address(&place),
            rows.entry_address(&place),
            units.entry_address(&place),
        ];
        assert!(expected.iter().all(Option::is_some), "{key}: all have the shape of /a/");
        let at = rows.entry_address(&place).expect("as was just seen");
        assert!(at <= entry && entry - at < 64, "{key}: the row is in its entry");
        FETCHED.take();
        d.update(|d| d.set("/a/", key, vec![V::Int(2)])).unwrap();
        assert_eq!(FETCHED.take().into_iter().map(Some).collect::<Vec<_>>(), expected, "{key}");
    }
}

/// What is fetched where these keys of `/a/` are replaced in one run.
fn fetched_by_run(d: &mut Driver, keys: &[Key]) -> Vec<usize> {
    FETCHED.take();
    d.update(|d| {
        let id = d.store.writable(&name("/a/"))?;
        let mut values: Vec<_> = keys.iter().map(|_| std::iter::once(V::Int(2)).collect()).collect();
        d.sure(|store| store.set_rows(id, keys, &mut values, &mut 0))
    })
    .unwrap();
    FETCHED.take()
}

#[test]
fn all_that_a_run_replaces_is_fetched_first() {
    let mut d = Driver::new();
    let keys: Vec<Key> = [3, 20, 21, 49].map(Key::int).to_vec();
    let expected = d
        .update(|d| d.make("/a/", &input((0..50).map(|key| (Key::int(key), vec![V::Int(1)])).collect())).map(drop))
        .map(|_| {
            let rows = &directory(&d, "/a/").rows;
            let places: Vec<_> = keys.iter().map(|key| rows.locate(key, None).0).collect();
            let leaves = places.iter().map(|place| rows.leaf_address(place));
            leaves.chain(places.iter().map(|place| rows.entry_address(place))).collect::<Vec<_>>()
        })
        .unwrap();
    let fetched = fetched_by_run(&mut d, &keys);
    assert!(expected.iter().all(Option::is_some));
    assert_eq!(fetched.into_iter().map(Some).collect::<Vec<_>>(), expected);
}

#[test]
fn of_keys_that_are_no_numbers_the_middle_of_the_leaf_is_fetched() {
    let mut d = Driver::new();
    let key = |number: i64| Key::str(&format!("{number:02}"));
    d.update(|d| d.make("/a/", &input((0..50).map(|number| (key(number), vec![V::Int(1)])).collect())).map(drop))
        .unwrap();
    let keys = [3, 20, 49].map(key);
    let rows = &directory(&d, "/a/").rows;
    let ahead = rows.ahead().expect("many rows");
    let mut expected = Vec::new();
    let mut entries = Vec::new();
    for key in &keys {
        let leaf = ahead.leaf(key).expect("a leaf");
        expected.push(leaf.address());
        entries.push(leaf.entry_address(key).expect("its middle"));
    }
    expected.append(&mut entries);
    let fetched = fetched_by_run(&mut d, &keys);
    assert_eq!(fetched, expected);
}

#[test]
fn nothing_is_fetched_for_a_place_that_is_not_there() {
    let mut d = Driver::new();
    let odd = Code::mapper("odd", |_, key, values| {
        let is_odd = values[0].int() % 2 == 1;
        Ok(if is_odd { vec![(key.clone(), values[0].clone())] } else { vec![] })
    });
    d.update(|d| {
        d.make("/a/", &input(vec![]))?;
        d.make("/b/", &derived(vec![mapped("/a/", &odd)], None))?;
        (0..50).try_for_each(|key| d.set("/a/", key, vec![V::Int(0)]))
    })
    .unwrap();
    FETCHED.take();
    for key in [49, 0, 20] {
        d.update(|d| d.set("/a/", key, vec![V::Int(1)])).unwrap();
    }
    assert_eq!(d.shown("/b/"), "0: [1], 20: [1], 49: [1]");
}
