//! Thrift's compact protocol, as far as Parquet's footers and page headers must be looked at before anything trusts them.
//!
//! Nothing is allocated, and every loop consumes bytes. Booleans in lists, sets and maps are refused: Parquet has none.

/// How deep values that nobody wants may nest. Parquet's own metadata nest 6 deep.
const MAX_DEPTH: usize = 32;

/// Why bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ThriftFault {
    /// More bytes are needed.
    #[error("it ends too early")]
    End,
    /// No bytes that follow can make sense of it.
    #[error("it holds {0}")]
    Invalid(&'static str),
}

/// A type on the wire (Thrift's compact protocol, "Struct encoding").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    True,
    False,
    Byte,
    Integer,
    Double,
    Binary,
    List,
    Struct,
}

impl Kind {
    fn of(nibble: u8) -> Result<Self, ThriftFault> {
        Ok(match nibble {
            1 => Self::True,
            2 => Self::False,
            3 => Self::Byte,
            4..=6 => Self::Integer,
            7 => Self::Double,
            8 => Self::Binary,
            9 => Self::List,
            12 => Self::Struct,
            _ => return Err(ThriftFault::Invalid("a type that Parquet does not use")),
        })
    }
}

/// A place in encoded bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What was not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], ThriftFault> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(ThriftFault::End)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, ThriftFault> {
        let (byte, rest) = self.rest.split_first().ok_or(ThriftFault::End)?;
        self.rest = rest;
        Ok(*byte)
    }

    /// An unsigned number of seven bits a byte (ULEB128).
    pub(super) fn varint(&mut self) -> Result<u64, ThriftFault> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ThriftFault::Invalid("a number of more than 64 bits"))
    }

    /// A signed number.
    pub(super) fn integer(&mut self) -> Result<i64, ThriftFault> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// The next field of a struct, after the one with the id `last`; `None` at the struct's end.
    pub(super) fn field(&mut self, last: &mut i64) -> Result<Option<(i64, Kind)>, ThriftFault> {
        let head = self.byte()?;
        if head & 0x0f == 0 {
            return Ok(None);
        }
        let kind = Kind::of(head & 0x0f)?;
        *last = match head >> 4 {
            0 => self.integer()?,
            delta => last.saturating_add(i64::from(delta)),
        };
        Ok(Some((*last, kind)))
    }

    /// The head of a list: its elements' type and number, which the rest has at least as many bytes as.
    pub(super) fn list(&mut self) -> Result<(Kind, usize), ThriftFault> {
        let head = self.byte()?;
        if head == 0 {
            // Some writers give an empty list no type.
            return Ok((Kind::Byte, 0));
        }
        let kind = Kind::of(head & 0x0f)?;
        if matches!(kind, Kind::True | Kind::False) {
            return Err(ThriftFault::Invalid("a list of booleans"));
        }
        let len = match head >> 4 {
            15 => usize::try_from(self.varint()?).unwrap_or(usize::MAX),
            len => usize::from(len),
        };
        if len > self.rest.len() {
            return Err(ThriftFault::End);
        }
        Ok((kind, len))
    }

    /// Leaves out a value.
    pub(super) fn skip(&mut self, kind: Kind) -> Result<(), ThriftFault> {
        self.skip_nested(kind, MAX_DEPTH)
    }

    fn skip_nested(&mut self, kind: Kind, depth: usize) -> Result<(), ThriftFault> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(ThriftFault::Invalid("values nested too deep"));
        };
        match kind {
            Kind::True | Kind::False => {}
            Kind::Byte => {
                self.byte()?;
            }
            Kind::Integer => {
                self.varint()?;
            }
            Kind::Double => {
                self.take(8)?;
            }
            Kind::Binary => {
                let len = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
                self.take(len)?;
            }
            Kind::List => {
                let (kind, len) = self.list()?;
                for _ in 0..len {
                    self.skip_nested(kind, depth)?;
                }
            }
            Kind::Struct => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip_nested(kind, depth)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_as_thrift_writes_them() {
        let mut cursor = Cursor::new(&[0x00, 0x01, 0x02, 0xac, 0x02]);
        assert_eq!(cursor.integer(), Ok(0));
        assert_eq!(cursor.integer(), Ok(-1));
        assert_eq!(cursor.integer(), Ok(1));
        assert_eq!(cursor.varint(), Ok(300));
        assert_eq!(cursor.varint(), Err(ThriftFault::End));
    }

    #[test]
    fn a_number_without_an_end_is_refused() {
        let fault = Cursor::new(&[0xff; 20]).varint();
        assert!(matches!(fault, Err(ThriftFault::Invalid(_))));
    }

    #[test]
    fn a_list_cannot_claim_more_elements_than_there_are_bytes() {
        let mut cursor = Cursor::new(&[0xf5, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0]);
        assert_eq!(cursor.list(), Err(ThriftFault::End));
    }

    #[test]
    fn depth_costs_no_stack() {
        let nested = [0x1c; 100_000];
        let fault = Cursor::new(&nested).skip(Kind::Struct);
        assert!(matches!(fault, Err(ThriftFault::Invalid(_))));
    }

    #[test]
    fn fields_are_numbered_by_difference_or_outright() {
        // Field 2, an integer; field 40, true; end.
        let mut cursor = Cursor::new(&[0x25, 0x04, 0x01, 0x50, 0x00, 0xee]);
        let mut last = 0;
        assert_eq!(cursor.field(&mut last), Ok(Some((2, Kind::Integer))));
        assert_eq!(cursor.integer(), Ok(2));
        assert_eq!(cursor.field(&mut last), Ok(Some((40, Kind::True))));
        assert_eq!(cursor.field(&mut last), Ok(None));
        assert_eq!(cursor.rest(), [0xee]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_skipped_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut cursor = Cursor::new(&bytes);
            let _ = cursor.skip(Kind::Struct);
            prop_assert!(bytes.ends_with(cursor.rest()));
        }
    }
}
