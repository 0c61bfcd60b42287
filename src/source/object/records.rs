//! The records of `{"Records":[{…},{…}], …}`, one after another, while the object is still arriving.
//!
//! Finds the wanted member at the top level, wherever it stands, and cuts its elements out as they are, byte for byte.
//! Only the structure is looked at: that a record is valid JSON is for `members` to check, and what it means for the
//! service. Other members are skipped unread, so an error inside them goes unnoticed unless it unbalances them.

mod nesting;
mod window;

use nesting::Nesting;
pub use window::BytesWindow;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The longest spelling of a character in a JSON string, `\uXXXX`, per byte of its UTF-8: a key longer than this many
/// times the wanted one cannot be it.
const MAX_ESCAPE_LEN: usize = 6;

/// What is wrong with an object that should hold records, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{fault} (at byte {offset} of the decompressed object, after {records} whole records)")]
pub struct RecordError {
    /// What is wrong.
    pub fault: RecordFault,
    /// How many records came out before it, which is also the index of the record at fault.
    pub records: u64,
    /// Where, in bytes of the decompressed object: where the faulty token or record begins, or the object ends.
    pub offset: u64,
}

/// What is wrong with an object that should hold records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// Nothing in it but white space.
    #[error("the object is empty")]
    Empty,
    /// Not JSON, or JSON of another kind.
    #[error(
        "the object is not a JSON object: it starts with the byte {found:#04x} instead of '{{'"
    )]
    NotAnObject {
        /// The first byte.
        found: u8,
    },
    /// It breaks JSON's syntax between its members or records.
    #[error("the object is not valid JSON: {expected} expected, found the byte {found:#04x}")]
    Unexpected {
        /// What should stand there.
        expected: &'static str,
        /// What does.
        found: u8,
    },
    /// The wanted member does not hold an array.
    #[error("the member that should hold the records is not an array")]
    NotAnArray,
    /// An element of the array is not an object.
    #[error("a record is not a JSON object: it starts with the byte {found:#04x}")]
    RecordNotAnObject {
        /// The element's first byte.
        found: u8,
    },
    /// A record is longer than is allowed.
    #[error("a record is longer than the limit of {limit_bytes} bytes")]
    RecordTooLong {
        /// The limit.
        limit_bytes: usize,
    },
    /// The object is complete and has no such member.
    #[error("the object has no member that holds records")]
    NoRecords,
    /// Something follows the object.
    #[error("the object is followed by more data, beginning with the byte {found:#04x}")]
    TrailingData {
        /// The first byte that is not white space.
        found: u8,
    },
    /// It ends in the middle.
    #[error("the object ends before its JSON does; it was cut short")]
    Truncated,
}

/// Cuts an object into its records.
///
/// Write decompressed bytes into [`window`](Self::window), then call [`next_record`](Self::next_record) until it returns
/// `None`, and so on; at the end of the object, [`finish`](Self::finish).
#[derive(Debug)]
pub struct RecordSplitter {
    member: Box<str>,
    max_record_bytes: usize,
    window: BytesWindow,
    place: Place,
    nesting: Nesting,
    records: u64,
    member_found: bool,
    failed: Option<RecordError>,
}

/// Where in the object the first byte of the window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    ByteOrderMark,
    Start,
    FirstMember,
    Member,
    /// In a key that started with the window, or, if `long`, before it.
    Key {
        long: bool,
    },
    Colon {
        wanted: bool,
    },
    Value {
        wanted: bool,
    },
    /// In a string, array or object that is of no interest.
    Skipped,
    SkippedScalar,
    AfterValue,
    FirstRecord,
    Record,
    InRecord,
    AfterRecord,
    End,
}

impl RecordSplitter {
    /// A splitter for the elements of the top-level member `member`, each an object of at most `max_record_bytes`.
    #[must_use]
    pub fn new(member: &str, max_record_bytes: usize) -> Self {
        Self {
            member: member.into(),
            max_record_bytes,
            window: BytesWindow::new(max_record_bytes.max(member.len() * MAX_ESCAPE_LEN)),
            place: Place::ByteOrderMark,
            nesting: Nesting::default(),
            records: 0,
            member_found: false,
            failed: None,
        }
    }

    /// Where to write the object's bytes.
    pub fn window(&mut self) -> &mut BytesWindow {
        &mut self.window
    }

    /// How many records have come out.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The next record, from its `{` to its `}`; `None` if it takes more bytes to tell.
    ///
    /// # Errors
    ///
    /// [`RecordError`] at the first fault, after all records before it, and again with every later call.
    pub fn next_record(&mut self) -> Result<Option<&[u8]>, RecordError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        match self.advance() {
            Ok(None) => Ok(None),
            Ok(Some(len)) => {
                self.records += 1;
                Ok(Some(self.window.dropped(len)))
            }
            Err(fault) => {
                let error = self.error(fault);
                self.failed = Some(error);
                Err(error)
            }
        }
    }

    /// Checks that the object is complete and had the wanted member.
    ///
    /// # Errors
    ///
    /// [`RecordError`]: `Empty`, `Truncated` or `NoRecords`, or what [`next_record`](Self::next_record) reported.
    pub fn finish(&self) -> Result<(), RecordError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let fault = match self.place {
            Place::End if self.member_found => return Ok(()),
            Place::End => RecordFault::NoRecords,
            Place::ByteOrderMark | Place::Start if self.window.held().is_empty() => {
                RecordFault::Empty
            }
            _ => RecordFault::Truncated,
        };
        Err(RecordError {
            offset: self.window.offset() + self.window.held().len() as u64,
            ..self.error(fault)
        })
    }

    fn error(&self, fault: RecordFault) -> RecordError {
        RecordError {
            fault,
            records: self.records,
            offset: self.window.offset(),
        }
    }

    /// Moves on to the end of the next record, and returns its length; `None` at the end of the window.
    fn advance(&mut self) -> Result<Option<usize>, RecordFault> {
        loop {
            let moved = match self.place {
                Place::InRecord => {
                    let len = self.nesting.end_in(self.window.held());
                    if len.unwrap_or(self.nesting.seen()) > self.max_record_bytes {
                        let limit_bytes = self.max_record_bytes;
                        return Err(RecordFault::RecordTooLong { limit_bytes });
                    }
                    if let Some(len) = len {
                        self.window.drop_front(len);
                        self.place = Place::AfterRecord;
                    }
                    return Ok(len);
                }
                Place::Key { long } => self.read_key(long),
                Place::Skipped => self.skip(),
                Place::SkippedScalar => self.skip_scalar(),
                Place::ByteOrderMark => self.skip_byte_order_mark(),
                place => {
                    self.skip_white_space();
                    match self.window.held().first() {
                        Some(byte) => self.token(place, *byte)?,
                        None => return Ok(None),
                    }
                    true
                }
            };
            if !moved {
                return Ok(None);
            }
        }
    }

    /// Takes the token that `byte` is or begins.
    fn token(&mut self, place: Place, byte: u8) -> Result<(), RecordFault> {
        let unexpected = |expected| {
            let found = byte;
            Err(RecordFault::Unexpected { expected, found })
        };
        let (next, taken) = match (place, byte) {
            (Place::Start, b'{') => (Place::FirstMember, 1),
            (Place::Start, found) => return Err(RecordFault::NotAnObject { found }),

            (Place::FirstMember, b'}') => (Place::End, 1),
            (Place::FirstMember | Place::Member, b'"') => (Place::Key { long: false }, 0),
            (Place::FirstMember | Place::Member, _) => return unexpected("a member's name"),
            (Place::Colon { wanted }, b':') => (Place::Value { wanted }, 1),
            (Place::Colon { .. }, _) => return unexpected("':'"),

            (Place::Value { wanted: true }, b'[') => (Place::FirstRecord, 1),
            (Place::Value { wanted: true }, _) => return Err(RecordFault::NotAnArray),
            (Place::Value { .. }, b'"' | b'{' | b'[') => (Place::Skipped, 0),
            (Place::Value { .. }, b',' | b':' | b'}' | b']') => return unexpected("a value"),
            (Place::Value { .. }, _) => (Place::SkippedScalar, 0),
            (Place::AfterValue, b',') => (Place::Member, 1),
            (Place::AfterValue, b'}') => (Place::End, 1),
            (Place::AfterValue, _) => return unexpected("',' or '}'"),

            (Place::FirstRecord, b']') => (Place::AfterValue, 1),
            (Place::FirstRecord | Place::Record, b'{') => (Place::InRecord, 0),
            (Place::FirstRecord | Place::Record, found) => {
                return Err(RecordFault::RecordNotAnObject { found });
            }
            (Place::AfterRecord, b',') => (Place::Record, 1),
            (Place::AfterRecord, b']') => (Place::AfterValue, 1),
            (Place::AfterRecord, _) => return unexpected("',' or ']'"),

            (Place::End, found) => return Err(RecordFault::TrailingData { found }),
            // These are read by other means, never by a token.
            (
                Place::ByteOrderMark
                | Place::Key { .. }
                | Place::Skipped
                | Place::SkippedScalar
                | Place::InRecord,
                _,
            ) => (place, 0),
        };
        self.member_found |= next == Place::FirstRecord;
        self.nesting = Nesting::default();
        self.place = next;
        self.window.drop_front(taken);
        Ok(())
    }

    fn read_key(&mut self, long: bool) -> bool {
        let end = self.nesting.end_in(self.window.held());
        if let Some(len) = end {
            let wanted = !long && self.is_wanted(&self.window.held()[..len]);
            self.window.drop_front(len);
            self.place = Place::Colon { wanted };
        } else if self.nesting.seen() > self.max_key_len() {
            self.window.drop_front(self.nesting.forget_seen());
            self.place = Place::Key { long: true };
        }
        end.is_some()
    }

    fn max_key_len(&self) -> usize {
        r#""""#.len() + MAX_ESCAPE_LEN * self.member.len()
    }

    /// Whether `key`, a JSON string with its quotes, is the wanted member's name, however it is spelt.
    fn is_wanted(&self, key: &[u8]) -> bool {
        let bare = &key[1..key.len() - 1];
        bare == self.member.as_bytes()
            || key.len() <= self.max_key_len()
                && bare.contains(&b'\\')
                && serde_json::from_slice::<String>(key).is_ok_and(|key| *key == *self.member)
    }

    fn skip(&mut self) -> bool {
        let end = self.nesting.end_in(self.window.held());
        if end.is_some() {
            self.place = Place::AfterValue;
        }
        let len = end.unwrap_or_else(|| self.nesting.forget_seen());
        self.window.drop_front(len);
        end.is_some()
    }

    fn skip_scalar(&mut self) -> bool {
        let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b'}' | b']');
        let held = self.window.held();
        let end = held.iter().position(ends);
        let len = end.unwrap_or(held.len());
        if end.is_some() {
            self.place = Place::AfterValue;
        }
        self.window.drop_front(len);
        end.is_some()
    }

    fn skip_white_space(&mut self) {
        let held = self.window.held();
        let len = held.len() - held.trim_ascii_start().len();
        self.window.drop_front(len);
    }

    /// Steps over a byte order mark if there is one; `false` if it takes more bytes to tell.
    fn skip_byte_order_mark(&mut self) -> bool {
        let held = self.window.held();
        if held.starts_with(BYTE_ORDER_MARK) {
            self.window.drop_front(BYTE_ORDER_MARK.len());
        } else if BYTE_ORDER_MARK.starts_with(held) {
            return false;
        }
        self.place = Place::Start;
        true
    }
}

#[cfg(test)]
mod tests;
