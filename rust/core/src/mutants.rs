//! Faults to be made on purpose, so that tests can show that they find them: with the feature `mutants` alone.
//!
//! `make mutants` builds with it and runs what has to find it once for each: the model of readers
//! (`tests/test_readers_machine.py`), or for a leak the leak suite (`tests/leak/`). Without the feature nothing of this is
//! compiled: `mutant!` is `false`.

/// Each is made at the one place that names it.
#[cfg(feature = "mutants")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A purge takes what was removed at the horizon, not only before it.
    PurgeAtHorizon,
    /// What is stamped `since` itself is not told.
    ChangesAfter,
    /// A reader from before the floor is not made to start over.
    NoFloor,
    /// The floor is the largest stamp purged, not one more.
    FloorOffByOne,
    /// Another generation overwrites the tombstone of the life before.
    TombstoneOverwritten,
    /// The same of a key that is set again.
    TombstoneOfKeyOverwritten,
    /// A cursor that expires is not told to start over.
    SilentExpiry,
    /// A purge stamps the directory whose keys it takes.
    PurgeStamps,
    /// A purge of directories moves the clock.
    PurgeTicks,
    /// A registration reads the clock that the open transaction will leave.
    LateRegistration,
    /// A poll reads the version first, and the clock that the open transaction will leave.
    PollOfTwoMoments,
    /// A poll in vain moves the place past what is stamped next.
    VainPollMovesPlace,
    /// What the last reader to need it held back is not looked at when that closes.
    StaleHorizon,
    /// Whoever read the generation before of a directory is not made to start over.
    GenerationsMix,
    /// The same as `PurgeAtHorizon`, of keys.
    PurgeKeysAtHorizon,
    /// The same as `NoFloor`, of keys.
    NoFloorOfKeys,
    /// The same as `FloorOffByOne`, of keys.
    FloorOfKeysOffByOne,
    /// A removal is told to those who never knew of what was removed.
    RemovedBeforeBorn,
    /// A leak, which no count shows: a name that is freed is never released.
    FreedNameKept,
}

#[cfg(feature = "mutants")]
impl Mutant {
    /// All of them.
    pub const ALL: [Mutant; 19] = [
        Mutant::PurgeAtHorizon,
        Mutant::ChangesAfter,
        Mutant::NoFloor,
        Mutant::FloorOffByOne,
        Mutant::TombstoneOverwritten,
        Mutant::TombstoneOfKeyOverwritten,
        Mutant::SilentExpiry,
        Mutant::PurgeStamps,
        Mutant::PurgeTicks,
        Mutant::LateRegistration,
        Mutant::PollOfTwoMoments,
        Mutant::VainPollMovesPlace,
        Mutant::StaleHorizon,
        Mutant::GenerationsMix,
        Mutant::PurgeKeysAtHorizon,
        Mutant::NoFloorOfKeys,
        Mutant::FloorOfKeysOffByOne,
        Mutant::RemovedBeforeBorn,
        Mutant::FreedNameKept,
    ];
}

/// Whether this fault is to be made in this version.
#[cfg(feature = "mutants")]
macro_rules! mutant {
    ($ctx:expr, $name:ident) => {
        $ctx.mutant == Some($crate::Mutant::$name)
    };
}

#[cfg(not(feature = "mutants"))]
macro_rules! mutant {
    ($ctx:expr, $name:ident) => {
        false
    };
}

pub(crate) use mutant;
