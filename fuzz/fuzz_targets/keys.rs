//! Keys, names, and any text as either.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| livedirs_core::fuzzing::keys(bytes));
