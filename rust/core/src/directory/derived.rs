//! A derived directory: what is mapped from where, what each unit gave, and the folds of its keys.
//!
//! A *unit* is one key of one parent, as one arrow maps it: the grain of recomputation. For each unit of a mapper the
//! directory remembers what it gave (`Outs`) and, where there was anything, what it read and made (`Trail`). What most units
//! gave goes without saying ([`Outs::is_implied`]) and is not stored: where they gave nothing, or values under their own key
//! alone, into rows that are not folded. It is what the row of that key has from that source. All units of an arrow that
//! passes rows through ([`Op::Same`]) are of this kind, but for folds. Trails stand apart from what was given, so that a unit
//! that reads the same again is replaced as one that reads nothing.
//!
//! A folded key has a [`Group`]. The built-in reducers keep an exact accumulator there, edited by what goes and comes;
//! `sorted` holds the values of Min and Max in order, `members` all values by source where only user code can fold
//! them, and `pending` what went and came since user code last folded the key.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Source, Vals};
use crate::context::Generation;
use crate::number::ExactSum;
use crate::reads::Tag;
use crate::tick_map::{Held, TickMap};
use crate::value::Host;
use crate::{Key, NameId};

/// The upper end of a range of keys, inclusive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Upper {
    Key(Key),
    /// No bound.
    Open,
}

/// Keys from the first to the last, both inclusive.
pub type Range = (Key, Upper);

/// What an arrow does with the rows of its parent.
#[derive(Clone, Debug)]
pub enum Op<C> {
    /// Calls user code: one job for each key.
    Map(C),
    /// Passes them through.
    Same,
    /// Passes the first so many keys through.
    Take(usize),
}

/// From a parent to its child.
#[derive(Clone, Debug)]
pub struct Arrow<H: Host> {
    pub(crate) parent: NameId,
    /// The place of the parent's name among those of all parents.
    pub(crate) rank: u16,
    pub(crate) op: Op<H::Code>,
    /// The keys that it takes, in ranges that ascend and do not meet ([`united`]); all where there is none.
    pub(crate) within: Option<Arc<[Range]>>,
}

/// The same keys in ranges that ascend, of which none is empty and no two have a key in common. O(n log n).
pub(crate) fn united(ranges: &[Range]) -> Arc<[Range]> {
    if let [(lo, hi)] = ranges
        && reaches(hi, lo)
    {
        return Arc::new([(lo.clone(), hi.clone())]);
    }
    let mut sorted: Vec<&Range> = ranges.iter().filter(|(lo, hi)| reaches(hi, lo)).collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let mut united: Vec<Range> = Vec::with_capacity(sorted.len());
    for (lo, hi) in sorted {
        match united.last_mut() {
            Some((_, last)) if reaches(last, lo) => {
                if *last < *hi {
                    last.clone_from(hi);
                }
            }
            _ => united.push((lo.clone(), hi.clone())),
        }
    }
    united.into()
}

fn reaches(hi: &Upper, key: &Key) -> bool {
    !matches!(hi, Upper::Key(hi) if hi < key)
}

impl<H: Host> Arrow<H> {
    /// O(log n) for n ranges.
    pub(crate) fn accepts(&self, key: &Key) -> bool {
        let Some(ranges) = &self.within else { return true };
        let begun = ranges.partition_point(|(lo, _)| lo <= key);
        begun.checked_sub(1).and_then(|last| ranges.get(last)).is_some_and(|(_, hi)| reaches(hi, key))
    }
}

/// How the values of a key become one.
#[derive(Clone, Debug)]
pub enum Fold<C> {
    Sum,
    Count,
    Min,
    Max,
    Mean,
    /// A reducer of the user's.
    User(C),
}

impl<C> Fold<C> {
    /// Whether it needs no more than how many values there are, and their sum.
    pub(crate) const fn is_of_sums(&self) -> bool {
        matches!(self, Fold::Sum | Fold::Count | Fold::Mean)
    }
}

/// What a mapper gave, in order.
pub type Outputs<V> = SmallVec<[(Key, V); 1]>;

/// What a unit gave.
#[derive(Clone, Debug)]
pub(crate) enum Outs<V> {
    None,
    One(Key, V),
    Many(Arc<Vec<(Key, V)>>),
}

impl<V> Outs<V> {
    pub(crate) fn from_vec(mut outputs: Outputs<V>) -> Self {
        match outputs.len() {
            0 => Outs::None,
            1 => outputs.pop().map_or(Outs::None, |(key, value)| Outs::One(key, value)),
            _ => Outs::Many(Arc::new(outputs.into_vec())),
        }
    }

    /// Whether it goes without saying that a unit of this key gave this: it is what its key's row has from it.
    pub(crate) fn is_implied(&self, key: &Key, is_folded: bool) -> bool {
        match self {
            Outs::None => true,
            outs => !is_folded && outs.iter().all(|(of, _)| of == key),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &V)> {
        let (one, many): (_, &[(Key, V)]) = match self {
            Outs::None => (None, &[]),
            Outs::One(key, value) => (Some((key, value)), &[]),
            Outs::Many(outputs) => (None, outputs),
        };
        one.into_iter().chain(many.iter().map(|(key, value)| (key, value)))
    }
}

/// What a unit read and made when it last ran; both sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trail {
    pub(crate) reads: Vec<(NameId, Tag)>,
    pub(crate) created: Vec<NameId>,
}

impl Trail {
    pub(crate) fn is_any(&self) -> bool {
        !self.reads.is_empty() || !self.created.is_empty()
    }

    pub(crate) fn made(&self, id: NameId) -> bool {
        self.created.binary_search(&id).is_ok()
    }
}

impl<V> Held for Outs<V> {}

impl Held for Arc<Trail> {}

/// How many values of a group Min and Max can order by themselves, by class; else user code folds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) numbers: usize,
    pub(crate) texts: usize,
    pub(crate) others: usize,
}

/// What is known of a folded key.
#[derive(Clone, Debug)]
pub(crate) struct Group<V> {
    pub(crate) count: usize,
    /// Values that no built-in accumulator takes.
    pub(crate) class: Class,
    /// Of Sum and Mean.
    pub(crate) sum: Option<ExactSum>,
    /// What the user's reducer accumulated, of all but what is pending.
    pub(crate) acc: Option<V>,
    /// Of folds that count or sum: it is due to be folded. One in the queue may say that it is not, never the other way round.
    pub(crate) due: bool,
    /// Of these too: the epoch in which the journal last noted what it was. Changes in the same need no other note.
    pub(crate) noted: Generation,
}

impl<V> Default for Group<V> {
    fn default() -> Self {
        Group { count: 0, class: Class::default(), sum: None, acc: None, due: false, noted: 0 }
    }
}

impl<V> Held for Group<V> {}

/// What went and what came from one source since the key was last folded.
#[derive(Clone, Debug)]
pub(crate) struct Pending<V> {
    pub(crate) gone: Option<Vals<V>>,
    pub(crate) come: Option<Vals<V>>,
}

impl<V> Held for Pending<V> {}

/// A value of Min or Max: of a group, by rank, then by source and place in it, so that of equal ones the first counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ranked {
    pub(crate) group: Key,
    /// Always a key; [`Upper::Open`] is above all of them.
    pub(crate) rank: Upper,
    pub(crate) source: Source,
    pub(crate) place: u32,
}

/// A value of a unit, held by the map of ranked values.
#[derive(Clone, Debug)]
pub(crate) struct Member<V>(pub(crate) V);

impl<V> Held for Member<V> {}

/// All values of a folded directory, by group and source.
type Members<V> = TickMap<(Key, Source), Vals<V>, ()>;

pub(crate) struct Folding<H: Host> {
    pub(crate) fold: Fold<H::Code>,
    pub(crate) groups: TickMap<Key, Group<H::Value>, ()>,
    pub(crate) sorted: TickMap<Ranked, Member<H::Value>, ()>,
    /// Kept only for folds that only user code can do, from the first such on.
    pub(crate) members: Option<Members<H::Value>>,
    pub(crate) pending: TickMap<(Key, Source), Pending<H::Value>, ()>,
}

impl<H: Host> Clone for Folding<H> {
    fn clone(&self) -> Self {
        Folding {
            fold: self.fold.clone(),
            groups: self.groups.clone(),
            sorted: self.sorted.clone(),
            members: self.members.clone(),
            pending: self.pending.clone(),
        }
    }
}

impl<H: Host> Folding<H> {
    pub(crate) fn new(fold: Fold<H::Code>) -> Self {
        let members = matches!(fold, Fold::User(_)).then(TickMap::new);
        Folding { fold, groups: TickMap::new(), sorted: TickMap::new(), members, pending: TickMap::new() }
    }
}

/// What the units of an arrow gave, by the key in the parent.
type Units<V> = TickMap<Key, Outs<V>, ()>;

/// For each arrow what its units read and made, by the key in the parent.
pub(crate) type Trails = SmallVec<[TickMap<Key, Arc<Trail>, ()>; 1]>;

pub(crate) struct Derived<H: Host> {
    /// Sorted by the names of the parents; of one parent given twice, as given.
    pub(crate) arrows: Arc<[Arrow<H>]>,
    /// The generations of the parents for which this was made; 0 where there was none.
    pub(crate) parent_generations: SmallVec<[Generation; 2]>,
    pub(crate) shared: bool,
    pub(crate) folding: Option<Box<Folding<H>>>,
    /// For each arrow what its units gave, but for what goes without saying.
    pub(crate) units: SmallVec<[Units<H::Value>; 1]>,
    /// `None` where no unit read or made anything, as in most directories.
    pub(crate) trails: Option<Box<Trails>>,
}

impl<H: Host> Clone for Derived<H> {
    fn clone(&self) -> Self {
        Derived {
            arrows: self.arrows.clone(),
            parent_generations: self.parent_generations.clone(),
            shared: self.shared,
            folding: self.folding.clone(),
            units: self.units.clone(),
            trails: self.trails.clone(),
        }
    }
}

impl<H: Host> Derived<H> {
    pub(crate) fn new(arrows: Arc<[Arrow<H>]>, fold: Option<Fold<H::Code>>, shared: bool) -> Self {
        let units = arrows.iter().map(|_| TickMap::new()).collect();
        let folding = fold.map(|fold| Box::new(Folding::new(fold)));
        Derived { arrows, parent_generations: SmallVec::new(), shared, folding, units, trails: None }
    }

    pub(crate) fn source(&self, arrow: u16, key: &Key) -> Source {
        Source { rank: self.arrows[usize::from(arrow)].rank, key: key.clone(), arrow }
    }

    /// Whether this arrow may have units that are stored; what others gave can be read off the rows.
    pub(crate) fn has_units(&self, arrow: u16) -> bool {
        self.folding.is_some() || matches!(self.arrows[usize::from(arrow)].op, Op::Map(_))
    }

    /// What a unit read and made in its last run. O(1) where no unit did either.
    pub(crate) fn trail(&self, arrow: u16, key: &Key) -> Option<&Arc<Trail>> {
        self.trails.as_ref()?.get(usize::from(arrow))?.get(key)
    }

    /// The trails of all units, with their readers' parts.
    pub(crate) fn each_trail(&self) -> impl Iterator<Item = (u16, &Key, &Arc<Trail>)> {
        let trails = self.trails.iter().flat_map(|trails| (0u16..).zip(trails.iter()));
        trails.flat_map(|(arrow, trails)| trails.iter().map(move |(key, (), trail)| (arrow, key, trail)))
    }
}
