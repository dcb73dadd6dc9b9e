//! Keys: what rows are found by.
//!
//! A [`Key`] is None, a bool, an int of any size, a float, a text, bytes, or a tuple of keys. It is a value of 24
//! bytes that never changes; a clone costs at most one reference count. Small ints, floats and texts of up to
//! [`SHORT`] bytes live inside those 24 bytes, so the keys of most stores allocate nothing.
//!
//! # Invariants
//!
//! Each holds because the representation is private and the constructors below are the only ways in.
//!
//! 1. ONE FORM. An int within `i64` is `Int`, any other is `Big`; a text of at most [`SHORT`] bytes is `Short`,
//!    zero-padded, any other is `Str`. So two equal texts, or two equal ints, are stored alike. (An int and a float
//!    that are equal are stored as given: `1.0` comes back as `1.0`.)
//! 2. NO NaN. A float key is a number or an infinity; so the order is total.
//! 3. SHALLOW. Tuples nest at most [`Key::MAX_DEPTH`] levels. So comparing, hashing, printing and dropping may recurse.
//! 4. ONE ORDER. `a == b` if and only if `a.cmp(&b)` is `Equal`, and then both hash alike (`order.rs`) and give the
//!    same name (`name/part.rs`).

mod order;
pub(crate) mod repr;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod tests;

use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use crate::bytes::Seen;

/// The longest text, in bytes of UTF-8, that is stored inside the key.
const SHORT: usize = 22;

/// What two counts of an `Arc` take.
pub(crate) const ARC_HEADER: usize = 2 * size_of::<usize>();

/// A key; see the head of its module.
///
/// ```
/// # use livedirs_core::Key;
/// assert_eq!(Key::int(1), Key::float(1.0)?);
/// assert_ne!(Key::int(1), Key::bool(true));
/// assert!(Key::float(2f64.powi(53))? < Key::int((1 << 53) + 1));
/// assert_eq!(Key::tuple(vec![Key::float(1.0)?, Key::str("a")])?.to_string(), "(1.0, 'a')");
/// # Ok::<(), livedirs_core::KeyError>(())
/// ```
pub struct Key(Repr);

#[derive(Clone)]
enum Repr {
    None,
    Bool(bool),
    Int(i64),
    Big(Arc<BigInt>),
    Float(f64),
    Short(Short),
    Str(Arc<str>),
    Bytes(Arc<[u8]>),
    /// `depth` counts this tuple: it is 1 where no part is a tuple.
    Tuple {
        depth: u8,
        parts: Arc<[Key]>,
    },
}

impl Clone for Key {
    /// An int on the spot, the others by a call: a key is cloned in so many places that each of them should be short.
    #[inline]
    fn clone(&self) -> Self {
        #[inline(never)]
        fn other(key: &Repr) -> Key {
            Key(key.clone())
        }
        match self.0 {
            Repr::Int(value) => Key::int(value),
            _ => other(&self.0),
        }
    }
}

/// A text inside the key: the first `len` bytes, and zeros after them.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Short {
    len: u8,
    bytes: [u8; SHORT],
}

/// What a key is, to be matched on.
#[derive(Clone, Copy, Debug)]
pub enum KeyRef<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An int outside `i64`.
    Big(&'a BigInt),
    /// Not NaN.
    Float(f64),
    Str(&'a str),
    Bytes(&'a [u8]),
    Tuple(&'a [Key]),
}

/// Why something is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("a key can't be NaN (float)")]
    NotANumber,
    #[error("a key can't be a tuple nested deeper than {} levels: flatten it", Key::MAX_DEPTH)]
    TooDeep,
}

impl Key {
    /// How deep tuples may nest; `((1,),)` is 2 levels deep.
    pub const MAX_DEPTH: u8 = 128;

    /// The key None, least of all.
    pub const NONE: Key = Key(Repr::None);

    /// A bool; `true` is not the key 1.
    pub const fn bool(value: bool) -> Key {
        Key(Repr::Bool(value))
    }

    /// An int.
    pub const fn int(value: i64) -> Key {
        Key(Repr::Int(value))
    }

    /// An int of any size.
    pub fn big(value: BigInt) -> Key {
        match value.to_i64() {
            Some(small) => Key::int(small),
            None => Key(Repr::Big(Arc::new(value))),
        }
    }

    /// A float. Errs on NaN, which equals nothing and so finds nothing.
    pub const fn float(value: f64) -> Result<Key, KeyError> {
        if value.is_nan() { Err(KeyError::NotANumber) } else { Ok(Key(Repr::Float(value))) }
    }

    /// A text. Allocates beyond 22 bytes of UTF-8.
    pub fn str(text: &str) -> Key {
        let mut bytes = [0; SHORT];
        match (u8::try_from(text.len()), bytes.get_mut(..text.len())) {
            (Ok(len), Some(room)) => {
                room.copy_from_slice(text.as_bytes());
                Key(Repr::Short(Short { len, bytes }))
            }
            _ => Key(Repr::Str(text.into())),
        }
    }

    /// Bytes.
    pub fn bytes(bytes: &[u8]) -> Key {
        Key(Repr::Bytes(bytes.into()))
    }

    /// A tuple of keys. Errs where it would nest deeper than [`Key::MAX_DEPTH`]. O(number of parts).
    pub fn tuple(parts: Vec<Key>) -> Result<Key, KeyError> {
        let depth = 1 + parts.iter().map(Key::depth).max().unwrap_or(0);
        if depth > Key::MAX_DEPTH {
            return Err(KeyError::TooDeep);
        }
        Ok(Key(Repr::Tuple { depth, parts: parts.into() }))
    }

    /// What the key is, as it was given. O(1).
    ///
    /// ```
    /// # use livedirs_core::{Key, KeyRef};
    /// assert!(matches!(Key::str("abc").view(), KeyRef::Str("abc")));
    /// ```
    pub fn view(&self) -> KeyRef<'_> {
        match &self.0 {
            Repr::None => KeyRef::None,
            Repr::Bool(value) => KeyRef::Bool(*value),
            Repr::Int(value) => KeyRef::Int(*value),
            Repr::Big(value) => KeyRef::Big(value),
            Repr::Float(value) => KeyRef::Float(*value),
            Repr::Short(text) => KeyRef::Str(text.as_str()),
            Repr::Str(text) => KeyRef::Str(text),
            Repr::Bytes(bytes) => KeyRef::Bytes(bytes),
            Repr::Tuple { parts, .. } => KeyRef::Tuple(parts),
        }
    }

    /// The bytes that the key has on the heap, besides its own 24. What several clones share is told by each of
    /// them. O(1), for a tuple O(number of parts in it).
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::None | Repr::Bool(_) | Repr::Int(_) | Repr::Float(_) | Repr::Short(_) => 0,
            Repr::Big(value) => ARC_HEADER + size_of::<BigInt>() + big_digits_bytes(value),
            Repr::Str(text) => ARC_HEADER + text.len(),
            Repr::Bytes(bytes) => ARC_HEADER + bytes.len(),
            Repr::Tuple { parts, .. } => {
                ARC_HEADER + size_of_val::<[Key]>(parts) + parts.iter().map(Key::heap_bytes).sum::<usize>()
            }
        }
    }

    /// As [`Key::heap_bytes`], but what clones share is counted once.
    #[inline]
    pub(crate) fn heap_once(&self, seen: &mut Seen) -> usize {
        match &self.0 {
            Repr::None | Repr::Bool(_) | Repr::Int(_) | Repr::Float(_) | Repr::Short(_) => 0,
            Repr::Big(value) => seen.arc(value, |value, _| big_digits_bytes(value)),
            Repr::Str(text) => seen.arc(text, |_, _| 0),
            Repr::Bytes(bytes) => seen.arc(bytes, |_, _| 0),
            Repr::Tuple { parts, .. } => {
                seen.arc(parts, |parts, seen| parts.iter().map(|part| part.heap_once(seen)).sum())
            }
        }
    }

    /// Whether it has nothing on the heap.
    pub(crate) const fn is_inline(&self) -> bool {
        matches!(self.0, Repr::None | Repr::Bool(_) | Repr::Int(_) | Repr::Float(_) | Repr::Short(_))
    }

    /// The int, where it is within `i64`.
    #[inline]
    pub(crate) const fn small_int(&self) -> Option<i64> {
        match self.0 {
            Repr::Int(value) => Some(value),
            _ => None,
        }
    }

    const fn depth(&self) -> u8 {
        match self.0 {
            Repr::Tuple { depth, .. } => depth,
            _ => 0,
        }
    }
}

impl Short {
    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Checked anew each time, a few nanoseconds: that is the price of no unsafe code. What is hot (`order.rs`)
    /// looks at the bytes instead. The check never fails, since the bytes came from a `str`.
    fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// The bytes of the digits of an int. It may have room for some more, which no one can ask for.
pub(crate) fn big_digits_bytes(value: &BigInt) -> usize {
    usize::try_from(value.bits().div_ceil(64)).unwrap_or(usize::MAX).saturating_mul(size_of::<u64>())
}
