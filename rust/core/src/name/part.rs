//! The part of a name that a key gives.
//!
//! | key | part |
//! | --- | --- |
//! | None, True, False | `None`, `True`, `False` |
//! | a whole number, int or float | its digits: `7`, `-7`, `1` for 1.0, all 301 digits of 1e300 |
//! | another float | as Python's `repr`: `1.5`, `1.5e-07`, `inf`, `-inf` |
//! | a text | itself, encoded where it must be (below); `%` where it is empty |
//! | bytes | `b~` and their hexadecimal digits |
//! | a tuple | its parts, parted by commas, in parentheses; `(1,)` where it has one |
//!
//! A character of a text is encoded as `%` and two hexadecimal digits for each byte of its UTF-8. Encoded are `/`, `%`
//! and control characters; in a tuple `,`, `(` and `)` besides; and the first character of a text that would else
//! read as what another kind of key gives.
//!
//! # Invariants
//!
//! 1. A part is a part (module [`name`](super)): not empty, no slash, no control character, neither `.` nor `..`.
//! 2. Parts are equal if and only if their keys are. For: the kinds give disjoint sets of parts, by the last rule; each
//!    kind's own form reads back; and commas and parentheses that stand plainly in a part of a tuple are structure.

use std::fmt::Write;

use num_bigint::BigInt;
use num_traits::{FromPrimitive, Zero};

use crate::key::{Key, KeyRef, repr};

/// Writing to a `String` cannot fail, so its answer is dropped throughout.
pub(super) fn push(out: &mut String, key: &Key) {
    push_within(out, key, false);
}

/// Recursion ends at [`Key::MAX_DEPTH`].
fn push_within(out: &mut String, key: &Key, in_tuple: bool) {
    match key.view() {
        KeyRef::None => out.push_str("None"),
        KeyRef::Bool(true) => out.push_str("True"),
        KeyRef::Bool(false) => out.push_str("False"),
        KeyRef::Int(value) => _ = write!(out, "{value}"),
        KeyRef::Big(value) => _ = write!(out, "{value}"),
        KeyRef::Float(value) => push_float(out, value),
        KeyRef::Str(text) => push_text(out, text, in_tuple),
        KeyRef::Bytes(bytes) => {
            out.push_str("b~");
            for byte in bytes {
                _ = write!(out, "{byte:02x}");
            }
        }
        KeyRef::Tuple(parts) => {
            out.push('(');
            for (i, part) in parts.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                push_within(out, part, true);
            }
            out.push_str(if parts.len() == 1 { ",)" } else { ")" });
        }
    }
}

/// A whole float is the same key as the int, so it gives the same part.
fn push_float(out: &mut String, value: f64) {
    let whole = if value.fract().is_zero() { BigInt::from_f64(value) } else { None };
    match whole {
        Some(whole) => _ = write!(out, "{whole}"),
        None => out.push_str(&repr::float(value)),
    }
}

fn push_text(out: &mut String, text: &str, in_tuple: bool) {
    if text.is_empty() {
        out.push('%');
    }
    let disguise = reads_as_another_kind(text);
    for (i, c) in text.chars().enumerate() {
        let plain = match c {
            '/' | '%' => false,
            ',' | '(' | ')' => !in_tuple,
            _ => !c.is_control(),
        };
        if plain && !(disguise && i == 0) {
            out.push(c);
        } else {
            push_encoded(out, c);
        }
    }
}

fn push_encoded(out: &mut String, c: char) {
    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
        _ = write!(out, "%{byte:02X}");
    }
}

/// Whether the text, left plain, could be the part of a key that is no text; or is no part at all.
fn reads_as_another_kind(text: &str) -> bool {
    matches!(text, "None" | "True" | "False" | "." | "..")
        || text.starts_with('(')
        || text.starts_with("b~")
        || reads_as_number(text)
}

/// Whether the text is exactly what some number gives: `-7` and `1.5` are, `-0`, `007`, `1.50` and `1e5` are not.
fn reads_as_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return digits == "inf";
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text == "0" || !digits.starts_with('0');
    }
    text.parse().is_ok_and(|value: f64| value.is_finite() && !value.fract().is_zero() && repr::float(value) == text)
}
