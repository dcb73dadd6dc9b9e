//! What is seen of a store: the whole version, and what an observer tells of it.

use std::fmt::Write;

use crate::{DirKind, News, Polled, ReaderId, Stats};

use super::super::driver::Driver;
use super::super::dump::dump;

/// The version to the last detail, the counts, and what readers would be told. Equal before and after what was undone.
pub(super) fn version(d: &mut Driver, readers: &[ReaderId]) -> String {
    d.store.check_invariants().expect("the invariants");
    assert_eq!((d.store.queued(), d.store.is_open()), (0, false));
    let published = dump(&d.store.published().0);
    assert_eq!(dump(&d.store.ctx), published);
    let stats = d.store.stats();
    format!("{published}{}", told(d, stats, readers))
}

/// The same without the numbers that a second attempt is given anew: of names and of generations. Where something was
/// `mended` on the way a lazy key that failed was forgotten, and computed again only if it was read again.
pub(super) fn outcome(d: &mut Driver, readers: &[ReaderId], mended: bool) -> String {
    d.store.check_invariants().expect("the invariants");
    let stats = d.store.stats();
    let mut out = told(d, if mended { Stats { lazy_keys: 0, dependencies: 0, ..stats } } else { stats }, readers);
    for (name, _, directory) in d.store.ctx.dirs.iter() {
        let (kind, created, since) = (directory.kind(), directory.created, directory.there_since);
        let (height, floor, tombs) = (directory.height, directory.floor, &directory.tombs);
        let name = name.as_str();
        writeln!(out, "{name} {kind:?} {created} {since} {height} {floor} {tombs:?}").expect("text grows");
        if kind == DirKind::Lazy {
            continue;
        }
        for (key, stamp, row) in &directory.rows {
            let values = row.content().map(|content| content.to_vec().into_vec());
            writeln!(out, "  {key} {stamp} {values:?}").expect("text grows");
        }
    }
    out
}

/// The counts, and the news. Nodes may keep room after a rollback, so bytes may differ.
fn told(d: &mut Driver, stats: Stats, readers: &[ReaderId]) -> String {
    let mut out = format!("{:?}\n", Stats { bytes: 0, ..stats });
    for &reader in readers {
        let news = match d.store.poll(reader) {
            None => "closed".to_owned(),
            Some(Polled::Nothing) => "nothing".to_owned(),
            Some(Polled::News(News::Dirs(told), _)) => {
                format!("{} {} {:?} {:?}", told.tick, told.reset, told.changed, told.removed)
            }
            Some(Polled::News(News::Keys(told), _)) => {
                format!("{} {} {} {:?}", told.tick, told.reset, told.removed, told.entries)
            }
        };
        writeln!(out, "reader: {news}").expect("text grows");
    }
    out
}
