//! Programs of store operations against the naive store.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| livedirs_core::fuzzing::programs(bytes));
