//! Looking ahead: rows that the next units replace are fetched while other things are done.
//!
//! In a directory of a million rows most leaves are far from the processor: to read one it waits twice as long as for all
//! else that a unit needs, once for the head of the leaf and once more for the entry, whose address that tells. But what
//! is mapped from a row stands in the same place of its directory, nearly always ([`Place`](crate::tick_map::Place)). So
//! the head is asked for when the row becomes due, the entry when the unit begins, and both are there when the mapper
//! comes back. What is asked for in vain costs next to nothing, and nothing is read from it.
//!
//! Where several rows are replaced in one run, all their leaves are asked for before the first of them is read, and then all
//! their entries: so they are waited for at once, and not one after the other.

use smallvec::SmallVec;

use crate::Key;
use crate::context::NameId;
use crate::directory::Directory;
use crate::store::Store;
use crate::tick_map::TickMap;
use crate::value::Host;

/// A directory with fewer rows is near the processor anyway. Next to none in tests, so that this runs there.
pub(crate) const FAR: usize = if cfg!(test) { 2 } else { 1 << 12 };

/// More at once would push each other out of what is near.
const MOST: usize = 512;

/// So few entries of a leaf are replaced in a run: of more the processor sees by itself what comes next.
const APART: usize = 8;

/// Entries of these keys, which ascend, are about to be replaced.
pub(crate) fn fetch_run<H: Host, V, T>(map: &TickMap<Key, V, T>, keys: &[Key]) {
    if map.total() < FAR || !(2..=MOST.min(map.total() / APART)).contains(&keys.len()) || are_close(keys) {
        return;
    }
    let Some(ahead) = map.ahead() else { return };
    let mut leaves: SmallVec<[_; 16]> = SmallVec::with_capacity(keys.len());
    for key in keys {
        let leaf = ahead.leaf(key);
        if let Some(leaf) = &leaf {
            H::fetch(leaf.address());
        }
        leaves.push(leaf);
    }
    for (key, leaf) in keys.iter().zip(&leaves) {
        if let Some(entry) = leaf.as_ref().and_then(|leaf| leaf.entry_address(key)) {
            H::fetch(entry);
        }
    }
}

/// Whether all of them are numbers that follow each other, nearly.
fn are_close(keys: &[Key]) -> bool {
    let number = |key: Option<&Key>| key.and_then(Key::small_int);
    let (Some(first), Some(last)) = (number(keys.first()), number(keys.last())) else { return false };
    last.checked_sub(first).and_then(|span| usize::try_from(span).ok()).is_some_and(|span| span / APART < keys.len())
}

impl<H: Host> Store<H> {
    /// A row changed in a directory of many: where units of its children have what they gave, the heads of these leaves.
    #[inline(never)]
    pub(crate) fn fetch_leaves(&mut self, dir: NameId, key: &Key) {
        let Some(at) = self.fan_out(dir) else { return };
        let Some(place) = self.last_row.guess(key) else { return };
        let mut number = 0;
        while let Some((child, part, _)) = self.fan_outs.child(at, number) {
            number += 1;
            let Some(directory) = self.ctx.dirs.get(child) else { continue };
            let units = directory.derived().filter(|derived| derived.folding.is_some());
            let leaf = match units {
                Some(derived) => derived.units.get(usize::from(part)).and_then(|units| units.leaf_address(place)),
                None => directory.rows.leaf_address(place),
            };
            leaf.into_iter().for_each(H::fetch);
        }
    }

    /// A unit of a directory begins: the entry of what it gave.
    #[inline(never)]
    pub(super) fn fetch_entry(&self, directory: &Directory<H>, part: u16, key: &Key) {
        let Some(place) = self.last_row.guess(key) else { return };
        let units = directory.derived().filter(|derived| derived.folding.is_some());
        let entry = match units {
            Some(derived) => derived.units.get(usize::from(part)).and_then(|units| units.entry_address(place)),
            None => directory.rows.entry_address(place),
        };
        entry.into_iter().for_each(H::fetch);
    }
}
