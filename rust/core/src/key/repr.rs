//! Keys as Python's `repr` writes them, so that an error shows a key as its user wrote it.
//!
//! # Invariants
//!
//! 1. A float is written with the fewest digits that read back as it, of two such texts the nearer, of
//!    two equally near the even one, in the notation of Python's `repr(float)`:
//!    plain for decimal exponents from -4 to 15, else with an exponent that has a sign and two digits at least.
//!    Names rest on this one (`name/part.rs`).
//! 2. A text is written in single quotes, or double quotes where it has a single and no double one; what does not
//!    print is written as an escape. (What prints is Rust's Unicode version's answer, not Python's.)

use std::fmt::{self, Debug, Display, Formatter, Write};

use super::{Key, KeyRef};

impl Display for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.view() {
            KeyRef::None => f.write_str("None"),
            KeyRef::Bool(true) => f.write_str("True"),
            KeyRef::Bool(false) => f.write_str("False"),
            KeyRef::Int(value) => write!(f, "{value}"),
            KeyRef::Big(value) => write!(f, "{value}"),
            KeyRef::Float(value) => f.write_str(&float(value)),
            KeyRef::Str(text) => write!(f, "{}", Quoted(text)),
            KeyRef::Bytes(bytes) => write_bytes(f, bytes),
            KeyRef::Tuple(parts) => {
                f.write_char('(')?;
                for (i, part) in parts.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    Display::fmt(part, f)?;
                }
                f.write_str(if parts.len() == 1 { ",)" } else { ")" })
            }
        }
    }
}

impl Debug for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// A float as Python's `repr` writes it.
pub(crate) fn float(value: f64) -> String {
    let shortest = format!("{value:e}"); // as "-1.5e-7"; or inf, -inf, NaN
    let Some((mantissa, exponent)) = shortest.split_once('e') else {
        return shortest;
    };
    // Of two shortest texts that are equally near, Rust takes the one away from zero and Python the even one. So does
    // Rust when told the number of digits; but next to a power of two that text may read back as another float.
    let places = mantissa.split_once('.').map_or(0, |(_, places)| places.len());
    let even = format!("{value:.places$e}");
    let (mantissa, exponent) = match even.split_once('e') {
        Some(parts) if even.parse() == Ok(value) => parts,
        _ => (mantissa, exponent),
    };
    let exponent = exponent.parse::<i32>().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        return plain(mantissa, exponent);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// `mantissa`, which has one digit before its point, times `10^exponent`, with a digit at least on both sides of the
/// point.
fn plain(mantissa: &str, exponent: i32) -> String {
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits = mantissa.replace('.', "");
    let before = usize::try_from(exponent + 1).unwrap_or(0);
    let zeros = usize::try_from(-1 - exponent).unwrap_or(0);
    match digits.split_at_checked(before) {
        None | Some((_, "")) => format!("{sign}{digits:0<before$}.0"),
        Some(("", after)) => format!("{sign}0.{:0<zeros$}{after}", ""),
        Some((whole, after)) => format!("{sign}{whole}.{after}"),
    }
}

/// A text as Python's `repr` writes it.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let quote = quote_for(self.0.contains('\''), self.0.contains('"'));
        f.write_char(quote)?;
        for c in self.0.chars() {
            match c {
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\\' => f.write_str("\\\\")?,
                _ if c == quote => write!(f, "\\{c}")?,
                _ if prints(c) => f.write_char(c)?,
                _ => match u32::from(c) {
                    code @ ..=0xFF => write!(f, "\\x{code:02x}")?,
                    code @ ..=0xFFFF => write!(f, "\\u{code:04x}")?,
                    code => write!(f, "\\U{code:08x}")?,
                },
            }
        }
        f.write_char(quote)
    }
}

fn write_bytes(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let quote = quote_for(bytes.contains(&b'\''), bytes.contains(&b'"'));
    write!(f, "b{quote}")?;
    for &byte in bytes {
        match byte {
            b'\n' => f.write_str("\\n")?,
            b'\r' => f.write_str("\\r")?,
            b'\t' => f.write_str("\\t")?,
            b'\\' => f.write_str("\\\\")?,
            _ if char::from(byte) == quote => write!(f, "\\{quote}")?,
            b' '..=b'~' => f.write_char(char::from(byte))?,
            _ => write!(f, "\\x{byte:02x}")?,
        }
    }
    f.write_char(quote)
}

const fn quote_for(has_single: bool, has_double: bool) -> char {
    if has_single && !has_double { '"' } else { '\'' }
}

/// Whether Python would write the character, which is none of those escaped by name, as it is.
fn prints(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // The standard library knows, and tells only through escape_debug. It also escapes what combines with the
    // character before it, but not after the first character of a text; hence the x.
    let mut buffer = [b'x'; 5];
    let len = c.encode_utf8(&mut buffer[1..]).len();
    str::from_utf8(&buffer[..=len]).is_ok_and(|text| text.escape_debug().nth(1) == Some(c))
}
