//! Directories that mappers make: they come and go with the key for which they are made.

use crate::{DirKind, Key, Refusal, Spec};

use super::driver::{Driver, derived, input, mapped, name, passed};
use super::host::{Code, Failure, Stop, V};

/// `/a/` with these rows, and `/m/` mapped from it.
fn made_by(rows: &[(i64, i64)], code: &Code) -> Driver {
    let mut d = Driver::new();
    d.update(|d| {
        d.make("/base/", &input(vec![(Key::int(7), vec![V::Int(7)])]))?;
        d.make("/a/", &input(rows.iter().map(|&(key, value)| (Key::int(key), vec![V::Int(value)])).collect()))?;
        d.make("/m/", &derived(vec![mapped("/a/", code)], None)).map(drop)
    })
    .unwrap();
    d
}

fn set(d: &mut Driver, key: i64, value: Option<i64>) {
    d.update(|d| d.set("/a/", key, value.map(V::Int).into_iter().collect())).unwrap();
}

fn names(d: &Driver) -> Vec<String> {
    let names = d.store.names().into_iter().map(|name| name.as_str().to_owned());
    names.filter(|name| !matches!(name.as_str(), "/a/" | "/m/" | "/base/")).collect()
}

/// For an even value a directory by the name of the key, of which another is derived; gives its size.
fn makes() -> Code {
    Code::mapper("makes", |d, key, values| {
        if values[0].int() % 2 == 1 {
            return Ok(vec![]);
        }
        let (of, over) = (format!("/x{key}/"), format!("/y{key}/"));
        let inner = Code::mapper("inner", |d, key, _| {
            d.make(&format!("/z{key}/"), &input(vec![]))?;
            Ok(vec![(key.clone(), V::Int(1))])
        });
        d.make(&of, &input(vec![(Key::int(key_of(key)), vec![V::Int(1)])]))?;
        d.make(&over, &derived(vec![mapped(&of, &inner)], None))?;
        Ok(vec![(key.clone(), V::Int(i64::try_from(d.size(&over)?).unwrap_or(0)))])
    })
}

fn key_of(key: &Key) -> i64 {
    match key.view() {
        crate::KeyRef::Int(key) => key,
        _ => 0,
    }
}

#[test]
fn what_a_mapper_made_goes_with_its_key_and_what_that_made_with_it() {
    let mut d = made_by(&[(1, 2), (2, 1)], &makes());
    let before = d.store.stats();
    assert_eq!(names(&d), ["/x1/", "/y1/", "/z1/"]);
    set(&mut d, 2, Some(4));
    assert_eq!(names(&d), ["/x1/", "/x2/", "/y1/", "/y2/", "/z1/", "/z2/"]);
    set(&mut d, 2, Some(1));
    let after = d.store.stats();
    assert_eq!(after, crate::Stats { tick: after.tick, purged: after.purged, bytes: after.bytes, ..before });
    set(&mut d, 1, None);
    assert_eq!(names(&d), Vec::<String>::new());
    assert_eq!(d.shown("/m/"), "");
}

#[test]
fn made_again_alike_it_is_kept_as_it_is() {
    let mut d = made_by(&[(1, 2)], &makes());
    let id = d.store.find(&name("/y1/")).unwrap();
    let generation = |d: &Driver| d.store.ctx.dirs.get(id).unwrap().generation;
    let (before, created) = (generation(&d), d.store.directory(id).unwrap().created());
    d.ran();
    set(&mut d, 1, Some(4));
    assert_eq!(d.ran(), ["makes 1"], "nothing else was computed");
    assert_eq!((generation(&d), d.store.directory(id).unwrap().created()), (before, created));
}

#[test]
fn made_again_unlike_it_is_another_generation_and_so_is_what_derives_from_it() {
    let code = Code::mapper("makes", |d, key, values| {
        d.make("/x/", &input(vec![(Key::int(values[0].int()), vec![V::Int(1)])]))?;
        Ok(vec![(key.clone(), V::Int(1))])
    });
    let mut d = made_by(&[(1, 2)], &code);
    d.update(|d| d.make("/top/", &derived(vec![passed("/x/")], None)).map(drop)).unwrap();
    let generation = |d: &Driver| d.store.ctx.dirs.get(d.store.find(&name("/top/")).unwrap()).unwrap().generation;
    let before = generation(&d);
    set(&mut d, 1, Some(3));
    assert_eq!(d.shown("/top/"), "3: [1]");
    assert_ne!(generation(&d), before);
    // Its parent goes; it stays, without what that contributed, and resumes when that is back.
    set(&mut d, 1, None);
    assert_eq!(d.shown("/top/"), "");
    assert!(!names(&d).contains(&"/x/".to_owned()));
    set(&mut d, 1, Some(9));
    assert_eq!(d.shown("/top/"), "9: [1]");
}

#[test]
fn two_keys_swap_the_names_they_make() {
    let code = Code::mapper("names", |d, key, values| {
        d.make(&format!("/x{}/", values[0].int()), &input(vec![(key.clone(), vec![V::Int(1)])]))?;
        Ok(vec![])
    });
    let mut d = made_by(&[(1, 1), (2, 2), (3, 3)], &code);
    d.update(|d| {
        d.set("/a/", 1, vec![V::Int(2)])?;
        d.set("/a/", 2, vec![V::Int(3)])?;
        d.set("/a/", 3, vec![V::Int(1)])
    })
    .unwrap();
    assert_eq!(
        (d.shown("/x1/"), d.shown("/x2/"), d.shown("/x3/")),
        ("3: [1]".into(), "1: [1]".into(), "2: [1]".into())
    );
    let done = d.update(|d| d.set("/a/", 1, vec![V::Int(3)]));
    assert_eq!(done.unwrap_err().refusal(), Some(&Refusal::Exists { name: name("/x3/"), by_mapper: true }));
    assert_eq!(d.shown("/x2/"), "1: [1]");
}

#[test]
fn shared_it_lives_until_no_key_asks_for_it() {
    let code = Code::mapper("shares", |d, key, values| {
        if values[0].int() > 0 {
            let same = Code::mapper("?same", |_, key, values| Ok(vec![(key.clone(), values[0].clone())]));
            d.make("/x/", &Spec::Derived { parents: vec![mapped("/base/", &same)], fold: None, shared: true })?;
        }
        Ok(vec![(key.clone(), V::Int(0))])
    });
    let mut d = made_by(&[(1, 1), (2, 1), (3, 0)], &code);
    assert_eq!((names(&d), d.shown("/x/")), (vec!["/x/".to_owned()], "7: [7]".to_owned()));
    set(&mut d, 1, None);
    assert_eq!(names(&d), ["/x/"]);
    set(&mut d, 3, Some(1));
    set(&mut d, 2, Some(0));
    assert_eq!(names(&d), ["/x/"]);
    set(&mut d, 3, Some(0));
    assert_eq!(names(&d), Vec::<String>::new());
}

#[test]
fn a_mapper_may_write_what_it_just_made_and_nothing_else() {
    let code = Code::mapper("writes", |d, key, values| {
        d.make("/x/", &input(vec![(Key::int(0), vec![V::Int(0)])]))?;
        let seen = d.size("/x/")?;
        d.set("/x/", 1, vec![values[0].clone()])?;
        if values[0].int() == 5 {
            d.set("/base/", 1, vec![V::Int(1)])?;
        }
        if values[0].int() == 6 {
            d.remove("/base/")?;
        }
        Ok(vec![(key.clone(), V::Int(i64::try_from(seen + d.size("/x/")?).unwrap_or(0)))])
    });
    let mut d = made_by(&[(1, 1)], &code);
    assert_eq!((d.shown("/x/"), d.shown("/m/")), ("0: [0], 1: [1]".to_owned(), "1: [3]".to_owned()));
    d.ran();
    set(&mut d, 1, Some(2));
    assert_eq!(
        (d.shown("/x/").as_str(), d.ran().len()),
        ("0: [0], 1: [2]", 1),
        "its own writes do not make it run again"
    );
    for bad in [5, 6] {
        let done = d.update(|d| d.set("/a/", 1, vec![V::Int(bad)]));
        assert!(matches!(done, Err(Stop::Failed(Failure::Refused(Refusal::InMapper(..))))));
    }
    let done = d.update(|d| d.remove("/x/"));
    assert_eq!(done.unwrap_err().refusal(), Some(&Refusal::OwnedByMapper(name("/x/"))));
    d.update(|d| d.set("/x/", 9, vec![V::Int(9)])).unwrap();
    assert_eq!(d.kind("/x/"), Some(DirKind::Input));
}

#[test]
fn a_write_from_outside_to_what_a_mapper_made_lasts_until_it_is_made_anew() {
    let code = Code::mapper("makes", |d, _, values| {
        d.make("/x/", &input(vec![(Key::int(0), vec![V::Int(values[0].int() / 2)])]))?;
        Ok(vec![])
    });
    let mut d = made_by(&[(1, 2)], &code);
    d.update(|d| d.set("/x/", 5, vec![V::Int(5)])).unwrap();
    assert_eq!(d.shown("/x/"), "0: [1], 5: [5]");
    set(&mut d, 1, Some(3));
    assert_eq!(d.shown("/x/"), "0: [1]");
}

#[test]
fn a_mapper_does_not_see_what_it_made_before_until_it_makes_it_again() {
    let code = Code::mapper("looks", |d, key, _| {
        let before = d.exists("/x/")? || d.names().iter().any(|of| of.as_str() == "/x/");
        d.make("/x/", &input(vec![]))?;
        Ok(vec![(key.clone(), V::Int(i64::from(before) + 2 * i64::from(d.exists("/x/")?)))])
    });
    let mut d = made_by(&[(1, 1)], &code);
    assert_eq!(d.shown("/m/"), "1: [2]");
    d.ran();
    set(&mut d, 1, Some(2));
    assert_eq!((d.shown("/m/").as_str(), d.ran().len()), ("1: [2]", 1));
}

#[test]
fn a_mapper_whose_directory_goes_while_it_works_leaves_nothing() {
    // /m/ is owned by a key of /a/; its mapper removes nothing, but reads /gate/, which on the way makes /m/ go.
    let inner = Code::mapper("inner", |d, key, _| {
        d.make("/made/", &input(vec![]))?;
        let seen = d.exists("/gate/")?;
        Ok(vec![(key.clone(), V::Int(i64::from(seen)))])
    });
    let code = Code::mapper("outer", move |d, key, values| {
        if values[0].int() == 1 && d.get("/base/", 7)?.first().is_some_and(|value| value.int() == 7) {
            d.make("/own/", &derived(vec![mapped("/base/", &inner)], None))?;
        }
        Ok(vec![(key.clone(), V::Int(1))])
    });
    let mut d = made_by(&[(1, 1)], &code);
    let before = d.store.stats();
    d.update(|d| d.set("/base/", 7, vec![V::Int(8)])).unwrap();
    assert_eq!(names(&d), Vec::<String>::new());
    d.update(|d| d.set("/base/", 7, vec![V::Int(7)])).unwrap();
    assert_eq!(names(&d), ["/made/", "/own/"]);
    let after = d.store.stats();
    assert_eq!(after, crate::Stats { tick: after.tick, purged: after.purged, bytes: after.bytes, ..before });
}

#[test]
fn a_derived_descendant_of_a_mapper_goes_with_remove_dir_recursive() {
    let code = Code::mapper("derives", |d, key, _| {
        if d.exists("/base/")? {
            d.make("/x/", &derived(vec![passed("/base/")], None))?;
        }
        Ok(vec![(key.clone(), V::Int(1))])
    });
    let mut d = made_by(&[(1, 1)], &code);
    d.update(|d| d.store.remove_dir(&name("/base/"), true, false).map(drop).map_err(Stop::from)).unwrap();
    assert_eq!(names(&d), Vec::<String>::new());
}
