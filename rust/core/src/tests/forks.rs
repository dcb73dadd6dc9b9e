//! Steps that one store takes over from another of its family, where that is not as they were reckoned for.

use crate::{Error, Key, Refusal};

use super::driver::{Driver, derived, input, mapped, name};
use super::host::{Code, V};

/// `/a/`, of which each key makes `/made/` unless its value is 0.
fn store() -> Driver {
    let mut d = Driver::new();
    let makes = Code::mapper("makes", |d, _, values| {
        if values[0].int() != 0 {
            d.make("/made/", &input(vec![]))?;
        }
        Ok(vec![])
    });
    d.update(|d| {
        d.make("/a/", &input(vec![]))?;
        d.make("/maker/", &derived(vec![mapped("/a/", &makes)], None)).map(drop)
    })
    .unwrap();
    d
}

#[test]
fn a_step_takes_no_name_from_a_mapper() {
    let mut d = store();
    let (fork, base) = d.store.fork();
    let mut fork = Driver::over(fork);
    fork.update(|d| d.make("/made/", &input(vec![])).map(drop)).unwrap();
    d.update(|d| d.set("/a/", 1, vec![V::Int(1)])).unwrap();
    let mut steps = d.store.steps_to_merge(&fork.store.published(), &base);
    assert_eq!(steps.len(), 1, "to make it");
    let refused = d.update(|d| {
        let refused = d.store.take_step(&mut steps[0]);
        assert!(matches!(&refused, Err(Error::Refused(Refusal::Exists { name: of, by_mapper: true })) if *of == name("/made/")));
        Ok(())
    });
    assert!(refused.is_ok() && d.kind("/made/").is_some());
}

#[test]
fn a_step_that_writes_to_what_is_gone_does_nothing() {
    let mut d = store();
    d.update(|d| d.set("/a/", 1, vec![V::Int(1)])).unwrap();
    let (fork, base) = d.store.fork();
    let mut fork = Driver::over(fork);
    fork.update(|d| d.set("/made/", 5, vec![V::Int(5)])).unwrap();
    let mut steps = d.store.steps_to_merge(&fork.store.published(), &base);
    assert_eq!(steps.len(), 1, "to write to it");
    d.update(|d| d.set("/a/", 1, vec![V::Int(0)])).unwrap();
    d.update(|d| {
        d.store.take_step(&mut steps[0])?;
        Ok(())
    })
    .unwrap();
    assert_eq!((d.kind("/made/"), d.shown("/a/")), (None, "1: [0]".to_owned()));
    d.update(|d| d.set_key("/a/", &Key::int(1), vec![V::Int(1)])).unwrap();
    assert_eq!(d.shown("/made/"), "");
}
