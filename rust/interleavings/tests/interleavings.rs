//! What must hold of the published version, the readers and the horizon, whoever goes on when.
//!
//! Each program is run in many interleavings. At its end every mirror that a reader kept equals the store, no tombstone
//! is left once all readers are closed, and the invariants of the core hold. A wake-up that somebody misses is a thread
//! that waits for ever, which the scheduler reports. The last tests do one thing wrong each, and must be caught.

mod mirror;

use livedirs_core::{Key, News};
use livedirs_interleavings::sync::{Arc, JoinHandle, Mutex, spawn};
use livedirs_interleavings::{Fault, Fork, Heard, Host, doubling, explore, rows};
use mirror::{DONE, DirMirror, Rows, content, dir_names, follow, name, settle};

const INPUT: &str = "/input/";
const DOUBLED: &str = "/doubled/";
const COMES_AND_GOES: &str = "/comes-and-goes/";

/// A store with an input directory of two keys whose sum stays, and one that holds twice as much.
fn make(fault: Fault) -> Arc<Host> {
    let host = Host::new(fault);
    let tx = host.update();
    tx.mkdir(&name(INPUT), &[(0, 10), (1, 0)]);
    tx.make(&name(DOUBLED), &doubling(&name(INPUT)));
    tx.commit();
    host
}

/// Moves one from key 0 to key 1, and writes, makes and removes what others follow.
fn write(host: &Arc<Host>, writer: i64, times: i64) -> JoinHandle<()> {
    let host = Arc::clone(host);
    spawn(move || {
        for time in 0..times {
            let tx = host.update();
            let now = tx.rows(&name(INPUT)).expect("it stays");
            let (a, b) = (now[&Key::int(0)], now[&Key::int(1)]);
            tx.set(&name(INPUT), 0, Some(a - 1));
            tx.set(&name(INPUT), 1, Some(b + 1));
            // A key that comes with one transaction and goes with the next, and a directory.
            let came = now.contains_key(&Key::int(2));
            tx.set(&name(INPUT), 2, (!came).then_some(writer));
            if tx.mkdir(&name(COMES_AND_GOES), &[(writer, time), (7, time)]) {
                tx.set(&name(COMES_AND_GOES), 8, Some(time));
            } else if time % 2 == 0 {
                tx.set(&name(COMES_AND_GOES), 7, None);
            } else {
                tx.remove_dir(&name(COMES_AND_GOES));
            }
            if (writer + time) % 3 == 2 {
                tx.rollback();
            } else {
                tx.commit();
            }
        }
    })
}

/// The last transaction, which every reader waits for.
fn finish(host: &Host) {
    let tx = host.update();
    tx.set(&name(INPUT), DONE, Some(0));
    tx.mkdir(&name(COMES_AND_GOES), &[]);
    tx.set(&name(COMES_AND_GOES), DONE, Some(0));
    tx.mkdir(&name("/done/"), &[]);
    tx.commit();
}

fn join<T>(threads: Vec<JoinHandle<T>>) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join().expect("no thread fails")).collect()
}

#[test]
fn cursors_of_a_directory_that_is_written_mirror_it() {
    explore(600, || {
        let host = make(Fault::None);
        let writers = vec![write(&host, 3, 2), write(&host, 4, 2)];
        let readers = vec![follow(&host, INPUT), follow(&host, DOUBLED)];
        join(writers);
        finish(&host);
        assert_eq!(join(readers), [content(&host, INPUT), content(&host, DOUBLED)]);
        settle(&host);
    });
}

#[test]
fn a_cursor_of_the_store_mirrors_the_names_and_one_of_a_directory_that_comes_and_goes_its_keys() {
    explore(600, || {
        let host = make(Fault::None);
        let writers = vec![write(&host, 3, 3), write(&host, 4, 2)];
        let follower = {
            let host = Arc::clone(&host);
            spawn(move || {
                let cursor = host.cursor(None, None).expect("of the store");
                let (mut mirror, mut inner) = (DirMirror::default(), None);
                while !mirror.names.contains("/done/") {
                    let Some(News::Dirs(changes)) = host.wait(cursor) else { panic!("closed") };
                    mirror.apply(&changes);
                    // It may be gone again by now: then it is tried again when it is back.
                    if inner.is_none() && mirror.names.contains(COMES_AND_GOES) {
                        inner = host.cursor(Some(&name(COMES_AND_GOES)), None);
                    }
                }
                host.close_cursor(cursor);
                let inner = inner.or_else(|| host.cursor(Some(&name(COMES_AND_GOES)), None));
                let mirror_of_keys = mirror::until_done(&host, inner.expect("it is there at the end"));
                (mirror.names, mirror_of_keys)
            })
        };
        join(writers);
        finish(&host);
        let (names, keys) = follower.join().expect("no thread fails");
        assert_eq!((names, keys), (dir_names(&host), content(&host, COMES_AND_GOES)));
        settle(&host);
    });
}

#[test]
fn readers_that_come_and_go_leave_no_tombstone_and_take_none_from_others() {
    explore(600, || {
        let host = make(Fault::None);
        let writer = write(&host, 3, 3);
        let reader = follow(&host, INPUT);
        let passers_by = {
            let host = Arc::clone(&host);
            spawn(move || {
                for of in [Some(INPUT), None, Some(COMES_AND_GOES)] {
                    if let Some(cursor) = host.cursor(of.map(name).as_ref(), None) {
                        assert!(matches!(host.poll(cursor), Heard::News(_)), "it begins with all that there is");
                        drop(host.poll(cursor));
                        host.close_cursor(cursor);
                    }
                }
            })
        };
        join(vec![writer, passers_by]);
        finish(&host);
        assert_eq!(join(vec![reader]), [content(&host, INPUT)]);
        settle(&host);
    });
}

/// A snapshot never shows half a transaction, and following it from its tick on leads to where the store is.
fn snapshots(fault: Fault) {
    explore(600, move || {
        let host = make(fault);
        let writers = vec![write(&host, 3, 2), write(&host, 4, 2)];
        let reader = {
            let host = Arc::clone(&host);
            spawn(move || {
                let (version, tick) = host.snapshot();
                let of = |directory| version.directory(version.find(&name(directory))?).map(|view| rows(&view));
                let (input, doubled) = (of(INPUT).expect("it stays"), of(DOUBLED).expect("it stays"));
                assert_eq!(input[&Key::int(0)] + input[&Key::int(1)], 10, "half a transaction");
                let twice: Rows = input.iter().map(|(key, value)| (key.clone(), 2 * value)).collect();
                assert_eq!(doubled, twice, "half a cascade");
                let mut mirror = mirror::KeyMirror { rows: input, ..Default::default() };
                let cursor = host.cursor(Some(&name(INPUT)), Some(tick)).expect("it stays");
                while !mirror.is_done() {
                    let Some(News::Keys(changes)) = host.wait(cursor) else { panic!("closed") };
                    mirror.apply(&changes);
                }
                host.close_cursor(cursor);
                mirror.rows
            })
        };
        join(writers);
        finish(&host);
        assert_eq!(join(vec![reader]), [content(&host, INPUT)]);
        settle(&host);
    });
}

#[test]
fn a_snapshot_shows_whole_transactions_and_can_be_followed_from_its_tick() {
    snapshots(Fault::None);
}

/// Two threads poll one cursor: each change goes to one of them.
fn two_pollers(fault: Fault) {
    explore(400, move || {
        let host = make(fault);
        let cursor = host.cursor(Some(&name(INPUT)), Some(host.with(|store| store.tick()))).expect("it stays");
        let heard: Arc<Mutex<Vec<Key>>> = Arc::default();
        let pollers = (0..2).map(|_| {
            let (host, heard) = (Arc::clone(&host), Arc::clone(&heard));
            spawn(move || {
                for _ in 0..3 {
                    if let Heard::News(News::Keys(changes)) = host.poll(cursor) {
                        heard.lock().unwrap().extend(changes.entries.into_iter().map(|(key, _)| key));
                    }
                }
            })
        });
        let pollers: Vec<_> = pollers.collect();
        for key in 100..103 {
            let tx = host.update();
            tx.set(&name(INPUT), key, Some(key));
            tx.commit();
        }
        join(pollers);
        if let Heard::News(News::Keys(changes)) = host.poll(cursor) {
            heard.lock().unwrap().extend(changes.entries.into_iter().map(|(key, _)| key));
        }
        let mut heard = heard.lock().unwrap().clone();
        heard.sort();
        assert_eq!(heard, (100..103).map(Key::int).collect::<Vec<_>>());
        host.close_cursor(cursor);
        settle(&host);
    });
}

#[test]
fn of_two_threads_that_poll_one_cursor_each_change_goes_to_one() {
    two_pollers(Fault::None);
}

#[test]
fn a_cursor_that_another_thread_closes_ends_the_wait() {
    explore(300, || {
        let host = make(Fault::None);
        let cursor = host.cursor(None, None).expect("of the store");
        let waiter = {
            let host = Arc::clone(&host);
            spawn(move || while host.wait(cursor).is_some() {})
        };
        let writer = write(&host, 3, 2);
        host.close_cursor(cursor);
        join(vec![waiter, writer]);
        settle(&host);
    });
}

#[test]
fn subscribers_are_told_of_each_commit_in_order_and_by_one_thread_at_a_time() {
    explore(600, || {
        let host = make(Fault::None);
        let mirror: Arc<Mutex<(mirror::KeyMirror, bool)>> = Arc::default();
        let told = Arc::clone(&mirror);
        let first = content(&host, INPUT);
        mirror.lock().unwrap().0.rows = first;
        let subscription = host.subscribe(&name(INPUT), move |changes| {
            let mut now = told.lock().unwrap();
            assert!(!std::mem::replace(&mut now.1, true), "told by two threads at once");
            assert!(changes.tick > now.0.tick, "told out of order");
            drop(now);
            let mut now = told.lock().unwrap();
            now.0.apply(changes);
            now.1 = false;
        });
        let other = {
            let host = Arc::clone(&host);
            spawn(move || {
                let subscription = host.subscribe(&name(DOUBLED), |_| ()).expect("it stays");
                host.close_subscription(subscription);
            })
        };
        join(vec![write(&host, 3, 3), write(&host, 4, 2), other]);
        finish(&host);
        assert_eq!(mirror.lock().unwrap().0.rows, content(&host, INPUT));
        host.close_subscription(subscription.expect("it stays"));
        settle(&host);
    });
}

#[test]
fn a_fork_merges_while_its_store_and_itself_are_written_and_its_readers_are_told() {
    explore(400, || {
        let host = make(Fault::None);
        let fork = Arc::new(Fork::of(&host));
        let readers = vec![follow(&host, INPUT), follow(&fork.host, INPUT)];
        let merger = {
            let fork = Arc::clone(&fork);
            spawn(move || {
                for time in 0..2 {
                    let tx = fork.host.update();
                    tx.set(&name(INPUT), 50 + time, Some(time));
                    tx.mkdir(&name(&format!("/of-fork/{time}/")), &[(1, time)]);
                    tx.commit();
                    fork.merge();
                }
            })
        };
        let other = {
            let fork = Arc::clone(&fork);
            spawn(move || {
                let tx = fork.host.update();
                tx.set(&name(INPUT), 60, Some(60));
                tx.commit();
            })
        };
        join(vec![write(&host, 3, 2), merger, other]);
        fork.merge();
        finish(&host);
        fork.merge();
        let now = content(&host, INPUT);
        assert_eq!(now[&Key::int(50)] + now[&Key::int(51)] + now[&Key::int(60)], 61, "{now:?}");
        assert_eq!(join(readers), [now, content(&fork.host, INPUT)]);
        for of in [INPUT, DOUBLED, COMES_AND_GOES, "/of-fork/0/"] {
            assert_eq!(content(&host, of), content(&fork.host, of), "{of}");
        }
        settle(&host);
        settle(&fork.host);
    });
}

// ---- what must be caught

#[test]
#[cfg_attr(not(feature = "system-threads"), should_panic(expected = "deadlock"))]
fn who_waits_after_the_lock_was_released_misses_a_wake_up() {
    explore_with(Fault::LateWaiter);
}

#[test]
#[cfg_attr(not(feature = "system-threads"), should_panic(expected = "deadlock"))]
fn a_turn_that_is_not_handed_on_leaves_threads_waiting() {
    explore_with(Fault::LostTurn);
}

/// Which interleaving is tried first decides which it is: a mirror that differs, or one that waits for what it missed.
#[test]
#[cfg(not(feature = "system-threads"))]
fn a_version_and_a_tick_that_were_read_under_two_locks_do_not_belong_together() {
    let found = std::panic::catch_unwind(|| snapshots(Fault::TwoLocks)).expect_err("the fault was not found");
    let message = found.downcast_ref::<String>().cloned().unwrap_or_default();
    let is_it = ["left == right", "deadlock"].iter().any(|what| message.contains(what));
    assert!(is_it, "something else was found: {message}");
}

#[test]
#[cfg_attr(not(feature = "system-threads"), should_panic(expected = "left == right"))]
fn a_poll_that_counts_though_the_cursor_has_moved_tells_twice() {
    #[cfg(not(feature = "system-threads"))]
    two_pollers(Fault::StaleStep);
}

/// Two writers, and a reader that waits.
fn explore_with(fault: Fault) {
    if cfg!(feature = "system-threads") {
        return;
    }
    explore(600, move || {
        let host = make(fault);
        let writers = vec![write(&host, 3, 2), write(&host, 4, 2)];
        let reader = follow(&host, INPUT);
        join(writers);
        finish(&host);
        join(vec![reader]);
    });
}
