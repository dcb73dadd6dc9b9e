//! Where the readers of one thing stand.

use std::collections::BTreeSet;

use crate::name::Name;
use crate::tick::Tick;

use super::{Known, ReaderId};

/// See the definitions of `readers`.
#[derive(Debug)]
pub(super) struct Watch {
    /// `None`: the store.
    pub(super) of: Option<Name>,
    /// Its cursors and subscriptions.
    pub(super) readers: usize,
    /// Nothing that concerns it is stamped later.
    pub(super) last: Tick,
    places: BTreeSet<(Tick, ReaderId)>,
    /// The first of `places`.
    horizon: Option<Tick>,
    /// In the order of registration.
    pub(super) subscribers: BTreeSet<ReaderId>,
    /// The directory that the subscribers know.
    pub(super) known: Known,
    /// Where it stands among the deadlines.
    pub(super) deadline: Option<Tick>,
}

impl Watch {
    pub(super) fn new(of: Option<Name>, last: Tick) -> Self {
        Watch {
            of,
            readers: 0,
            last,
            places: BTreeSet::new(),
            horizon: None,
            subscribers: BTreeSet::new(),
            known: Known::Nothing,
            deadline: None,
        }
    }

    pub(super) const fn horizon(&self) -> Option<Tick> {
        self.horizon
    }

    /// Who stands furthest back.
    pub(super) fn first(&self) -> Option<(Tick, ReaderId)> {
        self.places.first().copied()
    }

    /// A cursor goes from one place to another; whether the horizon moved on.
    pub(super) fn moves(&mut self, id: ReaderId, from: Option<Tick>, to: Option<Tick>) -> bool {
        let was = self.horizon;
        if let Some(from) = from {
            self.places.remove(&(from, id));
        }
        if let Some(to) = to {
            self.places.insert((to, id));
        }
        if from.is_some() && from == was {
            self.horizon = self.places.first().map(|(place, _)| *place);
        } else {
            self.horizon = self.horizon.into_iter().chain(to).min();
        }
        match (was, self.horizon) {
            (Some(was), Some(is)) => is > was,
            (was, is) => was.is_some() && is.is_none(),
        }
    }

    /// Whether the cursor stands there, and nowhere else.
    pub(super) fn has(&self, id: ReaderId, place: Option<Tick>) -> bool {
        let places = self.places.iter().filter(|(_, at)| *at == id).map(|(place, _)| *place);
        places.eq(place)
    }

    #[cfg(test)]
    pub(super) fn lose_horizon(&mut self) {
        self.horizon = None;
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.horizon == self.places.first().map(|(place, _)| *place) {
            Ok(())
        } else {
            Err(format!("readers: the horizon of {:?} is kept as {:?}", self.of, self.horizon))
        }
    }
}
