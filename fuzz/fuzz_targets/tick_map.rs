//! TickMap against a BTreeMap.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| livedirs_core::fuzzing::tick_map(bytes));
