//! The scenarios: each a small store, and one transaction in which much user code runs.

use crate::{Fold, Key, Op, Parent, Spec};

use super::super::driver::{Done, Driver, PREVIOUS, derived, hooked, input, mapped, name, passed};
use super::super::host::{Code, Ran, V, opaque, raise, text};
use super::World;
use super::merging::Forked;

pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) build: fn(&mut World) -> Done<()>,
    pub(super) act: Act,
    /// User code begins and ends at least this often, so that a scenario does not fall asleep unnoticed.
    pub(super) least: usize,
}

pub(super) enum Act {
    Update(fn(&mut Driver) -> Done<()>),
    /// Outside of transactions.
    Read(fn(&mut Driver) -> Done<()>),
    Merge,
}

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "maps", build: maps, act: Act::Update(write), least: 36 },
    Scenario { name: "folds", build: folds, act: Act::Update(write), least: 32 },
    Scenario { name: "nested directories", build: nested, act: Act::Update(write), least: 14 },
    Scenario { name: "shared directories", build: shared, act: Act::Update(write), least: 10 },
    Scenario { name: "a name that goes from key to key", build: handed_on, act: Act::Update(write), least: 6 },
    Scenario { name: "lazy directories", build: lazy, act: Act::Update(write), least: 24 },
    Scenario { name: "lazy reads outside", build: lazy, act: Act::Read(read_lazy), least: 8 },
    Scenario { name: "previous directories", build: previous, act: Act::Update(write), least: 10 },
    Scenario { name: "hooks", build: hooks, act: Act::Update(make_hooked), least: 80 },
    Scenario { name: "savepoints", build: maps, act: Act::Update(write_within), least: 60 },
    Scenario { name: "directories that come and go", build: nested, act: Act::Update(come_and_go), least: 18 },
    Scenario { name: "first keys", build: first_keys, act: Act::Update(write), least: 10 },
    Scenario { name: "a fork merged", build: forked, act: Act::Merge, least: 16 },
    Scenario { name: "a fork rebased", build: moved, act: Act::Merge, least: 24 },
];

fn ints(rows: &[(i64, i64)]) -> Spec<super::super::host::TestHost> {
    input(rows.iter().map(|&(key, value)| (Key::int(key), vec![V::Int(value)])).collect())
}

fn number(key: &Key) -> i64 {
    match key.view() {
        crate::KeyRef::Int(key) => key,
        _ => 0,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what a mapper gives")]
fn give(key: &Key, value: V) -> Ran {
    Ok(vec![(key.clone(), value)])
}

fn sum(values: &[V]) -> i64 {
    values.iter().map(V::int).sum()
}

/// `/a/` and `/b/`, which all scenarios write to.
fn inputs(world: &mut World) -> Done<()> {
    world.d.update(|d| {
        d.make("/a/", &ints(&[(1, 1), (2, 2), (3, 3)]))?;
        d.make("/b/", &input(vec![(Key::int(1), vec![opaque(1), opaque(2)]), (Key::int(2), vec![text("x")])])).map(drop)
    })?;
    readers(world)
}

/// A reader of the store and one of a directory, which lag from here on.
fn readers(world: &mut World) -> Done<()> {
    for of in [None, Some(name("/a/"))] {
        let now = world.d.store.tick();
        world.readers.push(world.d.store.open_cursor(of.as_ref(), Some(now), false)?);
    }
    Ok(())
}

/// Keys come, go, change, and get values of which only user code knows that they are equal.
fn write(d: &mut Driver) -> Done<()> {
    d.set("/a/", 1, vec![])?;
    d.set("/a/", 2, vec![V::Int(4), V::Int(5)])?;
    d.set("/a/", 4, vec![V::Int(1)])?;
    d.set("/b/", 1, vec![opaque(1), opaque(2)])?;
    d.set("/b/", 2, vec![opaque(7)])
}

/// The same in blocks within, one of which fails on purpose.
fn write_within(d: &mut Driver) -> Done<()> {
    d.nested(|d| d.set("/a/", 2, vec![V::Int(9)]))?;
    let failed = d.nested(|d| {
        write(d)?;
        d.cascade()?;
        d.store.remove_dir(&name("/a/"), true, false)?;
        Err(raise("of the scenario"))
    });
    if failed != Err(raise("of the scenario")) {
        return failed;
    }
    d.nested(|d| d.nested(write))
}

fn maps(world: &mut World) -> Done<()> {
    inputs(world)?;
    let sealed = Code::mapper("sealed", |_, key, values| give(key, opaque(sum(values) / 3)));
    let reads = Code::mapper("reads", |d, key, values| {
        let seen = d.get("/b/", number(key))?;
        let all = d.all("/sealed/")?.len() + d.names().len();
        give(key, V::Int(sum(values) + sum(&seen) + i64::try_from(all).unwrap_or(0)))
    });
    let many = Code::mapper("many", |_, _, values| {
        Ok(values.iter().flat_map(|value| [(Key::int(0), value.clone()), (Key::int(1), opaque(0))]).collect())
    });
    world.d.update(|d| {
        d.make("/sealed/", &derived(vec![mapped("/a/", &sealed)], None))?;
        d.make("/reads/", &derived(vec![mapped("/a/", &reads), mapped("/b/", &reads)], None))?;
        d.make("/all/", &derived(vec![mapped("/sealed/", &many), passed("/b/"), mapped("/reads/", &many)], None))?;
        Ok(())
    })?;
    Ok(())
}

fn folds(world: &mut World) -> Done<()> {
    inputs(world)?;
    let parity = Code::mapper("parity", |_, key, values| {
        Ok(values.iter().map(|value| (Key::int(number(key) % 2), value.clone())).collect())
    });
    let of = Code::reducer("sum");
    world.d.update(|d| {
        d.make("/user/", &derived(vec![mapped("/a/", &parity)], Some(Fold::User(of.clone()))))?;
        d.make("/both/", &derived(vec![mapped("/a/", &parity), mapped("/b/", &parity)], Some(Fold::User(of))))?;
        // Texts are no numbers: of these user code makes the sum and the least.
        d.make("/sum/", &derived(vec![mapped("/a/", &parity), mapped("/b/", &parity)], Some(Fold::Sum)))?;
        d.make("/min/", &derived(vec![passed("/user/"), mapped("/b/", &parity)], Some(Fold::Min)))?;
        d.make("/count/", &derived(vec![passed("/min/"), passed("/sum/")], Some(Fold::Count)))?;
        Ok(())
    })?;
    Ok(())
}

/// For each key a directory, one derived of it, and one that the mapper of that makes.
fn makes() -> Code {
    Code::mapper("makes", |d, key, values| {
        let (of, over) = (format!("/x{key}/"), format!("/y{key}/"));
        let inner = Code::mapper("?inner", |d, key, values| {
            d.make(&format!("/z{key}/"), &input(vec![(Key::int(1), vec![opaque(sum(values))])]))?;
            give(key, V::Int(d.get(&format!("/z{key}/"), 1)?.iter().map(V::int).sum()))
        });
        d.make(&of, &input(vec![(Key::int(number(key)), vec![opaque(sum(values) % 2)])]))?;
        d.make(&over, &derived(vec![mapped(&of, &inner)], None))?;
        give(key, V::Int(i64::try_from(d.size(&over)?).unwrap_or(0)))
    })
}

fn nested(world: &mut World) -> Done<()> {
    inputs(world)?;
    let over = Code::mapper("over", |_, key, values| give(key, V::Int(sum(values) + 1)));
    world.d.update(|d| {
        d.make("/m/", &derived(vec![mapped("/a/", &makes())], None))?;
        // From outside, of what a mapper makes: it stays when that goes.
        d.make("/outside/", &derived(vec![mapped("/y1/", &over), mapped("/y2/", &over)], None)).map(drop)
    })?;
    Ok(())
}

/// Directories are removed, and made again; what mappers made goes, and comes back in another generation.
fn come_and_go(d: &mut Driver) -> Done<()> {
    d.set("/a/", 1, vec![])?;
    d.cascade()?;
    d.set("/a/", 1, vec![V::Int(1)])?;
    d.remove("/outside/")?;
    d.remove("/m/")?;
    d.remove("/a/")?;
    d.make("/a/", &ints(&[(1, 2), (2, 2), (5, 1)]))?;
    d.make("/m/", &derived(vec![mapped("/a/", &makes())], None))?;
    d.cascade()?;
    d.remove("/b/")?;
    d.make(
        "/more/",
        &derived(vec![passed("/y5/"), mapped("/a/", &Code::mapper("id", |_, k, v| give(k, v[0].clone())))], None),
    )?;
    d.set("/a/", 2, vec![])
}

/// Two keys and more ask for one directory.
fn shared(world: &mut World) -> Done<()> {
    inputs(world)?;
    let makes = Code::mapper("asks", |d, key, values| {
        let code = Code::mapper("?each", |_, key, values| give(key, opaque(sum(values))));
        let of = format!("/shared{}/", sum(values) % 2);
        d.make(&of, &Spec::Derived { parents: vec![mapped("/b/", &code)], fold: None, shared: true })?;
        give(key, V::Int(i64::try_from(d.size(&of)?).unwrap_or(0)))
    });
    world.d.update(|d| d.make("/m/", &derived(vec![mapped("/a/", &makes)], None)).map(drop))?;
    Ok(())
}

/// The key of the least value makes a directory under a name of its own, and another key takes that over: one of them
/// finds it taken and is put off.
fn handed_on(world: &mut World) -> Done<()> {
    inputs(world)?;
    let makes = Code::mapper("takes", |d, key, values| {
        if sum(values) == 1 {
            d.make("/one/", &input(vec![(Key::int(1), vec![opaque(number(key))])]))?;
        }
        give(key, V::Int(sum(values)))
    });
    world.d.update(|d| d.make("/m/", &derived(vec![mapped("/a/", &makes)], None)).map(drop))?;
    Ok(())
}

/// `/sums/` of a key is the sum of keys 0 to it of `/a/`; `/seals/` hides it, and mappers read both.
fn lazy(world: &mut World) -> Done<()> {
    inputs(world)?;
    let sums = Code::mapper("sums", |d, key, _| {
        let k = number(key);
        let below = if k == 0 { 0 } else { sum(&d.lazy("/sums/", k - 1)?) };
        give(key, V::Int(below + sum(&d.get("/a/", k)?)))
    });
    let seals = Code::mapper("seals", |d, key, _| give(key, opaque(sum(&d.lazy("/sums/", number(key))?) / 7)));
    let reads = Code::mapper("reads", |d, key, values| {
        let seen = sum(&d.lazy("/seals/", number(key))?) + sum(&d.lazy("/sums/", 3)?);
        give(key, V::Int(sum(values) + seen))
    });
    world.d.update(|d| {
        d.make("/sums/", &Spec::Lazy { code: sums, keep: true })?;
        d.make("/seals/", &Spec::Lazy { code: seals, keep: false })?;
        d.make("/m/", &derived(vec![mapped("/a/", &reads)], None)).map(drop)
    })?;
    Ok(())
}

fn read_lazy(d: &mut Driver) -> Done<()> {
    d.lazy_beside("/sums/", 5)?;
    d.lazy_beside("/seals/", 6).map(drop)
}

fn previous(world: &mut World) -> Done<()> {
    inputs(world)?;
    let moved = Code::mapper("moved", |d, key, values| {
        let before = d.get(&format!("/a/{PREVIOUS}"), number(key))?;
        give(key, V::Int(sum(values) - sum(&before)))
    });
    let sealed = Code::mapper("sealed", |_, key, values| give(key, opaque(sum(values))));
    world.d.update(|d| {
        d.previous("/a/")?;
        d.make("/moved/", &derived(vec![mapped("/a/", &moved)], None))?;
        d.make("/late/", &derived(vec![mapped(&format!("/a/{PREVIOUS}"), &sealed)], None)).map(drop)
    })?;
    write_again(world)
}

/// One commit before, so that a previous directory has something to show.
fn write_again(world: &mut World) -> Done<()> {
    world.d.update(|d| d.set("/a/", 3, vec![V::Int(8)])).map(drop)
}

fn hooks(world: &mut World) -> Done<()> {
    maps(world)?;
    let deleted = Code::hook("deleted", |d| d.set("/a/", 2, vec![]));
    world.d.update(|d| d.make("/goes/", &hooked(None, Some(deleted))).map(drop))?;
    Ok(())
}

/// A hook writes, makes a directory with hooks of its own, and removes one; each in a round of its own.
fn make_hooked(d: &mut Driver) -> Done<()> {
    let last = Code::hook("last", |d| d.set("/a/", 7, vec![V::Int(7)]));
    let created = Code::hook("created", move |d| {
        d.set("/a/", 2, vec![V::Int(6)])?;
        d.remove("/goes/")?;
        d.make("/second/", &hooked(Some(last.clone()), None)).map(drop)
    });
    let swapped = Code::hook("swapped", |d| d.remove("/first/"));
    d.make("/first/", &hooked(Some(created), Some(Code::hook("ends", |d| d.set("/a/", 8, vec![opaque(8)])))))?;
    d.make("/swaps/", &hooked(Some(swapped), None)).map(drop)
}

fn first_keys(world: &mut World) -> Done<()> {
    inputs(world)?;
    let sealed = Code::mapper("sealed", |_, key, values| give(key, opaque(sum(values) / 2)));
    world.d.update(|d| {
        let first = Parent { op: Op::Take(2), ..passed("/a/") };
        d.make("/first/", &derived(vec![first], None))?;
        d.make("/sealed/", &derived(vec![mapped("/first/", &sealed)], None))?;
        let first = Parent { op: Op::Take(1), ..passed("/sealed/") };
        d.make("/last/", &derived(vec![first, mapped("/b/", &sealed)], None)).map(drop)
    })?;
    Ok(())
}

/// A fork that wrote, removed, and derived more.
fn forked(world: &mut World) -> Done<()> {
    nested(world)?;
    let mut fork = Forked::of(&mut world.d);
    fork.d.update(|d| {
        write(d)?;
        d.remove("/outside/")?;
        let sealed = Code::mapper("of the fork", |_, key, values| give(key, opaque(sum(values))));
        d.make("/of-fork/", &derived(vec![mapped("/a/", &sealed), passed("/m/")], None)).map(drop)
    })?;
    world.fork = Some(fork);
    Ok(())
}

/// The same, and the store went on meanwhile: it wrote what the fork wrote too, made and removed.
fn moved(world: &mut World) -> Done<()> {
    forked(world)?;
    world.d.update(|d| {
        d.set("/a/", 2, vec![V::Int(3)])?;
        d.set("/a/", 6, vec![opaque(6)])?;
        d.set("/b/", 3, vec![opaque(6)])?;
        let sealed = Code::mapper("?of the store", |_, key, values| give(key, opaque(sum(values))));
        d.make("/of-store/", &derived(vec![mapped("/b/", &sealed), passed("/y2/")], None)).map(drop)
    })?;
    Ok(())
}
