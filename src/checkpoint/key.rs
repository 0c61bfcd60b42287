//! Keys: what a row is about, and its place in the order of the store.
//!
//! Layout, hand-written and big-endian so that byte order is scan order (a codec's variable-length integers would break it):
//!
//! ```text
//! kind u8 | input | service | module | region | tail
//! ```
//!
//! where each of the four scope parts is a `u16` length and that many bytes of UTF-8, and the tail is the kind's own.
//! Every row of a scope is therefore one contiguous range, ordered by its tail.

use std::fmt;
use std::ops::Bound;

use super::scope::{MAX_PART_BYTES, Scope, check_part, push_part, split_part};

/// What kind of row a key names; the number is the key's first byte and never changes its meaning.
///
/// 0 belongs to the store's own sentinel and cannot be written through a key; 1 and 2 are kept for time slots and cursors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// How far each object was delivered: [`ObjectProgress`](super::record::ObjectProgress).
    Object = 3,
    /// An object given up on: [`Quarantined`](super::record::Quarantined).
    Quarantine = 4,
    /// How far a bucket was listed: [`ListingCursor`](super::record::ListingCursor).
    Listing = 5,
}

impl Kind {
    /// Every kind this program knows.
    pub const ALL: [Self; 3] = [Self::Object, Self::Quarantine, Self::Listing];

    /// The name used by the command line and by exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Quarantine => "quarantine",
            Self::Listing => "listing",
        }
    }

    /// The key's first byte.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The longest tail of a key in bytes. With the limits of a scope and of the envelope it keeps a page of the engine small
/// enough to stay in its log.
pub const MAX_TAIL_BYTES: usize = 1024;

/// Why a key cannot be built or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A part of the scope is longer than [`MAX_PART_BYTES`].
    #[error(
        "the name {part:?} is {} bytes long, more than the {MAX_PART_BYTES} a checkpoint key takes; shorten it in the configuration",
        part.len()
    )]
    PartTooLong {
        /// The part as given.
        part: String,
    },
    /// The tail is longer than [`MAX_TAIL_BYTES`].
    #[error(
        "a checkpoint key's tail is {bytes} bytes long, more than the {MAX_TAIL_BYTES} it may be"
    )]
    TailTooLong {
        /// The tail's length.
        bytes: usize,
    },
    /// More than the four parts of a scope were given.
    #[error("a scope has four parts (input/service/module/region), not {parts}")]
    TooManyParts {
        /// How many were given.
        parts: usize,
    },
    /// The bytes are not a key of this layout.
    #[error("not a checkpoint key: {0}")]
    Malformed(&'static str),
}

/// The key of one row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    kind: u8,
    scope: Scope,
    tail: Vec<u8>,
}

impl Key {
    /// The key of the row of `kind` that `tail` names within `scope`.
    ///
    /// # Errors
    /// [`KeyError::TailTooLong`] for a tail over [`MAX_TAIL_BYTES`].
    pub fn new(kind: Kind, scope: &Scope, tail: &[u8]) -> Result<Self, KeyError> {
        check_tail(tail)?;
        Ok(Self {
            kind: kind.number(),
            scope: scope.clone(),
            tail: tail.to_vec(),
        })
    }

    /// Like [`Key::new`], for the tails of fixed size that most records have.
    #[must_use]
    pub fn hashed(kind: Kind, scope: &Scope, hash: [u8; 16]) -> Self {
        Self {
            kind: kind.number(),
            scope: scope.clone(),
            tail: hash.to_vec(),
        }
    }

    /// Reads a key back from its stored form. A kind that this program does not know is kept, so that rows of a newer
    /// version survive an export and an import.
    ///
    /// # Errors
    /// [`KeyError`] when the bytes do not have this layout, or name the store's own sentinel.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let (&kind, mut rest) = bytes
            .split_first()
            .ok_or(KeyError::Malformed("it is empty"))?;
        if kind == 0 {
            return Err(KeyError::Malformed("kind 0 is the store's own"));
        }
        let mut part = || {
            let (part, after) = split_part(rest)?;
            rest = after;
            Ok::<_, KeyError>(part)
        };
        let scope = Scope::new(part()?, part()?, part()?, part()?)?;
        check_tail(rest)?;
        Ok(Self {
            kind,
            scope,
            tail: rest.to_vec(),
        })
    }

    /// The stored form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.kind];
        for part in self.scope.parts() {
            push_part(&mut bytes, part);
        }
        bytes.extend_from_slice(&self.tail);
        bytes
    }

    /// What kind of row this is; `None` if a newer version wrote it.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_number(self.kind)
    }

    /// Whose row this is.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The kind's own part of the key.
    #[must_use]
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }
}

/// The start that a range of keys has in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(Vec<u8>);

impl Prefix {
    /// Every row.
    #[must_use]
    pub fn all() -> Self {
        Self(Vec::new())
    }

    /// Every row of a kind.
    #[must_use]
    pub fn kind(kind: Kind) -> Self {
        Self(vec![kind.number()])
    }

    /// Every row of a kind in one scope.
    #[must_use]
    pub fn scope(kind: Kind, scope: &Scope) -> Self {
        let mut bytes = vec![kind.number()];
        for part in scope.parts() {
            push_part(&mut bytes, part);
        }
        Self(bytes)
    }

    /// Every row of a kind whose scope starts with `parts`, in the order input, service, module, region.
    ///
    /// # Errors
    /// [`KeyError`] for more than four parts, or one that is too long.
    pub fn within(kind: Kind, parts: &[&str]) -> Result<Self, KeyError> {
        if parts.len() > 4 {
            return Err(KeyError::TooManyParts { parts: parts.len() });
        }
        let mut bytes = vec![kind.number()];
        for part in parts {
            check_part(part)?;
            push_part(&mut bytes, part);
        }
        Ok(Self(bytes))
    }

    /// Where a scan of the range starts that goes on behind `after`.
    pub(super) fn start(&self, after: Option<&Key>) -> Bound<Vec<u8>> {
        match after.map(Key::to_bytes) {
            Some(after) if after >= self.0 => Bound::Excluded(after),
            _ => Bound::Included(self.0.clone()),
        }
    }

    /// The bytes that every key of the range starts with.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn check_tail(tail: &[u8]) -> Result<(), KeyError> {
    if tail.len() > MAX_TAIL_BYTES {
        return Err(KeyError::TailTooLong { bytes: tail.len() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    fn scope() -> Scope {
        Scope::new("aws", "audit", "s3", "eu-west-1").unwrap()
    }

    #[test]
    fn the_stored_form_is_the_documented_one() {
        let key = Key::new(Kind::Object, &scope(), b"\x01\x02").unwrap();
        assert_eq!(
            key.to_bytes(),
            b"\x03\x00\x03aws\x00\x05audit\x00\x02s3\x00\x09eu-west-1\x01\x02"
        );
    }

    #[test]
    fn the_kind_of_the_sentinel_cannot_be_named() {
        let mut bytes = Key::new(Kind::Object, &scope(), b"").unwrap().to_bytes();
        bytes[0] = 0;
        assert!(matches!(
            Key::from_bytes(&bytes),
            Err(KeyError::Malformed(_))
        ));
    }

    #[test]
    fn a_kind_of_a_newer_version_is_kept() {
        let mut bytes = Key::new(Kind::Object, &scope(), b"x").unwrap().to_bytes();
        bytes[0] = 200;
        let key = Key::from_bytes(&bytes).unwrap();
        assert_eq!((key.kind(), key.to_bytes()), (None, bytes));
    }

    #[test]
    fn names_and_tails_have_a_limit() {
        let long = "x".repeat(MAX_PART_BYTES + 1);
        assert!(Scope::new(&long, "", "", "").is_err());
        assert!(Scope::new(&long[1..], "", "", "").is_ok());
        assert!(Key::new(Kind::Object, &scope(), &[0; MAX_TAIL_BYTES + 1]).is_err());
        assert!(Prefix::within(Kind::Object, &["a", "b", "c", "d", "e"]).is_err());
    }

    #[test]
    fn a_prefix_does_not_match_a_longer_name() {
        let prefix = Prefix::within(Kind::Object, &["aws"]).unwrap();
        let other = Scope::new("aws2", "audit", "s3", "eu-west-1").unwrap();
        let bytes = |scope: Scope| Key::new(Kind::Object, &scope, b"").unwrap().to_bytes();
        assert!(bytes(scope()).starts_with(prefix.as_bytes()));
        assert!(!bytes(other).starts_with(prefix.as_bytes()));
    }

    proptest! {
        #[test]
        fn a_key_reads_back_as_itself(parts in prop::array::uniform4(".{0,20}"), tail in prop::collection::vec(any::<u8>(), 0..40)) {
            let scope = Scope::new(&parts[0], &parts[1], &parts[2], &parts[3]).unwrap();
            let key = Key::new(Kind::Quarantine, &scope, &tail).unwrap();
            prop_assert_eq!(Key::from_bytes(&key.to_bytes()).unwrap(), key);
        }

        #[test]
        fn within_a_scope_the_tail_decides_the_order(a in prop::collection::vec(any::<u8>(), 0..6), b in prop::collection::vec(any::<u8>(), 0..6)) {
            let bytes = |tail| Key::new(Kind::Object, &scope(), tail).unwrap().to_bytes();
            prop_assert_eq!(bytes(&a).cmp(&bytes(&b)), a.cmp(&b));
        }

        #[test]
        fn any_bytes_are_a_key_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(key) = Key::from_bytes(&bytes) {
                prop_assert_eq!(key.to_bytes(), bytes);
            }
        }
    }
}
