//! Fault injection: user code fails at the n-th time that it begins or ends, for every n, in every scenario.
//!
//! User code is whatever a host runs for the core: mappers, reducers, lazy functions, hooks, `==` of values and of
//! mappers. It fails by an exception, or is broken off as by an interrupt; before it has done anything, or when it has
//! read, made and computed all that it was to. Then
//! * all is as it was before: the whole version to the last count, clock and readers with it;
//! * the same again, with nothing failing, succeeds, and comes to what it comes to where nothing ever failed;
//! * both hold too where the fault is caught in a block within a transaction.
//!
//! An exception of a mapper that has to run again anyway counts only if it comes again: then the transaction succeeds,
//! and must come to the same. `random_programs` meets with faults too, see `programs/`.

mod merging;
mod scenarios;
mod seen;

use super::driver::{Driver, derived, mapped};
use super::dump::dump;
use super::host::{Code, Fault, Stop, V};
use merging::Forked;
use scenarios::{Act, SCENARIOS, Scenario};
use seen::{outcome, version};

/// A store in a scenario, a fork of it where there is one, and readers that lag.
struct World {
    d: Driver,
    fork: Option<Forked>,
    readers: Vec<crate::ReaderId>,
}

impl World {
    fn of(scenario: &Scenario) -> World {
        let mut world = World { d: Driver::new(), fork: None, readers: Vec::new() };
        (scenario.build)(&mut world).expect("nothing fails yet");
        world
    }

    fn act(&mut self, scenario: &Scenario) -> Result<(), Stop> {
        match &scenario.act {
            Act::Update(block) => self.d.update(block).map(drop),
            Act::Read(read) => read(&mut self.d),
            Act::Merge => self.fork.as_mut().expect("a fork").merge(&mut self.d),
        }
    }

    /// The versions of the store and of its fork, all that there is to them.
    fn versions(&mut self) -> Vec<String> {
        let fork = self.fork.as_mut().map(|fork| version(&mut fork.d, &[]));
        [Some(version(&mut self.d, &self.readers)), fork].into_iter().flatten().collect()
    }

    /// What it came to. `mended`: something failed on the way, of which nobody was told.
    fn outcome(&mut self, mended: bool) -> Vec<String> {
        let fork = self.fork.as_mut().map(|fork| outcome(&mut fork.d, &[], mended));
        [Some(outcome(&mut self.d, &self.readers, mended)), fork].into_iter().flatten().collect()
    }
}

/// What a world came to, from which nothing was hidden; and the same to be compared with one that was mended.
fn control(mut world: World) -> [Vec<String>; 2] {
    [false, true].map(|mended| world.outcome(mended))
}

const FAULTS: [Fault; 2] = [Fault::Raises, Fault::IsBrokenOff];

#[test]
fn whatever_fails_at_whatever_moment_undoes_all_and_the_same_then_succeeds() {
    for scenario in SCENARIOS {
        let mut world = World::of(scenario);
        world.d.faults.arm(None);
        world.act(scenario).expect("nothing fails");
        let passes = world.d.faults.disarm();
        let expected = control(world);
        println!("{}: {passes} moments", scenario.name);
        assert!(passes >= scenario.least, "{}: user code ran {passes} times only", scenario.name);
        for (at, fault) in (1..=passes).flat_map(|at| FAULTS.map(|fault| (at, fault))) {
            let told = format!("{}, {fault:?} at {at} of {passes}", scenario.name);
            let mut world = World::of(scenario);
            let before = world.versions();
            world.d.faults.arm(Some((at, fault)));
            let done = world.act(scenario);
            assert!(world.d.faults.disarm() >= at, "{told}: it was not met with");
            let mended = done.is_ok();
            match done {
                Err(_) => {
                    // What a read outside had computed by then is kept.
                    if !matches!(scenario.act, Act::Read(_)) {
                        assert_eq!(world.versions(), before, "{told}: it left something");
                    }
                    world.act(scenario).unwrap_or_else(|stop| panic!("{told}: the same again fails: {stop:?}"));
                }
                Ok(()) => assert_eq!(fault, Fault::Raises, "{told}: nobody was told"),
            }
            assert_eq!(world.outcome(mended), expected[usize::from(mended)], "{told}: it comes to something else");
        }
    }
}

/// Before the block within, the transaction writes here, so that something is due already.
fn prelude(d: &mut Driver) -> Result<(), Stop> {
    d.set("/beside/", 1, vec![V::Int(1)])
}

fn beside(scenario: &Scenario) -> World {
    let mut world = World::of(scenario);
    let spec = super::driver::input(vec![]);
    let code = Code::mapper("after", |_, key, values| Ok(vec![(key.clone(), values[0].clone())]));
    let made = world.d.update(|d| {
        d.make("/beside/", &spec)?;
        d.make("/after/", &derived(vec![mapped("/beside/", &code)], None)).map(drop)
    });
    made.expect("free names");
    world
}

#[test]
fn whatever_fails_in_a_block_within_undoes_that_block_and_the_same_then_succeeds() {
    for scenario in SCENARIOS {
        let Act::Update(block) = &scenario.act else { continue };
        let inner = |d: &mut Driver| {
            d.nested(|d| {
                block(d)?;
                d.cascade()
            })
        };
        let mut world = beside(scenario);
        world.d.faults.arm(None);
        let within = world.d.update(|d| {
            prelude(d)?;
            inner(d)?;
            d.cascade()
        });
        within.expect("nothing fails");
        let passes = world.d.faults.disarm();
        let expected = control(world);
        for (at, fault) in (1..=passes).flat_map(|at| FAULTS.map(|fault| (at, fault))) {
            let told = format!("{}, {fault:?} at {at} of {passes}", scenario.name);
            let mut world = beside(scenario);
            let (faults, mut mended) = (world.d.faults.clone(), false);
            let done = world.d.update(|d| {
                prelude(d)?;
                let (before, due) = (dump(&d.store.ctx), d.store.queued());
                faults.arm(Some((at, fault)));
                let done = inner(d);
                mended = done.is_ok();
                assert!(faults.disarm() >= at || mended, "{told}: {done:?}");
                if !mended {
                    assert_eq!(dump(&d.store.ctx), before, "{told}: it left something");
                    assert_eq!(d.store.queued(), due, "{told}: something is due");
                    inner(d)?;
                }
                d.cascade()
            });
            done.unwrap_or_else(|stop| panic!("{told}: the same again fails: {stop:?}"));
            assert_eq!(world.outcome(mended), expected[usize::from(mended)], "{told}: it comes to something else");
        }
    }
}
