//! Tombstones, the purge and the floor: the invariants of tombstones and readers, docs/design.md, section 2.

use std::collections::BTreeMap;

use crate::{Key, News, Options, Polled, ReaderId};

use super::driver::{Done, Driver, derived, hooked, input, mapped, name, passed};
use super::host::{Code, V};

/// A reader, as the host keeps it, and what it is told where nothing is new.
struct Cursor(ReaderId, &'static str);

impl Cursor {
    fn of_dirs(d: &mut Driver) -> Cursor {
        let now = d.store.tick();
        Cursor(d.store.open_cursor(None, Some(now), false).expect("a cursor"), "+[] -[]")
    }

    fn of_keys(d: &mut Driver, of: &str) -> Cursor {
        let now = d.store.tick();
        Cursor(d.store.open_cursor(Some(&name(of)), Some(now), false).expect("a directory"), "")
    }

    /// What it is told, as text; it moves on, and what nobody needs any more goes.
    fn poll(&mut self, d: &mut Driver) -> String {
        let told = match d.store.poll(self.0).expect("it is open") {
            Polled::Nothing => self.1.to_owned(),
            Polled::News(news, step) => {
                assert!(d.store.advance(step), "nobody else polled");
                show(&news)
            }
        };
        d.store.check_invariants().unwrap();
        told
    }

    fn close(self, d: &mut Driver) {
        d.store.close_cursor(self.0);
        d.store.check_invariants().unwrap();
    }
}

fn show(news: &News<V>) -> String {
    match news {
        News::Dirs(told) => {
            let join = |names: &[crate::Name]| {
                let names = names.iter().map(crate::Name::as_str).filter(|name| !name.starts_with("/hook"));
                names.collect::<Vec<_>>().join(" ")
            };
            let reset = if told.reset { "reset " } else { "" };
            format!("{reset}+[{}] -[{}]", join(&told.changed), join(&told.removed))
        }
        News::Keys(told) if told.removed => "gone".to_owned(),
        News::Keys(told) => {
            let reset = if told.reset { "reset " } else { "" };
            format!("{reset}{}", super::driver::show(&told.entries))
        }
    }
}

fn with(dirs: &[&str]) -> Driver {
    let mut d = Driver::new();
    for of in dirs {
        d.update(|d| d.make(of, &input(vec![])).map(drop)).unwrap();
    }
    d
}

fn make(d: &mut Driver, of: &str) {
    d.update(|d| d.make(of, &input(vec![])).map(drop)).unwrap();
}

fn remove(d: &mut Driver, of: &str) {
    d.update(|d| d.remove(of)).unwrap();
}

fn set(d: &mut Driver, of: &str, key: i64, values: Vec<V>) {
    d.update(|d| d.set(of, key, values)).unwrap();
}

fn tombstones(d: &Driver) -> (usize, usize) {
    let stats = d.store.stats();
    (stats.dir_tombstones, stats.key_tombstones)
}

#[test]
fn zero_residue_of_directories() {
    let mut d = with(&["/base/"]);
    let before = d.store.stats();
    for n in 0..20 {
        let (a, b) = (format!("/a{n}/"), format!("/b{n}/"));
        d.update(|d| {
            d.make(&a, &input(vec![(Key::int(1), vec![V::Int(1)])]))?;
            let code = Code::mapper("m", |d, key, values| {
                d.exists("/nowhere/")?;
                d.size("/base/")?;
                Ok(vec![(key.clone(), values[0].clone())])
            });
            d.make(&b, &derived(vec![mapped(&a, &code)], None)).map(drop)
        })
        .unwrap();
        let commit = d
            .update(|d| {
                d.remove(&b)?;
                d.remove(&a)
            })
            .unwrap();
        assert_eq!((commit.purged, commit.removed.len()), (2, 2));
    }
    let after = d.store.stats();
    assert_eq!(after, crate::Stats { tick: after.tick, purged: after.purged, ..before });
    assert_eq!(after.purged, 40);
}

#[test]
fn zero_residue_of_keys() {
    let mut d = with(&["/a/"]);
    d.update(|d| d.make("/b/", &derived(vec![passed("/a/")], None)).map(drop)).unwrap();
    let before = d.store.stats();
    for n in 0..20 {
        set(&mut d, "/a/", n, vec![V::Int(n)]);
    }
    for n in 0..20 {
        set(&mut d, "/a/", n, vec![]);
    }
    let after = d.store.stats();
    assert_eq!(after, crate::Stats { tick: after.tick, purged: after.purged, bytes: after.bytes, ..before });
    assert_eq!(after.purged, 40);
}

#[test]
fn exact_retention_of_directories() {
    let mut d = with(&["/a/", "/b/", "/c/"]);
    let mut early = Cursor::of_dirs(&mut d);
    remove(&mut d, "/a/");
    let mut late = Cursor::of_dirs(&mut d);
    remove(&mut d, "/b/");
    assert_eq!(tombstones(&d), (2, 0));
    assert_eq!(early.poll(&mut d), "+[] -[/a/ /b/]");
    assert_eq!(tombstones(&d), (1, 0), "the late one still needs /b/");
    assert_eq!(early.poll(&mut d), "+[] -[]", "told once");
    assert_eq!(late.poll(&mut d), "+[] -[/b/]");
    assert_eq!(tombstones(&d), (0, 0));
    remove(&mut d, "/c/");
    early.close(&mut d);
    assert_eq!(tombstones(&d), (1, 0));
    late.close(&mut d);
    assert_eq!(tombstones(&d), (0, 0));
}

#[test]
fn exact_retention_of_keys() {
    let mut d = with(&["/a/", "/other/"]);
    set(&mut d, "/a/", 1, vec![V::Int(1)]);
    set(&mut d, "/a/", 2, vec![V::Int(2)]);
    set(&mut d, "/other/", 1, vec![V::Int(2)]);
    let mut cursor = Cursor::of_keys(&mut d, "/a/");
    set(&mut d, "/a/", 1, vec![]);
    set(&mut d, "/other/", 1, vec![]);
    assert_eq!(tombstones(&d), (0, 1), "nobody reads the other");
    assert_eq!(cursor.poll(&mut d), "1: []");
    assert_eq!(tombstones(&d), (0, 0));
    set(&mut d, "/a/", 2, vec![]);
    remove(&mut d, "/a/");
    assert_eq!(tombstones(&d), (0, 0), "gone with the directory");
    assert_eq!(cursor.poll(&mut d), "gone");
    cursor.close(&mut d);
}

#[test]
fn a_removal_while_a_reader_leaves_in_an_open_transaction_is_purged_at_its_end() {
    for commits in [true, false] {
        let mut d = with(&["/a/", "/b/"]);
        let cursor = Cursor::of_dirs(&mut d);
        remove(&mut d, "/a/");
        assert_eq!(tombstones(&d), (1, 0));
        let mut cursor = Some(cursor);
        let done = d.update(|d| {
            cursor.take().expect("once").close(d);
            assert_eq!(tombstones(d), (1, 0), "the open transaction goes back to it");
            d.set("/b/", 1, vec![V::Int(1)])?;
            if commits { Ok(()) } else { Err(super::host::raise("no")) }
        });
        assert_eq!(done.is_ok(), commits);
        assert_eq!(tombstones(&d), (0, 0));
    }
}

#[test]
fn the_floor_is_one_more_than_the_largest_stamp_purged() {
    let mut d = with(&["/a/", "/b/"]);
    assert_eq!(d.store.ctx.dirs.floor, 1);
    let before = d.store.tick();
    set(&mut d, "/b/", 1, vec![V::Int(1)]);
    assert_eq!(d.store.ctx.dirs.floor, 1, "nothing was purged");
    assert!(!d.store.published().changes(1).reset);
    remove(&mut d, "/a/");
    assert_eq!(d.store.ctx.dirs.floor, d.store.tick());
    assert!(d.store.published().changes(before).reset);
    assert!(!d.store.published().changes(d.store.tick()).reset);
    make(&mut d, "/x/");
    let floor = d.store.ctx.dirs.floor;
    d.update(|d| {
        d.make("/y/", &input(vec![]))?;
        d.remove("/y/")
    })
    .unwrap();
    assert_eq!(d.store.ctx.dirs.floor, floor, "nobody could know what came and went at once");
}

#[test]
fn the_floor_of_keys() {
    let mut d = with(&["/a/"]);
    let id = d.store.find(&name("/a/")).unwrap();
    let made = d.store.tick() - 1;
    set(&mut d, "/a/", 1, vec![V::Int(1)]);
    let first = d.store.tick();
    set(&mut d, "/a/", 2, vec![V::Int(2)]);
    let told = |d: &mut Driver, since| {
        let told = d.store.published().key_changes(id, since).unwrap();
        (told.reset, super::driver::show(&told.entries))
    };
    assert_eq!(told(&mut d, made), (true, "1: [1], 2: [2]".to_owned()), "of the time when it was created");
    assert_eq!(told(&mut d, made + 1), (false, "1: [1], 2: [2]".to_owned()));
    assert_eq!(told(&mut d, first), (false, "2: [2]".to_owned()));
    set(&mut d, "/a/", 1, vec![]);
    assert_eq!(told(&mut d, first), (true, "2: [2]".to_owned()));
    let now = d.store.tick();
    assert_eq!(told(&mut d, now), (false, String::new()));
}

#[test]
fn history_keeps_tombstones_of_the_last_ticks() {
    let mut d = Driver::with(Options { history: 2, ..Options::default() });
    make(&mut d, "/a/");
    make(&mut d, "/b/");
    set(&mut d, "/b/", 1, vec![V::Int(1)]);
    let since = d.store.tick();
    remove(&mut d, "/a/");
    set(&mut d, "/b/", 1, vec![]);
    assert_eq!(tombstones(&d), (1, 1));
    let told = d.store.published().changes(since);
    assert_eq!((told.reset, told.removed.len()), (false, 1));
    set(&mut d, "/b/", 2, vec![V::Int(1)]);
    assert_eq!(tombstones(&d), (0, 1));
    assert!(d.store.published().changes(since).reset);
    set(&mut d, "/b/", 3, vec![V::Int(1)]);
    assert_eq!(tombstones(&d), (0, 0));
}

#[test]
fn both_lives_of_a_name_are_remembered_for_a_reader_between_them() {
    let mut d = with(&["/a/"]);
    let mut first = Cursor::of_dirs(&mut d);
    remove(&mut d, "/a/");
    let mut second = Cursor::of_dirs(&mut d);
    make(&mut d, "/a/");
    assert_eq!(tombstones(&d), (0, 0), "an earlier life is no tombstone");
    let mut third = Cursor::of_dirs(&mut d);
    remove(&mut d, "/a/");
    let mut fourth = Cursor::of_dirs(&mut d);
    assert_eq!(second.poll(&mut d), "+[] -[]", "it never knew the second life");
    assert_eq!(first.poll(&mut d), "+[] -[/a/]");
    assert_eq!(third.poll(&mut d), "+[] -[/a/]");
    assert_eq!(fourth.poll(&mut d), "+[] -[]");
    assert_eq!(tombstones(&d), (0, 0));
}

#[test]
fn both_lives_of_a_key_are_remembered_for_a_reader_between_them() {
    let mut d = with(&["/a/"]);
    set(&mut d, "/a/", 1, vec![V::Int(1)]);
    let mut first = Cursor::of_keys(&mut d, "/a/");
    set(&mut d, "/a/", 1, vec![]);
    let mut second = Cursor::of_keys(&mut d, "/a/");
    set(&mut d, "/a/", 1, vec![V::Int(2)]);
    assert_eq!(tombstones(&d), (0, 0), "an earlier life is no tombstone");
    let mut third = Cursor::of_keys(&mut d, "/a/");
    set(&mut d, "/a/", 1, vec![]);
    let mut fourth = Cursor::of_keys(&mut d, "/a/");
    assert_eq!(second.poll(&mut d), "", "it never knew the second life");
    assert_eq!(first.poll(&mut d), "1: []");
    assert_eq!(third.poll(&mut d), "1: []");
    assert_eq!(fourth.poll(&mut d), "");
    assert_eq!(tombstones(&d), (0, 0));
}

#[test]
fn a_key_that_comes_and_goes_in_one_transaction_leaves_what_was_remembered_of_its_lives() {
    let mut d = with(&["/a/"]);
    let mut readers = Vec::new();
    for value in 1..4 {
        set(&mut d, "/a/", 1, vec![V::Int(value)]);
        readers.push((Cursor::of_keys(&mut d, "/a/"), "1: []"));
        set(&mut d, "/a/", 1, vec![]);
        readers.push((Cursor::of_keys(&mut d, "/a/"), ""));
    }
    assert_eq!(tombstones(&d), (0, 1), "of its last life; two more are remembered");
    d.update(|d| {
        d.set("/a/", 1, vec![V::Int(4)])?;
        d.set("/a/", 1, vec![])
    })
    .unwrap();
    assert_eq!(tombstones(&d), (0, 1));
    for (reader, told) in &mut readers {
        assert_eq!(reader.poll(&mut d), *told);
    }
    assert_eq!(tombstones(&d), (0, 0));
}

/// Runs `first` in the first round of a transaction and `then` in its second, by way of a hook.
fn in_two_rounds(d: &mut Driver, first: impl FnOnce(&mut Driver) -> Done<()>, then: fn(&mut Driver) -> Done<()>) {
    let later = Code::hook("later", then);
    let soon = Code::hook("soon", move |d| d.make("/hook2/", &hooked(Some(later.clone()), None)).map(drop));
    d.update(|d| {
        first(d)?;
        d.make("/hook1/", &hooked(Some(soon), None)).map(drop)
    })
    .unwrap();
}

#[test]
fn removed_in_one_round_and_made_again_in_the_next_the_older_life_goes_on() {
    for lagging in [false, true] {
        let mut d = with(&["/a/"]);
        set(&mut d, "/a/", 1, vec![V::Int(1)]);
        let mut cursor = lagging.then(|| Cursor::of_dirs(&mut d));
        in_two_rounds(&mut d, |d| d.remove("/a/"), |d| d.make("/a/", &input(vec![])).map(drop));
        assert_eq!(tombstones(&d), (0, 0));
        if let Some(cursor) = &mut cursor {
            assert_eq!(cursor.poll(&mut d), "+[/a/] -[]");
        }
        remove(&mut d, "/a/");
        if let Some(cursor) = &mut cursor {
            assert_eq!(cursor.poll(&mut d), "+[] -[/a/]");
        }
        assert_eq!(tombstones(&d), (0, 0));
    }
}

#[test]
fn made_in_one_round_and_removed_in_the_next_leaves_nothing() {
    for lagging in [false, true] {
        let mut d = with(&["/b/"]);
        let mut cursor = lagging.then(|| Cursor::of_dirs(&mut d));
        in_two_rounds(&mut d, |d| d.make("/a/", &input(vec![])).map(drop), |d| d.remove("/a/"));
        assert_eq!(tombstones(&d), (0, 0));
        if let Some(cursor) = &mut cursor {
            assert_eq!(cursor.poll(&mut d), "+[] -[]");
        }
    }
}

#[test]
fn an_old_tombstone_whose_name_comes_and_goes_is_that_tombstone_again() {
    let mut d = with(&["/a/"]);
    let mut first = Cursor::of_dirs(&mut d);
    remove(&mut d, "/a/");
    let mut second = Cursor::of_dirs(&mut d);
    in_two_rounds(&mut d, |d| d.make("/a/", &input(vec![])).map(drop), |d| d.remove("/a/"));
    assert_eq!(tombstones(&d), (1, 0));
    d.update(|d| {
        d.make("/a/", &input(vec![]))?;
        d.remove("/a/")
    })
    .unwrap();
    assert_eq!(second.poll(&mut d), "+[] -[]");
    assert_eq!(first.poll(&mut d), "+[] -[/a/]");
    assert_eq!(tombstones(&d), (0, 0));
}

#[test]
fn keys_that_come_and_go_over_rounds() {
    type Step = fn(&mut Driver) -> Done<()>;
    let gone: Step = |d| d.set("/a/", 1, vec![]);
    let there: Step = |d| d.set("/a/", 1, vec![V::Int(7)]);
    let nothing: Step = |_| Ok(());
    let both: Step = |d| {
        d.set("/a/", 1, vec![V::Int(8)])?;
        d.set("/a/", 1, vec![])
    };
    let steps = [gone, there, nothing, both];
    // 0: never there; 1: there; 2: there, gone, and told to the reader between; 3: there and gone, the reader lags.
    for state in 0..4 {
        for first in steps {
            for then in steps {
                let mut d = with(&["/a/"]);
                let mut held: BTreeMap<&str, String> = BTreeMap::new();
                if state > 0 {
                    set(&mut d, "/a/", 1, vec![V::Int(1)]);
                }
                let mut early = Cursor::of_keys(&mut d, "/a/");
                held.insert("early", d.shown("/a/"));
                if state > 1 {
                    set(&mut d, "/a/", 1, vec![]);
                }
                let mut late = Cursor::of_keys(&mut d, "/a/");
                held.insert("late", d.shown("/a/"));
                if state == 2 {
                    early.poll(&mut d);
                    held.insert("early", d.shown("/a/"));
                }
                in_two_rounds(&mut d, first, then);
                let shown = d.shown("/a/");
                for (cursor, held) in [(&mut early, &held["early"]), (&mut late, &held["late"])] {
                    let told = cursor.poll(&mut d);
                    let right = match (held.as_str(), shown.as_str()) {
                        ("", "") => told.is_empty(),
                        (_, "") => told == "1: []",
                        (was, is) if was == is => told.is_empty() || told == is,
                        (_, is) => told == is,
                    };
                    assert!(right, "state {state}: held {held:?}, is {shown:?}, told {told:?}");
                }
                assert_eq!(tombstones(&d), (0, 0));
            }
        }
    }
}

#[test]
fn another_generation_is_told_as_changed_and_its_keys_start_over() {
    let mut d = with(&["/a/"]);
    set(&mut d, "/a/", 1, vec![V::Int(1)]);
    let mut of_dirs = Cursor::of_dirs(&mut d);
    let mut of_keys = Cursor::of_keys(&mut d, "/a/");
    d.update(|d| {
        d.remove("/a/")?;
        d.make("/a/", &input(vec![(Key::int(2), vec![V::Int(2)])])).map(drop)
    })
    .unwrap();
    assert_eq!(of_dirs.poll(&mut d), "+[/a/] -[]");
    assert_eq!(of_keys.poll(&mut d), "reset 2: [2]");
}

#[test]
fn tombstones_of_keys_of_two_generations_do_not_mix() {
    let mut d = with(&["/a/"]);
    set(&mut d, "/a/", 1, vec![V::Int(1)]);
    let mut cursor = Cursor::of_keys(&mut d, "/a/");
    set(&mut d, "/a/", 1, vec![]);
    d.update(|d| {
        d.set("/a/", 1, vec![V::Int(2)])?;
        d.set("/a/", 1, vec![])?;
        d.remove("/a/")?;
        d.make("/a/", &input(vec![(Key::int(1), vec![V::Int(2)])]))?;
        d.set("/a/", 1, vec![])
    })
    .unwrap();
    assert_eq!(cursor.poll(&mut d), "reset ");
    assert_eq!(tombstones(&d), (0, 0));
}

#[test]
fn a_purge_is_no_change() {
    let mut d = with(&["/a/", "/b/"]);
    let code = Code::mapper("sees", |d, key, _| Ok(vec![(key.clone(), V::Int(i64::from(d.exists("/a/")?)))]));
    set(&mut d, "/b/", 1, vec![V::Int(1)]);
    d.update(|d| d.make("/sees/", &derived(vec![mapped("/b/", &code)], None)).map(drop)).unwrap();
    let cursor = Cursor::of_dirs(&mut d);
    remove(&mut d, "/a/");
    assert_eq!(d.shown("/sees/"), "1: [0]");
    let (tick, told) = (d.store.tick(), d.store.published().changes(d.store.tick()));
    d.ran();
    cursor.close(&mut d);
    assert_eq!((d.store.tick(), d.ran().len(), d.store.queued()), (tick, 0, 0));
    assert_eq!(d.store.published().changes(tick), told);
    assert!(d.store.find(&name("/a/")).is_none());
}

#[test]
fn a_purge_of_nothing_touches_nothing() {
    let mut d = with(&["/a/", "/b/"]);
    set(&mut d, "/a/", 1, vec![V::Int(1)]);
    let before = d.store.published();
    assert_eq!(d.store.purge_deleted_dirs(), 0);
    let after = d.store.published();
    assert!(before.0.dirs.state.ptr_eq(&after.0.dirs.state), "no node was copied");
    assert!(before.0.dirs.queue.ptr_eq(&after.0.dirs.queue));
    assert!(before.0.tombed.ptr_eq(&after.0.tombed));
}

#[test]
fn a_snapshot_keeps_its_version_whole_and_pins_nothing() {
    let mut d = Driver::new();
    let empty = d.store.published();
    d.update(|d| {
        d.make("/a/", &input(vec![]))?;
        d.make("/b/", &input(vec![])).map(drop)
    })
    .unwrap();
    set(&mut d, "/a/", 1, vec![V::Int(1)]);
    let snapshot = d.store.published();
    let text = super::dump::dump(&snapshot.0);
    set(&mut d, "/a/", 1, vec![]);
    remove(&mut d, "/a/");
    assert_eq!(tombstones(&d), (0, 0));
    assert_eq!(super::dump::dump(&snapshot.0), text);
    let id = snapshot.find(&name("/a/")).unwrap();
    assert_eq!(snapshot.directory(id).unwrap().len(), 1);
    assert_eq!((snapshot.is_empty(), snapshot.len()), (false, 2));
    assert_eq!((empty.is_empty(), empty.len()), (true, 0));
}
