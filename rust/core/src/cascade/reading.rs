//! What a mapper at work reads.
//!
//! Nearly every run reads what the run before it did. So what it reads is ticked off in the trail of that run, and only what
//! is new is noted by itself: a run that reads nothing new allocates nothing, and has the trail that its unit has already.

use std::collections::BTreeSet;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::context::NameId;
use crate::directory::Trail;
use crate::reads::Tag;

type Read = (NameId, Tag);

#[derive(Default)]
pub(crate) struct Reads {
    /// What the unit read and made in its last run.
    before: Option<Arc<Trail>>,
    /// Most mappers read nothing but what they are given.
    noted: Option<Box<Noted>>,
}

#[derive(Default)]
struct Noted {
    /// A bit for each read of the trail that came again, as far as the last of these.
    again: SmallVec<[u64; 2]>,
    /// How many bits are set.
    ticked: usize,
    /// Where the next is looked for first: a mapper reads in the same order each time, and mostly in that of the trail.
    next: usize,
    /// Those that are not in the trail.
    new: BTreeSet<Read>,
}

/// The word and the bit of a place in the trail.
const fn bit(place: usize) -> (usize, u64) {
    (place / 64, 1 << (place % 64))
}

/// Where a trail has a read, which may stand at a place that is guessed.
fn place(before: Option<&Arc<Trail>>, read: &Read, guess: usize) -> Option<usize> {
    let reads = &before?.reads;
    if reads.get(guess) == Some(read) { Some(guess) } else { reads.binary_search(read).ok() }
}

impl Noted {
    fn is_ticked(&self, place: usize) -> bool {
        let (word, bit) = bit(place);
        self.again.get(word).is_some_and(|there| there & bit != 0)
    }

    fn tick(&mut self, place: usize) {
        self.next = place + 1;
        if self.is_ticked(place) {
            return;
        }
        let (word, bit) = bit(place);
        if self.again.len() <= word {
            self.again.resize(word + 1, 0);
        }
        self.again[word] |= bit;
        self.ticked += 1;
    }

    fn untick(&mut self, place: usize) {
        if self.is_ticked(place) {
            let (word, bit) = bit(place);
            self.again[word] ^= bit;
            self.ticked -= 1;
        }
    }
}

impl Reads {
    pub(super) const fn after(before: Option<Arc<Trail>>) -> Self {
        Reads { before, noted: None }
    }

    /// What the unit read and made in its last run.
    pub(super) const fn before(&self) -> Option<&Arc<Trail>> {
        self.before.as_ref()
    }

    pub(crate) fn insert(&mut self, read: Read) {
        let noted = self.noted.get_or_insert_default();
        match place(self.before.as_ref(), &read, noted.next) {
            Some(place) => noted.tick(place),
            None => drop(noted.new.insert(read)),
        }
    }

    pub(crate) fn remove(&mut self, read: &Read) {
        let Some(noted) = &mut self.noted else { return };
        match place(self.before.as_ref(), read, noted.next) {
            Some(place) => noted.untick(place),
            None => drop(noted.new.remove(read)),
        }
    }

    pub(crate) fn append(&mut self, more: &Self) {
        more.iter().for_each(|read| self.insert(read.clone()));
    }

    pub(crate) fn contains(&self, read: &Read) -> bool {
        let Some(noted) = &self.noted else { return false };
        match place(self.before.as_ref(), read, noted.next) {
            Some(place) => noted.is_ticked(place),
            None => noted.new.contains(read),
        }
    }

    /// Those that came again, in order, then those that are new, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Read> {
        self.noted.iter().flat_map(|noted| {
            let before = self.before.as_ref().map_or(&[][..], |trail| &trail.reads);
            let again = before.iter().enumerate().filter(|(place, _)| noted.is_ticked(*place)).map(|(_, read)| read);
            again.chain(&noted.new)
        })
    }

    /// The trail of a run that read this and made these, in order; `None` where that is nothing.
    pub(super) fn trail(&self, created: Vec<NameId>) -> Option<Arc<Trail>> {
        let (ticked, new) = self.noted.as_ref().map_or((0, 0), |noted| (noted.ticked, noted.new.len()));
        if ticked + new == 0 && created.is_empty() {
            return None;
        }
        let same = self.before.as_ref().filter(|before| new == 0 && ticked == before.reads.len());
        if let Some(same) = same.filter(|before| before.created == created) {
            return Some(Arc::clone(same));
        }
        let mut reads: Vec<Read> = self.iter().cloned().collect();
        if ticked > 0 && new > 0 {
            reads.sort_unstable();
        }
        Some(Arc::new(Trail { reads, created }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::{Read, Reads};
    use crate::Key;
    use crate::context::NameId;
    use crate::directory::Trail;
    use crate::reads::Tag;

    fn read(number: u64) -> Read {
        match number % 3 {
            0 => (NameId::of(number / 50), Tag::Existence),
            1 => (NameId::of(number / 50), Tag::Size),
            _ => (NameId::of(number / 50), Tag::Key(Key::int(i64::try_from(number % 50).expect("small")))),
        }
    }

    fn reads(numbers: &[u64]) -> BTreeSet<Read> {
        numbers.iter().map(|number| read(*number)).collect()
    }

    proptest! {
        /// Against a set, whatever the run before had read: more than there are bits in a word too.
        #[test]
        fn is_a_set(
            before in prop::option::of(prop::collection::vec(0..400u64, 0..200)),
            again in any::<bool>(),
            steps in prop::collection::vec((0..8usize, 0..400u64), 0..80),
        ) {
            let trail = |reads: &BTreeSet<Read>, made: &[NameId]| {
                Arc::new(Trail { reads: reads.iter().cloned().collect(), created: made.to_vec() })
            };
            let made = [NameId::of(7)];
            let before = before.map(|numbers| trail(&reads(&numbers), &made));
            let (mut noted, mut model) = (Reads::after(before.clone()), BTreeSet::new());
            if again {
                for read in before.iter().flat_map(|trail| &trail.reads) {
                    noted.insert(read.clone());
                    model.insert(read.clone());
                }
            }
            for (step, number) in steps {
                let read = read(number);
                if step == 0 {
                    noted.remove(&read);
                    model.remove(&read);
                } else if step < 4 {
                    noted.insert(read.clone());
                    model.insert(read.clone());
                }
                assert_eq!(noted.contains(&read), model.contains(&read));
                assert_eq!(noted.iter().next().is_none(), model.is_empty());
            }
            assert_eq!(noted.iter().cloned().collect::<BTreeSet<Read>>(), model);
            assert_eq!(noted.iter().count(), model.len());
            assert_eq!(noted.trail(Vec::new()), (!model.is_empty()).then(|| trail(&model, &[])));
            let now = noted.trail(made.to_vec());
            assert_eq!(now, Some(trail(&model, &made)));
            // Nothing new: it is the very trail of the run before.
            let is_same = before.as_ref().is_some_and(|before| before.reads.iter().eq(&model));
            assert_eq!(is_same, before.is_some_and(|before| now.is_some_and(|now| Arc::ptr_eq(&before, &now))));
            let mut more = Reads::after(None);
            more.append(&noted);
            assert_eq!(more.iter().cloned().collect::<BTreeSet<Read>>(), model);
        }
    }
}
