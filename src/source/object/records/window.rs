//! The bytes of an object that a splitter still needs.

/// Room offered at least, so that a decompressor is not called for a handful of bytes.
const MIN_ROOM: usize = 16 << 10;

/// The first allocation: several events of common size.
const INITIAL_LEN: usize = 256 << 10;

/// A buffer that is written at its end and consumed at its start.
///
/// It holds the record being read and what was decompressed beyond it, no more; it grows only for a record larger than
/// itself, up to the limit it was given. Making room moves each byte at most once a record, so the cost stays linear
/// however small the writes are.
#[derive(Debug)]
pub struct BytesWindow {
    bytes: Vec<u8>,
    /// The first byte still needed.
    start: usize,
    /// One past the last byte written.
    end: usize,
    max_len: usize,
    /// The offset in the stream of `bytes[0]`.
    base: u64,
}

impl BytesWindow {
    pub(in crate::source::object) fn new(max_record_bytes: usize) -> Self {
        let max_len = max_record_bytes.saturating_add(2 * MIN_ROOM);
        Self {
            bytes: vec![0; INITIAL_LEN.min(max_len)],
            start: 0,
            end: 0,
            max_len,
            base: 0,
        }
    }

    /// Room to write to; then say by [`commit`](Self::commit) how much was written.
    ///
    /// Empty only if the splitter was not asked for its records after earlier writes.
    pub fn room(&mut self) -> &mut [u8] {
        if self.bytes.len() - self.end < MIN_ROOM {
            self.make_room();
        }
        &mut self.bytes[self.end..]
    }

    /// Counts the first `written` bytes of [`room`](Self::room) as part of the object.
    pub fn commit(&mut self, written: usize) {
        self.end = self.bytes.len().min(self.end + written);
    }

    /// How many bytes the window holds in memory.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }

    fn make_room(&mut self) {
        self.bytes.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        if self.bytes.len() - self.end < MIN_ROOM {
            let len = self.max_len.min(2 * self.bytes.len());
            self.bytes.resize(len, 0);
        }
    }

    /// The bytes held.
    pub(in crate::source::object) fn held(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Drops the first `len` bytes held.
    pub(in crate::source::object) fn drop_front(&mut self, len: usize) {
        self.start += len;
    }

    /// The `len` bytes that were dropped last.
    pub(in crate::source::object) fn dropped(&self, len: usize) -> &[u8] {
        &self.bytes[self.start - len..self.start]
    }

    /// The offset in the stream of the first byte held.
    pub(in crate::source::object) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }
}
