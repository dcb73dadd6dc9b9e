//! Update transactions: all of it or nothing, savepoints, and what others see meanwhile.

use crate::{Error, Key, Options, Pair, Refusal};

use super::driver::{Driver, derived, hooked, input, mapped, name, passed};
use super::dump::dump;
use super::host::{BREATHS, Code, TestHost, V, opaque, raise};

fn doubling() -> Code {
    Code::mapper("double", |_, key, values| {
        if values[0].int() == 13 {
            return Err(raise("13"));
        }
        Ok(vec![(key.clone(), V::Int(2 * values[0].int()))])
    })
}

/// `/a/` with key 1, and its double in `/b/`.
fn store() -> Driver {
    let mut d = Driver::new();
    d.update(|d| {
        d.make("/a/", &input(vec![(Key::int(1), vec![V::Int(1)])]))?;
        d.make("/b/", &derived(vec![mapped("/a/", &doubling())], None)).map(drop)
    })
    .unwrap();
    d
}

#[test]
fn a_transaction_shows_its_own_writes_and_derives_at_its_end() {
    let mut d = store();
    let before = dump(&d.store.ctx);
    d.update(|d| {
        d.set("/a/", 1, vec![V::Int(2)])?;
        assert_eq!((d.shown("/a/"), d.shown("/b/")), ("1: [2]".to_owned(), "1: [2]".to_owned()));
        assert_eq!(dump(&d.store.published().0), before, "others see the last commit");
        d.cascade()?;
        assert_eq!(d.shown("/b/"), "1: [4]");
        assert_eq!(dump(&d.store.published().0), before);
        Ok(())
    })
    .unwrap();
    assert_eq!(d.shown("/b/"), "1: [4]");
}

#[test]
fn a_rollback_restores_everything() {
    let mut d = store();
    let before = dump(&d.store.ctx);
    let done = d.update(|d| {
        d.set("/a/", 1, vec![])?;
        d.set("/a/", 2, vec![V::Int(5)])?;
        d.make("/c/", &derived(vec![passed("/b/")], None))?;
        d.cascade()?;
        d.store.remove_dir(&name("/a/"), true, false)?;
        d.make("/a/", &hooked(None, None))?;
        d.set("/a/", 13, vec![V::Int(13)])?;
        d.make("/b/", &derived(vec![mapped("/a/", &doubling())], None)).map(drop)
    });
    assert_eq!(done.unwrap_err(), raise("13"));
    assert_eq!(dump(&d.store.ctx), before);
}

#[test]
fn a_rollback_after_rounds_restores_everything() {
    let mut d = store();
    let before = dump(&d.store.ctx);
    let hook = Code::hook("bad", |d| d.set("/a/", 1, vec![V::Int(13)]));
    let done = d.update(|d| {
        d.set("/a/", 1, vec![])?;
        d.make("/h/", &hooked(Some(hook), None)).map(drop)
    });
    assert_eq!(done.unwrap_err(), raise("13"));
    assert_eq!(dump(&d.store.ctx), before);
}

#[test]
fn a_savepoint_undoes_its_block_alone() {
    let mut d = store();
    d.update(|d| {
        d.set("/a/", 2, vec![V::Int(2)])?;
        let before = dump(&d.store.ctx);
        let due = d.store.queued();
        let inner = d.nested(|d| {
            d.set("/a/", 1, vec![])?;
            d.set("/a/", 2, vec![V::Int(13)])?;
            d.make("/c/", &input(vec![]))?;
            assert!(d.cascade().is_err());
            Err(raise("no"))
        });
        assert_eq!(inner, Err(raise("no")));
        assert_eq!(dump(&d.store.ctx), before);
        assert_eq!(d.store.queued(), due, "what was due is due again");
        Ok(())
    })
    .unwrap();
    assert_eq!(d.shown("/b/"), "1: [2], 2: [4]");
}

#[test]
fn a_savepoint_restores_what_had_failed_before_it() {
    let mut d = store();
    let done = d.update(|d| {
        d.set("/a/", 2, vec![V::Int(13)])?;
        assert!(d.cascade().is_err());
        let inner = d.nested(|d| {
            d.set("/a/", 2, vec![V::Int(1)])?;
            d.cascade()?;
            Err(raise("no"))
        });
        assert_eq!(inner, Err(raise("no")));
        Ok(())
    });
    assert_eq!(done.unwrap_err(), raise("13"), "it still stands");
    assert_eq!(d.shown("/b/"), "1: [2]");
}

#[test]
fn a_failure_that_was_caught_still_counts() {
    let mut d = store();
    let done = d.update(|d| {
        d.set("/a/", 2, vec![V::Int(13)])?;
        assert_eq!(d.cascade(), Err(raise("13")));
        Ok(())
    });
    assert_eq!(done.unwrap_err(), raise("13"));
    assert_eq!((d.shown("/a/"), d.shown("/b/")), ("1: [1]".to_owned(), "1: [2]".to_owned()));
}

#[test]
fn an_equal_value_is_no_change_and_stops_the_cascade() {
    let mut d = store();
    d.update(|d| d.set("/a/", 2, vec![opaque(4)])).unwrap();
    d.ran();
    let commit = d.update(|d| d.set("/a/", 2, vec![opaque(4)])).unwrap();
    assert_eq!((commit.changed.len(), d.ran().len()), (0, 0));
    let commit = d
        .update(|d| {
            d.set("/a/", 2, vec![opaque(5)])?;
            d.set("/a/", 2, vec![opaque(4)])
        })
        .unwrap();
    assert_eq!(commit.changed.len(), 0, "equal to what was there before");
    assert_eq!(commit.tick, d.store.tick());
}

#[test]
fn every_commit_moves_the_clock() {
    let mut d = store();
    let before = d.store.tick();
    let commit = d.update(|_| Ok(())).unwrap();
    assert_eq!((commit.tick, commit.rounds, commit.changed.len()), (before + 1, 1, 0));
}

#[test]
fn hooks_run_after_the_drain_and_their_writes_in_the_next_round() {
    let mut d = store();
    let created = Code::hook("created", |d| {
        assert_eq!(d.shown("/b/"), "1: [10]", "after the drain");
        d.set("/a/", 2, vec![V::Int(1)])
    });
    let deleted = Code::hook("deleted", |d| d.set("/a/", 2, vec![]));
    let commit = d
        .update(|d| {
            d.set("/a/", 1, vec![V::Int(5)])?;
            d.make("/h/", &hooked(Some(created), Some(deleted))).map(drop)
        })
        .unwrap();
    assert_eq!((commit.rounds, d.shown("/b/").as_str()), (2, "1: [10], 2: [2]"));
    d.update(|d| d.remove("/h/")).unwrap();
    assert_eq!(d.shown("/b/"), "1: [10]");
    d.ran();
    let hook = || Some(Code::hook("never", |_| Ok(())));
    d.update(|d| {
        d.make("/h/", &hooked(hook(), hook()))?;
        d.remove("/h/")
    })
    .unwrap();
    assert_eq!(d.ran().len(), 0, "made and removed before its hooks ran: neither");
}

fn again(d: &mut Driver) -> super::driver::Done<()> {
    if d.store.find(&name("/h/")).is_some() {
        d.remove("/h/")?;
    }
    d.make("/h/", &hooked(Some(Code::hook("again", again)), None)).map(drop)
}

#[test]
fn rounds_that_do_not_end_are_refused() {
    let mut d = Driver::with(Options { max_rounds: 20, ..Options::default() });
    let before = dump(&d.store.ctx);
    let done = d.update(again);
    assert!(matches!(done.unwrap_err().refusal(), Some(Refusal::NotConverging { limit: 20, .. })));
    assert_eq!(dump(&d.store.ctx), before);
}

#[test]
fn a_mapper_that_feeds_itself_is_refused() {
    let mut d = Driver::with(Options { max_rounds: 20, ..Options::default() });
    let before = dump(&d.store.ctx);
    let code = Code::mapper("counts", |d, key, _| {
        // It reads what it gives: one more each time.
        let id = d.store.look_up(&name("/b/")).expect("it is being made");
        d.store.note_read(id, || crate::Tag::All);
        let seen = d.store.directory(id).and_then(|b| b.get(key).map(|v| v.single().map_or(0, V::int)));
        Ok(vec![(key.clone(), V::Int(seen.unwrap_or(0) + 1))])
    });
    let done = d.update(|d| {
        d.make("/a/", &input(vec![(Key::int(1), vec![V::Int(1)])]))?;
        d.make("/b/", &derived(vec![mapped("/a/", &code)], None)).map(drop)
    });
    assert!(matches!(done.unwrap_err().refusal(), Some(Refusal::NotConverging { limit: 20, .. })));
    assert_eq!(dump(&d.store.ctx), before);
}

#[test]
fn a_directory_in_use_is_not_removed() {
    let mut d = store();
    let refused = |d: &mut Driver, of: &str| d.update(|d| d.remove(of)).unwrap_err().refusal().cloned();
    assert_eq!(refused(&mut d, "/a/"), Some(Refusal::InUse { name: name("/a/"), by: vec![name("/b/")] }));
    assert_eq!(refused(&mut d, "/none/"), Some(Refusal::NotFound(name("/none/"))));
    d.update(|d| {
        assert!(!d.store.remove_dir(&name("/none/"), false, true)?);
        assert!(d.store.remove_dir(&name("/a/"), true, false)?);
        Ok(())
    })
    .unwrap();
    assert!(d.store.is_empty());
}

#[test]
fn only_input_directories_are_written_and_names_are_made_once() {
    let mut d = store();
    let done = d.update(|d| d.set("/b/", 1, vec![V::Int(1)]));
    assert_eq!(done.unwrap_err().refusal(), Some(&Refusal::ReadOnly(name("/b/"))));
    let done = d.update(|d| d.make("/b/", &input(vec![])).map(drop));
    assert_eq!(done.unwrap_err().refusal(), Some(&Refusal::Exists { name: name("/b/"), by_mapper: false }));
    let done = d.update(|d| d.make("/c/", &derived(vec![passed("/none/")], None)).map(drop));
    assert_eq!(done.unwrap_err().refusal(), Some(&Refusal::NotFound(name("/none/"))));
}

#[test]
fn a_later_tick_can_not_be_asked_for() {
    let d = store();
    let now = d.store.tick();
    assert!(d.store.check_since(now).is_ok());
    assert!(d.store.check_since(now + 1).is_err());
}

/// What takes a thousand edits, and calls nothing of the host.
#[test]
fn a_long_stretch_of_edits_breathes() {
    let breaths = |work: &mut dyn FnMut()| {
        BREATHS.set(0);
        work();
        BREATHS.get()
    };
    let mut d = Driver::new();
    let rows = || input((0..1000).map(|key| (Key::int(key), vec![V::Int(key)])).collect());
    d.update(|d| d.make("/a/", &rows()).map(drop)).unwrap();
    d.update(|d| d.make("/b/", &derived(vec![passed("/a/")], None)).map(drop)).unwrap();
    let tick = d.store.tick();
    let cursor = d.store.open_cursor(Some(&name("/a/")), Some(tick), false).unwrap();
    d.store.begin();
    assert!(breaths(&mut || d.clear("/a/").unwrap()) > 100, "clear");
    assert!(breaths(&mut || d.rounds().unwrap()) > 100, "the cascade, and the end of the round");
    drop(d.store.commit(false));
    assert_eq!(d.store.stats().key_tombstones, 1000);
    assert!(breaths(&mut || d.store.close_cursor(cursor)) > 100, "the purge of keys");
    assert_eq!(d.store.stats().key_tombstones, 0);
    let tick = d.store.tick();
    let cursor = d.store.open_cursor(None, Some(tick), false).unwrap();
    d.update(|d| (0..500).try_for_each(|n| d.make(&format!("/d{n}/"), &input(vec![])).map(drop))).unwrap();
    d.update(|d| (0..500).try_for_each(|n| d.remove(&format!("/d{n}/")))).unwrap();
    assert!(breaths(&mut || d.store.close_cursor(cursor)) > 100, "the purge of directories");
    d.store.check_invariants().unwrap();
}

#[test]
fn what_was_written_twice_is_forgotten_with_a_rollback() {
    let mut d = Driver::new();
    d.update(|d| d.make("/a/", &input(vec![])).map(drop)).unwrap();
    let failed = d.update(|d| {
        d.set("/a/", 1, vec![V::Int(1)])?;
        d.set("/a/", 1, vec![V::Int(2)])?;
        assert!(!d.store.work.retouched.is_empty());
        Err(raise("x"))
    });
    assert!(failed.is_err() && d.store.work.retouched.is_empty());
}

#[test]
fn an_error_shows_what_it_is_of() {
    let refusal = || Refusal::NotFound(name("/a/"));
    let codes = Pair::Codes(Code::reducer("a"), Code::reducer("b"));
    let unsure = vec![Pair::Values(V::Int(1), V::Int(2)), codes];
    let shown = |error: Error<TestHost>| format!("{error:?}");
    assert_eq!(shown(Error::Unsure(unsure)), "Unsure([two values, two functions])");
    assert_eq!(shown(Error::Refused(refusal())), "Refused(NotFound(\"/a/\"))");
    assert_eq!(shown(Error::Blocked(refusal())), "Blocked(NotFound(\"/a/\"))");
}
