//! Names: what directories are found by.
//!
//! A name is `/part/part/.../`. [`Name::parse`] checks a text that a user gave; [`Name::child`] makes the name of the
//! directory that belongs to a key of another, as `DirName("/s/") / key` does (`part.rs`).
//!
//! # Invariants
//!
//! 1. A name begins and ends with a slash and has at least one part; a part is one or more characters, none of them
//!    a slash or a control character (Unicode category Cc); a part is neither `.` nor `..`. Every way to a `Name`
//!    keeps this, so nothing else checks it.
//! 2. `a.child(j) == a.child(k)` if and only if `j == k`; and `a.child(k).parent() == Some(a)`.
//! 3. Names are equal, ordered and hashed by their text, so a map of names may be asked for a `&str`.

mod part;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod tests;

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt::{self, Debug, Formatter};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::key::Key;
use crate::key::repr::Quoted;

/// What the name of a previous directory has behind that of its directory.
const PREVIOUS: &str = "\0/";

/// A checked directory name; see the head of its module. A clone costs one reference count.
///
/// ```
/// # use livedirs_core::{Key, Name};
/// let users = Name::parse("/app/users/")?;
/// assert_eq!(users.child(&Key::str("a/b")).as_str(), "/app/users/a%2Fb/");
/// assert_eq!(users.parent(), Some(Name::parse("/app/")?));
/// assert!(users.parts().eq(["app", "users"]));
/// assert!(Name::parse("/users").is_err());
/// # Ok::<(), livedirs_core::NameError>(())
/// ```
#[derive(Clone)]
pub struct Name {
    text: Arc<str>,
    /// By which a store finds it: reckoned once, though a name is looked for several times on its way.
    hash: u64,
}

/// Why a text is no directory name. `asked` is that text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error(
        "{} is no directory name: a name begins and ends with a slash and has at least one part, as in '/users/'",
        Quoted(asked)
    )]
    NoSlashes { asked: Box<str> },
    #[error("{} is no directory name: a name has no empty part", Quoted(asked))]
    EmptyPart { asked: Box<str> },
    #[error("{} is no directory name: a name has no part '.' or '..'", Quoted(asked))]
    DotPart { asked: Box<str> },
    #[error("{} is no directory name: a name has no control character", Quoted(asked))]
    ControlCharacter { asked: Box<str> },
}

impl Name {
    fn of(text: Arc<str>) -> Name {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Name { hash: hasher.finish(), text }
    }

    /// A hash of its text, that two names share by chance alone.
    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    /// The text as a name, if it is one. O(length).
    pub fn parse(text: &str) -> Result<Name, NameError> {
        let asked = || text.into();
        let inner = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).filter(|inner| !inner.is_empty());
        let Some(inner) = inner else {
            return Err(NameError::NoSlashes { asked: asked() });
        };
        for part in inner.as_bytes().split(|&byte| byte == b'/') {
            match part {
                b"" => return Err(NameError::EmptyPart { asked: asked() }),
                b"." | b".." => return Err(NameError::DotPart { asked: asked() }),
                _ => {}
            }
        }
        if inner.chars().any(char::is_control) {
            return Err(NameError::ControlCharacter { asked: asked() });
        }
        Ok(Name::of(text.into()))
    }

    /// The name of the directory that belongs to `key` of this one; different keys give different names. O(length).
    ///
    /// ```
    /// # use livedirs_core::{Key, Name};
    /// let s = Name::parse("/s/")?;
    /// let key = Key::tuple(vec![Key::int(1), Key::str("a,b")]).unwrap();
    /// assert_eq!(s.child(&key).as_str(), "/s/(1,a%2Cb)/");
    /// assert_eq!(s.child(&Key::int(7)).as_str(), "/s/7/");
    /// assert_eq!(s.child(&Key::str("7")).as_str(), "/s/%37/");
    /// # Ok::<(), livedirs_core::NameError>(())
    /// ```
    #[must_use]
    pub fn child(&self, key: &Key) -> Name {
        let mut text = String::with_capacity(self.text.len() + 24);
        text.push_str(&self.text);
        part::push(&mut text, key);
        text.push('/');
        Name::of(text.into())
    }

    /// The name without its last part, where more than one is there. O(length).
    pub fn parent(&self) -> Option<Name> {
        let open = self.text.strip_suffix('/')?;
        let (before, _) = open.rsplit_once('/').filter(|(before, _)| !before.is_empty())?;
        self.text.get(..=before.len()).map(|text| Name::of(text.into()))
    }

    /// The parts, from the first; at least one.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).unwrap_or_default().split('/')
    }

    /// The whole text; of a previous directory that of the name which it bears.
    pub fn as_str(&self) -> &str {
        self.text.strip_suffix(PREVIOUS).unwrap_or(&self.text)
    }

    /// Under which name the store keeps the previous directory of this name; no user can give it (invariant 1). It
    /// shows as the name itself. Of such a name, it again. O(length).
    #[must_use]
    pub fn previous(&self) -> Name {
        if self.is_previous() { self.clone() } else { Name::of([&*self.text, PREVIOUS].concat().into()) }
    }

    /// Whether this is the name of a previous directory.
    #[must_use]
    pub fn is_previous(&self) -> bool {
        self.text.ends_with(PREVIOUS)
    }

    /// The name that it bears: itself, but for that of a previous directory.
    #[must_use]
    pub fn shown(&self) -> Name {
        if self.is_previous() { Name::of(self.as_str().into()) } else { self.clone() }
    }

    /// The bytes that the name has on the heap; clones share them.
    pub(crate) fn heap_bytes(&self) -> usize {
        2 * size_of::<usize>() + self.text.len()
    }
}

impl PartialEq for Name {
    /// Clones of one name are equal at a glance; else O(length).
    #[inline]
    fn eq(&self, other: &Name) -> bool {
        Arc::ptr_eq(&self.text, &other.text) || (self.hash == other.hash && self.text == other.text)
    }
}

impl Eq for Name {}

impl Ord for Name {
    #[inline]
    fn cmp(&self, other: &Name) -> Ordering {
        if Arc::ptr_eq(&self.text, &other.text) { Ordering::Equal } else { self.text.cmp(&other.text) }
    }
}

impl PartialOrd for Name {
    #[inline]
    fn partial_cmp(&self, other: &Name) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Name {
    /// As the `str` hashes, which `Borrow<str>` asks for.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl Debug for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Debug::fmt(self.as_str(), f)
    }
}
