//! Random programs and random transactions.
//!
//! A *program* is a few input directories and *stages*: derived directories whose mappers read and make whatever mappers
//! may, as data, so that a failing case can be printed. A stage reads only what comes before it, so for given inputs there
//! is one right answer. Parents are mapped, passed through, merged or taken the first keys of; they may be previous
//! directories; lazy directories are read by mappers and from outside. After each transaction:
//! * `check_invariants` holds, and so it did at every step within;
//! * `oracle_`: all directories are what the same program gives on a fresh store; if the transaction failed, all is as it
//!   was before, to the last count, and the program fails on a fresh store too; in that store input directories stand in
//!   place of previous ones, and hold what was there before the last commit;
//! * readers at all positions are told what the log of the test says, and tombstones are there exactly while one of them
//!   needs them;
//! * user code that fails at some moment (see `faults/`) undid all of it, to the last count, and the same then comes to
//!   what it would have come to;
//!
//! and at the end, all directories being removed, the store is as at its start.
//!
//! A failing case prints a test that can be pasted below.

mod acts;
mod checks;
mod drawn;
mod fuzzed;
mod program;
mod readers;

use proptest::prelude::*;

pub(crate) use checks::check;
pub(crate) use drawn::Case;
use drawn::case;

/// `PROPTEST_CASES=100000 cargo test programs` goes on for longer.
fn config() -> ProptestConfig {
    let default = ProptestConfig { max_shrink_iters: 4000, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { default } else { ProptestConfig { cases: 800, ..default } }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn random_programs(case in case()) {
        check(&case);
    }
}
