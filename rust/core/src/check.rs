//! The invariants, as code.
