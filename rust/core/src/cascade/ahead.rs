//! Looking ahead: rows that the next units replace are fetched while other things are done.
//!
//! In a directory of a million rows most leaves are far from the processor: to read one it waits twice as long as for all
//! else that a unit needs, once for the head of the leaf and once more for the entry, whose address that tells. But what
//! is mapped from a row stands in the same place of its directory, nearly always ([`Place`](crate::tick_map::Place)). So
//! the head is asked for when the row becomes due, the entry when the unit begins, and both are there when the mapper
//! comes back. What is asked for in vain costs next to nothing, and nothing is read from it.

use crate::Key;
use crate::context::NameId;
use crate::directory::Directory;
use crate::store::Store;
use crate::value::Host;

/// A directory with fewer rows is near the processor anyway. Next to none in tests, so that this runs there.
pub(crate) const FAR: usize = if cfg!(test) { 2 } else { 1 << 12 };

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
