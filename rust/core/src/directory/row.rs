//! A row: what a directory holds for a key, or the tombstone of a key that was removed.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::Key;
use crate::tick::Tick;
use crate::tick_map::{Held, TickMap};

/// Values on their way; most keys have one, which takes no allocation.
pub type ValueVec<V> = SmallVec<[V; 1]>;

/// One or more values; two words.
#[derive(Clone, Debug)]
pub(crate) enum Vals<V> {
    One(V),
    /// Two or more.
    Many(Arc<Vec<V>>),
}

impl<V> Vals<V> {
    /// `None` where there are no values.
    pub(crate) fn from_vec(mut values: ValueVec<V>) -> Option<Self> {
        match values.len() {
            0 | 1 => values.pop().map(Vals::One),
            _ => Some(Vals::Many(Arc::new(values.into_vec()))),
        }
    }

    pub(crate) fn as_slice(&self) -> &[V] {
        match self {
            Vals::One(value) => std::slice::from_ref(value),
            Vals::Many(values) => values,
        }
    }
}

/// Where a derived value came from. The order is that of a key's values: by the name of the parent (`rank`: the
/// place of that name among the names of the parents), by the key in it, and of one parent given twice, as given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    pub(crate) rank: u16,
    pub(crate) key: Key,
    pub(crate) arrow: u16,
}

impl<V> Held for Vals<V> {}

/// The values of a key.
#[derive(Clone, Debug)]
pub(crate) enum Content<V> {
    /// Of an input directory, of a fold, or from the one source that goes without saying: the first arrow, the same
    /// key.
    Plain(Vals<V>),
    /// From one source, another than that.
    From(Arc<(Source, Vals<V>)>),
    /// From two or more.
    Merged(Arc<TickMap<Source, Vals<V>, ()>>),
}

impl<V: Clone> Content<V> {
    pub(crate) fn one(value: V) -> Self {
        Content::Plain(Vals::One(value))
    }

    /// The only value, if there is but one.
    pub(crate) fn single(&self) -> Option<&V> {
        match self {
            Content::Plain(Vals::One(value)) => Some(value),
            Content::From(from) => match &from.1 {
                Vals::One(value) => Some(value),
                Vals::Many(_) => None,
            },
            _ => None,
        }
    }

    pub(crate) fn iter(&self) -> Box<dyn Iterator<Item = &V> + '_> {
        match self {
            Content::Plain(values) => Box::new(values.as_slice().iter()),
            Content::From(from) => Box::new(from.1.as_slice().iter()),
            Content::Merged(by_source) => Box::new(by_source.iter().flat_map(|(_, (), values)| values.as_slice())),
        }
    }

    /// The values, to stand elsewhere as they are: shared, where they come from one source that goes without saying.
    pub(crate) fn to_vals(&self) -> Option<Vals<V>>
    where
        V: Clone,
    {
        match self {
            Content::Plain(values) => Some(values.clone()),
            content => Vals::from_vec(content.to_vec()),
        }
    }

    pub(crate) fn to_vec(&self) -> ValueVec<V> {
        match self {
            Content::Plain(Vals::One(value)) => smallvec::smallvec![value.clone()],
            Content::Plain(values) => values.as_slice().iter().cloned().collect(),
            content => content.iter().cloned().collect(),
        }
    }

    /// What this source gave to the row of `key`.
    pub(crate) fn part(&self, key: &Key, source: &Source) -> Option<&Vals<V>> {
        match self {
            Content::Plain(values) => is_implied(key, source).then_some(values),
            Content::From(from) => (from.0 == *source).then_some(&from.1),
            Content::Merged(by_source) => by_source.get(source),
        }
    }

    /// The content with what this source gives now; `None` where no values are left.
    pub(crate) fn with_part(row: Option<&Self>, key: &Key, source: Source, values: Option<Vals<V>>) -> Option<Self> {
        let mut by_source = match row {
            None => return values.map(|values| Self::of_one(key, source, values)),
            Some(Content::Plain(_)) if is_implied(key, &source) => return values.map(Content::Plain),
            Some(Content::From(from)) if from.0 == source => {
                return values.map(|values| Self::of_one(key, source, values));
            }
            Some(Content::Plain(there)) => {
                let mut by_source = TickMap::new();
                by_source.set(implied(key), (), there.clone());
                by_source
            }
            Some(Content::From(from)) => {
                let mut by_source = TickMap::new();
                by_source.set(from.0.clone(), (), from.1.clone());
                by_source
            }
            Some(Content::Merged(by_source)) => TickMap::clone(by_source),
        };
        match values {
            Some(values) => drop(by_source.set(source, (), values)),
            None => drop(by_source.remove(&source)),
        }
        if by_source.total() > 1 {
            return Some(Content::Merged(Arc::new(by_source)));
        }
        let (source, (), values) = by_source.pop_first()?;
        Some(Self::of_one(key, source, values))
    }

    fn of_one(key: &Key, source: Source, values: Vals<V>) -> Self {
        if is_implied(key, &source) { Content::Plain(values) } else { Content::From(Arc::new((source, values))) }
    }
}

fn is_implied(key: &Key, source: &Source) -> bool {
    source.arrow == 0 && source.key == *key
}

/// The source that goes without saying. The arrows of a directory are sorted by rank, so the first has rank 0.
fn implied(key: &Key) -> Source {
    Source { rank: 0, key: key.clone(), arrow: 0 }
}

/// Lives of a key before its last: (there since, removed).
#[derive(Clone, Debug, Default)]
pub(crate) struct Lives(pub(crate) SmallVec<[(Tick, Tick); 1]>);

impl Held for Lives {}

/// What the map of a directory has for a key. `since`: from which tick the key has been there.
#[derive(Clone, Debug)]
pub(crate) enum Row<V> {
    Live {
        since: Tick,
        content: Content<V>,
    },
    /// The tombstone of a removed key; it is stamped with the tick of the removal.
    Deleted {
        since: Tick,
    },
}

impl<V> Row<V> {
    pub(crate) const fn content(&self) -> Option<&Content<V>> {
        match self {
            Row::Live { content, .. } => Some(content),
            Row::Deleted { .. } => None,
        }
    }

    pub(crate) const fn since(&self) -> Tick {
        match self {
            Row::Live { since, .. } | Row::Deleted { since } => *since,
        }
    }
}

impl<V> Held for Row<V> {
    fn is_live(&self) -> bool {
        matches!(self, Row::Live { .. })
    }
}
