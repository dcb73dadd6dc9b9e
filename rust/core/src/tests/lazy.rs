//! Lazy and previous directories, and the first keys of one: the invariants hold after every step of random programs.

use crate::{Key, Op, Options, Parent, Spec};

use super::driver::{Done, Driver, derived, input, mapped, name, passed};
use super::host::{Code, Ran, V, raise};

/// A small generator of numbers, so that a failing seed tells all.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % u64::try_from(sides).unwrap()).unwrap()
    }
}

fn number(key: &Key) -> i64 {
    key.to_string().parse().unwrap()
}

fn sum(values: &[V]) -> i64 {
    values.iter().map(V::int).sum()
}

#[expect(clippy::unnecessary_wraps, reason = "what a mapper gives")]
fn give(key: &Key, value: i64) -> Ran {
    Ok(vec![(key.clone(), V::Int(value))])
}

/// Key k of /sum/ is the sum of keys 0 to k of /d/; of /parity/ its parity; of /odd/ what /m/ maps from /d/.
fn lazies() -> [(&'static str, Code); 3] {
    let sums = Code::mapper("sum", |driver, key, _| {
        let k = number(key);
        let below = if k == 0 { 0 } else { sum(&driver.lazy("/sum/", k - 1)?) };
        let here = sum(&driver.get("/d/", k)?);
        give(key, below + here)
    });
    let parity = Code::mapper("parity", |driver, key, _| {
        let whole = sum(&driver.lazy("/sum/", number(key))?);
        if whole == 13 { Err(raise("13")) } else { give(key, whole % 2) }
    });
    let mapped = Code::mapper("odd", |driver, key, _| {
        let k = number(key);
        let value = sum(&driver.get("/m/", k)?);
        give(key, value)
    });
    [("/sum/", sums), ("/parity/", parity), ("/odd/", mapped)]
}

fn rows(driver: &mut Driver, of: &str) -> Done<Vec<(i64, i64)>> {
    Ok(driver.all(of)?.iter().map(|(key, values)| (number(key), sum(values))).collect())
}

/// A read outside of a transaction: over a clone of the version, which takes over what came of it.
fn read_beside(driver: &mut Driver, key: i64) -> Done<()> {
    let values = driver.lazy_beside("/sum/", key)?;
    let id = driver.store.look_up(&name("/sum/")).unwrap();
    let known = driver.store.peek_lazy(id, &Key::int(key)).expect("it was taken over");
    assert_eq!(sum(&known), sum(&values));
    driver.store.check_invariants().unwrap();
    Ok(())
}

fn program(driver: &mut Driver, dice: &mut Dice) -> Done<()> {
    driver.update(|driver| {
        driver.make("/d/", &input(Vec::new()))?;
        driver.make("/e/", &input(Vec::new()))?;
        let tenfold = Code::mapper("m", |_, key, values| give(key, 10 * sum(values)));
        driver.make("/m/", &derived(vec![mapped("/d/", &tenfold)], None))?;
        let first = Parent { op: Op::Take(2), ..passed("/d/") };
        driver.make("/first/", &derived(vec![first], None))?;
        for (of, code) in lazies() {
            driver.make(of, &Spec::Lazy { code, keep: false })?;
        }
        let reads = Code::mapper("z", |driver, key, values| {
            let which = ["/sum/", "/parity/", "/odd/"][usize::try_from(sum(values)).unwrap() % 3];
            let value = sum(&driver.lazy(which, number(key))?);
            give(key, value)
        });
        driver.make("/z/", &derived(vec![mapped("/e/", &reads)], None))?;
        Ok(())
    })?;
    driver.store.previous(&name("/m/")).map(drop)?;
    let mut before = rows(driver, "/m/")?;
    for _ in 0..40 {
        let present = rows(driver, "/m/")?;
        let fails = dice.roll(5) == 0;
        let done = driver.update(|driver| {
            for _ in 0..dice.roll(5) {
                let (key, value) = (dice.roll(5), dice.roll(9));
                match dice.roll(6) {
                    0 => driver.set("/d/", key, Vec::new())?,
                    1 => driver.set("/e/", key, vec![V::Int(value)])?,
                    2 => driver.set("/e/", key, Vec::new())?,
                    3 => drop(driver.lazy(["/sum/", "/odd/"][usize::try_from(key % 2).unwrap()], key)?),
                    4 => drop(driver.nested(|driver| {
                        driver.set("/d/", key, vec![V::Int(value)])?;
                        drop(driver.lazy("/sum/", 4)?);
                        if value % 2 == 0 { Ok(()) } else { Err(raise("a block within")) }
                    })),
                    _ => driver.set("/d/", key, vec![V::Int(value)])?,
                }
            }
            if fails { Err(raise("the block")) } else { Ok(()) }
        });
        read_beside(driver, dice.roll(5))?;
        let content = rows(driver, "/d/")?;
        if done.is_ok() {
            before = present;
        }
        let first: Vec<(i64, i64)> = content.iter().take(2).copied().collect();
        assert_eq!(rows(driver, "/first/")?, first);
        let id = driver.store.previous(&name("/m/"))?;
        let previous = driver.store.directory(id).unwrap().walk(false);
        let previous: Vec<(i64, i64)> = previous.map(|(key, values)| (number(&key), sum(&values))).collect();
        assert_eq!(previous, before);
        for (key, which) in rows(driver, "/e/")? {
            let whole: i64 = content.iter().filter(|(k, _)| *k <= key).map(|(_, value)| value).sum();
            let here: i64 = content.iter().filter(|(k, _)| *k == key).map(|(_, value)| 10 * value).sum();
            let expected = [whole, whole % 2, here][usize::try_from(which).unwrap() % 3];
            assert_eq!(sum(&driver.get("/z/", key)?), expected, "key {key} of /z/");
        }
    }
    driver.update(|driver| {
        driver.clear("/e/")?;
        for of in ["/z/", "/sum/", "/parity/", "/odd/", "/first/", "/m/", "/e/", "/d/"] {
            driver.remove(of)?;
        }
        Ok(())
    })?;
    let stats = driver.store.stats();
    assert_eq!((stats.dirs, stats.keys, stats.dependencies, stats.lazy_keys, stats.names), (0, 0, 0, 0, 0));
    Ok(())
}

#[test]
fn oracle_random_programs_over_lazy_and_previous_directories() {
    // Few under valgrind, see `make memcheck`.
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    for seed in 0..cases.unwrap_or(60).min(60) {
        let mut driver = Driver::with(Options { lazy_capacity: seed % 4, ..Options::default() });
        if let Err(stop) = program(&mut driver, &mut Dice(seed)) {
            panic!("seed {seed}: {stop:?}");
        }
    }
}

#[test]
fn what_was_computed_meanwhile_stays_where_it_failed_beside() {
    let mut d = Driver::new();
    let fails = std::rc::Rc::new(std::cell::Cell::new(false));
    let code = {
        let fails = fails.clone();
        let run = move |d: &mut Driver, key: &Key, _: &[V]| {
            let there = sum(&d.get("/a/", 1)?);
            if fails.get() { Err(raise("x")) } else { give(key, there) }
        };
        Code::mapper("l", run)
    };
    let reads = Code::mapper("of-l", |d, key, _| Ok(vec![(key.clone(), d.lazy("/l/", 0)?[0].clone())]));
    d.update(|d| {
        d.make("/a/", &input(vec![(Key::int(1), vec![V::Int(1)])]))?;
        d.make("/l/", &Spec::Lazy { code: code.clone(), keep: false })?;
        d.make("/of-l/", &Spec::Lazy { code: reads, keep: false }).map(drop)
    })
    .unwrap();
    // One that another has read is remembered when it may be another.
    d.lazy_beside("/of-l/", 0).unwrap();
    d.update(|d| d.set("/a/", 1, vec![V::Int(2)])).unwrap();
    let beside = d.store.beside();
    let whole = std::mem::replace(&mut *d.store, beside);
    fails.set(true);
    assert!(d.lazy("/l/", 0).is_err());
    fails.set(false);
    let beside = std::mem::replace(&mut *d.store, whole);
    d.lazy_beside("/l/", 0).unwrap();
    drop(d.store.take_over(beside));
    let id = d.store.look_up(&name("/l/")).unwrap();
    assert_eq!(d.store.peek_lazy(id, &Key::int(0)).map(|values| sum(&values)), Some(2));
    d.store.check_invariants().unwrap();
}
